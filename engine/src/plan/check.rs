//! Whether a graph makes sense at all: everything that AWS would reject too late or not at all.

use std::collections::BTreeSet;

use super::{PlanError, PlanOptions, Problem, order};
use crate::component::{Component, Graph, Key};
use crate::kind::{Kind, Registry};
use crate::reference::{Reference, references};
use crate::state::StackState;

/// Checks the graph; answers its keys in dependency order.
pub(super) fn check(
    graph: &Graph,
    state: &StackState,
    registry: &Registry,
    options: &PlanOptions,
) -> Result<Vec<Key>, Vec<PlanError>> {
    let mut errors = Vec::new();
    for key in graph.duplicates() {
        errors.push(PlanError::new(Problem::Duplicate, key, "two components have this key"));
    }
    for component in graph.components.values() {
        match registry.get(&component.kind) {
            Some(kind) => check_component(graph, registry, component, kind.as_ref(), &mut errors),
            None => errors.push(unknown_kind(&component.key, &component.kind)),
        }
    }
    for (name, value) in &graph.outputs {
        for reference in references(value) {
            if let Some(mut error) = check_reference(graph, registry, &reference, &reference.key) {
                error.message = format!("the stack's output {name}: {}", error.message);
                errors.push(error);
            }
        }
    }
    let recorded = state
        .components
        .iter()
        .chain(state.deposed.iter().map(|(key, component)| (key, component)));
    for (key, component) in recorded {
        if registry.get(&component.kind).is_none() {
            errors.push(unknown_kind(key, &component.kind));
        }
    }
    for key in &options.replace {
        if !graph.components.contains_key(key) {
            errors.push(PlanError::new(Problem::NotInStack, key, not_in_stack(graph, key)).at("replace_components"));
        }
    }
    match order::sorted(graph) {
        Ok(order) if errors.is_empty() => Ok(order),
        Ok(_) => Err(errors),
        Err(circle) => {
            let names: Vec<&str> = circle.iter().map(Key::as_str).collect();
            let message = format!("components depend on each other in a circle: {}", names.join(" -> "));
            errors.push(PlanError::new(Problem::Cycle, &circle[0], message));
            Err(errors)
        }
    }
}

fn unknown_kind(key: &Key, kind: &str) -> PlanError {
    let message = format!("this version of the provider has no component kind {kind}");
    PlanError::new(Problem::UnknownKind, key, message)
}

/// `sqs_queue` of `eu-west-1/sqs_queue.dlq` and of `sqs_queue.dlq`.
fn kind_in(key: &Key) -> &str {
    let text = key.as_str();
    let here = text.split_once('/').map_or(text, |(_, rest)| rest);
    here.split('.').next().unwrap_or(here)
}

/// The message for a component that is not there, naming those that are: of its kind, if there are any.
pub(crate) fn not_in_stack(graph: &Graph, key: &Key) -> String {
    let wanted = kind_in(key);
    let of_kind: Vec<&str> = graph
        .components
        .keys()
        .filter(|key| kind_in(key) == wanted)
        .map(Key::as_str)
        .collect();
    if of_kind.is_empty() {
        let all: Vec<&str> = graph.components.keys().map(Key::as_str).collect();
        return format!("the stack has no such component; it has: {}", all.join(", "));
    }
    format!(
        "the stack has no such component; of this kind it has: {}",
        of_kind.join(", ")
    )
}

fn check_component(
    graph: &Graph,
    registry: &Registry,
    component: &Component,
    kind: &dyn Kind,
    errors: &mut Vec<PlanError>,
) {
    let key = &component.key;
    for (name, value) in &component.settings {
        if kind.spec().setting(name).is_none() {
            errors.push(PlanError::new(Problem::UnknownSetting, key, unknown_setting(kind, name)).at(name));
        }
        for reference in references(value) {
            errors.extend(check_reference(graph, registry, &reference, key).map(|error| error.at(name)));
        }
    }
    let declared: BTreeSet<&Key> = component.depends_on.iter().collect();
    for dependency in declared.into_iter().filter(|key| !graph.components.contains_key(*key)) {
        let message = format!("depends on {dependency}, which is not in the stack");
        errors.push(PlanError::new(Problem::Dangling, key, message));
    }
    for (setting, message) in kind.validate(&component.settings) {
        errors.push(PlanError::new(Problem::Invalid, key, message).at(&setting));
    }
}

/// The message for a setting that a kind does not have, naming those that it has.
pub(crate) fn unknown_setting(kind: &dyn Kind, name: &str) -> String {
    let names: Vec<&str> = kind.spec().settings.iter().map(|s| s.name).collect();
    format!(
        "{} has no setting {name}; it has: {}",
        kind.spec().name,
        names.join(", ")
    )
}

fn check_reference(graph: &Graph, registry: &Registry, reference: &Reference, at: &Key) -> Option<PlanError> {
    let Reference { key, output } = reference;
    let Some(producer) = graph.components.get(key) else {
        let message = format!("refers to {key}, which is not in the stack");
        return Some(PlanError::new(Problem::Dangling, at, message));
    };
    let spec = registry.get(&producer.kind)?.spec();
    (!spec.outputs.contains(&output.as_str())).then(|| {
        let message = format!(
            "refers to {key}.{output}, but {} answers only {}",
            spec.name,
            spec.outputs.join(", ")
        );
        PlanError::new(Problem::UnknownOutput, at, message)
    })
}
