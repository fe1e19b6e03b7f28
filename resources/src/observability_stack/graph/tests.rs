//! The graph, from configurations as users write them.

use serde_json::{Value, json};
use tap_engine::reference::has_unknown;
use tap_engine::{Graph, Key, PlanOptions, StackState};
use tap_plugin::Value as Terraform;

use crate::composite::{Composite, Environment};
use crate::observability_stack::ObservabilityStack;

fn environment(region: &str) -> Environment {
    Environment {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: region.into(),
    }
}

/// The effective configuration of what a user writes.
fn config(mut written: Value) -> Value {
    if written["environment_suffix"].is_null() {
        written["environment_suffix"] = "dev".into();
    }
    written["lambda_architecture"] = crate::bundle::architectures()
        .first()
        .copied()
        .unwrap_or("x86_64")
        .into();
    ObservabilityStack
        .schema()
        .with_defaults(&Terraform::from_json(&written))
        .to_json(&|_| Value::Null)
}

fn graph_in(region: &str, written: Value) -> Graph {
    ObservabilityStack
        .graph(&config(written), &environment(region))
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn graph(written: Value) -> Graph {
    graph_in("eu-central-1", written)
}

fn setting<'a>(graph: &'a Graph, key: &str, name: &str) -> &'a Value {
    let component = graph
        .components
        .get(&Key::from(key))
        .unwrap_or_else(|| panic!("no {key}"));
    &component.settings[name]
}

fn everything() -> Value {
    json!({
        "api": {"name": "payments", "stage": "v1", "id": "abc123", "execution_logs": true},
        "rds": {"db_instance_identifier": "payments-db", "log_types": ["postgresql", "upgrade"]},
        "latency_filter": {"legacy_metric_names": true},
        "latency_alarm": {"enabled": true, "threshold_ms": 800},
        "lambda_error_alarm": {"function_names": {"validator": "webhook-validator-dev"}},
        "alarm_email_endpoints": ["ops@payments.test"],
        "canary": {"url": "https://pay.test/health"},
    })
}

fn plan(graph: &Graph) -> tap_engine::Plan {
    let registry = crate::aws::registry(&crate::aws::testing::aws());
    let planned = tap_engine::plan(graph, &StackState::default(), &registry, &PlanOptions::default());
    planned.unwrap_or_else(|errors| {
        panic!(
            "{}",
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        )
    })
}

#[test]
fn every_stack_plans_from_nothing_with_every_setting_known_to_its_kind() {
    for written in [json!({}), everything()] {
        let graph = graph(written);
        assert_eq!(plan(&graph).steps.len(), graph.components.len());
    }
}

#[test]
fn the_smallest_stack_watches_nothing_that_it_was_not_told_of() {
    let graph = graph(json!({}));
    let keys: Vec<&str> = graph.components.keys().map(Key::as_str).collect();
    assert_eq!(
        keys,
        [
            "composite_alarm.critical",
            "dashboard.main",
            "iam_role.metrics",
            "kms_alias.main",
            "kms_key.main",
            "lambda_alias.metrics",
            "lambda_function.metrics",
            "log_group.api",
            "log_group.metrics",
            "log_group.rds",
            "metric_alarm.handler_faults",
            "metric_alarm.lambda_errors",
            "metric_filter.latency",
            "sns_topic.alarms",
        ]
    );
}

#[test]
fn everything_can_be_left_out() {
    let graph = graph(json!({
        "kms": {"create": false},
        "log_groups": {"api": {"enabled": false}, "rds": {"enabled": false}},
        "latency_filter": {"enabled": false},
        "lambda": {"enabled": false},
        "dashboard": {"enabled": false},
        "alarm_topic": {"existing_arn": "arn:aws:sns:eu-central-1:111122223333:pager"},
    }));
    assert!(graph.components.is_empty(), "{:?}", graph.components.keys());
    assert_eq!(
        graph.outputs["sns_topic_arn"],
        "arn:aws:sns:eu-central-1:111122223333:pager"
    );
}

