//! Behaviour of the processor against in-memory ports (REQUIREMENTS 9.2 items 1 to 3; 7.3 to 7.6).

use super::*;
use crate::auth::HmacConfig;
use crate::auth::hmac::sign;
use crate::auth::secret::Secret;
use crate::config::{Env, InitError};
use crate::fakes::payments::{FakePayments, FakeQueue};
use crate::fakes::{FakeBucket, FakeBus, FakeClock, FakeSecrets, FakeSink};
use crate::ports::SecretSource;

const NOW: &str = "2026-01-01T12:00:00.000Z";

struct Setup {
    processor: Arc<PaymentProcessor>,
    table: Arc<FakePayments>,
    queue: Arc<FakeQueue>,
    bucket: Arc<FakeBucket>,
    bus: Arc<FakeBus>,
    clock: Arc<FakeClock>,
    sink: Arc<FakeSink>,
}

type Pairs = &'static [(&'static str, &'static str)];

const QUEUE: Pairs = &[("RESPONSE_MODE", "queue"), ("QUEUE_URL", "q")];
const STRONG: Pairs = &[
    ("CONSISTENCY_MODE", "STRONG"),
    ("RESPONSE_MODE", "queue"),
    ("QUEUE_URL", "q"),
];
const PASCAL: Pairs = &[
    ("TABLE_HASH_KEY", "TransactionId"),
    ("TABLE_RANGE_KEY", "none"),
    ("TIMESTAMP_TYPE", "N"),
    ("ATTRIBUTE_STYLE", "pascal_case"),
    ("REQUIRED_FIELDS", "transaction_id,amount,currency"),
];

fn env(extra: Pairs) -> Env {
    let base = [
        ("TABLE_NAME", "t"),
        ("AUTH_MODE", "api_key"),
        ("IDEMPOTENCY_TABLE", "g"),
        ("AWS_REGION", "us-east-1"),
        ("AUDIT_BUCKET", "b"),
        ("ENVIRONMENT", "qa"),
    ];
    Env::from_pairs([&base, extra].concat())
}

fn setup(extra: Pairs) -> Setup {
    let env = env(extra);
    let config = ProcessorConfig::from_env(&env).unwrap();
    let table = FakePayments::new(config.schema.clone());
    let (queue, bucket, bus) = (FakeQueue::new(), FakeBucket::new(), FakeBus::new());
    let (clock, sink) = (FakeClock::at(NOW), FakeSink::new());
    let follow_ups = FollowUps {
        audit: config.audit_bucket.as_ref().map(|_| Audit {
            bucket: bucket.clone(),
            prefix: config.audit_prefix.clone(),
            environment: config.environment.clone(),
        }),
        queue: config
            .queue_url
            .as_ref()
            .map(|_| (queue.clone() as Arc<_>, table.clone() as Arc<_>)),
    };
    let failover = config.failover.clone();
    let failover = failover.map(|f| Failover::new(bus.clone(), f, config.region.clone()));
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let source = |_: &HmacConfig| -> Arc<dyn SecretSource> { FakeSecrets::new("s3cret") };
    let authenticator = Authenticator::new(config.auth.clone(), source, clock.clone());
    let ledger = table.clone();
    let processor = PaymentProcessor::new(
        config,
        authenticator,
        ledger,
        follow_ups,
        failover,
        clock.clone(),
        metrics,
    );
    Setup {
        processor: Arc::new(processor),
        table,
        queue,
        bucket,
        bus,
        clock,
        sink,
    }
}

fn payment() -> Value {
    json!({"transaction_id": "t1", "amount": "10.50", "currency": "USD", "provider": "stripe"})
}

fn http(body: &Value) -> Value {
    json!({"httpMethod": "POST", "body": body.to_string(), "headers": {}})
}

impl Setup {
    async fn call(&self, event: Value) -> Result<Value, HandlerError> {
        self.processor.handle(event, &Invocation::for_test()).await
    }

    /// Status, body, and whether it was said to be a repetition.
    async fn post(&self, body: &Value) -> (u64, Value, bool) {
        let response = self.call(http(body)).await.unwrap();
        let replayed = response["headers"].get("Idempotent-Replay").is_some();
        let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        (response["statusCode"].as_u64().unwrap(), body, replayed)
    }
}

