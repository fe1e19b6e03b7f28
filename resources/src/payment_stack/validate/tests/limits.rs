//! What AWS would refuse at apply time, or never do, is said at plan time (requirements 9.2).

use serde_json::{Value, json};

use super::{accepted, refused, warned};

#[test]
fn an_index_has_two_keys_and_a_replica_is_listed_once() {
    let index = |range: &str| json!([{"name": "by-provider", "hash_key": "provider", "range_key": range}]);
    let table = |range: &str| json!({"table": {"global_secondary_indexes": index(range)}});
    accepted(&table("timestamp"));
    refused(table("provider"), "table.global_secondary_indexes[0].range_key");
    let replicas = |regions: &[&str]| {
        let replicas: Vec<Value> = regions.iter().map(|region| json!({"region": region})).collect();
        json!({"regions": ["us-east-1", "us-east-2", "us-west-2"], "table": {"replicas": replicas}})
    };
    accepted(&replicas(&["us-east-2", "us-west-2"]));
    refused(replicas(&["us-east-2", "us-east-2"]), "table.replicas[1].region");
}

#[test]
fn states_all_stands_alone() {
    let errors = |errors: &[&str]| json!({"workflow": {"enabled": true, "retry": {"errors": errors}}});
    accepted(&errors(&["States.ALL"]));
    accepted(&errors(&["States.Timeout", "ServiceUnavailable"]));
    refused(errors(&["States.Timeout", "States.ALL"]), "workflow.retry.errors[1]");
    refused(errors(&[""]), "workflow.retry.errors[0]");
}

#[test]
fn alarms_look_at_whole_minutes_and_do_five_things_at_most() {
    for group in ["error_rate", "errors"] {
        let of = |period: i64| json!({"alarms": {group: {"period": period}}});
        accepted(&of(60));
        for period in [10, 30, 90] {
            refused(of(period), &format!("alarms.{group}.period"));
        }
    }
    let topic = "arn:aws:sns:us-east-1:111122223333:alarms";
    accepted(&json!({"alarms": {"alarm_actions": [topic], "ok_actions": []}}));
    refused(
        json!({"alarms": {"alarm_actions": ["alarms"]}}),
        "alarms.alarm_actions[0]",
    );
    refused(json!({"alarms": {"ok_actions": vec![topic; 6]}}), "alarms.ok_actions");
    let over = |over: Value| json!({"regions": ["us-east-1"], "region_overrides": {"us-east-1": over}});
    refused(
        over(json!({"alarm_actions": ["alarms"]})),
        "region_overrides[\"us-east-1\"].alarm_actions[0]",
    );
    refused(
        over(json!({"email_endpoints": ["nobody"]})),
        "region_overrides[\"us-east-1\"].email_endpoints[0]",
    );
}

#[test]
fn more_invocations_than_are_reserved_are_throttled() {
    let of = |most: i64, reserved: i64| json!({"accounting": {"maximum_concurrency": most, "reserved_concurrent_executions": reserved}});
    let path = "accounting.maximum_concurrency";
    warned(of(20, 10), path);
    for fitting in [of(10, 10), of(20, -1)] {
        let warnings = super::said(&fitting, tap_plugin::Severity::Warning);
        assert!(
            !warnings.iter().any(|warning| warning.starts_with(path)),
            "{warnings:?}"
        );
    }
}

#[test]
fn secrets_that_nothing_reads_are_worth_a_word() {
    let hmac = json!({"secrets_wo": "abcdef", "secrets_wo_version": 1});
    warned(json!({"api": {"hmac": hmac}}), "api.hmac.secrets_wo_version");
    accepted(&json!({"api": {"authorization": "hmac", "hmac": hmac}}));
    let key = json!({"value_wo": "a-value-of-some-length", "value_wo_version": 1});
    warned(
        json!({"api": {"authorization": "iam", "api_key": key}}),
        "api.api_key.value_wo_version",
    );
}

#[test]
fn texts_have_the_form_that_aws_takes() {
    let failover = |member: &str, text: &str| json!({"event_failover": {member: text}});
    refused(failover("bus_name", "payments/failover"), "event_failover.bus_name");
    refused(failover("source", "aws.payments"), "event_failover.source");
    refused(failover("source", ""), "event_failover.source");
    refused(failover("detail_type", ""), "event_failover.detail_type");
    // API Gateway's mappings of REST APIs have one segment.
    refused(json!({"domain": {"base_path": "v1/pay"}}), "domain.base_path");
    let checkers = json!(["us-east-1", "us-west-1", "eu-central-1"]);
    refused(
        json!({"dns": {"health_check": {"regions": checkers}}}),
        "dns.health_check.regions[2]",
    );
    refused(json!({"api": {"hmac": {"header": "X Signature"}}}), "api.hmac.header");
    refused(json!({"api": {"request_schema_json": "[]"}}), "api.request_schema_json");
    refused(
        json!({"kms": {"additional_policy_statements": ["[]"]}}),
        "kms.additional_policy_statements[0]",
    );
    refused(
        json!({"permissions_boundary_arn": "boundary"}),
        "permissions_boundary_arn",
    );
    refused(json!({"timeouts": {"create": "0m"}}), "timeouts.create");
    for value in ["", "{{ssm:other}}"] {
        refused(
            json!({"ssm": {"parameters": {"name": value}}}),
            "ssm.parameters[\"name\"]",
        );
    }
}

#[test]
fn n_23_origins_are_as_browsers_send_them() {
    let cors = |origin: &str| {
        json!({"api": {"authorization": "hmac", "hmac": {"secret_ssm_parameter": "/s"},
        "cors": {"allow_origins": [origin], "allow_headers": ["Content-Type"]}}})
    };
    for good in ["https://shop.example.com", "http://localhost:3000", "*"] {
        accepted(&cors(good));
    }
    for bad in ["shop.example.com", "https://shop.example.com/", "https://a.b/path", ""] {
        refused(cors(bad), "api.cors.allow_origins[0]");
    }
}

#[test]
fn n_06_subscriptions_are_such_as_sns_can_serve() {
    let of = |member: Value| json!({"topics": {"subscriptions": [member]}});
    // It needs a role, which only a subscription of one's own can name.
    let stream = "arn:aws:firehose:us-east-1:111122223333:deliverystream/alerts";
    refused(
        of(json!({"protocol": "firehose", "endpoint": stream})),
        "topics.subscriptions[0].protocol",
    );
    let mail = |policy: &str| json!({"protocol": "email", "endpoint": "a@b.test", "filter_policy": policy});
    accepted(&of(mail("{\"severity\": [\"high\"]}")));
    refused(of(mail("[]")), "topics.subscriptions[0].filter_policy");
}

#[test]
fn filters_of_the_log_have_names_metrics_and_values() {
    let of = |member: &str, text: &str| {
        let mut filter =
            json!({"name": "big", "metric_name": "Big", "pattern": "{ $.amount > 9 }", "value": "$.amount"});
        filter[member] = text.into();
        json!({"kpi_filters": [filter]})
    };
    for value in ["1", "0.5", "$.amount"] {
        accepted(&of("value", value));
    }
    for (member, bad) in [
        ("name", ""),
        ("name", "a:b"),
        ("metric_name", ""),
        ("value", "amount"),
        ("value", ""),
    ] {
        refused(of(member, bad), &format!("kpi_filters[0].{member}"));
    }
}
