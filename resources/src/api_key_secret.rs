//! `ephemeral "tap_api_key"`: the value of a stack's API key, read from the SSM `SecureString` that kind
//! `api_key_parameter` has written. It exists for the time of one run and reaches neither plan nor state
//! (R-07, R-08, N-05).

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use tap_engine::{Context, KindResult};
use tap_plugin::{
    Attribute, AttributePath, CallContext, Diagnostic, Diagnostics, EphemeralResource, OpenResponse, Schema, Value,
    validators as check,
};

use crate::aws::{Aws, call, found};
use crate::composite::session::SessionSlot;

const NAME: &str = "parameter_name";
/// SSM's answer for a name that is not there.
const GONE: &[&str] = &["ParameterNotFound"];

/// IAM actions that reading needs; the key is the parameter's own.
pub const IAM_ACTIONS: &[&str] = &["kms:Decrypt", "ssm:GetParameter"];

/// The ephemeral resource.
pub struct ApiKeySecret {
    slot: SessionSlot,
}

/// What was read. No `Debug`: it would show the value.
enum Secret {
    Value(String),
    NoSecureString,
}

impl ApiKeySecret {
    /// Reads with the provider's session.
    pub fn new(slot: SessionSlot) -> Self {
        Self { slot }
    }

    async fn read(&self, cx: &CallContext, config: &Value) -> Result<Value, Diagnostics> {
        let session = self.slot.get().ok_or_else(|| {
            Diagnostic::error(
                "The provider is not configured",
                "Its configuration holds values that are not known yet.",
            )
        })?;
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        let name = text(NAME).unwrap_or_default();
        let region = text("region").unwrap_or(&session.environment.region);
        let wrong = |summary: &str, detail: String| Diagnostic::error(summary, detail).at(AttributePath::root(NAME));
        let secret = parameter(&session.aws, cx, region, name)
            .await
            .map_err(|error| wrong("The API key cannot be read", error.to_string()))?;
        let value = match secret {
            Some(Secret::Value(value)) => value,
            Some(Secret::NoSecureString) => {
                let detail = format!("{name} in {region} is no SecureString: a secret does not belong there.");
                return Err(wrong("The parameter is not a secret", detail).into());
            }
            None => {
                let detail = format!("There is no parameter named {name} in {region}.");
                return Err(wrong("The API key does not exist", detail).into());
            }
        };
        let mut result = config.clone();
        result.set("region", region);
        result.set("value", value);
        Ok(result)
    }
}

/// The parameter's decrypted value; `None` when there is no such parameter.
async fn parameter(aws: &Aws, call_context: &CallContext, region: &str, name: &str) -> KindResult<Option<Secret>> {
    let cx = Context {
        key: "api_key_parameter".into(),
        region: region.to_owned(),
        stack: String::new(),
        cancel: call_context.cancel.clone(),
        force_destroy: false,
        known_ids: Vec::new(),
        leaving: Vec::new(),
        journal: Arc::default(),
    };
    let client = aws.ssm(region);
    let answer = call(&cx, "ssm:GetParameter", || {
        client.get_parameter().name(name).with_decryption(true).send()
    })
    .await;
    let parameter = found(answer, GONE)?.and_then(|answer| answer.parameter);
    Ok(parameter.map(|parameter| match parameter.r#type {
        Some(ParameterType::SecureString) => Secret::Value(parameter.value.unwrap_or_default()),
        _ => Secret::NoSecureString,
    }))
}

#[async_trait]
impl EphemeralResource for ApiKeySecret {
    fn type_name(&self) -> &'static str {
        "tap_api_key"
    }

    fn schema(&self) -> Schema {
        let name = check::matches("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", "the name of an SSM parameter");
        Schema::new(0)
            .attribute(
                NAME,
                Attribute::string()
                    .required()
                    .description("Name of the SecureString that holds the key: a stack's `api_key_ssm_parameter`.")
                    .validate(name),
            )
            .attribute(
                "region",
                Attribute::string()
                    .optional_computed()
                    .description("Region of the parameter. Default: the provider's."),
            )
            .attribute(
                "value",
                Attribute::string()
                    .computed()
                    .sensitive()
                    .description("The key's value."),
            )
            .description(
                "The value of a stack's API key, read from SSM during a run and stored neither in the plan nor in the \
                 state. Needs `ssm:GetParameter`, and `kms:Decrypt` on the parameter's key.",
            )
    }

    async fn open(&self, cx: &CallContext, config: Value) -> OpenResponse {
        match self.read(cx, &config).await {
            Ok(result) => OpenResponse {
                result,
                ..OpenResponse::default()
            },
            Err(diagnostics) => OpenResponse {
                diagnostics,
                ..OpenResponse::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_configured_provider_it_says_so() {
        let secret = ApiKeySecret::new(SessionSlot::default());
        let config = Value::map([(NAME, Value::String("/payment/dev/api-key".to_owned()))]);
        let answer = secret.open(&CallContext::default(), config).await;
        assert!(answer.diagnostics.has_errors());
        assert_eq!(answer.result, Value::default());
    }
}
