//! What reaches from one region into another: replicas of tables, keys and buckets.

use serde_json::{Value, json};
use tap_acceptance_tests::Sandbox;
use tap_engine::{Change, Context, Kind, KindError, Outputs};
use tap_resources::aws::dynamodb_table::DynamodbTable;
use tap_resources::aws::dynamodb_table_replica::DynamodbTableReplica;
use tap_resources::aws::kms_key::KmsKey;
use tap_resources::aws::kms_replica_key::KmsReplicaKey;
use tap_resources::aws::s3_bucket::S3Bucket;
use tap_resources::aws::s3_bucket_replication::S3BucketReplication;

use crate::support::{Life, REGION, aws, context, settings};

/// Where the originals are; the replicas are in [`REGION`].
const SOURCE: &str = "eu-west-1";

fn far(key: &str) -> Context {
    Context {
        region: SOURCE.to_owned(),
        ..context(key)
    }
}

fn tags(key: &str) -> Value {
    json!({"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": key})
}

fn table(more: Value) -> Value {
    let mut table = json!({
        "table_name": "payments-test", "hash_key": {"name": "id", "type": "S"}, "billing_mode": "PAY_PER_REQUEST",
        "stream_view_type": "NEW_AND_OLD_IMAGES", "tags": tags("eu-west-1/dynamodb_table.payments"),
    });
    let members = table.as_object_mut().unwrap();
    members.extend(settings(more));
    table
}

