//! What is known of a stack between two runs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::component::{ComponentState, Key, Settings};
use crate::kind::Outputs;
use crate::reference::{Reference, has_unknown, pin, references, resolve};

/// What references answered once and do not answer any more.
pub(crate) type Moved = BTreeMap<Reference, String>;

/// The format this version writes, and the only one it reads.
const FORMAT: u32 = 1;

/// Everything that exists of a stack, enough to destroy it without its configuration.
///
/// It serialises to JSON with a `format` number, so that a later version can tell what it reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct StackState {
    /// The components by address.
    pub components: BTreeMap<Key, ComponentState>,
    /// Objects that a create-first replacement has taken the place of and that are not deleted
    /// yet. The next apply or destroy deletes them.
    pub deposed: Vec<(Key, ComponentState)>,
    /// What components that do not exist any more answered, as long as recorded settings of others
    /// refer to them: those settings hold it still, and their text stays symbolic.
    gone: BTreeMap<Key, Outputs>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    format: u32,
    components: BTreeMap<Key, ComponentState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deposed: Vec<(Key, ComponentState)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    gone: BTreeMap<Key, Outputs>,
}

/// The state was written by another version of the provider.
#[derive(Debug, Error)]
#[error("the state has format {0}, this version reads format {FORMAT}: use the provider version that wrote it")]
pub struct OtherFormat(u32);

impl TryFrom<Stored> for StackState {
    type Error = OtherFormat;
    fn try_from(stored: Stored) -> Result<Self, OtherFormat> {
        if stored.format != FORMAT {
            return Err(OtherFormat(stored.format));
        }
        Ok(Self {
            components: stored.components,
            deposed: stored.deposed,
            gone: stored.gone,
        })
    }
}

impl From<StackState> for Stored {
    fn from(state: StackState) -> Self {
        Self {
            format: FORMAT,
            components: state.components,
            deposed: state.deposed,
            gone: state.gone,
        }
    }
}

