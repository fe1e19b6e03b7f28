//! Key, tables, bucket, topics, queues.

use serde_json::{Map, Value, json};
use tap_engine::{Component, Key};

use super::functions::FunctionNames;
use super::topics::{self, Topics};
use super::{Encryption, MaybeKey, STATUS_INDEX, Stack, flow::Rules};
use crate::composite::iam::{self, allow_service, deny_without_tls, policy};
use crate::composite::parts::Index;

/// What the rest of the stack builds on.
pub(super) struct Data {
    pub(super) encryption: Encryption,
    pub(super) table: Key,
    pub(super) table_name: String,
    pub(super) idempotency: Key,
    pub(super) bucket: Key,
    pub(super) bus: Key,
    pub(super) bus_name: String,
}

/// Topics and queues, whose policies name the rules.
pub(super) struct Stores {
    pub(super) topics: Topics,
    pub(super) dlq: Key,
    pub(super) dlq_name: String,
    pub(super) low_value: MaybeKey,
}

pub(super) fn build(s: &mut Stack<'_>, names: &FunctionNames) -> Data {
    let encryption = key(s, names);
    let (table, table_name) = transactions(s, &encryption);
    let idempotency = guards(s, &encryption);
    let bucket = audit_bucket(s, &encryption);
    let (bus, bus_name) = super::flow::bus(s, &encryption);
    Data {
        encryption,
        table,
        table_name,
        idempotency,
        bucket,
        bus,
        bus_name,
    }
}

/// Topics and queues: after the rules, which their policies name.
pub(super) fn build_dependents(s: &mut Stack<'_>, data: &Data, rules: &Rules) -> Stores {
    let topics = topics::build(s, data, rules);
    let (dlq, dlq_name) = dead_letters(s, data, rules);
    let low_value = low_value_queue(s, data, rules, &dlq);
    s.b.graph.output("dlq_url", dlq.output("url"));
    Stores {
        topics,
        dlq,
        dlq_name,
        low_value,
    }
}

fn key(s: &mut Stack<'_>, names: &FunctionNames) -> Encryption {
    let kms = &s.b.shared.kms;
    if let Some(arn) = &kms.key_arn {
        s.b.graph.output("kms_key_arn", arn.as_str());
        return Encryption(Some(arn.clone()));
    }
    if !kms.create {
        return Encryption(None);
    }
    let sfx = &s.b.shared.environment_suffix;
    let key =
        s.b.component("kms_key", "main")
            .set("description", format!("Key for the webhook pipeline - {sfx}"))
            .set("enable_key_rotation", kms.enable_key_rotation)
            .set("deletion_window_in_days", kms.deletion_window_in_days)
            .set("policy", key_policy(s, names));
    let key = if kms.enable_key_rotation {
        key.set("rotation_period_in_days", kms.rotation_period_in_days)
    } else {
        key
    };
    let alias = kms
        .alias
        .clone()
        .unwrap_or_else(|| format!("alias/webhook-pipeline-{sfx}"));
    let key = s.b.add(key);
    let alias =
        s.b.component("kms_alias", "main")
            .set("name", alias)
            .set("target_key_id", key.id());
    s.b.add(alias);
    s.b.graph.output("kms_key_arn", key.arn());
    Encryption(Some(key.arn()))
}

/// The account's administrators, and the services that encrypt on the stack's behalf, each bound
/// to this account (9.2 item 17). Functions use the key through their roles.
fn key_policy(s: &Stack<'_>, names: &FunctionNames) -> Value {
    let use_key = ["kms:Decrypt", "kms:GenerateDataKey*"];
    let groups: Vec<String> = names
        .log_groups(s)
        .into_iter()
        .map(|name| s.b.arn("logs", &format!("log-group:{name}")))
        .collect();
    let statements = vec![
        iam::encrypt_logs(&s.b.environment.region, "ArnEquals", &groups),
        allow_service(
            "AllowCloudWatchAlarms",
            "cloudwatch.amazonaws.com",
            &use_key,
            "*",
            s.this_account(),
        ),
        allow_service(
            "AllowEventBridge",
            "events.amazonaws.com",
            &["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"],
            "*",
            s.this_account(),
        ),
        allow_service("AllowSns", "sns.amazonaws.com", &use_key, "*", s.this_account()),
    ];
    iam::key_policy(&s.b, statements)
}

