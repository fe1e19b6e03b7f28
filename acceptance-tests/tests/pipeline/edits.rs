//! (b) Edits across the stack, in place and replacing: each plan names exactly what changes, and settles.

mod rest;

use crate::changes::changes;
use crate::site::Site;
use std::collections::BTreeSet;
use tap_acceptance_tests::edited::Edit;
use tap_acceptance_tests::pipeline::{Configuration, payment};

/// Applied one after the other; a later edit of an attribute takes the earlier one back unless it repeats it.
const EDITS: [Edit; 12] = [
    (
        "functions",
        "{ validator = { memory_size = 1769, timeout = 20 } }",
        &[
            "lambda_alias.validator.function_version",
            "lambda_function.validator.memory_size",
            "lambda_function.validator.timeout",
            "metric_alarm.validator_duration.threshold",
        ],
    ),
    (
        "dlq",
        "{ message_retention_seconds = 86400 }",
        &["sqs_queue.dlq.message_retention_seconds"],
    ),
    (
        "log_retention_in_days",
        "400",
        &[
            "log_group.api.retention_in_days",
            "log_group.archival.retention_in_days",
            "log_group.fraud.retention_in_days",
            "log_group.publisher.retention_in_days",
            "log_group.validator.retention_in_days",
            "log_group.workflow.retention_in_days",
        ],
    ),
    (
        "workflow",
        "{ fraud_retry = { max_attempts = 5 }, timeout_seconds = 120 }",
        &["state_machine.transactions.definition"],
    ),
    (
        "routing",
        "{ high_threshold = 20000, low_threshold = 500 }",
        &[
            "event_rule.high.event_pattern",
            "event_rule.low.event_pattern",
            "event_rule.medium.event_pattern",
        ],
    ),
    (
        "alarms",
        "{ api_5xx_percent = 2.5 }",
        &["metric_alarm.api_5xx.threshold"],
    ),
    (
        "archival",
        "{ schedule_expression = \"rate(6 hours)\", page_limit = 50 }",
        &[
            "lambda_alias.archival.function_version",
            "lambda_function.archival.environment",
            "schedule.archival.schedule_expression",
        ],
    ),
    (
        "table",
        "{ global_secondary_indexes = [{ name = \"by-customer\", hash_key = \"customer_id\" }] }",
        &["dynamodb_table.transactions.global_secondary_indexes"],
    ),
    ("dashboard", "{ enabled = false }", &["-dashboard.main"]),
    (
        "audit_bucket",
        "{ lifecycle = { expiration_days = 2555 } }",
        &["s3_bucket.audit.lifecycle_rules"],
    ),
    (
        "event_bus",
        "{ archive_retention_days = 90 }",
        &["event_archive.payments.retention_days"],
    ),
    (
        "alerts_topic",
        "{ display_name = \"Payments\", email_endpoints = [\"oncall@example.com\"] }",
        &[
            "+sns_subscription.alarms_email_oncall_example_com",
            "+sns_subscription.fraud_email_oncall_example_com",
            "sns_topic.alarms.display_name",
            "sns_topic.alerts.display_name",
            "sns_topic.fraud.display_name",
            "sns_topic.notices.display_name",
        ],
    ),
];

#[tokio::test]
async fn each_edit_is_planned_exactly_applied_and_settled() {
    let mut configuration = Configuration::new("edits");
    let site = Site::applied(&configuration).await;
    for (attribute, expression, expected) in EDITS {
        configuration = configuration.with(attribute, expression);
        edit(&site, &configuration, attribute, expected).await;
    }
    // And back to the defaults, all at once.
    for (attribute, ..) in EDITS {
        configuration = configuration.without(attribute);
    }
    site.configure(&configuration);
    site.apply().await;
    site.must_be_settled().await;
    site.destroy().await;
}

