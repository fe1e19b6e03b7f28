//! Checking a configuration against its schema.

use super::attribute::{Attribute, Nesting, Presence};
use super::walk::{Object, elements, nested};
use super::{NestedBlock, Schema};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::types::Type;
use crate::value::Value;

/// What the Terraform that sends a configuration can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidationOptions {
    /// Whether it keeps write-only attributes out of plan and state (Terraform 1.11 and later).
    pub write_only_allowed: bool,
}

impl Schema {
    /// Everything that is wrong with a configuration as far as the schema knows, each with its path.
    pub fn validate(&self, config: &Value, options: ValidationOptions) -> Diagnostics {
        let mut walk = Walk {
            options,
            hidden: false,
            diagnostics: Diagnostics::new(),
        };
        if let Some(message) = self.block.deprecation() {
            walk.diagnostics.warning("Deprecated", message);
        }
        walk.object(Object::Block(&self.block), config, &AttributePath::whole());
        for rule in &self.rules {
            rule.validate(config, &mut walk.diagnostics);
        }
        walk.diagnostics
    }
}

struct Walk {
    options: ValidationOptions,
    /// Inside a sensitive or write-only attribute: values must not be quoted.
    hidden: bool,
    diagnostics: Diagnostics,
}

impl Walk {
    fn error(&mut self, path: &AttributePath, summary: &str, detail: String) {
        self.diagnostics
            .push(Diagnostic::error(summary, detail).at(path.clone()));
    }

    fn object(&mut self, object: Object<'_>, value: &Value, path: &AttributePath) {
        // Null and unknown objects have nothing to check inside.
        let Value::Map(members) = value else { return };
        for name in members.keys().filter(|name| !object.has(name)) {
            let detail = format!("There is no attribute or block named {name:?} here.");
            self.error(&path.attribute(name.as_str()), "Unsupported argument", detail);
        }
        for (name, attribute) in object.attributes().iter() {
            let value = members.get(name).unwrap_or(&Value::Null);
            self.attribute(name, attribute, value, &path.attribute(name));
        }
        for (name, block) in object.blocks() {
            let value = members.get(name).unwrap_or(&Value::Null);
            self.block(name, block, value, &path.attribute(name));
        }
    }

    fn attribute(&mut self, name: &str, attribute: &Attribute, value: &Value, path: &AttributePath) {
        if value.is_null() {
            if attribute.is_required() {
                let detail = format!("The argument {name:?} is required, but no definition was found.");
                self.error(path, "Missing required argument", detail);
            }
            return;
        }
        if attribute.presence() == Presence::Computed {
            let detail = format!("{name:?} is decided by the provider and cannot be set in the configuration.");
            self.error(path, "Invalid configuration for read-only attribute", detail);
            return;
        }
        if let Some(message) = attribute.deprecation() {
            self.diagnostics
                .push(Diagnostic::warning("Argument is deprecated", message).at(path.clone()));
        }
        if attribute.is_write_only() && !self.options.write_only_allowed {
            let detail = format!("{name:?} is write-only, which needs Terraform 1.11 or later.");
            self.error(path, "Write-only attribute not allowed", detail);
        }
        if value.is_unknown() {
            return;
        }
        let outside = self.hidden;
        self.hidden |= attribute.is_sensitive() || attribute.is_write_only();
        self.run_validators(attribute, value, path);
        if let Some((nesting, object)) = nested(attribute) {
            for (path, element) in elements(nesting, value, path) {
                self.element(nesting, object, element, &path);
            }
        } else {
            self.nulls(&attribute.ty(), value, path);
        }
        self.hidden = outside;
    }

    fn element(&mut self, nesting: Nesting, object: Object<'_>, element: &Value, path: &AttributePath) {
        if element.is_null() && nesting != Nesting::Single {
            self.missing(path);
        } else {
            self.object(object, element, path);
        }
    }

    /// Terraform lets elements of collections be null; there is nothing that a provider could make of one.
    fn nulls(&mut self, ty: &Type, value: &Value, path: &AttributePath) {
        let (inner, elements) = match ty {
            Type::List(inner) => (inner, elements(Nesting::List, value, path)),
            Type::Set(inner) => (inner, elements(Nesting::Set, value, path)),
            Type::Map(inner) => (inner, elements(Nesting::Map, value, path)),
            _ => return,
        };
        for (path, element) in elements {
            if element.is_null() {
                self.missing(&path);
            } else {
                self.nulls(inner, element, &path);
            }
        }
    }

    fn missing(&mut self, path: &AttributePath) {
        let detail = format!("{path} is null. Give it a value, or leave the element out.");
        self.error(path, "Missing value", detail);
    }

    fn run_validators(&mut self, attribute: &Attribute, value: &Value, path: &AttributePath) {
        for validator in attribute.validators() {
            let mut found = Diagnostics::new();
            validator.validate(value, path, &mut found);
            if self.hidden {
                // The validator's own words may quote the value.
                for diagnostic in &found {
                    let detail = format!("{path} must be {}.", validator.description());
                    self.diagnostics.push(Diagnostic {
                        severity: diagnostic.severity,
                        summary: "Invalid sensitive value".into(),
                        detail,
                        path: Some(path.clone()),
                    });
                }
            } else {
                self.diagnostics.extend(found);
            }
        }
    }

    fn block(&mut self, name: &str, block: &NestedBlock, value: &Value, path: &AttributePath) {
        if value.is_unknown() {
            return;
        }
        let found = elements(block.nesting(), value, path);
        if !found.is_empty()
            && let Some(message) = block.inner().deprecation()
        {
            self.diagnostics
                .push(Diagnostic::warning("Block is deprecated", message).at(path.clone()));
        }
        let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let (min, max) = block.item_limits();
        if count < min {
            self.error(
                path,
                "Too few blocks",
                format!("At least {min} {name:?} blocks are required."),
            );
        }
        if max > 0 && count > max {
            self.error(
                path,
                "Too many blocks",
                format!("No more than {max} {name:?} blocks are allowed."),
            );
        }
        for (path, element) in found {
            self.object(Object::Block(block.inner()), element, &path);
        }
    }
}
