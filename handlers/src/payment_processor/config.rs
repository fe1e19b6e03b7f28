//! Settings of the processor.

use crate::auth::AuthMode;
use crate::config::{Env, InitError};
use crate::domain::status;
use crate::domain::submission::{FIELDS, SubmissionRules};
use crate::domain::table_schema::TableSchema;
use crate::http::Cors;
use crate::recorder::Uniqueness;

/// What follows a stored payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// Nothing: the payment is processed when it is stored.
    Sync,
    /// A message to the queue, for accounting.
    Queue,
}

impl ResponseMode {
    /// First status of a payment (6.5).
    pub fn status(self) -> &'static str {
        match self {
            Self::Sync => status::PROCESSED,
            Self::Queue => status::RECEIVED,
        }
    }

    /// HTTP status of success (8.1 no. 26).
    pub fn http_status(self) -> u16 {
        match self {
            Self::Sync => 200,
            Self::Queue => 202,
        }
    }
}

/// Where payments go that this region does not take for the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailoverConfig {
    /// Name or ARN of the bus (`FAILOVER_EVENT_BUS`).
    pub bus: String,
    /// `source` of the events (`FAILOVER_EVENT_SOURCE`).
    pub source: String,
    /// `detail-type` of the events (`FAILOVER_EVENT_DETAIL_TYPE`).
    pub detail_type: String,
}

/// All settings.
#[derive(Debug, Clone)]
pub struct ProcessorConfig {
    /// `TABLE_NAME`.
    pub table: String,
    /// Who authenticates the callers of the API (`AUTH_MODE`).
    pub auth: AuthMode,
    /// How the table looks.
    pub schema: TableSchema,
    /// `IDEMPOTENCY_TABLE`, if any.
    pub idempotency_table: Option<String>,
    /// `IDEMPOTENCY_TTL_HOURS`; 0 is for ever.
    pub idempotency_ttl_hours: u32,
    /// From `CONSISTENCY_MODE` and whether there is a guard table.
    pub uniqueness: Uniqueness,
    /// `RESPONSE_MODE`.
    pub mode: ResponseMode,
    /// `QUEUE_URL`, in queue mode only.
    pub queue_url: Option<String>,
    /// `AUDIT_BUCKET`, if any.
    pub audit_bucket: Option<String>,
    /// `AUDIT_PREFIX`.
    pub audit_prefix: String,
    /// From `REQUIRED_FIELDS` and the type of the hash key.
    pub rules: SubmissionRules,
    /// Failover events, if any.
    pub failover: Option<FailoverConfig>,
    /// The runtime's own `AWS_REGION`.
    pub region: String,
    /// `ENVIRONMENT`.
    pub environment: String,
    /// Largest body in bytes (`MAX_BODY_BYTES`).
    pub max_body_bytes: usize,
    /// Allowed browser origins (`CORS_ALLOW_ORIGINS`).
    pub cors: Cors,
}

impl ProcessorConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let table = env.required("TABLE_NAME")?;
        let schema = TableSchema::from_env(env)?;
        let modes = [("sync", ResponseMode::Sync), ("queue", ResponseMode::Queue)];
        let mode = env.choice_or("RESPONSE_MODE", ResponseMode::Sync, &modes)?;
        let required = env.list_or("REQUIRED_FIELDS", &["transaction_id", "amount", "currency", "provider"]);
        let rules = SubmissionRules::new(&required, schema.has_numeric_ids());
        let rules =
            rules.map_err(|_| InitError::invalid("REQUIRED_FIELDS", format!("a list of {}", FIELDS.join(", "))))?;
        let idempotency_table = env.optional("IDEMPOTENCY_TABLE").map(str::to_owned);
        let idempotency_ttl_hours = env.parsed_or("IDEMPOTENCY_TTL_HOURS", 0, "hours as a whole number")?;
        let failover = env.optional("FAILOVER_EVENT_BUS").map(|bus| FailoverConfig {
            bus: bus.to_owned(),
            source: env.or("FAILOVER_EVENT_SOURCE", "payment.processing"),
            detail_type: env.or("FAILOVER_EVENT_DETAIL_TYPE", "Payment Transaction"),
        });
        Ok(Self {
            table,
            auth: AuthMode::from_env(env)?,
            schema,
            uniqueness: uniqueness(env, idempotency_table.is_some(), idempotency_ttl_hours)?,
            idempotency_table,
            idempotency_ttl_hours,
            mode,
            queue_url: match mode {
                ResponseMode::Sync => None,
                ResponseMode::Queue => Some(env.required("QUEUE_URL")?),
            },
            audit_bucket: env.optional("AUDIT_BUCKET").map(str::to_owned),
            audit_prefix: env.or("AUDIT_PREFIX", "audit/"),
            rules,
            failover,
            region: env.required("AWS_REGION")?,
            environment: env.or("ENVIRONMENT", "dev"),
            max_body_bytes: env.parsed_or("MAX_BODY_BYTES", 262_144, "bytes as a whole number")?,
            cors: Cors::new(env.list_or("CORS_ALLOW_ORIGINS", &[])),
        })
    }
}

/// Strongly consistent global tables have neither transactions nor TTL (6.5).
fn uniqueness(env: &Env, guarded: bool, ttl_hours: u32) -> Result<Uniqueness, InitError> {
    let strong = env.choice_or("CONSISTENCY_MODE", false, &[("EVENTUAL", false), ("STRONG", true)])?;
    if strong && ttl_hours > 0 {
        return Err(InitError::invalid(
            "IDEMPOTENCY_TTL_HOURS",
            "0 with CONSISTENCY_MODE STRONG, whose tables have no TTL",
        ));
    }
    Ok(match (guarded, strong) {
        (false, _) => Uniqueness::ItemKey,
        (true, false) => Uniqueness::Transaction,
        (true, true) => Uniqueness::GuardFirst,
    })
}
