//! Settings as `CreateCanary` and `UpdateCanary` take them.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_synthetics::operation::create_canary::builders::CreateCanaryFluentBuilder;
use aws_sdk_synthetics::operation::update_canary::builders::UpdateCanaryFluentBuilder;
use aws_sdk_synthetics::types::{
    ArtifactConfigInput, CanaryCodeInput, CanaryRunConfigInput, CanaryScheduleInput, EncryptionMode,
    ProvisionedResourceCleanupSetting as Cleanup, ResourceToTag, RetryConfigInput, S3EncryptionConfig, VpcConfigInput,
};
use serde::Deserialize;
use tap_engine::{Change, KindError, KindResult, Settings};

use super::script;
use crate::aws::fields::{Fields, built};
use crate::aws::tags;

/// AWS's default for successful and failed runs alike (doc: `CreateCanary`).
pub(super) const RETENTION: i32 = 31;
/// doc: `CreateCanary`.
pub(super) const CLEANUP: &str = "AUTOMATIC";
/// Megabytes (doc: `CanaryRunConfigInput`).
pub(super) const EPHEMERAL_STORAGE: i32 = 1024;

/// When it runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    /// `rate(5 minutes)` or `cron(...)`; `rate(0 minute)` runs once.
    pub(super) expression: String,
    /// Seconds after which it ends by itself; 0 = never.
    pub(super) duration_in_seconds: Option<i64>,
    /// Further tries of a failed run, 0 to 2.
    pub(super) max_retries: Option<i32>,
}

/// How one run goes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RunConfig {
    pub(super) timeout_in_seconds: Option<i32>,
    pub(super) memory_in_mb: Option<i32>,
    pub(super) active_tracing: Option<bool>,
    /// Not encrypted on the client's side (doc: `CanaryRunConfigInput`): no place for secrets.
    pub(super) environment_variables: Option<BTreeMap<String, String>>,
    pub(super) ephemeral_storage: Option<i32>,
}

/// The network it runs in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Vpc {
    pub(super) subnet_ids: Vec<String>,
    pub(super) security_group_ids: Vec<String>,
}

/// How artifacts are encrypted in S3.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Encryption {
    /// `SSE_S3` or `SSE_KMS`.
    pub(super) mode: String,
    pub(super) kms_key_arn: Option<String>,
}

/// The request that makes a canary.
pub(super) fn on_create(
    request: CreateCanaryFluentBuilder,
    desired: &Settings,
) -> KindResult<CreateCanaryFluentBuilder> {
    let tags: HashMap<String, String> = tags::wanted(desired).into_iter().collect();
    // Without tags, asking for their copy on the function is an error (doc: CreateCanary).
    let copies = (!tags.is_empty()).then(|| vec![ResourceToTag::LambdaFunction]);
    Ok(request
        .name(desired.text("name")?)
        .code(code(desired)?)
        .artifact_s3_location(desired.text("artifact_s3_location")?)
        .execution_role_arn(desired.text("execution_role_arn")?)
        .runtime_version(desired.text("runtime_version")?)
        .schedule(schedule(desired)?)
        .set_run_config(run_config(desired, None)?)
        .set_success_retention_period_in_days(desired.opt_i32("success_retention_period_in_days")?)
        .set_failure_retention_period_in_days(desired.opt_i32("failure_retention_period_in_days")?)
        .set_vpc_config(vpc(desired)?)
        .set_artifact_config(artifact_config(desired)?)
        .set_provisioned_resource_cleanup(desired.opt_text("provisioned_resource_cleanup").map(Cleanup::from))
        .set_resources_to_replicate_tags(copies)
        .set_tags((!tags.is_empty()).then_some(tags)))
}

