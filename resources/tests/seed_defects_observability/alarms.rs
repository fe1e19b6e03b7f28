//! Alarms, their composite, and who is told.

use super::*;

#[test]
fn o12_a_failing_or_silent_canary_raises_an_alarm() {
    let graph = graph(full());
    let alarm = |name: &str| setting(&graph, "metric_alarm.canary", name);
    assert_eq!(alarm("metric_name"), "SuccessPercent");
    assert_eq!(alarm("dimensions"), json!({"CanaryName": "health-check-dev"}));
    assert_eq!(
        (alarm("comparison_operator"), alarm("threshold")),
        (json!("LessThanThreshold"), json!(90))
    );
    assert_eq!((alarm("period"), alarm("evaluation_periods")), (json!(300), json!(2)));
    assert_eq!(alarm("treat_missing_data"), "breaching");
    let mut config = full();
    config["canary"]["start_canary"] = false.into();
    let stopped = setting(
        &self::graph(config.clone()),
        "metric_alarm.canary",
        "treat_missing_data",
    );
    assert_eq!(stopped, "notBreaching", "one that is not to run is not missed");
    config["canary_alarm"] = json!({"enabled": false});
    assert!(!has(&self::graph(config), "metric_alarm.canary"));
}

/// 9.2 item 11.
#[test]
fn o13_o14_o15_rates_are_percentages_by_metric_math_with_dimensions() {
    let graph = graph(full());
    let terms = |key: &str| -> (Value, Vec<Value>) {
        let metrics = setting(&graph, key, "metrics");
        let all = metrics.as_array().unwrap();
        let inputs = all
            .iter()
            .filter(|m| !m["metric"].is_null())
            .map(|m| m["metric"].clone());
        (all[0]["expression"].clone(), inputs.collect())
    };
    let (expression, inputs) = terms("metric_alarm.api_errors");
    assert_eq!(expression, "100 * bad / total");
    let names: Vec<&Value> = inputs.iter().map(|m| &m["metric_name"]).collect();
    assert_eq!(names, ["5XXError", "Count"]);
    for input in &inputs {
        assert_eq!(
            input["dimensions"],
            json!({"ApiName": "payments", "Stage": "v1"}),
            "O-13"
        );
        assert_eq!((&input["stat"], &input["period"]), (&json!("Sum"), &json!(300)), "O-14");
    }
    assert_eq!(
        setting(&graph, "metric_alarm.api_errors", "threshold"),
        json!(5),
        "percent"
    );
    for (key, function) in [
        ("metric_alarm.lambda_errors", "payment-processor-dev"),
        ("metric_alarm.lambda_errors_validator", "webhook-validator-dev"),
    ] {
        let (expression, inputs) = terms(key);
        assert_eq!(expression, "100 * bad / total");
        let names: Vec<&Value> = inputs.iter().map(|m| &m["metric_name"]).collect();
        assert_eq!(names, ["Errors", "Invocations"]);
        assert!(
            inputs
                .iter()
                .all(|m| m["dimensions"] == json!({"FunctionName": function}) && m["stat"] == "Sum")
        );
        assert_eq!(setting(&graph, key, "threshold"), json!(10), "O-15: percent");
    }
    for alarm in of_kind(&graph, "metric_alarm") {
        assert_eq!(
            alarm.settings["datapoints_to_alarm"],
            alarm.settings["evaluation_periods"]
        );
    }
}

#[test]
fn o13_without_a_name_there_is_no_alarm_that_stays_green() {
    assert!(!has(&graph(json!({})), "metric_alarm.api_errors"));
    assert!(refused(json!({"api_error_alarm": {"enabled": true}}), "api.name"));
    let without_stage = graph(json!({"api": {"name": "payments"}}));
    let metrics = setting(&without_stage, "metric_alarm.api_errors", "metrics");
    assert_eq!(metrics[1]["metric"]["dimensions"], json!({"ApiName": "payments"}));
}

#[test]
fn a_minimum_of_requests_keeps_one_failure_at_night_from_waking_people() {
    let graph = graph(json!({
        "api": {"name": "payments"},
        "api_error_alarm": {"min_requests": 20},
        "lambda_error_alarm": {"min_invocations": 10},
    }));
    let expression = |key: &str| setting(&graph, key, "metrics")[0]["expression"].clone();
    assert_eq!(
        expression("metric_alarm.api_errors"),
        "IF(total >= 20, 100 * bad / total, 0)"
    );
    assert_eq!(
        expression("metric_alarm.lambda_errors"),
        "IF(total >= 10, 100 * bad / total, 0)"
    );
}

