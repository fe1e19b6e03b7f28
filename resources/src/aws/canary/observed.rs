//! What `GetCanary` says, as settings, and the form in which they are compared.

use aws_sdk_synthetics::types::{
    Canary, CanaryRunConfigOutput, CanaryScheduleOutput, CanaryState, EncryptionMode,
    ProvisionedResourceCleanupSetting as Cleanup, RetryConfigOutput,
};
use serde_json::{Map, Value, json};
use tap_engine::Settings;

use super::configuration::{CLEANUP, EPHEMERAL_STORAGE, RETENTION};
use super::{said, state};
use crate::aws::fields::{Fields, Seen};
use crate::aws::tags;

/// The observed settings of a canary.
pub(super) fn settings(canary: &Canary, recorded: &Settings) -> Settings {
    let mut seen = Seen::default();
    let code = canary.code();
    seen.put("name", canary.name())
        .put("artifact_s3_location", canary.artifact_s3_location())
        .put("execution_role_arn", canary.execution_role_arn())
        .put("runtime_version", canary.runtime_version())
        .put("handler", code.and_then(|code| code.handler()))
        .put("schedule", canary.schedule().map(schedule))
        .put(
            "run_config",
            canary.run_config().and_then(|config| run_config(config, recorded)),
        )
        .put_unless_default(
            "success_retention_period_in_days",
            canary.success_retention_period_in_days(),
            RETENTION,
            recorded,
        )
        .put_unless_default(
            "failure_retention_period_in_days",
            canary.failure_retention_period_in_days(),
            RETENTION,
            recorded,
        )
        .put("vpc_config", vpc(canary))
        .put("artifact_encryption", encryption(canary))
        .put_unless_default("start", runs(canary, recorded), false, recorded)
        .put_unless_default(
            "provisioned_resource_cleanup",
            canary.provisioned_resource_cleanup().map(Cleanup::as_str),
            CLEANUP,
            recorded,
        )
        .put("tags", tags::setting(canary.tags.clone().unwrap_or_default()));
    for unreadable in ["script", "delete_lambda"] {
        seen.put(unreadable, recorded.value(unreadable).cloned());
    }
    seen.done()
}

/// Whether it runs; for a canary in error, what AWS says of it, so that the plan shows it. A canary that ends by itself
/// is not started again because it has ended.
fn runs(canary: &Canary, recorded: &Settings) -> Option<Value> {
    match state(canary) {
        CanaryState::Error => Some(json!(said(canary))),
        CanaryState::Running | CanaryState::Starting => Some(json!(true)),
        CanaryState::Stopped | CanaryState::Stopping if ends_by_itself(canary) => recorded.value("start").cloned(),
        _ => Some(json!(false)),
    }
}

/// It runs once, or for some time only.
pub(super) fn ends_by_itself(canary: &Canary) -> bool {
    canary.schedule().is_some_and(|schedule| {
        let once = schedule.expression().is_some_and(|text| text.starts_with("rate(0 "));
        once || schedule.duration_in_seconds().unwrap_or_default() > 0
    })
}

fn schedule(schedule: &CanaryScheduleOutput) -> Value {
    let retries = schedule.retry_config().and_then(RetryConfigOutput::max_retries);
    json!({
        "expression": schedule.expression(),
        "duration_in_seconds": schedule.duration_in_seconds(),
        "max_retries": retries,
    })
}

/// Members that nobody set are AWS's choice: only a deviation from a fixed default shows.
fn run_config(config: &CanaryRunConfigOutput, recorded: &Settings) -> Option<Value> {
    let wanted = recorded.value("run_config").and_then(Value::as_object);
    let asked = |name: &str| wanted.and_then(|members| members.get(name)).filter(|v| !v.is_null());
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>, default: Option<Value>| {
        let unmanaged = default.is_none() || value == default;
        if let Some(value) = value.filter(|_| asked(name).is_some() || !unmanaged) {
            members.insert(name.to_owned(), value);
        }
    };
    put("timeout_in_seconds", config.timeout_in_seconds().map(Value::from), None);
    put("memory_in_mb", config.memory_in_mb().map(Value::from), None);
    put(
        "active_tracing",
        config.active_tracing().map(Value::from),
        Some(json!(false)),
    );
    put(
        "ephemeral_storage",
        config.ephemeral_storage().map(Value::from),
        Some(json!(EPHEMERAL_STORAGE)),
    );
    // AWS does not give them back.
    if let Some(variables) = asked("environment_variables") {
        members.insert("environment_variables".to_owned(), variables.clone());
    }
    (!members.is_empty()).then_some(Value::Object(members))
}

fn vpc(canary: &Canary) -> Option<Value> {
    let vpc = canary.vpc_config().filter(|vpc| !vpc.subnet_ids().is_empty())?;
    Some(json!({"subnet_ids": vpc.subnet_ids(), "security_group_ids": vpc.security_group_ids()}))
}

