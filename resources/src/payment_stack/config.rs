//! The effective configuration in typed form: defaults and preset ([`super::presets`]) are filled
//! in, so only what really may be absent is an `Option`. The fields are described in the schema.
#![allow(missing_docs, reason = "described in the schema, next to their defaults")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Number, Value};

use crate::composite::Environment;
use crate::composite::parts::{AccessLog, Cors, Function, Index, Lifecycle};
use crate::composite::shared::Shared;

pub use super::reconciliation::Reconciliation;

/// Write-only value of the API key, as components name it in their setting `secret`.
pub const API_KEY_VALUE: &str = "api.api_key.value_wo";
/// Write-only HMAC secrets.
pub const HMAC_SECRETS: &str = "api.hmac.secrets_wo";

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub shared: Shared,
    pub payment: Payment,
}

impl Config {
    /// Reads the effective configuration, in which the preset is filled in already. An error here
    /// is a contradiction between schema and code.
    pub fn from_json(json: &Value) -> Result<Self, serde_json::Error> {
        Ok(Self {
            shared: serde_json::from_value(json.clone())?,
            payment: serde_json::from_value(json.clone())?,
        })
    }

    /// The stack's regions, the primary one first: as given, or the provider's.
    pub fn regions(&self, environment: &Environment) -> Vec<String> {
        let given = self.payment.regions.clone().filter(|regions| !regions.is_empty());
        given.unwrap_or_else(|| vec![environment.region.clone()])
    }
}

/// Everything besides [`Shared`].
#[derive(Debug, Clone, Deserialize)]
pub struct Payment {
    pub preset: Option<String>,
    pub regions: Option<Vec<String>>,
    pub region_overrides: Option<BTreeMap<String, RegionOverride>>,
    pub table: Table,
    pub kms: KmsPurposes,
    pub processor: Processor,
    pub accounting: Accounting,
    pub failure_notifier: FailureNotifier,
    pub layer: Layer,
    pub queue: Queue,
    pub dlq: Dlq,
    pub topics: Topics,
    pub api: Api,
    pub domain: Domain,
    pub dns: Dns,
    pub waf: Waf,
    pub receipts_bucket: ReceiptsBucket,
    pub audit: Audit,
    pub workflow: Workflow,
    pub event_failover: EventFailover,
    pub ssm: Ssm,
    pub metrics: Metrics,
    pub kpi_filters: Vec<KpiFilter>,
    pub alarms: Alarms,
    pub dashboard: Dashboard,
    pub vpc: Vpc,
    pub lambda_env_kms_key_arn: Option<String>,
    pub idempotency: Idempotency,
    pub reconciliation: Reconciliation,
}

impl Payment {
    /// What `region_overrides` says about a region.
    pub fn in_region(&self, region: &str) -> RegionOverride {
        let given = self.region_overrides.as_ref().and_then(|all| all.get(region));
        given.cloned().unwrap_or_default()
    }

    /// Whether Route 53 watches the APIs.
    pub fn has_health_checks(&self) -> bool {
        self.domain.enabled && self.dns.health_check.enabled
    }

    /// Whether the APIs' own endpoints must answer although there is a domain: Route 53 has to reach each
    /// region's API by itself, not through the name that it decides about. A TCP check only connects, which AWS
    /// allows at a closed endpoint too
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-disable-default-endpoint.html>).
    pub fn asks_default_endpoint(&self) -> bool {
        self.has_health_checks() && self.dns.health_check.kind != "TCP"
    }

    /// The path that health checks ask for at the APIs' own endpoints.
    pub fn checked_path(&self) -> String {
        let usual = || format!("/{}/{}", self.api.stage_name, self.api.health_path);
        self.dns.health_check.path.clone().unwrap_or_else(usual)
    }

    /// Whether the tables are strongly consistent across regions.
    pub fn is_strong(&self) -> bool {
        self.table.consistency_mode == "STRONG"
    }

    /// Whether there is a queue between processor and accounting.
    pub fn has_queue(&self) -> bool {
        self.queue.enabled
    }
}

