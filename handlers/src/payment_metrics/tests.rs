//! Behaviour of the metrics handler (REQUIREMENTS 7.1).

use super::*;
use crate::config::{Env, InitError};
use crate::fakes::payments::FakeMeasurements;
use crate::fakes::{FakeClock, FakeSink};
use crate::telemetry::emf::EmfMeasurements;

const NOW: &str = "2026-01-01T12:00:00.000Z";

struct Setup {
    handler: PaymentMetrics,
    measurements: Arc<FakeMeasurements>,
    sink: Arc<FakeSink>,
}

fn env(extra: &[(&'static str, &'static str)]) -> Env {
    Env::from_pairs([&[("AWS_REGION", "eu-west-1"), ("ENVIRONMENT", "qa")], extra].concat())
}

fn setup(extra: &[(&'static str, &'static str)]) -> Setup {
    let env = env(extra);
    let config = MetricsConfig::from_env(&env).unwrap();
    let (measurements, sink) = (FakeMeasurements::new(), FakeSink::new());
    let metrics = Metrics::in_namespace(config.namespace.clone(), &env, NAME, FakeClock::at(NOW), sink.clone());
    Setup {
        handler: PaymentMetrics::new(config, measurements.clone(), metrics),
        measurements,
        sink,
    }
}

fn payment() -> Value {
    json!({"payment_id": "test-123", "amount": 100, "type": "credit_card", "currency": "USD"})
}

impl Setup {
    async fn send(&self, event: Value) -> (u64, Value) {
        let response = self.handler.handle(event, &Invocation::for_test()).await.unwrap();
        let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        (response["statusCode"].as_u64().unwrap(), body)
    }
}

fn sets(measurement: &Measurement) -> Vec<String> {
    let show = |set: &Vec<(&str, String)>| {
        set.iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    measurement.dimension_sets.iter().map(show).collect()
}

/// 6.5: the metrics' names, units and dimension sets; O-41: a measured time, not a constant.
#[tokio::test]
async fn a_payment_becomes_metrics() {
    let setup = setup(&[]);
    let expected = json!({"message": "Payment processed successfully", "payment_id": "test-123", "amount": 100});
    assert_eq!(setup.send(payment()).await, (200, expected));
    let taken = setup.measurements.taken.lock().unwrap().clone();
    let seen: Vec<_> = taken.iter().map(|m| (m.name, m.unit, sets(m))).collect();
    let by_type = || vec!["PaymentType=credit_card,Environment=qa".to_owned()];
    let amount = vec![
        "PaymentType=credit_card,Region=eu-west-1,Environment=qa".to_owned(),
        "Environment=qa".to_owned(),
    ];
    assert_eq!(
        seen,
        [
            ("PaymentAmount", Unit::None, amount),
            ("PaymentProcessingTime", Unit::Milliseconds, by_type()),
            ("PaymentSuccess", Unit::Count, by_type()),
        ]
    );
    assert_eq!(taken[0].value, Decimal::from(100));
}

/// O-40: nothing is invented; O-43, O-44: the caller learns what he can do about it.
#[tokio::test]
async fn each_rule_has_its_message() {
    let setup = setup(&[]);
    let mut refused = 0;
    for field in ["payment_id", "amount", "type"] {
        let mut event = payment();
        event.as_object_mut().unwrap().remove(field);
        let expected =
            json!({"message": "Payment validation failed", "error": format!("Missing required field: {field}")});
        assert_eq!(setup.send(event).await, (400, expected));
        refused += 1;
    }
    let cases = [
        ("amount", json!("abc"), "Invalid amount format"),
        ("amount", json!(1.005), "Invalid amount format"),
        ("amount", json!(-5), "Amount must be positive"),
        ("currency", json!("XXX"), "Invalid currency: must be an ISO 4217 code"),
        ("type", json!(""), "Invalid type: must be text of 1-64 characters"),
        (
            "payment_id",
            json!("a b"),
            "Invalid payment_id: must be 1-128 characters of A-Z a-z 0-9 . _ : -",
        ),
    ];
    for (field, value, message) in cases {
        let mut event = payment();
        event[field] = value;
        let (status, body) = setup.send(event).await;
        assert_eq!((status, &body["error"]), (400, &json!(message)), "{field}");
        refused += 1;
    }
    for event in [json!([]), json!(null), json!({"body": "[]"}), json!({"body": null})] {
        assert_eq!(setup.send(event).await.0, 400);
        refused += 1;
    }
    let errors = setup.measurements.named("PaymentError");
    assert_eq!(errors.len(), refused);
    assert_eq!(sets(&errors[0]), ["Environment=qa,ErrorType=ValidationError"]);
    assert_eq!(
        setup.measurements.taken.lock().unwrap().len(),
        refused,
        "no success was counted"
    );
    assert_eq!(setup.sink.count(HANDLER_FAULT), 0, "a refusal is no fault of ours");
}

/// O-45: behind an API the body is the payment; a body that is too large is refused.
#[tokio::test]
async fn proxy_events_are_decoded() {
    let setup = setup(&[("MAX_BODY_BYTES", "200"), ("CORS_ALLOW_ORIGINS", "https://shop")]);
    let event = json!({"body": payment().to_string(), "headers": {"origin": "https://shop"}});
    let response = setup.handler.handle(event, &Invocation::for_test()).await.unwrap();
    assert_eq!(response["statusCode"], 200);
    assert_eq!(response["headers"]["Access-Control-Allow-Origin"], "https://shop");
    assert_eq!(setup.send(json!({"body": "x".repeat(201)})).await.0, 413);
}

/// O-47: free text never becomes a dimension.
#[tokio::test]
async fn unknown_types_count_as_other() {
    let setup = setup(&[("ALLOWED_PAYMENT_TYPES", "pix,sepa")]);
    for (given, expected) in [("pix", "pix"), ("credit_card", "other"), ("Pix", "other")] {
        let mut event = payment();
        event["type"] = json!(given);
        setup.send(event).await;
        let last = setup.measurements.named("PaymentSuccess").pop().unwrap();
        assert_eq!(sets(&last), [format!("PaymentType={expected},Environment=qa")]);
    }
}

/// O-42, O-43: a metric that cannot be sent does not fail the payment, and shows as a fault.
#[tokio::test]
async fn lost_metrics_are_a_fault_but_no_failure() {
    let setup = setup(&[]);
    *setup.measurements.fails.lock().unwrap() = true;
    assert_eq!(setup.send(payment()).await.0, 200);
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
    let line: Value = serde_json::from_str(&setup.sink.lines()[0]).unwrap();
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"][0]["Namespace"],
        "PaymentProcessing/Custom"
    );
    assert_eq!((&line["Environment"], &line["Handler"]), (&json!("qa"), &json!(NAME)));
}

