//! What the seeds got wrong (7.3 to 7.6) and the graph gets right, by id.

use super::*;

fn policies(graph: &Graph) -> Vec<(String, Value)> {
    let roles = of_kind(graph, "iam_role");
    let statements = roles.into_iter().flat_map(|role| {
        let statements = role.settings["inline_policies"]["permissions"]["Statement"].clone();
        let statements = statements.as_array().cloned().unwrap_or_default();
        statements.into_iter().map(|s| (role.key.to_string(), s))
    });
    statements.collect()
}

fn three() -> Graph {
    preset("multi_region", json!({}))
}

#[test]
fn p09_p10_p11_rights_are_about_exactly_the_regions_own_objects() {
    let graph = three();
    for (role, statement) in policies(&graph) {
        let region = role.split('/').next().unwrap();
        let text = statement.to_string();
        assert!(!text.contains("function:payment-processor"), "{role}: {text}");
        let actions = statement["Action"].to_string();
        // Across regions go only replication and forwarded events, each to one target.
        if actions.contains("Replicate") || role.ends_with("failover_forward") || actions.contains("kms:Encrypt") {
            continue;
        }
        for other in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
            let table = region != "us-east-1" && other == "us-east-1" && text.contains("${us-east-1");
            assert!(
                other == region || (!text.contains(&format!("{other}/")) && !table),
                "{role}: {text}"
            );
        }
    }
    let processor = setting(&graph, "eu-west-1/iam_role.processor", "inline_policies").to_string();
    assert!(
        processor.contains("${eu-west-1/dynamodb_table_replica.payments.arn}"),
        "P-09"
    );
    let workflow = setting(&graph, "eu-west-1/iam_role.workflow", "inline_policies").to_string();
    assert!(workflow.contains("${eu-west-1/lambda_alias.processor.arn}"), "P-10");
}

