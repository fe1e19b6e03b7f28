//! `event_bus`: a custom Amazon EventBridge event bus.
//!
//! API: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_eventbridge::operation::describe_event_bus::DescribeEventBusOutput;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::events::{self, GONE, filled};
use super::fields::{Fields, Seen};
use super::{Aws, call, found, tags};

/// The kind; `id` is the bus name.
pub struct EventBus(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "event_bus",
    settings: &[
        Setting::replace("name"),
        Setting::new("description"),
        Setting::new("kms_key_identifier"),
        Setting::new("dead_letter_arn"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "events:CreateEventBus",
        "events:DescribeEventBus",
        "events:UpdateEventBus",
        "events:DeleteEventBus",
        "events:ListTagsForResource",
        "events:TagResource",
        "events:UntagResource",
    ],
};

impl EventBus {
    fn outputs(&self, cx: &Context, name: &str) -> Outputs {
        Outputs::from([
            ("id".into(), name.into()),
            ("arn".into(), events::bus_arn(&self.0, cx, name)),
            ("name".into(), name.into()),
        ])
    }

    async fn describe(&self, cx: &Context, name: &str) -> KindResult<Option<DescribeEventBusOutput>> {
        let client = self.0.events(&cx.region);
        let answer = call(cx, "events:DescribeEventBus", || {
            client.describe_event_bus().name(name).send()
        })
        .await;
        found(answer, GONE)
    }
}

#[async_trait]
impl Kind for EventBus {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let name = desired.text("name")?;
        let request = self
            .0
            .events(&cx.region)
            .create_event_bus()
            .name(name)
            .set_description(desired.opt_string("description"))
            .set_kms_key_identifier(desired.opt_string("kms_key_identifier"))
            .set_dead_letter_config(events::dead_letter(desired.opt_text("dead_letter_arn")))
            .set_tags(Some(events::sdk_tags(&tags::wanted(desired))?));
        call(cx, "events:CreateEventBus", || request.clone().send()).await?;
        let outputs = self.outputs(cx, name);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(bus) = self.describe(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("name", Some(id))
            .put("description", filled(bus.description))
            .put("kms_key_identifier", filled(bus.kms_key_identifier))
            .put("dead_letter_arn", bus.dead_letter_config.and_then(|d| filled(d.arn)));
        let arn = events::bus_arn(&self.0, cx, id);
        seen.put("tags", tags::setting(events::tags_of(&self.0, cx, &arn).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if change.any(&["description", "kms_key_identifier", "dead_letter_arn"]) {
            let request = self
                .0
                .events(&cx.region)
                .update_event_bus()
                .name(id)
                .set_description(events::rewritten(change, "description"))
                .set_kms_key_identifier(events::rewritten(change, "kms_key_identifier"))
                .set_dead_letter_config(events::rewritten_dead_letter(change));
            call(cx, "events:UpdateEventBus", || request.clone().send()).await?;
        }
        events::retag(&self.0, cx, &events::bus_arn(&self.0, cx, id), change).await?;
        Ok(self.outputs(cx, id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.events(&cx.region);
        let answer = call(cx, "events:DeleteEventBus", || {
            client.delete_event_bus().name(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("name")?;
        if self.describe(cx, name).await?.is_none() {
            return Ok(None);
        }
        let arn = events::bus_arn(&self.0, cx, name);
        if tags::owned(cx, &events::tags_of(&self.0, cx, &arn).await?) {
            return Ok(Some(name.to_owned()));
        }
        Err(KindError::NotOwned {
            operation: "events:DescribeEventBus".into(),
            message: format!(
                "an event bus named {name} exists already and is not tagged as {} of {}",
                cx.key, cx.stack
            ),
        })
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["name"]);
        // doc: CreateEventBus: [/\.\-_A-Za-z0-9]+, and custom buses may not hold a slash.
        checks.length("name", 1..=256);
        checks.charset("name", ".-_");
        checks.length("description", 0..=512);
        if settings.opt_text("name") == Some(events::DEFAULT_BUS) {
            checks.wrong("name", "default is the bus that every account has already");
        }
        checks.done()
    }
}
