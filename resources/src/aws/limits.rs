//! Plan-time limits of settings, and the one form in which JSON documents are compared.

use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tap_engine::json::{normalise, parse_document};
use tap_engine::reference::{has_unknown, references};
use tap_engine::{KindError, Settings};

use super::fields::Fields;

/// Collects what is wrong with settings. Text that still holds a `${...}` reference is not judged:
/// its value is only known at apply.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<(String, String)>);

impl Problems {
    /// Adds a problem.
    pub(super) fn say(&mut self, setting: &str, message: impl Into<String>) {
        self.0.push((setting.to_owned(), message.into()));
    }

    /// The setting must be there.
    pub(super) fn required(&mut self, settings: &Settings, names: &[&str]) {
        for name in names {
            if settings.value(name).is_none() {
                self.say(name, "is required");
            }
        }
    }

    /// Length in characters.
    pub(super) fn length(&mut self, settings: &Settings, name: &str, range: RangeInclusive<usize>) {
        let Some(text) = literal(settings, name) else { return };
        let length = text.chars().count();
        if !range.contains(&length) {
            let (least, most) = (range.start(), range.end());
            self.say(name, format!("must have {least} to {most} characters, not {length}"));
        }
    }

    /// Only ASCII letters, digits and these others.
    pub(super) fn charset(&mut self, settings: &Settings, name: &str, others: &str) {
        let Some(text) = literal(settings, name) else { return };
        let wrong = text
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !others.contains(*c));
        if let Some(wrong) = wrong {
            self.say(
                name,
                format!("may hold letters, digits and {others} only, not {wrong:?}"),
            );
        }
    }

    /// A whole number in a range.
    pub(super) fn number(&mut self, settings: &Settings, name: &str, range: RangeInclusive<i64>) {
        match settings.opt_i64(name) {
            Ok(Some(number)) if !range.contains(&number) => {
                let (least, most) = (range.start(), range.end());
                self.say(name, format!("must be {least} to {most}, not {number}"));
            }
            Ok(_) => {}
            Err(_) if literal(settings, name).is_none() && settings.opt_text(name).is_some() => {}
            Err(_) => self.say(name, "must be a whole number"),
        }
    }

    /// One of the values that AWS knows.
    pub(super) fn one_of(&mut self, settings: &Settings, name: &str, allowed: &[&str]) {
        let Some(text) = literal(settings, name) else { return };
        if !allowed.contains(&text) {
            self.say(name, format!("must be one of {}, not {text}", allowed.join(", ")));
        }
    }

    /// A list of at most so many elements.
    pub(super) fn at_most(&mut self, settings: &Settings, name: &str, most: usize) {
        let count = settings.value(name).and_then(Value::as_array).map_or(0, Vec::len);
        if count > most {
            self.say(name, format!("may have {most} elements at most, not {count}"));
        }
    }

    /// A structured setting, once all of it is known; says what is wrong with its shape.
    pub(super) fn parsed<T: DeserializeOwned>(&mut self, settings: &Settings, name: &str) -> Option<T> {
        if settings.value(name).is_none_or(has_unknown) {
            return None;
        }
        match settings.parse(name) {
            Ok(value) => value,
            Err(KindError::InvalidSetting { message, .. }) => {
                self.say(name, message);
                None
            }
            Err(error) => {
                self.say(name, error.to_string());
                None
            }
        }
    }

    /// A JSON document whose top is an object.
    pub(super) fn object(&mut self, settings: &Settings, name: &str) {
        let known = |value: &&Value| !has_unknown(value) && (!value.is_string() || references(value).is_empty());
        if settings
            .value(name)
            .filter(known)
            .is_some_and(|value| !document_form(value).is_object())
        {
            self.say(name, "must be a JSON object");
        }
    }

    /// What was found.
    pub(super) fn done(self) -> Vec<(String, String)> {
        self.0
    }
}

/// A text setting without references.
pub(super) fn literal<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.opt_text(name).filter(|text| !text.contains("${"))
}

/// A JSON document in the one form that is compared, whether it was given as text or as a value.
pub(super) fn document_form(value: &Value) -> Value {
    match value {
        Value::String(text) => normalise(&parse_document(text), false),
        other => normalise(other, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn mistakes_are_named_with_their_setting() {
        let wrong = settings(json!({"name": "a b", "days": 0, "state": "ON", "actions": [1, 2], "text": "12345"}));
        let mut problems = Problems::default();
        problems.charset(&wrong, "name", "-_");
        problems.number(&wrong, "days", 1..=10);
        problems.one_of(&wrong, "state", &["ENABLED", "DISABLED"]);
        problems.at_most(&wrong, "actions", 1);
        problems.length(&wrong, "text", 1..=4);
        problems.required(&wrong, &["rule", "name"]);
        let names: Vec<String> = problems.done().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["name", "days", "state", "actions", "text", "rule"]);
    }

    #[test]
    fn references_are_judged_at_apply() {
        let open = settings(json!({"name": "${sqs_queue.a b.name}", "days": "${x.y.days}"}));
        let mut problems = Problems::default();
        problems.charset(&open, "name", "");
        problems.length(&open, "name", 1..=2);
        problems.number(&open, "days", 1..=10);
        assert_eq!(problems.done(), []);
    }

    #[test]
    fn structures_are_judged_once_all_of_them_is_known() {
        let unknown = tap_engine::reference::UNKNOWN;
        let open = settings(json!({"list": [1, unknown], "pattern": unknown, "wrong": ["a"], "text": "no object"}));
        let mut problems = Problems::default();
        assert_eq!(problems.parsed::<Vec<i32>>(&open, "list"), None);
        assert_eq!(problems.parsed::<Vec<i32>>(&open, "missing"), None);
        problems.object(&open, "pattern");
        problems.object(&open, "text");
        assert_eq!(problems.parsed::<Vec<i32>>(&open, "wrong"), None);
        let names: Vec<String> = problems.done().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["text", "wrong"]);
    }

    #[test]
    fn a_document_given_as_text_equals_the_same_document_given_as_a_value() {
        assert_eq!(
            document_form(&json!(r#"{"b": 1.0, "a": []}"#)),
            document_form(&json!({"a": [], "b": 1}))
        );
    }
}
