//! Edits of every attribute of a living stack: each plan touches the kinds it should; together they are applied and settle.

mod complete;
pub(crate) mod members;
pub(crate) mod removing;
pub(crate) mod replacing;
pub(crate) mod rows;
pub(crate) mod single;

use crate::site::{Site, stack};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tap_acceptance_tests::edited::{Edit, kinds, look_at_each, together, unexpected};
use tap_acceptance_tests::payment::ADDRESS;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::{Aws, Plan};

use rows::EDITS;
pub(crate) use tap_acceptance_tests::edited::kind;

const REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];

/// A stack of two regions with everything that needs no more of the account.
fn two_regions(suffix: &str) -> Configuration {
    stack(suffix, &REGIONS)
        .with("workflow", "{ enabled = true }")
        .with("event_failover", "{ enabled = true }")
}

#[tokio::test]
async fn edits_are_planned_alike_in_both_regions_and_applied_together() {
    let base = two_regions("edits");
    let site = Site::applied(&base).await;
    let edits = [EDITS, rows::FURTHER].concat();
    must_be_planned(&site, &base, &edits, alike).await;
    live_together(&site, &base, &edits).await;
    site.destroy(&REGIONS).await;
}

/// Every edit's plan changes components of the kinds expected, no more and no less; `more` looks for anything else.
async fn must_be_planned(
    site: &Site,
    base: &Configuration,
    edits: &[Edit],
    more: fn(&BTreeSet<String>) -> Option<String>,
) {
    let wrong = look_at_each(site, base, edits, |edit, plan| wrong(edit, plan, more)).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wrong(edit: &Edit, plan: &Plan, more: fn(&BTreeSet<String>) -> Option<String>) -> Option<String> {
    let changes = plan.component_changes(ADDRESS);
    let mut wrong: String = unexpected(edit, &kinds(plan, ADDRESS))
        .into_iter()
        .chain(more(&changes))
        .collect();
    if wrong.is_empty() {
        return None;
    }
    // Writing to a String cannot fail.
    let _ = write!(wrong, "\n  of {changes:?}");
    Some(wrong)
}

/// All at once, and all back to where they began.
async fn live_together(site: &Site, base: &Configuration, edits: &[Edit]) {
    for configuration in [&together(base, edits), base] {
        site.configure(configuration);
        site.apply().await;
        site.must_be_settled().await;
    }
}

/// A key of the user's; its ARN.
pub(crate) async fn new_key(aws: &Aws) -> String {
    let made = aws.kms().create_key().send().await.unwrap();
    made.key_metadata.unwrap().arn.unwrap()
}

/// No stack takes the user's key along.
pub(crate) async fn give_up_key(aws: &Aws, arn: &str) {
    let delete = aws.kms().schedule_key_deletion().key_id(arn);
    delete.send().await.map(drop).unwrap();
}

/// The same changes in both regions; but replicas of tables are in the second alone.
fn alike(changes: &BTreeSet<String>) -> Option<String> {
    let [first, second] = REGIONS.map(|region| of_region(changes, region));
    (first != second).then(|| format!("not alike: {first:?} and {second:?}"))
}

/// An edit of something that one region has by itself.
fn anything(_: &BTreeSet<String>) -> Option<String> {
    None
}

/// What changes in a region, without its name. What joins two regions has the other one's in its own.
fn of_region(changes: &BTreeSet<String>, region: &str) -> BTreeSet<String> {
    let part = format!("{region}/");
    let others: Vec<String> = REGIONS.iter().map(|region| region.replace('-', "_")).collect();
    let here = changes.iter().filter(|change| change.contains(&part));
    let here = here.filter(|change| kind(change) != "dynamodb_table_replica");
    here.map(|change| {
        let change = change.replace(&part, "");
        others
            .iter()
            .fold(change, |change, other| change.replace(other, "<other>"))
    })
    .collect()
}
