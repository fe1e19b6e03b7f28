//! cty's msgpack form (the conventions of go-cty's `cty/msgpack`):
//! unknown is an extension of type 0 (plain) or 12 (refined), a number that is no 64-bit integer is
//! decimal text, a `dynamic` value is a pair of its type as JSON and the value.

use std::collections::BTreeMap;

use serde_json::Number;

use super::reader::{Reader, Token};
use super::{CodecError, CodecErrorReason, Decoded, DynamicTypes, Walk, kind_of, writer};
use crate::number::{Decimal, exact_float};
use crate::path::Step;
use crate::types::Type;
use crate::value::Value;

const UNKNOWN: i8 = 0;
const REFINED_UNKNOWN: i8 = 12;

pub(super) fn decode(bytes: &[u8], ty: &Type) -> Result<Decoded, CodecError> {
    let mut decoder = Decoder {
        reader: Reader::new(bytes),
        types: DynamicTypes::default(),
    };
    let mut walk = Walk::default();
    let value = decoder.value(ty, &mut walk)?;
    if !decoder.reader.is_at_end() {
        return walk.fail(CodecErrorReason::TrailingBytes);
    }
    Ok(Decoded {
        value,
        types: decoder.types,
    })
}

struct Decoder<'a> {
    reader: Reader<'a>,
    types: DynamicTypes,
}

impl<'a> Decoder<'a> {
    fn token(&mut self, walk: &Walk) -> Result<Token<'a>, CodecError> {
        self.reader.next().map_err(|reason| walk.error(reason))
    }

    fn value(&mut self, ty: &Type, walk: &mut Walk) -> Result<Value, CodecError> {
        walk.node()?;
        let token = self.token(walk)?;
        match (ty, token) {
            (_, Token::Nil) => Ok(Value::Null),
            (_, Token::Ext(UNKNOWN | REFINED_UNKNOWN)) => Ok(Value::Unknown),
            (_, Token::Ext(kind)) => walk.fail(CodecErrorReason::Extension(kind)),
            (Type::Bool, Token::Bool(bool)) => Ok(Value::Bool(bool)),
            (Type::String, Token::Str(bytes)) => Ok(Value::String(text(bytes, walk)?)),
            (Type::Number, Token::Int(int)) => Ok(Value::Number(int.into())),
            (Type::Number, Token::UInt(int)) => Ok(Value::Number(int.into())),
            (Type::Number, Token::Float(float)) => exact_float(float)
                .map(Value::Number)
                .ok_or_else(|| walk.error(CodecErrorReason::Number)),
            (Type::Number, Token::Str(bytes)) => {
                let number = serde_json::from_str::<Number>(&text(bytes, walk)?);
                number
                    .map(Value::Number)
                    .map_err(|_| walk.error(CodecErrorReason::Number))
            }
            (Type::List(element), Token::Array(count)) => self.elements(count, |_| Some(element), true, walk),
            (Type::Set(element), Token::Array(count)) => self.elements(count, |_| Some(element), false, walk),
            (Type::Tuple(types), Token::Array(count)) if count == types.len() => {
                self.elements(count, |index| types.get(index), true, walk)
            }
            (Type::Map(element), Token::Map(count)) => {
                self.members(count, |key| Some((element, Step::Key(key.to_owned()))), walk)
            }
            (Type::Object(attributes), Token::Map(count)) => self.members(
                count,
                |name| Some((attributes.get(name)?, Step::Attribute(name.to_owned()))),
                walk,
            ),
            (Type::Dynamic, Token::Array(2)) => self.dynamic(walk),
            (Type::Dynamic, _) => walk.fail(CodecErrorReason::DynamicType),
            (_, token) => walk.fail(CodecErrorReason::Mismatch {
                expected: ty.to_string(),
                found: token.kind(),
            }),
        }
    }

    fn elements<'t>(
        &mut self,
        count: usize,
        type_of: impl Fn(usize) -> Option<&'t Type>,
        indexed: bool,
        walk: &mut Walk,
    ) -> Result<Value, CodecError> {
        let mut elements = Vec::new();
        for index in 0..count {
            let step = indexed.then(|| Step::Index(i64::try_from(index).unwrap_or(i64::MAX)));
            let ty = type_of(index).unwrap_or(&Type::Dynamic);
            elements.push(walk.down(step, |walk| self.value(ty, walk))?);
        }
        Ok(Value::List(elements))
    }

    fn members<'t>(
        &mut self,
        count: usize,
        type_of: impl Fn(&str) -> Option<(&'t Type, Step)>,
        walk: &mut Walk,
    ) -> Result<Value, CodecError> {
        let mut members = BTreeMap::new();
        for _ in 0..count {
            let key = match self.token(walk)? {
                Token::Str(bytes) => text(bytes, walk)?,
                token => {
                    let expected = "a string as key".to_owned();
                    return walk.fail(CodecErrorReason::Mismatch {
                        expected,
                        found: token.kind(),
                    });
                }
            };
            let Some((ty, step)) = type_of(&key) else {
                return walk.fail(CodecErrorReason::ExtraAttribute(key));
            };
            let member = walk.down(Some(step), |walk| self.value(ty, walk))?;
            if members.insert(key, member).is_some() {
                return walk.fail(CodecErrorReason::DuplicateKey);
            }
        }
        Ok(Value::Map(members))
    }

    fn dynamic(&mut self, walk: &mut Walk) -> Result<Value, CodecError> {
        let (Token::Bin(json) | Token::Str(json)) = self.token(walk)? else {
            return walk.fail(CodecErrorReason::DynamicType);
        };
        let ty = serde_json::from_slice(json)
            .ok()
            .and_then(|json| Type::from_json(&json).ok());
        let Some(ty) = ty else {
            return walk.fail(CodecErrorReason::DynamicType);
        };
        let value = walk.down(None, |walk| self.value(&ty, walk))?;
        self.types.insert(walk.path.clone(), ty);
        Ok(value)
    }
}

