//! Behaviour of the publisher against in-memory ports.

use std::sync::atomic::Ordering;

use super::*;
use crate::fakes::{FakeBucket, FakeBus, FakeClock, FakeSink, FakeWorkflow};

struct Setup {
    publisher: OutboxPublisher,
    bus: Arc<FakeBus>,
    workflow: Arc<FakeWorkflow>,
    bucket: Arc<FakeBucket>,
    sink: Arc<FakeSink>,
}

fn setup(trigger_all: bool) -> Setup {
    let (bus, workflow, bucket, sink) = (FakeBus::new(), FakeWorkflow::new(), FakeBucket::new(), FakeSink::new());
    let metrics = Metrics::from_env(
        &Env::default(),
        NAME,
        FakeClock::at("2026-01-01T00:00:00.000Z"),
        sink.clone(),
    );
    let started: Option<Arc<dyn WorkflowStarter>> = if trigger_all { Some(workflow.clone()) } else { None };
    let mut publisher = OutboxPublisher::new(bus.clone(), started, Some(bucket.clone()), metrics);
    publisher.backoff.base = Duration::from_micros(10);
    Setup {
        publisher,
        bus,
        workflow,
        bucket,
        sink,
    }
}

fn record(sequence: u32, amount: &str) -> Value {
    json!({"eventName": "INSERT", "dynamodb": {"SequenceNumber": format!("{sequence:04}"), "NewImage": {
        "transaction_id": {"S": format!("txn_{sequence}")}, "timestamp": {"S": "2026-01-02T03:04:05.006Z"},
        "amount": {"N": amount}, "currency": {"S": "USD"}, "status": {"S": "pending"},
        "metadata": {"M": {"rate": {"N": "0.1"}}}}}})
}

impl Setup {
    async fn send(&self, records: Vec<Value>) -> Value {
        self.publisher
            .handle(json!({"Records": records}), &Invocation::for_test())
            .await
            .unwrap()
    }

