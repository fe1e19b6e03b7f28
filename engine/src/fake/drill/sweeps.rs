//! Drills that leave nothing out: every setting drifts, every call kills.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Ending, Stack, may_drift, told};
use crate::component::{Graph, Key};
use crate::fake::{FakeCloud, Faults};
use crate::kind::{KindSpec, Registry, Setting};
use crate::run::refresh;

/// Changes every readable setting of every component behind the stack's back, and unsets every one
/// that is set. Each time the next plan must come from exactly that setting, and an apply must put
/// it right. Answers how many changes were tried.
pub async fn drift_everywhere(graph: &Graph, registry: impl Fn(&FakeCloud) -> Registry) -> Result<usize, String> {
    drift_every(1, graph, &mut Tried::new(), registry).await
}

/// The components that have drifted in every setting, each with all its settings.
pub type Tried = BTreeSet<String>;

/// [`drift_everywhere`] with every `stride`-th change only (a sample, for stacks of many components), and without the
/// components that were `tried` with the same settings in another graph.
pub async fn drift_every(
    stride: usize,
    graph: &Graph,
    tried: &mut Tried,
    registry: impl Fn(&FakeCloud) -> Registry,
) -> Result<usize, String> {
    let (mut met, mut changed) = (0, 0);
    let cloud = FakeCloud::default();
    let kinds = registry(&cloud);
    let mut stack = Stack::new(cloud, kinds);
    stack.recover(graph).await?;
    for (key, component) in &graph.components {
        let Some(kind) = stack.registry.get(&component.kind).cloned() else {
            continue;
        };
        if !tried.insert(format!("{key} {} {:?}", component.region, component.settings)) {
            continue;
        }
        for (setting, value) in drifts(&stack, key, kind.spec()) {
            met += 1;
            if met % stride == 0 {
                let drifted = drift_one(&mut stack, graph, key, setting, value.as_ref()).await;
                drifted.map_err(|e| format!("{key}.{setting} set to {value:?}: {e}"))?;
                changed += 1;
            }
        }
    }
    Ok(changed)
}

/// What may happen to the settings of a component: another value, or none.
fn drifts(stack: &Stack, key: &Key, kind: &'static KindSpec) -> Vec<(&'static str, Option<Value>)> {
    let is_set = |setting: &Setting| {
        let component = stack.state.components.get(key);
        component.is_some_and(|c| c.settings.contains_key(setting.name))
    };
    let of = |setting: &'static Setting| {
        let unset = is_set(setting).then_some((setting.name, None));
        [Some((setting.name, Some(Value::from("drifted")))), unset]
    };
    let drifting = kind.settings.iter().filter(|setting| may_drift(kind, setting));
    drifting.flat_map(of).flatten().collect()
}

/// One change outside: it shows as exactly that, and an apply puts it right.
async fn drift_one(
    stack: &mut Stack,
    graph: &Graph,
    key: &Key,
    setting: &str,
    value: Option<&Value>,
) -> Result<(), String> {
    stack.cloud.change(key, setting, value);
    let refreshed = refresh(&stack.state, &stack.registry, &stack.options()).await;
    let drift = refreshed
        .drift
        .iter()
        .flat_map(|(key, changes)| changes.iter().map(move |c| format!("{key}.{}", c.setting)));
    let drift: Vec<String> = drift.collect();
    if drift != [format!("{key}.{setting}")] {
        return Err(format!("showed as {drift:?}"));
    }
    stack.state = refreshed.state;
    stack.seen = stack.state.clone();
    stack.bring_about(graph).await
}

/// Which runs [`kill_everywhere`] has killed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Kills {
    /// Points of the creation.
    pub create: usize,
    /// Points of the update.
    pub update: usize,
    /// Points of the destruction.
    pub destroy: usize,
}

/// Kills the process at every single call, before and after its effect, of the creation of
/// `first`, of its update to `second` and of its destruction, each time on a fresh cloud. After
/// each death the next apply (or destroy) must put everything right, and a destroy must leave
/// nothing. `registry` makes the kinds of a cloud.
pub async fn kill_everywhere(
    first: &Graph,
    second: &Graph,
    registry: impl Fn(&FakeCloud) -> Registry,
) -> Result<Kills, String> {
    kill_every(1, first, second, registry).await
}

/// [`kill_everywhere`] at every `stride`-th call only: a sample, for stacks of many components.
pub async fn kill_every(
    stride: usize,
    first: &Graph,
    second: &Graph,
    registry: impl Fn(&FakeCloud) -> Registry,
) -> Result<Kills, String> {
    let mut kills = Kills::default();
    for after_effect in [false, true] {
        // The two passes of a sample hit different calls.
        let calls = || (1 + usize::from(after_effect) * (stride / 2)..).step_by(stride);
        kills.create += kill_each(calls(), None, Some(first), after_effect, &registry).await?;
        kills.update += kill_each(calls(), Some(first), Some(second), after_effect, &registry).await?;
        kills.destroy += kill_each(calls(), Some(second), None, after_effect, &registry).await?;
    }
    Ok(kills)
}

async fn kill_each(
    calls: impl Iterator<Item = usize>,
    before: Option<&Graph>,
    after: Option<&Graph>,
    after_effect: bool,
    registry: &impl Fn(&FakeCloud) -> Registry,
) -> Result<usize, String> {
    let cloud = FakeCloud::default();
    let kinds = registry(&cloud);
    let mut standing = Stack::new(cloud, kinds);
    if let Some(before) = before {
        standing.recover(before).await?;
    }
    for (tried, at_call) in calls.enumerate() {
        let mut stack = standing.fork(registry);
        stack.cloud.set_faults(Faults::stop(at_call, after_effect));
        let ending = match after {
            Some(after) => stack.apply(after).await?,
            None => stack.destroy().await,
        };
        let at = |stack: &Stack, e: String| {
            format!(
                "{}\n\nkilled at call {at_call}, effect {after_effect}: {e}",
                stack.story()
            )
        };
        if let Ending::Ended(outcome) = ending {
            return if outcome.is_complete() {
                Ok(tried)
            } else {
                Err(at(&stack, told(&Ending::Ended(outcome))))
            };
        }
        if let Some(after) = after {
            let recovered = stack.recover(after).await;
            recovered.map_err(|e| at(&stack, e))?;
        }
        let torn_down = stack.tear_down().await;
        torn_down.map_err(|e| at(&stack, e))?;
    }
    Ok(0)
}
