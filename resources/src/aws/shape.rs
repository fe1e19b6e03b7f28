//! Small things that many kinds do in the same way.

use std::collections::HashMap;

use aws_smithy_types::error::operation::BuildError;
use serde_json::Value;
use tap_engine::json::{normalise, parse_document};
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

/// A JSON document in the one form that is compared, whether it was given as text or as a value.
pub fn document_form(value: &Value) -> Value {
    match value {
        Value::String(text) => normalise(&parse_document(text), false),
        other => normalise(other, false),
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
    fn a_document_given_as_text_equals_the_same_document_given_as_a_value() {
        assert_eq!(
            document_form(&json!(r#"{"b": 1.0, "a": []}"#)),
            document_form(&json!({"a": [], "b": 1}))
        );
    }
}
