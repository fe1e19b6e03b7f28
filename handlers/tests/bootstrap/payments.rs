//! The payment stack's handlers on the sandbox (REQUIREMENTS 9.2 items 1 to 3, 8, 9; 7.3 to 7.5).

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use serde_json::{Value, json};

use super::lambda::Lambda;
use super::sandbox::Sandbox;
use super::scripted::{Answer, ScriptedAws};

/// A proxy event with this body.
pub(crate) fn proxy(body: &Value) -> Value {
    json!({"httpMethod": "POST", "headers": {"Content-Type": "application/json"}, "body": body.to_string(),
        "isBase64Encoded": false})
}

/// What an event source mapping delivers: bodies, each with how often it has been received.
pub(crate) fn queue_event(queue: &str, messages: &[(&str, u32)]) -> Value {
    let record = |(number, (body, count)): (usize, &(&str, u32))| {
        json!({"messageId": format!("m{number}"), "receiptHandle": "handle", "body": body,
            "attributes": {"ApproximateReceiveCount": count.to_string(), "SentTimestamp": "1767312000000"},
            "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}")})
    };
    json!({"Records": messages.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// A topic whose messages go to a queue; returns the topic's ARN and the queue's URL.
pub(crate) async fn topic_with_queue(sandbox: &Sandbox) -> (String, String) {
    let topics = aws_sdk_sns::Client::new(&sandbox.config);
    let topic = topics.create_topic().name("alerts").send().await.unwrap();
    let topic = topic.topic_arn.unwrap();
    let (url, arn) = sandbox.create_queue("alerts").await;
    let subscription = topics.subscribe().topic_arn(&topic).protocol("sqs").endpoint(arn);
    subscription.send().await.unwrap();
    (topic, url)
}

/// A table with these key attributes: name and type.
async fn create_table(sandbox: &Sandbox, name: &str, keys: &[(&str, ScalarAttributeType)]) {
    let mut request = sandbox.dynamodb.create_table().table_name(name);
    for ((attribute, kind), role) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
        let definition = AttributeDefinition::builder().attribute_name(*attribute);
        let element = KeySchemaElement::builder().attribute_name(*attribute).key_type(role);
        request = request
            .attribute_definitions(definition.attribute_type(kind.clone()).build().unwrap())
            .key_schema(element.build().unwrap());
    }
    let request = request.billing_mode(BillingMode::PayPerRequest);
    request.send().await.unwrap();
}

async fn scan(sandbox: &Sandbox, table: &str) -> Vec<HashMap<String, AttributeValue>> {
    let request = sandbox.dynamodb.scan().table_name(table).consistent_read(true);
    request.send().await.unwrap().items.unwrap_or_default()
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(text: &str) -> AttributeValue {
    AttributeValue::N(text.to_owned())
}

fn payment(id: &str) -> Value {
    json!({"transaction_id": id, "amount": "7654321.09", "currency": "USD", "provider": "stripe",
        "customer_id": "cust-secret-789", "metadata": {"order": "order-secret"}})
}

fn body_of(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

/// N-07, N-13 to N-15: API, table, queue, accounting; duplicates from four functions at once; nothing secret in logs.
#[tokio::test]
async fn payments_reach_accounting_once() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let bucket = sandbox.create_bucket().await;
    let (queue, _) = sandbox.create_queue("payments").await;
    let variables = [
        ("TABLE_NAME", "transactions"),
        ("AUTH_MODE", "api_key"),
        ("IDEMPOTENCY_TABLE", "guards"),
        ("RESPONSE_MODE", "queue"),
        ("QUEUE_URL", queue.as_str()),
        ("AUDIT_BUCKET", bucket.as_str()),
        ("LOG_LEVEL", "trace"),
    ];
    let mut functions = Vec::new();
    for _ in 0..4 {
        functions.push(Arc::new(
            Lambda::start("payment_processor", &sandbox.variables(&variables)).await,
        ));
    }
    let calls = (0..40).map(|number| {
        let function = Arc::clone(&functions[number % 4]);
        async move { function.invoke(proxy(&payment(&format!("p{}", number % 5)))).await }
    });
    let responses = futures::future::join_all(calls).await;
    for (number, response) in responses.iter().enumerate() {
        let response = response.as_ref().unwrap();
        assert_eq!(response["statusCode"], 202, "{}", functions[number % 4].output());
        assert_eq!(response["body"], responses[number % 5].as_ref().unwrap()["body"]);
    }
    assert_eq!(
        body_of(responses[0].as_ref().unwrap())["message"],
        "Payment processed successfully"
    );
    let items = sandbox.items().await;
    assert_eq!(items.len(), 5);
    assert!(
        items
            .iter()
            .all(|i| i["status"] == "received" && i["region"] == "us-east-1")
    );
    let counted: u64 = functions.iter().map(|f| f.metric("PaymentAccepted")).sum();
    let repeated: u64 = functions.iter().map(|f| f.metric("PaymentDuplicate")).sum();
    assert_eq!((counted, repeated), (5, 35));
    assert_eq!(sandbox.objects(&bucket).await.len(), 5);
    for function in &functions {
        let output = function.output();
        for secret in ["cust-secret-789", "order-secret"] {
            assert!(
                !output.contains(secret),
                "{secret} must not be logged, not even at trace"
            );
        }
        // The metric lines have it, for the filter that adds amounts up (6.4); no other line does.
        let mut logged = output.lines().filter(|line| !line.contains("\"_aws\""));
        assert!(logged.all(|line| !line.contains("7654321")), "an amount was logged");
        assert!(output.contains("7654321"), "no metric line has the amount");
    }

    let messages = sandbox.receive(&queue, 5).await;
    let accounting = Lambda::start(
        "process_accounting",
        &sandbox.variables(&[("TABLE_NAME", "transactions")]),
    )
    .await;
    let bodies: Vec<String> = messages.iter().map(Value::to_string).collect();
    let batch: Vec<_> = bodies.iter().map(|body| (body.as_str(), 1)).collect();
    let answer = accounting.invoke(queue_event("payments", &batch)).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}), "{}", accounting.output());
    let items = sandbox.items().await;
    assert!(
        items
            .iter()
            .all(|i| i["status"] == "accounting_processed" && i.contains_key("accounting_processed_at"))
    );
    assert_eq!(items.len(), 5, "no ghosts");
    assert_eq!(accounting.metric("AccountingProcessed"), 5);
    assert_eq!(accounting.metric("AccountingDuplicate"), batch.len() as u64 - 5);
}

