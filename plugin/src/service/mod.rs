//! The tfplugin6 service: every call that is not here answers UNIMPLEMENTED (lists, actions, state stores,
//! resource identity upgrades, moves, generated configuration), and nothing advertises them.

mod calls;
mod others;
mod registry;
mod resource;

use std::sync::Arc;

use tonic::{Request, Response, Status};

pub(crate) use calls::{Calls, install_panic_hook};
use registry::Registry;

use crate::diagnostics::Diagnostics;
use crate::proto::tfplugin6 as wire;
use crate::provider::Provider;

/// Serves one provider.
pub(crate) struct ProviderService {
    registry: Registry,
    calls: Calls,
}

impl ProviderService {
    pub(crate) fn new(provider: Arc<dyn Provider>, calls: Calls) -> Self {
        Self {
            registry: Registry::new(provider),
            calls,
        }
    }

    fn capabilities() -> wire::ServerCapabilities {
        wire::ServerCapabilities {
            plan_destroy: true,
            // Nothing here depends on GetProviderSchema having been called first.
            get_provider_schema_optional: true,
            ..Default::default()
        }
    }
}

/// Found or failed, the diagnostics are the whole answer.
fn merged(outcome: Result<Diagnostics, Diagnostics>) -> Vec<wire::Diagnostic> {
    outcome.unwrap_or_else(|failed| failed).to_wire()
}

/// The response, or an empty one that carries the diagnostics.
macro_rules! respond {
    ($outcome:expr, $response:path) => {
        Ok(Response::new($outcome.unwrap_or_else(|failed| {
            let mut response = <$response>::default();
            response.diagnostics = failed.to_wire();
            response
        })))
    };
}

#[tonic::async_trait]
impl wire::provider_server::Provider for ProviderService {
    async fn get_metadata(
        &self,
        _: Request<wire::get_metadata::Request>,
    ) -> Result<Response<wire::get_metadata::Response>, Status> {
        use wire::get_metadata::{DataSourceMetadata, EphemeralResourceMetadata, FunctionMetadata, ResourceMetadata};
        let registry = &self.registry;
        let ephemeral = registry.ephemeral_resources.keys();
        Ok(Response::new(wire::get_metadata::Response {
            server_capabilities: Some(Self::capabilities()),
            diagnostics: registry.problems.to_wire(),
            resources: registry
                .resources
                .keys()
                .map(|name| ResourceMetadata {
                    type_name: name.clone(),
                })
                .collect(),
            data_sources: registry
                .data_sources
                .keys()
                .map(|name| DataSourceMetadata {
                    type_name: name.clone(),
                })
                .collect(),
            functions: registry
                .functions
                .keys()
                .map(|name| FunctionMetadata { name: name.clone() })
                .collect(),
            ephemeral_resources: ephemeral
                .map(|name| EphemeralResourceMetadata {
                    type_name: name.clone(),
                })
                .collect(),
            ..Default::default()
        }))
    }

    async fn get_provider_schema(
        &self,
        _: Request<wire::get_provider_schema::Request>,
    ) -> Result<Response<wire::get_provider_schema::Response>, Status> {
        let registry = &self.registry;
        let resources = registry
            .resources
            .iter()
            .map(|(name, entry)| (name.clone(), entry.typed.schema.to_wire()));
        let data_sources = registry
            .data_sources
            .iter()
            .map(|(name, entry)| (name.clone(), entry.typed.schema.to_wire()));
        let ephemeral = registry
            .ephemeral_resources
            .iter()
            .map(|(name, entry)| (name.clone(), entry.typed.schema.to_wire()));
        Ok(Response::new(wire::get_provider_schema::Response {
            provider: Some(registry.provider_schema.schema.to_wire()),
            resource_schemas: resources.collect(),
            data_source_schemas: data_sources.collect(),
            ephemeral_resource_schemas: ephemeral.collect(),
            functions: self.functions(),
            server_capabilities: Some(Self::capabilities()),
            diagnostics: registry.problems.to_wire(),
            ..Default::default()
        }))
    }

    async fn get_resource_identity_schemas(
        &self,
        _: Request<wire::get_resource_identity_schemas::Request>,
    ) -> Result<Response<wire::get_resource_identity_schemas::Response>, Status> {
        Ok(Response::new(wire::get_resource_identity_schemas::Response::default()))
    }

    async fn validate_provider_config(
        &self,
        request: Request<wire::validate_provider_config::Request>,
    ) -> Result<Response<wire::validate_provider_config::Response>, Status> {
        let diagnostics = merged(self.validate_provider(request.into_inner()).await);
        Ok(Response::new(wire::validate_provider_config::Response { diagnostics }))
    }

    async fn configure_provider(
        &self,
        request: Request<wire::configure_provider::Request>,
    ) -> Result<Response<wire::configure_provider::Response>, Status> {
        let diagnostics = merged(self.configure(request.into_inner()).await);
        Ok(Response::new(wire::configure_provider::Response { diagnostics }))
    }

