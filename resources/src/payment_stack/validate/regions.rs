//! Regions, and everything that has to be in the right one.

use std::collections::BTreeSet;

use crate::aws::partitions::partition_of;
use crate::composite::findings::Findings;
use crate::composite::rules;
use crate::payment_stack::config::{Config, Replica, Table};

/// Where `STRONG` is offered: all replicas and the witness within one set
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html>).
const STRONG_SETS: [&[&str]; 3] = [
    &["us-east-1", "us-east-2", "us-west-2"],
    &["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"],
    &["ap-northeast-1", "ap-northeast-2", "ap-northeast-3"],
];

pub(super) fn check(config: &Config, findings: &mut Findings) {
    duplicates(config, findings);
    partitions(config, findings);
    members(config, findings);
    arns(config, findings);
    consistency(config, findings);
    residency(config, findings);
}

/// The regions given; the provider's own is not known here.
fn given(config: &Config) -> &[String] {
    config.payment.regions.as_deref().unwrap_or_default()
}

fn duplicates(config: &Config, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, region) in given(config).iter().enumerate() {
        if !seen.insert(region) {
            let detail = format!("{region} is listed already: each region once.");
            findings.error(&format!("regions[{index}]"), "Region twice", detail);
        }
    }
}

/// One stack, one account, and that is in one partition.
fn partitions(config: &Config, findings: &mut Findings) {
    let regions = given(config).iter().enumerate();
    let mut of: Vec<(String, &str)> = regions
        .map(|(index, region)| (format!("regions[{index}]"), region.as_str()))
        .collect();
    let witness = config.payment.table.witness_region.as_deref();
    of.extend(witness.map(|region| ("table.witness_region".to_owned(), region)));
    let mut known = of
        .into_iter()
        .filter_map(|(path, region)| Some((path, region, partition_of(region)?)));
    let Some((_, first, partition)) = known.next() else {
        return;
    };
    for (path, region, other) in known.filter(|(.., other)| *other != partition) {
        let detail = format!(
            "{region} is in the partition {other}, {first} in {partition}: credentials are for one partition, and nothing \
             replicates between two. Give regions of {partition} only, and {region} a stack of its own."
        );
        findings.error(&path, "Regions of two partitions", detail);
    }
}

/// Attributes that name regions must name those of the stack.
fn members(config: &Config, findings: &mut Findings) {
    let regions = given(config);
    if regions.is_empty() {
        return;
    }
    let payment = &config.payment;
    let mut member = |path: String, region: &str| {
        if !regions.iter().any(|r| r == region) {
            let detail = format!("{region} is not one of `regions` ({}).", regions.join(", "));
            findings.error(&path, "Not a region of the stack", detail);
        }
    };
    for region in payment.region_overrides.iter().flatten().map(|(region, _)| region) {
        member(format!("region_overrides[\"{region}\"]"), region);
    }
    for (index, region) in payment.api.regions.iter().flatten().enumerate() {
        member(format!("api.regions[{index}]"), region);
    }
    for (index, replica) in payment.table.replicas.iter().flatten().enumerate() {
        // Of the witness [`consistency`] has more to say.
        if payment.table.witness_region.as_ref() != Some(&replica.region) {
            member(format!("table.replicas[{index}].region"), &replica.region);
        }
    }
    for (from, to) in payment.event_failover.targets.iter().flatten() {
        member(format!("event_failover.targets[\"{from}\"]"), from);
        member(format!("event_failover.targets[\"{from}\"]"), to);
    }
    let mut listed = BTreeSet::new();
    for (index, replica) in payment.table.replicas.iter().flatten().enumerate() {
        let path = format!("table.replicas[{index}].region");
        if !listed.insert(&replica.region) {
            let detail = format!("{} is listed already: each replica once.", replica.region);
            findings.error(&path, "Replica twice", detail);
        }
        if replica.region == regions[0] {
            let detail = "the first of `regions` has the table itself: its settings are those of `table`.";
            findings.error(&path, "The primary region is no replica", detail);
        }
    }
}

/// Keys and alarm actions work in their own region only (P-24, R-13).
fn arns(config: &Config, findings: &mut Findings) {
    let payment = &config.payment;
    let mut at = |path: String, arn: &str, region: &str| {
        if let Err(wrong) = rules::arn_in_region(arn, region) {
            findings.error(&path, "ARN of another region", wrong);
        }
    };
    for (region, over) in payment.region_overrides.iter().flatten() {
        let path = |name: &str| format!("region_overrides[\"{region}\"].{name}");
        if let Some(arn) = &over.kms_key_arn {
            at(path("kms_key_arn"), arn, region);
        }
        for (index, arn) in over.alarm_actions.iter().flatten().enumerate() {
            at(path(&format!("alarm_actions[{index}]")), arn, region);
        }
        for (index, arn) in over.ok_actions.iter().flatten().enumerate() {
            at(path(&format!("ok_actions[{index}]")), arn, region);
        }
    }
    for (index, replica) in payment.table.replicas.iter().flatten().enumerate() {
        if let Some(arn) = &replica.kms_key_arn {
            at(format!("table.replicas[{index}].kms_key_arn"), arn, &replica.region);
        }
    }
    for (region, arn) in payment.domain.certificate_arns.iter().flatten() {
        at(format!("domain.certificate_arns[\"{region}\"]"), arn, region);
    }
    if let Some(primary) = given(config).first() {
        let lists = [
            ("alarms.alarm_actions", &payment.alarms.alarm_actions),
            ("alarms.ok_actions", &payment.alarms.ok_actions),
        ];
        for (name, list) in lists {
            for (index, arn) in list.iter().flatten().enumerate() {
                at(format!("{name}[{index}]"), arn, primary);
            }
        }
        let keys = [
            ("table.sse.kms_key_arn", &payment.table.sse.kms_key_arn),
            ("kms.key_arn", &config.shared.kms.key_arn),
            ("lambda_env_kms_key_arn", &payment.lambda_env_kms_key_arn),
            ("api.hmac.kms_key_arn", &payment.api.hmac.kms_key_arn),
        ];
        for (name, arn) in keys {
            if let Some(arn) = arn {
                at(name.to_owned(), arn, primary);
            }
        }
    }
    only_one_region(config, findings);
}

