//! `route53_health_check`: a health check of Amazon Route 53.
//!
//! API: <https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html>. Health checks are global
//! and have no name: they are found again by the caller reference, which begins with a digest of stack and component
//! and ends at random, because Route 53 refuses one that a deleted check has had. Requirements: R-04 (a path that is
//! open), R-01.

mod config;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_route53::types::{HealthCheck, ResettableElementName, Tag, TagResourceType};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::fields::Fields;
use super::{Aws, call, found, tags};

/// The kind; `id` is the health check's id.
pub struct Route53HealthCheck(pub Arc<Aws>);

const GONE: &[&str] = &["NoSuchHealthCheck"];
/// doc: `ListTagsForResources` takes 10 ids.
const TAGS_AT_ONCE: usize = 10;

static SPEC: KindSpec = KindSpec {
    name: "route53_health_check",
    settings: &[
        Setting::replace("type"),
        Setting::new("fqdn"),
        Setting::new("port"),
        Setting::new("resource_path"),
        Setting::replace("request_interval"),
        Setting::new("failure_threshold"),
        Setting::new("regions").unordered(),
        Setting::new("inverted"),
        Setting::new("disabled"),
        Setting::new("enable_sni"),
        Setting::replace("measure_latency"),
        Setting::new("search_string"),
        Setting::new("child_health_checks").unordered(),
        Setting::new("health_threshold"),
        Setting::new("alarm_identifier"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    // Records point at it: the new one takes its place before the old one goes.
    create_before_delete: true,
    iam_actions: &[
        "cloudwatch:DescribeAlarms",
        "route53:ChangeTagsForResource",
        "route53:CreateHealthCheck",
        "route53:DeleteHealthCheck",
        "route53:GetHealthCheck",
        "route53:ListHealthChecks",
        "route53:ListTagsForResource",
        "route53:ListTagsForResources",
        "route53:UpdateHealthCheck",
    ],
};

/// The part of the caller reference that tells whose the check is: 24 hex digits, so that a random UUID still fits
/// the 64 characters.
fn reference_prefix(cx: &Context) -> String {
    let digest = Sha256::digest(format!("{}|{}", cx.stack, cx.key.as_str()));
    format!("tap-{}-", &hex::encode(digest)[..24])
}

fn tag_list(tags: tags::Tags) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

impl Route53HealthCheck {
    fn outputs(&self, id: &str) -> Outputs {
        // doc: ARNs of Route 53 carry neither region nor account.
        let arn = format!("arn:{}:route53:::healthcheck/{id}", self.0.partition());
        Outputs::from([("id".into(), id.into()), ("arn".into(), arn)])
    }

    async fn check(&self, cx: &Context, id: &str) -> KindResult<Option<HealthCheck>> {
        let client = self.0.route53(&cx.region);
        let answer = call(cx, "route53:GetHealthCheck", || {
            client.get_health_check().health_check_id(id).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| a.health_check))
    }

    pub(super) async fn tags_of(&self, cx: &Context, id: &str) -> KindResult<tags::Tags> {
        let client = self.0.route53(&cx.region);
        let answer = call(cx, "route53:ListTagsForResource", || {
            client
                .list_tags_for_resource()
                .resource_type(TagResourceType::Healthcheck)
                .resource_id(id)
                .send()
        })
        .await;
        let set = found(answer, GONE)?.and_then(|a| a.resource_tag_set);
        let tags = set.and_then(|set| set.tags).unwrap_or_default();
        Ok(tags.into_iter().filter_map(|t| Some((t.key?, t.value?))).collect())
    }

    async fn retag(&self, cx: &Context, id: &str, put: tags::Tags, gone: Vec<String>) -> KindResult<()> {
        if put.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let client = self.0.route53(&cx.region);
        let put = Some(tag_list(put)).filter(|list| !list.is_empty());
        let gone = Some(gone).filter(|list| !list.is_empty());
        call(cx, "route53:ChangeTagsForResource", || {
            client
                .change_tags_for_resource()
                .resource_type(TagResourceType::Healthcheck)
                .resource_id(id)
                .set_add_tags(put.clone())
                .set_remove_tag_keys(gone.clone())
                .send()
        })
        .await
        .map(|_| ())
    }

    async fn all(&self, cx: &Context) -> KindResult<Vec<HealthCheck>> {
        let client = self.0.route53(&cx.region);
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let page = call(cx, "route53:ListHealthChecks", || {
                client.list_health_checks().set_marker(marker.clone()).send()
            })
            .await?;
            all.extend(page.health_checks);
            marker = page.next_marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    /// The first of these checks with this component's tags.
    async fn tagged(&self, cx: &Context, ids: &[&str]) -> KindResult<Option<String>> {
        let client = self.0.route53(&cx.region);
        for some in ids.chunks(TAGS_AT_ONCE) {
            let some: Vec<String> = some.iter().map(|id| (*id).to_owned()).collect();
            let answer = call(cx, "route53:ListTagsForResources", || {
                client
                    .list_tags_for_resources()
                    .resource_type(TagResourceType::Healthcheck)
                    .set_resource_ids(Some(some.clone()))
                    .send()
            })
            .await;
            let sets = found(answer, GONE)?.map(|a| a.resource_tag_sets).unwrap_or_default();
            let owned = sets.into_iter().find(|set| {
                let pairs = set.tags().iter();
                let tags = pairs.filter_map(|t| Some((t.key.clone()?, t.value.clone()?))).collect();
                tags::owned(cx, &tags)
            });
            if let Some(id) = owned.and_then(|set| set.resource_id) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Kind for Route53HealthCheck {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        config::mistakes(settings)
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match (setting, value) {
            // Route 53 compares host names without case.
            ("fqdn", Value::String(text)) if !text.contains("${") => text.to_ascii_lowercase().into(),
            _ => {
                let unordered = SPEC.setting(setting).is_some_and(|s| s.unordered);
                tap_engine::json::normalise(value, unordered)
            }
        }
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.route53(&cx.region);
        let config = config::wanted(desired)?;
        let reference = format!("{}{}", reference_prefix(cx), uuid::Uuid::new_v4().simple());
        let answer = call(cx, "route53:CreateHealthCheck", || {
            client
                .create_health_check()
                .caller_reference(&reference)
                .health_check_config(config.clone())
                .send()
        })
        .await?;
        let id = answer.health_check.map(|check| check.id);
        let id = id.ok_or_else(|| KindError::Failed {
            operation: "route53:CreateHealthCheck".into(),
            message: "the answer names no health check".into(),
        })?;
        let outputs = self.outputs(&id);
        cx.created(&outputs);
        self.retag(cx, &id, tags::wanted(desired), Vec::new()).await?;
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(check) = self.check(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = check
            .health_check_config
            .as_ref()
            .map(|config| config::observed(config, recorded))
            .unwrap_or_default();
        seen.put("tags", tags::setting(self.tags_of(cx, id).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if change.changed.iter().any(|name| name != "tags") {
            let wanted = config::wanted(change.after)?;
            let gone = |setting: &str| change.has(setting) && change.after.value(setting).is_none();
            let resets: Vec<ResettableElementName> = config::RESETTABLE
                .iter()
                .filter(|(setting, _)| gone(setting))
                .map(|(_, element)| element.clone())
                .collect();
            let request = self
                .0
                .route53(&cx.region)
                .update_health_check()
                .health_check_id(id)
                .set_port(wanted.port)
                .set_resource_path(wanted.resource_path)
                .set_fully_qualified_domain_name(wanted.fully_qualified_domain_name)
                .set_search_string(wanted.search_string)
                .set_failure_threshold(wanted.failure_threshold)
                // Where nothing is said, these stay as they are: said always.
                .inverted(wanted.inverted.unwrap_or(false))
                .disabled(wanted.disabled.unwrap_or(false))
                .set_health_threshold(wanted.health_threshold)
                .set_child_health_checks(wanted.child_health_checks)
                .set_enable_sni(wanted.enable_sni)
                .set_regions(wanted.regions)
                .set_alarm_identifier(wanted.alarm_identifier)
                .set_reset_elements((!resets.is_empty()).then_some(resets));
            call(cx, "route53:UpdateHealthCheck", || request.clone().send()).await?;
        }
        if change.has("tags") {
            let (put, gone) = tags::delta(change);
            self.retag(cx, id, put, gone).await?;
        }
        Ok(self.outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.route53(&cx.region);
        let answer = call(cx, "route53:DeleteHealthCheck", || {
            client.delete_health_check().health_check_id(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, _desired: &Settings) -> KindResult<Option<String>> {
        let all = self.all(cx).await?;
        let unknown: Vec<&HealthCheck> = all.iter().filter(|c| !cx.known_ids.contains(&c.id)).collect();
        let prefix = reference_prefix(cx);
        if let Some(check) = unknown.iter().find(|c| c.caller_reference.starts_with(&prefix)) {
            return Ok(Some(check.id.clone()));
        }
        // Imported checks have somebody else's reference and this component's tags.
        let ids: Vec<&str> = unknown.iter().map(|check| check.id.as_str()).collect();
        self.tagged(cx, &ids).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_reference_fits_and_belongs_to_one_component() {
        let cx = |key: &str| Context {
            key: key.into(),
            region: "us-east-1".into(),
            stack: "payment_stack/dev".into(),
            cancel: tokio_util::sync::CancellationToken::new(),
            force_destroy: false,
            known_ids: Vec::new(),
            leaving: Vec::new(),
            journal: Arc::default(),
        };
        let prefix = reference_prefix(&cx("us-east-1/route53_health_check.api"));
        assert_ne!(prefix, reference_prefix(&cx("eu-west-1/route53_health_check.api")));
        let reference = format!("{prefix}{}", uuid::Uuid::new_v4().simple());
        assert!(reference.len() <= 64, "{reference}");
    }
}
