//! `ssm_parameter`: a Systems Manager parameter.
//!
//! API: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
//! The value of a `SecureString` is never asked for. What is a secret does not belong into its
//! `value` either: settings stand in the state.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::types::{Parameter, ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType};
use aws_sdk_ssm::types::{ResourceTypeForTagging, Tag};
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen, built};
use super::secrets::without_value;
use super::{Aws, call, found, key_ref, tags};

/// The kind; `id` is the parameter's name.
pub struct SsmParameter(pub Arc<Aws>);

const GONE: &[&str] = &["ParameterNotFound"];
/// For tags, the API says "resource".
const UNTAGGABLE: &[&str] = &["InvalidResourceId"];
const TYPES: &[&str] = &["String", "StringList", "SecureString"];
/// The key of a `SecureString` for which none was named.
const DEFAULT_KEY: &str = "alias/aws/ssm";
/// doc: "Managing parameter tiers": bytes.
const STANDARD_SIZE: usize = 4096;
const ADVANCED_SIZE: usize = 8192;

static SPEC: KindSpec = KindSpec {
    name: "ssm_parameter",
    settings: &[
        Setting::replace("name"),
        Setting::replace("type"),
        Setting::new("value"),
        // In place of `value`: name and version of a write-only value of the configuration.
        Setting::new("secret").unreadable(),
        Setting::new("secret_version").unreadable(),
        Setting::new("key_id"),
        Setting::new("description"),
        Setting::new("tier"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name", "version"],
    volatile_outputs: &["version"],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "ssm:AddTagsToResource",
        "ssm:DeleteParameter",
        "ssm:DescribeParameters",
        "ssm:GetParameter",
        "ssm:ListTagsForResource",
        "ssm:PutParameter",
        "ssm:RemoveTagsFromResource",
    ],
};

impl SsmParameter {
    fn outputs(&self, cx: &Context, name: &str, version: i64) -> Outputs {
        Outputs::from([
            ("id".into(), name.into()),
            ("arn".into(), arn_of(&self.0, &cx.region, name)),
            ("name".into(), name.into()),
            ("version".into(), version.to_string()),
        ])
    }

    async fn put(&self, cx: &Context, settings: &Settings, new: bool) -> KindResult<Outputs> {
        let client = self.0.ssm(&cx.region);
        let name = settings.text("name")?;
        let kind = ParameterType::from(settings.text("type")?);
        let secret = settings
            .opt_text("secret")
            .map(|name| self.0.secrets().get(cx, name))
            .transpose()?;
        let value = secret.as_deref().map_or_else(|| settings.text("value"), Ok)?;
        // Tags are refused when a value is overwritten.
        let tags = if new {
            Some(tag_list(tags::wanted(settings))?)
        } else {
            None
        };
        // A description that is left out would stay as it was.
        let description = settings.opt_string("description").or((!new).then(String::new));
        let answer = call(cx, "ssm:PutParameter", || {
            client
                .put_parameter()
                .name(name)
                .r#type(kind.clone())
                .value(value)
                .overwrite(!new)
                .set_key_id(settings.opt_string("key_id"))
                .set_description(description.clone())
                .set_tier(settings.opt_text("tier").map(ParameterTier::from))
                .set_tags(tags.clone())
                .send()
        })
        .await
        .map_err(|error| match &secret {
            Some(value) => without_value(error, value),
            None => error,
        })?;
        Ok(self.outputs(cx, name, answer.version))
    }

    async fn parameter(&self, cx: &Context, name: &str) -> KindResult<Option<Parameter>> {
        let client = self.0.ssm(&cx.region);
        let answer = call(cx, "ssm:GetParameter", || {
            client.get_parameter().name(name).with_decryption(false).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| a.parameter))
    }

    async fn metadata(&self, cx: &Context, name: &str) -> KindResult<Option<ParameterMetadata>> {
        let client = self.0.ssm(&cx.region);
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Equals")
            .values(name)
            .build();
        let filter = built("ssm:DescribeParameters", filter)?;
        let mut token = None;
        loop {
            let page = call(cx, "ssm:DescribeParameters", || {
                client
                    .describe_parameters()
                    .parameter_filters(filter.clone())
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
            let listed = page.parameters.unwrap_or_default().into_iter();
            if let Some(found) = listed.into_iter().find(|p| p.name.as_deref() == Some(name)) {
                return Ok(Some(found));
            }
            // A page may be empty although more follow.
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn tags_of(&self, cx: &Context, name: &str) -> KindResult<Option<tags::Tags>> {
        let client = self.0.ssm(&cx.region);
        let answer = call(cx, "ssm:ListTagsForResource", || {
            client
                .list_tags_for_resource()
                .resource_type(ResourceTypeForTagging::Parameter)
                .resource_id(name)
                .send()
        })
        .await;
        let tags = found(answer, UNTAGGABLE)?.map(|a| a.tag_list.unwrap_or_default());
        Ok(tags.map(|tags| tags.into_iter().map(|t| (t.key, t.value)).collect()))
    }

    async fn update_tags(&self, cx: &Context, name: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.ssm(&cx.region);
        let (put, gone) = tags::delta(change);
        if !put.is_empty() {
            let put = tag_list(put)?;
            call(cx, "ssm:AddTagsToResource", || {
                client
                    .add_tags_to_resource()
                    .resource_type(ResourceTypeForTagging::Parameter)
                    .resource_id(name)
                    .set_tags(Some(put.clone()))
                    .send()
            })
            .await?;
        }
        if !gone.is_empty() {
            call(cx, "ssm:RemoveTagsFromResource", || {
                client
                    .remove_tags_from_resource()
                    .resource_type(ResourceTypeForTagging::Parameter)
                    .resource_id(name)
                    .set_tag_keys(Some(gone.clone()))
                    .send()
            })
            .await?;
        }
        Ok(())
    }
}

/// A name with a path begins with a slash, which the ARN has already.
pub(super) fn arn_of(aws: &Aws, region: &str, name: &str) -> String {
    aws.arn("ssm", region, &format!("parameter/{}", name.trim_start_matches('/')))
}

/// Tags as the API takes them. [`super::record`] uses it too.
pub(super) fn tag_list(tags: tags::Tags) -> KindResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(name, value)| built("ssm:AddTagsToResource", Tag::builder().key(name).value(value).build()))
        .collect()
}

fn observed(parameter: Parameter, metadata: &ParameterMetadata, recorded: &Settings) -> Seen {
    let mut seen = Seen::default();
    let is_secure = parameter.r#type == Some(ParameterType::SecureString);
    seen.put("name", parameter.name)
        .put("type", parameter.r#type.as_ref().map(ParameterType::as_str))
        .put(
            "description",
            metadata.description.clone().filter(|text| !text.is_empty()),
        );
    if is_secure {
        // What came is the ciphertext. The value is not looked at, so it is as recorded.
        seen.put("value", recorded.value("value").cloned());
        let wanted = recorded.opt_text("key_id");
        let key = metadata.key_id.as_deref().map(|key| key_ref::as_wanted(wanted, key));
        seen.put_unless_default("key_id", key, DEFAULT_KEY, recorded);
    } else {
        seen.put("value", parameter.value);
    }
    let wanted = recorded.opt_text("tier");
    let tier = match metadata.tier.as_ref().map(ParameterTier::as_str) {
        // AWS reports which of the two it chose.
        Some(_) if wanted == Some("Intelligent-Tiering") => wanted,
        tier => tier,
    };
    seen.put_unless_default("tier", tier, "Standard", recorded);
    seen
}

#[async_trait]
impl Kind for SsmParameter {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["name", "type"])
            .text(
                "name",
                1..=1011,
                alphanumeric_or("_.-/"),
                "letters, digits, _, ., - and /",
            )
            .text("description", 0..=1024, |_| true, "any character")
            .one_of("type", TYPES)
            .one_of("tier", &["Standard", "Advanced", "Intelligent-Tiering"]);
        if let Some(name) = checks.known_text("name") {
            let bare = name.trim_start_matches('/').to_ascii_lowercase();
            if bare.starts_with("aws") || bare.starts_with("ssm") {
                checks.wrong("name", "must not begin with aws or ssm: those names are AWS's own");
            }
        }
        if settings.value("key_id").is_some() && checks.known_text("type").is_some_and(|t| t != "SecureString") {
            checks.wrong("key_id", "needs type SecureString");
        }
        if settings.value("value").is_some() == settings.value("secret").is_some() {
            checks.wrong("value", "either value or secret is required");
        }
        if settings.value("secret").is_some() && checks.known_text("type").is_some_and(|t| t != "SecureString") {
            checks.wrong("secret", "needs type SecureString");
        }
        let size = checks.known_text("value").map_or(0, str::len);
        let limit = match settings.opt_text("tier") {
            None | Some("Standard") => STANDARD_SIZE,
            Some(_) => ADVANCED_SIZE,
        };
        if size > limit {
            checks.wrong("value", format!("has {size} bytes, its tier allows {limit}"));
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let outputs = self.put(cx, desired, true).await?;
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let (parameter, metadata, tags) =
            futures::try_join!(self.parameter(cx, id), self.metadata(cx, id), self.tags_of(cx, id))?;
        let (Some(parameter), Some(metadata)) = (parameter, metadata) else {
            return Ok(None);
        };
        let outputs = self.outputs(cx, id, parameter.version);
        let mut seen = observed(parameter, &metadata, recorded);
        seen.put("tags", tags.and_then(tags::setting));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs,
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let outputs = if change.any(&["value", "secret", "secret_version", "key_id", "description", "tier"]) {
            self.put(cx, change.after, false).await?
        } else {
            change.outputs.clone()
        };
        if change.has("tags") {
            self.update_tags(cx, id, change).await?;
        }
        Ok(outputs)
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.ssm(&cx.region);
        let answer = call(cx, "ssm:DeleteParameter", || client.delete_parameter().name(id).send()).await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("name")?;
        if self.parameter(cx, name).await?.is_none() {
            return Ok(None);
        }
        if tags::owned(cx, &self.tags_of(cx, name).await?.unwrap_or_default()) {
            return Ok(Some(name.to_owned()));
        }
        Err(KindError::NotOwned {
            operation: "ssm:GetParameter".into(),
            message: format!(
                "parameter {name} exists already and is not tagged as {} of {}",
                cx.key, cx.stack
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secure_string_is_never_observed() {
        let parameter = Parameter::builder()
            .name("/p/key")
            .r#type(ParameterType::SecureString)
            .value("AQICAHciphertext")
            .build();
        let metadata = ParameterMetadata::builder()
            .key_id(DEFAULT_KEY)
            .tier(ParameterTier::Standard)
            .build();
        let recorded = Settings::from([("value".to_owned(), json!("as recorded"))]);
        let seen = observed(parameter, &metadata, &recorded).done();
        assert_eq!(seen["value"], json!("as recorded"));
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["name", "type", "value"]);
    }

    #[test]
    fn arns_have_one_slash() {
        let aws = super::super::testing::aws();
        let arn = |name| arn_of(&aws, "us-east-1", name);
        assert_eq!(arn("/a/b"), "arn:aws:ssm:us-east-1:111122223333:parameter/a/b");
        assert_eq!(arn("plain"), "arn:aws:ssm:us-east-1:111122223333:parameter/plain");
    }
}
