//! Edits of every group of attributes: each plan touches the kinds it should, the same in both regions; together they are applied and settle.

use crate::site::{Site, stack};
use std::collections::BTreeSet;
use tap_acceptance_tests::payment::ADDRESS;

const REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];

/// One edit: an attribute, its new expression, and the kinds that change, no more and no less.
type Edit = (&'static str, &'static str, &'static [&'static str]);

/// Each is planned by itself; then all are applied together.
const EDITS: &[Edit] = &[
    (
        "processor",
        "{ memory_size = 1024, timeout = 20 }",
        &["lambda_alias", "lambda_function", "metric_alarm", "state_machine"],
    ),
    (
        "accounting",
        "{ batch_size = 5, maximum_concurrency = 10 }",
        &["lambda_event_source_mapping"],
    ),
    ("queue", "{ message_retention_seconds = 604800 }", &["sqs_queue"]),
    ("log_retention_in_days", "400", &["log_group"]),
    ("kms", "{ rotation_period_in_days = 180 }", &["kms_key"]),
    (
        "table",
        "{ global_secondary_indexes = [{ name = \"by-provider\", hash_key = \"provider\", range_key = \"timestamp\" }] }",
        &["dynamodb_table"],
    ),
    (
        "receipts_bucket",
        "{ lifecycle = { expiration_days = 3650 } }",
        &["s3_bucket"],
    ),
    (
        "idempotency",
        "{ ttl_hours = 24 }",
        &["dynamodb_table", "lambda_alias", "lambda_function"],
    ),
    (
        "api",
        "{ throttle_rate_limit = 800, throttle_burst_limit = 900 }",
        &["api_stage"],
    ),
    ("waf", "{ rate_limit = 5000 }", &["wafv2_web_acl"]),
    (
        "topics",
        "{ notifications = { display_name = \"Payments\", email_endpoints = [\"oncall@example.com\"] } }",
        &["sns_subscription", "sns_topic"],
    ),
    (
        "alarms",
        "{ error_rate = { threshold_percent = 5 } }",
        &["metric_alarm"],
    ),
    ("dashboard", "{ enabled = false }", &["dashboard"]),
    ("ssm", "{ parameters = { partner = \"x\" } }", &["ssm_parameter"]),
    ("kpi_filters", "[]", &["metric_filter"]),
    (
        "tracing_mode",
        "\"PassThrough\"",
        &["iam_role", "lambda_alias", "lambda_function", "state_machine"],
    ),
    (
        "workflow",
        "{ enabled = true, timeout_seconds = 120 }",
        &["state_machine"],
    ),
    (
        "event_failover",
        "{ enabled = true, retry_policy = { max_attempts = 5 } }",
        &["event_target"],
    ),
    (
        "failure_notifier",
        "{ memory_size = 512 }",
        &["lambda_alias", "lambda_function"],
    ),
    ("dlq", "{ message_retention_seconds = 86400 }", &["sqs_queue"]),
    (
        "audit",
        "{ enabled = false }",
        &["iam_role", "lambda_alias", "lambda_function"],
    ),
    (
        "metrics",
        "{ namespace = \"Payments/Edited\" }",
        &["lambda_alias", "lambda_function", "metric_alarm", "metric_filter"],
    ),
    (
        "region_overrides",
        "{ us-east-1 = { email_endpoints = [\"team@example.com\"] }, us-west-2 = { email_endpoints = [\"team@example.com\"] } }",
        &["sns_subscription"],
    ),
    ("log_level", "\"DEBUG\"", &["lambda_alias", "lambda_function"]),
    (
        "permissions_boundary_arn",
        "\"arn:aws:iam::111122223333:policy/boundary\"",
        &["iam_role"],
    ),
    (
        "api",
        "{ cors = { allow_origins = [\"https://pay.example.com\"] } }",
        &[
            "api_deployment",
            "api_gateway_response",
            "api_method",
            "api_stage",
            "lambda_alias",
            "lambda_function",
        ],
    ),
    (
        "api",
        "{ health_path = \"ping\" }",
        &["api_deployment", "api_method", "api_resource", "api_stage"],
    ),
    (
        "api",
        "{ access_log = { enabled = false } }",
        &["api_stage", "kms_key", "log_group"],
    ),
];

#[tokio::test]
async fn edits_are_planned_alike_in_both_regions_and_applied_together() {
    let base = stack("edits", &REGIONS)
        .with("workflow", "{ enabled = true }")
        .with("event_failover", "{ enabled = true }");
    let site = Site::applied(&base).await;
    let mut wrong = Vec::new();
    let mut edited = base.clone();
    for (attribute, expression, expected) in EDITS {
        site.configure(&base.clone().with(attribute, expression));
        edited = edited.with(attribute, expression);
        let plan = site.plan().await;
        let changes = plan.component_changes(ADDRESS);
        let kinds: BTreeSet<&str> = changes.iter().map(|change| kind(change)).collect();
        if kinds != expected.iter().copied().collect() {
            wrong.push(format!("{attribute}: {changes:#?}"));
        }
        let [first, second] = REGIONS.map(|region| of_region(&changes, region));
        if first != second {
            wrong.push(format!("{attribute}, not alike: {first:#?} and {second:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All at once, and all back to the defaults.
    for configuration in [edited, base] {
        site.configure(&configuration);
        site.apply().await;
        site.must_be_settled().await;
    }
    site.destroy(&REGIONS).await;
}

/// `sqs_queue` of `+us-east-1/sqs_queue.dlq` and of `us-east-1/sqs_queue.dlq.tags`.
fn kind(change: &str) -> &str {
    let key = change.trim_start_matches(['+', '-', '!']);
    let key = key.split_once('/').map_or(key, |(_, key)| key);
    key.split('.').next().unwrap_or(key)
}

/// What changes in a region, without its name. What joins two regions has the other one's in its own.
fn of_region(changes: &BTreeSet<String>, region: &str) -> BTreeSet<String> {
    let part = format!("{region}/");
    let others: Vec<String> = REGIONS.iter().map(|region| region.replace('-', "_")).collect();
    let here = changes.iter().filter(|change| change.contains(&part));
    here.map(|change| {
        let change = change.replace(&part, "");
        others
            .iter()
            .fold(change, |change, other| change.replace(other, "<other>"))
    })
    .collect()
}
