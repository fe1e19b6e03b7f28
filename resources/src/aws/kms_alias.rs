//! `kms_alias`: a name for an AWS KMS key.
//!
//! API: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>. Aliases have
//! no tags: whose an alias is, the tags of its key say.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_kms::types::KeyMetadata;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen};
use super::kms_key::KmsKey;
use super::{Aws, call, found, key_ref, tags};

/// The kind; `id` is the alias name with its prefix `alias/`.
pub struct KmsAlias(pub Arc<Aws>);

const GONE: &[&str] = &["NotFoundException"];

static SPEC: KindSpec = KindSpec {
    name: "kms_alias",
    settings: &[Setting::replace("name"), Setting::new("target_key_id")],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "kms:CreateAlias",
        "kms:DeleteAlias",
        "kms:DescribeKey",
        "kms:ListResourceTags",
        "kms:UpdateAlias",
    ],
};

impl KmsAlias {
    fn outputs(&self, cx: &Context, name: &str) -> Outputs {
        Outputs::from([
            ("id".into(), name.into()),
            ("arn".into(), self.0.arn("kms", &cx.region, name)),
            ("name".into(), name.into()),
        ])
    }

    /// The key that the alias stands for.
    async fn target(&self, cx: &Context, name: &str) -> KindResult<Option<KeyMetadata>> {
        let client = self.0.kms(&cx.region);
        let answer = call(cx, "kms:DescribeKey", || client.describe_key().key_id(name).send()).await;
        Ok(found(answer, GONE)?.and_then(|a| a.key_metadata))
    }
}

fn names(key: &KeyMetadata, wanted: &str) -> bool {
    key.key_id == wanted || key.arn.as_deref() == Some(wanted)
}

#[async_trait]
impl Kind for KmsAlias {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["name", "target_key_id"]).text(
            "name",
            7..=256,
            alphanumeric_or("/_-"),
            "letters, digits, /, _ and -",
        );
        if let Some(name) = checks.known_text("name") {
            if !name.starts_with("alias/") {
                checks.wrong("name", "must begin with alias/");
            } else if name.starts_with("alias/aws/") {
                checks.wrong("name", "must not begin with alias/aws/: those names are AWS's own");
            }
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.kms(&cx.region);
        let (name, target) = (desired.text("name")?, desired.text("target_key_id")?);
        call(cx, "kms:CreateAlias", || {
            client.create_alias().alias_name(name).target_key_id(target).send()
        })
        .await?;
        let outputs = self.outputs(cx, name);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(key) = self.target(cx, id).await? else {
            return Ok(None);
        };
        let wanted = recorded.opt_text("target_key_id").unwrap_or_default();
        let target = match &key.arn {
            Some(arn) if wanted.starts_with("arn:") => key_ref::as_wanted(Some(wanted), arn),
            _ => key.key_id.clone(),
        };
        let mut seen = Seen::default();
        seen.put("name", Some(id)).put("target_key_id", Some(target));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.kms(&cx.region);
        let target = change.after.text("target_key_id")?;
        call(cx, "kms:UpdateAlias", || {
            client.update_alias().alias_name(id).target_key_id(target).send()
        })
        .await?;
        Ok(self.outputs(cx, id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.kms(&cx.region);
        let answer = call(cx, "kms:DeleteAlias", || client.delete_alias().alias_name(id).send()).await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("name")?;
        let Some(key) = self.target(cx, name).await? else {
            return Ok(None);
        };
        let is_ours = names(&key, desired.text("target_key_id")?) || {
            let of_key = KmsKey(self.0.clone()).tags_of(cx, &key.key_id).await;
            let tags = found(of_key, &["AccessDeniedException", "NotFoundException"])?;
            tags.is_some_and(|tags| tags.get(tags::STACK_TAG) == Some(&cx.stack))
        };
        if is_ours {
            return Ok(Some(name.to_owned()));
        }
        Err(KindError::NotOwned {
            operation: "kms:DescribeKey".into(),
            message: format!(
                "{name} exists already, for key {}, which does not belong to {}; delete the alias or choose another name",
                key.key_id, cx.stack
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_alias_needs_its_prefix_and_keeps_off_aws_names() {
        let kind = KmsAlias(super::super::testing::aws());
        let wrong = |name: &str| {
            let settings = Settings::from([
                ("name".to_owned(), json!(name)),
                ("target_key_id".to_owned(), json!("${kms_key.data.id}")),
            ]);
            kind.validate(&settings).len()
        };
        assert_eq!(wrong("alias/logs-dev"), 0);
        assert_eq!(wrong("logs-dev"), 1);
        assert_eq!(wrong("alias/aws/s3"), 1);
        assert_eq!(wrong("alias/logs dev"), 1);
    }
}
