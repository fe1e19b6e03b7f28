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

/// True when two values of a setting mean the same.
pub(crate) fn same(kind: &dyn Kind, setting: &str, a: Option<&Value>, b: Option<&Value>) -> bool {
    a == b || canonical(kind, setting, a) == canonical(kind, setting, b)
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
            canonical(kind, name, observed.get(name)).map(|seen| {
                let fits = |r: &&Reading<'_>| canonical(kind, name, r.resolved.get(name)).as_ref() == Some(&seen);
                readings
                    .iter()
                    .find(fits)
                    .and_then(|r| r.symbolic.get(name))
                    .cloned()
                    .unwrap_or(seen)
            })
        };
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    }
    found
}
