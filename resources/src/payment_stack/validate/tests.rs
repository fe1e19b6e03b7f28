//! Every bad input of requirements 9.2 that concerns this stack, with its path.

mod rules;

use serde_json::{Value, json};
use tap_plugin::{Severity, ValidationOptions};

use crate::composite::Composite as _;
use crate::payment_stack::PaymentStack;
use crate::payment_stack::schema::schema;

mod foreign;
mod limits;

/// What the schema's own validators and the cross checks say about a configuration, as `path: text`.
fn said(config: &Value, severity: Severity) -> Vec<String> {
    let mut config = config.clone();
    if config["environment_suffix"].is_null() {
        config["environment_suffix"] = json!("dev");
    }
    let value = tap_plugin::Value::from_json(&config);
    let mut found = schema().validate(
        &value,
        ValidationOptions {
            write_only_allowed: true,
        },
    );
    if !found.has_errors() {
        let effective = schema().with_defaults(&value).to_json(&|_| Value::Null);
        let config = crate::payment_stack::read(&PaymentStack.fill(&effective)).unwrap();
        found.extend(super::validate(&config, &effective));
    }
    found
        .iter()
        .filter(|diagnostic| diagnostic.severity == severity)
        .map(|diagnostic| {
            let path = diagnostic.path.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{path} | {} | {}", diagnostic.summary, diagnostic.detail)
        })
        .collect()
}

#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "configurations are written on the spot")]
fn refused(config: Value, path: &str) {
    let errors = said(&config, Severity::Error);
    assert!(
        errors.iter().any(|error| error.starts_with(&format!("{path} |"))),
        "no error at {path} for {config}, but {errors:#?}"
    );
}

#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "configurations are written on the spot")]
fn warned(config: Value, path: &str) {
    let warnings = said(&config, Severity::Warning);
    assert!(
        warnings.iter().any(|warning| warning.starts_with(&format!("{path} |"))),
        "no warning at {path} for {config}, but {warnings:#?}"
    );
}

#[track_caller]
fn accepted(config: &Value) {
    assert_eq!(said(config, Severity::Error), Vec::<String>::new(), "{config}");
}

/// What the preset `global` cannot know.
fn domain() -> Value {
    json!({
        "name": "pay.example.com", "hosted_zone_id": "Z0123456789ABC",
        "certificate_arns": {
            "us-east-1": "arn:aws:acm:us-east-1:111122223333:certificate/a",
            "us-west-2": "arn:aws:acm:us-west-2:111122223333:certificate/b",
        },
    })
}

#[test]
fn every_preset_is_accepted_and_so_is_none() {
    accepted(&json!({}));
    accepted(&json!({"preset": "notification"}));
    accepted(&json!({"preset": "multi_region"}));
    accepted(&json!({"preset": "global", "domain": domain()}));
}

#[test]
fn p_37_each_region_once_and_others_only_of_the_stack() {
    refused(json!({"regions": ["eu-west-1", "eu-west-1"]}), "regions[1]");
    refused(json!({"regions": ["Frankfurt"]}), "regions[0]");
    let two = ["eu-west-1", "eu-central-1"];
    refused(
        json!({"regions": two, "api": {"regions": ["us-east-1"]}}),
        "api.regions[0]",
    );
    refused(
        json!({"regions": two, "region_overrides": {"us-east-1": {}}}),
        "region_overrides[\"us-east-1\"]",
    );
    refused(
        json!({"regions": two, "table": {"replicas": [{"region": "us-east-1"}]}}),
        "table.replicas[0].region",
    );
    refused(
        json!({"regions": two, "table": {"replicas": [{"region": "eu-west-1"}]}}),
        "table.replicas[0].region",
    );
}

