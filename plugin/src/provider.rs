//! The provider: configuration, and the list of what it offers.

use std::sync::Arc;

use async_trait::async_trait;

use crate::data_source::DataSource;
use crate::diagnostics::Diagnostics;
use crate::ephemeral::EphemeralResource;
use crate::function::Function;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// A provider. Its lists are read once, when it starts to serve.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The schema of the `provider` block.
    fn schema(&self) -> Schema;

    /// Checks beyond the schema. Not called when the schema already found errors.
    async fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Takes the configuration before any resource is called. During a plan, anything in it may be unknown.
    async fn configure(&self, config: &Value, terraform_version: &str) -> Diagnostics;

    /// Its resources.
    fn resources(&self) -> Vec<Arc<dyn Resource>>;

    /// Its data sources.
    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        Vec::new()
    }

    /// Its functions.
    fn functions(&self) -> Vec<Arc<dyn Function>> {
        Vec::new()
    }

    /// Its ephemeral resources.
    fn ephemeral_resources(&self) -> Vec<Arc<dyn EphemeralResource>> {
        Vec::new()
    }
}
