//! Managed resources.
//!
//! Private bytes are the provider's own: Terraform keeps them beside the state, neither reads nor shows them, and hands
//! them back. They are not encrypted, so no secret belongs there.

use async_trait::async_trait;

use crate::context::CallContext;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::schema::Schema;
use crate::value::Value;

/// Everything a plan of a create or update may look at.
#[derive(Clone, Debug, Default)]
pub struct PlanRequest {
    /// The state now; `None` when the resource is to be created.
    pub prior: Option<Value>,
    /// The configuration; parts may be unknown.
    pub config: Value,
    /// Terraform's own merge of configuration and prior state: computed attributes keep their prior value.
    pub proposed: Value,
    /// The private bytes stored with the state.
    pub private: Vec<u8>,
}

/// A planned change.
#[derive(Clone, Debug, Default)]
pub struct PlanResponse {
    /// The state after apply, as far as it is known. Attributes that the configuration sets keep its values.
    pub planned: Value,
    /// Changes that replace the resource, besides those of `.requires_replace()` attributes.
    pub requires_replace: Vec<AttributePath>,
    /// Private bytes for the apply; for a replacement, for both of its legs.
    pub private: Vec<u8>,
    /// Errors and warnings; with an error nothing is planned.
    pub diagnostics: Diagnostics,
}

/// What a plan of a destroy may look at.
#[derive(Clone, Debug, Default)]
pub struct PlanDestroyRequest {
    /// The state now.
    pub prior: Value,
    /// The private bytes stored with it.
    pub private: Vec<u8>,
}

/// A planned destroy.
#[derive(Clone, Debug, Default)]
pub struct PlanDestroyResponse {
    /// Private bytes for the apply.
    pub private: Vec<u8>,
    /// Errors stop the destroy before it begins.
    pub diagnostics: Diagnostics,
}

/// A create to carry out.
#[derive(Clone, Debug, Default)]
pub struct CreateRequest {
    /// The planned state.
    pub planned: Value,
    /// The configuration as planned (`lifecycle.ignore_changes` left out), wholly known now, with its write-only values.
    pub config: Value,
    /// The plan's private bytes.
    pub private: Vec<u8>,
}

/// An update to carry out.
#[derive(Clone, Debug, Default)]
pub struct UpdateRequest {
    /// The state before.
    pub prior: Value,
    /// The planned state.
    pub planned: Value,
    /// The configuration as planned (`lifecycle.ignore_changes` left out), wholly known now, with its write-only values.
    pub config: Value,
    /// The plan's private bytes.
    pub private: Vec<u8>,
}

/// A destroy to carry out.
#[derive(Clone, Debug, Default)]
pub struct DeleteRequest {
    /// The state before.
    pub prior: Value,
    /// The private bytes stored with it, or planned for the replacement that this is a leg of.
    pub private: Vec<u8>,
}

/// The outcome of a create, update or delete. State and errors go together: what exists is recorded even
/// when not everything worked.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// What exists now; `None` when nothing does.
    pub state: Option<Value>,
    /// Private bytes to store with it.
    pub private: Vec<u8>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// A state to compare with reality.
#[derive(Clone, Debug, Default)]
pub struct ReadRequest {
    /// The state as stored.
    pub state: Value,
    /// The private bytes stored with it.
    pub private: Vec<u8>,
}

/// What reality looks like.
#[derive(Clone, Debug, Default)]
pub struct ReadResponse {
    /// The state now; `None` when the resource is gone. Ignored when there are errors and it is `None`.
    pub state: Option<Value>,
    /// Private bytes to store with it.
    pub private: Vec<u8>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// What an import found.
#[derive(Clone, Debug, Default)]
pub struct ImportResponse {
    /// Enough of a state for a read to complete; `None` only together with errors.
    pub state: Option<Value>,
    /// Private bytes to store with it.
    pub private: Vec<u8>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// A kind of managed resource.
///
/// Configurations are as written, with nulls: [`Schema::with_defaults`] gives the effective one. Returned
/// states are completed from the schema, so attributes may be left out where they are null.
#[async_trait]
pub trait Resource: Send + Sync {
    /// The whole type name: `tap_webhook_pipeline`.
    fn type_name(&self) -> &str;

    /// Its schema. Read once.
    fn schema(&self) -> Schema;

    /// Checks beyond the schema; parts of the configuration may be unknown. Not called when the schema already
    /// found errors.
    async fn validate(&self, cx: &CallContext, config: &Value) -> Diagnostics {
        let _ = (cx, config);
        Diagnostics::new()
    }

    /// Plans a create or update. The crate then drops write-only values, completes the planned state from the
    /// schema, and applies `.use_state_for_unknown()` and `.requires_replace()`.
    async fn plan(&self, cx: &CallContext, request: PlanRequest) -> PlanResponse;

    /// Plans a destroy; errors prevent it.
    async fn plan_destroy(&self, cx: &CallContext, request: PlanDestroyRequest) -> PlanDestroyResponse {
        let _ = cx;
        PlanDestroyResponse {
            private: request.private,
            diagnostics: Diagnostics::new(),
        }
    }

    /// Creates what was planned. With errors and a state, Terraform records it as tainted.
    async fn create(&self, cx: &CallContext, request: CreateRequest) -> Applied;

    /// Changes what exists into what was planned.
    async fn update(&self, cx: &CallContext, request: UpdateRequest) -> Applied;

    /// Removes everything. With `Some` state the rest is kept in state, to be tried again.
    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Applied;

    /// Compares the state with reality.
    async fn read(&self, cx: &CallContext, request: ReadRequest) -> ReadResponse;

    /// Finds an existing resource by the id given to `terraform import`.
    async fn import(&self, cx: &CallContext, id: &str) -> ImportResponse {
        let _ = (cx, id);
        let detail = format!("{} cannot be imported.", self.type_name());
        ImportResponse {
            diagnostics: Diagnostic::error("Import not supported", detail).into(),
            ..Default::default()
        }
    }

    /// Turns the JSON of a state of an older schema version into that of the current one. Attributes which the
    /// current schema does not have are dropped afterwards, so the default suits every compatible change.
    async fn upgrade(&self, from_version: i64, raw: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        let _ = from_version;
        Ok(raw)
    }
}
