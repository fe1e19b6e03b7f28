//! The tables and their replicas.

use serde_json::{Value, json};
use tap_engine::{Component, Key};

use super::super::config::Payment;
use super::keys::{Keys, Purpose};
use super::site::{Place, Site, Stack};
use crate::composite::Builder;
use crate::composite::parts::Index;

/// A table as one region's functions see it.
pub(super) struct Table {
    pub(super) arn: String,
    pub(super) name: String,
}

const PAYMENTS: &str = "payments";
const GUARDS: &str = "idempotency";

/// The payments table here: the table itself, or the region's replica of it (P-09).
pub(super) fn payments(s: &Site<'_>) -> Table {
    here(s, PAYMENTS, &s.table_name)
}

/// The table of guard records here (R-10, N-13).
pub(super) fn guards(s: &Site<'_>) -> Option<Table> {
    s.p.idempotency.enabled.then(|| here(s, GUARDS, &s.guards_name))
}

/// The stream of guard records here: that of the table itself, or of the region's replica. Only eventually consistent
/// tables have one.
pub(super) fn guards_stream(s: &Site<'_>) -> Option<String> {
    let key = if s.is_primary() {
        Key::new("dynamodb_table", GUARDS)
    } else {
        Key::in_region(s.region(), "dynamodb_table_replica", GUARDS)
    };
    s.detects_conflicts().then(|| key.output("stream_arn"))
}

fn here(s: &Site<'_>, table: &str, name: &str) -> Table {
    let key = Key::new("dynamodb_table", table);
    let arn = if s.is_primary() {
        key.arn()
    } else if s.p.is_strong() {
        // Replicas of a strongly consistent table come with the table itself.
        s.b.arn("dynamodb", &format!("table/{name}"))
    } else {
        Key::in_region(s.region(), "dynamodb_table_replica", table).arn()
    };
    Table {
        arn,
        name: key.output("name"),
    }
}

/// The customer key that encrypts the tables here.
pub(super) fn key(s: &Site<'_>) -> Option<String> {
    let here = s.places.iter().find(|place| place.region() == s.region())?;
    if !s.is_primary() {
        return replica_key(s.p, here);
    }
    let customer = s.p.table.sse.kind == "customer";
    let own = s.p.table.sse.kms_key_arn.clone();
    customer.then(|| own.or_else(|| key_of(s.p, here))).flatten()
}

/// The table and its guards, in the primary region.
pub(super) fn tables(s: &mut Stack<'_>) {
    let t = &s.p.table;
    let keys = &t.key_schema;
    let indexes: Vec<Value> = t.global_secondary_indexes.iter().map(|i| index(s.p, i)).collect();
    let range = keys
        .range()
        .map(|name| json!({"name": name, "type": keys.range_key_type}));
    let table =
        s.b.component("dynamodb_table", PAYMENTS)
            .set("table_name", s.table_name.as_str())
            .set("hash_key", json!({"name": keys.hash_key, "type": keys.hash_key_type}))
            .set("range_key", range)
            .set("billing_mode", t.billing_mode.as_str())
            .set("read_capacity", t.read_capacity)
            .set("write_capacity", t.write_capacity)
            .set("ttl_attribute", t.ttl_attribute.clone());
    let table = if indexes.is_empty() {
        table
    } else {
        table.set("global_secondary_indexes", indexes)
    };
    let table = everywhere(s, table);
    let table = s.b.add(table);
    s.b.graph.output("table_name", table.output("name"));
    s.b.graph.output("table_arn", table.arn());
    if s.p.idempotency.enabled {
        let guards =
            s.b.component("dynamodb_table", GUARDS)
                .set("table_name", s.guards_name.as_str())
                .set("hash_key", json!({"name": "id", "type": "S"}))
                .set("billing_mode", "PAY_PER_REQUEST")
                .set("ttl_attribute", (s.p.idempotency.ttl_hours > 0).then_some("ttl"));
        let guards = everywhere(s, guards);
        let guards = s.b.add(guards);
        s.b.graph.output("idempotency_table_name", guards.output("name"));
    }
}

