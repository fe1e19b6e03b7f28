//! Table, keys, bucket.

use std::collections::BTreeMap;

use crate::composite::findings::{Findings, known};
use crate::composite::rules;
use crate::payment_stack::config::{Config, Payment};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    capacity(config, findings);
    key_types(&config.payment, findings);
    encryption(config, findings);
    keys_in_all_regions(config, findings);
    stream(&config.payment, findings);
    bucket(&config.payment, findings);
    rules::log_retention(config.shared.log_retention_in_days, "", findings);
}

fn several_regions(payment: &Payment) -> bool {
    payment.regions.as_ref().is_some_and(|regions| regions.len() > 1)
}

fn capacity(config: &Config, findings: &mut Findings) {
    let table = &config.payment.table;
    rules::capacity(&table.billing_mode, table.read_capacity, table.write_capacity, findings);
    if table.billing_mode == "PROVISIONED" && several_regions(&config.payment) {
        findings.error(
            "table.billing_mode",
            "Replicas need on-demand capacity",
            "provisioned global tables need auto scaling, which this resource does not set up: use `PAY_PER_REQUEST`.",
        );
    }
}

/// P-04: one attribute, one type.
fn key_types(payment: &Payment, findings: &mut Findings) {
    let table = &payment.table;
    let keys = &table.key_schema;
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    types.insert(&keys.hash_key, &keys.hash_key_type);
    if let Some(range) = keys.range() {
        if range == keys.hash_key {
            findings.error(
                "table.key_schema.range_key",
                "Twice the same key",
                "partition key and sort key are two attributes.",
            );
        }
        types.insert(range, &keys.range_key_type);
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, gsi) in table.global_secondary_indexes.iter().enumerate() {
        let path = format!("table.global_secondary_indexes[{index}]");
        if !names.insert(&gsi.name) {
            findings.error(
                &format!("{path}.name"),
                "Index twice",
                format!("`{}` is the name of another index.", gsi.name),
            );
        }
        rules::projection(&path, &gsi.projection_type, gsi.non_key_attributes.is_some(), findings);
        if gsi
            .range_key
            .as_ref()
            .is_some_and(|range| known(range) && *range == gsi.hash_key)
        {
            findings.error(
                &format!("{path}.range_key"),
                "Twice the same key",
                "partition key and sort key are two attributes.",
            );
        }
        let mut keyed = |member: &str, name: &str, ty: &str| {
            let known = types.get(name).copied();
            if known.is_some_and(|known| known != ty) {
                let detail = format!(
                    "`{name}` has the type {} elsewhere: items cannot hold both.",
                    known.unwrap_or_default()
                );
                findings.error(&format!("{path}.{member}"), "One attribute, two types", detail);
            }
        };
        keyed("hash_key_type", &gsi.hash_key, &gsi.hash_key_type);
        if let Some(range) = &gsi.range_key {
            keyed("range_key_type", range, &gsi.range_key_type);
        }
        types.entry(&gsi.hash_key).or_insert(&gsi.hash_key_type);
        if let Some(range) = &gsi.range_key {
            types.entry(range).or_insert(&gsi.range_key_type);
        }
    }
}

fn encryption(config: &Config, findings: &mut Findings) {
    let payment = &config.payment;
    let kms = &payment.kms;
    if kms.keys.len() > 1 && kms.keys.iter().any(|purpose| purpose == "shared") {
        findings.error(
            "kms.keys",
            "Shared and separate keys",
            "`shared` stands alone: one key for everything. List the purposes without it.",
        );
    }
    let mut seen = std::collections::BTreeSet::new();
    for (index, purpose) in kms.keys.iter().enumerate() {
        if !seen.insert(purpose) {
            findings.error(
                &format!("kms.keys[{index}]"),
                "Purpose twice",
                format!("`{purpose}` is listed already."),
            );
        }
    }
    if kms.multi_region && config.shared.kms.key_arn.is_some() {
        findings.error(
            "kms.multi_region",
            "Whose keys?",
            "`multi_region` is about keys that the stack creates: remove `kms.key_arn`.",
        );
    }
    let sse = &payment.table.sse;
    if sse.kind != "customer" {
        let replicas = payment.table.replicas.iter().flatten().enumerate();
        for (index, _) in replicas.filter(|(_, replica)| replica.kms_key_arn.is_some()) {
            findings.error(
                &format!("table.replicas[{index}].kms_key_arn"),
                "Two kinds of encryption in one table",
                "all replicas of a global table use the same kind of key: set `table.sse.type = \"customer\"`, or remove the key.",
            );
        }
        if sse.kms_key_arn.is_some() {
            findings.error(
                "table.sse.kms_key_arn",
                "The key would not be used",
                "set `type = \"customer\"`, or remove the key.",
            );
        }
    }
}

