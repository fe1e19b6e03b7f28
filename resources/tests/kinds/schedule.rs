use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_resources::aws::schedule::Schedule;

use crate::support::{Life, aws};

#[tokio::test]
async fn schedule() {
    let sandbox = Sandbox::start().await.unwrap();
    let target = json!({
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:archival",
        "role_arn": "arn:aws:iam::000000000000:role/scheduler",
    });
    let mut careful = target.clone();
    careful["input"] = json!({"days": 90});
    careful["dead_letter_arn"] = json!("arn:aws:sqs:us-east-1:000000000000:dlq");
    careful["maximum_event_age_in_seconds"] = json!(3600);
    careful["maximum_retry_attempts"] = json!(3);
    Life {
        kind: &Schedule(aws(&sandbox)),
        key: "schedule.archival",
        desired: json!({"name": "archival-test", "schedule_expression": "cron(0 2 * * ? *)", "target": target}),
        edits: vec![
            json!({"schedule_expression": "rate(1 day)", "schedule_expression_timezone": "Europe/Berlin"}),
            json!({"target": careful, "description": "Archives old transactions"}),
            json!({"flexible_time_window": {"mode": "FLEXIBLE", "maximum_window_in_minutes": 15}}),
            json!({"state": "DISABLED"}),
            json!({
                "target": target, "description": null, "flexible_time_window": null, "state": null,
                "schedule_expression_timezone": null,
            }),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}
