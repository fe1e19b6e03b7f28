//! The CloudWatch kinds on the sandbox.

use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::composite_alarm::CompositeAlarm;
use tap_resources::aws::dashboard::Dashboard;
use tap_resources::aws::metric_alarm::MetricAlarm;

use crate::support::{Life, aws, context, settings};

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:alerts";
const PAGER: &str = "arn:aws:sns:us-east-1:000000000000:pager";

#[tokio::test]
async fn metric_alarm_on_one_metric() {
    let sandbox = Sandbox::start().await.unwrap();
    Life {
        kind: &MetricAlarm(aws(&sandbox)),
        key: "metric_alarm.errors",
        desired: json!({
            "alarm_name": "errors", "alarm_description": "too many", "namespace": "AWS/Lambda", "metric_name": "Errors",
            "dimensions": {"FunctionName": "f"}, "statistic": "Sum", "period": 300,
            "comparison_operator": "GreaterThanOrEqualToThreshold", "threshold": 5, "evaluation_periods": 3,
            "treat_missing_data": "notBreaching", "alarm_actions": [TOPIC, PAGER]
        }),
        edits: vec![
            json!({"threshold": 2.5, "datapoints_to_alarm": 2, "unit": "Count"}),
            json!({"ok_actions": [TOPIC], "insufficient_data_actions": [TOPIC], "actions_enabled": false}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "metric_alarm.errors"}}),
            json!({
                "alarm_description": null, "dimensions": null, "datapoints_to_alarm": null, "unit": null, "ok_actions": null,
                "treat_missing_data": null, "actions_enabled": null, "alarm_actions": [PAGER]
            }),
            json!({"statistic": null, "extended_statistic": "p99"}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// The sandbox does not hand the queries back (docs/sandbox.md): what is proven here is that they
/// are accepted and that nothing else is mistaken for drift. Their way into the SDK's types and
/// back is unit-tested beside the kind.
#[tokio::test]
async fn metric_alarm_on_metric_math() {
    let sandbox = Sandbox::start().await.unwrap();
    let stat = |name: &str| json!({"namespace": "AWS/Lambda", "metric_name": name, "period": 60, "stat": "Sum"});
    Life {
        kind: &MetricAlarm(aws(&sandbox)),
        key: "metric_alarm.rate",
        desired: json!({
            "alarm_name": "rate",
            "metrics": [
                {"id": "rate", "expression": "100 * errors / calls", "label": "error rate"},
                {"id": "errors", "return_data": false, "metric": stat("Errors")},
                {"id": "calls", "return_data": false, "metric": stat("Invocations")}
            ],
            "comparison_operator": "GreaterThanThreshold", "threshold": 1, "evaluation_periods": 2
        }),
        edits: vec![json!({"threshold": 2, "alarm_actions": [TOPIC]})],
        not_shown: &[],
    }
    .lived()
    .await;
}

fn plain_alarm(name: &str) -> serde_json::Value {
    json!({
        "alarm_name": name, "namespace": "AWS/SQS", "metric_name": "ApproximateAgeOfOldestMessage", "statistic": "Maximum",
        "period": 60, "comparison_operator": "GreaterThanThreshold", "threshold": 60, "evaluation_periods": 1
    })
}

#[tokio::test]
async fn metric_alarm_of_somebody_else_is_not_overwritten() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = MetricAlarm(aws(&sandbox));
    let wanted = settings(plain_alarm("shared"));
    kind.create(&context("metric_alarm.shared"), &wanted).await.unwrap();
    let stolen = kind.create(&context("metric_alarm.shared"), &wanted).await;
    assert!(matches!(stolen, Err(KindError::NotOwned { .. })), "{stolen:?}");
}

#[tokio::test]
async fn composite_alarm() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    for name in ["a", "b"] {
        MetricAlarm(aws.clone())
            .create(&context("metric_alarm.child"), &settings(plain_alarm(name)))
            .await
            .unwrap();
    }
    Life {
        kind: &CompositeAlarm(aws),
        key: "composite_alarm.health",
        desired: json!({"alarm_name": "health", "alarm_rule": "ALARM(\"a\") OR ALARM(\"b\")", "alarm_actions": [TOPIC]}),
        edits: vec![
            json!({"alarm_rule": "ALARM(\"a\")", "alarm_description": "the system"}),
            json!({"ok_actions": [TOPIC], "insufficient_data_actions": [PAGER], "actions_enabled": false}),
            json!({"actions_suppressor": {"alarm": "b", "wait_period": 60, "extension_period": 60}}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "composite_alarm.health"}}),
            json!({"alarm_description": null, "actions_enabled": null, "actions_suppressor": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn dashboard() {
    let sandbox = Sandbox::start().await.unwrap();
    let widget = |title: &str| {
        json!({"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 6,
        "properties": {"markdown": title}}]})
    };
    let kind = Dashboard(aws(&sandbox));
    Life {
        kind: &kind,
        key: "dashboard.main",
        desired: json!({"dashboard_name": "payments-test", "dashboard_body": widget("a")}),
        edits: vec![json!({"dashboard_body": widget("b")})],
        not_shown: &[],
    }
    .lived()
    .await;
    let foreign = settings(json!({"dashboard_name": "foreign", "dashboard_body": widget("theirs")}));
    kind.create(&context("dashboard.main"), &foreign).await.unwrap();
    let stolen = kind.create(&context("dashboard.main"), &foreign).await;
    assert!(matches!(stolen, Err(KindError::NotOwned { .. })), "{stolen:?}");
}

#[tokio::test]
async fn mistakes_are_said_at_plan_time() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = MetricAlarm(aws(&sandbox));
    assert_eq!(kind.validate(&settings(plain_alarm("a"))), []);
    let mut wrong = plain_alarm("a");
    for (name, value) in [
        ("period", json!(61)),
        ("statistic", json!("Mean")),
        ("datapoints_to_alarm", json!(2)),
    ] {
        wrong[name] = value;
    }
    let said: Vec<String> = kind
        .validate(&settings(wrong))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(said, ["statistic", "datapoints_to_alarm", "period"]);
    let mut unknown = plain_alarm("a");
    for name in ["threshold", "period", "evaluation_periods"] {
        unknown[name] = json!(tap_engine::reference::UNKNOWN);
    }
    assert_eq!(
        kind.validate(&settings(unknown)),
        [],
        "what is not known yet is judged at apply"
    );
}
