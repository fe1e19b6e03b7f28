//! The legs of a run and what waits for what.
//!
//! A component has up to two legs: making the wanted object and deleting the old one.

use std::collections::{BTreeMap, BTreeSet};

use super::scheduler::Order;
use crate::component::{ComponentState, Key};
use crate::kind::Registry;
use crate::plan::{Action, Plan};
use crate::state::StackState;

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leg {
    /// Brings the wanted object about: create, update, or nothing.
    Make(Key),
    /// Deletes the object that the state held when the run began.
    Delete(Key),
    /// Deletes an object, by id, that was replaced in an earlier run.
    Deposed(Key, String),
}

impl Leg {
    pub(super) fn key(&self) -> &Key {
        match self {
            Self::Make(key) | Self::Delete(key) | Self::Deposed(key, _) => key,
        }
    }
}

/// All legs of a run with their order.
pub(super) struct LegPlan {
    pub(super) legs: Vec<Leg>,
    pub(super) order: Order,
}

/// The legs of an apply.
///
/// Edges are added from the strictest to the softest; one that would close a circle is left out.
/// Objects of create-first kinds are what something points to: they go after what points to them
/// has let go. In turn, what they were built on may go before them: an API deployment outlives
/// its methods. Without this difference a circle would have to be cut anywhere, for instance where
/// a method is replaced under a deployment that a stage still serves.
pub(super) fn of_plan(plan: &Plan, state: &StackState, registry: &Registry) -> LegPlan {
    let mut legs = Vec::new();
    for (key, step) in &plan.steps {
        if step.component.is_some() {
            legs.push(Leg::Make(key.clone()));
        }
        if matches!(step.action, Action::Delete | Action::Replace { .. }) {
            legs.push(Leg::Delete(key.clone()));
        }
    }
    legs.extend(
        plan.deposed
            .iter()
            .map(|(key, id)| Leg::Deposed(key.clone(), id.clone())),
    );
    let index = Index::of(&legs, state);
    let mut order = Order::new(legs.len());
    made_in_order(plan, &index, &mut order);
    let pointed_to: Vec<bool> = legs.iter().map(|leg| is_pointed_to(leg, state, registry)).collect();
    let (letting_go, rest): (Vec<Edge>, Vec<Edge>) = lettings_go(plan, state, &index)
        .into_iter()
        .partition(|(_, old)| pointed_to[*old]);
    let (deletions, outlived): (Vec<Edge>, Vec<Edge>) = deletions(&legs, &index, state)
        .into_iter()
        .partition(|(above, below)| !pointed_to[*above] || pointed_to[*below]);
    for (first, second) in [letting_go, deletions, outlived, rest].into_iter().flatten() {
        order.add(first, second);
    }
    LegPlan { legs, order }
}

/// First leg, second leg.
type Edge = (usize, usize);

/// What a component is made of is made before it; its own two legs follow each other.
fn made_in_order(plan: &Plan, index: &Index, order: &mut Order) {
    for (key, step) in &plan.steps {
        let Some(make) = index.make.get(key) else { continue };
        for dependency in step.component.iter().flat_map(crate::Component::dependencies) {
            if let Some(first) = index.make.get(&dependency) {
                order.add(*first, *make);
            }
        }
    }
    for (key, step) in &plan.steps {
        if let (Action::Replace { create_first, .. }, [delete, ..]) = (&step.action, index.removals(key)) {
            let make = index.make[key];
            let (first, second) = if *create_first {
                (make, *delete)
            } else {
                (*delete, make)
            };
            order.add(first, second);
        }
    }
}

/// What stays lets go of the old object before that is deleted.
fn lettings_go(plan: &Plan, state: &StackState, index: &Index) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (key, step) in &plan.steps {
        let stays = matches!(step.action, Action::Keep | Action::Update { .. });
        let Some(recorded) = state.components.get(key).filter(|_| stays) else {
            continue;
        };
        edges.extend(index.below(recorded).into_iter().map(|old| (index.make[key], old)));
    }
    edges
}

fn is_pointed_to(leg: &Leg, state: &StackState, registry: &Registry) -> bool {
    let kind = recorded(leg, state).and_then(|object| registry.get(&object.kind));
    kind.is_some_and(|kind| kind.spec().create_before_delete)
}

/// The legs that delete everything.
pub(super) fn of_destroy(state: &StackState) -> LegPlan {
    let mut legs: Vec<Leg> = state.components.keys().cloned().map(Leg::Delete).collect();
    for (key, component) in &state.deposed {
        legs.push(Leg::Deposed(
            key.clone(),
            component.outputs.get("id").cloned().unwrap_or_default(),
        ));
    }
    only_deletions(legs, state)
}

/// The legs that delete some components. One that has taken the place of an older object is left
/// alone, and so is that object: whoever wants the old one back has to plan it.
pub(super) fn of_rollback(state: &StackState, which: &BTreeSet<Key>) -> LegPlan {
    let replaced = |key: &Key| state.deposed.iter().any(|(k, _)| k == key);
    let keys = state
        .components
        .keys()
        .filter(|key| which.contains(*key) && !replaced(key));
    only_deletions(keys.cloned().map(Leg::Delete).collect(), state)
}

