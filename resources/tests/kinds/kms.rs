use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::kms_alias::KmsAlias;
use tap_resources::aws::kms_key::KmsKey;

use crate::support::{Life, aws, context, settings};

fn tags(key: &str) -> serde_json::Value {
    json!({"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": key})
}

#[tokio::test]
async fn kms_key() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let root = format!("arn:aws:iam::{}:root", aws.account_id());
    Life {
        kind: &KmsKey(aws),
        key: "kms_key.data",
        desired: json!({
            "description": "data of the test",
            "enable_key_rotation": true,
            "rotation_period_in_days": 180,
            "deletion_window_in_days": 7,
        }),
        edits: vec![
            json!({"description": "other", "rotation_period_in_days": 365}),
            json!({"policy": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": root}, "Action": ["kms:*"], "Resource": "*"},
            ]}}),
            json!({"tags": tags("kms_key.data")}),
            json!({"enabled": false}),
            json!({"enabled": null, "enable_key_rotation": null, "rotation_period_in_days": null}),
            json!({"policy": null, "description": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// A key has no name: only its tags tell whose it is, and a key that goes is nobody's.
#[tokio::test]
async fn a_key_is_found_by_its_tags_and_not_when_it_is_known_or_pending_deletion() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = KmsKey(aws(&sandbox));
    let cx = context("kms_key.data");
    let wanted = settings(json!({"tags": tags("kms_key.data")}));
    let first = kind.create(&cx, &wanted).await.unwrap()["id"].clone();
    kind.create(
        &context("kms_key.other"),
        &settings(json!({"tags": tags("kms_key.other")})),
    )
    .await
    .unwrap();
    assert_eq!(kind.find(&cx, &wanted).await.unwrap(), Some(first.clone()));
    let mut replacing = context("kms_key.data");
    replacing.known_ids = vec![first.clone()];
    assert_eq!(kind.find(&replacing, &wanted).await.unwrap(), None);
    kind.delete(&cx, &first, &wanted).await.unwrap();
    assert_eq!(kind.find(&cx, &wanted).await.unwrap(), None);
}

#[tokio::test]
async fn kms_alias() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let keys = KmsKey(aws.clone());
    let wanted = settings(json!({"tags": tags("kms_key.data")}));
    let first = keys.create(&context("kms_key.data"), &wanted).await.unwrap();
    let second = keys.create(&context("kms_key.data"), &wanted).await.unwrap();
    Life {
        kind: &KmsAlias(aws.clone()),
        key: "kms_alias.data",
        desired: json!({"name": "alias/data-test", "target_key_id": first["id"]}),
        edits: vec![
            json!({"target_key_id": second["arn"]}),
            json!({"target_key_id": second["id"]}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;

    // An alias of somebody else's key is not taken over.
    let foreign = keys
        .create(&context("kms_key.theirs"), &settings(json!({})))
        .await
        .unwrap();
    let alias = KmsAlias(aws);
    let cx = context("kms_alias.data");
    let theirs = settings(json!({"name": "alias/theirs", "target_key_id": foreign["id"]}));
    alias.create(&cx, &theirs).await.unwrap();
    let ours = settings(json!({"name": "alias/theirs", "target_key_id": first["id"]}));
    let error = alias.find(&cx, &ours).await.unwrap_err();
    assert!(matches!(error, KindError::NotOwned { .. }), "{error}");
}
