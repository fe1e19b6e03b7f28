//! The reconciler against in-memory ports (N-14, R-11, R-22).

use super::*;
use crate::config::Env;
use crate::domain::submission::{Submission, SubmissionRules};
use crate::domain::table_schema::Receipt;
use crate::domain::time::UtcMillis;
use crate::fakes::payments::{FakePayments, FakeQueue};
use crate::fakes::{FakeBucket, FakeClock, FakeSink};
use crate::payment_processor::{Audit, FollowUps};

const HERE: &str = "us-east-1";
const ACCEPTED: &str = "2026-01-01T12:00:00.000Z";
/// A second more than the twenty minutes after which a payment is stuck.
const NOW: &str = "2026-01-01T12:20:01.000Z";

struct Setup {
    reconciler: PaymentReconciler,
    config: SweepConfig,
    table: Arc<FakePayments>,
    queue: Arc<FakeQueue>,
    bucket: Arc<FakeBucket>,
    clock: Arc<FakeClock>,
    sink: Arc<FakeSink>,
}

fn setup(extra: &[(&str, &str)]) -> Setup {
    let base = [
        ("AWS_REGION", HERE),
        ("QUEUE_URL", "q"),
        ("TABLE_NAME", "t"),
        ("STATUS_INDEX", "status-index"),
        ("AUDIT_BUCKET", "b"),
        ("DETECT_CONFLICTS", "true"),
    ];
    let env = Env::from_pairs(base.iter().chain(extra).copied());
    let config = ReconcilerConfig::from_env(&env).unwrap();
    let own = config.sweep.clone().unwrap();
    let table = FakePayments::new(own.schema.clone());
    let (queue, bucket) = (FakeQueue::new(), FakeBucket::new());
    let (clock, sink) = (FakeClock::at(NOW), FakeSink::new());
    let follow_ups = FollowUps {
        audit: Some(Audit {
            bucket: bucket.clone(),
            prefix: own.audit_prefix.clone(),
            environment: config.environment.clone(),
        }),
        queue: Some((queue.clone(), table.clone())),
    };
    let sweep = Sweep::new(own.clone(), table.clone(), table.clone(), follow_ups);
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    Setup {
        reconciler: PaymentReconciler::new(config, Some(sweep), clock.clone(), metrics),
        config: own,
        table,
        queue,
        bucket,
        clock,
        sink,
    }
}

impl Setup {
    /// Stores a payment as the processor does, and nothing after that.
    fn stuck(&self, id: &str, accepted_at: &str, region: &str) -> Value {
        let fields = json!({"id": id, "amount": "10.50", "currency": "USD", "metadata": {"card": "4111"}});
        let rules = SubmissionRules::new(&[], false).unwrap();
        let submission = Submission::from_json(fields.as_object().unwrap(), &rules).unwrap();
        let hash = submission.content_hash();
        let receipt = Receipt {
            received_at: UtcMillis::parse(accepted_at).unwrap(),
            status: "received",
            region,
            payload_hash: &hash,
        };
        let item = Value::Object(self.config.schema.item(&submission, receipt));
        self.table.insert(&item);
        item
    }

    async fn call(&self, event: Value) -> Result<Value, HandlerError> {
        self.reconciler.handle(event, &Invocation::for_test()).await
    }

    async fn found(&self) -> (Value, Value, Value) {
        let answer = self.call(json!({})).await.unwrap();
        let member = |name: &str| answer[name].clone();
        (member("found"), member("reconciled"), member("incomplete"))
    }

