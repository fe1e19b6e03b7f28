//! The webhook pipeline under test.

use std::sync::OnceLock;

use serde_json::{Value, json};
use tap_resources::bundle;
use tap_resources::webhook_pipeline::WebhookPipeline;

use crate::stacks::Subject;

/// `tap_webhook_pipeline`.
pub(crate) static SUBJECT: Subject = Subject {
    composite: &WebhookPipeline,
    given,
    variants,
    edited,
    choices,
    schema: OnceLock::new(),
};

/// The architecture of this build: handlers of no other one are at hand.
fn given() -> Value {
    let mut all = bundle::architectures().into_iter();
    let architecture = all.find(|arch| bundle::image(arch).is_ok()).unwrap_or("x86_64");
    json!({"environment_suffix": "dev", "lambda_architecture": architecture})
}

/// Configurations that between them reach every branch of the graph.
pub(crate) fn variants() -> Vec<(&'static str, Value)> {
    vec![
        ("default", json!({})),
        ("image", json!({"package_type": "Image"})),
        (
            "hmac",
            json!({"api": {"authorization": "hmac", "hmac": {"secret_ssm_parameter": "/tap/secret"}}}),
        ),
        (
            "waf, cors and quota",
            json!({"api": {
                "waf": {"enabled": true, "default_action": "block", "allow_ip_cidrs": ["203.0.113.0/24", "2001:db8::/32"]},
                "cors": {"allow_origins": ["https://shop.example"]},
                "quota_limit": 5000,
            }}),
        ),
        (
            "low values logged, currencies, provisioned",
            json!({
                "routing": {
                    "low_value_target": "log",
                    "currency_thresholds": {"JPY": {"high_threshold": 1_500_000, "low_threshold": 150_000}},
                },
                "table": {"billing_mode": "PROVISIONED", "read_capacity": 5, "write_capacity": 5},
            }),
        ),
        (
            "all events to the workflow, own fraud topic, e-mail, no key",
            json!({
                "routing": {"workflow_trigger": "all", "low_value_target": "none"},
                "alerts_topic": {"separate_fraud_topic": true, "email_endpoints": ["ops@example.com"]},
                "kms": {"create": false},
                "workflow": {"type": "STANDARD"},
            }),
        ),
        (
            "object lock, no archival, no watch",
            json!({
                "audit_bucket": {"object_lock": {"mode": "GOVERNANCE", "days": 30}},
                "archival": {"enabled": false},
                "alarms": {"enabled": false},
                "dashboard": {"enabled": false},
                "api": {"access_log": {"enabled": false}},
            }),
        ),
    ]
}

/// An edit that touches every part of the default stack: in place, replacing, adding, removing.
pub(crate) fn edited() -> Value {
    json!({
        "tags": {"team": "payments"},
        "log_retention_in_days": 365,
        "api": {"path": "hooks", "waf": {"enabled": true}},
        "functions": {"validator": {"memory_size": 2048}},
        "table": {
            "name": "renamed",
            "global_secondary_indexes": [{"name": "by-merchant", "hash_key": "merchant_id"}],
        },
        "low_value_queue": {"visibility_timeout_seconds": 60},
        "routing": {"high_threshold": 20000},
        "workflow": {"type": "STANDARD"},
        "package_type": "Image",
        "dashboard": {"enabled": false},
    })
}

/// Attributes and values to try. `null` takes an attribute back to its default. Combinations that
/// the provider refuses (a capacity without `PROVISIONED`) are tried too and dropped.
fn choices() -> Vec<(&'static str, Vec<Value>)> {
    let mut all = shared_choices();
    all.extend(data_choices());
    all.extend(flow_choices());
    all.extend(api_choices());
    all
}

