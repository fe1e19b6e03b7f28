//! (c) Every amount matches exactly one rule (W-07, W-16); (l) low-value targets.

use crate::site::Site;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tap_acceptance_tests::pipeline::{Configuration, Execution, Listener, Pipeline, payment};

/// Amount, and the effect it must have.
const AMOUNTS: [(&str, &str); 6] = [
    ("999.99", "low"),
    ("1000.00", "medium"),
    ("10000.00", "medium"),
    ("10000.01", "high"),
    ("5000000000", "high"),
    ("5000000001", "unroutable"),
];

#[tokio::test]
async fn every_amount_has_exactly_one_rules_effect() {
    let site = Site::applied(&Configuration::new("route")).await;
    let pipeline = site.pipeline().await;
    let alerts = listener(&site, &pipeline, "alerts").await;
    let notices = listener(&site, &pipeline, "notices").await;
    let low = Listener::of_stack(&site.aws, pipeline.attribute("low_value_queue_url").unwrap());
    send_all(&pipeline).await;

    let runs = pipeline.executions_ended(3).await.unwrap();
    let alerts_heard = alerts.hear_all("two medium events", 2).await.unwrap();
    let notices_heard = notices.hear_all("three notices", 3).await.unwrap();
    let low_heard = low.hear_all("one low event", 1).await.unwrap();

    let mut effects = BTreeSet::new();
    for run in &runs {
        assert_eq!(run.status, "SUCCEEDED", "{run:?}");
        let unroutable = run.input["transaction"]["routing"] == "unroutable";
        effects.insert((
            run.transaction_id().to_owned(),
            if unroutable { "unroutable" } else { "high" },
        ));
    }
    effects.extend(event_ids(&alerts_heard).map(|id| (id, "medium")));
    effects.extend(event_ids(&low_heard).map(|id| (id, "low")));
    let expected = AMOUNTS.map(|(amount, effect)| (id(amount), effect));
    assert_eq!(effects, BTreeSet::from(expected));
    // As many effects as amounts: no payment had one twice, and each topic has its own sort of message only (W-44).
    assert_eq!(
        (runs.len(), alerts_heard.len(), low_heard.len(), notices_heard.len()),
        (3, 2, 1, 3)
    );
    assert!(
        notices_heard.iter().all(|notice| notice["status"] == "analyzed"),
        "{notices_heard:?}"
    );
    alerts.remove().await.unwrap();
    notices.remove().await.unwrap();
    site.destroy().await;
}

#[tokio::test]
async fn currencies_can_have_thresholds_of_their_own() {
    let thresholds = "{ currency_thresholds = { JPY = { high_threshold = 1500000, low_threshold = 150000 } } }";
    let site = Site::applied(&Configuration::new("yen").with("routing", thresholds)).await;
    let pipeline = site.pipeline().await;
    let key = pipeline.api_key().await.unwrap();
    let low = Listener::of_stack(&site.aws, pipeline.attribute("low_value_queue_url").unwrap());
    // 20000 yen are low; 20000 dollars start the workflow.
    let yen = payment("yen", "20000", &json!({})).replace("USD", "JPY");
    assert_eq!(pipeline.send(&key, &yen).await.unwrap().status, 200);
    let dollars = payment("dollars", "20000", &json!({}));
    assert_eq!(pipeline.send(&key, &dollars).await.unwrap().status, 200);

    let low = low.hear_all("the yen", 1).await.unwrap();
    let runs = pipeline.executions_ended(1).await.unwrap();

    assert_eq!(event_ids(&low).collect::<Vec<_>>(), ["yen"]);
    assert_eq!(
        runs.iter().map(Execution::transaction_id).collect::<Vec<_>>(),
        ["dollars"]
    );
    site.destroy().await;
}

#[tokio::test]
async fn low_values_can_go_to_a_log_group_or_nowhere() {
    let target =
        |target: &str| Configuration::new("low").with("routing", &format!("{{ low_value_target = {target:?} }}"));
    let site = Site::applied(&target("log")).await;
    let components = site.pipeline().await.components().clone();
    for key in [
        "event_target.low_log",
        "log_group.low_value",
        "log_resource_policy.low_value",
    ] {
        assert!(components.contains_key(key), "{key}");
    }
    assert!(!components.contains_key("sqs_queue.low_value"));

    site.configure(&target("none"));
    site.apply().await;
    site.must_be_settled().await;
    let pipeline = site.pipeline().await;
    assert!(
        pipeline.components().keys().all(|key| !key.contains(".low")),
        "{:?}",
        pipeline.components().keys()
    );
    // The payment is stored and published all the same; only no rule takes it.
    let bus = Listener::on_bus(&site.aws, "all", pipeline.attribute("event_bus_name").unwrap())
        .await
        .unwrap();
    let key = pipeline.api_key().await.unwrap();
    assert_eq!(
        pipeline
            .send(&key, &payment("small", "1", &json!({})))
            .await
            .unwrap()
            .status,
        200
    );
    let events = bus.hear_all("its event", 1).await.unwrap();
    assert_eq!(event_ids(&events).collect::<Vec<_>>(), ["small"]);
    assert!(pipeline.executions().await.unwrap().is_empty());
    bus.remove().await.unwrap();

    site.configure(&target("queue"));
    site.apply().await;
    site.must_be_settled().await;
    site.destroy().await;
}

async fn listener(site: &Site, pipeline: &Pipeline, topic: &str) -> Listener {
    let arn = pipeline.attribute(&format!("sns_topic_arns.{topic}")).unwrap();
    Listener::on_topic(&site.aws, topic, arn).await.unwrap()
}

async fn send_all(pipeline: &Pipeline) {
    let key = pipeline.api_key().await.unwrap();
    for (amount, _) in AMOUNTS {
        let answer = pipeline
            .send(&key, &payment(&id(amount), amount, &json!({})))
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{amount}: {answer:?}");
    }
}

fn id(amount: &str) -> String {
    format!("of-{amount}")
}

/// The payments of those messages that are events, as rules deliver them.
fn event_ids(messages: &[Value]) -> impl Iterator<Item = String> {
    messages
        .iter()
        .filter_map(|message| message["detail"]["transaction_id"].as_str().map(str::to_owned))
}
