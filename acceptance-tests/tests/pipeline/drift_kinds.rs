//! (h) Drift, kind by kind: one setting of every kind is changed and one object of every kind is deleted behind
//! Terraform's back. One plan shows exactly these, one apply mends them all.

use crate::changes::changes;
use crate::site::Site;
use std::collections::BTreeSet;
use tap_acceptance_tests::Hand;
use tap_acceptance_tests::pipeline::Configuration;

/// Kind, and what the plan says once [`Hand::change`] has changed the component.
const CHANGED: [(&str, &str); 30] = [
    (
        "api_gateway_response",
        "api_gateway_response.default_5xx.response_templates",
    ),
    ("api_key", "api_key.sender.enabled"),
    ("api_key_parameter", "api_key_parameter.sender.kms_key_id"),
    ("api_method", "api_method.post.api_key_required"),
    ("api_model", "api_model.transaction.schema"),
    (
        "api_request_validator",
        "api_request_validator.body.validate_request_body",
    ),
    ("api_stage", "api_stage.live.xray_tracing_enabled"),
    ("api_usage_plan", "api_usage_plan.sender.throttle"),
    ("dashboard", "dashboard.main.dashboard_body"),
    (
        "dynamodb_table",
        "dynamodb_table.idempotency.deletion_protection_enabled",
    ),
    ("event_archive", "event_archive.payments.retention_days"),
    ("event_bus", "event_bus.payments.tags"),
    ("event_rule", "event_rule.high.description"),
    ("event_target", "event_target.medium_alerts.retry_policy"),
    ("iam_role", "iam_role.validator.assume_role_policy"),
    ("kms_alias", "kms_alias.main.target_key_id"),
    ("kms_key", "kms_key.main.description"),
    ("lambda_alias", "lambda_alias.fraud.description"),
    (
        "lambda_event_source_mapping",
        "lambda_event_source_mapping.outbox.batch_size",
    ),
    ("lambda_function", "lambda_function.validator.memory_size"),
    ("log_group", "log_group.fraud.retention_in_days"),
    ("log_resource_policy", "log_resource_policy.low_value.policy_document"),
    ("metric_alarm", "metric_alarm.dlq_depth.threshold"),
    ("rest_api", "rest_api.webhook.description"),
    ("s3_bucket", "s3_bucket.audit.public_access_block"),
    ("schedule", "schedule.archival.schedule_expression"),
    ("sns_topic", "sns_topic.alerts.display_name"),
    ("sqs_queue", "sqs_queue.dlq.message_retention_seconds"),
    ("state_machine", "state_machine.transactions.definition"),
    ("wafv2_web_acl", "wafv2_web_acl.api.rules"),
];

/// What the function's change brings with it: `$LATEST` is no longer what was published, so that a version is, and the
/// alias moves to it.
const FOLLOWS: [&str; 2] = [
    "lambda_function.validator.publish",
    "lambda_alias.validator.function_version",
];

/// Kinds of which nothing can drift in place, and why. `wafv2_logging` is not in this stack; it drifts in the payment stack's.
const UNCHANGEABLE: [(&str, &str); 7] = [
    (
        "api_account",
        "a setting of the account: another role there is left to its owner (W-35)",
    ),
    (
        "api_deployment",
        "AWS keeps a deployment as it was made, but for a description that the stack does not set",
    ),
    ("api_resource", "its only setting, the path, makes it another object"),
    ("api_usage_plan_key", "it has no settings besides its two ends"),
    ("lambda_permission", "a statement can only be removed and added"),
    ("sns_subscription", "the stack sets none of its attributes"),
    (
        "wafv2_association",
        "another web ACL in its place is the payment stack's test (payment/drift_kinds.rs)",
    ),
];