/// 9.2 items 8 and 9: a poison record, its last receive, its alert, and what the notifier makes of it.
#[tokio::test]
async fn poison_goes_its_way_alone() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let bucket = sandbox.create_bucket().await;
    let (topic, alerts) = topic_with_queue(&sandbox).await;
    let time = "2026-01-02T03:04:05.006Z";
    sandbox
        .put_item(&json!({"transaction_id": "good", "timestamp": time, "status": "received"}))
        .await;
    let good = json!({"transaction_id": "good", "timestamp": time}).to_string();
    let ghost = json!({"transaction_id": "ghost", "timestamp": time, "customer_id": "alice@example.com"}).to_string();
    let variables = [("TABLE_NAME", "transactions"), ("SNS_TOPIC_ARN", topic.as_str())];
    let accounting = Lambda::start("process_accounting", &sandbox.variables(&variables)).await;
    let poison = [("{", 3), (good.as_str(), 3), (ghost.as_str(), 3)];
    let answer = accounting.invoke(queue_event("payments", &poison)).await.unwrap();
    let expected = json!({"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m2"}]});
    assert_eq!(answer, expected, "{}", accounting.output());
    assert_eq!(sandbox.items().await.len(), 1, "N-09: no ghost item");

    let variables = [("SNS_TOPIC_ARN", topic.as_str()), ("ARCHIVE_BUCKET", bucket.as_str())];
    let notifier = Lambda::start("notify_failures", &sandbox.variables(&variables)).await;
    let dead = [("{", 4), (ghost.as_str(), 4)];
    let answer = notifier.invoke(queue_event("payments-dlq", &dead)).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}), "{}", notifier.output());
    let objects = sandbox.objects(&bucket).await;
    let keys: Vec<_> = objects.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["dlq/2026/01/02/m0.json", "dlq/2026/01/02/m1.json"]);
    assert!(objects[1].1.contains("alice@example.com"), "the copy is complete");

    let mut told: Vec<Value> = Vec::new();
    for envelope in sandbox.receive(&alerts, 4).await {
        let text = envelope["Message"].as_str().unwrap();
        assert!(!text.contains("alice") && !text.contains("handle"), "{text}");
        told.push(serde_json::from_str(text).unwrap());
    }
    assert_eq!(told.len(), 4, "{told:?}");
    let ids = |alert_type: Value| {
        let of_type = told.iter().filter(|a| a["alert_type"] == alert_type);
        let id = |a: &Value| {
            a.get("transaction_id")
                .unwrap_or(&a["message"]["transaction_id"])
                .clone()
        };
        let mut ids: Vec<String> = of_type.map(|a| id(a).to_string()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(
        ids(Value::Null),
        ["\"ghost\"", "null"],
        "accounting's, at the last receive"
    );
    assert_eq!(ids(json!("DLQ_MESSAGE")), ["\"ghost\"", "null"], "the notifier's");
}

/// Seed 004's table: Pascal case, hash key only, a number for the index (P-04 to P-08).
#[tokio::test]
async fn the_multi_region_table() {
    let sandbox = Sandbox::new();
    create_table(&sandbox, "payments", &[("TransactionId", ScalarAttributeType::S)]).await;
    create_table(&sandbox, "guards", &[("id", ScalarAttributeType::S)]).await;
    let variables = [
        ("TABLE_NAME", "payments"),
        ("AUTH_MODE", "none"),
        ("TABLE_HASH_KEY", "TransactionId"),
        ("TABLE_RANGE_KEY", "none"),
        ("TIMESTAMP_TYPE", "N"),
        ("ATTRIBUTE_STYLE", "pascal_case"),
        ("IDEMPOTENCY_TABLE", "guards"),
        ("REQUIRED_FIELDS", "transaction_id,amount,currency"),
    ];
    let processor = Lambda::start("payment_processor", &sandbox.variables(&variables)).await;
    let transaction = json!({"id": "TXN001", "amount": 99.99, "currency": "USD", "timestamp": "2024-01-15T10:30:00Z"});
    let response = processor
        .invoke(proxy(&json!({"transaction": transaction})))
        .await
        .unwrap();
    assert_eq!(response["statusCode"], 200, "{}", processor.output());
    let task = processor
        .invoke(json!({"transaction": transaction, "timestamp": "2026-01-01T00:00:00.000Z"}))
        .await
        .unwrap();
    assert_eq!(
        (&task["replayed"], &task["status"]),
        (&json!(true), &json!("processed"))
    );
    let items = scan(&sandbox, "payments").await;
    assert_eq!(items.len(), 1);
    for (name, value) in [
        ("TransactionId", s("TXN001")),
        ("Timestamp", n("1705314600000")),
        ("Amount", n("99.99")),
        ("Status", s("processed")),
        ("Region", s("us-east-1")),
    ] {
        assert_eq!(items[0][name], value);
    }
    let other = json!({"transaction": {"id": "TXN001", "amount": 1, "currency": "USD"}});
    assert_eq!(
        processor.invoke(other).await.unwrap_err().error_type,
        "TransactionAlreadyExists"
    );
    let invalid = json!({"transaction": {"id": "TXN002", "amount": -1, "currency": "USD"}});
    let failure = processor.invoke(invalid).await.unwrap_err();
    assert_eq!(
        (failure.error_type.as_str(), failure.message.as_str()),
        ("ValidationError", "Amount must be positive")
    );
}

/// Seed 002's table: `payment_id` and a numeric sort key; accounting finds the item by it.
#[tokio::test]
async fn the_global_table() {
    let sandbox = Sandbox::new();
    let keys = [
        ("payment_id", ScalarAttributeType::S),
        ("timestamp", ScalarAttributeType::N),
    ];
    create_table(&sandbox, "payments", &keys).await;
    create_table(&sandbox, "guards", &[("id", ScalarAttributeType::S)]).await;
    let (queue, _) = sandbox.create_queue("payments").await;
    let table = [
        ("TABLE_NAME", "payments"),
        ("TABLE_HASH_KEY", "payment_id"),
        ("TABLE_RANGE_KEY_TYPE", "N"),
    ];
    let more = [
        ("AUTH_MODE", "api_key"),
        ("IDEMPOTENCY_TABLE", "guards"),
        ("RESPONSE_MODE", "queue"),
        ("QUEUE_URL", queue.as_str()),
    ];
    let processor = Lambda::start("payment_processor", &sandbox.variables(&[&table[..], &more].concat())).await;
    let response = processor.invoke(proxy(&payment("p1"))).await.unwrap();
    assert_eq!(response["statusCode"], 202, "{}", processor.output());
    let message = sandbox.receive(&queue, 1).await.pop().unwrap();
    let accounting = Lambda::start("process_accounting", &sandbox.variables(&table)).await;
    let answer = accounting
        .invoke(queue_event("q", &[(&message.to_string(), 1)]))
        .await
        .unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}), "{}", accounting.output());
    let items = scan(&sandbox, "payments").await;
    assert_eq!((items.len(), &items[0]["status"]), (1, &s("accounting_processed")));
    assert!(items[0]["timestamp"].is_n());
}

