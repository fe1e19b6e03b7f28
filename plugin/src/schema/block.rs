//! Blocks: groups of attributes written without an equals sign.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::attribute::{Attribute, Attributes, Nesting};
use crate::types::Type;

/// The attributes and blocks inside one pair of braces.
#[derive(Clone, Debug, Default)]
pub struct Block {
    attributes: Attributes,
    blocks: IndexMap<String, NestedBlock>,
    description: String,
    deprecated: Option<String>,
}

impl Block {
    /// An empty block.
    pub fn new() -> Self {
        Self::default()
    }

    /// Markdown for the registry.
    #[must_use]
    pub fn description(self, markdown: impl Into<String>) -> Self {
        Self {
            description: markdown.into(),
            ..self
        }
    }

    /// Using it gives a warning with this message.
    #[must_use]
    pub fn deprecated(self, message: impl Into<String>) -> Self {
        Self {
            deprecated: Some(message.into()),
            ..self
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.attributes.insert(name, attribute);
        self
    }

    /// Adds a block.
    #[must_use]
    pub fn block(mut self, name: impl Into<String>, block: NestedBlock) -> Self {
        self.blocks.insert(name.into(), block);
        self
    }

    /// Its attributes.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Its blocks, in order of declaration.
    pub fn blocks(&self) -> impl Iterator<Item = (&str, &NestedBlock)> {
        self.blocks.iter().map(|(name, block)| (name.as_str(), block))
    }

    /// The block of this name.
    pub fn get_block(&self, name: &str) -> Option<&NestedBlock> {
        self.blocks.get(name)
    }

    /// Its description in markdown.
    pub fn description_text(&self) -> &str {
        &self.description
    }

    /// Why it is deprecated, where it is.
    pub fn deprecation(&self) -> Option<&str> {
        self.deprecated.as_deref()
    }

    /// The object type that a value of this block has.
    pub fn ty(&self) -> Type {
        let mut types: BTreeMap<String, Type> = self.attributes.types();
        types.extend(self.blocks().map(|(name, block)| (name.to_owned(), block.ty())));
        Type::Object(types)
    }
}

/// A block inside another one, and how often it may occur.
#[derive(Clone, Debug)]
pub struct NestedBlock {
    block: Block,
    nesting: Nesting,
    min_items: i64,
    max_items: i64,
}

impl NestedBlock {
    fn new(nesting: Nesting, block: Block) -> Self {
        Self {
            block,
            nesting,
            min_items: 0,
            max_items: 0,
        }
    }

    /// A block that occurs at most once.
    pub fn single(block: Block) -> Self {
        Self::new(Nesting::Single, block)
    }

    /// A block that may be repeated; its order counts.
    pub fn list(block: Block) -> Self {
        Self::new(Nesting::List, block)
    }

    /// A block that may be repeated; its order does not count.
    pub fn set(block: Block) -> Self {
        Self::new(Nesting::Set, block)
    }

    /// At least so many. Terraform checks it.
    #[must_use]
    pub fn min_items(self, min_items: i64) -> Self {
        Self { min_items, ..self }
    }

    /// At most so many; 0 is no limit. Terraform checks it.
    #[must_use]
    pub fn max_items(self, max_items: i64) -> Self {
        Self { max_items, ..self }
    }

    /// What is inside.
    pub fn inner(&self) -> &Block {
        &self.block
    }

    /// How it repeats.
    pub fn nesting(&self) -> Nesting {
        self.nesting
    }

    /// The least and greatest number of items; 0 is no limit.
    pub fn item_limits(&self) -> (i64, i64) {
        (self.min_items, self.max_items)
    }

    /// Its whole type.
    pub fn ty(&self) -> Type {
        self.nesting.wrap(self.block.ty())
    }
}
