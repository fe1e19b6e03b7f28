//! `rest_api`: an Amazon API Gateway REST API.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_RestApi.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigateway::types::{ApiKeySourceType, EndpointConfiguration, EndpointType};
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{self, GONE, Patch, flag, seen_tags, text, wanted_tags};
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found, tags};

/// The kind; `id` is the API's id.
pub struct RestApi(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "rest_api",
    settings: &[
        Setting::new("name").moves_outputs(),
        Setting::new("description"),
        Setting::new("endpoint_types"),
        Setting::new("api_key_source"),
        Setting::new("minimum_compression_size"),
        Setting::new("disable_execute_api_endpoint"),
        Setting::new("policy"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "root_resource_id", "execution_arn", "name"],
    volatile_outputs: &["name"],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
        "apigateway:UpdateRestApiPolicy",
    ],
};

impl RestApi {
    fn outputs(&self, cx: &Context, id: &str, name: &str, root: &str) -> Outputs {
        Outputs::from([
            ("id".into(), id.into()),
            ("arn".into(), apigateway::arn(&self.0, cx, &format!("/restapis/{id}"))),
            ("root_resource_id".into(), root.into()),
            ("execution_arn".into(), self.0.arn("execute-api", &cx.region, id)),
            ("name".into(), name.into()),
        ])
    }
}

fn endpoint_types(settings: &Settings) -> KindResult<Option<EndpointConfiguration>> {
    let types = settings.texts("endpoint_types")?;
    Ok((!types.is_empty()).then(|| {
        let types = types.iter().map(|text| EndpointType::from(text.as_str())).collect();
        EndpointConfiguration::builder().set_types(Some(types)).build()
    }))
}

fn patch(change: &Change<'_>) -> KindResult<Patch> {
    let mut patch = Patch::default();
    patch.texts(
        change,
        &[
            ("name", "/name", ""),
            ("description", "/description", ""),
            ("api_key_source", "/apiKeySource", "HEADER"),
            ("disable_execute_api_endpoint", "/disableExecuteApiEndpoint", "false"),
            ("policy", "/policy", ""),
        ],
    );
    if change.has("minimum_compression_size") {
        // A replace without a value switches compression off.
        match change.after.document("minimum_compression_size") {
            Some(size) => patch.replace("/minimumCompressionSize", size),
            None => patch.replace_with_nothing("/minimumCompressionSize"),
        }
    }
    // An API always has an endpoint type: taking the setting away changes nothing at AWS.
    if change.has("endpoint_types")
        && let Some(wanted) = change.after.texts("endpoint_types")?.first()
    {
        patch.replace("/endpointConfiguration/types/0", wanted);
    }
    Ok(patch)
}

/// The policy as it was written. AWS answers it as the inside of a JSON string, and with the short
/// form `execute-api:/…` of resources spelled out.
fn policy(answer: &str, api_arn_prefix: &str, recorded: Option<&Value>) -> Value {
    let text: String = serde_json::from_str(&format!("\"{answer}\"")).unwrap_or_else(|_| answer.to_owned());
    let short = text.replace(&format!("\"{api_arn_prefix}/"), "\"execute-api:/");
    let uses_short_form = recorded.is_some_and(|policy| policy.to_string().contains("execute-api:/"));
    parse_document(if uses_short_form { &short } else { &text })
}

