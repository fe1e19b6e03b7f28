//! Variants of the payment stack that between them reach every branch of its graph, and values to try at random.

use serde_json::{Value, json};

const TWO: [&str; 2] = ["eu-central-1", "eu-west-1"];

/// Configurations that between them reach every branch of the graph.
pub(crate) fn variants() -> Vec<(&'static str, Value)> {
    vec![
        ("default", json!({})),
        ("notification", json!({"preset": "notification"})),
        (
            "global",
            json!({"preset": "global", "domain": domain(&["us-east-1", "us-west-2"])}),
        ),
        ("multi-region", json!({"preset": "multi_region"})),
        (
            "two regions, keys per purpose, latency with failover",
            json!({
                "regions": TWO,
                "kms": {"keys": ["dynamodb", "s3", "lambda", "logs", "sns", "sqs", "ssm"]},
                "domain": with_enabled(domain(&TWO)),
                "dns": {"routing_policy": "latency_with_failover"},
                "processor": {"response_mode": "queue"},
                "table": {"status_shards": 4},
            }),
        ),
        (
            "strong, hmac, multi-region keys",
            json!({
                "regions": ["us-east-1", "us-west-2"],
                "table": {"consistency_mode": "STRONG", "witness_region": "us-east-2"},
                "kms": {"multi_region": true},
                "api": {"authorization": "hmac", "hmac": {"secret_ssm_parameter": "/tap/secret"}},
            }),
        ),
        (
            "vpc, no guard, bare",
            json!({
                "vpc": {"subnet_ids": ["subnet-00000001"], "security_group_ids": ["sg-00000001"]},
                "idempotency": {"enabled": false},
                "kms": {"create": false},
                "table": {"sse": {"type": "aws_owned"}},
                "queue": {"sse": "sqs"},
                "waf": {"enabled": false},
                "alarms": {"enabled": false},
                "dashboard": {"enabled": false},
                "api": {"access_log": {"enabled": false}, "health_path": "", "request_validation": false},
            }),
        ),
        (
            "known senders, a layer, a resource policy",
            json!({
                "waf": {"allow_ip_cidrs": ["203.0.113.0/24", "2001:db8::/32"]},
                // Any file: the plan needs no more than its hash.
                "layer": {"enabled": true, "zip_path": concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")},
                "api": {"resource_policy": resource_policy()},
            }),
        ),
        (
            "vpc endpoints",
            json!({"vpc": vpc(true), "processor": {"response_mode": "queue"}}),
        ),
    ]
}

/// Who may call.
fn resource_policy() -> String {
    let statement = json!({
        "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
        "Condition": {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}},
    });
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// Endpoints of the functions' VPC.
fn vpc(enabled: bool) -> Value {
    json!({
        "subnet_ids": ["subnet-00000001", "subnet-00000002"], "security_group_ids": ["sg-00000001"],
        "endpoints": {"enabled": enabled, "security_group_ids": ["sg-00000002"], "route_table_ids": ["rtb-00000001"]},
    })
}

fn domain(regions: &[&str]) -> Value {
    let certificates: serde_json::Map<String, Value> = regions
        .iter()
        .map(|region| {
            let arn = format!("arn:aws:acm:{region}:111122223333:certificate/1234");
            ((*region).to_owned(), arn.into())
        })
        .collect();
    json!({"name": "pay.example.com", "hosted_zone_id": "Z0123456789ABC", "certificate_arns": certificates})
}

fn with_enabled(mut domain: Value) -> Value {
    domain["enabled"] = true.into();
    domain
}

/// Attributes and values to try. `null` takes an attribute back to its default. Combinations that
/// the provider refuses are tried too and dropped.
pub(crate) fn choices() -> Vec<(&'static str, Vec<Value>)> {
    let mut all = general();
    all.extend(data());
    all.extend(flow());
    all.extend(edge());
    all
}

fn general() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        (
            "regions",
            vec![
                json!(null),
                json!(["eu-central-1"]),
                json!(TWO),
                json!(["eu-central-1", "eu-west-1", "eu-north-1"]),
                json!(["eu-central-1", "eu-north-1"]),
            ],
        ),
        ("name_style", vec![json!("seed"), json!("prefixed")]),
        (
            "tags",
            vec![json!(null), json!({"team": "a"}), json!({"team": "b", "cost": "1"})],
        ),
        ("deletion_protection", vec![json!(true), json!(false)]),
        ("log_retention_in_days", vec![json!(30), json!(365)]),
        (
            "kms.keys",
            vec![json!(null), json!(["dynamodb", "s3"]), json!(["sqs", "logs", "lambda"])],
        ),
        ("kms.rotation_period_in_days", vec![json!(90), json!(400)]),
        ("kms.multi_region", vec![json!(true), json!(false)]),
        ("tracing_mode", vec![json!("Active"), json!("PassThrough")]),
        ("log_level", vec![json!("INFO"), json!("DEBUG")]),
        ("ssm.enabled", vec![json!(true), json!(false)]),
        ("ssm.parameters", vec![json!(null), json!({"partner": "x"})]),
    ]
}

