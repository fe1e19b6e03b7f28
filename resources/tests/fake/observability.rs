//! The observability stack under test.

use std::sync::OnceLock;

use serde_json::{Value, json};
use tap_resources::bundle;
use tap_resources::observability_stack::ObservabilityStack;

use crate::stacks::Subject;

/// `tap_observability_stack`.
pub(crate) static SUBJECT: Subject = Subject {
    composite: &ObservabilityStack,
    given,
    variants,
    edited,
    choices,
    schema: OnceLock::new(),
};

fn given() -> Value {
    let architecture = bundle::architectures().first().copied().unwrap_or("x86_64");
    json!({"environment_suffix": "dev", "lambda_architecture": architecture})
}

/// What a stack of some size looks like: the first variant, since the default one watches next to nothing.
pub(crate) fn usual() -> Value {
    json!({
        "api": {"name": "payments", "stage": "v1"},
        "canary": {"url": "https://pay.acme.test/health"},
        "alarm_email_endpoints": ["ops@acme.test"],
    })
}

/// Configurations that between them reach every branch of the graph.
fn variants() -> Vec<(&'static str, Value)> {
    vec![
        ("usual", usual()),
        ("smallest", json!({})),
        (
            "everything",
            json!({
                "api": {"name": "payments", "stage": "v1", "id": "abc123", "execution_logs": true},
                "rds": {"db_cluster_identifier": "payments-db", "log_types": ["postgresql", "upgrade"]},
                "latency_filter": {"legacy_metric_names": true, "format": "space_delimited"},
                "latency_alarm": {"enabled": true, "threshold_ms": 800},
                "lambda_error_alarm": {"function_names": {"validator": "webhook-validator-dev"}, "min_invocations": 10},
                "alarm_notification_mode": "all",
                "alarm_subscriptions": [{"protocol": "https", "endpoint": "https://pager.acme.test/"}],
                "composite_alarm": {"actions_suppressor": {"alarm": "maintenance"}},
                "custom_metrics": {"mode": "put_metric_data"},
                "canary": {"url": "https://pay.acme.test/health", "headers_ssm_parameter": "/payments/canary"},
                "artifact_bucket": {"kms": false, "force_destroy": true},
            }),
        ),
        (
            "no key, own topic, no function, browser",
            json!({
                "kms": {"create": false},
                "alarm_topic": {"existing_arn": "arn:aws:sns:eu-central-1:111122223333:pager"},
                "lambda": {"enabled": false},
                "canary": {"url": "https://pay.acme.test/", "mode": "browser", "start_canary": false},
                "dashboard": {"enabled": false},
            }),
        ),
    ]
}

/// An edit that touches every part of the usual stack: in place, replacing, adding, removing.
fn edited() -> Value {
    json!({
        "tags": {"team": "payments"},
        "log_retention_in_days": 365,
        "api": {"name": "payments"},
        "log_groups": {"api": {"name": "/payments/access"}},
        "latency_filter": {"legacy_metric_names": true},
        "latency_alarm": {"enabled": true, "threshold_ms": 500},
        "lambda": {"function_name": "renamed", "memory_size": 512},
        "custom_metrics": {"mode": "put_metric_data"},
        "canary": {"url": "https://pay.acme.test/ready", "name": "renamed", "schedule_expression": "rate(1 minute)"},
        "canary_alarm": {"enabled": false},
        "alarm_notification_mode": "all",
        "alarm_email_endpoints": ["other@acme.test"],
        "dashboard": {"period": 60},
    })
}

fn choices() -> Vec<(&'static str, Vec<Value>)> {
    let mut all = shared_choices();
    all.extend(watched_choices());
    all.extend(alarm_choices());
    all.extend(canary_choices());
    all
}

fn shared_choices() -> Vec<(&'static str, Vec<Value>)> {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    vec![
        ("name_style", vec![json!("seed"), json!("prefixed")]),
        (
            "name_overrides",
            vec![
                json!(null),
                json!({"sns_topic.alarms": "overridden", "log_group.metrics": "/overridden"}),
            ],
        ),
        (
            "tags",
            vec![json!(null), json!({"team": "a"}), json!({"team": "b", "cost": "1"})],
        ),
        ("log_retention_in_days", vec![json!(90), json!(365)]),
        ("log_group_class", vec![json!("STANDARD"), json!("INFREQUENT_ACCESS")]),
        (
            "kms",
            vec![
                json!(null),
                json!({"create": false}),
                json!({"create": false, "key_arn": key}),
            ],
        ),
        ("kms.log_group_scope", vec![json!("managed"), json!("account")]),
        ("kms.alias", vec![json!(null), json!("alias/mine")]),
        ("tracing_mode", vec![json!("Active"), json!("PassThrough")]),
        ("iam_path", vec![json!("/"), json!("/tap/")]),
        ("log_level", vec![json!("INFO"), json!("DEBUG")]),
        ("lambda.enabled", vec![json!(true), json!(false)]),
        ("lambda.function_name", vec![json!(null), json!("mine")]),
        ("lambda.memory_size", vec![json!(256), json!(512)]),
        ("lambda.environment", vec![json!(null), json!({"FEATURE": "on"})]),
        ("lambda.role_name", vec![json!(null), json!("my-role")]),
        ("lambda.policy_name", vec![json!(null), json!("my-policy")]),
        ("custom_metrics.mode", vec![json!("emf"), json!("put_metric_data")]),
        ("custom_metrics.namespace", vec![json!(null), json!("Payments")]),
        ("dashboard.enabled", vec![json!(true), json!(false)]),
        ("dashboard.name", vec![json!(null), json!("my-dashboard")]),
        (
            "dashboard.additional_widgets_json",
            vec![
                json!(null),
                json!("[{\"type\": \"text\", \"properties\": {\"markdown\": \"a\"}}]"),
            ],
        ),
    ]
}

