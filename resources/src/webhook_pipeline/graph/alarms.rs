//! Alarms (W-61): every failure that could go unseen has one.

use serde_json::{Value, json};
use tap_engine::Component;

use super::Stack;
use super::api::Api;
use super::data::Stores;
use super::functions::Functions;
use super::metric::{Metric, lambda, queue, workflow};

pub(super) fn build(s: &mut Stack<'_>, stores: &Stores, functions: &Functions, api: &Api) {
    if !s.p.alarms.enabled {
        return;
    }
    let mut all: Vec<Component> = plain(s, stores, functions)
        .into_iter()
        .map(|(key, description, metric, threshold)| alarm(s, stores, key, description, &metric, threshold))
        .collect();
    all.push(api_errors(s, stores, api));
    all.extend(faults(s, stores, functions));
    for component in all {
        s.b.add(component);
    }
}

/// Key, description, metric and the value from which on it alarms.
type Row<'a> = (&'static str, &'static str, Metric<'a>, Value);

fn plain<'a>(s: &Stack<'_>, stores: &Stores, f: &Functions) -> Vec<Row<'a>> {
    let slow = f.validator.timeout * 10 * s.p.alarms.validator_duration_percent_of_timeout;
    let late = s.p.alarms.publisher_iterator_age_ms;
    let errors = |function| lambda(function, "Errors", "Sum");
    let undelivered = "Something could not be delivered and waits in the dead-letter queue";
    vec![
        ("dlq_depth", undelivered, queue(&stores.dlq_name), json!(1)),
        (
            "workflow_failed",
            "A workflow execution failed",
            workflow(s, "ExecutionsFailed"),
            json!(1),
        ),
        (
            "workflow_timed_out",
            "A workflow execution timed out",
            workflow(s, "ExecutionsTimedOut"),
            json!(1),
        ),
        (
            "validator_errors",
            "The validator failed",
            errors(&f.validator),
            json!(1),
        ),
        (
            "validator_duration",
            "The validator is slow",
            lambda(&f.validator, "Duration", "p99"),
            json!(slow),
        ),
        (
            "publisher_errors",
            "Stored transactions could not be published",
            errors(&f.publisher),
            json!(1),
        ),
        (
            "publisher_lag",
            "Stored transactions are published late",
            lambda(&f.publisher, "IteratorAge", "Maximum"),
            json!(late),
        ),
        ("fraud_errors", "The fraud analysis failed", errors(&f.fraud), json!(1)),
        ("archival_errors", "The archival failed", errors(&f.archival), json!(1)),
    ]
}

/// Faults that the caller saw as an answer are no invocation errors: they have a metric of their own (W-32).
fn faults(s: &Stack<'_>, stores: &Stores, f: &Functions) -> Vec<Component> {
    let handlers = [
        "webhook_validator",
        "outbox_publisher",
        "fraud_detector",
        "transaction_archival",
    ];
    let fault = |handler: &str| Metric {
        namespace: &f.namespace,
        name: "HandlerFault",
        dimensions: json!({"Environment": s.b.shared.environment_suffix, "Handler": handler}),
        stat: "Sum",
    };
    let description = "A handler failed for a reason that is ours";
    handlers
        .map(|h| alarm(s, stores, &format!("{h}_fault"), description, &fault(h), json!(1)))
        .into()
}

/// An alarm on one metric, at or above a threshold.
fn alarm(
    s: &Stack<'_>,
    stores: &Stores,
    key: &str,
    description: &str,
    metric: &Metric<'_>,
    threshold: Value,
) -> Component {
    let statistic = if metric.stat.starts_with('p') {
        "extended_statistic"
    } else {
        "statistic"
    };
    base(s, stores, key, description, threshold)
        .set("namespace", metric.namespace)
        .set("metric_name", metric.name)
        .set("dimensions", metric.dimensions.clone())
        .set("period", 300)
        .set(statistic, metric.stat)
}

fn base(s: &Stack<'_>, stores: &Stores, key: &str, description: &str, threshold: Value) -> Component {
    let of_type = format!("webhook-{}", key.replace('_', "-"));
    let name = s.b.name(&format!("metric_alarm.{key}"), None, &of_type);
    let actions =
        s.p.alarms
            .actions
            .clone()
            .unwrap_or_else(|| vec![stores.topics.alarms.arn()]);
    s.b.component("metric_alarm", key)
        .set("alarm_name", name)
        .set("alarm_description", description)
        .set("comparison_operator", "GreaterThanOrEqualToThreshold")
        .set("threshold", threshold)
        .set("evaluation_periods", 1)
        .set("datapoints_to_alarm", 1)
        .set("treat_missing_data", "notBreaching")
        .set("alarm_actions", json!(actions))
        .set("ok_actions", json!(actions))
}

/// The share of 5XX answers, by metric math.
fn api_errors(s: &Stack<'_>, stores: &Stores, api: &Api) -> Component {
    let metric = |id: &str, name: &str| {
        json!({
            "id": id, "return_data": false,
            "metric": {
                "namespace": "AWS/ApiGateway", "metric_name": name, "period": 300, "stat": "Sum",
                "dimensions": {"ApiName": api.name, "Stage": s.p.api.stage_name},
            },
        })
    };
    let threshold = Value::Number(s.p.alarms.api_5xx_percent.clone());
    base(s, stores, "api_5xx", "Too many requests fail", threshold).set(
        "metrics",
        json!([
            {"id": "rate", "expression": "100 * errors / requests", "label": "5XX rate in percent", "return_data": true},
            metric("errors", "5XXError"),
            metric("requests", "Count"),
        ]),
    )
}
