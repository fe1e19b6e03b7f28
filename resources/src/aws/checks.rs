//! Plan-time checks of settings: mistakes that would otherwise only show at AWS.

use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tap_engine::reference::{has_unknown, references};
use tap_engine::{KindError, Settings};

use super::fields::Fields;
use super::shape::document_form;

/// Collects what is wrong with the settings of one component, for [`tap_engine::Kind::validate`]. Values that still
/// hold references or are not known yet pass: they are judged at apply.
#[derive(Debug)]
pub struct Checks<'a> {
    settings: &'a Settings,
    wrong: Vec<(String, String)>,
}

/// ASCII letters, digits and these others.
pub fn alphanumeric_or(others: &str) -> impl Fn(char) -> bool {
    move |c| c.is_ascii_alphanumeric() || others.contains(c)
}

/// The text of a setting at plan time, unless it still holds references.
pub fn literal<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.opt_text(name).filter(|text| !text.contains("${"))
}

impl<'a> Checks<'a> {
    /// Begins the checks.
    pub fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            wrong: Vec::new(),
        }
    }

    /// A setting's value, once all of it is known.
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

    /// The settings must be there.
    pub fn required(&mut self, names: &[&str]) -> &mut Self {
        for name in names {
            if self.settings.value(name).is_none() {
                self.wrong(name, "is required");
            }
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
        self.length(name, length);
        if let Some(other) = text.chars().find(|c| !allowed(*c)) {
            self.wrong(name, format!("may hold {described} only, not {other:?}"));
        }
        self
    }

    /// Text of a length, in characters.
    pub fn length(&mut self, name: &str, range: RangeInclusive<usize>) -> &mut Self {
        let Some(text) = self.known_text(name) else {
            return self;
        };
        let count = text.chars().count();
        if !range.contains(&count) {
            let (least, most) = (range.start(), range.end());
            self.wrong(name, format!("must have {least} to {most} characters, not {count}"));
        }
        self
    }

    /// Text of ASCII letters, digits and these others.
    pub fn charset(&mut self, name: &str, others: &str) -> &mut Self {
        let Some(text) = self.known_text(name) else {
            return self;
        };
        if let Some(odd) = text.chars().find(|c| !alphanumeric_or(others)(*c)) {
            self.wrong(name, format!("may hold letters, digits and {others} only, not {odd:?}"));
        }
        self
    }

    /// A name, said in one message: 1 to `longest` characters, ASCII letters, digits and these others.
    pub fn name(&mut self, name: &str, longest: usize, others: &str) -> &mut Self {
        let Some(text) = self.known_text(name) else {
            return self;
        };
        let is_legal = text.chars().all(alphanumeric_or(others));
        if text.is_empty() || text.chars().count() > longest || !is_legal {
            let message = format!("{text:?} must have 1 to {longest} characters: letters, digits and any of {others}");
            self.wrong(name, message);
        }
        self
    }

    /// A whole number in a range.
    pub fn range(&mut self, name: &str, range: RangeInclusive<i64>) -> &mut Self {
        let Some(value) = self.known(name) else { return self };
        if !value.as_i64().is_some_and(|number| range.contains(&number)) {
            let (least, most) = (range.start(), range.end());
            self.wrong(name, format!("{value} must be a whole number from {least} to {most}"));
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

    /// A list of at most so many elements, known or not.
    pub fn at_most(&mut self, name: &str, most: usize) -> &mut Self {
        let count = self.settings.value(name).and_then(Value::as_array).map_or(0, Vec::len);
        if count > most {
            self.wrong(name, format!("may have {most} elements at most, not {count}"));
        }
        self
    }

    /// A structured setting, once nothing in it is unknown (references stay in it as text); says what is wrong with its
    /// shape.
    pub fn parsed<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        if self.settings.value(name).is_none_or(has_unknown) {
            return None;
        }
        match self.settings.parse(name) {
            Ok(value) => value,
            Err(KindError::InvalidSetting { message, .. }) => {
                self.wrong(name, message);
                None
            }
            Err(error) => {
                self.wrong(name, error.to_string());
                None
            }
        }
    }

    /// A JSON document, as text or as a value, whose top is an object.
    pub fn object(&mut self, name: &str) -> &mut Self {
        let known = |value: &&Value| !has_unknown(value) && (!value.is_string() || references(value).is_empty());
        let value = self.settings.value(name).filter(known);
        if value.is_some_and(|value| !document_form(value).is_object()) {
            self.wrong(name, "must be a JSON object");
        }
        self
    }

    /// What was found: setting and mistake.
    pub fn done(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    fn names(mut checks: Checks<'_>) -> Vec<String> {
        checks.done().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn mistakes_are_named_with_their_setting() {
        let settings = settings(json!({
            "name": "a b", "title": "no spaces", "days": 3, "type": "X", "text": "12345", "actions": [1, 2],
        }));
        let mut checks = Checks::new(&settings);
        checks
            .required(&["missing", "name"])
            .text("name", 1..=2, alphanumeric_or("-"), "letters, digits and -")
            .name("title", 64, "-_")
            .range("days", 7..=30)
            .one_of("type", &["A", "B"])
            .length("text", 1..=4)
            .charset("title", "-_")
            .at_most("actions", 1);
        assert_eq!(
            names(checks),
            [
                "missing", "name", "name", "title", "days", "type", "text", "title", "actions"
            ]
        );
    }

    #[test]
    fn references_are_judged_at_apply() {
        let open = settings(json!({"name": "${sqs_queue.a b.name}", "days": "${x.y.days}"}));
        let mut checks = Checks::new(&open);
        checks
            .text("name", 1..=2, alphanumeric_or(""), "letters and digits")
            .charset("name", "")
            .length("name", 1..=2)
            .name("name", 3, "")
            .one_of("name", &["x"])
            .range("days", 1..=10);
        assert_eq!(checks.done(), []);
    }

    #[test]
    fn structures_are_judged_once_all_of_them_is_known() {
        let unknown = tap_engine::reference::UNKNOWN;
        let open = settings(json!({"list": [1, unknown], "pattern": unknown, "wrong": ["a"], "text": "no object"}));
        let mut checks = Checks::new(&open);
        assert_eq!(checks.parsed::<Vec<i32>>("list"), None);
        assert_eq!(checks.parsed::<Vec<i32>>("missing"), None);
        checks.object("pattern").object("text");
        assert_eq!(checks.parsed::<Vec<i32>>("wrong"), None);
        assert_eq!(names(checks), ["text", "wrong"]);
    }
}
