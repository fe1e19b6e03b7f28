//! The effective configuration in typed form: the schema's defaults are filled in, so only what
//! really may be absent is an `Option`. The fields are described in the schema.
#![allow(missing_docs, reason = "described in the schema, next to their defaults")]

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use crate::composite::shared::Shared;

/// Everything besides [`Shared`].
#[derive(Debug, Clone, Deserialize)]
pub struct Observability {
    pub kms: KmsScope,
    pub log_groups: LogGroups,
    #[serde(deserialize_with = "or_empty")]
    pub rds: Rds,
    pub api: Api,
    pub latency_filter: LatencyFilter,
    pub latency_percentiles: Vec<String>,
    pub alarm_topic: AlarmTopic,
    pub alarm_email_endpoints: Option<Vec<String>>,
    pub alarm_subscriptions: Option<Vec<Subscription>>,
    pub alarm_notification_mode: String,
    pub alarm_actions: Option<Vec<String>>,
    pub ok_actions: Option<Vec<String>>,
    pub insufficient_data_actions: Option<Vec<String>>,
    pub api_error_alarm: ApiErrorAlarm,
    pub lambda_error_alarm: LambdaErrorAlarm,
    pub handler_fault_alarm: HandlerFaultAlarm,
    pub latency_alarm: LatencyAlarm,
    pub canary_alarm: CanaryAlarm,
    pub composite_alarm: CompositeAlarm,
    pub lambda: Lambda,
    pub custom_metrics: CustomMetrics,
    pub canary: Canary,
    pub artifact_bucket: ArtifactBucket,
    pub artifact_prefix: String,
    pub dashboard: Dashboard,
}

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub shared: Shared,
    pub observability: Observability,
}

impl Config {
    /// Reads the effective configuration. An error here is a contradiction between schema and code.
    pub fn from_json(json: &Value) -> Result<Self, serde_json::Error> {
        Ok(Self {
            shared: serde_json::from_value(json.clone())?,
            observability: serde_json::from_value(json.clone())?,
        })
    }
}

/// What this stack adds to the shared `kms`.
#[derive(Debug, Clone, Deserialize)]
pub struct KmsScope {
    pub log_group_scope: String,
}

/// A group whose members all have no default is null where nothing of it is set.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Clone, Deserialize)]
pub struct LogGroups {
    pub api: ApiLogGroup,
    #[serde(deserialize_with = "or_empty")]
    pub lambda: LambdaLogGroup,
    pub rds: RdsLogGroups,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ApiLogGroup {
    pub name: Option<String>,
    pub enabled: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct LambdaLogGroup {
    pub name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct RdsLogGroups {
    pub enabled: bool,
    pub names: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Rds {
    pub db_instance_identifier: Option<String>,
    pub db_cluster_identifier: Option<String>,
    pub log_types: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Api {
    pub name: Option<String>,
    pub stage: Option<String>,
    pub id: Option<String>,
    pub execution_logs: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct LatencyFilter {
    pub enabled: bool,
    pub format: String,
    pub pattern: Option<String>,
    pub value: Option<String>,
    pub metric_name: String,
    pub namespace: Option<String>,
    pub unit: String,
    pub default_value: Option<Number>,
    pub legacy_metric_names: bool,
    pub log_group_name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct AlarmTopic {
    pub name: Option<String>,
    pub display_name: String,
    pub kms_enabled: bool,
    pub existing_arn: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Subscription {
    pub protocol: String,
    pub endpoint: String,
    pub filter_policy: Option<String>,
    pub filter_policy_scope: Option<String>,
    pub subscription_role_arn: Option<String>,
}

/// When an alarm goes off: the part that all of them have.
#[derive(Debug, Clone, Deserialize)]
pub struct Window {
    pub period: i64,
    pub evaluation_periods: i64,
    pub datapoints_to_alarm: Option<i64>,
    pub treat_missing_data: String,
}

/// Reads a group once for the members of its own and once for its [`Window`].
macro_rules! with_window {
    ($name:ident { $($field:ident : $kind:ty),* $(,)? }) => {
        #[derive(Debug, Clone, Deserialize)]
        pub struct $name {
            $(pub $field: $kind,)*
            pub period: i64,
            pub evaluation_periods: i64,
            pub datapoints_to_alarm: Option<i64>,
            pub treat_missing_data: String,
        }

        impl $name {
            /// Periods and treatment of missing data.
            pub fn window(&self) -> Window {
                Window {
                    period: self.period,
                    evaluation_periods: self.evaluation_periods,
                    datapoints_to_alarm: self.datapoints_to_alarm,
                    treat_missing_data: self.treat_missing_data.clone(),
                }
            }
        }
    };
}

with_window!(ApiErrorAlarm {
    enabled: Option<bool>,
    threshold_percent: Number,
    min_requests: i64,
});

with_window!(LambdaErrorAlarm {
    enabled: bool,
    threshold_percent: Number,
    min_invocations: i64,
    function_names: Option<BTreeMap<String, String>>,
});

with_window!(HandlerFaultAlarm {
    enabled: bool,
    threshold: i64,
});

with_window!(LatencyAlarm {
    enabled: bool,
    statistic: String,
    threshold_ms: Option<Number>,
});

with_window!(CanaryAlarm {
    enabled: bool,
    success_percent_threshold: Number,
});

#[derive(Debug, Clone, Deserialize)]
pub struct CompositeAlarm {
    pub enabled: bool,
    pub name: Option<String>,
    pub rule: Option<String>,
    pub actions_suppressor: Option<Suppressor>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Suppressor {
    pub alarm: String,
    pub wait_period: i64,
    pub extension_period: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Lambda {
    pub enabled: bool,
    pub function_name: Option<String>,
    pub memory_size: i64,
    pub timeout: i64,
    pub reserved_concurrent_executions: i64,
    pub environment: Option<BTreeMap<String, String>>,
    pub role_name: Option<String>,
    pub policy_name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct CustomMetrics {
    pub namespace: Option<String>,
    pub mode: String,
    pub allowed_payment_types: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Canary {
    pub enabled: Option<bool>,
    pub url: Option<String>,
    pub name: Option<String>,
    pub method: String,
    pub body: Option<String>,
    pub headers: Option<BTreeMap<String, String>>,
    pub headers_ssm_parameter: Option<String>,
    pub headers_kms_key_arn: Option<String>,
    pub schedule_expression: String,
    pub runtime_version: String,
    pub mode: String,
    pub timeout_in_seconds: i64,
    pub navigation_timeout_ms: i64,
    pub memory_in_mb: i64,
    pub expected_status_min: i64,
    pub expected_status_max: i64,
    pub start_canary: bool,
    pub success_retention_period: i64,
    pub failure_retention_period: i64,
    pub active_tracing: bool,
    pub delete_lambda: bool,
    pub role_name: Option<String>,
}

impl Canary {
    /// Whether there is one: said so, or else where there is something to look at.
    pub fn is_wanted(&self) -> bool {
        self.enabled.unwrap_or(self.url.is_some())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct ArtifactBucket {
    pub name: Option<String>,
    pub force_destroy: bool,
    pub expiration_days: Option<i64>,
    pub kms: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Dashboard {
    pub enabled: bool,
    pub name: Option<String>,
    pub start: String,
    pub period_override: String,
    pub period: i64,
    pub additional_widgets_json: Option<String>,
}
