//! `api_method`: a method of a REST API's resource with its integration and its responses.
//!
//! One component for what the API keeps as up to four kinds of objects, because none of them means
//! anything alone. API: <https://docs.aws.amazon.com/apigateway/latest/api/API_Method.html>

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigateway::types::IntegrationType;
use serde::Deserialize;
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::api_method_shape as shape;
use super::apigateway::{GONE, editing, flag, object, parts, text};
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `<rest api>|<resource>|<METHOD>`.
pub struct ApiMethod(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_method",
    settings: &[
        Setting::replace("rest_api_id"),
        Setting::replace("resource_id"),
        Setting::replace("http_method"),
        Setting::new("authorization"),
        Setting::new("authorizer_id"),
        Setting::new("api_key_required"),
        Setting::new("request_validator_id"),
        Setting::new("request_models"),
        Setting::new("request_parameters"),
        Setting::new("integration"),
        Setting::new("responses").unordered(),
    ],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &["apigateway:DELETE", "apigateway:GET", "apigateway:PUT", "iam:PassRole"],
};

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];
const INTEGRATIONS: &[&str] = &["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"];

/// Setting `integration`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the names are AWS's")]
struct Integration {
    r#type: String,
    integration_http_method: Option<String>,
    uri: Option<String>,
    credentials: Option<String>,
    timeout_in_millis: Option<i32>,
    passthrough_behavior: Option<String>,
    #[serde(default)]
    request_templates: HashMap<String, String>,
    #[serde(default)]
    request_parameters: HashMap<String, String>,
}

/// One element of setting `responses`, in [`shape::responses`]' form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the names are AWS's")]
struct Response {
    status_code: String,
    #[serde(default)]
    response_parameters: HashMap<String, bool>,
    #[serde(default)]
    response_models: HashMap<String, String>,
    integration: Option<IntegrationResponse>,
}

/// `integration` of an element of `responses`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IntegrationResponse {
    #[serde(default)]
    response_parameters: HashMap<String, String>,
    #[serde(default)]
    response_templates: HashMap<String, String>,
    selection_pattern: Option<String>,
}

/// Where a method is.
struct Address<'a> {
    api: &'a str,
    resource: &'a str,
    method: &'a str,
}

impl<'a> Address<'a> {
    fn of_id(id: &'a str) -> KindResult<Self> {
        let [api, resource, method] = parts(id)?;
        Ok(Self { api, resource, method })
    }
    fn of_settings(settings: &'a Settings) -> KindResult<Self> {
        Ok(Self {
            api: settings.text("rest_api_id")?,
            resource: settings.text("resource_id")?,
            method: settings.text("http_method")?,
        })
    }
    fn id(&self) -> String {
        format!("{}|{}|{}", self.api, self.resource, self.method)
    }
    fn outputs(&self) -> Outputs {
        Outputs::from([("id".into(), self.id())])
    }
}

fn some<K, V>(map: HashMap<K, V>) -> Option<HashMap<K, V>> {
    (!map.is_empty()).then_some(map)
}

impl ApiMethod {
    async fn put_method(&self, cx: &Context, at: &Address<'_>, desired: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let authorization = desired.text("authorization")?;
        let key_required = desired.opt_bool("api_key_required")?.unwrap_or(false);
        let models: HashMap<String, String> = desired.text_map("request_models")?.into_iter().collect();
        let parameters: HashMap<String, bool> = desired.parse("request_parameters")?.unwrap_or_default();
        call(cx, "apigateway:PutMethod", || {
            client
                .put_method()
                .rest_api_id(at.api)
                .resource_id(at.resource)
                .http_method(at.method)
                .authorization_type(authorization)
                .set_authorizer_id(desired.opt_string("authorizer_id"))
                .api_key_required(key_required)
                .set_request_validator_id(desired.opt_string("request_validator_id"))
                .set_request_models(some(models.clone()))
                .set_request_parameters(some(parameters.clone()))
                .send()
        })
        .await
        .map(|_| ())
    }

    /// Writes everything below the method. Needs a method that has no responses yet.
    async fn put_the_rest(&self, cx: &Context, at: &Address<'_>, desired: &Settings) -> KindResult<()> {
        if let Some(integration) = desired.parse::<Integration>("integration")? {
            self.put_integration(cx, at, &integration).await?;
        }
        for response in responses(desired)? {
            self.put_response(cx, at, &response).await?;
        }
        Ok(())
    }

