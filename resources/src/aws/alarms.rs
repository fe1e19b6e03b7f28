//! Common ground of the Amazon CloudWatch alarm kinds: tags, ARNs, actions, deletion.
//!
//! API: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/>

use async_trait::async_trait;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::types::{AlarmType, Tag};
use tap_engine::{Change, Context, KindError, KindResult, Observed, Outputs, Settings};

use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::tags::{self, Tags};
use super::{Aws, call, found};

/// "No such alarm" in the spellings of the query and the newer protocols.
const GONE: &[&str] = &["ResourceNotFound", "ResourceNotFoundException"];

/// What metric and composite alarms do each in its own way.
#[async_trait]
pub(super) trait Alarm: Send + Sync {
    fn aws(&self) -> &Aws;

    /// What `DescribeAlarms` says of it; the tags are not there.
    async fn look(&self, cx: &Context, name: &str, recorded: &Settings) -> KindResult<Option<Seen>>;

    /// Replaces the whole alarm, which keeps its state. Tags are taken at creation only.
    async fn put(&self, cx: &Context, settings: &Settings, tags: Option<Vec<Tag>>) -> KindResult<()>;
}

pub(super) async fn create(alarm: &impl Alarm, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
    // Putting an alarm would silently take over one of somebody else.
    find(alarm, cx, desired).await?;
    alarm.put(cx, desired, Some(sdk_tags(&tags::wanted(desired)))).await?;
    let outputs = outputs(alarm.aws(), cx, desired.text("alarm_name")?);
    cx.created(&outputs);
    Ok(outputs)
}

pub(super) async fn read(
    alarm: &impl Alarm,
    cx: &Context,
    id: &str,
    recorded: &Settings,
) -> KindResult<Option<Observed>> {
    let Some(mut seen) = alarm.look(cx, id, recorded).await? else {
        return Ok(None);
    };
    seen.put("tags", tags::setting(tags_of(alarm.aws(), cx, id).await?));
    Ok(Some(Observed {
        settings: seen.done(),
        outputs: outputs(alarm.aws(), cx, id),
    }))
}

pub(super) async fn update(alarm: &impl Alarm, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
    if change.changed.iter().any(|name| name != "tags") {
        alarm.put(cx, change.after, None).await?;
    }
    retag(alarm.aws(), cx, id, change).await?;
    Ok(outputs(alarm.aws(), cx, id))
}

/// The alarm's name when its tags say that it is this component.
pub(super) async fn find(alarm: &impl Alarm, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
    let name = desired.text("alarm_name")?;
    match alarm.look(cx, name, desired).await? {
        Some(_) => owned(alarm.aws(), cx, name).await,
        None => Ok(None),
    }
}

/// What `DescribeAlarms` answers for the alarm of this name and type, if there is one.
pub(super) async fn describe(
    aws: &Aws,
    cx: &Context,
    name: &str,
    of_type: AlarmType,
) -> KindResult<DescribeAlarmsOutput> {
    let request = aws.cloudwatch(&cx.region).describe_alarms();
    let request = request.alarm_names(name).alarm_types(of_type);
    call(cx, "cloudwatch:DescribeAlarms", || request.clone().send()).await
}

/// Metric and composite alarms share one name space.
fn arn(aws: &Aws, cx: &Context, name: &str) -> String {
    aws.arn("cloudwatch", &cx.region, &format!("alarm:{name}"))
}

/// What an alarm answers to references.
fn outputs(aws: &Aws, cx: &Context, name: &str) -> Outputs {
    Outputs::from([
        ("id".into(), name.into()),
        ("arn".into(), arn(aws, cx, name)),
        ("name".into(), name.into()),
    ])
}

