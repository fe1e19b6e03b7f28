//! What can be known to be wrong at plan time without asking AWS (doc: `CreateCanary`, `CanaryRunConfigInput`,
//! `CanaryScheduleInput`).

use std::sync::LazyLock;

use regex::Regex;
use tap_engine::Settings;

use super::configuration::{Encryption, RunConfig, Schedule, Vpc};
use super::runtime::Runtime;
use crate::aws::checks::{Checks, literal};
use crate::aws::fields::Fields;

/// Names and values together, in bytes.
const LARGEST_ENVIRONMENT: usize = 4096;

// Constant patterns: they compile or no test passes.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[0-9a-z_-]{1,255}$").ok());
static HANDLER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^([0-9a-zA-Z_-]+[/.])*[0-9A-Za-z_-]+\.[A-Za-z_][A-Za-z0-9_]*$").ok());
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[a-zA-Z][a-zA-Z0-9_]+$").ok());

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
}

/// All findings.
pub(super) fn check(settings: &Settings) -> Vec<(String, String)> {
    let mut checks = Checks::new(settings);
    checks.required(&[
        "name",
        "artifact_s3_location",
        "execution_role_arn",
        "runtime_version",
        "handler",
        "script",
        "schedule",
    ]);
    checks.range("success_retention_period_in_days", 1..=455);
    checks.range("failure_retention_period_in_days", 1..=455);
    checks.one_of("provisioned_resource_cleanup", &["AUTOMATIC", "OFF"]);
    names(settings, &mut checks);
    let schedule = checks.parsed::<Schedule>("schedule");
    let run_config = checks.parsed::<RunConfig>("run_config");
    if let Some(schedule) = &schedule {
        check_schedule(schedule, run_config.as_ref(), &mut checks);
    }
    if let Some(config) = &run_config {
        check_run_config(config, &mut checks);
    }
    if let Some(vpc) = checks.parsed::<Vpc>("vpc_config")
        && (vpc.subnet_ids.is_empty() || vpc.security_group_ids.is_empty())
    {
        checks.wrong("vpc_config", "needs subnet_ids and security_group_ids");
    }
    if let Some(encryption) = checks.parsed::<Encryption>("artifact_encryption") {
        check_encryption(&encryption, &mut checks);
    }
    // With AUTOMATIC, Synthetics deletes the function whatever DeleteCanary says.
    let automatic = literal(settings, "provisioned_resource_cleanup") != Some("OFF");
    if settings.opt_bool("delete_lambda").is_ok_and(|keep| keep == Some(false)) && automatic {
        checks.wrong("delete_lambda", "false needs provisioned_resource_cleanup = \"OFF\"");
    }
    checks.done()
}

fn names(settings: &Settings, checks: &mut Checks<'_>) {
    // O-07: the whole name; it is never cut.
    if let Some(name) = literal(settings, "name")
        && !fits(&NAME, name)
    {
        checks.wrong(
            "name",
            format!("{name:?} must have 1 to 255 characters: lower-case letters, digits, - and _"),
        );
    }
    if let Some(runtime) = literal(settings, "runtime_version")
        && Runtime::parse(runtime).is_none()
    {
        checks.wrong(
            "runtime_version",
            format!("{runtime:?} is no runtime of Synthetics, such as syn-nodejs-puppeteer-15.0"),
        );
    }
    if let Some(handler) = literal(settings, "handler")
        && (handler.len() > 128 || !fits(&HANDLER, handler))
    {
        checks.wrong(
            "handler",
            format!("{handler:?} must be <file>.<function>, of 128 characters at most"),
        );
    }
    if let Some(location) = literal(settings, "artifact_s3_location") {
        let bucket = location.strip_prefix("s3://").unwrap_or(location);
        // doc: UpdateCanary, ArtifactS3Location.
        if bucket.split('/').next().unwrap_or_default().contains('.') {
            checks.wrong("artifact_s3_location", "the bucket's name must not hold a period");
        }
    }
}

/// Minutes between two runs; `None` for cron and for what runs once.
fn minutes(expression: &str) -> Option<i64> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let number: i64 = number.parse().ok()?;
    Some(if unit.starts_with("hour") { number * 60 } else { number })
}

fn check_schedule(schedule: &Schedule, run_config: Option<&RunConfig>, checks: &mut Checks<'_>) {
    let expression = schedule.expression.as_str();
    if expression.contains("${") {
        return;
    }
    let is_rate = minutes(expression).is_some_and(|minutes| (0..=60).contains(&minutes))
        && ["minute)", "minutes)", "hour)"]
            .iter()
            .any(|unit| expression.ends_with(unit));
    let is_cron = expression.starts_with("cron(") && expression.ends_with(')');
    if !is_rate && !is_cron {
        checks.wrong(
            "schedule",
            format!("{expression:?} must be cron(...) or a rate from rate(1 minute) to rate(1 hour); rate(0 minute) runs once"),
        );
    }
    if schedule
        .duration_in_seconds
        .is_some_and(|seconds| !(0..=31_622_400).contains(&seconds))
    {
        checks.wrong("schedule", "duration_in_seconds must be 0 to 31622400 (a year)");
    }
    let retries = schedule.max_retries.unwrap_or_default();
    if !(0..=2).contains(&retries) {
        checks.wrong("schedule", "max_retries must be 0 to 2");
    }
    let Some(timeout) = run_config.and_then(|config| config.timeout_in_seconds) else {
        return;
    };
    if retries == 2 && timeout >= 600 {
        checks.wrong("run_config", "timeout_in_seconds must be below 600 with two retries");
    }
    if let Some(minutes) = minutes(expression).filter(|minutes| *minutes > 0)
        && i64::from(timeout) > minutes * 60
    {
        checks.wrong(
            "run_config",
            format!("timeout_in_seconds {timeout} is longer than the {minutes} minutes between two runs"),
        );
    }
}

