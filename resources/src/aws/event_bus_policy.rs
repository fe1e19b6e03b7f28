//! `event_bus_policy`: the resource policy of an event bus: who else may put events on it.
//!
//! API: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html>, with `Policy`. A bus has
//! one policy, so this kind manages the whole of it. Requirements: P-14, P-15 (cross-region targets).

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::events::{self, GONE};
use super::fields::{Fields, Seen};
use super::limits::Problems;
use super::{Aws, call, found, policy, tags};

/// The kind; `id` is the bus name.
pub struct EventBusPolicy(pub Arc<Aws>);

/// doc: EventBridge quotas, "Event bus policy size", in characters.
const LONGEST: usize = 10_240;

static SPEC: KindSpec = KindSpec {
    name: "event_bus_policy",
    settings: &[Setting::replace("event_bus_name"), Setting::new("policy")],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "events:DescribeEventBus",
        "events:ListTagsForResource",
        "events:PutPermission",
        "events:RemovePermission",
    ],
};

fn outputs(bus: &str) -> Outputs {
    Outputs::from([("id".into(), bus.into())])
}

impl EventBusPolicy {
    async fn put(&self, cx: &Context, bus: &str, wanted: &Settings) -> KindResult<()> {
        let text = wanted
            .document("policy")
            .ok_or_else(|| KindError::invalid("policy", "is required"))?;
        let client = self.0.events(&cx.region);
        call(cx, "events:PutPermission", || {
            client.put_permission().event_bus_name(bus).policy(text.as_str()).send()
        })
        .await
        .map(|_| ())
    }

    async fn policy_of(&self, cx: &Context, bus: &str) -> KindResult<Option<String>> {
        let client = self.0.events(&cx.region);
        let answer = call(cx, "events:DescribeEventBus", || {
            client.describe_event_bus().name(bus).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|bus| events::filled(bus.policy)))
    }
}

#[async_trait]
impl Kind for EventBusPolicy {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "policy" => policy::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let bus = desired.text("event_bus_name")?;
        self.put(cx, bus, desired).await?;
        let outputs = outputs(bus);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(text) = self.policy_of(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("event_bus_name", Some(id))
            .put("policy", Some(policy::normalise(&parse_document(&text))));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.put(cx, id, change.after).await?;
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.events(&cx.region);
        let answer = call(cx, "events:RemovePermission", || {
            client
                .remove_permission()
                .event_bus_name(id)
                .remove_all_permissions(true)
                .send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// The policy of a bus of this stack is this stack's.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let bus = desired.text("event_bus_name")?;
        if self.policy_of(cx, bus).await?.is_none() || cx.known_ids.iter().any(|id| id == bus) {
            return Ok(None);
        }
        let arn = events::bus_arn(&self.0, cx, bus);
        let owner = events::tags_of(&self.0, cx, &arn).await?;
        if owner.get(tags::STACK_TAG) == Some(&cx.stack) {
            return Ok(Some(bus.to_owned()));
        }
        Err(KindError::NotOwned {
            operation: "events:DescribeEventBus".into(),
            message: format!(
                "event bus {bus} has a policy already and is not one of {}; it would be overwritten",
                cx.stack
            ),
        })
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut problems = Problems::default();
        problems.required(settings, &["event_bus_name", "policy"]);
        problems.object(settings, "policy");
        let length = settings.document("policy").unwrap_or_default().chars().count();
        if length > LONGEST {
            problems.say("policy", format!("may have {LONGEST} characters, not {length}"));
        }
        problems.done()
    }
}
