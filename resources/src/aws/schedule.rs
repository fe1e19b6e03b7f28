//! `schedule`: an Amazon EventBridge Scheduler schedule.
//!
//! API: <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{
    DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tap_engine::reference::has_unknown;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, literal};
use super::fields::{Fields, Seen};
use super::shape::{built, unless_default};
use super::{Aws, call, found};

/// The kind; `id` is `group|name`. Schedules carry no tags: group and name prove whose it is.
pub struct Schedule(pub Arc<Aws>);

const GONE: &[&str] = &["ResourceNotFoundException"];
const DEFAULT_GROUP: &str = "default";
/// doc: `RetryPolicy`: what Scheduler does where nobody set anything.
const DEFAULT_EVENT_AGE: i32 = 86_400;
const DEFAULT_RETRIES: i32 = 185;

static SPEC: KindSpec = KindSpec {
    name: "schedule",
    settings: &[
        Setting::replace("name"),
        Setting::replace("group_name"),
        Setting::new("schedule_expression"),
        Setting::new("schedule_expression_timezone"),
        Setting::new("state"),
        Setting::new("description"),
        Setting::new("flexible_time_window"),
        Setting::new("kms_key_arn"),
        Setting::new("target"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "scheduler:CreateSchedule",
        "scheduler:GetSchedule",
        "scheduler:UpdateSchedule",
        "scheduler:DeleteSchedule",
        // Asked of whoever hands a role to a service.
        "iam:PassRole",
    ],
};

/// The `target` setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetSetting {
    arn: String,
    role_arn: String,
    input: Option<Value>,
    dead_letter_arn: Option<String>,
    maximum_event_age_in_seconds: Option<i32>,
    maximum_retry_attempts: Option<i32>,
}

/// The `flexible_time_window` setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    mode: String,
    maximum_window_in_minutes: Option<i32>,
}

fn target(settings: &Settings) -> KindResult<Target> {
    let setting: TargetSetting = settings
        .parse("target")?
        .ok_or_else(|| KindError::invalid("target", "is required"))?;
    let retry = RetryPolicy::builder()
        .maximum_event_age_in_seconds(setting.maximum_event_age_in_seconds.unwrap_or(DEFAULT_EVENT_AGE))
        .maximum_retry_attempts(setting.maximum_retry_attempts.unwrap_or(DEFAULT_RETRIES))
        .build();
    let input = setting.input.map(|input| match input {
        Value::String(text) => text,
        document => document.to_string(),
    });
    let dead_letters = setting
        .dead_letter_arn
        .map(|arn| DeadLetterConfig::builder().arn(arn).build());
    let builder = Target::builder()
        .arn(setting.arn)
        .role_arn(setting.role_arn)
        .set_input(input)
        .retry_policy(retry)
        .set_dead_letter_config(dead_letters);
    built("target", builder.build())
}

fn window(settings: &Settings) -> KindResult<FlexibleTimeWindow> {
    let setting: Option<Window> = settings.parse("flexible_time_window")?;
    let builder = match setting {
        None => FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off),
        Some(window) => FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::from(window.mode.as_str()))
            .set_maximum_window_in_minutes(window.maximum_window_in_minutes),
    };
    built("flexible_time_window", builder.build())
}

fn target_setting(target: &Target, recorded: &Settings) -> Value {
    let asked = |member: &str| recorded.value("target").and_then(|v| v.get(member));
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    put("arn", Some(json!(target.arn())));
    put("role_arn", Some(json!(target.role_arn())));
    // Text or document, as the settings have it.
    put(
        "input",
        target.input().map(|text| match asked("input") {
            Some(Value::String(_)) => json!(text),
            _ => tap_engine::json::parse_document(text),
        }),
    );
    put(
        "dead_letter_arn",
        target.dead_letter_config().and_then(|c| c.arn()).map(|arn| json!(arn)),
    );
    let retry = target.retry_policy();
    for (name, value, usual) in [
        (
            "maximum_event_age_in_seconds",
            retry.and_then(RetryPolicy::maximum_event_age_in_seconds),
            DEFAULT_EVENT_AGE,
        ),
        (
            "maximum_retry_attempts",
            retry.and_then(RetryPolicy::maximum_retry_attempts),
            DEFAULT_RETRIES,
        ),
    ] {
        let shown = value.filter(|n| *n != usual || asked(name).is_some());
        put(name, shown.map(|n| json!(n)));
    }
    Value::Object(members)
}

