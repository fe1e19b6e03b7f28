//! A first edit of every attribute, in a stack of two regions.

use tap_acceptance_tests::edited::Edit;

/// A first edit of every group.
pub(crate) const EDITS: &[Edit] = &[
    (
        "processor",
        "{ memory_size = 1024, timeout = 20 }",
        &["lambda_alias", "lambda_function", "metric_alarm", "state_machine"],
    ),
    (
        "accounting",
        "{ batch_size = 5, maximum_concurrency = 10 }",
        &["lambda_event_source_mapping"],
    ),
    ("queue", "{ message_retention_seconds = 604800 }", &["sqs_queue"]),
    ("log_retention_in_days", "400", &["log_group"]),
    ("kms", "{ rotation_period_in_days = 180 }", &["kms_key"]),
    (
        "table",
        "{ global_secondary_indexes = [{ name = \"by-provider\", hash_key = \"provider\", range_key = \"timestamp\" }] }",
        &["dynamodb_table"],
    ),
    (
        "receipts_bucket",
        "{ lifecycle = { expiration_days = 3650 } }",
        &["s3_bucket"],
    ),
    (
        "idempotency",
        "{ ttl_hours = 24 }",
        &["dynamodb_table", "lambda_alias", "lambda_function"],
    ),
    (
        "api",
        "{ throttle_rate_limit = 800, throttle_burst_limit = 900 }",
        &["api_stage"],
    ),
    ("waf", "{ rate_limit = 5000 }", &["wafv2_web_acl"]),
    (
        "topics",
        "{ notifications = { display_name = \"Payments\", email_endpoints = [\"oncall@example.com\"] } }",
        &["sns_subscription", "sns_topic"],
    ),
    (
        "alarms",
        "{ error_rate = { threshold_percent = 5 } }",
        &["metric_alarm"],
    ),
    ("dashboard", "{ enabled = false }", &["dashboard"]),
    ("ssm", "{ parameters = { partner = \"x\" } }", &["ssm_parameter"]),
    ("kpi_filters", "[]", &["metric_filter"]),
    (
        "tracing_mode",
        "\"PassThrough\"",
        &["iam_role", "lambda_alias", "lambda_function", "state_machine"],
    ),
    (
        "workflow",
        "{ enabled = true, timeout_seconds = 120 }",
        &["state_machine"],
    ),
    (
        "event_failover",
        "{ enabled = true, retry_policy = { max_attempts = 5 } }",
        &["event_target"],
    ),
    (
        "failure_notifier",
        "{ memory_size = 512 }",
        &["lambda_alias", "lambda_function"],
    ),
    ("dlq", "{ message_retention_seconds = 86400 }", &["sqs_queue"]),
    (
        "audit",
        "{ enabled = false }",
        &["iam_role", "lambda_alias", "lambda_function"],
    ),
    (
        "metrics",
        "{ namespace = \"Payments/Edited\" }",
        &["lambda_alias", "lambda_function", "metric_alarm", "metric_filter"],
    ),
    (
        "region_overrides",
        "{ us-east-1 = { email_endpoints = [\"team@example.com\"] }, us-west-2 = { email_endpoints = [\"team@example.com\"] } }",
        &["sns_subscription"],
    ),
    ("log_level", "\"DEBUG\"", &["lambda_alias", "lambda_function"]),
    (
        "permissions_boundary_arn",
        "\"arn:aws:iam::111122223333:policy/boundary\"",
        &["iam_role"],
    ),
    (
        "api",
        "{ cors = { allow_origins = [\"https://pay.example.com\"] } }",
        &[
            "api_deployment",
            "api_gateway_response",
            "api_method",
            "api_stage",
            "lambda_alias",
            "lambda_function",
        ],
    ),
    (
        "api",
        "{ health_path = \"ping\" }",
        &["api_deployment", "api_method", "api_resource", "api_stage"],
    ),
    (
        "api",
        "{ access_log = { enabled = false } }",
        &["api_stage", "kms_key", "log_group"],
    ),
];

/// What all stacks have, and what replaces no data. Apart from the others: it names regions, or means the same for every preset.
pub(crate) const FURTHER: &[Edit] = &[
    (
        "tags",
        "{ Team = \"payments\" }",
        &[
            "api_key",
            "api_key_parameter",
            "api_stage",
            "api_usage_plan",
            "dynamodb_table",
            "dynamodb_table_replica",
            "event_bus",
            "event_rule",
            "iam_role",
            "kms_key",
            "lambda_event_source_mapping",
            "lambda_function",
            "log_group",
            "metric_alarm",
            "rest_api",
            "s3_bucket",
            "sns_topic",
            "sqs_queue",
            "ssm_parameter",
            "state_machine",
            "wafv2_web_acl",
        ],
    ),
    (
        "iam_path",
        "\"/payments/\"",
        &[
            "event_target",
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "s3_bucket_replication",
            "state_machine",
        ],
    ),
    (
        "deletion_protection",
        "true",
        &["dynamodb_table", "dynamodb_table_replica"],
    ),
    ("force_destroy", "false", &[]),
    ("allow_data_loss", "true", &[]),
    ("adopt_existing_log_groups", "false", &["log_group"]),
    ("on_create_failure", "\"resume\"", &[]),
    (
        "timeouts",
        "{ create = \"90m\", update = \"90m\", delete = \"90m\" }",
        &[],
    ),
    (
        "name_overrides",
        "{ \"us-east-1/sns_topic.notifications\" = \"pager\", \"us-west-2/sns_topic.notifications\" = \"pager\" }",
        &[
            "iam_role",
            "lambda_alias",
            "lambda_event_source_mapping",
            "lambda_function",
            "metric_alarm",
            "sns_topic",
            "state_machine",
        ],
    ),
    (
        "overrides",
        "{ \"us-east-1/sqs_queue.dlq\" = { delay_seconds = 5 }, \"us-west-2/sqs_queue.dlq\" = { delay_seconds = 5 } }",
        &["sqs_queue"],
    ),
    (
        "replace_components",
        "[\"us-east-1/lambda_alias.processor\", \"us-west-2/lambda_alias.processor\"]",
        &[
            "api_method",
            "iam_role",
            "lambda_alias",
            "lambda_permission",
            "state_machine",
        ],
    ),
    (
        "processor",
        "{ response_mode = \"queue\" }",
        &[
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "metric_alarm",
            "schedule",
        ],
    ),
    (
        "api",
        "{ authorization = \"hmac\", hmac = { secrets_wo = \"signing-secret-of-may\", secrets_wo_version = 1, header = \"X-Partner-Signature\", tolerance_seconds = 60 } }",
        &[
            "api_deployment",
            "api_key",
            "api_key_parameter",
            "api_method",
            "api_stage",
            "api_usage_plan",
            "api_usage_plan_key",
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "ssm_parameter",
        ],
    ),
    (
        "api",
        "{ resource_policy = jsonencode({ Version = \"2012-10-17\", Statement = [{ Effect = \"Allow\", Principal = \"*\", Action = \"execute-api:Invoke\", Resource = \"execute-api:/*\", Condition = { IpAddress = { \"aws:SourceIp\" = \"203.0.113.0/24\" } } }] }) }",
        &["api_deployment", "api_stage", "rest_api"],
    ),
];