/// Kind, and the component of it that [`Hand::delete`] deletes.
const DELETED: [(&str, &str); 22] = [
    ("api_gateway_response", "api_gateway_response.default_5xx"),
    ("api_usage_plan_key", "api_usage_plan_key.sender"),
    ("dashboard", "dashboard.main"),
    ("event_archive", "event_archive.payments"),
    ("event_target", "event_target.medium_alerts"),
    ("kms_alias", "kms_alias.main"),
    ("lambda_event_source_mapping", "lambda_event_source_mapping.outbox"),
    ("lambda_permission", "lambda_permission.api"),
    ("log_group", "log_group.fraud"),
    ("log_resource_policy", "log_resource_policy.low_value"),
    ("metric_alarm", "metric_alarm.dlq_depth"),
    ("schedule", "schedule.archival"),
    ("api_key_parameter", "api_key_parameter.sender"),
    ("sns_subscription", "sns_subscription.alarms_email_oncall_example_com"),
    ("event_rule", "event_rule.unroutable"),
    ("iam_role", "iam_role.scheduler"),
    ("lambda_alias", "lambda_alias.archival"),
    ("lambda_function", "lambda_function.archival"),
    ("state_machine", "state_machine.transactions"),
    ("dynamodb_table", "dynamodb_table.idempotency"),
    ("sqs_queue", "sqs_queue.dlq"),
    ("s3_bucket", "s3_bucket.audit"),
];

/// What does not exist without one of these.
const GONE_ALONG: [&str; 1] = ["event_target.unroutable_workflow"];

fn configuration(suffix: &str) -> Configuration {
    Configuration::new(suffix)
        .with("api", "{ waf = { enabled = true, logging = false } }")
        .with(
            "alerts_topic",
            "{ display_name = \"Payments\", email_endpoints = [\"oncall@example.com\"] }",
        )
        .with("routing", "{ low_value_target = \"log\" }")
}

#[tokio::test]
async fn a_changed_setting_of_every_kind_shows_alone_and_is_put_right() {
    let site = Site::applied(&configuration("drifts")).await;
    let pipeline = site.pipeline().await;
    every_kind_is_listed(pipeline.components().values());
    let hand = Hand::new(&site.aws, &pipeline);
    for (_, change) in CHANGED {
        let (component, _) = change.rsplit_once('.').unwrap();
        hand.change(component).await.unwrap();
    }

    let plan = site.plan().await;

    let expected = CHANGED.iter().map(|(_, change)| *change).chain(FOLLOWS);
    let expected: BTreeSet<String> = expected.map(ToOwned::to_owned).collect();
    assert_eq!(changes(&plan), expected, "{}", plan.text);
    site.apply_plan().await;
    site.must_be_settled().await;
    hand.tidy_up().await.unwrap();
    site.destroy().await;
}

fn every_kind_is_listed<'a>(components: impl Iterator<Item = &'a serde_json::Value>) {
    let kinds: BTreeSet<&str> = components.filter_map(|component| component["kind"].as_str()).collect();
    let listed = CHANGED.iter().chain(&UNCHANGEABLE).map(|(kind, _)| *kind);
    assert_eq!(kinds, listed.collect(), "kinds of the stack and kinds of the tables");
}

/// What is gone is made again, alone; what refers to it may have to be told.
#[tokio::test]
async fn a_deleted_object_of_every_kind_is_made_again() {
    let site = Site::applied(&configuration("gaps")).await;
    let pipeline = site.pipeline().await;
    let hand = Hand::new(&site.aws, &pipeline);
    let before = site.ids().await;
    for (_, component) in DELETED {
        hand.delete(component).await.unwrap();
    }

    let plan = site.plan().await;

    let shown = changes(&plan);
    let made: BTreeSet<&str> = shown.iter().filter_map(|change| change.strip_prefix('+')).collect();
    let gone = DELETED.iter().map(|(_, key)| *key).chain(GONE_ALONG);
    assert_eq!(made, gone.collect(), "{}", plan.text);
    let removed: Vec<&String> = shown.iter().filter(|change| change.starts_with('-')).collect();
    assert!(removed.is_empty(), "{removed:?}");
    site.apply_plan().await;
    site.must_be_settled().await;
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        site.ids().await.keys().collect::<Vec<_>>()
    );
    site.destroy().await;
}
