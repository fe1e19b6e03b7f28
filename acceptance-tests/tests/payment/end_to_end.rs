//! Payments over HTTP through the real functions: answered, stored once, accounted for, reported when they cannot be.

use crate::site::{Site, stack};
use futures::{StreamExt, stream};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tap_acceptance_tests::payment::{InRegion, payment};
use tap_acceptance_tests::pipeline::Listener;
use tap_acceptance_tests::{Answer, Error, eventually};

const REGION: &str = "us-east-1";
const PAYMENTS: usize = 400;
const DUPLICATES: usize = 100;
const POISON: usize = 5;
const PARALLEL: usize = 40;
/// Stands in a poison message; no alert may show it.
const CARD: &str = "4111111111111111";
const LIMIT: Duration = Duration::from_mins(4);

#[tokio::test]
async fn a_payment_is_answered_stored_and_audited_at_once() {
    // At this level the log has no line for a payment that is taken.
    let site = Site::applied(&stack("sync", &[REGION]).with("log_level", "\"WARN\"")).await;
    let payments = site.payments().await;
    let here = payments.in_region(REGION);
    let key = here.api_key().await.unwrap();

    let first = here.send(&key, &payment("one", "12.34")).await.unwrap();
    let again = here.send(&key, &payment("one", "12.34")).await.unwrap();
    let other = here.send(&key, &payment("one", "99")).await.unwrap();

    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!((again.status, &again.body), (first.status, &first.body), "N-13");
    assert!(again.headers.contains_key("idempotent-replay"), "{again:?}");
    assert_eq!(other.status, 409, "P-06: {other:?}");
    let item = here.item("one").await.unwrap();
    assert_eq!(
        (&item["status"], &item["amount"]),
        (&"processed".into(), &"12.34".into())
    );
    assert_eq!(item["region"], REGION);
    assert_eq!(here.objects("audit/").await.unwrap().len(), 1);
    refused(&here, &key).await;
    let function = payments.attribute(&format!("lambda_function_names.{REGION}~1processor"));
    counted(&here, &format!("/aws/lambda/{}", function.unwrap())).await;
    site.destroy(&[REGION]).await;
}

/// The stack's own metric filters find approvals, declines and amounts in what the real function has written (6.4).
async fn counted(here: &InRegion<'_>, group: &str) {
    let logs = here.aws().logs();
    let filters = logs.describe_metric_filters().log_group_name(group).send().await;
    let filters = filters.unwrap().metric_filters.unwrap_or_default();
    assert_eq!(filters.len(), 3, "{filters:?}");
    let published = eventually("a line for each filter", LIMIT, async || {
        let events = logs.filter_log_events().log_group_name(group).send().await;
        let events = events.map_err(|e| Error::Expectation(e.to_string()))?;
        let lines = events.events().iter().filter_map(|event| event.message());
        let lines: Vec<Value> = lines
            .filter_map(|line| serde_json::from_str(line.trim()).ok())
            .collect();
        let mut published: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for filter in &filters {
            let metric = &filter.metric_transformations()[0];
            let values = published.entry(metric.metric_name().to_owned()).or_default();
            let matching = lines.iter().filter(|line| is_one(filter.filter_pattern(), line));
            values.extend(matching.map(|line| match metric.metric_value().strip_prefix("$.") {
                Some(property) => line[property].to_string(),
                None => metric.metric_value().to_owned(),
            }));
        }
        Ok(published.values().all(|values| !values.is_empty()).then_some(published))
    })
    .await
    .unwrap();
    assert_eq!(published["PaymentsAccepted"], ["1"]);
    assert_eq!(published["PaymentAmount"], ["12.34"]);
    assert!(!published["PaymentsRejected"].is_empty());
}

/// CloudWatch's reading of `{ $.name = 1 }`; the sandbox reads no such pattern.
fn is_one(pattern: Option<&str>, line: &Value) -> bool {
    let name = pattern.and_then(|text| text.strip_prefix("{ $.")?.strip_suffix(" = 1 }"));
    line[name.unwrap_or_else(|| panic!("{pattern:?}"))] == 1
}

/// Bad payments, and those without a key; the health path needs none.
async fn refused(here: &InRegion<'_>, key: &str) {
    let status = |answer: Answer| answer.status.as_u16();
    for body in ["null", "[]", "{\"transaction_id\": \"x\"}", "not json"] {
        assert_eq!(status(here.send(key, body).await.unwrap()), 400, "{body}");
    }
    for amount in ["-1", "0", "true", "\"1_000\"", "1e400"] {
        let answer = here.send(key, &payment("bad", amount)).await.unwrap();
        assert_eq!(status(answer), 400, "{amount}");
    }
    let without = here.request().unwrap().body(payment("two", "1")).send().await.unwrap();
    assert_eq!(status(without), 403);
    let health = here.health().await.unwrap();
    assert_eq!(health.status, 200, "{health:?}");
    assert_eq!(here.items().await.unwrap().len(), 1, "nothing else was stored");
}

