//! Reading what is there and comparing it with what is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream;
use futures::{FutureExt, StreamExt};

use super::guard::read_confirmed;
use super::regions::Regions;
use super::{ComponentError, Operation, Refreshed, RunOptions};
use crate::compare::{Reading, canonical, same, truth};
use crate::component::{ComponentState, Key, Settings};
use crate::error::{KindError, KindResult};
use crate::kind::{Kind, Observed, Registry};
use crate::plan::SettingChange;
use crate::reference::{Reference, UNKNOWN, pin};
use crate::state::{Moved, StackState};

/// Reads all components side by side. A component that cannot be read keeps its recorded state (a
/// region that is down must not stop work in another one); one that is gone is dropped.
pub async fn refresh(state: &StackState, registry: &Registry, options: &RunOptions) -> Refreshed {
    let components = state.components.iter().map(|(key, component)| (key, component, false));
    let deposed = state.deposed.iter().map(|(key, component)| (key, component, true));
    let regions = Regions::default();
    // Boxed one by one: rustc cannot prove a stream of closures over borrowed tuples to be Send.
    let mut reads = Vec::new();
    for (place, (key, component, is_deposed)) in components.chain(deposed).enumerate() {
        let read = read_one(key, component, state, registry, options);
        let read = regions.ask(&component.region, &component.kind, read);
        reads.push(async move { (place, (key, component, is_deposed, read.await)) }.boxed());
    }
    let reads = stream::iter(reads).buffer_unordered(options.parallelism.get());
    let mut answers: Vec<_> = reads.collect().await;
    // Sorted, so that the same answers give the same result whoever was first.
    answers.sort_by_key(|(place, _)| *place);

    let mut refreshed = Refreshed {
        state: state.clone(),
        reach: regions.reach(),
        ..Refreshed::default()
    };
    let mut found = Found::new();
    for (_, (key, component, is_deposed, answer)) in answers {
        match answer {
            Ok(Some(read)) if !is_deposed => {
                found.insert(key.clone(), read);
            }
            Ok(Some(_)) => {}
            Ok(None) if is_deposed => refreshed
                .state
                .deposed
                .retain(|(k, c)| k != key || c.outputs != component.outputs),
            Ok(None) => {
                refreshed.state.components.remove(key);
                refreshed.gone.push(key.clone());
            }
            Err(source) => {
                refreshed.errors.push(ComponentError {
                    key: key.clone(),
                    region: component.region.clone(),
                    operation: Operation::Read,
                    source,
                });
            }
        }
    }
    record(&mut refreshed, state, found);
    refreshed
}

/// What the components that exist have answered.
type Found = BTreeMap<Key, (Arc<dyn Kind>, Observed)>;

/// Records outputs and settings as they were found, and where they differ from what `before` says. Settings are compared
/// only when all outputs are known: what a text refers to may have moved too.
fn record(refreshed: &mut Refreshed, before: &StackState, found: Found) {
    for (key, (_, observed)) in &found {
        if let Some(component) = refreshed.state.components.get_mut(key) {
            component.outputs.extend(observed.outputs.clone());
        }
    }
    refreshed.state.remember_gone(before, |_| true);
    let texts = Texts {
        before,
        now: &refreshed.state,
        moved: refreshed.state.moved_since(before),
    };
    let mut compared = Vec::new();
    for (key, (kind, observed)) in &found {
        if let Some(component) = texts.now.components.get(key) {
            compared.push((key, texts.compare(kind.as_ref(), component, observed)));
        }
    }
    for (key, (settings, drift)) in compared {
        if let Some(component) = refreshed.state.components.get_mut(key) {
            component.settings = settings;
        }
        if !drift.is_empty() {
            refreshed.drift.insert(key.clone(), drift);
        }
    }
    let keys: BTreeSet<Key> = found.into_keys().collect();
    refreshed.state.pin_stale(before, &keys);
}

