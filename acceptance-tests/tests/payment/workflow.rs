//! P-07, P-20: what a workflow cannot process is kept, told, and ends as a failed execution.

use crate::site::{Site, stack};
use serde_json::{Value, json};
use std::time::Duration;
use tap_acceptance_tests::eventually;
use tap_acceptance_tests::payment::{InRegion, payment};
use tap_acceptance_tests::pipeline::Listener;

const REGION: &str = "us-east-1";
const SOON: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_payment_that_cannot_be_processed_is_kept_and_told() {
    let site = Site::applied(&stack("wf", &[REGION]).with("workflow", "{ enabled = true }")).await;
    let payments = site.payments().await;
    let here = payments.in_region(REGION);
    let alerts = Listener::on_topic(here.aws(), "alerts", here.attribute("sns_topic_arns").unwrap());
    let alerts = alerts.await.unwrap();

    start(&here, &payment("good", "3.25")).await;
    start(&here, &payment("bad", "-1")).await;

    let mut runs = here.executions_ended(2).await.unwrap();
    runs.sort_by_key(|(status, _)| status.clone());
    let seen: Vec<(&str, &Value)> = runs
        .iter()
        .map(|(status, input)| (status.as_str(), &input["transaction"]["transaction_id"]))
        .collect();
    assert_eq!(seen, [("FAILED", &json!("bad")), ("SUCCEEDED", &json!("good"))]);
    assert_eq!(here.item("good").await.unwrap()["amount"], "3.25");
    assert_eq!(here.items().await.unwrap().len(), 1, "what is not valid is not stored");

    let told = alerts.hear("the failure", |alert| alert["alert_type"] == "WORKFLOW_FAILED");
    let told = told.await.unwrap();
    assert_eq!(told["region"], REGION, "{told}");
    let execution = told["execution"].as_str().unwrap();
    assert!(execution.contains(":execution:"), "{told}");
    assert!(
        !told.to_string().contains("customer-7"),
        "no payload in a notice: {told}"
    );
    eventually("its input in the dead-letter queue", SOON, async || {
        Ok((here.depth("dlq_urls").await? == 1).then_some(()))
    })
    .await
    .unwrap();
    alerts.remove().await.unwrap();
    site.destroy(&[REGION]).await;
}

/// Starts the region's workflow as an event or an operator does.
async fn start(here: &InRegion<'_>, transaction: &str) {
    let transaction: Value = serde_json::from_str(transaction).unwrap();
    let input = json!({"transaction": transaction, "timestamp": "2026-01-02T03:04:05.000Z"});
    let machine = here.attribute("state_machine_arns").unwrap();
    let request = here.aws().step_functions().start_execution().state_machine_arn(machine);
    request.input(input.to_string()).send().await.unwrap();
}