fn watched_choices() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("log_groups.api.enabled", vec![json!(true), json!(false)]),
        ("log_groups.api.name", vec![json!(null), json!("/mine")]),
        ("log_groups.lambda.name", vec![json!(null), json!("/mine/lambda")]),
        ("log_groups.rds.enabled", vec![json!(true), json!(false)]),
        ("log_groups.rds.names", vec![json!(null), json!(["/mine/rds"])]),
        (
            "rds",
            vec![
                json!(null),
                json!({"db_instance_identifier": "a", "log_types": ["error"]}),
                json!({"db_cluster_identifier": "b", "log_types": ["error", "audit"]}),
            ],
        ),
        (
            "api",
            vec![
                json!(null),
                json!({"name": "payments"}),
                json!({"name": "payments", "stage": "v1", "id": "abc", "execution_logs": true}),
            ],
        ),
        ("latency_filter.enabled", vec![json!(true), json!(false)]),
        ("latency_filter.format", vec![json!("json"), json!("space_delimited")]),
        ("latency_filter.legacy_metric_names", vec![json!(true), json!(false)]),
        ("latency_filter.default_value", vec![json!(null), json!(0)]),
        ("latency_filter.log_group_name", vec![json!(null), json!("/theirs")]),
        ("latency_percentiles", vec![json!(null), json!(["p90"])]),
    ]
}

fn alarm_choices() -> Vec<(&'static str, Vec<Value>)> {
    let pager = "arn:aws:sns:eu-central-1:111122223333:pager";
    vec![
        ("alarm_topic.name", vec![json!(null), json!("my-topic")]),
        ("alarm_topic.kms_enabled", vec![json!(true), json!(false)]),
        ("alarm_topic.existing_arn", vec![json!(null), json!(pager)]),
        (
            "alarm_email_endpoints",
            vec![
                json!(null),
                json!(["a@acme.test"]),
                json!(["b@acme.test", "a@acme.test"]),
            ],
        ),
        ("alarm_notification_mode", vec![json!("composite_only"), json!("all")]),
        ("alarm_actions", vec![json!(null), json!([pager])]),
        ("ok_actions", vec![json!(null), json!([])]),
        ("insufficient_data_actions", vec![json!(null), json!([pager])]),
        ("api_error_alarm.min_requests", vec![json!(0), json!(20)]),
        ("api_error_alarm.period", vec![json!(300), json!(60)]),
        ("lambda_error_alarm.enabled", vec![json!(true), json!(false)]),
        (
            "lambda_error_alarm.function_names",
            vec![json!(null), json!({"a": "a-dev"}), json!({"a": "a-prod", "b": "b-dev"})],
        ),
        ("handler_fault_alarm.enabled", vec![json!(true), json!(false)]),
        (
            "latency_alarm",
            vec![
                json!(null),
                json!({"enabled": true, "threshold_ms": 500}),
                json!({"enabled": true, "threshold_ms": 500, "statistic": "Average"}),
            ],
        ),
        ("canary_alarm.enabled", vec![json!(true), json!(false)]),
        ("composite_alarm.enabled", vec![json!(true), json!(false)]),
        ("composite_alarm.name", vec![json!(null), json!("my-composite")]),
        (
            "composite_alarm.rule",
            vec![json!(null), json!("ALARM(\"lambda-high-errors-dev\")")],
        ),
        (
            "composite_alarm.actions_suppressor",
            vec![json!(null), json!({"alarm": "maintenance"})],
        ),
    ]
}

fn canary_choices() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        (
            "canary",
            vec![
                json!(null),
                json!({"url": "https://pay.acme.test/health"}),
                json!({"url": "https://pay.acme.test/", "mode": "browser"}),
            ],
        ),
        ("canary.name", vec![json!(null), json!("mine")]),
        ("canary.method", vec![json!("GET"), json!("HEAD")]),
        ("canary.headers", vec![json!(null), json!({"X-Probe": "tap"})]),
        (
            "canary.headers_ssm_parameter",
            vec![json!(null), json!("/payments/canary")],
        ),
        (
            "canary.schedule_expression",
            vec![json!("rate(5 minutes)"), json!("cron(0 * * * ? *)")],
        ),
        (
            "canary.runtime_version",
            vec![json!(null), json!("syn-nodejs-puppeteer-13.0")],
        ),
        ("canary.timeout_in_seconds", vec![json!(60), json!(120)]),
        ("canary.start_canary", vec![json!(true), json!(false)]),
        ("canary.delete_lambda", vec![json!(true), json!(false)]),
        ("canary.active_tracing", vec![json!(true), json!(false)]),
        ("canary.failure_retention_period", vec![json!(31), json!(90)]),
        ("artifact_bucket.name", vec![json!(null), json!("my-results")]),
        ("artifact_bucket.force_destroy", vec![json!(true), json!(false)]),
        ("artifact_bucket.expiration_days", vec![json!(null), json!(7)]),
        ("artifact_bucket.kms", vec![json!(true), json!(false)]),
        ("artifact_prefix", vec![json!(null), json!("results")]),
    ]
}