#[test]
fn p_24_and_r_13_keys_and_alarm_actions_belong_to_their_region() {
    let two = ["eu-west-1", "eu-central-1"];
    let key = "arn:aws:kms:us-east-1:111122223333:key/x";
    refused(
        json!({"regions": two, "region_overrides": {"eu-central-1": {"kms_key_arn": key}}}),
        "region_overrides[\"eu-central-1\"].kms_key_arn",
    );
    refused(
        json!({"regions": two, "kms": {"key_arn": "arn:aws:kms:eu-west-1:111122223333:key/x"}}),
        "kms.key_arn",
    );
    refused(
        json!({"regions": two, "alarms": {"alarm_actions": ["arn:aws:sns:us-east-1:111122223333:x"]}}),
        "alarms.alarm_actions[0]",
    );
    refused(
        json!({"regions": two, "region_overrides": {"eu-central-1": {"alarm_actions": ["arn:aws:sns:eu-west-1:111122223333:x"]}}}),
        "region_overrides[\"eu-central-1\"].alarm_actions[0]",
    );
    accepted(
        &json!({"regions": two, "region_overrides": {"eu-central-1": {"alarm_actions": ["arn:aws:sns:eu-central-1:111122223333:x"]}}}),
    );
}

#[test]
fn strong_consistency_takes_three_regions_of_one_set_and_no_expiry() {
    let strong = |regions: Value, witness: Value| json!({"regions": regions, "table": {"consistency_mode": "STRONG", "witness_region": witness}});
    accepted(&strong(json!(["us-east-1", "us-west-2"]), json!("us-east-2")));
    accepted(&strong(json!(["eu-west-1", "eu-west-2", "eu-central-1"]), Value::Null));
    refused(
        strong(json!(["us-east-1", "us-west-2"]), Value::Null),
        "table.consistency_mode",
    );
    refused(
        strong(json!(["us-east-1", "eu-west-1", "ap-southeast-1"]), Value::Null),
        "table.consistency_mode",
    );
    refused(
        strong(json!(["us-east-1", "us-west-2"]), json!("us-west-2")),
        "table.witness_region",
    );
    refused(
        json!({"table": {"witness_region": "us-east-2"}}),
        "table.witness_region",
    );
    let mut config = strong(json!(["us-east-1", "us-west-2"]), json!("us-east-2"));
    config["idempotency"] = json!({"ttl_hours": 24});
    refused(config, "idempotency.ttl_hours");
}

/// DynamoDB keeps recovery by replica, a witness has no table, and nobody measures the replication of such tables.
#[test]
fn r_22_replicas_witness_stream_and_alarm_of_strong_tables() {
    let strong = |table: Value| {
        let mut config = json!({"regions": ["us-east-1", "us-west-2"], "table": table});
        config["table"]["consistency_mode"] = json!("STRONG");
        config["table"]["witness_region"] = json!("us-east-2");
        config
    };
    accepted(&strong(
        json!({"replicas": [{"region": "us-west-2", "point_in_time_recovery": false}]}),
    ));
    let witness = strong(json!({"replicas": [{"region": "us-east-2", "point_in_time_recovery": true}]}));
    assert_eq!(said(&witness, Severity::Error).len(), 1, "said once");
    refused(witness, "table.replicas[0].region");
    accepted(&strong(json!({"stream_view_type": "KEYS_ONLY"})));
    let mut config = strong(json!({}));
    assert_eq!(said(&config, Severity::Warning), Vec::<String>::new());
    config["alarms"] = json!({"replication_latency_ms": 1000});
    warned(config, "alarms.replication_latency_ms");
}

#[test]
fn p_04_an_attribute_has_one_type() {
    let index = json!([{"name": "by-time", "hash_key": "status", "range_key": "timestamp", "range_key_type": "N"}]);
    refused(
        json!({"table": {"global_secondary_indexes": index}}),
        "table.global_secondary_indexes[0].range_key_type",
    );
    let index = json!([{"name": "by-status", "hash_key": "status", "non_key_attributes": ["amount"]}]);
    refused(
        json!({"table": {"global_secondary_indexes": index}}),
        "table.global_secondary_indexes[0]",
    );
    refused(
        json!({"table": {"key_schema": {"range_key": "transaction_id"}}}),
        "table.key_schema.range_key",
    );
}

