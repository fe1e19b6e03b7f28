use serde_json::{Value, json};
use tap_acceptance_tests::Sandbox;
use tap_resources::aws::state_machine::StateMachine;

use crate::support::{Life, aws};

fn definition(seconds: u32) -> Value {
    json!({
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "Seconds": seconds, "Next": "Done"},
            "Done": {"Type": "Succeed"},
        },
    })
}

#[tokio::test]
async fn state_machine() {
    let sandbox = Sandbox::start().await.unwrap();
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:/tap/workflow:*";
    Life {
        kind: &StateMachine(aws(&sandbox)),
        key: "state_machine.processing",
        desired: json!({
            "name": "processing-test",
            "type": "EXPRESS",
            "definition": definition(1),
            "role_arn": "arn:aws:iam::000000000000:role/workflow",
            "logging": {"level": "ERROR", "include_execution_data": false, "log_group_arn": group},
            "tracing_enabled": true,
        }),
        edits: vec![
            json!({"definition": definition(2)}),
            json!({"role_arn": "arn:aws:iam::000000000000:role/other", "tracing_enabled": false}),
            json!({"logging": {"level": "ALL", "include_execution_data": true, "log_group_arn": group}}),
            json!({"tags": {"tap:stack": "webhook_pipeline/test", "tap:component": "state_machine.processing"}}),
            json!({"logging": null, "tracing_enabled": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}
