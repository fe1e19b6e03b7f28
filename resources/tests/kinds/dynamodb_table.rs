use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_engine::{Change, Kind, Outputs};
use tap_resources::aws::dynamodb_table::DynamodbTable;
use tap_resources::aws::kms_key::KmsKey;

use crate::support::{Life, aws, context, settings};

#[tokio::test]
async fn dynamodb_table() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let key = KmsKey(aws.clone())
        .create(&context("kms_key.data"), &settings(json!({})))
        .await
        .unwrap();
    let by_status = json!({
        "index_name": "by-status",
        "hash_key": {"name": "status", "type": "S"},
        "range_key": {"name": "created_at", "type": "S"},
    });
    let by_customer = json!({
        "index_name": "by-customer", "hash_key": {"name": "customer_id", "type": "S"},
        "projection_type": "INCLUDE", "non_key_attributes": ["status", "amount"],
    });
    let mut by_customer_keys = by_customer.clone();
    by_customer_keys["projection_type"] = json!("KEYS_ONLY");
    by_customer_keys["non_key_attributes"] = json!([]);
    Life {
        kind: &DynamodbTable(aws),
        key: "dynamodb_table.transactions",
        desired: json!({
            "table_name": "transactions-test",
            "hash_key": {"name": "transaction_id", "type": "S"},
            "range_key": {"name": "timestamp", "type": "N"},
            "billing_mode": "PAY_PER_REQUEST",
            "stream_view_type": "NEW_AND_OLD_IMAGES",
            "point_in_time_recovery": {"enabled": true, "recovery_period_in_days": 35},
            "sse": {"enabled": true, "kms_key_id": key["id"]},
            "global_secondary_indexes": [by_status],
        }),
        edits: vec![
            json!({"global_secondary_indexes": [by_customer, by_status], "ttl_attribute": "expires_at"}),
            json!({"global_secondary_indexes": [by_customer_keys], "stream_view_type": "NEW_IMAGE"}),
            json!({"deletion_protection_enabled": true, "table_class": "STANDARD_INFREQUENT_ACCESS"}),
            json!({"billing_mode": "PROVISIONED", "read_capacity": 5, "write_capacity": 2}),
            json!({"read_capacity": 6}),
            json!({"tags": {
                "team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "dynamodb_table.transactions",
            }}),
            json!({"billing_mode": "PAY_PER_REQUEST", "read_capacity": null, "write_capacity": null}),
            json!({
                "global_secondary_indexes": null, "ttl_attribute": null, "point_in_time_recovery": null,
                "stream_view_type": null, "sse": null,
            }),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// A stream's ARN follows the stream; every step of an update can be repeated.
#[tokio::test]
async fn a_new_stream_has_a_new_arn_and_updates_can_be_repeated() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = DynamodbTable(aws(&sandbox));
    let cx = context("dynamodb_table.t");
    let table =
        json!({"table_name": "t-test", "hash_key": {"name": "id", "type": "S"}, "billing_mode": "PAY_PER_REQUEST"});
    let before = settings(table.clone());
    let made = kind.create(&cx, &before).await.unwrap();
    assert_eq!(made["stream_arn"], "");
    let mut after = before.clone();
    after.insert("stream_view_type".to_owned(), json!("KEYS_ONLY"));
    after.insert("ttl_attribute".to_owned(), json!("expires_at"));
    after.insert("point_in_time_recovery".to_owned(), json!({"enabled": true}));
    after.insert(
        "global_secondary_indexes".to_owned(),
        json!([{"index_name": "i", "hash_key": {"name": "a", "type": "N"}}]),
    );
    let changed: Vec<String> = kind
        .spec()
        .settings
        .iter()
        .filter(|s| !s.replace && !["sse", "table_class", "tags"].contains(&s.name))
        .map(|s| s.name.to_owned())
        .collect();
    let mut arns = Vec::new();
    for _ in 0..2 {
        let change = Change {
            before: &before,
            after: &after,
            changed: &changed,
            outputs: &Outputs::new(),
        };
        arns.push(kind.update(&cx, "t-test", &change).await.unwrap()["stream_arn"].clone());
    }
    assert!(arns[0].contains(":table/t-test/stream/"), "{}", arns[0]);
    assert_eq!(arns[0], arns[1]);
}

/// Deletion protection is AWS's word and stands, unless `force_destroy` says otherwise.
#[tokio::test]
async fn a_protected_table_is_deleted_only_by_force() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = DynamodbTable(aws(&sandbox));
    let mut cx = context("dynamodb_table.t");
    let wanted = settings(json!({
        "table_name": "t-test", "hash_key": {"name": "id", "type": "S"}, "billing_mode": "PAY_PER_REQUEST",
        "deletion_protection_enabled": true,
    }));
    kind.create(&cx, &wanted).await.unwrap();
    cx.force_destroy = false;
    let error = kind.delete(&cx, "t-test", &wanted).await.unwrap_err();
    assert!(error.to_string().contains("force_destroy = true"), "{error}");
    assert!(kind.read(&cx, "t-test", &wanted).await.unwrap().is_some());
    cx.force_destroy = true;
    kind.delete(&cx, "t-test", &wanted).await.unwrap();
    assert!(kind.read(&cx, "t-test", &wanted).await.unwrap().is_none());
}