#[test]
fn p_12_one_kind_of_encryption_for_all_replicas() {
    let replica = json!([{"region": "eu-central-1", "kms_key_arn": "arn:aws:kms:eu-central-1:111122223333:key/x"}]);
    let table = json!({"sse": {"type": "aws_managed"}, "replicas": replica});
    refused(
        json!({"regions": ["eu-west-1", "eu-central-1"], "table": table}),
        "table.replicas[0].kms_key_arn",
    );
    refused(json!({"kms": {"keys": ["shared", "s3"]}}), "kms.keys");
}

#[test]
fn r_12_and_r_14_replication_needs_its_preconditions() {
    let two = ["eu-west-1", "eu-central-1"];
    refused(
        json!({"regions": two, "table": {"stream_view_type": "KEYS_ONLY"}}),
        "table.stream_view_type",
    );
    refused(
        json!({"regions": two, "table": {"billing_mode": "PROVISIONED", "read_capacity": 5, "write_capacity": 5}}),
        "table.billing_mode",
    );
    refused(
        json!({"regions": two, "receipts_bucket": {"versioning": false}}),
        "receipts_bucket.versioning",
    );
    refused(
        json!({"regions": two, "receipts_bucket": {"name": "receipts"}}),
        "receipts_bucket.name",
    );
    refused(
        json!({"regions": ["eu-west-1"], "receipts_bucket": {"replication": {"enabled": true}}}),
        "receipts_bucket.replication.enabled",
    );
    refused(
        json!({"receipts_bucket": {"lifecycle": {"ia_days": 30, "glacier_days": 45}}}),
        "receipts_bucket.lifecycle.glacier_days",
    );
    refused(json!({"receipts_bucket": {"enabled": false}}), "audit.enabled");
}

#[test]
fn p_03_reserved_variables_are_refused() {
    refused(
        json!({"processor": {"environment": {"AWS_REGION": "x"}}}),
        "processor.environment[\"AWS_REGION\"]",
    );
    refused(
        json!({"accounting": {"environment": {"TABLE_NAME": "x"}}}),
        "accounting.environment[\"TABLE_NAME\"]",
    );
    // none of these may switch authentication off or let foreign web pages in.
    for name in [
        "AUTH_MODE",
        "HMAC_SECRET_PARAMETER",
        "HMAC_HEADER",
        "HMAC_TOLERANCE_SECONDS",
        "CORS_ALLOW_ORIGINS",
    ] {
        refused(
            json!({"processor": {"environment": {name: "none"}}}),
            &format!("processor.environment[\"{name}\"]"),
        );
    }
    accepted(&json!({"processor": {"environment": {"PARTNER": "x"}}}));
}

#[test]
fn p_29_the_api_must_wait_as_long_as_the_function_may_take() {
    refused(json!({"processor": {"timeout": 900}}), "processor.timeout");
    accepted(&json!({"processor": {"timeout": 60}, "api": {"integration_timeout_ms": 60000}}));
    accepted(&json!({"processor": {"timeout": 900}, "api": {"enabled": false}}));
    refused(
        json!({"api": {"endpoint_type": "EDGE", "integration_timeout_ms": 60000}}),
        "api.integration_timeout_ms",
    );
}

#[test]
fn n_12_messages_stay_hidden_long_enough() {
    refused(
        json!({"queue": {"visibility_timeout_seconds": 30}}),
        "queue.visibility_timeout_seconds",
    );
    warned(
        json!({"queue": {"visibility_timeout_seconds": 300}}),
        "queue.visibility_timeout_seconds",
    );
    refused(
        json!({"failure_notifier": {"batch_size": 100}}),
        "failure_notifier.batch_size",
    );
    refused(json!({"queue": {"enabled": false}}), "accounting.enabled");
    refused(
        json!({"queue": {"enabled": false}, "accounting": {"enabled": false}, "failure_notifier": {"enabled": false}, "processor": {"response_mode": "queue"}}),
        "processor.response_mode",
    );
}

