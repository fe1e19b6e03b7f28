//! Edits across the stack, in place and replacing: each plan names exactly what changes, and settles.

mod rest;

use crate::site::{CANARY, Site, changes, complete};
use std::collections::BTreeSet;
use tap_acceptance_tests::edited::Edit;

/// Applied one after the other; a later edit of an attribute takes the earlier one back unless it repeats it.
const EDITS: &[Edit] = &[
    (
        "api",
        "{ name = \"payments\", stage = \"live\" }",
        &["dashboard.main.dashboard_body", "metric_alarm.api_errors.metrics"],
    ),
    (
        "rds",
        "{ db_instance_identifier = \"payments\", log_types = [\"postgresql\"] }",
        &[
            "+log_group.rds_postgresql",
            "-log_group.rds",
            "dashboard.main.dashboard_body",
            "kms_key.main.policy",
        ],
    ),
    (
        "latency_percentiles",
        "[\"p50\", \"p90\"]",
        &["dashboard.main.dashboard_body"],
    ),
    (
        "handler_fault_alarm",
        "{ threshold = 3 }",
        &["metric_alarm.handler_faults.threshold"],
    ),
    (
        "alarm_email_endpoints",
        "[\"oncall@payments.internal\", \"second@payments.internal\"]",
        &["+sns_subscription.email_second_payments_internal"],
    ),
    (
        "insufficient_data_actions",
        "[\"arn:aws:sns:us-east-1:111122223333:pager\"]",
        &["composite_alarm.critical.insufficient_data_actions"],
    ),
    (
        "tracing_mode",
        "\"PassThrough\"",
        &[
            "iam_role.metrics.inline_policies",
            "lambda_alias.metrics.function_version",
            "lambda_function.metrics.tracing_mode",
        ],
    ),
    (
        "log_retention_in_days",
        "400",
        &[
            "log_group.api.retention_in_days",
            "log_group.canary.retention_in_days",
            "log_group.metrics.retention_in_days",
            "log_group.rds_postgresql.retention_in_days",
        ],
    ),
    (
        "kms",
        "{ rotation_period_in_days = 180 }",
        &["kms_key.main.rotation_period_in_days"],
    ),
    (
        "latency_filter",
        "{ format = \"space_delimited\" }",
        &[
            "metric_filter.latency.filter_pattern",
            "metric_filter.latency.metric_transformations",
        ],
    ),
    (
        "latency_filter",
        "{ format = \"space_delimited\", legacy_metric_names = true }",
        &[
            "+metric_filter.latency_p50",
            "+metric_filter.latency_p95",
            "+metric_filter.latency_p99",
        ],
    ),
    (
        "alarm_topic",
        "{ display_name = \"Payments\" }",
        &["sns_topic.alarms.display_name"],
    ),
    (
        "api_error_alarm",
        "{ threshold_percent = 2.5, min_requests = 20 }",
        &[
            "metric_alarm.api_errors.alarm_description",
            "metric_alarm.api_errors.metrics",
            "metric_alarm.api_errors.threshold",
        ],
    ),
    (
        "lambda_error_alarm",
        "{ min_invocations = 10 }",
        &["metric_alarm.lambda_errors.metrics"],
    ),
    (
        "latency_alarm",
        "{ enabled = true, threshold_ms = 2000, statistic = \"p95\" }",
        &[
            "metric_alarm.latency.alarm_description",
            "metric_alarm.latency.extended_statistic",
        ],
    ),
    (
        "canary_alarm",
        "{ success_percent_threshold = 75, evaluation_periods = 3 }",
        &[
            "metric_alarm.canary.alarm_description",
            "metric_alarm.canary.datapoints_to_alarm",
            "metric_alarm.canary.evaluation_periods",
            "metric_alarm.canary.threshold",
        ],
    ),
    (
        "composite_alarm",
        "{ actions_suppressor = { alarm = \"canary-failing-edits\" } }",
        &["composite_alarm.critical.actions_suppressor"],
    ),
    (
        "alarm_notification_mode",
        "\"all\"",
        &[
            "metric_alarm.api_errors.alarm_actions",
            "metric_alarm.api_errors.insufficient_data_actions",
            "metric_alarm.api_errors.ok_actions",
            "metric_alarm.canary.alarm_actions",
            "metric_alarm.canary.insufficient_data_actions",
            "metric_alarm.canary.ok_actions",
            "metric_alarm.handler_faults.alarm_actions",
            "metric_alarm.handler_faults.insufficient_data_actions",
            "metric_alarm.handler_faults.ok_actions",
            "metric_alarm.lambda_errors.alarm_actions",
            "metric_alarm.lambda_errors.insufficient_data_actions",
            "metric_alarm.lambda_errors.ok_actions",
            "metric_alarm.latency.alarm_actions",
            "metric_alarm.latency.insufficient_data_actions",
            "metric_alarm.latency.ok_actions",
        ],
    ),
    (
        "lambda",
        "{ memory_size = 512, timeout = 20 }",
        &[
            "lambda_alias.metrics.function_version",
            "lambda_function.metrics.memory_size",
            "lambda_function.metrics.timeout",
        ],
    ),
    (
        "custom_metrics",
        "{ mode = \"put_metric_data\" }",
        &[
            "dashboard.main.dashboard_body",
            "iam_role.metrics.inline_policies",
            "lambda_alias.metrics.function_version",
            "lambda_function.metrics.environment",
        ],
    ),
    (
        "canary",
        "{ url = \"https://pay.internal/ready\", schedule_expression = \"rate(2 minutes)\", timeout_in_seconds = 90 }",
        &[
            "canary.health.run_config",
            "canary.health.schedule",
            "canary.health.script",
        ],
    ),
    (
        "canary",
        "{ url = \"https://pay.internal/ready\", schedule_expression = \"rate(2 minutes)\", timeout_in_seconds = 90, start_canary = false }",
        &["canary.health.start", "metric_alarm.canary.treat_missing_data"],
    ),
    (
        "artifact_bucket",
        "{ expiration_days = 7 }",
        &["s3_bucket.artifacts.lifecycle_rules"],
    ),
    ("dashboard", "{ enabled = false }", &["-dashboard.main"]),
];

