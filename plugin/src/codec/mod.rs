//! Dynamic values on the wire: msgpack with cty's conventions, or JSON.

mod json;
mod msgpack;
mod reader;
mod writer;

use std::collections::BTreeMap;

pub(crate) use json::{Unknowns, decode_json};

use crate::path::{AttributePath, Step};
use crate::proto::tfplugin6 as wire;
use crate::types::Type;
use crate::value::Value;

/// How deep a value may nest. Schemas stay far below; only a forged `dynamic` could go deeper.
pub(crate) const MAX_DEPTH: usize = 128;
/// How many values one message may hold: bounds the memory that a short forged message can ask for.
pub(crate) const MAX_NODES: usize = 4_000_000;

/// A message that does not hold a value of the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", location(.path))]
pub struct CodecError {
    /// Where in the value.
    pub path: AttributePath,
    /// What is wrong there. Never contains the value.
    pub reason: CodecErrorReason,
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecErrorReason {
    /// The bytes end in the middle of a value.
    #[error("the message ends too early")]
    Truncated,
    /// There are bytes after the value.
    #[error("the message goes on after its value")]
    TrailingBytes,
    /// A kind of value that the type does not allow.
    #[error("expected {expected}, found {found}")]
    Mismatch {
        /// The expected type.
        expected: String,
        /// The kind of value found.
        found: &'static str,
    },
    /// Text that is not UTF-8.
    #[error("text is not valid UTF-8")]
    Utf8,
    /// Text that is not a number, or an infinity.
    #[error("not a decimal number")]
    Number,
    /// An object attribute that the type does not have.
    #[error("there is no attribute {0:?} here")]
    ExtraAttribute(String),
    /// The same key twice.
    #[error("a key occurs twice")]
    DuplicateKey,
    /// Nesting deeper than any schema.
    #[error("values nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More values than one message may hold.
    #[error("more than {MAX_NODES} values in one message")]
    TooLarge,
    /// A msgpack extension other than cty's unknowns.
    #[error("unsupported msgpack extension {0}")]
    Extension(i8),
    /// A byte that starts no msgpack value.
    #[error("0x{0:02x} starts no msgpack value")]
    Marker(u8),
    /// A dynamic value without a readable type.
    #[error("a dynamic value must be a pair of type and value")]
    DynamicType,
    /// JSON that does not parse.
    #[error("not valid JSON")]
    Json,
}

fn location(path: &AttributePath) -> String {
    if path.is_whole() {
        String::new()
    } else {
        format!("{path}: ")
    }
}

/// The concrete types that dynamic values came with, by path. A value of type `dynamic` goes back in the
/// type in which it came, so that a list does not come back as a tuple.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DynamicTypes(BTreeMap<AttributePath, Type>);

impl DynamicTypes {
    pub(crate) fn insert(&mut self, path: AttributePath, ty: Type) {
        self.0.insert(path, ty);
    }

    /// Adds what `other` knows about further paths.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        for (path, ty) in &other.0 {
            self.0.entry(path.clone()).or_insert_with(|| ty.clone());
        }
        self
    }

    fn of(&self, path: &AttributePath, value: &Value) -> Type {
        self.0
            .get(path)
            .filter(|ty| ty.accepts(value))
            .cloned()
            .unwrap_or_else(|| Type::infer(value))
    }
}

/// A value as it came over the wire, with the types of what is dynamic in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) value: Value,
    pub(crate) types: DynamicTypes,
}

/// Reads a dynamic value; an absent one is null.
pub(crate) fn decode(message: Option<&wire::DynamicValue>, ty: &Type) -> Result<Decoded, CodecError> {
    match message {
        Some(message) if !message.msgpack.is_empty() => msgpack::decode(&message.msgpack, ty),
        Some(message) if !message.json.is_empty() => json::decode_bytes(&message.json, ty),
        _ => Ok(Decoded::default()),
    }
}

/// Writes a dynamic value, always as msgpack.
pub(crate) fn encode(value: &Value, ty: &Type, types: &DynamicTypes) -> Result<wire::DynamicValue, CodecError> {
    Ok(wire::DynamicValue {
        msgpack: msgpack::encode(value, ty, types)?,
        json: Vec::new(),
    })
}

/// Writes null of any type, which needs no schema.
pub(crate) fn encode_null() -> wire::DynamicValue {
    wire::DynamicValue {
        msgpack: vec![0xc0],
        json: Vec::new(),
    }
}

/// Keeps track of where a decoder or encoder is, and how much it has seen.
#[derive(Default)]
struct Walk {
    path: AttributePath,
    depth: usize,
    nodes: usize,
}

impl Walk {
    fn fail<T>(&self, reason: CodecErrorReason) -> Result<T, CodecError> {
        Err(self.error(reason))
    }

    fn error(&self, reason: CodecErrorReason) -> CodecError {
        CodecError {
            path: self.path.clone(),
            reason,
        }
    }

    /// Counts one value.
    fn node(&mut self) -> Result<(), CodecError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.fail(CodecErrorReason::TooLarge)
        } else {
            Ok(())
        }
    }

    /// Runs `inner` one level further down; without a step the path stays.
    fn down<T>(
        &mut self,
        step: Option<Step>,
        inner: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<T, CodecError> {
        if self.depth >= MAX_DEPTH {
            return self.fail(CodecErrorReason::TooDeep);
        }
        let stepped = step.is_some();
        if let Some(step) = step {
            self.path.push(step);
        }
        self.depth += 1;
        let result = inner(self)?;
        self.depth -= 1;
        if stepped {
            self.path.pop();
        }
        Ok(result)
    }
}

/// The kind of a value, for messages: never its contents.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Unknown => "an unknown value",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::List(_) => "a list",
        Value::Map(_) => "a map or object",
    }
}

#[cfg(test)]
mod tests;