fn transactions(s: &mut Stack<'_>, encryption: &Encryption) -> (Key, String) {
    let t = &s.p.table;
    let name = s.b.name("dynamodb_table.transactions", t.name.as_ref(), "transactions");
    let status_index = json!({
        "index_name": STATUS_INDEX,
        "hash_key": {"name": "status", "type": "S"},
        "range_key": {"name": t.range_key, "type": "S"},
        "projection_type": "ALL",
    });
    let indexes: Vec<Value> = std::iter::once(status_index)
        .chain(t.global_secondary_indexes.iter().flatten().map(index))
        .collect();
    let mut table =
        s.b.component("dynamodb_table", "transactions")
            .set("table_name", name.as_str())
            .set("hash_key", json!({"name": t.hash_key, "type": "S"}))
            .set("range_key", json!({"name": t.range_key, "type": "S"}))
            .set("billing_mode", t.billing_mode.as_str())
            .set("global_secondary_indexes", indexes)
            .set("stream_view_type", t.stream_view_type.as_str());
    table = table
        .set("read_capacity", t.read_capacity)
        .set("write_capacity", t.write_capacity);
    table = table.set("ttl_attribute", t.ttl_attribute.clone());
    let recovery = &t.point_in_time_recovery;
    let table = protected(
        s,
        table,
        &encryption.arn_if(t.kms_enabled),
        recovery.enabled,
        recovery.recovery_period_in_days,
    );
    let key = s.b.add(table);
    s.b.graph.output("table_name", key.output("name"));
    s.b.graph.output("table_arn", key.arn());
    (key, name)
}

fn index(index: &Index) -> Value {
    let mut value = json!({
        "index_name": index.name,
        "hash_key": {"name": index.hash_key, "type": index.hash_key_type},
        "projection_type": index.projection_type,
    });
    if let Some(range) = &index.range_key {
        value["range_key"] = json!({"name": range, "type": index.range_key_type});
    }
    if let Some(attributes) = &index.non_key_attributes {
        value["non_key_attributes"] = json!(attributes);
    }
    value
}

fn guards(s: &mut Stack<'_>, encryption: &Encryption) -> Key {
    let name = s.b.name(
        "dynamodb_table.idempotency",
        s.p.idempotency.table_name.as_ref(),
        "webhook-idempotency",
    );
    let table =
        s.b.component("dynamodb_table", "idempotency")
            .set("table_name", name)
            .set("hash_key", json!({"name": "id", "type": "S"}))
            .set("billing_mode", "PAY_PER_REQUEST");
    let table = if s.p.idempotency.ttl_hours > 0 {
        table.set("ttl_attribute", "ttl")
    } else {
        table
    };
    let recovery = &s.p.table.point_in_time_recovery;
    let table = protected(
        s,
        table,
        &encryption.arn_if(s.p.table.kms_enabled),
        recovery.enabled,
        recovery.recovery_period_in_days,
    );
    let key = s.b.add(table);
    s.b.graph.output("idempotency_table_name", key.output("name"));
    key
}

/// Backups, encryption and deletion protection (W-52, W-58, W-59).
fn protected(s: &Stack<'_>, table: Component, key: &Value, recovery: bool, days: i64) -> Component {
    let backups = if recovery {
        json!({"enabled": true, "recovery_period_in_days": days})
    } else {
        json!({"enabled": false})
    };
    let table = table
        .set("point_in_time_recovery", backups)
        .set("deletion_protection_enabled", s.b.shared.deletion_protection);
    if key.is_null() {
        table
    } else {
        table.set("sse", json!({"enabled": true, "kms_key_id": key}))
    }
}

