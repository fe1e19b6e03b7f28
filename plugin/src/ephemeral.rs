//! Ephemeral resources: values that exist during one run and are never stored.

use std::time::SystemTime;

use async_trait::async_trait;

use crate::context::CallContext;
use crate::diagnostics::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// An opened ephemeral resource.
#[derive(Clone, Debug, Default)]
pub struct OpenResponse {
    /// Its values, the configured attributes included. Ignored when there are errors.
    pub result: Value,
    /// When Terraform must renew it, where it expires.
    pub renew_at: Option<SystemTime>,
    /// Bytes that come back with renew and close.
    pub private: Vec<u8>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// A renewed ephemeral resource.
#[derive(Clone, Debug, Default)]
pub struct RenewResponse {
    /// When Terraform must renew it again.
    pub renew_at: Option<SystemTime>,
    /// Bytes that come back with the next renew and with close.
    pub private: Vec<u8>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// A kind of ephemeral resource (Terraform 1.10, `OpenTofu` 1.11).
#[async_trait]
pub trait EphemeralResource: Send + Sync {
    /// The whole type name.
    fn type_name(&self) -> &str;

    /// Its schema. Read once.
    fn schema(&self) -> Schema;

    /// Checks beyond the schema; parts of the configuration may be unknown.
    async fn validate(&self, cx: &CallContext, config: &Value) -> Diagnostics {
        let _ = (cx, config);
        Diagnostics::new()
    }

    /// Opens it. The configuration is wholly known.
    async fn open(&self, cx: &CallContext, config: Value) -> OpenResponse;

    /// Extends it. Only called when it asked for that.
    async fn renew(&self, cx: &CallContext, private: Vec<u8>) -> RenewResponse {
        let _ = cx;
        RenewResponse {
            private,
            ..Default::default()
        }
    }

    /// Gives it back.
    async fn close(&self, cx: &CallContext, private: Vec<u8>) -> Diagnostics {
        let _ = (cx, private);
        Diagnostics::new()
    }
}
