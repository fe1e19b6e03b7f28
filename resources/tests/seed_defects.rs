//! What the seed got wrong (requirements 7.2) and the default stack gets right, asserted on its graph: settings that no
//! sandbox enforces. `docs/differences-from-the-seeds.md` names these tests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tap_engine::{Graph, Key};
use tap_plugin::{ValidationOptions, Value as Terraform};
use tap_resources::bundle;
use tap_resources::composite::{Composite, Environment};
use tap_resources::webhook_pipeline::WebhookPipeline;

const KEY: &str = "${kms_key.main.arn}";
const FUNCTIONS: [&str; 4] = ["validator", "publisher", "fraud", "archival"];

/// What a user writes, besides the suffix and this build's architecture, with its defaults.
fn effective(mut written: Value) -> Value {
    written["environment_suffix"] = "dev".into();
    written["lambda_architecture"] = bundle::architectures()
        .into_iter()
        .find(|arch| bundle::image(arch).is_ok())
        .unwrap_or("x86_64")
        .into();
    let full = WebhookPipeline.schema().with_defaults(&Terraform::from_json(&written));
    full.to_json(&|_| Value::Null)
}

fn graph(written: Value) -> Graph {
    let environment = Environment {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: "eu-central-1".into(),
    };
    WebhookPipeline
        .graph(&effective(written), &environment)
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn setting(graph: &Graph, key: &str, name: &str) -> Value {
    let component = graph
        .components
        .get(&Key::from(key))
        .unwrap_or_else(|| panic!("no {key}"));
    component.settings.get(name).cloned().unwrap_or_default()
}

fn keys<'a>(graph: &'a Graph, kind: &'a str) -> impl Iterator<Item = &'a str> {
    graph
        .components
        .values()
        .filter(move |c| c.kind == kind)
        .map(|c| c.key.as_str())
}

/// The statements of a role's policy.
fn statements(graph: &Graph, role: &str) -> Vec<Value> {
    let policies = setting(graph, &format!("iam_role.{role}"), "inline_policies");
    policies["permissions"]["Statement"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// What a role may do, each action with its resources.
fn rights(graph: &Graph, role: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for statement in statements(graph, role) {
        for action in statement["Action"].as_array().into_iter().flatten() {
            all.push((
                action.as_str().unwrap_or_default().to_owned(),
                statement["Resource"].clone(),
            ));
        }
    }
    all
}

/// The statement of a resource policy with this id.
fn statement(policy: &Value, sid: &str) -> Value {
    let all = policy["Statement"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .find(|s| s["Sid"] == sid)
        .unwrap_or_else(|| panic!("no {sid} in {policy}"))
}

#[test]
fn w06_w11_the_workflow_gets_the_transaction_and_its_stored_timestamp() {
    let graph = graph(json!({}));
    let expected = json!({
        "input_paths": {"transaction": "$.detail", "timestamp": "$.detail.timestamp"},
        "input_template": "{\"transaction\": <transaction>, \"timestamp\": <timestamp>}",
    });
    for target in ["event_target.high_workflow", "event_target.unroutable_workflow"] {
        assert_eq!(setting(&graph, target, "input_transformer"), expected);
    }
    let task = &setting(&graph, "state_machine.transactions", "definition")["States"]["FraudDetection"];
    assert_eq!(
        task["Parameters"]["Payload"],
        json!({"transaction.$": "$.transaction", "timestamp.$": "$.timestamp"})
    );
}

#[test]
fn w08_low_values_go_where_they_are_sent() {
    let target = |to: &str| graph(json!({"routing": {"low_value_target": to}}));
    assert_eq!(
        setting(&target("queue"), "event_target.low_queue", "arn"),
        "${sqs_queue.low_value.arn}"
    );
    let logged = target("log");
    assert_eq!(
        setting(&logged, "event_target.low_log", "arn"),
        "${log_group.low_value.arn}"
    );
    let admitted = setting(&logged, "log_resource_policy.low_value", "policy_document");
    assert!(admitted.to_string().contains("${event_rule.low.arn}"), "{admitted}");
    let dropped = target("none");
    assert!(!keys(&dropped, "event_rule").any(|key| key == "event_rule.low"));
}

#[test]
fn w09_w10_queues_and_topics_admit_the_rules_that_use_them_and_no_others() {
    let graph = graph(json!({}));
    let topic = statement(&setting(&graph, "sns_topic.alerts", "policy"), "AllowRules");
    assert_eq!(topic["Principal"], json!({"Service": "events.amazonaws.com"}));
    assert_eq!(
        topic["Condition"],
        json!({"ArnEquals": {"aws:SourceArn": ["${event_rule.medium.arn}"]}})
    );
    let queue = statement(&setting(&graph, "sqs_queue.low_value", "policy"), "AllowRule");
    assert_eq!(
        queue["Condition"],
        json!({"ArnEquals": {"aws:SourceArn": "${event_rule.low.arn}"}})
    );
    let dead = statement(&setting(&graph, "sqs_queue.dlq", "policy"), "AllowRules");
    assert_eq!(
        dead["Condition"]["ArnEquals"]["aws:SourceArn"].as_array().map(Vec::len),
        Some(4)
    );
    // The topic is encrypted: EventBridge and SNS need the key, for this account only.
    let key = setting(&graph, "kms_key.main", "policy");
    for sid in ["AllowEventBridge", "AllowSns"] {
        let condition = statement(&key, sid)["Condition"].to_string();
        assert!(
            condition.contains("aws:SourceAccount") && condition.contains("111122223333"),
            "{condition}"
        );
    }
}

#[test]
fn w13_a_high_risk_that_no_score_reaches_is_warned_of() {
    let warned = |high: &str| {
        let high: Value = serde_json::from_str(high).unwrap();
        let found = WebhookPipeline.validate(&effective(json!({"fraud": {"high_risk_threshold": high}})));
        found.iter().any(|d| {
            d.path
                .as_ref()
                .is_some_and(|p| p.to_string() == "fraud.high_risk_threshold")
        })
    };
    assert!(warned("0.71"));
    assert!(!warned("0.70"));
}

#[test]
fn w19_w69_the_archival_may_query_its_index_and_delete_what_it_archived() {
    let rights = rights(&graph(json!({})), "archival");
    let resource = |action: &str| rights.iter().find(|(a, _)| a == action).map(|(_, r)| r.clone());
    let table = "${dynamodb_table.transactions.arn}";
    assert_eq!(resource("dynamodb:DeleteItem"), Some(json!(table)));
    assert_eq!(
        resource("dynamodb:Query"),
        Some(json!(format!("{table}/index/status-timestamp")))
    );
    assert_eq!(resource("dynamodb:Scan"), None);
    let kept = graph(json!({"archival": {"delete_after_archive": false}}));
    assert!(
        !self::rights(&kept, "archival")
            .iter()
            .any(|(a, _)| a == "dynamodb:DeleteItem")
    );
}

#[test]
fn w20_w21_the_archival_runs_daily_with_a_role_a_dead_letter_queue_and_a_list_of_statuses() {
    let graph = graph(json!({}));
    let target = setting(&graph, "schedule.archival", "target");
    assert_eq!(target["arn"], "${lambda_alias.archival.arn}");
    assert_eq!(target["role_arn"], "${iam_role.scheduler.arn}");
    assert_eq!(target["dead_letter_arn"], "${sqs_queue.dlq.arn}");
    assert_eq!(setting(&graph, "schedule.archival", "state"), "ENABLED");
    let environment = setting(&graph, "lambda_function.archival", "environment");
    assert_eq!(environment["ARCHIVE_STATUSES"], "analyzed,archivable");
    assert_eq!(environment["ARCHIVE_INDEX"], "status-timestamp");
}

#[test]
fn w26_the_outbox_reads_every_insert_from_the_first_on() {
    let graph = graph(json!({}));
    let mapping = |name: &str| setting(&graph, "lambda_event_source_mapping.outbox", name);
    assert_eq!(mapping("starting_position"), "TRIM_HORIZON");
    assert_eq!(mapping("function_response_types"), json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping("destination_on_failure"), "${sqs_queue.dlq.arn}");
    assert_eq!(
        setting(&graph, "dynamodb_table.transactions", "stream_view_type"),
        "NEW_IMAGE"
    );
}

#[test]
fn w32_w61_every_handler_and_every_failure_has_an_alarm_that_somebody_hears() {
    let graph = graph(json!({}));
    let alarms: Vec<&str> = keys(&graph, "metric_alarm").collect();
    assert_eq!(alarms.len(), 14, "{alarms:?}");
    for alarm in alarms {
        assert_eq!(
            setting(&graph, alarm, "alarm_actions"),
            json!(["${sns_topic.alarms.arn}"]),
            "{alarm}"
        );
    }
    for handler in [
        "webhook_validator",
        "outbox_publisher",
        "fraud_detector",
        "transaction_archival",
    ] {
        let alarm = format!("metric_alarm.{handler}_fault");
        assert_eq!(setting(&graph, &alarm, "metric_name"), "HandlerFault");
        assert_eq!(
            setting(&graph, &alarm, "dimensions"),
            json!({"Environment": "dev", "Handler": handler})
        );
    }
}

#[test]
fn w33_by_default_a_key_is_needed_and_requests_are_limited() {
    let graph = graph(json!({}));
    assert_eq!(setting(&graph, "api_method.post", "api_key_required"), true);
    let limits = setting(&graph, "api_stage.live", "method_settings");
    assert_eq!(
        (&limits["throttling_rate_limit"], &limits["throttling_burst_limit"]),
        (&json!(1000), &json!(2000))
    );
    assert_eq!(
        setting(&graph, "lambda_function.validator", "environment")["AUTH_MODE"],
        "api_key"
    );
}

/// N-24, 6.3 `api.waf`: known senders are exempt from the limit, or the only ones who may call.
#[test]
fn w33_known_senders_are_exempt_from_the_limit_or_alone() {
    let waf = |over: Value| {
        let mut waf = over;
        waf["enabled"] = true.into();
        waf["allow_ip_cidrs"] = json!(["192.0.2.0/24", "2001:db8::/32"]);
        graph(json!({"api": {"waf": waf}}))
    };
    let rules = |graph: &Graph| setting(graph, "wafv2_web_acl.api", "rules").as_array().unwrap().clone();
    let sets = ["allowed_ipv4", "allowed_ipv6"]
        .map(|set| json!({"IPSetReferenceStatement": {"ARN": format!("${{wafv2_ip_set.{set}.arn}}")}}));
    let listed = json!({"OrStatement": {"Statements": sets}});
    let open = waf(json!({}));
    assert_eq!(
        setting(&open, "wafv2_ip_set.allowed_ipv6", "addresses"),
        json!(["2001:db8::/32"])
    );
    assert_eq!(rules(&open)[0]["Name"], "RateLimit");
    assert_eq!(
        rules(&open)[0]["Statement"]["RateBasedStatement"]["ScopeDownStatement"],
        json!({"NotStatement": {"Statement": listed}})
    );
    let closed = waf(json!({"default_action": "block"}));
    assert_eq!(setting(&closed, "wafv2_web_acl.api", "default_action"), "block");
    assert_eq!(rules(&closed)[0]["Action"], json!({"Allow": {}}));
    assert_eq!(rules(&closed)[0]["Statement"], listed);
}

#[test]
fn w36_w37_w38_images_are_pushed_before_functions_need_them_and_named_by_digest() {
    let graph = graph(json!({"package_type": "Image"}));
    for function in FUNCTIONS {
        let code = setting(&graph, &format!("lambda_function.{function}"), "code");
        assert_eq!(code, json!({"image_uri": format!("${{ecr_image.{function}.uri}}")}));
        let digest = setting(&graph, &format!("ecr_image.{function}"), "digest");
        assert!(digest.as_str().is_some_and(|d| d.starts_with("sha256:")), "{digest}");
        let repository = format!("ecr_repository.{function}");
        assert_eq!(setting(&graph, &repository, "force_delete"), false);
        assert_eq!(setting(&graph, &repository, "image_tag_mutability"), "IMMUTABLE");
        let keep = setting(&graph, &repository, "lifecycle_policy");
        assert_eq!(keep["rules"][0]["selection"]["countNumber"], 10);
    }
}

#[test]
fn w41_a_placeholder_is_no_phone_number() {
    let wrong = |number: &str| {
        let config = json!({"environment_suffix": "dev", "alerts_topic": {"sms_endpoints": [number]}});
        let options = ValidationOptions {
            write_only_allowed: true,
        };
        WebhookPipeline
            .schema()
            .validate(&Terraform::from_json(&config), options)
            .has_errors()
    };
    assert!(wrong("+1234567890") && wrong("0151 1234567"));
    assert!(!wrong("+4915112345678"));
}

#[test]
fn w42_w44_people_hear_alerts_only_and_only_if_they_ask_for_them() {
    assert_eq!(keys(&graph(json!({})), "sns_subscription").count(), 0);
    let written =
        |all: bool| json!({"alerts_topic": {"email_endpoints": ["ops@example.com"], "notify_transactions": all}});
    let subscribed = |graph: &Graph| {
        keys(graph, "sns_subscription")
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    let of = |topic: &str| format!("sns_subscription.{topic}_email_ops_example_com");
    let urgent = graph(written(false));
    assert_eq!(subscribed(&urgent), [of("alarms"), of("fraud")]);
    let everything = graph(written(true));
    assert_eq!(
        subscribed(&everything),
        [of("alarms"), of("alerts"), of("fraud"), of("notices")]
    );
    for subscription in subscribed(&urgent) {
        assert!(
            setting(&urgent, &subscription, "filter_policy").is_null(),
            "{subscription}"
        );
    }
}

#[test]
fn w44_each_sort_of_message_has_a_topic_and_each_topic_its_senders_only() {
    let graph = graph(json!({}));
    let fraud = setting(&graph, "lambda_function.fraud", "environment");
    assert_eq!(fraud["SNS_TOPIC_ARN"], "${sns_topic.fraud.arn}");
    let notice = &setting(&graph, "state_machine.transactions", "definition")["States"]["SendNotification"];
    assert_eq!(notice["Parameters"]["TopicArn"], "${sns_topic.notices.arn}");
    assert_eq!(
        setting(&graph, "event_target.medium_alerts", "arn"),
        "${sns_topic.alerts.arn}"
    );
    let senders = |topic: &str| -> Vec<Value> {
        let policy = setting(&graph, &format!("sns_topic.{topic}"), "policy");
        let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
        let allowed = statements.into_iter().filter(|s| s["Effect"] == "Allow");
        allowed.map(|s| s["Principal"]["Service"].clone()).collect()
    };
    assert_eq!(senders("alarms"), ["cloudwatch.amazonaws.com"]);
    assert_eq!(senders("alerts"), ["events.amazonaws.com"]);
    assert!(senders("notices").is_empty() && senders("fraud").is_empty());
}

/// Who wants one topic for all has it, and people still hear what is urgent only.
#[test]
fn w44_topics_can_be_shared_and_then_subscriptions_filter() {
    let shared = json!({"alerts_topic": {
        "separate_alarm_topic": false, "separate_notice_topic": false, "separate_fraud_topic": false,
        "email_endpoints": ["ops@example.com"],
    }});
    let graph = graph(shared);
    assert_eq!(keys(&graph, "sns_topic").collect::<Vec<_>>(), ["sns_topic.alerts"]);
    let filter = setting(&graph, "sns_subscription.alerts_email_ops_example_com", "filter_policy");
    assert!(filter.to_string().contains("AlarmName") && filter.to_string().contains("alert_type"));
    let policy = setting(&graph, "sns_topic.alerts", "policy").to_string();
    assert!(policy.contains("cloudwatch.amazonaws.com") && policy.contains("events.amazonaws.com"));
}

#[test]
fn w43_w45_w47_w48_the_workflow_analyses_then_tells_and_loses_nothing() {
    let graph = graph(json!({}));
    let definition = setting(&graph, "state_machine.transactions", "definition");
    assert_eq!(definition["StartAt"], "FraudDetection");
    assert_eq!(definition["TimeoutSeconds"], 240);
    let states = definition["States"].as_object().unwrap();
    assert!(states.values().all(|state| state["Type"] != "Parallel"));
    assert_eq!(states["FraudDetection"]["Next"], "SendNotification");
    for (task, next) in [
        ("FraudDetection", "KeepFailed"),
        ("SendNotification", "NotificationFailed"),
    ] {
        assert_eq!(states[task]["Catch"][0]["Next"], next);
        let retried = states[task]["Retry"].to_string();
        assert!(
            !retried.contains("States.ALL") && !retried.contains("ValidationError"),
            "{retried}"
        );
    }
    assert_eq!(states["KeepFailed"]["Parameters"]["QueueUrl"], "${sqs_queue.dlq.url}");
    // 6.5: subscribers filter by these. The body has no `alert_type`: on a shared topic it would pass for an alert (W-44).
    let told = &states["SendNotification"]["Parameters"];
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    assert_eq!(
        told["MessageAttributes"],
        json!({"alert_type": text("transaction_analyzed"), "severity": text("info")})
    );
    assert!(told["Message"].get("alert_type").is_none());
}

#[test]
fn w49_w50_executions_are_logged_without_payment_data_below_vendedlogs() {
    let graph = graph(json!({}));
    let logging = setting(&graph, "state_machine.transactions", "logging");
    assert_eq!(
        (&logging["level"], &logging["include_execution_data"]),
        (&json!("ALL"), &json!(false))
    );
    let name = setting(&graph, "log_group.workflow", "log_group_name");
    assert_eq!(name, "/aws/vendedlogs/states/transaction-workflow-dev");
}

#[test]
fn w40_w51_every_function_may_sample_traces_and_write_to_its_own_log_group_only() {
    let graph = graph(json!({}));
    for function in FUNCTIONS {
        let rights = rights(&graph, function);
        for action in ["xray:GetSamplingRules", "xray:GetSamplingTargets"] {
            assert!(rights.iter().any(|(a, _)| a == action), "{function}: {action}");
        }
        let logs: Vec<_> = rights
            .iter()
            .filter(|(action, _)| action.starts_with("logs:"))
            .collect();
        assert_eq!(logs.len(), 2, "{function}: {logs:?}");
        let own = json!(format!("${{log_group.{function}.arn}}:*"));
        assert!(
            logs.iter().all(|(_, resource)| *resource == own),
            "{function}: {logs:?}"
        );
    }
}

#[test]
fn w52_data_at_rest_is_encrypted_with_the_stacks_key() {
    let graph = graph(json!({}));
    for table in ["transactions", "idempotency"] {
        assert_eq!(
            setting(&graph, &format!("dynamodb_table.{table}"), "sse")["kms_key_id"],
            KEY
        );
    }
    for topic in ["alerts", "alarms", "notices", "fraud"] {
        assert_eq!(setting(&graph, &format!("sns_topic.{topic}"), "kms_master_key_id"), KEY);
    }
    assert_eq!(
        setting(&graph, "s3_bucket.audit", "encryption")["kms_master_key_id"],
        KEY
    );
    assert_eq!(setting(&graph, "event_bus.payments", "kms_key_identifier"), KEY);
    for group in keys(&graph, "log_group") {
        assert_eq!(setting(&graph, group, "kms_key_id"), KEY, "{group}");
    }
    // Queues: SQS's own encryption unless chosen otherwise (requirements 6.3).
    assert_eq!(setting(&graph, "sqs_queue.dlq", "sqs_managed_sse_enabled"), true);
}

#[test]
fn w53_w54_w55_w56_the_audit_bucket_is_private_keeps_versions_and_ends_them() {
    let graph = graph(json!({"audit_bucket": {"object_lock": {"mode": "GOVERNANCE", "days": 30}}}));
    let bucket = |name: &str| setting(&graph, "s3_bucket.audit", name);
    assert_eq!(bucket("bucket"), "transaction-audit-logs-dev-111122223333");
    assert_eq!(
        (bucket("versioning"), bucket("public_access_block")),
        (json!("Enabled"), json!(true))
    );
    assert_eq!(statement(&bucket("policy"), "DenyWithoutTls")["Effect"], "Deny");
    assert_eq!(bucket("object_lock_rule"), json!({"mode": "GOVERNANCE", "days": 30}));
    let rules = bucket("lifecycle_rules");
    assert_eq!(rules.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&rules[0]["prefix"], &rules[0]["noncurrent_version_expiration_days"]),
        (&json!(""), &json!(90))
    );
}

#[test]
fn w58_w59_tables_are_backed_up_for_35_days_and_protected() {
    let graph = graph(json!({}));
    for table in ["transactions", "idempotency"] {
        let table = |name: &str| setting(&graph, &format!("dynamodb_table.{table}"), name);
        assert_eq!(
            table("point_in_time_recovery"),
            json!({"enabled": true, "recovery_period_in_days": 35})
        );
        assert_eq!(table("deletion_protection_enabled"), true);
    }
}

#[test]
fn w62_w63_w64_the_url_is_an_output_events_can_be_replayed_and_the_stage_is_chosen() {
    let graph = graph(json!({"api": {"stage_name": "live", "path": "hooks/in"}}));
    assert_eq!(graph.outputs["webhook_url"], "${api_stage.live.invoke_url}/hooks/in");
    assert_eq!(setting(&graph, "api_stage.live", "stage_name"), "live");
    let archive = |name: &str| setting(&graph, "event_archive.payments", name);
    assert_eq!(
        (archive("event_source_arn"), archive("retention_days")),
        (json!("${event_bus.payments.arn}"), json!(30))
    );
}
