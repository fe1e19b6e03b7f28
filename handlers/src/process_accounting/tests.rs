//! Behaviour of accounting (REQUIREMENTS 9.2 item 8).

use super::*;
use crate::fakes::payments::FakePayments;
use crate::fakes::{FakeClock, FakeSink, FakeTopic};

const NOW: &str = "2026-01-01T12:00:00.000Z";
const PAID_AT: &str = "2026-01-01T11:00:00.000Z";

struct Setup {
    handler: ProcessAccounting,
    table: Arc<FakePayments>,
    topic: Arc<FakeTopic>,
    sink: Arc<FakeSink>,
}

fn setup(extra: &[(&'static str, &'static str)]) -> Setup {
    let env = Env::from_pairs(
        [
            &[("TABLE_NAME", "t"), ("SNS_TOPIC_ARN", "a"), ("ENVIRONMENT", "qa")],
            extra,
        ]
        .concat(),
    );
    let config = AccountingConfig::from_env(&env).unwrap();
    let table = FakePayments::new(config.schema.clone());
    let (topic, sink) = (FakeTopic::new(), FakeSink::new());
    let metrics = Metrics::from_env(&env, NAME, FakeClock::at(NOW), sink.clone());
    let handler = ProcessAccounting::new(config, table.clone(), Some(topic.clone()), FakeClock::at(NOW), metrics);
    Setup {
        handler,
        table,
        topic,
        sink,
    }
}

fn record(id: &str, body: &str, receive_count: u32) -> Value {
    json!({"messageId": id, "receiptHandle": "handle", "body": body,
        "attributes": {"ApproximateReceiveCount": receive_count.to_string()}})
}

fn message(transaction_id: &str) -> String {
    json!({"transaction_id": transaction_id, "timestamp": PAID_AT, "amount": "10.00", "currency": "USD"}).to_string()
}

impl Setup {
    fn store(&self, id: &str, status: &str) {
        self.table
            .insert(&json!({"transaction_id": id, "timestamp": PAID_AT, "status": status}));
    }

    async fn handle(&self, records: Vec<Value>) -> Vec<String> {
        let event = json!({"Records": records});
        let response = self.handler.handle(event, &Invocation::for_test()).await.unwrap();
        let failures = response["batchItemFailures"].as_array().unwrap();
        failures
            .iter()
            .map(|f| f["itemIdentifier"].as_str().unwrap().to_owned())
            .collect()
    }

    fn alerts(&self) -> Vec<Value> {
        let alerts = self.topic.alerts.lock().unwrap();
        alerts
            .iter()
            .map(|a| serde_json::from_str(&a.message).unwrap())
            .collect()
    }
}

/// N-07, N-08: a poison record among ten; it alone is returned, at whatever place.
#[tokio::test]
async fn a_poison_record_is_returned_alone() {
    for place in 0..10 {
        let setup = setup(&[]);
        let mut records = Vec::new();
        for number in 0..10 {
            let id = format!("t{number}");
            if number == place {
                records.push(record("poison", "{not json", 1));
            } else {
                setup.store(&id, "received");
                records.push(record(&format!("m{number}"), &message(&id), 1));
            }
        }
        assert_eq!(setup.handle(records).await, ["poison"]);
        let items = setup.table.items();
        assert_eq!(items.len(), 9);
        assert!(
            items
                .iter()
                .all(|i| i["status"] == "accounting_processed" && i["accounting_processed_at"] == NOW)
        );
        assert_eq!(setup.sink.count("AccountingProcessed"), 9);
        assert_eq!(setup.sink.count("AccountingFailed"), 1);
        assert_eq!(setup.sink.count(HANDLER_FAULT), 0);
        assert!(setup.alerts().is_empty(), "not the last attempt");
    }
}

/// 9.2 item 8: an alert at the third receive only, and it names the right payment.
#[tokio::test]
async fn the_last_attempt_alerts_with_the_right_id() {
    let setup = setup(&[]);
    setup.store("good", "received");
    for (receive_count, alerts) in [(1, 0), (2, 0), (3, 1)] {
        let records = vec![
            record("m1", &message("good"), receive_count),
            record("m2", &message("ghost"), receive_count),
        ];
        assert_eq!(setup.handle(records).await, ["m2"]);
        assert_eq!(setup.alerts().len(), alerts, "receive {receive_count}");
    }
    let alert = &setup.alerts()[0];
    assert_eq!(
        *alert,
        json!({"error": "payment is not in the table", "transaction_id": "ghost", "message_id": "m2",
            "approximate_receive_count": 3, "timestamp": NOW, "schema_version": "1.0", "environment": "qa"})
    );
    assert_eq!(
        setup.topic.alerts.lock().unwrap()[0].subject,
        "Payment Processing Failure"
    );
    assert!(!setup.topic.alerts.lock().unwrap()[0].message.contains("handle"));
}

