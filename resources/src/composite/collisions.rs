//! No two stacks of different composites make the same object of one account, although they share the suffix
//! (requirements 8.4; 9.2, item 14).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tap_engine::{Component, Graph, reference};
use tap_plugin::Value as Terraform;

use super::{Composite, Environment};
use crate::observability_stack::ObservabilityStack;
use crate::payment_stack::PaymentStack;
use crate::webhook_pipeline::WebhookPipeline;

const HOME: &str = "us-east-1";

/// How AWS tells objects of a kind apart.
enum Identity {
    /// By these settings, in one region. Kinds that share names share the first member.
    Regional(&'static str, &'static [&'static str]),
    /// By these settings, in the whole account, or beyond.
    Global(&'static [&'static str]),
    /// AWS gives each object an id of its own: equal objects stand side by side.
    Own,
    /// All stacks share it, and it stays when they go (X-07, N-21).
    Shared,
}

#[allow(clippy::too_many_lines, reason = "a table: one line for each kind")]
fn identity(kind: &str) -> Identity {
    use Identity::{Global, Own, Regional, Shared};
    match kind {
        "api_account" => Shared,
        "kms_key" | "kms_replica_key" | "route53_health_check" | "vpc_endpoint" => Own,
        "dashboard" => Global(&["dashboard_name"]),
        "iam_role" => Global(&["role_name"]),
        "route53_record" => Global(&["hosted_zone_id", "name", "type", "set_identifier"]),
        "s3_bucket" | "s3_bucket_replication" => Global(&["bucket"]),
        // API Gateway takes equal names of APIs, plans and keys; metrics and people could not tell them apart.
        "rest_api" => Regional("rest_api", &["name"]),
        "api_key" => Regional("api_key", &["name"]),
        "api_usage_plan" => Regional("api_usage_plan", &["name"]),
        "api_base_path_mapping" => Regional("api_base_path_mapping", &["domain_name", "base_path"]),
        "api_deployment" => Regional("api_deployment", &["rest_api_id"]),
        "api_domain_name" => Regional("api_domain_name", &["domain_name"]),
        "api_gateway_response" => Regional("api_gateway_response", &["rest_api_id", "response_type"]),
        "api_method" => Regional("api_method", &["rest_api_id", "resource_id", "http_method"]),
        "api_model" => Regional("api_model", &["rest_api_id", "name"]),
        "api_request_validator" => Regional("api_request_validator", &["rest_api_id", "name"]),
        "api_resource" => Regional("api_resource", &["rest_api_id", "parent_id", "path_part"]),
        "api_stage" => Regional("api_stage", &["rest_api_id", "stage_name"]),
        "api_usage_plan_key" => Regional("api_usage_plan_key", &["usage_plan_id", "key_id"]),
        "api_key_parameter" | "ssm_parameter" => Regional("parameter", &["name"]),
        "canary" => Regional("canary", &["name"]),
        "composite_alarm" | "metric_alarm" => Regional("alarm", &["alarm_name"]),
        "dynamodb_table" | "dynamodb_table_replica" => Regional("table", &["table_name"]),
        "ecr_repository" => Regional("ecr_repository", &["repository_name"]),
        "ecr_image" => Regional("ecr_image", &["repository_name", "digest"]),
        "event_archive" => Regional("event_archive", &["archive_name"]),
        "event_bus" => Regional("event_bus", &["name"]),
        "event_rule" => Regional("event_rule", &["event_bus_name", "name"]),
        "event_target" => Regional("event_target", &["event_bus_name", "rule", "target_id"]),
        "kms_alias" => Regional("kms_alias", &["name"]),
        "lambda_alias" => Regional("lambda_alias", &["function_name", "name"]),
        "lambda_event_source_mapping" => Regional("event_source_mapping", &["event_source_arn", "function_name"]),
        "lambda_function" => Regional("lambda_function", &["function_name"]),
        "lambda_layer_version" => Regional("lambda_layer_version", &["layer_name"]),
        "lambda_permission" => Regional("lambda_permission", &["function_name", "qualifier", "statement_id"]),
        "log_group" => Regional("log_group", &["log_group_name"]),
        "log_resource_policy" => Regional("log_resource_policy", &["policy_name"]),
        "metric_filter" => Regional("metric_filter", &["log_group_name", "filter_name"]),
        "schedule" => Regional("schedule", &["group_name", "name"]),
        "sns_subscription" => Regional("sns_subscription", &["topic_arn", "protocol", "endpoint"]),
        "sns_topic" => Regional("sns_topic", &["name"]),
        "sqs_queue" => Regional("sqs_queue", &["name"]),
        "state_machine" => Regional("state_machine", &["name"]),
        "wafv2_association" | "wafv2_logging" => Regional("wafv2_association", &["resource_arn"]),
        "wafv2_ip_set" => Regional("wafv2_ip_set", &["name"]),
        "wafv2_web_acl" => Regional("wafv2_web_acl", &["name"]),
        other => panic!("how does AWS tell objects of the kind {other} apart?"),
    }
}

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
    let (space, settings) = match identity(&component.kind) {
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
        .graph(&config, &environment)
        .unwrap_or_else(|errors| panic!("{written}: {errors:?}"));
    let mut names = BTreeSet::new();
    for name in graph.components.values().filter_map(|c| name(&graph, c)) {
        // A web ACL's association and its logging are two objects of one stage.
        assert!(
            names.insert(name.clone()) || name.0.ends_with("wafv2_association"),
            "twice in one stack: {name:?} of {written}"
        );
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
