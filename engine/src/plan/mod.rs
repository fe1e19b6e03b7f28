//! What a run is going to do, worked out from the desired graph and the recorded state alone.

mod check;
mod diff;
mod display;
mod order;
mod promise;
mod reinstate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use thiserror::Error;

use crate::component::{Component, Key};

pub(crate) use check::{not_in_stack, unknown_setting};
pub use diff::plan;
pub use promise::{BrokenPromise, Promise};

/// What the user allows and asks for beyond the configuration itself.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// Data holders may be replaced and removed.
    pub allow_data_loss: bool,
    /// Components to be replaced whether or not anything changed (`replace_components`).
    pub replace: BTreeSet<Key>,
}

/// A value as it will be after the apply.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedValue {
    /// Known already.
    Known(Value),
    /// Known after apply.
    Unknown,
}

impl PlannedValue {
    /// The value, when it is known.
    pub fn known(&self) -> Option<&Value> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

/// One setting that will differ.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingChange {
    /// Its name.
    pub setting: String,
    /// What is recorded; `None` when it is not set.
    pub before: Option<Value>,
    /// What is wanted, references symbolic; `None` when it is to be unset.
    pub after: Option<Value>,
    /// The text stays the same, but what it refers to will be another object or version.
    pub reference_changed: bool,
    /// The wanted value is not known yet: it may turn out to be the recorded one.
    pub unknown: bool,
    /// This change is why the component is replaced.
    pub forces_replacement: bool,
}

/// What happens to one component.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// It is made.
    Create,
    /// It is brought in line in place.
    Update {
        /// The settings that differ, by name.
        changes: Vec<SettingChange>,
    },
    /// A new object takes its place.
    Replace {
        /// The settings that differ, by name.
        changes: Vec<SettingChange>,
        /// Why an update in place does not do.
        because: Vec<String>,
        /// The new object is made before the old one goes.
        create_first: bool,
    },
    /// It is deleted.
    Delete,
    /// Nothing.
    Keep,
}

impl Action {
    /// The settings that differ.
    pub fn changes(&self) -> &[SettingChange] {
        match self {
            Self::Update { changes } | Self::Replace { changes, .. } => changes,
            _ => &[],
        }
    }

    /// One word: `create`, `update`, `replace`, `delete`, `keep`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update { .. } => "update",
            Self::Replace { .. } => "replace",
            Self::Delete => "delete",
            Self::Keep => "keep",
        }
    }
}

/// One component's part of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What happens.
    pub action: Action,
    /// What is wanted; `None` for a deletion.
    pub component: Option<Component>,
    /// The settings as they will be recorded, references symbolic.
    pub settings: BTreeMap<String, PlannedValue>,
    /// The outputs as they will be: every one that the kind declares.
    pub outputs: BTreeMap<String, PlannedValue>,
}

/// Something the user should read before agreeing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanWarning {
    /// The component it is about.
    pub key: Key,
    /// What it is.
    pub message: String,
}

/// A component as it will be after the apply.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedComponent<'a> {
    /// Name of its kind.
    pub kind: &'a str,
    /// Its region.
    pub region: &'a str,
    /// Settings with symbolic references.
    pub settings: &'a BTreeMap<String, PlannedValue>,
    /// Outputs.
    pub outputs: &'a BTreeMap<String, PlannedValue>,
}

/// What a run is going to do. Deterministic: the same input gives the same plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Per component what happens, unchanged ones included.
    pub steps: BTreeMap<Key, Step>,
    /// Objects replaced earlier and not deleted yet, `(key, id)`: they go in this run.
    pub deposed: Vec<(Key, String)>,
    /// Objects put aside, by id, that take their component's place again because they have the name that is wanted.
    pub reinstated: BTreeMap<Key, String>,
    /// The composite's computed attributes.
    pub outputs: BTreeMap<String, PlannedValue>,
    /// What to tell the user.
    pub warnings: Vec<PlanWarning>,
    /// Copied from [`PlanOptions`]: whoever allowed the loss allowed emptying what is replaced.
    pub allow_data_loss: bool,
}

impl Plan {
    /// True when an apply would do nothing.
    pub fn is_empty(&self) -> bool {
        self.deposed.is_empty() && self.steps.values().all(|step| step.action == Action::Keep)
    }

    /// What there will be after the apply, component by component.
    pub fn planned_components(&self) -> impl Iterator<Item = (&Key, PlannedComponent<'_>)> {
        self.steps.iter().filter_map(|(key, step)| {
            let component = step.component.as_ref()?;
            let planned = PlannedComponent {
                kind: &component.kind,
                region: &component.region,
                settings: &step.settings,
                outputs: &step.outputs,
            };
            Some((key, planned))
        })
    }

    /// The components that will be replaced, with the reasons.
    pub fn replacements(&self) -> impl Iterator<Item = (&Key, &[String])> {
        self.steps.iter().filter_map(|(key, step)| match &step.action {
            Action::Replace { because, .. } => Some((key, because.as_slice())),
            _ => None,
        })
    }
}

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct PlanError {
    /// The component it is about, where there is one.
    pub component: Option<Key>,
    /// The setting it is about, where there is one.
    pub setting: Option<String>,
    /// What sort of problem it is.
    pub problem: Problem,
    /// What is wrong and how to go on.
    pub message: String,
}

/// Sorts of [`PlanError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// No such kind is registered.
    UnknownKind,
    /// The kind has no such setting.
    UnknownSetting,
    /// A reference or a dependency names a component that is not there.
    Dangling,
    /// A reference names an output that the kind does not have.
    UnknownOutput,
    /// Components depend on each other in a circle.
    Cycle,
    /// Two components have one key.
    Duplicate,
    /// A setting's value is wrong.
    Invalid,
    /// Something that holds data would be replaced or removed without `allow_data_loss`.
    DataLoss,
    /// Something would be made before the old one goes, under the same unique name.
    SameName,
    /// A component is named that the stack does not have.
    NotInStack,
    /// A tag name is reserved or too long.
    BadTag,
}

impl PlanError {
    pub(crate) fn new(problem: Problem, component: &Key, message: impl Into<String>) -> Self {
        Self {
            component: Some(component.clone()),
            setting: None,
            problem,
            message: message.into(),
        }
    }

    pub(crate) fn at(mut self, setting: &str) -> Self {
        self.setting = Some(setting.to_owned());
        self
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(component) = &self.component {
            write!(f, "{component}: ")?;
        }
        if let Some(setting) = &self.setting {
            write!(f, "{setting}: ")?;
        }
        f.write_str(&self.message)
    }
}