    fn sent(&self) -> Vec<String> {
        let messages = self.queue.messages.lock().unwrap();
        let mut ids: Vec<String> = messages
            .iter()
            .map(|m| m["transaction_id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        ids
    }
}

fn done(found: u64, reconciled: u64, incomplete: bool) -> (Value, Value, Value) {
    (found.into(), reconciled.into(), incomplete.into())
}

/// N-14: the message and the audit object that a dead process left out are those that it would have written.
#[tokio::test]
async fn n_14_a_stuck_payment_gets_its_missing_steps_once() {
    for extra in [
        &[][..],
        &[("STATUS_SHARDS", "8")],
        &[
            ("ATTRIBUTE_STYLE", "pascal_case"),
            ("TABLE_HASH_KEY", "TransactionId"),
            ("TABLE_RANGE_KEY", "none"),
            ("TIMESTAMP_TYPE", "N"),
        ],
    ] {
        let setup = setup(extra);
        let item = setup.stuck("t1", ACCEPTED, HERE);
        assert_eq!(setup.found().await, done(1, 1, false), "{extra:?}");
        assert_eq!(
            setup.queue.messages.lock().unwrap()[..],
            [
                json!({"schema_version": "1.0", "transaction_id": "t1", "timestamp": ACCEPTED, "amount": "10.5",
                "currency": "USD", "provider": null, "region": HERE})
            ]
        );
        let audit: Value = serde_json::from_str(&setup.bucket.text("audit/2026/01/01/t1.jsonl")).unwrap();
        let hash = &item[setup.config.schema.name("payload_hash")];
        assert_eq!(&audit["payload_hash"], hash, "of the whole content, metadata included");
        let counted = |name: &str| setup.sink.count(name);
        assert_eq!(
            (counted(STUCK), counted("PaymentReconciled"), counted(HANDLER_FAULT)),
            (1, 1, 0)
        );
        // It waits in the queue now, or fails there: neither is helped by one more message.
        setup.clock.advance(3_600_000);
        assert_eq!(setup.found().await, done(0, 0, false));
        assert_eq!(
            (setup.queue.len(), setup.sink.lines().len()),
            (1, 1),
            "nothing stuck, nothing said"
        );
    }
}

/// What is young, done, or another region's is left alone.
#[tokio::test]
async fn n_14_what_is_not_stuck_is_left_alone() {
    let setup = setup(&[]);
    setup.stuck("young", "2026-01-01T12:00:02.000Z", HERE);
    setup.stuck("foreign", ACCEPTED, "eu-west-1");
    let mut accounted = setup.stuck("accounted", ACCEPTED, HERE);
    accounted["status"] = json!("accounting_processed");
    setup.table.insert(&accounted);
    assert_eq!(setup.found().await, done(0, 0, false));
    assert!(setup.sent().is_empty() && setup.bucket.keys().is_empty() && setup.sink.lines().is_empty());
    // A region that does not come back: somebody names it.
    let answer = setup.call(json!({"region": "eu-west-1"})).await.unwrap();
    assert_eq!(
        (&answer["reconciled"], setup.sent()),
        (&json!(1), vec!["foreign".to_owned()])
    );
}

#[tokio::test]
async fn n_14_a_run_is_bounded_and_the_next_one_goes_on() {
    let setup = setup(&[("MAX_PAYMENTS_PER_RUN", "4"), ("STATUS_SHARDS", "3")]);
    for number in 0..10 {
        setup.stuck(&format!("t{number}"), ACCEPTED, HERE);
    }
    assert_eq!(setup.found().await, done(4, 4, true));
    assert_eq!(setup.sink.count("ReconciliationIncomplete"), 1);
    assert_eq!(setup.found().await, done(4, 4, true));
    assert_eq!(setup.found().await, done(2, 2, false));
    let expected: Vec<String> = (0..10).map(|number| format!("t{number}")).collect();
    assert_eq!(setup.sent(), expected, "each once, over all shards");
}

/// A payment whose queue does not answer stays stuck, counts, and does not hold up the others.
#[tokio::test]
async fn n_14_what_fails_is_tried_again() {
    let setup = setup(&[]);
    setup.stuck("t1", ACCEPTED, HERE);
    *setup.queue.fails.lock().unwrap() = true;
    assert_eq!(setup.found().await, done(1, 0, false));
    assert_eq!((setup.sink.count(STUCK), setup.sink.count(HANDLER_FAULT)), (1, 1));
    *setup.queue.fails.lock().unwrap() = false;
    assert_eq!(setup.found().await, done(1, 1, false));
    // Sent, and dead before the mark: sent again, which accounting takes for a repetition.
    setup.stuck("t2", ACCEPTED, HERE);
    setup.table.fail_next("mark_reconciled");
    assert_eq!(setup.found().await, done(1, 0, false));
    assert_eq!(setup.found().await, done(1, 1, false));
    assert_eq!(setup.sent(), ["t1", "t2", "t2"]);
}

#[tokio::test]
async fn n_14_an_item_that_nobody_can_complete_is_told_of_once() {
    let setup = setup(&[]);
    let mut item = setup.stuck("t1", ACCEPTED, HERE);
    item["amount"] = json!("a lot");
    setup.table.insert(&item);
    assert_eq!(setup.found().await, done(1, 0, false));
    assert_eq!(setup.found().await, done(0, 0, false));
    assert_eq!((setup.sink.count(HANDLER_FAULT), setup.queue.len()), (1, 0));
}

#[tokio::test]
async fn n_14_an_index_that_does_not_answer_is_a_visible_fault() {
    let setup = setup(&[]);
    setup.table.fail_next("stuck");
    let error = setup.call(json!({})).await.unwrap_err();
    assert_eq!(
        (error.error_type(), setup.sink.count(HANDLER_FAULT)),
        ("ServiceUnavailable", 1)
    );
}

/// A guard as the stream shows it.
fn guard(id: &str, region: &str, accepted_at: &str, hash: &str) -> Value {
    let payment = id.trim_start_matches("idem#").trim_start_matches("key#");
    let response = json!({"transaction_id": payment, "timestamp": accepted_at, "message": "m"}).to_string();
    json!({"id": {"S": id}, "region": {"S": region}, "timestamp": {"S": accepted_at}, "payload_hash": {"S": hash},
        "response": {"S": response}})
}

fn record(number: u32, name: &str, old: Option<Value>, new: Option<Value>) -> Value {
    let mut change = json!({"SequenceNumber": number.to_string(), "StreamViewType": "NEW_AND_OLD_IMAGES"});
    for (member, image) in [("OldImage", old), ("NewImage", new)] {
        if let Some(image) = image {
            change[member] = image;
        }
    }
    json!({"eventName": name, "dynamodb": change})
}

/// of the three regions' streams only the loser's has a change from its own name to another one.
#[tokio::test]
async fn r_22_the_region_that_lost_counts_the_conflict_and_no_other_does() {
    let ours = || Some(guard("idem#t1", HERE, "2026-01-01T12:00:00.000Z", "h1"));
    let theirs = || Some(guard("idem#t1", "eu-west-1", "2026-01-01T12:00:00.400Z", "h1"));
    let third = || Some(guard("idem#t1", "ap-southeast-1", "2026-01-01T12:00:00.200Z", "h2"));
    let cases = [
        ("ours came, alone", record(1, "INSERT", None, ours()), 0),
        ("theirs came, alone", record(1, "INSERT", None, theirs()), 0),
        ("ours expired", record(1, "REMOVE", ours(), None), 0),
        ("ours lost", record(1, "MODIFY", ours(), theirs()), 1),
        (
            "ours won: the record of the region that lost",
            record(1, "MODIFY", theirs(), ours()),
            0,
        ),
        ("two others", record(1, "MODIFY", third(), theirs()), 0),
        ("changed by hand", record(1, "MODIFY", ours(), ours()), 0),
    ];
    for (what, record, expected) in cases {
        let setup = setup(&[]);
        let answer = setup.call(json!({"Records": [record]})).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}));
        assert_eq!(setup.sink.count(CONFLICT), expected, "{what}");
        assert_eq!(setup.sink.lines().len() as u64, expected, "{what}: no noise");
    }
}

