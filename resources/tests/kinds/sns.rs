use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::sns_subscription::SnsSubscription;
use tap_resources::aws::sns_topic::SnsTopic;

use crate::support::{Life, REGION, aws, context, settings};

#[tokio::test]
async fn sns_topic() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let arn = aws.arn("sns", REGION, "alerts-test");
    Life {
        kind: &SnsTopic(aws),
        key: "sns_topic.alerts",
        desired: json!({"name": "alerts-test", "display_name": "Alerts", "kms_master_key_id": "alias/aws/sns"}),
        edits: vec![
            json!({"display_name": "More alerts", "tracing_config": "Active"}),
            json!({"policy": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com"]}, "Action": "sns:Publish",
                "Resource": arn,
            }]}}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "sns_topic.alerts"}}),
            json!({"display_name": null, "kms_master_key_id": null, "policy": null, "tracing_config": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// `CreateTopic` answers with a topic that is there already; it must not be taken for a new one.
#[tokio::test]
async fn a_topic_of_somebody_else_is_not_taken_over() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    aws.sns(REGION).create_topic().name("theirs").send().await.unwrap();
    let cx = context("sns_topic.alerts");
    let error = SnsTopic(aws)
        .create(&cx, &settings(json!({"name": "theirs"})))
        .await
        .unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
    assert!(cx.journal.lock().unwrap().is_none());
}

#[tokio::test]
async fn sns_subscription() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let topic = SnsTopic(aws.clone())
        .create(&context("sns_topic.alerts"), &settings(json!({"name": "alerts-test"})))
        .await
        .unwrap();
    Life {
        kind: &SnsSubscription(aws.clone()),
        key: "sns_subscription.queue",
        desired: json!({
            "topic_arn": topic["arn"], "protocol": "sqs", "endpoint": aws.arn("sqs", REGION, "queue-test"),
            "filter_policy": {"status": ["high", "medium"], "amount": [{"numeric": [">", 1000.5]}]},
        }),
        edits: vec![
            json!({"raw_message_delivery": true}),
            json!({"filter_policy": {"status": ["high"]}, "filter_policy_scope": "MessageBody"}),
            json!({"redrive_policy": {"deadLetterTargetArn": aws.arn("sqs", REGION, "dlq-test")}}),
            json!({
                "filter_policy": null, "filter_policy_scope": null, "raw_message_delivery": null, "redrive_policy": null,
            }),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// Where the topic has gone, its subscriptions have gone.
#[tokio::test]
async fn a_subscription_of_a_deleted_topic_is_gone() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = SnsSubscription(aws(&sandbox));
    let id = "arn:aws:sns:us-east-1:111122223333:none|email|ops@example.com";
    let cx = context("sns_subscription.ops");
    assert!(kind.read(&cx, id, &settings(json!({}))).await.unwrap().is_none());
    kind.delete(&cx, id, &settings(json!({}))).await.unwrap();
}
