//! Behaviour of the archival against in-memory ports (REQUIREMENTS 9.2 item 7).

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::*;
use crate::config::Env;
use crate::fakes::{FakeBucket, FakeClock, FakeFunction, FakeSink, FakeTables};

const NOW: &str = "2026-01-10T02:15:00.000Z";

struct Setup {
    archival: TransactionArchival,
    tables: Arc<FakeTables>,
    bucket: Arc<FakeBucket>,
    function: Arc<FakeFunction>,
    clock: Arc<FakeClock>,
    sink: Arc<FakeSink>,
}

fn setup(extra: &[(&str, &str)]) -> Setup {
    let mut vars = vec![
        ("DYNAMODB_TABLE", "t"),
        ("S3_BUCKET", "b"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
    ];
    vars.extend_from_slice(extra);
    let env = Env::from_pairs(vars);
    let (tables, bucket, function, clock, sink) = (
        FakeTables::new(),
        FakeBucket::new(),
        FakeFunction::new(),
        FakeClock::at(NOW),
        FakeSink::new(),
    );
    let archival = TransactionArchival::new(
        ArchivalConfig::from_env(&env).unwrap(),
        tables.clone(),
        bucket.clone(),
        function.clone(),
        clock.clone(),
        Metrics::from_env(&env, NAME, clock.clone(), sink.clone()),
    );
    Setup {
        archival,
        tables,
        bucket,
        function,
        clock,
        sink,
    }
}

fn item(id: &str, timestamp: &str, status: &str) -> Value {
    let amount: Value = serde_json::from_str("12345678901234567890.12").unwrap();
    json!({"transaction_id": id, "timestamp": timestamp, "status": status, "updated_at": timestamp, "amount": amount})
}

const OLD: &str = "2026-01-08T10:00:00.000Z";

impl Setup {
    async fn run(&self) -> Value {
        self.run_with(json!({}), Duration::from_mins(5)).await
    }

    async fn run_with(&self, event: Value, remaining: Duration) -> Value {
        let invocation = Invocation {
            deadline: SystemTime::now() + remaining,
            ..Invocation::for_test()
        };
        self.archival.handle(event, &invocation).await.unwrap()
    }

    fn archived_lines(&self) -> usize {
        self.bucket
            .keys()
            .iter()
            .map(|key| self.bucket.text(key).lines().count())
            .sum()
    }
}

#[tokio::test]
async fn nothing_to_do_is_said_so() {
    let setup = setup(&[]);
    let expected = json!({"statusCode": 200, "message": "No transactions to archive", "archived_count": 0,
        "failed_count": 0, "continuation": null});
    assert_eq!(setup.run().await, expected);
    assert!(setup.bucket.keys().is_empty());
}

#[tokio::test]
async fn one_object_per_date_with_exact_amounts() {
    let setup = setup(&[]);
    setup.tables.insert(item("a", OLD, "analyzed"));
    setup.tables.insert(item("b", "2026-01-08T11:00:00.000Z", "analyzed"));
    setup.tables.insert(item("c", "2026-01-07T11:00:00.000Z", "archivable"));
    let result = setup.run().await;
    assert_eq!(result["message"], "Successfully archived 3 transactions");
    assert_eq!(
        setup.bucket.keys(),
        [
            "transactions/2026/01/07/run-20260110T021500000Z-2.json.gz",
            "transactions/2026/01/08/run-20260110T021500000Z-1.json.gz"
        ]
    );
    let text = setup
        .bucket
        .text("transactions/2026/01/08/run-20260110T021500000Z-1.json.gz");
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| line.contains("12345678901234567890.12")));
    assert!(setup.tables.ids().is_empty());
    assert_eq!(setup.sink.count("TransactionsArchived"), 3);
}

#[tokio::test]
async fn only_old_items_with_the_listed_statuses() {
    let setup = setup(&[]);
    setup.tables.insert(item("pending", OLD, "pending"));
    setup
        .tables
        .insert(item("young", "2026-01-09T02:15:00.000Z", "analyzed"));
    setup.tables.insert(item("old", "2026-01-09T02:14:59.999Z", "analyzed"));
    assert_eq!(setup.run().await["archived_count"], 1);
    assert_eq!(setup.tables.ids(), ["pending", "young"]);
}

#[tokio::test]
async fn two_runs_on_one_day_keep_both_objects() {
    let setup = setup(&[]);
    for id in ["a", "b"] {
        setup.tables.insert(item(id, OLD, "analyzed"));
        assert_eq!(setup.run().await["archived_count"], 1);
        setup.clock.advance(60_000);
    }
    assert_eq!((setup.bucket.keys().len(), setup.archived_lines()), (2, 2));
}