/// An index on the status is on the shards of the status where there are several: then a status has as many
/// partition keys, each with its own limit of writes.
fn index(p: &Payment, index: &Index) -> Value {
    let sharded = p.table.status_shards > 1 && index.hash_key == p.status_attribute();
    let hash_key = if sharded {
        json!({"name": p.status_shard_attribute(), "type": "S"})
    } else {
        json!({"name": index.hash_key, "type": index.hash_key_type})
    };
    let mut value = json!({
        "index_name": index.name,
        "hash_key": hash_key,
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

/// Backups, encryption, protection, and what a global table needs (N-31, P-12, P-42, R-12).
fn everywhere(s: &Stack<'_>, table: Component) -> Component {
    let t = &s.p.table;
    let several = s.places.len() > 1;
    // Eventually consistent replication goes through the stream, and takes no other view of it. Strong
    // consistency needs none: a stream is for readers only (P-32).
    let stream = if several && !s.p.is_strong() {
        Some("NEW_AND_OLD_IMAGES".to_owned())
    } else {
        t.stream_view_type.clone()
    };
    let primary = &s.places[0];
    let own = t.sse.kms_key_arn.clone();
    let key = own.or_else(|| key_of(s.p, primary));
    let sse = match t.sse.kind.as_str() {
        "aws_owned" => Value::Null,
        "aws_managed" => json!({"enabled": true}),
        _ => key.map_or_else(
            || json!({"enabled": true}),
            |key| json!({"enabled": true, "kms_key_id": key}),
        ),
    };
    let table = table
        .set("stream_view_type", stream)
        .set("point_in_time_recovery", recovery(s.p, None))
        .set("deletion_protection_enabled", protected(s.p, &s.b))
        .set("sse", sse);
    if s.p.is_strong() && several {
        let others = &s.places[1..];
        let replicas: Vec<Value> = others.iter().map(|place| strong_replica(s.p, place)).collect();
        let own = others
            .iter()
            .map(|place| (place.region().to_owned(), own_settings(s, place)));
        table
            .set("multi_region_consistency", "STRONG")
            .set("strong_replicas", replicas)
            .set("replica_settings", Value::Object(own.collect()))
            .set("witness_region", t.witness_region.clone())
    } else {
        table
    }
}

fn strong_replica(p: &Payment, place: &Place) -> Value {
    let mut replica = json!({"region_name": place.region()});
    if let Some(key) = replica_key(p, place) {
        replica["kms_key_arn"] = key.into();
    }
    replica
}

/// AWS synchronises neither recovery nor deletion protection between replicas; a witness has neither
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html>, "Settings
/// synchronization").
fn own_settings(s: &Stack<'_>, place: &Place) -> Value {
    json!({
        "point_in_time_recovery": recovery(s.p, recovery_of_replica(s.p, place.region())),
        "deletion_protection_enabled": protected(s.p, &s.b),
    })
}

/// What `table.replicas` says about a replica's recovery.
fn recovery_of_replica(p: &Payment, region: &str) -> Option<bool> {
    let listed = p.table.replicas.iter().flatten().find(|r| r.region == region);
    listed.and_then(|replica| replica.point_in_time_recovery)
}

fn protected(p: &Payment, b: &Builder<'_>) -> bool {
    p.table.deletion_protection.unwrap_or(b.shared.deletion_protection)
}

fn recovery(p: &Payment, of_replica: Option<bool>) -> Value {
    if of_replica.unwrap_or(p.table.point_in_time_recovery) {
        json!({"enabled": true, "recovery_period_in_days": p.table.recovery_period_in_days})
    } else {
        json!({"enabled": false})
    }
}

fn key_of(p: &Payment, place: &Place) -> Option<String> {
    let b = Builder::in_region(&place.environment, &place.shared);
    Keys::of(&b, p).arn(Purpose::Dynamodb)
}

/// The key of a replica: every replica of a table with a customer key has one of its own region (P-12).
fn replica_key(p: &Payment, place: &Place) -> Option<String> {
    if p.table.sse.kind != "customer" {
        return None;
    }
    let listed = p.table.replicas.iter().flatten().find(|r| r.region == place.region());
    listed
        .and_then(|replica| replica.kms_key_arn.clone())
        .or_else(|| key_of(p, place))
}

/// The region's replicas of both tables.
pub(super) fn replicas(s: &mut Site<'_>) {
    if s.is_primary() {
        return;
    }
    if s.p.is_strong() {
        let arn = payments(s).arn;
        return s.by_region("replica_arns", arn);
    }
    let of_replica = recovery_of_replica(s.p, s.region());
    let key = key(s);
    for table in [Some(PAYMENTS), s.p.idempotency.enabled.then_some(GUARDS)]
        .into_iter()
        .flatten()
    {
        let source = Key::new("dynamodb_table", table);
        let replica =
            s.b.component("dynamodb_table_replica", table)
                .set("table_name", source.output("name"))
                .set("source_region", s.primary().region())
                .set("kms_key_arn", key.clone())
                .set("point_in_time_recovery", recovery(s.p, of_replica))
                .set("deletion_protection_enabled", protected(s.p, &s.b));
        let replica = s.b.add(replica);
        if table == PAYMENTS {
            s.by_region("replica_arns", replica.arn());
        }
    }
}
