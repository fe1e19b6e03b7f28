//! (d) Two hundred webhooks, fifty of them duplicates sent in parallel: nothing is lost and nothing happens twice.

use crate::site::Site;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tap_acceptance_tests::pipeline::{Configuration, Listener, Pipeline, payment};

const PAYMENTS: usize = 150;
const DUPLICATES: usize = 50;
const PARALLEL: usize = 50;

/// Every third payment is high, medium, low.
fn body(number: usize) -> String {
    let amount = ["20000", "5000", "20"][number % 3];
    payment(&id(number), amount, &json!({}))
}

fn id(number: usize) -> String {
    format!("webhook-{number:03}")
}

#[tokio::test]
async fn two_hundred_webhooks_with_fifty_duplicates_count_once_each() {
    let site = Site::applied(&Configuration::new("once")).await;
    let pipeline = site.pipeline().await;
    let bus = Listener::on_bus(&site.aws, "all-events", pipeline.attribute("event_bus_name").unwrap())
        .await
        .unwrap();
    let low = Listener::of_stack(&site.aws, pipeline.attribute("low_value_queue_url").unwrap());

    let answers = send_in_parallel(&pipeline).await;

    // A sender sees no difference between the first time and the second, but for one header.
    let mut by_id: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, body, _) in &answers {
        by_id.entry(id.clone()).or_default().insert(body.clone());
    }
    assert!(by_id.values().all(|bodies| bodies.len() == 1), "{by_id:?}");
    assert_eq!(answers.iter().filter(|(_, _, replayed)| *replayed).count(), DUPLICATES);

    let events = bus.hear_all("an event for each payment", PAYMENTS).await.unwrap();
    assert_eq!(events.len(), PAYMENTS);
    let all: BTreeSet<String> = (0..PAYMENTS).map(id).collect();
    assert_eq!(ids(events.iter().map(|event| &event["detail"])), all);

    let items = pipeline.items().await.unwrap();
    assert_eq!(items.len(), PAYMENTS);
    assert_eq!(ids(items.iter()), all);

    let runs = pipeline.executions_ended(PAYMENTS / 3).await.unwrap();
    assert_eq!(runs.len(), PAYMENTS / 3);
    assert!(runs.iter().all(|run| run.status == "SUCCEEDED"), "{runs:?}");
    let high: BTreeSet<String> = (0..PAYMENTS).step_by(3).map(id).collect();
    assert_eq!(ids(runs.iter().map(|run| &run.input["transaction"])), high);

    let low = low.hear_all("the low ones", PAYMENTS / 3).await.unwrap();
    assert_eq!(low.len(), PAYMENTS / 3);
    assert_eq!(pipeline.objects("audit/").await.unwrap().len(), PAYMENTS);

    bus.remove().await.unwrap();
    site.destroy().await;
}

/// Each duplicate is sent next to its original, so that both are under way at once.
async fn send_in_parallel(pipeline: &Pipeline) -> Vec<(String, String, bool)> {
    let key = pipeline.api_key().await.unwrap();
    let numbers = (0..PAYMENTS).flat_map(|number| {
        let times = if number < DUPLICATES { 2 } else { 1 };
        std::iter::repeat_n(number, times)
    });
    let send = |number: usize| {
        let (pipeline, key) = (pipeline, &key);
        async move {
            let answer = pipeline.send(key, &body(number)).await.unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            (
                id(number),
                answer.body,
                answer.headers.contains_key("idempotent-replay"),
            )
        }
    };
    stream::iter(numbers)
        .map(send)
        .buffer_unordered(PARALLEL)
        .collect()
        .await
}

fn ids<'a>(payments: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    payments
        .filter_map(|payment| payment["transaction_id"].as_str().map(str::to_owned))
        .collect()
}
