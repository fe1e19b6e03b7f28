//! `kms_key`: a symmetric AWS KMS key.
//!
//! API: <https://docs.aws.amazon.com/kms/latest/APIReference/>. Deleting schedules the deletion;
//! a key that is pending deletion counts as gone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::future::try_join_all;
use serde_json::{Value, json};
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::fields::{Fields, Seen, built};
use super::{Aws, call, found, policy, tags, wait_until};

/// The kind; `id` is the key id.
pub struct KmsKey(pub Arc<Aws>);

pub(super) const GONE: &[&str] = &["NotFoundException"];
/// A key has one policy, and this is its name.
pub(super) const POLICY: &str = "default";
/// doc: `EnableKeyRotation`.
const ROTATION_PERIOD: i64 = 365;
/// How many keys are asked for their tags at once; `ListResourceTags` allows 10 a second and more.
const AT_ONCE: usize = 8;

static SPEC: KindSpec = KindSpec {
    name: "kms_key",
    settings: &[
        Setting::new("description"),
        Setting::new("policy"),
        Setting::new("enabled"),
        Setting::new("enable_key_rotation"),
        Setting::new("rotation_period_in_days"),
        Setting::replace("multi_region"),
        Setting::new("deletion_window_in_days").unreadable(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn"],
    volatile_outputs: &[],
    holds_data: true,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "kms:CreateKey",
        "kms:DescribeKey",
        "kms:DisableKey",
        "kms:DisableKeyRotation",
        "kms:EnableKey",
        "kms:EnableKeyRotation",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "kms:ListKeys",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UntagResource",
        "kms:UpdateKeyDescription",
        "tag:GetResources",
    ],
};

impl KmsKey {
    /// What AWS attaches when no policy is given (doc: "Default key policy").
    pub(super) fn default_policy(&self) -> Value {
        let root = format!("arn:{}:iam::{}:root", self.0.partition(), self.0.account_id());
        json!({
            "Version": "2012-10-17",
            "Id": "key-default-1",
            "Statement": [{
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": root},
                "Action": "kms:*",
                "Resource": "*",
            }],
        })
    }

    /// The key, unless it is gone or about to be.
    pub(super) async fn alive(&self, cx: &Context, id: &str) -> KindResult<Option<KeyMetadata>> {
        let client = self.0.kms(&cx.region);
        let answer = call(cx, "kms:DescribeKey", || client.describe_key().key_id(id).send()).await;
        let metadata = found(answer, GONE)?.and_then(|a| a.key_metadata);
        Ok(metadata.filter(|key| {
            !matches!(
                key.key_state,
                Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)
            )
        }))
    }

    /// Tags of any key, also of one that is pending deletion. [`super::kms_alias`] uses it too.
    pub(super) async fn tags_of(&self, cx: &Context, id: &str) -> KindResult<tags::Tags> {
        let client = self.0.kms(&cx.region);
        let mut all = tags::Tags::new();
        let mut marker = None;
        loop {
            let page = call(cx, "kms:ListResourceTags", || {
                client.list_resource_tags().key_id(id).set_marker(marker.clone()).send()
            })
            .await?;
            all.extend(
                page.tags
                    .unwrap_or_default()
                    .into_iter()
                    .map(|t| (t.tag_key, t.tag_value)),
            );
            marker = page.next_marker.filter(|_| page.truncated);
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn policy_of(&self, cx: &Context, id: &str) -> KindResult<Option<String>> {
        let client = self.0.kms(&cx.region);
        let answer = call(cx, "kms:GetKeyPolicy", || {
            client.get_key_policy().key_id(id).policy_name(POLICY).send()
        })
        .await?;
        Ok(answer.policy)
    }

    async fn rotate(&self, cx: &Context, id: &str, settings: &Settings) -> KindResult<()> {
        let client = self.0.kms(&cx.region);
        let period = settings.opt_i32("rotation_period_in_days")?;
        if settings.opt_bool("enable_key_rotation")? == Some(true) {
            call(cx, "kms:EnableKeyRotation", || {
                client
                    .enable_key_rotation()
                    .key_id(id)
                    .set_rotation_period_in_days(period)
                    .send()
            })
            .await?;
        } else {
            call(cx, "kms:DisableKeyRotation", || {
                client.disable_key_rotation().key_id(id).send()
            })
            .await?;
        }
        Ok(())
    }

    pub(super) async fn set_enabled(&self, cx: &Context, id: &str, enabled: bool) -> KindResult<()> {
        let client = self.0.kms(&cx.region);
        if enabled {
            call(cx, "kms:EnableKey", || client.enable_key().key_id(id).send()).await?;
        } else {
            call(cx, "kms:DisableKey", || client.disable_key().key_id(id).send()).await?;
        }
        Ok(())
    }

    pub(super) async fn update_tags(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.kms(&cx.region);
        let (put, gone) = tags::delta(change);
        if !put.is_empty() {
            let put = tag_list(put)?;
            call(cx, "kms:TagResource", || {
                client.tag_resource().key_id(id).set_tags(Some(put.clone())).send()
            })
            .await?;
        }
        if !gone.is_empty() {
            call(cx, "kms:UntagResource", || {
                client
                    .untag_resource()
                    .key_id(id)
                    .set_tag_keys(Some(gone.clone()))
                    .send()
            })
            .await?;
        }
        Ok(())
    }

    /// Ids of keys with this component's tags, as the tag index knows them (it lags by seconds and
    /// keeps keys that are pending deletion).
    async fn indexed(&self, cx: &Context) -> KindResult<Vec<String>> {
        let client = self.0.tagging(&cx.region);
        let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
        let mut ids = Vec::new();
        let mut token = None;
        loop {
            let page = call(cx, "tag:GetResources", || {
                client
                    .get_resources()
                    .resource_type_filters("kms:key")
                    .tag_filters(filter(tags::STACK_TAG, &cx.stack))
                    .tag_filters(filter(tags::COMPONENT_TAG, cx.key.as_str()))
                    .set_pagination_token(token.clone())
                    .send()
            })
            .await?;
            let arns = page.resource_tag_mapping_list.unwrap_or_default();
            ids.extend(arns.into_iter().filter_map(|m| m.resource_arn).map(|arn| id_of(&arn)));
            token = page.pagination_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(ids);
            }
        }
    }

    /// Ids of keys with this component's tags, asked of every key: the index may not know a key
    /// that was made just before the run was interrupted.
    async fn listed(&self, cx: &Context) -> KindResult<Vec<String>> {
        let client = self.0.kms(&cx.region);
        let mut owned = Vec::new();
        let mut marker = None;
        loop {
            let page = call(cx, "kms:ListKeys", || {
                client.list_keys().limit(1000).set_marker(marker.clone()).send()
            })
            .await?;
            let ids: Vec<String> = page
                .keys
                .unwrap_or_default()
                .into_iter()
                .filter_map(|k| k.key_id)
                .collect();
            for chunk in ids.chunks(AT_ONCE) {
                let looks = chunk.iter().map(|id| self.is_owned(cx, id));
                let answers = try_join_all(looks).await?;
                let pairs = chunk.iter().zip(answers);
                owned.extend(pairs.filter(|(_, is_owned)| *is_owned).map(|(id, _)| id.clone()));
            }
            marker = page.next_marker.filter(|_| page.truncated);
            if marker.is_none() {
                return Ok(owned);
            }
        }
    }

    /// A key that we may not look at, or that has just gone, is not ours.
    async fn is_owned(&self, cx: &Context, id: &str) -> KindResult<bool> {
        let tags = found(
            self.tags_of(cx, id).await,
            &["AccessDeniedException", "NotFoundException", "KMSInvalidStateException"],
        )?;
        Ok(tags.is_some_and(|tags| tags::owned(cx, &tags)))
    }

    async fn first_alive(&self, cx: &Context, ids: Vec<String>) -> KindResult<Option<String>> {
        for id in ids.into_iter().filter(|id| !cx.known_ids.contains(id)) {
            if self.alive(cx, &id).await?.is_some() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

fn id_of(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

pub(super) fn outputs(key: &KeyMetadata) -> Outputs {
    Outputs::from([
        ("id".into(), key.key_id.clone()),
        ("arn".into(), key.arn.clone().unwrap_or_default()),
    ])
}

pub(super) fn tag_list(tags: tags::Tags) -> KindResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(name, value)| built("kms:TagResource", Tag::builder().tag_key(name).tag_value(value).build()))
        .collect()
}

#[async_trait]
impl Kind for KmsKey {
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
            .text("description", 0..=8192, |_| true, "any character")
            .range("rotation_period_in_days", 90..=2560)
            .range("deletion_window_in_days", 7..=30);
        let rotates = settings.value("enable_key_rotation") == Some(&Value::Bool(true));
        if settings.value("rotation_period_in_days").is_some() && !rotates {
            checks.wrong("rotation_period_in_days", "needs enable_key_rotation = true");
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.kms(&cx.region);
        let tags = tag_list(tags::wanted(desired))?;
        let multi_region = desired.opt_bool("multi_region")?;
        let answer = call(cx, "kms:CreateKey", || {
            client
                .create_key()
                .set_description(desired.opt_string("description"))
                .set_policy(desired.document("policy"))
                .set_multi_region(multi_region)
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await?;
        let key = answer.key_metadata.ok_or_else(|| KindError::Failed {
            operation: "kms:CreateKey".into(),
            message: "the answer names no key".into(),
        })?;
        let outputs = outputs(&key);
        cx.created(&outputs);
        let id = key.key_id.as_str();
        wait_until("kms:DescribeKey", "Enabled", Duration::from_mins(2), || async {
            let key = self.alive(cx, id).await?;
            Ok(match key.and_then(|key| key.key_state) {
                Some(KeyState::Enabled) => Poll::Ready(()),
                Some(state) => Poll::Pending(state.to_string()),
                None => Poll::Pending("not found".into()),
            })
        })
        .await?;
        if desired.opt_bool("enable_key_rotation")? == Some(true) {
            self.rotate(cx, id, desired).await?;
        }
        if desired.opt_bool("enabled")? == Some(false) {
            self.set_enabled(cx, id, false).await?;
        }
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(key) = self.alive(cx, id).await? else {
            return Ok(None);
        };
        let client = self.0.kms(&cx.region);
        let (policy, tags, rotation) = futures::try_join!(
            self.policy_of(cx, id),
            self.tags_of(cx, id),
            call(cx, "kms:GetKeyRotationStatus", || client
                .get_key_rotation_status()
                .key_id(id)
                .send()),
        )?;
        let mut seen = Seen::default();
        seen.put_unless_default("description", key.description.clone(), "", recorded)
            .put_unless_default("enabled", Some(key.enabled), true, recorded)
            .put_unless_default("multi_region", key.multi_region, false, recorded)
            .put_unless_default(
                "enable_key_rotation",
                Some(rotation.key_rotation_enabled),
                false,
                recorded,
            )
            .put("tags", tags::setting(tags));
        if rotation.key_rotation_enabled {
            let period = rotation.rotation_period_in_days;
            seen.put_unless_default("rotation_period_in_days", period, ROTATION_PERIOD, recorded);
        }
        let policy = policy.map(|text| policy::normalise(&parse_document(&text)));
        seen.put_unless_default("policy", policy, policy::normalise(&self.default_policy()), recorded);
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(&key),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.kms(&cx.region);
        let enabled = change.after.opt_bool("enabled")?.unwrap_or(true);
        // A disabled key refuses the changes below.
        if change.has("enabled") && enabled {
            self.set_enabled(cx, id, true).await?;
        }
        if change.has("description") {
            let text = change.after.opt_text("description").unwrap_or_default();
            call(cx, "kms:UpdateKeyDescription", || {
                client.update_key_description().key_id(id).description(text).send()
            })
            .await?;
        }
        if change.has("policy") {
            let text = change
                .after
                .document("policy")
                .unwrap_or_else(|| self.default_policy().to_string());
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
        if change.any(&["enable_key_rotation", "rotation_period_in_days"]) {
            self.rotate(cx, id, change.after).await?;
        }
        if change.has("tags") {
            self.update_tags(cx, id, change).await?;
        }
        if change.has("enabled") && !enabled {
            self.set_enabled(cx, id, false).await?;
        }
        Ok(change.outputs.clone())
    }

    async fn delete(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<()> {
        if self.alive(cx, id).await?.is_none() {
            return Ok(());
        }
        let client = self.0.kms(&cx.region);
        let window = recorded.opt_i32("deletion_window_in_days")?;
        let answer = call(cx, "kms:ScheduleKeyDeletion", || {
            client
                .schedule_key_deletion()
                .key_id(id)
                .set_pending_window_in_days(window)
                .send()
        })
        .await;
        match answer {
            // Somebody was quicker, or the look above saw an old state (aws: kms/key.go, resourceKeyDelete).
            Err(KindError::Service { code, message, .. })
                if code == "KMSInvalidStateException" && message.contains("is pending deletion") =>
            {
                Ok(())
            }
            answer => found(answer, GONE).map(|_| ()),
        }
    }

    async fn find(&self, cx: &Context, _desired: &Settings) -> KindResult<Option<String>> {
        // Not everybody may use the tag index; then every key is asked.
        let indexed = match self.indexed(cx).await {
            Err(error) if error.is_code(&["AccessDeniedException"]) => Vec::new(),
            answer => answer?,
        };
        if let Some(id) = self.first_alive(cx, indexed).await? {
            return Ok(Some(id));
        }
        let listed = self.listed(cx).await?;
        self.first_alive(cx, listed).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_period_without_rotation_is_a_mistake() {
        let kind = KmsKey(super::super::testing::aws());
        let settings = Settings::from([("rotation_period_in_days".to_owned(), json!(180))]);
        assert_eq!(kind.validate(&settings).len(), 1);
        let settings = Settings::from([("deletion_window_in_days".to_owned(), json!(5))]);
        assert!(kind.validate(&settings)[0].1.contains("from 7 to 30"));
    }
}