fn shared_choices() -> Vec<(&'static str, Vec<Value>)> {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    vec![
        ("name_style", vec![json!("seed"), json!("prefixed")]),
        (
            "name_overrides",
            vec![
                json!(null),
                json!({"sqs_queue.dlq": "overridden-dlq", "event_bus.main": "overridden-bus"}),
            ],
        ),
        (
            "tags",
            vec![json!(null), json!({"team": "a"}), json!({"team": "b", "cost": "1"})],
        ),
        ("deletion_protection", vec![json!(true), json!(false)]),
        ("log_retention_in_days", vec![json!(30), json!(365), json!(3653)]),
        ("log_group_class", vec![json!("STANDARD"), json!("INFREQUENT_ACCESS")]),
        (
            "kms",
            vec![
                json!(null),
                json!({"create": false}),
                json!({"create": false, "key_arn": key}),
            ],
        ),
        ("kms.rotation_period_in_days", vec![json!(90), json!(400)]),
        ("kms.alias", vec![json!(null), json!("alias/mine")]),
        ("tracing_mode", vec![json!("Active"), json!("PassThrough")]),
        (
            "permissions_boundary_arn",
            vec![json!(null), json!("arn:aws:iam::111122223333:policy/boundary")],
        ),
        ("iam_path", vec![json!("/"), json!("/tap/")]),
        ("log_level", vec![json!("INFO"), json!("DEBUG")]),
    ]
}

fn data_choices() -> Vec<(&'static str, Vec<Value>)> {
    let index =
        |name: &str, projection: &str| json!({"name": name, "hash_key": "merchant_id", "projection_type": projection});
    vec![
        ("table.name", vec![json!(null), json!("mine"), json!("yours")]),
        ("table.hash_key", vec![json!(null), json!("id")]),
        (
            "table",
            vec![
                json!(null),
                json!({"billing_mode": "PROVISIONED", "read_capacity": 5, "write_capacity": 7}),
            ],
        ),
        ("table.read_capacity", vec![json!(null), json!(9)]),
        ("table.point_in_time_recovery.enabled", vec![json!(true), json!(false)]),
        ("table.kms_enabled", vec![json!(true), json!(false)]),
        ("table.stream_view_type", vec![json!(null), json!("NEW_IMAGE")]),
        ("table.ttl_attribute", vec![json!(null), json!("expires")]),
        (
            "table.global_secondary_indexes",
            vec![
                json!(null),
                json!([index("by-merchant", "ALL")]),
                json!([index("by-merchant", "KEYS_ONLY"), index("second", "ALL")]),
            ],
        ),
        ("idempotency.table_name", vec![json!(null), json!("once")]),
        ("idempotency.ttl_hours", vec![json!(24), json!(72)]),
        ("audit_bucket.name", vec![json!(null), json!("my-audit-bucket")]),
        ("audit_bucket.versioning", vec![json!(true), json!(false)]),
        ("audit_bucket.sse_algorithm", vec![json!("aws:kms"), json!("AES256")]),
        ("audit_bucket.enforce_tls", vec![json!(true), json!(false)]),
        ("audit_bucket.block_public_access", vec![json!(true), json!(false)]),
        (
            "audit_bucket.object_lock",
            vec![json!(null), json!({"mode": "GOVERNANCE", "days": 7})],
        ),
        (
            "audit_bucket.lifecycle.expiration_days",
            vec![json!(365), json!(400), json!(80)],
        ),
        ("audit_bucket.audit_on_receipt", vec![json!(true), json!(false)]),
        ("alerts_topic.name", vec![json!(null), json!("my-alerts")]),
        ("alerts_topic.display_name", vec![json!(null), json!("Alerts")]),
        (
            "alerts_topic.email_endpoints",
            vec![
                json!(null),
                json!(["a@example.com"]),
                json!(["b@example.com", "a@example.com"]),
            ],
        ),
        (
            "alerts_topic.sms_endpoints",
            vec![json!(null), json!(["+4915112345678"])],
        ),
        ("alerts_topic.notify_transactions", vec![json!(true), json!(false)]),
        ("alerts_topic.separate_fraud_topic", vec![json!(true), json!(false)]),
        ("alerts_topic.separate_alarm_topic", vec![json!(true), json!(false)]),
        ("alerts_topic.separate_notice_topic", vec![json!(true), json!(false)]),
        ("alerts_topic.kms_enabled", vec![json!(true), json!(false)]),
        ("dlq.name", vec![json!(null), json!("my-dlq")]),
        ("dlq.message_retention_seconds", vec![json!(null), json!(86400)]),
        ("dlq.kms_enabled", vec![json!(true), json!(false)]),
        ("low_value_queue.name", vec![json!(null), json!("my-low")]),
        (
            "low_value_queue.visibility_timeout_seconds",
            vec![json!(null), json!(60)],
        ),
    ]
}