/// What differs in one region. Lists, when given, take the place of the stack-wide ones.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RegionOverride {
    pub kms_key_arn: Option<String>,
    pub subnet_ids: Option<Vec<String>>,
    pub security_group_ids: Option<Vec<String>>,
    pub email_endpoints: Option<Vec<String>>,
    pub alarm_actions: Option<Vec<String>>,
    pub ok_actions: Option<Vec<String>>,
    pub receipts_bucket_name: Option<String>,
    pub lambda_s3_bucket: Option<String>,
    pub vpc_endpoints: Option<RegionEndpoints>,
}

/// Where the endpoints of one region are.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RegionEndpoints {
    pub subnet_ids: Option<Vec<String>>,
    pub security_group_ids: Option<Vec<String>>,
    pub route_table_ids: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Table {
    pub name: Option<String>,
    pub key_schema: KeySchema,
    /// `snake_case` or `pascal_case`.
    pub attribute_style: String,
    pub global_secondary_indexes: Vec<Index>,
    pub billing_mode: String,
    pub read_capacity: Option<i64>,
    pub write_capacity: Option<i64>,
    pub point_in_time_recovery: bool,
    pub recovery_period_in_days: i64,
    /// `None`: on with replicas or a consumer (P-32, R-12).
    pub stream_view_type: Option<String>,
    /// `None`: the stack's `deletion_protection`.
    pub deletion_protection: Option<bool>,
    pub ttl_attribute: Option<String>,
    pub sse: Sse,
    pub replicas: Option<Vec<Replica>>,
    /// `EVENTUAL` or `STRONG`.
    pub consistency_mode: String,
    pub witness_region: Option<String>,
    /// 1: indexes on the status are on the status itself.
    pub status_shards: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct KeySchema {
    pub hash_key: String,
    pub hash_key_type: String,
    /// Empty: no sort key.
    pub range_key: String,
    pub range_key_type: String,
}

impl KeySchema {
    /// The sort key attribute, if there is one.
    pub fn range(&self) -> Option<&str> {
        Some(self.range_key.as_str()).filter(|key| !key.is_empty())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Sse {
    /// `customer`, `aws_managed` or `aws_owned`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Key of the table in the primary region, in place of the stack's.
    pub kms_key_arn: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Replica {
    pub region: String,
    pub kms_key_arn: Option<String>,
    pub point_in_time_recovery: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct KmsPurposes {
    /// `shared`, or any of `dynamodb`, `s3`, `lambda`, `logs`, `sns`, `sqs`, `ssm`; what has no key
    /// of its own uses the first of the list.
    pub keys: Vec<String>,
    /// Keys of the other regions are replicas of the primary region's.
    pub multi_region: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Processor {
    pub enabled: bool,
    #[serde(flatten)]
    pub function: Function,
    /// `sync` (200 once stored) or `queue` (202 once stored and queued).
    pub response_mode: String,
    pub required_fields: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Accounting {
    pub enabled: bool,
    #[serde(flatten)]
    pub function: Function,
    pub batch_size: i64,
    pub maximum_batching_window_in_seconds: i64,
    pub maximum_concurrency: Option<i64>,
    pub report_batch_item_failures: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct FailureNotifier {
    pub enabled: bool,
    #[serde(flatten)]
    pub function: Function,
    pub batch_size: i64,
    pub report_batch_item_failures: bool,
    pub keep_in_dlq: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Layer {
    pub enabled: bool,
    pub name: Option<String>,
    pub zip_path: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Queue {
    pub enabled: bool,
    pub name: Option<String>,
    /// `None`: six times the accounting function's timeout, and its batching window (N-12).
    pub visibility_timeout_seconds: Option<i64>,
    pub message_retention_seconds: i64,
    pub max_receive_count: i64,
    /// `kms` or `sqs`.
    pub sse: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Dlq {
    pub name: Option<String>,
    pub message_retention_seconds: i64,
    pub redrive_allow: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Topics {
    pub notifications: NotificationsTopic,
    /// Region in the topics' names. Every region has a topic in any case: alarms act in their own
    /// region only (P-24).
    pub per_region: bool,
    /// `subscriptions` on every region's topic, not on the primary's alone.
    pub cross_region_subscriptions: bool,
    pub subscriptions: Option<Vec<Subscription>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct NotificationsTopic {
    pub name: Option<String>,
    pub display_name: Option<String>,
    pub email_endpoints: Option<Vec<String>>,
    pub kms_enabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Subscription {
    pub protocol: String,
    pub endpoint: String,
    /// JSON text.
    pub filter_policy: Option<String>,
    pub filter_policy_scope: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Api {
    pub enabled: bool,
    pub name: Option<String>,
    pub description: String,
    pub path: String,
    pub stage_name: String,
    pub endpoint_type: String,
    /// `None`: every region of the stack.
    pub regions: Option<Vec<String>>,
    /// `api_key`, `hmac`, `iam` or `none`.
    pub authorization: String,
    pub allow_unauthenticated: bool,
    pub hmac: Hmac,
    pub api_key: ApiKey,
    pub throttle_rate_limit: i64,
    pub throttle_burst_limit: i64,
    pub execution_log_level: String,
    pub data_trace_enabled: bool,
    pub metrics_enabled: bool,
    pub access_log: AccessLog,
    pub xray_tracing_enabled: bool,
    pub cors: Cors,
    pub integration_timeout_ms: i64,
    pub request_validation: bool,
    /// JSON text; `None`: the schema that fits the processor.
    pub request_schema_json: Option<String>,
    /// Empty: no health path.
    pub health_path: String,
    /// JSON text: who may call, and from where.
    pub resource_policy: Option<String>,
    pub manage_account_log_role: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Hmac {
    pub header: String,
    pub secret_ssm_parameter: Option<String>,
    /// Set: the stack makes the parameter, from the secret [`HMAC_SECRETS`].
    pub secrets_wo_version: Option<i64>,
    pub kms_key_arn: Option<String>,
    pub tolerance_seconds: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ApiKey {
    pub name: Option<String>,
    /// Set: the key has the value of the secret [`API_KEY_VALUE`].
    pub value_wo_version: Option<i64>,
    pub throttle_rate_limit: i64,
    pub throttle_burst_limit: i64,
    /// 0: no quota.
    pub quota_limit: i64,
    pub quota_period: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Domain {
    pub enabled: bool,
    pub name: Option<String>,
    /// Region -> ARN of the certificate there.
    pub certificate_arns: Option<BTreeMap<String, String>>,
    pub hosted_zone_id: Option<String>,
    pub security_policy: String,
    /// Empty: the root.
    pub base_path: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Dns {
    /// `failover`, `latency` or `latency_with_failover`.
    pub routing_policy: String,
    /// `alias` (A and AAAA) or `cname`.
    pub record_type: String,
    pub ttl: i64,
    pub evaluate_target_health: bool,
    pub health_check: HealthCheck,
}

#[derive(Debug, Clone, Deserialize)]
pub struct HealthCheck {
    pub enabled: bool,
    #[serde(rename = "type")]
    pub kind: String,
    pub port: i64,
    /// `None`: `/<stage>/<health path>`, or `/<health path>` behind the domain.
    pub path: Option<String>,
    pub interval: i64,
    pub failure_threshold: i64,
    pub regions: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Waf {
    pub enabled: bool,
    pub name: Option<String>,
    pub default_action: String,
    pub rate_limit: i64,
    pub evaluation_window_sec: i64,
    pub allow_ip_cidrs: Option<Vec<String>>,
    pub managed_rule_groups: Vec<String>,
    pub logging: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ReceiptsBucket {
    pub enabled: bool,
    pub name: Option<String>,
    pub versioning: bool,
    /// `aws:kms` or `AES256`.
    pub sse: String,
    pub replication: Replication,
    pub lifecycle: Lifecycle,
    pub force_destroy: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Replication {
    /// `None`: on with two regions or more.
    pub enabled: Option<bool>,
    pub delete_marker: bool,
    pub storage_class: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Audit {
    pub enabled: bool,
    pub prefix: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Workflow {
    pub enabled: bool,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub log_level: String,
    pub include_execution_data: bool,
    pub retry: Retry,
    pub timeout_seconds: i64,
    pub dlq: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Retry {
    pub errors: Vec<String>,
    pub interval_seconds: i64,
    pub max_attempts: i64,
    pub backoff_rate: Number,
}

#[derive(Debug, Clone, Deserialize)]
pub struct EventFailover {
    pub enabled: bool,
    pub bus_name: Option<String>,
    pub source: String,
    pub detail_type: String,
    /// Region -> the one standby that takes over its events (P-17). `None`: the next in `regions`.
    pub targets: Option<BTreeMap<String, String>>,
    pub retry_policy: RetryPolicy,
    pub dlq: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct RetryPolicy {
    pub max_attempts: i64,
    pub max_age_seconds: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Ssm {
    pub enabled: bool,
    /// `None`: `/payment/<suffix>/`.
    pub prefix: Option<String>,
    pub parameters: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Metrics {
    /// `None`: `Payment/<suffix>`.
    pub namespace: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct KpiFilter {
    pub name: String,
    pub pattern: String,
    pub metric_name: String,
    pub value: String,
    pub unit: Option<String>,
    /// Dimension -> property of the line.
    pub dimensions: Option<BTreeMap<String, String>>,
}

/// Thresholds; 0 switches an alarm off.
#[derive(Debug, Clone, Deserialize)]
pub struct Alarms {
    pub enabled: bool,
    pub error_rate: ErrorRate,
    pub errors: ErrorCount,
    pub duration_p99_percent_of_timeout: i64,
    pub throttles: i64,
    pub dynamodb_throttles: i64,
    pub queue_age_seconds: i64,
    pub dlq_depth: i64,
    pub api_5xx_percent: Number,
    pub api_latency_p99_ms: i64,
    pub replication_latency_ms: i64,
    pub waf_blocked: i64,
    pub stuck_payments: i64,
    pub reconciliation_conflicts: i64,
    pub alarm_actions: Option<Vec<String>>,
    pub ok_actions: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ErrorRate {
    pub enabled: bool,
    pub threshold_percent: Number,
    pub period: i64,
    pub evaluation_periods: i64,
    pub datapoints_to_alarm: i64,
    pub min_invocations: i64,
    pub treat_missing_data: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ErrorCount {
    pub enabled: bool,
    pub threshold: i64,
    /// CloudWatch's name of the operator.
    pub comparison: String,
    pub period: i64,
    pub evaluation_periods: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Dashboard {
    pub enabled: bool,
    pub name: Option<String>,
    /// JSON text of a list of widgets.
    pub widgets_extra: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Vpc {
    pub subnet_ids: Option<Vec<String>>,
    pub security_group_ids: Option<Vec<String>>,
    pub endpoints: VpcEndpoints,
}

#[derive(Debug, Clone, Deserialize)]
pub struct VpcEndpoints {
    pub enabled: bool,
    /// `None`: those that the functions call.
    pub services: Option<Vec<String>>,
    pub private_dns_enabled: bool,
    /// `None`: the functions'.
    pub subnet_ids: Option<Vec<String>>,
    pub security_group_ids: Option<Vec<String>>,
    pub route_table_ids: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Idempotency {
    pub enabled: bool,
    pub ttl_hours: i64,
    pub table_name: Option<String>,
}
