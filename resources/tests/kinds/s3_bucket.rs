use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::s3_bucket::S3Bucket;

use crate::support::{Life, REGION, aws, context, settings};

#[tokio::test]
async fn s3_bucket() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let bucket = format!("audit-{}", aws.account_id());
    let arn = format!("arn:aws:s3:::{bucket}");
    let tls_only = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": ["s3:*"],
        "Resource": [format!("{arn}/*"), arn], "Condition": {"Bool": {"aws:SecureTransport": false}},
    }]});
    let archive = json!({
        "id": "archive", "prefix": "transactions/", "transitions": [{"days": 90, "storage_class": "GLACIER"}],
        "expiration_days": 2555,
    });
    let uploads = json!({"id": "uploads", "status": "Enabled", "abort_incomplete_multipart_upload_days": 7});
    Life {
        kind: &S3Bucket(aws),
        key: "s3_bucket.audit",
        desired: json!({
            "bucket": bucket,
            "versioning": "Enabled",
            "encryption": {"sse_algorithm": "aws:kms", "bucket_key_enabled": true},
            "public_access_block": true,
            "object_ownership": "BucketOwnerEnforced",
            "lifecycle_rules": [uploads, archive],
            "policy": tls_only,
        }),
        edits: vec![
            json!({"encryption": {"sse_algorithm": "aws:kms", "kms_master_key_id": "alias/aws/s3"}}),
            json!({"lifecycle_rules": [{"id": "all", "noncurrent_version_expiration_days": 30, "prefix": ""}]}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "s3_bucket.audit"}}),
            json!({"public_access_block": false, "object_ownership": "BucketOwnerPreferred", "versioning": "Suspended"}),
            json!({"versioning": null, "encryption": null, "public_access_block": null, "object_ownership": null}),
            json!({"lifecycle_rules": null, "policy": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn s3_bucket_with_object_lock() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let bucket = format!("locked-{}", aws.account_id());
    Life {
        kind: &S3Bucket(aws),
        key: "s3_bucket.audit",
        desired: json!({
            "bucket": bucket, "object_lock_enabled": true, "object_lock_rule": {"mode": "GOVERNANCE", "days": 30},
        }),
        edits: vec![
            json!({"object_lock_rule": {"mode": "GOVERNANCE", "days": 7}, "versioning": "Enabled"}),
            json!({"object_lock_rule": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// W-54: what is in the bucket goes only when it was said that it may; then versions, delete
/// markers and locked objects go too.
#[tokio::test]
async fn a_bucket_that_holds_objects_is_deleted_only_by_force() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let client = aws.s3(REGION);
    let bucket = format!("full-{}", aws.account_id());
    let kind = S3Bucket(aws);
    let mut cx = context("s3_bucket.audit");
    let wanted = settings(json!({
        "bucket": bucket, "object_lock_enabled": true, "object_lock_rule": {"mode": "GOVERNANCE", "days": 1},
    }));
    kind.create(&cx, &wanted).await.unwrap();
    for key in ["a", "a", "b"] {
        let body = aws_sdk_s3::primitives::ByteStream::from_static(b"x");
        client
            .put_object()
            .bucket(&bucket)
            .key(key)
            .body(body)
            .send()
            .await
            .unwrap();
    }
    client.delete_object().bucket(&bucket).key("b").send().await.unwrap();

    cx.force_destroy = false;
    let error = kind.delete(&cx, &bucket, &wanted).await.unwrap_err();
    assert_eq!(error.code(), Some("BucketNotEmpty"), "{error}");
    assert!(error.to_string().contains("force_destroy = true"), "{error}");
    let versions = client.list_object_versions().bucket(&bucket).send().await.unwrap();
    assert_eq!((versions.versions().len(), versions.delete_markers().len()), (3, 1));

    cx.force_destroy = true;
    kind.delete(&cx, &bucket, &wanted).await.unwrap();
    assert!(kind.read(&cx, &bucket, &wanted).await.unwrap().is_none());
}

/// Requirements 6.2, `artifact_bucket.force_destroy`: one bucket of a stack may go with its objects, the others not.
#[tokio::test]
async fn a_bucket_may_say_itself_that_its_objects_go_with_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let client = aws.s3(REGION);
    let bucket = format!("artifacts-{}", aws.account_id());
    let kind = S3Bucket(aws);
    let mut cx = context("s3_bucket.artifacts");
    cx.force_destroy = false;
    let mut wanted = settings(json!({"bucket": bucket, "force_destroy": false}));
    kind.create(&cx, &wanted).await.unwrap();
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"x");
    let put = client.put_object().bucket(&bucket).key("a").body(body);
    put.send().await.unwrap();
    assert!(kind.delete(&cx, &bucket, &wanted).await.is_err());
    wanted.insert("force_destroy".to_owned(), json!(true));
    kind.delete(&cx, &bucket, &wanted).await.unwrap();
    assert!(kind.read(&cx, &bucket, &wanted).await.unwrap().is_none());
}

/// W-53: names are global. In us-east-1, creating an own bucket again answers 200.
#[tokio::test]
async fn a_bucket_of_somebody_else_is_not_taken_over() {
    let sandbox = Sandbox::start().await.unwrap();
    let (ours, theirs) = (aws(&sandbox), aws(&sandbox));
    let bucket = format!("taken-{}", theirs.account_id());
    theirs.s3(REGION).create_bucket().bucket(&bucket).send().await.unwrap();
    let wanted = settings(json!({"bucket": bucket}));
    for account in [ours, theirs] {
        let cx = context("s3_bucket.audit");
        let error = S3Bucket(account).create(&cx, &wanted).await.unwrap_err();
        assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
        assert!(cx.journal.lock().unwrap().is_none());
    }
}