    async fn validate_resource_config(
        &self,
        request: Request<wire::validate_resource_config::Request>,
    ) -> Result<Response<wire::validate_resource_config::Response>, Status> {
        let diagnostics = merged(self.validate_resource(request.into_inner()).await);
        Ok(Response::new(wire::validate_resource_config::Response { diagnostics }))
    }

    async fn upgrade_resource_state(
        &self,
        request: Request<wire::upgrade_resource_state::Request>,
    ) -> Result<Response<wire::upgrade_resource_state::Response>, Status> {
        respond!(
            self.upgrade_state(request.into_inner()).await,
            wire::upgrade_resource_state::Response
        )
    }

    async fn read_resource(
        &self,
        request: Request<wire::read_resource::Request>,
    ) -> Result<Response<wire::read_resource::Response>, Status> {
        Ok(Response::new(
            ProviderService::read_resource(self, request.into_inner()).await,
        ))
    }

    async fn plan_resource_change(
        &self,
        request: Request<wire::plan_resource_change::Request>,
    ) -> Result<Response<wire::plan_resource_change::Response>, Status> {
        respond!(
            self.plan_change(request.into_inner()).await,
            wire::plan_resource_change::Response
        )
    }

    async fn apply_resource_change(
        &self,
        request: Request<wire::apply_resource_change::Request>,
    ) -> Result<Response<wire::apply_resource_change::Response>, Status> {
        Ok(Response::new(self.apply_change(request.into_inner()).await))
    }

    async fn import_resource_state(
        &self,
        request: Request<wire::import_resource_state::Request>,
    ) -> Result<Response<wire::import_resource_state::Response>, Status> {
        respond!(
            self.import_resource(request.into_inner()).await,
            wire::import_resource_state::Response
        )
    }

    async fn validate_data_resource_config(
        &self,
        request: Request<wire::validate_data_resource_config::Request>,
    ) -> Result<Response<wire::validate_data_resource_config::Response>, Status> {
        let diagnostics = merged(self.validate_data_source(request.into_inner()).await);
        Ok(Response::new(wire::validate_data_resource_config::Response {
            diagnostics,
        }))
    }

    async fn read_data_source(
        &self,
        request: Request<wire::read_data_source::Request>,
    ) -> Result<Response<wire::read_data_source::Response>, Status> {
        respond!(
            self.read_data(request.into_inner()).await,
            wire::read_data_source::Response
        )
    }

    async fn get_functions(
        &self,
        _: Request<wire::get_functions::Request>,
    ) -> Result<Response<wire::get_functions::Response>, Status> {
        let functions = self.functions();
        Ok(Response::new(wire::get_functions::Response {
            functions,
            diagnostics: Vec::new(),
        }))
    }

    async fn call_function(
        &self,
        request: Request<wire::call_function::Request>,
    ) -> Result<Response<wire::call_function::Response>, Status> {
        Ok(Response::new(self.call(request.into_inner()).await))
    }

    async fn validate_ephemeral_resource_config(
        &self,
        request: Request<wire::validate_ephemeral_resource_config::Request>,
    ) -> Result<Response<wire::validate_ephemeral_resource_config::Response>, Status> {
        let diagnostics = merged(self.validate_ephemeral(request.into_inner()).await);
        Ok(Response::new(wire::validate_ephemeral_resource_config::Response {
            diagnostics,
        }))
    }

    async fn open_ephemeral_resource(
        &self,
        request: Request<wire::open_ephemeral_resource::Request>,
    ) -> Result<Response<wire::open_ephemeral_resource::Response>, Status> {
        respond!(
            self.open_ephemeral(request.into_inner()).await,
            wire::open_ephemeral_resource::Response
        )
    }

    async fn renew_ephemeral_resource(
        &self,
        request: Request<wire::renew_ephemeral_resource::Request>,
    ) -> Result<Response<wire::renew_ephemeral_resource::Response>, Status> {
        respond!(
            self.renew_ephemeral(request.into_inner()).await,
            wire::renew_ephemeral_resource::Response
        )
    }

    async fn close_ephemeral_resource(
        &self,
        request: Request<wire::close_ephemeral_resource::Request>,
    ) -> Result<Response<wire::close_ephemeral_resource::Response>, Status> {
        let diagnostics = merged(self.close_ephemeral(request.into_inner()).await);
        Ok(Response::new(wire::close_ephemeral_resource::Response { diagnostics }))
    }

    async fn stop_provider(
        &self,
        _: Request<wire::stop_provider::Request>,
    ) -> Result<Response<wire::stop_provider::Response>, Status> {
        tracing::info!("stopping: Terraform was interrupted");
        self.calls.stop();
        Ok(Response::new(wire::stop_provider::Response::default()))
    }
}

impl ProviderService {
    fn functions(&self) -> std::collections::HashMap<String, wire::Function> {
        let functions = self.registry.functions.iter();
        functions
            .map(|(name, entry)| (name.clone(), others::function_to_wire(&entry.definition)))
            .collect()
    }
}
