//! Payments that are stuck, and payments that two regions have accepted (N-14, R-22, R-11).

use crate::site::{Site, stack};
use serde_json::{Value, json};
use std::time::Duration;
use tap_acceptance_tests::eventually;
use tap_acceptance_tests::payment::payment;

const PRIMARY: &str = "us-east-1";
const STANDBY: &str = "eu-west-1";
const REGIONS: [&str; 2] = [PRIMARY, STANDBY];
const SOON: Duration = Duration::from_mins(1);
const LONG_AGO: &str = "2026-01-02T03:04:05.000Z";

/// What the processor has left in the table before it died.
fn stuck(id: &str, region: &str) -> Value {
    json!({"transaction_id": id, "timestamp": LONG_AGO, "created_at": LONG_AGO, "updated_at": LONG_AGO, "amount": 12.34,
        "currency": "USD", "provider": "stripe", "status": "received", "status_shard": "received#0",
        "region": region, "payload_hash": "0f"})
}

#[tokio::test]
async fn n_14_r_22_stuck_payments_are_completed_and_those_of_two_regions_are_counted() {
    let configuration = stack("mend", &REGIONS)
        .with("processor", "{ response_mode = \"queue\" }")
        .with("accounting", "{ maximum_batching_window_in_seconds = 0 }")
        .with("table", "{ status_shards = 4 }");
    let site = Site::applied(&configuration).await;
    let payments = site.payments().await;
    let (primary, standby) = (payments.in_region(PRIMARY), payments.in_region(STANDBY));
    let table = payments.attribute("table_name").unwrap();

    // Each region completes what it has accepted itself, by the table's index, once.
    primary.put_item(table, &stuck("of-primary", PRIMARY)).await.unwrap();
    primary.put_item(table, &stuck("of-standby", STANDBY)).await.unwrap();
    standby.item("of-standby").await.unwrap();
    for (here, id) in [(&primary, "of-primary"), (&standby, "of-standby")] {
        let answer = here.reconcile_now().await.unwrap();
        assert_eq!(
            (&answer["found"], &answer["reconciled"]),
            (&json!(1), &json!(1)),
            "{id}: {answer}"
        );
        let again = here.reconcile_now().await.unwrap();
        assert_eq!(again["found"], 0, "{id}: {again}");
        let done = eventually("accounting", SOON, async || {
            let item = here.item(id).await?;
            Ok((item["status"] == "accounting_processed").then_some(item))
        });
        let item = done.await.unwrap();
        assert!(
            item["status_shard"]
                .as_str()
                .unwrap()
                .starts_with("accounting_processed#"),
            "R-11: {item}"
        );
        assert!(item["reconciled_at"].is_string(), "{item}");
        let receipts = here.objects("audit/2026/01/02/").await.unwrap();
        assert!(
            receipts.iter().any(|key| key.ends_with(&format!("{id}.jsonl"))),
            "{receipts:?}"
        );
        assert_eq!(here.reconciler_counted("PaymentStuck").await.unwrap(), 1);
    }

    // The sandbox replicates at once, so the second acceptance is written by hand, as it would come by replication.
    let key = primary.api_key().await.unwrap();
    let answer = primary.send(&key, &payment("twice", "7.25")).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let guards = payments.attribute("idempotency_table_name").unwrap();
    let later = "2036-01-02T03:04:05.000Z";
    let response = json!({"transaction_id": "twice", "timestamp": later}).to_string();
    let theirs =
        json!({"id": "idem#twice", "payload_hash": "0f", "timestamp": later, "response": response, "region": STANDBY});
    standby.put_item(guards, &theirs).await.unwrap();
    let counted = async || {
        let count = primary.reconciler_counted("ReconciliationConflict").await?;
        Ok((count > 0).then_some(count))
    };
    assert_eq!(
        eventually("the conflict in the metric", SOON, counted).await.unwrap(),
        1
    );
    let elsewhere = standby.reconciler_counted("ReconciliationConflict").await.unwrap();
    assert_eq!(elsewhere, 0, "the region whose acceptance stands has lost nothing");
    site.destroy(&REGIONS).await;
}