/// O-49: the amount's exact text is what the embedded metric holds; the currency is a property, no dimension.
#[tokio::test]
async fn embedded_metrics_are_exact() {
    let env = env(&[("METRICS_NAMESPACE", "N")]);
    let config = MetricsConfig::from_env(&env).unwrap();
    let sink = FakeSink::new();
    let measurements = EmfMeasurements::new("N".into(), FakeClock::at(NOW), sink.clone());
    let metrics = Metrics::in_namespace("N".into(), &env, NAME, FakeClock::at(NOW), sink.clone());
    let handler = PaymentMetrics::new(config, Arc::new(measurements), metrics);
    let mut event = payment();
    event["amount"] = json!("12345678901234567890.12");
    handler.handle(event, &Invocation::for_test()).await.unwrap();
    let line: Value = serde_json::from_str(&sink.lines()[0]).unwrap();
    assert_eq!(line["PaymentAmount"].to_string(), "12345678901234567890.12");
    assert_eq!((&line["currency"], &line["PaymentSuccess"]), (&json!("USD"), &json!(1)));
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert_eq!(
        directives[0],
        json!({"Namespace": "N", "Dimensions": [["PaymentType", "Region", "Environment"], ["Environment"]],
            "Metrics": [{"Name": "PaymentAmount", "Unit": "None"}]})
    );
    let names = directives.iter().flat_map(|d| {
        d["Dimensions"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|s| s.as_array().unwrap())
    });
    for name in names {
        assert!(line[name.as_str().unwrap()].is_string(), "{name} has a value");
    }
}

#[test]
fn settings_are_checked() {
    let error = MetricsConfig::from_env(&env(&[("METRICS_MODE", "statsd")])).unwrap_err();
    assert!(matches!(error, InitError::InvalidVariable { name, .. } if name == "METRICS_MODE"));
}
