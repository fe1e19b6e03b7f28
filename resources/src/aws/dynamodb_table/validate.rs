//! Plan-time checks of a table.
//!
//! Limits: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.

use tap_engine::Settings;

use super::super::checks::{Checks, alphanumeric_or};
use super::super::fields::Fields;
use super::global;
use super::shape::{self, Index, KeyAttribute, PointInTimeRecovery, Sse};

/// Everything that is wrong with the settings: `(setting, what)`.
pub(super) fn mistakes(settings: &Settings) -> Vec<(String, String)> {
    let mut checks = Checks::new(settings);
    checks
        .required(&["table_name", "hash_key"])
        .text("ttl_attribute", 1..=255, |_| true, "any character")
        .one_of("billing_mode", &["PROVISIONED", "PAY_PER_REQUEST"])
        .one_of(
            "stream_view_type",
            &["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"],
        )
        .range("read_capacity", 1..=i64::MAX)
        .range("write_capacity", 1..=i64::MAX);
    common(&mut checks);
    capacity(settings, &mut checks);
    for (name, message) in structure(settings) {
        checks.wrong(name, message);
    }
    global::mistakes(settings, &mut checks);
    checks.done()
}

/// What a table and its replica are checked for alike.
pub(in crate::aws) fn common(checks: &mut Checks<'_>) {
    checks
        .text(
            "table_name",
            3..=255,
            alphanumeric_or("_.-"),
            "letters, digits, _, . and -",
        )
        .one_of("table_class", &["STANDARD", "STANDARD_INFREQUENT_ACCESS"]);
}

/// Mistakes in `point_in_time_recovery`.
pub(in crate::aws) fn recovery(settings: &Settings) -> Option<String> {
    match settings.parse::<PointInTimeRecovery>("point_in_time_recovery") {
        Err(error) => Some(error.to_string()),
        Ok(Some(recovery)) if recovery.recovery_period_in_days.is_some_and(|d| !(1..=35).contains(&d)) => {
            Some("recovery_period_in_days is from 1 to 35".to_owned())
        }
        Ok(_) => None,
    }
}

fn capacity(settings: &Settings, checks: &mut Checks<'_>) {
    let mode = settings.value("billing_mode");
    if mode.is_some() && checks.known("billing_mode").is_none() {
        return;
    }
    let is_provisioned = mode.is_none_or(|mode| mode == "PROVISIONED");
    for name in ["read_capacity", "write_capacity"] {
        match settings.value(name) {
            None if is_provisioned => {
                checks.wrong(name, "is required when billing_mode is PROVISIONED (the default)");
            }
            Some(_) if !is_provisioned => {
                checks.wrong(name, "must be left out when billing_mode is PAY_PER_REQUEST");
            }
            _ => {}
        }
    }
}

/// Mistakes in the structured settings.
fn structure(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut errors = Vec::new();
    for name in ["hash_key", "range_key"] {
        match settings.parse::<KeyAttribute>(name) {
            Err(error) => errors.push((name, error.to_string())),
            Ok(Some(key)) if !key.is_valid() => errors.push((name, "type is S, N or B".to_owned())),
            Ok(_) => {}
        }
    }
    errors.extend(recovery(settings).map(|message| ("point_in_time_recovery", message)));
    if let Err(error) = settings.parse::<Sse>("sse") {
        errors.push(("sse", error.to_string()));
    }
    let name = "global_secondary_indexes";
    match settings.parse::<Vec<Index>>(name) {
        Err(error) => errors.push((name, error.to_string())),
        Ok(indexes) => errors.extend(
            shape::index_errors(&indexes.unwrap_or_default())
                .into_iter()
                .map(|e| (name, e)),
        ),
    }
    errors
}