#[test]
fn names_follow_style_attribute_and_override_in_this_order() {
    let name = |written| setting(&graph(written), "lambda_function.metrics", "function_name").clone();
    assert_eq!(name(json!({})), "payment-processor-dev");
    assert_eq!(name(json!({"name_style": "prefixed"})), "payment-dev-payment-processor");
    assert_eq!(name(json!({"lambda": {"function_name": "mine"}})), "mine");
    let both = json!({"lambda": {"function_name": "mine"}, "name_overrides": {"lambda_function.metrics": "yours"}});
    assert_eq!(name(both), "yours");
    let group = |written| setting(&graph(written), "log_group.metrics", "log_group_name").clone();
    assert_eq!(group(json!({"lambda": {"function_name": "mine"}})), "/aws/lambda/mine");
    assert_eq!(
        group(json!({"log_groups": {"lambda": {"name": "/payments/metrics"}}})),
        "/payments/metrics"
    );
    let errors = ObservabilityStack.graph(
        &config(json!({"name_overrides": {"sqs_queue.nope": "x"}})),
        &environment("eu-central-1"),
    );
    assert!(errors.is_err(), "an override of a component that is not there");
}

/// Another stack in the same plan: its names are known after apply, the stack's shape is known now.
#[test]
fn what_is_watched_may_be_unknown_when_the_stack_is_planned() {
    let unknown = Terraform::Unknown;
    let config_of = |open: Terraform| {
        let functions = Terraform::map([("validator", unknown.clone())]);
        let api = Terraform::map([
            ("name", unknown.clone()),
            ("stage", unknown.clone()),
            ("id", unknown.clone()),
        ]);
        Terraform::map([
            ("environment_suffix", open),
            ("api", api),
            ("lambda_error_alarm", Terraform::map([("function_names", functions)])),
            ("latency_filter", Terraform::map([("log_group_name", unknown.clone())])),
            ("canary", Terraform::map([("url", unknown.clone())])),
            ("alarm_actions", Terraform::list([unknown.clone()])),
        ])
    };
    let shape_is_known = |config: &Terraform| {
        let full = ObservabilityStack.schema().with_defaults(config);
        full.unknown_paths().iter().all(|path| ObservabilityStack.carries(path))
    };
    assert!(shape_is_known(&config_of("dev".into())));
    assert!(!shape_is_known(&config_of(unknown.clone())), "what are the names?");
    let functions = Terraform::map([("function_names", unknown.clone())]);
    assert!(
        !shape_is_known(&Terraform::map([("lambda_error_alarm", functions)])),
        "how many alarms?"
    );

    let marker = tap_engine::reference::UNKNOWN;
    let mut written = everything();
    for (group, name) in [("api", "name"), ("api", "stage"), ("api", "id"), ("canary", "url")] {
        written[group][name] = marker.into();
    }
    written["lambda_error_alarm"]["function_names"]["validator"] = marker.into();
    let found = ObservabilityStack.validate(&config(written.clone()));
    assert!(!found.has_errors(), "{found:?}");
    let graph = graph(written);
    let plan = plan(&graph);
    assert_eq!(plan.steps.len(), self::graph(everything()).components.len());
    let step = &plan.steps[&Key::from("metric_alarm.api_errors")];
    assert!(step.settings["metrics"].known().is_none(), "known after apply");
    assert_eq!(step.settings["alarm_name"].known(), Some(&json!("api-high-errors-dev")));
    assert!(has_unknown(setting(&graph, "canary.health", "script")));
}

#[test]
fn the_users_widgets_go_below_and_get_what_they_lack() {
    let widgets = json!([
        {"type": "text", "x": 4, "y": 90, "width": 3, "height": 2, "properties": {"markdown": "hello"}},
        {"type": "metric", "properties": {"metrics": [["Mine", "Queue", "Name", "a"]]}},
        {"type": "metric", "height": 3, "properties": {"region": "us-east-1", "metrics": [["Mine", "Queue", "Name", "b"]]}},
        {"type": "log", "properties": {"query": "SOURCE 'a'"}},
    ]);
    let graph = graph(json!({"dashboard": {"additional_widgets_json": widgets.to_string()}}));
    let placed = setting(&graph, "dashboard.main", "dashboard_body")["widgets"]
        .as_array()
        .unwrap();
    let own = placed.len() - 4;
    let below = own.div_ceil(2) * 6;
    let [text, plain, elsewhere, log] = &placed[own..] else {
        panic!()
    };
    assert_eq!(text, &widgets[0], "what is said is left alone");
    assert_eq!(
        (&plain["x"], &plain["y"], &plain["width"], &plain["height"]),
        (&json!(0), &json!(below), &json!(12), &json!(6))
    );
    assert_eq!(plain["properties"]["region"], "eu-central-1");
    assert_eq!(
        (&elsewhere["y"], &elsewhere["properties"]["region"]),
        (&json!(below + 6), &json!("us-east-1"))
    );
    assert_eq!(
        (&log["y"], &log["properties"]["region"]),
        (&json!(below + 9), &json!("eu-central-1"))
    );
}