fn success() -> Value {
    json!({"message": "Payment processed successfully", "transaction_id": "t1", "timestamp": NOW})
}

/// 6.5, 8.1 no. 26: 200 and `processed` without a queue, 202 and `received` with one.
#[tokio::test]
async fn both_modes_store_and_answer() {
    for (mode, status, state, messages) in [(&[] as Pairs, 200, "processed", 0), (QUEUE, 202, "received", 1)] {
        let setup = setup(mode);
        assert_eq!(setup.post(&payment()).await, (status, success(), false));
        let items = setup.table.items();
        assert_eq!(items.len(), 1);
        assert_eq!(
            (&items[0]["status"], &items[0]["region"]),
            (&json!(state), &json!("us-east-1"))
        );
        assert_eq!(setup.table.guard_ids(), ["idem#t1"]);
        assert_eq!(setup.queue.len(), messages);
        assert_eq!(
            setup.bucket.keys(),
            ["audit/2026/01/01/t1.jsonl"],
            "P-21: somebody writes it"
        );
        assert_eq!(setup.sink.count("PaymentAccepted"), 1);
    }
}

/// 6.4, `kpi_filters`: an accepted payment's line tells its amount and currency, exactly; a repetition counts no amount twice,
/// and no line tells anything else of the payment.
#[tokio::test]
async fn the_metric_line_of_an_accepted_payment_tells_amount_and_currency() {
    let setup = setup(&[]);
    let mut body = payment();
    body["customer_id"] = json!("c-77");
    setup.post(&body).await;
    setup.post(&body).await;
    setup.post(&json!({"amount": "3"})).await;
    let lines: Vec<Value> = setup
        .sink
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |outcome: &str| lines.iter().find(|line| line[outcome] == 1).unwrap();
    let accepted = of("PaymentAccepted");
    assert_eq!(accepted["amount"].to_string(), "10.5");
    assert_eq!(accepted["currency"], "USD");
    for outcome in ["PaymentDuplicate", "PaymentRejected"] {
        assert!(of(outcome).get("amount").is_none(), "{outcome}");
    }
    assert!(lines.iter().all(|line| !line.to_string().contains("c-77")), "{lines:?}");
}

/// N-15: amounts are text in the message; the audit object has no personal metadata.
#[tokio::test]
async fn message_and_audit_object_are_exact() {
    let setup = setup(QUEUE);
    let mut body = payment();
    body["amount"] = json!("12345678901234567890.12");
    body["metadata"] = json!({"card": "4111"});
    setup.post(&body).await;
    assert_eq!(
        setup.queue.messages.lock().unwrap()[0],
        json!({"schema_version": "1.0", "transaction_id": "t1", "timestamp": NOW, "amount": "12345678901234567890.12",
            "currency": "USD", "provider": "stripe", "region": "us-east-1"})
    );
    let line = setup.bucket.text("audit/2026/01/01/t1.jsonl");
    assert!(line.ends_with("}\n") && line.lines().count() == 1 && !line.contains("4111"));
    let audit: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&audit["amount"], &audit["event"]),
        (&json!("12345678901234567890.12"), &json!("payment_received"))
    );
    assert_eq!(audit["payload_hash"].as_str().map(str::len), Some(64));
}

/// 9.2 item 1, N-01 to N-03, N-16: statuses and texts of refusals; nothing is stored.
#[tokio::test]
async fn refusals_are_the_seeds() {
    let setup = setup(QUEUE);
    let cases = [
        (json!({}), "Missing required field: transaction_id"),
        (
            json!({"transaction_id": "t", "amount": 0, "currency": "USD", "provider": "p"}),
            "Amount must be positive",
        ),
        (
            json!({"transaction_id": "t", "amount": 1, "currency": "1 ?", "provider": "p"}),
            "Currency must be 3-letter code",
        ),
    ];
    for (body, message) in cases {
        let expected = json!({"error": "Validation error", "message": message});
        assert_eq!(setup.post(&body).await, (400, expected, false));
    }
    for body in [json!(null), json!(""), json!("[]"), json!("5"), json!("{")] {
        let response = setup.call(json!({"body": body})).await.unwrap();
        assert_eq!(response["statusCode"], 400);
        assert_eq!(
            response["body"],
            r#"{"error":"Validation error","message":"Request body must be a JSON object"}"#
        );
        assert_eq!(response["headers"]["Content-Type"], "application/json");
    }
    let large = json!({"body": "x".repeat(300 * 1024)});
    assert_eq!(setup.call(large).await.unwrap()["statusCode"], 413);
    assert!(setup.table.calls().is_empty() && setup.queue.len() == 0);
    assert_eq!(setup.sink.count("PaymentRejected"), 9);
    assert_eq!(setup.sink.count(HANDLER_FAULT), 0);
}