#[tokio::test]
async fn a_concurrent_update_survives() {
    let setup = setup(&[]);
    let key = setup.tables.insert(item("a", OLD, "analyzed"));
    setup.tables.insert(item("b", OLD, "analyzed"));
    let updated = key.clone();
    *setup.tables.before_dispose.lock().unwrap() = Some(Box::new(move |items| {
        if let Some(item) = items.get_mut(&updated) {
            item.insert("updated_at".into(), json!(NOW));
            item.insert("refund".into(), json!(true));
        }
    }));
    let result = setup.run().await;
    assert_eq!(
        (result["archived_count"].as_u64(), result["failed_count"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(setup.tables.item(&key).unwrap()["refund"], true);
    *setup.tables.before_dispose.lock().unwrap() = None;
    setup.clock.advance(1000);
    assert_eq!(setup.run().await["archived_count"], 1);
    assert!(setup.tables.ids().is_empty());
}

#[tokio::test]
async fn a_crash_between_put_and_delete_loses_nothing() {
    let setup = setup(&[]);
    setup.tables.insert(item("a", OLD, "analyzed"));
    *setup.tables.dispose_fails.lock().unwrap() = true;
    let error = setup
        .archival
        .handle(json!({}), &Invocation::for_test())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "ServiceUnavailable");
    assert_eq!((setup.tables.ids().len(), setup.archived_lines()), (1, 1));
    *setup.tables.dispose_fails.lock().unwrap() = false;
    setup.clock.advance(1000);
    assert_eq!(setup.run().await["archived_count"], 1);
    assert_eq!((setup.tables.ids().len(), setup.archived_lines()), (0, 2));
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
}

#[tokio::test]
async fn nothing_is_deleted_when_the_object_was_not_written() {
    let setup = setup(&[]);
    setup.tables.insert(item("a", OLD, "analyzed"));
    *setup.bucket.fails.lock().unwrap() = true;
    setup
        .archival
        .handle(json!({}), &Invocation::for_test())
        .await
        .unwrap_err();
    assert_eq!(setup.tables.ids(), ["a"]);
    *setup.bucket.fails.lock().unwrap() = false;
    assert_eq!(setup.run().await["archived_count"], 1);
}

#[tokio::test]
async fn a_repeated_invocation_never_overwrites() {
    let setup = setup(&[]);
    for id in ["a", "b"] {
        setup.tables.insert(item(id, OLD, "analyzed"));
        // The clock stands still: both runs want the same key.
        assert_eq!(setup.run().await["archived_count"], 1);
    }
    let first = "transactions/2026/01/08/run-20260110T021500000Z-1.json.gz";
    assert!(setup.bucket.text(first).contains("\"a\""));
    assert_eq!((setup.bucket.keys().len(), setup.archived_lines()), (2, 2));
}

#[tokio::test]
async fn more_than_a_page_is_drained() {
    let setup = setup(&[("PAGE_LIMIT", "7")]);
    for n in 0..50 {
        setup.tables.insert(item(
            &format!("t{n:02}"),
            OLD,
            if n % 2 == 0 { "analyzed" } else { "archivable" },
        ));
    }
    assert_eq!(setup.run().await["archived_count"], 50);
    assert!(setup.tables.ids().is_empty());
    assert_eq!((setup.bucket.keys().len(), setup.archived_lines()), (8, 50));
}

#[tokio::test]
async fn a_short_invocation_hands_over_to_the_next() {
    let setup = setup(&[("PAGE_LIMIT", "10")]);
    for n in 0..35 {
        setup.tables.insert(item(&format!("t{n:02}"), OLD, "analyzed"));
    }
    let mut event = json!({});
    let mut invocations = 0;
    loop {
        let result = setup.run_with(event, Duration::from_secs(5)).await;
        invocations += 1;
        let queued = setup.function.payloads.lock().unwrap().pop();
        match queued {
            Some(payload) => {
                assert_eq!(payload["continuation"], result["continuation"]);
                event = payload;
            }
            None => break,
        }
        assert!(invocations < 20, "must end");
    }
    assert_eq!(setup.archived_lines(), 35);
    assert!(setup.tables.ids().is_empty());
    assert_eq!(invocations, 5, "4 pages of one status, then the empty other one");
}

#[tokio::test]
async fn items_can_be_kept_and_are_archived_once() {
    let setup = setup(&[
        ("DELETE_AFTER_ARCHIVE", "false"),
        ("ARCHIVE_FORMAT", "json"),
        ("ARCHIVE_PREFIX", "/p/"),
    ]);
    let key = setup.tables.insert(item("a", OLD, "analyzed"));
    assert_eq!(setup.run().await["archived_count"], 1);
    assert_eq!(setup.tables.item(&key).unwrap()["status"], "archived");
    setup.clock.advance(1000);
    assert_eq!(setup.run().await["archived_count"], 0);
    assert_eq!(setup.bucket.keys(), ["p/2026/01/08/run-20260110T021500000Z-1.json"]);
    let array: Value = serde_json::from_str(&setup.bucket.text(&setup.bucket.keys()[0])).unwrap();
    assert_eq!(array[0]["amount"].to_string(), "12345678901234567890.12");
    assert_eq!(setup.tables.disposals.load(Ordering::SeqCst), 1);
}

#[test]
fn settings_are_checked_at_start() {
    let base = [
        ("DYNAMODB_TABLE", "t"),
        ("S3_BUCKET", "b"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
    ];
    for (name, value) in [
        ("PAGE_LIMIT", "0"),
        ("ARCHIVE_STATUSES", "analyzed,archived"),
        ("ARCHIVE_FORMAT", "csv"),
        ("DELETE_AFTER_ARCHIVE", "maybe"),
        ("ARCHIVE_MIN_AGE_HOURS", "-1"),
    ] {
        let env = Env::from_pairs(base.into_iter().chain([(name, value)]));
        assert!(ArchivalConfig::from_env(&env).is_err(), "{name}");
    }
}

#[test]
fn a_run_goes_on_in_the_alias_it_is_told_of() {
    let base = [
        ("DYNAMODB_TABLE", "t"),
        ("S3_BUCKET", "b"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
    ];
    let alias = "arn:aws:lambda:us-east-1:111122223333:function:f:live";
    let told = base.into_iter().chain([("CONTINUE_FUNCTION", alias)]);
    let own = |env: &Env| ArchivalConfig::from_env(env).unwrap().own_function;
    assert_eq!(own(&Env::from_pairs(told)), alias);
    assert_eq!(own(&Env::from_pairs(base)), "f");
}
