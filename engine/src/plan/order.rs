//! Dependency order.

use std::collections::{BTreeMap, BTreeSet};

use crate::component::{Graph, Key};

/// What every component depends on, without what is not in the graph.
pub(super) fn dependencies(graph: &Graph) -> BTreeMap<&Key, BTreeSet<Key>> {
    let of = |component: &crate::Component| {
        let all = component.dependencies().into_iter();
        all.filter(|key| graph.components.contains_key(key)).collect()
    };
    graph
        .components
        .iter()
        .map(|(key, component)| (key, of(component)))
        .collect()
}

/// The keys with every component after what it depends on, ties by name; or the keys of one
/// circle, the first one repeated at the end.
pub(super) fn sorted(graph: &Graph) -> Result<Vec<Key>, Vec<Key>> {
    let mut waiting = dependencies(graph);
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready: Vec<&Key> = waiting
            .iter()
            .filter(|(_, deps)| deps.is_empty())
            .map(|(key, _)| *key)
            .collect();
        if ready.is_empty() {
            return Err(circle(&waiting));
        }
        for key in &ready {
            waiting.remove(*key);
        }
        for deps in waiting.values_mut() {
            deps.retain(|dep| !ready.contains(&dep));
        }
        order.extend(ready.into_iter().cloned());
    }
    Ok(order)
}

/// Every key in `waiting` depends on another one in it, so following first dependencies must come
/// back to a key that was passed.
fn circle(waiting: &BTreeMap<&Key, BTreeSet<Key>>) -> Vec<Key> {
    let mut path: Vec<Key> = Vec::new();
    let mut next = waiting.keys().next().map(|key| (*key).clone());
    while let Some(key) = next {
        if let Some(start) = path.iter().position(|passed| *passed == key) {
            path.drain(..start);
            path.push(key);
            break;
        }
        next = waiting.get(&key).and_then(|deps| deps.first().cloned());
        path.push(key);
    }
    path
}
