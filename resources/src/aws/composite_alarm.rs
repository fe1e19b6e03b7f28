//! `composite_alarm`: an Amazon CloudWatch alarm on the states of other alarms.
//!
//! API: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::operation::put_composite_alarm::builders::PutCompositeAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm as Described, Tag};
use serde::{Deserialize, Serialize};
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::alarms::{self, Actions, Alarm};
use super::checks::Checks;
use super::events::filled;
use super::fields::{Fields, Seen};
use super::{Aws, call};

/// The kind; `id` is the alarm name.
pub struct CompositeAlarm(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "composite_alarm",
    settings: &[
        Setting::replace("alarm_name"),
        Setting::new("alarm_rule"),
        Setting::new("alarm_description"),
        Setting::new("actions_enabled"),
        Setting::new("alarm_actions").unordered(),
        Setting::new("ok_actions").unordered(),
        Setting::new("insufficient_data_actions").unordered(),
        Setting::new("actions_suppressor"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "cloudwatch:PutCompositeAlarm",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    ],
};

/// The alarm that silences this one's actions; periods in seconds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suppressor {
    alarm: String,
    wait_period: i32,
    extension_period: i32,
}

fn observed(alarm: Described, recorded: &Settings) -> Seen {
    let suppressor = filled(alarm.actions_suppressor).map(|suppressor| Suppressor {
        alarm: suppressor,
        wait_period: alarm.actions_suppressor_wait_period.unwrap_or_default(),
        extension_period: alarm.actions_suppressor_extension_period.unwrap_or_default(),
    });
    let mut seen = Seen::default();
    seen.put("alarm_name", alarm.alarm_name)
        .put("alarm_rule", alarm.alarm_rule)
        .put("alarm_description", filled(alarm.alarm_description))
        .put(
            "actions_suppressor",
            suppressor.and_then(|s| serde_json::to_value(s).ok()),
        );
    let actions = Actions {
        enabled: alarm.actions_enabled,
        alarm: alarm.alarm_actions,
        ok: alarm.ok_actions,
        insufficient_data: alarm.insufficient_data_actions,
    };
    actions.show(&mut seen, recorded);
    seen
}

impl CompositeAlarm {
    fn request(&self, cx: &Context, settings: &Settings) -> KindResult<PutCompositeAlarmFluentBuilder> {
        let actions = Actions::wanted(settings)?;
        let request = self
            .0
            .cloudwatch(&cx.region)
            .put_composite_alarm()
            .alarm_name(settings.text("alarm_name")?)
            .alarm_rule(settings.text("alarm_rule")?)
            .set_alarm_description(settings.opt_string("alarm_description"))
            .set_actions_enabled(actions.enabled)
            .set_alarm_actions(actions.alarm)
            .set_ok_actions(actions.ok)
            .set_insufficient_data_actions(actions.insufficient_data);
        Ok(match settings.parse::<Suppressor>("actions_suppressor")? {
            None => request,
            Some(suppressor) => request
                .actions_suppressor(suppressor.alarm)
                .actions_suppressor_wait_period(suppressor.wait_period)
                .actions_suppressor_extension_period(suppressor.extension_period),
        })
    }
}

#[async_trait]
impl Alarm for CompositeAlarm {
    fn aws(&self) -> &Aws {
        &self.0
    }

    async fn look(&self, cx: &Context, name: &str, recorded: &Settings) -> KindResult<Option<Seen>> {
        let answer = alarms::describe(&self.0, cx, name, AlarmType::CompositeAlarm).await?;
        let alarm = answer.composite_alarms.unwrap_or_default().pop();
        Ok(alarm.map(|alarm| observed(alarm, recorded)))
    }

    async fn put(&self, cx: &Context, settings: &Settings, tags: Option<Vec<Tag>>) -> KindResult<()> {
        let request = self.request(cx, settings)?.set_tags(tags);
        call(cx, "cloudwatch:PutCompositeAlarm", || request.clone().send()).await?;
        Ok(())
    }
}

#[async_trait]
impl Kind for CompositeAlarm {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        alarms::create(self, cx, desired).await
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        alarms::read(self, cx, id, recorded).await
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        alarms::update(self, cx, id, change).await
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        alarms::delete(&self.0, cx, id).await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        alarms::find(self, cx, desired).await
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        alarms::check(&mut checks);
        checks.required(&["alarm_rule"]);
        checks.length("alarm_rule", 1..=10_240);
        checks.parsed::<Suppressor>("actions_suppressor");
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_suppressor_reads_back_as_one_setting() {
        let alarm = Described::builder()
            .alarm_name("a")
            .alarm_rule("ALARM(b)")
            .actions_enabled(true)
            .actions_suppressor("maintenance")
            .actions_suppressor_wait_period(60)
            .actions_suppressor_extension_period(120)
            .build();
        let seen = observed(alarm, &Settings::new()).done();
        assert_eq!(
            seen["actions_suppressor"],
            json!({"alarm": "maintenance", "wait_period": 60, "extension_period": 120})
        );
        assert!(!seen.contains_key("actions_enabled"), "a default is no setting");
    }
}
