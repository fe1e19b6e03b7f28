//! `sqs_queue`: an Amazon SQS queue. The model for the other kinds.
//!
//! API: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::types::QueueAttributeName as Attr;
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found, policy, tags, wait_until};

/// The kind; `id` is the queue URL.
pub struct SqsQueue(pub Arc<Aws>);

/// Codes of the query and the JSON protocol for "no such queue".
const GONE: &[&str] = &["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];

/// Setting, attribute, and how its text is read back.
const ATTRIBUTES: &[(&str, Attr, Form)] = &[
    ("delay_seconds", Attr::DelaySeconds, Form::Number),
    ("visibility_timeout_seconds", Attr::VisibilityTimeout, Form::Number),
    ("message_retention_seconds", Attr::MessageRetentionPeriod, Form::Number),
    ("kms_master_key_id", Attr::KmsMasterKeyId, Form::Text),
    (
        "kms_data_key_reuse_period_seconds",
        Attr::KmsDataKeyReusePeriodSeconds,
        Form::Number,
    ),
    ("sqs_managed_sse_enabled", Attr::SqsManagedSseEnabled, Form::Bool),
    ("policy", Attr::Policy, Form::Document),
    ("redrive_policy", Attr::RedrivePolicy, Form::Document),
    ("redrive_allow_policy", Attr::RedriveAllowPolicy, Form::Document),
];

/// What AWS reports for attributes that nobody set (doc: `CreateQueue`). Reported defaults are
/// "not set", or every unmanaged attribute would look like drift.
const DEFAULTS: &[(&str, &str)] = &[
    ("delay_seconds", "0"),
    ("visibility_timeout_seconds", "30"),
    ("message_retention_seconds", "345600"),
    ("kms_data_key_reuse_period_seconds", "300"),
    ("sqs_managed_sse_enabled", "true"),
];

#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    Bool,
    Document,
}

static SPEC: KindSpec = KindSpec {
    name: "sqs_queue",
    settings: &[
        Setting::replace("name"),
        Setting::new("delay_seconds"),
        Setting::new("visibility_timeout_seconds"),
        Setting::new("message_retention_seconds"),
        Setting::new("kms_master_key_id"),
        Setting::new("kms_data_key_reuse_period_seconds"),
        Setting::new("sqs_managed_sse_enabled"),
        Setting::new("policy"),
        Setting::new("redrive_policy"),
        Setting::new("redrive_allow_policy"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "url", "name"],
    volatile_outputs: &[],
    holds_data: true,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "sqs:CreateQueue",
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
        "sqs:SetQueueAttributes",
        "sqs:DeleteQueue",
        "sqs:ListQueueTags",
        "sqs:TagQueue",
        "sqs:UntagQueue",
    ],
};

impl SqsQueue {
    fn outputs(&self, cx: &Context, url: &str, name: &str) -> Outputs {
        Outputs::from([
            ("id".into(), url.into()),
            ("url".into(), url.into()),
            ("arn".into(), self.0.arn("sqs", &cx.region, name)),
            ("name".into(), name.into()),
        ])
    }

    async fn tags_of(&self, cx: &Context, url: &str) -> KindResult<tags::Tags> {
        let client = self.0.sqs(&cx.region);
        let answer = call(cx, "sqs:ListQueueTags", || {
            client.list_queue_tags().queue_url(url).send()
        })
        .await?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }

    async fn attributes_of(&self, cx: &Context, url: &str) -> KindResult<Option<HashMap<Attr, String>>> {
        let client = self.0.sqs(&cx.region);
        let answer = call(cx, "sqs:GetQueueAttributes", || {
            client
                .get_queue_attributes()
                .queue_url(url)
                .attribute_names(Attr::All)
                .send()
        })
        .await;
        Ok(found(answer, GONE)?.map(|a| a.attributes.unwrap_or_default()))
    }
}

fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

fn attribute_texts(settings: &Settings, only: Option<&Change<'_>>) -> HashMap<Attr, String> {
    ATTRIBUTES
        .iter()
        .filter(|(name, ..)| only.is_none_or(|change| change.has(name)))
        .filter_map(|(name, attr, _)| match settings.document(name) {
            Some(text) => Some((attr.clone(), text)),
            // Removing a setting means going back to the documented default.
            None if only.is_some() => {
                let default = DEFAULTS.iter().find(|(n, _)| n == name).map_or("", |(_, text)| text);
                Some((attr.clone(), default.to_owned()))
            }
            None => None,
        })
        .collect()
}

fn observed(attributes: &HashMap<Attr, String>, name: &str, recorded: &Settings) -> Seen {
    let mut seen = Seen::default();
    seen.put("name", Some(name));
    for (setting, attr, form) in ATTRIBUTES {
        let Some(text) = attributes.get(attr).filter(|text| !text.is_empty()) else {
            continue;
        };
        let is_default = DEFAULTS.iter().any(|(n, default)| n == setting && default == text);
        if is_default && recorded.value(setting).is_none() {
            continue;
        }
        // AWS switches its own encryption off by itself when a KMS key is set.
        if *setting == "sqs_managed_sse_enabled"
            && text == "false"
            && recorded.value(setting).is_none()
            && attributes.contains_key(&Attr::KmsMasterKeyId)
        {
            continue;
        }
        let value = match form {
            Form::Text => Value::String(text.clone()),
            Form::Number | Form::Bool | Form::Document => parse_document(text),
        };
        seen.put(setting, Some(value));
    }
    seen
}