fn audit_bucket(s: &mut Stack<'_>, encryption: &Encryption) -> Key {
    let a = &s.p.audit_bucket;
    let with_account = format!(
        "{}-{}",
        s.b.styled("transaction-audit-logs"),
        s.b.environment.account_id
    );
    let name = s.b.name("s3_bucket.audit", a.name.as_ref().or(Some(&with_account)), "");
    let key = encryption.arn_if(a.sse_algorithm == "aws:kms");
    let mut sse = Map::from_iter([("sse_algorithm".to_owned(), Value::from(a.sse_algorithm.as_str()))]);
    if a.sse_algorithm == "aws:kms" {
        sse.insert("bucket_key_enabled".into(), true.into());
        if !key.is_null() {
            sse.insert("kms_master_key_id".into(), key);
        }
    }
    let days = &a.lifecycle;
    let rule = json!({
        "id": "audit", "status": "Enabled", "prefix": "",
        "transitions": [{"days": days.ia_days, "storage_class": "STANDARD_IA"}, {"days": days.glacier_days, "storage_class": "GLACIER"}],
        "expiration_days": days.expiration_days,
        "noncurrent_version_expiration_days": days.noncurrent_expiration_days,
        "abort_incomplete_multipart_upload_days": days.abort_multipart_days,
    });
    let mut bucket =
        s.b.component("s3_bucket", "audit")
            .set("bucket", name.as_str())
            .set("versioning", if a.versioning { "Enabled" } else { "Suspended" })
            .set("encryption", Value::Object(sse))
            .set("public_access_block", a.block_public_access)
            .set("object_ownership", "BucketOwnerEnforced")
            .set("lifecycle_rules", json!([rule]));
    if a.enforce_tls {
        let arn = format!("arn:{}:s3:::{name}", s.b.environment.partition);
        bucket = bucket.set(
            "policy",
            policy([deny_without_tls(&[arn.clone(), format!("{arn}/*")], "s3:*")]),
        );
    }
    if let Some(lock) = &a.object_lock {
        bucket = bucket
            .set("object_lock_enabled", true)
            .set("object_lock_rule", json!({"mode": lock.mode, "days": lock.days}));
    }
    let key = s.b.add(bucket);
    s.b.graph.output("audit_bucket_name", key.output("name"));
    key
}

/// One dead-letter queue. EventBridge delivers by the queue's policy, whatever the target's role may do (W-09).
fn dead_letters(s: &mut Stack<'_>, data: &Data, rules: &Rules) -> (Key, String) {
    let d = &s.p.dlq;
    let name = s.b.name("sqs_queue.dlq", d.name.as_ref(), "eventbridge-dlq");
    let arn = s.b.arn("sqs", &name);
    let sources: Vec<String> = rules.all().map(Key::arn).collect();
    let statements = [
        allow_service(
            "AllowRules",
            "events.amazonaws.com",
            &["sqs:SendMessage"],
            &arn,
            json!({"ArnEquals": {"aws:SourceArn": sources}}),
        ),
        deny_without_tls(std::slice::from_ref(&arn), "sqs:*"),
    ];
    let key = data.encryption.arn_if(d.kms_enabled);
    let queue =
        s.b.component("sqs_queue", "dlq")
            .set("name", name.as_str())
            .set("message_retention_seconds", d.message_retention_seconds)
            .set("policy", policy(statements));
    let queue = encrypted(queue, key);
    (s.b.add(queue), name)
}

fn low_value_queue(s: &mut Stack<'_>, data: &Data, rules: &Rules, dlq: &Key) -> MaybeKey {
    let rule = rules.low.clone().filter(|_| s.p.routing.low_value_target == "queue")?;
    let q = &s.p.low_value_queue;
    let name =
        s.b.name("sqs_queue.low_value", q.name.as_ref(), "low-value-transactions");
    let arn = s.b.arn("sqs", &name);
    let statements = [
        allow_service(
            "AllowRule",
            "events.amazonaws.com",
            &["sqs:SendMessage"],
            &arn,
            json!({"ArnEquals": {"aws:SourceArn": rule.arn()}}),
        ),
        deny_without_tls(std::slice::from_ref(&arn), "sqs:*"),
    ];
    let queue =
        s.b.component("sqs_queue", "low_value")
            .set("name", name)
            .set("visibility_timeout_seconds", q.visibility_timeout_seconds)
            .set("message_retention_seconds", q.message_retention_seconds)
            .set(
                "redrive_policy",
                json!({"deadLetterTargetArn": dlq.arn(), "maxReceiveCount": 5}),
            )
            .set("policy", policy(statements));
    let queue = encrypted(queue, data.encryption.arn_if(q.kms_enabled));
    let key = s.b.add(queue);
    s.b.graph.output("low_value_queue_url", key.output("url"));
    Some(key)
}

/// With the key, or else with the one that SQS manages.
fn encrypted(queue: Component, key: Value) -> Component {
    if key.is_null() {
        queue.set("sqs_managed_sse_enabled", true)
    } else {
        queue.set("kms_master_key_id", key)
    }
}
