//! A function's configuration as the API takes it.

use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder;
use aws_sdk_lambda::types::{
    DeadLetterConfig, Environment, EphemeralStorage, ImageConfig, LogFormat, LoggingConfig, Runtime, TracingConfig,
    TracingMode, VpcConfig,
};
use serde::Deserialize;
use tap_engine::{Change, KindResult, Settings};

use crate::aws::fields::Fields;
use crate::aws::shape::built;

/// What Lambda does where nothing is set (doc: `CreateFunction`).
pub(super) mod default {
    /// Megabytes.
    pub(crate) const MEMORY_SIZE: i32 = 128;
    /// Seconds.
    pub(crate) const TIMEOUT: i32 = 3;
    /// Megabytes.
    pub(crate) const EPHEMERAL_STORAGE: i32 = 512;
    pub(crate) const TRACING_MODE: &str = "PassThrough";
    pub(crate) const LOG_FORMAT: &str = "Text";

    /// The log group that Lambda makes by itself.
    pub(crate) fn log_group(function: &str) -> String {
        format!("/aws/lambda/{function}")
    }
}

/// The `vpc_config` setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vpc {
    subnet_ids: Vec<String>,
    security_group_ids: Vec<String>,
}

/// The `image_config` setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Image {
    entry_point: Option<Vec<String>>,
    command: Option<Vec<String>>,
    working_directory: Option<String>,
}

pub(super) fn environment(settings: &Settings) -> KindResult<Option<Environment>> {
    let variables = settings.text_map("environment")?;
    Ok((!variables.is_empty()).then(|| {
        Environment::builder()
            .set_variables(Some(variables.into_iter().collect()))
            .build()
    }))
}

pub(super) fn tracing(settings: &Settings) -> Option<TracingConfig> {
    let mode = settings.opt_text("tracing_mode")?;
    Some(TracingConfig::builder().mode(TracingMode::from(mode)).build())
}

pub(super) fn logging(settings: &Settings) -> Option<LoggingConfig> {
    let (group, format) = (settings.opt_string("log_group"), settings.opt_text("log_format"));
    (group.is_some() || format.is_some()).then(|| {
        LoggingConfig::builder()
            .set_log_group(group)
            .set_log_format(format.map(LogFormat::from))
            .build()
    })
}

pub(super) fn dead_letters(settings: &Settings) -> Option<DeadLetterConfig> {
    let arn = settings.opt_text("dead_letter_target_arn")?;
    Some(DeadLetterConfig::builder().target_arn(arn).build())
}

pub(super) fn vpc(settings: &Settings) -> KindResult<Option<VpcConfig>> {
    Ok(settings.parse::<Vpc>("vpc_config")?.map(|vpc| {
        VpcConfig::builder()
            .set_subnet_ids(Some(vpc.subnet_ids))
            .set_security_group_ids(Some(vpc.security_group_ids))
            .build()
    }))
}

pub(super) fn image(settings: &Settings) -> KindResult<Option<ImageConfig>> {
    Ok(settings.parse::<Image>("image_config")?.map(|image| {
        ImageConfig::builder()
            .set_entry_point(image.entry_point)
            .set_command(image.command)
            .set_working_directory(image.working_directory)
            .build()
    }))
}

/// ARNs of layer versions, in the order in which they are laid over each other.
pub(super) fn layers(settings: &Settings) -> KindResult<Option<Vec<String>>> {
    Ok(Some(settings.texts("layers")?).filter(|arns| !arns.is_empty()))
}

pub(super) fn ephemeral_storage(settings: &Settings) -> KindResult<Option<EphemeralStorage>> {
    settings.opt_i32("ephemeral_storage_size")?.map(storage_of).transpose()
}

fn storage_of(size: i32) -> KindResult<EphemeralStorage> {
    built("ephemeral_storage_size", EphemeralStorage::builder().size(size).build())
}

