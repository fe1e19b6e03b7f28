//! AWS answers that an emulator does not give on demand.

use std::time::Duration;

use serde_json::{Value, json};

use super::lambda::Lambda;
use super::scripted::{Answer, ScriptedAws};

const ACCOUNT: (&str, &str) = ("AWS_ACCESS_KEY_ID", "000000000000");

async fn validator(aws: &ScriptedAws) -> Lambda {
    let variables = [
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
        ACCOUNT,
        ("AUTH_MODE", "none"),
        ("DYNAMODB_TABLE", "t"),
        ("IDEMPOTENCY_TABLE", "g"),
    ];
    Lambda::start("webhook_validator", &variables).await
}

fn post() -> Value {
    let body = json!({"transaction_id": "t1", "amount": 5, "currency": "USD", "provider": "p", "customer_id": "c"});
    json!({"body": body.to_string()})
}

fn canceled(guard: &str, item: &str) -> Answer {
    let reasons = json!([{"Code": guard, "Message": "m"}, {"Code": item, "Message": "m"}]);
    (
        400,
        json!({"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled", "CancellationReasons": reasons}),
    )
}

const TRANSACT: &str = "TransactWriteItems";

#[tokio::test]
async fn transaction_conflicts_are_tried_again() {
    let nothing = || (200, json!({}));
    let aws = ScriptedAws::start(vec![
        (TRANSACT, canceled("TransactionConflict", "None")),
        ("GetItem", nothing()),
        (TRANSACT, canceled("None", "TransactionConflict")),
        ("GetItem", nothing()),
        (TRANSACT, nothing()),
    ])
    .await;
    let lambda = validator(&aws).await;
    assert_eq!(
        lambda.invoke(post()).await.unwrap()["statusCode"],
        200,
        "{}",
        lambda.output()
    );
    assert!(aws.is_used_up());
    let (_, request) = &aws.calls()[0];
    let puts = request["TransactItems"].as_array().unwrap();
    let tables: Vec<_> = puts.iter().map(|p| p["Put"]["TableName"].as_str().unwrap()).collect();
    assert_eq!(tables, ["g", "t"], "one transaction: the guard, then the item");
    assert!(
        puts.iter()
            .all(|p| p["Put"]["ConditionExpression"] == "attribute_not_exists(#key)")
    );
    assert_eq!(aws.calls()[1].1["ConsistentRead"], true);
}

#[tokio::test]
async fn a_conflict_with_a_finished_duplicate_is_a_replay() {
    let hash = {
        // The hash that the first, finished request stored: taken from the same binary's own write.
        let aws = ScriptedAws::start(vec![(TRANSACT, (200, json!({})))]).await;
        let lambda = validator(&aws).await;
        lambda.invoke(post()).await.unwrap();
        aws.calls()[0].1["TransactItems"][0]["Put"]["Item"]["payload_hash"]["S"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let guard = json!({"Item": {"id": {"S": "idem#t1"}, "payload_hash": {"S": hash}, "response": {"S": "{\"first\":1}"},
        "timestamp": {"S": "2026-01-01T00:00:00.000Z"}}});
    let aws = ScriptedAws::start(vec![
        (TRANSACT, canceled("TransactionConflict", "None")),
        ("GetItem", (200, guard)),
    ])
    .await;
    let lambda = validator(&aws).await;
    let response = lambda.invoke(post()).await.unwrap();
    assert_eq!(
        (&response["statusCode"], &response["body"]),
        (&json!(200), &json!("{\"first\":1}"))
    );
    assert_eq!(response["headers"]["Idempotent-Replay"], "true");
}

#[tokio::test]
async fn a_denied_write_is_a_fault_without_internals() {
    let denied =
        json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "role/secret-role may not"});
    let aws = ScriptedAws::start(vec![(TRANSACT, (400, denied))]).await;
    let lambda = validator(&aws).await;
    let response = lambda.invoke(post()).await.unwrap();
    assert_eq!(
        (&response["statusCode"], &response["body"]),
        (&json!(500), &json!(r#"{"error":"Internal server error"}"#))
    );
    assert_eq!(lambda.metric("HandlerFault"), 1);
    assert!(
        lambda.output().contains("AccessDeniedException"),
        "the log tells what happened"
    );
}

fn record(sequence: &str) -> Value {
    json!({"eventName": "INSERT", "dynamodb": {"SequenceNumber": sequence, "NewImage": {
        "transaction_id": {"S": format!("txn_{sequence}")}, "timestamp": {"S": "2026-01-02T03:04:05.006Z"},
        "amount": {"N": "5"}, "currency": {"S": "USD"}}}})
}

fn put_events(codes: &[Option<&str>]) -> Answer {
    let entry = |code: Option<&str>| match code {
        Some(code) => json!({"ErrorCode": code, "ErrorMessage": "m"}),
        None => json!({"EventId": "e"}),
    };
    let failed = codes.iter().flatten().count();
    (
        200,
        json!({"FailedEntryCount": failed, "Entries": codes.iter().copied().map(entry).collect::<Vec<_>>()}),
    )
}

async fn publisher(aws: &ScriptedAws) -> Lambda {
    let variables = [("AWS_ENDPOINT_URL", aws.url.as_str()), ACCOUNT, ("EVENT_BUS_NAME", "b")];
    Lambda::start("outbox_publisher", &variables).await
}

#[tokio::test]
async fn refused_entries_are_sent_again_alone() {
    let aws = ScriptedAws::start(vec![
        ("PutEvents", put_events(&[None, Some("ThrottlingException"), None])),
        ("PutEvents", put_events(&[None])),
    ])
    .await;
    let lambda = publisher(&aws).await;
    let answer = lambda
        .invoke(json!({"Records": [record("1"), record("2"), record("3")]}))
        .await
        .unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}), "{}", lambda.output());
    let second = aws.calls()[1].1["Entries"].clone();
    assert_eq!(second.as_array().map(Vec::len), Some(1));
    assert!(second[0]["Detail"].as_str().unwrap().contains("txn_2"));
}

