//! Figures: how long a large stack takes on a cloud where every call takes its time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{FakeCloud, Faults, Logged, random};
use crate::component::{Component, Graph, Key};
use crate::kind::Registry;
use crate::plan::{PlanOptions, plan};
use crate::run::{RunOptions, apply, destroy, refresh};
use crate::state::StackState;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Components of the stack.
    pub components: usize,
    /// The longest chain of calls that must follow each other, times the time of one.
    pub critical_path: Duration,
    /// Time of the apply that made the stack.
    pub apply: Duration,
    /// Time of reading it.
    pub refresh: Duration,
    /// Time of planning it again, nothing having changed.
    pub plan: Duration,
    /// Time of deleting it.
    pub destroy: Duration,
}

/// A stack of the shape that composites have: layers of a few components each, every one standing
/// on one to three of the layer below.
pub fn layered(components: usize, layers: usize) -> Graph {
    let mut graph = Graph::default();
    let mut below: Vec<Key> = Vec::new();
    let per_layer = components.div_ceil(layers);
    let mut layer: Vec<Key> = Vec::new();
    for number in 0..components {
        let key = Key::new(random::PLAIN.name, &format!("c{number:03}"));
        let mut component = Component::new(key.clone(), random::PLAIN.name, "us-east-1").set("plain", "green");
        component = component.set("name", key.as_str());
        let stands_on: Vec<String> = (0..=number % 3)
            .filter_map(|step| below.get((number + step) % per_layer))
            .map(Key::arn)
            .collect();
        if !stands_on.is_empty() {
            component = component.set("uses", json!(stands_on));
        }
        layer.push(graph.add(component));
        if layer.len() == per_layer {
            below = std::mem::take(&mut layer);
        }
    }
    graph
}

/// [`measure_on`] for stacks of the random kinds, such as [`layered`].
pub async fn measure(graph: &Graph, latency: Duration) -> Result<Figures, String> {
    measure_on(graph, latency, |cloud| cloud.registry(random::SPECS)).await
}

/// Makes, reads, plans and deletes a stack on a cloud whose calls take `latency` each. With tokio's
/// clock paused this takes no time and measures the order alone. `registry` makes the kinds of a cloud.
pub async fn measure_on(
    graph: &Graph,
    latency: Duration,
    registry: impl Fn(&FakeCloud) -> Registry,
) -> Result<Figures, String> {
    let cloud = FakeCloud::default();
    let registry = registry(&cloud);
    let options = RunOptions::new("bench/x");
    cloud.set_faults(Faults {
        latency,
        ..Faults::default()
    });
    let planned = plan(graph, &StackState::default(), &registry, &PlanOptions::default());
    let planned = planned.map_err(|errors| format!("{errors:?}"))?;
    let (outcome, apply_time) = timed(apply(&planned, StackState::default(), &registry, &options)).await;
    if !outcome.is_complete() {
        return Err(format!("{:?}", outcome.errors));
    }
    let critical_path = latency * longest_chain(graph, &cloud.log());
    let (refreshed, refresh_time) = timed(refresh(&outcome.state, &registry, &options)).await;
    let began = std::time::Instant::now();
    let again = plan(graph, &refreshed.state, &registry, &PlanOptions::default());
    let plan_time = began.elapsed();
    if !again.as_ref().is_ok_and(crate::Plan::is_empty) {
        return Err(format!("the second plan is not empty: {again:?}"));
    }
    let (gone, destroy_time) = timed(destroy(refreshed.state, &registry, &options)).await;
    if !gone.state.is_empty() {
        return Err(format!("{:?}", gone.errors));
    }
    Ok(Figures {
        components: graph.components.len(),
        critical_path,
        apply: apply_time,
        refresh: refresh_time,
        plan: plan_time,
        destroy: destroy_time,
    })
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

/// Calls that must follow each other: those of every component on the longest chain of dependencies,
/// as many as it really took.
fn longest_chain(graph: &Graph, calls: &[Logged]) -> u32 {
    let mut own: BTreeMap<&Key, u32> = BTreeMap::new();
    for call in calls {
        *own.entry(&call.key).or_default() += 1;
    }
    let mut chains = BTreeMap::new();
    let lengths = graph.components.keys().map(|key| chain(graph, key, &own, &mut chains));
    lengths.max().unwrap_or(0)
}

/// The longest chain that ends with a component. A graph that was applied has no circle.
fn chain<'a>(graph: &'a Graph, key: &'a Key, own: &BTreeMap<&Key, u32>, known: &mut BTreeMap<Key, u32>) -> u32 {
    if let Some(length) = known.get(key) {
        return *length;
    }
    let dependencies = graph
        .components
        .get(key)
        .map(Component::dependencies)
        .unwrap_or_default();
    let below = dependencies
        .iter()
        .filter_map(|dependency| graph.components.get_key_value(dependency));
    let below: Vec<u32> = below
        .map(|(dependency, _)| chain(graph, dependency, own, known))
        .collect();
    let length = below.into_iter().max().unwrap_or(0) + own.get(key).copied().unwrap_or(0);
    known.insert(key.clone(), length);
    length
}