/// Tags as the SDK wants them.
fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// Tags of an alarm; none when it is gone.
async fn tags_of(aws: &Aws, cx: &Context, name: &str) -> KindResult<Tags> {
    let client = aws.cloudwatch(&cx.region);
    let arn = arn(aws, cx, name);
    let answer = call(cx, "cloudwatch:ListTagsForResource", || {
        client.list_tags_for_resource().resource_arn(&arn).send()
    })
    .await;
    let tags = found(answer, GONE)?.and_then(|a| a.tags).unwrap_or_default();
    Ok(tags
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value?)))
        .collect())
}

/// Brings tags in line: `PutMetricAlarm` and `PutCompositeAlarm` take them at creation only.
async fn retag(aws: &Aws, cx: &Context, name: &str, change: &Change<'_>) -> KindResult<()> {
    if !change.has("tags") {
        return Ok(());
    }
    let client = aws.cloudwatch(&cx.region);
    let arn = arn(aws, cx, name);
    let (put, gone) = tags::delta(change);
    if !put.is_empty() {
        let request = client.tag_resource().resource_arn(&arn).set_tags(Some(sdk_tags(&put)));
        call(cx, "cloudwatch:TagResource", || request.clone().send()).await?;
    }
    if !gone.is_empty() {
        let request = client.untag_resource().resource_arn(&arn).set_tag_keys(Some(gone));
        call(cx, "cloudwatch:UntagResource", || request.clone().send()).await?;
    }
    Ok(())
}

/// Deletes one alarm: a request may hold one composite alarm only (doc: `DeleteAlarms`).
pub(super) async fn delete(aws: &Aws, cx: &Context, name: &str) -> KindResult<()> {
    let client = aws.cloudwatch(&cx.region);
    let answer = call(cx, "cloudwatch:DeleteAlarms", || {
        client.delete_alarms().alarm_names(name).send()
    })
    .await;
    found(answer, GONE).map(|_| ())
}

async fn owned(aws: &Aws, cx: &Context, name: &str) -> KindResult<Option<String>> {
    if tags::owned(cx, &tags_of(aws, cx, name).await?) {
        return Ok(Some(name.to_owned()));
    }
    Err(KindError::NotOwned {
        operation: "cloudwatch:DescribeAlarms".into(),
        message: format!(
            "an alarm named {name} exists already and is not tagged as {} of {}",
            cx.key, cx.stack
        ),
    })
}

/// What an alarm does when its state changes.
#[derive(Debug, Default)]
pub(super) struct Actions {
    pub(super) enabled: Option<bool>,
    pub(super) alarm: Option<Vec<String>>,
    pub(super) ok: Option<Vec<String>>,
    pub(super) insufficient_data: Option<Vec<String>>,
}

impl Actions {
    /// From settings.
    pub(super) fn wanted(settings: &Settings) -> KindResult<Self> {
        Ok(Self {
            enabled: settings.opt_bool("actions_enabled")?,
            alarm: Some(settings.texts("alarm_actions")?),
            ok: Some(settings.texts("ok_actions")?),
            insufficient_data: Some(settings.texts("insufficient_data_actions")?),
        })
    }

    /// Into settings: no action is "not set", and so is the default `actions_enabled = true`.
    pub(super) fn show(self, seen: &mut Seen, recorded: &Settings) {
        let enabled = self
            .enabled
            .filter(|enabled| !enabled || recorded.value("actions_enabled").is_some());
        let some = |list: Option<Vec<String>>| list.filter(|list| !list.is_empty());
        seen.put("actions_enabled", enabled)
            .put("alarm_actions", some(self.alarm))
            .put("ok_actions", some(self.ok))
            .put("insufficient_data_actions", some(self.insufficient_data));
    }
}

/// What both kinds of alarms have in common.
pub(super) fn check(checks: &mut Checks<'_>) {
    checks.required(&["alarm_name"]);
    checks.length("alarm_name", 1..=255);
    checks.length("alarm_description", 0..=1024);
    for name in ["alarm_actions", "ok_actions", "insufficient_data_actions"] {
        checks.at_most(name, 5);
    }
}
