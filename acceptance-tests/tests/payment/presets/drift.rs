//! Drift of every kind that a preset has: one plan shows exactly what was changed or deleted by hand, one apply mends it
//! (9.2, item 15).

use super::{Home, Preset};
use crate::examples::pays;
use std::collections::BTreeSet;
use tap_acceptance_tests::Hand;
use tap_acceptance_tests::payment::ADDRESS;

/// A component without its region, and the setting of it that [`Hand::change`] changes. Of each kind, the first that a stack
/// has counts.
const CHANGED: [(&str, &str); 42] = [
    ("api_base_path_mapping.payments", "stage"),
    ("api_domain_name.payments", "security_policy"),
    ("api_gateway_response.default_5xx", "response_templates"),
    ("api_key.sender", "enabled"),
    ("api_key_parameter.sender", "kms_key_id"),
    ("api_method.post", "api_key_required"),
    ("api_model.payment", "schema"),
    ("api_request_validator.body", "validate_request_body"),
    ("api_stage.live", "xray_tracing_enabled"),
    ("api_usage_plan.sender", "throttle"),
    ("dashboard.main", "dashboard_body"),
    ("dynamodb_table.idempotency", "deletion_protection_enabled"),
    ("dynamodb_table_replica.payments", "deletion_protection_enabled"),
    ("event_bus.failover", "tags"),
    ("event_rule.failover_forward", "description"),
    ("event_target.failover_forward", "retry_policy"),
    ("iam_role.reconciler", "assume_role_policy"),
    ("kms_alias.shared", "target_key_id"),
    ("kms_alias.ssm", "target_key_id"),
    ("kms_key.shared", "description"),
    ("kms_key.s3", "description"),
    ("lambda_alias.reconciler", "description"),
    ("lambda_event_source_mapping.conflicts", "batch_size"),
    ("lambda_event_source_mapping.accounting", "batch_size"),
    ("lambda_function.processor", "memory_size"),
    ("log_group.reconciler", "retention_in_days"),
    ("metric_alarm.dlq_depth", "threshold"),
    ("metric_alarm.table_throttles", "threshold"),
    ("metric_filter.approvals", "filter_pattern"),
    ("rest_api.payments", "description"),
    ("route53_health_check.api", "failure_threshold"),
    ("route53_record.pay_example_com_primary_a", "alias"),
    ("s3_bucket.receipts", "public_access_block"),
    ("s3_bucket_replication.receipts", "rules"),
    ("schedule.reconciler", "schedule_expression"),
    ("sns_topic.notifications", "display_name"),
    ("sqs_queue.dlq", "message_retention_seconds"),
    ("ssm_parameter.table_name", "tags"),
    ("state_machine.payments", "definition"),
    ("wafv2_association.api", "web_acl_arn"),
    ("wafv2_logging.api", "redacted_headers"),
    ("wafv2_web_acl.api", "rules"),
];

/// What the function's change brings with it: `$LATEST` is no longer what was published, so that a version is, and the
/// alias moves to it.
const FOLLOWS: [&str; 2] = [
    "lambda_function.processor.publish",
    "lambda_alias.processor.function_version",
];

/// Kinds of which nothing can drift in place, and why.
const UNCHANGEABLE: [(&str, &str); 6] = [
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
    (
        "sns_subscription",
        "the preset's are e-mail's, of which the stack sets nothing; a filter drifts in `drift_kinds`",
    ),
];

/// What [`Hand::delete`] deletes, in this order; of each kind, the first that a stack has.
const DELETED: [&str; 38] = [
    "api_base_path_mapping.payments",
    "api_domain_name.payments",
    "api_gateway_response.default_5xx",
    "api_method.health",
    "api_resource.health",
    "api_usage_plan_key.sender",
    "api_usage_plan.sender",
    "api_key.sender",
    "api_key_parameter.sender",
    "dashboard.main",
    "event_target.failover_forward",
    "event_rule.failover_forward",
    "schedule.reconciler",
    "lambda_event_source_mapping.conflicts",
    "lambda_event_source_mapping.accounting",
    "lambda_permission.api",
    "lambda_alias.reconciler",
    "lambda_function.reconciler",
    "state_machine.payments",
    "dynamodb_table_replica.idempotency",
    "iam_role.reconciler_schedule",
    "iam_role.replication",
    "kms_alias.shared",
    "kms_alias.ssm",
    "metric_filter.declines",
    "log_group.api",
    "metric_alarm.api_5xx",
    "route53_record.pay_example_com_primary_aaaa",
    "route53_health_check.api",
    "s3_bucket_replication.receipts",
    "s3_bucket.receipts",
    "sns_subscription.email_payments_oncall_example_com",
    "sns_topic.notifications",
    "sqs_queue.dlq",
    "ssm_parameter.table_name",
    "wafv2_association.api",
    "wafv2_logging.api",
    // Out of the domain, the usage plan and from behind the web ACL by now, as AWS wants it.
    "api_stage.live",
];

/// What reads an object that is made again: which one it reads cannot be changed.
const REPLACED: [&str; 1] = ["lambda_event_source_mapping.failure_notifier"];

