//! A region more, and a region less (R-03, R-13, P-01, P-09, P-12).

use super::Home;
use crate::examples::pays;
use crate::regions::{ids, is_regional, must_keep};
use serde_json::Value;
use std::collections::BTreeMap;

/// From some regions to others, of which either are part of the other.
pub(super) async fn step(home: &Home, from: &[&str], to: &[&str]) {
    let before = ids(&home.site).await;
    for region in to.iter().filter(|region| !from.contains(region)) {
        added(home, to, region, &before).await;
    }
    for region in from.iter().filter(|region| !to.contains(region)) {
        taken_out(home, to, region, &before).await;
    }
}

/// Nothing that exists is made anew, and the new region takes payments.
async fn added(home: &Home, regions: &[&str], region: &str, before: &BTreeMap<String, Value>) {
    home.site.configure(&home.configuration(regions));
    let plan = home.site.plan().await;
    assert_eq!(plan.changes()[0].actions, ["update"], "{}", plan.text);
    home.site.apply_plan().await;
    home.site.must_be_settled().await;
    let now = ids(&home.site).await;
    must_keep(before, &now);
    let here = format!("{region}/");
    assert!(now.keys().any(|key| key.starts_with(&here)), "{:?}", now.keys());
    pays(&home.site, home.preset.path, region).await;
}

/// What holds data goes only when that is said; what is in other regions is left alone.
async fn taken_out(home: &Home, regions: &[&str], region: &str, before: &BTreeMap<String, Value>) {
    let without = home.configuration(regions);
    let refused = home.site.refusal(&without).await;
    for needle in ["allow_data_loss", &format!("{region}/dynamodb_table_replica.payments")] {
        assert!(refused.contains(needle), "no {needle} in {refused}");
    }
    home.settle(&without.clone().with("allow_data_loss", "true")).await;
    let now = ids(&home.site).await;
    let here = format!("{region}/");
    let still: Vec<&String> = now.keys().filter(|key| key.starts_with(&here)).collect();
    assert!(still.is_empty(), "{still:?}");
    let joins = region.replace('-', "_");
    let stays = |key: &str| !key.starts_with(&here) && !key.contains(&joins) && !joins_regions(key);
    let others: BTreeMap<String, Value> = before
        .iter()
        .filter(|(key, _)| stays(key))
        .map(|(key, id)| (key.clone(), id.clone()))
        .collect();
    must_keep(&others, &now);
    // Roles, buckets and DNS records of all regions show in each.
    let left = home.site.left_in(region).await;
    let left: Vec<&String> = left
        .iter()
        .filter(|line| is_regional(line) || line.contains(region))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    home.settle(&without).await;
}

/// What one region has because there are others: who looks at guard records of two regions' making, copies of receipts.
fn joins_regions(key: &str) -> bool {
    ["conflicts", "replication", "route53_record"]
        .iter()
        .any(|part| key.contains(part))
}