/// In logs that cost less and carry no metrics (N-17); nothing reads any unless `written` says so.
fn rare(written: &Value) -> Value {
    let mut config = json!({
        "log_group_class": "INFREQUENT_ACCESS", "latency_filter": {"enabled": false}, "lambda": {"enabled": false},
        "handler_fault_alarm": {"enabled": false},
    });
    for (name, value) in written.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

/// Configurations that contradict themselves, each with the path of the attribute to blame.
fn contradictions() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"log_group_class": "INFREQUENT_ACCESS"}), "log_group_class"),
        (rare(&json!({"latency_filter": {"enabled": true}})), "log_group_class"),
        (rare(&json!({"lambda": {"enabled": true}})), "log_group_class"),
        (
            rare(
                &json!({"lambda": {"enabled": true}, "custom_metrics": {"mode": "put_metric_data"}, "handler_fault_alarm": {"enabled": true}}),
            ),
            "log_group_class",
        ),
        (
            json!({"alarm_subscriptions": [{"protocol": "sqs", "endpoint": "arn:aws:sqs:eu-central-1:111122223333:q.fifo"}]}),
            "alarm_subscriptions[0].endpoint",
        ),
        (
            json!({"log_groups": {"api": {"enabled": false}}}),
            "latency_filter.enabled",
        ),
        (
            json!({"latency_filter": {"pattern": "[a, b]"}}),
            "latency_filter.pattern",
        ),
        (json!({"api_error_alarm": {"enabled": true}}), "api.name"),
        (json!({"api": {"stage": "v1"}}), "api.stage"),
        (
            json!({"api": {"name": "a", "execution_logs": true}}),
            "api.execution_logs",
        ),
        (
            json!({"rds": {"db_instance_identifier": "a", "db_cluster_identifier": "b"}}),
            "rds.db_cluster_identifier",
        ),
        (json!({"rds": {"log_types": ["error"]}}), "rds.log_types"),
        (
            json!({"latency_alarm": {"enabled": true}}),
            "latency_alarm.threshold_ms",
        ),
        (
            json!({"latency_alarm": {"enabled": true, "threshold_ms": 5}, "latency_filter": {"enabled": false}}),
            "latency_alarm.enabled",
        ),
        (
            json!({"composite_alarm": {"enabled": false}}),
            "alarm_notification_mode",
        ),
        (
            json!({"alarm_topic": {"name": "a", "existing_arn": "arn:aws:sns:eu-central-1:111122223333:b"}}),
            "alarm_topic.existing_arn",
        ),
        (
            json!({
                "alarm_email_endpoints": ["a@b.test"],
                "alarm_subscriptions": [{"protocol": "email", "endpoint": "a@b.test"}],
            }),
            "alarm_subscriptions",
        ),
        (
            json!({"api_error_alarm": {"period": 3540, "evaluation_periods": 25}}),
            "api_error_alarm.evaluation_periods",
        ),
        (
            json!({"lambda_error_alarm": {"datapoints_to_alarm": 3}}),
            "lambda_error_alarm.datapoints_to_alarm",
        ),
        (
            json!({"lambda": {"environment": {"METRICS_MODE": "emf"}}}),
            "lambda.environment[\"METRICS_MODE\"]",
        ),
        (json!({"lambda_package": {"s3_bucket": "b"}}), "lambda_package"),
        (
            json!({"dashboard": {"additional_widgets_json": "{}"}}),
            "dashboard.additional_widgets_json",
        ),
    ]
}

/// A canary with something more.
fn canary(more: &Value) -> Value {
    let mut canary = json!({"url": "https://pay.test/health"});
    let more = more.as_object().unwrap().clone();
    canary.as_object_mut().unwrap().extend(more);
    json!({"canary": canary})
}