fn encryption(canary: &Canary) -> Option<Value> {
    let s3 = canary.artifact_config()?.s3_encryption()?;
    let mode = s3.encryption_mode().map(EncryptionMode::as_str)?;
    Some(json!({"mode": mode, "kms_key_arn": s3.kms_key_arn()}))
}

/// The form that is compared: defaults that are spelled out are no difference, subnets and security groups are sets.
pub(super) fn normalise(setting: &str, value: &Value) -> Value {
    let value = tap_engine::json::normalise(value, false);
    match (setting, value) {
        // AWS gives it back without.
        ("artifact_s3_location", Value::String(text)) => text.strip_prefix("s3://").unwrap_or(&text).into(),
        ("schedule", Value::Object(members)) => normalise_schedule(members),
        ("run_config", Value::Object(mut members)) => {
            for (name, default) in [
                ("active_tracing", json!(false)),
                ("ephemeral_storage", json!(EPHEMERAL_STORAGE)),
            ] {
                if members.get(name) == Some(&default) {
                    members.remove(name);
                }
            }
            if members.get("environment_variables") == Some(&json!({})) {
                members.remove("environment_variables");
            }
            Value::Object(members)
        }
        ("vpc_config", Value::Object(members)) => members
            .into_iter()
            .map(|(name, list)| (name, tap_engine::json::normalise(&list, true)))
            .collect::<Map<_, _>>()
            .into(),
        (_, value) => value,
    }
}

fn normalise_schedule(mut members: Map<String, Value>) -> Value {
    for name in ["duration_in_seconds", "max_retries"] {
        if members.get(name) == Some(&json!(0)) {
            members.remove(name);
        }
    }
    // Run once: AWS gives every spelling back as this one (aws: synthetics/canary.go).
    let once = members
        .get("expression")
        .and_then(Value::as_str)
        .is_some_and(|text| text.starts_with("rate(0 "));
    if once {
        members.insert("expression".to_owned(), json!("rate(0 hour)"));
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_synthetics::types::CanaryStatus;

    fn canary(state: CanaryState, expression: &str) -> Canary {
        let run_config = CanaryRunConfigOutput::builder()
            .timeout_in_seconds(300)
            .memory_in_mb(1024)
            .active_tracing(false)
            .ephemeral_storage(1024);
        Canary::builder()
            .name("health")
            .status(CanaryStatus::builder().state(state).build())
            .schedule(
                CanaryScheduleOutput::builder()
                    .expression(expression)
                    .duration_in_seconds(0)
                    .build(),
            )
            .run_config(run_config.build())
            .success_retention_period_in_days(31)
            .provisioned_resource_cleanup(Cleanup::Automatic)
            .build()
    }

    fn recorded(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_aws_reports_by_default_is_not_drift() {
        let seen = settings(&canary(CanaryState::Ready, "rate(5 minutes)"), &Settings::new());
        assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["name", "schedule"]);
    }

    #[test]
    fn members_that_were_asked_for_are_compared_and_variables_are_kept() {
        let wanted = recorded(json!({"run_config": {"timeout_in_seconds": 60, "environment_variables": {"URL": "x"}}}));
        let seen = settings(&canary(CanaryState::Ready, "rate(5 minutes)"), &wanted);
        let expected = json!({"timeout_in_seconds": 300, "environment_variables": {"URL": "x"}});
        assert_eq!(seen["run_config"], expected);
    }

    #[test]
    fn a_stopped_canary_is_drift_unless_it_was_to_end() {
        let wanted = recorded(json!({"start": true}));
        let start = |state, expression: &str| settings(&canary(state, expression), &wanted)["start"].clone();
        assert_eq!(start(CanaryState::Running, "rate(5 minutes)"), json!(true));
        assert_eq!(start(CanaryState::Stopped, "rate(5 minutes)"), json!(false));
        assert_eq!(start(CanaryState::Stopped, "rate(0 hour)"), json!(true));
        assert_eq!(start(CanaryState::Error, "rate(5 minutes)"), json!("ERROR"));
    }

    #[test]
    fn spellings_of_one_thing_are_equal() {
        assert_eq!(
            normalise("artifact_s3_location", &json!("s3://bucket/prefix")),
            normalise("artifact_s3_location", &json!("bucket/prefix"))
        );
        assert_eq!(
            normalise("schedule", &json!({"expression": "rate(0 minute)", "max_retries": 0})),
            normalise(
                "schedule",
                &json!({"expression": "rate(0 hour)", "duration_in_seconds": 0})
            )
        );
        assert_eq!(
            normalise("run_config", &json!({"active_tracing": false, "memory_in_mb": 1024})),
            normalise("run_config", &json!({"memory_in_mb": 1024}))
        );
    }
}
