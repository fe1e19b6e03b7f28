//! When two values of a setting are the same, and what is true of an object that was read.

use serde_json::Value;

use crate::component::Settings;
use crate::kind::Kind;

/// `null`, an empty list and an empty map all mean "not set": AWS's APIs do not tell them apart
/// when they answer.
pub(crate) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// The one form of a setting's value that is compared and shown; `None` when it is not set.
pub(crate) fn canonical(kind: &dyn Kind, setting: &str, value: Option<&Value>) -> Option<Value> {
    let value = value.filter(|v| !is_unset(v))?;
    Some(kind.normalise(setting, value)).filter(|v| !is_unset(v))
}

/// True when two values of a setting mean the same. `recorded` is mostly canonical already, so that only the other one has
/// to be brought into that form.
pub(crate) fn same(kind: &dyn Kind, setting: &str, recorded: Option<&Value>, other: Option<&Value>) -> bool {
    if recorded == other {
        return true;
    }
    let other = canonical(kind, setting, other);
    other.as_ref() == recorded || other == canonical(kind, setting, recorded)
}

/// Settings in the form that is recorded: canonical, and only those that are set.
pub(crate) fn canonical_all(kind: &dyn Kind, settings: &Settings) -> Settings {
    let canonical = |(name, value): (&String, &Value)| Some((name.clone(), canonical(kind, name, Some(value))?));
    settings.iter().filter_map(canonical).collect()
}

/// A way to write an object's settings: with references, and what they resolve to.
pub(crate) struct Reading<'a> {
    pub(crate) symbolic: &'a Settings,
    pub(crate) resolved: &'a Settings,
}

/// What to record for an object that was read. Where a reading says what is there, its symbolic
/// text is kept (the first that fits wins); elsewhere the actual value is taken. Settings that
/// cannot be read come from `unreadable`.
pub(crate) fn truth(
    kind: &dyn Kind,
    observed: &Settings,
    readings: &[Reading<'_>],
    unreadable: impl Fn(&str) -> Option<Value>,
) -> Settings {
    let mut found = Settings::new();
    for setting in kind.spec().settings {
        let name = setting.name;
        let value = if setting.unreadable {
            unreadable(name)
        } else {
            text_of(kind, name, observed.get(name), readings)
        };
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    }
    found
}

/// How a readable setting is to be written.
fn text_of(kind: &dyn Kind, name: &str, actual: Option<&Value>, readings: &[Reading<'_>]) -> Option<Value> {
    let actual = actual.filter(|value| !is_unset(value))?;
    // Mostly nothing has changed: then no document need be brought into its normal form.
    let unchanged = readings.first().filter(|r| r.resolved.get(name) == Some(actual));
    if let Some(text) = unchanged.and_then(|r| r.symbolic.get(name)) {
        return Some(text.clone());
    }
    let seen = canonical(kind, name, Some(actual))?;
    let fits = |r: &&Reading<'_>| canonical(kind, name, r.resolved.get(name)).as_ref() == Some(&seen);
    let fitting = readings.iter().find(fits).and_then(|r| r.symbolic.get(name));
    Some(fitting.cloned().unwrap_or(seen))
}
