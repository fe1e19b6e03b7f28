//! One file per AWS primitive, each with one [`tap_engine::Kind`], on shared ground: clients
//! ([`Aws`]), calls with eventual-consistency retries ([`call`]), waits ([`wait_until`]) and typed
//! access to settings ([`fields`]).

pub mod call;
pub mod checks;
pub mod clients;
pub mod connect;
pub mod fields;
pub mod key_ref;
pub mod partitions;
pub mod policy;
pub mod retry;
pub mod shape;
pub mod tags;

mod alarms;
pub mod api_account;
pub mod api_base_path_mapping;
pub mod api_deployment;
pub mod api_domain_name;
pub mod api_gateway_response;
pub mod api_key;
pub mod api_key_parameter;
pub mod api_method;
mod api_method_shape;
pub mod api_model;
pub mod api_request_validator;
pub mod api_resource;
pub mod api_stage;
pub mod api_usage_plan;
pub mod api_usage_plan_key;
mod apigateway;
pub mod canary;
pub mod composite_alarm;
pub mod dashboard;
pub mod dynamodb_table;
pub mod dynamodb_table_replica;
pub mod ecr_image;
pub mod ecr_repository;
pub mod event_archive;
pub mod event_bus;
pub mod event_rule;
pub mod event_target;
mod events;
pub mod iam_role;
pub mod kms_alias;
pub mod kms_key;
pub mod kms_replica_key;
pub mod lambda_alias;
pub mod lambda_event_source_mapping;
pub mod lambda_function;
pub mod lambda_layer_version;
pub mod lambda_permission;
pub mod log_group;
pub mod log_resource_policy;
pub mod metric_alarm;
pub mod metric_filter;
pub mod record;
pub mod rest_api;
pub mod route53_health_check;
pub mod route53_record;
pub mod s3_bucket;
pub mod s3_bucket_replication;
pub mod schedule;
#[cfg(test)]
mod scripted;
pub mod secrets;
mod silence;
pub mod sns_subscription;
pub mod sns_topic;
pub mod sqs_queue;
pub mod ssm_parameter;
pub mod state_machine;
pub mod vpc_endpoint;
mod waf_rules;
mod wafv2;
pub mod wafv2_association;
pub mod wafv2_ip_set;
pub mod wafv2_logging;
pub mod wafv2_web_acl;

pub use call::{call, found, wait_until};
pub use clients::{Aws, AwsOptions};

use std::sync::Arc;

/// All kinds, bound to one set of clients.
pub fn registry(aws: &Arc<Aws>) -> tap_engine::Registry {
    tap_engine::Registry::default()
        .with(api_account::ApiAccount(aws.clone()))
        .with(api_base_path_mapping::ApiBasePathMapping(aws.clone()))
        .with(api_deployment::ApiDeployment(aws.clone()))
        .with(api_domain_name::ApiDomainName(aws.clone()))
        .with(api_gateway_response::ApiGatewayResponse(aws.clone()))
        .with(api_key::ApiKey(aws.clone()))
        .with(api_key_parameter::ApiKeyParameter(aws.clone()))
        .with(api_method::ApiMethod(aws.clone()))
        .with(api_model::ApiModel(aws.clone()))
        .with(api_request_validator::ApiRequestValidator(aws.clone()))
        .with(api_resource::ApiResource(aws.clone()))
        .with(api_stage::ApiStage(aws.clone()))
        .with(api_usage_plan::ApiUsagePlan(aws.clone()))
        .with(api_usage_plan_key::ApiUsagePlanKey(aws.clone()))
        .with(canary::Canary(aws.clone()))
        .with(composite_alarm::CompositeAlarm(aws.clone()))
        .with(dashboard::Dashboard(aws.clone()))
        .with(dynamodb_table::DynamodbTable(aws.clone()))
        .with(dynamodb_table_replica::DynamodbTableReplica(aws.clone()))
        .with(ecr_image::EcrImage(aws.clone()))
        .with(ecr_repository::EcrRepository(aws.clone()))
        .with(event_archive::EventArchive(aws.clone()))
        .with(event_bus::EventBus(aws.clone()))
        .with(event_rule::EventRule(aws.clone()))
        .with(event_target::EventTarget(aws.clone()))
        .with(iam_role::IamRole(aws.clone()))
        .with(kms_alias::KmsAlias(aws.clone()))
        .with(kms_key::KmsKey(aws.clone()))
        .with(kms_replica_key::KmsReplicaKey(aws.clone()))
        .with(lambda_alias::LambdaAlias(aws.clone()))
        .with(lambda_event_source_mapping::LambdaEventSourceMapping(aws.clone()))
        .with(lambda_function::LambdaFunction(aws.clone()))
        .with(lambda_layer_version::LambdaLayerVersion(aws.clone()))
        .with(lambda_permission::LambdaPermission(aws.clone()))
        .with(log_group::LogGroup(aws.clone()))
        .with(log_resource_policy::LogResourcePolicy(aws.clone()))
        .with(metric_alarm::MetricAlarm(aws.clone()))
        .with(metric_filter::MetricFilter(aws.clone()))
        .with(rest_api::RestApi(aws.clone()))
        .with(route53_health_check::Route53HealthCheck(aws.clone()))
        .with(route53_record::Route53Record(aws.clone()))
        .with(s3_bucket::S3Bucket(aws.clone()))
        .with(s3_bucket_replication::S3BucketReplication(aws.clone()))
        .with(schedule::Schedule(aws.clone()))
        .with(sns_subscription::SnsSubscription(aws.clone()))
        .with(sns_topic::SnsTopic(aws.clone()))
        .with(sqs_queue::SqsQueue(aws.clone()))
        .with(ssm_parameter::SsmParameter(aws.clone()))
        .with(state_machine::StateMachine(aws.clone()))
        .with(vpc_endpoint::VpcEndpoint(aws.clone()))
        .with(wafv2_association::Wafv2Association(aws.clone()))
        .with(wafv2_ip_set::Wafv2IpSet(aws.clone()))
        .with(wafv2_logging::Wafv2Logging(aws.clone()))
        .with(wafv2_web_acl::Wafv2WebAcl(aws.clone()))
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::Arc;

    use super::{Aws, AwsOptions};

    /// Clients that are never called, for tests of what needs none.
    pub(crate) fn aws() -> Arc<Aws> {
        let config = aws_types::SdkConfig::builder().build();
        let account = "111122223333".to_owned();
        Arc::new(Aws::new(config, AwsOptions::default(), account, "aws".to_owned()))
    }
}
