//! The dashboard (O-23 to O-26): every metric with its dimensions, every widget with its place and region, one unit for
//! each axis.

use serde_json::{Value, json};

use super::alarms::{api_metric, canary_metric, faults, latency_metric};
use super::{Names, Stack};
use crate::composite::metric::Metric;

const RED: &str = "#d62728";
const GREEN: &str = "#2ca02c";

/// Title and properties besides those that all widgets share; `None` for the type `metric`.
struct Widget {
    title: &'static str,
    unit: &'static str,
    rows: Vec<Value>,
    query: Option<String>,
}

impl Widget {
    fn metrics(title: &'static str, unit: &'static str, rows: Vec<Value>) -> Self {
        Self {
            title,
            unit,
            rows,
            query: None,
        }
    }
}

pub(super) fn build(s: &mut Stack<'_>, names: &Names) {
    let d = &s.o.dashboard;
    if !d.enabled {
        return;
    }
    let own = widgets(s, names);
    let mut placed: Vec<Value> = own.iter().enumerate().map(|(i, widget)| place(s, i, widget)).collect();
    let below = own.len().div_ceil(2) * 6;
    placed.extend(additional(s, below));
    let name = s.b.name("dashboard.main", d.name.as_ref(), "payment-processing");
    let body = json!({"start": d.start, "periodOverride": d.period_override, "widgets": placed});
    let dashboard =
        s.b.component("dashboard", "main")
            .set("dashboard_name", name)
            .set("dashboard_body", body);
    let key = s.b.add(dashboard);
    s.b.graph.output("dashboard_name", key.output("name"));
}

/// Two in a row, as the seed has them.
fn place(s: &Stack<'_>, i: usize, widget: &Widget) -> Value {
    let region = &s.b.environment.region;
    let (kind, properties) = match &widget.query {
        Some(query) => (
            "log",
            json!({"title": widget.title, "query": query, "region": region, "view": "table"}),
        ),
        None => (
            "metric",
            json!({
                "title": widget.title, "metrics": widget.rows, "period": s.o.dashboard.period, "region": region,
                "view": "timeSeries", "stacked": false,
                "yAxis": {"left": {"min": 0, "label": widget.unit, "showUnits": false}},
            }),
        ),
    };
    json!({
        "type": kind, "x": (i % 2) * 12, "y": (i / 2) * 6, "width": 12, "height": 6, "properties": properties,
    })
}

/// The user's widgets; those without a place go below the stack's.
fn additional(s: &Stack<'_>, below: usize) -> Vec<Value> {
    let text = s.o.dashboard.additional_widgets_json.as_deref().unwrap_or("[]");
    let widgets: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let mut y = below;
    widgets
        .into_iter()
        .map(|mut widget| {
            if widget["x"].is_null() || widget["y"].is_null() {
                widget["x"] = 0.into();
                widget["y"] = y.into();
                let height = widget["height"]
                    .as_u64()
                    .and_then(|height| usize::try_from(height).ok());
                y += height.unwrap_or(6);
            }
            for (name, default) in [("width", 12), ("height", 6)] {
                if widget[name].is_null() {
                    widget[name] = default.into();
                }
            }
            let of_region = widget["type"] == "metric" || widget["type"] == "log";
            if of_region && widget["properties"]["region"].is_null() {
                widget["properties"]["region"] = s.b.environment.region.as_str().into();
            }
            widget
        })
        .collect()
}

fn widgets(s: &Stack<'_>, names: &Names) -> Vec<Widget> {
    let mut all = Vec::new();
    all.extend(api(s));
    if s.o.latency_filter.enabled {
        let rows = percentiles(s, |stat| Some(latency_metric(s, names, stat)));
        all.push(Widget::metrics("API Latency from Access Logs", "Milliseconds", rows));
    }
    all.extend(lambda(s, names));
    all.extend(rds(s));
    if names.function.is_some() {
        all.extend(payments(s, names));
    }
    if let Some(canary) = &names.canary {
        let success = canary_metric(canary, "SuccessPercent").row("Successful runs");
        all.push(Widget::metrics("Health Check Success", "Percent", vec![success]));
        let duration = canary_metric(canary, "Duration").row("Duration");
        all.push(Widget::metrics("Health Check Duration", "Milliseconds", vec![duration]));
    }
    all
}

/// One row for each percentile, labelled in capitals as in the seed.
fn percentiles<'a>(s: &'a Stack<'_>, metric: impl Fn(&'a str) -> Option<Metric<'a>>) -> Vec<Value> {
    let rows = s.o.latency_percentiles.iter();
    rows.filter_map(|p| Some(metric(p)?.row(&p.to_uppercase()))).collect()
}

