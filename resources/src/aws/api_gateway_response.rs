//! `api_gateway_response`: what a REST API answers by itself (no key, throttled, bad body, ...).
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_GatewayResponse.html>

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigateway::types::GatewayResponseType;
use serde_json::{Value, json};
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{GONE, editing, number_as_text, object, parts};
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `<rest api>|<TYPE>`.
pub struct ApiGatewayResponse(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_gateway_response",
    settings: &[
        Setting::replace("rest_api_id"),
        Setting::replace("response_type"),
        Setting::new("status_code"),
        Setting::new("response_parameters"),
        Setting::new("response_templates"),
    ],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &["apigateway:DELETE", "apigateway:GET", "apigateway:PUT"],
};

/// Types and the status they have when none is set (doc: "Gateway response types for API
/// Gateway"); the two `DEFAULT` types leave each response its own.
const STATUS: &[(&str, &str)] = &[
    ("ACCESS_DENIED", "403"),
    ("API_CONFIGURATION_ERROR", "500"),
    ("AUTHORIZER_CONFIGURATION_ERROR", "500"),
    ("AUTHORIZER_FAILURE", "500"),
    ("BAD_REQUEST_BODY", "400"),
    ("BAD_REQUEST_PARAMETERS", "400"),
    ("DEFAULT_4XX", ""),
    ("DEFAULT_5XX", ""),
    ("EXPIRED_TOKEN", "403"),
    ("INTEGRATION_FAILURE", "504"),
    ("INTEGRATION_TIMEOUT", "504"),
    ("INVALID_API_KEY", "403"),
    ("INVALID_SIGNATURE", "403"),
    ("MISSING_AUTHENTICATION_TOKEN", "403"),
    ("QUOTA_EXCEEDED", "429"),
    ("REQUEST_TOO_LARGE", "413"),
    ("RESOURCE_NOT_FOUND", "404"),
    ("THROTTLED", "429"),
    ("UNAUTHORIZED", "401"),
    ("UNSUPPORTED_MEDIA_TYPE", "415"),
    ("WAF_FILTERED", "403"),
];

/// The templates that AWS puts where none are given.
fn default_templates() -> Value {
    json!({"application/json": "{\"message\":$context.error.messageString}"})
}

fn outputs(id: &str) -> Outputs {
    Outputs::from([("id".into(), id.into())])
}

impl ApiGatewayResponse {
    async fn put(&self, cx: &Context, api: &str, kind: &str, settings: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let parameters: HashMap<_, _> = settings.text_map("response_parameters")?.into_iter().collect();
        let templates: HashMap<_, _> = settings.text_map("response_templates")?.into_iter().collect();
        let _turn = editing(api).await;
        call(cx, "apigateway:PutGatewayResponse", || {
            client
                .put_gateway_response()
                .rest_api_id(api)
                .response_type(GatewayResponseType::from(kind))
                .set_status_code(settings.document("status_code"))
                .set_response_parameters(Some(parameters.clone()).filter(|p| !p.is_empty()))
                .set_response_templates(Some(templates.clone()).filter(|t| !t.is_empty()))
                .send()
        })
        .await
        .map(|_| ())
    }
}

#[async_trait]
impl Kind for ApiGatewayResponse {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let (api, kind) = (desired.text("rest_api_id")?, desired.text("response_type")?);
        self.put(cx, api, kind, desired).await?;
        let outputs = outputs(&format!("{api}|{kind}"));
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let [api, kind] = parts(id)?;
        let answer = call(cx, "apigateway:GetGatewayResponse", || {
            let request = client.get_gateway_response().rest_api_id(api);
            request.response_type(GatewayResponseType::from(kind)).send()
        })
        .await;
        // Every type always answers; one that nobody has set says so.
        let Some(actual) = found(answer, GONE)?.filter(|response| !response.default_response()) else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("rest_api_id", Some(api));
        seen.put("response_type", Some(kind));
        let is_default = |status: &&str| STATUS.contains(&(kind, *status));
        let status = actual.status_code().filter(|status| !status.is_empty());
        seen.put(
            "status_code",
            status.filter(|status| recorded.value("status_code").is_some() || !is_default(status)),
        );
        seen.put("response_parameters", object(actual.response_parameters()));
        let templates = object(actual.response_templates());
        seen.put(
            "response_templates",
            templates.filter(|t| recorded.value("response_templates").is_some() || *t != default_templates()),
        );
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let [api, kind] = parts(id)?;
        self.put(cx, api, kind, change.after).await?;
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let [api, kind] = parts(id)?;
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:DeleteGatewayResponse", || {
            let request = client.delete_gateway_response().rest_api_id(api);
            request.response_type(GatewayResponseType::from(kind)).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// An API has one response of a type, and the API is the stack's own: the type proves it.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let id = format!("{}|{}", desired.text("rest_api_id")?, desired.text("response_type")?);
        let there = self.read(cx, &id, desired).await?.is_some();
        Ok((there && !cx.known_ids.contains(&id)).then_some(id))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "status_code" => number_as_text(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let types: Vec<&str> = STATUS.iter().map(|(kind, _)| *kind).collect();
        let mut checks = Checks::new(settings);
        checks.one_of("response_type", &types);
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_knows_every_type() {
        for (kind, _) in STATUS {
            assert!(GatewayResponseType::values().contains(kind), "{kind}");
        }
        assert_eq!(GatewayResponseType::values().len(), STATUS.len());
    }
}
