//! The real handler in the sandbox: what it emits is what the alarms and the dashboard look at (6.5; 9.2, item 11).

use crate::site::Site;
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tap_acceptance_tests::observability::configuration;
use tap_acceptance_tests::{Error, eventually};

const SOON: Duration = Duration::from_secs(30);

/// Name, dimensions, unit and value of one metric.
type Sample = (String, BTreeMap<String, String>, String, Value);

async fn invoke(site: &Site, payload: &Value) -> Value {
    let watch = site.watch().await;
    let function = watch.attribute("lambda_function_arn").unwrap();
    let answer = site
        .aws
        .lambda()
        .invoke()
        .function_name(function)
        .payload(Blob::new(payload.to_string()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.function_error(), None);
    serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap()
}

/// Every embedded metric in the function's log, by the rules of the format: per namespace, dimension set and metric.
async fn embedded(site: &Site, wanted: &str) -> Vec<Sample> {
    let group = site
        .watch()
        .await
        .attribute("log_group_names.lambda")
        .unwrap()
        .to_owned();
    eventually(wanted, SOON, async || {
        let logs = site.aws.logs();
        let events = logs.filter_log_events().log_group_name(&group).send().await;
        let events = events.map_err(|e| Error::Expectation(e.to_string()))?;
        let lines = events.events().iter().filter_map(|event| event.message());
        let documents = lines.filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok());
        let samples: Vec<Sample> = documents.flat_map(|line| samples(&line)).collect();
        Ok(samples.iter().any(|(name, ..)| name == wanted).then_some(samples))
    })
    .await
    .unwrap()
}

fn samples(line: &Value) -> Vec<Sample> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
        assert_eq!(directive["Namespace"], "PaymentProcessing/metrics");
        for set in directive["Dimensions"].as_array().into_iter().flatten() {
            let names = set.as_array().into_iter().flatten().map(text);
            let dimensions: BTreeMap<String, String> = names.map(|name| (name.clone(), text(&line[&name]))).collect();
            for metric in directive["Metrics"].as_array().into_iter().flatten() {
                let name = text(&metric["Name"]);
                all.push((
                    name.clone(),
                    dimensions.clone(),
                    text(&metric["Unit"]),
                    line[&name].clone(),
                ));
            }
        }
    }
    all
}

fn dimensions(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// Names, units and dimensions of 6.5, from the very binary that is deployed.
#[tokio::test]
async fn the_function_emits_what_is_promised() {
    let site = Site::applied(&configuration("metrics")).await;
    let payment = json!({"payment_id": "pay-1", "amount": "100.25", "type": "credit_card", "currency": "EUR"});
    assert_eq!(invoke(&site, &payment).await["statusCode"], 200);
    assert_eq!(invoke(&site, &json!({"payment_id": "pay-2"})).await["statusCode"], 400);

    let seen = embedded(&site, "PaymentError").await;

    let found = |name: &str, pairs: &[(&str, &str)]| {
        let wanted = dimensions(pairs);
        let sample = seen.iter().find(|(n, d, ..)| n == name && *d == wanted);
        let sample = sample.unwrap_or_else(|| panic!("no {name} with {wanted:?} in {seen:#?}"));
        (sample.2.clone(), sample.3.to_string())
    };
    let (environment, card) = (("Environment", "metrics"), ("PaymentType", "credit_card"));
    let one = ("Count".to_owned(), "1".to_owned());
    assert_eq!(found("PaymentSuccess", &[card, environment]), one);
    assert_eq!(
        found("PaymentError", &[environment, ("ErrorType", "ValidationError")]),
        one
    );
    assert_eq!(found("PaymentProcessingTime", &[card, environment]).0, "Milliseconds");
    let amount = ("None".to_owned(), "100.25".to_owned());
    assert_eq!(found("PaymentAmount", &[environment]), amount);
    assert_eq!(
        found("PaymentAmount", &[card, environment, ("Region", "us-east-1")]),
        amount
    );
    site.destroy().await;
}

/// O-43: a fault of the handler's own is the alarmed metric, dimension by dimension. The fault: it cannot reach CloudWatch.
#[tokio::test]
async fn a_fault_of_the_handler_is_the_alarmed_metric() {
    let unreachable = "{ environment = { AWS_ENDPOINT_URL_CLOUDWATCH = \"http://127.0.0.1:9\" }, timeout = 60 }";
    let configuration = configuration("metrics")
        .with("custom_metrics", "{ mode = \"put_metric_data\" }")
        .with("lambda", unreachable);
    let site = Site::applied(&configuration).await;
    let payment = json!({"payment_id": "pay-1", "amount": 5, "type": "wallet", "currency": "USD"});
    // O-42: the payment itself is not refused.
    assert_eq!(invoke(&site, &payment).await["statusCode"], 200);

    let seen = embedded(&site, "HandlerFault").await;

    let alarms = site
        .aws
        .cloudwatch()
        .describe_alarms()
        .alarm_names("handler-faults-metrics");
    let alarm = alarms.send().await.unwrap().metric_alarms()[0].clone();
    assert_eq!(alarm.namespace(), Some("PaymentProcessing/metrics"));
    assert_eq!(alarm.metric_name(), Some("HandlerFault"));
    let watched = alarm.dimensions().iter();
    let watched = watched.map(|d| (d.name().unwrap().to_owned(), d.value().unwrap().to_owned()));
    let watched: BTreeMap<String, String> = watched.collect();
    let fault = seen.iter().find(|(name, ..)| name == "HandlerFault").unwrap();
    assert_eq!(fault.1, watched);
    assert_eq!(alarm.threshold(), Some(1.0));
    site.destroy().await;
}

/// The other mode: metrics arrive in CloudWatch by call, under the same names.
#[tokio::test]
async fn metrics_by_call_arrive_in_cloudwatch() {
    let configuration = configuration("metrics").with("custom_metrics", "{ mode = \"put_metric_data\" }");
    let site = Site::applied(&configuration).await;
    let payment = json!({"payment_id": "pay-1", "amount": 5, "type": "gold", "currency": "USD"});
    assert_eq!(invoke(&site, &payment).await["statusCode"], 200);
    let metrics = site
        .aws
        .cloudwatch()
        .list_metrics()
        .namespace("PaymentProcessing/metrics");
    let metrics = metrics.send().await.unwrap();
    let seen: Vec<(String, BTreeMap<String, String>)> = metrics
        .metrics()
        .iter()
        .map(|metric| {
            let pairs = metric.dimensions().iter();
            let pairs = pairs.map(|d| (d.name().unwrap().to_owned(), d.value().unwrap().to_owned()));
            (metric.metric_name().unwrap().to_owned(), pairs.collect())
        })
        .collect();
    // A type that nobody allowed makes no metric of its own.
    let success = dimensions(&[("Environment", "metrics"), ("PaymentType", "other")]);
    assert!(seen.contains(&("PaymentSuccess".to_owned(), success)), "{seen:?}");
    site.destroy().await;
}
