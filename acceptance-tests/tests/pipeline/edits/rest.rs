//! Edits of every other attribute, planned each by itself and applied together; and the proof that none is left out.

use super::EDITS;
use crate::site::Site;
use tap_acceptance_tests::edited::{
    Edit, Edited, Elsewhere, Fixed, at_the_top, kinds, look_at_each, settable, together, unexpected,
};
use tap_acceptance_tests::pipeline::ADDRESS;
use tap_acceptance_tests::pipeline::Configuration;

/// Edited on a living stack by another test.
const ELSEWHERE: &[Elsewhere] = &[
    ("allow_data_loss", "pipeline/mistakes.rs", "data_is_not_lost_by_an_edit"),
    ("api", "pipeline/edits.rs", "edits_of_the_api_go_live_at_once"),
    (
        "overrides",
        "pipeline/components.rs",
        "single_components_are_replaced_and_overridden",
    ),
    (
        "replace_components",
        "pipeline/components.rs",
        "single_components_are_replaced_and_overridden",
    ),
    ("tags", "pipeline/edits.rs", "tags_reach_everything_that_takes_tags"),
];

/// Not edited on a living stack, and why.
const FIXED: &[Fixed] = &[
    (
        "environment_suffix",
        "another suffix is another stack: everything is made anew",
    ),
    (
        "lambda_architecture",
        "a development build has the handlers of the machine's own architecture only",
    ),
    (
        "lambda_package",
        "its kind of function is the payment stack's: payment/edits/single.rs edits it there",
    ),
];

/// What is replaced here may hold data.
fn configuration() -> Configuration {
    Configuration::new("rest").with("allow_data_loss", "true")
}

/// Alarms read the logs, and keep their class from being edited.
fn without_alarms() -> Configuration {
    configuration().with("alarms", "{ enabled = false }")
}

#[tokio::test]
async fn edits_of_all_else_are_planned_exactly_and_applied_together() {
    edited(&configuration(), REST).await;
}

#[tokio::test]
async fn log_groups_are_made_anew_in_another_class() {
    edited(&without_alarms(), CLASS).await;
}

/// Plans each edit by itself, applies all of them, and takes them back.
async fn edited(base: &Configuration, edits: &[Edit]) {
    let site = Site::applied(base).await;
    let wrong = look_at_each(&site, base, edits, |edit, plan| unexpected(edit, &kinds(plan, ADDRESS))).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for configuration in [&together(base, edits), base] {
        site.configure(configuration);
        site.apply().await;
        site.must_be_settled().await;
    }
    site.destroy().await;
}

#[tokio::test]
async fn every_attribute_is_edited_somewhere() {
    let site = Site::new(&configuration()).await;
    let schema = site.terraform.provider_schema().await.unwrap();
    let settable = at_the_top(&settable(&schema, "tap_webhook_pipeline"));
    assert!(settable.len() > 30, "{settable:#?}");
    let edited = Edited::default()
        .by(&EDITS, &Configuration::new("rest"))
        .by(REST, &configuration())
        .by(CLASS, &without_alarms());
    let gaps = edited.gaps(&settable, ELSEWHERE, FIXED);
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}

/// Of a stack without alarms.
const CLASS: &[Edit] = &[(
    "log_group_class",
    "\"INFREQUENT_ACCESS\"",
    &[
        "api_stage",
        "iam_role",
        "lambda_alias",
        "lambda_function",
        "log_group",
        "state_machine",
    ],
)];

/// Apart from the edits of the groups.
const REST: &[Edit] = &[
    ("adopt_existing_log_groups", "false", &["log_group"]),
    ("deletion_protection", "true", &["dynamodb_table"]),
    ("force_destroy", "false", &[]),
    ("ecr", "{ keep_last_images = 5, scan_on_push = false }", &[]),
    (
        "fraud",
        "{ amount_risk_threshold = 7000, high_risk_threshold = 0.8 }",
        &["lambda_alias", "lambda_function"],
    ),
    (
        "iam_path",
        "\"/payments/\"",
        &[
            "event_target",
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "schedule",
            "state_machine",
        ],
    ),
    (
        "idempotency",
        "{ ttl_hours = 48 }",
        &["dynamodb_table", "lambda_alias", "lambda_function"],
    ),
    ("kms", "{ rotation_period_in_days = 180 }", &["kms_key"]),
    ("log_level", "\"DEBUG\"", &["lambda_alias", "lambda_function"]),
    (
        "low_value_queue",
        "{ message_retention_seconds = 86400, kms_enabled = true }",
        &["sqs_queue"],
    ),
    (
        "name_overrides",
        "{ \"sns_topic.alarms\" = \"pager\" }",
        &["metric_alarm", "sns_topic"],
    ),
    (
        "name_style",
        "\"prefixed\"",
        &[
            "api_key",
            "api_method",
            "api_stage",
            "api_usage_plan",
            "dashboard",
            "dynamodb_table",
            "event_archive",
            "event_bus",
            "event_rule",
            "event_target",
            "iam_role",
            "kms_key",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "lambda_permission",
            "log_group",
            "metric_alarm",
            "rest_api",
            "s3_bucket",
            "schedule",
            "sns_topic",
            "sqs_queue",
            "state_machine",
        ],
    ),
    ("on_create_failure", "\"resume\"", &[]),
    (
        "package_type",
        "\"Image\"",
        &[
            "api_method",
            "ecr_image",
            "ecr_repository",
            "iam_role",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "lambda_permission",
            "schedule",
            "state_machine",
        ],
    ),
    (
        "permissions_boundary_arn",
        "\"arn:aws:iam::111122223333:policy/boundary\"",
        &["iam_role"],
    ),
    (
        "role_names",
        "{ validator = \"takes-webhooks\" }",
        &["iam_role", "lambda_alias", "lambda_function"],
    ),
    (
        "timeouts",
        "{ create = \"90m\", update = \"90m\", delete = \"90m\" }",
        &[],
    ),
    (
        "tracing_mode",
        "\"PassThrough\"",
        &["iam_role", "lambda_alias", "lambda_function", "state_machine"],
    ),
];
