//! The validator's settings.

use crate::auth::AuthMode;
use crate::config::{Env, InitError};
use crate::http::Cors;

/// All settings.
#[derive(Debug, Clone)]
pub struct ValidatorConfig {
    /// Transactions table (`DYNAMODB_TABLE`).
    pub table: String,
    /// Guard table (`IDEMPOTENCY_TABLE`).
    pub idempotency_table: String,
    /// How long guards are kept, in hours; 0 is for ever (`IDEMPOTENCY_TTL_HOURS`).
    pub idempotency_ttl_hours: u32,
    /// Who authenticates (`AUTH_MODE`).
    pub auth: AuthMode,
    /// Largest body in bytes (`MAX_BODY_BYTES`).
    pub max_body_bytes: usize,
    /// Allowed browser origins (`CORS_ALLOW_ORIGINS`).
    pub cors: Cors,
}

impl ValidatorConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let auth = AuthMode::from_env(env)?;
        Ok(Self {
            table: env.required("DYNAMODB_TABLE")?,
            idempotency_table: env.required("IDEMPOTENCY_TABLE")?,
            idempotency_ttl_hours: env.parsed_or("IDEMPOTENCY_TTL_HOURS", 0, "hours as a whole number")?,
            auth,
            max_body_bytes: env.parsed_or("MAX_BODY_BYTES", 262_144, "bytes as a whole number")?,
            cors: Cors::new(env.list_or("CORS_ALLOW_ORIGINS", &[])),
        })
    }
}