/// What belongs to one region cannot be given for all of several.
fn only_one_region(config: &Config, findings: &mut Findings) {
    if given(config).len() < 2 {
        return;
    }
    let payment = &config.payment;
    let single = [
        ("kms.key_arn", config.shared.kms.key_arn.is_some()),
        ("lambda_env_kms_key_arn", payment.lambda_env_kms_key_arn.is_some()),
        ("vpc.subnet_ids", payment.vpc.subnet_ids.is_some()),
        ("vpc.security_group_ids", payment.vpc.security_group_ids.is_some()),
        ("vpc.endpoints.subnet_ids", payment.vpc.endpoints.subnet_ids.is_some()),
        (
            "vpc.endpoints.security_group_ids",
            payment.vpc.endpoints.security_group_ids.is_some(),
        ),
        (
            "vpc.endpoints.route_table_ids",
            payment.vpc.endpoints.route_table_ids.is_some(),
        ),
    ];
    for (path, _) in single.iter().filter(|(_, set)| *set) {
        findings.error(
            path,
            "One value for several regions",
            "it belongs to one region: use `region_overrides` to give each region its own.",
        );
    }
    if payment.api.hmac.kms_key_arn.is_some() {
        findings.error(
            "api.hmac.kms_key_arn",
            "One key for the parameters of several regions",
            "a parameter's key is of its own region: encrypt yours with `alias/aws/ssm`, or let the stack make them with `secrets_wo` (R-13).",
        );
    }
}

fn consistency(config: &Config, findings: &mut Findings) {
    let table = &config.payment.table;
    let regions = given(config);
    if !config.payment.is_strong() {
        if table.witness_region.is_some() {
            findings.error(
                "table.witness_region",
                "A witness without strong consistency",
                "a witness goes with `consistency_mode = \"STRONG\"` only.",
            );
        }
        return;
    }
    let mut all: Vec<&str> = regions.iter().map(String::as_str).collect();
    if let Some(witness) = &table.witness_region {
        if all.contains(&witness.as_str()) {
            findings.error(
                "table.witness_region",
                "The witness is a replica already",
                "choose a region that is not in `regions`.",
            );
        }
        for (index, _) in witnessed(table, witness) {
            findings.error(
                &format!("table.replicas[{index}].region"),
                "The witness has no table",
                format!("{witness} is the witness: DynamoDB keeps it, without a key, backups or items of its own."),
            );
        }
        all.push(witness);
    }
    if all.len() != 3 {
        findings.error(
            "table.consistency_mode",
            "Strong consistency needs three regions",
            format!(
                "`STRONG` takes exactly three replicas, or two and a `witness_region`; there are {}.",
                all.len()
            ),
        );
    }
    if !STRONG_SETS
        .iter()
        .any(|set| all.iter().all(|region| set.contains(region)))
    {
        let sets: Vec<String> = STRONG_SETS.iter().map(|set| set.join(", ")).collect();
        findings.error(
            "table.consistency_mode",
            "Strong consistency is not offered there",
            format!(
                "all regions and the witness must be within one of these sets: {}.",
                sets.join("; ")
            ),
        );
    }
    if config.payment.table.ttl_attribute.is_some() {
        findings.error(
            "table.ttl_attribute",
            "No expiry with strong consistency",
            "DynamoDB offers no TTL on such tables.",
        );
    }
    if config.payment.idempotency.ttl_hours > 0 {
        findings.error(
            "idempotency.ttl_hours",
            "No expiry with strong consistency",
            "DynamoDB offers no TTL on such tables: 0 keeps guard records for ever.",
        );
    }
}

/// Entries of `table.replicas` that speak of the witness.
fn witnessed<'t>(table: &'t Table, witness: &'t str) -> impl Iterator<Item = (usize, &'t Replica)> {
    let replicas = table.replicas.iter().flatten().enumerate();
    replicas.filter(move |(_, replica)| replica.region == witness)
}

/// P-38: payments of one legal area come to rest in another.
fn residency(config: &Config, findings: &mut Findings) {
    let areas: BTreeSet<&str> = given(config)
        .iter()
        .filter_map(|region| region.split('-').next())
        .collect();
    if areas.len() > 1 {
        let areas: Vec<&str> = areas.into_iter().collect();
        findings.warning(
            "regions",
            "Payment data will rest in several legal areas",
            format!(
                "the global table copies every payment to every region ({}). Make sure that you may.",
                areas.join(", ")
            ),
        );
    }
}
