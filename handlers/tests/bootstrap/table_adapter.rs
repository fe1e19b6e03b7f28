//! The table's conditional writes, straight on the sandbox: races that a whole handler cannot be brought into.

use serde_json::{Value, json};
use tap_handlers::aws::table::{DynamoTransactions, KeyNames};
use tap_handlers::config::Env;
use tap_handlers::domain::time::UtcMillis;
use tap_handlers::ports::{AlertClaim, AnalysisStore, ArchiveSource, Disposal, ItemKey, UpdateOutcome};

use super::sandbox::Sandbox;

const STORED: &str = "2026-01-02T03:04:05.000Z";

fn now() -> UtcMillis {
    UtcMillis::parse("2026-01-05T00:00:00.000Z").unwrap()
}

fn key() -> ItemKey {
    ItemKey {
        transaction_id: "t".to_owned(),
        timestamp: STORED.to_owned(),
    }
}

async fn table(sandbox: &Sandbox) -> DynamoTransactions {
    sandbox.create_tables().await;
    let keys = KeyNames::from_env(&Env::default());
    DynamoTransactions::new(
        sandbox.dynamodb.clone(),
        "transactions".into(),
        "status-timestamp".into(),
        keys,
    )
}

/// W-22: what has changed since it was read is left alone.
#[tokio::test]
async fn only_unchanged_items_are_disposed_of() {
    let sandbox = Sandbox::new();
    let table = table(&sandbox).await;
    let read = json!({"transaction_id": "t", "timestamp": STORED, "status": "analyzed", "updated_at": "1"});
    let without_update_time = json!({"transaction_id": "t", "timestamp": STORED, "status": "analyzed"});
    let with = |field: &str, value: &str| {
        let mut item = read.clone();
        item[field] = value.into();
        item
    };
    let races = [
        (&read, with("updated_at", "2")),
        (&read, with("status", "accounting_processed")),
        (&read, without_update_time.clone()),
        (&without_update_time, read.clone()),
    ];
    for (archived, current) in races {
        for disposal in [Disposal::Delete, Disposal::MarkArchived] {
            sandbox.put_item(&current).await;
            let disposed = table
                .dispose(archived.as_object().unwrap(), disposal, now())
                .await
                .unwrap();
            assert!(!disposed, "{archived} over {current}");
            assert_eq!(Value::Object(sandbox.items().await[0].clone()), current);
        }
    }
    for item in [&read, &without_update_time] {
        sandbox.put_item(item).await;
        assert!(
            table
                .dispose(item.as_object().unwrap(), Disposal::MarkArchived, now())
                .await
                .unwrap()
        );
        assert_eq!(sandbox.items().await[0]["status"], "archived");
        sandbox.put_item(item).await;
        assert!(
            table
                .dispose(item.as_object().unwrap(), Disposal::Delete, now())
                .await
                .unwrap()
        );
        assert!(sandbox.items().await.is_empty());
        // Gone already: neither an error nor a ghost.
        for disposal in [Disposal::Delete, Disposal::MarkArchived] {
            assert!(!table.dispose(item.as_object().unwrap(), disposal, now()).await.unwrap());
        }
        assert!(sandbox.items().await.is_empty());
    }
}

/// W-11, W-22: updates never create an item.
#[tokio::test]
async fn no_update_creates_a_ghost() {
    let sandbox = Sandbox::new();
    let table = table(&sandbox).await;
    let saved = table.save_analysis(&key(), &json!({}), now()).await.unwrap();
    assert_eq!(saved, UpdateOutcome::NotFound);
    assert!(table.claim_alert(&key(), now(), now()).await.is_err());
    assert!(table.confirm_alert(&key(), now()).await.is_err());
    assert!(table.release_alert(&key()).await.is_err());
    assert!(sandbox.items().await.is_empty());
}

#[tokio::test]
async fn the_right_to_alert_is_exclusive_until_its_lease_ends() {
    let sandbox = Sandbox::new();
    let table = table(&sandbox).await;
    sandbox
        .put_item(&json!({"transaction_id": "t", "timestamp": STORED, "status": "analyzed"}))
        .await;
    let lease = |from: UtcMillis| (from, from.plus_millis(12_000));
    let claim = |(from, until): (UtcMillis, UtcMillis)| {
        let table = table.clone();
        async move { table.claim_alert(&key(), from, until).await.unwrap() }
    };
    assert_eq!(claim(lease(now())).await, AlertClaim::Claimed);
    assert_eq!(claim(lease(now().plus_millis(12_000))).await, AlertClaim::Busy);
    assert_eq!(claim(lease(now().plus_millis(12_001))).await, AlertClaim::Claimed);
    table.release_alert(&key()).await.unwrap();
    assert_eq!(claim(lease(now())).await, AlertClaim::Claimed);
    table.confirm_alert(&key(), now()).await.unwrap();
    // W-46: a confirmation whose answer was lost is sent again, and there is nothing wrong.
    table.confirm_alert(&key(), now().plus_millis(1)).await.unwrap();
    assert_eq!(
        claim(lease(now().plus_millis(99_000))).await,
        AlertClaim::AlreadyAlerted
    );
}
