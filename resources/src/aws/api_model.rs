//! `api_model`: a JSON schema that a REST API checks request bodies against.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_Model.html>

use std::sync::Arc;

use async_trait::async_trait;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{GONE, Patch, editing, parts, text};
use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `<rest api>|<name>`.
pub struct ApiModel(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_model",
    settings: &[
        Setting::replace("rest_api_id"),
        Setting::replace("name"),
        Setting::replace("content_type"),
        Setting::new("schema"),
        Setting::new("description"),
    ],
    outputs: &["id", "name"],
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

fn outputs(rest_api_id: &str, name: &str) -> Outputs {
    Outputs::from([
        ("id".into(), format!("{rest_api_id}|{name}")),
        ("name".into(), name.into()),
    ])
}

#[async_trait]
impl Kind for ApiModel {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let (api, name) = (desired.text("rest_api_id")?, desired.text("name")?);
        let content_type = desired.text("content_type")?;
        let _turn = editing(api).await;
        call(cx, "apigateway:CreateModel", || {
            client
                .create_model()
                .rest_api_id(api)
                .name(name)
                .content_type(content_type)
                .set_schema(desired.document("schema"))
                .set_description(desired.opt_string("description"))
                .send()
        })
        .await?;
        let outputs = outputs(api, name);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let [api, name] = parts(id)?;
        let answer = call(cx, "apigateway:GetModel", || {
            client.get_model().rest_api_id(api).model_name(name).send()
        })
        .await;
        let Some(model) = found(answer, GONE)? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("rest_api_id", Some(api));
        seen.put("name", Some(name));
        seen.put("content_type", model.content_type());
        seen.put("schema", text(model.schema()).map(parse_document));
        seen.put("description", text(model.description()));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(api, name),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let [api, name] = parts(id)?;
        let mut patch = Patch::default();
        patch.texts(
            change,
            &[("schema", "/schema", "{}"), ("description", "/description", "")],
        );
        if !patch.is_empty() {
            let _turn = editing(api).await;
            call(cx, "apigateway:UpdateModel", || {
                client
                    .update_model()
                    .rest_api_id(api)
                    .model_name(name)
                    .set_patch_operations(Some(patch.0.clone()))
                    .send()
            })
            .await?;
        }
        Ok(outputs(api, name))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let [api, name] = parts(id)?;
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:DeleteModel", || {
            client.delete_model().rest_api_id(api).model_name(name).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// Names are unique in an API, and the API is the stack's own: the name proves it.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let client = self.0.apigateway(&cx.region);
        let (api, name) = (desired.text("rest_api_id")?, desired.text("name")?);
        let answer = call(cx, "apigateway:GetModel", || {
            client.get_model().rest_api_id(api).model_name(name).send()
        })
        .await;
        let id = found(answer, GONE)?.map(|_| format!("{api}|{name}"));
        Ok(id.filter(|id| !cx.known_ids.contains(id)))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["content_type"]);
        checks.text("name", 1..=255, alphanumeric_or(""), "letters and digits");
        checks.done()
    }
}
