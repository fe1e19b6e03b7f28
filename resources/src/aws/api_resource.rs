//! `api_resource`: one path part of a REST API.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_Resource.html>

use std::sync::Arc;

use async_trait::async_trait;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{GONE, editing, parts};
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `<rest api>|<resource>`.
pub struct ApiResource(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_resource",
    settings: &[
        Setting::replace("rest_api_id"),
        Setting::replace("parent_id"),
        Setting::replace("path_part"),
    ],
    outputs: &["id", "resource_id", "path"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &["apigateway:DELETE", "apigateway:GET", "apigateway:POST"],
};

fn outputs(rest_api_id: &str, resource_id: &str, path: &str) -> Outputs {
    Outputs::from([
        ("id".into(), format!("{rest_api_id}|{resource_id}")),
        ("resource_id".into(), resource_id.into()),
        ("path".into(), path.into()),
    ])
}

#[async_trait]
impl Kind for ApiResource {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let (api, parent, part) = (
            desired.text("rest_api_id")?,
            desired.text("parent_id")?,
            desired.text("path_part")?,
        );
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:CreateResource", || {
            client
                .create_resource()
                .rest_api_id(api)
                .parent_id(parent)
                .path_part(part)
                .send()
        })
        .await?;
        let outputs = outputs(api, answer.id().unwrap_or_default(), answer.path().unwrap_or_default());
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let [api, resource] = parts(id)?;
        let answer = call(cx, "apigateway:GetResource", || {
            client.get_resource().rest_api_id(api).resource_id(resource).send()
        })
        .await;
        let Some(answer) = found(answer, GONE)? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("rest_api_id", Some(api));
        seen.put("parent_id", answer.parent_id());
        seen.put("path_part", answer.path_part());
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(api, resource, answer.path().unwrap_or_default()),
        }))
    }

    async fn update(&self, _cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        // Every setting replaces; nothing is left to change.
        let [api, resource] = parts(id)?;
        let path = change.outputs.get("path").map_or("", String::as_str);
        Ok(outputs(api, resource, path))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let [api, resource] = parts(id)?;
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:DeleteResource", || {
            client.delete_resource().rest_api_id(api).resource_id(resource).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// A parent has one child of a name, and the API is the stack's own: the path proves it.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let client = self.0.apigateway(&cx.region);
        let (api, parent, part) = (
            desired.text("rest_api_id")?,
            desired.text("parent_id")?,
            desired.text("path_part")?,
        );
        let answer = call(cx, "apigateway:GetResources", || {
            let pages = client.get_resources().rest_api_id(api).into_paginator().page_size(500);
            pages.items().send().collect::<Result<Vec<_>, _>>()
        })
        .await;
        let resources = found(answer, GONE)?.unwrap_or_default();
        Ok(resources
            .iter()
            .filter(|r| r.parent_id() == Some(parent) && r.path_part() == Some(part))
            .filter_map(|r| r.id())
            .map(|resource| format!("{api}|{resource}"))
            .find(|id| !cx.known_ids.contains(id)))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        // doc: a path part holds letters, digits, and -._:$, or is a parameter {name} or {proxy+}.
        let Some(part) = Checks::new(settings).known_text("path_part") else {
            return Vec::new();
        };
        let word =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:$".contains(c));
        let inner = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let fits = inner.map_or_else(|| word(part), |name| word(name.strip_suffix('+').unwrap_or(name)));
        if fits {
            return Vec::new();
        }
        let message = format!("must be letters, digits and -._:$, or a parameter such as {{id}}, not {part}");
        vec![("path_part".into(), message)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn path_parts_are_checked_at_plan_time() {
        let kind = ApiResource(super::super::apigateway::test_aws());
        let wrong = |part: &str| {
            !kind
                .validate(&Settings::from([("path_part".to_owned(), json!(part))]))
                .is_empty()
        };
        assert!(
            ["webhooks", "v1.0", "{id}", "{proxy+}", "${x.y.z}"]
                .iter()
                .all(|p| !wrong(p))
        );
        assert!(["a/b", "", "{}", "a b"].iter().all(|p| wrong(p)));
    }
}