async fn read_one(
    key: &Key,
    component: &ComponentState,
    state: &StackState,
    registry: &Registry,
    options: &RunOptions,
) -> KindResult<Option<(Arc<dyn Kind>, Observed)>> {
    let no_kind = || KindError::Failed {
        operation: format!("{}:read", component.kind),
        message: "this version of the provider has no such component kind".to_owned(),
    };
    let kind = registry.get(&component.kind).cloned().ok_or_else(no_kind)?;
    if options.cancel.is_cancelled() {
        return Err(KindError::Cancelled {
            operation: format!("{}:read", component.kind),
        });
    }
    let id = component.outputs.get("id").cloned().unwrap_or_default();
    let cx = options.context(key, &component.region, Vec::new());
    let recorded = state.resolve_known(&component.settings);
    let observed = read_confirmed(kind.as_ref(), &cx, &id, &recorded).await?;
    Ok(observed.map(|observed| (kind, observed)))
}

/// What recorded texts stand for: through the outputs as recorded, and as they are now.
struct Texts<'a> {
    before: &'a StackState,
    now: &'a StackState,
    moved: Moved,
}

impl Texts<'_> {
    /// The settings to record, and what of them differs from the record.
    fn compare(
        &self,
        kind: &dyn Kind,
        component: &ComponentState,
        observed: &Observed,
    ) -> (Settings, Vec<SettingChange>) {
        let recorded = &component.settings;
        let now = self.now.resolve_known(recorded);
        let settings = if self.moved.is_empty() {
            let readings = [Reading {
                symbolic: recorded,
                resolved: &now,
            }];
            truth(kind, &observed.settings, &readings, |name| recorded.get(name).cloned())
        } else {
            self.truth_where_moved(kind, recorded, &now, observed)
        };
        let names: BTreeSet<&String> = recorded.keys().chain(settings.keys()).collect();
        let differs = |name: &&&String| !same(kind, name, recorded.get(**name), settings.get(**name));
        let change = |name: &&String| SettingChange {
            setting: (*name).clone(),
            before: canonical(kind, name, recorded.get(*name)),
            after: canonical(kind, name, settings.get(*name)),
            reference_changed: false,
            unknown: false,
            forces_replacement: false,
        };
        let of_kind = names.iter().filter(|name| kind.spec().setting(name).is_some());
        let drift = of_kind.filter(differs).map(change).collect();
        (in_doubt_where_remade(kind, recorded, settings), drift)
    }

    /// A reference whose answer has moved is true only where the object has followed.
    fn truth_where_moved(&self, kind: &dyn Kind, recorded: &Settings, now: &Settings, observed: &Observed) -> Settings {
        let before = self.before.resolve_known(recorded);
        let moved = |reference: &Reference| self.moved.get(reference).cloned();
        let literal: Settings = recorded
            .iter()
            .filter(|(name, _)| before.contains_key(*name))
            .map(|(name, value)| (name.clone(), pin(value, &moved)))
            .collect();
        let readings = [
            Reading {
                symbolic: recorded,
                resolved: now,
            },
            Reading {
                symbolic: &literal,
                resolved: &before,
            },
        ];
        truth(kind, &observed.settings, &readings, |name| {
            literal.get(name).or_else(|| recorded.get(name)).cloned()
        })
    }
}

/// A setting that cannot be changed in place and still differs from the record says that this is
/// another object, made by a run that died or by somebody else. What cannot be read of it is not
/// known then: the recorded values were those of the object that it has taken the place of.
fn in_doubt_where_remade(kind: &dyn Kind, recorded: &Settings, mut settings: Settings) -> Settings {
    let declared = || kind.spec().settings.iter();
    let remade = declared()
        .filter(|setting| setting.replace && !setting.unreadable)
        .any(|setting| {
            !same(
                kind,
                setting.name,
                recorded.get(setting.name),
                settings.get(setting.name),
            )
        });
    if remade {
        for setting in declared().filter(|setting| setting.unreadable && !setting.replace) {
            if let Some(value) = settings.get_mut(setting.name) {
                *value = UNKNOWN.into();
            }
        }
    }
    settings
}
