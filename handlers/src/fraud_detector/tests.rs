//! Behaviour of the detector against in-memory ports (REQUIREMENTS 9.2 item 6).

use super::*;
use crate::config::{Env, InitError};
use crate::fakes::{FakeClock, FakeFunction, FakeSink, FakeTables, FakeTopic};

const STORED: &str = "2026-01-01T12:00:00.000Z";
const NOW: &str = "2026-01-01T12:00:01.000Z";

struct Setup {
    detector: FraudDetector,
    tables: Arc<FakeTables>,
    topic: Arc<FakeTopic>,
    clock: Arc<FakeClock>,
    sink: Arc<FakeSink>,
    scorer: Arc<FakeFunction>,
}

fn setup(extra: &[(&str, &str)]) -> Setup {
    let mut vars = vec![
        ("DYNAMODB_TABLE", "t"),
        ("SNS_TOPIC_ARN", "arn"),
        ("ENVIRONMENT", "test"),
    ];
    vars.extend_from_slice(extra);
    let env = Env::from_pairs(vars);
    let (tables, topic, clock, sink, scorer) = (
        FakeTables::new(),
        FakeTopic::new(),
        FakeClock::at(NOW),
        FakeSink::new(),
        FakeFunction::new(),
    );
    let config = FraudConfig::from_env(&env).unwrap();
    let external: Option<Arc<dyn FunctionInvoker>> = if config.scorer == ScorerConfig::Deterministic {
        None
    } else {
        Some(scorer.clone())
    };
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let detector = FraudDetector::new(config, tables.clone(), topic.clone(), external, clock.clone(), metrics);
    Setup {
        detector,
        tables,
        topic,
        clock,
        sink,
        scorer,
    }
}

/// Metadata that the model rates highest.
fn risky() -> Value {
    json!({"ip_country": "BR", "card_country": "US", "attempts": 4})
}

fn transaction(amount: &str, metadata: &Value) -> Value {
    json!({"transaction_id": "t1", "timestamp": STORED, "amount": amount, "currency": "USD", "status": "pending",
        "updated_at": STORED, "metadata": metadata})
}

impl Setup {
    async fn run(&self, transaction: &Value) -> Result<Value, HandlerError> {
        let event = json!({"transaction": transaction, "timestamp": transaction["timestamp"]});
        self.detector.handle(event, &Invocation::for_test()).await
    }

    async fn store_and_run(&self, transaction: &Value) -> (ItemKey, Result<Value, HandlerError>) {
        let key = self.tables.insert(transaction.clone());
        (key, self.run(transaction).await)
    }

    async fn analysis(&self, amount: &str, metadata: &Value) -> (String, String) {
        let (_, result) = self.store_and_run(&transaction(amount, metadata)).await;
        let analysis = result.unwrap()["fraud_analysis"].clone();
        (
            analysis["fraud_score"].to_string(),
            analysis["fraud_status"].as_str().unwrap().to_owned(),
        )
    }

    fn alerts(&self) -> usize {
        self.topic.alerts.lock().unwrap().len()
    }
}

#[tokio::test]
async fn the_amount_boundary_is_exclusive() {
    let setup = setup(&[("FRAUD_MODEL_WEIGHT_MAX", "0")]);
    assert_eq!(setup.analysis("5000", &json!({})).await.0, "0.00");
    assert_eq!(setup.analysis("5000.01", &json!({})).await.0, "0.30");
}

#[tokio::test]
async fn every_status_is_reachable() {
    let setup = setup(&[]);
    let cases = [
        ("100", json!({}), "0.00", "low_risk"),
        ("6000", json!({}), "0.30", "low_risk"),
        ("4999", json!({}), "0.10", "low_risk"),
        ("100", risky(), "0.40", "medium_risk"),
        ("6000", json!({"new_customer": true}), "0.40", "medium_risk"),
        ("50001", json!({}), "0.40", "medium_risk"),
        ("6000", risky(), "0.70", "high_risk"),
        ("5000", risky(), "0.40", "medium_risk"),
        (
            "60000",
            json!({"ip_country": "br", "card_country": "BR", "attempts": "3"}),
            "0.60",
            "medium_risk",
        ),
    ];
    for (amount, metadata, score, status) in cases {
        let expected = (score.to_owned(), status.to_owned());
        assert_eq!(setup.analysis(amount, &metadata).await, expected, "{amount} {metadata}");
    }
}

