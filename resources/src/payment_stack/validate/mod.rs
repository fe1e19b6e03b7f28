//! Plan-time checks across attributes: what AWS, or a handler, would only say at apply time
//! (requirements 9.2).

mod api;
mod data;
mod flow;
mod reconciliation;
mod regions;
mod twice;
mod vpc;
mod watch;

use serde_json::Value;
use tap_plugin::Diagnostics;

use super::config::Config;
use crate::composite::Environment;
use crate::composite::findings::Findings;

/// `written` is the configuration with its write-only values, which [`Config`] does not have.
pub(super) fn validate(config: &Config, written: &Value) -> Diagnostics {
    let mut findings = Findings::default();
    write_only(written, &mut findings);
    strong_alarm(config, written, &mut findings);
    regions::check(config, &mut findings);
    data::check(config, &mut findings);
    flow::check(config, &mut findings);
    reconciliation::check(config, &mut findings);
    vpc::check(&config.payment, &mut findings);
    api::check(config, &mut findings);
    twice::check(&config.payment, &mut findings);
    watch::check(config, &mut findings);
    findings.into_diagnostics()
}

/// What the checks say once the region is known of a stack that names none: it is the provider's (P-37). Warnings have
/// been given before.
pub(super) fn in_place(config: &Config, environment: &Environment) -> Result<(), Diagnostics> {
    if config.payment.regions.is_some() {
        return Ok(());
    }
    let mut placed = config.clone();
    placed.payment.regions = Some(vec![environment.region.clone()]);
    let mut findings = Findings::default();
    regions::check(&placed, &mut findings);
    data::check(&placed, &mut findings);
    api::check(&placed, &mut findings);
    let mut errors = Diagnostics::new();
    let found = findings.into_diagnostics();
    for error in found.iter().filter(|found| found.is_error()) {
        errors.push(error.clone());
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// A write-only value and its version go together.
fn write_only(written: &Value, findings: &mut Findings) {
    let pairs = [
        (
            "api.api_key.value_wo",
            "/api/api_key/value_wo",
            "/api/api_key/value_wo_version",
        ),
        (
            "api.hmac.secrets_wo",
            "/api/hmac/secrets_wo",
            "/api/hmac/secrets_wo_version",
        ),
    ];
    for (path, value, version) in pairs {
        let given = |pointer: &str| written.pointer(pointer).is_some_and(|value| !value.is_null());
        if given(value) != given(version) {
            let detail = "Terraform cannot compare write-only values: give the value and, beside it, a number that you raise when it changes.";
            findings.error(&format!("{path}_version"), "Value and version go together", detail);
        }
    }
    let given = |pointer: &str| written.pointer(pointer).is_some_and(|value| !value.is_null());
    if given("/api/hmac/secrets_wo") && given("/api/hmac/secret_ssm_parameter") {
        findings.error(
            "api.hmac.secret_ssm_parameter",
            "Two places for the secrets",
            "give a parameter of yours, or `secrets_wo`.",
        );
    }
}

/// An alarm that was asked for and cannot be; the default of it is dropped in silence.
fn strong_alarm(config: &Config, written: &Value, findings: &mut Findings) {
    let asked = written
        .pointer("/alarms/replication_latency_ms")
        .and_then(Value::as_i64);
    if config.payment.is_strong() && asked.is_some_and(|limit| limit > 0) {
        findings.warning(
            "alarms.replication_latency_ms",
            "No such metric",
            "tables with `consistency_mode = \"STRONG\"` replicate before they answer: AWS measures no latency, so that there is no alarm.",
        );
    }
}

#[cfg(test)]
mod tests;