#[tokio::test]
async fn edits_of_the_api_go_live_at_once() {
    let mut configuration = Configuration::new("api");
    let site = Site::applied(&configuration).await;
    let url = site.pipeline().await.attribute("webhook_url").unwrap().to_owned();

    configuration = configuration.with("api", "{ path = \"v2/payments\" }");
    let expected = [
        "!api_deployment.current",
        "!api_method.post",
        "!api_resource.webhook",
        "!lambda_permission.api",
        "+api_resource.webhook_parent_0",
        "api_deployment.current.content_hash",
        "api_resource.webhook.parent_id",
        "api_resource.webhook.path_part",
        "api_stage.live.deployment_id",
        "lambda_permission.api.source_arn",
    ];
    edit(&site, &configuration, "api.path", &expected).await;
    let pipeline = site.pipeline().await;
    assert_eq!(
        pipeline.attribute("webhook_url").unwrap(),
        url.replace("/webhook", "/v2/payments")
    );
    assert_accepted(&site, "moved").await;

    configuration = configuration.with("api", "{ path = \"v2/payments\", stage_name = \"live\" }");
    let plan = planned(&site, &configuration).await;
    assert!(
        plan.contains("api_stage.live.stage_name") && plan.contains("!api_stage.live"),
        "{plan:?}"
    );
    site.terraform
        .apply_plan()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    site.must_be_settled().await;
    assert_accepted(&site, "restaged").await;

    configuration = configuration.with(
        "api",
        "{ path = \"v2/payments\", stage_name = \"live\", request_validation = false, throttle_rate_limit = 50 }",
    );
    let plan = planned(&site, &configuration).await;
    for part in [
        "-api_model.transaction",
        "-api_request_validator.body",
        "api_stage.live.method_settings",
    ] {
        assert!(plan.contains(part), "{part} is not in {plan:?}");
    }
    site.terraform
        .apply_plan()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    site.must_be_settled().await;
    // Without the gateway's check it is the function that answers, and that names the field.
    let pipeline = site.pipeline().await;
    let key = pipeline.api_key().await.unwrap();
    let answer = pipeline.send(&key, "{\"transaction_id\": \"x\"}").await.unwrap();
    assert_eq!(answer.json().unwrap()["error"], "Missing required field: amount");
    site.destroy().await;
}

#[tokio::test]
async fn tags_reach_everything_that_takes_tags() {
    let configuration = Configuration::new("tags").with("tags", "{ Team = \"payments\" }");
    let site = Site::applied(&configuration).await;
    let changed = configuration
        .with("tags", "{ Team = \"risk\" }")
        .with_provider("  default_tags = { tags = { CostCenter = \"42\", Team = \"all\" } }\n");

    let plan = planned(&site, &changed).await;

    assert!(
        !plan.is_empty() && plan.iter().all(|change| change.rsplit('.').next() == Some("tags")),
        "{plan:?}"
    );
    let before = site.ids().await;
    site.terraform
        .apply_plan()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    site.must_be_settled().await;
    assert_eq!(
        site.ids().await,
        before,
        "tags replace nothing: a new mapping would publish the whole stream again"
    );
    let arn = site.pipeline().await.attribute("table_arn").unwrap().to_owned();
    let tags = site
        .aws
        .dynamodb()
        .list_tags_of_resource()
        .resource_arn(arn)
        .send()
        .await
        .unwrap();
    let tags: BTreeSet<(&str, &str)> = tags.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
    assert!(
        tags.is_superset(&BTreeSet::from([("Team", "risk"), ("CostCenter", "42")])),
        "{tags:?}"
    );
    site.destroy().await;
}

async fn planned(site: &Site, configuration: &Configuration) -> BTreeSet<String> {
    site.configure(configuration);
    changes(&site.terraform.plan().await.unwrap_or_else(|error| panic!("{error}")))
}

async fn edit(site: &Site, configuration: &Configuration, what: &str, expected: &[&str]) {
    let plan = planned(site, configuration).await;
    let expected: BTreeSet<String> = expected.iter().map(|change| (*change).to_owned()).collect();
    assert_eq!(plan, expected, "edit of {what}");
    site.terraform
        .apply_plan()
        .await
        .unwrap_or_else(|error| panic!("edit of {what}: {error}"));
    let plan = site
        .terraform
        .plan()
        .await
        .unwrap_or_else(|error| panic!("edit of {what}: {error}"));
    plan.must_be_empty()
        .unwrap_or_else(|error| panic!("edit of {what}: {error}"));
}

async fn assert_accepted(site: &Site, id: &str) {
    let pipeline = site.pipeline().await;
    let key = pipeline.api_key().await.unwrap();
    let answer = pipeline
        .send(&key, &payment(id, "5", &serde_json::json!({})))
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}