/// 6.5: with STRONG tables a death between guard and item is repaired by the repetition.
#[tokio::test]
async fn strong_tables_are_repaired() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let variables = [
        ("TABLE_NAME", "transactions"),
        ("AUTH_MODE", "api_key"),
        ("IDEMPOTENCY_TABLE", "guards"),
        ("CONSISTENCY_MODE", "STRONG"),
    ];
    let processor = Lambda::start("payment_processor", &sandbox.variables(&variables)).await;
    let first = processor.invoke(proxy(&payment("p1"))).await.unwrap();
    assert_eq!(first["statusCode"], 200, "{}", processor.output());
    let before = sandbox.attributes().await.pop().unwrap();
    // As if the process had died after the guard.
    let key = HashMap::from([
        ("transaction_id".to_owned(), before["transaction_id"].clone()),
        ("timestamp".to_owned(), before["timestamp"].clone()),
    ]);
    let delete = sandbox
        .dynamodb
        .delete_item()
        .table_name("transactions")
        .set_key(Some(key));
    delete.send().await.unwrap();
    let again = processor.invoke(proxy(&payment("p1"))).await.unwrap();
    assert_eq!(
        (&again["statusCode"], &again["body"]),
        (&first["statusCode"], &first["body"])
    );
    assert_eq!(sandbox.attributes().await, [before]);
}

