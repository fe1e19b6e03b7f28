//! Receipts and audit records: a bucket per region, and its replication to the next region.

use serde_json::{Map, Value, json};
use tap_engine::{Component, Key};

use super::keys::{Keys, Purpose};
use super::site::{Place, Site};
use crate::composite::Builder;
use crate::composite::iam::{allow, deny_without_tls, policy, role};

/// The region's bucket.
pub(super) struct Bucket {
    pub(super) key: Key,
}

pub(super) fn build(s: &mut Site<'_>) -> Option<Bucket> {
    if !s.p.receipts_bucket.enabled {
        return None;
    }
    let bucket = bucket(s);
    let key = s.b.add(bucket);
    s.by_region("s3_bucket_names", key.output("name"));
    if let Some(target) = s
        .next()
        .filter(|_| s.p.receipts_bucket.replication.enabled.unwrap_or(true))
    {
        replication(s, &key, target);
    }
    Some(Bucket { key })
}

fn arn(b: &Builder<'_>, name: &str) -> String {
    format!("arn:{}:s3:::{name}", b.environment.partition)
}

fn bucket(s: &Site<'_>) -> Component {
    let r = &s.p.receipts_bucket;
    let name = &s.names.bucket;
    let with_kms = r.sse == "aws:kms";
    let key = s.keys.arn(Purpose::S3).filter(|_| with_kms);
    let mut sse = Map::from_iter([("sse_algorithm".to_owned(), Value::from(r.sse.as_str()))]);
    if with_kms {
        sse.insert("bucket_key_enabled".into(), true.into());
    }
    if let Some(key) = &key {
        sse.insert("kms_master_key_id".into(), key.as_str().into());
    }
    let days = &r.lifecycle;
    let rule = json!({
        "id": "receipts", "status": "Enabled", "prefix": "",
        "transitions": [{"days": days.ia_days, "storage_class": "STANDARD_IA"}, {"days": days.glacier_days, "storage_class": "GLACIER"}],
        "expiration_days": (days.expiration_days > 0).then_some(days.expiration_days),
        "noncurrent_version_expiration_days": days.noncurrent_expiration_days,
        "abort_incomplete_multipart_upload_days": days.abort_multipart_days,
    });
    let arn = arn(&s.b, name);
    let mut statements = vec![deny_without_tls(&[arn.clone(), format!("{arn}/*")], "s3:*")];
    statements.extend(key.map(|key| deny_other_keys(&arn, &key)));
    s.b.component("s3_bucket", "receipts")
        .set("bucket", name.as_str())
        .set("versioning", if r.versioning { "Enabled" } else { "Suspended" })
        .set("encryption", Value::Object(sse))
        .set("public_access_block", true)
        .set("object_ownership", "BucketOwnerEnforced")
        .set("lifecycle_rules", json!([rule]))
        .set("force_destroy", r.force_destroy.then_some(true))
        .set("policy", policy(statements))
}

/// Who asks for another key than the bucket's gets nothing written; who asks for none gets the
/// bucket's.
fn deny_other_keys(arn: &str, key: &str) -> Value {
    json!({
        "Sid": "DenyOtherKeys", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": format!("{arn}/*"),
        "Condition": {
            "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key},
            "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"},
        },
    })
}

/// Each region's objects go to the next region, the last one's to the first: every object is in two
/// regions, whichever of them took the payment (R-14, P-21).
fn replication(s: &mut Site<'_>, source: &Key, target: &Place) {
    let destination = Key::in_region(target.region(), "s3_bucket", "receipts");
    let target_builder = Builder::in_region(&target.environment, &target.shared);
    let encrypted = s.p.receipts_bucket.sse == "aws:kms";
    let own = Keys::of(&target_builder, s.p).arn(Purpose::S3);
    let target_key = encrypted.then(|| own.unwrap_or_else(|| target_builder.arn("kms", "alias/aws/s3")));
    let statements = rights(s, source, &destination, target, target_key.as_deref());
    let name = super::names::in_account(&s.b, "iam_role.replication", None, "payment-replication");
    // AWS documents no source account for this trust
    // (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>); with a condition that
    // S3 does not fulfil nothing would be replicated, and nothing would say so. Whoever sets the role on a bucket needs
    // `iam:PassRole` for it in this account.
    let trusted = policy([json!({
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole",
    })]);
    let role = role(&s.b, "replication", &name, trusted, statements);
    let role = s.b.add(role);
    let r = &s.p.receipts_bucket.replication;
    let mut to = json!({"bucket_arn": destination.arn()});
    if let Some(class) = &r.storage_class {
        to["storage_class"] = class.as_str().into();
    }
    if let Some(key) = target_key {
        to["replica_kms_key_arn"] = key.into();
    }
    let mut rule = json!({
        "id": "to-next-region", "priority": 1, "status": "Enabled", "prefix": "",
        "delete_marker_replication": r.delete_marker,
        "destination": to,
    });
    if encrypted {
        rule["source_kms_encrypted"] = true.into();
    }
    let replication =
        s.b.component("s3_bucket_replication", "receipts")
            .set("bucket", source.output("name"))
            .set("role", role.arn())
            .set("rules", json!([rule]));
    s.b.add(replication);
}

/// What S3 does with the role
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>), with both keys only
/// through S3 in their regions.
fn rights(s: &Site<'_>, source: &Key, destination: &Key, target: &Place, target_key: Option<&str>) -> Vec<Value> {
    let mut statements = vec![
        allow(&["s3:GetReplicationConfiguration", "s3:ListBucket"], source.arn()),
        allow(
            &[
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            format!("{}/*", source.arn()),
        ),
        allow(
            &["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
            format!("{}/*", destination.arn()),
        ),
    ];
    let through = |region: &str| json!({"StringLike": {"kms:ViaService": format!("s3.{region}.amazonaws.com*")}});
    if s.p.receipts_bucket.sse == "aws:kms"
        && let Some(key) = s.keys.arn(Purpose::S3)
    {
        let mut decrypt = allow(&["kms:Decrypt"], key);
        decrypt["Condition"] = through(s.region());
        statements.push(decrypt);
    }
    if let Some(key) = target_key {
        let mut encrypt = allow(&["kms:Encrypt", "kms:GenerateDataKey"], key);
        encrypt["Condition"] = through(target.region());
        statements.push(encrypt);
    }
    statements
}
