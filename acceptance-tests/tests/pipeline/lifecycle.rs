//! (a) Create, look, destroy.

use crate::changes::changes;
use crate::site::Site;
use std::collections::BTreeSet;
use tap_acceptance_tests::pipeline::Configuration;

#[tokio::test]
async fn what_is_planned_is_what_exists_and_destroy_leaves_nothing() {
    let site = Site::new(&Configuration::new("life")).await;
    let plan = site.terraform.plan().await.unwrap();
    let planned: BTreeSet<String> = changes(&plan)
        .iter()
        .map(|c| c.trim_start_matches('+').to_owned())
        .collect();
    assert!(planned.contains("dynamodb_table.transactions"), "{planned:?}");

    site.terraform
        .apply_plan()
        .await
        .unwrap_or_else(|error| panic!("{error}"));

    site.must_be_settled().await;
    let pipeline = site.pipeline().await;
    let created: BTreeSet<String> = pipeline.components().keys().cloned().collect();
    assert_eq!(created, planned);
    site.must_hold_exactly(pipeline.components(), "life").await;
    site.destroy().await;
}

#[tokio::test]
async fn two_stacks_in_one_account_do_not_touch_each_other() {
    let first = Site::applied(&Configuration::new("one")).await;
    let second = Configuration::new("two");
    let folder = tap_acceptance_tests::Terraform::new(&first.aws).unwrap();
    let folder = folder.with_file("main.tf", &second.hcl()).unwrap();
    folder.init().await.unwrap();
    folder.apply().await.unwrap_or_else(|error| panic!("{error}"));

    first.must_be_settled().await;
    folder.destroy().await.unwrap_or_else(|error| panic!("{error}"));

    first.must_be_settled().await;
    first.destroy().await;
}
