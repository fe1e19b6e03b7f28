//! What plans of the webhook pipeline say (issue 3 points 1 to 3). The texts are in `snapshots/`;
//! `INSTA_UPDATE=always cargo test -p tap-resources --test fake plans` writes them anew.

use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use regex::Regex;
use serde_json::{Value, json};
use tap_engine::fake::FakeCloud;
use tap_engine::fake::drill::Stack;
use tap_engine::{Graph, PlanOptions, Settings, override_settings, plan};

use crate::stacks::{key, registry};
use crate::webhook_pipeline::{SUBJECT, edited};

#[allow(clippy::needless_pass_by_value, reason = "edits are written in place")]
fn graph(written: Value) -> Graph {
    SUBJECT.graph(&written)
}

/// A cloud in which the default stack is applied.
async fn standing() -> Stack {
    let cloud = FakeCloud::default();
    cloud.names_are_ids();
    let kinds = registry(&cloud);
    let mut stack = Stack::new(cloud, kinds);
    stack.recover(&graph(json!({}))).await.unwrap();
    stack
}

fn nothing() -> Stack {
    let cloud = FakeCloud::default();
    let kinds = registry(&cloud);
    Stack::new(cloud, kinds)
}

/// The plan's text with its warnings, or the errors. What differs from build to build is masked.
fn text(stack: &Stack, graph: &Graph, options: &PlanOptions) -> String {
    let text = match plan(graph, &stack.state, &stack.registry, options) {
        Ok(plan) => {
            let warnings = plan
                .warnings
                .iter()
                .map(|w| format!("warning: {}: {}\n", w.key, w.message));
            format!("{plan}{}", warnings.collect::<Vec<_>>().concat())
        }
        Err(errors) => errors
            .iter()
            .map(|error| format!("error: {error}\n"))
            .collect::<Vec<_>>()
            .concat(),
    };
    masked(&text)
}

