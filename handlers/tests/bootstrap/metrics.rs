//! `payment_metrics`: what reaches `CloudWatch` and X-Ray (REQUIREMENTS 6.5, 7.1).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UdpSocket;

use super::lambda::{Lambda, TRACE};
use super::sandbox::Sandbox;
use super::scripted::ScriptedAws;

fn payment() -> Value {
    json!({"payment_id": "test-123", "amount": 100, "type": "credit_card", "currency": "USD"})
}

/// The metric lines: directive and values.
fn embedded(lambda: &Lambda) -> Vec<Value> {
    let output = lambda.output();
    let documents = output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    documents.filter(|d| d.get("_aws").is_some()).collect()
}

/// O-36, O-37, O-39, O-41: embedded metrics, and three subsegments that end and carry ids only.
#[tokio::test]
async fn a_payment_is_measured_and_traced() {
    let daemon = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let variables = [("AWS_XRAY_DAEMON_ADDRESS", address.as_str()), ("LOG_LEVEL", "trace")];
    let lambda = Lambda::start("payment_metrics", &variables).await;
    let response = lambda.invoke(payment()).await.unwrap();
    assert_eq!(response["statusCode"], 200, "{}", lambda.output());
    assert_eq!(
        response["body"],
        r#"{"amount":100,"message":"Payment processed successfully","payment_id":"test-123"}"#
    );

    let lines = embedded(&lambda);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    let seen: Vec<_> = directives
        .iter()
        .map(|d| (d["Metrics"][0].clone(), d["Dimensions"].clone(), d["Namespace"].clone()))
        .collect();
    let expected = [
        (
            "PaymentAmount",
            "None",
            json!([["PaymentType", "Region", "Environment"], ["Environment"]]),
        ),
        (
            "PaymentProcessingTime",
            "Milliseconds",
            json!([["PaymentType", "Environment"]]),
        ),
        ("PaymentSuccess", "Count", json!([["PaymentType", "Environment"]])),
    ];
    let namespace = json!("PaymentProcessing/Custom");
    let expected = expected.map(|(name, unit, sets)| (json!({"Name": name, "Unit": unit}), sets, namespace.clone()));
    assert_eq!(seen, expected);
    assert_eq!(
        (
            &line["PaymentAmount"],
            &line["PaymentType"],
            &line["Region"],
            &line["Environment"],
            &line["currency"]
        ),
        (
            &json!(100),
            &json!("credit_card"),
            &json!("us-east-1"),
            &json!("test"),
            &json!("USD")
        )
    );

    let root = TRACE.split(['=', ';']).nth(1).unwrap();
    let mut names = BTreeSet::new();
    for _ in 0..3 {
        let mut buffer = [0_u8; 4096];
        let received = tokio::time::timeout(Duration::from_secs(10), daemon.recv(&mut buffer)).await;
        let length = received.expect("a subsegment").unwrap();
        let document = std::str::from_utf8(&buffer[..length])
            .unwrap()
            .split_once('\n')
            .unwrap()
            .1;
        let document: Value = serde_json::from_str(document).unwrap();
        assert_eq!(
            (&document["trace_id"], &document["fault"]),
            (&json!(root), &json!(false))
        );
        assert!(document.get("metadata").is_none() && document["end_time"].as_f64().is_some());
        let annotations = document["annotations"].as_object().unwrap();
        let allowed = ["environment", "payment_id", "payment_type", "database"];
        assert!(
            annotations.keys().all(|name| allowed.contains(&name.as_str())),
            "ids and types only: {document}"
        );
        names.insert(document["name"].as_str().unwrap().to_owned());
    }
    let expected = ["database_write", "payment_processing", "payment_validation"];
    assert!(names.iter().eq(expected.iter()), "{names:?}");
}

#[tokio::test]
async fn refusals_and_unknown_types_are_counted_as_such() {
    let lambda = Lambda::start("payment_metrics", &[("ALLOWED_PAYMENT_TYPES", "pix")]).await;
    lambda.invoke(payment()).await.unwrap();
    assert_eq!(embedded(&lambda)[0]["PaymentType"], "other", "O-47");
    let response = lambda
        .invoke(json!({"httpMethod": "POST", "body": "{}"}))
        .await
        .unwrap();
    assert_eq!(response["statusCode"], 400);
    let error = &embedded(&lambda)[1];
    assert_eq!(
        (&error["PaymentError"], &error["ErrorType"]),
        (&json!(1), &json!("ValidationError"))
    );
    assert_eq!(
        error["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
        json!([["Environment", "ErrorType"]])
    );
}

/// The same metrics by API call, read back from the sandbox.
#[tokio::test]
async fn metrics_by_api_call_are_the_same() {
    let sandbox = Sandbox::new();
    let variables = [("METRICS_MODE", "put_metric_data"), ("METRICS_NAMESPACE", "Pay/Test")];
    let lambda = Lambda::start("payment_metrics", &sandbox.variables(&variables)).await;
    let response = lambda.invoke(payment()).await.unwrap();
    assert_eq!(response["statusCode"], 200, "{}", lambda.output());
    lambda.invoke(json!({})).await.unwrap();
    assert!(embedded(&lambda).is_empty(), "{}", lambda.output());

    let client = aws_sdk_cloudwatch::Client::new(&sandbox.config);
    let listed = client.list_metrics().namespace("Pay/Test").send().await.unwrap();
    let show = |metric: &aws_sdk_cloudwatch::types::Metric| {
        let dimension = |d: &aws_sdk_cloudwatch::types::Dimension| {
            format!("{}={}", d.name().unwrap_or_default(), d.value().unwrap_or_default())
        };
        let mut dimensions: Vec<_> = metric.dimensions().iter().map(dimension).collect();
        dimensions.sort_unstable();
        format!("{} {}", metric.metric_name().unwrap(), dimensions.join(" "))
    };
    let seen: BTreeSet<String> = listed.metrics().iter().map(show).collect();
    let expected = [
        "PaymentAmount Environment=test",
        "PaymentAmount Environment=test PaymentType=credit_card Region=us-east-1",
        "PaymentError Environment=test ErrorType=ValidationError",
        "PaymentProcessingTime Environment=test PaymentType=credit_card",
        "PaymentSuccess Environment=test PaymentType=credit_card",
    ];
    assert!(seen.iter().eq(expected.iter()), "{seen:?}");
}

/// O-42, O-43: a call that is refused does not fail the payment, and the alarmed metric shows it.
#[tokio::test]
async fn a_fault_is_visible_as_the_alarmed_metric() {
    let aws = ScriptedAws::start(Vec::new()).await; // refuses everything
    let variables = [
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "000000000000"),
        ("METRICS_MODE", "put_metric_data"),
        ("METRICS_NAMESPACE", "Pay/Test"),
    ];
    let lambda = Lambda::start("payment_metrics", &variables).await;
    let response = lambda.invoke(payment()).await.unwrap();
    assert_eq!(response["statusCode"], 200, "{}", lambda.output());
    assert_eq!(lambda.metric("HandlerFault"), 1);
    let line = &embedded(&lambda)[0];
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Pay/Test");
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
        json!([["Environment", "Handler"]])
    );
    assert_eq!(
        (&line["Environment"], &line["Handler"]),
        (&json!("test"), &json!("payment_metrics"))
    );
}
