//! The comparison of what is wanted with what is recorded.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::check::check;
use super::reinstate::wanted_again;
use super::{Action, Plan, PlanError, PlanOptions, PlanWarning, PlannedValue, Problem, SettingChange, Step};
use crate::compare::{canonical, canonical_all, same};
use crate::component::{Component, ComponentState, Graph, Key};
use crate::kind::{Kind, KindSpec, Registry};
use crate::reference::{Reference, has_unknown, references, resolve};
use crate::state::StackState;

/// Works out what has to be done so that the stack becomes `graph`. Pure: no call is made.
///
/// All problems are answered together, each naming its component and setting.
pub fn plan(
    graph: &Graph,
    state: &StackState,
    registry: &Registry,
    options: &PlanOptions,
) -> Result<Plan, Vec<PlanError>> {
    let order = check(graph, state, registry, options)?;
    let reinstated = wanted_again(graph, state, registry, options.allow_data_loss);
    let state = &state.with_reinstated(&reinstated);
    let mut planner = Planner {
        state,
        registry,
        options,
        plan: Plan {
            allow_data_loss: options.allow_data_loss,
            reinstated,
            ..Plan::default()
        },
        errors: Vec::new(),
    };
    for key in &order {
        planner.wanted(&graph.components[key]);
    }
    for (key, component) in &state.components {
        if !graph.components.contains_key(key) {
            planner.unwanted(key, component);
        }
    }
    for (key, component) in &state.deposed {
        let id = component.outputs.get("id").cloned().unwrap_or_default();
        planner.plan.deposed.push((key.clone(), id));
    }
    let outputs = graph
        .outputs
        .iter()
        .map(|(name, value)| (name.clone(), planner.planned_output(value)));
    planner.plan.outputs = outputs.collect();
    if planner.errors.is_empty() {
        Ok(planner.plan)
    } else {
        Err(planner.errors)
    }
}

struct Planner<'a> {
    state: &'a StackState,
    registry: &'a Registry,
    options: &'a PlanOptions,
    plan: Plan,
    errors: Vec<PlanError>,
}

