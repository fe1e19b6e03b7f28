//! `api_key_parameter`: an API key's value, put into an SSM `SecureString` parameter for those who
//! may call the API. The value goes from one service to the other and stays nowhere else: it is
//! neither a setting nor an output, and nothing reads it back.
//!
//! API: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::types::{ParameterMetadata, ParameterStringFilter, ParameterType, ResourceTypeForTagging, Tag};
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen};
use super::secrets::without_value;
use super::{Aws, call, found, key_ref, tags};

/// The kind; `id` is the parameter's name.
pub struct ApiKeyParameter(pub Arc<Aws>);

/// Codes for "no such parameter".
const GONE: &[&str] = &["ParameterNotFound", "InvalidResourceId"];

/// The key that SSM uses when it is told none.
const DEFAULT_KEY: &str = "alias/aws/ssm";

static SPEC: KindSpec = KindSpec {
    name: "api_key_parameter",
    settings: &[
        Setting::replace("name"),
        Setting::replace("api_key_id").unreadable(),
        Setting::new("kms_key_id"),
        Setting::new("description"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "apigateway:GET",
        "kms:Encrypt",
        "ssm:AddTagsToResource",
        "ssm:DeleteParameter",
        "ssm:DescribeParameters",
        "ssm:ListTagsForResource",
        "ssm:PutParameter",
        "ssm:RemoveTagsFromResource",
    ],
};

impl ApiKeyParameter {
    fn outputs(&self, cx: &Context, name: &str) -> Outputs {
        let path = name.trim_start_matches('/');
        Outputs::from([
            ("id".into(), name.into()),
            (
                "arn".into(),
                self.0.arn("ssm", &cx.region, &format!("parameter/{path}")),
            ),
            ("name".into(), name.into()),
        ])
    }

    /// Copies the value. `overwrite` also for what exists already.
    async fn put(&self, cx: &Context, name: &str, settings: &Settings, overwrite: bool) -> KindResult<()> {
        let gateway = self.0.apigateway(&cx.region);
        let key = settings.text("api_key_id")?;
        let answer = call(cx, "apigateway:GetApiKey", || {
            gateway.get_api_key().api_key(key).include_value(true).send()
        })
        .await?;
        let value = answer
            .value
            .filter(|v| !v.is_empty())
            .ok_or_else(|| KindError::Failed {
                operation: "apigateway:GetApiKey".into(),
                message: format!("API key {key} answers no value"),
            })?;
        let client = self.0.ssm(&cx.region);
        // PutParameter takes no tags together with Overwrite.
        let tags = (!overwrite).then(|| wanted_tags(settings)).transpose()?;
        call(cx, "ssm:PutParameter", || {
            client
                .put_parameter()
                .name(name)
                .r#type(ParameterType::SecureString)
                .value(&value)
                .description(settings.opt_text("description").unwrap_or_default())
                .set_key_id(settings.opt_string("kms_key_id"))
                .overwrite(overwrite)
                .set_tags(tags.clone())
                .send()
        })
        .await
        .map(|_| ())
        .map_err(|error| without_value(error, &value))
    }

    async fn metadata(&self, cx: &Context, name: &str) -> KindResult<Option<ParameterMetadata>> {
        let client = self.0.ssm(&cx.region);
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Equals")
            .values(name)
            .build()
            .map_err(|error| KindError::invalid("name", error.to_string()))?;
        // DescribeParameters knows everything but the value. Its pages may be empty before the last.
        let pages = call(cx, "ssm:DescribeParameters", || {
            let request = client.describe_parameters().parameter_filters(filter.clone());
            request.into_paginator().send().collect::<Result<Vec<_>, _>>()
        })
        .await?;
        let mut all = pages.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
        Ok(all.find(|parameter| parameter.name() == Some(name)))
    }

    async fn tags_of(&self, cx: &Context, name: &str) -> KindResult<tags::Tags> {
        let client = self.0.ssm(&cx.region);
        let answer = call(cx, "ssm:ListTagsForResource", || {
            let request = client.list_tags_for_resource();
            request
                .resource_type(ResourceTypeForTagging::Parameter)
                .resource_id(name)
                .send()
        })
        .await;
        let list = found(answer, GONE)?
            .and_then(|answer| answer.tag_list)
            .unwrap_or_default();
        Ok(list.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    async fn apply_tags(&self, cx: &Context, name: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.ssm(&cx.region);
        let (put, gone) = tags::delta(change);
        let put = ssm_tags(put)?;
        if !put.is_empty() {
            call(cx, "ssm:AddTagsToResource", || {
                let request = client.add_tags_to_resource();
                let request = request
                    .resource_type(ResourceTypeForTagging::Parameter)
                    .resource_id(name);
                request.set_tags(Some(put.clone())).send()
            })
            .await?;
        }
        if !gone.is_empty() {
            call(cx, "ssm:RemoveTagsFromResource", || {
                let request = client.remove_tags_from_resource();
                let request = request
                    .resource_type(ResourceTypeForTagging::Parameter)
                    .resource_id(name);
                request.set_tag_keys(Some(gone.clone())).send()
            })
            .await?;
        }
        Ok(())
    }
}

fn wanted_tags(settings: &Settings) -> KindResult<Vec<Tag>> {
    ssm_tags(tags::wanted(settings))
}

fn ssm_tags(tags: tags::Tags) -> KindResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(key, value)| {
            let tag = Tag::builder().key(key).value(value).build();
            tag.map_err(|error| KindError::invalid("tags", error.to_string()))
        })
        .collect()
}

#[async_trait]
impl Kind for ApiKeyParameter {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let name = desired.text("name")?;
        self.put(cx, name, desired, false).await?;
        let outputs = self.outputs(cx, name);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(parameter) = self.metadata(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("name", Some(id));
        let wanted = recorded.opt_text("kms_key_id");
        let key = parameter.key_id().filter(|key| wanted.is_some() || *key != DEFAULT_KEY);
        let key = key
            .filter(|key| !key.is_empty())
            .map(|key| key_ref::as_wanted(wanted, key));
        seen.put("kms_key_id", key);
        seen.put("description", parameter.description().filter(|text| !text.is_empty()));
        seen.put("tags", tags::setting(self.tags_of(cx, id).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if change.any(&["kms_key_id", "description"]) {
            self.put(cx, id, change.after, true).await?;
        }
        if change.has("tags") {
            self.apply_tags(cx, id, change).await?;
        }
        Ok(self.outputs(cx, id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.ssm(&cx.region);
        let answer = call(cx, "ssm:DeleteParameter", || client.delete_parameter().name(id).send()).await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("name")?;
        if self.metadata(cx, name).await?.is_none() || cx.known_ids.iter().any(|id| id == name) {
            return Ok(None);
        }
        if tags::owned(cx, &self.tags_of(cx, name).await?) {
            return Ok(Some(name.to_owned()));
        }
        Err(KindError::NotOwned {
            operation: "ssm:DescribeParameters".into(),
            message: format!(
                "a parameter named {name} exists already and is not tagged as {} of {}",
                cx.key, cx.stack
            ),
        })
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.text("name", 1..=1011, alphanumeric_or(".-_/"), "letters, digits and .-_/");
        let first = checks
            .known_text("name")
            .map(|name| name.trim_start_matches('/').to_ascii_lowercase());
        // doc: PutParameter
        if first.is_some_and(|first| first.starts_with("aws") || first.starts_with("ssm")) {
            checks.wrong("name", "must not begin with aws or ssm");
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_quotes_the_value_does_not_show_it() {
        let error = KindError::Service {
            operation: "ssm:PutParameter".into(),
            code: "ValidationException".into(),
            message: "Value 's3cret-s3cret-s3cret' at 'value' failed to satisfy constraint".into(),
            request_id: None,
            status: Some(400),
        };
        let text = without_value(error, "s3cret-s3cret-s3cret").to_string();
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("failed to satisfy constraint"));
    }
}
