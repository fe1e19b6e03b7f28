//! The archival on the sandbox (REQUIREMENTS 9.2 item 7).

use serde_json::{Value, json};

use super::lambda::Lambda;
use super::sandbox::Sandbox;

fn item(id: &str, timestamp: &str, status: &str) -> Value {
    let amount: Value = serde_json::from_str("12345678901234567890.12").unwrap();
    json!({"transaction_id": id, "timestamp": timestamp, "status": status, "amount": amount, "updated_at": timestamp})
}

async fn start(sandbox: &Sandbox, bucket: &str, more: &[(&str, &str)]) -> Lambda {
    let mut variables = vec![
        ("DYNAMODB_TABLE", "transactions"),
        ("S3_BUCKET", bucket),
        ("PAGE_LIMIT", "10"),
    ];
    variables.extend_from_slice(more);
    Lambda::start("transaction_archival", &sandbox.variables(&variables)).await
}

fn ids(items: &[serde_json::Map<String, Value>]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["transaction_id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn settled_items_move_to_the_bucket_page_by_page() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let bucket = sandbox.create_bucket().await;
    for n in 0..23 {
        sandbox
            .put_item(&item(
                &format!("a{n:02}"),
                &format!("2026-01-02T03:04:{n:02}.000Z"),
                "analyzed",
            ))
            .await;
    }
    sandbox
        .put_item(&item("b", "2026-01-03T00:00:00.000Z", "archivable"))
        .await;
    sandbox
        .put_item(&item("p", "2026-01-02T00:00:00.000Z", "pending"))
        .await;
    sandbox
        .put_item(&item("y", "2999-01-01T00:00:00.000Z", "analyzed"))
        .await;

    let lambda = start(&sandbox, &bucket, &[]).await;
    let result = lambda
        .invoke(json!({"source": "aws.scheduler"}))
        .await
        .unwrap_or_else(|e| panic!("{e:?}\n{}", lambda.output()));
    assert_eq!(result["message"], "Successfully archived 24 transactions");
    assert_eq!(
        (&result["failed_count"], &result["continuation"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(ids(&sandbox.items().await), ["p", "y"], "pending and young items stay");

    let objects = sandbox.objects(&bucket).await;
    assert_eq!(
        objects.len(),
        4,
        "three pages of one day, one of the other: {objects:?}"
    );
    let lines: Vec<Value> = objects
        .iter()
        .flat_map(|(_, text)| text.lines().map(|l| serde_json::from_str(l).unwrap()))
        .collect();
    assert_eq!(lines.len(), 24);
    for line in &lines {
        assert_eq!(line["amount"].to_string(), "12345678901234567890.12");
    }
    assert!(objects[0].0.starts_with("transactions/2026/01/02/run-") && objects[0].0.ends_with(".json.gz"));
    assert!(objects[3].0.starts_with("transactions/2026/01/03/run-"));

    let again = lambda.invoke(json!({})).await.unwrap();
    assert_eq!(again["message"], "No transactions to archive");

    // A second run on the same day adds an object and keeps the first ones.
    sandbox
        .put_item(&item("late", "2026-01-02T05:00:00.000Z", "analyzed"))
        .await;
    assert_eq!(lambda.invoke(json!({})).await.unwrap()["archived_count"], 1);
    let all = sandbox.objects(&bucket).await;
    assert_eq!(all.len(), 5);
    assert!(objects.iter().all(|object| all.contains(object)));
    assert_eq!(
        (lambda.metric("TransactionsArchived"), lambda.metric("HandlerFault")),
        (25, 0)
    );
}

#[tokio::test]
async fn kept_items_are_marked_and_not_archived_again() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    let bucket = sandbox.create_bucket().await;
    sandbox
        .put_item(&item("a", "2026-01-02T03:04:05.000Z", "analyzed"))
        .await;
    let variables = [
        ("DELETE_AFTER_ARCHIVE", "false"),
        ("ARCHIVE_FORMAT", "json"),
        ("ARCHIVE_PREFIX", "kept"),
    ];
    let lambda = start(&sandbox, &bucket, &variables).await;
    assert_eq!(
        lambda.invoke(json!({})).await.unwrap()["archived_count"],
        1,
        "{}",
        lambda.output()
    );
    assert_eq!(lambda.invoke(json!({})).await.unwrap()["archived_count"], 0);
    let items = sandbox.items().await;
    assert_eq!((ids(&items), &items[0]["status"]), (vec!["a"], &json!("archived")));
    let objects = sandbox.objects(&bucket).await;
    assert_eq!(objects.len(), 1);
    assert!(objects[0].0.starts_with("kept/2026/01/02/"));
    assert!(
        objects[0]
            .0
            .rsplit_once('.')
            .is_some_and(|(_, extension)| extension == "json")
    );
    let array: Value = serde_json::from_str(&objects[0].1).unwrap();
    assert_eq!(array[0]["amount"].to_string(), "12345678901234567890.12");
}

#[tokio::test]
async fn a_failing_bucket_deletes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.create_tables().await;
    sandbox
        .put_item(&item("a", "2026-01-02T03:04:05.000Z", "analyzed"))
        .await;
    let lambda = start(&sandbox, "no-such-bucket-here", &[]).await;
    let failure = lambda.invoke(json!({})).await.unwrap_err();
    assert_eq!(failure.error_type, "InternalError", "{}", failure.message);
    assert!(
        failure.message.contains("s3:PutObject") && failure.message.contains("NoSuchBucket"),
        "{}",
        failure.message
    );
    assert_eq!(ids(&sandbox.items().await), ["a"]);
    assert_eq!(lambda.metric("HandlerFault"), 1);
}