/// 9.2 item 10: no `*` resource but where AWS knows no other; no action by wildcard.
#[test]
fn wildcards_are_only_those_that_aws_forces() {
    for graph in [graph(json!({})), three(), preset("global", json!({}))] {
        for (role, statement) in policies(&graph) {
            let actions: Vec<&str> = statement["Action"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            assert!(
                actions.iter().all(|action| !action.contains('*')),
                "{role}: {statement}"
            );
            if statement["Resource"] == "*" {
                let forced = |a: &&str| a.starts_with("xray:") || a.starts_with("logs:");
                assert!(actions.iter().all(forced), "{role}: {statement}");
                assert!(!actions.contains(&"logs:PutLogEvents"), "{role}: {statement}");
            }
        }
    }
}

#[test]
fn n35_the_processor_may_put_and_not_delete_and_nothing_else_of_the_table() {
    let graph = preset("notification", json!({}));
    let actions: BTreeSet<String> = policies(&graph)
        .into_iter()
        .filter(|(role, _)| role == "us-east-1/iam_role.processor" || role == "eu-central-1/iam_role.processor")
        .flat_map(|(_, s)| s["Action"].as_array().cloned().unwrap_or_default())
        .filter_map(|a| a.as_str().map(ToOwned::to_owned))
        .filter(|a| !a.starts_with("xray:") && !a.starts_with("logs:") && !a.starts_with("kms:"))
        .collect();
    let expected = ["dynamodb:GetItem", "dynamodb:PutItem", "sqs:SendMessage"];
    assert_eq!(actions.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn p12_r13_every_replica_has_a_key_of_its_own_region() {
    let graph = three();
    assert_eq!(
        setting(&graph, "dynamodb_table.payments", "sse")["kms_key_id"],
        "${us-east-1/kms_key.shared.arn}"
    );
    for region in ["eu-west-1", "ap-southeast-1"] {
        for table in ["payments", "idempotency"] {
            let key = format!("{region}/dynamodb_table_replica.{table}");
            let expected = format!("${{{region}/kms_key.shared.arn}}");
            assert_eq!(setting(&graph, &key, "kms_key_arn"), &json!(expected));
        }
    }
}

#[test]
fn p14_p15_p17_p18_one_standby_by_its_bus_with_a_role_of_events() {
    let graph = three();
    let buses: BTreeSet<String> = of_kind(&graph, "event_bus").iter().map(|bus| bus.key.arn()).collect();
    assert_eq!(buses.len(), 3);
    for region in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
        let forward = setting(&graph, &format!("{region}/event_target.failover_forward"), "arn");
        assert!(buses.contains(forward.as_str().unwrap()), "P-14: {forward}");
        assert!(!forward.as_str().unwrap().contains(region), "another region's");
        let role = setting(
            &graph,
            &format!("{region}/iam_role.failover_forward"),
            "assume_role_policy",
        );
        assert!(role.to_string().contains("events.amazonaws.com"), "P-15");
    }
    // Each region's events are taken over by one region.
    let sources: Vec<Value> = of_kind(&graph, "event_rule")
        .into_iter()
        .filter(|rule| rule.key.as_str().contains("failover_from"))
        .map(|rule| rule.settings["event_pattern"]["detail"]["region"][0].clone())
        .collect();
    let distinct: BTreeSet<String> = sources.iter().map(ToString::to_string).collect();
    assert_eq!((sources.len(), distinct.len()), (3, 3), "P-17");
    for rule in of_kind(&graph, "event_rule") {
        let own = rule.key.as_str().split('/').next().unwrap();
        let forwards = rule.key.as_str().contains("failover_forward");
        let source = &rule.settings["event_pattern"]["detail"]["region"][0];
        assert_eq!(
            source == own,
            forwards,
            "what was forwarded is not forwarded again: {}",
            rule.key
        );
    }
    let target = &graph.components["eu-west-1/event_target.failover_from_us_east_1"];
    assert_eq!(target.settings["arn"], "${eu-west-1/state_machine.payments.arn}");
    assert_eq!(
        target.settings["input_transformer"]["input_paths"]["transaction"], "$.detail.transaction",
        "P-18"
    );
    assert_eq!(
        target.settings["dead_letter_arn"], "${eu-west-1/sqs_queue.dlq.arn}",
        "P-20"
    );
}

#[test]
fn p07_p20_p39_p41_the_workflow_retries_named_errors_keeps_failures_and_logs_no_payloads() {
    let graph = three();
    let machine = &graph.components["eu-west-1/state_machine.payments"].settings;
    let process = &machine["definition"]["States"]["ProcessTransaction"];
    let errors = process["Retry"][0]["ErrorEquals"].to_string();
    assert!(
        !errors.contains("States.ALL") && !errors.contains("ValidationError"),
        "{errors}"
    );
    assert_eq!(process["Catch"][0]["Next"], "KeepFailed");
    assert_eq!(
        process["Parameters"]["FunctionName"],
        "${eu-west-1/lambda_alias.processor.arn}"
    );
    assert!(process["ResultSelector"].is_object());
    assert_eq!(machine["logging"]["include_execution_data"], false);
}

#[test]
fn p24_n19_alarms_and_their_actions_are_in_the_region_of_their_metrics() {
    let graph = three();
    let alarms = of_kind(&graph, "metric_alarm");
    for alarm in &alarms {
        let expected = format!("${{{}/sns_topic.notifications.arn}}", alarm.region);
        assert_eq!(alarm.settings["alarm_actions"], json!([expected]), "{}", alarm.key);
        assert_eq!(alarm.settings["treat_missing_data"], "notBreaching", "P-25");
    }
    let has = |graph: &Graph, key: &str| graph.components.contains_key(key);
    let one = graph_of_notification();
    for key in [
        "queue_age",
        "dlq_depth",
        "api_5xx",
        "api_latency",
        "table_throttles",
        "failure_notifier_errors",
        "processor_throttles",
        "processor_fault",
        "accounting_error_rate",
        "processor_duration",
    ] {
        assert!(
            has(&one, &format!("us-east-1/metric_alarm.{key}"))
                || has(&one, &format!("eu-central-1/metric_alarm.{key}")),
            "{key}"
        );
    }
}

fn graph_of_notification() -> Graph {
    preset("notification", json!({}))
}

#[test]
fn n18_p25_the_error_rate_needs_enough_invocations_and_is_a_percentage() {
    let graph = three();
    let metrics = setting(&graph, "eu-west-1/metric_alarm.processor_error_rate", "metrics");
    assert_eq!(
        metrics[0]["expression"],
        "IF(invocations >= 20, 100 * errors / invocations, 0)"
    );
    let alarm = &graph.components["eu-west-1/metric_alarm.processor_error_rate"].settings;
    assert_eq!(alarm["threshold"].to_string().trim_matches('"'), "0.1");
    assert_eq!(alarm["evaluation_periods"], 2);
}

#[test]
fn p26_p27_every_dashboard_metric_has_dimensions_and_its_region() {
    let graph = three();
    assert_eq!(
        setting(&graph, "dashboard.main", "dashboard_name"),
        "payment-stack-dev",
        "not 000's"
    );
    let widgets = setting(&graph, "dashboard.main", "dashboard_body")["widgets"]
        .as_array()
        .unwrap();
    let regions: BTreeSet<&str> = widgets
        .iter()
        .filter_map(|w| w["properties"]["region"].as_str())
        .collect();
    assert_eq!(regions.len(), 3);
    let mut places = BTreeSet::new();
    for widget in widgets {
        assert!(
            places.insert((widget["x"].to_string(), widget["y"].to_string())),
            "{widget}"
        );
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            assert!(metric.as_array().is_some_and(|m| m.len() >= 5), "{metric}");
        }
    }
}

#[test]
fn r14_p21_receipts_go_to_the_next_region_with_role_keys_and_versions() {
    let graph = three();
    for (source, target) in [
        ("us-east-1", "eu-west-1"),
        ("eu-west-1", "ap-southeast-1"),
        ("ap-southeast-1", "us-east-1"),
    ] {
        let rule = &setting(&graph, &format!("{source}/s3_bucket_replication.receipts"), "rules")[0];
        assert_eq!(
            rule["destination"]["bucket_arn"],
            format!("${{{target}/s3_bucket.receipts.arn}}")
        );
        assert_eq!(
            rule["destination"]["replica_kms_key_arn"],
            format!("${{{target}/kms_key.shared.arn}}")
        );
        assert_eq!(rule["source_kms_encrypted"], true);
        let bucket = &graph.components[format!("{source}/s3_bucket.receipts").as_str()].settings;
        assert_eq!(bucket["versioning"], "Enabled");
        assert_eq!(bucket["public_access_block"], true, "P-22");
        assert_eq!(
            bucket["bucket"],
            format!("payment-receipts-{source}-dev-111122223333"),
            "P-22"
        );
        let policy = bucket["policy"].to_string();
        assert!(
            policy.contains("aws:SecureTransport") && policy.contains("DenyOtherKeys"),
            "R-15"
        );
    }
}

/// Name, type -> the routing policies of its records.
fn policies_by_name(graph: &Graph) -> std::collections::BTreeMap<String, BTreeSet<&'static str>> {
    let mut all: std::collections::BTreeMap<String, BTreeSet<&'static str>> = std::collections::BTreeMap::new();
    for record in of_kind(graph, "route53_record") {
        let policy = match (record.settings.get("failover"), record.settings.get("latency_region")) {
            (Some(_), None) => "failover",
            (None, Some(_)) => "latency",
            (None, None) => "simple",
            _ => "mixed",
        };
        let name = format!("{} {}", record.settings["name"], record.settings["type"]);
        all.entry(name).or_default().insert(policy);
    }
    all
}