impl Planner<'_> {
    /// Plans one component of the graph; everything it depends on is planned already.
    fn wanted(&mut self, component: &Component) {
        // check() has made sure that the kind exists.
        let Some(kind) = self.registry.get(&component.kind).cloned() else {
            return;
        };
        let kind = kind.as_ref();
        let recorded = self.state.components.get(&component.key);
        let action = match recorded {
            None => Action::Create,
            Some(recorded) => self.compare(kind, component, recorded),
        };
        self.guard_data(kind.spec(), &component.key, &action);
        self.guard_name(kind.spec(), component, recorded, &action);
        self.warn(kind.spec(), &component.key, &action);
        let step = Step {
            settings: planned_settings(kind, component, recorded, &action),
            outputs: planned_outputs(kind.spec(), recorded, &action),
            component: Some(component.clone()),
            action,
        };
        self.plan.steps.insert(component.key.clone(), step);
    }

    fn unwanted(&mut self, key: &Key, recorded: &ComponentState) {
        if let Some(kind) = self.registry.get(&recorded.kind) {
            self.guard_data(kind.spec(), key, &Action::Delete);
        }
        let step = Step {
            action: Action::Delete,
            component: None,
            settings: BTreeMap::new(),
            outputs: BTreeMap::new(),
        };
        self.plan.steps.insert(key.clone(), step);
    }

    fn compare(&self, kind: &dyn Kind, component: &Component, recorded: &ComponentState) -> Action {
        let mut changes = self.changes(kind, component, recorded);
        let because = self.reasons(kind.spec(), component, recorded, &mut changes);
        if !because.is_empty() {
            return Action::Replace {
                changes,
                because,
                create_first: kind.spec().create_before_delete,
            };
        }
        if changes.is_empty() {
            Action::Keep
        } else {
            Action::Update { changes }
        }
    }

    fn changes(&self, kind: &dyn Kind, component: &Component, recorded: &ComponentState) -> Vec<SettingChange> {
        let names: BTreeSet<&String> = component.settings.keys().chain(recorded.settings.keys()).collect();
        let known = names.into_iter().filter(|name| kind.spec().setting(name).is_some());
        known
            .filter_map(|name| self.change(kind, component, recorded, name))
            .collect()
    }

    fn change(
        &self,
        kind: &dyn Kind,
        component: &Component,
        recorded: &ComponentState,
        name: &str,
    ) -> Option<SettingChange> {
        let want = component.settings.get(name);
        let have = recorded.settings.get(name);
        let unknown = want.is_some_and(has_unknown);
        let same_text = !unknown && same(kind, name, have, want);
        let moved = want.is_some_and(|value| references(value).iter().any(|r| self.answer(r).is_none()));
        let unchanged = if same_text {
            !moved
        } else {
            !unknown && !moved && self.resolves_to_same(kind, name, have, want)
        };
        (!unchanged).then(|| SettingChange {
            setting: name.to_owned(),
            before: canonical(kind, name, have),
            after: canonical(kind, name, want),
            reference_changed: same_text,
            unknown,
            forces_replacement: false,
        })
    }

    /// A recorded literal (found by import, or pinned) and the reference that resolves to it are
    /// no difference.
    fn resolves_to_same(&self, kind: &dyn Kind, name: &str, have: Option<&Value>, want: Option<&Value>) -> bool {
        let (Some(have), Some(want)) = (have, want) else {
            return false;
        };
        match (self.state.resolve_recorded(have), resolve(want, &|r| self.answer(r))) {
            (Ok(have), Ok(want)) => same(kind, name, Some(&have), Some(&want)),
            _ => false,
        }
    }

    /// What a reference will answer after the apply; `None` while that cannot be said.
    fn answer(&self, reference: &Reference) -> Option<String> {
        let planned = self.plan.steps.get(&reference.key)?.outputs.get(&reference.output)?;
        planned.known()?.as_str().map(ToOwned::to_owned)
    }

    /// Why the component must be replaced; marks the changes that are to blame.
    fn reasons(
        &self,
        spec: &KindSpec,
        component: &Component,
        recorded: &ComponentState,
        changes: &mut [SettingChange],
    ) -> Vec<String> {
        let mut because = Vec::new();
        if self.options.replace.contains(&component.key) {
            because.push("replace_components names it".to_owned());
        }
        if recorded.region != component.region {
            because.push(format!(
                "it moves from region {} to {}",
                recorded.region, component.region
            ));
        }
        if recorded.kind != component.kind {
            because.push(format!("it changes from a {} to a {}", recorded.kind, component.kind));
        }
        for change in changes
            .iter_mut()
            .filter(|c| spec.setting(&c.setting).is_some_and(|s| s.replace))
        {
            // A value that may turn out the same must not cost data: apply refuses if it differs.
            if change.unknown && spec.holds_data && !self.options.allow_data_loss {
                continue;
            }
            change.forces_replacement = true;
            because.push(match (change.reference_changed, change.unknown) {
                (true, _) => format!(
                    "{} cannot be changed in place and {}",
                    change.setting,
                    self.movers(change)
                ),
                (_, true) => format!(
                    "{} cannot be changed in place and its value is not known yet",
                    change.setting
                ),
                _ => format!("{} cannot be changed in place", change.setting),
            });
        }
        because
    }

    /// Names what makes a reference change, for the reasons of a replacement.
    fn movers(&self, change: &SettingChange) -> String {
        let moved = change
            .after
            .iter()
            .flat_map(references)
            .filter(|r| self.answer(r).is_none());
        let said: BTreeSet<String> = moved
            .map(|r| {
                let action = self.plan.steps.get(&r.key).map_or("missing", |step| step.action.name());
                format!("{} changes ({action} of {})", r.output, r.key)
            })
            .collect();
        said.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// What is made before the old one goes must have a name of its own: going first would leave what it serves without
    /// it (an API without its web ACL).
    fn guard_name(
        &mut self,
        spec: &KindSpec,
        component: &Component,
        recorded: Option<&ComponentState>,
        action: &Action,
    ) {
        let (
            Action::Replace {
                changes,
                create_first: true,
                ..
            },
            Some(recorded),
        ) = (action, recorded)
        else {
            return;
        };
        let unique: Vec<&str> = spec.settings.iter().filter(|s| s.unique).map(|s| s.name).collect();
        let differs = changes.iter().any(|c| unique.contains(&c.setting.as_str()));
        if unique.is_empty() || differs || recorded.region != component.region || recorded.kind != component.kind {
            return;
        }
        let message = format!(
            "the new one is made before the old one goes, so that nothing is without it, and AWS has no two with the same \
             {}; give it another, in the configuration or by name_overrides = {{ \"{}\" = ... }}",
            unique.join(" and "),
            component.key
        );
        let error = PlanError::new(Problem::SameName, &component.key, message);
        self.errors.push(error.at(unique[0]));
    }

    fn guard_data(&mut self, spec: &KindSpec, key: &Key, action: &Action) {
        if !spec.holds_data || self.options.allow_data_loss {
            return;
        }
        match action {
            Action::Replace { changes, because, .. } => {
                let message = format!(
                    "this would be replaced and lose its data: {}; set allow_data_loss = true if that is wanted",
                    because.join("; ")
                );
                let error = PlanError::new(Problem::DataLoss, key, message);
                let blamed = changes.iter().find(|c| c.forces_replacement);
                self.errors.push(match blamed {
                    Some(change) => error.at(&change.setting),
                    None => error,
                });
            }
            Action::Delete => {
                let message = "this would be deleted with its data; set allow_data_loss = true if that is wanted";
                self.errors.push(PlanError::new(Problem::DataLoss, key, message));
            }
            _ => {}
        }
    }

    fn warn(&mut self, spec: &KindSpec, key: &Key, action: &Action) {
        let mut warn = |message: String| {
            self.plan.warnings.push(PlanWarning {
                key: key.clone(),
                message,
            });
        };
        if let Action::Replace { because, .. } = action {
            warn(format!("will be replaced: {}", because.join("; ")));
        }
        for change in action
            .changes()
            .iter()
            .filter(|c| c.before.as_ref().is_some_and(has_unknown))
        {
            warn(format!(
                "it is not known whether {} is as it should be: it is set again",
                change.setting
            ));
        }
        if let Action::Update { changes } = action {
            for change in changes.iter().filter(|c| c.unknown) {
                if spec.setting(&change.setting).is_some_and(|s| s.replace) {
                    warn(format!(
                        "{} is not known yet; if it turns out to differ, the apply stops, because replacing this \
                         component would lose its data",
                        change.setting
                    ));
                }
            }
        }
    }

    fn planned_output(&self, value: &Value) -> PlannedValue {
        if has_unknown(value) {
            return PlannedValue::Unknown;
        }
        resolve(value, &|r| self.answer(r)).map_or(PlannedValue::Unknown, PlannedValue::Known)
    }
}

