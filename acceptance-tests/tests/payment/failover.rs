//! Two regions: one table, and events that the standby takes over (P-09, P-14 to P-18).

use crate::site::{Site, stack};
use serde_json::{Value, json};
use tap_acceptance_tests::payment::payment;

const PRIMARY: &str = "us-east-1";
const STANDBY: &str = "eu-west-1";
const REGIONS: [&str; 2] = [PRIMARY, STANDBY];

#[tokio::test]
async fn what_one_region_takes_the_other_has_and_a_failover_event_runs_in_the_standby_alone() {
    let configuration = stack("two", &REGIONS)
        .with("workflow", "{ enabled = true }")
        .with("event_failover", "{ enabled = true }");
    let site = Site::applied(&configuration).await;
    let payments = site.payments().await;
    let (primary, standby) = (payments.in_region(PRIMARY), payments.in_region(STANDBY));

    // One key opens both regions, or a sender could not fail over.
    let key = primary.api_key().await.unwrap();
    assert!(key == standby.api_key().await.unwrap(), "the regions' keys differ");
    for (here, there, id) in [
        (&primary, &standby, "from-primary"),
        (&standby, &primary, "from-standby"),
    ] {
        let answer = here.send(&key, &payment(id, "7.25")).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let item = there.item(id).await.unwrap();
        assert_eq!(item["region"], here.aws().region());
        assert_eq!(item["amount"], "7.25");
    }
    // Sent again to the other region, later than replication takes: the same payment.
    let again = standby.send(&key, &payment("from-primary", "7.25")).await.unwrap();
    assert_eq!(again.status, 200, "{again:?}");
    assert!(again.headers.contains_key("idempotent-replay"), "{again:?}");

    primary.put_event(&event(PRIMARY, "over", "true")).await.unwrap();
    let runs = standby.executions_ended(1).await.unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].0, "SUCCEEDED", "{runs:?}");
    assert_eq!(runs[0].1["transaction"]["transaction_id"], "over", "P-18");
    assert_eq!(standby.item("over").await.unwrap()["region"], STANDBY);
    // Neither back nor there again; and what is not marked, or of another region, goes nowhere.
    primary.put_event(&event(PRIMARY, "not-marked", "false")).await.unwrap();
    primary
        .put_event(&event(STANDBY, "of-the-standby", "true"))
        .await
        .unwrap();
    primary.put_event(&event(PRIMARY, "second", "true")).await.unwrap();
    let runs = standby.executions_ended(2).await.unwrap();
    let mut ids: Vec<&Value> = runs
        .iter()
        .map(|(_, input)| &input["transaction"]["transaction_id"])
        .collect();
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, ["over", "second"]);

    // The event that says to be of the standby reached the primary's bus only, whose workflow takes it over for the
    // standby: marked events of a region run in that region's standby, whichever bus they were put on.
    let mine = primary.executions_ended(1).await.unwrap();
    let mine: Vec<_> = mine
        .iter()
        .map(|(status, input)| (status.as_str(), &input["transaction"]["transaction_id"]))
        .collect();
    assert_eq!(mine, [("SUCCEEDED", &json!("of-the-standby"))]);
    site.destroy(&REGIONS).await;
}

fn event(region: &str, id: &str, failover: &str) -> Value {
    let transaction: Value = serde_json::from_str(&payment(id, "3.10")).unwrap();
    json!({"region": region, "failover": failover, "transaction": transaction, "timestamp": "2026-01-02T03:04:05.000Z"})
}
