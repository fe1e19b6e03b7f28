//! Plan-time checks of settings: mistakes that would otherwise only show at AWS.

use std::ops::RangeInclusive;

use serde_json::Value;
use tap_engine::Settings;
use tap_engine::reference::{has_unknown, references};

use super::fields::Fields;

/// Collects what is wrong with the settings of one component. Values that still hold references
/// or are not known yet pass: they are judged at apply.
#[derive(Debug)]
pub struct Checks<'a> {
    settings: &'a Settings,
    wrong: Vec<(String, String)>,
}

/// ASCII letters, digits and these others.
pub fn alphanumeric_or(others: &'static str) -> impl Fn(char) -> bool {
    move |c| c.is_ascii_alphanumeric() || others.contains(c)
}

impl<'a> Checks<'a> {
    /// Begins the checks.
    pub fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            wrong: Vec::new(),
        }
    }

    /// A setting's value, once it is known.
    pub fn known(&self, name: &str) -> Option<&'a Value> {
        self.settings
            .value(name)
            .filter(|value| references(value).is_empty() && !has_unknown(value))
    }

    /// [`Self::known`] for text.
    pub fn known_text(&self, name: &str) -> Option<&'a str> {
        self.known(name).and_then(Value::as_str)
    }

    /// Reports a mistake.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>) -> &mut Self {
        self.wrong.push((name.to_owned(), message.into()));
        self
    }

    /// The setting must be there.
    pub fn required(&mut self, name: &str) -> &mut Self {
        if self.settings.value(name).is_none() {
            self.wrong(name, "is required");
        }
        self
    }

    /// Text of a length (in characters) and of certain characters; `described` names those.
    pub fn text(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        allowed: impl Fn(char) -> bool,
        described: &str,
    ) -> &mut Self {
        let Some(value) = self.known(name) else { return self };
        let Some(text) = value.as_str() else {
            return self.wrong(name, format!("must be a string, not {value}"));
        };
        let count = text.chars().count();
        if !length.contains(&count) {
            let (least, most) = (length.start(), length.end());
            self.wrong(name, format!("must have {least} to {most} characters, not {count}"));
        }
        if let Some(other) = text.chars().find(|c| !allowed(*c)) {
            self.wrong(name, format!("may hold {described} only, not {other:?}"));
        }
        self
    }

    /// A whole number in a range.
    pub fn range(&mut self, name: &str, range: RangeInclusive<i64>) -> &mut Self {
        let Some(value) = self.known(name) else { return self };
        if !value.as_i64().is_some_and(|number| range.contains(&number)) {
            let (least, most) = (range.start(), range.end());
            self.wrong(
                name,
                format!("must be a whole number from {least} to {most}, not {value}"),
            );
        }
        self
    }

    /// One of the values that AWS knows.
    pub fn one_of(&mut self, name: &str, allowed: &[&str]) -> &mut Self {
        let Some(value) = self.known(name) else { return self };
        if !value.as_str().is_some_and(|text| allowed.contains(&text)) {
            self.wrong(name, format!("must be one of {}, not {value}", allowed.join(", ")));
        }
        self
    }

    /// What was found: setting and mistake.
    pub fn done(self) -> Vec<(String, String)> {
        self.wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mistakes_are_named_and_open_values_pass() {
        let settings: Settings = serde_json::from_value(json!({
            "name": "a b", "days": 3, "type": "X", "open": "${kms_key.data.arn}"
        }))
        .unwrap();
        let mut checks = Checks::new(&settings);
        checks
            .required("missing")
            .text("name", 1..=2, alphanumeric_or("-"), "letters, digits and -")
            .range("days", 7..=30)
            .one_of("type", &["A", "B"])
            .text("open", 1..=2, alphanumeric_or(""), "letters and digits");
        let names: Vec<String> = checks.done().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["missing", "name", "name", "days", "type"]);
    }
}
