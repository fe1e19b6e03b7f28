//! `event_rule`: an Amazon EventBridge rule.
//!
//! API: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_eventbridge::operation::describe_rule::DescribeRuleOutput;
use aws_sdk_eventbridge::operation::put_rule::builders::PutRuleFluentBuilder;
use aws_sdk_eventbridge::types::RuleState;
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::events::{self, DEFAULT_BUS, GONE, filled};
use super::fields::{Fields, Seen};
use super::shape::document_form;
use super::{Aws, call, found, tags, wait_until};

/// The kind; `id` is `bus|rule`.
pub struct EventRule(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "event_rule",
    settings: &[
        Setting::replace("name"),
        Setting::replace("event_bus_name"),
        Setting::new("event_pattern"),
        Setting::new("schedule_expression"),
        Setting::new("description"),
        Setting::new("state"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "events:PutRule",
        "events:DescribeRule",
        "events:DeleteRule",
        "events:ListTagsForResource",
        "events:TagResource",
        "events:UntagResource",
    ],
};

fn id_of(bus: &str, rule: &str) -> String {
    format!("{bus}|{rule}")
}

/// Bus and rule name.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((DEFAULT_BUS, id))
}

fn bus_of(settings: &Settings) -> &str {
    settings.opt_text("event_bus_name").unwrap_or(DEFAULT_BUS)
}

impl EventRule {
    fn outputs(&self, cx: &Context, bus: &str, rule: &str) -> Outputs {
        Outputs::from([
            ("id".into(), id_of(bus, rule)),
            ("arn".into(), events::rule_arn(&self.0, cx, bus, rule)),
            ("name".into(), rule.into()),
        ])
    }

    async fn describe(&self, cx: &Context, bus: &str, rule: &str) -> KindResult<Option<DescribeRuleOutput>> {
        let client = self.0.events(&cx.region);
        let answer = call(cx, "events:DescribeRule", || {
            client.describe_rule().event_bus_name(bus).name(rule).send()
        })
        .await;
        found(answer, GONE)
    }

    /// `PutRule` replaces the whole rule: what it leaves out becomes null (doc: `PutRule`).
    fn put(&self, cx: &Context, bus: &str, rule: &str, settings: &Settings) -> PutRuleFluentBuilder {
        self.0
            .events(&cx.region)
            .put_rule()
            .event_bus_name(bus)
            .name(rule)
            .set_event_pattern(settings.document("event_pattern"))
            .set_schedule_expression(settings.opt_string("schedule_expression"))
            .description(settings.opt_text("description").unwrap_or_default())
            .state(settings.opt_text("state").map_or(RuleState::Enabled, RuleState::from))
    }
}

#[async_trait]
impl Kind for EventRule {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let (bus, rule) = (bus_of(desired), desired.text("name")?);
        // PutRule would silently take over a rule of somebody else.
        self.find(cx, desired).await?;
        let request = self
            .put(cx, bus, rule, desired)
            .set_tags(Some(events::sdk_tags(&tags::wanted(desired))?));
        call(cx, "events:PutRule", || request.clone().send()).await?;
        let outputs = self.outputs(cx, bus, rule);
        cx.created(&outputs);
        // Targets cannot be put before the rule is visible (aws: events/rule.go).
        wait_until(
            "events:DescribeRule",
            "rule visible",
            Duration::from_mins(2),
            || async {
                Ok(match self.describe(cx, bus, rule).await? {
                    Some(_) => Poll::Ready(()),
                    None => Poll::Pending("not found".into()),
                })
            },
        )
        .await?;
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let (bus, name) = parts(id);
        let Some(rule) = self.describe(cx, bus, name).await? else {
            return Ok(None);
        };
        let state = rule
            .state
            .filter(|state| *state != RuleState::Enabled || recorded.value("state").is_some());
        let bus_given = bus != DEFAULT_BUS || recorded.value("event_bus_name").is_some();
        let mut seen = Seen::default();
        seen.put("name", Some(name))
            .put("event_bus_name", bus_given.then_some(bus))
            .put("event_pattern", filled(rule.event_pattern).map(|p| parse_document(&p)))
            .put("schedule_expression", filled(rule.schedule_expression))
            .put("description", filled(rule.description))
            .put("state", state.map(|s| s.as_str().to_owned()));
        let arn = events::rule_arn(&self.0, cx, bus, name);
        seen.put("tags", tags::setting(events::tags_of(&self.0, cx, &arn).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, bus, name),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let (bus, name) = parts(id);
        if change.any(&["event_pattern", "schedule_expression", "description", "state"]) {
            let request = self.put(cx, bus, name, change.after);
            call(cx, "events:PutRule", || request.clone().send()).await?;
        }
        events::retag(&self.0, cx, &events::rule_arn(&self.0, cx, bus, name), change).await?;
        Ok(self.outputs(cx, bus, name))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let (bus, name) = parts(id);
        let client = self.0.events(&cx.region);
        let answer = call(cx, "events:DeleteRule", || {
            client.delete_rule().event_bus_name(bus).name(name).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let (bus, name) = (bus_of(desired), desired.text("name")?);
        if self.describe(cx, bus, name).await?.is_none() {
            return Ok(None);
        }
        let arn = events::rule_arn(&self.0, cx, bus, name);
        if tags::owned(cx, &events::tags_of(&self.0, cx, &arn).await?) {
            return Ok(Some(id_of(bus, name)));
        }
        Err(KindError::NotOwned {
            operation: "events:DescribeRule".into(),
            message: format!(
                "a rule named {name} exists already on bus {bus} and is not tagged as {} of {}",
                cx.key, cx.stack
            ),
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
        checks.required(&["name"]);
        checks.length("name", 1..=64);
        checks.charset("name", ".-_");
        checks.length("description", 0..=512);
        checks.length("schedule_expression", 0..=256);
        let states = ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"];
        checks.one_of("state", &states);
        match (settings.value("event_pattern"), settings.value("schedule_expression")) {
            (None, None) => checks.wrong(
                "event_pattern",
                "a rule needs an event_pattern or a schedule_expression",
            ),
            (Some(_), Some(_)) if bus_of(settings) != DEFAULT_BUS => {
                checks.wrong("schedule_expression", "scheduled rules exist on the default bus only")
            }
            _ => checks.object("event_pattern"),
        };
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_names_bus_and_rule() {
        assert_eq!(parts(&id_of("payments", "high-value")), ("payments", "high-value"));
    }
}