fn text(bytes: &[u8], walk: &Walk) -> Result<String, CodecError> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| walk.error(CodecErrorReason::Utf8))
}

pub(super) fn encode(value: &Value, ty: &Type, types: &DynamicTypes) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    write(&mut out, value, ty, types, &mut Walk::default())?;
    Ok(out)
}

fn write(out: &mut Vec<u8>, value: &Value, ty: &Type, types: &DynamicTypes, walk: &mut Walk) -> Result<(), CodecError> {
    // Only a length above 32 bits can fail below.
    let too_large = |written: Option<()>, walk: &Walk| written.ok_or_else(|| walk.error(CodecErrorReason::TooLarge));
    match (ty, value) {
        (_, Value::Null) => writer::nil(out),
        (_, Value::Unknown) => writer::unknown(out),
        (Type::Dynamic, value) => {
            let ty = types.of(&walk.path, value);
            too_large(writer::array(out, 2), walk)?;
            too_large(writer::bin(out, &ty.to_json_bytes()), walk)?;
            walk.down(None, |walk| write(out, value, &ty, types, walk))?;
        }
        (Type::Bool, Value::Bool(bool)) => writer::bool(out, *bool),
        (Type::String, Value::String(text)) => too_large(writer::str(out, text), walk)?,
        (Type::Number, Value::Number(number)) => match Decimal::of(number).to_i64() {
            Some(int) => writer::int(out, int),
            // Never as a float: 0.1 read back from a float is another number to Terraform.
            None => too_large(writer::str(out, &number.to_string()), walk)?,
        },
        (Type::List(element) | Type::Set(element), Value::List(elements)) => {
            too_large(writer::array(out, elements.len()), walk)?;
            let indexed = matches!(ty, Type::List(_));
            for (index, value) in (0..).zip(elements) {
                walk.down(indexed.then_some(Step::Index(index)), |walk| {
                    write(out, value, element, types, walk)
                })?;
            }
        }
        (Type::Tuple(element_types), Value::List(elements)) if element_types.len() == elements.len() => {
            too_large(writer::array(out, elements.len()), walk)?;
            for (index, (value, ty)) in (0..).zip(elements.iter().zip(element_types)) {
                walk.down(Some(Step::Index(index)), |walk| write(out, value, ty, types, walk))?;
            }
        }
        (Type::Map(element), Value::Map(members)) => {
            too_large(writer::map(out, members.len()), walk)?;
            for (key, value) in members {
                too_large(writer::str(out, key), walk)?;
                walk.down(Some(Step::Key(key.clone())), |walk| {
                    write(out, value, element, types, walk)
                })?;
            }
        }
        (Type::Object(attributes), Value::Map(members)) => {
            if let Some(extra) = members.keys().find(|name| !attributes.contains_key(*name)) {
                return walk.fail(CodecErrorReason::ExtraAttribute(extra.clone()));
            }
            too_large(writer::map(out, attributes.len()), walk)?;
            for (name, ty) in attributes {
                too_large(writer::str(out, name), walk)?;
                let member = members.get(name).unwrap_or(&Value::Null);
                walk.down(Some(Step::Attribute(name.clone())), |walk| {
                    write(out, member, ty, types, walk)
                })?;
            }
        }
        (ty, value) => {
            return walk.fail(CodecErrorReason::Mismatch {
                expected: ty.to_string(),
                found: kind_of(value),
            });
        }
    }
    Ok(())
}
