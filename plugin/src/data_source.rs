//! Data sources.

use async_trait::async_trait;

use crate::context::CallContext;
use crate::diagnostics::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// What a data source found.
#[derive(Clone, Debug, Default)]
pub struct DataReadResponse {
    /// The data, the configured attributes included. Ignored when there are errors.
    pub state: Value,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// A kind of data source.
#[async_trait]
pub trait DataSource: Send + Sync {
    /// The whole type name: `tap_stack`.
    fn type_name(&self) -> &str;

    /// Its schema. Read once.
    fn schema(&self) -> Schema;

    /// Checks beyond the schema; parts of the configuration may be unknown.
    async fn validate(&self, cx: &CallContext, config: &Value) -> Diagnostics {
        let _ = (cx, config);
        Diagnostics::new()
    }

    /// Reads the data. The configuration is wholly known.
    async fn read(&self, cx: &CallContext, config: Value) -> DataReadResponse;
}