#[test]
fn r_06_n_23_n_26_n_27_access_to_the_api() {
    refused(json!({"api": {"authorization": "none"}}), "api.authorization");
    accepted(&json!({"api": {"authorization": "none", "allow_unauthenticated": true}}));
    refused(
        json!({"api": {"authorization": "hmac"}}),
        "api.hmac.secret_ssm_parameter",
    );
    refused(
        json!({"api": {"cors": {"allow_origins": ["*"]}}}),
        "api.cors.allow_origins",
    );
    warned(
        json!({"api": {"cors": {"allow_origins": ["https://shop.example.com"]}}}),
        "api.cors.allow_origins",
    );
    warned(
        json!({"api": {"api_key": {"quota_limit": 1000}}}),
        "api.api_key.quota_limit",
    );
    warned(
        json!({"api": {"api_key": {"throttle_rate_limit": 1000}}}),
        "api.api_key.throttle_rate_limit",
    );
    refused(
        json!({"api": {"api_key": {"throttle_rate_limit": 2000}}}),
        "api.api_key.throttle_rate_limit",
    );
    warned(json!({"api": {"data_trace_enabled": true}}), "api.data_trace_enabled");
}

#[test]
fn r_01_r_02_r_04_r_21_domain_and_records() {
    let with = |change: fn(&mut Value)| {
        let mut config = json!({"preset": "global", "domain": domain()});
        change(&mut config);
        config
    };
    refused(json!({"preset": "global"}), "domain.name");
    refused(
        with(|c| c["domain"]["hosted_zone_id"] = Value::Null),
        "domain.hosted_zone_id",
    );
    refused(
        with(|c| {
            c["domain"]["certificate_arns"] = json!({"us-east-1": "arn:aws:acm:us-east-1:111122223333:certificate/a"});
        }),
        "domain.certificate_arns[\"us-west-2\"]",
    );
    refused(
        with(|c| {
            c["domain"]["certificate_arns"]["us-west-2"] = json!("arn:aws:acm:us-east-1:111122223333:certificate/a");
        }),
        "domain.certificate_arns[\"us-west-2\"]",
    );
    refused(
        with(|c| c["dns"] = json!({"routing_policy": "failover+latency"})),
        "dns.routing_policy",
    );
    refused(
        with(|c| c["dns"] = json!({"health_check": {"enabled": false}})),
        "dns.health_check.enabled",
    );
    refused(with(|c| c["api"] = json!({"health_path": ""})), "dns.health_check.path");
    refused(
        with(|c| {
            c["dns"] = json!({"record_type": "cname"});
            c["domain"]["name"] = json!("example.com");
        }),
        "dns.record_type",
    );
    warned(
        with(|c| c["dns"] = json!({"routing_policy": "latency"})),
        "dns.routing_policy",
    );
}

/// No way around the domain stays open; what health checks ask for must not take payments.
#[test]
fn r_23_the_apis_own_endpoints_do_not_bypass_the_domain() {
    let with = |more: Value| {
        let mut config = more;
        config["preset"] = json!("global");
        config["domain"] = domain();
        config
    };
    accepted(&with(json!({})));
    refused(with(json!({"waf": {"enabled": false}})), "waf.enabled");
    let tcp = json!({"waf": {"enabled": false}, "dns": {"health_check": {"type": "TCP"}}});
    accepted(&with(tcp));
    let unchecked = json!({"routing_policy": "latency", "health_check": {"enabled": false}});
    accepted(&with(json!({"waf": {"enabled": false}, "dns": unchecked})));
    refused(
        with(json!({"dns": {"health_check": {"path": "/v1/payments"}}})),
        "dns.health_check.path",
    );
    accepted(&with(json!({"dns": {"health_check": {"path": "/v1/health"}}})));
    // Without a domain there is nothing to bypass; a domain that is given and not used is worth a word.
    accepted(&json!({"waf": {"enabled": false}}));
    warned(json!({"domain": domain()}), "domain.enabled");
    let off = said(&json!({"domain": {"enabled": false}}), Severity::Warning);
    assert!(off.iter().all(|warning| !warning.starts_with("domain")), "{off:?}");
}

