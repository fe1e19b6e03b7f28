//! How AWS tells objects apart, and two components that would be one object.

use std::collections::BTreeMap;

use tap_engine::reference::has_unknown;
use tap_engine::{Component, Graph, Key};
use tap_plugin::{Diagnostic, Diagnostics};

/// How AWS tells objects of a kind apart.
pub(super) enum Identity {
    /// By these settings, in one region. Kinds that share names share the first member.
    Regional(&'static str, &'static [&'static str]),
    /// By these settings, in the whole account, or beyond.
    Global(&'static [&'static str]),
    /// AWS gives each object an id of its own: equal objects stand side by side.
    Own,
    /// All stacks share it, and it stays when they go (X-07, N-21).
    Shared,
}

/// How AWS tells objects of this kind apart; `None` for a kind that nobody has looked at.
#[allow(clippy::too_many_lines, reason = "a table: one line for each kind")]
pub(super) fn identity(kind: &str) -> Option<Identity> {
    use Identity::{Global, Own, Regional, Shared};
    Some(match kind {
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
        "wafv2_association" => Regional("wafv2_association", &["resource_arn"]),
        "wafv2_logging" => Regional("wafv2_logging", &["resource_arn"]),
        "wafv2_ip_set" => Regional("wafv2_ip_set", &["name"]),
        "wafv2_web_acl" => Regional("wafv2_web_acl", &["name"]),
        _ => return None,
    })
}

/// What of the account a component takes for itself: the space of names, and its name there, in which references stay
/// symbolic. `None` where AWS gives an id of its own to each object, and where the name is not known yet.
fn taken(component: &Component) -> Option<(String, String)> {
    let (space, settings) = match identity(&component.kind)? {
        Identity::Own | Identity::Shared => return None,
        Identity::Global(settings) => (component.kind.clone(), settings),
        Identity::Regional(space, settings) => (format!("{} {space}", component.region), settings),
    };
    let mut parts = Vec::new();
    for value in settings.iter().filter_map(|name| component.settings.get(*name)) {
        if has_unknown(value) {
            return None;
        }
        parts.push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    (!parts.is_empty()).then(|| (space, parts.join(" ")))
}

/// Errors about components that would be one object in AWS: the second create would fail, or change what the first has
/// made.
pub(super) fn clashes(graph: &Graph) -> Diagnostics {
    let mut first: BTreeMap<(String, String), &Key> = BTreeMap::new();
    let mut errors = Diagnostics::new();
    for component in graph.components.values() {
        let Some(name) = taken(component) else { continue };
        if let Some(other) = first.get(&name) {
            let detail = format!(
                "{other} and {} would both be {:?}. Give one of them another name: by the attribute that names it, or in `name_overrides`.",
                component.key, name.1
            );
            errors.push(Diagnostic::error("Two components of one name", detail));
        } else {
            first.insert(name, &component.key);
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tap_engine::reference::UNKNOWN;

    fn function(key: &str, region: &str, name: &str) -> Component {
        Component::new(Key::new("lambda_function", key), "lambda_function", region).set("function_name", json!(name))
    }

    fn found(components: impl IntoIterator<Item = Component>) -> Vec<String> {
        let mut graph = Graph::default();
        for component in components {
            graph.add(component);
        }
        clashes(&graph).iter().map(|error| error.detail.clone()).collect()
    }

    #[test]
    fn two_functions_of_one_name_are_refused() {
        let errors = found([
            function("a", "r", "pay"),
            function("b", "r", "pay"),
            function("c", "r", "other"),
        ]);
        assert_eq!(errors.len(), 1);
        assert!(
            errors[0].starts_with("lambda_function.a and lambda_function.b would both be \"pay\"."),
            "{errors:?}"
        );
    }

    #[test]
    fn regions_and_names_to_come_do_not_clash() {
        let none: Vec<String> = Vec::new();
        assert_eq!(found([function("a", "r", "pay"), function("b", "s", "pay")]), none);
        assert_eq!(found([function("a", "r", UNKNOWN), function("b", "r", UNKNOWN)]), none);
        let role = |key: &str, region| {
            Component::new(Key::new("iam_role", key), "iam_role", region).set("role_name", json!("pay"))
        };
        assert_eq!(found([role("a", "r"), role("b", "s")]).len(), 1, "roles know no region");
    }
}
