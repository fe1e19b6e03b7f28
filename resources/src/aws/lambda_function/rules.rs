//! What can be known to be wrong at plan time (doc: `CreateFunction` and
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).

use tap_engine::Settings;
use tap_engine::reference::has_unknown;

use super::code::CodeSetting;
use crate::aws::checks::{Checks, literal};
use crate::aws::fields::Fields;
use crate::bundle;

/// Lambda keeps these for itself.
const RESERVED_VARIABLES: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];
/// Names and values together, in bytes.
const LARGEST_ENVIRONMENT: usize = 4096;

/// All that is wrong.
pub(super) fn check(settings: &Settings) -> Vec<(String, String)> {
    let mut checks = Checks::new(settings);
    checks
        .required(&["function_name", "role", "code"])
        .name("function_name", 64, "-_")
        .one_of("package_type", &["Zip", "Image"])
        .one_of("tracing_mode", &["Active", "PassThrough"])
        .one_of("log_format", &["Text", "JSON"])
        .range("memory_size", 128..=10_240)
        .range("timeout", 1..=900)
        .range("ephemeral_storage_size", 512..=10_240)
        .range("reserved_concurrent_executions", 0..=i64::from(i32::MAX));
    // doc: CreateFunction, Layers: at most five.
    if settings
        .value("layers")
        .and_then(serde_json::Value::as_array)
        .is_some_and(|list| list.len() > 5)
    {
        checks.wrong("layers", "a function may have 5 layers at most");
    }
    code(&mut checks, settings);
    architectures(&mut checks, settings);
    environment(&mut checks, settings);
    checks.done()
}

fn code(checks: &mut Checks<'_>, settings: &Settings) {
    if settings.value("code").is_none_or(has_unknown) {
        return;
    }
    let code = match settings.parse::<CodeSetting>("code") {
        Ok(code) => code.unwrap_or_default(),
        Err(error) => {
            checks.wrong("code", error.to_string());
            return;
        }
    };
    let image = literal(settings, "package_type") == Some("Image");
    if image != code.image_uri.is_some() {
        let message = if image {
            "package_type \"Image\" needs image_uri"
        } else {
            "image_uri needs package_type \"Image\""
        };
        checks.wrong("code", message);
    }
    if !image {
        checks.required(&["runtime", "handler"]);
    }
    if let Some(Err(error)) = code.bundle.as_deref().map(bundle::zip) {
        checks.wrong("code", error.to_string());
    }
}

fn architectures(checks: &mut Checks<'_>, settings: &Settings) {
    let names = settings.texts("architectures").unwrap_or_default();
    let wrong = names
        .iter()
        .any(|name| !name.contains("${") && !bundle::ARCHITECTURES.contains(&name.as_str()));
    if wrong || names.len() > 1 {
        checks.wrong("architectures", "must be [\"arm64\"] or [\"x86_64\"]");
    }
}

fn environment(checks: &mut Checks<'_>, settings: &Settings) {
    if settings.value("environment").is_none_or(has_unknown) {
        return;
    }
    let variables = match settings.text_map("environment") {
        Ok(variables) => variables,
        Err(error) => {
            checks.wrong("environment", error.to_string());
            return;
        }
    };
    for name in variables.keys() {
        let mut letters = name.chars();
        let starts_well = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
        let legal = starts_well && name.len() > 1 && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if RESERVED_VARIABLES.contains(&name.as_str()) {
            checks.wrong("environment", format!("{name} is reserved by Lambda"));
        } else if !legal {
            checks.wrong(
                "environment",
                format!(
                    "{name:?} must start with a letter, have two characters or more, and hold only letters, digits and underscores"
                ),
            );
        }
    }
    // References are counted as written; what they stand for is mostly longer.
    let size: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > LARGEST_ENVIRONMENT {
        checks.wrong(
            "environment",
            format!("has {size} bytes; Lambda takes {LARGEST_ENVIRONMENT} at most"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn found(value: Value) -> String {
        let Value::Object(members) = value else { panic!() };
        let settings = members.into_iter().collect();
        let all: Vec<String> = check(&settings).into_iter().map(|(s, m)| format!("{s}: {m}")).collect();
        all.join("\n")
    }

    fn sound() -> Value {
        json!({
            "function_name": "f",
            "role": "${iam_role.f.arn}",
            "runtime": "provided.al2023",
            "handler": "fraud_detector",
            "code": {"zip_path": "f.zip"},
            "architectures": ["arm64"],
            "environment": {"TABLE_NAME": "${dynamodb_table.t.name}"},
        })
    }

    #[test]
    fn a_sound_function_passes() {
        assert_eq!(found(sound()), "");
    }

    #[test]
    fn mistakes_show_before_aws_sees_them() {
        for (setting, value, part) in [
            (
                "function_name",
                json!("a b"),
                "function_name: \"a b\" must have 1 to 64",
            ),
            ("memory_size", json!(64), "memory_size: 64 must be"),
            ("timeout", json!(901), "timeout: 901 must be"),
            ("architectures", json!(["arm"]), "architectures: must be"),
            (
                "environment",
                json!({"AWS_REGION": "x"}),
                "AWS_REGION is reserved by Lambda",
            ),
            ("environment", json!({"1A": "x"}), "must start with a letter"),
            (
                "environment",
                json!({"AB": "x".repeat(4096)}),
                "Lambda takes 4096 at most",
            ),
            ("package_type", json!("Image"), "needs image_uri"),
            ("code", json!({"bundle": "mips"}), "not an architecture of Lambda"),
            ("handler", Value::Null, "handler: is required"),
        ] {
            let mut settings = sound();
            settings[setting] = value;
            let found = found(settings);
            assert!(found.contains(part), "{part} is missing in: {found}");
        }
    }
}