fn data() -> Vec<(&'static str, Vec<Value>)> {
    let index = |name: &str| json!([{"name": name, "hash_key": "provider", "range_key": "timestamp"}]);
    vec![
        ("table.name", vec![json!(null), json!("mine")]),
        (
            "table.global_secondary_indexes",
            vec![json!(null), index("by-provider"), json!([])],
        ),
        ("table.point_in_time_recovery", vec![json!(true), json!(false)]),
        ("table.recovery_period_in_days", vec![json!(null), json!(7)]),
        (
            "table.sse.type",
            vec![json!("customer"), json!("aws_managed"), json!("aws_owned")],
        ),
        ("table.ttl_attribute", vec![json!(null), json!("expires")]),
        ("idempotency.ttl_hours", vec![json!(0), json!(72)]),
        (
            "receipts_bucket.replication.delete_marker",
            vec![json!(true), json!(false)],
        ),
        ("receipts_bucket.replication.enabled", vec![json!(null), json!(false)]),
        (
            "receipts_bucket.lifecycle.expiration_days",
            vec![json!(null), json!(0), json!(400)],
        ),
        ("receipts_bucket.sse", vec![json!("aws:kms"), json!("AES256")]),
        ("audit.prefix", vec![json!(null), json!("trail/")]),
    ]
}

fn flow() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("processor.memory_size", vec![json!(512), json!(1024)]),
        ("processor.response_mode", vec![json!("sync"), json!("queue")]),
        ("processor.environment", vec![json!(null), json!({"PARTNER": "x"})]),
        ("accounting.enabled", vec![json!(true), json!(false)]),
        ("accounting.maximum_concurrency", vec![json!(null), json!(5)]),
        ("failure_notifier.enabled", vec![json!(true), json!(false)]),
        ("failure_notifier.keep_in_dlq", vec![json!(true), json!(false)]),
        ("queue.max_receive_count", vec![json!(3), json!(5)]),
        ("queue.sse", vec![json!("kms"), json!("sqs")]),
        ("dlq.message_retention_seconds", vec![json!(null), json!(604_800)]),
        ("topics.per_region", vec![json!(true), json!(false)]),
        (
            "topics.notifications.email_endpoints",
            vec![json!(null), json!(["a@example.com"])],
        ),
        ("workflow.enabled", vec![json!(true), json!(false)]),
        ("workflow.log_level", vec![json!("ALL"), json!("OFF")]),
        ("workflow.retry.max_attempts", vec![json!(3), json!(1)]),
        ("event_failover.enabled", vec![json!(true), json!(false)]),
        ("kpi_filters", vec![json!(null), json!([])]),
        ("receipts_bucket.force_destroy", vec![json!(false), json!(true)]),
        (
            "alarms.errors.comparison",
            vec![json!(null), json!("GreaterThanThreshold")],
        ),
        ("vpc", vec![json!(null), vpc(true), vpc(false)]),
        (
            "vpc.endpoints.services",
            vec![json!(null), json!(["sqs", "s3", "xray"])],
        ),
        ("vpc.endpoints.private_dns_enabled", vec![json!(true), json!(false)]),
        ("alarms.enabled", vec![json!(true), json!(false)]),
        ("alarms.error_rate.threshold_percent", vec![json!(1), json!(5)]),
        ("alarms.waf_blocked", vec![json!(0), json!(100)]),
        ("dashboard.enabled", vec![json!(true), json!(false)]),
    ]
}

fn edge() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        (
            "api.path",
            vec![json!("webhooks"), json!("payments"), json!("v2/payments")],
        ),
        ("api.stage_name", vec![json!("v1"), json!("live")]),
        ("api.authorization", vec![json!("api_key"), json!("iam")]),
        ("api.regions", vec![json!(null), json!(["eu-central-1"])]),
        ("api.api_key.quota_limit", vec![json!(0), json!(5_000_000)]),
        ("api.request_validation", vec![json!(true), json!(false)]),
        ("api.resource_policy", vec![json!(null), json!(resource_policy())]),
        ("api.health_path", vec![json!("health"), json!("")]),
        ("api.access_log.enabled", vec![json!(true), json!(false)]),
        (
            "api.cors.allow_origins",
            vec![json!(null), json!(["https://shop.example"])],
        ),
        (
            "domain",
            vec![
                json!(null),
                with_enabled(domain(&["eu-central-1", "eu-west-1", "eu-north-1"])),
            ],
        ),
        (
            "dns.routing_policy",
            vec![json!("failover"), json!("latency"), json!("latency_with_failover")],
        ),
        ("dns.health_check.failure_threshold", vec![json!(3), json!(5)]),
        ("waf.enabled", vec![json!(true), json!(false)]),
        ("waf.rate_limit", vec![json!(null), json!(500)]),
        ("waf.allow_ip_cidrs", vec![json!(null), json!(["203.0.113.0/24"])]),
    ]
}