#[test]
fn r01_r02_each_name_has_one_routing_policy_and_aliases_have_no_ttl() {
    let regions = ["us-east-1", "eu-west-1", "ap-southeast-1"];
    for policy in ["failover", "latency", "latency_with_failover"] {
        let graph = graph(json!({"regions": regions, "domain": domain(&regions), "dns": {"routing_policy": policy}}));
        let by_name = policies_by_name(&graph);
        assert!(
            by_name.values().all(|policies| policies.len() == 1),
            "{policy}: {by_name:?}"
        );
        let top = by_name["\"pay.example.com\" \"A\""].first().copied().unwrap();
        assert_eq!(top, if policy == "failover" { "failover" } else { "latency" });
        for record in of_kind(&graph, "route53_record") {
            assert!(!record.settings.contains_key("ttl"), "R-02");
            let alias = &record.settings["alias"];
            let own = alias["hosted_zone_id"] == "Z0123456789ABC";
            let target_exists = by_name.contains_key(&format!("{} {}", alias["dns_name"], record.settings["type"]));
            assert_eq!(own, target_exists, "{}", record.key);
        }
    }
}

#[test]
fn r10_n13_guard_records_are_replicated_like_the_payments() {
    let graph = three();
    assert_eq!(
        setting(&graph, "dynamodb_table.idempotency", "hash_key"),
        &json!({"name": "id", "type": "S"})
    );
    let variables = setting(&graph, "eu-west-1/lambda_function.processor", "environment");
    assert_eq!(variables["IDEMPOTENCY_TABLE"], "${dynamodb_table.idempotency.name}");
}

