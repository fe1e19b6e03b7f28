//! Somebody who changes a stack by hand: for each kind one call that changes a setting, and one that deletes an object.

use aws_sdk_apigateway::types::{GatewayResponseType, Op, PatchOperation};
use aws_sdk_eventbridge::types::RetryPolicy;
use aws_sdk_kms::types::OriginType;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::ParameterType;
use aws_sdk_wafv2::types::Scope;
use std::collections::BTreeMap;
use tap_acceptance_tests::Aws;
use tap_acceptance_tests::pipeline::Pipeline;

/// A policy that lets nobody do anything that matters.
const OTHER_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Other","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"logs:PutLogEvents","Resource":"*"}]}"#;
const OTHER_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const OTHER_MACHINE: &str = r#"{"StartAt":"Nothing","States":{"Nothing":{"Type":"Succeed"}}}"#;
const OTHER_KEY: &str = "the key that the alias is bent to";

pub(crate) struct Meddler {
    pub(crate) aws: Aws,
    /// Component key to AWS id.
    ids: BTreeMap<String, String>,
}

fn patch(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

impl Meddler {
    pub(crate) fn new(aws: &Aws, pipeline: &Pipeline) -> Self {
        let components = pipeline.components().iter();
        let ids =
            components.map(|(key, component)| (key.clone(), component["id"].as_str().unwrap_or_default().to_owned()));
        Self {
            aws: aws.clone(),
            ids: ids.collect(),
        }
    }

    pub(crate) fn id(&self, key: &str) -> &str {
        &self.ids[key]
    }

    /// The `n`-th part of an id such as `<rest api>|<stage>`.
    pub(crate) fn part(&self, key: &str, n: usize) -> &str {
        self.id(key).split('|').nth(n).unwrap()
    }

    /// Changes one setting of one component of a kind.
    pub(crate) async fn change(&self, kind: &str) {
        match kind {
            "api_gateway_response"
            | "api_key"
            | "api_method"
            | "api_model"
            | "api_request_validator"
            | "api_stage"
            | "api_usage_plan"
            | "rest_api" => self.change_api(kind).await,
            "event_archive" | "event_bus" | "event_rule" | "event_target" | "schedule" => {
                self.change_events(kind).await;
            }
            "kms_alias" | "kms_key" | "iam_role" | "api_key_parameter" | "wafv2_web_acl" => {
                self.change_security(kind).await;
            }
            "dashboard" | "log_group" | "log_resource_policy" | "metric_alarm" => self.change_observability(kind).await,
            _ => self.change_rest(kind).await,
        }
    }

    async fn change_api(&self, kind: &str) {
        let api = self.aws.api_gateway();
        let id = self.id("rest_api.webhook");
        match kind {
            "api_gateway_response" => {
                let put = api.put_gateway_response().rest_api_id(id);
                let put = put.response_type(GatewayResponseType::Default5Xx);
                put.response_templates("application/json", "{}")
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "api_key" => {
                let update = api.update_api_key().api_key(self.id("api_key.sender"));
                update
                    .patch_operations(patch("/enabled", "false"))
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "api_method" => {
                let update = api.update_method().rest_api_id(id).http_method("POST");
                let update = update.resource_id(self.part("api_resource.webhook", 1));
                update
                    .patch_operations(patch("/apiKeyRequired", "false"))
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "api_model" => {
                let update = api
                    .update_model()
                    .rest_api_id(id)
                    .model_name(self.part("api_model.transaction", 1));
                update
                    .patch_operations(patch("/schema", "{\"type\":\"object\"}"))
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "api_request_validator" => {
                let update = api.update_request_validator().rest_api_id(id);
                let update = update.request_validator_id(self.part("api_request_validator.body", 1));
                update
                    .patch_operations(patch("/validateRequestBody", "false"))
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "api_stage" => {
                let update = api
                    .update_stage()
                    .rest_api_id(id)
                    .stage_name(self.part("api_stage.live", 1));
                update
                    .patch_operations(patch("/tracingEnabled", "false"))
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "api_usage_plan" => {
                let update = api.update_usage_plan().usage_plan_id(self.id("api_usage_plan.sender"));
                update
                    .patch_operations(patch("/throttle/rateLimit", "7"))
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            _ => {
                let update = api.update_rest_api().rest_api_id(id);
                update
                    .patch_operations(patch("/description", "by hand"))
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
        }
    }

    async fn change_events(&self, kind: &str) {
        let events = self.aws.eventbridge();
        let bus = self.id("event_bus.payments");
        match kind {
            "event_archive" => {
                let update = events.update_archive().archive_name(self.id("event_archive.payments"));
                update.retention_days(7).send().await.map(drop).unwrap();
            }
            "event_bus" => {
                let found = events.describe_event_bus().name(bus).send().await.unwrap();
                let tag = aws_sdk_eventbridge::types::Tag::builder()
                    .key("ByHand")
                    .value("yes")
                    .build()
                    .unwrap();
                let tagged = events.tag_resource().resource_arn(found.arn.unwrap()).tags(tag);
                tagged.send().await.map(drop).unwrap();
            }
            "event_rule" => {
                let rule = self.part("event_rule.high", 1);
                let found = events
                    .describe_rule()
                    .event_bus_name(bus)
                    .name(rule)
                    .send()
                    .await
                    .unwrap();
                let put = events.put_rule().event_bus_name(bus).name(rule).description("by hand");
                put.set_event_pattern(found.event_pattern)
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "event_target" => {
                let rule = self.part("event_rule.medium", 1);
                let found = events
                    .list_targets_by_rule()
                    .event_bus_name(bus)
                    .rule(rule)
                    .send()
                    .await
                    .unwrap();
                let mut target = found.targets.unwrap().remove(0);
                target.retry_policy = Some(RetryPolicy::builder().maximum_retry_attempts(1).build());
                let put = events.put_targets().event_bus_name(bus).rule(rule).targets(target);
                put.send().await.map(drop).unwrap();
            }
            _ => {
                let scheduler = self.aws.scheduler();
                let name = self.part("schedule.archival", 1);
                let found = scheduler.get_schedule().name(name).send().await.unwrap();
                let update = scheduler
                    .update_schedule()
                    .name(name)
                    .schedule_expression("rate(7 days)");
                let update = update
                    .set_flexible_time_window(found.flexible_time_window)
                    .set_target(found.target)
                    .set_description(found.description)
                    .set_kms_key_arn(found.kms_key_arn)
                    .set_schedule_expression_timezone(found.schedule_expression_timezone)
                    .set_state(found.state);
                update.send().await.map(drop).unwrap();
            }
        }
    }

    async fn change_security(&self, kind: &str) {
        match kind {
            "kms_key" => {
                let update = self.aws.kms().update_key_description().key_id(self.id("kms_key.main"));
                update.description("by hand").send().await.map(drop).unwrap();
            }
            "kms_alias" => {
                let kms = self.aws.kms();
                let other = kms
                    .create_key()
                    .description(OTHER_KEY)
                    .origin(OriginType::AwsKms)
                    .send()
                    .await
                    .unwrap();
                let update = kms.update_alias().alias_name(self.id("kms_alias.main"));
                let update = update.target_key_id(other.key_metadata.unwrap().key_id);
                update.send().await.map(drop).unwrap();
            }
            "iam_role" => {
                let update = self.aws.iam().update_assume_role_policy();
                let update = update
                    .role_name(self.id("iam_role.validator"))
                    .policy_document(OTHER_TRUST);
                update.send().await.map(drop).unwrap();
            }
            "api_key_parameter" => {
                let ssm = self.aws.ssm();
                let name = self.id("api_key_parameter.sender");
                let found = ssm
                    .get_parameter()
                    .name(name)
                    .with_decryption(true)
                    .send()
                    .await
                    .unwrap();
                let put = ssm
                    .put_parameter()
                    .name(name)
                    .overwrite(true)
                    .r#type(ParameterType::SecureString);
                let put = put.key_id("alias/aws/ssm").set_value(found.parameter.unwrap().value);
                put.send().await.map(drop).unwrap();
            }
            _ => {
                let waf = self.aws.wafv2();
                let (id, name) = (self.part("wafv2_web_acl.api", 0), self.part("wafv2_web_acl.api", 1));
                let get = waf.get_web_acl().id(id).name(name).scope(Scope::Regional);
                let found = get.send().await.unwrap();
                let acl = found.web_acl.unwrap();
                let update = waf.update_web_acl().id(id).name(name).scope(Scope::Regional);
                let update = update
                    .set_lock_token(found.lock_token)
                    .set_default_action(acl.default_action);
                let update = update
                    .set_visibility_config(acl.visibility_config)
                    .set_description(acl.description);
                update.set_rules(Some(Vec::new())).send().await.map(drop).unwrap();
            }
        }
    }

    async fn change_observability(&self, kind: &str) {
        match kind {
            "dashboard" => {
                let put = self
                    .aws
                    .cloudwatch()
                    .put_dashboard()
                    .dashboard_name(self.id("dashboard.main"));
                put.dashboard_body("{\"widgets\":[]}").send().await.map(drop).unwrap();
            }
            "log_group" => {
                let put = self
                    .aws
                    .logs()
                    .put_retention_policy()
                    .log_group_name(self.id("log_group.fraud"));
                put.retention_in_days(1).send().await.map(drop).unwrap();
            }
            "log_resource_policy" => {
                let put = self
                    .aws
                    .logs()
                    .put_resource_policy()
                    .policy_name(self.id("log_resource_policy.low_value"));
                put.policy_document(OTHER_POLICY).send().await.map(drop).unwrap();
            }
            _ => {
                let cloudwatch = self.aws.cloudwatch();
                let name = self.id("metric_alarm.dlq_depth");
                let found = cloudwatch.describe_alarms().alarm_names(name).send().await.unwrap();
                let alarm = found.metric_alarms.unwrap().remove(0);
                let put = cloudwatch.put_metric_alarm().alarm_name(name).threshold(77.0);
                let put = put
                    .set_alarm_description(alarm.alarm_description)
                    .set_alarm_actions(alarm.alarm_actions)
                    .set_ok_actions(alarm.ok_actions)
                    .set_namespace(alarm.namespace)
                    .set_metric_name(alarm.metric_name)
                    .set_dimensions(alarm.dimensions)
                    .set_statistic(alarm.statistic)
                    .set_period(alarm.period)
                    .set_evaluation_periods(alarm.evaluation_periods)
                    .set_datapoints_to_alarm(alarm.datapoints_to_alarm)
                    .set_comparison_operator(alarm.comparison_operator)
                    .set_treat_missing_data(alarm.treat_missing_data);
                put.send().await.map(drop).unwrap();
            }
        }
    }

    async fn change_rest(&self, kind: &str) {
        match kind {
            "dynamodb_table" => {
                let update = self
                    .aws
                    .dynamodb()
                    .update_table()
                    .table_name(self.id("dynamodb_table.idempotency"));
                update.deletion_protection_enabled(true).send().await.map(drop).unwrap();
            }
            "lambda_event_source_mapping" => {
                let update = self.aws.lambda().update_event_source_mapping();
                let update = update.uuid(self.id("lambda_event_source_mapping.outbox"));
                update.batch_size(50).send().await.map(drop).unwrap();
            }
            "lambda_alias" => {
                let update = self.aws.lambda().update_alias();
                let update = update.function_name(self.id("lambda_function.fraud")).name("live");
                update.description("another").send().await.map(drop).unwrap();
            }
            "lambda_function" => {
                let update = self.aws.lambda().update_function_configuration();
                let update = update.function_name(self.id("lambda_function.validator"));
                update.memory_size(256).send().await.map(drop).unwrap();
            }
            "s3_bucket" => {
                let suspended = VersioningConfiguration::builder()
                    .status(BucketVersioningStatus::Suspended)
                    .build();
                let put = self.aws.s3().put_bucket_versioning().bucket(self.id("s3_bucket.audit"));
                put.versioning_configuration(suspended).send().await.map(drop).unwrap();
            }
            "sns_topic" => {
                let set = self
                    .aws
                    .sns()
                    .set_topic_attributes()
                    .topic_arn(self.id("sns_topic.alerts"));
                let set = set.attribute_name("DisplayName").attribute_value("by hand");
                set.send().await.map(drop).unwrap();
            }
            "sqs_queue" => {
                let set = self
                    .aws
                    .sqs()
                    .set_queue_attributes()
                    .queue_url(self.id("sqs_queue.dlq"));
                let set = set.attributes(QueueAttributeName::MessageRetentionPeriod, "60");
                set.send().await.map(drop).unwrap();
            }
            "state_machine" => {
                let update = self.aws.step_functions().update_state_machine();
                let update = update.state_machine_arn(self.id("state_machine.transactions"));
                update.definition(OTHER_MACHINE).send().await.map(drop).unwrap();
            }
            other => panic!("nothing known about {other}"),
        }
    }

    /// The key that the alias was bent to is the test's own.
    pub(crate) async fn forget_the_other_key(&self) {
        let kms = self.aws.kms();
        for key in kms.list_keys().send().await.unwrap().keys.unwrap_or_default() {
            let id = key.key_id.unwrap();
            let found = kms.describe_key().key_id(&id).send().await.unwrap();
            if found.key_metadata.unwrap().description.as_deref() == Some(OTHER_KEY) {
                kms.schedule_key_deletion().key_id(&id).send().await.map(drop).unwrap();
            }
        }
    }
}