/// A policy that AWS would take and that would let nobody in, or that is none.
#[test]
fn r_05_a_resource_policy_lets_somebody_in() {
    let policy = |statement: Value| json!({"api": {"resource_policy": json!({"Version": "2012-10-17", "Statement": statement}).to_string()}});
    let statement = |effect: &str| json!({"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"});
    accepted(&policy(json!([statement("Allow"), statement("Deny")])));
    accepted(&policy(statement("Allow")));
    for wrong in [
        json!([]),
        json!([statement("Deny")]),
        json!([{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke"}]),
    ] {
        refused(policy(wrong), "api.resource_policy");
    }
    refused(json!({"api": {"resource_policy": "no JSON"}}), "api.resource_policy");
    refused(json!({"api": {"resource_policy": "{}"}}), "api.resource_policy");
}

#[test]
fn a_filter_has_a_policy() {
    let subscription =
        json!([{"protocol": "email", "endpoint": "a@example.com", "filter_policy_scope": "MessageBody"}]);
    refused(
        json!({"topics": {"subscriptions": subscription}}),
        "topics.subscriptions[0].filter_policy_scope",
    );
}

#[test]
fn p_17_failover_goes_to_one_other_region_that_has_a_workflow() {
    let two = ["eu-west-1", "eu-central-1"];
    refused(
        json!({"regions": two, "event_failover": {"enabled": true}}),
        "event_failover.enabled",
    );
    let on = |targets: Value| json!({"regions": two, "workflow": {"enabled": true}, "event_failover": {"enabled": true, "targets": targets}});
    accepted(&on(Value::Null));
    refused(
        on(json!({"eu-west-1": "eu-west-1"})),
        "event_failover.targets[\"eu-west-1\"]",
    );
    refused(
        on(json!({"eu-west-1": "us-east-1"})),
        "event_failover.targets[\"eu-west-1\"]",
    );
    refused(
        json!({"workflow": {"enabled": true, "type": "EXPRESS", "timeout_seconds": 900}}),
        "workflow.timeout_seconds",
    );
}

/// a week of logs is too little; P-38: two legal areas; and whatever else AWS would refuse later.
#[test]
fn endpoints_thresholds_and_names_are_checked() {
    let to = |protocol: &str, endpoint: &str| json!({"topics": {"subscriptions": [{"protocol": protocol, "endpoint": endpoint}]}});
    refused(to("sms", "0151 234"), "topics.subscriptions[0].endpoint");
    accepted(&to("sms", "+14155550123"));
    refused(to("https", "http://example.com"), "topics.subscriptions[0].endpoint");
    refused(to("pigeon", "loft"), "topics.subscriptions[0].protocol");
    refused(json!({"log_retention_in_days": 8}), "log_retention_in_days");
    warned(json!({"log_retention_in_days": 7}), "log_retention_in_days");
    refused(json!({"environment_suffix": "-dev"}), "environment_suffix");
    refused(
        json!({"alarms": {"error_rate": {"datapoints_to_alarm": 3}}}),
        "alarms.error_rate.datapoints_to_alarm",
    );
    refused(
        json!({"alarms": {"error_rate": {"period": 45}}}),
        "alarms.error_rate.period",
    );
    refused(
        json!({"alarms": {"error_rate": {"threshold_percent": 101}}}),
        "alarms.error_rate.threshold_percent",
    );
    refused(
        json!({"waf": {"allow_ip_cidrs": ["300.0.0.0/8"]}}),
        "waf.allow_ip_cidrs[0]",
    );
    refused(json!({"waf": {"default_action": "block"}}), "waf.allow_ip_cidrs");
    accepted(&json!({"waf": {"default_action": "block", "allow_ip_cidrs": ["192.0.2.0/24", "2001:db8::/32"]}}));
    refused(
        json!({"lambda_package": {"zip_path": "a.zip", "s3_bucket": "b", "s3_key": "k"}}),
        "lambda_package",
    );
    refused(
        json!({"regions": ["eu-west-1", "eu-central-1"], "lambda_package": {"s3_bucket": "b", "s3_key": "k"}}),
        "region_overrides[\"eu-central-1\"].lambda_s3_bucket",
    );
    warned(json!({"regions": ["eu-west-1", "us-east-1"]}), "regions");
}

#[test]
fn r_16_endpoints_need_a_vpc_in_the_same_region() {
    let vpc = |endpoints: Value| json!({"vpc": {"subnet_ids": ["subnet-00000001"], "security_group_ids": ["sg-00000001"], "endpoints": endpoints}});
    refused(
        json!({"vpc": {"endpoints": {"enabled": true}}}),
        "vpc.endpoints.enabled",
    );
    accepted(&vpc(json!({"enabled": true})));
    refused(vpc(json!({"services": ["sqs", "mail"]})), "vpc.endpoints.services[1]");
    refused(vpc(json!({"services": []})), "vpc.endpoints.services");
    warned(
        vpc(json!({"enabled": true, "private_dns_enabled": false})),
        "vpc.endpoints.private_dns_enabled",
    );
    let two = |overrides: Value, endpoints: Value| json!({"regions": ["eu-west-1", "eu-central-1"], "region_overrides": overrides, "vpc": {"endpoints": endpoints}});
    let there = json!({"subnet_ids": ["subnet-00000001"], "security_group_ids": ["sg-00000001"]});
    accepted(&two(json!({"eu-west-1": there}), json!({"enabled": true})));
    let elsewhere =
        json!({"eu-west-1": there, "eu-central-1": {"vpc_endpoints": {"route_table_ids": ["rtb-00000001"]}}});
    refused(
        two(elsewhere, json!({"enabled": true})),
        "region_overrides[\"eu-central-1\"].vpc_endpoints",
    );
    for (name, id) in [
        ("subnet_ids", "subnet-00000001"),
        ("security_group_ids", "sg-00000001"),
        ("route_table_ids", "rtb-00000001"),
    ] {
        refused(
            two(json!({"eu-west-1": there}), json!({"enabled": true, name: [id]})),
            &format!("vpc.endpoints.{name}"),
        );
    }
    refused(
        json!({"vpc": {"subnet_ids": ["subnet-00000001"]}}),
        "vpc.security_group_ids",
    );
}

#[test]
fn r_11_shards_need_an_index_on_the_status() {
    accepted(&json!({"table": {"status_shards": 8}}));
    accepted(&json!({"preset": "multi_region", "table": {"status_shards": 8}}));
    for shards in [0, 65] {
        refused(json!({"table": {"status_shards": shards}}), "table.status_shards");
    }
    let by_provider =
        json!({"status_shards": 8, "global_secondary_indexes": [{"name": "by-provider", "hash_key": "provider"}]});
    refused(json!({"table": by_provider}), "table.status_shards");
}

#[test]
fn n_14_r_22_the_reconciler_needs_something_to_reconcile() {
    let queue = json!({"response_mode": "queue"});
    let (on, two) = (json!({"enabled": true}), json!(["eu-west-1", "eu-central-1"]));
    accepted(&json!({"processor": queue, "reconciliation": on}));
    accepted(&json!({"regions": two, "reconciliation": on}));
    refused(json!({"reconciliation": on}), "reconciliation.enabled");
    let strong = json!({"regions": ["us-east-1", "us-west-2"], "reconciliation": on,
        "table": {"consistency_mode": "STRONG", "witness_region": "us-east-2"}});
    refused(strong, "reconciliation.enabled");
    let unguarded = json!({"enabled": false});
    refused(
        json!({"regions": two, "reconciliation": on, "idempotency": unguarded}),
        "reconciliation.enabled",
    );
    warned(json!({"regions": two, "idempotency": unguarded}), "idempotency.enabled");
    let no_index = json!({"global_secondary_indexes": []});
    warned(
        json!({"processor": queue, "table": no_index}),
        "table.global_secondary_indexes",
    );
    for hasty in [
        json!({"stuck_after_seconds": 600}),
        json!({"stuck_after_seconds": 1094}),
    ] {
        warned(
            json!({"processor": queue, "reconciliation": hasty}),
            "reconciliation.stuck_after_seconds",
        );
    }
    for expression in ["5 minutes", "rate(0 minutes)", "rate(5 seconds)"] {
        let wrong = json!({"schedule_expression": expression});
        refused(json!({"reconciliation": wrong}), "reconciliation.schedule_expression");
    }
    let reserved = json!({"environment": {"STATUS_INDEX": "x"}});
    refused(
        json!({"reconciliation": reserved}),
        "reconciliation.environment[\"STATUS_INDEX\"]",
    );
}
