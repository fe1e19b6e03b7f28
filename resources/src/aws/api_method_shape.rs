//! The settings `integration` and `responses` of [`super::api_method`]: their one form for
//! comparison, and how what AWS answers becomes it.

use std::collections::HashMap;

use aws_sdk_apigateway::types::{Integration, IntegrationResponse, IntegrationType, MethodResponse};
use serde_json::{Map, Value};
use tap_engine::json::normalise;

use super::apigateway::{number_as_text, object, text};

/// What AWS fills in by itself (doc: `PutIntegration`).
fn is_default(member: &str, value: &Value) -> bool {
    match member {
        "timeout_in_millis" => value.as_i64() == Some(29_000),
        "passthrough_behavior" => value == "WHEN_NO_MATCH",
        _ => false,
    }
}

/// The one form of setting `integration`: no empty members, no defaults.
pub(super) fn integration(value: &Value) -> Value {
    let mut value = without_empty(&normalise(value, false));
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, value| !is_default(name, value));
    }
    value
}

/// The one form of setting `responses`: status codes as text and sorted by them, no empty members.
pub(super) fn responses(value: &Value) -> Value {
    let Value::Array(items) = normalise(value, false) else {
        return value.clone();
    };
    let mut items: Vec<Value> = items.iter().map(response).collect();
    items.sort_by_cached_key(|item| item["status_code"].to_string());
    Value::Array(items)
}

fn response(value: &Value) -> Value {
    let mut value = without_empty(value);
    if let Some(status) = value.get_mut("status_code") {
        *status = number_as_text(status);
    }
    // An empty integration response is one, too: it maps the answers that no pattern catches.
    if let Some(nested) = value.get_mut("integration") {
        *nested = without_empty(nested);
    }
    value
}

fn without_empty(value: &Value) -> Value {
    let Value::Object(members) = value else {
        return value.clone();
    };
    let kept = |(name, value): &(&String, &Value)| {
        name.as_str() == "integration" || !matches!(value, Value::Object(m) if m.is_empty())
    };
    let kept = members.iter().filter(kept);
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Collects members that are set.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn put(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
    }
}

/// Templates as they were written: API Gateway answers an empty template with null, which does not
/// get through the SDK.
fn templates(actual: Option<&HashMap<String, String>>, recorded: Option<&Value>) -> Option<Value> {
    let mut templates: Map<String, Value> = recorded
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, template)| template.as_str() == Some(""))
        .map(|(content_type, template)| (content_type.clone(), template.clone()))
        .collect();
    for (content_type, template) in actual.into_iter().flatten() {
        templates.insert(content_type.clone(), template.clone().into());
    }
    (!templates.is_empty()).then_some(Value::Object(templates))
}

/// What AWS answers, as setting `integration`.
pub(super) fn of_integration(actual: &Integration, recorded: Option<&Value>) -> Value {
    let member = |name: &str| recorded.and_then(|value| value.get(name)).filter(|v| !v.is_null());
    let kind = actual.r#type().map(IntegrationType::as_str);
    let mut members = Members::default();
    members.put("type", kind);
    // A mock calls nothing, so its HTTP method means nothing.
    let method = actual.http_method().filter(|_| kind != Some("MOCK"));
    let mock_method = member("integration_http_method")
        .and_then(Value::as_str)
        .filter(|_| kind == Some("MOCK"));
    members.put("integration_http_method", method.or(mock_method));
    members.put("uri", text(actual.uri()));
    members.put("credentials", text(actual.credentials()));
    members.put(
        "timeout_in_millis",
        (actual.timeout_in_millis() > 0).then(|| actual.timeout_in_millis()),
    );
    members.put("passthrough_behavior", actual.passthrough_behavior());
    members.put(
        "request_templates",
        templates(actual.request_templates(), member("request_templates")),
    );
    members.put("request_parameters", object(actual.request_parameters()));
    integration(&Value::Object(members.0))
}

/// What AWS answers, as setting `responses`; `recorded` in [`responses`]' form.
pub(super) fn of_responses(
    actual: &HashMap<String, MethodResponse>,
    integration: Option<&Integration>,
    recorded: Option<&Value>,
) -> Option<Value> {
    let mapped = |status: &str| integration?.integration_responses()?.get(status);
    let known = |status: &str| {
        let known = recorded?.as_array()?;
        known.iter().find(|r| r["status_code"].as_str() == Some(status))
    };
    let items = actual.iter().map(|(status, response)| {
        let mut members = Members::default();
        members.put("status_code", Some(status.as_str()));
        members.put("response_parameters", object(response.response_parameters()));
        members.put("response_models", object(response.response_models()));
        let recorded = known(status).and_then(|known| known.get("integration"));
        members.put(
            "integration",
            mapped(status).map(|actual| of_integration_response(actual, recorded)),
        );
        Value::Object(members.0)
    });
    (!actual.is_empty()).then(|| responses(&Value::Array(items.collect())))
}

fn of_integration_response(actual: &IntegrationResponse, recorded: Option<&Value>) -> Value {
    let recorded = recorded.and_then(|r| r.get("response_templates"));
    let mut members = Members::default();
    members.put("response_parameters", object(actual.response_parameters()));
    members.put("response_templates", templates(actual.response_templates(), recorded));
    members.put("selection_pattern", text(actual.selection_pattern()));
    Value::Object(members.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_and_empty_members_are_not_set() {
        let full = json!({"type": "MOCK", "timeout_in_millis": 29000, "passthrough_behavior": "WHEN_NO_MATCH", "request_parameters": {}});
        assert_eq!(integration(&full), json!({"type": "MOCK"}));
        let slow = json!({"type": "MOCK", "timeout_in_millis": 5000});
        assert_eq!(integration(&slow), slow);
    }

    #[test]
    fn responses_are_a_set_by_status_code() {
        let a = json!([{"status_code": 400, "response_models": {}}, {"status_code": "200", "integration": {}}]);
        let b = json!([{"status_code": "200", "integration": {"response_templates": {}}}, {"status_code": "400"}]);
        assert_eq!(responses(&a), responses(&b));
        let without = json!([{"status_code": "200"}, {"status_code": "400"}]);
        assert_ne!(
            responses(&a),
            responses(&without),
            "an integration response, even an empty one, counts"
        );
    }

    #[test]
    fn an_empty_template_that_aws_answers_as_null_is_no_drift() {
        let wanted = json!([{"status_code": "200", "integration": {"response_templates": {"application/json": ""}}}]);
        let actual = Integration::builder()
            .r#type(IntegrationType::Aws)
            .integration_responses("200", IntegrationResponse::builder().status_code("200").build())
            .build();
        let method = HashMap::from([("200".to_owned(), MethodResponse::builder().status_code("200").build())]);
        assert_eq!(
            of_responses(&method, Some(&actual), Some(&responses(&wanted))),
            Some(responses(&wanted))
        );
    }

    #[test]
    fn a_mapping_that_somebody_added_shows() {
        let actual = Integration::builder()
            .r#type(IntegrationType::Mock)
            .http_method("POST")
            .integration_responses("204", IntegrationResponse::builder().selection_pattern(".*").build())
            .build();
        let method = HashMap::from([("204".to_owned(), MethodResponse::builder().status_code("204").build())]);
        let wanted = json!([{"status_code": "204"}]);
        let seen = of_responses(&method, Some(&actual), Some(&wanted)).unwrap();
        assert_eq!(
            seen,
            json!([{"status_code": "204", "integration": {"selection_pattern": ".*"}}])
        );
        assert_eq!(of_integration(&actual, None), json!({"type": "MOCK"}));
    }
}