/// Those of the canary.
fn contradictory_canaries() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"canary": {"enabled": true}}), "canary.url"),
        (
            canary(&json!({"runtime_version": "syn-nodejs-puppeteer-7.0"})),
            "canary.runtime_version",
        ),
        (
            canary(&json!({"expected_status_min": 300})),
            "canary.expected_status_min",
        ),
        (
            canary(&json!({"navigation_timeout_ms": 60_000})),
            "canary.navigation_timeout_ms",
        ),
        (canary(&json!({"mode": "browser", "method": "HEAD"})), "canary.method"),
        (
            canary(&json!({"mode": "browser", "headers_ssm_parameter": "/a"})),
            "canary.headers_ssm_parameter",
        ),
        (canary(&json!({"body": "x"})), "canary.body"),
        (
            canary(&json!({"headers": {"X-API-Key": "x"}})),
            "canary.headers[\"X-API-Key\"]",
        ),
        (
            canary(&json!({"headers_kms_key_arn": "arn:aws:kms:eu-central-1:111122223333:key/a"})),
            "canary.headers_kms_key_arn",
        ),
        (canary(&json!({"timeout_in_seconds": 301})), "canary.timeout_in_seconds"),
        (
            canary(&json!({"schedule_expression": "rate(10 minutes)"})),
            "canary_alarm.period",
        ),
    ]
}

#[test]
fn bad_combinations_are_refused_with_their_path() {
    for (written, path) in contradictions().into_iter().chain(contradictory_canaries()) {
        let found = ObservabilityStack.validate(&config(written.clone()));
        let hit = found
            .iter()
            .any(|d| d.is_error() && d.path.as_ref().is_some_and(|p| p.to_string() == path));
        assert!(hit, "{path}: {written}: {found:?}");
    }
    let cheap = rare(&json!({"lambda": {"enabled": true}, "custom_metrics": {"mode": "put_metric_data"}}));
    let elsewhere = rare(&json!({"latency_filter": {"log_group_name": "/mine"}}));
    for sound in [
        json!({}),
        everything(),
        canary(&json!({})),
        rare(&json!({})),
        cheap,
        elsewhere,
    ] {
        let found = ObservabilityStack.validate(&config(sound.clone()));
        assert!(!found.has_errors(), "{sound}: {found:?}");
    }
}

/// O-53: two regions of one account do not share a bucket; a name that is too long is said so at plan time.
#[test]
fn o53_the_buckets_name_says_its_region_where_it_is_not_the_first() {
    let canary = || json!({"canary": {"url": "https://pay.test/health"}});
    let name = |region| setting(&graph_in(region, canary()), "s3_bucket.artifacts", "bucket").clone();
    assert_eq!(name("us-east-1"), "canary-artifacts-dev-111122223333");
    assert_eq!(name("eu-west-1"), "canary-artifacts-dev-111122223333-eu-west-1");
    let mut long = canary();
    long["environment_suffix"] = "a-very-long-environment".into();
    let errors = ObservabilityStack
        .graph(&config(long), &environment("ap-southeast-1"))
        .unwrap_err();
    let path = errors.iter().find_map(|d| d.path.as_ref().map(ToString::to_string));
    assert_eq!(path.as_deref(), Some("artifact_bucket.name"));
}

/// Each ARN of the user's that AWS takes of the stack's own region only, with its path.
#[test]
fn what_works_in_one_region_only_is_of_this_one() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/k";
    let topic = "arn:aws:sns:us-east-1:111122223333:t";
    let headers = json!({"headers_ssm_parameter": "/probe", "headers_kms_key_arn": key});
    let cases = [
        (json!({"kms": {"key_arn": key}}), "kms.key_arn"),
        (
            json!({"alarm_topic": {"existing_arn": topic}}),
            "alarm_topic.existing_arn",
        ),
        (canary(&headers), "canary.headers_kms_key_arn"),
        (json!({"alarm_actions": [topic]}), "alarm_actions[0]"),
        (json!({"ok_actions": [topic]}), "ok_actions[0]"),
        (
            json!({"insufficient_data_actions": [topic]}),
            "insufficient_data_actions[0]",
        ),
    ];
    for (written, path) in cases {
        graph_in("us-east-1", written.clone());
        let refused = ObservabilityStack.graph(&config(written), &environment("eu-central-1"));
        let text = refused.unwrap_err().to_string();
        assert!(text.starts_with(path), "{path}: {text}");
        assert!(text.contains("us-east-1; eu-central-1 needs one of its own"), "{text}");
    }
}