/// The request that brings the changed settings in line, `None` when none of them belongs to it.
/// What is no longer set goes back to its default.
pub(super) fn on_update(
    request: UpdateFunctionConfigurationFluentBuilder,
    function: &str,
    change: &Change<'_>,
) -> KindResult<Option<UpdateFunctionConfigurationFluentBuilder>> {
    const HANDLED: &[&str] = &[
        "description",
        "runtime",
        "handler",
        "role",
        "memory_size",
        "timeout",
        "environment",
        "kms_key_arn",
        "tracing_mode",
        "log_group",
        "log_format",
        "dead_letter_target_arn",
        "vpc_config",
        "image_config",
        "ephemeral_storage_size",
        "layers",
    ];
    if !change.any(HANDLED) {
        return Ok(None);
    }
    let request = basics(request, change)?;
    Ok(Some(structures(request, function, change)?))
}

fn basics(
    mut request: UpdateFunctionConfigurationFluentBuilder,
    change: &Change<'_>,
) -> KindResult<UpdateFunctionConfigurationFluentBuilder> {
    let after = change.after;
    if change.has("description") {
        request = request.description(after.opt_text("description").unwrap_or_default());
    }
    if change.has("runtime") {
        request = request.set_runtime(after.opt_text("runtime").map(Runtime::from));
    }
    if change.has("handler") {
        request = request.set_handler(after.opt_string("handler"));
    }
    if change.has("role") {
        request = request.role(after.text("role")?);
    }
    if change.has("memory_size") {
        request = request.memory_size(after.opt_i32("memory_size")?.unwrap_or(default::MEMORY_SIZE));
    }
    if change.has("timeout") {
        request = request.timeout(after.opt_i32("timeout")?.unwrap_or(default::TIMEOUT));
    }
    if change.has("kms_key_arn") {
        request = request.kms_key_arn(after.opt_text("kms_key_arn").unwrap_or_default());
    }
    Ok(request)
}

fn structures(
    mut request: UpdateFunctionConfigurationFluentBuilder,
    function: &str,
    change: &Change<'_>,
) -> KindResult<UpdateFunctionConfigurationFluentBuilder> {
    let after = change.after;
    if change.has("environment") {
        let none = || {
            Environment::builder()
                .set_variables(Some(std::collections::HashMap::new()))
                .build()
        };
        request = request.environment(environment(after)?.unwrap_or_else(none));
    }
    if change.has("tracing_mode") {
        let mode = after.opt_text("tracing_mode").unwrap_or(default::TRACING_MODE);
        request = request.tracing_config(TracingConfig::builder().mode(TracingMode::from(mode)).build());
    }
    if change.any(&["log_group", "log_format"]) {
        let group = after
            .opt_string("log_group")
            .unwrap_or_else(|| default::log_group(function));
        let format = after.opt_text("log_format").unwrap_or(default::LOG_FORMAT);
        let logging = LoggingConfig::builder()
            .log_group(group)
            .log_format(LogFormat::from(format));
        request = request.logging_config(logging.build());
    }
    if change.has("dead_letter_target_arn") {
        let arn = after.opt_text("dead_letter_target_arn").unwrap_or_default();
        request = request.dead_letter_config(DeadLetterConfig::builder().target_arn(arn).build());
    }
    if change.has("vpc_config") {
        let none = || {
            VpcConfig::builder()
                .set_subnet_ids(Some(Vec::new()))
                .set_security_group_ids(Some(Vec::new()))
                .build()
        };
        request = request.vpc_config(vpc(after)?.unwrap_or_else(none));
    }
    if change.has("image_config") {
        let none = || ImageConfig::builder().build();
        request = request.image_config(image(after)?.unwrap_or_else(none));
    }
    if change.has("layers") {
        request = request.set_layers(Some(after.texts("layers")?));
    }
    if change.has("ephemeral_storage_size") {
        let size = after
            .opt_i32("ephemeral_storage_size")?
            .unwrap_or(default::EPHEMERAL_STORAGE);
        request = request.ephemeral_storage(storage_of(size)?);
    }
    Ok(request)
}