fn flow_choices() -> Vec<(&'static str, Vec<Value>)> {
    let yen = json!({"JPY": {"high_threshold": 1_500_000, "low_threshold": 150_000}});
    vec![
        ("event_bus.name", vec![json!(null), json!("my-bus")]),
        ("event_bus.archive_retention_days", vec![json!(0), json!(30)]),
        ("event_bus.kms_enabled", vec![json!(true), json!(false)]),
        ("routing.high_threshold", vec![json!(10000), json!(20000), json!(500)]),
        ("routing.low_threshold", vec![json!(1000), json!(100)]),
        ("routing.currency_thresholds", vec![json!(null), yen]),
        ("routing.retry_policy.maximum_retry_attempts", vec![json!(5), json!(0)]),
        (
            "routing.low_value_target",
            vec![json!("queue"), json!("log"), json!("none")],
        ),
        ("routing.workflow_trigger", vec![json!("event_rule"), json!("all")]),
        ("package_type", vec![json!("Zip"), json!("Image")]),
        ("ecr.image_tag_mutability", vec![json!("IMMUTABLE"), json!("MUTABLE")]),
        ("ecr.keep_last_images", vec![json!(null), json!(3)]),
        ("functions.validator.name", vec![json!(null), json!("my-validator")]),
        ("functions.validator.memory_size", vec![json!(1024), json!(2048)]),
        ("functions.publisher.timeout", vec![json!(60), json!(30)]),
        (
            "functions.fraud.reserved_concurrent_executions",
            vec![json!(null), json!(10)],
        ),
        ("functions.archival.name", vec![json!(null), json!("my-archival")]),
        ("role_names", vec![json!(null), json!({"validator": "my-role"})]),
        ("workflow.name", vec![json!(null), json!("my-workflow")]),
        ("workflow.type", vec![json!("EXPRESS"), json!("STANDARD")]),
        ("workflow.log_level", vec![json!("ALL"), json!("OFF")]),
        ("workflow.fraud_retry.backoff_rate", vec![json!(2), json!(3)]),
        (
            "fraud",
            vec![
                json!(null),
                json!({"scorer": "external_lambda", "scorer_arn": "arn:aws:lambda:eu-central-1:111122223333:function:scorer"}),
            ],
        ),
        ("archival.enabled", vec![json!(true), json!(false)]),
        ("archival.schedule_expression", vec![json!(null), json!("rate(1 day)")]),
        ("archival.statuses", vec![json!(null), json!(["analyzed"])]),
        ("dashboard.enabled", vec![json!(true), json!(false)]),
        ("dashboard.name", vec![json!(null), json!("my-dashboard")]),
        ("alarms.enabled", vec![json!(true), json!(false)]),
        (
            "alarms.actions",
            vec![json!(null), json!(["arn:aws:sns:eu-central-1:111122223333:mine"])],
        ),
        ("alarms.api_5xx_percent", vec![json!(1), json!(5)]),
    ]
}

fn api_choices() -> Vec<(&'static str, Vec<Value>)> {
    let hmac = json!({"authorization": "hmac", "hmac": {"secret_ssm_parameter": "/tap/secret"}});
    vec![
        ("api", vec![json!(null), hmac]),
        ("api.name", vec![json!(null), json!("my-api")]),
        ("api.path", vec![json!("webhook"), json!("hooks"), json!("v2/hooks")]),
        ("api.stage_name", vec![json!("v1"), json!("live")]),
        ("api.endpoint_type", vec![json!("REGIONAL"), json!("EDGE")]),
        ("api.authorization", vec![json!("api_key"), json!("iam"), json!("none")]),
        ("api.allow_unauthenticated", vec![json!(true), json!(false)]),
        ("api.throttle_rate_limit", vec![json!(1000), json!(10)]),
        ("api.quota_limit", vec![json!(null), json!(5000)]),
        ("api.request_validation", vec![json!(true), json!(false)]),
        ("api.access_log.enabled", vec![json!(true), json!(false)]),
        (
            "api.cors.allow_origins",
            vec![json!(null), json!(["https://shop.example"])],
        ),
        ("api.waf.enabled", vec![json!(true), json!(false)]),
        ("api.waf.name", vec![json!(null), json!("my-acl")]),
        ("api.waf.rate_limit", vec![json!(null), json!(500)]),
        ("api.waf.logging", vec![json!(true), json!(false)]),
        (
            "api.manage_account_log_role",
            vec![json!("if_absent"), json!("always"), json!("never")],
        ),
        ("api.xray_tracing_enabled", vec![json!(true), json!(false)]),
    ]
}