impl StackState {
    /// True when nothing exists.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty() && self.deposed.is_empty()
    }

    /// What a component of this state answers to a reference.
    pub fn lookup(&self, reference: &Reference) -> Option<String> {
        self.components
            .get(&reference.key)?
            .outputs
            .get(&reference.output)
            .cloned()
    }

    /// What a reference in a recorded setting stands for: the answer of a component that exists, or
    /// of one that did when the setting was recorded.
    pub(crate) fn recorded_answer(&self, reference: &Reference) -> Option<String> {
        self.recorded_output(&reference.key, &reference.output).cloned()
    }

    fn recorded_output(&self, key: &Key, output: &str) -> Option<&String> {
        let of_component = self.components.get(key).map(|component| &component.outputs);
        of_component.or_else(|| self.gone.get(key))?.get(output)
    }

    /// What references answered in `before` that now answer something else, or nothing. Mostly empty,
    /// and then no recorded text has to be looked at.
    pub(crate) fn moved_since(&self, before: &StackState) -> Moved {
        let gone = before
            .gone
            .iter()
            .filter(|(key, _)| !before.components.contains_key(*key));
        let existing = before.components.iter().map(|(key, c)| (key, &c.outputs));
        let mut moved = Moved::new();
        for (key, outputs) in existing.chain(gone) {
            for (output, had) in outputs {
                if self.recorded_output(key, output) != Some(had) {
                    let reference = Reference {
                        key: key.clone(),
                        output: output.clone(),
                    };
                    moved.insert(reference, had.clone());
                }
            }
        }
        moved
    }

    /// A wanted value with its references resolved; the reference that has no answer is the error.
    pub fn resolve(&self, value: &Value) -> Result<Value, Reference> {
        resolve(value, &|reference| self.lookup(reference))
    }

    /// A recorded value with its references resolved.
    pub(crate) fn resolve_recorded(&self, value: &Value) -> Result<Value, Reference> {
        resolve(value, &|reference| self.recorded_answer(reference))
    }

    /// Recorded settings with their references resolved, without those that cannot be and those that
    /// are recorded as [`crate::reference::UNKNOWN`].
    pub fn resolve_known(&self, settings: &Settings) -> Settings {
        let known = settings.iter().filter(|(_, value)| !has_unknown(value));
        known
            .filter_map(|(name, value)| Some((name.clone(), self.resolve_recorded(value).ok()?)))
            .collect()
    }

    /// Resolves a composite's computed attributes (see [`crate::Graph::outputs`]); `None` for one
    /// whose component does not exist (after an apply that failed).
    pub fn outputs(&self, outputs: &BTreeMap<String, Value>) -> BTreeMap<String, Option<Value>> {
        let resolved = outputs
            .iter()
            .map(|(name, value)| (name.clone(), self.resolve(value).ok()));
        resolved.collect()
    }

    /// Ids of all objects that the state holds for a key.
    pub(crate) fn ids_of(&self, key: &Key) -> Vec<String> {
        let current = self.components.get(key).into_iter();
        let deposed = self.deposed.iter().filter(|(k, _)| k == key).map(|(_, c)| c);
        current
            .chain(deposed)
            .filter_map(|c| c.outputs.get("id").cloned())
            .collect()
    }

    /// Writes into the recorded settings what the components really have where a reference does not
    /// answer that any more. `before` is the state in which the recorded text was true; `current`
    /// names the components that were brought in line with the new outputs.
    ///
    /// Without it a component that failed to follow a replaced producer would look up to date.
    pub(crate) fn pin_stale(&mut self, before: &StackState, current: &BTreeSet<Key>) {
        let moved = self.moved_since(before);
        if moved.is_empty() {
            return;
        }
        for (_, component) in self.components.iter_mut().filter(|(key, _)| !current.contains(*key)) {
            for value in component.settings.values_mut() {
                *value = pin(value, &|reference| moved.get(reference).cloned());
            }
        }
    }

    /// The state in which these objects that were put aside, by id, have taken their component's place again, and what
    /// stood there is put aside.
    pub(crate) fn with_reinstated(&self, which: &BTreeMap<Key, String>) -> Cow<'_, Self> {
        if which.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut state = self.clone();
        for (key, id) in which {
            let is_it = |(k, c): &(Key, ComponentState)| k == key && c.outputs.get("id") == Some(id);
            let Some(at) = state.deposed.iter().position(is_it) else {
                continue;
            };
            let (_, object) = state.deposed.remove(at);
            if let Some(mut other) = state.components.insert(key.clone(), object) {
                // Literal: what its settings refer to may be replaced, too.
                other.settings = self.resolve_known(&other.settings);
                state.deposed.push((key.clone(), other));
            }
        }
        state.remember_gone(self, |_| true);
        // What others hold is the other object, as long as they are not brought in line.
        state.pin_stale(self, &BTreeSet::new());
        Cow::Owned(state)
    }

    /// Remembers what the components of `before` that do not exist any more answered, as far as
    /// recorded settings refer to them: they are not stale, their producer is only to be made again.
    /// `wanted` says which ones will be.
    pub(crate) fn remember_gone(&mut self, before: &StackState, wanted: impl Fn(&Key) -> bool) {
        let lost = before.components.iter().map(|(key, c)| (key, &c.outputs));
        let earlier = before.gone.iter();
        let mut gone: BTreeMap<Key, Outputs> = earlier
            .chain(lost)
            .filter(|(key, _)| !self.components.contains_key(*key) && wanted(key))
            .map(|(key, outputs)| (key.clone(), outputs.clone()))
            .collect();
        if !gone.is_empty() {
            let settings = self.components.values().flat_map(|c| c.settings.values());
            let referred: BTreeSet<Key> = settings.flat_map(references).map(|reference| reference.key).collect();
            gone.retain(|key, _| referred.contains(key));
        }
        self.gone = gone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn component(settings: &Value, id: &str) -> ComponentState {
        ComponentState {
            kind: "thing".into(),
            region: "r".into(),
            settings: serde_json::from_value(settings.clone()).unwrap(),
            outputs: [("id".to_owned(), id.to_owned())].into(),
            depends_on: vec![],
        }
    }

    fn two(id: &str) -> StackState {
        let mut state = StackState::default();
        state.components.insert("thing.a".into(), component(&json!({}), id));
        state
            .components
            .insert("thing.b".into(), component(&json!({"of": "${thing.a.id}"}), "b-1"));
        state
    }

    #[test]
    fn the_state_survives_json_with_its_format() {
        let mut state = two("a-1");
        state
            .deposed
            .push(("thing.a".into(), component(&json!({"n": 12.50}), "a-0")));
        let text = serde_json::to_string(&state).unwrap();
        assert!(text.starts_with("{\"format\":1,"), "{text}");
        assert_eq!(serde_json::from_str::<StackState>(&text).unwrap(), state);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::from_value::<StackState>(value).unwrap(), state);
    }

    #[test]
    fn another_format_is_refused_with_advice() {
        let error = serde_json::from_str::<StackState>(r#"{"format":9,"components":{}}"#).unwrap_err();
        assert!(error.to_string().contains("format 9"), "{error}");
    }

    #[test]
    fn a_setting_that_did_not_follow_its_producer_is_pinned_to_what_it_has() {
        let mut after = two("a-2");
        after.pin_stale(&two("a-1"), &BTreeSet::new());
        assert_eq!(after.components["thing.b"].settings["of"], json!("a-1"));
        let mut followed = two("a-2");
        followed.pin_stale(&two("a-1"), &["thing.b".into()].into());
        assert_eq!(followed.components["thing.b"].settings["of"], json!("${thing.a.id}"));
    }

    #[test]
    fn only_the_stale_part_of_a_text_is_pinned() {
        let text = json!({"Resource": ["${thing.a.id}/*", "${thing.c.id}"]});
        let with = |a: &str| {
            let mut state = two(a);
            state.components.insert("thing.c".into(), component(&json!({}), "c-1"));
            state
                .components
                .insert("thing.d".into(), component(&json!({"policy": text}), "d-1"));
            state
        };
        let mut after = with("a-2");
        after.pin_stale(&with("a-1"), &BTreeSet::new());
        assert_eq!(
            after.components["thing.d"].settings["policy"],
            json!({"Resource": ["a-1/*", "${thing.c.id}"]})
        );
    }

    #[test]
    fn what_refers_to_a_component_that_is_gone_stays_symbolic_and_keeps_its_meaning() {
        let mut after = two("a-1");
        after.components.remove("thing.a");
        after.remember_gone(&two("a-1"), |_| true);
        after.pin_stale(&two("a-1"), &BTreeSet::new());
        let settings = &after.components["thing.b"].settings;
        assert_eq!(settings["of"], json!("${thing.a.id}"));
        assert_eq!(after.resolve_known(settings)["of"], json!("a-1"));
        assert!(
            after.resolve(&settings["of"]).is_err(),
            "nothing new can be built on it"
        );
        let again: StackState = serde_json::from_str(&serde_json::to_string(&after).unwrap()).unwrap();
        assert_eq!(again, after);

        // Made again, it answers something else, and nobody has told thing.b.
        let mut remade = after.clone();
        remade.components.insert("thing.a".into(), component(&json!({}), "a-2"));
        remade.remember_gone(&after, |_| true);
        remade.pin_stale(&after, &BTreeSet::new());
        assert_eq!(remade.components["thing.b"].settings["of"], json!("a-1"));
        assert!(remade.gone.is_empty());
    }
}