/// What will be recorded: unchanged settings keep the recorded text, so that a plan never shows a
/// difference that is none.
fn planned_settings(
    kind: &dyn Kind,
    component: &Component,
    recorded: Option<&ComponentState>,
    action: &Action,
) -> BTreeMap<String, PlannedValue> {
    let known = |settings: crate::Settings| -> BTreeMap<String, PlannedValue> {
        settings
            .into_iter()
            .map(|(name, value)| (name, PlannedValue::Known(value)))
            .collect()
    };
    let mut planned = match (action, recorded) {
        (Action::Keep, Some(recorded)) => known(recorded.settings.clone()),
        (Action::Update { .. }, Some(recorded)) => {
            let of_kind = recorded
                .settings
                .iter()
                .filter(|(name, _)| kind.spec().setting(name).is_some());
            known(of_kind.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        _ => known(canonical_all(kind, &component.settings)),
    };
    for change in action.changes() {
        match &change.after {
            Some(after) => planned.insert(change.setting.clone(), PlannedValue::Known(after.clone())),
            None => planned.remove(&change.setting),
        };
    }
    for value in planned.values_mut() {
        if value.known().is_some_and(has_unknown) {
            *value = PlannedValue::Unknown;
        }
    }
    planned
}

/// An output that is missing from the record of an unchanged component is one that it does not have
/// (a table without a stream); an update may bring it.
fn planned_outputs(
    spec: &KindSpec,
    recorded: Option<&ComponentState>,
    action: &Action,
) -> BTreeMap<String, PlannedValue> {
    let has = |output: &str| {
        recorded
            .and_then(|r| r.outputs.get(output))
            .map(|text| Value::String(text.clone()))
    };
    let moves = spec.update_moves_outputs(action.changes().iter().map(|change| change.setting.as_str()));
    let planned = |output: &str| match action {
        Action::Keep => has(output).map(PlannedValue::Known),
        Action::Update { .. } if !(moves && spec.volatile_outputs.contains(&output)) => {
            Some(has(output).map_or(PlannedValue::Unknown, PlannedValue::Known))
        }
        _ => Some(PlannedValue::Unknown),
    };
    let pairs = spec
        .outputs
        .iter()
        .filter_map(|output| Some(((*output).to_owned(), planned(output)?)));
    pairs.collect()
}
