//! The inventory that follows from a state.

use serde_json::{Map, Value};

pub(crate) fn listed_twice(sorted: &[String]) -> Vec<&String> {
    sorted
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| &pair[0])
        .collect()
}

/// A mapping is listed by the ARNs of its ends, which hold the stream's time of birth.
pub(crate) fn without_arns(line: String) -> String {
    match line.split_once(' ') {
        Some((kind @ "lambda_event_source_mapping", _)) => kind.to_owned(),
        _ => line,
    }
}

/// The inventory that follows from the state, the stack's record included.
pub(crate) fn expected_inventory(components: &Map<String, Value>, suffix: &str) -> Vec<String> {
    let mut lines: Vec<String> = components.values().filter_map(inventory_line).collect();
    lines.push(format!("ssm_parameter /tap/webhook_pipeline/{suffix}"));
    lines.sort();
    lines
}

/// How the inventory lists a component; parts of something else (routes, targets, permissions) are not listed.
fn inventory_line(component: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, id) = (text(&component["kind"]), text(&component["id"]));
    let name = text(&component["settings"]["name"]);
    let line = match kind.as_str() {
        "kms_key" | "kms_alias" | "s3_bucket" | "dynamodb_table" | "sns_topic" | "sqs_queue" | "event_bus"
        | "event_archive" | "log_group" | "iam_role" | "lambda_function" | "dashboard" | "ecr_repository" => {
            format!("{kind} {id}")
        }
        "event_rule" | "schedule" => format!("{kind} {}", id.replace('|', "/")),
        "sns_subscription" => format!("{kind} {}", id.replace('|', " ")),
        "metric_alarm" => format!("alarm {id}"),
        "api_key_parameter" => format!("ssm_parameter {id}"),
        "rest_api" | "api_key" => format!("{kind} {name} {id}"),
        "api_usage_plan" => format!("usage_plan {name} {id}"),
        "state_machine" => format!("{kind} {name}"),
        "lambda_event_source_mapping" => kind,
        _ => return None,
    };
    Some(line)
}