    async fn put_integration(&self, cx: &Context, at: &Address<'_>, wanted: &Integration) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        call(cx, "apigateway:PutIntegration", || {
            client
                .put_integration()
                .rest_api_id(at.api)
                .resource_id(at.resource)
                .http_method(at.method)
                .r#type(IntegrationType::from(wanted.r#type.as_str()))
                .set_integration_http_method(wanted.integration_http_method.clone())
                .set_uri(wanted.uri.clone())
                .set_credentials(wanted.credentials.clone())
                .set_timeout_in_millis(wanted.timeout_in_millis)
                .set_passthrough_behavior(wanted.passthrough_behavior.clone())
                .set_request_templates(some(wanted.request_templates.clone()))
                .set_request_parameters(some(wanted.request_parameters.clone()))
                .send()
        })
        .await
        .map(|_| ())
    }

    async fn put_response(&self, cx: &Context, at: &Address<'_>, wanted: &Response) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        call(cx, "apigateway:PutMethodResponse", || {
            client
                .put_method_response()
                .rest_api_id(at.api)
                .resource_id(at.resource)
                .http_method(at.method)
                .status_code(&wanted.status_code)
                .set_response_parameters(some(wanted.response_parameters.clone()))
                .set_response_models(some(wanted.response_models.clone()))
                .send()
        })
        .await?;
        let Some(integration) = &wanted.integration else {
            return Ok(());
        };
        call(cx, "apigateway:PutIntegrationResponse", || {
            client
                .put_integration_response()
                .rest_api_id(at.api)
                .resource_id(at.resource)
                .http_method(at.method)
                .status_code(&wanted.status_code)
                .set_selection_pattern(integration.selection_pattern.clone())
                .set_response_parameters(some(integration.response_parameters.clone()))
                .set_response_templates(some(integration.response_templates.clone()))
                .send()
        })
        .await
        .map(|_| ())
    }

    async fn delete_method(&self, cx: &Context, at: &Address<'_>) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:DeleteMethod", || {
            client
                .delete_method()
                .rest_api_id(at.api)
                .resource_id(at.resource)
                .http_method(at.method)
                .send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }
}

fn responses(settings: &Settings) -> KindResult<Vec<Response>> {
    let value = settings.value("responses").map(shape::responses);
    let parsed = value.map(serde_json::from_value).transpose();
    parsed
        .map(Option::unwrap_or_default)
        .map_err(|e| KindError::invalid("responses", e.to_string()))
}

#[async_trait]
impl Kind for ApiMethod {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let at = Address::of_settings(desired)?;
        let _turn = editing(at.api).await;
        self.put_method(cx, &at, desired).await?;
        cx.created(&at.outputs());
        self.put_the_rest(cx, &at, desired).await?;
        Ok(at.outputs())
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let at = Address::of_id(id)?;
        let answer = call(cx, "apigateway:GetMethod", || {
            client
                .get_method()
                .rest_api_id(at.api)
                .resource_id(at.resource)
                .http_method(at.method)
                .send()
        })
        .await;
        let Some(method) = found(answer, GONE)? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("rest_api_id", Some(at.api));
        seen.put("resource_id", Some(at.resource));
        seen.put("http_method", Some(at.method));
        seen.put("authorization", method.authorization_type());
        seen.put("authorizer_id", text(method.authorizer_id()));
        let key_required = method.api_key_required().unwrap_or(false);
        seen.put("api_key_required", flag(key_required, "api_key_required", recorded));
        seen.put("request_validator_id", text(method.request_validator_id()));
        seen.put("request_models", object(method.request_models()));
        seen.put("request_parameters", object(method.request_parameters()));
        let integration = method.method_integration();
        seen.put(
            "integration",
            integration.map(|actual| shape::of_integration(actual, recorded.value("integration"))),
        );
        let recorded_responses = recorded.value("responses").map(shape::responses);
        seen.put(
            "responses",
            method
                .method_responses()
                .and_then(|actual| shape::of_responses(actual, integration, recorded_responses.as_ref())),
        );
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: at.outputs(),
        }))
    }

    /// Writes the method anew. Callers do not notice: what they use is the deployed snapshot, this
    /// is the draft for the next one. (`PutMethod` and `PutMethodResponse` refuse what exists.)
    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let at = Address::of_id(id)?;
        let _turn = editing(at.api).await;
        self.delete_method(cx, &at).await?;
        self.put_method(cx, &at, change.after).await?;
        self.put_the_rest(cx, &at, change.after).await?;
        Ok(at.outputs())
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let at = Address::of_id(id)?;
        let _turn = editing(at.api).await;
        self.delete_method(cx, &at).await
    }

    /// A resource has one method of a name, and the API is the stack's own: the address proves it.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let client = self.0.apigateway(&cx.region);
        let at = Address::of_settings(desired)?;
        let answer = call(cx, "apigateway:GetMethod", || {
            client
                .get_method()
                .rest_api_id(at.api)
                .resource_id(at.resource)
                .http_method(at.method)
                .send()
        })
        .await;
        let id = found(answer, GONE)?.map(|_| at.id());
        Ok(id.filter(|id| !cx.known_ids.contains(id)))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "integration" => shape::integration(value),
            "responses" => shape::responses(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .one_of("http_method", METHODS)
            .required(&["authorization"])
            .one_of("authorization", &["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"]);
        let integration = settings.parse::<Integration>("integration");
        match integration.map(|wanted| wanted.as_ref().and_then(integration_mistake)) {
            Ok(None) => {}
            Ok(Some(mistake)) => _ = checks.wrong("integration", mistake),
            Err(error) => _ = checks.wrong("integration", error.to_string()),
        }
        match responses(settings).map(|wanted| responses_mistake(&wanted)) {
            Ok(None) => {}
            Ok(Some(mistake)) => _ = checks.wrong("responses", mistake),
            Err(error) => _ = checks.wrong("responses", error.to_string()),
        }
        checks.done()
    }
}

