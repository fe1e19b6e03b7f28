//! Small things that many kinds do in the same way.

use std::collections::HashMap;

use aws_smithy_types::error::operation::BuildError;
use serde_json::Value;
use tap_engine::{Change, Context, KindError, KindResult, Settings};

use super::fields::Fields;
use super::tags;

/// What was read, unless it is only AWS's default for a setting that nobody set: a reported default
/// would look like drift.
pub fn unless_default(
    recorded: &Settings,
    setting: &str,
    value: Option<impl Into<Value>>,
    default: impl Into<Value>,
) -> Option<Value> {
    let value = value?.into();
    (recorded.value(setting).is_some() || value != default.into()).then_some(value)
}

/// Unwraps an SDK builder that checks required members.
pub fn built<T>(setting: &str, built: Result<T, BuildError>) -> KindResult<T> {
    built.map_err(|e| KindError::invalid(setting, e.to_string()))
}

/// Tags that have to be written and names to be removed, as most SDK calls take them; `None` when
/// there is nothing to do.
pub fn tag_changes(change: &Change<'_>) -> (Option<HashMap<String, String>>, Option<Vec<String>>) {
    if !change.has("tags") {
        return (None, None);
    }
    let (put, gone) = tags::delta(change);
    (
        (!put.is_empty()).then(|| put.into_iter().collect()),
        (!gone.is_empty()).then_some(gone),
    )
}

/// Success when the tags prove that the object is this component's.
pub fn claim(cx: &Context, operation: &str, what: &str, found: &tags::Tags) -> KindResult<()> {
    if tags::owned(cx, found) {
        return Ok(());
    }
    Err(KindError::NotOwned {
        operation: operation.to_owned(),
        message: format!(
            "{what} exists already and is not tagged as {} of {}; delete it, rename this one, or import it",
            cx.key, cx.stack
        ),
    })
}

/// The text of a setting at plan time, unless it still holds references.
pub fn literal<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.opt_text(name).filter(|text| !text.contains("${"))
}

/// Collects the findings of [`tap_engine::Kind::validate`].
#[derive(Debug)]
pub struct Findings<'a> {
    settings: &'a Settings,
    found: Vec<(String, String)>,
}

impl<'a> Findings<'a> {
    /// For these settings (references still symbolic).
    pub fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            found: Vec::new(),
        }
    }

    /// Adds a finding.
    pub fn add(&mut self, setting: &str, message: impl Into<String>) -> &mut Self {
        self.found.push((setting.to_owned(), message.into()));
        self
    }

    /// A name: at most `longest` characters, letters, digits and `also`.
    pub fn name(&mut self, setting: &str, longest: usize, also: &str) -> &mut Self {
        let Some(text) = literal(self.settings, setting) else {
            return self;
        };
        let legal = text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
        if text.is_empty() || text.chars().count() > longest || !legal {
            let message = format!("{text:?} must have 1 to {longest} characters: letters, digits and any of {also}");
            self.add(setting, message);
        }
        self
    }

    /// A number within bounds.
    pub fn range(&mut self, setting: &str, low: i64, high: i64) -> &mut Self {
        match self.settings.value(setting) {
            Some(Value::Number(n)) if n.as_i64().is_none_or(|n| n < low || n > high) => {
                self.add(setting, format!("{n} must be a whole number from {low} to {high}"))
            }
            _ => self,
        }
    }

    /// One of several words.
    pub fn word(&mut self, setting: &str, words: &[&str]) -> &mut Self {
        match literal(self.settings, setting) {
            Some(text) if !words.contains(&text) => {
                self.add(setting, format!("{text:?} must be one of {}", words.join(", ")))
            }
            _ => self,
        }
    }

    /// A setting that must be there.
    pub fn required(&mut self, setting: &str) -> &mut Self {
        if self.settings.value(setting).is_none() {
            self.add(setting, "is required");
        }
        self
    }

    /// All findings.
    pub fn done(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_default_is_shown_only_where_it_was_asked_for() {
        let asked = Settings::from([("timeout".to_owned(), json!(9))]);
        assert_eq!(unless_default(&Settings::new(), "timeout", Some(3), 3), None);
        assert_eq!(unless_default(&Settings::new(), "timeout", Some(4), 3), Some(json!(4)));
        assert_eq!(unless_default(&asked, "timeout", Some(3), 3), Some(json!(3)));
        assert_eq!(unless_default(&asked, "timeout", None::<i32>, 3), None);
    }

    #[test]
    fn findings_leave_references_alone() {
        let settings = Settings::from([
            ("name".to_owned(), json!("no spaces")),
            ("role".to_owned(), json!("${iam_role.a.arn}")),
            ("size".to_owned(), json!(7)),
        ]);
        let found = Findings::new(&settings)
            .name("name", 64, "-_")
            .name("role", 3, "")
            .word("role", &["x"])
            .range("size", 8, 9)
            .required("absent")
            .done();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["name", "size", "absent"]);
    }
}
