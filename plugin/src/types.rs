//! Terraform's type system (cty).

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};

use crate::value::Value;

/// A cty type. Its JSON form is what schemas and dynamic values carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Unicode text.
    String,
    /// A decimal number of any precision.
    Number,
    /// True or false.
    Bool,
    /// Any type, decided by the value.
    Dynamic,
    /// Ordered elements of one type.
    List(Box<Type>),
    /// Distinct elements of one type without an order.
    Set(Box<Type>),
    /// Elements of one type under string keys.
    Map(Box<Type>),
    /// Fixed attributes, each of its own type.
    Object(BTreeMap<String, Type>),
    /// A fixed number of elements, each of its own type.
    Tuple(Vec<Type>),
}

/// A JSON type constraint that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Terraform type constraint")]
pub struct TypeError;

impl Type {
    /// `list(element)`
    pub fn list(element: Type) -> Self {
        Self::List(Box::new(element))
    }

    /// `set(element)`
    pub fn set(element: Type) -> Self {
        Self::Set(Box::new(element))
    }

    /// `map(element)`
    pub fn map(element: Type) -> Self {
        Self::Map(Box::new(element))
    }

    /// `object({...})`
    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Type)>) -> Self {
        Self::Object(attributes.into_iter().map(|(name, ty)| (name.into(), ty)).collect())
    }

    /// The JSON form: `"string"`, `["list","string"]`, `["object",{"a":"number"}]`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::String => json!("string"),
            Self::Number => json!("number"),
            Self::Bool => json!("bool"),
            Self::Dynamic => json!("dynamic"),
            Self::List(element) => json!(["list", element.to_json()]),
            Self::Set(element) => json!(["set", element.to_json()]),
            Self::Map(element) => json!(["map", element.to_json()]),
            Self::Object(attributes) => {
                let attributes: serde_json::Map<_, _> = attributes
                    .iter()
                    .map(|(name, ty)| (name.clone(), ty.to_json()))
                    .collect();
                json!(["object", attributes])
            }
            Self::Tuple(elements) => json!(["tuple", elements.iter().map(Self::to_json).collect::<Vec<_>>()]),
        }
    }

    /// The JSON form as bytes, as the wire wants it.
    pub fn to_json_bytes(&self) -> Vec<u8> {
        self.to_json().to_string().into_bytes()
    }

    /// Reads the JSON form. Optional object attributes (a third member) are taken as plain ones.
    pub fn from_json(json: &Json) -> Result<Self, TypeError> {
        match json {
            Json::String(name) => match name.as_str() {
                "string" => Ok(Self::String),
                "number" => Ok(Self::Number),
                "bool" => Ok(Self::Bool),
                "dynamic" => Ok(Self::Dynamic),
                _ => Err(TypeError),
            },
            Json::Array(parts) => {
                let kind = parts.first().and_then(Json::as_str).ok_or(TypeError)?;
                let argument = parts.get(1).ok_or(TypeError)?;
                match (kind, argument) {
                    ("list", element) => Ok(Self::list(Self::from_json(element)?)),
                    ("set", element) => Ok(Self::set(Self::from_json(element)?)),
                    ("map", element) => Ok(Self::map(Self::from_json(element)?)),
                    ("object", Json::Object(attributes)) => attributes
                        .iter()
                        .map(|(name, ty)| Ok((name.clone(), Self::from_json(ty)?)))
                        .collect::<Result<_, _>>()
                        .map(Self::Object),
                    ("tuple", Json::Array(elements)) => elements
                        .iter()
                        .map(Self::from_json)
                        .collect::<Result<_, _>>()
                        .map(Self::Tuple),
                    _ => Err(TypeError),
                }
            }
            _ => Err(TypeError),
        }
    }

    /// The type that a value shows by itself: lists count as tuples and maps as objects, as in HCL literals.
    pub fn infer(value: &Value) -> Self {
        match value {
            Value::Null | Value::Unknown => Self::Dynamic,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::List(elements) => Self::Tuple(elements.iter().map(Self::infer).collect()),
            Value::Map(members) => Self::object(members.iter().map(|(name, value)| (name, Self::infer(value)))),
        }
    }

    /// Whether a value can be written in this type without any conversion.
    pub fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Dynamic, _)
            | (_, Value::Null | Value::Unknown)
            | (Self::Bool, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::String, Value::String(_)) => true,
            (Self::List(element) | Self::Set(element), Value::List(elements)) => {
                elements.iter().all(|value| element.accepts(value))
            }
            (Self::Map(element), Value::Map(members)) => members.values().all(|value| element.accepts(value)),
            (Self::Object(attributes), Value::Map(members)) => {
                members.len() == attributes.len()
                    && members
                        .iter()
                        .all(|(name, value)| attributes.get(name).is_some_and(|ty| ty.accepts(value)))
            }
            (Self::Tuple(types), Value::List(elements)) => {
                types.len() == elements.len() && types.iter().zip(elements).all(|(ty, value)| ty.accepts(value))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Number => f.write_str("number"),
            Self::Bool => f.write_str("bool"),
            Self::Dynamic => f.write_str("any"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Object(attributes) => {
                f.write_str("object({")?;
                for (position, (name, ty)) in attributes.iter().enumerate() {
                    write!(f, "{}{name} = {ty}", if position > 0 { ", " } else { "" })?;
                }
                f.write_str("})")
            }
            Self::Tuple(elements) => {
                f.write_str("tuple([")?;
                for (position, ty) in elements.iter().enumerate() {
                    write!(f, "{}{ty}", if position > 0 { ", " } else { "" })?;
                }
                f.write_str("])")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_form_is_terraforms() {
        let ty = Type::object([
            ("a", Type::list(Type::String)),
            ("b", Type::Tuple(vec![Type::Number, Type::Dynamic])),
        ]);
        let json = json!(["object", {"a": ["list", "string"], "b": ["tuple", ["number", "dynamic"]]}]);
        assert_eq!(ty.to_json(), json);
        assert_eq!(Type::from_json(&json), Ok(ty));
        assert_eq!(Type::from_json(&json!(["list"])), Err(TypeError));
        assert_eq!(Type::from_json(&json!(7)), Err(TypeError));
    }

    #[test]
    fn displays_as_in_a_variable_block() {
        let ty = Type::map(Type::object([("a", Type::Bool)]));
        assert_eq!(ty.to_string(), "map(object({a = bool}))");
    }
}
