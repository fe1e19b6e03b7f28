//! Provider configuration, data sources, functions and ephemeral resources.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::ProviderService;
use super::registry::malformed;
use crate::codec;
use crate::diagnostics::Diagnostics;
use crate::function::{FunctionDefinition, FunctionError};
use crate::proto::google::protobuf::Timestamp;
use crate::proto::tfplugin6 as wire;
use crate::schema::ValidationOptions;
use crate::types::Type;
use crate::value::Value;

/// Outside resources there is no plan or state to keep anything out of.
const ANYWHERE: ValidationOptions = ValidationOptions {
    write_only_allowed: true,
};

impl ProviderService {
    pub(super) async fn validate_provider(
        &self,
        request: wire::validate_provider_config::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let typed = &self.registry.provider_schema;
        let config = typed.decode(request.config.as_ref(), "config")?.value;
        let mut diagnostics = typed.schema.validate(&config, ANYWHERE);
        if !diagnostics.has_errors() {
            let provider = Arc::clone(&self.registry.provider);
            let call = self
                .calls
                .run("ValidateProviderConfig", "the provider", |_| async move {
                    provider.validate(&config).await
                });
            diagnostics.extend(call.await?);
        }
        Ok(typed.schema.visible(diagnostics))
    }

    pub(super) async fn configure(
        &self,
        request: wire::configure_provider::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let config = self
            .registry
            .provider_schema
            .decode(request.config.as_ref(), "config")?
            .value;
        let provider = Arc::clone(&self.registry.provider);
        let version = request.terraform_version;
        let call = self.calls.run("ConfigureProvider", "the provider", |_| async move {
            provider.configure(&config, &version).await
        });
        let diagnostics = call.await?;
        Ok(self.registry.provider_schema.schema.visible(diagnostics))
    }

    pub(super) async fn validate_data_source(
        &self,
        request: wire::validate_data_resource_config::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let entry = self.registry.data_source(&request.type_name)?;
        let config = entry.typed.decode(request.config.as_ref(), "config")?.value;
        let mut diagnostics = entry.typed.schema.validate(&config, ANYWHERE);
        if !diagnostics.has_errors() {
            let handler = Arc::clone(&entry.handler);
            let call = self
                .calls
                .run("ValidateDataResourceConfig", &request.type_name, |cx| async move {
                    handler.validate(&cx, &config).await
                });
            diagnostics.extend(call.await?);
        }
        Ok(entry.typed.schema.visible(diagnostics))
    }

    pub(super) async fn read_data(
        &self,
        request: wire::read_data_source::Request,
    ) -> Result<wire::read_data_source::Response, Diagnostics> {
        let entry = self.registry.data_source(&request.type_name)?;
        let config = entry.typed.decode(request.config.as_ref(), "config")?;
        let handler = Arc::clone(&entry.handler);
        let call = self.calls.run("ReadDataSource", &request.type_name, |cx| async move {
            handler.read(&cx, config.value).await
        });
        let response = call.await?;
        let mut diagnostics = response.diagnostics;
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let state = entry.typed.schema.conform_state(response.state, &mut diagnostics);
        Ok(wire::read_data_source::Response {
            state: Some(entry.typed.encode(&state, &config.types)?),
            diagnostics: diagnostics.to_wire(),
            deferred: None,
        })
    }

    pub(super) async fn call(&self, request: wire::call_function::Request) -> wire::call_function::Response {
        match self.try_call(request).await {
            Ok(result) => wire::call_function::Response {
                result: Some(result),
                error: None,
            },
            Err(error) => {
                let error = wire::FunctionError {
                    text: error.text,
                    function_argument: error.argument,
                };
                wire::call_function::Response {
                    result: None,
                    error: Some(error),
                }
            }
        }
    }

    async fn try_call(&self, request: wire::call_function::Request) -> Result<wire::DynamicValue, FunctionError> {
        let entry = self.registry.functions.get(&request.name).ok_or_else(|| {
            FunctionError::new(format!(
                "This version of the provider has no function named {:?}.",
                request.name
            ))
        })?;
        let arguments = decode_arguments(&entry.definition, &request.arguments)?;
        let handler = Arc::clone(&entry.handler);
        let call = self.calls.run(
            "CallFunction",
            &request.name,
            |_| async move { handler.call(&arguments) },
        );
        let result = call
            .await
            .map_err(|panicked| FunctionError::new(panicked.diagnostics.to_string()))??;
        codec::encode(&result, &entry.definition.returns, &codec::DynamicTypes::default())
            .map_err(|error| FunctionError::new(format!("The result does not fit its type: {error}.")))
    }