#[async_trait]
impl Kind for RestApi {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "policy" => super::policy::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let name = desired.text("name")?;
        let endpoints = endpoint_types(desired)?;
        let compression = desired.opt_i32("minimum_compression_size")?;
        let no_default_endpoint = desired.opt_bool("disable_execute_api_endpoint")?;
        let answer = call(cx, "apigateway:CreateRestApi", || {
            client
                .create_rest_api()
                .name(name)
                .set_description(desired.opt_string("description"))
                .set_endpoint_configuration(endpoints.clone())
                .set_api_key_source(desired.opt_text("api_key_source").map(ApiKeySourceType::from))
                .set_minimum_compression_size(compression)
                .set_disable_execute_api_endpoint(no_default_endpoint)
                .set_policy(desired.document("policy"))
                .set_tags(Some(wanted_tags(desired)))
                .send()
        })
        .await?;
        let (id, root) = (answer.id.unwrap_or_default(), answer.root_resource_id);
        let outputs = self.outputs(cx, &id, name, root.as_deref().unwrap_or_default());
        cx.created(&outputs);
        if root.is_none() {
            return Err(KindError::Failed {
                operation: "apigateway:CreateRestApi".into(),
                message: format!("the answer for API {id} names no root resource"),
            });
        }
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:GetRestApi", || {
            client.get_rest_api().rest_api_id(id).send()
        })
        .await;
        let Some(api) = found(answer, GONE)? else {
            return Ok(None);
        };
        let name = api.name().unwrap_or_default();
        let outputs = self.outputs(cx, id, name, api.root_resource_id().unwrap_or_default());
        let mut seen = Seen::default();
        seen.put("name", Some(name));
        seen.put("description", text(api.description()));
        // EDGE is what CreateRestApi makes when it is told nothing.
        let types: Vec<&str> = api
            .endpoint_configuration()
            .map(|e| e.types().iter().map(EndpointType::as_str).collect())
            .unwrap_or_default();
        if recorded.value("endpoint_types").is_some() || types != ["EDGE"] {
            seen.put("endpoint_types", Some(types));
        }
        let source = api.api_key_source().map(ApiKeySourceType::as_str);
        if recorded.value("api_key_source").is_some() || source != Some("HEADER") {
            seen.put("api_key_source", source);
        }
        seen.put("minimum_compression_size", api.minimum_compression_size());
        let setting = "disable_execute_api_endpoint";
        seen.put(setting, flag(api.disable_execute_api_endpoint(), setting, recorded));
        let prefix = &outputs["execution_arn"];
        let document = text(api.policy()).map(|answer| policy(answer, prefix, recorded.value("policy")));
        seen.put("policy", document);
        seen.put("tags", tags::setting(seen_tags(api.tags())));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs,
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let patch = patch(change)?;
        if !patch.is_empty() {
            let _turn = apigateway::editing(id).await;
            call(cx, "apigateway:UpdateRestApi", || {
                client
                    .update_rest_api()
                    .rest_api_id(id)
                    .set_patch_operations(Some(patch.0.clone()))
                    .send()
            })
            .await?;
        }
        apigateway::apply_tags(
            &self.0,
            cx,
            &apigateway::arn(&self.0, cx, &format!("/restapis/{id}")),
            change,
        )
        .await?;
        let api = call(cx, "apigateway:GetRestApi", || {
            client.get_rest_api().rest_api_id(id).send()
        })
        .await?;
        let (name, root) = (
            api.name().unwrap_or_default(),
            api.root_resource_id().unwrap_or_default(),
        );
        Ok(self.outputs(cx, id, name, root))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        // DeleteRestApi is limited to one call per 30 s: asking first spares a repeated delete that.
        let there = call(cx, "apigateway:GetRestApi", || {
            client.get_rest_api().rest_api_id(id).send()
        })
        .await;
        if found(there, GONE)?.is_none() {
            return Ok(());
        }
        let answer = call(cx, "apigateway:DeleteRestApi", || {
            client.delete_rest_api().rest_api_id(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// Names of APIs are not unique, so only the ownership tags tell.
    async fn find(&self, cx: &Context, _desired: &Settings) -> KindResult<Option<String>> {
        let client = self.0.apigateway(&cx.region);
        let apis = call(cx, "apigateway:GetRestApis", || {
            let pages = client.get_rest_apis().into_paginator().page_size(500);
            pages.items().send().collect::<Result<Vec<_>, _>>()
        })
        .await?;
        let ours = apis.into_iter().filter(|api| tags::owned(cx, &seen_tags(api.tags())));
        Ok(ours.filter_map(|api| api.id).find(|id| !cx.known_ids.contains(id)))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .length("name", 1..=1024)
            .one_of("api_key_source", &["HEADER", "AUTHORIZER"])
            .range("minimum_compression_size", 0..=10_485_760);
        let types = settings.texts("endpoint_types").unwrap_or_default();
        let known = |t: &String| ["EDGE", "REGIONAL", "PRIVATE"].contains(&t.as_str());
        if types.len() > 1 || !types.iter().all(known) {
            checks.wrong(
                "endpoint_types",
                "must be one of EDGE, REGIONAL, PRIVATE, as a list of one",
            );
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PREFIX: &str = "arn:aws:execute-api:us-east-1:123456789012:abc123";

    #[test]
    fn the_policy_comes_back_as_it_was_written() {
        let wanted = json!({"Statement": [{"Resource": "execute-api:/prod/*"}]});
        let answer = format!(r#"{{\"Statement\":[{{\"Resource\":\"{PREFIX}/prod/*\"}}]}}"#);
        assert_eq!(policy(&answer, PREFIX, Some(&wanted)), wanted);
        let long = json!({"Statement": [{"Resource": format!("{PREFIX}/prod/*")}]});
        assert_eq!(policy(&answer, PREFIX, Some(&long)), long);
        assert_eq!(policy(&answer, PREFIX, None), long);
    }

    #[test]
    fn every_setting_can_be_patched() {
        let before = Settings::from([("minimum_compression_size".to_owned(), json!(1024))]);
        let after = Settings::from([
            ("endpoint_types".to_owned(), json!(["REGIONAL"])),
            ("disable_execute_api_endpoint".to_owned(), json!(true)),
            ("policy".to_owned(), json!({"Statement": []})),
        ]);
        let changed = [
            "endpoint_types",
            "disable_execute_api_endpoint",
            "policy",
            "minimum_compression_size",
        ]
        .map(str::to_owned);
        let change = Change {
            before: &before,
            after: &after,
            changed: &changed,
            outputs: &Outputs::new(),
        };
        let mut wanted = Patch::default();
        wanted.replace("/disableExecuteApiEndpoint", "true");
        wanted.replace("/policy", r#"{"Statement":[]}"#);
        wanted.replace_with_nothing("/minimumCompressionSize");
        wanted.replace("/endpointConfiguration/types/0", "REGIONAL");
        assert_eq!(patch(&change).unwrap(), wanted);
    }
}
