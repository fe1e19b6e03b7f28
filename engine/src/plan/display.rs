//! A plan as text, for logs and tests: one line per setting that differs.

use std::fmt;

use serde_json::Value;

use super::{Action, Plan, PlannedValue, SettingChange, Step};
use crate::component::Key;
use crate::reference::has_unknown;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no changes");
        }
        for (key, step) in &self.steps {
            write_step(f, key, step)?;
        }
        for (key, id) in &self.deposed {
            writeln!(f, "- {key} (replaced earlier, old object {id})")?;
        }
        Ok(())
    }
}

fn write_step(f: &mut fmt::Formatter<'_>, key: &Key, step: &Step) -> fmt::Result {
    match &step.action {
        Action::Keep => Ok(()),
        Action::Delete => writeln!(f, "- {key}"),
        Action::Create => {
            writeln!(f, "+ {key}")?;
            for (name, value) in &step.settings {
                match value {
                    PlannedValue::Known(value) => writeln!(f, "    {name} {}", shown(value))?,
                    PlannedValue::Unknown => writeln!(f, "    {name} (known after apply)")?,
                }
            }
            Ok(())
        }
        Action::Update { changes } => {
            for change in changes {
                write_change(f, &format!("~ {key}: "), change)?;
            }
            Ok(())
        }
        Action::Replace {
            changes,
            because,
            create_first,
        } => {
            let mark = if *create_first { "+/-" } else { "-/+" };
            writeln!(f, "{mark} {key} ({})", because.join("; "))?;
            for change in changes {
                write_change(f, "    ", change)?;
            }
            Ok(())
        }
    }
}

fn write_change(f: &mut fmt::Formatter<'_>, lead: &str, change: &SettingChange) -> fmt::Result {
    let name = &change.setting;
    if change.reference_changed {
        let value = change.after.as_ref().map(shown).unwrap_or_default();
        return writeln!(f, "{lead}{name} {value} (refers to something new)");
    }
    if change.unknown {
        let before = before_text(change.before.as_ref());
        return writeln!(f, "{lead}{name} {before} -> (known after apply)");
    }
    let mut lines = Vec::new();
    members(name, change.before.as_ref(), change.after.as_ref(), &mut lines);
    lines.iter().try_for_each(|line| writeln!(f, "{lead}{line}"))
}

/// Goes into documents as far as both sides have the same shape, so that one changed statement of
/// a policy shows as that.
fn members(path: &str, before: Option<&Value>, after: Option<&Value>, lines: &mut Vec<String>) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            for name in before
                .keys()
                .chain(after.keys().filter(|name| !before.contains_key(*name)))
            {
                members(&format!("{path}.{name}"), before.get(name), after.get(name), lines);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                members(&format!("{path}[{index}]"), Some(before), Some(after), lines);
            }
        }
        (before, after) => {
            let after = after.map_or_else(|| "(not set)".to_owned(), shown);
            lines.push(format!("{path} {} -> {after}", before_text(before)));
        }
    }
}

fn before_text(value: Option<&Value>) -> String {
    match value {
        None => "(not set)".to_owned(),
        Some(value) if has_unknown(value) => "(in doubt)".to_owned(),
        Some(value) => value.to_string(),
    }
}

fn shown(value: &Value) -> String {
    if has_unknown(value) {
        "(known after apply)".to_owned()
    } else {
        value.to_string()
    }
}
