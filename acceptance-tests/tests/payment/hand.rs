//! Somebody who changes a payment stack by hand: for each kind one call that changes a setting, and one that deletes an object.

use crate::drift_kinds::{DOMAIN, REGIONS};
use aws_sdk_apigateway::types::{Op, PatchOperation};
use aws_sdk_dynamodb::types::{DeleteReplicationGroupMemberAction, ReplicationGroupUpdate};
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use aws_sdk_wafv2::types::{AllowAction, DefaultAction, LoggingConfiguration, Scope, VisibilityConfig, WebAclSummary};
use std::collections::{BTreeMap, BTreeSet};
use tap_acceptance_tests::Aws;
use tap_acceptance_tests::payment::Payments;

/// The web ACL that a stage is bent to.
const OTHER_WEB_ACL: &str = "by-hand";

pub(crate) struct Hand {
    primary: Aws,
    other: Aws,
    /// Component key to kind and AWS id.
    components: BTreeMap<String, (String, String)>,
}

impl Hand {
    pub(crate) fn new(aws: &Aws, payments: &Payments) -> Self {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let components = payments.components().iter();
        let components = components.map(|(key, c)| (key.clone(), (text(&c["kind"]), text(&c["id"]))));
        let [primary, other] = REGIONS.map(|region| aws.in_region(region));
        Self {
            primary,
            other,
            components: components.collect(),
        }
    }

    pub(crate) fn kinds(&self) -> BTreeSet<&str> {
        self.components.values().map(|(kind, _)| kind.as_str()).collect()
    }

    pub(crate) fn keys(&self) -> BTreeSet<&str> {
        self.components.keys().map(String::as_str).collect()
    }

    fn id(&self, key: &str) -> &str {
        &self.components[key].1
    }

    /// The only component of a kind.
    fn only(&self, kind: &str) -> &str {
        let mut all = self.components.values().filter(|(found, _)| found == kind);
        let (_, id) = all.next().unwrap();
        assert!(all.next().is_none(), "several of {kind}");
        id
    }

    /// Changes one setting of one component of a kind, in the second region where it has one.
    pub(crate) async fn change(&self, kind: &str) {
        match kind {
            "api_base_path_mapping" => self.map_to_another_stage().await,
            "api_domain_name" => {
                let update = self.other.api_gateway().update_domain_name().domain_name(DOMAIN);
                let update = update.patch_operations(patch("/securityPolicy", "TLS_1_0"));
                update.send().await.map(drop).unwrap();
            }
            "kms_replica_key" => {
                let update = self.other.kms().update_key_description();
                let update = update.key_id(self.id("us-west-2/kms_replica_key.shared"));
                update.description("by hand").send().await.map(drop).unwrap();
            }
            "route53_health_check" => {
                let update = self.primary.route53().update_health_check();
                let update = update.health_check_id(self.id("us-west-2/route53_health_check.api"));
                update.failure_threshold(7).send().await.map(drop).unwrap();
            }
            "route53_record" => {
                let mut record = self.record("route53_record.pay_example_com_primary_a").await;
                record.alias_target.as_mut().unwrap().evaluate_target_health = false;
                self.write(ChangeAction::Upsert, record, "route53_record.pay_example_com_primary_a")
                    .await;
            }
            "sns_subscription" => {
                let set = self.primary.sns().set_subscription_attributes();
                let set = set.subscription_arn(self.subscription().await);
                let set = set
                    .attribute_name("FilterPolicy")
                    .attribute_value("{\"alert_type\":[\"OTHER\"]}");
                set.send().await.map(drop).unwrap();
            }
            "wafv2_association" => self.put_another_web_acl_in_front().await,
            "wafv2_logging" => {
                let waf = self.other.wafv2();
                let arn = self.id("us-west-2/wafv2_logging.api");
                let get = waf.get_logging_configuration().resource_arn(arn).send().await.unwrap();
                let mut logging: LoggingConfiguration = get.logging_configuration.unwrap();
                logging.redacted_fields = None;
                let put = waf.put_logging_configuration().logging_configuration(logging);
                put.send().await.map(drop).unwrap();
            }
            other => panic!("nothing known about {other}"),
        }
    }

    /// Deletes a component of a kind.
    pub(crate) async fn delete(&self, kind: &str, key: &str) {
        let aws = if key.starts_with(REGIONS[1]) {
            &self.other
        } else {
            &self.primary
        };
        match kind {
            "api_base_path_mapping" => {
                let delete = aws.api_gateway().delete_base_path_mapping().domain_name(DOMAIN);
                delete.base_path("(none)").send().await.map(drop).unwrap();
            }
            "api_domain_name" => {
                let delete = aws.api_gateway().delete_domain_name().domain_name(DOMAIN);
                delete.send().await.map(drop).unwrap();
            }
            "dynamodb_table_replica" => self.delete_replica(self.id(key)).await,
            "lambda_layer_version" => {
                let (layer, version) = self.id(key).rsplit_once(':').unwrap();
                let name = layer.rsplit(':').next().unwrap();
                let delete = aws.lambda().delete_layer_version().layer_name(name);
                delete
                    .version_number(version.parse().unwrap())
                    .send()
                    .await
                    .map(drop)
                    .unwrap();
            }
            "route53_health_check" => {
                let delete = aws.route53().delete_health_check().health_check_id(self.id(key));
                delete.send().await.map(drop).unwrap();
            }
            "route53_record" => self.write(ChangeAction::Delete, self.record(key).await, key).await,
            "sns_subscription" => {
                let delete = aws.sns().unsubscribe().subscription_arn(self.subscription().await);
                delete.send().await.map(drop).unwrap();
            }
            "wafv2_association" => {
                let delete = aws.wafv2().disassociate_web_acl().resource_arn(self.id(key));
                delete.send().await.map(drop).unwrap();
            }
            "wafv2_logging" => {
                let delete = aws.wafv2().delete_logging_configuration().resource_arn(self.id(key));
                delete.send().await.map(drop).unwrap();
            }
            other => panic!("nothing known about {other}"),
        }
    }

