//! `event_target`: one target of an Amazon EventBridge rule.
//!
//! API: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_eventbridge::error::BuildError;
use aws_sdk_eventbridge::types::{InputTransformer, RetryPolicy, SqsParameters, Target};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::events::{self, DEFAULT_BUS, GONE, filled};
use super::fields::{Fields, Seen};
use super::shape::document_form;
use super::{Aws, call, found, retry};

/// The kind; `id` is `bus|rule|target`. Targets carry no tags: the rule they hang on proves whose
/// they are.
pub struct EventTarget(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "event_target",
    settings: &[
        Setting::replace("event_bus_name"),
        Setting::replace("rule"),
        Setting::replace("target_id"),
        Setting::new("arn"),
        Setting::new("role_arn"),
        Setting::new("dead_letter_arn"),
        Setting::new("retry_policy"),
        Setting::new("input_transformer"),
        Setting::new("input"),
        Setting::new("sqs_message_group_id"),
    ],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "events:PutTargets",
        "events:ListTargetsByRule",
        "events:RemoveTargets",
        "iam:PassRole",
    ],
};

/// What AWS does where nothing is said (doc: `RetryPolicy`): 24 hours, 185 attempts.
const DEFAULT_AGE: i32 = 86_400;
const DEFAULT_ATTEMPTS: i32 = 185;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retries {
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<i32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transformer {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    input_paths: BTreeMap<String, String>,
    input_template: String,
}

/// Bus, rule and target id.
fn parts(id: &str) -> (&str, &str, &str) {
    let mut parts = id.splitn(3, '|');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), next())
}

fn id_of(settings: &Settings) -> KindResult<String> {
    let bus = settings.opt_text("event_bus_name").unwrap_or(DEFAULT_BUS);
    Ok(format!(
        "{bus}|{}|{}",
        settings.text("rule")?,
        settings.text("target_id")?
    ))
}

fn outputs(id: &str) -> Outputs {
    Outputs::from([("id".into(), id.into())])
}

fn target(settings: &Settings, target_id: &str) -> KindResult<Target> {
    let invalid = |name: &'static str| move |error: BuildError| KindError::invalid(name, error.to_string());
    let transformer = settings
        .parse::<Transformer>("input_transformer")?
        .map(|t| {
            InputTransformer::builder()
                .set_input_paths_map(Some(t.input_paths.into_iter().collect()))
                .input_template(t.input_template)
                .build()
        })
        .transpose()
        .map_err(invalid("input_transformer"))?;
    let retries = settings.parse::<Retries>("retry_policy")?.map(|r| {
        RetryPolicy::builder()
            .set_maximum_event_age_in_seconds(r.maximum_event_age_in_seconds)
            .set_maximum_retry_attempts(r.maximum_retry_attempts)
            .build()
    });
    let group = settings
        .opt_text("sqs_message_group_id")
        .map(|group| SqsParameters::builder().message_group_id(group).build());
    Target::builder()
        .id(target_id)
        .arn(settings.text("arn")?)
        .set_role_arn(settings.opt_string("role_arn"))
        .set_dead_letter_config(events::dead_letter(settings.opt_text("dead_letter_arn")))
        .set_retry_policy(retries)
        .set_input_transformer(transformer)
        .set_input(settings.document("input"))
        .set_sqs_parameters(group)
        .build()
        .map_err(invalid("arn"))
}

fn observed(bus: Option<&str>, rule: &str, target: Target) -> KindResult<Settings> {
    let json = |value: serde_json::Result<Value>| value.map_err(|e| KindError::invalid("event_target", e.to_string()));
    let retries = target.retry_policy.map(|r| Retries {
        maximum_event_age_in_seconds: r.maximum_event_age_in_seconds,
        maximum_retry_attempts: r.maximum_retry_attempts,
    });
    let transformer = target.input_transformer.map(|t| Transformer {
        input_paths: t.input_paths_map.unwrap_or_default().into_iter().collect(),
        input_template: t.input_template,
    });
    let mut seen = Seen::default();
    seen.put("event_bus_name", bus)
        .put("rule", Some(rule))
        .put("target_id", Some(target.id))
        .put("arn", Some(target.arn))
        .put("role_arn", filled(target.role_arn))
        .put("dead_letter_arn", target.dead_letter_config.and_then(|d| filled(d.arn)))
        .put(
            "retry_policy",
            retries.map(|r| json(serde_json::to_value(r))).transpose()?,
        )
        .put(
            "input_transformer",
            transformer.map(|t| json(serde_json::to_value(t))).transpose()?,
        )
        .put("input", filled(target.input).map(|text| parse_document(&text)))
        .put(
            "sqs_message_group_id",
            target.sqs_parameters.and_then(|s| filled(s.message_group_id)),
        );
    Ok(seen.done())
}

/// `PutTargets` and `RemoveTargets` answer 200 even where an entry failed.
fn entry_error(operation: &str, code: Option<String>, message: Option<String>) -> KindError {
    KindError::Service {
        operation: operation.to_owned(),
        code: code.unwrap_or_else(|| "Unknown".to_owned()),
        message: message.unwrap_or_else(|| "the service gave no message".to_owned()),
        request_id: None,
        status: Some(200),
    }
}

