//! Metric filters, metrics and the dashboard.

use super::*;

#[test]
fn o19_o20_latency_is_one_metric_without_invented_zeros() {
    let graph = graph(json!({}));
    let filters: Vec<&str> = of_kind(&graph, "metric_filter").map(|c| c.key.as_str()).collect();
    assert_eq!(filters, ["metric_filter.latency"]);
    let transformation = &setting(&graph, "metric_filter.latency", "metric_transformations")[0];
    assert_eq!(transformation["metric_name"], "APILatency");
    assert_eq!(transformation["unit"], "Milliseconds");
    assert!(transformation.get("default_value").is_none(), "O-20");
    let widget = widget(&graph, "API Latency from Access Logs").unwrap();
    let stats: Vec<&Value> = widget["properties"]["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row.as_array().unwrap().last().unwrap()["stat"])
        .collect();
    assert_eq!(stats, ["p50", "p95", "p99"], "percentiles are statistics");
    let legacy = self::graph(json!({"latency_filter": {"legacy_metric_names": true, "default_value": 0}}));
    let transformation = &setting(&legacy, "metric_filter.latency_p95", "metric_transformations")[0];
    assert_eq!(
        (&transformation["metric_name"], &transformation["default_value"]),
        (&json!("APILatencyP95"), &json!(0))
    );
    assert_eq!(
        setting(&legacy, "metric_filter.latency_p95", "filter_name"),
        "api-latency-p95-dev"
    );
    assert_eq!(of_kind(&legacy, "metric_filter").count(), 4);
}

#[test]
fn o21_the_filter_reads_the_format_that_the_stack_gives_out() {
    let json_format = graph(json!({}));
    let format = json_format.outputs["access_log_format"].as_str().unwrap().to_owned();
    let parsed: Value = serde_json::from_str(&format).unwrap();
    assert_eq!(parsed["responseLatency"], "$context.responseLatency");
    let filter = |graph: &Graph, name: &str| setting(graph, "metric_filter.latency", name);
    assert_eq!(filter(&json_format, "filter_pattern"), "{ $.responseLatency = * }");
    assert_eq!(
        filter(&json_format, "metric_transformations")[0]["metric_value"],
        "$.responseLatency"
    );

    let spaced = graph(json!({"latency_filter": {"format": "space_delimited"}}));
    let format = spaced.outputs["access_log_format"].as_str().unwrap();
    let fields: Vec<&str> = format.split(' ').collect();
    assert_eq!(fields.len(), 6, "{format}");
    assert!(!fields.contains(&"$context.requestTime"), "it holds a space itself");
    assert_eq!(fields[5], "$context.responseLatency");
    assert_eq!(
        filter(&spaced, "filter_pattern"),
        "[timestamp, request_id, method, path, status, latency]"
    );
    assert_eq!(filter(&spaced, "metric_transformations")[0]["metric_value"], "$latency");
    let own = json!({"latency_filter": {"pattern": "{ $.ms = * }", "value": "$.ms", "log_group_name": "/mine"}});
    let own = graph(own);
    assert_eq!(filter(&own, "filter_pattern"), "{ $.ms = * }");
    assert_eq!(filter(&own, "log_group_name"), "/mine");
}

#[test]
fn o22_all_metrics_are_in_one_namespace_of_the_environment() {
    let graph = graph(json!({}));
    let filter = &setting(&graph, "metric_filter.latency", "metric_transformations")[0];
    let function = &setting(&graph, "lambda_function.metrics", "environment");
    assert_eq!(filter["metric_namespace"], "PaymentProcessing/dev");
    assert_eq!(function["METRICS_NAMESPACE"], "PaymentProcessing/dev");
    assert_eq!(graph.outputs["metrics_namespace"], "PaymentProcessing/dev");
    assert_eq!(
        setting(&graph, "metric_alarm.handler_faults", "namespace"),
        "PaymentProcessing/dev"
    );
}

/// 9.2 item 12.
#[test]
fn o23_o24_every_widget_has_place_and_region_and_every_metric_its_dimensions() {
    let graph = graph(full());
    let widgets = widgets(&graph);
    assert!(widgets.len() >= 10, "{}", widgets.len());
    let places: BTreeSet<(i64, i64)> = widgets
        .iter()
        .map(|w| (w["x"].as_i64().unwrap(), w["y"].as_i64().unwrap()))
        .collect();
    assert_eq!(places.len(), widgets.len(), "none lies on another");
    for widget in &widgets {
        assert_eq!(widget["properties"]["region"], REGION);
        assert!(widget["width"] == 12 && widget["height"] == 6);
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let row = row.as_array().unwrap();
            // A metric filter's metric has none; its namespace is the environment's own.
            let own = row[0] == "PaymentProcessing/dev" && row[1] == "APILatency";
            assert_eq!(row.len() >= 5, !own, "{row:?}");
        }
    }
    let names: Vec<Value> = ["RDS Database Connections", "Lambda Errors and Invocations"]
        .iter()
        .flat_map(|title| {
            widget(&graph, title).unwrap()["properties"]["metrics"]
                .as_array()
                .cloned()
                .unwrap()
        })
        .collect();
    let text = json!(names).to_string();
    for dimension in [
        "\"payments-db\"",
        "\"payment-processor-dev\"",
        "\"webhook-validator-dev\"",
    ] {
        assert!(text.contains(dimension), "{dimension} is not in {text}");
    }
    let none = self::graph(json!({}));
    assert!(widget(&none, "RDS Database Connections").is_none(), "O-24");
    assert!(widget(&none, "API Gateway Latency Percentiles").is_none(), "O-23");
}

