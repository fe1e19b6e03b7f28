//! One dashboard for all regions (P-26, P-27): every metric with its dimensions and its region.

use serde_json::{Value, json};

use super::names::named;
use super::site::{Place, Stack};
use crate::composite::metric::Metric;

pub(super) fn build(s: &mut Stack<'_>) {
    let d = &s.p.dashboard;
    if !d.enabled {
        return;
    }
    let mut widgets = Vec::new();
    for (row, place) in s.places.iter().enumerate() {
        let titled = widgets_of(s, place);
        let placed = titled.into_iter().enumerate().map(|(i, (title, metrics))| {
            json!({
                "type": "metric", "x": (i % 4) * 6, "y": row * 12 + (i / 4) * 6, "width": 6, "height": 6,
                "properties": {
                    "title": format!("{title} ({})", place.region()), "metrics": metrics, "period": 300,
                    "region": place.region(), "view": "timeSeries", "stacked": false, "yAxis": {"left": {"min": 0}},
                },
            })
        });
        widgets.extend(placed);
    }
    if let Some(extra) = &d.widgets_extra {
        match tap_engine::json::parse_document(extra) {
            Value::Array(items) => widgets.extend(items),
            other => widgets.push(other),
        }
    }
    let name = named(&s.b, "dashboard.main", d.name.as_ref(), "payment-stack");
    let dashboard =
        s.b.component("dashboard", "main")
            .set("dashboard_name", name)
            .set("dashboard_body", json!({"widgets": widgets}));
    let key = s.b.add(dashboard);
    s.b.graph.output("dashboard_name", key.output("name"));
}

/// Title and rows of each widget of a region: of what there is.
fn widgets_of(s: &Stack<'_>, place: &Place) -> Vec<(&'static str, Vec<Value>)> {
    let names = &place.names;
    let has = |kind: &str, name: &str| {
        let key = tap_engine::Key::in_region(place.region(), kind, name);
        s.b.graph.components.contains_key(&key)
    };
    let candidates = [
        ("processor", &names.processor),
        ("accounting", &names.accounting),
        ("failure_notifier", &names.notifier),
        ("reconciler", &names.reconciler),
    ];
    let functions: Vec<&String> = candidates
        .into_iter()
        .filter(|(key, _)| has("lambda_function", key))
        .map(|(_, name)| name)
        .collect();
    let per_function = |metric: &str, stat: &str| -> Vec<Value> {
        functions
            .iter()
            .map(|name| Metric::lambda(name, metric, stat).row(name))
            .collect()
    };
    let rows = |metrics: &[Metric<'_>]| -> Vec<Value> { metrics.iter().map(|m| m.row(m.name)).collect() };
    let mut widgets = vec![
        ("Lambda Invocations", per_function("Invocations", "Sum")),
        ("Lambda Errors", per_function("Errors", "Sum")),
        ("Lambda Duration p99 (ms)", per_function("Duration", "p99")),
        (
            "DynamoDB Capacity Units",
            rows(&[
                Metric::table(&s.table_name, "ConsumedReadCapacityUnits"),
                Metric::table(&s.table_name, "ConsumedWriteCapacityUnits"),
            ]),
        ),
    ];
    if has("rest_api", "payments") {
        let api = |name| Metric::api(&names.api, &s.p.api.stage_name, name, "Sum");
        widgets.push(("API Requests", rows(&[api("Count"), api("4XXError"), api("5XXError")])));
    }
    let queues = [("payments", &names.queue), ("dlq", &names.dlq)];
    let queues: Vec<Value> = queues
        .into_iter()
        .filter(|(key, _)| has("sqs_queue", key))
        .map(|(_, name)| Metric::queue(name, "ApproximateNumberOfMessagesVisible").row(name))
        .collect();
    if !queues.is_empty() {
        widgets.push(("Messages Waiting", queues));
    }
    if has("state_machine", "payments") {
        let e = &place.environment;
        let machine = format!(
            "arn:{}:states:{}:{}:stateMachine:{}",
            e.partition, e.region, e.account_id, names.workflow
        );
        let executions = ["ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"];
        widgets.push((
            "Workflow Executions",
            executions.map(|name| Metric::workflow(&machine, name).row(name)).into(),
        ));
    }
    if has("wafv2_web_acl", "api") {
        let metric = |name| Metric {
            namespace: "AWS/WAFV2",
            name,
            dimensions: json!({"WebACL": names.web_acl, "Region": place.region(), "Rule": "ALL"}),
            stat: "Sum",
        };
        widgets.push(("WAF", rows(&[metric("AllowedRequests"), metric("BlockedRequests")])));
    }
    widgets
}