/// N-13, P-06, 9.2 item 3: same id, same content: one item, the first answer. Other content: 409.
#[tokio::test]
async fn repetitions_and_contradictions() {
    for mode in [QUEUE, STRONG] {
        let setup = setup(mode);
        setup.post(&payment()).await;
        setup.clock.advance(60_000);
        let mut same = payment();
        same["amount"] = json!(10.5);
        assert_eq!(setup.post(&same).await, (202, success(), true), "the first timestamp");
        same["amount"] = json!(10.51);
        let different = json!({"error": "Conflict", "message": "Transaction already exists with different content"});
        assert_eq!(setup.post(&same).await, (409, different, false));
        assert_eq!(setup.table.items().len(), 1);
        assert_eq!(setup.bucket.keys().len(), 1);
    }
}

/// 9.2 item 3, R-19: fifty at once.
#[tokio::test]
async fn fifty_parallel_duplicates_are_one_payment() {
    for mode in [&[] as Pairs, QUEUE, STRONG, PASCAL] {
        let setup = setup(mode);
        let calls = (0..50).map(|_| {
            let processor = Arc::clone(&setup.processor);
            tokio::spawn(async move {
                let response = processor.handle(http(&payment()), &Invocation::for_test()).await;
                response.unwrap()
            })
        });
        let responses = futures::future::join_all(calls).await;
        for response in responses {
            let response = response.unwrap();
            assert!(
                [200, 202].contains(&response["statusCode"].as_u64().unwrap()),
                "{response}"
            );
            assert_eq!(response["body"].as_str().unwrap(), success().to_string());
        }
        assert_eq!(setup.table.items().len(), 1);
        assert_eq!(setup.sink.count("PaymentAccepted"), 1);
        assert_eq!(setup.sink.count("PaymentDuplicate"), 49);
    }
}

/// N-14: whatever step fails, the sender hears of it, and his repetition completes the payment.
#[tokio::test]
async fn a_repetition_takes_the_missing_steps() {
    for mode in [QUEUE, STRONG] {
        let setup = setup(mode);
        *setup.queue.fails.lock().unwrap() = true;
        let failed = json!({"error": "Internal server error", "message": "Failed to process payment"});
        assert_eq!(setup.post(&payment()).await, (500, failed.clone(), false));
        assert_eq!(
            (setup.table.items().len(), setup.queue.len()),
            (1, 0),
            "stored, not sent"
        );
        *setup.queue.fails.lock().unwrap() = false;
        *setup.bucket.fails.lock().unwrap() = true;
        setup.bucket.objects.lock().unwrap().clear();
        assert_eq!(setup.post(&payment()).await, (500, failed, false));
        assert_eq!(setup.queue.len(), 0, "the audit object comes first");
        *setup.bucket.fails.lock().unwrap() = false;
        assert_eq!(setup.post(&payment()).await, (202, success(), true));
        assert_eq!((setup.queue.len(), setup.bucket.keys().len()), (1, 1));
        assert_eq!(setup.sink.count(HANDLER_FAULT), 2);
        // Once accounting has been there, a repetition sends nothing more.
        setup.table.set_status("accounting_processed");
        setup.post(&payment()).await;
        assert_eq!(setup.queue.len(), 1);
    }
}

/// 6.5: with STRONG tables the guard comes first; a death between guard and item is repaired.
#[tokio::test]
async fn strong_tables_are_repaired_on_replay() {
    let setup = setup(STRONG);
    setup.table.fail_next("put_item");
    assert_eq!(setup.post(&payment()).await.0, 500);
    assert_eq!((setup.table.guard_ids().len(), setup.table.items().len()), (1, 0));
    setup.clock.advance(5_000);
    assert_eq!(setup.post(&payment()).await, (202, success(), true));
    let items = setup.table.items();
    assert_eq!(
        (items.len(), &items[0]["timestamp"]),
        (1, &json!(NOW)),
        "the first time of receipt"
    );
    assert!(
        !setup.table.calls().contains(&"record"),
        "no transactions on such a table"
    );
    let mut other = payment();
    other["amount"] = json!(11);
    assert_eq!(setup.post(&other).await.0, 409);
}

