//! The fraud detector on the sandbox (REQUIREMENTS 9.2 item 6).

use serde_json::{Value, json};

use super::lambda::Lambda;
use super::sandbox::Sandbox;

const STORED: &str = "2026-01-02T13:04:05.006Z";

fn transaction(id: &str, status: &str) -> Value {
    let amount: Value = serde_json::from_str("6000.01").unwrap();
    json!({"transaction_id": id, "timestamp": STORED, "amount": amount, "currency": "USD", "status": status,
        "customer_id": "cust-secret", "updated_at": STORED,
        "metadata": {"ip_country": "BR", "card_country": "US", "attempts": 4}})
}

/// A topic whose messages go to a queue; returns the topic's ARN and the queue's URL.
async fn topic_with_queue(sandbox: &Sandbox) -> (String, String) {
    let topics = aws_sdk_sns::Client::new(&sandbox.config);
    let topic = topics
        .create_topic()
        .name("alerts")
        .send()
        .await
        .unwrap()
        .topic_arn
        .unwrap();
    let (url, arn) = sandbox.create_queue("alerts").await;
    topics
        .subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint(arn)
        .send()
        .await
        .unwrap();
    (topic, url)
}

async fn start(sandbox: &Sandbox, topic: &str) -> Lambda {
    let variables = [
        ("DYNAMODB_TABLE", "transactions"),
        ("SNS_TOPIC_ARN", topic),
        ("LOG_LEVEL", "trace"),
    ];
    Lambda::start("fraud_detector", &sandbox.variables(&variables)).await
}

#[tokio::test]
async fn high_risk_is_stored_and_alerted_once() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let (topic, queue) = topic_with_queue(&sandbox).await;
    let lambda = start(&sandbox, &topic).await;
    let transaction = transaction("txn_1", "pending");
    sandbox.put_item(&transaction).await;

    // As the workflow calls it, as its Lambda integration wraps it, as EventBridge wraps it.
    let plain = json!({"transaction": transaction, "timestamp": STORED});
    let envelope =
        json!({"source": "webhook.transaction", "detail-type": "Transaction Created", "detail": transaction});
    for event in [plain.clone(), json!({"Payload": plain}), envelope] {
        let result = lambda
            .invoke(event)
            .await
            .unwrap_or_else(|e| panic!("{e:?}\n{}", lambda.output()));
        assert_eq!(
            (&result["statusCode"], &result["transaction_id"]),
            (&json!(200), &json!("txn_1"))
        );
        assert_eq!(result["fraud_analysis"]["fraud_status"], "high_risk");
        assert_eq!(result["fraud_analysis"]["fraud_score"].to_string(), "0.70");
    }

    let items = sandbox.attributes().await;
    assert_eq!(items.len(), 1, "no ghost item");
    assert_eq!(items[0]["status"].as_s().unwrap(), "analyzed");
    let score = items[0]["fraud_analysis"].as_m().unwrap()["fraud_score"]
        .as_n()
        .unwrap();
    assert!(["0.7", "0.70"].contains(&score.as_str()), "a decimal: {score}");
    assert!(items[0].contains_key("alerted_at") && !items[0].contains_key("alert_lease_until"));

    let alerts = sandbox.receive(&queue, 1).await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["Subject"], "High Risk Transaction Detected");
    assert_eq!(alerts[0]["MessageAttributes"]["severity"]["Value"], "high");
    let message: Value = serde_json::from_str(alerts[0]["Message"].as_str().unwrap()).unwrap();
    assert_eq!(message["amount"], "6000.01");
    assert_eq!(
        message["risk_factors"],
        json!(["high_amount", "country_mismatch", "repeated_attempts"])
    );
    assert_eq!(
        (lambda.metric("FraudHighRisk"), lambda.metric("FraudAlertSent")),
        (3, 1)
    );
    assert!(!lambda.output().contains("cust-secret"));
}

#[tokio::test]
async fn what_cannot_be_analyzed_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let (topic, queue) = topic_with_queue(&sandbox).await;
    let lambda = start(&sandbox, &topic).await;

    let missing = lambda
        .invoke(json!({"transaction": transaction("ghost", "pending")}))
        .await
        .unwrap_err();
    assert_eq!(missing.error_type, "TransactionNotFound");
    assert!(sandbox.attributes().await.is_empty(), "no ghost item");

    let done = transaction("done", "accounting_processed");
    sandbox.put_item(&done).await;
    let result = lambda.invoke(json!({"transaction": done})).await.unwrap();
    assert_eq!(result["skipped_status"], "accounting_processed");
    assert_eq!(sandbox.items().await[0]["status"], "accounting_processed");

    let invalid = lambda
        .invoke(json!({"transaction": {"transaction_id": ""}}))
        .await
        .unwrap_err();
    assert_eq!(invalid.error_type, "ValidationError");
    assert!(sandbox.receive(&queue, 0).await.is_empty());
}
