//! Settings of the reconciler.

use crate::config::{Env, InitError};
use crate::domain::table_schema::TableSchema;

/// What the sweep needs.
#[derive(Debug, Clone)]
pub struct SweepConfig {
    /// `TABLE_NAME`.
    pub table: String,
    /// How the table looks.
    pub schema: TableSchema,
    /// Its index on the status (`STATUS_INDEX`).
    pub index: String,
    /// `QUEUE_URL`: its presence switches the sweep on.
    pub queue_url: String,
    /// `AUDIT_BUCKET`, if any.
    pub audit_bucket: Option<String>,
    /// `AUDIT_PREFIX`.
    pub audit_prefix: String,
    /// A payment that has waited this long is stuck (`STUCK_AFTER_SECONDS`).
    pub stuck_after_seconds: u32,
    /// Payments that one run completes at most (`MAX_PAYMENTS_PER_RUN`).
    pub max_payments: usize,
}

/// All settings.
#[derive(Debug, Clone)]
pub struct ReconcilerConfig {
    /// The runtime's own `AWS_REGION`.
    pub region: String,
    /// `ENVIRONMENT`.
    pub environment: String,
    /// Whether the guard table's stream comes here (`DETECT_CONFLICTS`).
    pub detects_conflicts: bool,
    /// The sweep, where payments wait for accounting.
    pub sweep: Option<SweepConfig>,
}

impl ReconcilerConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let queue_url = env.optional("QUEUE_URL").map(str::to_owned);
        Ok(Self {
            region: env.required("AWS_REGION")?,
            environment: env.or("ENVIRONMENT", "dev"),
            detects_conflicts: env.choice_or("DETECT_CONFLICTS", false, &[("false", false), ("true", true)])?,
            sweep: queue_url.map(|url| SweepConfig::from_env(env, url)).transpose()?,
        })
    }
}

impl SweepConfig {
    fn from_env(env: &Env, queue_url: String) -> Result<Self, InitError> {
        let number = "a whole number";
        Ok(Self {
            table: env.required("TABLE_NAME")?,
            schema: TableSchema::from_env(env)?,
            index: env.required("STATUS_INDEX")?,
            queue_url,
            audit_bucket: env.optional("AUDIT_BUCKET").map(str::to_owned),
            audit_prefix: env.or("AUDIT_PREFIX", "audit/"),
            stuck_after_seconds: env.parsed_or("STUCK_AFTER_SECONDS", 1200, number)?,
            max_payments: env.parsed_or("MAX_PAYMENTS_PER_RUN", 500, number)?,
        })
    }
}
