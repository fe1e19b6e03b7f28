//! The table of rights against the calls that the real binary makes, both ways (REQUIREMENTS 9.2 item 10).

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tap_handlers::auth::hmac::sign;
use tap_handlers::auth::secret::Secret;
use tap_handlers::needs::{Need, On, Prefix, needs};

use super::lambda::Lambda;
use super::payments::{proxy, queue_event, topic_with_queue};
use super::recording::{Call, Recording};
use super::sandbox::Sandbox;

/// One function with one environment, and what it is asked.
struct Scenario<'a> {
    environment: Vec<(&'a str, String)>,
    events: Vec<(Value, Duration)>,
    throttled: Option<&'static str>,
}

impl<'a> Scenario<'a> {
    fn new(environment: &[(&'a str, &str)], events: Vec<Value>) -> Self {
        Self {
            environment: environment.iter().map(|(n, v)| (*n, (*v).to_owned())).collect(),
            events: events.into_iter().map(|e| (e, Duration::from_mins(5))).collect(),
            throttled: None,
        }
    }
}

/// The resource of a need, as the proxy would note it; `*` at the end stands for any rest. `None` for what Lambda calls.
fn resource(need: &Need, environment: &[(&str, String)]) -> Option<String> {
    let value = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
    Some(match need.on {
        On::Variable(name) => value(name).unwrap_or_else(|| panic!("{name} names the resource of {}", need.action)),
        On::Index { table, index } => {
            let index = value(index).unwrap_or_else(|| "status-timestamp".to_owned());
            format!("{}/index/{index}", value(table).unwrap())
        }
        On::Objects { bucket, prefix } => {
            let prefix = match prefix {
                Prefix::Fixed(text) => text.to_owned(),
                Prefix::Variable(name, default) => value(name).unwrap_or_else(|| default.to_owned()),
            };
            format!("{}/{prefix}*", value(bucket).unwrap())
        }
        On::Itself => "function-under-test".to_owned(),
        On::Namespace(_) => "*".to_owned(),
        On::EventSource => return None,
    })
}

fn covers((action, resource): &Call, (called, on): &Call) -> bool {
    let same = match resource.strip_suffix('*') {
        Some(prefix) => on.starts_with(prefix),
        None => resource == on,
    };
    action == called && same
}

/// Runs the scenarios: no call without a need, and over all of them no need without a call.
async fn check(handler: &str, sandbox: &Sandbox, scenarios: Vec<Scenario<'_>>) {
    let (mut all_needs, mut all_calls) = (BTreeSet::new(), BTreeSet::new());
    for scenario in scenarios {
        let proxy = Recording::before(sandbox.endpoint, scenario.throttled).await;
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", proxy.url.as_str()),
            ("AWS_ACCESS_KEY_ID", &sandbox.account),
        ];
        variables.extend(scenario.environment.iter().map(|(n, v)| (*n, v.as_str())));
        let lambda = Lambda::start(handler, &variables).await;
        for (event, time) in scenario.events {
            // The outcome is other tests' business; here it counts what was called.
            let _ = lambda.invoke_within(event, time).await;
        }
        let value = |name: &str| {
            let found = scenario.environment.iter().find(|(n, _)| *n == name);
            found.map(|(_, v)| v.as_str())
        };
        let listed = needs(handler, value).unwrap();
        let listed: BTreeSet<Call> = listed
            .iter()
            .filter_map(|need| Some((need.action.to_owned(), resource(need, &scenario.environment)?)))
            .collect();
        let calls = proxy.calls();
        for call in &calls {
            assert!(
                listed.iter().any(|need| covers(need, call)),
                "{handler} calls {call:?}, which is not among its needs {listed:?}"
            );
        }
        all_needs.extend(listed);
        all_calls.extend(calls);
    }
    for need in &all_needs {
        assert!(
            all_calls.iter().any(|call| covers(need, call)),
            "{handler} is said to need {need:?}, but calls only {all_calls:?}"
        );
    }
}

fn webhook(id: &str) -> Value {
    let body = json!({"transaction_id": id, "amount": 5, "currency": "USD", "provider": "p", "customer_id": "c"});
    proxy(&body)
}

async fn put_secret(sandbox: &Sandbox) {
    let ssm = aws_sdk_ssm::Client::new(&sandbox.config);
    let secret = ssm.put_parameter().name("/hooks/secret").value("s3cret");
    let secret = secret.r#type(aws_sdk_ssm::types::ParameterType::SecureString);
    secret.send().await.unwrap();
}

/// The event with the signature of now.
fn signed(mut event: Value) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let body = event["body"].as_str().unwrap();
    let signature = sign(&Secret::new("s3cret"), i64::try_from(now).unwrap(), body.as_bytes());
    event["headers"]["X-Signature"] = json!(signature);
    event
}

