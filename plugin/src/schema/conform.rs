//! Bringing values into the shape that a schema promises.

use std::collections::BTreeMap;

use super::Schema;
use super::attribute::Nesting;
use super::walk::{Object, map_elements, nested};
use crate::codec::{MAX_DEPTH, kind_of};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::{AttributePath, Step};
use crate::types::Type;
use crate::value::Value;

impl Schema {
    /// Completes a value that a resource returns: missing attributes become null, missing repeatable blocks
    /// empty, write-only attributes null. What does not fit is reported and becomes null, so that the rest
    /// of a state is never lost to one wrong attribute.
    pub fn conform(&self, value: Value, diagnostics: &mut Diagnostics) -> Value {
        let value = self.without_write_only(complete_blocks(Object::Block(&self.block), value));
        fit(value, &self.ty(), &mut AttributePath::whole(), diagnostics)
    }

    /// The value with every write-only attribute null, at any depth.
    pub fn without_write_only(&self, value: Value) -> Value {
        drop_write_only(Object::Block(&self.block), value)
    }

    /// Like [`Schema::conform`] for what is stored after an apply or read: nothing may be unknown any more.
    /// Unknown values become null; they are reported unless `diagnostics` already explains why.
    pub fn conform_state(&self, value: Value, diagnostics: &mut Diagnostics) -> Value {
        let value = self.conform(value, diagnostics);
        if value.is_wholly_known() {
            return value;
        }
        if !diagnostics.has_errors() {
            for path in value.unknown_paths() {
                let detail = format!("The provider left {path} unknown. This is a bug in the provider.");
                diagnostics.push(Diagnostic::error("Value still unknown after apply", detail).at(path));
            }
        }
        unknown_to_null(value)
    }
}

/// Blocks of a list or set are never null in Terraform, only empty.
fn complete_blocks(object: Object<'_>, value: Value) -> Value {
    let Value::Map(mut members) = value else { return value };
    for (name, block) in object.blocks() {
        let current = members.remove(name).unwrap_or_default();
        let current = match (block.nesting(), current) {
            (Nesting::List | Nesting::Set, Value::Null) => Value::List(Vec::new()),
            (nesting, current) => {
                let inner = Object::Block(block.inner());
                map_elements(nesting, current, &|element| complete_blocks(inner, element))
            }
        };
        members.insert(name.to_owned(), current);
    }
    Value::Map(members)
}

fn drop_write_only(object: Object<'_>, value: Value) -> Value {
    let Value::Map(mut members) = value else { return value };
    for (name, attribute) in object.attributes().iter() {
        let Some(current) = members.get_mut(name) else { continue };
        if attribute.is_write_only() {
            *current = Value::Null;
        } else if let Some((nesting, object)) = nested(attribute) {
            let taken = std::mem::take(current);
            *current = map_elements(nesting, taken, &|element| drop_write_only(object, element));
        }
    }
    for (name, block) in object.blocks() {
        let Some(current) = members.get_mut(name) else { continue };
        let inner = Object::Block(block.inner());
        let taken = std::mem::take(current);
        *current = map_elements(block.nesting(), taken, &|element| drop_write_only(inner, element));
    }
    Value::Map(members)
}

/// Fits a value into a type, reporting and dropping what cannot be written in it.
fn fit(value: Value, ty: &Type, path: &mut AttributePath, diagnostics: &mut Diagnostics) -> Value {
    if path.steps().len() > MAX_DEPTH {
        return misfit(
            &format!("Values nest deeper than {MAX_DEPTH} levels."),
            path,
            diagnostics,
        );
    }
    match (ty, value) {
        (Type::List(element) | Type::Set(element), Value::List(elements)) => {
            let types = std::iter::repeat(element.as_ref());
            fit_elements(elements, types, path, diagnostics)
        }
        (Type::Tuple(types), Value::List(elements)) if types.len() == elements.len() => {
            fit_elements(elements, types.iter(), path, diagnostics)
        }
        (Type::Map(element), Value::Map(members)) => {
            let fitted = members.into_iter().map(|(key, member)| {
                path.push(Step::Key(key.clone()));
                let member = fit(member, element, path, diagnostics);
                path.pop();
                (key, member)
            });
            Value::Map(fitted.collect())
        }
        (Type::Object(attributes), Value::Map(members)) => fit_object(members, attributes, path, diagnostics),
        (ty, value) if ty.accepts(&value) => value,
        (ty, value) => misfit(&format!("Expected {ty}, got {}.", kind_of(&value)), path, diagnostics),
    }
}

fn fit_elements<'t>(
    elements: Vec<Value>,
    types: impl Iterator<Item = &'t Type>,
    path: &mut AttributePath,
    diagnostics: &mut Diagnostics,
) -> Value {
    let mut fitted = Vec::with_capacity(elements.len());
    for (index, (element, ty)) in (0..).zip(elements.into_iter().zip(types)) {
        path.push(Step::Index(index));
        fitted.push(fit(element, ty, path, diagnostics));
        path.pop();
    }
    Value::List(fitted)
}

fn fit_object(
    mut members: BTreeMap<String, Value>,
    attributes: &BTreeMap<String, Type>,
    path: &mut AttributePath,
    diagnostics: &mut Diagnostics,
) -> Value {
    let mut fitted = BTreeMap::new();
    for (name, ty) in attributes {
        let member = members.remove(name).unwrap_or_default();
        path.push(Step::Attribute(name.clone()));
        fitted.insert(name.clone(), fit(member, ty, path, diagnostics));
        path.pop();
    }
    for name in members.into_keys() {
        path.push(Step::Attribute(name));
        misfit("The schema has no such attribute.", path, diagnostics);
        path.pop();
    }
    Value::Map(fitted)
}

fn misfit(problem: &str, path: &AttributePath, diagnostics: &mut Diagnostics) -> Value {
    let detail = format!("{path}: {problem} This is a bug in the provider.");
    diagnostics.push(Diagnostic::error(
        "Provider returned a value outside its schema",
        detail,
    ));
    Value::Null
}

fn unknown_to_null(value: Value) -> Value {
    match value {
        Value::Unknown => Value::Null,
        Value::List(elements) => Value::List(elements.into_iter().map(unknown_to_null).collect()),
        Value::Map(members) => Value::Map(
            members
                .into_iter()
                .map(|(name, member)| (name, unknown_to_null(member)))
                .collect(),
        ),
        known => known,
    }
}
