//! `api_deployment`: an immutable snapshot of a REST API, for stages to serve.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_Deployment.html>

use std::sync::Arc;

use async_trait::async_trait;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{GONE, Patch, editing, parts, text};
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `<rest api>|<deployment>`.
pub struct ApiDeployment(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_deployment",
    settings: &[
        Setting::replace("rest_api_id"),
        Setting::new("description"),
        // Hash of everything that the API serves: when it moves, a new snapshot is due.
        Setting::replace("content_hash").unreadable(),
    ],
    outputs: &["id", "deployment_id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    // The stage moves over to the new snapshot before the old one goes: AWS deletes none in use.
    create_before_delete: true,
    iam_actions: &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
    ],
};

fn outputs(rest_api_id: &str, deployment_id: &str) -> Outputs {
    Outputs::from([
        ("id".into(), format!("{rest_api_id}|{deployment_id}")),
        ("deployment_id".into(), deployment_id.into()),
    ])
}

/// The end of a description that names the content. Deployments have neither names nor tags, so
/// nothing else tells one snapshot from another after an interrupted run.
fn mark(settings: &Settings) -> Option<String> {
    settings
        .opt_text("content_hash")
        .map(|hash| format!("[content {hash}]"))
}

/// The description as AWS keeps it.
fn marked(settings: &Settings) -> Option<String> {
    match (settings.opt_text("description"), mark(settings)) {
        (Some(description), Some(mark)) => Some(format!("{description} {mark}")),
        (Some(description), None) => Some(description.to_owned()),
        (None, mark) => mark,
    }
}

/// The description as it was written.
fn unmarked(description: &str) -> &str {
    match description.rsplit_once("[content ") {
        Some((written, hash)) if hash.ends_with(']') => written.trim_end(),
        _ => description,
    }
}

#[async_trait]
impl Kind for ApiDeployment {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let api = desired.text("rest_api_id")?;
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:CreateDeployment", || {
            let request = client.create_deployment().rest_api_id(api);
            request.set_description(marked(desired)).send()
        })
        .await?;
        let outputs = outputs(api, answer.id().unwrap_or_default());
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.apigateway(&cx.region);
        let [api, deployment] = parts(id)?;
        let answer = call(cx, "apigateway:GetDeployment", || {
            client
                .get_deployment()
                .rest_api_id(api)
                .deployment_id(deployment)
                .send()
        })
        .await;
        let Some(actual) = found(answer, GONE)? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("rest_api_id", Some(api));
        seen.put("description", text(actual.description().map(unmarked)));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(api, deployment),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let [api, deployment] = parts(id)?;
        if change.has("description") {
            let mut patch = Patch::default();
            patch.replace("/description", marked(change.after).unwrap_or_default());
            let _turn = editing(api).await;
            call(cx, "apigateway:UpdateDeployment", || {
                client
                    .update_deployment()
                    .rest_api_id(api)
                    .deployment_id(deployment)
                    .set_patch_operations(Some(patch.0.clone()))
                    .send()
            })
            .await?;
        }
        Ok(outputs(api, deployment))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let [api, deployment] = parts(id)?;
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:DeleteDeployment", || {
            let request = client.delete_deployment().rest_api_id(api);
            request.deployment_id(deployment).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// The snapshot of just this content, if an interrupted run has taken it already.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let client = self.0.apigateway(&cx.region);
        let api = desired.text("rest_api_id")?;
        let Some(mark) = mark(desired) else {
            return Ok(None);
        };
        let answer = call(cx, "apigateway:GetDeployments", || {
            let pages = client.get_deployments().rest_api_id(api).into_paginator();
            pages.page_size(500).items().send().collect::<Result<Vec<_>, _>>()
        })
        .await;
        let deployments = found(answer, GONE)?.unwrap_or_default();
        Ok(deployments
            .iter()
            .filter(|deployment| deployment.description().is_some_and(|text| text.ends_with(&mark)))
            .filter_map(|deployment| deployment.id())
            .map(|deployment| format!("{api}|{deployment}"))
            .find(|id| !cx.known_ids.contains(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_content_is_marked_in_the_description_and_the_mark_is_not_drift() {
        let settings = |description: Option<&str>| {
            let mut settings = Settings::from([("content_hash".to_owned(), json!("3fa8"))]);
            if let Some(text) = description {
                settings.insert("description".to_owned(), json!(text));
            }
            settings
        };
        let both = marked(&settings(Some("Payments"))).unwrap();
        assert_eq!(both, "Payments [content 3fa8]");
        assert_eq!(unmarked(&both), "Payments");
        assert_eq!(unmarked(&marked(&settings(None)).unwrap()), "");
        assert_eq!(unmarked("by hand [content"), "by hand [content");
    }
}