/// 6.5: an `Idempotency-Key` identifies a payment as well as its id does.
#[tokio::test]
async fn idempotency_keys_are_guarded_too() {
    for mode in [QUEUE, STRONG] {
        let setup = setup(mode);
        let with_key = |id: &str, key: &str| {
            let mut body = payment();
            body["transaction_id"] = json!(id);
            json!({"body": body.to_string(), "headers": {"idempotency-key": key}})
        };
        let status = async |event| setup.call(event).await.unwrap()["statusCode"].clone();
        assert_eq!(status(with_key("t1", "k1")).await, 202);
        assert_eq!(setup.table.guard_ids(), ["idem#key#k1", "idem#t1"]);
        assert_eq!(status(with_key("t1", "k1")).await, 202);
        assert_eq!(status(with_key("t2", "k1")).await, 409, "the key belongs to t1");
        assert_eq!(setup.table.items().len(), 1);
        assert_eq!(status(with_key("t2", "k2")).await, 202);
        assert_eq!(status(with_key("t2", "\u{7}")).await, 400);
    }
}

/// Without a guard table the table's own key keeps payments apart (P-06).
#[tokio::test]
async fn without_guards_the_item_is_the_guard() {
    let mut pairs = PASCAL.to_vec();
    pairs.push(("IDEMPOTENCY_TABLE", ""));
    let setup = setup(pairs.leak());
    let body = json!({"transaction": {"id": "t1", "amount": "1.00", "currency": "EUR"}});
    assert_eq!(setup.post(&body).await, (200, success(), false));
    setup.clock.advance(1_000);
    assert_eq!(setup.post(&body).await, (200, success(), true));
    let other = json!({"id": "t1", "amount": "2.00", "currency": "EUR"});
    assert_eq!(setup.post(&other).await.0, 409);
    let item = &setup.table.items()[0];
    assert_eq!(item["PayloadHash"].as_str().map(str::len), Some(64));
    assert_eq!(
        (item["Amount"].to_string().as_str(), setup.table.items().len()),
        ("1", 1)
    );
    assert!(setup.table.guard_ids().is_empty());
}

/// A guard that has expired leaves the item to tell repetitions from contradictions.
#[tokio::test]
async fn the_item_outlives_its_guard() {
    let setup = setup(PASCAL);
    let body = json!({"id": "t1", "amount": "1.00", "currency": "EUR"});
    setup.post(&body).await;
    setup.table.forget_guards();
    setup.clock.advance(1_000);
    assert_eq!(setup.post(&body).await, (200, success(), true));
    let other = json!({"id": "t1", "amount": "2.00", "currency": "EUR"});
    assert_eq!(setup.post(&other).await.0, 409);
    assert_eq!(setup.table.items().len(), 1);
}

/// P-05, P-07, P-08: a workflow gets values and thrown errors with names of their own.
#[tokio::test]
async fn workflows_get_values_and_errors() {
    let setup = setup(PASCAL);
    let transaction = json!({"id": "TXN001", "amount": 99.99, "currency": "USD", "timestamp": "2024-01-15T10:30:00Z"});
    let input = json!({"transaction": transaction, "timestamp": "2026-01-01T00:00:00.000Z"});
    let expected = json!({"message": "Payment processed successfully", "transaction_id": "TXN001",
        "timestamp": "2024-01-15T10:30:00.000Z", "status": "processed", "region": "us-east-1", "replayed": false});
    assert_eq!(setup.call(input.clone()).await.unwrap(), expected);
    assert_eq!(setup.call(input).await.unwrap()["replayed"], true);
    let item = &setup.table.items()[0];
    assert_eq!(
        (&item["Timestamp"], &item["CreatedAt"]),
        (&json!(1_705_314_600_000_i64), &json!("2026-01-01T00:00:00.000Z")),
        "W-11: the stored time, no second clock read; P-04: a number for the index"
    );
    let error = async |event| setup.call(event).await.unwrap_err().error_type();
    assert_eq!(error(json!({"transaction": {"id": "x"}})).await, "ValidationError");
    assert_eq!(error(json!([])).await, "ValidationError");
    let other = json!({"id": "TXN001", "amount": 1, "currency": "USD"});
    assert_eq!(error(json!({"transaction": other})).await, "TransactionAlreadyExists");
    setup.table.fail_next("record");
    let new = json!({"id": "TXN002", "amount": 1, "currency": "USD"});
    assert_eq!(error(json!({"transaction": new})).await, "ServiceUnavailable");
    assert_eq!(setup.sink.count(HANDLER_FAULT), 1);
}

