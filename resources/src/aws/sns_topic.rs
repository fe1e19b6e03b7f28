//! `sns_topic`: an Amazon SNS standard topic.
//!
//! API: <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sns::types::Tag;
use serde_json::{Value, json};
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen, built};
use super::{Aws, call, found, policy, tags};

/// The kind; `id` is the topic ARN.
pub struct SnsTopic(pub Arc<Aws>);

const GONE: &[&str] = &["NotFound", "NotFoundException"];
/// `Id` of the policy that AWS gives a topic for which none was set.
const DEFAULT_POLICY: &str = "__default_policy_ID";
/// Setting and attribute.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("display_name", "DisplayName"),
    ("kms_master_key_id", "KmsMasterKeyId"),
    ("policy", "Policy"),
    ("tracing_config", "TracingConfig"),
];

static SPEC: KindSpec = KindSpec {
    name: "sns_topic",
    settings: &[
        Setting::replace("name"),
        Setting::new("display_name"),
        Setting::new("kms_master_key_id"),
        Setting::new("policy"),
        Setting::new("tracing_config"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "sns:CreateTopic",
        "sns:DeleteTopic",
        "sns:GetTopicAttributes",
        "sns:ListTagsForResource",
        "sns:SetTopicAttributes",
        "sns:TagResource",
        "sns:UntagResource",
    ],
};

impl SnsTopic {
    async fn attributes_of(&self, cx: &Context, arn: &str) -> KindResult<Option<HashMap<String, String>>> {
        let client = self.0.sns(&cx.region);
        let answer = call(cx, "sns:GetTopicAttributes", || {
            client.get_topic_attributes().topic_arn(arn).send()
        })
        .await;
        Ok(found(answer, GONE)?.map(|a| a.attributes.unwrap_or_default()))
    }

    async fn tags_of(&self, cx: &Context, arn: &str) -> KindResult<tags::Tags> {
        let client = self.0.sns(&cx.region);
        let answer = call(cx, "sns:ListTagsForResource", || {
            client.list_tags_for_resource().resource_arn(arn).send()
        })
        .await?;
        let tags = answer.tags.unwrap_or_default();
        Ok(tags.into_iter().map(|t| (t.key, t.value)).collect())
    }

    /// What goes back into the attribute when its setting is removed.
    fn default_of(&self, setting: &str, arn: &str) -> String {
        match setting {
            "policy" => self.default_policy(arn).to_string(),
            "tracing_config" => "PassThrough".to_owned(),
            _ => String::new(),
        }
    }

    /// doc: "Amazon SNS default topic policy": the account's own principals and nobody else.
    fn default_policy(&self, arn: &str) -> Value {
        json!({
            "Version": "2008-10-17",
            "Id": DEFAULT_POLICY,
            "Statement": [{
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [
                    "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission",
                    "SNS:RemovePermission", "SNS:DeleteTopic", "SNS:Subscribe",
                    "SNS:ListSubscriptionsByTopic", "SNS:Publish",
                ],
                "Resource": arn,
                "Condition": {"StringEquals": {"AWS:SourceOwner": self.0.account_id()}},
            }],
        })
    }

    async fn update_tags(&self, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.sns(&cx.region);
        let (put, gone) = tags::delta(change);
        if !put.is_empty() {
            let put = tag_list(put)?;
            call(cx, "sns:TagResource", || {
                client
                    .tag_resource()
                    .resource_arn(arn)
                    .set_tags(Some(put.clone()))
                    .send()
            })
            .await?;
        }
        if !gone.is_empty() {
            call(cx, "sns:UntagResource", || {
                client
                    .untag_resource()
                    .resource_arn(arn)
                    .set_tag_keys(Some(gone.clone()))
                    .send()
            })
            .await?;
        }
        Ok(())
    }
}

fn tag_list(tags: tags::Tags) -> KindResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(name, value)| built("sns:TagResource", Tag::builder().key(name).value(value).build()))
        .collect()
}

fn outputs(arn: &str) -> Outputs {
    Outputs::from([
        ("id".into(), arn.into()),
        ("arn".into(), arn.into()),
        ("name".into(), name_of(arn).into()),
    ])
}

fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn observed(attributes: &HashMap<String, String>, name: &str, recorded: &Settings) -> Seen {
    let attribute = |name: &str| attributes.get(name).filter(|text| !text.is_empty());
    let mut seen = Seen::default();
    seen.put("name", Some(name))
        .put("display_name", attribute("DisplayName").cloned())
        .put("kms_master_key_id", attribute("KmsMasterKeyId").cloned())
        .put_unless_default(
            "tracing_config",
            attribute("TracingConfig").cloned(),
            "PassThrough",
            recorded,
        );
    let policy = attribute("Policy").map(|text| parse_document(text));
    let is_default = policy.as_ref().is_some_and(|p| p["Id"] == DEFAULT_POLICY);
    if !is_default || recorded.value("policy").is_some() {
        seen.put("policy", policy);
    }
    seen
}

#[async_trait]
impl Kind for SnsTopic {
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
            .required(&["name"])
            .text("name", 1..=256, alphanumeric_or("_-"), "letters, digits, _ and -")
            .text("display_name", 0..=100, |c| !c.is_control(), "printable characters")
            .one_of("tracing_config", &["PassThrough", "Active"]);
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let name = desired.text("name")?;
        // CreateTopic answers with the ARN of a topic that exists already, whoever made it.
        if self.find(cx, desired).await?.is_some() {
            return Err(KindError::Failed {
                operation: "sns:CreateTopic".into(),
                message: format!("topic {name} exists already"),
            });
        }
        let client = self.0.sns(&cx.region);
        let attributes: HashMap<String, String> = ATTRIBUTES
            .iter()
            .filter_map(|(setting, attribute)| Some(((*attribute).to_owned(), desired.document(setting)?)))
            .collect();
        let tags = tag_list(tags::wanted(desired))?;
        let answer = call(cx, "sns:CreateTopic", || {
            client
                .create_topic()
                .name(name)
                .set_attributes(Some(attributes.clone()))
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await?;
        let arn = answer.topic_arn.unwrap_or_else(|| self.0.arn("sns", &cx.region, name));
        let outputs = outputs(&arn);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(attributes) = self.attributes_of(cx, id).await? else {
            return Ok(None);
        };
        let Some(tags) = found(
            self.tags_of(cx, id).await,
            &["ResourceNotFound", "ResourceNotFoundException"],
        )?
        else {
            return Ok(None);
        };
        let mut seen = observed(&attributes, name_of(id), recorded);
        seen.put("tags", tags::setting(tags));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.sns(&cx.region);
        for (setting, attribute) in ATTRIBUTES.iter().filter(|(setting, _)| change.has(setting)) {
            let value = change
                .after
                .document(setting)
                .unwrap_or_else(|| self.default_of(setting, id));
            call(cx, "sns:SetTopicAttributes", || {
                client
                    .set_topic_attributes()
                    .topic_arn(id)
                    .attribute_name(*attribute)
                    .attribute_value(value.as_str())
                    .send()
            })
            .await?;
        }
        if change.has("tags") {
            self.update_tags(cx, id, change).await?;
        }
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.sns(&cx.region);
        let answer = call(cx, "sns:DeleteTopic", || client.delete_topic().topic_arn(id).send()).await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let arn = self.0.arn("sns", &cx.region, desired.text("name")?);
        if self.attributes_of(cx, &arn).await?.is_none() {
            return Ok(None);
        }
        if tags::owned(cx, &self.tags_of(cx, &arn).await?) {
            return Ok(Some(arn));
        }
        Err(KindError::NotOwned {
            operation: "sns:GetTopicAttributes".into(),
            message: format!(
                "topic {arn} exists already and is not tagged as {} of {}",
                cx.key, cx.stack
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_that_aws_gives_by_itself_is_not_drift() {
        let kind = SnsTopic(super::super::testing::aws());
        let arn = "arn:aws:sns:us-east-1:111122223333:alerts";
        let attributes = HashMap::from([
            ("Policy".to_owned(), kind.default_policy(arn).to_string()),
            ("DisplayName".to_owned(), String::new()),
            ("TracingConfig".to_owned(), "Active".to_owned()),
        ]);
        let seen = observed(&attributes, "alerts", &Settings::new()).done();
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["name", "tracing_config"]);
    }
}
