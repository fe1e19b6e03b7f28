//! Apply, destroy and rollback: the book-keeping around the legs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::legs::{self, Leg, LegPlan};
use super::make::{Create, Made, Update};
use super::remove::Remove;
use super::scheduler::{self, Legs, Start};
use super::{ComponentError, Event, Operation, Outcome, Phase, RunOptions};
use crate::component::{ComponentState, Key, Settings};
use crate::error::{KindError, KindResult};
use crate::kind::Registry;
use crate::plan::{Action, Plan, PlannedValue, Step};
use crate::reference::{Reference, pin};
use crate::state::StackState;

/// Does what the plan says. `state` is the state that the plan was made from.
///
/// A component that fails stops only what depends on it. Dropping the future ends all work where
/// it stands, as the death of the process would; to end early in good order, use
/// [`RunOptions::cancel`].
pub async fn apply(plan: &Plan, state: StackState, registry: &Registry, options: &RunOptions) -> Outcome {
    let state = state.with_reinstated(&plan.reinstated).into_owned();
    let legs = legs::of_plan(plan, &state, registry);
    let mut runner = Runner::new(&legs, state, registry, options);
    runner.steps = Some(&plan.steps);
    runner.allow_data_loss = plan.allow_data_loss;
    runner.run(&legs).await
}

/// Deletes everything, in the reverse of the order kept in the state. "Not found" is success; what
/// could not be deleted stays in the state.
pub async fn destroy(state: StackState, registry: &Registry, options: &RunOptions) -> Outcome {
    let legs = legs::of_destroy(&state);
    Runner::new(&legs, state, registry, options).run(&legs).await
}

/// Deletes again what a failed apply has made or found again (`on_create_failure = rollback`). The
/// errors of the apply stay in the outcome. What the apply itself made is deleted by force: it is
/// too new to hold anybody's data.
pub async fn rollback(failed: Outcome, registry: &Registry, options: &RunOptions) -> Outcome {
    let ours: BTreeSet<Key> = failed.created.union(&failed.adopted).cloned().collect();
    let legs = legs::of_rollback(&failed.state, &ours);
    let mut runner = Runner::new(&legs, failed.state, registry, options);
    runner.forced = failed.created;
    let mut outcome = runner.run(&legs).await;
    outcome.errors.splice(0..0, failed.errors);
    outcome.skipped.splice(0..0, failed.skipped);
    outcome.cancelled |= failed.cancelled;
    outcome
}

/// What a leg's work answers.
enum Done {
    Made(Made),
    Removed(KindResult<()>),
}

struct Runner<'a> {
    legs: &'a [Leg],
    steps: Option<&'a BTreeMap<Key, Step>>,
    registry: &'a Registry,
    options: &'a RunOptions,
    allow_data_loss: bool,
    /// Components that are deleted by force, besides what the options say.
    forced: BTreeSet<Key>,
    /// The state in which the recorded references were true.
    start: StackState,
    outcome: Outcome,
    /// Components whose recorded text is true in the outcome's state.
    current: BTreeSet<Key>,
    /// Ids of the objects that create-first replacements have taken the place of.
    replaced: BTreeMap<Key, String>,
    begun: BTreeMap<usize, (Operation, Instant)>,
}

impl<'a> Runner<'a> {
    fn new(legs: &'a LegPlan, state: StackState, registry: &'a Registry, options: &'a RunOptions) -> Self {
        Self {
            legs: &legs.legs,
            steps: None,
            registry,
            options,
            allow_data_loss: false,
            forced: BTreeSet::new(),
            start: state.clone(),
            outcome: Outcome {
                state,
                ..Outcome::default()
            },
            current: BTreeSet::new(),
            replaced: BTreeMap::new(),
            begun: BTreeMap::new(),
        }
    }

    async fn run(mut self, legs: &LegPlan) -> Outcome {
        let options = self.options;
        scheduler::run(&legs.order, &mut self, options.parallelism, &options.cancel).await;
        let steps = self.steps;
        let wanted = |key: &Key| steps.is_some_and(|steps| steps.get(key).is_some_and(|step| step.component.is_some()));
        self.outcome.state.remember_gone(&self.start, wanted);
        self.outcome.state.pin_stale(&self.start, &self.current);
        self.outcome
    }

