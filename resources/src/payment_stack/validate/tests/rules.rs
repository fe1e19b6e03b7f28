//! Each rule of the schema and of the checks across attributes that no defect is named after.

use super::*;

const TWO: [&str; 2] = ["eu-west-1", "eu-central-1"];

fn key(region: &str) -> String {
    format!("arn:aws:kms:{region}:111122223333:key/x")
}

#[test]
fn write_only_values_and_their_versions_go_together() {
    let value = "a-key-of-twenty-letters";
    refused(
        json!({"api": {"api_key": {"value_wo": value}}}),
        "api.api_key.value_wo_version",
    );
    refused(
        json!({"api": {"api_key": {"value_wo_version": 1}}}),
        "api.api_key.value_wo_version",
    );
    accepted(&json!({"api": {"api_key": {"value_wo": value, "value_wo_version": 1}}}));
    let hmac = |hmac: Value| json!({"api": {"authorization": "hmac", "hmac": hmac}});
    refused(hmac(json!({"secrets_wo": "s"})), "api.hmac.secrets_wo_version");
    accepted(&hmac(json!({"secrets_wo": "s", "secrets_wo_version": 1})));
    let both = json!({"secrets_wo": "s", "secrets_wo_version": 1, "secret_ssm_parameter": "/hmac"});
    refused(hmac(both), "api.hmac.secret_ssm_parameter");
}

#[test]
fn p_24_r_13_whatever_belongs_to_a_region_is_of_that_region() {
    let topic = "arn:aws:sns:us-east-1:111122223333:x";
    let over = |over: Value| json!({"regions": TWO, "region_overrides": {"eu-central-1": over}});
    refused(
        over(json!({"ok_actions": [topic]})),
        "region_overrides[\"eu-central-1\"].ok_actions[0]",
    );
    refused(
        json!({"regions": TWO, "alarms": {"ok_actions": [topic]}}),
        "alarms.ok_actions[0]",
    );
    let replica = json!([{"region": "eu-central-1", "kms_key_arn": key("eu-west-1")}]);
    refused(
        json!({"regions": TWO, "table": {"replicas": replica}}),
        "table.replicas[0].kms_key_arn",
    );
    refused(
        json!({"regions": TWO, "table": {"sse": {"kms_key_arn": key("eu-central-1")}}}),
        "table.sse.kms_key_arn",
    );
    for name in ["subnet_ids", "security_group_ids"] {
        let vpc = json!({"subnet_ids": ["subnet-00000001"], "security_group_ids": ["sg-00000001"]});
        refused(json!({"regions": TWO, "vpc": vpc}), &format!("vpc.{name}"));
    }
    refused(
        json!({"regions": TWO, "lambda_env_kms_key_arn": key("eu-west-1")}),
        "lambda_env_kms_key_arn",
    );
    let hmac = |regions: &[&str]| {
        let hmac = json!({"secret_ssm_parameter": "/hmac", "kms_key_arn": key("eu-west-1")});
        json!({"regions": regions, "api": {"authorization": "hmac", "hmac": hmac}})
    };
    accepted(&hmac(&["eu-west-1"]));
    refused(hmac(&["eu-central-1"]), "api.hmac.kms_key_arn");
    refused(hmac(&TWO), "api.hmac.kms_key_arn");
    for (wrong, path) in [
        (json!({"kms": {"key_arn": key("us-east-1")}}), "kms.key_arn"),
        (
            json!({"lambda_env_kms_key_arn": key("us-east-1")}),
            "lambda_env_kms_key_arn",
        ),
    ] {
        let mut config = wrong;
        config["regions"] = json!(["eu-west-1"]);
        refused(config, path);
    }
    accepted(&json!({"regions": ["eu-west-1"], "kms": {"key_arn": key("eu-west-1")}}));
    refused(json!({"regions": TWO, "api": {"regions": []}}), "api.regions");
}

