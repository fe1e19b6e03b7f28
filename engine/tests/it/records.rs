//! The stack record (issue 3 point 5).

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tap_engine::fake::FakeRecords;
use tap_engine::record::{Intention, RecordError, RecordOptions, RecordStore, Status, begin};

thread_local! {
    /// Every test has its own clock: tokio's tests run on one thread each.
    static CLOCK: Cell<i64> = const { Cell::new(1_800_000_000) };
}

fn now() -> i64 {
    CLOCK.get()
}

fn pass(seconds: i64) {
    CLOCK.set(now() + seconds);
}

fn options() -> RecordOptions {
    RecordOptions {
        now,
        ..RecordOptions::new("1.2.3")
    }
}

fn store() -> Arc<FakeRecords> {
    Arc::new(FakeRecords::default())
}

const STACK: &str = "webhook_pipeline/dev";

async fn status(store: &FakeRecords) -> Option<Status> {
    store.read(STACK).await.unwrap().map(|stored| stored.record.status)
}

#[tokio::test(start_paused = true)]
async fn a_life_in_order() {
    let store = store();
    let claim = begin(store.clone(), STACK, Intention::Create, json!({"v": 1}), options())
        .await
        .unwrap();
    assert!(!claim.adopt);
    assert_eq!(status(&store).await, Some(Status::Creating));
    claim.finish().await.unwrap();
    assert_eq!(status(&store).await, Some(Status::Complete));
    let claim = begin(store.clone(), STACK, Intention::Update, json!({"v": 2}), options())
        .await
        .unwrap();
    assert!(!claim.adopt && claim.interrupted.is_empty());
    claim.finish().await.unwrap();
    let claim = begin(store.clone(), STACK, Intention::Destroy, json!(null), options())
        .await
        .unwrap();
    claim.delete().await.unwrap();
    assert_eq!(status(&store).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_complete_stack_is_not_made_again() {
    let store = store();
    let claim = begin(store.clone(), STACK, Intention::Create, json!({}), options())
        .await
        .unwrap();
    claim.finish().await.unwrap();
    let error = begin(store, STACK, Intention::Create, json!({}), options())
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "stack webhook_pipeline/dev exists already and is complete; to manage it here, import it: terraform import \
         <address> dev"
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_at_once_one_wins() {
    let store = store();
    let first = begin(store.clone(), STACK, Intention::Create, json!({}), options())
        .await
        .unwrap();
    let error = begin(store.clone(), STACK, Intention::Create, json!({}), options())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(
            error,
            RecordError::Busy {
                status: Status::Creating,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("its work will be taken over"), "{error}");
    first.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_run_is_taken_over_and_a_living_one_is_not() {
    let store = store();
    let first = begin(store.clone(), STACK, Intention::Create, json!({"v": 1}), options())
        .await
        .unwrap();
    for _ in 0..20 {
        pass(20);
        tokio::time::sleep(Duration::from_secs(21)).await;
    }
    let error = begin(store.clone(), STACK, Intention::Create, json!({}), options())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, RecordError::Busy { .. }),
        "its heartbeat goes on: {error}"
    );
    drop(first); // kill -9
    pass(121);
    let second = begin(store.clone(), STACK, Intention::Create, json!({"v": 2}), options())
        .await
        .unwrap();
    assert!(second.adopt);
    assert_eq!(second.interrupted, [json!({"v": 1})]);
    drop(second); // dies before it has looked for what the first one made
    pass(121);
    let third = begin(store.clone(), STACK, Intention::Create, json!({"v": 2}), options())
        .await
        .unwrap();
    assert_eq!(third.interrupted, [json!({"v": 1}), json!({"v": 2})]);
    third.recovered().await.unwrap();
    assert_eq!(
        store.read(STACK).await.unwrap().unwrap().record.intents,
        [json!({"v": 2})]
    );
    third.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_stack_is_taken_at_once() {
    let store = store();
    let claim = begin(store.clone(), STACK, Intention::Create, json!({"v": 1}), options())
        .await
        .unwrap();
    claim.leave_unfinished().await.unwrap();
    let claim = begin(store.clone(), STACK, Intention::Create, json!({"v": 1}), options())
        .await
        .unwrap();
    assert!(claim.adopt);
    claim.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_the_record_is_told() {
    let store = store();
    let claim = begin(store.clone(), STACK, Intention::Update, json!({}), options())
        .await
        .unwrap();
    assert!(claim.adopt, "an update without a record looks for what is there");
    let mut stored = store.read(STACK).await.unwrap().unwrap();
    stored.record.token = "somebody else".to_owned();
    store.replace(STACK, &stored.record, stored.version).await.unwrap();
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert!(claim.lost().is_cancelled());
    assert!(claim.finish().await.is_err());
    assert_eq!(store.read(STACK).await.unwrap().unwrap().record.token, "somebody else");
}

#[tokio::test(start_paused = true)]
async fn a_record_of_another_format_is_refused_with_advice() {
    let store = store();
    begin(store.clone(), STACK, Intention::Create, json!({}), options())
        .await
        .unwrap()
        .finish()
        .await
        .unwrap();
    let mut stored = store.read(STACK).await.unwrap().unwrap();
    stored.record.format = 7;
    stored.record.provider_version = "9.0.0".to_owned();
    store.replace(STACK, &stored.record, stored.version).await.unwrap();
    let error = begin(store, STACK, Intention::Update, json!({}), options())
        .await
        .err()
        .unwrap();
    assert!(
        error.to_string().ends_with("use provider version 9.0.0 or later"),
        "{error}"
    );
}