fn masked(text: &str) -> String {
    let hashes = Regex::new(r#"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=|\btag "[0-9a-f]{12}""#).unwrap();
    let architectures = Regex::new("x86_64|arm64|amd64").unwrap();
    let text = hashes.replace_all(text, "<sha256>");
    architectures.replace_all(&text, "<architecture>").into_owned()
}

/// The plan of an edit of the default stack.
async fn edit(written: Value) -> String {
    text(&standing().await, &graph(written), &PlanOptions::default())
}

fn data_loss() -> PlanOptions {
    PlanOptions {
        allow_data_loss: true,
        ..PlanOptions::default()
    }
}

#[test]
fn create_by_component() {
    let text = text(&nothing(), &graph(json!({})), &PlanOptions::default());
    let components: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_snapshot!(components.join("\n"));
}

/// References are symbolic, nothing is hidden.
#[test]
fn create_in_full_of_one_function_and_its_role() {
    let stack = nothing();
    let plan = plan(
        &graph(json!({})),
        &stack.state,
        &stack.registry,
        &PlanOptions::default(),
    )
    .unwrap();
    let mut shown = plan.clone();
    let wanted = ["lambda_function.validator", "iam_role.validator"].map(key);
    shown.steps.retain(|key, _| wanted.contains(key));
    assert_snapshot!(masked(&shown.to_string()));
}

#[tokio::test(start_paused = true)]
async fn nothing_changed() {
    assert_snapshot!(edit(json!({})).await, @"no changes");
}

#[tokio::test(start_paused = true)]
async fn memory() {
    assert_snapshot!(edit(json!({"functions": {"validator": {"memory_size": 2048}}})).await);
}

#[tokio::test(start_paused = true)]
async fn threshold() {
    assert_snapshot!(edit(json!({"routing": {"high_threshold": 20000}})).await);
}

#[tokio::test(start_paused = true)]
async fn retention() {
    assert_snapshot!(edit(json!({"log_retention_in_days": 365})).await);
}

#[tokio::test(start_paused = true)]
async fn path_is_replaced_and_redeployed() {
    assert_snapshot!(edit(json!({"api": {"path": "hooks"}})).await);
}

#[tokio::test(start_paused = true)]
async fn index_added() {
    let index = json!([{"name": "by-merchant", "hash_key": "merchant_id"}]);
    assert_snapshot!(edit(json!({"table": {"global_secondary_indexes": index}})).await);
}

#[tokio::test(start_paused = true)]
async fn table_renamed_without_allow_data_loss() {
    assert_snapshot!(edit(json!({"table": {"name": "renamed"}})).await);
}

#[tokio::test(start_paused = true)]
async fn table_renamed_with_allow_data_loss() {
    let renamed = graph(json!({"table": {"name": "renamed"}}));
    assert_snapshot!(text(&standing().await, &renamed, &data_loss()));
}

#[tokio::test(start_paused = true)]
async fn functions_become_images() {
    assert_snapshot!(edit(json!({"package_type": "Image"})).await);
}

#[tokio::test(start_paused = true)]
async fn dashboard_disabled() {
    assert_snapshot!(edit(json!({"dashboard": {"enabled": false}})).await);
}

#[tokio::test(start_paused = true)]
async fn dead_letter_queue_encrypted() {
    assert_snapshot!(edit(json!({"dlq": {"kms_enabled": true}})).await);
}

#[tokio::test(start_paused = true)]
async fn drift() {
    let mut stack = standing().await;
    let changes = [
        ("lambda_function.validator", "timeout", Some(json!(3))),
        ("sqs_queue.dlq", "message_retention_seconds", Some(json!(60))),
        ("event_rule.medium", "state", Some(json!("DISABLED"))),
        ("iam_role.validator", "inline_policies", None),
        ("api_stage.live", "xray_tracing_enabled", Some(json!(false))),
        ("kms_key.main", "enable_key_rotation", Some(json!(false))),
    ];
    for (component, setting, value) in changes {
        assert!(graph(json!({})).components.contains_key(component), "{component}");
        stack.cloud.change(&key(component), setting, value.as_ref());
    }
    assert!(stack.refresh().await);
    assert_snapshot!(text(&stack, &graph(json!({})), &PlanOptions::default()));
}

#[tokio::test(start_paused = true)]
async fn component_deleted_outside() {
    let mut stack = standing().await;
    stack.cloud.vanish(&key("sqs_queue.low_value"));
    assert!(stack.refresh().await);
    assert_snapshot!(text(&stack, &graph(json!({})), &PlanOptions::default()));
}

#[tokio::test(start_paused = true)]
async fn replace_components() {
    let options = PlanOptions {
        replace: BTreeSet::from([key("lambda_function.fraud"), key("state_machine.transactions")]),
        ..PlanOptions::default()
    };
    assert_snapshot!(text(&standing().await, &graph(json!({})), &options));
}

/// New code is published, and then the alias moves: nothing else has to change.
#[tokio::test(start_paused = true)]
async fn code() {
    let stack = standing().await;
    let mut changed = graph(json!({}));
    let function = changed.components.get_mut("lambda_function.fraud").unwrap();
    function
        .settings
        .insert("code_sha256".to_owned(), json!("bmV3IGNvZGU="));
    assert_snapshot!(text(&stack, &changed, &PlanOptions::default()));
}

/// A web ACL is replaced create-first, so that the API is never without one: not under the same name.
#[tokio::test(start_paused = true)]
async fn web_acl_replaced_under_its_own_name_is_refused() {
    let cloud = FakeCloud::default();
    let kinds = registry(&cloud);
    let mut stack = Stack::new(cloud, kinds);
    let with_waf = |waf: Value| graph(json!({"api": {"waf": waf}}));
    let before = with_waf(json!({"enabled": true}));
    stack.recover(&before).await.unwrap();
    let options = PlanOptions {
        replace: BTreeSet::from([key("wafv2_web_acl.api")]),
        ..PlanOptions::default()
    };
    assert_snapshot!(text(&stack, &before, &options));
    let renamed = with_waf(json!({"enabled": true, "name": "webhook-api-waf-2"}));
    assert_snapshot!(text(&stack, &renamed, &options));
    let recovered = stack.recover(&renamed).await;
    recovered.unwrap_or_else(|error| panic!("{error}"));
}

/// The name stays, the scope does not: AWS has both side by side, and so the new one comes first all the same.
#[tokio::test(start_paused = true)]
async fn a_web_acl_of_another_scope_is_replaced() {
    let cloud = FakeCloud::default();
    let kinds = registry(&cloud);
    let mut stack = Stack::new(cloud, kinds);
    let wanted = graph(json!({"api": {"waf": {"enabled": true}}}));
    stack.recover(&wanted).await.unwrap();
    let elsewhere = json!("CLOUDFRONT");
    stack.cloud.change(&key("wafv2_web_acl.api"), "scope", Some(&elsewhere));
    let recovered = stack.recover(&wanted).await;
    recovered.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test(start_paused = true)]
async fn overrides() {
    let stack = standing().await;
    let mut overridden = graph(json!({}));
    let settings = Settings::from([("ephemeral_storage_size".to_owned(), json!(1024))]);
    let overrides = BTreeMap::from([(key("lambda_function.archival"), settings)]);
    override_settings(&mut overridden, &overrides, &stack.registry).unwrap();
    assert_snapshot!(text(&stack, &overridden, &PlanOptions::default()));
}

#[tokio::test(start_paused = true)]
async fn overrides_that_make_no_sense() {
    let stack = standing().await;
    let settings = Settings::from([("memory".to_owned(), json!(1024))]);
    let overrides = BTreeMap::from([
        (key("lambda_function.archival"), settings.clone()),
        (key("lambda_function.nope"), settings),
    ]);
    let errors = override_settings(&mut graph(json!({})), &overrides, &stack.registry).unwrap_err();
    let errors: Vec<String> = errors.iter().map(|error| format!("{error}\n")).collect();
    assert_snapshot!(errors.concat());
}

#[tokio::test(start_paused = true)]
async fn tags() {
    assert_snapshot!(edit(json!({"tags": {"team": "payments"}})).await);
}

#[tokio::test(start_paused = true)]
async fn a_large_edit_names_what_is_replaced() {
    let stack = standing().await;
    let plan = plan(&graph(edited()), &stack.state, &stack.registry, &data_loss()).unwrap();
    let replaced = plan
        .replacements()
        .map(|(key, why)| format!("{key}: {}\n", why.join("; ")));
    assert_snapshot!(replaced.collect::<Vec<_>>().concat());
}

#[tokio::test(start_paused = true)]
async fn stack_removed_without_allow_data_loss() {
    assert_snapshot!(text(&standing().await, &Graph::default(), &PlanOptions::default()));
}
