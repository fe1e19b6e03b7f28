//! What `GetFunction` says, as settings.

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{
    Architecture, Concurrency, FunctionConfiguration, ImageConfig, LogFormat, PackageType, Runtime, TracingMode,
};
use serde_json::{Map, Value, json};
use tap_engine::Settings;

use super::configuration::default;
use crate::aws::fields::{Fields, Seen};
use crate::aws::shape::unless_default;
use crate::aws::tags;

/// The observed settings of a function.
pub(super) fn settings(function: &GetFunctionOutput, recorded: &Settings) -> Settings {
    let mut seen = Seen::default();
    seen.put("code", code(function, recorded));
    if let Some(configuration) = function.configuration() {
        basics(&mut seen, configuration, recorded);
        structures(&mut seen, configuration, recorded);
    }
    seen.put(
        "reserved_concurrent_executions",
        function
            .concurrency()
            .and_then(Concurrency::reserved_concurrent_executions),
    );
    let tags = function.tags().cloned().unwrap_or_default();
    seen.put("tags", tags::setting(tags));
    seen.done()
}

/// An image can be read back; where a zip came from cannot, its content shows in `code_sha256`.
fn code(function: &GetFunctionOutput, recorded: &Settings) -> Option<Value> {
    let image = function.code().and_then(|c| c.image_uri());
    image
        .map(|uri| json!({"image_uri": uri}))
        .or_else(|| recorded.value("code").cloned())
}

fn basics(seen: &mut Seen, configuration: &FunctionConfiguration, recorded: &Settings) {
    let architectures = configuration.architectures();
    let architectures: Vec<&str> = architectures.iter().map(Architecture::as_str).collect();
    let architectures = (!architectures.is_empty()).then(|| json!(architectures));
    // For images it is derived from `code`; without a planned value it says nothing.
    let code_sha256 = configuration
        .code_sha256()
        .filter(|_| recorded.value("code_sha256").is_some());
    let package_type = configuration.package_type().map(PackageType::as_str);
    seen.put("function_name", configuration.function_name())
        .put(
            "package_type",
            unless_default(recorded, "package_type", package_type, "Zip"),
        )
        .put(
            "description",
            configuration.description().filter(|text| !text.is_empty()),
        )
        .put("runtime", configuration.runtime().map(Runtime::as_str))
        .put("handler", configuration.handler().filter(|text| !text.is_empty()))
        .put("role", configuration.role())
        .put("code_sha256", code_sha256)
        .put(
            "architectures",
            unless_default(recorded, "architectures", architectures, json!(["x86_64"])),
        )
        .put(
            "memory_size",
            unless_default(
                recorded,
                "memory_size",
                configuration.memory_size(),
                default::MEMORY_SIZE,
            ),
        )
        .put(
            "timeout",
            unless_default(recorded, "timeout", configuration.timeout(), default::TIMEOUT),
        )
        .put(
            "kms_key_arn",
            configuration.kms_key_arn().filter(|text| !text.is_empty()),
        );
}

fn structures(seen: &mut Seen, configuration: &FunctionConfiguration, recorded: &Settings) {
    let tracing = configuration
        .tracing_config()
        .and_then(|c| c.mode())
        .map(TracingMode::as_str);
    let logging = configuration.logging_config();
    let format = logging.and_then(|c| c.log_format()).map(LogFormat::as_str);
    let own_group = default::log_group(configuration.function_name().unwrap_or_default());
    let dead_letters = configuration.dead_letter_config().and_then(|c| c.target_arn());
    let storage = configuration.ephemeral_storage().map(|s| s.size);
    let layers: Vec<&str> = configuration.layers().iter().filter_map(|layer| layer.arn()).collect();
    seen.put("environment", environment(configuration, recorded))
        .put(
            "tracing_mode",
            unless_default(recorded, "tracing_mode", tracing, default::TRACING_MODE),
        )
        .put(
            "log_group",
            unless_default(recorded, "log_group", logging.and_then(|c| c.log_group()), own_group),
        )
        .put(
            "log_format",
            unless_default(recorded, "log_format", format, default::LOG_FORMAT),
        )
        .put("dead_letter_target_arn", dead_letters.filter(|arn| !arn.is_empty()))
        .put("vpc_config", vpc(configuration))
        .put("layers", (!layers.is_empty()).then_some(layers))
        .put(
            "image_config",
            configuration
                .image_config_response()
                .and_then(|response| image(response.image_config()?)),
        )
        .put(
            "ephemeral_storage_size",
            unless_default(recorded, "ephemeral_storage_size", storage, default::EPHEMERAL_STORAGE),
        );
}

