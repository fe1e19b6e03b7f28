//! The graph, from configurations as users write them.

mod alarms;
mod claims;
mod defects;
mod edge;
mod endpoints;
mod key_policies;
mod kpi;
mod notices;
mod presets;
mod reconciler;
mod roles;
mod strong;
mod unknown;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tap_engine::{Graph, Key, PlanOptions, Registry, StackState};
use tap_plugin::Value as Terraform;

use crate::composite::{Composite, Environment};
use crate::payment_stack::PaymentStack;

fn environment() -> Environment {
    Environment {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: "eu-central-1".into(),
    }
}

/// The effective configuration of what a user writes.
fn config(composite: &impl Composite, written: Value) -> Value {
    let mut all = written;
    all["environment_suffix"] = all.get("environment_suffix").cloned().unwrap_or_else(|| "dev".into());
    let bundled = crate::bundle::architectures();
    all["lambda_architecture"] = bundled.first().copied().unwrap_or("x86_64").into();
    let effective = composite.schema().with_defaults(&Terraform::from_json(&all));
    composite.fill(&effective.to_json(&|_| Value::Null))
}

fn graph(written: Value) -> Graph {
    PaymentStack
        .graph(&config(&PaymentStack, written), &environment())
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn preset(name: &str, over: Value) -> Graph {
    let mut written = over;
    written["preset"] = name.into();
    if name == "global" && written.get("domain").is_none() {
        written["domain"] = domain(&["us-east-1", "us-west-2"]);
    }
    graph(written)
}

fn domain(regions: &[&str]) -> Value {
    let arn = |region: &&str| {
        let arn = format!("arn:aws:acm:{region}:111122223333:certificate/0f0f0f0f-aaaa-bbbb-cccc-000000000000");
        ((*region).to_owned(), Value::from(arn))
    };
    let certificates: serde_json::Map<_, _> = regions.iter().map(arn).collect();
    json!({"enabled": true, "name": "pay.example.com", "hosted_zone_id": "Z0123456789ABC", "certificate_arns": certificates})
}

#[track_caller]
fn setting<'a>(graph: &'a Graph, key: &str, name: &str) -> &'a Value {
    let component = graph.components.get(key);
    let component = component.unwrap_or_else(|| panic!("no {key} in {:#?}", keys(graph)));
    &component.settings[name]
}

fn keys(graph: &Graph) -> Vec<&str> {
    graph.components.keys().map(Key::as_str).collect()
}

fn of_kind<'a>(graph: &'a Graph, kind: &str) -> Vec<&'a tap_engine::Component> {
    graph.components.values().filter(|c| c.kind == kind).collect()
}

fn registry() -> Registry {
    crate::aws::registry(&std::sync::Arc::new(crate::aws::Aws::new(
        aws_types::SdkConfig::builder().build(),
        crate::aws::AwsOptions::default(),
        "111122223333".into(),
        "aws".into(),
    )))
}

/// All that the kinds themselves would refuse.
#[track_caller]
fn plans(graph: &Graph) {
    let plan = tap_engine::plan(graph, &StackState::default(), &registry(), &PlanOptions::default());
    let plan = plan.unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", errors.join("\n"))
    });
    assert_eq!(plan.steps.len(), graph.components.len());
}

#[test]
fn every_preset_plans_from_nothing_with_every_setting_known_to_its_kind() {
    plans(&graph(json!({})));
    for name in ["global", "notification", "multi_region"] {
        plans(&preset(name, json!({})));
    }
}

#[test]
fn so_do_the_variants() {
    let two = json!(["eu-west-1", "eu-central-1"]);
    let variants = [
        json!({"regions": two, "kms": {"multi_region": true}}),
        json!({"regions": two, "kms": {"create": false}}),
        json!({"regions": ["us-east-1", "us-west-2"], "table": {"consistency_mode": "STRONG", "witness_region": "us-east-2"}}),
        json!({"regions": two, "waf": {"allow_ip_cidrs": ["192.0.2.0/24", "2001:db8::/32"]}}),
        json!({"waf": {"default_action": "block", "allow_ip_cidrs": ["192.0.2.0/24"]}}),
        json!({"name_style": "prefixed", "environment_suffix": "abcdefghijklmnopqrstuvwx", "regions": ["ap-southeast-1", "ap-northeast-1"],
            "workflow": {"enabled": true}, "event_failover": {"enabled": true}}),
        json!({"environment_suffix": "abcdefghijklmnopqrstuvwx", "regions": ["ap-southeast-1", "ap-northeast-1"],
            "workflow": {"enabled": true}, "event_failover": {"enabled": true}}),
        json!({"api": {"authorization": "hmac", "hmac": {"secrets_wo_version": 1}}}),
        json!({"api": {"authorization": "iam", "path": "v2/payments", "health_path": "v2/health"}}),
        json!({"vpc": {"subnet_ids": ["subnet-0123456789abcdef0"], "security_group_ids": ["sg-0123456789abcdef0"]}}),
        json!({"topics": {"notifications": {"email_endpoints": ["a@example.com"]},
            "subscriptions": [{"protocol": "sqs", "endpoint": "arn:aws:sqs:eu-central-1:111122223333:q", "filter_policy": "{\"alert_type\": [\"DLQ_MESSAGE\"]}"}]}}),
        json!({"ssm": {"parameters": {"limits/daily": "5"}}, "failure_notifier": {"keep_in_dlq": false}}),
    ];
    for variant in variants {
        plans(&graph(variant));
    }
    for policy in ["failover", "latency", "latency_with_failover"] {
        for record in ["alias", "cname"] {
            let regions = ["us-east-1", "eu-west-1", "ap-southeast-1"];
            let dns = json!({"routing_policy": policy, "record_type": record});
            plans(&graph(
                json!({"regions": regions, "domain": domain(&regions), "dns": dns}),
            ));
        }
    }
}