#[tokio::test]
async fn five_hundred_payments_with_duplicates_and_poison_count_once_each() {
    // Short times, or a poison message would need half an hour to be given up.
    let configuration = stack("queue", &[REGION])
        .with("processor", "{ response_mode = \"queue\" }")
        .with("accounting", "{ timeout = 3, maximum_batching_window_in_seconds = 0 }");
    let site = Site::applied(&configuration).await;
    let payments = site.payments().await;
    let here = payments.in_region(REGION);
    let alerts = Listener::on_topic(here.aws(), "alerts", here.attribute("sns_topic_arns").unwrap());
    let alerts = alerts.await.unwrap();

    for number in 0..POISON {
        let poison = match number % 2 {
            0 => format!("not json at all {CARD}"),
            _ => format!("{{\"transaction_id\": \"poison-{number}\", \"card\": \"{CARD}\"}}"),
        };
        here.enqueue(&poison).await.unwrap();
    }
    let answers = send_in_parallel(&here).await;

    // A sender sees no difference between the first time and the second, but for one header.
    let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, answer) in &answers {
        assert_eq!(answer.status, 202, "{answer:?}");
        bodies.entry(id.clone()).or_default().insert(answer.body.clone());
    }
    assert_eq!(bodies.len(), PAYMENTS);
    assert!(bodies.values().all(|bodies| bodies.len() == 1), "{bodies:?}");
    let replays = answers
        .iter()
        .filter(|(_, a)| a.headers.contains_key("idempotent-replay"));
    assert_eq!(replays.count(), DUPLICATES);

    let items = here.items_when(PAYMENTS, "accounting_processed", LIMIT).await.unwrap();
    let ids: BTreeSet<&str> = items
        .iter()
        .filter_map(|item| item["transaction_id"].as_str())
        .collect();
    assert_eq!(ids.len(), PAYMENTS);
    assert!(items.iter().all(|item| item["accounting_processed_at"].is_string()));
    assert_eq!(
        here.objects("audit/").await.unwrap().len(),
        PAYMENTS,
        "one audit record each"
    );

    poison_is_reported(&here, &alerts).await;
    eventually("an empty queue", LIMIT, async || {
        Ok((here.depth("queue_urls").await? == 0).then_some(()))
    })
    .await
    .unwrap();
    alerts.remove().await.unwrap();
    site.destroy(&[REGION]).await;
}

/// Each duplicate is sent next to its original, so that both are under way at once.
async fn send_in_parallel(here: &InRegion<'_>) -> Vec<(String, Answer)> {
    let key = here.api_key().await.unwrap();
    let numbers = (0..PAYMENTS).flat_map(|number| {
        let times = if number < DUPLICATES { 2 } else { 1 };
        std::iter::repeat_n(number, times)
    });
    let send = |number: usize| {
        let key = &key;
        async move {
            let id = format!("payment-{number:03}");
            let answer = here.send(key, &payment(&id, "10.50")).await.unwrap();
            (id, answer)
        }
    };
    stream::iter(numbers)
        .map(send)
        .buffer_unordered(PARALLEL)
        .collect()
        .await
}

/// All poison is in the dead-letter queue, each with an alert that shows nothing of it (N-07, N-08, N-10, N-11).
async fn poison_is_reported(here: &InRegion<'_>, alerts: &Listener) {
    let in_dlq = async || Ok((here.depth("dlq_urls").await? == POISON).then_some(()));
    eventually("all poison in the dead-letter queue", LIMIT, in_dlq)
        .await
        .unwrap();
    let is_about_dlq = |message: &&Value| message["alert_type"] == "DLQ_MESSAGE";
    let heard = eventually("an alert for each", LIMIT, async || {
        let messages = alerts.messages().await?;
        let about: Vec<Value> = messages.iter().filter(is_about_dlq).cloned().collect();
        Ok((about.len() >= POISON).then_some(about))
    })
    .await
    .unwrap();
    for alert in alerts.until_silence().await.unwrap() {
        let text = alert.to_string();
        assert!(!text.contains(CARD), "N-11: {text}");
        assert!(!text.contains("receipt_handle"), "N-11: {text}");
    }
    assert_eq!(heard.len(), POISON, "{heard:#?}");
}
