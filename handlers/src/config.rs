//! Configuration from the environment, read once at start (REQUIREMENTS 6.5).

use std::collections::BTreeMap;
use std::str::FromStr;

use thiserror::Error;

/// Why a handler could not start. The text names the variable, never its value.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InitError {
    /// A required variable is absent or empty.
    #[error("missing environment variable {0}")]
    MissingVariable(String),
    /// A variable is set to something that cannot be used.
    #[error("environment variable {name} is invalid: expected {expected}")]
    InvalidVariable {
        /// Name of the variable.
        name: String,
        /// What would have been accepted.
        expected: String,
    },
    /// `_HANDLER` names no handler of this binary.
    #[error("unknown handler \"{name}\" in _HANDLER: expected one of {known}")]
    UnknownHandler {
        /// The value of `_HANDLER`.
        name: String,
        /// The handlers of this binary, comma separated.
        known: String,
    },
}

impl InitError {
    /// Error type reported to the Lambda runtime API.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::MissingVariable(_) => "Configuration.MissingVariable",
            Self::InvalidVariable { .. } => "Configuration.InvalidVariable",
            Self::UnknownHandler { .. } => "Configuration.UnknownHandler",
        }
    }

    pub(crate) fn invalid(name: &str, expected: impl Into<String>) -> Self {
        Self::InvalidVariable {
            name: name.to_owned(),
            expected: expected.into(),
        }
    }
}

/// A snapshot of the environment. An empty value counts as absent, because
/// Lambda's console and most templates cannot express "unset".
#[derive(Debug, Clone, Default)]
pub struct Env {
    vars: BTreeMap<String, String>,
}

impl Env {
    /// The environment of this process. Values that are not UTF-8 are left out.
    pub fn from_process() -> Self {
        let vars = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let env = Self { vars: vars.collect() };
        env.or_handler(std::env::args().nth(1))
    }

    /// In a container image Lambda does not set `_HANDLER`: the image's command arrives as the first
    /// argument, as AWS's base images' own entry point takes it
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>).
    fn or_handler(mut self, argument: Option<String>) -> Self {
        if let Some(name) = argument.filter(|_| self.optional("_HANDLER").is_none()) {
            self.vars.insert("_HANDLER".to_owned(), name);
        }
        self
    }

    /// An environment made of the given pairs.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self {
            vars: pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
        }
    }

    /// The value, or `None` when it is absent or empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(|v| v.trim()).filter(|v| !v.is_empty())
    }

    /// The value, or an error that names the variable.
    pub fn required(&self, name: &str) -> Result<String, InitError> {
        self.optional(name)
            .map(str::to_owned)
            .ok_or_else(|| InitError::MissingVariable(name.to_owned()))
    }

    /// The value as text, or the default.
    pub fn or(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or(default).to_owned()
    }

    /// The value parsed, or the default when it is absent.
    pub fn parsed_or<T: FromStr>(&self, name: &str, default: T, expected: &str) -> Result<T, InitError> {
        match self.optional(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| InitError::invalid(name, expected)),
        }
    }

    /// A comma separated list, or the default when the variable is absent.
    pub fn list_or(&self, name: &str, default: &[&str]) -> Vec<String> {
        match self.optional(name) {
            None => default.iter().map(|s| (*s).to_owned()).collect(),
            Some(text) => text
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// One of the allowed words, or the default when the variable is absent.
    pub fn choice_or<T: Copy>(&self, name: &str, default: T, choices: &[(&str, T)]) -> Result<T, InitError> {
        let Some(text) = self.optional(name) else {
            return Ok(default);
        };
        choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                InitError::invalid(name, format!("one of {}", words.join(", ")))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_variable_is_named() {
        let env = Env::from_pairs([("EMPTY", " ")]);
        for name in ["EMPTY", "ABSENT"] {
            let error = env.required(name).unwrap_err();
            assert_eq!(error.to_string(), format!("missing environment variable {name}"));
        }
    }

    #[test]
    fn an_invalid_value_is_not_echoed() {
        let env = Env::from_pairs([("PAGE_LIMIT", "s3cret")]);
        let error = env.parsed_or("PAGE_LIMIT", 100_u32, "a whole number").unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable PAGE_LIMIT is invalid: expected a whole number"
        );
    }

    #[test]
    fn in_a_container_image_the_command_names_the_handler() {
        let image = Env::from_pairs([("LOG_LEVEL", "info")]).or_handler(Some("fraud_detector".into()));
        assert_eq!(image.optional("_HANDLER"), Some("fraud_detector"));
        let zip = Env::from_pairs([("_HANDLER", "webhook_validator")]).or_handler(Some("other".into()));
        assert_eq!(zip.optional("_HANDLER"), Some("webhook_validator"));
    }

    #[test]
    fn choices_are_listed_when_none_fits() {
        let env = Env::from_pairs([("AUTH_MODE", "basic")]);
        let error = env.choice_or("AUTH_MODE", 0, &[("hmac", 1), ("none", 2)]).unwrap_err();
        assert!(error.to_string().ends_with("expected one of hmac, none"));
    }
}