#[test]
fn a_region_is_added_and_removed_without_touching_what_is_in_the_others() {
    let one = graph(json!({"regions": ["eu-west-1"], "workflow": {"enabled": true}}));
    let two = graph(json!({"regions": ["eu-west-1", "eu-central-1"], "workflow": {"enabled": true}}));
    let (before, after): (BTreeSet<_>, BTreeSet<_>) =
        (keys(&one).into_iter().collect(), keys(&two).into_iter().collect());
    assert!(
        before.is_subset(&after),
        "{:?}",
        before.difference(&after).collect::<Vec<_>>()
    );
    let grown = |key: &&str| !before.contains(*key) && !key.starts_with("eu-central-1/");
    // Two regions can both accept a payment, so there is a function that looks for that.
    let (reconciler, elsewhere): (Vec<&str>, Vec<&str>) = after
        .iter()
        .copied()
        .filter(|key| grown(key))
        .partition(|key| key.contains("reconcil"));
    assert!(
        reconciler.contains(&"eu-west-1/lambda_function.reconciler"),
        "{reconciler:?}"
    );
    let elsewhere: Vec<&str> = elsewhere
        .into_iter()
        .filter(|key| !key.ends_with(".conflicts"))
        .collect();
    assert_eq!(
        elsewhere,
        [
            "eu-west-1/iam_role.replication",
            "eu-west-1/metric_alarm.replication_to_eu_central_1",
            "eu-west-1/s3_bucket_replication.receipts",
        ]
    );
    let registry = registry();
    for key in &before {
        let (old, new) = (&one.components[*key], &two.components[*key]);
        let spec = registry.get(&old.kind).unwrap_or_else(|| panic!("{key}")).spec();
        for (name, value) in &old.settings {
            let replaced = spec.setting(name).is_some_and(|s| s.replace) && new.settings.get(name) != Some(value);
            assert!(!replaced, "{key}.{name} would be replaced");
        }
    }
}

#[test]
fn names_follow_style_attribute_region_and_override_in_this_order() {
    let name = |written| {
        setting(
            &graph(written),
            "eu-central-1/lambda_function.processor",
            "function_name",
        )
        .clone()
    };
    assert_eq!(name(json!({})), "process-payment-dev");
    assert_eq!(name(json!({"name_style": "prefixed"})), "payment-dev-processor");
    assert_eq!(name(json!({"processor": {"name": "pay-{region}"}})), "pay-eu-central-1");
    assert_eq!(
        name(json!({"name_overrides": {"eu-central-1/lambda_function.processor": "mine"}})),
        "mine"
    );
    let bad = json!({"name_overrides": {"lambda_function.processor": "mine"}});
    assert!(PaymentStack.graph(&config(&PaymentStack, bad), &environment()).is_err());
}

#[test]
fn a_served_change_changes_the_deployment() {
    let key = "eu-central-1/api_deployment.current";
    let hash = |written| setting(&graph(written), key, "content_hash").clone();
    let before = hash(json!({}));
    assert_eq!(before, hash(json!({"tags": {"a": "b"}})), "tags are not served");
    assert_ne!(before, hash(json!({"api": {"health_path": "alive"}})));
}

/// The components of each preset as a snapshot (N-33). How many there are, beside the seeds' objects: `docs/components.md`.
#[test]
fn what_each_preset_is_made_of() {
    for name in ["none", "global", "notification", "multi_region"] {
        let graph = if name == "none" {
            graph(json!({}))
        } else {
            preset(name, json!({}))
        };
        let keys = keys(&graph);
        insta::assert_snapshot!(name, format!("{} components\n{}", keys.len(), keys.join("\n")));
    }
}