#[test]
fn p04_the_timestamp_has_the_type_of_the_index() {
    let variables = |graph: &Graph| setting(graph, "us-east-1/lambda_function.processor", "environment").clone();
    let pascal = variables(&three());
    assert_eq!(
        (&pascal["TIMESTAMP_TYPE"], &pascal["TABLE_RANGE_KEY"]),
        (&json!("N"), &json!("none"))
    );
    assert_eq!(variables(&preset("global", json!({})))["TABLE_RANGE_KEY_TYPE"], "N");
}

#[test]
fn p03_no_function_sets_a_reserved_variable() {
    for function in of_kind(&three(), "lambda_function") {
        let reserved = |name: &String| name.starts_with("AWS_") || name.starts_with("LAMBDA_") || name == "_HANDLER";
        let set: Vec<&String> = function.settings["environment"].as_object().unwrap().keys().collect();
        assert!(!set.iter().any(|name| reserved(name)), "{set:?}");
    }
}

#[test]
fn p29_n28_p28_functions_behind_apis_answer_in_time_and_reserve_nothing() {
    for graph in [three(), graph_of_notification()] {
        for function in of_kind(&graph, "lambda_function") {
            assert!(!function.settings.contains_key("reserved_concurrent_executions"));
            if function.key.as_str().ends_with(".processor") {
                assert_eq!(function.settings["timeout"], 29);
            }
        }
    }
}

#[test]
fn n12_a_message_stays_hidden_while_it_is_worked_on() {
    let graph = graph_of_notification();
    let region = if graph.components.contains_key("us-east-1/sqs_queue.payments") {
        "us-east-1"
    } else {
        "eu-central-1"
    };
    assert_eq!(
        setting(
            &graph,
            &format!("{region}/sqs_queue.payments"),
            "visibility_timeout_seconds"
        ),
        365
    );
    assert_eq!(
        setting(&graph, &format!("{region}/sqs_queue.dlq"), "visibility_timeout_seconds"),
        180
    );
}

#[test]
fn n01_n07_n22_n36_proxy_integration_partial_batches_regional_endpoint_and_the_partition() {
    let graph = graph_of_notification();
    for method in of_kind(&graph, "api_method")
        .into_iter()
        .filter(|m| m.settings["http_method"] == "POST")
    {
        assert_eq!(method.settings["integration"]["type"], "AWS_PROXY", "N-01");
    }
    for mapping in of_kind(&graph, "lambda_event_source_mapping") {
        assert_eq!(
            mapping.settings["function_response_types"],
            json!(["ReportBatchItemFailures"]),
            "N-07, N-10"
        );
        assert!(
            mapping.settings["function_name"]
                .as_str()
                .unwrap()
                .contains("lambda_alias"),
            "P-41"
        );
    }
    assert_eq!(
        of_kind(&graph, "rest_api")[0].settings["endpoint_types"],
        json!(["REGIONAL"])
    );
    let elsewhere = Environment {
        partition: "aws-us-gov".into(),
        region: "us-gov-west-1".into(),
        account_id: "111122223333".into(),
    };
    let gov = PaymentStack
        .graph(&config(&PaymentStack, json!({})), &elsewhere)
        .unwrap();
    for component in gov.components.values() {
        let text = format!("{:?}", component.settings);
        assert!(!text.contains("arn:aws:"), "X-03: {}: {text}", component.key);
    }
}

#[test]
fn n20_n21_x07_no_data_trace_and_the_accounts_role_is_shared() {
    let graph = graph_of_notification();
    let stage = of_kind(&graph, "api_stage")[0];
    assert_eq!(stage.settings["method_settings"]["data_trace_enabled"], false);
    let account = of_kind(&graph, "api_account")[0];
    assert_eq!(
        (
            account.settings["mode"].as_str(),
            account.settings["role_name"].as_str()
        ),
        (Some("if_absent"), Some("tap-api-gateway-logs"))
    );
}

#[test]
fn n24_n25_the_limit_is_per_busy_sender_and_known_ones_are_exempt_from_it_alone() {
    let graph = graph(json!({"waf": {"allow_ip_cidrs": ["192.0.2.0/24"]}}));
    let rules = setting(&graph, "eu-central-1/wafv2_web_acl.api", "rules")
        .as_array()
        .unwrap();
    let rate = rules.iter().find(|r| r["Name"] == "RateLimit").unwrap();
    let rate = &rate["Statement"]["RateBasedStatement"];
    assert_eq!(rate["Limit"], 60_000);
    assert!(rate["ScopeDownStatement"]["NotStatement"].is_object(), "{rate}");
    let managed = rules.iter().filter(|r| r["OverrideAction"].is_object()).count();
    assert_eq!(managed, 2, "N-25");
    assert!(of_kind(&graph, "wafv2_logging").len() == 1);
}

