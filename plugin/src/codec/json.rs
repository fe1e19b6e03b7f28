//! cty's JSON form, as in the state file.

use std::collections::BTreeMap;

use serde_json::{Number, Value as Json};

use super::{CodecError, CodecErrorReason, Decoded, DynamicTypes, Walk};
use crate::path::Step;
use crate::types::Type;
use crate::value::Value;

/// What to do with object attributes that the type does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknowns {
    /// Refuse them.
    Refuse,
    /// Drop them: a state written by another version of the provider.
    Drop,
}

pub(super) fn decode_bytes(bytes: &[u8], ty: &Type) -> Result<Decoded, CodecError> {
    // serde_json bounds the nesting by itself (128 levels).
    let json: Json = serde_json::from_slice(bytes).map_err(|_| Walk::default().error(CodecErrorReason::Json))?;
    decode_json(&json, ty, Unknowns::Refuse)
}

/// Reads JSON of a type. A missing attribute is null.
pub(crate) fn decode_json(json: &Json, ty: &Type, extra: Unknowns) -> Result<Decoded, CodecError> {
    let mut decoder = Decoder {
        extra,
        types: DynamicTypes::default(),
    };
    let value = decoder.value(json, ty, &mut Walk::default())?;
    Ok(Decoded {
        value,
        types: decoder.types,
    })
}

struct Decoder {
    extra: Unknowns,
    types: DynamicTypes,
}

impl Decoder {
    fn value(&mut self, json: &Json, ty: &Type, walk: &mut Walk) -> Result<Value, CodecError> {
        walk.node()?;
        match (ty, json) {
            (_, Json::Null) => Ok(Value::Null),
            (Type::Bool, Json::Bool(bool)) => Ok(Value::Bool(*bool)),
            // The conversions that go-cty makes between primitive types.
            (Type::Bool, Json::String(text)) if text == "true" || text == "false" => Ok(Value::Bool(text == "true")),
            (Type::Number, Json::Number(number)) => Ok(Value::Number(number.clone())),
            (Type::Number, Json::String(text)) => serde_json::from_str::<Number>(text)
                .map(Value::Number)
                .map_err(|_| walk.error(CodecErrorReason::Number)),
            (Type::String, Json::String(text)) => Ok(Value::String(text.clone())),
            (Type::String, Json::Bool(bool)) => Ok(Value::String(bool.to_string())),
            (Type::String, Json::Number(number)) => Ok(Value::String(number.to_string())),
            (Type::List(element) | Type::Set(element), Json::Array(elements)) => {
                let indexed = matches!(ty, Type::List(_));
                let values = (0..).zip(elements).map(|(index, json)| {
                    walk.down(indexed.then_some(Step::Index(index)), |walk| {
                        self.value(json, element, walk)
                    })
                });
                values.collect::<Result<_, _>>().map(Value::List)
            }
            (Type::Tuple(types), Json::Array(elements)) if types.len() == elements.len() => {
                let values = (0..)
                    .zip(elements.iter().zip(types))
                    .map(|(index, (json, ty))| walk.down(Some(Step::Index(index)), |walk| self.value(json, ty, walk)));
                values.collect::<Result<_, _>>().map(Value::List)
            }
            (Type::Map(element), Json::Object(members)) => {
                let values = members.iter().map(|(key, json)| {
                    let value = walk.down(Some(Step::Key(key.clone())), |walk| self.value(json, element, walk))?;
                    Ok((key.clone(), value))
                });
                values.collect::<Result<_, _>>().map(Value::Map)
            }
            (Type::Object(attributes), Json::Object(members)) => self.object(attributes, members, walk),
            (Type::Dynamic, Json::Object(pair)) => self.dynamic(pair, walk),
            (Type::Dynamic, _) => walk.fail(CodecErrorReason::DynamicType),
            (ty, json) => walk.fail(CodecErrorReason::Mismatch {
                expected: ty.to_string(),
                found: kind_of(json),
            }),
        }
    }

    fn object(
        &mut self,
        attributes: &BTreeMap<String, Type>,
        members: &serde_json::Map<String, Json>,
        walk: &mut Walk,
    ) -> Result<Value, CodecError> {
        if self.extra == Unknowns::Refuse
            && let Some(extra) = members.keys().find(|name| !attributes.contains_key(*name))
        {
            return walk.fail(CodecErrorReason::ExtraAttribute(extra.clone()));
        }
        let values = attributes.iter().map(|(name, ty)| {
            let json = members.get(name).unwrap_or(&Json::Null);
            let value = walk.down(Some(Step::Attribute(name.clone())), |walk| self.value(json, ty, walk))?;
            Ok((name.clone(), value))
        });
        values.collect::<Result<_, _>>().map(Value::Map)
    }

    fn dynamic(&mut self, pair: &serde_json::Map<String, Json>, walk: &mut Walk) -> Result<Value, CodecError> {
        let ty = pair.get("type").and_then(|json| Type::from_json(json).ok());
        let (Some(ty), Some(json)) = (ty, pair.get("value")) else {
            return walk.fail(CodecErrorReason::DynamicType);
        };
        let value = walk.down(None, |walk| self.value(json, &ty, walk))?;
        self.types.insert(walk.path.clone(), ty);
        Ok(value)
    }
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map or object",
    }
}