/// R-13, P-12: a key of its own in every region.
#[tokio::test]
async fn dynamodb_table_replica() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let key = KmsKey(aws.clone())
        .create(&context("kms_key.data"), &settings(json!({})))
        .await
        .unwrap();
    let tables = DynamodbTable(aws.clone());
    let cx = far("eu-west-1/dynamodb_table.payments");
    tables.create(&cx, &settings(table(json!({})))).await.unwrap();
    Life {
        kind: &DynamodbTableReplica(aws),
        key: "us-east-1/dynamodb_table_replica.payments",
        desired: json!({
            "table_name": "payments-test", "source_region": SOURCE, "kms_key_arn": key["arn"],
            "point_in_time_recovery": {"enabled": true, "recovery_period_in_days": 14},
        }),
        edits: vec![
            json!({"point_in_time_recovery": {"enabled": true, "recovery_period_in_days": 35}}),
            json!({"deletion_protection_enabled": true, "table_class": "STANDARD_INFREQUENT_ACCESS"}),
            json!({"tags": tags("us-east-1/dynamodb_table_replica.payments")}),
            json!({"deletion_protection_enabled": null, "table_class": null, "point_in_time_recovery": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
    let source = tables.read(&cx, "payments-test", &settings(table(json!({})))).await;
    assert!(source.unwrap().is_some(), "the source goes on without its replica");
}

/// Replication both ways, two replicas at once, and whose an untagged replica is.
#[tokio::test]
async fn replicas_are_made_side_by_side_and_found_without_tags() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let tables = DynamodbTable(aws.clone());
    let kind = DynamodbTableReplica(aws.clone());
    let source = far("eu-west-1/dynamodb_table.payments");
    tables.create(&source, &settings(table(json!({})))).await.unwrap();
    let wanted = settings(json!({"table_name": "payments-test", "source_region": SOURCE}));
    let (first, second) = (context("dynamodb_table_replica.a"), {
        let mut cx = context("dynamodb_table_replica.b");
        cx.region = "ap-southeast-1".to_owned();
        cx
    });
    let made = tokio::try_join!(kind.create(&first, &wanted), kind.create(&second, &wanted)).unwrap();
    assert_eq!(made.0["id"], "payments-test|us-east-1");
    assert!(made.1["arn"].contains(":ap-southeast-1:"), "{}", made.1["arn"]);
    assert!(made.1["stream_arn"].contains(":ap-southeast-1:"));

    // Written without tags, as an interrupted run leaves it: the source is the stack's, so the replica is.
    assert_eq!(
        kind.find(&first, &wanted).await.unwrap().as_deref(),
        Some("payments-test|us-east-1")
    );
    let mut foreign = context("dynamodb_table_replica.a");
    foreign.stack = "payment_stack/other".to_owned();
    let error = kind.find(&foreign, &wanted).await.unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");

    let id = aws_sdk_dynamodb::types::AttributeValue::S("pay-1".to_owned());
    let there = aws.dynamodb(SOURCE);
    let put = there.put_item().table_name("payments-test").item("id", id.clone());
    put.send().await.unwrap();
    let here = aws.dynamodb("ap-southeast-1");
    let item = here
        .get_item()
        .table_name("payments-test")
        .key("id", id)
        .send()
        .await
        .unwrap();
    assert!(item.item.is_some(), "written in one region, read in the other");

    for cx in [&first, &second] {
        let id = format!("payments-test|{}", cx.region);
        kind.delete(cx, &id, &wanted).await.unwrap();
        assert!(kind.read(cx, &id, &wanted).await.unwrap().is_none());
    }
    tables.delete(&source, "payments-test", &wanted).await.unwrap();
}

/// A replica that is protected is nobody's to delete by accident; without a stream there is nothing to replicate.
#[tokio::test]
async fn protection_and_the_missing_stream_are_said_r_12() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let tables = DynamodbTable(aws.clone());
    let kind = DynamodbTableReplica(aws.clone());
    let source = far("eu-west-1/dynamodb_table.payments");
    let mut no_stream = settings(table(json!({})));
    no_stream.remove("stream_view_type");
    tables.create(&source, &no_stream).await.unwrap();
    let wanted = settings(json!({
        "table_name": "payments-test", "source_region": SOURCE, "deletion_protection_enabled": true,
    }));
    let mut cx = context("dynamodb_table_replica.payments");
    let error = kind.create(&cx, &wanted).await.unwrap_err().to_string();
    assert!(error.contains("NEW_AND_OLD_IMAGES"), "{error}");

    let changed = ["stream_view_type".to_owned()];
    let (after, outputs) = (settings(table(json!({}))), tap_engine::Outputs::new());
    let change = tap_engine::Change {
        before: &no_stream,
        after: &after,
        changed: &changed,
        outputs: &outputs,
    };
    tables.update(&source, "payments-test", &change).await.unwrap();
    kind.create(&cx, &wanted).await.unwrap();
    cx.force_destroy = false;
    let id = "payments-test|us-east-1";
    let error = kind.delete(&cx, id, &wanted).await.unwrap_err().to_string();
    assert!(error.contains("force_destroy = true"), "{error}");
    cx.force_destroy = true;
    kind.delete(&cx, id, &wanted).await.unwrap();
    assert!(kind.read(&cx, id, &wanted).await.unwrap().is_none());
}

/// R-22: one table with a replica and a witness, strongly consistent.
#[tokio::test]
async fn a_strongly_consistent_table_comes_and_goes_with_its_replicas() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let account = sandbox.account(aws.account_id());
    Life {
        kind: &DynamodbTable(aws.clone()),
        key: "dynamodb_table.payments",
        desired: json!({
            "table_name": "payments-test", "hash_key": {"name": "id", "type": "S"}, "billing_mode": "PAY_PER_REQUEST",
            "multi_region_consistency": "STRONG", "strong_replicas": [{"region_name": "us-west-2"}],
            "witness_region": "us-east-2", "deletion_protection_enabled": true,
        }),
        edits: vec![
            json!({"point_in_time_recovery": {"enabled": true}}),
            json!({"tags": tags("dynamodb_table.payments")}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
    for region in [REGION, "us-west-2", "us-east-2"] {
        let left = account.in_region(region).inventory().await.unwrap();
        assert_eq!(left, Vec::<String>::new(), "{region}");
    }
}

/// R-22: AWS keeps recovery and deletion protection by replica, never synchronised, so each shows its own drift.
#[tokio::test]
async fn r_22_a_strong_replica_keeps_recovery_and_protection_of_its_own() {
    const THERE: &str = "us-west-2";
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let account = sandbox.account(aws.account_id());
    let own = |recovery: bool, protected: bool| {
        let recovery = json!({"enabled": recovery});
        json!({THERE: {"point_in_time_recovery": recovery, "deletion_protection_enabled": protected}})
    };
    let kind = DynamodbTable(aws.clone());
    let life = Life {
        kind: &kind,
        key: "dynamodb_table.payments",
        desired: json!({
            "table_name": "payments-own", "hash_key": {"name": "id", "type": "S"}, "billing_mode": "PAY_PER_REQUEST",
            "multi_region_consistency": "STRONG", "strong_replicas": [{"region_name": THERE}],
            "witness_region": "us-east-2", "replica_settings": own(true, true),
        }),
        edits: Vec::new(),
        not_shown: &[],
    };
    let (id, mut wanted) = life.born().await;
    let there = account.in_region(THERE).dynamodb();
    let recovery = async || {
        let backups = there
            .describe_continuous_backups()
            .table_name(&id)
            .send()
            .await
            .unwrap();
        let status = backups.continuous_backups_description.unwrap();
        let status = status.point_in_time_recovery_description.unwrap();
        status.point_in_time_recovery_status.unwrap().as_str() == "ENABLED"
    };
    assert!(recovery().await, "the replica's own, while the table has none");

    // By hand, in the replica alone.
    let update = there.update_table().table_name(&id).deletion_protection_enabled(false);
    update.send().await.unwrap();
    let seen = kind.read(&context(life.key), &id, &wanted).await.unwrap().unwrap();
    assert_eq!(seen.settings["replica_settings"], own(true, false));
    assert_eq!(
        seen.settings.get("deletion_protection_enabled"),
        None,
        "not the table's"
    );

    // Another wish: the same call puts both right.
    let before = seen.settings;
    wanted.insert("replica_settings".to_owned(), own(false, true));
    let change = Change {
        before: &before,
        after: &wanted,
        changed: &["replica_settings".to_owned()],
        outputs: &Outputs::new(),
    };
    kind.update(&context(life.key), &id, &change).await.unwrap();
    life.reads_back(&id, &wanted).await;
    assert!(!recovery().await);
    life.dies(&id, &wanted).await;
}

#[tokio::test]
async fn kms_replica_key() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let root = format!("arn:aws:iam::{}:root", aws.account_id());
    let primary = KmsKey(aws.clone())
        .create(&far("eu-west-1/kms_key.data"), &settings(json!({"multi_region": true})))
        .await
        .unwrap();
    Life {
        kind: &KmsReplicaKey(aws),
        key: "us-east-1/kms_replica_key.data",
        desired: json!({"primary_key_arn": primary["arn"], "description": "data", "deletion_window_in_days": 7}),
        edits: vec![
            json!({"description": "other", "policy": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": root}, "Action": ["kms:*"], "Resource": "*"},
            ]}}),
            json!({"tags": tags("us-east-1/kms_replica_key.data"), "enabled": false}),
            json!({"enabled": null, "description": null, "policy": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// A region that is taken out and comes back within the waiting period gets its key back.
#[tokio::test]
async fn a_replica_that_is_pending_deletion_is_taken_back() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let primary = KmsKey(aws.clone())
        .create(&far("eu-west-1/kms_key.data"), &settings(json!({"multi_region": true})))
        .await
        .unwrap();
    let kind = KmsReplicaKey(aws.clone());
    let cx = context("kms_replica_key.data");
    let wanted = settings(json!({"primary_key_arn": primary["arn"], "tags": tags("kms_replica_key.data")}));
    let id = kind.create(&cx, &wanted).await.unwrap()["id"].clone();
    assert_eq!(id, primary["id"], "a replica has its primary's id");
    kind.delete(&cx, &id, &wanted).await.unwrap();
    assert!(kind.read(&cx, &id, &wanted).await.unwrap().is_none());

    let mut again = wanted.clone();
    again.insert("description".to_owned(), json!("back again"));
    kind.create(&cx, &again).await.unwrap();
    let seen = kind.read(&cx, &id, &again).await.unwrap().unwrap();
    assert_eq!(seen.settings["description"], json!("back again"));
    assert_eq!(seen.settings["primary_key_arn"], again["primary_key_arn"]);

    let mut foreign = context("kms_replica_key.data");
    foreign.stack = "payment_stack/other".to_owned();
    kind.delete(&cx, &id, &wanted).await.unwrap();
    let error = kind.create(&foreign, &wanted).await.unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
}

/// R-14, P-21: both buckets versioned, encrypted objects under the replica's key.
#[tokio::test]
async fn s3_bucket_replication() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let buckets = S3Bucket(aws.clone());
    let name = |region: &str| format!("receipts-{region}-{}", aws.account_id());
    let (here, there) = (name(REGION), name(SOURCE));
    for (cx, bucket) in [(context("s3_bucket.a"), &here), (far("s3_bucket.b"), &there)] {
        let wanted = settings(json!({"bucket": bucket, "versioning": "Enabled"}));
        buckets.create(&cx, &wanted).await.unwrap();
    }
    let rule = json!({
        "id": "all", "priority": 1, "delete_marker_replication": true, "source_kms_encrypted": true,
        "destination": {
            "bucket_arn": format!("arn:aws:s3:::{there}"), "storage_class": "STANDARD_IA",
            "replica_kms_key_arn": "arn:aws:kms:eu-west-1:111122223333:key/1",
        },
    });
    let plain = json!({"id": "all", "destination": {"bucket_arn": format!("arn:aws:s3:::{there}")}});
    let mut timed = plain.clone();
    timed["replication_time_minutes"] = json!(15);
    timed["prefix"] = json!("audit/");
    let life = Life {
        kind: &S3BucketReplication(aws.clone()),
        key: "s3_bucket_replication.receipts",
        desired: json!({"bucket": here, "role": "arn:aws:iam::111122223333:role/r", "rules": [plain]}),
        edits: vec![],
        not_shown: &[],
    };
    let (id, wanted) = life.born().await;
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"receipt");
    let put = aws.s3(REGION).put_object().bucket(&here).key("r/1").body(body);
    put.send().await.unwrap();
    let far_s3 = aws.s3(SOURCE);
    let copied = || async {
        let answer = far_s3.get_object().bucket(&there).key("r/1").send().await;
        Ok(answer.ok())
    };
    tap_acceptance_tests::eventually("the copy", std::time::Duration::from_secs(10), copied)
        .await
        .unwrap();
    life.dies(&id, &wanted).await;
    Life {
        desired: json!({"bucket": here, "role": "arn:aws:iam::111122223333:role/r", "rules": [rule]}),
        edits: vec![
            json!({"rules": [timed]}),
            json!({"role": "arn:aws:iam::111122223333:role/other"}),
        ],
        ..life
    }
    .lived()
    .await;
}