fn check_run_config(config: &RunConfig, checks: &mut Checks<'_>) {
    if config
        .timeout_in_seconds
        .is_some_and(|seconds| !(3..=840).contains(&seconds))
    {
        checks.wrong("run_config", "timeout_in_seconds must be 3 to 840");
    }
    if config
        .memory_in_mb
        .is_some_and(|memory| !(960..=3008).contains(&memory) || memory % 64 != 0)
    {
        checks.wrong("run_config", "memory_in_mb must be a multiple of 64 from 960 to 3008");
    }
    if config
        .ephemeral_storage
        .is_some_and(|size| !(1024..=10_240).contains(&size))
    {
        checks.wrong("run_config", "ephemeral_storage must be 1024 to 10240 megabytes");
    }
    let variables = config.environment_variables.iter().flatten();
    for (name, _) in variables.clone().filter(|(name, _)| !fits(&VARIABLE, name)) {
        checks.wrong(
            "run_config",
            format!("environment variable {name:?} must begin with a letter and hold letters, digits and _ only"),
        );
    }
    let size: usize = variables.map(|(name, value)| name.len() + value.len()).sum();
    if size > LARGEST_ENVIRONMENT {
        checks.wrong(
            "run_config",
            format!("the environment has {size} bytes; Lambda takes {LARGEST_ENVIRONMENT} at most"),
        );
    }
}

fn check_encryption(encryption: &Encryption, checks: &mut Checks<'_>) {
    let wrong = match (encryption.mode.as_str(), &encryption.kms_key_arn) {
        ("SSE_S3", Some(_)) => Some("SSE_S3 takes no kms_key_arn".to_owned()),
        ("SSE_S3" | "SSE_KMS", _) => None,
        (mode, _) => Some(format!("mode must be SSE_S3 or SSE_KMS, not {mode}")),
    };
    if let Some(message) = wrong {
        checks.wrong("artifact_encryption", message);
    }
    if let Some(arn) = &encryption.kms_key_arn
        && !arn.contains("${")
        && !arn.contains(":key/")
    {
        checks.wrong("artifact_encryption", "kms_key_arn must be the key's ARN");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sound() -> Value {
        json!({
            "name": "health-check-dev", "artifact_s3_location": "s3://artifacts/canary-results", "handler": "health.handler",
            "execution_role_arn": "${iam_role.canary.arn}", "runtime_version": "syn-nodejs-puppeteer-15.0",
            "script": "exports.handler = async () => {};", "schedule": {"expression": "rate(5 minutes)"},
            "run_config": {"timeout_in_seconds": 60, "memory_in_mb": 960, "environment_variables": {"LEVEL": "1"}},
            "start": true, "delete_lambda": true,
            "artifact_encryption": {"mode": "SSE_KMS", "kms_key_arn": "${kms_key.logs.arn}"},
        })
    }

    fn found(settings: Value) -> String {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        check(&settings)
            .into_iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .collect::<Vec<_>>()
            .join(
                "
",
            )
    }

    #[test]
    fn a_sound_canary_passes() {
        assert_eq!(found(sound()), "");
        let mut longest = sound();
        longest["name"] = json!("a".repeat(255)); // O-07
        assert_eq!(found(longest), "");
    }

    #[test]
    fn what_synthetics_would_refuse_is_known_at_plan_time() {
        for (setting, value, part) in [
            ("name", json!("a".repeat(256)), "1 to 255 characters"),
            ("name", json!("Health"), "lower-case"),
            ("runtime_version", json!("nodejs20.x"), "no runtime of Synthetics"),
            ("handler", json!("health"), "<file>.<function>"),
            ("artifact_s3_location", json!("s3://a.b/c"), "period"),
            ("schedule", json!({"expression": "rate(2 hours)"}), "rate(1 hour)"),
            ("schedule", json!({"expression": "every day"}), "cron(...)"),
            (
                "schedule",
                json!({"expression": "rate(1 minute)", "max_retries": 3}),
                "0 to 2",
            ),
            (
                "run_config",
                json!({"timeout_in_seconds": 301}),
                "longer than the 5 minutes",
            ),
            ("run_config", json!({"memory_in_mb": 1000}), "multiple of 64"),
            (
                "run_config",
                json!({"environment_variables": {"1A": "x"}}),
                "begin with a letter",
            ),
            (
                "run_config",
                json!({"environment_variables": {"AB": "x".repeat(4096)}}),
                "4096 at most",
            ),
            ("run_config", json!({"ephemeral_storage": 512}), "1024 to 10240"),
            ("success_retention_period_in_days", json!(456), "1 to 455"),
            ("vpc_config", json!({"subnet_ids": ["subnet-1"]}), "security_group_ids"),
            ("artifact_encryption", json!({"mode": "KMS"}), "SSE_S3 or SSE_KMS"),
            ("delete_lambda", json!(false), "OFF"),
            ("script", Value::Null, "script: is required"),
        ] {
            let mut settings = sound();
            settings[setting] = value;
            let found = found(settings);
            assert!(found.contains(part), "{part} is missing in: {found}");
        }
    }
}
