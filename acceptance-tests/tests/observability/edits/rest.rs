//! Edits of every other attribute, planned each by itself and applied together; and the proof that none is left out.

use super::EDITS;
use crate::site::{Site, complete};
use tap_acceptance_tests::edited::{
    Edit, Edited, Elsewhere, Fixed, at_the_top, kinds, look_at_each, settable, together, unexpected,
};
use tap_acceptance_tests::observability::ADDRESS;
use tap_acceptance_tests::pipeline::Configuration;

/// Edited on a living stack by another test.
const ELSEWHERE: &[Elsewhere] = &[
    (
        "tags",
        "observability/edits.rs",
        "tags_reach_everything_that_takes_tags",
    ),
    ("allow_data_loss", "observability/edits.rs", "a_canary_comes_and_goes"),
];

/// Not edited on a living stack, and why.
const FIXED: &[Fixed] = &[
    (
        "log_group_class",
        "another class takes no metric filters: refused as long as there is one; payment/edits/single.rs edits it there",
    ),
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
    complete("rest").with("allow_data_loss", "true")
}

#[tokio::test]
async fn edits_of_all_else_are_planned_exactly_and_applied_together() {
    let base = configuration();
    let site = Site::applied(&base).await;
    let wrong = look_at_each(&site, &base, &[REST, PLANNED].concat(), |edit, plan| {
        unexpected(edit, &kinds(plan, ADDRESS))
    })
    .await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for configuration in [&together(&base, REST), &base] {
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
    let settable = at_the_top(&settable(&schema, "tap_observability_stack"));
    assert!(settable.len() > 30, "{settable:#?}");
    let edited = Edited::default()
        .by(EDITS, &complete("rest"))
        .by(REST, &configuration())
        .by(PLANNED, &configuration());
    let gaps = edited.gaps(&settable, ELSEWHERE, FIXED);
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}

/// Apart from the edits of the groups.
const REST: &[Edit] = &[
    (
        "alarm_actions",
        "[\"arn:aws:sns:us-east-1:111122223333:pager\"]",
        &["composite_alarm"],
    ),
    (
        "alarm_subscriptions",
        "[{ protocol = \"https\", endpoint = \"https://pager.example.com/in\" }]",
        &["sns_subscription"],
    ),
    ("artifact_prefix", "\"runs\"", &["canary", "iam_role"]),
    ("deletion_protection", "false", &[]),
    ("force_destroy", "false", &[]),
    (
        "iam_path",
        "\"/payments/\"",
        &["canary", "iam_role", "lambda_alias", "lambda_function"],
    ),
    ("log_groups", "{ rds = { enabled = false } }", &["kms_key", "log_group"]),
    ("log_level", "\"DEBUG\"", &["lambda_alias", "lambda_function"]),
    (
        "name_overrides",
        "{ \"sns_topic.alarms\" = \"pager\" }",
        &["composite_alarm", "sns_subscription", "sns_topic"],
    ),
    (
        "name_style",
        "\"prefixed\"",
        &[
            "canary",
            "composite_alarm",
            "dashboard",
            "iam_role",
            "kms_key",
            "lambda_alias",
            "lambda_function",
            "log_group",
            "metric_alarm",
            "metric_filter",
            "s3_bucket",
            "sns_subscription",
            "sns_topic",
        ],
    ),
    ("ok_actions", "[]", &["composite_alarm"]),
    ("on_create_failure", "\"resume\"", &[]),
    (
        "overrides",
        "{ \"sns_topic.alarms\" = { display_name = \"Overridden\" } }",
        &["sns_topic"],
    ),
    (
        "permissions_boundary_arn",
        "\"arn:aws:iam::111122223333:policy/boundary\"",
        &["iam_role"],
    ),
    ("replace_components", "[\"lambda_alias.metrics\"]", &["lambda_alias"]),
    (
        "timeouts",
        "{ create = \"90m\", update = \"90m\", delete = \"90m\" }",
        &[],
    ),
];

/// Not applied with a new canary: the sandbox makes its log group by itself, for which its role has no right at AWS.
const PLANNED: &[Edit] = &[("adopt_existing_log_groups", "false", &["log_group"])];
