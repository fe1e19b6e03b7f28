//! The reconciler on the sandbox: a payment whose message was lost reaches accounting all the same (N-14, R-11).

use aws_sdk_dynamodb::types::{BillingMode, GlobalSecondaryIndex, Projection, ProjectionType};
use serde_json::json;

use super::lambda::Lambda;
use super::payments::{proxy, queue_event};
use super::sandbox::{Sandbox, schema, text};

/// The tables, and an index on the shards of the status beside the one on the status.
async fn create_tables(sandbox: &Sandbox) {
    let index = |name: &str, hash: &str, projected: ProjectionType| {
        let projection = Projection::builder().projection_type(projected).build();
        let index = GlobalSecondaryIndex::builder().index_name(name);
        let index = index.set_key_schema(Some(schema(hash, "timestamp")));
        index.projection(projection).build().unwrap()
    };
    let names = ["transaction_id", "timestamp", "status", "status_shard"];
    let request = sandbox.dynamodb.create_table().table_name("payments");
    let request = request
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(names.map(text).into()))
        .set_key_schema(Some(schema("transaction_id", "timestamp")))
        .global_secondary_indexes(index("by-status", "status", ProjectionType::KeysOnly))
        .global_secondary_indexes(index("by-shard", "status_shard", ProjectionType::All));
    request.send().await.unwrap();
    sandbox.create_tables().await;
}

#[tokio::test]
async fn n_14_a_payment_whose_message_was_lost_reaches_accounting() {
    for (index, shards) in [("by-status", "1"), ("by-shard", "4")] {
        let sandbox = Sandbox::new();
        create_tables(&sandbox).await;
        let (queue, _) = sandbox.create_queue("payments").await;
        let bucket = sandbox.create_bucket().await;
        let table = [("TABLE_NAME", "payments"), ("STATUS_SHARDS", shards)];
        let gone = format!("{queue}-gone");
        let lost = [
            ("AUTH_MODE", "api_key"),
            ("IDEMPOTENCY_TABLE", "guards"),
            ("RESPONSE_MODE", "queue"),
            ("QUEUE_URL", gone.as_str()),
        ];
        let processor = Lambda::start("payment_processor", &sandbox.variables(&[&table[..], &lost].concat())).await;
        for number in 0..5 {
            let body = json!({"transaction_id": format!("t{number}"), "amount": "10.50", "currency": "USD",
                "provider": "stripe", "metadata": {"card": "4111111111111111"}});
            let response = processor.invoke(proxy(&body)).await.unwrap();
            assert_eq!(response["statusCode"], 500, "stored, and then there was no queue");
        }

        let sweep = [
            ("STATUS_INDEX", index),
            ("QUEUE_URL", queue.as_str()),
            ("AUDIT_BUCKET", bucket.as_str()),
            ("STUCK_AFTER_SECONDS", "0"),
            ("LOG_LEVEL", "trace"),
        ];
        let reconciler = Lambda::start("payment_reconciler", &sandbox.variables(&[&table[..], &sweep].concat())).await;
        let answer = reconciler.invoke(json!({})).await.unwrap();
        let expected = json!({"found": 5, "reconciled": 5, "failed": 0, "incomplete": false});
        assert_eq!(answer, expected, "{index}: {}", reconciler.output());
        let again = reconciler.invoke(json!({})).await.unwrap();
        assert_eq!(again["found"], 0, "each once");
        assert_eq!(reconciler.metric("PaymentStuck"), 5);
        assert!(!reconciler.output().contains("4111"), "no content in logs");
        assert_eq!(sandbox.objects(&bucket).await.len(), 5);

        let messages = sandbox.receive(&queue, 5).await;
        let bodies: Vec<String> = messages.iter().map(ToString::to_string).collect();
        let batch: Vec<_> = bodies.iter().map(|body| (body.as_str(), 1)).collect();
        let accounting = Lambda::start("process_accounting", &sandbox.variables(&table)).await;
        let answer = accounting.invoke(queue_event("payments", &batch)).await.unwrap();
        assert_eq!(answer, json!({"batchItemFailures": []}), "{}", accounting.output());
        let items = sandbox
            .dynamodb
            .scan()
            .table_name("payments")
            .send()
            .await
            .unwrap()
            .items
            .unwrap();
        assert_eq!(items.len(), 5, "no ghosts");
        for item in items {
            let of = |name: &str| item[name].as_s().unwrap().clone();
            assert_eq!(of("status"), "accounting_processed");
            assert!(
                of("status_shard").starts_with("accounting_processed#"),
                "R-11: the shard follows the status"
            );
        }
    }
}
