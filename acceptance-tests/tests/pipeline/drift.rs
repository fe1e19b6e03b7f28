//! (h) What somebody changes behind Terraform's back shows as exactly that, and the next apply puts it right.

use crate::changes::changes;
use crate::site::Site;
use aws_sdk_sqs::types::QueueAttributeName;
use std::collections::BTreeSet;
use tap_acceptance_tests::pipeline::{Configuration, Pipeline};

#[tokio::test]
async fn drift_shows_setting_by_setting_and_is_put_right() {
    let site = Site::applied(&Configuration::new("drift")).await;
    let pipeline = site.pipeline().await;
    meddle(&site, &pipeline).await;

    let plan = site.terraform.plan().await.unwrap();

    let expected = [
        "+metric_alarm.dlq_depth",
        "+schedule.archival",
        "event_rule.high.description",
        // A function put right is published, and its alias moved.
        "lambda_alias.validator.function_version",
        "lambda_function.validator.memory_size",
        "lambda_function.validator.publish",
        "log_group.fraud.retention_in_days",
        "sqs_queue.dlq.message_retention_seconds",
    ];
    assert_eq!(
        changes(&plan),
        BTreeSet::from(expected.map(str::to_owned)),
        "{}",
        plan.text
    );
    assert!(
        crate::site::one_line(&plan.text).contains(r#"~ "memory_size" = "256" -> "1024""#),
        "{}",
        plan.text
    );
    site.terraform
        .apply_plan()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    site.must_be_settled().await;
    let function = site.aws.lambda().get_function_configuration();
    let function = function.function_name("webhook-validator-drift").send().await.unwrap();
    assert_eq!(function.memory_size(), Some(1024));
    site.destroy().await;
}

async fn meddle(site: &Site, pipeline: &Pipeline) {
    let aws = &site.aws;
    let queue = aws
        .sqs()
        .set_queue_attributes()
        .queue_url(pipeline.attribute("dlq_url").unwrap());
    queue
        .attributes(QueueAttributeName::MessageRetentionPeriod, "60")
        .send()
        .await
        .unwrap();
    let function = aws
        .lambda()
        .update_function_configuration()
        .function_name("webhook-validator-drift");
    function.memory_size(256).send().await.unwrap();
    let group = aws
        .logs()
        .put_retention_policy()
        .log_group_name("/aws/lambda/fraud-detector-drift");
    group.retention_in_days(1).send().await.unwrap();
    aws.cloudwatch()
        .delete_alarms()
        .alarm_names("webhook-dlq-depth-drift")
        .send()
        .await
        .unwrap();
    aws.scheduler()
        .delete_schedule()
        .name("transaction-archival-drift")
        .send()
        .await
        .unwrap();
    let events = aws.eventbridge();
    let (bus, rule) = ("payment-events-drift", "high-value-transactions-drift");
    let found = events
        .describe_rule()
        .event_bus_name(bus)
        .name(rule)
        .send()
        .await
        .unwrap();
    let changed = events
        .put_rule()
        .event_bus_name(bus)
        .name(rule)
        .description("changed by hand");
    changed.set_event_pattern(found.event_pattern).send().await.unwrap();
}

/// What is gone from AWS is planned again, with what refers to it.
#[tokio::test]
async fn a_function_that_is_gone_is_made_again_and_works() {
    let site = Site::applied(&Configuration::new("gone")).await;
    let functions = site.aws.lambda();
    functions
        .delete_function()
        .function_name("fraud-detector-gone")
        .send()
        .await
        .unwrap();

    let plan = site.terraform.plan().await.unwrap();

    // Its alias is gone with it. Those who name it have to be told of the new one, should it be another.
    let expected = [
        "+lambda_alias.fraud",
        "+lambda_function.fraud",
        "iam_role.workflow.inline_policies",
        "state_machine.transactions.definition",
    ];
    let expected = BTreeSet::from(expected.map(str::to_owned));
    assert_eq!(changes(&plan), expected, "{}", plan.text);
    site.terraform
        .apply_plan()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    site.must_be_settled().await;
    let pipeline = site.pipeline().await;
    let key = pipeline.api_key().await.unwrap();
    let body = tap_acceptance_tests::pipeline::payment("after", "20000", &serde_json::json!({}));
    assert_eq!(pipeline.send(&key, &body).await.unwrap().status, 200);
    pipeline.item_when("after", "analyzed").await.unwrap();
    site.destroy().await;
}
