//! `api_base_path_mapping`: which API and stage a path of a custom domain leads to.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_BasePathMapping.html>. Requirements.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigateway::operation::get_base_path_mapping::GetBasePathMappingOutput;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::api_domain_name::ApiDomainName;
use super::apigateway::{self, GONE, Patch};
use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen};
use super::{Aws, call, found, tags};

/// The kind; `id` is `<domain>|<base path>`, the base path empty for the root.
pub struct ApiBasePathMapping(pub Arc<Aws>);

/// How the API names the root where it needs a name (doc: `GetBasePathMapping`).
const ROOT: &str = "(none)";

static SPEC: KindSpec = KindSpec {
    name: "api_base_path_mapping",
    settings: &[
        Setting::replace("domain_name"),
        Setting::replace("base_path"),
        Setting::new("rest_api_id"),
        Setting::new("stage"),
    ],
    outputs: &["id"],
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

fn outputs(id: &str) -> Outputs {
    Outputs::from([("id".into(), id.into())])
}

fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((id, ""))
}

/// A base path as the API's URL has it.
fn in_url(base_path: &str) -> &str {
    if base_path.is_empty() { ROOT } else { base_path }
}

impl ApiBasePathMapping {
    async fn mapping(
        &self,
        cx: &Context,
        domain: &str,
        base_path: &str,
    ) -> KindResult<Option<GetBasePathMappingOutput>> {
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:GetBasePathMapping", || {
            let request = client.get_base_path_mapping().domain_name(domain);
            request.base_path(in_url(base_path)).send()
        })
        .await;
        found(answer, GONE)
    }
}

#[async_trait]
impl Kind for ApiBasePathMapping {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let domain = desired.text("domain_name")?;
        let base_path = desired.opt_text("base_path").unwrap_or_default();
        let api = desired.text("rest_api_id")?;
        call(cx, "apigateway:CreateBasePathMapping", || {
            client
                .create_base_path_mapping()
                .domain_name(domain)
                .set_base_path(Some(base_path.to_owned()).filter(|path| !path.is_empty()))
                .rest_api_id(api)
                .set_stage(desired.opt_string("stage"))
                .send()
        })
        .await?;
        let outputs = outputs(&format!("{domain}|{base_path}"));
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let (domain, base_path) = parts(id);
        let Some(mapping) = self.mapping(cx, domain, base_path).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("domain_name", Some(domain))
            .put_unless_default("base_path", Some(base_path), "", recorded)
            .put("rest_api_id", apigateway::text(mapping.rest_api_id()))
            .put("stage", apigateway::text(mapping.stage()));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let (domain, base_path) = parts(id);
        let mut patch = Patch::default();
        patch.texts(change, &[("rest_api_id", "/restapiId", ""), ("stage", "/stage", "")]);
        if !patch.is_empty() {
            let client = self.0.apigateway(&cx.region);
            call(cx, "apigateway:UpdateBasePathMapping", || {
                client
                    .update_base_path_mapping()
                    .domain_name(domain)
                    .base_path(in_url(base_path))
                    .set_patch_operations(Some(patch.0.clone()))
                    .send()
            })
            .await?;
        }
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let (domain, base_path) = parts(id);
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:DeleteBasePathMapping", || {
            let request = client.delete_base_path_mapping().domain_name(domain);
            request.base_path(in_url(base_path)).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// A mapping has no tags: what it leads to, or whose its domain is, tells.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let domain = desired.text("domain_name")?;
        let base_path = desired.opt_text("base_path").unwrap_or_default();
        let id = format!("{domain}|{base_path}");
        if cx.known_ids.contains(&id) {
            return Ok(None);
        }
        let Some(mapping) = self.mapping(cx, domain, base_path).await? else {
            return Ok(None);
        };
        if mapping.rest_api_id() == desired.opt_text("rest_api_id") {
            return Ok(Some(id));
        }
        let owner = ApiDomainName(self.0.clone()).domain(cx, domain).await?;
        let tags = owner
            .map(|domain| apigateway::seen_tags(domain.tags()))
            .unwrap_or_default();
        if tags.get(tags::STACK_TAG) == Some(&cx.stack) {
            return Ok(Some(id));
        }
        Err(KindError::NotOwned {
            operation: "apigateway:GetBasePathMapping".into(),
            message: format!(
                "path /{base_path} of {domain} leads to API {} already, and the domain is not one of {}",
                mapping.rest_api_id().unwrap_or_default(),
                cx.stack
            ),
        })
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["domain_name", "rest_api_id"]).text(
            "base_path",
            0..=300,
            alphanumeric_or("-_.+!*'()$/"),
            "letters, digits and $-_.+!*'()/",
        );
        let path = checks.known_text("base_path").unwrap_or_default();
        if path.starts_with('/') || path.ends_with('/') {
            checks.wrong("base_path", "must neither begin nor end with a slash");
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_a_name_in_urls_only() {
        assert_eq!(parts("pay.example.com|"), ("pay.example.com", ""));
        assert_eq!(in_url(parts("pay.example.com|").1), "(none)");
        assert_eq!(in_url(parts("pay.example.com|v1").1), "v1");
    }
}