/// what is said of a conflict: ids, regions, times; whether it is one payment twice, or two with one id.
#[test]
fn r_22_a_conflict_says_who_won_and_whether_the_content_differs() {
    let old = guard("idem#t1", HERE, "2026-01-01T12:00:00.000Z", "h1");
    let new = guard("idem#t1", "eu-west-1", "2026-01-01T12:00:00.400Z", "h2");
    let event = json!({"Records": [record(7, "MODIFY", Some(old), Some(new))]});
    let changes = conflicts::changes(&event, HERE).unwrap();
    let expected = conflicts::Conflict {
        payment_id: "t1".to_owned(),
        winner: "eu-west-1".to_owned(),
        accepted_at: "2026-01-01T12:00:00.000Z".to_owned(),
        winner_accepted_at: "2026-01-01T12:00:00.400Z".to_owned(),
        same_content: false,
    };
    assert_eq!(changes[0].conflict, Ok(Some(expected)));
}

/// a payment with an `Idempotency-Key` has two guards and is one conflict; one key for two payments is one too.
#[tokio::test]
async fn r_22_a_senders_own_key_does_not_count_twice() {
    let key = |region: &str, payment: &str| {
        let mut guard = guard("idem#key#k1", region, ACCEPTED, "h");
        guard["response"]["S"] = json!(json!({"transaction_id": payment}).to_string());
        Some(guard)
    };
    let of_id = |region: &str| Some(guard("idem#t1", region, ACCEPTED, "h"));
    let setup = setup(&[]);
    let both = json!({"Records": [
        record(1, "MODIFY", of_id(HERE), of_id("eu-west-1")),
        record(2, "MODIFY", key(HERE, "t1"), key("eu-west-1", "t1")),
    ]});
    setup.call(both).await.unwrap();
    assert_eq!(setup.sink.count(CONFLICT), 1);
    let two_payments = json!({"Records": [record(3, "MODIFY", key(HERE, "t1"), key("eu-west-1", "t2"))]});
    setup.call(two_payments).await.unwrap();
    assert_eq!(setup.sink.count(CONFLICT), 2);
}

