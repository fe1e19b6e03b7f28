//! The other members of the groups, in a stack with a domain in front of both regions and a queue behind the processor.

use super::{REGIONS, alike, anything, live_together, must_be_planned, two_regions};
use crate::site::{Site, give_up_zone, new_zone};
use tap_acceptance_tests::edited::Edit;
use tap_acceptance_tests::pipeline::Configuration;

const DOMAIN: &str = "{ enabled = true, name = \"pay.example.com\", hosted_zone_id = local.zone, certificate_arns = local.certificates }";

pub(super) fn configuration() -> Configuration {
    two_regions("members")
        .with("domain", DOMAIN)
        .with("processor", "{ response_mode = \"queue\" }")
}

#[tokio::test]
async fn edits_of_further_members_are_planned_exactly_and_applied_together() {
    let site = Site::new(&configuration()).await;
    let zones = [
        new_zone(&site.aws, "example.com").await,
        new_zone(&site.aws, "example.org").await,
    ];
    let base = configuration().with_block(&of_domains(&REGIONS, &zones));
    site.configure(&base);
    site.apply().await;
    must_be_planned(&site, &base, MEMBERS, alike).await;
    must_be_planned(&site, &base, ONE_SIDED, anything).await;
    live_together(&site, &base, &[MEMBERS, ONE_SIDED].concat()).await;
    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    for zone in zones {
        give_up_zone(&site.aws, &zone).await;
    }
    let left = site.left_in(REGIONS[0]).await;
    assert_eq!(left, Vec::<String>::new());
}

/// The locals that the edits of `domain` read.
pub(crate) fn of_domains(regions: &[&str], [zone, other]: &[String; 2]) -> String {
    let certificates = |id: &str| {
        let of = |region: &&str| format!("{region:?} = \"arn:aws:acm:{region}:111122223333:certificate/{id}\"");
        regions.iter().map(of).collect::<Vec<_>>().join(", ")
    };
    let (first, second) = (certificates("a"), certificates("b"));
    format!(
        "locals {{\n  zone = {zone:?}\n  other_zone = {other:?}\n  certificates = {{ {first} }}\n  \
         other_certificates = {{ {second} }}\n}}"
    )
}

