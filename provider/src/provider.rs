//! Registration: what the provider offers, and how it is configured.

use std::sync::Arc;

use async_trait::async_trait;
use tap_plugin::{
    AttributePath, DataSource, Diagnostic, Diagnostics, EphemeralResource, Provider, Resource, Schema, Value,
};
use tap_resources::api_key_secret::ApiKeySecret;
use tap_resources::aws::connect::{ConnectError, connect};
use tap_resources::aws::{self, record::SsmRecords};
use tap_resources::composite::session::{Session, SessionSlot};
use tap_resources::composite::{CompositeResource, Environment, Stacks};
use tap_resources::observability_stack::ObservabilityStack;
use tap_resources::payment_stack::PaymentStack;
use tap_resources::stack_data::StackData;
use tap_resources::webhook_pipeline::WebhookPipeline;

use crate::config;

/// The provider `tap`.
#[derive(Default)]
pub(crate) struct TapProvider {
    slot: SessionSlot,
}

impl TapProvider {
    /// Every composite: as a resource, and for `data "tap_stack"`.
    fn composites(&self) -> Vec<Arc<dyn Stacks>> {
        vec![
            Arc::new(CompositeResource::new(WebhookPipeline, self.slot.clone())),
            Arc::new(CompositeResource::new(PaymentStack, self.slot.clone())),
            Arc::new(CompositeResource::new(ObservabilityStack, self.slot.clone())),
        ]
    }
}

/// What went wrong, and which argument of the provider block decides it.
fn not_connected(error: &ConnectError) -> Diagnostic {
    let (summary, argument) = match error {
        ConnectError::NoRegion => ("The region is missing", None),
        ConnectError::BadRegion(_) | ConnectError::UnlistedRegion(_) => ("No such region", Some("region")),
        ConnectError::Refused { .. } => ("AWS does not accept the credentials", None),
        ConnectError::NoCredentials(_) => ("No AWS credentials", None),
        ConnectError::NoAnswer { .. } => ("AWS cannot be reached", None),
        ConnectError::WrongAccount { .. } => ("The wrong AWS account", Some("allowed_account_ids")),
    };
    let diagnostic = Diagnostic::error(summary, error.to_string());
    match argument {
        Some(name) => diagnostic.at(AttributePath::root(name)),
        None => diagnostic,
    }
}

#[async_trait]
impl Provider for TapProvider {
    fn schema(&self) -> Schema {
        config::schema()
    }

    async fn configure(&self, config: &Value, terraform_version: &str) -> Diagnostics {
        let config = match config::read(config, terraform_version) {
            Ok(Some(config)) => config,
            Ok(None) => {
                // Unknown in this plan: resources plan with what is recorded.
                self.slot.set(None);
                return Diagnostics::new();
            }
            Err(diagnostics) => return diagnostics,
        };
        let skip_region_validation = config.connection.skip_region_validation;
        let (aws, region) = match connect(config.connection).await {
            Ok(connected) => connected,
            Err(error) => return not_connected(&error).into(),
        };
        let aws = Arc::new(aws);
        let environment = Environment {
            account_id: aws.account_id().to_owned(),
            partition: aws.partition().to_owned(),
            region: region.clone(),
        };
        self.slot.set(Some(Session {
            environment,
            aws: aws.clone(),
            registry: aws::registry(&aws),
            secrets: aws.secrets().clone(),
            records: Arc::new(SsmRecords::new(aws.clone(), region)),
            default_tags: config.default_tags,
            parallelism: config.parallelism,
            skip_region_validation,
        }));
        Diagnostics::new()
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        let composites = self.composites().into_iter();
        composites.map(|composite| composite as Arc<dyn Resource>).collect()
    }

    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        vec![Arc::new(StackData::new(self.composites(), self.slot.clone()))]
    }

    fn ephemeral_resources(&self) -> Vec<Arc<dyn EphemeralResource>> {
        vec![Arc::new(ApiKeySecret::new(self.slot.clone()))]
    }
}