fn integration_mistake(wanted: &Integration) -> Option<String> {
    let kind = wanted.r#type.as_str();
    if !INTEGRATIONS.contains(&kind) {
        return Some(format!("type must be one of {}, not {kind}", INTEGRATIONS.join(", ")));
    }
    if kind != "MOCK" && (wanted.uri.is_none() || wanted.integration_http_method.is_none()) {
        return Some(format!("uri and integration_http_method are required for type {kind}"));
    }
    // doc: 50 ms to 29 s; Regional and private APIs may have a higher quota, 300 s at most.
    let timeout = wanted.timeout_in_millis.filter(|ms| !(50..=300_000).contains(ms))?;
    Some(format!(
        "timeout_in_millis must be between 50 and 300000, not {timeout}"
    ))
}

fn responses_mistake(responses: &[Response]) -> Option<String> {
    let mut seen = BTreeSet::new();
    responses.iter().find_map(|response| {
        let status = response.status_code.as_str();
        let valid = status.len() == 3
            && status.chars().all(|c| c.is_ascii_digit())
            && ('1'..='5').contains(&status.chars().next()?);
        if !valid && !status.contains("${") {
            return Some(format!("status_code must be an HTTP status, not {status}"));
        }
        let twice = !seen.insert(status);
        twice.then(|| format!("status_code {status} is there twice"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mistakes(settings: Value) -> Vec<String> {
        let Value::Object(members) = settings else {
            unreachable!()
        };
        let settings = members.into_iter().collect();
        let wrong = ApiMethod(super::super::apigateway::test_aws()).validate(&settings);
        wrong.into_iter().map(|(setting, _)| setting).collect()
    }

    #[test]
    fn mistakes_show_at_plan_time() {
        let proxy =
            json!({"type": "AWS_PROXY", "integration_http_method": "POST", "uri": "${lambda_function.v.invoke_arn}"});
        let fine = json!({"http_method": "POST", "authorization": "NONE", "integration": proxy, "responses": [{"status_code": 204}]});
        assert!(mistakes(fine).is_empty());
        assert_eq!(
            mistakes(json!({"authorization": "NONE", "http_method": "FETCH"})),
            ["http_method"]
        );
        assert_eq!(
            mistakes(json!({"authorization": "NONE", "integration": {"type": "AWS"}})),
            ["integration"]
        );
        assert_eq!(
            mistakes(json!({"authorization": "NONE", "integration": {"type": "MOCK", "timeout": 3}})),
            ["integration"]
        );
        assert_eq!(
            mistakes(json!({"authorization": "NONE", "integration": {"type": "MOCK", "timeout_in_millis": 20}})),
            ["integration"]
        );
        assert_eq!(
            mistakes(json!({"authorization": "NONE", "responses": [{"status_code": "20"}]})),
            ["responses"]
        );
        assert_eq!(
            mistakes(json!({"authorization": "NONE", "responses": [{"status_code": "200"}, {"status_code": 200}]})),
            ["responses"]
        );
    }
}