/// The further members of every group.
pub(crate) const MEMBERS: &[Edit] = &[
    (
        "accounting",
        "{ memory_size = 1024, timeout = 30, reserved_concurrent_executions = 5, environment = { LEDGER = \"main\" }, maximum_batching_window_in_seconds = 1, report_batch_item_failures = false }",
        &[
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "metric_alarm",
            "sqs_queue",
        ],
    ),
    (
        "alarms",
        "{ api_5xx_percent = 2, api_latency_p99_ms = 2000, dlq_depth = 5, duration_p99_percent_of_timeout = 70, dynamodb_throttles = 5, queue_age_seconds = 120, reconciliation_conflicts = 3, replication_latency_ms = 3000, stuck_payments = 3, throttles = 5, waf_blocked = 100 }",
        &["metric_alarm"],
    ),
    (
        "alarms",
        "{ error_rate = { datapoints_to_alarm = 2, evaluation_periods = 3, min_invocations = 50, period = 60, treat_missing_data = \"breaching\" }, errors = { comparison = \"GreaterThanThreshold\", evaluation_periods = 2, period = 60, threshold = 3 } }",
        &["metric_alarm"],
    ),
    (
        "api",
        "{ api_key = { throttle_rate_limit = 100, throttle_burst_limit = 150, quota_limit = 5000, quota_period = \"WEEK\" } }",
        &["api_usage_plan"],
    ),
    (
        "api",
        "{ execution_log_level = \"INFO\", metrics_enabled = false, data_trace_enabled = true, xray_tracing_enabled = false, access_log = { format_json = jsonencode({ request = \"$context.requestId\" }) } }",
        &["api_stage"],
    ),
    (
        "api",
        "{ description = \"Payments of partners\", integration_timeout_ms = 29500, cors = { allow_origins = [\"https://pay.example.com\"], allow_methods = [\"POST\"], allow_headers = [\"Content-Type\"], max_age = 60 } }",
        &[
            "api_deployment",
            "api_gateway_response",
            "api_method",
            "api_stage",
            "lambda_alias",
            "lambda_function",
            "rest_api",
        ],
    ),
    (
        "api",
        "{ request_schema_json = jsonencode({ type = \"object\" }) }",
        &["api_deployment", "api_model", "api_stage"],
    ),
    (
        "api",
        "{ request_validation = false, manage_account_log_role = \"never\" }",
        &[
            "api_account",
            "api_deployment",
            "api_method",
            "api_model",
            "api_request_validator",
            "api_stage",
        ],
    ),
    (
        "audit",
        "{ prefix = \"trail/\" }",
        &["iam_role", "lambda_alias", "lambda_function"],
    ),
    (
        "dashboard",
        "{ widgets_extra = jsonencode([{ type = \"text\", width = 6, height = 2, properties = { markdown = \"On call: 42\" } }]) }",
        &["dashboard"],
    ),
    ("dlq", "{ redrive_allow = false }", &["sqs_queue"]),
    (
        "dns",
        "{ routing_policy = \"latency\", health_check = { enabled = false } }",
        &[
            "api_deployment",
            "api_stage",
            "rest_api",
            "route53_health_check",
            "route53_record",
            "wafv2_web_acl",
        ],
    ),
    (
        "dns",
        "{ evaluate_target_health = false, health_check = { failure_threshold = 5, path = \"/v1/ready\", port = 8443, regions = [\"us-east-1\", \"us-west-1\", \"eu-west-1\"] } }",
        &["route53_health_check", "route53_record", "wafv2_web_acl"],
    ),
    ("dns", "{ record_type = \"cname\", ttl = 30 }", &["route53_record"]),
    (
        "dns",
        "{ health_check = { type = \"TCP\", interval = 10 } }",
        &[
            "api_deployment",
            "api_stage",
            "rest_api",
            "route53_health_check",
            "route53_record",
            "wafv2_web_acl",
        ],
    ),
    (
        "domain",
        "{ enabled = false }",
        &[
            "api_base_path_mapping",
            "api_domain_name",
            "route53_health_check",
            "route53_record",
            "ssm_parameter",
            "wafv2_web_acl",
        ],
    ),
    (
        "domain",
        "{ enabled = true, name = \"pay.example.com\", hosted_zone_id = local.zone, certificate_arns = local.other_certificates, security_policy = \"TLS_1_0\", base_path = \"pay\" }",
        &["api_base_path_mapping", "api_domain_name", "ssm_parameter"],
    ),
    (
        "domain",
        "{ enabled = true, name = \"pay.example.org\", hosted_zone_id = local.other_zone, certificate_arns = local.certificates }",
        &[
            "api_base_path_mapping",
            "api_domain_name",
            "route53_record",
            "ssm_parameter",
        ],
    ),
    (
        "event_failover",
        "{ enabled = true, retry_policy = { max_age_seconds = 600 }, detail_type = \"Payment\", source = \"payments\", dlq = false }",
        &[
            "event_rule",
            "event_target",
            "lambda_alias",
            "lambda_function",
            "sqs_queue",
        ],
    ),
    (
        "failure_notifier",
        "{ timeout = 20, batch_size = 5, environment = { TEAM = \"ops\" }, reserved_concurrent_executions = 2, keep_in_dlq = false, report_batch_item_failures = false }",
        &[
            "iam_role",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "metric_alarm",
            "sqs_queue",
        ],
    ),
    (
        "kms",
        "{ additional_policy_statements = [jsonencode({ Sid = \"Auditors\", Effect = \"Allow\", Principal = { AWS = \"arn:aws:iam::111122223333:root\" }, Action = \"kms:DescribeKey\", Resource = \"*\" })], deletion_window_in_days = 7, enable_key_rotation = false }",
        &["kms_key"],
    ),
    (
        "kpi_filters",
        "[{ name = \"refunds\", pattern = \"{ $.PaymentRefunded = 1 }\", metric_name = \"Refunds\", value = \"$.amount\", unit = \"None\", dimensions = { Currency = \"$.currency\" } }]",
        &["metric_filter"],
    ),
    (
        "processor",
        "{ environment = { PARTNER = \"north\" }, required_fields = [\"transaction_id\", \"amount\", \"currency\", \"provider\", \"customer_id\"], reserved_concurrent_executions = 20 }",
        &[
            "api_deployment",
            "api_model",
            "api_stage",
            "lambda_alias",
            "lambda_function",
        ],
    ),
    (
        "reconciliation",
        "{ schedule_expression = \"rate(10 minutes)\", stuck_after_seconds = 1800, max_payments_per_run = 100, memory_size = 512, timeout = 30, reserved_concurrent_executions = 2, environment = { SHIFT = \"night\" } }",
        &["lambda_alias", "lambda_function", "metric_alarm", "schedule"],
    ),
    (
        "queue",
        "{ max_receive_count = 5, sse = \"sqs\", visibility_timeout_seconds = 900 }",
        &["iam_role", "lambda_alias", "lambda_function", "sqs_queue"],
    ),
    (
        "receipts_bucket",
        "{ lifecycle = { abort_multipart_days = 3, glacier_days = 120, ia_days = 60, noncurrent_expiration_days = 30 }, replication = { delete_marker = true, storage_class = \"STANDARD_IA\" } }",
        &["s3_bucket", "s3_bucket_replication"],
    ),
    (
        "receipts_bucket",
        "{ sse = \"AES256\" }",
        &["iam_role", "s3_bucket", "s3_bucket_replication"],
    ),
    (
        "region_overrides",
        "{ us-east-1 = { alarm_actions = [\"arn:aws:sns:us-east-1:111122223333:pager\"], ok_actions = [] }, us-west-2 = { alarm_actions = [\"arn:aws:sns:us-west-2:111122223333:pager\"], ok_actions = [] } }",
        &["metric_alarm"],
    ),
    (
        "ssm",
        "{ prefix = \"/edited/payments/\" }",
        &["api_key_parameter", "ssm_parameter"],
    ),
    (
        "table",
        "{ recovery_period_in_days = 7, deletion_protection = true, ttl_attribute = \"expires_at\" }",
        &["dynamodb_table", "dynamodb_table_replica"],
    ),
    (
        "table",
        "{ point_in_time_recovery = false }",
        &["dynamodb_table", "dynamodb_table_replica"],
    ),
    (
        "table",
        "{ global_secondary_indexes = [{ name = \"by-customer\", hash_key = \"customer_id\", hash_key_type = \"N\", range_key = \"amount\", range_key_type = \"N\", projection_type = \"INCLUDE\", non_key_attributes = [\"currency\"] }] }",
        &[
            "dynamodb_table",
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "metric_alarm",
            "schedule",
        ],
    ),
    (
        "topics",
        "{ notifications = { kms_enabled = false } }",
        &["iam_role", "kms_key", "sns_topic"],
    ),
    (
        "topics",
        "{ cross_region_subscriptions = true, subscriptions = [{ protocol = \"https\", endpoint = \"https://pager.example.com/in\", filter_policy = jsonencode({ severity = [\"high\"] }), filter_policy_scope = \"MessageBody\" }] }",
        &["sns_subscription"],
    ),
    (
        "waf",
        "{ allow_ip_cidrs = [\"203.0.113.0/24\"], default_action = \"block\", evaluation_window_sec = 120, managed_rule_groups = [\"AWSManagedRulesCommonRuleSet\"] }",
        &["wafv2_ip_set", "wafv2_web_acl"],
    ),
    ("waf", "{ logging = false }", &["kms_key", "log_group", "wafv2_logging"]),
    (
        "workflow",
        "{ enabled = true, retry = { errors = [\"States.Timeout\"], interval_seconds = 5, max_attempts = 5, backoff_rate = 1.5 }, log_level = \"ERROR\", include_execution_data = true, dlq = false }",
        &["iam_role", "state_machine"],
    ),
];