/// P-12: DynamoDB refuses a table some of whose replicas have a customer key.
#[test]
fn p_12_customer_keys_are_in_all_regions_or_in_none() {
    let stack = |table: Value, overrides: Value| json!({"regions": TWO, "kms": {"create": false}, "table": table, "region_overrides": overrides});
    accepted(&stack(json!({}), json!({})));
    let first = json!({"sse": {"kms_key_arn": key("eu-west-1")}});
    refused(
        stack(first.clone(), json!({})),
        "region_overrides[\"eu-central-1\"].kms_key_arn",
    );
    accepted(&stack(
        first,
        json!({"eu-central-1": {"kms_key_arn": key("eu-central-1")}}),
    ));
    let second = json!({"replicas": [{"region": "eu-central-1", "kms_key_arn": key("eu-central-1")}]});
    refused(
        stack(second.clone(), json!({})),
        "region_overrides[\"eu-west-1\"].kms_key_arn",
    );
    accepted(&stack(second, json!({"eu-west-1": {"kms_key_arn": key("eu-west-1")}})));
    let mixed = json!({"eu-west-1": {"kms_key_arn": key("eu-west-1")}});
    refused(
        stack(json!({}), mixed.clone()),
        "region_overrides[\"eu-central-1\"].kms_key_arn",
    );
    accepted(&stack(json!({"sse": {"type": "aws_owned"}}), mixed.clone()));
    accepted(&json!({"regions": TWO, "region_overrides": mixed}));
}

#[test]
fn table_indexes_keys_and_bucket_make_sense() {
    let table = |table: Value| json!({"table": table});
    refused(
        table(json!({"billing_mode": "PROVISIONED", "write_capacity": 5})),
        "table.read_capacity",
    );
    refused(
        table(json!({"billing_mode": "PROVISIONED", "read_capacity": 5})),
        "table.write_capacity",
    );
    refused(table(json!({"read_capacity": 5})), "table.read_capacity");
    accepted(&table(
        json!({"billing_mode": "PROVISIONED", "read_capacity": 5, "write_capacity": 5}),
    ));
    let index = |name: &str, ty: &str| json!({"name": name, "hash_key": "provider", "hash_key_type": ty});
    let indexes = |second: Value| table(json!({"global_secondary_indexes": [index("by-provider", "S"), second]}));
    refused(
        indexes(index("by-provider", "S")),
        "table.global_secondary_indexes[1].name",
    );
    refused(
        indexes(index("another", "N")),
        "table.global_secondary_indexes[1].hash_key_type",
    );
    accepted(&indexes(index("another", "S")));
    refused(
        table(json!({"sse": {"type": "aws_owned", "kms_key_arn": key("eu-west-1")}})),
        "table.sse.kms_key_arn",
    );
    refused(json!({"kms": {"keys": ["s3", "sqs", "s3"]}}), "kms.keys[2]");
    refused(json!({"kms": {"keys": ["s4"]}}), "kms.keys[0]");
    refused(
        json!({"kms": {"multi_region": true, "key_arn": key("eu-west-1")}}),
        "kms.multi_region",
    );
    warned(json!({"idempotency": {"enabled": false}}), "idempotency.enabled");
    let days = |days: i64| json!({"receipts_bucket": {"lifecycle": {"expiration_days": days}}});
    refused(days(90), "receipts_bucket.lifecycle.expiration_days");
    accepted(&days(91));
    accepted(&days(0));
    let ttl = json!({"consistency_mode": "STRONG", "witness_region": "us-east-2", "ttl_attribute": "ttl"});
    refused(
        json!({"regions": ["us-east-1", "us-west-2"], "table": ttl}),
        "table.ttl_attribute",
    );
}

#[test]
fn functions_queue_and_workflow_fit_each_other() {
    for function in ["processor", "accounting", "failure_notifier", "reconciliation"] {
        for (name, value) in [
            ("memory_size", 127),
            ("memory_size", 10_241),
            ("timeout", 0),
            ("timeout", 901),
            ("reserved_concurrent_executions", -2),
        ] {
            refused(json!({function: {name: value}}), &format!("{function}.{name}"));
        }
        refused(json!({function: {"name": "a b"}}), &format!("{function}.name"));
        for name in ["TZ", "LAMBDA_TASK_ROOT", "LOG_LEVEL"] {
            refused(
                json!({function: {"environment": {name: "x"}}}),
                &format!("{function}.environment[\"{name}\"]"),
            );
        }
    }
    refused(
        json!({"processor": {"required_fields": ["transaction_id", "amount"]}}),
        "processor.required_fields",
    );
    refused(
        json!({"processor": {"required_fields": ["amount", "currency", "iban"]}}),
        "processor.required_fields[2]",
    );
    refused(json!({"layer": {"enabled": true}}), "layer.zip_path");
    refused(json!({"layer": {"zip_path": "a.zip"}}), "layer.zip_path");
    refused(
        json!({"queue": {"enabled": false}, "accounting": {"enabled": false}}),
        "failure_notifier.enabled",
    );
    refused(
        json!({"accounting": {"batch_size": 100, "maximum_batching_window_in_seconds": 0}}),
        "accounting.batch_size",
    );
    accepted(&json!({"accounting": {"batch_size": 100}}));
    refused(
        json!({"failure_notifier": {"batch_size": 11}}),
        "failure_notifier.batch_size",
    );
    warned(
        json!({"dlq": {"message_retention_seconds": 3600}}),
        "dlq.message_retention_seconds",
    );
    let without =
        |workflow: Value| json!({"processor": {"enabled": false}, "api": {"enabled": false}, "workflow": workflow});
    refused(without(json!({"enabled": true})), "workflow.enabled");
    accepted(&without(json!({"enabled": false})));
    warned(
        json!({"workflow": {"enabled": true, "include_execution_data": true}}),
        "workflow.include_execution_data",
    );
    refused(json!({"processor": {"enabled": false}}), "api.enabled");
    let alone = json!({"workflow": {"enabled": true}, "event_failover": {"enabled": true}});
    refused(alone, "event_failover.enabled");
    let targets = json!({"us-east-1": "eu-west-1"});
    let failover = json!({"enabled": true, "targets": targets});
    let stack = json!({"regions": TWO, "workflow": {"enabled": true}, "event_failover": failover});
    refused(stack, "event_failover.targets[\"us-east-1\"]");
}

