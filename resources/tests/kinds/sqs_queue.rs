use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_resources::aws::sqs_queue::SqsQueue;

use crate::support::{Life, aws};

#[tokio::test]
async fn sqs_queue() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    Life {
        kind: &SqsQueue(aws),
        key: "sqs_queue.dlq",
        desired: json!({"name": "dlq-test", "message_retention_seconds": 1_209_600}),
        edits: vec![
            json!({"visibility_timeout_seconds": 120}),
            json!({"policy": {"Version": "2012-10-17", "Statement": []}}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "sqs_queue.dlq"}}),
            json!({"visibility_timeout_seconds": null, "policy": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}