fn api(s: &Stack<'_>) -> Vec<Widget> {
    let Some(average) = api_metric(s, "Latency", "Average") else {
        return Vec::new();
    };
    let mut latency = vec![average.row("Average")];
    latency.extend(percentiles(s, |stat| api_metric(s, "Latency", stat)));
    let counts = ["Count", "4XXError", "5XXError"];
    let counts = counts
        .iter()
        .filter_map(|name| Some(api_metric(s, name, "Sum")?.row(name)));
    vec![
        Widget::metrics("API Gateway Latency Percentiles", "Milliseconds", latency),
        Widget::metrics("API Gateway Requests", "Count", counts.collect()),
    ]
}

/// Our function and the watched ones, each by its name (O-24).
fn lambda(s: &Stack<'_>, names: &Names) -> Option<Widget> {
    let own = names.function.iter().map(|name| ("", name));
    let watched = s.o.lambda_error_alarm.function_names.iter().flatten();
    let watched = watched.map(|(label, name)| (label.as_str(), name));
    let mut rows = Vec::new();
    for (label, function) in own.chain(watched) {
        for (metric, colour) in [("Errors", RED), ("Invocations", GREEN)] {
            let label = format!("{label} {metric}");
            let mut row = Metric::lambda(function, metric, "Sum").row(label.trim());
            // More than one function in one colour could not be told apart.
            if s.o.lambda_error_alarm.function_names.is_none() {
                paint(&mut row, colour);
            }
            rows.push(row);
        }
    }
    if names.function.is_some() {
        rows.push(faults(s, names).row("Handler faults"));
    }
    (!rows.is_empty()).then(|| Widget::metrics("Lambda Errors and Invocations", "Count", rows))
}

fn paint(row: &mut Value, colour: &str) {
    if let Some(options) = row.as_array_mut().and_then(|row| row.last_mut()) {
        options["color"] = colour.into();
    }
}

fn rds(s: &Stack<'_>) -> Option<Widget> {
    let r = &s.o.rds;
    let dimensions = match (&r.db_instance_identifier, &r.db_cluster_identifier) {
        (Some(id), _) => json!({"DBInstanceIdentifier": id}),
        (None, Some(id)) => json!({"DBClusterIdentifier": id}),
        (None, None) => return None,
    };
    let connections = Metric {
        namespace: "AWS/RDS",
        name: "DatabaseConnections",
        dimensions,
        stat: "Average",
    };
    Some(Widget::metrics(
        "RDS Database Connections",
        "Count",
        vec![connections.row("DB Connections")],
    ))
}

/// Payments, durations and failures apart (O-25), with the dimensions of `handlers/README.md`.
fn payments(s: &Stack<'_>, names: &Names) -> Vec<Widget> {
    let sfx = &s.b.shared.environment_suffix;
    let of_type = |name, stat: &'static str| -> Vec<Value> {
        let types = s.o.custom_metrics.allowed_payment_types.iter().map(String::as_str);
        let types = types.filter(|t| *t != "other").chain(["other"]);
        types
            .map(|payment_type| {
                let metric = Metric {
                    namespace: &names.metrics,
                    name,
                    dimensions: json!({"PaymentType": payment_type, "Environment": sfx}),
                    stat,
                };
                metric.row(payment_type)
            })
            .collect()
    };
    // The only type of error that the handler has: what goes wrong on its own side is a `HandlerFault`.
    let refused = Metric {
        namespace: &names.metrics,
        name: "PaymentError",
        dimensions: json!({"Environment": sfx, "ErrorType": "ValidationError"}),
        stat: "Sum",
    };
    let mut all = vec![
        Widget::metrics("Payments by Type", "Count", of_type("PaymentSuccess", "Sum")),
        Widget::metrics(
            "Payment Processing Time",
            "Milliseconds",
            of_type("PaymentProcessingTime", "Average"),
        ),
        Widget::metrics("Payment Errors", "Count", vec![refused.row("ValidationError")]),
    ];
    if s.o.custom_metrics.mode == "emf" {
        all.push(Widget {
            title: "Payment Amounts by Currency",
            unit: "",
            rows: Vec::new(),
            // Sums over several currencies mean nothing; the currency is a property of the log line, no dimension.
            query: Some(format!(
                "SOURCE '{}' | filter ispresent(PaymentAmount) | stats sum(PaymentAmount) as amount, count(*) as payments by currency, PaymentType",
                names.function_log_group
            )),
        });
    }
    all
}
