//! Drift in a secondary region, of the kinds that only this stack has: each shows as exactly that setting and is put right;
//! what was deleted is made again.

use crate::site::{Site, stack};
use std::collections::BTreeSet;
use tap_acceptance_tests::Hand;
use tap_acceptance_tests::payment::ADDRESS;

const REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];

/// What the plan says once [`Hand::change`] has changed these components.
const CHANGED: [&str; 7] = [
    "us-west-2/dynamodb_table_replica.payments.deletion_protection_enabled",
    "us-west-2/kms_key.shared.description",
    "us-west-2/lambda_alias.processor.description",
    "us-west-2/metric_filter.approvals.filter_pattern",
    "us-west-2/s3_bucket_replication.receipts.rules",
    "us-west-2/ssm_parameter.table_name.tags",
    "us-west-2/wafv2_ip_set.allowed_ipv4.addresses",
];

/// What is deleted, and made again.
const DELETED: [&str; 3] = [
    "us-west-2/metric_filter.approvals",
    "us-west-2/s3_bucket_replication.receipts",
    "us-west-2/ssm_parameter.table_name",
];

#[tokio::test]
async fn drift_in_one_region_shows_there_alone_and_is_put_right() {
    let configuration = stack("drift", &REGIONS).with("waf", "{ allow_ip_cidrs = [\"203.0.113.0/24\"] }");
    let site = Site::applied(&configuration).await;
    let payments = site.payments().await;
    let hand = Hand::new(&site.aws, &payments);
    for change in CHANGED {
        let (component, _) = change.rsplit_once('.').unwrap();
        hand.change(component).await.unwrap();
    }

    let plan = site.plan().await;

    assert_eq!(
        plan.component_changes(ADDRESS),
        BTreeSet::from(CHANGED.map(str::to_owned)),
        "{}",
        plan.text
    );
    site.apply_plan().await;
    site.must_be_settled().await;

    for component in DELETED {
        hand.delete(component).await.unwrap();
    }

    let plan = site.plan().await;

    let expected: BTreeSet<String> = DELETED.iter().map(|key| format!("+{key}")).collect();
    assert_eq!(plan.component_changes(ADDRESS), expected, "{}", plan.text);
    site.apply_plan().await;
    site.must_be_settled().await;
    site.destroy(&REGIONS).await;
}
