//! Behaviour of the validator against in-memory tables (REQUIREMENTS 9.2 items 1 to 3).

use std::collections::BTreeSet;

use base64::Engine;

use super::*;
use crate::auth::HmacConfig;
use crate::auth::hmac::sign;
use crate::auth::secret::Secret;
use crate::config::{Env, InitError};
use crate::error::PortError;
use crate::fakes::{FakeClock, FakeSecrets, FakeSink, FakeTables};
use crate::ports::{RecordOutcome, SecretSource};

const NOW: &str = "2026-01-01T12:00:00.000Z";

struct Setup {
    validator: Arc<WebhookValidator>,
    tables: Arc<FakeTables>,
    clock: Arc<FakeClock>,
    sink: Arc<FakeSink>,
}

fn setup(extra: &[(&str, &str)]) -> Setup {
    let mut vars = vec![
        ("DYNAMODB_TABLE", "t"),
        ("IDEMPOTENCY_TABLE", "i"),
        ("AUTH_MODE", "api_key"),
    ];
    vars.extend_from_slice(extra);
    let env = Env::from_pairs(vars);
    let (tables, clock, sink) = (FakeTables::new(), FakeClock::at(NOW), FakeSink::new());
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let config = ValidatorConfig::from_env(&env).unwrap();
    let source = |_: &HmacConfig| -> Arc<dyn SecretSource> { FakeSecrets::new("new\nold") };
    let authenticator = Authenticator::new(config.auth.clone(), source, clock.clone());
    let validator = WebhookValidator::new(config, tables.clone(), authenticator, clock.clone(), metrics);
    Setup {
        validator: Arc::new(validator),
        tables,
        clock,
        sink,
    }
}

fn payment() -> Value {
    json!({"transaction_id": "txn_1", "amount": 15000, "currency": "USD", "provider": "stripe", "customer_id": "c"})
}

fn event(body: &Value) -> Value {
    json!({"body": body.to_string(), "headers": {}})
}

impl Setup {
    async fn send(&self, event: Value) -> Value {
        self.validator.handle(event, &Invocation::for_test()).await.unwrap()
    }

    async fn post(&self, body: &Value) -> Value {
        self.send(event(body)).await
    }
}

