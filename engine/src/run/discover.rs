//! Finding a stack, or parts of it, without a state: for import, and for what an interrupted run
//! has left.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream;
use futures::{FutureExt, StreamExt};

use super::guard::{find, read_confirmed};
use super::make::unseen;
use super::regions::Regions;
use super::{ComponentError, Operation, Refreshed, RunOptions};
use crate::compare::{Reading, canonical_all, truth};
use crate::component::{Component, ComponentState, Graph, Key, Settings};
use crate::error::{KindError, KindResult};
use crate::kind::{Kind, Outputs, Registry};
use crate::plan::{Action, PlanOptions, plan};
use crate::reference::{UNKNOWN, has_unknown};
use crate::state::StackState;

/// Looks in the cloud for every component of `graph` that `known` does not hold, by name and by
/// ownership tags, and answers `known` with what was found.
///
/// - Import: `known` is empty, `graph` the one of the recorded configuration.
/// - After an interrupted update: `graph` is the one that the interrupted run was to bring about.
///   For components that are made create-first, a second object beside the known one is what that
///   run had made already; it is listed as deposed, so that the next apply deletes it.
///
/// `gone` names what was not found. `known` should be fresh from [`super::refresh`].
pub async fn discover(graph: &Graph, known: &StackState, registry: &Registry, options: &RunOptions) -> Refreshed {
    let mut found = Refreshed {
        state: known.clone(),
        ..Refreshed::default()
    };
    let regions = Regions::default();
    let doubts = doubts(graph, known, registry);
    let mut waiting: BTreeMap<&Key, &Component> = graph.components.iter().collect();
    while !waiting.is_empty() {
        let is_ready = |c: &Component| c.dependencies().iter().all(|dep| !waiting.contains_key(dep));
        let ready: Vec<&Component> = waiting.values().copied().filter(|c| is_ready(c)).collect();
        if ready.is_empty() {
            break; // a circle: planning says so
        }
        let state = &found.state;
        // Boxed one by one: rustc cannot prove a stream of closures over borrows to be Send.
        let mut looks = Vec::new();
        for component in &ready {
            let asks = is_looked_for(component, state, registry);
            let look = look(component, state, registry, options);
            let answer = regions.ask(&component.region, &component.kind, look);
            looks.push(async move { if asks { answer.await } else { Ok(None) } }.boxed());
        }
        let answers: Vec<_> = stream::iter(looks).buffered(options.parallelism.get()).collect().await;
        for (component, answer) in ready.iter().zip(answers) {
            waiting.remove(&component.key);
            let beside = known.components.contains_key(&component.key);
            match answer {
                Ok(Some(state)) if beside => found.state.deposed.push((component.key.clone(), state)),
                Ok(Some(state)) => {
                    found.state.components.insert(component.key.clone(), state);
                }
                Ok(None) if beside => {}
                Ok(None) => found.gone.push(component.key.clone()),
                Err(source) => {
                    let key = component.key.clone();
                    found.errors.push(ComponentError {
                        key,
                        region: component.region.clone(),
                        operation: Operation::Find,
                        source,
                    });
                }
            }
        }
    }
    for (key, setting) in doubts {
        if let Some(component) = found.state.components.get_mut(&key) {
            component.settings.insert(setting, UNKNOWN.into());
        }
    }
    found.reach = regions.reach();
    // What refers to a component that was gone and is found again holds the old answer still.
    found.state.remember_gone(known, |_| true);
    let just_found = found
        .state
        .components
        .keys()
        .filter(|key| !known.components.contains_key(*key));
    let just_found: BTreeSet<Key> = just_found.cloned().collect();
    found.state.pin_stale(known, &just_found);
    found
}

/// The settings of known components that a run towards `graph` may have written without anybody
/// being able to see it: those that cannot be read and that such a run would write. An object that
/// is replaced create-first is never written, the new one stands beside it.
fn doubts(graph: &Graph, known: &StackState, registry: &Registry) -> Vec<(Key, String)> {
    let options = PlanOptions {
        allow_data_loss: true,
        ..PlanOptions::default()
    };
    let Ok(plan) = plan(graph, known, registry, &options) else {
        return Vec::new(); // such a run has not begun either
    };
    let mut doubts = Vec::new();
    for (key, step) in plan.steps.iter().filter(|(key, _)| known.components.contains_key(*key)) {
        let spec = known
            .components
            .get(key)
            .and_then(|c| registry.get(&c.kind))
            .map(|kind| kind.spec());
        let Some(spec) = spec else { continue };
        if matches!(step.action, Action::Replace { create_first: true, .. }) {
            continue;
        }
        let unreadable = |name: &str| spec.setting(name).is_some_and(|s| s.unreadable);
        let written = step.action.changes().iter().map(|change| change.setting.as_str());
        doubts.extend(
            written
                .filter(|name| unreadable(name))
                .map(|name| (key.clone(), name.to_owned())),
        );
    }
    doubts
}

/// Only create-first leaves two objects of one component.
fn is_looked_for(component: &Component, state: &StackState, registry: &Registry) -> bool {
    let kind = registry.get(&component.kind);
    let create_first = kind.is_some_and(|kind| kind.spec().create_before_delete);
    create_first || state.ids_of(&component.key).is_empty()
}

async fn look(
    component: &Component,
    state: &StackState,
    registry: &Registry,
    options: &RunOptions,
) -> KindResult<Option<ComponentState>> {
    let Some(kind) = registry.get(&component.kind) else {
        return Ok(None);
    };
    let kind = kind.as_ref();
    let known_ids = state.ids_of(&component.key);
    let symbolic = canonical_all(kind, &component.settings);
    let resolved: Settings = symbolic
        .iter()
        .filter(|(_, value)| !has_unknown(value))
        .filter_map(|(name, value)| Some((name.clone(), state.resolve(value).ok()?)))
        .collect();
    let cx = options.context(&component.key, &component.region, known_ids);
    let id = match find(kind, &cx, &resolved).await {
        // It stands on something that does not exist, so it cannot exist either.
        Err(KindError::InvalidSetting { .. }) if resolved.len() < symbolic.len() => return Ok(None),
        answer => answer?,
    };
    let Some(id) = id else { return Ok(None) };
    let Some(observed) = read_confirmed(kind, &cx, &id, &resolved).await? else {
        return Ok(None);
    };
    let texts = Texts {
        symbolic: &symbolic,
        resolved: &resolved,
    };
    Ok(Some(texts.component(
        kind,
        component,
        &observed.settings,
        observed.outputs,
    )))
}

struct Texts<'a> {
    symbolic: &'a Settings,
    resolved: &'a Settings,
}

impl Texts<'_> {
    fn component(&self, kind: &dyn Kind, component: &Component, seen: &Settings, outputs: Outputs) -> ComponentState {
        let wanted = Reading {
            symbolic: self.symbolic,
            resolved: self.resolved,
        };
        let unreadable = |name: &str| unseen(kind, name, self.symbolic);
        ComponentState {
            kind: component.kind.clone(),
            region: component.region.clone(),
            settings: truth(kind, seen, &[wanted], unreadable),
            outputs,
            depends_on: component
                .dependencies()
                .into_iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
        }
    }
}
