//! `kms_replica_key`: a multi-Region key's replica in one more region: the same key material and key id, with a policy,
//! tags and an end of its own.
//!
//! API: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html>. A replica that is pending deletion
//! keeps its place for the waiting period: a region that comes back gets it back. Requirements: P-12, P-13, R-13.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_kms::types::{KeyMetadata, KeyState};
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::kms_key::{GONE, KmsKey, POLICY, outputs, tag_list};
use super::{Aws, call, found, policy, tags, wait_until};

/// The kind; `id` is the key id, the primary's own. The component's region is the replica's.
pub struct KmsReplicaKey(pub Arc<Aws>);

/// doc: `ReplicateKey` takes "a minute or longer".
const LIMIT: Duration = Duration::from_mins(10);

static SPEC: KindSpec = KindSpec {
    name: "kms_replica_key",
    settings: &[
        Setting::replace("primary_key_arn"),
        Setting::new("description"),
        Setting::new("policy"),
        Setting::new("enabled"),
        Setting::new("deletion_window_in_days").unreadable(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn"],
    volatile_outputs: &[],
    holds_data: true,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "kms:CancelKeyDeletion",
        "kms:CreateKey",
        "kms:DescribeKey",
        "kms:DisableKey",
        "kms:EnableKey",
        "kms:GetKeyPolicy",
        "kms:ListKeys",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:ReplicateKey",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UntagResource",
        "kms:UpdateKeyDescription",
        "tag:GetResources",
    ],
};

/// Region and key id of a key's ARN.
fn region_and_id(arn: &str) -> KindResult<(&str, &str)> {
    let mut parts = arn.split(':');
    let region = parts.nth(3).unwrap_or_default();
    let id = arn.rsplit('/').next().unwrap_or_default();
    if !arn.starts_with("arn:") || region.is_empty() || !id.starts_with("mrk-") {
        return Err(KindError::invalid(
            "primary_key_arn",
            format!("{arn} is not the ARN of a multi-Region key (its id begins with mrk-)"),
        ));
    }
    Ok((region, id))
}

impl KmsReplicaKey {
    fn keys(&self) -> KmsKey {
        KmsKey(self.0.clone())
    }

    async fn describe(&self, cx: &Context, id: &str) -> KindResult<Option<KeyMetadata>> {
        let client = self.0.kms(&cx.region);
        let answer = call(cx, "kms:DescribeKey", || client.describe_key().key_id(id).send()).await;
        Ok(found(answer, GONE)?.and_then(|a| a.key_metadata))
    }

    async fn replicate(&self, cx: &Context, desired: &Settings) -> KindResult<Option<KeyMetadata>> {
        let primary = desired.text("primary_key_arn")?;
        let (primary_region, id) = region_and_id(primary)?;
        let client = self.0.kms(primary_region);
        let tags = tag_list(tags::wanted(desired))?;
        let answer = call(cx, "kms:ReplicateKey", || {
            client
                .replicate_key()
                .key_id(primary)
                .replica_region(&cx.region)
                .set_description(desired.opt_string("description"))
                .set_policy(desired.document("policy"))
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await;
        match answer {
            Ok(answer) => Ok(answer.replica_key_metadata),
            Err(error) if error.is_code(&["AlreadyExistsException"]) => match self.describe(cx, id).await? {
                Some(key) if key.key_state == Some(KeyState::PendingDeletion) => {
                    self.revive(cx, id, desired).await.map(Some)
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Takes back the deletion of a replica that this stack made. KMS leaves a key that was pending deletion disabled.
    async fn revive(&self, cx: &Context, id: &str, desired: &Settings) -> KindResult<KeyMetadata> {
        let own = self.keys().tags_of(cx, id).await?;
        if own.get(tags::STACK_TAG) != Some(&cx.stack) {
            return Err(KindError::NotOwned {
                operation: "kms:ReplicateKey".into(),
                message: format!(
                    "replica {id} in {} is pending deletion and not tagged as one of {}",
                    cx.region, cx.stack
                ),
            });
        }
        let client = self.0.kms(&cx.region);
        call(cx, "kms:CancelKeyDeletion", || {
            client.cancel_key_deletion().key_id(id).send()
        })
        .await?;
        let key = self.describe(cx, id).await?.ok_or_else(|| KindError::Failed {
            operation: "kms:CancelKeyDeletion".into(),
            message: format!("key {id} is gone"),
        })?;
        cx.created(&outputs(&key));
        self.keys().set_enabled(cx, id, true).await?;
        let before: Settings = tags::setting(own)
            .map(|tags| ("tags".to_owned(), tags))
            .into_iter()
            .collect();
        let changed = ["description", "policy", "tags"].map(str::to_owned);
        let outputs = Outputs::new();
        let change = Change {
            before: &before,
            after: desired,
            changed: &changed,
            outputs: &outputs,
        };
        self.bring_in_line(cx, id, &change).await?;
        Ok(key)
    }

    async fn bring_in_line(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.kms(&cx.region);
        if change.has("description") {
            let text = change.after.opt_text("description").unwrap_or_default();
            call(cx, "kms:UpdateKeyDescription", || {
                client.update_key_description().key_id(id).description(text).send()
            })
            .await?;
        }
        if change.has("policy") {
            let default = || self.keys().default_policy().to_string();
            let text = change.after.document("policy").unwrap_or_else(default);
            call(cx, "kms:PutKeyPolicy", || {
                client
                    .put_key_policy()
                    .key_id(id)
                    .policy_name(POLICY)
                    .policy(text.as_str())
                    .send()
            })
            .await?;
        }
        if change.has("tags") {
            self.keys().update_tags(cx, id, change).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Kind for KmsReplicaKey {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "policy" => policy::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["primary_key_arn"])
            .text("description", 0..=8192, |_| true, "any character")
            .range("deletion_window_in_days", 7..=30);
        let arn = checks.known_text("primary_key_arn");
        if let Some(Err(KindError::InvalidSetting { message, .. })) = arn.map(region_and_id) {
            checks.wrong("primary_key_arn", message);
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let key = self.replicate(cx, desired).await?.ok_or_else(|| KindError::Failed {
            operation: "kms:ReplicateKey".into(),
            message: "the answer names no key".into(),
        })?;
        let outputs = outputs(&key);
        cx.created(&outputs);
        let id = key.key_id.as_str();
        wait_until("kms:DescribeKey", "Enabled", LIMIT, || async {
            let state = self.describe(cx, id).await?.and_then(|key| key.key_state);
            Ok(match state {
                Some(KeyState::Enabled) => Poll::Ready(()),
                Some(state) => Poll::Pending(state.to_string()),
                None => Poll::Pending("not found".into()),
            })
        })
        .await?;
        if desired.opt_bool("enabled")? == Some(false) {
            self.keys().set_enabled(cx, id, false).await?;
        }
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let keys = self.keys();
        let Some(key) = keys.alive(cx, id).await? else {
            return Ok(None);
        };
        let (policy, tags) = futures::try_join!(keys.policy_of(cx, id), keys.tags_of(cx, id))?;
        let primary = key
            .multi_region_configuration
            .as_ref()
            .and_then(|c| c.primary_key.as_ref())
            .and_then(|primary| primary.arn.clone());
        let policy = policy.map(|text| policy::normalise(&parse_document(&text)));
        let mut seen = Seen::default();
        seen.put("primary_key_arn", primary)
            .put_unless_default("description", key.description.clone(), "", recorded)
            .put_unless_default("enabled", Some(key.enabled), true, recorded)
            .put_unless_default("policy", policy, policy::normalise(&keys.default_policy()), recorded)
            .put("tags", tags::setting(tags));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(&key),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let enabled = change.after.opt_bool("enabled")?.unwrap_or(true);
        // A disabled key refuses the changes below.
        if change.has("enabled") && enabled {
            self.keys().set_enabled(cx, id, true).await?;
        }
        self.bring_in_line(cx, id, change).await?;
        if change.has("enabled") && !enabled {
            self.keys().set_enabled(cx, id, false).await?;
        }
        Ok(change.outputs.clone())
    }

    async fn delete(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<()> {
        self.keys().delete(cx, id, recorded).await
    }

    /// Replicas are made with their tags: those tell whose they are, as with any key.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        self.keys().find(cx, desired).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_multi_region_key_can_be_replicated() {
        let arn = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234";
        assert_eq!(region_and_id(arn).unwrap(), ("us-east-1", "mrk-1234"));
        let kind = KmsReplicaKey(super::super::testing::aws());
        let of = |arn: &str| kind.validate(&Settings::from([("primary_key_arn".to_owned(), arn.into())]));
        assert_eq!(of("${us-east-1/kms_key.data.arn}"), []);
        assert!(of("arn:aws:kms:us-east-1:111122223333:key/1234")[0].1.contains("mrk-"));
    }
}
