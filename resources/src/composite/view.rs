//! How a stack shows in Terraform's plan and state.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tap_engine::plan::Promise;
use tap_engine::{Action, Plan, PlannedValue, StackState, json};
use tap_plugin::{Schema, Value};

use super::Environment;

/// What the private bytes hold, between plan and apply as well as in state. No secrets: nothing
/// secret is ever a setting or an output.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Private {
    /// Everything that exists, with its outputs and its order.
    #[serde(default)]
    pub(super) state: StackState,
    /// The composite's computed attributes, symbolic.
    #[serde(default)]
    pub(super) outputs: BTreeMap<String, Json>,
    /// The keys of `replace_components` that have been dealt with: each is replaced once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) replaced: BTreeSet<String>,
    /// What the plan has shown; only between plan and apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) promise: Option<Promise>,
    /// Name of the unfinished stack that a planned replacement continues in place: its destroy leg
    /// gets these bytes too, and leaves everything to the create leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) continues: Option<String>,
}

impl Private {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        if bytes.is_empty() {
            Ok(Self::default())
        } else {
            serde_json::from_slice(bytes)
        }
    }

    /// An empty private part beside components means that Terraform did not hand it over, not that nothing is there:
    /// it drops it when the provider dies in an update, and for the destroy leg of a replacement.
    pub(super) fn is_lost(&self, state: &Value) -> bool {
        let components = state.get("components").and_then(Value::as_map);
        self.state.is_empty() && components.is_some_and(|components| !components.is_empty())
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // A struct of maps with text keys always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn planned(value: &PlannedValue, show: impl Fn(&Json) -> Value) -> Value {
    value.known().map_or(Value::Unknown, show)
}

fn text(value: &Json) -> Value {
    Value::String(json::display(&json::normalise(value, false)))
}

/// The planned state: the configuration, and the stack as it will be.
pub(super) fn of_plan(schema: &Schema, config: &Value, plan: &Plan, common: &Common<'_>) -> Value {
    let mut arns = BTreeMap::new();
    let components = plan.planned_components().map(|(key, component)| {
        let output = |name: &str| component.outputs.get(name).map_or(Value::Null, |v| planned(v, text));
        let arn = output("arn");
        if !arn.is_null() {
            arns.insert(key.to_string(), arn.clone());
        }
        // The text of a reference stays the same when what it refers to moves; the plan must show that it does.
        let moves = |name: &str| match &plan.steps[key].action {
            Action::Update { changes } => changes.iter().any(|c| c.reference_changed && c.setting == name),
            _ => false,
        };
        let settings = component.settings.iter().map(|(name, value)| {
            let shown = if moves(name) {
                Value::Unknown
            } else {
                planned(value, text)
            };
            (name.clone(), shown)
        });
        let view = Value::map([
            ("kind", Value::String(component.kind.to_owned())),
            ("region", Value::String(component.region.to_owned())),
            ("id", output("id")),
            ("arn", arn),
            ("settings", Value::map(settings)),
        ]);
        (key.to_string(), view)
    });
    let components = Value::map(components.collect::<Vec<_>>());
    let outputs = plan
        .outputs
        .iter()
        .map(|(name, value)| (name.clone(), planned(value, Value::from_json)))
        .collect();
    assemble(schema, config, components, Value::map(arns), outputs, common)
}

/// The state as it is.
pub(super) fn of_state(schema: &Schema, config: &Value, private: &Private, common: &Common<'_>) -> Value {
    let state = &private.state;
    let mut arns = BTreeMap::new();
    let components = state.components.iter().map(|(key, component)| {
        let output = |name: &str| {
            component
                .outputs
                .get(name)
                .map_or(Value::Null, |v| Value::String(v.clone()))
        };
        let arn = output("arn");
        if !arn.is_null() {
            arns.insert(key.to_string(), arn.clone());
        }
        let settings = component
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), text(value)));
        let view = Value::map([
            ("kind", Value::String(component.kind.clone())),
            ("region", Value::String(component.region.clone())),
            ("id", output("id")),
            ("arn", arn),
            ("settings", Value::map(settings)),
        ]);
        (key.to_string(), view)
    });
    let components = Value::map(components.collect::<Vec<_>>());
    let outputs = state.outputs(&private.outputs).into_iter();
    let outputs = outputs
        .map(|(name, value)| (name, value.map_or(Value::Null, |v| Value::from_json(&v))))
        .collect();
    assemble(schema, config, components, Value::map(arns), outputs, common)
}

/// Everything computed is unknown: a plan that cannot look into the stack.
pub(super) fn unknown(schema: &Schema, config: &Value) -> Value {
    let mut state = config.clone();
    for (name, attribute) in schema.attributes().iter().filter(|(_, a)| a.is_computed()) {
        let _ = attribute;
        state.set(name, Value::Unknown);
    }
    state
}

/// The computed attributes that all composites share.
pub(super) struct Common<'a> {
    pub(super) environment: &'a Environment,
    pub(super) tags: &'a BTreeMap<String, String>,
}

fn assemble(
    schema: &Schema,
    config: &Value,
    components: Value,
    arns: Value,
    outputs: BTreeMap<String, Value>,
    common: &Common<'_>,
) -> Value {
    let mut state = config.clone();
    for (name, value) in outputs {
        if schema.attributes().get(&name).is_some() {
            state.set(name, value);
        }
    }
    state.set("components", components);
    state.set("resource_arns", arns);
    state.set("account_id", Value::String(common.environment.account_id.clone()));
    state.set("partition", Value::String(common.environment.partition.clone()));
    let tags = common.tags.iter().map(|(name, value)| {
        let value = if value.contains(tap_engine::reference::UNKNOWN) {
            Value::Unknown
        } else {
            Value::String(value.clone())
        };
        (name.clone(), value)
    });
    state.set("tags_all", Value::map(tags.collect::<Vec<_>>()));
    state
}