const FAILOVER: Pairs = &[("FAILOVER_EVENT_BUS", "bus")];

/// P-16: what this region cannot store goes to the other one, whole; the other one stores the same item.
#[tokio::test]
async fn trouble_here_hands_the_payment_over() {
    let here = setup(FAILOVER);
    here.table.fail_next("record");
    let mut body = payment();
    body["metadata"] = json!({"order": 7});
    let (status, answer, _) = here.post(&body).await;
    assert_eq!((status, &answer["transaction_id"]), (202, &json!("t1")));
    assert_eq!(here.sink.count("PaymentFailedOver"), 1);
    assert!(here.table.items().is_empty() && here.bucket.keys().is_empty());
    let event = here.bus.taken.lock().unwrap()[0].clone();
    assert_eq!(
        (event.source.as_ref(), event.detail_type.as_ref()),
        ("payment.processing", "Payment Transaction")
    );
    let detail: Value = serde_json::from_str(&event.detail).unwrap();
    assert_eq!(
        (&detail["region"], &detail["failover"]),
        (&json!("us-east-1"), &json!("true"))
    );

    // P-18: the whole envelope, or what the rule's transformer makes of it.
    let transformed = json!({"transaction": detail["transaction"], "timestamp": detail["timestamp"]});
    for input in [json!({"source": "payment.processing", "detail": detail}), transformed] {
        let there = setup(FAILOVER);
        there.clock.advance(90_000);
        there.call(input).await.unwrap();
        let item = &there.table.items()[0];
        assert_eq!(
            (&item["transaction_id"], &item["timestamp"], &item["metadata"]),
            (&json!("t1"), &json!(NOW), &json!({"order": 7}))
        );
        // The sender's own repetition is recognised there.
        assert_eq!(there.post(&body).await, (200, success(), true));
    }
}

/// P-17: a workflow's payment is never handed on, and only trouble that may pass is a reason.
#[tokio::test]
async fn nothing_goes_round_in_circles() {
    let setup = setup(FAILOVER);
    setup.table.fail_next("record");
    assert!(setup.call(json!({"transaction": payment()})).await.is_err());
    let denied = PortError::permanent("record", "AccessDeniedException");
    setup.table.failures.lock().unwrap().push(("record", denied));
    assert_eq!(setup.post(&payment()).await.0, 500);
    assert!(setup.bus.taken.lock().unwrap().is_empty());
    setup.table.fail_next("record");
    setup.bus.refuse.lock().unwrap().push(("t1".into(), 1));
    assert_eq!(setup.post(&payment()).await.0, 500, "a refused event is no hand-over");
}

/// R-06: with signatures, an API's request needs one; a workflow is let in by IAM.
#[tokio::test]
async fn signatures_are_demanded_of_the_api() {
    let setup = setup(&[("AUTH_MODE", "hmac"), ("HMAC_SECRET_PARAMETER", "p")]);
    let unsigned = setup.call(http(&payment())).await.unwrap();
    assert_eq!(unsigned["statusCode"], 401);
    assert_eq!(
        unsigned["body"],
        r#"{"error":"Unauthorized","message":"Invalid signature"}"#
    );
    assert!(setup.table.calls().is_empty());
    let body = payment().to_string();
    let now = crate::domain::time::UtcMillis::parse(NOW).unwrap().epoch_seconds();
    let mut signed = http(&payment());
    signed["headers"]["x-signature"] = json!(sign(&Secret::new("s3cret"), now, body.as_bytes()));
    assert_eq!(setup.call(signed).await.unwrap()["statusCode"], 200);
    assert_eq!(setup.call(payment()).await.unwrap()["replayed"], true);
}

