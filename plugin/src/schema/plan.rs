//! What a schema says about the change from a prior to a planned state.

use super::Schema;
use super::attribute::{Attribute, Nesting};
use super::walk::{Object, elements, nested, pairs};
use crate::path::AttributePath;
use crate::types::Type;
use crate::value::Value;

impl Schema {
    /// `planned` with the prior value wherever it is unknown and the attribute keeps its state.
    pub fn keep_known_state(&self, prior: &Value, planned: Value) -> Value {
        keep(Object::Block(&self.block), prior, planned)
    }

    /// The paths of changed attributes whose change replaces the resource.
    pub fn replacing_changes(&self, prior: &Value, planned: &Value) -> Vec<AttributePath> {
        let mut found = Vec::new();
        changes(
            Object::Block(&self.block),
            prior,
            planned,
            &AttributePath::whole(),
            &mut found,
        );
        found
    }
}

fn member<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn keep(object: Object<'_>, prior: &Value, planned: Value) -> Value {
    let Value::Map(mut members) = planned else {
        return planned;
    };
    for (name, attribute) in object.attributes().iter() {
        let Some(current) = members.get_mut(name) else { continue };
        let prior = member(prior, name);
        if current.is_unknown() && attribute.keeps_state() && !prior.is_null() {
            *current = prior.clone();
        } else if let Some((nesting, object)) = nested(attribute) {
            *current = keep_elements(nesting, object, prior, std::mem::take(current));
        }
    }
    for (name, block) in object.blocks() {
        let Some(current) = members.get_mut(name) else { continue };
        let inner = Object::Block(block.inner());
        *current = keep_elements(block.nesting(), inner, member(prior, name), std::mem::take(current));
    }
    Value::Map(members)
}

fn keep_elements(nesting: Nesting, object: Object<'_>, prior: &Value, planned: Value) -> Value {
    match (nesting, planned) {
        (Nesting::Single, planned) => keep(object, prior, planned),
        (Nesting::List, Value::List(elements)) => {
            let prior = prior.as_list().unwrap_or_default();
            let kept = elements
                .into_iter()
                .enumerate()
                .map(|(index, element)| keep(object, prior.get(index).unwrap_or(&Value::Null), element));
            Value::List(kept.collect())
        }
        (Nesting::Map, Value::Map(elements)) => {
            let kept = elements.into_iter().map(|(key, element)| {
                let element = keep(object, member(prior, &key), element);
                (key, element)
            });
            Value::Map(kept.collect())
        }
        // Elements of a set have no prior of their own.
        (_, planned) => planned,
    }
}

fn changes(object: Object<'_>, prior: &Value, planned: &Value, path: &AttributePath, found: &mut Vec<AttributePath>) {
    for (name, attribute) in object.attributes().iter() {
        let (prior, planned) = (member(prior, name), member(planned, name));
        let path = path.attribute(name);
        // A write-only value is in neither state, so it cannot be compared.
        if attribute.is_write_only() {
            continue;
        }
        if attribute.replaces() {
            if !prior.same(planned, &attribute.ty()) {
                found.push(path);
            }
        } else if let Some((nesting, object)) = nested(attribute) {
            element_changes(nesting, object, &attribute.ty(), (prior, planned), &path, found);
        }
    }
    for (name, block) in object.blocks() {
        let values = (member(prior, name), member(planned, name));
        let inner = Object::Block(block.inner());
        element_changes(
            block.nesting(),
            inner,
            &block.ty(),
            values,
            &path.attribute(name),
            found,
        );
    }
}

fn element_changes(
    nesting: Nesting,
    object: Object<'_>,
    ty: &Type,
    (prior, planned): (&Value, &Value),
    path: &AttributePath,
    found: &mut Vec<AttributePath>,
) {
    if nesting == Nesting::Set {
        // Which element became which cannot be told: compare the replacing parts as a whole.
        if !prior.same(planned, ty) && replacing_parts(object, prior, path) != replacing_parts(object, planned, path) {
            found.push(path.clone());
        }
        return;
    }
    for (path, prior, planned) in pairs(nesting, prior, planned, path) {
        changes(object, prior, planned, &path, found);
    }
}

/// The replacing attributes of every element of a set, in a comparable form without order.
fn replacing_parts(object: Object<'_>, value: &Value, path: &AttributePath) -> Vec<String> {
    let replacing = |attribute: &Attribute| attribute.replaces() && !attribute.is_write_only();
    let parts = elements(Nesting::Set, value, path).into_iter().map(|(_, element)| {
        let attributes = object.attributes().iter().filter(|(_, attribute)| replacing(attribute));
        attributes
            .map(|(name, attribute)| member(element, name).canonical_text(&attribute.ty()))
            .collect()
    });
    let mut parts: Vec<String> = parts.collect();
    parts.sort_unstable();
    parts
}