#[tokio::test]
async fn the_same_input_has_the_same_score() {
    let setup = setup(&[]);
    let first = setup.analysis("7000", &json!({"attempts": 3})).await;
    for _ in 0..20 {
        assert_eq!(setup.analysis("7000", &json!({"attempts": 3})).await, first);
    }
}

#[tokio::test]
async fn thresholds_follow_the_currency() {
    let setup = setup(&[("FRAUD_CURRENCY_THRESHOLDS", r#"{"JPY": 750000}"#)]);
    let mut yen = transaction("10000", &json!({}));
    yen["currency"] = json!("JPY");
    let (_, result) = setup.store_and_run(&yen).await;
    assert_eq!(result.unwrap()["fraud_analysis"]["risk_factors"], json!([]));
}

#[tokio::test]
async fn the_analysis_is_written_onto_the_same_item() {
    let setup = setup(&[]);
    let (key, result) = setup.store_and_run(&transaction("6000", &risky())).await;
    let item = setup.tables.item(&key).unwrap();
    assert_eq!(item["status"], "analyzed");
    assert_eq!(
        item["fraud_analysis"]["fraud_score"].to_string(),
        "0.70",
        "a decimal, not a float"
    );
    assert_eq!(
        item["fraud_analysis"]["risk_factors"],
        json!(["high_amount", "country_mismatch", "repeated_attempts"])
    );
    let result = result.unwrap();
    assert_eq!(result["fraud_analysis"], item["fraud_analysis"]);
    assert_eq!(
        (&result["statusCode"], &result["transaction_id"]),
        (&json!(200), &json!("t1"))
    );
    assert_eq!(setup.tables.ids().len(), 1);
}

#[tokio::test]
async fn a_missing_item_is_an_error_and_no_ghost_appears() {
    let setup = setup(&[]);
    let error = setup.run(&transaction("1", &json!({}))).await.unwrap_err();
    assert_eq!(error.error_type(), "TransactionNotFound");
    assert!(setup.tables.ids().is_empty());
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
}

#[tokio::test]
async fn a_later_status_is_not_moved_back() {
    let setup = setup(&[]);
    let mut done = transaction("6000", &risky());
    done["status"] = json!("accounting_processed");
    let (key, result) = setup.store_and_run(&done).await;
    assert_eq!(result.unwrap()["skipped_status"], "accounting_processed");
    assert_eq!(setup.tables.item(&key).unwrap()["status"], "accounting_processed");
    assert_eq!(setup.alerts(), 0);
}

#[tokio::test]
async fn high_risk_alerts_once() {
    let setup = setup(&[]);
    let transaction = transaction("6000", &risky());
    let (key, _) = setup.store_and_run(&transaction).await;
    for _ in 0..3 {
        setup.run(&transaction).await.unwrap();
    }
    assert_eq!(setup.alerts(), 1);
    assert!(setup.tables.item(&key).unwrap().contains_key("alerted_at"));
    let alert = setup.topic.alerts.lock().unwrap()[0].clone();
    assert_eq!(alert.subject, "High Risk Transaction Detected");
    assert!(alert.message.contains("\n  \""), "pretty-printed");
    let message: Value = serde_json::from_str(&alert.message).unwrap();
    assert_eq!(message["alert_type"], "fraud_detection");
    assert_eq!(
        (&message["amount"], message["fraud_score"].to_string()),
        (&json!("6000"), "0.70".to_owned())
    );
    assert_eq!(
        (&message["timestamp"], &message["environment"]),
        (&json!(NOW), &json!("test"))
    );
    assert_eq!(
        alert.attributes,
        [("alert_type", "fraud_detection"), ("severity", "high")]
    );
}

#[tokio::test]
async fn a_failed_alert_is_retried() {
    let setup = setup(&[]);
    let transaction = transaction("6000", &risky());
    *setup.topic.fails.lock().unwrap() = true;
    let (key, result) = setup.store_and_run(&transaction).await;
    assert_eq!(result.unwrap_err().error_type(), "ServiceUnavailable");
    assert!(!setup.tables.item(&key).unwrap().contains_key("alerted_at"));
    *setup.topic.fails.lock().unwrap() = false;
    setup.run(&transaction).await.unwrap();
    assert_eq!(setup.alerts(), 1);
}

#[tokio::test]
async fn a_crash_before_the_alert_only_delays_it() {
    let setup = setup(&[]);
    let transaction = transaction("6000", &risky());
    let key = setup.tables.insert(transaction.clone());
    // Another invocation took the right to alert and died.
    let now = setup.clock.now();
    setup
        .tables
        .claim_alert(&key, now, now.plus_millis(ALERT_LEASE_MILLIS))
        .await
        .unwrap();
    assert_eq!(
        setup.run(&transaction).await.unwrap_err().error_type(),
        "ServiceUnavailable"
    );
    setup.clock.advance(ALERT_LEASE_MILLIS + 1);
    setup.run(&transaction).await.unwrap();
    assert_eq!(setup.alerts(), 1);
}

#[tokio::test]
async fn invalid_input_has_its_own_error_name() {
    let setup = setup(&[]);
    let error = setup
        .detector
        .handle(json!({"transaction": {}}), &Invocation::for_test())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "ValidationError");
    assert_eq!(
        (setup.sink.count(HANDLER_FAULT), setup.sink.count("FraudInputRejected")),
        (0, 1)
    );
}

#[tokio::test]
async fn an_external_scorer_replaces_the_model_part() {
    let setup = setup(&[("SCORER", "external_lambda"), ("SCORER_ARN", "arn:f")]);
    *setup.scorer.answer.lock().unwrap() =
        serde_json::from_str(r#"{"model_score": 0.5, "risk_factors": ["ring"]}"#).unwrap();
    let (_, result) = setup.store_and_run(&transaction("6000", &json!({}))).await;
    let analysis = result.unwrap()["fraud_analysis"].clone();
    assert_eq!(
        (analysis["fraud_score"].to_string(), &analysis["risk_factors"]),
        ("0.50".into(), &json!(["high_amount", "ring"]))
    );
    assert_eq!(setup.scorer.payloads.lock().unwrap()[0]["timestamp"], STORED);
    for bad in [
        json!({}),
        json!({"model_score": 2}),
        json!({"model_score": "x"}),
        json!({"model_score": -1}),
    ] {
        *setup.scorer.answer.lock().unwrap() = bad;
        assert_eq!(
            setup
                .run(&transaction("6000", &json!({})))
                .await
                .unwrap_err()
                .error_type(),
            "InternalError"
        );
    }
}

#[test]
fn settings_are_checked_at_start() {
    let with = |name: &'static str, value: &'static str| {
        FraudConfig::from_env(&Env::from_pairs([
            ("DYNAMODB_TABLE", "t"),
            ("SNS_TOPIC_ARN", "a"),
            (name, value),
        ]))
    };
    for (name, value) in [
        ("FRAUD_HIGH_RISK_THRESHOLD", "1.1"),
        ("FRAUD_AMOUNT_RISK_WEIGHT", "-0.1"),
        ("FRAUD_AMOUNT_RISK_THRESHOLD", "lots"),
        ("FRAUD_MEDIUM_RISK_THRESHOLD", "0.9"),
        ("FRAUD_CURRENCY_THRESHOLDS", "[]"),
        ("SCORER", "dice"),
    ] {
        assert!(
            matches!(with(name, value), Err(InitError::InvalidVariable { name: n, .. }) if n == name),
            "{name}"
        );
    }
    assert_eq!(
        with("SCORER", "external_lambda").unwrap_err(),
        InitError::MissingVariable("SCORER_ARN".into())
    );
}