#[tokio::test]
async fn webhook_validator() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    put_secret(&sandbox).await;
    let tables = [("DYNAMODB_TABLE", "transactions"), ("IDEMPOTENCY_TABLE", "guards")];
    let plain = [&tables[..], &[("AUTH_MODE", "api_key")]].concat();
    let hmac = [
        &tables[..],
        &[("AUTH_MODE", "hmac"), ("HMAC_SECRET_PARAMETER", "/hooks/secret")],
    ]
    .concat();
    let scenarios = vec![
        Scenario::new(&plain, vec![webhook("t1"), webhook("t1")]),
        Scenario::new(&hmac, vec![signed(webhook("t2"))]),
    ];
    check("webhook_validator", &sandbox, scenarios).await;
}

#[tokio::test]
async fn outbox_publisher() {
    let sandbox = Sandbox::new();
    let bucket = sandbox.create_bucket().await;
    let record = json!({"Records": [{"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": {
        "transaction_id": {"S": "t"}, "timestamp": {"S": "2026-01-02T03:04:05.006Z"}, "amount": {"N": "5"},
        "currency": {"S": "USD"}}}}]});
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
    let all = [
        ("EVENT_BUS_NAME", "default"),
        ("WORKFLOW_TRIGGER", "all"),
        ("STATE_MACHINE_ARN", machine),
    ];
    let audit = [("EVENT_BUS_NAME", "default"), ("AUDIT_BUCKET", bucket.as_str())];
    let scenarios = vec![
        Scenario::new(&all, vec![record.clone()]),
        Scenario::new(&audit, vec![record]),
    ];
    check("outbox_publisher", &sandbox, scenarios).await;
}

#[tokio::test]
async fn fraud_detector() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let (topic, _) = topic_with_queue(&sandbox).await;
    let transaction = json!({"transaction_id": "t", "timestamp": "2026-01-02T03:04:05.006Z", "amount": 6000, "currency": "USD",
        "status": "pending", "metadata": {"ip_country": "BR", "card_country": "US", "attempts": 4}});
    sandbox.put_item(&transaction).await;
    let base = [("DYNAMODB_TABLE", "transactions"), ("SNS_TOPIC_ARN", topic.as_str())];
    let scorer = [&base[..], &[("SCORER", "external_lambda"), ("SCORER_ARN", "scorer")]].concat();
    let event = json!({"transaction": transaction});
    let scenarios = vec![
        Scenario::new(&base, vec![event.clone()]),
        Scenario::new(&scorer, vec![event]),
    ];
    check("fraud_detector", &sandbox, scenarios).await;
}

#[tokio::test]
async fn transaction_archival() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let bucket = sandbox.create_bucket().await;
    for number in 0..6 {
        let time = format!("2026-01-02T03:04:0{number}.000Z");
        let id = format!("t{number}");
        let item =
            json!({"transaction_id": id, "timestamp": time, "status": "analyzed", "updated_at": time, "amount": 1});
        sandbox.put_item(&item).await;
    }
    let base = [
        ("DYNAMODB_TABLE", "transactions"),
        ("S3_BUCKET", bucket.as_str()),
        ("PAGE_LIMIT", "2"),
    ];
    let kept = [&base[..], &[("DELETE_AFTER_ARCHIVE", "false")]].concat();
    let aliased = [&kept[..], &[("CONTINUE_FUNCTION", "alias-of-mine")]].concat();
    // With no time left after the first page it invokes itself.
    let short = |environment: &[(&'static str, &str)]| {
        let mut scenario = Scenario::new(environment, vec![json!({})]);
        scenario.events[0].1 = Duration::from_secs(10);
        scenario
    };
    let scenarios = vec![short(&kept), short(&aliased), Scenario::new(&base, vec![json!({})])];
    check("transaction_archival", &sandbox, scenarios).await;
}

#[tokio::test]
async fn payment_metrics() {
    let sandbox = Sandbox::new();
    let event = json!({"payment_id": "p", "amount": 1, "type": "wallet"});
    let scenarios = vec![
        Scenario::new(&[], vec![event.clone()]),
        Scenario::new(&[("METRICS_MODE", "put_metric_data")], vec![event]),
    ];
    check("payment_metrics", &sandbox, scenarios).await;
}