#[test]
fn n31_p42_tables_are_protected_and_keys_recoverable_for_a_month() {
    let graph = three();
    for table in of_kind(&graph, "dynamodb_table")
        .into_iter()
        .chain(of_kind(&graph, "dynamodb_table_replica"))
    {
        assert_eq!(table.settings["deletion_protection_enabled"], true, "{}", table.key);
        assert_eq!(
            table.settings["point_in_time_recovery"]["enabled"], true,
            "{}",
            table.key
        );
    }
    assert!(
        of_kind(&graph, "kms_key")
            .iter()
            .all(|key| key.settings["deletion_window_in_days"] == 30)
    );
}

#[test]
fn p32_streams_only_where_something_reads_them() {
    assert!(
        !graph(json!({})).components["dynamodb_table.payments"]
            .settings
            .contains_key("stream_view_type")
    );
    assert_eq!(
        setting(&three(), "dynamodb_table.payments", "stream_view_type"),
        "NEW_AND_OLD_IMAGES",
        "R-12"
    );
}

#[test]
fn r07_n05_one_key_value_everywhere_and_only_its_parameter_is_named() {
    let graph = three();
    assert!(
        !graph.components["us-east-1/api_key.sender"]
            .settings
            .contains_key("same_value_as")
    );
    assert_eq!(
        setting(&graph, "eu-west-1/api_key.sender", "same_value_as"),
        &json!({"region": "us-east-1", "api_key_id": "${us-east-1/api_key.sender.id}"})
    );
    assert_eq!(
        graph.outputs["api_key_ssm_parameter"],
        "${us-east-1/api_key_parameter.sender.name}"
    );
}

#[test]
fn n34_p40_the_endpoint_is_the_whole_url_and_maps_are_maps() {
    let graph = three();
    assert_eq!(
        graph.outputs["api_endpoint"],
        "${us-east-1/api_stage.live.invoke_url}/payments"
    );
    assert_eq!(graph.outputs["state_machine_arns"].as_object().unwrap().len(), 3);
    let global = preset("global", json!({}));
    assert_eq!(global.outputs["api_endpoint"], "https://pay.example.com/payments");
}

#[test]
fn n06_p23_every_regions_topic_is_encrypted_and_has_subscribers() {
    let graph = preset(
        "multi_region",
        json!({"topics": {"notifications": {"email_endpoints": ["ops@example.com"]}}}),
    );
    assert_eq!(of_kind(&graph, "sns_subscription").len(), 3);
    for topic in of_kind(&graph, "sns_topic") {
        assert_eq!(
            topic.settings["kms_master_key_id"],
            format!("${{{}/kms_key.shared.arn}}", topic.region),
            "N-30"
        );
        let name = format!("payment-alerts-{}-dev", topic.region);
        assert_eq!(topic.settings["name"], name);
    }
}

/// Every computed attribute of the schema is one of the graph's outputs or of the shared ones, and the
/// other way round.
#[test]
fn outputs_are_attributes_of_the_schema() {
    let schema = PaymentStack.schema();
    let everything = graph(json!({
        "regions": ["us-east-1", "us-west-2"], "domain": domain(&["us-east-1", "us-west-2"]), "processor": {"response_mode": "queue"},
        "workflow": {"enabled": true}, "event_failover": {"enabled": true},
        "vpc": {
            "subnet_ids": ["subnet-00000001"], "security_group_ids": ["sg-00000001"],
            "endpoints": {"enabled": true, "security_group_ids": ["sg-00000002"], "route_table_ids": ["rtb-00000001"]},
        },
    }));
    for name in everything.outputs.keys() {
        assert!(
            schema
                .attributes()
                .get(name)
                .is_some_and(tap_plugin::Attribute::is_computed),
            "{name}"
        );
    }
    let shared = ["components", "account_id", "partition", "resource_arns", "tags_all"];
    for (name, attribute) in schema.attributes().iter() {
        if attribute.is_computed() && !shared.contains(&name) {
            assert!(everything.outputs.contains_key(name), "nothing says what {name} is");
        }
    }
}