#[test]
fn o16_the_composite_alarm_is_over_every_alarm_with_quoted_names() {
    let graph = graph(full());
    let rule = setting(&graph, "composite_alarm.critical", "alarm_rule");
    let children: Vec<String> = of_kind(&graph, "metric_alarm").map(|c| c.key.output("name")).collect();
    assert_eq!(children.len(), 6);
    for child in &children {
        assert!(
            rule.as_str().unwrap().contains(&format!("ALARM(\"{child}\")")),
            "{child} is not in {rule}"
        );
    }
    assert_eq!(rule.as_str().unwrap().matches(" OR ").count(), children.len() - 1);
    let mut config = full();
    config["composite_alarm"] = json!({
        "rule": "ALARM(\"lambda-high-errors-dev\") AND ALARM(\"canary-failing-dev\")",
        "actions_suppressor": {"alarm": "maintenance"},
    });
    let own = self::graph(config);
    assert_eq!(
        setting(&own, "composite_alarm.critical", "actions_suppressor"),
        json!({"alarm": "maintenance", "wait_period": 60, "extension_period": 60})
    );
    let composite = &own.components[&Key::from("composite_alarm.critical")];
    assert_eq!(composite.depends_on.len(), children.len(), "made after what it names");
}

#[test]
fn o17_one_incident_is_one_notice() {
    let told = |graph: &Graph| -> Vec<String> {
        let alarms = graph.components.values().filter(|c| c.kind.ends_with("_alarm"));
        let telling = alarms.filter(|c| c.settings.contains_key("alarm_actions"));
        telling.map(|c| c.key.to_string()).collect()
    };
    assert_eq!(told(&graph(full())), ["composite_alarm.critical"]);
    let mut all = full();
    all["alarm_notification_mode"] = "all".into();
    assert_eq!(told(&graph(all)).len(), 7);
    let mut named = full();
    named["composite_alarm"] = json!({"rule": "ALARM(\"api-high-errors-dev\")"});
    let heard = told(&graph(named));
    assert!(!heard.contains(&"metric_alarm.api_errors".to_owned()));
    assert_eq!(
        heard.len(),
        6,
        "what the rule does not name speaks for itself: {heard:?}"
    );
    assert!(refused(
        json!({"composite_alarm": {"enabled": false}}),
        "alarm_notification_mode"
    ));
}

#[test]
fn o18_recovery_is_told_too() {
    let action = |config: Value, name: &str| setting(&graph(config), "composite_alarm.critical", name);
    assert_eq!(action(json!({}), "alarm_actions"), json!([TOPIC]));
    assert_eq!(action(json!({}), "ok_actions"), json!([TOPIC]));
    assert!(action(json!({}), "insufficient_data_actions").is_null());
    let pager = "arn:aws:sns:eu-central-1:111122223333:pager";
    assert_eq!(action(json!({"ok_actions": [pager]}), "ok_actions"), json!([pager]));
    assert!(action(json!({"ok_actions": []}), "ok_actions").is_null());
}

/// The names of a payment stack's functions as they come: `<region>/<function>`.
#[test]
fn functions_of_a_payment_stack_are_watched_under_the_labels_that_it_gives_them() {
    let watched = |functions: Value| json!({"lambda_error_alarm": {"function_names": functions}});
    let config =
        watched(json!({"eu-central-1/processor": "process-payment-dev", "validator": "webhook-validator-dev"}));
    assert!(!found(config.clone()).has_errors(), "{:?}", found(config));
    let graph = graph(watched(json!({"eu-central-1/processor": "process-payment-dev"})));
    let key = "metric_alarm.lambda_errors_eu-central-1_processor";
    assert_eq!(
        setting(&graph, key, "alarm_name"),
        "lambda-high-errors-eu-central-1-processor-dev"
    );
    assert_eq!(
        setting(&graph, key, "metrics")[1]["metric"]["dimensions"],
        json!({"FunctionName": "process-payment-dev"})
    );
    assert_eq!(
        graph.outputs["alarm_names"]["lambda_errors_eu-central-1_processor"],
        format!("${{{key}.name}}")
    );
    let path = |label: &str| format!("lambda_error_alarm.function_names[\"{label}\"]");
    for other in ["a_b", "a-b"] {
        assert!(
            refused(watched(json!({"a/b": "f", other: "g"})), &path("a/b")),
            "{other}"
        );
    }
    for wrong in ["a/b/c", "/a", "a/", "A", ""] {
        assert!(found(watched(json!({wrong: "f"}))).has_errors(), "{wrong}");
    }
}
