//! `log_group`: a CloudWatch Logs log group.
//!
//! API: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/>. A late write of a
//! Lambda function brings a deleted group back, without tags: `adopt_existing` takes such a group
//! over (aws: issue 29247).

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::types::{LogGroup as Group, LogGroupClass};
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen};
use super::{Aws, call, found, tags};

/// The kind; `id` is the log group's name.
pub struct LogGroup(pub Arc<Aws>);

const GONE: &[&str] = &["ResourceNotFoundException"];
/// doc: `PutRetentionPolicy`, parameter retentionInDays.
const RETENTIONS: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
const CLASSES: &[&str] = &["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"];

static SPEC: KindSpec = KindSpec {
    name: "log_group",
    settings: &[
        Setting::replace("log_group_name"),
        Setting::new("retention_in_days"),
        Setting::new("kms_key_id"),
        Setting::replace("log_group_class"),
        Setting::new("adopt_existing").unreadable(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "logs:AssociateKmsKey",
        "logs:CreateLogGroup",
        "logs:DeleteLogGroup",
        "logs:DeleteRetentionPolicy",
        "logs:DescribeLogGroups",
        "logs:DisassociateKmsKey",
        "logs:ListTagsForResource",
        "logs:PutRetentionPolicy",
        "logs:TagResource",
        "logs:UntagResource",
    ],
};

impl LogGroup {
    /// Without the `:*` that only means the group's streams.
    fn arn(&self, cx: &Context, name: &str) -> String {
        self.0.arn("logs", &cx.region, &format!("log-group:{name}"))
    }

    fn outputs(&self, cx: &Context, name: &str) -> Outputs {
        Outputs::from([
            ("id".into(), name.into()),
            ("arn".into(), self.arn(cx, name)),
            ("name".into(), name.into()),
        ])
    }

    /// There is no call that describes one group: the groups whose names begin like this one's are
    /// looked through. They come sorted by name, so the exact one is on the first page.
    async fn group(&self, cx: &Context, name: &str) -> KindResult<Option<Group>> {
        let client = self.0.logs(&cx.region);
        let answer = call(cx, "logs:DescribeLogGroups", || {
            client.describe_log_groups().log_group_name_prefix(name).send()
        })
        .await?;
        let groups = answer.log_groups.unwrap_or_default();
        Ok(groups.into_iter().find(|g| g.log_group_name.as_deref() == Some(name)))
    }

    async fn tags_of(&self, cx: &Context, name: &str) -> KindResult<Option<tags::Tags>> {
        let client = self.0.logs(&cx.region);
        let arn = self.arn(cx, name);
        let answer = call(cx, "logs:ListTagsForResource", || {
            client.list_tags_for_resource().resource_arn(&arn).send()
        })
        .await;
        Ok(found(answer, GONE)?.map(|a| a.tags.unwrap_or_default().into_iter().collect()))
    }

    async fn retain(&self, cx: &Context, name: &str, days: Option<i32>) -> KindResult<()> {
        let client = self.0.logs(&cx.region);
        if let Some(days) = days {
            call(cx, "logs:PutRetentionPolicy", || {
                client
                    .put_retention_policy()
                    .log_group_name(name)
                    .retention_in_days(days)
                    .send()
            })
            .await?;
        } else {
            call(cx, "logs:DeleteRetentionPolicy", || {
                client.delete_retention_policy().log_group_name(name).send()
            })
            .await?;
        }
        Ok(())
    }

    async fn encrypt(&self, cx: &Context, name: &str, key: Option<&str>) -> KindResult<()> {
        let client = self.0.logs(&cx.region);
        if let Some(key) = key {
            call(cx, "logs:AssociateKmsKey", || {
                client.associate_kms_key().log_group_name(name).kms_key_id(key).send()
            })
            .await?;
        } else {
            call(cx, "logs:DisassociateKmsKey", || {
                client.disassociate_kms_key().log_group_name(name).send()
            })
            .await?;
        }
        Ok(())
    }

    async fn update_tags(&self, cx: &Context, name: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.logs(&cx.region);
        let arn = self.arn(cx, name);
        let (put, gone) = tags::delta(change);
        if !put.is_empty() {
            let put: HashMap<_, _> = put.into_iter().collect();
            call(cx, "logs:TagResource", || {
                client
                    .tag_resource()
                    .resource_arn(&arn)
                    .set_tags(Some(put.clone()))
                    .send()
            })
            .await?;
        }
        if !gone.is_empty() {
            call(cx, "logs:UntagResource", || {
                client
                    .untag_resource()
                    .resource_arn(&arn)
                    .set_tag_keys(Some(gone.clone()))
                    .send()
            })
            .await?;
        }
        Ok(())
    }
}

fn class_of(group: &Group) -> &str {
    group.log_group_class.as_ref().map_or("STANDARD", LogGroupClass::as_str)
}

#[async_trait]
impl Kind for LogGroup {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["log_group_name"])
            .text(
                "log_group_name",
                1..=512,
                alphanumeric_or("_-/.#"),
                "letters, digits, _, -, /, . and #",
            )
            .one_of("log_group_class", CLASSES);
        if checks
            .known_text("log_group_name")
            .is_some_and(|n| n.starts_with("aws/"))
        {
            checks.wrong("log_group_name", "must not begin with aws/: those names are AWS's own");
        }
        if let Some(days) = checks.known("retention_in_days")
            && !days.as_i64().is_some_and(|days| RETENTIONS.contains(&days))
        {
            let allowed: Vec<String> = RETENTIONS.iter().map(ToString::to_string).collect();
            checks.wrong(
                "retention_in_days",
                format!(
                    "must be one of {}, not {days}; leave it out to keep logs for ever",
                    allowed.join(", ")
                ),
            );
        }
        // doc: AssociateKmsKey: the ARN, no id and no alias.
        if checks
            .known_text("kms_key_id")
            .is_some_and(|key| !key.contains(":key/"))
        {
            checks.wrong("kms_key_id", "must be the key's ARN");
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.logs(&cx.region);
        let name = desired.text("log_group_name")?;
        let tags: HashMap<String, String> = tags::wanted(desired).into_iter().collect();
        call(cx, "logs:CreateLogGroup", || {
            client
                .create_log_group()
                .log_group_name(name)
                .set_kms_key_id(desired.opt_string("kms_key_id"))
                .set_log_group_class(desired.opt_text("log_group_class").map(LogGroupClass::from))
                .set_tags((!tags.is_empty()).then(|| tags.clone()))
                .send()
        })
        .await?;
        let outputs = self.outputs(cx, name);
        cx.created(&outputs);
        if let Some(days) = desired.opt_i32("retention_in_days")? {
            self.retain(cx, name, Some(days)).await?;
        }
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let (group, tags) = futures::try_join!(self.group(cx, id), self.tags_of(cx, id))?;
        let (Some(group), Some(tags)) = (group, tags) else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("log_group_name", Some(id))
            .put("retention_in_days", group.retention_in_days)
            .put("kms_key_id", group.kms_key_id.clone())
            .put_unless_default("log_group_class", Some(class_of(&group)), "STANDARD", recorded)
            .put("tags", tags::setting(tags));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if change.has("kms_key_id") {
            self.encrypt(cx, id, change.after.opt_text("kms_key_id")).await?;
        }
        if change.has("retention_in_days") {
            self.retain(cx, id, change.after.opt_i32("retention_in_days")?).await?;
        }
        if change.has("tags") {
            self.update_tags(cx, id, change).await?;
        }
        Ok(self.outputs(cx, id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.logs(&cx.region);
        let answer = call(cx, "logs:DeleteLogGroup", || {
            client.delete_log_group().log_group_name(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("log_group_name")?;
        let (group, tags) = futures::try_join!(self.group(cx, name), self.tags_of(cx, name))?;
        let Some(group) = group else { return Ok(None) };
        if tags::owned(cx, &tags.unwrap_or_default()) {
            return Ok(Some(name.to_owned()));
        }
        let not_owned = |why: &str| KindError::NotOwned {
            operation: "logs:DescribeLogGroups".into(),
            message: format!(
                "log group {name} exists already, is not tagged as {} of {}, {why}",
                cx.key, cx.stack
            ),
        };
        if desired.opt_bool("adopt_existing")? != Some(true) {
            return Err(not_owned("and adopt_existing is not set"));
        }
        // Its class cannot be changed: to take it over would mean to delete somebody's logs.
        if class_of(&group) != desired.opt_text("log_group_class").unwrap_or("STANDARD") {
            return Err(not_owned("and has another log_group_class, so it cannot be adopted"));
        }
        Ok(Some(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_retention_that_cloudwatch_does_not_know_is_a_mistake() {
        let kind = LogGroup(super::super::testing::aws());
        let wrong = |settings: serde_json::Value| {
            let settings: Settings = serde_json::from_value(settings).unwrap();
            kind.validate(&settings)
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        let name = "/aws/lambda/f";
        assert_eq!(
            wrong(json!({"log_group_name": name, "retention_in_days": 31})),
            ["retention_in_days"]
        );
        assert!(wrong(json!({"log_group_name": name, "retention_in_days": 30})).is_empty());
        assert_eq!(wrong(json!({"log_group_name": "aws/x"})), ["log_group_name"]);
        assert_eq!(
            wrong(json!({"log_group_name": "x", "kms_key_id": "alias/x"})),
            ["kms_key_id"]
        );
    }
}
