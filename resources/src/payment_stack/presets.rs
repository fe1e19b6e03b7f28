//! The defaults of `tap_payment_stack` (requirements 6.4) and what its presets make of them (8.2).
//! The one place that has them: the schema's descriptions quote them from here.

use serde_json::{Map, Value, json};

/// The presets; without one the stack has the plain defaults.
pub(super) const PRESETS: [&str; 3] = ["global", "notification", "multi_region"];

/// The defaults under a preset.
pub(super) fn defaults(preset: Option<&str>) -> Value {
    let mut all = base();
    let over = match preset {
        Some("global") => global(),
        Some("notification") => notification(),
        Some("multi_region") => multi_region(),
        _ => json!({}),
    };
    lay_over(&mut all, over);
    all
}

/// The configuration with every unset attribute at its default. Lists and maps are taken as they are.
pub(super) fn fill(config: &Value) -> Value {
    let mut filled = defaults(config["preset"].as_str());
    lay_over_set(&mut filled, config);
    filled
}

/// Overlay of defaults: null removes.
fn lay_over(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                lay_over(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// Overlay of a configuration: null is "not set".
fn lay_over_set(base: &mut Value, over: &Value) {
    match (base, over) {
        (_, Value::Null) => {}
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                lay_over_set(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// The default of one attribute (`table.billing_mode`), and where presets have another.
pub(super) fn note(path: &str) -> String {
    let pointer = format!("/{}", path.replace('.', "/"));
    let of = |preset: Option<&str>| defaults(preset).pointer(&pointer).cloned().unwrap_or(Value::Null);
    let plain = of(None);
    let mut parts: Vec<String> = Vec::new();
    if !plain.is_null() {
        parts.push(format!("Default: {}", shown(&plain)));
    }
    for preset in PRESETS {
        let value = of(Some(preset));
        if value != plain {
            let with = if parts.is_empty() { "With" } else { "with" };
            parts.push(format!("{with} `preset = \"{preset}\"` {}", shown(&value)));
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    format!(" {}.", parts.join("; "))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.is_empty() => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

fn base() -> Value {
    let mut all = Map::new();
    for part in [general(), functions(), api(), edge(), stores(), flow(), watching()] {
        if let Value::Object(members) = part {
            all.extend(members);
        }
    }
    Value::Object(all)
}

fn general() -> Value {
    json!({
        "name_style": "seed",
        "log_retention_in_days": 90,
        "kms": {"keys": ["shared"], "multi_region": false},
        "table": {
            "key_schema": {
                "hash_key": "transaction_id", "hash_key_type": "S",
                "range_key": "timestamp", "range_key_type": "S",
            },
            "attribute_style": "snake_case",
            "global_secondary_indexes": [index("status-index", "status", "timestamp", "S")],
            "billing_mode": "PAY_PER_REQUEST",
            "point_in_time_recovery": true,
            "recovery_period_in_days": 35,
            "sse": {"type": "customer"},
            "consistency_mode": "EVENTUAL",
            "status_shards": 1,
        },
        "idempotency": {"enabled": true, "ttl_hours": 0},
        "ssm": {"enabled": true},
        "vpc": {"endpoints": {"enabled": false, "private_dns_enabled": true}},
        "metrics": {},
    })
}

fn index(name: &str, hash_key: &str, range_key: &str, range_key_type: &str) -> Value {
    json!({
        "name": name, "hash_key": hash_key, "hash_key_type": "S",
        "range_key": range_key, "range_key_type": range_key_type, "projection_type": "ALL",
    })
}

fn functions() -> Value {
    json!({
        "processor": {
            "enabled": true, "memory_size": 512, "timeout": 29, "reserved_concurrent_executions": -1,
            "response_mode": "sync",
            "required_fields": ["transaction_id", "amount", "currency", "provider"],
        },
        "accounting": {
            "enabled": true, "memory_size": 512, "timeout": 60, "reserved_concurrent_executions": -1,
            "batch_size": 10, "maximum_batching_window_in_seconds": 5, "report_batch_item_failures": true,
        },
        "failure_notifier": {
            "enabled": true, "memory_size": 256, "timeout": 30, "reserved_concurrent_executions": -1,
            "batch_size": 10, "report_batch_item_failures": true, "keep_in_dlq": true,
        },
        "reconciliation": {
            "memory_size": 256, "timeout": 60, "reserved_concurrent_executions": -1,
            "schedule_expression": "rate(5 minutes)", "stuck_after_seconds": 1200, "max_payments_per_run": 500,
        },
        "layer": {"enabled": false},
        "queue": {"enabled": true, "message_retention_seconds": 1_209_600, "max_receive_count": 3, "sse": "kms"},
        "dlq": {"message_retention_seconds": 1_209_600, "redrive_allow": true},
    })
}

fn api() -> Value {
    json!({
        "api": {
            "enabled": true,
            "description": "Takes payments.",
            "path": "webhooks",
            "stage_name": "v1",
            "endpoint_type": "REGIONAL",
            "authorization": "api_key",
            "allow_unauthenticated": false,
            "hmac": {"header": "X-Signature", "tolerance_seconds": 300},
            "api_key": {
                "throttle_rate_limit": 500, "throttle_burst_limit": 1000,
                "quota_limit": 0, "quota_period": "DAY",
            },
            "throttle_rate_limit": 1000,
            "throttle_burst_limit": 2000,
            "execution_log_level": "ERROR",
            "data_trace_enabled": false,
            "metrics_enabled": true,
            "access_log": {"enabled": true},
            "xray_tracing_enabled": true,
            "cors": {
                "allow_methods": ["POST", "OPTIONS"],
                "allow_headers": ["Content-Type", "X-Api-Key", "Idempotency-Key"],
                "max_age": 600,
            },
            "integration_timeout_ms": 29_000,
            "request_validation": true,
            "health_path": "health",
            "manage_account_log_role": "if_absent",
        },
    })
}

fn edge() -> Value {
    json!({
        "domain": {"enabled": false, "security_policy": "TLS_1_2", "base_path": ""},
        "dns": {
            "routing_policy": "failover", "record_type": "alias", "ttl": 60, "evaluate_target_health": true,
            "health_check": {
                "enabled": true, "type": "HTTPS", "port": 443, "interval": 30, "failure_threshold": 3,
            },
        },
        "waf": {
            "enabled": true, "default_action": "allow", "rate_limit": 60_000, "evaluation_window_sec": 300,
            "managed_rule_groups": ["AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"],
            "logging": true,
        },
    })
}

fn stores() -> Value {
    json!({
        "receipts_bucket": {
            "enabled": true, "versioning": true, "sse": "aws:kms",
            "replication": {"delete_marker": false},
            "force_destroy": false,
            "lifecycle": {
                "ia_days": 30, "glacier_days": 90, "expiration_days": 2555,
                "noncurrent_expiration_days": 90, "abort_multipart_days": 7,
            },
        },
        "audit": {"enabled": true, "prefix": "audit/"},
        "topics": {
            "notifications": {"kms_enabled": true},
            "per_region": false, "cross_region_subscriptions": false,
        },
    })
}

fn flow() -> Value {
    json!({
        "workflow": {
            "enabled": false, "type": "STANDARD", "log_level": "ALL", "include_execution_data": false,
            "retry": {
                "errors": [
                    "ServiceUnavailable", "Lambda.ServiceException", "Lambda.AWSLambdaException",
                    "Lambda.SdkClientException", "Lambda.TooManyRequestsException", "States.Timeout",
                ],
                "interval_seconds": 2, "max_attempts": 3, "backoff_rate": 2,
            },
            "timeout_seconds": 300, "dlq": true,
        },
        "event_failover": {
            "enabled": false, "source": "payment.processing", "detail_type": "Payment Transaction",
            "retry_policy": {"max_attempts": 3, "max_age_seconds": 3600}, "dlq": true,
        },
    })
}

fn watching() -> Value {
    json!({
        // On the processor's metric lines, which are there whatever `log_level` says.
        "kpi_filters": [
            {"name": "approvals", "pattern": "{ $.PaymentAccepted = 1 }", "metric_name": "PaymentsAccepted", "value": "1", "unit": "Count"},
            {"name": "declines", "pattern": "{ $.PaymentRejected = 1 }", "metric_name": "PaymentsRejected", "value": "1", "unit": "Count"},
            {
                "name": "amount", "pattern": "{ $.PaymentAccepted = 1 }", "metric_name": "PaymentAmount",
                "value": "$.amount",
                // Sums over several currencies mean nothing (O-25).
                "dimensions": {"Currency": "$.currency"},
            },
        ],
        "alarms": {
            "enabled": true,
            "error_rate": {
                "enabled": true, "threshold_percent": 1, "period": 300, "evaluation_periods": 1,
                "datapoints_to_alarm": 1, "min_invocations": 20, "treat_missing_data": "notBreaching",
            },
            "errors": {
                "enabled": true, "threshold": 1, "comparison": "GreaterThanOrEqualToThreshold",
                "period": 300, "evaluation_periods": 1,
            },
            "duration_p99_percent_of_timeout": 80,
            "throttles": 1,
            "dynamodb_throttles": 1,
            "queue_age_seconds": 300,
            "dlq_depth": 1,
            "api_5xx_percent": 1,
            "api_latency_p99_ms": 3000,
            "replication_latency_ms": 5000,
            "waf_blocked": 0,
            "stuck_payments": 1,
            "reconciliation_conflicts": 1,
        },
        "dashboard": {"enabled": true},
    })
}

/// Seed 002: two regions behind one domain.
fn global() -> Value {
    json!({
        "regions": ["us-east-1", "us-west-2"],
        "name_style": "prefixed",
        "log_retention_in_days": 7,
        "kms": {"keys": ["dynamodb", "s3", "lambda", "ssm"]},
        "table": {
            "key_schema": {
                "hash_key": "payment_id", "hash_key_type": "S", "range_key": "timestamp", "range_key_type": "N",
            },
            "global_secondary_indexes": [index("status-index", "status", "timestamp", "N")],
        },
        "accounting": {"enabled": false},
        "failure_notifier": {"enabled": false},
        "queue": {"enabled": false},
        "api": {"path": "payments"},
        "domain": {"enabled": true},
        "alarms": {"errors": {"enabled": false}},
    })
}

/// Seed 003: notifications through a queue, in one region.
fn notification() -> Value {
    json!({
        "log_retention_in_days": 30,
        "processor": {"response_mode": "queue", "timeout": 29},
        "receipts_bucket": {"enabled": false},
        "audit": {"enabled": false},
        "ssm": {"enabled": false},
        // N-26: at 100 requests per second the seed's quota lasts the better part of three hours, not 17 minutes.
        "api": {"api_key": {"quota_limit": 1_000_000, "throttle_rate_limit": 100, "throttle_burst_limit": 200}},
    })
}

/// Seed 004: three regions with workflows and event failover.
fn multi_region() -> Value {
    json!({
        "regions": ["us-east-1", "eu-west-1", "ap-southeast-1"],
        "log_retention_in_days": 7,
        "table": {
            "key_schema": {
                "hash_key": "TransactionId", "hash_key_type": "S", "range_key": "", "range_key_type": "S",
            },
            "attribute_style": "pascal_case",
            "global_secondary_indexes": [index("TimestampIndex", "Status", "Timestamp", "N")],
        },
        "processor": {"memory_size": 3072},
        "accounting": {"enabled": false},
        "failure_notifier": {"enabled": false},
        "queue": {"enabled": false},
        "api": {"path": "payments"},
        "workflow": {"enabled": true},
        "event_failover": {"enabled": true},
        "topics": {"per_region": true},
        "ssm": {"enabled": false},
        "alarms": {
            "error_rate": {"threshold_percent": 0.1, "evaluation_periods": 2, "datapoints_to_alarm": 2},
            "errors": {"enabled": false},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_given_wins_over_preset_and_default() {
        let given = json!({"preset": "multi_region", "processor": {"memory_size": 256}, "regions": ["eu-west-1"]});
        let filled = fill(&given);
        assert_eq!(filled["processor"]["memory_size"], 256);
        assert_eq!(
            filled["processor"]["timeout"], 29,
            "P-29: no preset restores the seed's 900 seconds"
        );
        assert_eq!(filled["regions"], json!(["eu-west-1"]));
        assert_eq!(filled["workflow"]["enabled"], true);
    }

    #[test]
    fn an_unset_attribute_does_not_hide_its_default() {
        let filled = fill(&json!({"table": {"billing_mode": null}, "regions": null}));
        assert_eq!(filled["table"]["billing_mode"], "PAY_PER_REQUEST");
        assert_eq!(filled["regions"], Value::Null);
    }

    #[test]
    fn presets_keep_no_defect_of_their_seed() {
        for preset in PRESETS {
            let all = defaults(Some(preset));
            assert_eq!(all["api"]["data_trace_enabled"], false, "N-20 {preset}");
            assert_eq!(all["api"]["authorization"], "api_key", "P-30 {preset}");
            assert_eq!(all["api"]["endpoint_type"], "REGIONAL", "N-22 {preset}");
            assert_eq!(all["table"]["sse"]["type"], "customer", "P-12 {preset}");
            assert_eq!(all["workflow"]["include_execution_data"], false, "P-39 {preset}");
            assert_eq!(
                all["processor"]["reserved_concurrent_executions"], -1,
                "N-28, P-28 {preset}"
            );
            assert_eq!(
                all["alarms"]["error_rate"]["treat_missing_data"], "notBreaching",
                "P-25 {preset}"
            );
            assert_eq!(all["waf"]["rate_limit"], 60_000, "N-24 {preset}");
        }
    }

    #[test]
    fn x_10_index_and_table_agree_on_types() {
        for preset in PRESETS.into_iter().map(Some).chain([None]) {
            let table = &defaults(preset)["table"];
            let keys = &table["key_schema"];
            let index = &table["global_secondary_indexes"][0];
            if keys["range_key"] == index["range_key"] {
                assert_eq!(keys["range_key_type"], index["range_key_type"], "P-04 {preset:?}");
            }
        }
    }
}
