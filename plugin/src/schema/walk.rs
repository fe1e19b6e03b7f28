//! Going through values and schema side by side.

use std::collections::BTreeMap;

use super::attribute::{Attribute, Attributes, Nesting};
use super::block::{Block, NestedBlock};
use crate::path::AttributePath;
use crate::value::Value;

/// The members of one object: a block's, or a nested attribute's (which has no blocks).
#[derive(Clone, Copy)]
pub(super) enum Object<'s> {
    Block(&'s Block),
    Attributes(&'s Attributes),
}

impl<'s> Object<'s> {
    pub(super) fn attributes(self) -> &'s Attributes {
        match self {
            Self::Block(block) => block.attributes(),
            Self::Attributes(attributes) => attributes,
        }
    }

    pub(super) fn blocks(self) -> impl Iterator<Item = (&'s str, &'s NestedBlock)> {
        let block = if let Self::Block(block) = self {
            Some(block)
        } else {
            None
        };
        block.into_iter().flat_map(Block::blocks)
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.attributes().get(name).is_some() || self.blocks().any(|(block, _)| block == name)
    }
}

/// The members of a nested attribute.
pub(super) fn nested(attribute: &Attribute) -> Option<(Nesting, Object<'_>)> {
    attribute
        .nested()
        .map(|(nesting, attributes)| (nesting, Object::Attributes(attributes)))
}

/// The objects in a nested value with their paths. Set elements go by the path of the set: the protocol
/// has no other for them.
pub(super) fn elements<'v>(
    nesting: Nesting,
    value: &'v Value,
    path: &AttributePath,
) -> Vec<(AttributePath, &'v Value)> {
    match (nesting, value) {
        (Nesting::Single, Value::Map(_)) => vec![(path.clone(), value)],
        (Nesting::List, Value::List(elements)) => (0..)
            .zip(elements)
            .map(|(index, element)| (path.index(index), element))
            .collect(),
        (Nesting::Set, Value::List(elements)) => elements.iter().map(|element| (path.clone(), element)).collect(),
        (Nesting::Map, Value::Map(members)) => members.iter().map(|(key, element)| (path.key(key), element)).collect(),
        _ => Vec::new(),
    }
}

/// Puts `change(object)` in place of every object in a nested value.
pub(super) fn map_elements(nesting: Nesting, value: Value, change: &dyn Fn(Value) -> Value) -> Value {
    match (nesting, value) {
        (Nesting::Single, object @ Value::Map(_)) => change(object),
        (Nesting::List | Nesting::Set, Value::List(elements)) => {
            Value::List(elements.into_iter().map(change).collect())
        }
        (Nesting::Map, Value::Map(members)) => Value::Map(
            members
                .into_iter()
                .map(|(key, element)| (key, change(element)))
                .collect(),
        ),
        (_, other) => other,
    }
}

/// The objects of two nested values that belong together: by index, by key. Sets have no such pairs.
pub(super) fn pairs<'v>(
    nesting: Nesting,
    prior: &'v Value,
    planned: &'v Value,
    path: &AttributePath,
) -> Vec<(AttributePath, &'v Value, &'v Value)> {
    const NULL: &Value = &Value::Null;
    if nesting == Nesting::Set {
        return Vec::new();
    }
    let mut by_path: BTreeMap<AttributePath, (&Value, &Value)> = BTreeMap::new();
    for (path, value) in elements(nesting, prior, path) {
        by_path.entry(path).or_insert((NULL, NULL)).0 = value;
    }
    for (path, value) in elements(nesting, planned, path) {
        by_path.entry(path).or_insert((NULL, NULL)).1 = value;
    }
    by_path
        .into_iter()
        .map(|(path, (prior, planned))| (path, prior, planned))
        .collect()
}