    async fn map_to_another_stage(&self) {
        let api = self.other.api_gateway();
        let (rest_api, stage) = self.id("us-west-2/api_stage.live").split_once('|').unwrap();
        let live = api
            .get_stage()
            .rest_api_id(rest_api)
            .stage_name(stage)
            .send()
            .await
            .unwrap();
        let another = api.create_stage().rest_api_id(rest_api).stage_name("byhand");
        let another = another.deployment_id(live.deployment_id.unwrap());
        another.send().await.map(drop).unwrap();
        let update = api.update_base_path_mapping().domain_name(DOMAIN).base_path("(none)");
        let update = update.patch_operations(patch("/stage", "byhand"));
        update.send().await.map(drop).unwrap();
    }

    async fn put_another_web_acl_in_front(&self) {
        let waf = self.other.wafv2();
        let visibility = VisibilityConfig::builder()
            .sampled_requests_enabled(false)
            .cloud_watch_metrics_enabled(false)
            .metric_name(OTHER_WEB_ACL);
        let allow = DefaultAction::builder().allow(AllowAction::builder().build()).build();
        let create = waf.create_web_acl().name(OTHER_WEB_ACL).scope(Scope::Regional);
        let create = create
            .default_action(allow)
            .visibility_config(visibility.build().unwrap());
        let made = create.send().await.unwrap().summary.unwrap();
        let associate = waf.associate_web_acl().web_acl_arn(made.arn().unwrap());
        let associate = associate.resource_arn(self.id("us-west-2/wafv2_association.api"));
        associate.send().await.map(drop).unwrap();
    }

    /// That web ACL is the test's own.
    pub(crate) async fn forget_the_other_web_acl(&self) {
        let waf = self.other.wafv2();
        let listed = waf.list_web_acls().scope(Scope::Regional).send().await.unwrap();
        let ours = |acl: &&WebAclSummary| acl.name() == Some(OTHER_WEB_ACL);
        let acl = listed.web_acls().iter().find(ours).unwrap();
        let delete = waf.delete_web_acl().scope(Scope::Regional).name(OTHER_WEB_ACL);
        let delete = delete.id(acl.id().unwrap()).lock_token(acl.lock_token().unwrap());
        delete.send().await.map(drop).unwrap();
    }

    async fn delete_replica(&self, id: &str) {
        let (table, region) = id.split_once('|').unwrap();
        let delete = DeleteReplicationGroupMemberAction::builder().region_name(region);
        let delete = ReplicationGroupUpdate::builder().delete(delete.build().unwrap());
        let update = self.primary.dynamodb().update_table().table_name(table);
        update.replica_updates(delete.build()).send().await.map(drop).unwrap();
    }

    /// The ARN of the only subscription.
    async fn subscription(&self) -> String {
        let id = self.only("sns_subscription");
        let topic = id.split('|').next().unwrap();
        let list = self.primary.sns().list_subscriptions_by_topic().topic_arn(topic);
        let found = list.send().await.unwrap();
        found.subscriptions()[0].subscription_arn().unwrap().to_owned()
    }

    async fn record(&self, key: &str) -> ResourceRecordSet {
        let mut parts = self.id(key).split('|');
        let (zone, _, kind, set) = (parts.next(), parts.next(), parts.next(), parts.next());
        let list = self.primary.route53().list_resource_record_sets();
        let found = list.hosted_zone_id(zone.unwrap()).send().await.unwrap();
        let kind = RrType::from(kind.unwrap());
        let mut all = found.resource_record_sets.into_iter();
        all.find(|record| record.r#type == kind && record.set_identifier() == set)
            .unwrap()
    }

    async fn write(&self, action: ChangeAction, record: ResourceRecordSet, key: &str) {
        let zone = self.id(key).split('|').next().unwrap();
        let change = Change::builder().action(action).resource_record_set(record);
        let batch = ChangeBatch::builder().changes(change.build().unwrap());
        let write = self.primary.route53().change_resource_record_sets();
        let write = write.hosted_zone_id(zone).change_batch(batch.build().unwrap());
        write.send().await.map(drop).unwrap();
    }
}

fn patch(path: &str, value: &str) -> PatchOperation {
    let patch = PatchOperation::builder().op(Op::Replace);
    patch.path(path).value(value).build()
}