/// What one region has by itself.
pub(crate) const ONE_SIDED: &[Edit] = &[
    (
        "api",
        "{ api_key = { value_wo = \"a-key-of-twenty-characters-and-more\", value_wo_version = 1 } }",
        &["api_key", "api_key_parameter", "api_usage_plan_key"],
    ),
    (
        "table",
        "{ replicas = [{ region = \"us-west-2\", point_in_time_recovery = false }] }",
        &["dynamodb_table_replica"],
    ),
    (
        "alarms",
        "{ alarm_actions = [\"arn:aws:sns:us-east-1:111122223333:pager\"], ok_actions = [] }",
        &["metric_alarm"],
    ),
    (
        "api",
        "{ regions = [\"us-east-1\"] }",
        &[
            "api_account",
            "api_base_path_mapping",
            "api_deployment",
            "api_domain_name",
            "api_gateway_response",
            "api_key",
            "api_key_parameter",
            "api_method",
            "api_model",
            "api_request_validator",
            "api_resource",
            "api_stage",
            "api_usage_plan",
            "api_usage_plan_key",
            "dashboard",
            "kms_key",
            "lambda_permission",
            "log_group",
            "metric_alarm",
            "rest_api",
            "route53_health_check",
            "route53_record",
            "ssm_parameter",
            "wafv2_association",
            "wafv2_logging",
            "wafv2_web_acl",
        ],
    ),
    (
        "event_failover",
        "{ enabled = true, targets = { us-east-1 = \"us-west-2\" } }",
        &[
            "event_rule",
            "event_target",
            "iam_role",
            "lambda_alias",
            "lambda_function",
        ],
    ),
];
