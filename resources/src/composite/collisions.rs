//! No two stacks of different composites make the same object of one account, although they share the suffix
//! (requirements 8.4; 9.2, item 14).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tap_engine::{Component, Graph, reference};
use tap_plugin::Value as Terraform;

use super::identity::{Identity, identity};
use super::{Composite, Environment};
use crate::observability_stack::ObservabilityStack;
use crate::payment_stack::PaymentStack;
use crate::webhook_pipeline::WebhookPipeline;

const HOME: &str = "us-east-1";

/// A setting's text, in which references to components of the same graph are what AWS knows those by.
fn text(graph: &Graph, value: &Value) -> String {
    let lookup = |reference: &reference::Reference| {
        let component = &graph.components[&reference.key];
        let (space, name) =
            name(graph, component).unwrap_or_else(|| (component.kind.clone(), reference.key.to_string()));
        if reference.output == "name" {
            return Some(name);
        }
        Some(format!("<{} of {space} {name}>", reference.output))
    };
    match reference::resolve(value, &lookup) {
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(reference) => panic!("{reference:?} leads nowhere"),
    }
}

/// What of the account a component takes for itself: a namespace, and the name in it.
fn name(graph: &Graph, component: &Component) -> Option<(String, String)> {
    let told_apart = identity(&component.kind)
        .unwrap_or_else(|| panic!("how does AWS tell objects of the kind {} apart?", component.kind));
    let (space, settings) = match told_apart {
        Identity::Own | Identity::Shared => return None,
        Identity::Global(settings) => (component.kind.clone(), settings),
        Identity::Regional(space, settings) => (format!("{} {space}", component.region), settings),
    };
    let part = |name: &&str| component.settings.get(*name).map(|value| text(graph, value));
    let parts: Vec<String> = settings.iter().filter_map(part).collect();
    assert!(
        !parts.is_empty(),
        "{} has no name: {:?}",
        component.key,
        component.settings
    );
    Some((space, parts.join(" | ")))
}

/// One stack, and what of the account it takes.
struct Stack {
    composite: &'static str,
    title: String,
    names: BTreeSet<(String, String)>,
}

fn stack(composite: &impl Composite, suffix: &str, written: &Value) -> Stack {
    let mut all = written.clone();
    all["environment_suffix"] = suffix.into();
    let architectures = crate::bundle::architectures();
    all["lambda_architecture"] = architectures.first().copied().unwrap_or("x86_64").into();
    let config = composite
        .schema()
        .with_defaults(&Terraform::from_json(&all))
        .to_json(&|_| Value::Null);
    let environment = Environment {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: HOME.into(),
    };
    let graph = composite
        .graph(&composite.fill(&config), &environment)
        .unwrap_or_else(|errors| panic!("{written}: {errors:?}"));
    let mut names = BTreeSet::new();
    for name in graph.components.values().filter_map(|c| name(&graph, c)) {
        assert!(names.insert(name.clone()), "twice in one stack: {name:?} of {written}");
    }
    // The stack's record (resources/src/aws/record.rs).
    let record = format!("/tap/{}/{suffix}", composite.kind());
    names.insert((format!("{HOME} parameter"), record));
    Stack {
        composite: composite.kind(),
        title: format!("{} {suffix} {written}", composite.kind()),
        names,
    }
}

/// Stacks with everything that can be switched on, in both name styles and all presets.
fn stacks(suffix: &str) -> Vec<Stack> {
    let mut all = Vec::new();
    for style in ["seed", "prefixed"] {
        all.push(stack(
            &ObservabilityStack,
            suffix,
            &json!({
                "name_style": style, "canary": {"url": "https://pay.test/health"}, "alarm_email_endpoints": ["a@b.test"],
                "api": {"name": "payments", "stage": "v1", "id": "abc123", "execution_logs": true},
                "rds": {"db_instance_identifier": "payments-db", "log_types": ["postgresql"]},
                "latency_alarm": {"enabled": true, "threshold_ms": 800},
            }),
        ));
        all.push(stack(
            &WebhookPipeline,
            suffix,
            &json!({
                "name_style": style, "api": {"waf": {"enabled": true}}, "routing": {"low_value_target": "log"},
                "alerts_topic": {"email_endpoints": ["a@b.test"]},
            }),
        ));
        for preset in [None, Some("global"), Some("notification"), Some("multi_region")] {
            all.push(stack(
                &PaymentStack,
                suffix,
                &json!({
                    "preset": preset, "name_style": style, "regions": [HOME, "eu-west-1"],
                    "domain": {"enabled": false}, "workflow": {"enabled": true}, "event_failover": {"enabled": true},
                    "queue": {"enabled": true}, "accounting": {"enabled": true}, "failure_notifier": {"enabled": true},
                    "receipts_bucket": {"enabled": true}, "ssm": {"enabled": true}, "audit": {"enabled": true},
                    "waf": {"allow_ip_cidrs": ["192.0.2.0/24"]},
                    "topics": {"notifications": {"email_endpoints": ["a@b.test"]}},
                }),
            ));
        }
    }
    all
}

/// What stacks of different composites both take.
fn collisions<'s>(one: &'s [Stack], other: &'s [Stack]) -> BTreeMap<(&'s str, &'s str), Vec<&'s (String, String)>> {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    let different = pairs.filter(|(a, b)| a.composite < b.composite);
    different
        .map(|(a, b)| {
            (
                (a.title.as_str(), b.title.as_str()),
                a.names.intersection(&b.names).collect(),
            )
        })
        .filter(|(_, both): &(_, Vec<_>)| !both.is_empty())
        .collect()
}

#[test]
fn section_8_4_stacks_of_different_composites_share_a_suffix_and_no_name() {
    let all = stacks("dev");
    let kinds: BTreeSet<&str> = all.iter().map(|stack| stack.composite).collect();
    assert_eq!(kinds.len(), 3);
    assert!(all.iter().all(|stack| stack.names.len() > 20), "they are whole");
    let found = collisions(&all, &all);
    assert!(found.is_empty(), "{found:#?}");
}

/// Equal names "if the suffix of 000 looks like `us-east-1-dev`" (8.4): what is unique in the account has the region in it.
#[test]
fn section_8_4_a_suffix_that_looks_like_a_region_and_another_suffix_collides_with_nothing() {
    let (plain, looks_alike) = (stacks("dev"), stacks(&format!("{HOME}-dev")));
    for found in [collisions(&plain, &looks_alike), collisions(&looks_alike, &plain)] {
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// The comparison finds what it looks for: a name of one stack, given to another by hand.
#[test]
fn section_8_4_a_taken_name_is_found() {
    let names = json!({"lambda_function.metrics": "process-payment-dev"});
    let watching = [stack(&ObservabilityStack, "dev", &json!({"name_overrides": names}))];
    let paying = [stack(&PaymentStack, "dev", &json!({}))];
    let found = collisions(&watching, &paying);
    let names: Vec<&str> = found.values().flatten().map(|(space, _)| space.as_str()).collect();
    assert!(names.contains(&"us-east-1 lambda_function"), "{names:?}");
}