/// P-12: where one replica of a global table has a customer key, all have.
fn keys_in_all_regions(config: &Config, findings: &mut Findings) {
    let (kms, payment) = (&config.shared.kms, &config.payment);
    let table = &payment.table;
    let created = kms.create && kms.key_arn.is_none();
    if created || table.sse.kind != "customer" || !several_regions(payment) {
        return;
    }
    let of_replica = |region: &str| {
        let listed = table.replicas.iter().flatten().find(|replica| replica.region == region);
        listed.is_some_and(|replica| replica.kms_key_arn.is_some())
    };
    let regions: Vec<&String> = payment.regions.iter().flatten().collect();
    let has_key = |index: usize, region: &str| {
        let own = payment.in_region(region).kms_key_arn.is_some();
        own || (index == 0 && table.sse.kms_key_arn.is_some()) || (index > 0 && of_replica(region))
    };
    let without: Vec<&String> = regions
        .iter()
        .enumerate()
        .filter_map(|(index, region)| (!has_key(index, region)).then_some(*region))
        .collect();
    if without.len() == regions.len() {
        return;
    }
    for region in without {
        findings.error(
            &format!("region_overrides[\"{region}\"].kms_key_arn"),
            "A customer key in some regions only",
            "all replicas of a global table use the same kind of key: give this region one too, or no region (P-12).",
        );
    }
}

fn stream(payment: &Payment, findings: &mut Findings) {
    let view = payment.table.stream_view_type.as_deref();
    let replicates = several_regions(payment) && !payment.is_strong();
    if replicates && view.is_some_and(|view| view != "NEW_AND_OLD_IMAGES") {
        findings.error(
            "table.stream_view_type",
            "Replication needs both images",
            "global tables need `NEW_AND_OLD_IMAGES`, or leave it out.",
        );
    }
    if !payment.idempotency.enabled {
        findings.warning(
            "idempotency.enabled",
            "Payments may count twice",
            "without guard records a payment that is sent again with another timestamp is a new payment.",
        );
    }
}

fn bucket(payment: &Payment, findings: &mut Findings) {
    let bucket = &payment.receipts_bucket;
    if payment.audit.enabled && !bucket.enabled {
        findings.error(
            "audit.enabled",
            "No bucket for audit records",
            "set `receipts_bucket.enabled = true`, or `audit.enabled = false`.",
        );
    }
    if !bucket.enabled {
        return;
    }
    let replicated = bucket.replication.enabled.unwrap_or_else(|| several_regions(payment));
    if bucket.replication.enabled == Some(true) && payment.regions.as_ref().is_some_and(|regions| regions.len() < 2) {
        findings.error(
            "receipts_bucket.replication.enabled",
            "Nowhere to replicate to",
            "replication needs two regions or more.",
        );
    }
    if replicated && !bucket.versioning {
        findings.error(
            "receipts_bucket.versioning",
            "Replication needs versioning",
            "set `versioning = true`, or `replication.enabled = false`.",
        );
    }
    if several_regions(payment) && bucket.name.as_ref().is_some_and(|name| !name.contains("{region}")) {
        findings.error(
            "receipts_bucket.name",
            "One name for several buckets",
            "bucket names are unique in the world: put `{region}` into it.",
        );
    }
    let days = &bucket.lifecycle;
    rules::glacier("receipts_bucket", days, findings);
    if days.expiration_days != 0 && days.expiration_days <= days.glacier_days {
        let detail = format!(
            "must be greater than `glacier_days`, which is {}, or 0 for never.",
            days.glacier_days
        );
        findings.error(
            "receipts_bucket.lifecycle.expiration_days",
            "Objects would expire before they move",
            detail,
        );
    }
}
