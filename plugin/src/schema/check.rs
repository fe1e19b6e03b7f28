//! Mistakes in a schema itself. Terraform would refuse it as well, with less helpful words.

use super::Schema;
use super::attribute::{Attribute, Presence};
use super::walk::{Object, nested};
use crate::path::AttributePath;
use crate::value::Value;

/// Names that Terraform keeps for itself at the top of a resource, data or provider block.
const RESERVED: [&str; 9] = [
    "alias",
    "connection",
    "count",
    "depends_on",
    "for_each",
    "lifecycle",
    "locals",
    "provider",
    "provisioner",
];

impl Schema {
    /// What is wrong with the schema; empty when nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let root = Object::Block(&self.block);
        for name in RESERVED.iter().filter(|name| root.has(name)) {
            problems.push(format!("{name:?} is reserved by Terraform"));
        }
        check(root, &AttributePath::whole(), &mut problems);
        problems
    }
}

fn check(object: Object<'_>, path: &AttributePath, problems: &mut Vec<String>) {
    for (name, attribute) in object.attributes().iter() {
        let path = path.attribute(name);
        check_name(name, &path, problems);
        check_attribute(attribute, &path, problems);
        if let Some((_, object)) = nested(attribute) {
            check(object, &path, problems);
        }
    }
    for (name, block) in object.blocks() {
        let path = path.attribute(name);
        check_name(name, &path, problems);
        if object.attributes().get(name).is_some() {
            problems.push(format!("{path} is both an attribute and a block"));
        }
        check(Object::Block(block.inner()), &path, problems);
    }
}

fn check_name(name: &str, path: &AttributePath, problems: &mut Vec<String>) {
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let rest = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !starts_well || !name.chars().all(rest) {
        problems.push(format!(
            "{path} has a name other than lower-case letters, digits and underscores"
        ));
    }
}

fn check_attribute(attribute: &Attribute, path: &AttributePath, problems: &mut Vec<String>) {
    if attribute.is_write_only() && attribute.is_computed() {
        problems.push(format!("{path} is write-only and computed"));
    }
    let Some(default) = attribute.default_value() else {
        return;
    };
    if attribute.presence() != Presence::Optional {
        problems.push(format!("{path} has a default, but is not plainly optional"));
    }
    let default = Value::from_json(default);
    // A default of nested objects may leave members out; those are filled in.
    if nested(attribute).is_none() && !attribute.ty().accepts(&default) {
        problems.push(format!("{path} has a default that is no {}", attribute.ty()));
        return;
    }
    if let Some(problem) = attribute.validators().iter().find_map(|validator| {
        let mut found = crate::diagnostics::Diagnostics::new();
        validator.validate(&default, path, &mut found);
        found.into_iter().next()
    }) {
        problems.push(format!(
            "the default of {path} is refused by its own validator: {}",
            problem.detail
        ));
    }
}
