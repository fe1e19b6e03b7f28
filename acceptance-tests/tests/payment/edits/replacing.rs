//! Edits that replace components, names above all: data goes only with `allow_data_loss`.

use super::{REGIONS, anything, give_up_key, live_together, must_be_planned, new_key, two_regions};
use crate::site::Site;
use tap_acceptance_tests::edited::Edit;
use tap_acceptance_tests::pipeline::Configuration;

pub(super) fn configuration() -> Configuration {
    two_regions("replaced").with("allow_data_loss", "true")
}

#[tokio::test]
async fn edits_that_replace_are_planned_exactly_and_applied_together() {
    let site = Site::new(&configuration()).await;
    let there = site.aws.in_region(REGIONS[1]);
    let key = new_key(&there).await;
    let base = configuration().with_block(&format!("locals {{\n  replica_key = {key:?}\n}}"));
    site.configure(&base);
    site.apply().await;
    must_be_planned(&site, &base, REPLACING, anything).await;
    live_together(&site, &base, REPLACING).await;
    give_up_key(&there, &key).await;
    site.destroy(&REGIONS).await;
}

/// Planned each by itself, then applied together.
pub(crate) const REPLACING: &[Edit] = &[
    (
        "accounting",
        "{ name = \"ledger-{region}\" }",
        &[
            "dashboard",
            "iam_role",
            "kms_key",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "log_group",
            "metric_alarm",
        ],
    ),
    (
        "api",
        "{ name = \"payments-edited\", api_key = { name = \"partner\" } }",
        &[
            "api_key",
            "api_stage",
            "dashboard",
            "kms_key",
            "log_group",
            "metric_alarm",
            "rest_api",
        ],
    ),
    (
        "api",
        "{ path = \"v2/payments\", stage_name = \"live\" }",
        &[
            "api_deployment",
            "api_method",
            "api_resource",
            "api_stage",
            "api_usage_plan",
            "dashboard",
            "lambda_permission",
            "metric_alarm",
            "ssm_parameter",
            "wafv2_association",
        ],
    ),
    (
        "api",
        "{ authorization = \"none\", allow_unauthenticated = true }",
        &[
            "api_deployment",
            "api_key",
            "api_key_parameter",
            "api_method",
            "api_stage",
            "api_usage_plan",
            "api_usage_plan_key",
            "lambda_alias",
            "lambda_function",
        ],
    ),
    ("dashboard", "{ name = \"payments-edited\" }", &["dashboard"]),
    (
        "dlq",
        "{ name = \"failed-payments\" }",
        &[
            "dashboard",
            "event_target",
            "iam_role",
            "lambda_event_source_mapping",
            "metric_alarm",
            "sqs_queue",
            "state_machine",
        ],
    ),
    (
        "event_failover",
        "{ enabled = true, bus_name = \"standby\" }",
        &[
            "event_bus",
            "event_rule",
            "event_target",
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "sqs_queue",
        ],
    ),
    (
        "failure_notifier",
        "{ name = \"told-{region}\" }",
        &[
            "dashboard",
            "iam_role",
            "kms_key",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "log_group",
            "metric_alarm",
        ],
    ),
    (
        "idempotency",
        "{ table_name = \"guards\" }",
        &[
            "dynamodb_table",
            "dynamodb_table_replica",
            "iam_role",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
        ],
    ),
    ("kms", "{ alias = \"alias/payments-edited\" }", &["kms_alias"]),
    (
        "processor",
        "{ name = \"taken-{region}\" }",
        &[
            "api_method",
            "dashboard",
            "iam_role",
            "kms_key",
            "lambda_alias",
            "lambda_function",
            "lambda_permission",
            "log_group",
            "metric_alarm",
            "metric_filter",
            "state_machine",
        ],
    ),
    (
        "queue",
        "{ name = \"waiting-payments\" }",
        &[
            "dashboard",
            "iam_role",
            "lambda_event_source_mapping",
            "metric_alarm",
            "sqs_queue",
        ],
    ),
    (
        "receipts_bucket",
        "{ name = \"receipts-{region}-edited\" }",
        &[
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "s3_bucket",
            "s3_bucket_replication",
            "ssm_parameter",
        ],
    ),
    (
        "receipts_bucket",
        "{ versioning = false, replication = { enabled = false } }",
        &["iam_role", "s3_bucket", "s3_bucket_replication"],
    ),
    ("receipts_bucket", "{ force_destroy = true }", &["s3_bucket"]),
    (
        "reconciliation",
        "{ name = \"mended-{region}\" }",
        &[
            "dashboard",
            "iam_role",
            "kms_key",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "log_group",
            "metric_alarm",
        ],
    ),
    (
        "region_overrides",
        "{ us-east-1 = { receipts_bucket_name = \"receipts-of-us-east-1\" }, us-west-2 = { receipts_bucket_name = \"receipts-of-us-west-2\" } }",
        &[
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "s3_bucket",
            "s3_bucket_replication",
            "ssm_parameter",
        ],
    ),
    (
        "table",
        "{ name = \"ledger\" }",
        &[
            "dashboard",
            "dynamodb_table",
            "dynamodb_table_replica",
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "metric_alarm",
            "ssm_parameter",
        ],
    ),
    (
        "table",
        "{ replicas = [{ region = \"us-west-2\", kms_key_arn = local.replica_key }] }",
        &["dynamodb_table_replica", "iam_role", "lambda_event_source_mapping"],
    ),
    (
        "topics",
        "{ notifications = { name = \"pager\" } }",
        &[
            "iam_role",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "metric_alarm",
            "sns_topic",
            "state_machine",
        ],
    ),
    (
        "topics",
        "{ per_region = true }",
        &[
            "iam_role",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "metric_alarm",
            "sns_topic",
            "state_machine",
        ],
    ),
    (
        "waf",
        "{ name = \"payments-edited\" }",
        &[
            "dashboard",
            "kms_key",
            "log_group",
            "wafv2_association",
            "wafv2_logging",
            "wafv2_web_acl",
        ],
    ),
    (
        "workflow",
        "{ enabled = true, type = \"EXPRESS\" }",
        &["event_target", "iam_role", "state_machine"],
    ),
    (
        "workflow",
        "{ enabled = true, name = \"taking-payments\" }",
        &[
            "dashboard",
            "event_target",
            "iam_role",
            "kms_key",
            "log_group",
            "metric_alarm",
            "state_machine",
        ],
    ),
];
