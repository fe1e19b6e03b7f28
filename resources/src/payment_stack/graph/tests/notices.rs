//! What is told to whom (6.5 SNS), and attributes of 6.4 that go straight into settings.

use super::*;

/// Subscribers that filter by attributes hear of workflows as they hear of functions.
#[test]
fn a_failed_workflow_is_told_with_type_and_severity() {
    let graph = preset("multi_region", json!({}));
    let definition = setting(&graph, "eu-west-1/state_machine.payments", "definition");
    let told = &definition["States"]["Notify"]["Parameters"];
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    assert_eq!(
        told["MessageAttributes"],
        json!({"alert_type": text("WORKFLOW_FAILED"), "severity": text("high")})
    );
    assert_eq!(
        told["Message"]["alert_type"], "WORKFLOW_FAILED",
        "the same in both places"
    );
}

#[test]
fn subscriptions_say_what_their_filter_looks_at() {
    let endpoint = "arn:aws:sqs:eu-central-1:111122223333:q";
    let of = |subscription: Value| {
        let graph = graph(json!({"topics": {"subscriptions": [subscription]}}));
        plans(&graph);
        of_kind(&graph, "sns_subscription")[0].settings.clone()
    };
    let policy = "{\"AlarmName\": [{\"exists\": true}]}";
    let body =
        json!({"protocol": "sqs", "endpoint": endpoint, "filter_policy": policy, "filter_policy_scope": "MessageBody"});
    let settings = of(body);
    assert_eq!(settings["filter_policy_scope"], "MessageBody");
    assert_eq!(settings["filter_policy"], json!({"AlarmName": [{"exists": true}]}));
    let attributes = of(json!({"protocol": "sqs", "endpoint": endpoint, "filter_policy": policy}));
    assert!(!attributes.contains_key("filter_policy_scope"), "SNS's own default");
}

#[test]
fn the_number_of_errors_may_include_its_threshold_or_not() {
    let operator = |alarms: Value| {
        let graph = graph(json!({"alarms": alarms}));
        setting(
            &graph,
            "eu-central-1/metric_alarm.processor_errors",
            "comparison_operator",
        )
        .clone()
    };
    assert_eq!(operator(json!({})), "GreaterThanOrEqualToThreshold");
    let above = json!({"errors": {"threshold": 3, "comparison": "GreaterThanThreshold"}});
    assert_eq!(operator(above), "GreaterThanThreshold");
}

#[test]
fn receipts_alone_may_go_with_their_bucket() {
    let bucket = |over: Value| {
        let graph = graph(json!({"receipts_bucket": over}));
        graph.components["eu-central-1/s3_bucket.receipts"]
            .settings
            .get("force_destroy")
            .cloned()
    };
    assert_eq!(bucket(json!({})), None);
    assert_eq!(bucket(json!({"force_destroy": true})), Some(json!(true)));
}

/// who may call, and from where. A change is served with the next deployment only.
#[test]
fn r05_the_resource_policy_is_on_every_api_and_deployed() {
    let policy = |cidr: &str| {
        let statement = json!({
            "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
            "Condition": {"IpAddress": {"aws:SourceIp": cidr}},
        });
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let with = |cidr: &str| {
        graph(json!({"regions": ["eu-west-1", "eu-central-1"], "api": {"resource_policy": policy(cidr).to_string()}}))
    };
    let (one, two) = (with("192.0.2.0/24"), with("198.51.100.0/24"));
    plans(&one);
    for region in ["eu-west-1", "eu-central-1"] {
        assert_eq!(
            setting(&one, &format!("{region}/rest_api.payments"), "policy"),
            &policy("192.0.2.0/24")
        );
        let deployed = |graph| setting(graph, &format!("{region}/api_deployment.current"), "content_hash").clone();
        assert_ne!(deployed(&one), deployed(&two));
    }
    let without = graph(json!({}));
    assert!(
        !without.components["eu-central-1/rest_api.payments"]
            .settings
            .contains_key("policy")
    );
}
