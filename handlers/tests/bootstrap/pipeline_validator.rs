//! The validator on the sandbox (REQUIREMENTS 9.2 items 1 to 3).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use tap_handlers::auth::hmac::sign;
use tap_handlers::auth::secret::Secret;

use super::lambda::{Lambda, TRACE};
use super::sandbox::Sandbox;

const TABLES: [(&str, &str); 2] = [("DYNAMODB_TABLE", "transactions"), ("IDEMPOTENCY_TABLE", "guards")];

async fn start(sandbox: &Sandbox, more: &[(&str, &str)]) -> Lambda {
    let variables: Vec<_> = TABLES.iter().chain(more).copied().collect();
    Lambda::start("webhook_validator", &sandbox.variables(&variables)).await
}

fn payment(id: &str, amount: &str) -> String {
    format!(
        r#"{{"transaction_id":"{id}","amount":{amount},"currency":"USD","provider":"stripe",
        "customer_id":"cust-secret-789","metadata":{{"order_id":"order-secret-1","rate":0.1,"huge":1e400}}}}"#
    )
}

fn post(body: &str) -> Value {
    json!({"httpMethod": "POST", "headers": {"Content-Type": "application/json"}, "body": body, "isBase64Encoded": false})
}

#[tokio::test]
async fn stores_once_replays_and_refuses_other_content() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let lambda = start(&sandbox, &[("AUTH_MODE", "api_key"), ("LOG_LEVEL", "trace")]).await;

    let first = lambda
        .invoke(post(&payment("txn_1", "12345678901234567890.12")))
        .await
        .unwrap();
    assert_eq!(first["statusCode"], 200, "{}", lambda.output());
    let items = sandbox.attributes().await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["amount"], AttributeValue::N("12345678901234567890.12".into()));
    let metadata = items[0]["metadata"].as_m().unwrap();
    assert_eq!(metadata["rate"], AttributeValue::N("0.1".into()));
    assert!(metadata["huge"].is_s(), "a number beyond DynamoDB is kept as text");
    let body: Value = serde_json::from_str(first["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        items[0]["timestamp"],
        AttributeValue::S(body["timestamp"].as_str().unwrap().into())
    );

    tokio::time::sleep(Duration::from_millis(5)).await;
    let second = lambda
        .invoke(post(&payment("txn_1", "12345678901234567890.120")))
        .await
        .unwrap();
    assert_eq!((&second["statusCode"], &second["body"]), (&json!(200), &first["body"]));
    assert_eq!(second["headers"]["Idempotent-Replay"], "true");

    let other = lambda.invoke(post(&payment("txn_1", "1"))).await.unwrap();
    assert_eq!(other["statusCode"], 409);
    assert_eq!(
        other["body"],
        r#"{"error":"Transaction already exists with different content"}"#
    );
    assert_eq!(sandbox.attributes().await.len(), 1);

    let counters = ["WebhookAccepted", "WebhookDuplicate", "WebhookConflict", "HandlerFault"];
    assert_eq!(counters.map(|name| lambda.metric(name)), [1, 1, 1, 0]);
    for secret in ["cust-secret-789", "order-secret-1", "12345678901234567890"] {
        assert!(
            !lambda.output().contains(secret),
            "{secret} must not be logged, not even at trace"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_parallel_duplicates_over_four_instances_make_one_item() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let mut instances = Vec::new();
    for _ in 0..4 {
        instances.push(Arc::new(start(&sandbox, &[("AUTH_MODE", "none")]).await));
    }
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let instance = Arc::clone(&instances[n % instances.len()]);
            tokio::spawn(async move { instance.invoke(post(&payment("txn_dup", "10.00"))).await.unwrap() })
        })
        .collect();
    let mut bodies = BTreeSet::new();
    let mut first_answers = 0;
    for task in tasks {
        let response = task.await.unwrap();
        assert_eq!(response["statusCode"], 200);
        bodies.insert(response["body"].as_str().unwrap().to_owned());
        first_answers += usize::from(response["headers"].get("Idempotent-Replay").is_none());
    }
    assert_eq!(
        (sandbox.attributes().await.len(), bodies.len(), first_answers),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn signatures_are_checked_with_the_parameters_secrets() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let parameter = aws_sdk_ssm::Client::new(&sandbox.config)
        .put_parameter()
        .name("/tap/webhook-secret");
    parameter
        .value(r#"["hush-new", "hush-old"]"#)
        .r#type(ParameterType::SecureString)
        .send()
        .await
        .unwrap();
    let variables = [
        ("AUTH_MODE", "hmac"),
        ("HMAC_SECRET_PARAMETER", "/tap/webhook-secret"),
        ("LOG_LEVEL", "trace"),
    ];
    let lambda = start(&sandbox, &variables).await;

    let body = payment("txn_signed", "5");
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let signed = |secret: &str, time: i64| {
        let mut event = post(&body);
        event["headers"]["x-SIGNATURE"] = sign(&Secret::new(secret), time, body.as_bytes()).into();
        event
    };
    for refused in [post(&body), signed("guess", now), signed("hush-old", now - 3600)] {
        let response = lambda.invoke(refused).await.unwrap();
        assert_eq!(
            (&response["statusCode"], &response["body"]),
            (&json!(401), &json!(r#"{"error":"Invalid signature"}"#))
        );
    }
    assert!(sandbox.attributes().await.is_empty());
    assert_eq!(
        lambda.invoke(signed("hush-old", now)).await.unwrap()["statusCode"],
        200,
        "{}",
        lambda.output()
    );
    assert!(!lambda.output().contains("hush"), "secrets are never logged");
}

#[tokio::test]
async fn the_trace_has_the_documented_subsegments() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let daemon = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let lambda = start(
        &sandbox,
        &[("AUTH_MODE", "none"), ("AWS_XRAY_DAEMON_ADDRESS", &address)],
    )
    .await;
    lambda.invoke(post(&payment("txn_traced", "5"))).await.unwrap();
    let mut names = BTreeSet::new();
    let mut buffer = vec![0; 65_536];
    for _ in 0..2 {
        let received = tokio::time::timeout(Duration::from_secs(10), daemon.recv(&mut buffer)).await;
        let text = std::str::from_utf8(&buffer[..received.expect("a datagram").unwrap()]).unwrap();
        let document: Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
        assert!(TRACE.contains(document["trace_id"].as_str().unwrap()));
        assert!(!text.contains("secret"), "annotations hold ids only");
        names.insert(document["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        names,
        BTreeSet::from(["store_transaction".to_owned(), "validate_webhook".to_owned()])
    );
}
