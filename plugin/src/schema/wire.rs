//! Schemas in the protocol's messages.

use super::attribute::{Attribute, AttributeKind, Attributes, Nesting, Presence};
use super::{Block, NestedBlock, Schema};
use crate::proto::tfplugin6 as wire;

impl Schema {
    pub(crate) fn to_wire(&self) -> wire::Schema {
        wire::Schema {
            version: self.version,
            block: Some(block(&self.block, self.version)),
        }
    }
}

fn block(block: &Block, version: i64) -> wire::schema::Block {
    wire::schema::Block {
        version,
        attributes: attributes(block.attributes()),
        block_types: block.blocks().map(|(name, inner)| nested_block(name, inner)).collect(),
        description: block.description_text().to_owned(),
        description_kind: wire::StringKind::Markdown.into(),
        deprecated: block.deprecation().is_some(),
        deprecation_message: block.deprecation().unwrap_or_default().to_owned(),
    }
}

fn nested_block(name: &str, nested: &NestedBlock) -> wire::schema::NestedBlock {
    use wire::schema::nested_block::NestingMode;
    let nesting = match nested.nesting() {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    let (min_items, max_items) = nested.item_limits();
    wire::schema::NestedBlock {
        type_name: name.to_owned(),
        block: Some(block(nested.inner(), 0)),
        nesting: nesting.into(),
        min_items,
        max_items,
    }
}

fn attributes(attributes: &Attributes) -> Vec<wire::schema::Attribute> {
    attributes.iter().map(|(name, inner)| attribute(name, inner)).collect()
}

fn attribute(name: &str, attribute: &Attribute) -> wire::schema::Attribute {
    use wire::schema::object::NestingMode;
    let (ty, nested_type) = match attribute.kind() {
        AttributeKind::Plain(ty) => (ty.to_json_bytes(), None),
        AttributeKind::Nested(nesting, inner) => {
            let nesting = match nesting {
                Nesting::Single => NestingMode::Single,
                Nesting::List => NestingMode::List,
                Nesting::Set => NestingMode::Set,
                Nesting::Map => NestingMode::Map,
            };
            let object = wire::schema::Object {
                attributes: attributes(inner),
                nesting: nesting.into(),
                ..Default::default()
            };
            (Vec::new(), Some(object))
        }
    };
    wire::schema::Attribute {
        name: name.to_owned(),
        r#type: ty,
        nested_type,
        description: attribute.description_text().to_owned(),
        required: attribute.is_required(),
        optional: matches!(attribute.presence(), Presence::Optional | Presence::OptionalComputed),
        computed: attribute.is_computed(),
        sensitive: attribute.is_sensitive(),
        description_kind: wire::StringKind::Markdown.into(),
        deprecated: attribute.deprecation().is_some(),
        write_only: attribute.is_write_only(),
        deprecation_message: attribute.deprecation().unwrap_or_default().to_owned(),
    }
}
