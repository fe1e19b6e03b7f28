//! The EventBridge kinds on the sandbox.

use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::event_archive::EventArchive;
use tap_resources::aws::event_bus::EventBus;
use tap_resources::aws::event_rule::EventRule;
use tap_resources::aws::event_target::EventTarget;

use crate::support::{Life, aws, context, settings};

fn bus(key: &'static str, aws: &std::sync::Arc<tap_resources::aws::Aws>) -> (EventBus, serde_json::Value) {
    let tags = json!({"tap:stack": "webhook_pipeline/test", "tap:component": key});
    (EventBus(aws.clone()), json!({"name": "payments", "tags": tags}))
}

#[tokio::test]
async fn event_bus() {
    let sandbox = Sandbox::start().await.unwrap();
    let key = "arn:aws:kms:us-east-1:000000000000:key/1";
    Life {
        kind: &EventBus(aws(&sandbox)),
        key: "event_bus.payments",
        desired: json!({"name": "payments", "description": "payments"}),
        edits: vec![
            json!({"kms_key_identifier": key, "dead_letter_arn": "arn:aws:sqs:us-east-1:000000000000:dlq"}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "event_bus.payments"}}),
            json!({"description": "all payments"}),
            json!({"description": null, "kms_key_identifier": null, "dead_letter_arn": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn event_archive() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let (bus, wanted) = bus("event_bus.payments", &aws);
    let made = bus
        .create(&context("event_bus.payments"), &settings(wanted))
        .await
        .unwrap();
    Life {
        kind: &EventArchive(aws),
        key: "event_archive.payments",
        desired: json!({"archive_name": "payments", "event_source_arn": made["arn"], "retention_days": 30}),
        edits: vec![
            json!({"event_pattern": {"source": ["tap.payments"]}, "retention_days": 7}),
            json!({"description": "for replays", "kms_key_identifier": "alias/data"}),
            json!({"description": null, "retention_days": null, "event_pattern": null, "kms_key_identifier": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn event_archive_of_another_bus_is_not_taken_over() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let (bus, wanted) = bus("event_bus.payments", &aws);
    let made = bus
        .create(&context("event_bus.payments"), &settings(wanted))
        .await
        .unwrap();
    let kind = EventArchive(aws);
    let cx = context("event_archive.payments");
    let mine = settings(json!({"archive_name": "payments", "event_source_arn": made["arn"]}));
    kind.create(&cx, &mine).await.unwrap();
    let other =
        settings(json!({"archive_name": "payments", "event_source_arn": "arn:aws:events:us-east-1:1:event-bus/x"}));
    assert!(matches!(kind.find(&cx, &other).await, Err(KindError::NotOwned { .. })));
}

#[tokio::test]
async fn event_rule() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let (bus, wanted) = bus("event_bus.payments", &aws);
    bus.create(&context("event_bus.payments"), &settings(wanted))
        .await
        .unwrap();
    let amounts =
        |from: u32| json!({"source": ["tap"], "detail": {"amount": [{"numeric": [">=", from, "<=", 10_000]}]}});
    Life {
        kind: &EventRule(aws.clone()),
        key: "event_rule.medium",
        desired: json!({"name": "medium", "event_bus_name": "payments", "event_pattern": amounts(1000)}),
        edits: vec![
            json!({"event_pattern": amounts(500), "description": "medium amounts"}),
            json!({"state": "DISABLED"}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "event_rule.medium"}}),
            json!({"description": null, "state": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
    Life {
        kind: &EventRule(aws),
        key: "event_rule.daily",
        desired: json!({"name": "daily", "schedule_expression": "rate(1 day)", "state": "ENABLED"}),
        edits: vec![json!({"schedule_expression": "cron(0 3 * * ? *)"})],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn event_rule_of_somebody_else_is_not_overwritten() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = EventRule(aws(&sandbox));
    let wanted = settings(json!({"name": "shared", "schedule_expression": "rate(1 day)"}));
    kind.create(&context("event_rule.shared"), &wanted).await.unwrap();
    let stolen = kind.create(&context("event_rule.shared"), &wanted).await;
    assert!(matches!(stolen, Err(KindError::NotOwned { .. })), "{stolen:?}");
}

#[tokio::test]
async fn event_target() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let (bus, wanted) = bus("event_bus.payments", &aws);
    bus.create(&context("event_bus.payments"), &settings(wanted))
        .await
        .unwrap();
    let rule = json!({"name": "high", "event_bus_name": "payments", "event_pattern": {"source": ["tap"]}});
    EventRule(aws.clone())
        .create(&context("event_rule.high"), &settings(rule))
        .await
        .unwrap();
    Life {
        kind: &EventTarget(aws),
        key: "event_target.queue",
        desired: json!({
            "event_bus_name": "payments", "rule": "high", "target_id": "queue",
            "arn": "arn:aws:sqs:us-east-1:000000000000:queue",
            "dead_letter_arn": "arn:aws:sqs:us-east-1:000000000000:dlq",
            "retry_policy": {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 10}
        }),
        edits: vec![
            json!({"input_transformer": {"input_paths": {"detail": "$.detail"}, "input_template": "{\"payment\": <detail>}"}}),
            json!({"input_transformer": null, "input": {"fixed": 1}}),
            json!({
                "arn": "arn:aws:states:us-east-1:000000000000:stateMachine:workflow",
                "role_arn": "arn:aws:iam::000000000000:role/events", "input": null, "retry_policy": null
            }),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn event_target_is_gone_with_its_rule() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = EventTarget(aws(&sandbox));
    let id = "default|nothing|target";
    assert_eq!(
        kind.read(&context("event_target.x"), id, &settings(json!({})))
            .await
            .unwrap(),
        None
    );
    kind.delete(&context("event_target.x"), id, &settings(json!({})))
        .await
        .unwrap();
}