#[test]
fn alarms_dashboard_and_packages_are_possible() {
    for (name, alarm) in [("error_rate", "alarms.error_rate"), ("errors", "alarms.errors")] {
        let long = json!({"alarms": {name: {"period": 3600, "evaluation_periods": 25}}});
        refused(long, &format!("{alarm}.evaluation_periods"));
        refused(
            json!({"alarms": {name: {"period": 86_460}}}),
            &format!("{alarm}.period"),
        );
    }
    refused(
        json!({"alarms": {"duration_p99_percent_of_timeout": 101}}),
        "alarms.duration_p99_percent_of_timeout",
    );
    refused(
        json!({"alarms": {"error_rate": {"treat_missing_data": "good"}}}),
        "alarms.error_rate.treat_missing_data",
    );
    for text in ["{}", "[1]", "[{\"type\": \"metric\"}]", "no JSON"] {
        refused(json!({"dashboard": {"widgets_extra": text}}), "dashboard.widgets_extra");
    }
    let widget =
        json!([{"type": "text", "x": 0, "y": 24, "width": 6, "height": 2, "properties": {"markdown": "hello"}}]);
    accepted(&json!({"dashboard": {"widgets_extra": widget.to_string()}}));
    let rare = |more: Value| {
        let mut config = more;
        config["log_group_class"] = json!("INFREQUENT_ACCESS");
        config
    };
    refused(rare(json!({})), "log_group_class");
    refused(rare(json!({"alarms": {"enabled": false}})), "log_group_class");
    refused(rare(json!({"kpi_filters": []})), "log_group_class");
    accepted(&rare(json!({"kpi_filters": [], "alarms": {"enabled": false}})));
    let image = json!({"image_uri": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/x", "zip_path": "a.zip"});
    refused(json!({"lambda_package": image}), "lambda_package.image_uri");
    refused(json!({"lambda_package": {"s3_bucket": "b"}}), "lambda_package.s3_key");
    refused(json!({"lambda_package": {}}), "lambda_package");
}

#[test]
fn api_and_domain_fit_each_other() {
    refused(
        json!({"regions": TWO, "api": {"endpoint_type": "EDGE"}}),
        "api.endpoint_type",
    );
    accepted(&json!({"api": {"endpoint_type": "EDGE"}}));
    let edge =
        json!({"preset": "global", "regions": ["us-east-1"], "domain": domain(), "api": {"endpoint_type": "EDGE"}});
    refused(edge, "api.endpoint_type");
    refused(json!({"api": {"path": "health"}}), "api.health_path");
    let off = json!({"preset": "global", "domain": domain(), "api": {"enabled": false}});
    refused(off, "domain.enabled");
    warned(
        json!({"preset": "global", "domain": domain(), "dns": {"routing_policy": "latency_with_failover"}}),
        "dns.routing_policy",
    );
}

#[test]
fn n_06_nobody_and_nothing_is_listed_twice() {
    let mails = |addresses: Value| json!({"topics": {"notifications": {"email_endpoints": addresses}}});
    accepted(&mails(json!(["a@example.com", "b@example.com"])));
    refused(
        mails(json!(["a@example.com", "a@example.com"])),
        "topics.notifications.email_endpoints[1]",
    );
    // Letters and digits are all that a component's key keeps.
    refused(
        mails(json!(["a.b@example.com", "a-b@example.com"])),
        "topics.notifications.email_endpoints[1]",
    );
    let mut both = mails(json!(["a@example.com"]));
    both["topics"]["subscriptions"] = json!([{"protocol": "email", "endpoint": "a@example.com"}]);
    refused(both, "topics.notifications.email_endpoints[0]");
    let twice =
        json!([{"protocol": "sms", "endpoint": "+14155550123"}, {"protocol": "sms", "endpoint": "+14155550123"}]);
    refused(
        json!({"topics": {"subscriptions": twice}}),
        "topics.subscriptions[1].endpoint",
    );
    let over = json!({"eu-west-1": {"email_endpoints": ["a@example.com", "a@example.com"]}});
    refused(
        json!({"regions": TWO, "region_overrides": over}),
        "region_overrides[\"eu-west-1\"].email_endpoints[1]",
    );
    let filter = |name: &str| json!({"name": name, "pattern": "{ $.a = 1 }", "metric_name": "A", "value": "1"});
    refused(
        json!({"kpi_filters": [filter("a b"), filter("a_b")]}),
        "kpi_filters[1].name",
    );
    accepted(&json!({"kpi_filters": [filter("a"), filter("b")]}));
    let parameters = |names: [&str; 2]| json!({"ssm": {"parameters": {names[0]: "1", names[1]: "2"}}});
    refused(
        parameters(["limits-daily", "limits/daily"]),
        "ssm.parameters[\"limits/daily\"]",
    );
    accepted(&parameters(["limits/daily", "limits/weekly"]));
    for name in ["table-name", "bucket-name", "api-endpoint", "api-key", "hmac-secrets"] {
        refused(parameters([name, "b"]), &format!("ssm.parameters[\"{name}\"]"));
    }
}

/// 9.2 item 13, and every other attribute whose text or number AWS would refuse.
#[test]
#[allow(clippy::too_many_lines, reason = "a table: one line for each attribute")]
fn section_9_2_texts_and_numbers_are_what_aws_takes() {
    for suffix in ["-dev", "dev-", "Dev", "a_b", "", "abcdefghijklmnopqrstuvwxy"] {
        refused(json!({"environment_suffix": suffix}), "environment_suffix");
    }
    for days in [0, 2, 8, 100, 3654] {
        refused(json!({"log_retention_in_days": days}), "log_retention_in_days");
    }
    for number in [
        "+0155501234",
        "14155550123",
        "+1415",
        "+1415555012345678",
        "+1 415 555 0123",
    ] {
        let subscriptions = json!([{"protocol": "sms", "endpoint": number}]);
        refused(
            json!({"topics": {"subscriptions": subscriptions}}),
            "topics.subscriptions[0].endpoint",
        );
    }
    let cases = [
        (json!({"preset": "seed"}), "preset"),
        (json!({"name_style": "other"}), "name_style"),
        (json!({"regions": []}), "regions"),
        (json!({"region_overrides": {"here": {}}}), "region_overrides[\"here\"]"),
        (
            json!({"kms": {"deletion_window_in_days": 6}}),
            "kms.deletion_window_in_days",
        ),
        (
            json!({"kms": {"rotation_period_in_days": 89}}),
            "kms.rotation_period_in_days",
        ),
        (json!({"kms": {"key_arn": "key/x"}}), "kms.key_arn"),
        (json!({"kms": {"alias": "payments"}}), "kms.alias"),
        (json!({"iam_path": "tap"}), "iam_path"),
        (json!({"timeouts": {"create": "soon"}}), "timeouts.create"),
        (json!({"table": {"name": "a b"}}), "table.name"),
        (
            json!({"table": {"recovery_period_in_days": 36}}),
            "table.recovery_period_in_days",
        ),
        (
            json!({"table": {"key_schema": {"hash_key_type": "B"}}}),
            "table.key_schema.hash_key_type",
        ),
        (
            json!({"table": {"attribute_style": "kebab-case"}}),
            "table.attribute_style",
        ),
        (json!({"table": {"sse": {"type": "none"}}}), "table.sse.type"),
        (json!({"idempotency": {"ttl_hours": -1}}), "idempotency.ttl_hours"),
        (json!({"receipts_bucket": {"name": "UPPER"}}), "receipts_bucket.name"),
        (json!({"receipts_bucket": {"sse": "none"}}), "receipts_bucket.sse"),
        (
            json!({"receipts_bucket": {"lifecycle": {"ia_days": 29}}}),
            "receipts_bucket.lifecycle.ia_days",
        ),
        (json!({"audit": {"prefix": "audit"}}), "audit.prefix"),
        (json!({"ssm": {"prefix": "payment"}}), "ssm.prefix"),
        (json!({"ssm": {"parameters": {"/a": "b"}}}), "ssm.parameters[\"/a\"]"),
        (json!({"queue": {"name": "a.b"}}), "queue.name"),
        (json!({"queue": {"max_receive_count": 0}}), "queue.max_receive_count"),
        (
            json!({"queue": {"message_retention_seconds": 59}}),
            "queue.message_retention_seconds",
        ),
        (json!({"queue": {"sse": "none"}}), "queue.sse"),
        (
            json!({"dlq": {"message_retention_seconds": 1_209_601}}),
            "dlq.message_retention_seconds",
        ),
        (
            json!({"accounting": {"maximum_concurrency": 1}}),
            "accounting.maximum_concurrency",
        ),
        (json!({"api": {"path": "/payments"}}), "api.path"),
        (json!({"api": {"stage_name": "a b"}}), "api.stage_name"),
        (json!({"api": {"health_path": "a/b"}}), "api.health_path"),
        (json!({"api": {"request_schema_json": "{"}}), "api.request_schema_json"),
        (
            json!({"api": {"api_key": {"quota_period": "YEAR"}}}),
            "api.api_key.quota_period",
        ),
        (
            json!({"api": {"hmac": {"secret_ssm_parameter": "a b"}}}),
            "api.hmac.secret_ssm_parameter",
        ),
        (json!({"api": {"throttle_rate_limit": 0}}), "api.throttle_rate_limit"),
        (
            json!({"api": {"integration_timeout_ms": 49}}),
            "api.integration_timeout_ms",
        ),
        (json!({"domain": {"name": "https://pay.example.com"}}), "domain.name"),
        (
            json!({"domain": {"hosted_zone_id": "/hostedzone/Z1"}}),
            "domain.hosted_zone_id",
        ),
        (
            json!({"domain": {"certificate_arns": {"eu-west-1": "a"}}}),
            "domain.certificate_arns[\"eu-west-1\"]",
        ),
        (json!({"domain": {"security_policy": "SSL"}}), "domain.security_policy"),
        (
            json!({"dns": {"health_check": {"interval": 20}}}),
            "dns.health_check.interval",
        ),
        (
            json!({"dns": {"health_check": {"failure_threshold": 11}}}),
            "dns.health_check.failure_threshold",
        ),
        (
            json!({"dns": {"health_check": {"regions": ["us-east-1"]}}}),
            "dns.health_check.regions",
        ),
        (
            json!({"waf": {"evaluation_window_sec": 90}}),
            "waf.evaluation_window_sec",
        ),
        (json!({"waf": {"rate_limit": 9}}), "waf.rate_limit"),
        (json!({"workflow": {"name": "a b"}}), "workflow.name"),
        (json!({"workflow": {"type": "SLOW"}}), "workflow.type"),
        (
            json!({"workflow": {"retry": {"backoff_rate": 0.5}}}),
            "workflow.retry.backoff_rate",
        ),
        (json!({"workflow": {"retry": {"errors": []}}}), "workflow.retry.errors"),
        (
            json!({"event_failover": {"bus_name": "a b"}}),
            "event_failover.bus_name",
        ),
        (
            json!({"event_failover": {"retry_policy": {"max_age_seconds": 59}}}),
            "event_failover.retry_policy.max_age_seconds",
        ),
        (
            json!({"event_failover": {"retry_policy": {"max_attempts": 186}}}),
            "event_failover.retry_policy.max_attempts",
        ),
        (
            json!({"topics": {"notifications": {"email_endpoints": ["ops"]}}}),
            "topics.notifications.email_endpoints[0]",
        ),
        (
            json!({"topics": {"subscriptions": [{"protocol": "email", "endpoint": "a@b.c", "filter_policy": "x"}]}}),
            "topics.subscriptions[0].filter_policy",
        ),
        (json!({"metrics": {"namespace": "AWS/Payments"}}), "metrics.namespace"),
        (
            json!({"kpi_filters": [{"name": "a", "pattern": "x", "metric_name": "A", "value": "1", "dimensions": {"C": "currency"}}]}),
            "kpi_filters[0].dimensions[\"C\"]",
        ),
        (json!({"dashboard": {"name": "a b"}}), "dashboard.name"),
        (json!({"lambda_env_kms_key_arn": "x"}), "lambda_env_kms_key_arn"),
    ];
    for (config, path) in cases {
        refused(config, path);
    }
}