fn environment(configuration: &FunctionConfiguration, recorded: &Settings) -> Option<Value> {
    let environment = configuration.environment()?;
    if environment.error().is_some() {
        // The caller may not decrypt the variables: unknown, not drift.
        return recorded.value("environment").cloned();
    }
    let variables = environment.variables().filter(|v| !v.is_empty())?;
    let members = variables.iter().map(|(name, value)| (name.clone(), json!(value)));
    Some(Value::Object(members.collect()))
}

fn vpc(configuration: &FunctionConfiguration) -> Option<Value> {
    let vpc = configuration.vpc_config().filter(|vpc| !vpc.subnet_ids().is_empty())?;
    Some(json!({
        "subnet_ids": vpc.subnet_ids(),
        "security_group_ids": vpc.security_group_ids(),
    }))
}

fn image(config: &ImageConfig) -> Option<Value> {
    let mut members = Map::new();
    if !config.entry_point().is_empty() {
        members.insert("entry_point".into(), json!(config.entry_point()));
    }
    if !config.command().is_empty() {
        members.insert("command".into(), json!(config.command()));
    }
    if let Some(folder) = config.working_directory().filter(|text| !text.is_empty()) {
        members.insert("working_directory".into(), json!(folder));
    }
    (!members.is_empty()).then_some(Value::Object(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_lambda::types::{
        EnvironmentError, EnvironmentResponse, EphemeralStorage, FunctionCodeLocation, LoggingConfig,
        TracingConfigResponse, VpcConfigResponse,
    };

    fn function(configuration: FunctionConfiguration) -> GetFunctionOutput {
        GetFunctionOutput::builder().configuration(configuration).build()
    }

    #[test]
    fn what_aws_reports_by_default_is_not_drift() {
        let logging = LoggingConfig::builder()
            .log_group("/aws/lambda/f")
            .log_format(LogFormat::Text);
        let configuration = FunctionConfiguration::builder()
            .function_name("f")
            .package_type(PackageType::Zip)
            .description("")
            .memory_size(128)
            .timeout(3)
            .code_sha256("abc")
            .architectures(Architecture::X8664)
            .logging_config(logging.build())
            .vpc_config(VpcConfigResponse::builder().vpc_id("").build())
            .tracing_config(TracingConfigResponse::builder().mode(TracingMode::PassThrough).build())
            .ephemeral_storage(EphemeralStorage::builder().size(512).build().unwrap())
            .build();
        let settings = settings(&function(configuration), &Settings::new());
        assert_eq!(settings.into_keys().collect::<Vec<_>>(), ["function_name"]);
    }

    #[test]
    fn variables_that_cannot_be_decrypted_are_unknown() {
        let error = EnvironmentError::builder().error_code("AccessDeniedException").build();
        let configuration = FunctionConfiguration::builder()
            .environment(EnvironmentResponse::builder().error(error).build())
            .build();
        let recorded = Settings::from([("environment".to_owned(), json!({"A": "1"}))]);
        assert_eq!(
            settings(&function(configuration), &recorded)["environment"],
            json!({"A": "1"})
        );
    }

    #[test]
    fn another_image_shows_in_code() {
        let recorded = Settings::from([("code".to_owned(), json!({"image_uri": "repo@sha256:1"}))]);
        let location = FunctionCodeLocation::builder().image_uri("repo@sha256:2").build();
        let function = GetFunctionOutput::builder().code(location).build();
        assert_eq!(
            settings(&function, &recorded)["code"],
            json!({"image_uri": "repo@sha256:2"})
        );
    }
}