    fn step(&self, key: &Key) -> Option<&'a Step> {
        self.steps?.get(key)
    }

    /// Prepares making a component; `Ok(None)` when there is nothing to do.
    fn make(&mut self, key: &Key) -> KindResult<Option<(Operation, BoxFuture<'static, Done>)>> {
        let Some((step, component)) = self.step(key).and_then(|step| Some((step, step.component.as_ref()?))) else {
            return Ok(None);
        };
        let kind = self
            .registry
            .get(&component.kind)
            .cloned()
            .ok_or_else(|| no_kind(&component.kind))?;
        let mut cx = self
            .options
            .context(key, &component.region, self.outcome.state.ids_of(key));
        cx.force_destroy |= self.allow_data_loss;
        match &step.action {
            Action::Keep | Action::Delete => {
                if let Some(kept) = self.outcome.state.components.get_mut(key) {
                    kept.depends_on = component.dependencies().into_iter().collect();
                }
                Ok(None)
            }
            Action::Create | Action::Replace { .. } => {
                let (symbolic, resolved) = self.resolved(step)?;
                cx.leaving = self.leaving(&component.kind);
                let adopt = self.options.adopt;
                let create = Create {
                    kind,
                    cx,
                    symbolic,
                    resolved,
                    adopt,
                    allow_data_loss: self.allow_data_loss,
                };
                Ok(Some((Operation::Create, create.run().map(Done::Made).boxed())))
            }
            Action::Update { changes } => {
                let (symbolic, after) = self.resolved(step)?;
                let recorded = self
                    .outcome
                    .state
                    .components
                    .get(key)
                    .cloned()
                    .ok_or_else(|| not_recorded(key))?;
                let update = Update {
                    kind,
                    cx,
                    id: recorded.outputs.get("id").cloned().unwrap_or_default(),
                    before: self.start.resolve_known(&recorded.settings),
                    recorded: recorded.settings,
                    arrived: self.literal_where_moved(&symbolic),
                    symbolic,
                    after,
                    planned: changes.iter().map(|c| c.setting.clone()).collect(),
                    outputs: recorded.outputs,
                };
                Ok(Some((Operation::Update, update.run().map(Done::Made).boxed())))
            }
        }
    }

    /// The objects of a kind that the state of the start holds and that this run deletes, by id.
    fn leaving(&self, kind: &str) -> Vec<String> {
        let deleted = self.legs.iter().filter(|leg| !matches!(leg, Leg::Make(_)));
        deleted
            .filter_map(|leg| legs::recorded(leg, &self.start))
            .filter(|object| object.kind == kind)
            .filter_map(|object| object.outputs.get("id").cloned())
            .collect()
    }

    /// The planned settings, symbolic and resolved through what exists now.
    fn resolved(&self, step: &Step) -> KindResult<(Settings, Settings)> {
        let (mut symbolic, mut resolved) = (Settings::new(), Settings::new());
        for (name, value) in &step.settings {
            let PlannedValue::Known(value) = value else {
                return Err(KindError::invalid(name, "its value is still not known"));
            };
            let unanswered = |Reference { key, output }| KindError::invalid(name, format!("{key} answers no {output}"));
            resolved.insert(name.clone(), self.outcome.state.resolve(value).map_err(unanswered)?);
            symbolic.insert(name.clone(), value.clone());
        }
        Ok((symbolic, resolved))
    }

    /// The texts with what they resolve to now, where that is not what the state of the start says.
    fn literal_where_moved(&self, symbolic: &Settings) -> Settings {
        let state = &self.outcome.state;
        let moved = |reference: &Reference| {
            let now = state.lookup(reference);
            now.filter(|now| self.start.recorded_answer(reference).as_ref() != Some(now))
        };
        let text = |(name, value): (&String, &serde_json::Value)| (name.clone(), pin(value, &moved));
        symbolic.iter().map(text).collect()
    }

    /// Prepares deleting an object; `Ok(None)` when the state does not hold it.
    fn remove(&self, key: &Key, object: Option<&ComponentState>) -> KindResult<Option<BoxFuture<'static, Done>>> {
        let Some(object) = object else { return Ok(None) };
        let kind = self
            .registry
            .get(&object.kind)
            .cloned()
            .ok_or_else(|| no_kind(&object.kind))?;
        let mut cx = self.options.context(key, &object.region, Vec::new());
        cx.force_destroy |= self.allow_data_loss || self.forced.contains(key);
        let id = object.outputs.get("id").cloned().unwrap_or_default();
        let remove = Remove {
            kind,
            cx,
            id,
            recorded: self.start.resolve_known(&object.settings),
        };
        Ok(Some(remove.run().map(Done::Removed).boxed()))
    }

    /// The object that a leg deletes.
    fn doomed(&self, leg: &Leg) -> Option<&ComponentState> {
        match leg {
            Leg::Make(_) => None,
            Leg::Delete(key) => match self.replaced.get(key) {
                Some(id) => self.deposed(key, id),
                None => self.outcome.state.components.get(key),
            },
            Leg::Deposed(key, id) => self.deposed(key, id),
        }
    }

    fn deposed(&self, key: &Key, id: &str) -> Option<&ComponentState> {
        let mut deposed = self.outcome.state.deposed.iter();
        deposed
            .find(|(k, c)| k == key && c.outputs.get("id").is_some_and(|i| i == id))
            .map(|(_, c)| c)
    }

    fn forget(&mut self, leg: &Leg) {
        let id = match leg {
            Leg::Make(_) => return,
            Leg::Deposed(_, id) => Some(id),
            Leg::Delete(key) => self.replaced.get(key),
        };
        match id {
            Some(id) => {
                let keep = |(k, c): &(Key, ComponentState)| k != leg.key() || c.outputs.get("id") != Some(id);
                self.outcome.state.deposed.retain(keep);
            }
            None => {
                self.outcome.state.components.remove(leg.key());
            }
        }
    }

    /// Records what came of making a component.
    fn record(&mut self, key: &Key, made: &mut Made) {
        let Some((settings, outputs)) = made.exists.take() else {
            return;
        };
        let Some((step, component)) = self.step(key).and_then(|step| Some((step, step.component.as_ref()?))) else {
            return;
        };
        let mut depends_on = component.dependencies();
        let in_place = matches!(step.action, Action::Update { .. });
        let failed = made.error.is_some();
        let old = self.outcome.state.components.remove(key);
        if in_place && failed {
            // Some settings may still be the old ones.
            depends_on.extend(old.iter().flat_map(|old| old.depends_on.iter().cloned()));
        }
        if let Some(old) = old.filter(|_| !in_place) {
            self.depose(key, old);
        }
        if !in_place {
            let set = if made.adopted {
                &mut self.outcome.adopted
            } else {
                &mut self.outcome.created
            };
            set.insert(key.clone());
        }
        if !(in_place && failed) {
            self.current.insert(key.clone());
        }
        let state = ComponentState {
            kind: component.kind.clone(),
            region: component.region.clone(),
            settings,
            outputs,
            depends_on: depends_on.into_iter().collect(),
        };
        self.outcome.state.components.insert(key.clone(), state);
    }

    /// Sets the old object aside, its settings literal: what they refer to may be replaced, too.
    fn depose(&mut self, key: &Key, mut old: ComponentState) {
        old.settings = self.start.resolve_known(&old.settings);
        self.replaced
            .insert(key.clone(), old.outputs.get("id").cloned().unwrap_or_default());
        self.outcome.state.deposed.push((key.clone(), old));
    }

    fn fail(&mut self, key: &Key, operation: Operation, source: KindError) {
        if source.is_cancelled() {
            self.outcome.cancelled = true;
            self.outcome
                .skipped
                .push((key.clone(), "the run was cancelled".to_owned()));
        } else {
            self.outcome.errors.push(ComponentError {
                key: key.clone(),
                region: self.region_of(key),
                operation,
                source,
            });
        }
    }

    fn region_of(&self, key: &Key) -> String {
        let wanted = self.step(key).and_then(|step| Some(&step.component.as_ref()?.region));
        let recorded = || Some(&self.start.components.get(key)?.region);
        let deposed = || {
            self.start
                .deposed
                .iter()
                .find(|(k, _)| k == key)
                .map(|(_, c)| &c.region)
        };
        wanted.or_else(recorded).or_else(deposed).cloned().unwrap_or_default()
    }

    fn tell(&self, key: &Key, operation: Operation, phase: Phase, elapsed: Duration) {
        if let Some(progress) = &self.options.progress {
            progress.event(&Event {
                key: key.clone(),
                operation,
                phase,
                elapsed,
            });
        }
    }

    /// What a leg will do, for messages.
    fn operation(&self, leg: &Leg) -> Operation {
        match leg {
            Leg::Make(key) => match self.step(key).map(|step| &step.action) {
                Some(Action::Update { .. } | Action::Keep) => Operation::Update,
                _ => Operation::Create,
            },
            Leg::Delete(_) | Leg::Deposed(..) => Operation::Delete,
        }
    }
}

