//! The effective configuration in typed form: the schema's defaults are filled in, so only what
//! really may be absent is an `Option`. The fields are described in the schema.
#![allow(missing_docs, reason = "described in the schema, next to their defaults")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Number, Value};

use crate::composite::parts::{AccessLog, Cors, Function, Index, Lifecycle};
use crate::composite::shared::Shared;

/// Everything besides [`Shared`].
#[derive(Debug, Clone, Deserialize)]
pub struct Pipeline {
    pub table: Table,
    pub idempotency: Idempotency,
    pub audit_bucket: AuditBucket,
    pub alerts_topic: AlertsTopic,
    pub dlq: Dlq,
    pub low_value_queue: LowValueQueue,
    pub event_bus: EventBus,
    pub routing: Routing,
    pub package_type: String,
    pub ecr: Ecr,
    pub functions: Functions,
    #[serde(default)]
    pub role_names: Option<BTreeMap<String, String>>,
    pub workflow: Workflow,
    pub fraud: Fraud,
    pub archival: Archival,
    pub dashboard: Dashboard,
    pub alarms: Alarms,
    pub api: Api,
}

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub shared: Shared,
    pub pipeline: Pipeline,
}

impl Config {
    /// Reads the effective configuration. An error here is a contradiction between schema and code.
    pub fn from_json(json: &Value) -> Result<Self, serde_json::Error> {
        Ok(Self {
            shared: serde_json::from_value(json.clone())?,
            pipeline: serde_json::from_value(json.clone())?,
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Table {
    pub name: Option<String>,
    pub hash_key: String,
    pub range_key: String,
    pub billing_mode: String,
    pub read_capacity: Option<i64>,
    pub write_capacity: Option<i64>,
    pub point_in_time_recovery: Recovery,
    pub kms_enabled: bool,
    pub stream_view_type: String,
    pub ttl_attribute: Option<String>,
    pub global_secondary_indexes: Option<Vec<Index>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Recovery {
    pub enabled: bool,
    pub recovery_period_in_days: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Idempotency {
    pub table_name: Option<String>,
    pub ttl_hours: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct AuditBucket {
    pub name: Option<String>,
    pub versioning: bool,
    pub sse_algorithm: String,
    pub block_public_access: bool,
    pub enforce_tls: bool,
    pub object_lock: Option<ObjectLock>,
    pub lifecycle: Lifecycle,
    pub audit_on_receipt: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ObjectLock {
    pub mode: String,
    pub days: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct AlertsTopic {
    pub name: Option<String>,
    pub display_name: Option<String>,
    pub email_endpoints: Option<Vec<String>>,
    pub sms_endpoints: Option<Vec<String>>,
    pub notify_transactions: bool,
    pub separate_fraud_topic: bool,
    pub separate_alarm_topic: bool,
    pub separate_notice_topic: bool,
    pub kms_enabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Dlq {
    pub name: Option<String>,
    pub message_retention_seconds: i64,
    pub kms_enabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct LowValueQueue {
    pub name: Option<String>,
    pub kms_enabled: bool,
    pub visibility_timeout_seconds: i64,
    pub message_retention_seconds: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct EventBus {
    pub name: Option<String>,
    pub archive_retention_days: i64,
    pub kms_enabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Routing {
    pub high_threshold: Number,
    pub low_threshold: Number,
    pub currency_thresholds: Option<BTreeMap<String, Thresholds>>,
    pub retry_policy: RetryPolicy,
    pub low_value_target: String,
    pub workflow_trigger: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Thresholds {
    pub high_threshold: Number,
    pub low_threshold: Number,
}

#[derive(Debug, Clone, Deserialize)]
pub struct RetryPolicy {
    pub maximum_event_age_in_seconds: i64,
    pub maximum_retry_attempts: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Ecr {
    pub scan_on_push: bool,
    pub force_delete: bool,
    pub image_tag_mutability: String,
    pub keep_last_images: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Functions {
    pub validator: Function,
    pub publisher: Function,
    pub fraud: Function,
    pub archival: Function,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Workflow {
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub role_name: Option<String>,
    pub fraud_retry: Retry,
    pub notify_retry: Retry,
    pub timeout_seconds: i64,
    pub log_level: String,
    pub include_execution_data: bool,
    pub log_group_name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Retry {
    pub interval_seconds: i64,
    pub max_attempts: i64,
    pub backoff_rate: Number,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Fraud {
    pub amount_risk_threshold: Number,
    pub currency_thresholds: Option<BTreeMap<String, Number>>,
    pub amount_risk_weight: Number,
    pub model_weight_max: Number,
    pub high_risk_threshold: Number,
    pub medium_risk_threshold: Number,
    pub scorer: String,
    pub scorer_arn: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Archival {
    pub enabled: bool,
    pub schedule_expression: String,
    pub min_age_hours: i64,
    pub statuses: Vec<String>,
    pub page_limit: i64,
    pub partition_prefix: String,
    pub file_format: String,
    pub delete_after_archive: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Dashboard {
    pub enabled: bool,
    pub name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Alarms {
    pub enabled: bool,
    pub actions: Option<Vec<String>>,
    pub api_5xx_percent: Number,
    pub validator_duration_percent_of_timeout: i64,
    pub publisher_iterator_age_ms: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Api {
    pub name: Option<String>,
    pub path: String,
    pub stage_name: String,
    pub endpoint_type: String,
    pub authorization: String,
    pub allow_unauthenticated: bool,
    pub hmac: Hmac,
    pub throttle_rate_limit: i64,
    pub throttle_burst_limit: i64,
    pub quota_limit: Option<i64>,
    pub quota_period: String,
    pub request_validation: bool,
    pub access_log: AccessLog,
    pub cors: Cors,
    pub waf: Waf,
    pub manage_account_log_role: String,
    pub xray_tracing_enabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Hmac {
    pub header: String,
    pub secret_ssm_parameter: Option<String>,
    pub kms_key_arn: Option<String>,
    pub tolerance_seconds: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Waf {
    pub enabled: bool,
    pub name: Option<String>,
    /// `allow` or `block`.
    pub default_action: String,
    pub rate_limit: i64,
    pub evaluation_window_sec: i64,
    pub allow_ip_cidrs: Option<Vec<String>>,
    pub managed_rule_groups: Vec<String>,
    pub logging: bool,
}