/// Namespace, metric and dimensions of a widget's row.
fn shown(row: &Value) -> super::handler::Shown {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = row.as_array().unwrap();
    let mut dimensions: Vec<_> = row[2..row.len() - 1]
        .chunks(2)
        .map(|pair| (text(&pair[0]), text(&pair[1])))
        .collect();
    dimensions.sort();
    (text(&row[0]), text(&row[1]), dimensions)
}

/// O-23, 9.2 item 12: nothing is shown, and nothing alarmed on, that the handler does not emit with these very dimensions.
#[tokio::test]
async fn the_dashboards_payment_metrics_have_the_dimensions_that_the_handler_gives_them() {
    let types = ["credit_card", "wallet"];
    let graph = graph(json!({"custom_metrics": {"allowed_payment_types": types}}));
    let emitted = super::handler::emitted(&graph, &types).await;
    let rows: Vec<_> = widgets(&graph)
        .iter()
        .flat_map(|widget| widget["properties"]["metrics"].as_array().cloned().unwrap_or_default())
        .map(|row| shown(&row))
        // The latency filter's metric is not the handler's.
        .filter(|(namespace, metric, _)| namespace == "PaymentProcessing/dev" && metric != "APILatency")
        .collect();
    for row in &rows {
        assert!(emitted.contains(row), "{row:?} is not in {emitted:#?}");
    }
    let names: BTreeSet<&str> = rows.iter().map(|(_, metric, _)| metric.as_str()).collect();
    let expected = [
        "HandlerFault",
        "PaymentError",
        "PaymentProcessingTime",
        "PaymentSuccess",
    ];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        rows.len(),
        3 + 3 + 1 + 1,
        "each type and `other` twice, errors, faults: {rows:#?}"
    );
    let alarm = |name: &str| setting(&graph, "metric_alarm.handler_faults", name);
    let dimensions = alarm("dimensions").as_object().unwrap().clone();
    let mut dimensions: Vec<_> = dimensions
        .into_iter()
        .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
        .collect();
    dimensions.sort();
    let text = |name: &str| alarm(name).as_str().unwrap().to_owned();
    assert!(emitted.contains(&(text("namespace"), text("metric_name"), dimensions)));
}

#[test]
fn o25_amounts_are_summed_by_currency_and_apart_from_times() {
    let graph = graph(json!({}));
    let amounts = widget(&graph, "Payment Amounts by Currency").unwrap();
    let query = amounts["properties"]["query"].as_str().unwrap();
    assert!(
        query.contains("by currency") && query.contains("'/aws/lambda/payment-processor-dev'"),
        "{query}"
    );
    for widget in widgets(&graph) {
        let text = widget.to_string();
        assert!(
            !(text.contains("PaymentAmount") && text.contains("PaymentProcessingTime")),
            "{text}"
        );
    }
    let called = self::graph(json!({"custom_metrics": {"mode": "put_metric_data"}}));
    assert!(
        widget(&called, "Payment Amounts by Currency").is_none(),
        "such logs hold no amounts"
    );
}

#[test]
fn o26_the_body_holds_what_cloudwatch_knows() {
    let graph = graph(json!({"dashboard": {"start": "-PT1H", "period_override": "inherit", "period": 60}}));
    let body = setting(&graph, "dashboard.main", "dashboard_body");
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["periodOverride", "start", "widgets"]);
    assert_eq!(
        (&body["start"], &body["periodOverride"]),
        (&json!("-PT1H"), &json!("inherit"))
    );
    assert_eq!(body["widgets"][0]["properties"]["period"], 60);
    assert!(refused(json!({"dashboard": {"period": 45}}), "dashboard.period"));
}
