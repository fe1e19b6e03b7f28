//! `state_machine`: an AWS Step Functions state machine.
//!
//! API: <https://docs.aws.amazon.com/step-functions/latest/apireference/>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sfn::operation::describe_state_machine::DescribeStateMachineOutput as Machine;
use aws_sdk_sfn::types::{
    CloudWatchLogsLogGroup, LogDestination, LogLevel, LoggingConfiguration, StateMachineStatus, StateMachineType, Tag,
    TracingConfiguration,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tap_engine::json::{normalise, parse_document};
use tap_engine::reference::has_unknown;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::shape::{claim, tag_changes, unless_default};
use super::{Aws, call, found, tags, wait_until};

mod language;

/// The kind; `id` is the state machine's ARN.
pub struct StateMachine(pub Arc<Aws>);

const GONE: &[&str] = &["StateMachineDoesNotExist"];

static SPEC: KindSpec = KindSpec {
    name: "state_machine",
    settings: &[
        Setting::replace("name"),
        Setting::replace("type"),
        Setting::new("definition"),
        Setting::new("role_arn"),
        Setting::new("logging"),
        Setting::new("tracing_enabled"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "states:CreateStateMachine",
        "states:DescribeStateMachine",
        "states:UpdateStateMachine",
        "states:DeleteStateMachine",
        "states:ListTagsForResource",
        "states:TagResource",
        "states:UntagResource",
        // Asked of whoever hands a role to a service.
        "iam:PassRole",
    ],
};

/// The `logging` setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Logging {
    level: Option<String>,
    include_execution_data: Option<bool>,
    /// The group's ARN as Step Functions wants it, with `:*` at its end.
    log_group_arn: Option<String>,
}

fn logging(settings: &Settings) -> KindResult<Option<LoggingConfiguration>> {
    Ok(settings.parse::<Logging>("logging")?.map(|logging| {
        let destinations = logging.log_group_arn.map(|arn| {
            let group = CloudWatchLogsLogGroup::builder().log_group_arn(arn).build();
            vec![LogDestination::builder().cloud_watch_logs_log_group(group).build()]
        });
        LoggingConfiguration::builder()
            .set_level(logging.level.as_deref().map(LogLevel::from))
            .include_execution_data(logging.include_execution_data.unwrap_or_default())
            .set_destinations(destinations)
            .build()
    }))
}

/// `None` for "nothing is logged", which is what AWS reports where nobody set anything. Members at
/// their default are left out unless the settings name them.
fn logging_setting(configuration: &LoggingConfiguration, recorded: &Settings) -> Option<Value> {
    let asked = |member: &str| recorded.value("logging").is_some_and(|v| v.get(member).is_some());
    let level = configuration.level().map_or("OFF", LogLevel::as_str);
    let group = configuration
        .destinations()
        .iter()
        .find_map(|d| d.cloud_watch_logs_log_group()?.log_group_arn());
    if level == "OFF" && group.is_none() && recorded.value("logging").is_none() {
        return None;
    }
    let mut members = serde_json::Map::new();
    if level != "OFF" || asked("level") {
        members.insert("level".into(), json!(level));
    }
    if configuration.include_execution_data || asked("include_execution_data") {
        members.insert(
            "include_execution_data".into(),
            json!(configuration.include_execution_data),
        );
    }
    if let Some(group) = group {
        members.insert("log_group_arn".into(), json!(group));
    }
    Some(Value::Object(members))
}

fn tracing(settings: &Settings) -> KindResult<TracingConfiguration> {
    let enabled = settings.opt_bool("tracing_enabled")?.unwrap_or_default();
    Ok(TracingConfiguration::builder().enabled(enabled).build())
}

fn tag_list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

fn outputs(arn: &str) -> Outputs {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    Outputs::from([
        ("id".into(), arn.into()),
        ("arn".into(), arn.into()),
        ("name".into(), name.into()),
    ])
}

fn observed(machine: &Machine, recorded: &Settings) -> Seen {
    // Where the member is missing altogether the value is unknown, not drift.
    let traced = machine
        .tracing_configuration()
        .map(|c| Value::Bool(c.enabled))
        .or_else(|| recorded.value("tracing_enabled").cloned());
    let logging = machine.logging_configuration().map_or_else(
        || recorded.value("logging").cloned(),
        |configuration| logging_setting(configuration, recorded),
    );
    let mut seen = Seen::default();
    seen.put("name", Some(machine.name()))
        .put(
            "type",
            unless_default(recorded, "type", Some(machine.r#type().as_str()), "STANDARD"),
        )
        .put("definition", Some(parse_document(machine.definition())))
        .put("role_arn", Some(machine.role_arn()))
        .put("logging", logging)
        .put(
            "tracing_enabled",
            unless_default(recorded, "tracing_enabled", traced, false),
        );
    seen
}

impl StateMachine {
    async fn machine(&self, cx: &Context, arn: &str) -> KindResult<Option<Machine>> {
        let client = self.0.states(&cx.region);
        let answer = call(cx, "states:DescribeStateMachine", || {
            client.describe_state_machine().state_machine_arn(arn).send()
        })
        .await;
        found(answer, GONE)
    }

    async fn tags_of(&self, cx: &Context, arn: &str) -> KindResult<tags::Tags> {
        let client = self.0.states(&cx.region);
        let answer = call(cx, "states:ListTagsForResource", || {
            client.list_tags_for_resource().resource_arn(arn).send()
        })
        .await?;
        let pairs = answer.tags.unwrap_or_default().into_iter();
        Ok(pairs.filter_map(|tag| Some((tag.key?, tag.value?))).collect())
    }

    async fn update_machine(&self, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.states(&cx.region);
        let after = change.after;
        // One of the two at least has to be named, also where only something else changes (doc: `UpdateStateMachine`,
        // `MissingRequiredParameter`).
        let mut request = client
            .update_state_machine()
            .state_machine_arn(arn)
            .set_definition(after.document("definition"))
            .role_arn(after.text("role_arn")?);
        if change.has("logging") {
            let off = || LoggingConfiguration::builder().level(LogLevel::Off).build();
            request = request.logging_configuration(logging(after)?.unwrap_or_else(off));
        }
        if change.has("tracing_enabled") {
            request = request.tracing_configuration(tracing(after)?);
        }
        call(cx, "states:UpdateStateMachine", || request.clone().send()).await?;
        self.updated(cx, arn, change).await
    }

    /// Updates spread with a delay (doc: `UpdateStateMachine`); what reads back is in force.
    async fn updated(&self, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
        let same = |a: &Value, b: &Value| normalise(a, false) == normalise(b, false);
        let definition = change
            .after
            .document("definition")
            .filter(|_| change.has("definition"))
            .map(|text| parse_document(&text));
        let role = change.after.opt_text("role_arn");
        wait_until(
            "states:DescribeStateMachine",
            "the new definition",
            Duration::from_mins(2),
            || async {
                let Some(machine) = self.machine(cx, arn).await? else {
                    return Ok(Poll::Pending("not found".into()));
                };
                let current = parse_document(machine.definition());
                let there = definition.as_ref().is_none_or(|wanted| same(wanted, &current))
                    && role.is_none_or(|role| role == machine.role_arn());
                Ok(if there {
                    Poll::Ready(())
                } else {
                    Poll::Pending("the old definition".into())
                })
            },
        )
        .await
    }

    async fn update_tags(&self, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.states(&cx.region);
        let (put, gone) = tag_changes(change);
        if let Some(put) = put.map(tag_list) {
            call(cx, "states:TagResource", || {
                client
                    .tag_resource()
                    .resource_arn(arn)
                    .set_tags(Some(put.clone()))
                    .send()
            })
            .await?;
        }
        if gone.is_some() {
            call(cx, "states:UntagResource", || {
                client
                    .untag_resource()
                    .resource_arn(arn)
                    .set_tag_keys(gone.clone())
                    .send()
            })
            .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Kind for StateMachine {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.states(&cx.region);
        let request = client
            .create_state_machine()
            .name(desired.text("name")?)
            .set_type(desired.opt_text("type").map(StateMachineType::from))
            .set_definition(desired.document("definition"))
            .role_arn(desired.text("role_arn")?)
            .set_logging_configuration(logging(desired)?)
            .tracing_configuration(tracing(desired)?)
            .set_tags(Some(tag_list(tags::wanted(desired))));
        let answer = call(cx, "states:CreateStateMachine", || request.clone().send()).await?;
        let outputs = outputs(&answer.state_machine_arn);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let machine = self.machine(cx, id).await?;
        let Some(machine) = machine.filter(|m| m.status() != Some(&StateMachineStatus::Deleting)) else {
            return Ok(None);
        };
        let mut seen = observed(&machine, recorded);
        seen.put("tags", tags::setting(self.tags_of(cx, id).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if change.changed.iter().any(|name| name != "tags") {
            self.update_machine(cx, id, change).await?;
        }
        self.update_tags(cx, id, change).await?;
        Ok(outputs(id))
    }

    /// Standard executions that still run are stopped by the service first; the name is free once
    /// the machine does not exist any more.
    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.states(&cx.region);
        let answer = call(cx, "states:DeleteStateMachine", || {
            client.delete_state_machine().state_machine_arn(id).send()
        })
        .await;
        found(answer, GONE)?;
        wait_until(
            "states:DescribeStateMachine",
            "deleted",
            Duration::from_mins(10),
            || async {
                Ok(match self.machine(cx, id).await? {
                    None => Poll::Ready(()),
                    Some(machine) => Poll::Pending(
                        machine
                            .status()
                            .map_or("unknown", StateMachineStatus::as_str)
                            .to_owned(),
                    ),
                })
            },
        )
        .await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("name")?;
        let arn = self.0.arn("states", &cx.region, &format!("stateMachine:{name}"));
        let machine = self.machine(cx, &arn).await?;
        if machine.is_none_or(|m| m.status() == Some(&StateMachineStatus::Deleting)) {
            return Ok(None);
        }
        let found = self.tags_of(cx, &arn).await?;
        claim(
            cx,
            "states:DescribeStateMachine",
            &format!("a state machine named {name}"),
            &found,
        )?;
        Ok(Some(arn))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["name", "definition", "role_arn"])
            .name("name", 80, "-_")
            .one_of("type", &["STANDARD", "EXPRESS"]);
        let known = |name| settings.value(name).filter(|value| !has_unknown(value));
        if known("logging").is_some()
            && let Err(error) = settings.parse::<Logging>("logging")
        {
            checks.wrong("logging", error.to_string());
        }
        if let Some(definition) = known("definition") {
            let definition = definition.as_str().map_or_else(|| definition.clone(), parse_document);
            for wrong in language::check(&definition) {
                checks.wrong("definition", wrong);
            }
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::scripted::{Scripted, context};

    /// doc: `UpdateStateMachine`: without definition and role, a change of the logging is refused.
    #[tokio::test]
    async fn an_update_always_names_definition_and_role() {
        let described = r#"{"stateMachineArn": "a", "name": "m", "definition": "{\"StartAt\": \"A\"}", "roleArn": "r",
            "type": "EXPRESS", "creationDate": 0, "updateDate": 0}"#;
        let states = Scripted::new(move |_, _| (200, described.to_owned()));
        let after = json!({"name": "m", "definition": {"StartAt": "A"}, "role_arn": "r", "tracing_enabled": true});
        let after: Settings = serde_json::from_value(after).unwrap();
        let changed = ["tracing_enabled".to_owned()];
        let change = Change {
            before: &Settings::new(),
            after: &after,
            changed: &changed,
            outputs: &Outputs::new(),
        };
        let kind = StateMachine(states.aws());
        kind.update(&context("state_machine.m"), "a", &change).await.unwrap();
        let update: Value = serde_json::from_str(&states.asked()[0].body).unwrap();
        assert_eq!(
            update,
            json!({
                "stateMachineArn": "a", "definition": r#"{"StartAt":"A"}"#, "roleArn": "r",
                "tracingConfiguration": {"enabled": true},
            })
        );
    }

    #[test]
    fn no_logging_is_not_drift_and_a_missing_answer_is_not_either() {
        let off = LoggingConfiguration::builder().level(LogLevel::Off).build();
        assert_eq!(logging_setting(&off, &Settings::new()), None);
        let recorded = Settings::from([("tracing_enabled".to_owned(), json!(true))]);
        let machine = Machine::builder()
            .state_machine_arn("a")
            .name("m")
            .definition("{}")
            .role_arn("r")
            .r#type(StateMachineType::Express)
            .creation_date(aws_smithy_types::DateTime::from_secs(0))
            .build()
            .unwrap();
        let settings = observed(&machine, &recorded).done();
        assert_eq!(settings["tracing_enabled"], json!(true));
        assert_eq!(settings["type"], json!("EXPRESS"));
        assert!(!settings.contains_key("logging"));
    }

    #[test]
    fn logging_reads_back_as_it_was_set() {
        let value = json!({"level": "ERROR", "include_execution_data": false, "log_group_arn": "arn:x:*"});
        let settings = Settings::from([("logging".to_owned(), value.clone())]);
        let configuration = logging(&settings).unwrap().unwrap();
        assert_eq!(logging_setting(&configuration, &settings), Some(value));
    }
}
