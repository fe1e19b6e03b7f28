//! `event_archive`: an archive of an Amazon EventBridge bus, for replays.
//!
//! API: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_eventbridge::operation::describe_archive::DescribeArchiveOutput;
use aws_sdk_eventbridge::types::ArchiveState;
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::events::{self, GONE, filled};
use super::fields::{Fields, Seen};
use super::shape::document_form;
use super::{Aws, call, found, wait_until};

/// The kind; `id` is the archive name. Archives carry no tags: the name together with the bus
/// they belong to proves whose they are.
pub struct EventArchive(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "event_archive",
    settings: &[
        Setting::replace("archive_name"),
        Setting::replace("event_source_arn"),
        Setting::new("retention_days"),
        Setting::new("event_pattern"),
        Setting::new("description"),
        Setting::new("kms_key_identifier"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "events:CreateArchive",
        "events:DescribeArchive",
        "events:UpdateArchive",
        "events:DeleteArchive",
    ],
};

impl EventArchive {
    fn outputs(&self, cx: &Context, name: &str) -> Outputs {
        Outputs::from([
            ("id".into(), name.into()),
            (
                "arn".into(),
                self.0.arn("events", &cx.region, &format!("archive/{name}")),
            ),
            ("name".into(), name.into()),
        ])
    }

    async fn describe(&self, cx: &Context, name: &str) -> KindResult<Option<DescribeArchiveOutput>> {
        let client = self.0.events(&cx.region);
        let answer = call(cx, "events:DescribeArchive", || {
            client.describe_archive().archive_name(name).send()
        })
        .await;
        found(answer, GONE)
    }

    /// Creating and updating an archive goes on after the call has answered.
    async fn settled(&self, cx: &Context, name: &str) -> KindResult<()> {
        wait_until(
            "events:DescribeArchive",
            "archive ENABLED",
            Duration::from_mins(5),
            || async {
                let Some(archive) = self.describe(cx, name).await? else {
                    return Ok(Poll::Pending("not found".into()));
                };
                match archive.state {
                    Some(ArchiveState::CreateFailed | ArchiveState::UpdateFailed) => Err(KindError::Failed {
                        operation: "events:DescribeArchive".into(),
                        message: archive.state_reason.unwrap_or_else(|| "the archive failed".into()),
                    }),
                    Some(ArchiveState::Creating) => Ok(Poll::Pending("CREATING".into())),
                    Some(ArchiveState::Updating) => Ok(Poll::Pending("UPDATING".into())),
                    _ => Ok(Poll::Ready(())),
                }
            },
        )
        .await
    }
}

#[async_trait]
impl Kind for EventArchive {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let name = desired.text("archive_name")?;
        let request = self
            .0
            .events(&cx.region)
            .create_archive()
            .archive_name(name)
            .event_source_arn(desired.text("event_source_arn")?)
            .set_description(desired.opt_string("description"))
            .set_event_pattern(desired.document("event_pattern"))
            .set_retention_days(desired.opt_i32("retention_days")?)
            .set_kms_key_identifier(desired.opt_string("kms_key_identifier"));
        call(cx, "events:CreateArchive", || request.clone().send()).await?;
        let outputs = self.outputs(cx, name);
        cx.created(&outputs);
        self.settled(cx, name).await?;
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(archive) = self.describe(cx, id).await? else {
            return Ok(None);
        };
        // doc: CreateArchive: 0 keeps events for ever, and is the default.
        let days = archive
            .retention_days
            .filter(|days| *days != 0 || recorded.value("retention_days").is_some());
        let mut seen = Seen::default();
        seen.put("archive_name", Some(id))
            .put("event_source_arn", archive.event_source_arn)
            .put("retention_days", days)
            .put(
                "event_pattern",
                filled(archive.event_pattern).map(|p| parse_document(&p)),
            )
            .put("description", filled(archive.description))
            .put("kms_key_identifier", filled(archive.kms_key_identifier));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let after = change.after;
        let pattern = after
            .document("event_pattern")
            .or_else(|| change.has("event_pattern").then(String::new));
        let request = self
            .0
            .events(&cx.region)
            .update_archive()
            .archive_name(id)
            .set_description(events::rewritten(change, "description"))
            .set_event_pattern(pattern)
            .retention_days(after.opt_i32("retention_days")?.unwrap_or(0))
            .set_kms_key_identifier(events::rewritten(change, "kms_key_identifier"));
        call(cx, "events:UpdateArchive", || request.clone().send()).await?;
        self.settled(cx, id).await?;
        Ok(self.outputs(cx, id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.events(&cx.region);
        let answer = call(cx, "events:DeleteArchive", || {
            client.delete_archive().archive_name(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("archive_name")?;
        let source = desired.text("event_source_arn")?;
        let Some(archive) = self.describe(cx, name).await? else {
            return Ok(None);
        };
        if archive.event_source_arn.as_deref() == Some(source) {
            return Ok(Some(name.to_owned()));
        }
        Err(KindError::NotOwned {
            operation: "events:DescribeArchive".into(),
            message: format!("an archive named {name} exists already and belongs to another event bus than {source}"),
        })
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "event_pattern" => document_form(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["archive_name", "event_source_arn"]);
        checks.length("archive_name", 1..=48);
        checks.charset("archive_name", ".-_");
        checks.length("description", 0..=512);
        checks.range("retention_days", 0..=i64::from(i32::MAX));
        checks.object("event_pattern");
        checks.done()
    }
}
