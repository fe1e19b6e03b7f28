//! All three composites with one suffix in one account and region (requirements 8.4; 9.2, item 14): none touches what is
//! another's, and one can go while the others stay as they are.

use crate::site::{Site, stack};
use std::collections::BTreeSet;
use tap_acceptance_tests::payment::payment;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::{Deployed, observability};

const SUFFIX: &str = "dev";
const REGION: &str = "us-east-1";

fn watching() -> String {
    let configuration = observability::configuration(SUFFIX)
        .with("canary", "{ url = \"https://pay.internal/health\" }")
        .with("api", "{ name = \"payments\", stage = \"prod\" }")
        .with("latency_alarm", "{ enabled = true, threshold_ms = 2000 }");
    configuration.block()
}

fn paying() -> Configuration {
    stack(SUFFIX, &[REGION])
        .with("workflow", "{ enabled = true }")
        .with_block(&watching())
}

fn all() -> Configuration {
    paying().with_block(&Configuration::new(SUFFIX).block())
}

/// The ARNs of a stack's components; `None` where the state has no such stack.
async fn arns(site: &Site, resource: &str) -> Option<BTreeSet<String>> {
    let deployed = Deployed::read(&site.terraform, resource).await.ok()?;
    let components = deployed.components().values();
    // The account's log role is one for all of them.
    let own = components.filter(|component| component["kind"] != "api_account");
    let arns = own.filter_map(|component| component["arn"].as_str());
    Some(arns.filter(|arn| !arn.is_empty()).map(ToOwned::to_owned).collect())
}

#[tokio::test]
async fn section_8_4_three_composites_share_a_suffix_and_nothing_else() {
    let site = Site::applied(&all()).await;
    let mut seen = BTreeSet::new();
    for resource in ["tap_payment_stack", "tap_webhook_pipeline", "tap_observability_stack"] {
        let own = arns(&site, resource).await.unwrap();
        assert!(own.len() > 10, "{resource}: {own:?}");
        let taken: Vec<&String> = own.intersection(&seen).collect();
        assert!(taken.is_empty(), "{resource} has what is another's: {taken:?}");
        seen.extend(own);
    }
    // The inventory lists what exists: nothing twice under one name.
    let existing = site.left().await;
    let names: BTreeSet<&String> = existing.iter().collect();
    assert_eq!(names.len(), existing.len(), "{existing:#?}");

    site.configure(&paying());
    site.apply().await;

    assert_eq!(arns(&site, "tap_webhook_pipeline").await, None);
    site.must_be_settled().await;
    let payments = site.payments().await;
    let here = payments.in_region(REGION);
    let key = here.api_key().await.unwrap();
    let answer = here.send(&key, &payment("one", "12.34")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    site.destroy(&[REGION]).await;
}