/// Kinds that are not deleted, and why.
const KEPT: [(&str, &str); 9] = [
    (
        "api_account",
        "a setting of the account, which AWS has no call to delete",
    ),
    ("api_deployment", "AWS refuses while a stage serves it"),
    ("api_model", "AWS refuses while a method names it"),
    ("api_request_validator", "AWS refuses while a method names it"),
    (
        "dynamodb_table",
        "AWS refuses for 24 hours while it has replicas; one that is alone is deleted in `pipeline/drift_kinds.rs`",
    ),
    ("event_bus", "AWS refuses while it has rules"),
    ("kms_key", "AWS only schedules it, and what it has encrypted is lost"),
    ("rest_api", "all in it goes along; that is deleted piece by piece"),
    ("wafv2_web_acl", "AWS refuses while it is in front of a stage"),
];

pub(super) async fn imported_and_mended(preset: &'static Preset, suffix: &'static str) {
    let home = Home::applied(preset, suffix).await;
    let before = home.site.aws.inventory_of(preset.regions).await.unwrap();
    let configuration = home.configuration(preset.regions);
    home.site.imported(&configuration, ADDRESS, suffix).await;
    let after = home.site.aws.inventory_of(preset.regions).await.unwrap();
    assert_eq!(after, before, "an import must not change anything");

    let payments = home.site.payments().await;
    let hand = Hand::new(&home.site.aws, &payments);
    changes_show_alone_and_are_put_right(&home, &hand).await;
    what_is_deleted_is_made_again(&home, &hand).await;
    home.end().await;
}

async fn changes_show_alone_and_are_put_right(home: &Home, hand: &Hand) {
    let changed = of_each_kind(home, hand, &CHANGED.map(|(component, _)| component));
    every_kind_is_listed(hand, &changed, &UNCHANGEABLE);
    for (key, _) in &changed {
        hand.change(key).await.unwrap();
    }

    let plan = home.site.plan().await;

    let setting = |component: &str| CHANGED.iter().find(|(known, _)| *known == component).unwrap().1;
    let expected = changed
        .iter()
        .map(|(key, component)| format!("{key}.{}", setting(component)));
    let last = home.preset.regions.last().unwrap();
    let follows = FOLLOWS.iter().map(|change| format!("{last}/{change}"));
    let expected: BTreeSet<String> = expected.chain(follows).collect();
    assert_eq!(plan.component_changes(ADDRESS), expected, "{}", plan.text);
    home.site.apply_plan().await;
    home.site.must_be_settled().await;
    hand.tidy_up().await.unwrap();
}

/// What is gone is made again, alone; what refers to it may have to be told.
async fn what_is_deleted_is_made_again(home: &Home, hand: &Hand) {
    let deleted = of_each_kind(home, hand, &DELETED);
    every_kind_is_listed(hand, &deleted, &KEPT);
    for (key, _) in &deleted {
        hand.delete(key).await.unwrap();
    }

    let plan = home.site.plan().await;

    let shown = plan.component_changes(ADDRESS);
    let made: BTreeSet<&str> = shown.iter().filter_map(|change| change.strip_prefix('+')).collect();
    let gone: BTreeSet<&str> = deleted.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(made, gone, "{shown:#?}");
    let replaced = |change: &str| REPLACED.iter().any(|component| change.ends_with(component));
    let others = shown.iter().filter(|change| change.starts_with(['-', '!']));
    let others: Vec<&String> = others.filter(|change| !replaced(change)).collect();
    assert!(others.is_empty(), "{others:?}");
    home.site.apply_plan().await;
    home.site.must_be_settled().await;
    let payments = home.site.payments().await;
    assert_eq!(Hand::new(&home.site.aws, &payments).keys(), hand.keys());
    pays(&home.site, home.preset.path, home.preset.regions.last().unwrap()).await;
}

/// Of each kind that the stack has, the first of these components that it has: its key, in the last region, and the component.
fn of_each_kind<'a>(home: &Home, hand: &Hand, components: &[&'a str]) -> Vec<(String, &'a str)> {
    let keys = hand.keys();
    let mut kinds = BTreeSet::new();
    let mut chosen = Vec::new();
    for component in components {
        let regional = home
            .preset
            .regions
            .iter()
            .rev()
            .map(|region| format!("{region}/{component}"));
        let key = regional
            .chain([(*component).to_owned()])
            .find(|key| keys.contains(key.as_str()));
        if let Some(key) = key
            && kinds.insert(kind(component))
        {
            chosen.push((key, *component));
        }
    }
    chosen
}

fn every_kind_is_listed(hand: &Hand, chosen: &[(String, &str)], others: &[(&str, &str)]) {
    let chosen: BTreeSet<&str> = chosen.iter().map(|(_, component)| kind(component)).collect();
    let others: BTreeSet<&str> = others.iter().map(|(kind, _)| *kind).collect();
    let neither: Vec<&str> = hand
        .kinds()
        .into_iter()
        .filter(|kind| !chosen.contains(kind) && !others.contains(kind))
        .collect();
    assert!(neither.is_empty(), "{neither:?} are in no list");
}

fn kind(component: &str) -> &str {
    component.split('.').next().unwrap_or(component)
}
