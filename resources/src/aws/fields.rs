//! Typed access to settings, with errors that name the setting.

use std::collections::BTreeMap;

use aws_smithy_types::error::operation::BuildError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tap_engine::{KindError, KindResult, Settings};

/// Typed getters on [`Settings`].
pub trait Fields {
    /// A required string.
    fn text(&self, name: &str) -> KindResult<&str>;
    /// An optional string.
    fn opt_text(&self, name: &str) -> Option<&str>;
    /// An optional string as the SDK's setters like it.
    fn opt_string(&self, name: &str) -> Option<String>;
    /// An optional whole number.
    fn opt_i64(&self, name: &str) -> KindResult<Option<i64>>;
    /// [`Self::opt_i64`] for members that AWS types as 32 bit.
    fn opt_i32(&self, name: &str) -> KindResult<Option<i32>>;
    /// An optional decimal, for AWS members that are doubles.
    fn opt_f64(&self, name: &str) -> KindResult<Option<f64>>;
    /// An optional boolean.
    fn opt_bool(&self, name: &str) -> KindResult<Option<bool>>;
    /// A list of strings; absent is empty.
    fn texts(&self, name: &str) -> KindResult<Vec<String>>;
    /// A map of strings; absent is empty.
    fn text_map(&self, name: &str) -> KindResult<BTreeMap<String, String>>;
    /// The raw value, `None` for absent and null.
    fn value(&self, name: &str) -> Option<&Value>;
    /// A JSON document (policy, definition, pattern) as compact text for the API.
    fn document(&self, name: &str) -> Option<String>;
    /// A structured setting.
    fn parse<T: DeserializeOwned>(&self, name: &str) -> KindResult<Option<T>>;
}

impl Fields for Settings {
    fn text(&self, name: &str) -> KindResult<&str> {
        self.opt_text(name)
            .ok_or_else(|| KindError::invalid(name, "is required and must be a string"))
    }
    fn opt_text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }
    fn opt_string(&self, name: &str) -> Option<String> {
        self.opt_text(name).map(ToOwned::to_owned)
    }
    fn opt_i64(&self, name: &str) -> KindResult<Option<i64>> {
        self.value(name)
            .map(|v| {
                v.as_i64()
                    .ok_or_else(|| KindError::invalid(name, format!("must be a whole number, not {v}")))
            })
            .transpose()
    }
    fn opt_i32(&self, name: &str) -> KindResult<Option<i32>> {
        self.opt_i64(name)?
            .map(|n| i32::try_from(n).map_err(|_| KindError::invalid(name, format!("{n} does not fit 32 bits"))))
            .transpose()
    }
    fn opt_f64(&self, name: &str) -> KindResult<Option<f64>> {
        self.value(name)
            .map(|v| {
                v.as_f64()
                    .ok_or_else(|| KindError::invalid(name, format!("must be a number, not {v}")))
            })
            .transpose()
    }
    fn opt_bool(&self, name: &str) -> KindResult<Option<bool>> {
        self.value(name)
            .map(|v| {
                v.as_bool()
                    .ok_or_else(|| KindError::invalid(name, format!("must be true or false, not {v}")))
            })
            .transpose()
    }
    fn texts(&self, name: &str) -> KindResult<Vec<String>> {
        Ok(self.parse(name)?.unwrap_or_default())
    }
    fn text_map(&self, name: &str) -> KindResult<BTreeMap<String, String>> {
        Ok(self.parse(name)?.unwrap_or_default())
    }
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|v| !v.is_null())
    }
    fn document(&self, name: &str) -> Option<String> {
        self.value(name).map(|v| match v {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
    fn parse<T: DeserializeOwned>(&self, name: &str) -> KindResult<Option<T>> {
        self.value(name)
            .map(|v| serde_json::from_value(v.clone()).map_err(|e| KindError::invalid(name, e.to_string())))
            .transpose()
    }
}

/// A part of a request as the SDK's builder made it; it refuses where a required member is missing.
pub fn built<T>(operation: &str, part: Result<T, BuildError>) -> KindResult<T> {
    part.map_err(|error| KindError::Failed {
        operation: operation.to_owned(),
        message: error.to_string(),
    })
}

/// Builds observed [`Settings`], leaving unset what is `None`.
#[derive(Debug, Default)]
pub struct Seen(Settings);

impl Seen {
    /// Records a value that was read; `None` and `null` are "not set".
    pub fn put(&mut self, name: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value.map(Into::into).filter(|v| !v.is_null()) {
            self.0.insert(name.to_owned(), value);
        }
        self
    }
    /// Records a value that was read, unless it is the default that AWS reports although nobody has
    /// set anything: then it is "not set", or every unmanaged member would look like drift.
    pub fn put_unless_default(
        &mut self,
        name: &str,
        value: Option<impl Into<Value>>,
        default: impl Into<Value>,
        recorded: &Settings,
    ) -> &mut Self {
        let value = value.map(Into::into);
        if value == Some(default.into()) && recorded.value(name).is_none() {
            return self;
        }
        self.put(name, value)
    }
    /// The collected settings.
    pub fn done(self) -> Settings {
        self.0
    }
}
