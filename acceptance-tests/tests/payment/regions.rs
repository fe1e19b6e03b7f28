//! Regions that come, go and fail while the stack lives (R-03, R-13, P-01, P-09, P-12).

use crate::site::{Site, sandbox, stack};
use serde_json::Value;
use std::collections::BTreeMap;
use tap_acceptance_tests::payment::payment;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::proxy::{Fault, Proxy};

const PRIMARY: &str = "us-east-1";
const SECOND: &str = "eu-west-1";
const BOTH: [&str; 2] = [PRIMARY, SECOND];

fn of(regions: &[&str]) -> Configuration {
    stack("regions", regions).with("kms", "{ multi_region = true }")
}

/// Component key to AWS id.
pub(crate) async fn ids(site: &Site) -> BTreeMap<String, Value> {
    let payments = site.payments().await;
    let components = payments.components().iter();
    components
        .map(|(key, component)| (key.clone(), component["id"].clone()))
        .collect()
}

/// Every object that was there is the same one.
pub(crate) fn must_keep(before: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) {
    for (key, id) in before {
        assert_eq!(now.get(key), Some(id), "{key} was made anew");
    }
}

#[tokio::test]
async fn a_region_is_added_to_a_living_stack_taken_out_and_added_again() {
    let site = Site::applied(&of(&[PRIMARY])).await;
    let alone = ids(&site).await;
    let payments = site.payments().await;
    let primary = payments.in_region(PRIMARY);
    let key = primary.api_key().await.unwrap();
    let answer = primary.send(&key, &payment("before", "1.00")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");

    // Added: nothing that exists is made anew, and the new region has what was taken before it came.
    site.configure(&of(&BOTH));
    let plan = site.plan().await;
    assert_eq!(plan.changes()[0].actions, ["update"], "{}", plan.text);
    site.apply().await;
    site.must_be_settled().await;
    let both = ids(&site).await;
    must_keep(&alone, &both);
    assert!(both.len() > alone.len());
    let payments = site.payments().await;
    let second = payments.in_region(SECOND);
    assert_eq!(
        second.item("before").await.unwrap()["amount"],
        "1",
        "DynamoDB keeps no trailing zeros"
    );
    let key = second.api_key().await.unwrap();
    let answer = second.send(&key, &payment("in-second", "2.00")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");

    // Taken out: what holds data goes only when that is said, and the primary is left alone.
    site.configure(&of(&[PRIMARY]));
    let refused = site.terraform.plan().await.unwrap_err().to_string();
    for needle in ["allow_data_loss", "eu-west-1/dynamodb_table_replica.payments"] {
        assert!(refused.contains(needle), "no {needle} in {refused}");
    }
    let agreed = of(&[PRIMARY]).with("allow_data_loss", "true");
    site.configure(&agreed);
    site.apply().await;
    site.must_be_settled().await;
    must_keep(&alone, &ids(&site).await);
    let regional: Vec<String> = site
        .left_in(SECOND)
        .await
        .into_iter()
        .filter(|line| is_regional(line))
        .collect();
    assert_eq!(regional, Vec::<String>::new());
    let payments = site.payments().await;
    let items = payments.in_region(PRIMARY).items().await.unwrap();
    assert_eq!(items.len(), 2, "{items:?}");

    // Back within the waiting period of its key: KMS gives the replica back instead of a new one.
    site.configure(&of(&BOTH));
    site.apply().await;
    site.must_be_settled().await;
    let again = ids(&site).await;
    let replica_key = "eu-west-1/kms_replica_key.shared";
    assert_eq!(again[replica_key], both[replica_key]);
    let payments = site.payments().await;
    assert_eq!(payments.in_region(SECOND).items().await.unwrap().len(), 2);
    site.destroy(&BOTH).await;
}

/// Roles and buckets of the primary show in every region.
pub(crate) fn is_regional(line: &str) -> bool {
    let kind = line.split(' ').next().unwrap_or_default();
    !["iam_role", "iam_policy", "s3_bucket", "health_check", "dns_record"].contains(&kind)
}

/// A region that does not answer keeps neither the others from being changed nor its own objects from being known.
/// How soon it is given up is measured in virtual time, where the clients are (`resources/src/aws/silence/tests.rs`).
#[tokio::test]
async fn a_region_that_is_down_does_not_block_the_others() {
    let configuration = stack("down", &BOTH);
    let site = Site::applied(&configuration).await;
    let before = ids(&site).await;

    let proxy = Proxy::start(sandbox().await.endpoint()).await.unwrap();
    proxy.inject_in(SECOND, Fault::LoseRequest);
    let site = site.with_env("AWS_ENDPOINT_URL", proxy.endpoint());
    let plan = site.plan().await;
    plan.must_be_empty().unwrap_or_else(|error| panic!("{error}"));
    must_say_once_that_it_is_down(&plan.text);

    // An edit of the primary's alone goes through; nothing is forgotten.
    site.configure(&configuration.clone().with("dashboard", "{ enabled = false }"));
    let applied = site.terraform.apply().await.unwrap_or_else(|error| panic!("{error}"));
    must_say_once_that_it_is_down(&applied.text);
    let now = ids(&site).await;
    assert!(!now.keys().any(|key| key.contains("dashboard.")), "{:?}", now.keys());
    let others = |all: BTreeMap<String, Value>| -> BTreeMap<String, Value> {
        all.into_iter().filter(|(key, _)| !key.contains("dashboard.")).collect()
    };
    assert_eq!(others(now), others(before));

    proxy.heal();
    site.must_be_settled().await;
    site.destroy(&BOTH).await;
}

/// One warning for the whole region, and none for each of its components.
fn must_say_once_that_it_is_down(text: &str) {
    let warnings = text.lines().filter(|line| line.starts_with("Warning: "));
    let of_reading: Vec<&str> = warnings
        .filter(|line| line.contains("cannot be reached") || line.contains("could not be read"))
        .collect();
    assert_eq!(
        of_reading,
        [format!("Warning: Region {SECOND} cannot be reached")],
        "{text}"
    );
}
