//! `api_request_validator`: what a REST API checks before it calls the integration.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_RequestValidator.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigateway::types::RequestValidator;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{GONE, Patch, editing, flag, parts};
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `<rest api>|<validator>`.
pub struct ApiRequestValidator(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_request_validator",
    settings: &[
        Setting::replace("rest_api_id"),
        Setting::replace("name"),
        Setting::new("validate_request_body"),
        Setting::new("validate_request_parameters"),
    ],
    outputs: &["id", "validator_id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
    ],
};

fn outputs(rest_api_id: &str, validator_id: &str) -> Outputs {
    Outputs::from([
        ("id".into(), format!("{rest_api_id}|{validator_id}")),
        ("validator_id".into(), validator_id.into()),
    ])
}

impl ApiRequestValidator {
    async fn all(&self, cx: &Context, api: &str) -> KindResult<Vec<RequestValidator>> {
        let client = self.0.apigateway(&cx.region);
        let (mut all, mut position) = (Vec::new(), None);
        loop {
            let answer = call(cx, "apigateway:GetRequestValidators", || {
                let request = client.get_request_validators().rest_api_id(api).limit(500);
                request.set_position(position.clone()).send()
            })
            .await;
            let Some(page) = found(answer, GONE)? else {
                return Ok(all);
            };
            all.extend(page.items.unwrap_or_default());
            position = page.position;
            if position.is_none() {
                return Ok(all);
            }
        }
    }
}

#[async_trait]
impl Kind for ApiRequestValidator {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let (api, name) = (desired.text("rest_api_id")?, desired.text("name")?);
        let body = desired.opt_bool("validate_request_body")?;
        let parameters = desired.opt_bool("validate_request_parameters")?;
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:CreateRequestValidator", || {
            client
                .create_request_validator()
                .rest_api_id(api)
                .name(name)
                .set_validate_request_body(body)
                .set_validate_request_parameters(parameters)
                .send()
        })
        .await?;
        let outputs = outputs(api, answer.id().unwrap_or_default());
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let [api, validator] = parts(id)?;
        let answer = call(cx, "apigateway:GetRequestValidator", || {
            let request = client.get_request_validator().rest_api_id(api);
            request.request_validator_id(validator).send()
        })
        .await;
        let Some(actual) = found(answer, GONE)? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("rest_api_id", Some(api));
        seen.put("name", actual.name());
        for (setting, value) in [
            ("validate_request_body", actual.validate_request_body()),
            ("validate_request_parameters", actual.validate_request_parameters()),
        ] {
            seen.put(setting, flag(value, setting, recorded));
        }
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(api, validator),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let [api, validator] = parts(id)?;
        let mut patch = Patch::default();
        patch.texts(
            change,
            &[
                ("validate_request_body", "/validateRequestBody", "false"),
                ("validate_request_parameters", "/validateRequestParameters", "false"),
            ],
        );
        if !patch.is_empty() {
            let _turn = editing(api).await;
            call(cx, "apigateway:UpdateRequestValidator", || {
                client
                    .update_request_validator()
                    .rest_api_id(api)
                    .request_validator_id(validator)
                    .set_patch_operations(Some(patch.0.clone()))
                    .send()
            })
            .await?;
        }
        Ok(outputs(api, validator))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let [api, validator] = parts(id)?;
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:DeleteRequestValidator", || {
            let request = client.delete_request_validator().rest_api_id(api);
            request.request_validator_id(validator).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// Validators carry no tags; in an API of the stack's own, the name proves it.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let (api, name) = (desired.text("rest_api_id")?, desired.text("name")?);
        let all = self.all(cx, api).await?;
        Ok(all
            .iter()
            .filter(|validator| validator.name() == Some(name))
            .filter_map(|validator| validator.id())
            .map(|validator| format!("{api}|{validator}"))
            .find(|id| !cx.known_ids.contains(id)))
    }
}