impl EventTarget {
    async fn put(&self, cx: &Context, id: &str, settings: &Settings) -> KindResult<()> {
        const OPERATION: &str = "events:PutTargets";
        let (bus, rule, target_id) = parts(id);
        let request = self
            .0
            .events(&cx.region)
            .put_targets()
            .event_bus_name(bus)
            .rule(rule)
            .targets(target(settings, target_id)?);
        let started = Instant::now();
        let mut pause = Duration::from_millis(250);
        loop {
            let answer = call(cx, OPERATION, || request.clone().send()).await?;
            if answer.failed_entry_count == 0 {
                return Ok(());
            }
            let entry = answer.failed_entries.unwrap_or_default().pop();
            let (code, message) = entry.map_or((None, None), |e| (e.error_code, e.error_message));
            let error = entry_error(OPERATION, code, message);
            let budget = retry::rule_for(OPERATION, &error).map_or(Duration::ZERO, |rule| rule.budget);
            if cx.cancel.is_cancelled() || started.elapsed() + pause > budget {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(retry::LONGEST_PAUSE);
        }
    }

    async fn look_up(&self, cx: &Context, id: &str) -> KindResult<Option<Target>> {
        let (bus, rule, target_id) = parts(id);
        let client = self.0.events(&cx.region);
        let mut page = None;
        loop {
            let answer = call(cx, "events:ListTargetsByRule", || {
                client
                    .list_targets_by_rule()
                    .event_bus_name(bus)
                    .rule(rule)
                    .set_next_token(page.clone())
                    .send()
            })
            .await;
            let Some(answer) = found(answer, GONE)? else {
                return Ok(None);
            };
            let hit = answer
                .targets
                .unwrap_or_default()
                .into_iter()
                .find(|t| t.id == target_id);
            page = answer.next_token.filter(|token| !token.is_empty());
            if hit.is_some() || page.is_none() {
                return Ok(hit);
            }
        }
    }
}

#[async_trait]
impl Kind for EventTarget {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let id = id_of(desired)?;
        self.put(cx, &id, desired).await?;
        let outputs = outputs(&id);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(target) = self.look_up(cx, id).await? else {
            return Ok(None);
        };
        let (bus, rule, _) = parts(id);
        let bus_given = bus != DEFAULT_BUS || recorded.value("event_bus_name").is_some();
        Ok(Some(Observed {
            settings: observed(bus_given.then_some(bus), rule, target)?,
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        // PutTargets replaces the target with this id as a whole.
        self.put(cx, id, change.after).await?;
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        const OPERATION: &str = "events:RemoveTargets";
        let (bus, rule, target_id) = parts(id);
        let client = self.0.events(&cx.region);
        let answer = call(cx, OPERATION, || {
            client
                .remove_targets()
                .event_bus_name(bus)
                .rule(rule)
                .ids(target_id)
                .send()
        })
        .await;
        let failed = found(answer, GONE)?.and_then(|a| a.failed_entries).unwrap_or_default();
        let real = failed
            .into_iter()
            .map(|entry| entry_error(OPERATION, entry.error_code, entry.error_message))
            .find(|error| !error.is_code(GONE));
        real.map_or(Ok(()), Err)
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let id = id_of(desired)?;
        Ok(self.look_up(cx, &id).await?.map(|_| id))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "input" => document_form(value),
            "retry_policy" => {
                let mut value = tap_engine::json::normalise(value, false);
                if let Value::Object(members) = &mut value {
                    // A default that is spelled out is no difference.
                    let defaults = [
                        ("maximum_event_age_in_seconds", DEFAULT_AGE),
                        ("maximum_retry_attempts", DEFAULT_ATTEMPTS),
                    ];
                    for (name, default) in defaults {
                        if members.get(name).and_then(Value::as_i64) == Some(default.into()) {
                            members.remove(name);
                        }
                    }
                }
                value
            }
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["rule", "target_id", "arn"]);
        checks.length("target_id", 1..=64);
        checks.charset("target_id", ".-_");
        if settings.value("input").is_some() && settings.value("input_transformer").is_some() {
            checks.wrong("input", "cannot be combined with input_transformer");
        }
        let retries = checks.parsed::<Retries>("retry_policy").unwrap_or_default();
        if retries
            .maximum_event_age_in_seconds
            .is_some_and(|n| !(60..=DEFAULT_AGE).contains(&n))
        {
            checks.wrong("retry_policy", "maximum_event_age_in_seconds must be 60 to 86400");
        }
        if retries
            .maximum_retry_attempts
            .is_some_and(|n| !(0..=DEFAULT_ATTEMPTS).contains(&n))
        {
            checks.wrong("retry_policy", "maximum_retry_attempts must be 0 to 185");
        }
        if let Some(transformer) = checks.parsed::<Transformer>("input_transformer") {
            if transformer.input_paths.len() > 100 {
                checks.wrong("input_transformer", "input_paths may have 100 elements at most");
            }
            if transformer.input_paths.keys().any(|key| key.starts_with("AWS")) {
                checks.wrong("input_transformer", "the names of input_paths must not start with AWS");
            }
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let wanted = settings(json!({
            "event_bus_name": "payments", "rule": "high", "target_id": "workflow",
            "arn": "arn:aws:states:us-east-1:1:stateMachine:x", "role_arn": "arn:aws:iam::1:role/r",
            "dead_letter_arn": "arn:aws:sqs:us-east-1:1:dlq",
            "retry_policy": {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 3},
            "input_transformer": {"input_paths": {"detail": "$.detail"}, "input_template": "<detail>"},
            "sqs_message_group_id": "g"
        }));
        let sent = target(&wanted, "workflow").unwrap();
        assert_eq!(observed(Some("payments"), "high", sent).unwrap(), wanted);
    }

    #[test]
    fn the_id_names_bus_rule_and_target() {
        assert_eq!(parts("bus|rule|target"), ("bus", "rule", "target"));
    }
}
