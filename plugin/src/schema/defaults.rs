//! Effective defaults.

use std::collections::BTreeMap;

use super::Schema;
use super::attribute::{Attribute, Nesting};
use super::walk::{Object, map_elements, nested};
use crate::value::Value;

impl Schema {
    /// The effective configuration: `config` with every unset attribute at its default.
    ///
    /// An absent single nested object that has defaulted members comes into being, unless one of its members
    /// is required: leaving such an object out is a choice of its own. Objects in lists, sets and maps are
    /// filled one by one; unknown values stay unknown.
    pub fn with_defaults(&self, config: &Value) -> Value {
        fill(Object::Block(&self.block), config.clone())
    }
}

fn fill(object: Object<'_>, value: Value) -> Value {
    let mut members = match value {
        Value::Map(members) => members,
        Value::Null => BTreeMap::new(),
        other => return other,
    };
    for (name, attribute) in object.attributes().iter() {
        let current = members.remove(name).unwrap_or_default();
        members.insert(name.to_owned(), filled_attribute(attribute, current));
    }
    for (name, block) in object.blocks() {
        let current = members.remove(name).unwrap_or_default();
        let inner = Object::Block(block.inner());
        let filled = match (block.nesting(), current) {
            (Nesting::Single, Value::Null) => default_object(inner),
            (nesting, current) => map_elements(nesting, current, &|element| fill_present(inner, element)),
        };
        members.insert(name.to_owned(), filled);
    }
    Value::Map(members)
}

fn filled_attribute(attribute: &Attribute, current: Value) -> Value {
    let current = match (current, attribute.default_value()) {
        (Value::Null, Some(default)) => Value::from_json(default),
        (current, _) => current,
    };
    match nested(attribute) {
        Some((Nesting::Single, object)) if current.is_null() && attribute.is_optional() => default_object(object),
        // Completed as well when it is a default: that may leave members out.
        Some((nesting, object)) => map_elements(nesting, current, &|element| fill_present(object, element)),
        None => current,
    }
}

/// A null element of a collection stays null.
fn fill_present(object: Object<'_>, element: Value) -> Value {
    if element.is_null() {
        element
    } else {
        fill(object, element)
    }
}

/// What an absent object amounts to.
fn default_object(object: Object<'_>) -> Value {
    if object.attributes().iter().any(|(_, attribute)| attribute.is_required()) {
        return Value::Null;
    }
    match fill(object, Value::Null) {
        Value::Map(members) if members.values().any(|member| !member.is_null()) => Value::Map(members),
        _ => Value::Null,
    }
}
