//! What the seed got wrong (requirements 7.1) and the stack gets right, asserted on its graph: settings that no sandbox
//! enforces. `docs/differences-from-the-seeds.md` names these tests. What the handler does (O-35 to O-49) is tested in
//! `handlers`, the canary's script in `resources/src/observability_stack/canary_script/tests.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod alarms;
mod canary;
mod handler;
mod metrics;
mod stores;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tap_engine::{Graph, Key};
use tap_plugin::{Diagnostics, ValidationOptions, Value as Terraform};
use tap_resources::bundle;
use tap_resources::composite::{Composite, Environment};
use tap_resources::observability_stack::ObservabilityStack;

const KEY: &str = "${kms_key.main.arn}";
const TOPIC: &str = "${sns_topic.alarms.arn}";
const REGION: &str = "eu-central-1";

/// What a user writes, besides the suffix and this build's architecture.
fn written(mut written: Value) -> Terraform {
    if written["environment_suffix"].is_null() {
        written["environment_suffix"] = "dev".into();
    }
    written["lambda_architecture"] = bundle::architectures().first().copied().unwrap_or("x86_64").into();
    Terraform::from_json(&written)
}

fn effective(config: Value) -> Value {
    let full = ObservabilityStack.schema().with_defaults(&written(config));
    full.to_json(&|_| Value::Null)
}

/// Everything that a plan would say against a configuration before it looks at the graph.
fn found(config: Value) -> Diagnostics {
    let options = ValidationOptions {
        write_only_allowed: true,
    };
    let mut found = ObservabilityStack.schema().validate(&written(config.clone()), options);
    found.extend(ObservabilityStack.validate(&effective(config)));
    found
}

fn environment(partition: &str) -> Environment {
    Environment {
        account_id: "111122223333".into(),
        partition: partition.into(),
        region: REGION.into(),
    }
}

fn graph(config: Value) -> Graph {
    ObservabilityStack
        .graph(&effective(config), &environment("aws"))
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The whole stack: an API, a database, watched functions, a canary.
fn full() -> Value {
    json!({
        "api": {"name": "payments", "stage": "v1"},
        "rds": {"db_instance_identifier": "payments-db", "log_types": ["postgresql"]},
        "latency_alarm": {"enabled": true, "threshold_ms": 800},
        "lambda_error_alarm": {"function_names": {"validator": "webhook-validator-dev"}},
        "canary": {"url": "https://pay.test/health"},
    })
}

fn setting(graph: &Graph, key: &str, name: &str) -> Value {
    let component = graph
        .components
        .get(&Key::from(key))
        .unwrap_or_else(|| panic!("no {key}"));
    component.settings.get(name).cloned().unwrap_or_default()
}

fn has(graph: &Graph, key: &str) -> bool {
    graph.components.contains_key(key)
}

fn of_kind<'a>(graph: &'a Graph, kind: &'a str) -> impl Iterator<Item = &'a tap_engine::Component> {
    graph
        .components
        .values()
        .filter(move |component| component.kind == kind)
}

/// The statements of a role's one policy.
fn statements(graph: &Graph, role: &str) -> Vec<Value> {
    let policies = setting(graph, &format!("iam_role.{role}"), "inline_policies");
    let policies = policies.as_object().unwrap().clone();
    assert_eq!(policies.len(), 1, "{policies:?}");
    let policy = policies.into_values().next().unwrap();
    policy["Statement"].as_array().cloned().unwrap_or_default()
}

/// The statement that allows an action.
fn allowing(statements: &[Value], action: &str) -> Value {
    let allows = |statement: &&Value| {
        statement["Action"]
            .as_array()
            .is_some_and(|all| all.contains(&json!(action)))
    };
    statements.iter().find(allows).cloned().unwrap_or_default()
}

fn statement(policy: &Value, sid: &str) -> Value {
    let all = policy["Statement"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .find(|s| s["Sid"] == sid)
        .unwrap_or_else(|| panic!("no {sid} in {policy}"))
}

/// The errors whose path is this one.
fn refused(config: Value, path: &str) -> bool {
    let all = found(config);
    all.iter()
        .any(|d| d.is_error() && d.path.as_ref().is_some_and(|p| p.to_string() == path))
}

fn widgets(graph: &Graph) -> Vec<Value> {
    let body = setting(graph, "dashboard.main", "dashboard_body");
    body["widgets"].as_array().cloned().unwrap_or_default()
}

fn widget(graph: &Graph, title: &str) -> Option<Value> {
    widgets(graph).into_iter().find(|w| w["properties"]["title"] == title)
}
