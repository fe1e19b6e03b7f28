//! Behaviour of the notifier (REQUIREMENTS 9.2 item 9).

use super::*;
use crate::config::InitError;
use crate::fakes::{FakeBucket, FakeClock, FakeSink, FakeTopic};

const NOW: &str = "2026-01-03T12:00:00.000Z";
const BODY: &str = r#"{"transaction_id": "t1", "customer_id": "alice@example.com", "card": "4111111111111111"}"#;

struct Setup {
    handler: NotifyFailures,
    topic: Arc<FakeTopic>,
    bucket: Arc<FakeBucket>,
    sink: Arc<FakeSink>,
}

fn config(extra: &[(&'static str, &'static str)]) -> Result<NotifierConfig, InitError> {
    NotifierConfig::from_env(&Env::from_pairs(
        [&[("SNS_TOPIC_ARN", "a"), ("ENVIRONMENT", "qa")], extra].concat(),
    ))
}

fn setup(extra: &[(&'static str, &'static str)]) -> Setup {
    let (topic, bucket, sink) = (FakeTopic::new(), FakeBucket::new(), FakeSink::new());
    let metrics = Metrics::from_env(&Env::default(), NAME, FakeClock::at(NOW), sink.clone());
    let handler = NotifyFailures::new(
        config(extra).unwrap(),
        topic.clone(),
        Some(bucket.clone()),
        FakeClock::at(NOW),
        metrics,
    );
    Setup {
        handler,
        topic,
        bucket,
        sink,
    }
}

fn record(id: &str, body: &str, receive_count: u32) -> Value {
    json!({"messageId": id, "receiptHandle": "AQEB-handle", "body": body,
        "attributes": {"ApproximateReceiveCount": receive_count.to_string(), "SentTimestamp": "1767312000000"},
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:payment-processing-dlq-qa"})
}

impl Setup {
    async fn handle(&self, records: Vec<Value>) -> Vec<String> {
        let event = json!({"Records": records});
        let response = self.handler.handle(event, &Invocation::for_test()).await.unwrap();
        let failures = response["batchItemFailures"].as_array().unwrap();
        failures
            .iter()
            .map(|f| f["itemIdentifier"].as_str().unwrap().to_owned())
            .collect()
    }
    fn alerts(&self) -> Vec<Alert> {
        self.topic.alerts.lock().unwrap().clone()
    }
}

const ARCHIVE: &[(&str, &str)] = &[("ARCHIVE_BUCKET", "b")];

/// N-11: no receipt handle, no payload; the seed's keys are kept.
#[tokio::test]
async fn the_alert_is_redacted() {
    let setup = setup(ARCHIVE);
    assert!(setup.handle(vec![record("m1", BODY, 4)]).await.is_empty());
    let alert = &setup.alerts()[0];
    assert_eq!(alert.subject, "ALERT: Payment Processing DLQ Message");
    assert!(alert.subject.len() <= 100);
    for secret in ["AQEB", "alice", "4111", "card"] {
        assert!(!alert.message.contains(secret), "{secret}: {}", alert.message);
    }
    let text: Value = serde_json::from_str(&alert.message).unwrap();
    assert_eq!(
        text,
        json!({"alert_type": "DLQ_MESSAGE", "timestamp": NOW, "message_id": "m1", "queue": "payment-processing-dlq-qa",
            "sent_at": "2026-01-02T00:00:00.000Z", "approximate_receive_count": 4,
            "message": {"transaction_id": "t1", "hint": "message is well-formed; see the log of process_accounting",
                "bytes": BODY.len()},
            "archived_as": "dlq/2026/01/02/m1.json", "schema_version": "1.0", "environment": "qa"})
    );
    assert_eq!(alert.attributes, [("alert_type", "DLQ_MESSAGE"), ("severity", "high")]);
}

/// N-10: the copy is complete, so that the message can be sent again; it is never written twice.
#[tokio::test]
async fn the_message_is_archived_before_it_goes() {
    let setup = setup(ARCHIVE);
    setup.handle(vec![record("m1", BODY, 4)]).await;
    setup.handle(vec![record("m1", BODY, 5)]).await;
    assert_eq!(setup.bucket.keys(), ["dlq/2026/01/02/m1.json"]);
    let copy: Value = serde_json::from_str(&setup.bucket.text("dlq/2026/01/02/m1.json")).unwrap();
    assert_eq!(
        (&copy["body"], &copy["queue"]),
        (&json!(BODY), &json!("payment-processing-dlq-qa"))
    );
    assert!(!copy.to_string().contains("AQEB"));
}

/// 9.2 item 9: what could not be told stays in the queue.
#[tokio::test]
async fn a_failed_publish_keeps_the_message() {
    for extra in [ARCHIVE, &[("KEEP_IN_DLQ", "delete")], &[("KEEP_IN_DLQ", "retain")]] {
        let setup = setup(extra);
        *setup.topic.fails.lock().unwrap() = true;
        assert_eq!(
            setup.handle(vec![record("m1", BODY, 4), record("m2", BODY, 4)]).await,
            ["m1", "m2"]
        );
        assert_eq!(setup.sink.count(HANDLER_FAULT), 2);
        *setup.topic.fails.lock().unwrap() = false;
        setup.handle(vec![record("m1", BODY, 5)]).await;
        assert_eq!(setup.alerts().len(), 1, "made up for at the next receive");
    }
}

#[tokio::test]
async fn a_failed_copy_keeps_the_message_and_alerts_nobody() {
    let setup = setup(ARCHIVE);
    *setup.bucket.fails.lock().unwrap() = true;
    assert_eq!(setup.handle(vec![record("m1", BODY, 4)]).await, ["m1"]);
    assert!(setup.alerts().is_empty());
}

/// Retained messages come back for days: first sight and doubling distances are told, the rest is quiet.
#[tokio::test]
async fn retained_messages_stay_and_remind_ever_less() {
    let setup = setup(&[("KEEP_IN_DLQ", "retain")]);
    let mut told = Vec::new();
    for count in 4..100 {
        let before = setup.alerts().len();
        assert_eq!(setup.handle(vec![record("m1", BODY, count)]).await, ["m1"], "stays");
        if setup.alerts().len() > before {
            told.push(count - 3);
        }
    }
    assert_eq!(told, [1, 2, 4, 8, 16, 32, 64]);
    assert!(setup.bucket.keys().is_empty());
}

#[tokio::test]
async fn delete_mode_alerts_and_lets_go() {
    let setup = setup(&[("KEEP_IN_DLQ", "delete")]);
    assert!(setup.handle(vec![record("m1", "not json at all", 9)]).await.is_empty());
    let text: Value = serde_json::from_str(&setup.alerts()[0].message).unwrap();
    assert_eq!(
        text["message"],
        json!({"transaction_id": null, "hint": "message is not a JSON object", "bytes": 15})
    );
}

#[test]
fn the_mode_follows_the_bucket() {
    assert_eq!(config(ARCHIVE).unwrap().keep, KeepMode::Archive);
    assert_eq!(config(&[]).unwrap().keep, KeepMode::Retain);
    assert_eq!(
        config(&[("KEEP_IN_DLQ", "archive")]).unwrap_err(),
        InitError::MissingVariable("ARCHIVE_BUCKET".into())
    );
    assert!(config(&[("KEEP_IN_DLQ", "true")]).is_err());
}