fn window_setting(window: &FlexibleTimeWindow, recorded: &Settings) -> Option<Value> {
    let off = *window.mode() == FlexibleTimeWindowMode::Off;
    if off && recorded.value("flexible_time_window").is_none() {
        return None;
    }
    let mut members = Map::from_iter([("mode".to_owned(), json!(window.mode().as_str()))]);
    if let Some(minutes) = window.maximum_window_in_minutes() {
        members.insert("maximum_window_in_minutes".to_owned(), json!(minutes));
    }
    Some(Value::Object(members))
}

fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((DEFAULT_GROUP, id))
}

fn group(settings: &Settings) -> &str {
    settings.opt_text("group_name").unwrap_or(DEFAULT_GROUP)
}

fn observed(schedule: &GetScheduleOutput, recorded: &Settings) -> Settings {
    let mut seen = Seen::default();
    seen.put("name", schedule.name())
        .put(
            "group_name",
            unless_default(recorded, "group_name", schedule.group_name(), DEFAULT_GROUP),
        )
        .put("schedule_expression", schedule.schedule_expression())
        .put(
            "schedule_expression_timezone",
            unless_default(
                recorded,
                "schedule_expression_timezone",
                schedule.schedule_expression_timezone(),
                "UTC",
            ),
        )
        .put(
            "state",
            unless_default(
                recorded,
                "state",
                schedule.state().map(ScheduleState::as_str),
                "ENABLED",
            ),
        )
        .put("description", schedule.description().filter(|text| !text.is_empty()))
        .put(
            "flexible_time_window",
            schedule
                .flexible_time_window()
                .and_then(|w| window_setting(w, recorded)),
        )
        .put("kms_key_arn", schedule.kms_key_arn())
        .put("target", schedule.target().map(|t| target_setting(t, recorded)));
    seen.done()
}

impl Schedule {
    fn outputs(&self, cx: &Context, group: &str, name: &str) -> Outputs {
        let arn = self.0.arn("scheduler", &cx.region, &format!("schedule/{group}/{name}"));
        Outputs::from([
            ("id".into(), format!("{group}|{name}")),
            ("arn".into(), arn),
            ("name".into(), name.into()),
        ])
    }

    async fn schedule(&self, cx: &Context, group: &str, name: &str) -> KindResult<Option<GetScheduleOutput>> {
        let client = self.0.scheduler(&cx.region);
        let answer = call(cx, "scheduler:GetSchedule", || {
            client.get_schedule().group_name(group).name(name).send()
        })
        .await;
        found(answer, GONE)
    }
}