#[test]
fn settings_are_checked() {
    let invalid = |extra: Pairs| match ProcessorConfig::from_env(&env(extra)).unwrap_err() {
        InitError::InvalidVariable { name, .. } | InitError::MissingVariable(name) => name,
        InitError::UnknownHandler { name, .. } => panic!("{name}"),
    };
    assert_eq!(invalid(&[("RESPONSE_MODE", "queue")]), "QUEUE_URL");
    assert_eq!(invalid(&[("AUTH_MODE", "")]), "AUTH_MODE");
    assert_eq!(invalid(&[("AUTH_MODE", "hmac")]), "HMAC_SECRET_PARAMETER");
    assert_eq!(invalid(&[("REQUIRED_FIELDS", "amount,cvc")]), "REQUIRED_FIELDS");
    assert_eq!(
        invalid(&[("CONSISTENCY_MODE", "STRONG"), ("IDEMPOTENCY_TTL_HOURS", "1")]),
        "IDEMPOTENCY_TTL_HOURS"
    );
    assert_eq!(invalid(&[("CONSISTENCY_MODE", "WEAK")]), "CONSISTENCY_MODE");
}

/// 9.2 item 2: exact round trip.
#[tokio::test]
async fn amounts_are_stored_exactly() {
    for (amount, stored) in [
        (json!("0.10"), "0.1"),
        (json!("99999999999999999999.99"), "99999999999999999999.99"),
    ] {
        let setup = setup(&[]);
        let mut body = payment();
        body["amount"] = amount;
        setup.post(&body).await;
        assert_eq!(setup.table.items()[0]["amount"].to_string(), stored);
    }
}

#[tokio::test]
async fn a_throttled_table_is_a_fault() {
    let setup = setup(&[]);
    setup.table.fail_next("record");
    let (status, body, _) = setup.post(&payment()).await;
    assert_eq!((status, &body["message"]), (500, &json!("Failed to process payment")));
    assert!(!body.to_string().contains("Throttling"), "N-16: internals stay inside");
}

/// N-04: whatever the answer, browsers of the origins listed may read it, and those of no other.
#[tokio::test]
async fn n04_every_answer_can_be_read_by_the_origins_listed_and_no_other() {
    const CORS: (&str, &str) = ("CORS_ALLOW_ORIGINS", "https://shop.example,https://till.example");
    const OPEN: Pairs = &[CORS];
    const SIGNED: Pairs = &[CORS, ("AUTH_MODE", "hmac"), ("HMAC_SECRET_PARAMETER", "p")];
    let (open, signed) = (setup(OPEN), setup(SIGNED));
    let contradiction = json!({"transaction_id": "t1", "amount": "11", "currency": "USD", "provider": "stripe"});
    let cases = [
        (&open, payment().to_string(), 200),
        (&open, payment().to_string(), 200),
        (&open, contradiction.to_string(), 409),
        (&open, "{}".to_owned(), 400),
        (&open, "not json".to_owned(), 400),
        (&open, "x".repeat(300 * 1024), 413),
        (&signed, payment().to_string(), 401),
    ];
    for origin in [
        "https://shop.example",
        "https://till.example",
        "https://elsewhere.example",
    ] {
        for (setup, body, status) in &cases {
            let event = json!({"body": body, "headers": {"origin": origin}});
            let response = setup.call(event).await.unwrap();
            assert_eq!(response["statusCode"], *status);
            let (allowed, vary) = (
                &response["headers"]["Access-Control-Allow-Origin"],
                &response["headers"]["Vary"],
            );
            let listed = origin != "https://elsewhere.example";
            let expected = if listed {
                (json!(origin), json!("Origin"))
            } else {
                (Value::Null, Value::Null)
            };
            assert_eq!((allowed, vary), (&expected.0, &expected.1), "{status} to {origin}");
        }
    }
    open.table.fail_next("record");
    let event = json!({"body": json!({"transaction_id": "t2", "amount": "1", "currency": "USD", "provider": "p"}).to_string(),
        "multiValueHeaders": {"Origin": ["https://shop.example"]}});
    let fault = open.call(event).await.unwrap();
    assert_eq!(fault["statusCode"], 500);
    assert_eq!(fault["headers"]["Access-Control-Allow-Origin"], "https://shop.example");
}