    pub(super) async fn validate_ephemeral(
        &self,
        request: wire::validate_ephemeral_resource_config::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let entry = self.registry.ephemeral(&request.type_name)?;
        let config = entry.typed.decode(request.config.as_ref(), "config")?.value;
        let mut diagnostics = entry.typed.schema.validate(&config, ANYWHERE);
        if !diagnostics.has_errors() {
            let handler = Arc::clone(&entry.handler);
            let call = self
                .calls
                .run("ValidateEphemeralResourceConfig", &request.type_name, |cx| async move {
                    handler.validate(&cx, &config).await
                });
            diagnostics.extend(call.await?);
        }
        Ok(entry.typed.schema.visible(diagnostics))
    }

    pub(super) async fn open_ephemeral(
        &self,
        request: wire::open_ephemeral_resource::Request,
    ) -> Result<wire::open_ephemeral_resource::Response, Diagnostics> {
        let entry = self.registry.ephemeral(&request.type_name)?;
        let config = entry.typed.decode(request.config.as_ref(), "config")?;
        let handler = Arc::clone(&entry.handler);
        let call = self
            .calls
            .run("OpenEphemeralResource", &request.type_name, |cx| async move {
                handler.open(&cx, config.value).await
            });
        let response = call.await?;
        let mut diagnostics = response.diagnostics;
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let result = entry.typed.schema.conform_state(response.result, &mut diagnostics);
        Ok(wire::open_ephemeral_resource::Response {
            diagnostics: diagnostics.to_wire(),
            renew_at: response.renew_at.map(timestamp),
            result: Some(entry.typed.encode(&result, &config.types)?),
            private: Some(response.private),
            deferred: None,
        })
    }

    pub(super) async fn renew_ephemeral(
        &self,
        request: wire::renew_ephemeral_resource::Request,
    ) -> Result<wire::renew_ephemeral_resource::Response, Diagnostics> {
        let handler = Arc::clone(&self.registry.ephemeral(&request.type_name)?.handler);
        let private = request.private.unwrap_or_default();
        let call = self
            .calls
            .run("RenewEphemeralResource", &request.type_name, |cx| async move {
                handler.renew(&cx, private).await
            });
        let response = call.await?;
        Ok(wire::renew_ephemeral_resource::Response {
            diagnostics: response.diagnostics.to_wire(),
            renew_at: response.renew_at.map(timestamp),
            private: Some(response.private),
        })
    }

    pub(super) async fn close_ephemeral(
        &self,
        request: wire::close_ephemeral_resource::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let handler = Arc::clone(&self.registry.ephemeral(&request.type_name)?.handler);
        let private = request.private.unwrap_or_default();
        let call = self
            .calls
            .run("CloseEphemeralResource", &request.type_name, |cx| async move {
                handler.close(&cx, private).await
            });
        Ok(call.await?)
    }
}

fn decode_arguments(
    definition: &FunctionDefinition,
    messages: &[wire::DynamicValue],
) -> Result<Vec<Value>, FunctionError> {
    let fixed = definition.parameters.len();
    if messages.len() < fixed || (messages.len() > fixed && definition.variadic.is_none()) {
        return Err(FunctionError::new(format!(
            "Expected {fixed} arguments, got {}.",
            messages.len()
        )));
    }
    let parameters = definition.parameters.iter().chain(definition.variadic.iter().cycle());
    let arguments = (0..)
        .zip(messages.iter().zip(parameters))
        .map(|(index, (message, parameter))| {
            let decoded = codec::decode(Some(message), &parameter.ty);
            decoded
                .map(|decoded| decoded.value)
                .map_err(|error| FunctionError::argument(index, malformed(&parameter.name, &error).to_string()))
        });
    arguments.collect()
}

pub(super) fn function_to_wire(definition: &FunctionDefinition) -> wire::Function {
    let markdown = i32::from(wire::StringKind::Markdown);
    let parameter = |parameter: &crate::function::Parameter| wire::function::Parameter {
        name: parameter.name.clone(),
        r#type: Type::to_json_bytes(&parameter.ty),
        allow_null_value: parameter.allow_null,
        allow_unknown_values: parameter.allow_unknown,
        description: parameter.description.clone(),
        description_kind: markdown,
    };
    wire::Function {
        parameters: definition.parameters.iter().map(parameter).collect(),
        variadic_parameter: definition.variadic.as_ref().map(parameter),
        r#return: Some(wire::function::Return {
            r#type: definition.returns.to_json_bytes(),
        }),
        summary: definition.summary.clone(),
        description: definition.description.clone(),
        description_kind: markdown,
        deprecation_message: String::new(),
    }
}

/// Times before 1970 become 1970: a renewal that is overdue either way.
fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}