/// The request that changes a canary; `None` when nothing of it is to change. What is not named stays.
pub(super) fn on_update(
    mut request: UpdateCanaryFluentBuilder,
    change: &Change<'_>,
) -> KindResult<Option<UpdateCanaryFluentBuilder>> {
    let after = change.after;
    let mut changes = false;
    for setting in change.changed {
        request = match setting.as_str() {
            // The script's place in the zip depends on the runtime.
            "script" | "handler" | "runtime_version" => request
                .code(code(after)?)
                .runtime_version(after.text("runtime_version")?),
            "artifact_s3_location" => request.artifact_s3_location(after.text(setting)?),
            "execution_role_arn" => request.execution_role_arn(after.text(setting)?),
            "schedule" => request.schedule(schedule(after)?),
            "run_config" => request.set_run_config(run_config(after, Some(change.before))?),
            "success_retention_period_in_days" => {
                request.success_retention_period_in_days(after.opt_i32(setting)?.unwrap_or(RETENTION))
            }
            "failure_retention_period_in_days" => {
                request.failure_retention_period_in_days(after.opt_i32(setting)?.unwrap_or(RETENTION))
            }
            // Empty lists take it out of its VPC.
            "vpc_config" => request.vpc_config(vpc(after)?.unwrap_or_else(|| VpcConfigInput::builder().build())),
            "artifact_encryption" => request
                .artifact_config(artifact_config(after)?.unwrap_or_else(|| ArtifactConfigInput::builder().build())),
            "provisioned_resource_cleanup" => {
                request.provisioned_resource_cleanup(Cleanup::from(after.opt_text(setting).unwrap_or(CLEANUP)))
            }
            // Tags, start and delete_lambda are no part of UpdateCanary.
            _ => continue,
        };
        changes = true;
    }
    Ok(changes.then_some(request))
}

fn code(settings: &Settings) -> KindResult<CanaryCodeInput> {
    let code = CanaryCodeInput::builder()
        .handler(settings.text("handler")?)
        .zip_file(script::zip(settings)?);
    Ok(code.build())
}

fn schedule(settings: &Settings) -> KindResult<CanaryScheduleInput> {
    let schedule: Schedule = settings
        .parse("schedule")?
        .ok_or_else(|| KindError::invalid("schedule", "is required"))?;
    let retries = schedule.max_retries.unwrap_or_default();
    let retries = built(
        "synthetics:CreateCanary",
        RetryConfigInput::builder().max_retries(retries).build(),
    )?;
    let input = CanaryScheduleInput::builder()
        .expression(schedule.expression)
        .duration_in_seconds(schedule.duration_in_seconds.unwrap_or_default())
        .retry_config(retries);
    built("synthetics:CreateCanary", input.build())
}

/// In an update, members that are no longer wanted go back to their defaults.
fn run_config(settings: &Settings, before: Option<&Settings>) -> KindResult<Option<CanaryRunConfigInput>> {
    let wanted: Option<RunConfig> = settings.parse("run_config")?;
    if wanted.is_none() && before.is_none() {
        return Ok(None);
    }
    let wanted = wanted.unwrap_or_default();
    let updates = before.is_some();
    let had_variables = match before {
        Some(before) => before
            .parse::<RunConfig>("run_config")?
            .is_some_and(|config| config.environment_variables.is_some()),
        None => false,
    };
    let variables = wanted
        .environment_variables
        .or_else(|| had_variables.then(BTreeMap::new));
    let input = CanaryRunConfigInput::builder()
        .set_timeout_in_seconds(wanted.timeout_in_seconds)
        .set_memory_in_mb(wanted.memory_in_mb)
        .set_active_tracing(wanted.active_tracing.or(updates.then_some(false)))
        .set_ephemeral_storage(wanted.ephemeral_storage.or(updates.then_some(EPHEMERAL_STORAGE)))
        .set_environment_variables(variables.map(|v| v.into_iter().collect()));
    Ok(Some(input.build()))
}

fn vpc(settings: &Settings) -> KindResult<Option<VpcConfigInput>> {
    let vpc: Option<Vpc> = settings.parse("vpc_config")?;
    Ok(vpc.map(|vpc| {
        VpcConfigInput::builder()
            .set_subnet_ids(Some(vpc.subnet_ids))
            .set_security_group_ids(Some(vpc.security_group_ids))
            .build()
    }))
}

fn artifact_config(settings: &Settings) -> KindResult<Option<ArtifactConfigInput>> {
    let encryption: Option<Encryption> = settings.parse("artifact_encryption")?;
    Ok(encryption.map(|encryption| {
        let s3 = S3EncryptionConfig::builder()
            .encryption_mode(EncryptionMode::from(encryption.mode.as_str()))
            .set_kms_key_arn(encryption.kms_key_arn);
        ArtifactConfigInput::builder().s3_encryption(s3.build()).build()
    }))
}