/// N-09: nothing is created for a payment that is not there.
#[tokio::test]
async fn no_ghost_items() {
    let setup = setup(&[]);
    assert_eq!(setup.handle(vec![record("m", &message("ghost"), 1)]).await, ["m"]);
    assert!(setup.table.items().is_empty());
}

/// N-37, 8.3: nothing moves backwards; a repetition is done, not failed.
#[tokio::test]
async fn statuses_only_move_forward() {
    for (status, after, fails) in [
        ("received", "accounting_processed", false),
        ("pending", "accounting_processed", false),
        ("processed", "accounting_processed", false),
        ("analyzed", "accounting_processed", false),
        ("accounting_processed", "accounting_processed", false),
        ("archived", "archived", false),
        ("rejected", "rejected", true),
        ("failed", "failed", true),
    ] {
        let setup = setup(&[]);
        setup.store("t", status);
        let failed = setup.handle(vec![record("m", &message("t"), 1)]).await;
        assert_eq!(
            (failed.len() == 1, &setup.table.items()[0]["status"]),
            (fails, &json!(after)),
            "{status}"
        );
    }
}

#[tokio::test]
async fn the_same_message_twice_in_a_batch_is_one_effect() {
    let setup = setup(&[]);
    setup.store("t", "received");
    let records = vec![record("a", &message("t"), 1), record("b", &message("t"), 1)];
    assert!(setup.handle(records).await.is_empty());
    assert_eq!(
        (
            setup.sink.count("AccountingProcessed"),
            setup.sink.count("AccountingDuplicate")
        ),
        (1, 1)
    );
}

/// N-17: a table that does not answer is our fault, and only its record comes back.
#[tokio::test]
async fn a_failing_table_is_a_visible_fault() {
    let setup = setup(&[]);
    setup.store("a", "received");
    setup.store("b", "received");
    setup.table.fail_next("mark_accounted");
    let failed = setup
        .handle(vec![record("m1", &message("a"), 3), record("m2", &message("b"), 3)])
        .await;
    assert_eq!(failed.len(), 1, "the other one is done");
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
    let alert = &setup.alerts()[0];
    assert_eq!(alert["error"], "mark_accounted failed: ThrottlingException");
    assert_eq!(
        alert["message_id"],
        json!(failed[0]),
        "the alert names the right record"
    );
}

#[tokio::test]
async fn a_failed_alert_does_not_lose_the_message() {
    let setup = setup(&[]);
    *setup.topic.fails.lock().unwrap() = true;
    assert_eq!(setup.handle(vec![record("m", "poison", 3)]).await, ["m"]);
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
}

#[tokio::test]
async fn messages_that_name_no_payment_fail() {
    let setup = setup(&[]);
    for body in [
        "[]",
        "5",
        r#"{"timestamp": "2026-01-01T11:00:00.000Z"}"#,
        r#"{"transaction_id": "t"}"#,
        r#"{"transaction_id": "t", "timestamp": "yesterday"}"#,
        r#"{"transaction_id": "a b", "timestamp": "2026-01-01T11:00:00.000Z"}"#,
    ] {
        assert_eq!(setup.handle(vec![record("m", body, 1)]).await, ["m"], "{body}");
    }
    let error = setup
        .handler
        .handle(json!({}), &Invocation::for_test())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "ValidationError");
}

/// The table of seed 004: Pascal case, no range key.
#[tokio::test]
async fn other_tables_are_served() {
    let setup = setup(&[
        ("TABLE_HASH_KEY", "TransactionId"),
        ("TABLE_RANGE_KEY", "none"),
        ("ATTRIBUTE_STYLE", "pascal_case"),
    ]);
    setup
        .table
        .insert(&json!({"TransactionId": "t", "Status": "processed"}));
    assert!(setup.handle(vec![record("m", &message("t"), 1)]).await.is_empty());
    let item = &setup.table.items()[0];
    assert_eq!(
        (&item["Status"], &item["AccountingProcessedAt"]),
        (&json!("accounting_processed"), &json!(NOW))
    );
}
