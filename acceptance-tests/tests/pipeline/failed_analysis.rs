//! W-45, W-47: a transaction that cannot be analysed is not tried again for ever, and not lost.

use crate::site::Site;
use serde_json::json;
use tap_acceptance_tests::pipeline::{Configuration, Listener};

#[tokio::test]
async fn a_transaction_that_cannot_be_analysed_is_kept_in_the_dead_letter_queue() {
    let site = Site::applied(&Configuration::new("bad")).await;
    let pipeline = site.pipeline().await;
    let kept = Listener::of_stack(&site.aws, pipeline.attribute("dlq_url").unwrap());

    // As no validator would let it through: without an amount.
    let input = json!({"transaction": {"transaction_id": "bad"}, "timestamp": "2026-01-02T03:04:05.000Z"});
    let machine = pipeline.attribute("state_machine_arn").unwrap();
    let request = site.aws.step_functions().start_execution().state_machine_arn(machine);
    request.input(input.to_string()).send().await.unwrap();

    let runs = pipeline.executions_ended(1).await.unwrap();
    assert_eq!(runs[0].status, "FAILED", "{runs:?}");
    let messages = kept.hear_all("its input", 1).await.unwrap();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["transaction"], input["transaction"]);
    assert!(messages[0]["error"]["Error"].is_string(), "why: {}", messages[0]);
    site.destroy().await;
}