    fn published(&self) -> Vec<String> {
        self.bus
            .details()
            .iter()
            .map(|d| d["transaction_id"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn none() -> Value {
    json!({"batchItemFailures": []})
}

fn failed(sequence: &str) -> Value {
    json!({"batchItemFailures": [{"itemIdentifier": sequence}]})
}

#[tokio::test]
async fn an_insert_becomes_one_event_and_one_audit_object() {
    let setup = setup(false);
    assert_eq!(setup.send(vec![record(1, "15000")]).await, none());
    let event = setup.bus.taken.lock().unwrap()[0].clone();
    assert_eq!(
        (event.source.as_ref(), event.detail_type.as_ref()),
        ("webhook.transaction", "Transaction Created")
    );
    let detail: Value = serde_json::from_str(&event.detail).unwrap();
    assert_eq!(detail["amount"].to_string(), "15000");
    assert_eq!(detail["amount_text"], "15000");
    assert_eq!(
        (&detail["routing"], &detail["currency"]),
        (&json!("standard"), &json!("USD"))
    );
    assert_eq!(detail["timestamp"], "2026-01-02T03:04:05.006Z");
    assert_eq!(setup.bucket.keys(), ["audit/2026/01/02/0001.json.gz"]);
    let audit: Value = serde_json::from_str(&setup.bucket.text("audit/2026/01/02/0001.json.gz")).unwrap();
    assert_eq!(audit["metadata"]["rate"].to_string(), "0.1");
    assert!(setup.workflow.started.lock().unwrap().is_empty());
}

#[tokio::test]
async fn changes_and_removals_are_not_published() {
    let setup = setup(false);
    let mut modify = record(1, "1");
    modify["eventName"] = json!("MODIFY");
    let remove = json!({"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "0002"}});
    assert_eq!(setup.send(vec![modify, remove]).await, none());
    assert_eq!(setup.bus.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn amounts_beyond_eventbridge_are_left_to_the_catch_all_rule() {
    let setup = setup(false);
    setup
        .send(vec![
            record(1, "5000000000"),
            record(2, "5000000001"),
            record(3, "12345678901234567890.12"),
        ])
        .await;
    let details = setup.bus.details();
    assert_eq!(
        (&details[0]["routing"], details[0].get("amount").is_some()),
        (&json!("standard"), true)
    );
    for (detail, text) in details[1..].iter().zip(["5000000001", "12345678901234567890.12"]) {
        assert_eq!((&detail["routing"], detail.get("amount")), (&json!("unroutable"), None));
        assert_eq!(detail["amount_text"], text);
    }
}

#[tokio::test]
async fn refused_entries_are_retried_alone() {
    let setup = setup(false);
    setup.bus.refuse.lock().unwrap().push(("txn_2\"".into(), 2));
    assert_eq!(setup.send((1..=3).map(|n| record(n, "1")).collect()).await, none());
    assert_eq!(setup.published(), ["txn_1", "txn_3", "txn_2"]);
    assert_eq!(setup.bus.calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_lowest_failed_sequence_number_is_reported() {
    let setup = setup(false);
    setup
        .bus
        .refuse
        .lock()
        .unwrap()
        .extend([("txn_14\"".into(), usize::MAX), ("txn_12\"".into(), usize::MAX)]);
    assert_eq!(
        setup.send((1..=25).map(|n| record(n, "1")).collect()).await,
        failed("0012")
    );
    // The requests after the failed one are left for the retry.
    assert_eq!(setup.published().len(), 18);
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
    assert_eq!(setup.sink.count("EventsPublished"), 18);
}

#[tokio::test]
async fn a_poison_record_does_not_stop_those_before_it() {
    let setup = setup(false);
    let mut poison = record(3, "1");
    poison["dynamodb"]["NewImage"]["amount"] = json!({"S": "NaN"});
    let result = setup
        .send(vec![record(1, "1"), record(2, "1"), poison, record(4, "1")])
        .await;
    assert_eq!(result, failed("0003"));
    assert_eq!(setup.published(), ["txn_1", "txn_2"]);
}

/// W-25: reported again and again, a record that can never be read takes all that follows it in its batch along when
/// the retry limit is reached. An error makes Lambda halve the batch, until it is alone.
#[tokio::test]
async fn w_25_a_poison_record_is_parted_from_those_behind_it() {
    let setup = setup(false);
    let mut poison = record(1, "1");
    poison["dynamodb"]["NewImage"]["transaction_id"] = json!({"S": "no id"});
    let event = json!({"Records": [poison, record(2, "1"), record(3, "1")]});
    let error = setup
        .publisher
        .handle(event, &Invocation::for_test())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "InternalError");
    assert!(setup.published().is_empty(), "in order");
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
    let alone = setup.send(vec![event_of_poison()]).await;
    assert_eq!(alone, failed("0001"));
}

fn event_of_poison() -> Value {
    json!({"eventName": "INSERT", "dynamodb": {"SequenceNumber": "0001", "NewImage": {"transaction_id": {"S": "no id"}}}})
}

/// W-24: a guard that has expired lets an id in again; that is a transaction of its own, and has its own execution.
#[tokio::test]
async fn w_24_each_item_has_an_execution_of_its_own() {
    let setup = setup(true);
    let first = record(1, "1");
    let mut later = record(2, "1");
    later["dynamodb"]["NewImage"]["transaction_id"] = json!({"S": "txn_1"});
    later["dynamodb"]["NewImage"]["timestamp"] = json!({"S": "2026-02-02T03:04:05.006Z"});
    setup.send(vec![first.clone(), later.clone()]).await;
    setup.send(vec![first, later]).await;
    assert_eq!(setup.workflow.started.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn no_event_without_its_audit_object() {
    let setup = setup(false);
    *setup.bucket.fails.lock().unwrap() = true;
    assert_eq!(setup.send(vec![record(1, "1"), record(2, "1")]).await, failed("0001"));
    assert!(setup.published().is_empty());
    *setup.bucket.fails.lock().unwrap() = false;
    assert_eq!(setup.send(vec![record(1, "1"), record(2, "1")]).await, none());
    assert_eq!(setup.published(), ["txn_1", "txn_2"]);
}

#[tokio::test]
async fn trigger_all_starts_each_workflow_once() {
    let setup = setup(true);
    for _ in 0..2 {
        assert_eq!(setup.send(vec![record(1, "5"), record(2, "7.5")]).await, none());
    }
    let started = setup.workflow.started.lock().unwrap();
    assert_eq!(started.len(), 2);
    let name = execution_name(
        &crate::domain::id::TransactionId::parse("txn_2").unwrap(),
        crate::domain::time::UtcMillis::parse("2026-01-02T03:04:05.006Z").unwrap(),
    );
    assert_eq!(started[&name]["timestamp"], "2026-01-02T03:04:05.006Z");
    assert_eq!(started[&name]["transaction"]["amount"].to_string(), "7.5");
    assert!(name.len() <= 80 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
}

#[tokio::test]
async fn a_failed_start_is_retried_before_the_event_is_sent() {
    let setup = setup(true);
    *setup.workflow.fails.lock().unwrap() = true;
    assert_eq!(setup.send(vec![record(1, "5")]).await, failed("0001"));
    assert!(setup.published().is_empty());
}

#[tokio::test]
async fn other_events_are_refused() {
    let setup = setup(false);
    let error = setup
        .publisher
        .handle(json!({"detail": {}}), &Invocation::for_test())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "ValidationError");
}

#[test]
fn requests_stay_within_eventbridge_limits() {
    let event = |bytes: usize| BusEvent {
        time: crate::domain::time::UtcMillis::from_epoch_millis(0),
        source: "s".into(),
        detail_type: "d".into(),
        detail: "x".repeat(bytes),
    };
    let sizes = |events: &[(&str, BusEvent)]| chunks(events).iter().map(|c| c.len()).collect::<Vec<_>>();
    assert_eq!(sizes(&vec![("1", event(10)); 25]), [10, 10, 5]);
    assert_eq!(sizes(&vec![("1", event(100 * 1024)); 5]), [2, 2, 1]);
    assert_eq!(sizes(&vec![("1", event(300 * 1024)); 2]), [1, 1]);
    assert!(sizes(&[]).is_empty());
}

#[test]
fn the_state_machine_is_needed_only_for_trigger_all() {
    let env = |trigger: &str| Env::from_pairs([("EVENT_BUS_NAME", "b"), ("WORKFLOW_TRIGGER", trigger)]);
    assert!(PublisherConfig::from_env(&env("event_rule")).is_ok());
    let error = PublisherConfig::from_env(&env("all")).unwrap_err();
    assert_eq!(error, InitError::MissingVariable("STATE_MACHINE_ARN".into()));
    assert!(PublisherConfig::from_env(&env("both")).is_err());
}