#[tokio::test]
async fn each_edit_is_planned_exactly_applied_and_settled() {
    let mut configuration = complete("edits");
    let site = Site::applied(&configuration).await;
    let mut wrong = Vec::new();
    for (attribute, expression, expected) in EDITS {
        configuration = configuration.with(attribute, expression);
        site.configure(&configuration);
        let plan = changes(&site.plan().await);
        let expected: BTreeSet<String> = expected.iter().map(|change| (*change).to_owned()).collect();
        if plan != expected {
            wrong.push(format!(
                "{attribute} = {expression}\n  planned  {plan:?}\n  expected {expected:?}"
            ));
        }
        // What would not settle shows as too much in the plan of the next edit.
        site.apply_plan().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    site.must_be_settled().await;
    // And back to where it began, all at once.
    site.configure(&complete("edits"));
    site.apply().await;
    site.must_be_settled().await;
    site.destroy().await;
}

/// Another name is another canary: the old one goes with all that Synthetics made for it.
#[tokio::test]
async fn a_renamed_canary_leaves_nothing_behind() {
    let site = Site::applied(&complete("rename")).await;
    let renamed = "{ url = \"https://pay.internal/health\", name = \"payments-health\" }";
    site.configure(&complete("rename").with("canary", renamed));
    let plan = changes(&site.plan().await);
    assert!(
        plan.contains("!canary.health") && plan.contains("!log_group.canary"),
        "{plan:?}"
    );
    site.apply_plan().await;
    site.must_be_settled().await;
    let inventory = site.aws.inventory().await.unwrap();
    let of_canaries: Vec<&String> = inventory.iter().filter(|line| line.contains("cwsyn-")).collect();
    assert_eq!(of_canaries.len(), 3, "{of_canaries:#?}");
    assert!(
        of_canaries.iter().all(|line| line.contains("cwsyn-payments-health-")),
        "{of_canaries:#?}"
    );
    site.destroy().await;
}

/// A stack without a canary has neither bucket nor role for it, and gets them later.
#[tokio::test]
async fn a_canary_comes_and_goes() {
    let without = complete("cango").without("canary");
    let site = Site::applied(&without).await;
    assert!(!site.ids().await.contains_key("s3_bucket.artifacts"));
    site.configure(&without.clone().with("canary", CANARY));
    site.apply().await;
    site.must_be_settled().await;
    assert!(site.ids().await.contains_key("canary.health"));
    site.configure(&without.with("allow_data_loss", "true"));
    site.apply().await;
    site.must_be_settled().await;
    site.destroy().await;
}

/// O-02: tags of provider and resource, merged, reach everything that takes tags, and replace nothing.
#[tokio::test]
async fn tags_reach_everything_that_takes_tags() {
    let configuration = complete("tags").with("tags", "{ Team = \"payments\" }");
    let site = Site::applied(&configuration).await;
    let before = site.ids().await;
    let changed = configuration
        .with("tags", "{ Team = \"risk\" }")
        .with_provider("  default_tags = { tags = { CostCenter = \"42\", Team = \"all\" } }\n");
    site.configure(&changed);
    let plan = changes(&site.plan().await);
    assert!(
        !plan.is_empty() && plan.iter().all(|change| change.rsplit('.').next() == Some("tags")),
        "{plan:?}"
    );
    for kind in [
        "canary.health",
        "kms_key.main",
        "log_group.canary",
        "sns_topic.alarms",
        "metric_alarm.canary",
    ] {
        assert!(plan.contains(&format!("{kind}.tags")), "{kind} is not in {plan:?}");
    }
    site.apply_plan().await;
    site.must_be_settled().await;
    assert_eq!(site.ids().await, before);
    let canary = site
        .aws
        .synthetics()
        .get_canary()
        .name("health-check-tags")
        .send()
        .await;
    let tags = canary.unwrap().canary.unwrap().tags.unwrap();
    assert_eq!((tags["Team"].as_str(), tags["CostCenter"].as_str()), ("risk", "42"));
    site.destroy().await;
}