impl Legs for Runner<'_> {
    type Done = Done;

    fn start(&mut self, leg: usize) -> Start<Done> {
        let leg_text = &self.legs[leg];
        let key = leg_text.key();
        let prepared = match leg_text {
            Leg::Make(key) => self.make(key),
            Leg::Delete(_) | Leg::Deposed(..) => {
                let work = self.remove(key, self.doomed(leg_text));
                work.map(|work| work.map(|work| (Operation::Delete, work)))
            }
        };
        match prepared {
            Ok(Some((operation, work))) => {
                self.begun.insert(leg, (operation, Instant::now()));
                self.tell(key, operation, Phase::Started, Duration::ZERO);
                Start::Work(work)
            }
            Ok(None) => Start::Settled(true),
            Err(error) => {
                self.fail(key, self.operation(leg_text), error);
                Start::Settled(false)
            }
        }
    }

    fn finish(&mut self, leg: usize, done: Option<Done>) -> bool {
        let leg_text = &self.legs[leg];
        let key = leg_text.key();
        let error = match done {
            Some(Done::Made(mut made)) => {
                self.record(key, &mut made);
                made.error
            }
            Some(Done::Removed(Ok(()))) => {
                self.forget(leg_text);
                None
            }
            Some(Done::Removed(Err(error))) => Some(error),
            None => Some(KindError::Failed {
                operation: self.operation(leg_text).to_string(),
                message: "the provider's task died".to_owned(),
            }),
        };
        let (operation, began) = self
            .begun
            .remove(&leg)
            .unwrap_or((self.operation(leg_text), Instant::now()));
        let phase = if error.is_some() {
            Phase::Failed
        } else {
            Phase::Finished
        };
        self.tell(key, operation, phase, began.elapsed());
        let succeeded = error.is_none();
        if let Some(error) = error {
            self.fail(key, operation, error);
        }
        succeeded
    }

    fn skip(&mut self, leg: usize, because_of: Option<usize>) {
        let skipped = &self.legs[leg];
        let kept = |key: &Key| self.step(key).is_some_and(|step| step.action == Action::Keep);
        if matches!(skipped, Leg::Make(key) if kept(key)) {
            return; // nothing was to be done
        }
        let why = if let Some(cause) = because_of {
            let (what, cause) = (self.operation(&self.legs[cause]), self.legs[cause].key());
            format!(
                "{} not begun: {what} of {cause} did not succeed",
                self.operation(skipped)
            )
        } else {
            self.outcome.cancelled = true;
            format!("{} not begun: the run was cancelled", self.operation(skipped))
        };
        self.outcome.skipped.push((skipped.key().clone(), why));
    }
}

fn no_kind(kind: &str) -> KindError {
    KindError::Failed {
        operation: kind.to_owned(),
        message: format!("this version of the provider has no component kind {kind}"),
    }
}

fn not_recorded(key: &Key) -> KindError {
    KindError::Failed {
        operation: key.to_string(),
        message: "the state has changed since the plan was made: plan again".to_owned(),
    }
}
