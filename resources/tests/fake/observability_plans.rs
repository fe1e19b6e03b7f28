//! What plans of the observability stack say. The texts are in `snapshots/`; `INSTA_UPDATE=always` writes them anew.

use insta::assert_snapshot;
use regex::Regex;
use serde_json::{Value, json};
use tap_engine::fake::FakeCloud;
use tap_engine::fake::drill::Stack;
use tap_engine::reference::UNKNOWN;
use tap_engine::{Graph, PlanOptions, plan};

use crate::observability::{SUBJECT, usual};
use crate::stacks::named_registry;

/// A cloud in which the usual stack is applied.
async fn standing() -> Stack {
    let cloud = FakeCloud::default();
    let kinds = named_registry(&cloud);
    let mut stack = Stack::new(cloud, kinds);
    stack.recover(&SUBJECT.graph(&usual())).await.unwrap();
    stack
}

/// The plan's text, or the errors. What differs from build to build is masked.
fn text(stack: &Stack, graph: &Graph) -> String {
    let text = match plan(graph, &stack.state, &stack.registry, &PlanOptions::default()) {
        Ok(plan) => plan.to_string(),
        Err(errors) => errors
            .iter()
            .map(|error| format!("error: {error}\n"))
            .collect::<Vec<_>>()
            .concat(),
    };
    let hashes = Regex::new("[0-9a-f]{64}|[A-Za-z0-9+/]{43}=").unwrap();
    let architectures = Regex::new("x86_64|arm64").unwrap();
    let text = hashes.replace_all(&text, "<sha256>");
    architectures.replace_all(&text, "<architecture>").into_owned()
}

/// The plan of an edit of the usual stack.
async fn edit(changes: Value) -> String {
    let mut config = usual();
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    text(&standing().await, &SUBJECT.graph(&config))
}

/// The seed spoke of "about 20 resources"; here they are, one by one (O-50).
#[test]
fn create_by_component() {
    let cloud = FakeCloud::default();
    let kinds = named_registry(&cloud);
    let text = text(&Stack::new(cloud, kinds), &SUBJECT.graph(&usual()));
    let components: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_snapshot!(components.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn nothing_changed() {
    assert_snapshot!(edit(json!({})).await, @"no changes");
}

#[tokio::test(start_paused = true)]
async fn threshold_and_mode() {
    let changes = json!({"api_error_alarm": {"threshold_percent": 1}, "alarm_notification_mode": "all"});
    assert_snapshot!(edit(changes).await);
}

#[tokio::test(start_paused = true)]
async fn canary_looks_elsewhere() {
    assert_snapshot!(edit(json!({"canary": {"url": "https://pay.acme.test/ready"}})).await);
}

#[tokio::test(start_paused = true)]
async fn canary_removed_without_allow_data_loss() {
    assert_snapshot!(edit(json!({"canary": null})).await);
}

#[tokio::test(start_paused = true)]
async fn metrics_by_call() {
    assert_snapshot!(edit(json!({"custom_metrics": {"mode": "put_metric_data"}})).await);
}

/// Names of another stack in the same apply: what they go into is known after apply, all else is known now.
#[tokio::test(start_paused = true)]
async fn watched_names_not_known_yet() {
    let changes = json!({
        "api": {"name": UNKNOWN, "stage": UNKNOWN},
        "lambda_error_alarm": {"function_names": {"validator": UNKNOWN}},
    });
    assert_snapshot!(edit(changes).await);
}
