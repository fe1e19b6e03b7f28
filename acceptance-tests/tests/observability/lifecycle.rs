//! Create, look, destroy.

use crate::site::{Site, changes, complete};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

#[tokio::test]
async fn what_is_planned_is_what_exists_and_destroy_leaves_nothing() {
    let site = Site::new(&complete("life")).await;
    let planned: BTreeSet<String> = changes(&site.plan().await)
        .iter()
        .map(|c| c.trim_start_matches('+').to_owned())
        .collect();
    site.apply_plan().await;
    site.must_be_settled().await;

    let watch = site.watch().await;
    let created: BTreeSet<String> = watch.components().keys().cloned().collect();
    assert_eq!(created, planned);
    assert_eq!(
        site.aws.inventory().await.unwrap(),
        expected_inventory(watch.components(), "life")
    );
    let canary = site
        .aws
        .synthetics()
        .get_canary()
        .name("health-check-life")
        .send()
        .await;
    let canary = canary.unwrap().canary.unwrap();
    assert_eq!(canary.status().unwrap().state().unwrap().as_str(), "RUNNING");
    site.destroy().await;
}

/// The inventory that follows from the state, what Synthetics makes for its canary and the stack's record included.
fn expected_inventory(components: &Map<String, Value>, suffix: &str) -> Vec<String> {
    let mut lines: Vec<String> = components.values().filter_map(inventory_line).collect();
    let group = components["log_group.canary"]["id"].as_str().unwrap();
    let engine = group.trim_start_matches("/aws/lambda/");
    assert!(engine.starts_with("cwsyn-health-check-life-"), "{engine}");
    lines.push(format!("lambda_function {engine}"));
    lines.push(format!("lambda_layer {engine}"));
    lines.push(format!("ssm_parameter /tap/observability_stack/{suffix}"));
    lines.sort();
    lines
}

/// How the inventory lists a component; parts of something else (aliases, permissions) are not listed.
fn inventory_line(component: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, id) = (text(&component["kind"]), text(&component["id"]));
    let setting = |name: &str| text(&component["settings"][name]);
    match kind.as_str() {
        "kms_key" | "kms_alias" | "s3_bucket" | "sns_topic" | "log_group" | "iam_role" | "lambda_function"
        | "dashboard" | "canary" => Some(format!("{kind} {id}")),
        "metric_alarm" | "composite_alarm" => Some(format!("alarm {id}")),
        "metric_filter" => Some(format!("{kind} {}", id.replace('|', " "))),
        "sns_subscription" => Some(format!(
            "{kind} {} {} {}",
            setting("topic_arn").replace("${sns_topic.alarms.arn}", topic_arn(&id)),
            setting("protocol"),
            setting("endpoint")
        )),
        _ => None,
    }
}

/// A subscription's id begins with its topic's ARN.
fn topic_arn(subscription: &str) -> &str {
    subscription.split('|').next().unwrap_or_default()
}

/// Two environments in one account do not touch each other (9.2, 14), and the canary's name is whole (O-07).
#[tokio::test]
async fn two_stacks_in_one_account_do_not_touch_each_other() {
    let first = Site::applied(&complete("environment-one")).await;
    let folder = tap_acceptance_tests::Terraform::new(&first.aws).unwrap();
    let folder = folder.with_file("main.tf", &complete("environment-two").hcl()).unwrap();
    folder.init().await.unwrap();
    folder.apply().await.unwrap_or_else(|error| panic!("{error}"));
    let inventory = first.aws.inventory().await.unwrap();
    for suffix in ["environment-one", "environment-two"] {
        assert!(
            inventory.contains(&format!("canary health-check-{suffix}")),
            "{inventory:#?}"
        );
    }
    first.must_be_settled().await;
    folder.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    first.must_be_settled().await;
    first.destroy().await;
}
