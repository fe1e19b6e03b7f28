//! Schemas: what a provider, resource or data source can be configured with.
//!
//! The builder says it all in one place: types, who may set what, descriptions for the registry, effective
//! defaults, checks, and what a change means for an existing resource.

mod attribute;
mod block;
mod check;
mod conform;
mod defaults;
mod ignored;
mod plan;
mod point;
mod validate;
mod validator;
mod walk;
mod wire;

use std::fmt;
use std::sync::Arc;

pub use attribute::{Attribute, AttributeKind, Attributes, Nesting, Presence};
pub use block::{Block, NestedBlock};
pub use validate::ValidationOptions;
pub use validator::{Rule, Together, Validator};

use crate::types::Type;

/// The schema of a provider, resource, data source or ephemeral resource.
#[derive(Clone, Default)]
pub struct Schema {
    version: i64,
    block: Block,
    rules: Vec<Arc<dyn Rule>>,
}

impl Schema {
    /// An empty schema. Raise the version whenever stored state changes its shape.
    pub fn new(version: i64) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }

    /// Markdown for the registry.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.block = self.block.description(markdown);
        self
    }

    /// Using it gives a warning with this message.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        self.block = self.block.deprecated(message);
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.block = self.block.attribute(name, attribute);
        self
    }

    /// Adds a block.
    #[must_use]
    pub fn block(mut self, name: impl Into<String>, block: NestedBlock) -> Self {
        self.block = self.block.block(name, block);
        self
    }

    /// Adds a check across attributes.
    #[must_use]
    pub fn rule(mut self, rule: impl Rule + 'static) -> Self {
        self.rules.push(Arc::new(rule));
        self
    }

    /// The version of stored state.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Attributes, blocks and description.
    pub fn root(&self) -> &Block {
        &self.block
    }

    /// The top-level attributes.
    pub fn attributes(&self) -> &Attributes {
        self.block.attributes()
    }

    /// The checks across attributes.
    pub fn rules(&self) -> &[Arc<dyn Rule>] {
        &self.rules
    }

    /// The object type that values of this schema have.
    pub fn ty(&self) -> Type {
        self.block.ty()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("version", &self.version)
            .field("block", &self.block)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
