//! JSON values as DynamoDB attributes and back; numbers keep their text.

use std::collections::HashMap;
use std::hash::BuildHasher;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use crate::domain::item::Item;

/// A JSON value as an attribute.
pub fn to_attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(list) => AttributeValue::L(list.iter().map(to_attribute).collect()),
        Value::Object(map) => AttributeValue::M(map.iter().map(|(k, v)| (k.clone(), to_attribute(v))).collect()),
    }
}

/// An item as attributes.
pub fn to_attributes(item: &Item) -> HashMap<String, AttributeValue> {
    item.iter()
        .map(|(name, value)| (name.clone(), to_attribute(value)))
        .collect()
}

/// An attribute as JSON. Binary becomes base64 text, sets become arrays; kinds that this SDK does not
/// know become null.
pub fn from_attribute(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(text) => number(text),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::B(blob) => Value::String(STANDARD.encode(blob)),
        AttributeValue::L(list) => Value::Array(list.iter().map(from_attribute).collect()),
        AttributeValue::M(map) => Value::Object(from_attributes(map)),
        AttributeValue::Ss(list) => Value::Array(list.iter().cloned().map(Value::String).collect()),
        AttributeValue::Ns(list) => Value::Array(list.iter().map(|text| number(text)).collect()),
        AttributeValue::Bs(list) => list.iter().map(|blob| Value::String(STANDARD.encode(blob))).collect(),
        _ => Value::Null,
    }
}

/// Attributes as an item.
pub fn from_attributes<S: BuildHasher>(attributes: &HashMap<String, AttributeValue, S>) -> Item {
    attributes
        .iter()
        .map(|(name, value)| (name.clone(), from_attribute(value)))
        .collect()
}

/// DynamoDB's number texts are JSON numbers; text is the lossless fall-back.
fn number(text: &str) -> Value {
    text.parse::<Number>()
        .map_or_else(|_| Value::String(text.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_round_trip_with_exact_numbers() {
        let text = r#"{"a":12345678901234567890.12,"b":[null,true,{"c":"d"}],"n":-0.10}"#;
        let item: Item = serde_json::from_str(text).unwrap();
        let attributes = to_attributes(&item);
        assert_eq!(attributes["a"], AttributeValue::N("12345678901234567890.12".into()));
        assert_eq!(serde_json::to_string(&from_attributes(&attributes)).unwrap(), text);
    }

    #[test]
    fn sets_and_binary_are_readable() {
        assert_eq!(
            from_attribute(&AttributeValue::Ns(vec!["1.50".into()])).to_string(),
            "[1.50]"
        );
        assert_eq!(
            from_attribute(&AttributeValue::B(b"ab".to_vec().into())),
            Value::String("YWI=".into())
        );
    }
}