fn body_of(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_valid_webhook_is_stored_with_its_guard() {
    let setup = setup(&[]);
    let response = setup.post(&payment()).await;
    assert_eq!(response["statusCode"], 200);
    assert_eq!(
        body_of(&response),
        json!({"message": "Transaction processed successfully", "transaction_id": "txn_1", "timestamp": NOW})
    );
    assert_eq!(
        response["headers"],
        json!({"Content-Type": "application/json", "Cache-Control": "no-store"})
    );
    assert_eq!(setup.tables.ids(), ["txn_1"]);
    let guards = setup.tables.guards.lock().unwrap();
    let guard = &guards["idem#txn_1"];
    assert_eq!((guard.timestamp.to_string().as_str(), guard.ttl), (NOW, None));
    assert_eq!(setup.sink.count("WebhookAccepted"), 1);
}

#[tokio::test]
async fn client_errors_are_400_or_413_and_store_nothing() {
    let setup = setup(&[]);
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let object = "Request body must be a JSON object";
    let cases = [
        (json!({"body": null}), 400, object),
        (json!({"body": "[1]"}), 400, object),
        (json!({"body": "5"}), 400, object),
        (json!({"body": "\"x\""}), 400, object),
        (json!({"body": base64(b"nope"), "isBase64Encoded": true}), 400, object),
        (json!({"body": "x".repeat(300_000)}), 413, "Request body too large"),
        (json!({"body": "{}"}), 400, "Missing required field: transaction_id"),
        (
            json!({"body": "{\"transaction_id\":\"a\",\"amount\":1e400,\"currency\":1,\"provider\":1,\"customer_id\":1}"}),
            400,
            "Invalid amount format",
        ),
    ];
    let count = cases.len();
    for (event, status, message) in cases {
        let response = setup.send(event).await;
        assert_eq!(
            (response["statusCode"].as_u64(), body_of(&response)),
            (Some(status), json!({"error": message}))
        );
    }
    assert!(setup.tables.ids().is_empty());
    assert_eq!(setup.sink.count("WebhookRejected"), u64::try_from(count).unwrap());
    assert_eq!(setup.sink.count(HANDLER_FAULT), 0);
}

#[tokio::test]
async fn a_base64_body_is_accepted_and_exact() {
    let setup = setup(&[]);
    let text = r#"{"transaction_id":"t","amount":12345678901234567890.12,"currency":"USD","provider":"p","customer_id":"c",
        "metadata":{"rate":0.1}}"#;
    let body = base64::engine::general_purpose::STANDARD.encode(text);
    let response = setup.send(json!({"body": body, "isBase64Encoded": true})).await;
    assert_eq!(response["statusCode"], 200);
    let items = setup.tables.items.lock().unwrap();
    let item = items.values().next().unwrap();
    assert_eq!(item["amount"].to_string(), "12345678901234567890.12");
    assert_eq!(item["metadata"]["rate"].to_string(), "0.1");
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer() {
    let setup = setup(&[]);
    let first = setup.post(&payment()).await;
    setup.clock.advance(5000);
    let mut again = payment();
    again["amount"] = json!("15000.00");
    let second = setup.post(&again).await;
    assert_eq!(second["statusCode"], 200);
    assert_eq!(second["body"], first["body"]);
    assert_eq!(second["headers"]["Idempotent-Replay"], "true");
    assert_eq!(first["headers"].get("Idempotent-Replay"), None);
    assert_eq!(setup.tables.ids().len(), 1);
    assert_eq!(setup.sink.count("WebhookDuplicate"), 1);
}

#[tokio::test]
async fn the_same_id_with_other_content_is_409() {
    let setup = setup(&[]);
    setup.post(&payment()).await;
    let mut other = payment();
    other["amount"] = json!(15001);
    let response = setup.post(&other).await;
    assert_eq!(response["statusCode"], 409);
    assert_eq!(
        body_of(&response),
        json!({"error": "Transaction already exists with different content"})
    );
    assert_eq!(setup.tables.ids().len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_one_payment() {
    let setup = setup(&[]);
    let with_key = |body: &Value, key: &str| json!({"body": body.to_string(), "headers": {"idempotency-KEY": key}});
    let first = setup.send(with_key(&payment(), "k1")).await;
    let mut other = payment();
    other["transaction_id"] = json!("txn_2");
    assert_eq!(setup.send(with_key(&other, "k1")).await["statusCode"], 409);
    // Same payment under another key, or none: still the same payment.
    assert_eq!(setup.send(with_key(&payment(), "k2")).await["body"], first["body"]);
    assert_eq!(setup.post(&payment()).await["body"], first["body"]);
    assert_eq!(setup.tables.ids(), ["txn_1"]);
    assert_eq!(setup.send(with_key(&other, "")).await["statusCode"], 400);
    assert_eq!(setup.send(with_key(&other, &"x".repeat(256))).await["statusCode"], 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_parallel_duplicates_make_one_item() {
    let setup = setup(&[]);
    let tasks = (0..50).map(|_| {
        let validator = Arc::clone(&setup.validator);
        tokio::spawn(async move {
            validator
                .handle(event(&payment()), &Invocation::for_test())
                .await
                .unwrap()
        })
    });
    let mut bodies = BTreeSet::new();
    let mut replays = 0;
    for task in tasks.collect::<Vec<_>>() {
        let response = task.await.unwrap();
        assert_eq!(response["statusCode"], 200);
        bodies.insert(response["body"].to_string());
        replays += usize::from(response["headers"].get("Idempotent-Replay").is_some());
    }
    assert_eq!((setup.tables.ids().len(), bodies.len(), replays), (1, 1, 49));
}

#[tokio::test]
async fn conflicts_are_retried_within_bounds() {
    let setup = setup(&[]);
    setup
        .tables
        .record_script
        .lock()
        .unwrap()
        .extend([Ok(RecordOutcome::Conflict), Ok(RecordOutcome::Conflict)]);
    assert_eq!(setup.post(&payment()).await["statusCode"], 200);
    setup
        .tables
        .record_script
        .lock()
        .unwrap()
        .extend(std::iter::repeat_n(Ok(RecordOutcome::Conflict), 100));
    let mut other = payment();
    other["transaction_id"] = json!("txn_2");
    assert_eq!(setup.post(&other).await["statusCode"], 500);
    assert!(setup.tables.record_script.lock().unwrap().len() >= 90, "bounded");
}

#[tokio::test]
async fn faults_are_500_without_internals_and_counted() {
    let setup = setup(&[]);
    let failure = PortError::permanent("dynamodb:TransactWriteItems", "AccessDeniedException");
    setup.tables.record_script.lock().unwrap().push_back(Err(failure));
    let response = setup.post(&payment()).await;
    assert_eq!(response["statusCode"], 500);
    assert_eq!(body_of(&response), json!({"error": "Internal server error"}));
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
}

#[tokio::test]
async fn hmac_mode_wants_a_signature_over_the_raw_body() {
    let setup = setup(&[
        ("AUTH_MODE", "hmac"),
        ("HMAC_SECRET_PARAMETER", "/p"),
        ("HMAC_HEADER", "X-Sig"),
    ]);
    let now = setup.clock.now().epoch_seconds();
    let body = payment().to_string();
    let signed = |secret: &str, time: i64, over: &str| json!({"body": body, "headers": {"x-sig": sign(&Secret::new(secret), time, over.as_bytes())}});
    for refused in [
        event(&payment()),
        signed("wrong", now, &body),
        signed("old", now - 301, &body),
        signed("old", now, "x"),
    ] {
        let response = setup.send(refused).await;
        assert_eq!(
            (response["statusCode"].as_u64(), body_of(&response)),
            (Some(401), json!({"error": "Invalid signature"}))
        );
    }
    assert!(setup.tables.ids().is_empty());
    assert_eq!(setup.send(signed("old", now, &body)).await["statusCode"], 200);
    // Authentication comes before validation: an unsigned bad body learns nothing.
    assert_eq!(setup.send(json!({"body": "[]"})).await["statusCode"], 401);
}

#[tokio::test]
async fn cors_headers_only_for_configured_origins() {
    let setup = setup(&[("CORS_ALLOW_ORIGINS", "https://shop.example")]);
    let request = json!({"body": payment().to_string(), "headers": {"origin": "https://shop.example"}});
    assert_eq!(
        setup.send(request).await["headers"]["Access-Control-Allow-Origin"],
        "https://shop.example"
    );
    assert_eq!(
        setup.post(&payment()).await["headers"].get("Access-Control-Allow-Origin"),
        None
    );
    // A refusal that comes before anything is read can be read too.
    let large = json!({"body": "x".repeat(300 * 1024), "headers": {"Origin": "https://shop.example"}});
    let refused = setup.send(large).await;
    assert_eq!(
        (
            &refused["statusCode"],
            &refused["headers"]["Access-Control-Allow-Origin"]
        ),
        (&json!(413), &json!("https://shop.example"))
    );
}

#[tokio::test]
async fn guards_expire_only_when_configured() {
    let setup = setup(&[("IDEMPOTENCY_TTL_HOURS", "2")]);
    setup.post(&payment()).await;
    let expected = setup.clock.now().epoch_seconds() + 7200;
    assert_eq!(setup.tables.guards.lock().unwrap()["idem#txn_1"].ttl, Some(expected));
}

#[test]
fn authentication_is_never_off_by_omission() {
    let base = [("DYNAMODB_TABLE", "t"), ("IDEMPOTENCY_TABLE", "i")];
    let missing = |env: &Env| ValidatorConfig::from_env(env).map(|_| ()).unwrap_err();
    assert_eq!(
        missing(&Env::from_pairs(base)),
        InitError::MissingVariable("AUTH_MODE".into())
    );
    let hmac = Env::from_pairs(base.into_iter().chain([("AUTH_MODE", "hmac")]));
    assert_eq!(
        missing(&hmac),
        InitError::MissingVariable("HMAC_SECRET_PARAMETER".into())
    );
}
