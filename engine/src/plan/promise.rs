//! What a plan has shown, in a form that travels to the apply, which must not do anything else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Action, Plan, PlannedValue, SettingChange, Step};
use crate::component::Key;
use crate::reference::has_unknown;

/// What a plan has shown. Small: values are kept as fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    steps: BTreeMap<Key, Shown>,
    deposed: Vec<(Key, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Shown {
    action: String,
    /// Settings that were shown to change; `None` stands for "known after apply".
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    settings: BTreeMap<String, Option<String>>,
}

/// An apply would do something that its plan did not show.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{component}: {message}")]
pub struct BrokenPromise {
    /// The component.
    pub component: Key,
    /// What would be done, and what was shown.
    pub message: String,
}

impl Plan {
    /// What this plan shows, to be kept with it. Unchanged components are left out.
    pub fn promise(&self) -> Promise {
        let changed = self.steps.iter().filter(|(_, step)| step.action != Action::Keep);
        Promise {
            steps: changed.map(|(key, step)| (key.clone(), shown(step))).collect(),
            deposed: self.deposed.clone(),
        }
    }

    /// Compares what this plan does, made anew for the apply with everything known, with what was
    /// shown. Doing less is fine: a value that was not known may turn out not to differ.
    ///
    /// `recovered` are components that [`crate::discover`] has found after an interrupted run: what
    /// was shown as made may now be brought in line, and what nobody wants any more is deleted.
    pub fn keeps(&self, promise: &Promise, recovered: &BTreeSet<Key>) -> Result<(), Vec<BrokenPromise>> {
        let mut broken = Vec::new();
        for (key, step) in self.steps.iter().filter(|(_, step)| !only_follows(step)) {
            if let Some(message) = breach(step, promise.steps.get(key), recovered.contains(key)) {
                broken.push(BrokenPromise {
                    component: key.clone(),
                    message,
                });
            }
        }
        let unseen = self.deposed.iter().filter(|deposed| !promise.deposed.contains(deposed));
        for (key, id) in unseen.filter(|(key, _)| !recovered.contains(key)) {
            let message = format!("would delete the replaced object {id}, which the plan did not show");
            broken.push(BrokenPromise {
                component: key.clone(),
                message,
            });
        }
        if broken.is_empty() { Ok(()) } else { Err(broken) }
    }
}

/// What the reader of a plan need not be told: a setting keeps the text that was shown, and is
/// written because what it refers to moves (which was shown there), or because an interrupted run
/// has left it in doubt.
fn follows(change: &SettingChange) -> bool {
    change.reference_changed || change.before.as_ref().is_some_and(has_unknown)
}

/// Nothing happens here that had to be shown.
fn only_follows(step: &Step) -> bool {
    match &step.action {
        Action::Keep => true,
        Action::Update { changes } => changes.iter().all(follows),
        // Made anew because nobody knows what it was made of.
        Action::Replace { changes, because, .. } => {
            let in_doubt = |change: &&SettingChange| change.before.as_ref().is_some_and(has_unknown);
            let forced = || changes.iter().filter(|change| change.forces_replacement);
            forced().count() == because.len() && forced().all(|change| in_doubt(&change)) && changes.iter().all(follows)
        }
        Action::Create | Action::Delete => false,
    }
}

fn shown(step: &Step) -> Shown {
    Shown {
        action: step.action.name().to_owned(),
        settings: touched(step)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

/// The settings that a step writes, with a fingerprint of the value: of a new object all.
fn touched(step: &Step) -> Vec<(&str, Option<String>)> {
    let of = |name: &str| match step.settings.get(name) {
        Some(PlannedValue::Unknown) => None,
        Some(PlannedValue::Known(value)) => Some(fingerprint(&value.to_string())),
        None => Some(String::new()),
    };
    let changed = step.action.changes().iter().map(|c| c.setting.as_str());
    let all = step.settings.keys().map(String::as_str);
    let names: BTreeSet<&str> = match &step.action {
        Action::Create => all.collect(),
        Action::Replace { .. } => all.chain(changed).collect(),
        _ => changed.collect(),
    };
    names.into_iter().map(|name| (name, of(name))).collect()
}

fn breach(step: &Step, shown: Option<&Shown>, recovered: bool) -> Option<String> {
    let action = step.action.name();
    let Some(shown) = shown else {
        let leftover = recovered && step.action == Action::Delete;
        return (!leftover).then(|| format!("would {action} it, the plan showed no change"));
    };
    let allowed = match (shown.action.as_str(), action) {
        (shown, now) if shown == now => true,
        ("replace", "update") => true,
        ("create", "update" | "replace") => recovered,
        _ => false,
    };
    if !allowed {
        return Some(format!("would {action} it, the plan showed {}", shown.action));
    }
    let of_new = matches!(shown.action.as_str(), "create" | "replace");
    let follows = |name: &str| step.action.changes().iter().any(|c| c.setting == name && follows(c));
    touched(step)
        .into_iter()
        .filter(|(name, _)| !follows(name))
        .find_map(|(name, value)| match shown.settings.get(name) {
            Some(None) => None,
            Some(promised) if *promised == value => None,
            Some(_) => Some(format!("would set {name} to another value than the plan showed")),
            // What a new object's list does not have is not set.
            None if of_new && value.as_deref() == Some("") => None,
            None => Some(format!("would change {name}, which the plan did not show")),
        })
}

/// FNV-1a, 64 bits: the same in every build, which the standard library's hasher does not promise.
fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