#[async_trait]
impl Kind for SqsQueue {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.sqs(&cx.region);
        let name = desired.text("name")?;
        let attributes = attribute_texts(desired, None);
        let tags: HashMap<String, String> = tags::wanted(desired).into_iter().collect();
        let answer = call(cx, "sqs:CreateQueue", || {
            client
                .create_queue()
                .queue_name(name)
                .set_attributes(Some(attributes.clone()))
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await?;
        let url = answer.queue_url.unwrap_or_default();
        let outputs = self.outputs(cx, &url, name);
        cx.created(&outputs);
        // doc: CreateQueue: a queue is usable about one second after it was made.
        wait_until(
            "sqs:GetQueueAttributes",
            "queue visible",
            Duration::from_mins(1),
            || async {
                Ok(match self.attributes_of(cx, &url).await? {
                    Some(_) => Poll::Ready(()),
                    None => Poll::Pending("not found".into()),
                })
            },
        )
        .await?;
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(attributes) = self.attributes_of(cx, id).await? else {
            return Ok(None);
        };
        let name = name_of(id);
        let mut seen = observed(&attributes, name, recorded);
        seen.put("tags", tags::setting(self.tags_of(cx, id).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id, name),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.sqs(&cx.region);
        let attributes = attribute_texts(change.after, Some(change));
        if !attributes.is_empty() {
            call(cx, "sqs:SetQueueAttributes", || {
                client
                    .set_queue_attributes()
                    .queue_url(id)
                    .set_attributes(Some(attributes.clone()))
                    .send()
            })
            .await?;
        }
        if change.has("tags") {
            let (put, gone) = tags::delta(change);
            if !put.is_empty() {
                let put: HashMap<_, _> = put.into_iter().collect();
                call(cx, "sqs:TagQueue", || {
                    client.tag_queue().queue_url(id).set_tags(Some(put.clone())).send()
                })
                .await?;
            }
            if !gone.is_empty() {
                call(cx, "sqs:UntagQueue", || {
                    client
                        .untag_queue()
                        .queue_url(id)
                        .set_tag_keys(Some(gone.clone()))
                        .send()
                })
                .await?;
            }
        }
        Ok(self.outputs(cx, id, name_of(id)))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.sqs(&cx.region);
        let answer = call(cx, "sqs:DeleteQueue", || client.delete_queue().queue_url(id).send()).await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let client = self.0.sqs(&cx.region);
        let name = desired.text("name")?;
        let answer = call(cx, "sqs:GetQueueUrl", || client.get_queue_url().queue_name(name).send()).await;
        let Some(url) = found(answer, GONE)?.and_then(|a| a.queue_url) else {
            return Ok(None);
        };
        if tags::owned(cx, &self.tags_of(cx, &url).await?) {
            return Ok(Some(url));
        }
        Err(KindError::NotOwned {
            operation: "sqs:GetQueueUrl".into(),
            message: format!(
                "a queue named {name} exists already and is not tagged as {} of {}",
                cx.key, cx.stack
            ),
        })
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "policy" => policy::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    /// The limits of `SetQueueAttributes`, in seconds
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        // doc: `CreateQueue`, parameter `QueueName`; FIFO queues, which end in `.fifo`, are not made here.
        checks.name("name", 80, "-_");
        checks.range("delay_seconds", 0..=900);
        checks.range("visibility_timeout_seconds", 0..=43_200);
        checks.range("message_retention_seconds", 60..=1_209_600);
        checks.range("kms_data_key_reuse_period_seconds", 60..=86_400);
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_that_aws_reports_are_not_drift() {
        let attributes = HashMap::from([
            (Attr::VisibilityTimeout, "30".to_owned()),
            (Attr::MessageRetentionPeriod, "1209600".to_owned()),
            (Attr::Policy, r#"{"Version":"2012-10-17"}"#.to_owned()),
        ]);
        let settings = observed(&attributes, "q", &Settings::new()).done();
        assert!(!settings.contains_key("visibility_timeout_seconds"));
        assert_eq!(settings["message_retention_seconds"], json!(1_209_600));
        assert_eq!(settings["policy"], json!({"Version": "2012-10-17"}));
    }

    #[test]
    fn names_that_sqs_refuses_are_found_at_plan_time() {
        let kind = SqsQueue(super::super::testing::aws());
        let wrong = |name: &str| {
            !kind
                .validate(&Settings::from([("name".to_owned(), json!(name))]))
                .is_empty()
        };
        assert!(
            !wrong("eventbridge-dlq_dev") && wrong("a b") && wrong("") && wrong("a.fifo") && wrong(&"q".repeat(81))
        );
    }

    #[test]
    fn removing_a_setting_restores_the_default() {
        let (before, after) = (
            Settings::from([("delay_seconds".to_owned(), json!(5))]),
            Settings::new(),
        );
        let changed = ["delay_seconds".to_owned()];
        let change = Change {
            before: &before,
            after: &after,
            changed: &changed,
            outputs: &Outputs::new(),
        };
        assert_eq!(
            attribute_texts(&after, Some(&change)),
            HashMap::from([(Attr::DelaySeconds, "0".to_owned())])
        );
    }
}