#[tokio::test]
async fn entries_refused_for_good_are_reported() {
    let refused = || ("PutEvents", put_events(&[Some("InternalFailure")]));
    let first = ("PutEvents", put_events(&[None, Some("InternalFailure")]));
    let aws = ScriptedAws::start(vec![first, refused(), refused(), refused()]).await;
    let lambda = publisher(&aws).await;
    let answer = lambda
        .invoke(json!({"Records": [record("1"), record("2")]}))
        .await
        .unwrap();
    assert_eq!(answer, json!({"batchItemFailures": [{"itemIdentifier": "2"}]}));
    assert!(aws.is_used_up(), "retried within bounds");
    assert_eq!(lambda.metric("HandlerFault"), 1);
}

#[tokio::test]
async fn an_execution_that_exists_counts_as_started() {
    let exists = json!({"__type": "ExecutionAlreadyExists", "message": "m"});
    let aws = ScriptedAws::start(vec![
        ("StartExecution", (400, exists)),
        ("PutEvents", put_events(&[None])),
    ])
    .await;
    let variables = [
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
        ACCOUNT,
        ("EVENT_BUS_NAME", "b"),
        ("WORKFLOW_TRIGGER", "all"),
        (
            "STATE_MACHINE_ARN",
            "arn:aws:states:us-east-1:000000000000:stateMachine:m",
        ),
    ];
    let lambda = Lambda::start("outbox_publisher", &variables).await;
    let answer = lambda.invoke(json!({"Records": [record("1")]})).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}), "{}", lambda.output());
    assert!(aws.is_used_up(), "the event follows");
}

#[tokio::test]
async fn the_archival_hands_over_before_its_time_is_up() {
    let key = json!({"transaction_id": {"S": "a"}, "timestamp": {"S": "2026-01-02T03:04:05.000Z"}, "status": {"S": "analyzed"}});
    let page = json!({"Items": [], "Count": 0, "LastEvaluatedKey": key});
    let own = "/2015-03-31/functions/function-under-test/invocations";
    let aws = ScriptedAws::start(vec![("Query", (200, page)), (own, (202, Value::Null))]).await;
    let variables = [
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
        ACCOUNT,
        ("DYNAMODB_TABLE", "t"),
        ("S3_BUCKET", "b"),
    ];
    let lambda = Lambda::start("transaction_archival", &variables).await;
    let result = lambda.invoke_within(json!({}), Duration::from_secs(10)).await;
    let result = result.unwrap_or_else(|e| panic!("{e:?}\n{}\n{:?}", lambda.output(), aws.calls()));
    let token = &result["continuation"];
    assert_eq!(token["start_key"]["transaction_id"], "a");
    let (operation, payload) = aws.calls().pop().unwrap();
    assert_eq!(operation, own);
    assert_eq!(payload, json!({"continuation": token}));
}

#[tokio::test]
async fn throttling_is_named_so_that_the_workflow_retries() {
    let throttled = || {
        (
            "UpdateItem",
            (400, json!({"__type": "ThrottlingException", "Message": "slow down"})),
        )
    };
    let aws = ScriptedAws::start(vec![throttled(), throttled(), throttled()]).await;
    let variables = [
        ("AWS_ENDPOINT_URL", aws.url.as_str()),
        ACCOUNT,
        ("DYNAMODB_TABLE", "t"),
        ("SNS_TOPIC_ARN", "arn"),
    ];
    let lambda = Lambda::start("fraud_detector", &variables).await;
    let transaction = json!({"transaction_id": "t", "amount": 1, "timestamp": "2026-01-01T00:00:00.000Z"});
    let failure = lambda.invoke(json!({"transaction": transaction})).await.unwrap_err();
    assert_eq!(failure.error_type, "ServiceUnavailable");
    assert!(failure.message.contains("dynamodb:UpdateItem"), "{}", failure.message);
}