#[tokio::test]
async fn payment_processor() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let bucket = sandbox.create_bucket().await;
    let (queue, _) = sandbox.create_queue("payments").await;
    put_secret(&sandbox).await;
    let table = ("TABLE_NAME", "transactions");
    let key = ("AUTH_MODE", "api_key");
    let everything = [
        table,
        ("AUTH_MODE", "hmac"),
        ("HMAC_SECRET_PARAMETER", "/hooks/secret"),
        ("IDEMPOTENCY_TABLE", "guards"),
        ("RESPONSE_MODE", "queue"),
        ("QUEUE_URL", queue.as_str()),
        ("AUDIT_BUCKET", bucket.as_str()),
        ("AUDIT_PREFIX", "receipts/"),
    ];
    let strong = [
        table,
        key,
        ("IDEMPOTENCY_TABLE", "guards"),
        ("CONSISTENCY_MODE", "STRONG"),
    ];
    let failover = [
        table,
        key,
        ("IDEMPOTENCY_TABLE", "guards"),
        ("FAILOVER_EVENT_BUS", "default"),
    ];
    let mut handed_over = Scenario::new(&failover, vec![webhook("p4")]);
    handed_over.throttled = Some("TransactWriteItems");
    let scenarios = vec![
        Scenario::new(&everything, vec![signed(webhook("p1")), signed(webhook("p1"))]),
        Scenario::new(&strong, vec![webhook("p2"), webhook("p2")]),
        Scenario::new(&[table, key], vec![webhook("p3"), webhook("p3")]),
        handed_over,
        Scenario::new(&failover, vec![webhook("p5"), webhook("p5")]),
    ];
    check("payment_processor", &sandbox, scenarios).await;
}

#[tokio::test]
async fn payment_reconciler() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let bucket = sandbox.create_bucket().await;
    let (queue, _) = sandbox.create_queue("payments").await;
    let time = "2026-01-02T03:04:05.006Z";
    for id in ["t1", "t2"] {
        let item = json!({"transaction_id": id, "timestamp": time, "status": "received", "amount": 5, "currency": "USD",
            "region": "us-east-1", "payload_hash": "h", "created_at": time});
        sandbox.put_item(&item).await;
    }
    let sweep = [
        ("TABLE_NAME", "transactions"),
        ("STATUS_INDEX", "status-timestamp"),
        ("QUEUE_URL", queue.as_str()),
        ("MAX_PAYMENTS_PER_RUN", "1"),
    ];
    let audited = [
        &sweep[..],
        &[("AUDIT_BUCKET", bucket.as_str()), ("AUDIT_PREFIX", "receipts/")],
    ]
    .concat();
    let guard = |region: &str| json!({"id": {"S": "idem#t"}, "region": {"S": region}});
    let conflict = json!({"Records": [{"eventName": "MODIFY", "dynamodb": {"SequenceNumber": "1",
        "OldImage": guard("us-east-1"), "NewImage": guard("eu-west-1")}}]});
    let scenarios = vec![
        Scenario::new(&sweep, vec![json!({})]),
        Scenario::new(&audited, vec![json!({})]),
        Scenario::new(&[("DETECT_CONFLICTS", "true")], vec![conflict]),
    ];
    check("payment_reconciler", &sandbox, scenarios).await;
}

#[tokio::test]
async fn process_accounting() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let (topic, _) = topic_with_queue(&sandbox).await;
    let time = "2026-01-02T03:04:05.006Z";
    let item = json!({"transaction_id": "t", "timestamp": time, "status": "received"});
    sandbox.put_item(&item).await;
    let message = json!({"transaction_id": "t", "timestamp": time}).to_string();
    let event = queue_event("q", &[(&message, 1), ("poison", 3)]);
    let table = ("TABLE_NAME", "transactions");
    let scenarios = vec![
        Scenario::new(&[table], vec![event.clone()]),
        Scenario::new(&[table, ("SNS_TOPIC_ARN", &topic)], vec![event]),
    ];
    check("process_accounting", &sandbox, scenarios).await;
}

#[tokio::test]
async fn notify_failures_and_health() {
    let sandbox = Sandbox::new();
    let bucket = sandbox.create_bucket().await;
    let (topic, _) = topic_with_queue(&sandbox).await;
    let event = queue_event("dlq", &[("poison", 4)]);
    let base = ("SNS_TOPIC_ARN", topic.as_str());
    let archive = ("ARCHIVE_BUCKET", bucket.as_str());
    let scenarios = vec![
        Scenario::new(&[base], vec![event.clone()]),
        Scenario::new(&[base, archive], vec![event.clone()]),
        Scenario::new(&[base, archive, ("KEEP_IN_DLQ", "delete")], vec![event]),
    ];
    check("notify_failures", &sandbox, scenarios).await;
    check("health", &sandbox, vec![Scenario::new(&[], vec![json!({})])]).await;
}