/// what cannot be read is given back, with what follows; what came before it is not counted again.
#[tokio::test]
async fn r_22_a_broken_record_is_returned() {
    let setup = setup(&[]);
    let old = || Some(guard("idem#t1", HERE, ACCEPTED, "h"));
    let new = || Some(guard("idem#t1", "eu-west-1", ACCEPTED, "h"));
    let event = json!({"Records": [record(1, "MODIFY", old(), new()), record(2, "MODIFY", None, new()),
        record(3, "MODIFY", old(), new())]});
    let answer = setup.call(event).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "2"}]}));
    assert_eq!((setup.sink.count(CONFLICT), setup.sink.count(HANDLER_FAULT)), (1, 1));
}

#[tokio::test]
async fn what_is_not_configured_is_refused() {
    let env = Env::from_pairs([("AWS_REGION", HERE)]);
    let config = ReconcilerConfig::from_env(&env).unwrap();
    let (clock, sink) = (FakeClock::at(NOW), FakeSink::new());
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let reconciler = PaymentReconciler::new(config, None, clock, metrics);
    for event in [json!({}), json!({"Records": []}), json!({"Records": 5})] {
        let error = reconciler.handle(event, &Invocation::for_test()).await.unwrap_err();
        assert_eq!(error.error_type(), "ValidationError");
    }
    assert_eq!(sink.count(HANDLER_FAULT), 3);
    let missing = ReconcilerConfig::from_env(&Env::from_pairs([("AWS_REGION", HERE), ("QUEUE_URL", "q")]));
    assert!(missing.unwrap_err().to_string().contains("TABLE_NAME"));
}