#[async_trait]
impl Kind for Schedule {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.scheduler(&cx.region);
        let (group, name) = (group(desired), desired.text("name")?);
        let request = client
            .create_schedule()
            .group_name(group)
            .name(name)
            .schedule_expression(desired.text("schedule_expression")?)
            .set_schedule_expression_timezone(desired.opt_string("schedule_expression_timezone"))
            .set_state(desired.opt_text("state").map(ScheduleState::from))
            .set_description(desired.opt_string("description"))
            .set_kms_key_arn(desired.opt_string("kms_key_arn"))
            .flexible_time_window(window(desired)?)
            .target(target(desired)?);
        call(cx, "scheduler:CreateSchedule", || request.clone().send()).await?;
        let outputs = self.outputs(cx, group, name);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let (group, name) = parts(id);
        Ok(self.schedule(cx, group, name).await?.map(|schedule| Observed {
            settings: observed(&schedule, recorded),
            outputs: self.outputs(cx, group, name),
        }))
    }

    /// `UpdateSchedule` replaces everything: what is not given goes back to its default.
    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.scheduler(&cx.region);
        let (group, name) = parts(id);
        let after = change.after;
        let request = client
            .update_schedule()
            .group_name(group)
            .name(name)
            .schedule_expression(after.text("schedule_expression")?)
            .set_schedule_expression_timezone(after.opt_string("schedule_expression_timezone"))
            .set_state(after.opt_text("state").map(ScheduleState::from))
            .set_description(after.opt_string("description"))
            .set_kms_key_arn(after.opt_string("kms_key_arn"))
            .flexible_time_window(window(after)?)
            .target(target(after)?);
        call(cx, "scheduler:UpdateSchedule", || request.clone().send()).await?;
        Ok(self.outputs(cx, group, name))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.scheduler(&cx.region);
        let (group, name) = parts(id);
        let answer = call(cx, "scheduler:DeleteSchedule", || {
            client.delete_schedule().group_name(group).name(name).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let (group, name) = (group(desired), desired.text("name")?);
        let schedule = self.schedule(cx, group, name).await?;
        Ok(schedule.map(|_| format!("{group}|{name}")))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["name", "schedule_expression"])
            .name("name", 64, "-_.")
            .name("group_name", 64, "-_.")
            .one_of("state", &["ENABLED", "DISABLED"]);
        if let Some(text) = literal(settings, "schedule_expression").filter(|text| !is_expression(text)) {
            checks.wrong(
                "schedule_expression",
                format!(
                    "{text:?} must be at(yyyy-mm-ddThh:mm:ss), rate(<number> minutes|hours|days) or cron(<six fields>) with a ? for the days of the month or of the week"
                ),
            );
        }
        let known = |name| settings.value(name).is_none_or(|value| !has_unknown(value));
        if let (true, Err(error)) = (known("target"), target(settings)) {
            checks.wrong("target", error.to_string());
        }
        if let (true, Err(error)) = (known("flexible_time_window"), window(settings)) {
            checks.wrong("flexible_time_window", error.to_string());
        }
        checks.done()
    }
}

/// doc: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
fn is_expression(text: &str) -> bool {
    let Some((kind, rest)) = text.split_once('(') else {
        return false;
    };
    let Some(inner) = rest.strip_suffix(')') else {
        return false;
    };
    match kind {
        "at" => inner.parse::<jiff::civil::DateTime>().is_ok(),
        "rate" => inner.split_once(' ').is_some_and(|(number, unit)| {
            let unit_is_known = matches!(unit, "minute" | "minutes" | "hour" | "hours" | "day" | "days");
            number.parse::<u32>().is_ok_and(|n| n > 0) && unit_is_known
        }),
        "cron" => {
            let fields: Vec<&str> = inner.split_whitespace().collect();
            // Days of the month or of the week: Scheduler takes no expression that says both, or neither.
            fields.len() == 6 && (fields[2] == "?") != (fields[4] == "?")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for good in [
            "at(2026-11-21T10:00:00)",
            "rate(1 day)",
            "rate(5 minutes)",
            "cron(0 2 * * ? *)",
        ] {
            assert!(is_expression(good), "{good}");
        }
        for bad in [
            "daily",
            "rate(0 days)",
            "rate(5 weeks)",
            "cron(0 2 * * *)",
            "cron(0 2 * * * *)",
            "cron(0 2 ? * ? *)",
            "at(tomorrow)",
            "rate(1 day",
        ] {
            assert!(!is_expression(bad), "{bad}");
        }
    }

    #[test]
    fn retries_that_nobody_set_are_not_drift() {
        let settings = Settings::from([(
            "target".to_owned(),
            json!({"arn": "a", "role_arn": "r", "input": {"n": 1}}),
        )]);
        let made = target(&settings).unwrap();
        assert_eq!(target_setting(&made, &settings), settings["target"]);
        let other = RetryPolicy::builder().maximum_retry_attempts(3).build();
        let drifted = Target::builder()
            .arn("a")
            .role_arn("r")
            .retry_policy(other)
            .build()
            .unwrap();
        assert_eq!(target_setting(&drifted, &settings)["maximum_retry_attempts"], json!(3));
    }
}
