//! The dashboard (W-60): every metric with its dimensions, every widget with its place.

use serde_json::{Value, json};

use super::Stack;
use super::api::Api;
use super::data::{Data, Stores};
use super::functions::Functions;
use super::metric::{Metric, lambda, queue, workflow};

pub(super) fn build(s: &mut Stack<'_>, data: &Data, stores: &Stores, functions: &Functions, api: &Api) {
    if !s.p.dashboard.enabled {
        return;
    }
    let region = &s.b.environment.region;
    let place = |(i, (title, metrics)): (usize, (&str, Vec<Value>))| {
        json!({
            "type": "metric", "x": (i % 3) * 8, "y": (i / 3) * 6, "width": 8, "height": 6,
            "properties": {
                "title": title, "metrics": metrics, "period": 300, "region": region,
                "view": "timeSeries", "stacked": false, "yAxis": {"left": {"min": 0}},
            },
        })
    };
    let widgets: Vec<Value> = widgets(s, data, stores, functions, api)
        .into_iter()
        .enumerate()
        .map(place)
        .collect();
    let name =
        s.b.name("dashboard.main", s.p.dashboard.name.as_ref(), "transaction-metrics");
    let dashboard = s.b.component("dashboard", "main");
    let dashboard = dashboard
        .set("dashboard_name", name)
        .set("dashboard_body", json!({"widgets": widgets}));
    let key = s.b.add(dashboard);
    s.b.graph.output("dashboard_name", key.output("name"));
}

/// Title and rows of each widget.
fn widgets(s: &Stack<'_>, data: &Data, stores: &Stores, f: &Functions, api: &Api) -> Vec<(&'static str, Vec<Value>)> {
    let table = json!({"TableName": data.table_name});
    let stage = json!({"ApiName": api.name, "Stage": s.p.api.stage_name});
    let topic =
        s.b.name("sns_topic.alerts", s.p.alerts_topic.name.as_ref(), "transaction-alerts");
    let topic = json!({"TopicName": topic});
    let executions = ["ExecutionsFailed", "ExecutionsSucceeded", "ExecutionsTimedOut"];
    vec![
        ("Lambda Invocations", per_function(f, "Invocations", "Sum")),
        ("Lambda Duration (ms)", per_function(f, "Duration", "Average")),
        ("Lambda Errors", per_function(f, "Errors", "Sum")),
        (
            "DynamoDB Capacity Units",
            sums(
                "AWS/DynamoDB",
                &table,
                &["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"],
            ),
        ),
        (
            "Step Functions Executions",
            executions.map(|name| row(&workflow(s, name), name)).into(),
        ),
        (
            "API Gateway Requests",
            sums("AWS/ApiGateway", &stage, &["Count", "4XXError", "5XXError"]),
        ),
        ("EventBridge Invocations", per_rule(s, data)),
        (
            "SNS Messages",
            sums(
                "AWS/SNS",
                &topic,
                &["NumberOfMessagesPublished", "NumberOfNotificationsFailed"],
            ),
        ),
        (
            "Dead-letter queue",
            vec![row(&queue(&stores.dlq_name), "Messages waiting")],
        ),
    ]
}

fn per_function(f: &Functions, name: &str, stat: &str) -> Vec<Value> {
    let functions = [
        (&f.validator, "Webhook Validator"),
        (&f.publisher, "Outbox Publisher"),
        (&f.fraud, "Fraud Detector"),
        (&f.archival, "Archival Function"),
    ];
    functions
        .map(|(function, label)| row(&lambda(function, name, stat), label))
        .into()
}

fn per_rule(s: &Stack<'_>, data: &Data) -> Vec<Value> {
    let rules = s.b.graph.components.values().filter(|c| c.kind == "event_rule");
    let names = rules.filter_map(|c| c.settings.get("name").and_then(Value::as_str));
    let rows = names.flat_map(|rule| {
        let dimensions = json!({"EventBusName": data.bus_name, "RuleName": rule});
        ["Invocations", "FailedInvocations"].map(|name| {
            let metric = Metric {
                namespace: "AWS/Events",
                name,
                dimensions: dimensions.clone(),
                stat: "Sum",
            };
            row(&metric, &format!("{rule} {name}"))
        })
    });
    rows.collect()
}

/// Sums of several metrics of one thing.
fn sums(namespace: &str, dimensions: &Value, names: &[&str]) -> Vec<Value> {
    let sum = |name: &&str| {
        row(
            &Metric {
                namespace,
                name,
                dimensions: dimensions.clone(),
                stat: "Sum",
            },
            name,
        )
    };
    names.iter().map(sum).collect()
}

/// A row of a widget: namespace, metric, dimensions by name and value, options.
fn row(metric: &Metric<'_>, label: &str) -> Value {
    let mut row = vec![json!(metric.namespace), json!(metric.name)];
    for (name, value) in metric.dimensions.as_object().into_iter().flatten() {
        row.push(json!(name));
        row.push(value.clone());
    }
    row.push(json!({"label": label, "stat": metric.stat}));
    Value::Array(row)
}