fn throttled(operation: &str) -> (&str, Answer) {
    let error = json!({"__type": "ThrottlingException", "message": "slow down"});
    (operation, (400, error))
}

/// P-16, P-18: a region whose table does not answer hands the payment to the other one.
#[tokio::test]
async fn a_payment_moves_to_the_other_region() {
    let taken = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]});
    let here = ScriptedAws::start(vec![
        throttled("TransactWriteItems"),
        throttled("TransactWriteItems"),
        throttled("TransactWriteItems"),
        ("PutEvents", (200, taken)),
    ])
    .await;
    let table = [
        ("TABLE_NAME", "transactions"),
        ("AUTH_MODE", "api_key"),
        ("IDEMPOTENCY_TABLE", "guards"),
    ];
    let trouble = [
        ("AWS_ENDPOINT_URL", here.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "000000000000"),
        ("FAILOVER_EVENT_BUS", "payments"),
    ];
    let processor = Lambda::start("payment_processor", &[&table[..], &trouble].concat()).await;
    let response = processor.invoke(proxy(&payment("p1"))).await.unwrap();
    assert_eq!(response["statusCode"], 202, "{}", processor.output());
    assert!(here.is_used_up());
    let (_, request) = here.calls().pop().unwrap();
    let entry = &request["Entries"][0];
    assert_eq!(
        (&entry["Source"], &entry["EventBusName"]),
        (&json!("payment.processing"), &json!("payments"))
    );
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();

    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let processor = Lambda::start("payment_processor", &sandbox.variables(&table)).await;
    let input = json!({"transaction": detail["transaction"], "timestamp": detail["timestamp"]});
    let stored = processor
        .invoke(input)
        .await
        .unwrap_or_else(|e| panic!("{e:?}\n{}", processor.output()));
    assert_eq!(stored["timestamp"], detail["timestamp"]);
    let item = sandbox.items().await.pop().unwrap();
    assert_eq!(
        (&item["customer_id"], &item["created_at"]),
        (&json!("cust-secret-789"), &detail["timestamp"])
    );
}

/// N-17: what goes wrong on our side is a fault that can be seen, and says nothing outside.
#[tokio::test]
async fn a_denied_write_is_a_visible_fault() {
    let denied = json!({"__type": "AccessDeniedException", "Message": "role/secret-role may not"});
    let aws = ScriptedAws::start(vec![("TransactWriteItems", (400, denied))]).await;
    let variables = [
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "000000000000"),
        ("TABLE_NAME", "t"),
        ("AUTH_MODE", "api_key"),
        ("IDEMPOTENCY_TABLE", "g"),
    ];
    let processor = Lambda::start("payment_processor", &variables).await;
    let response = processor.invoke(proxy(&payment("p1"))).await.unwrap();
    assert_eq!(response["statusCode"], 500);
    assert_eq!(
        response["body"],
        r#"{"error":"Internal server error","message":"Failed to process payment"}"#
    );
    assert_eq!(processor.metric("HandlerFault"), 1);
}

#[tokio::test]
async fn health_says_version_and_region() {
    let health = Lambda::start("health", &[]).await;
    let response = health.invoke(json!({"httpMethod": "GET"})).await.unwrap();
    assert_eq!(response["statusCode"], 200);
    let body = body_of(&response);
    assert_eq!((&body["status"], &body["region"]), (&json!("ok"), &json!("us-east-1")));
}