fn only_deletions(legs: Vec<Leg>, state: &StackState) -> LegPlan {
    let mut order = Order::new(legs.len());
    for (first, second) in deletions(&legs, &Index::of(&legs, state), state) {
        order.add(first, second);
    }
    LegPlan { legs, order }
}

/// What stands on something is deleted before it. What was declared comes first: what a text names may also be a
/// mere mention, such as a log group's name in the policy of the key that encrypts it.
fn deletions(legs: &[Leg], index: &Index, state: &StackState) -> Vec<Edge> {
    let objects = || {
        let numbered = legs.iter().enumerate();
        numbered.filter_map(|(number, leg)| Some((number, recorded(leg, state)?)))
    };
    let declared =
        objects().flat_map(|(leg, object)| index.declared(object).into_iter().map(move |below| (leg, below)));
    let named = objects().flat_map(|(leg, object)| index.named(object).into_iter().map(move |below| (leg, below)));
    declared.chain(named).collect()
}

/// What the state holds for the object that a leg deletes.
pub(super) fn recorded<'a>(leg: &Leg, state: &'a StackState) -> Option<&'a ComponentState> {
    match leg {
        Leg::Make(_) => None,
        Leg::Delete(key) => state.components.get(key),
        Leg::Deposed(key, id) => {
            let is_it = |(k, c): &&(Key, ComponentState)| k == key && c.outputs.get("id") == Some(id);
            state.deposed.iter().find(is_it).map(|(_, component)| component)
        }
    }
}

/// Legs by key.
struct Index {
    make: BTreeMap<Key, usize>,
    /// The leg that deletes the current object first, where there is one.
    remove: BTreeMap<Key, Vec<usize>>,
    /// Ids of the objects that legs delete.
    ids: Vec<(String, usize)>,
}

impl Index {
    fn of(legs: &[Leg], state: &StackState) -> Self {
        let mut index = Self {
            make: BTreeMap::new(),
            remove: BTreeMap::new(),
            ids: Vec::new(),
        };
        for (number, leg) in legs.iter().enumerate() {
            match leg {
                Leg::Make(key) => {
                    index.make.insert(key.clone(), number);
                }
                // Delete legs come before the deposed ones in the list.
                Leg::Delete(key) | Leg::Deposed(key, _) => index.remove.entry(key.clone()).or_default().push(number),
            }
            if let Some(id) = recorded(leg, state).and_then(|object| object.outputs.get("id")) {
                index.ids.push((id.clone(), number));
            }
        }
        index
    }

    fn removals(&self, key: &Key) -> &[usize] {
        self.remove.get(key).map_or(&[], Vec::as_slice)
    }

    /// The legs that delete what an object stands on.
    fn below(&self, object: &ComponentState) -> BTreeSet<usize> {
        let mut below = self.declared(object);
        below.extend(self.named(object));
        below
    }

    /// What it was made to depend on.
    fn declared(&self, object: &ComponentState) -> BTreeSet<usize> {
        let keys = object.depends_on.iter();
        keys.flat_map(|key| self.removals(key)).copied().collect()
    }

    /// What its settings name literally, because an interrupted run or somebody else has put it there.
    fn named(&self, object: &ComponentState) -> BTreeSet<usize> {
        let texts: Vec<String> = object.settings.values().map(ToString::to_string).collect();
        let named = self
            .ids
            .iter()
            .filter(|(id, _)| texts.iter().any(|text| names(text, id)));
        named.map(|(_, leg)| *leg).collect()
    }
}

/// Whether a text names an id as a whole: `transactions-dev` is not named by `low-value-transactions-dev`.
fn names(text: &str, id: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !id.is_empty()
        && text.match_indices(id).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + id.len()..]);
            !before.ends_with(inside) && !after.starts_with(inside)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(id: &str, depends_on: &[&str], text: &str) -> ComponentState {
        ComponentState {
            kind: "thing".into(),
            region: "r".into(),
            settings: [("text".to_owned(), json!(text))].into(),
            outputs: [("id".to_owned(), id.to_owned())].into(),
            depends_on: depends_on.iter().map(|key| Key::from(*key)).collect(),
        }
    }

    #[test]
    fn what_was_declared_outweighs_a_mention_and_names_are_whole() {
        let objects = [
            ("key.main", object("k-1", &[], "lets group-1 of low-table-1 use it")),
            ("log.group", object("group-1", &["key.main"], "")),
            ("tables.one", object("table-1", &[], "")),
        ];
        let mut state = StackState::default();
        let keyed = objects.map(|(key, object)| (Key::from(key), object));
        state.components.extend(keyed);
        let legs: Vec<Leg> = state.components.keys().cloned().map(Leg::Delete).collect();
        let edges = deletions(&legs, &Index::of(&legs, &state), &state);
        // The group stands on the key; the key only mentions the group; the table is not mentioned.
        assert_eq!(edges, [(1, 0), (0, 1)]);
    }

    #[test]
    fn a_text_names_an_id_only_as_a_whole() {
        assert!(names("arn:aws:sqs:r:1:queue-1", "queue-1"));
        assert!(names("\"queue-1\"", "queue-1"));
        assert!(!names("low-queue-1", "queue-1"));
        assert!(!names("queue-10", "queue-1"));
        assert!(names("queue-10, queue-1", "queue-1"));
    }
}
