//! Log groups, key, topic, function, names.

use super::*;

#[test]
fn o27_the_databases_log_groups_are_those_that_rds_writes_to() {
    let names = |rds: Value| -> Vec<String> {
        let graph = graph(json!({"rds": rds}));
        let groups = of_kind(&graph, "log_group").filter(|c| c.key.as_str().starts_with("log_group.rds"));
        groups
            .map(|c| c.settings["log_group_name"].as_str().unwrap().to_owned())
            .collect()
    };
    let instance = json!({"db_instance_identifier": "db", "log_types": ["postgresql", "upgrade"]});
    assert_eq!(
        names(instance),
        ["/aws/rds/instance/db/postgresql", "/aws/rds/instance/db/upgrade"]
    );
    let cluster = json!({"db_cluster_identifier": "db", "log_types": ["audit"]});
    assert_eq!(names(cluster), ["/aws/rds/cluster/db/audit"]);
    assert_eq!(names(json!({})), ["/aws/rds/payments-db-dev"], "the seed's");
    let given = graph(json!({"log_groups": {"rds": {"names": ["/aws/rds/instance/a/error"]}}}));
    assert!(has(&given, "log_group.rds_instance_a_error"));
}

#[test]
fn o28_the_api_log_group_can_be_attached_and_execution_logs_taken_over() {
    let graph = graph(json!({"api": {"name": "payments", "stage": "v1", "id": "abc123", "execution_logs": true}}));
    let name = setting(&graph, "log_group.api_execution", "log_group_name");
    assert_eq!(name, "API-Gateway-Execution-Logs_abc123/v1");
    assert_eq!(graph.outputs["log_group_names"]["api"], "${log_group.api.name}");
    assert!(!has(&self::graph(json!({})), "log_group.api_execution"));
}

#[test]
fn o29_the_functions_log_group_is_made_before_it_and_adopted_where_it_is_there_already() {
    let graph = graph(json!({}));
    let function = &graph.components[&Key::from("lambda_function.metrics")];
    assert!(function.dependencies().contains("log_group.metrics"));
    assert_eq!(setting(&graph, "log_group.metrics", "adopt_existing"), true);
    let never = self::graph(json!({"adopt_existing_log_groups": false}));
    assert_eq!(setting(&never, "log_group.metrics", "adopt_existing"), false);
}

/// 9.2 item 17.
#[test]
fn o30_the_key_encrypts_the_stacks_own_log_groups_only() {
    let graph = graph(full());
    let policy = setting(&graph, "kms_key.main", "policy");
    let sids: Vec<&Value> = policy["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["Sid"])
        .collect();
    assert_eq!(
        sids,
        ["EnableIamPolicies", "AllowCloudWatchLogs", "AllowCloudWatchAlarms"]
    );
    let logs = statement(&policy, "AllowCloudWatchLogs");
    assert_eq!(logs["Principal"], json!({"Service": "logs.eu-central-1.amazonaws.com"}));
    assert!(!logs["Action"].to_string().contains("CreateGrant"));
    let arns = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
        .as_array()
        .cloned()
        .unwrap();
    let names: Vec<&str> = arns
        .iter()
        .map(|arn| arn.as_str().unwrap().split(":log-group:").nth(1).unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "/aws/apigateway/payments-dev",
            "/aws/rds/instance/payments-db/postgresql",
            "/aws/lambda/payment-processor-dev",
            "/aws/lambda/cwsyn-health-check-dev-*",
        ]
    );
    let account = self::graph(json!({"kms": {"log_group_scope": "account"}}));
    let logs = statement(&setting(&account, "kms_key.main", "policy"), "AllowCloudWatchLogs");
    assert_eq!(
        logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"],
        json!(["arn:aws:logs:eu-central-1:111122223333:log-group:*"])
    );
    for group in of_kind(&graph, "log_group") {
        assert_eq!(group.settings["kms_key_id"], KEY, "{}", group.key);
    }
}

#[test]
fn o31_the_key_can_be_recovered_for_thirty_days() {
    let window = |config: Value| setting(&graph(config), "kms_key.main", "deletion_window_in_days");
    assert_eq!(window(json!({})), 30);
    assert_eq!(
        window(json!({"kms": {"deletion_window_in_days": 7}})),
        7,
        "the seed's value can be had"
    );
    assert_eq!(setting(&graph(json!({})), "kms_key.main", "enable_key_rotation"), true);
    assert_eq!(setting(&graph(json!({})), "kms_alias.main", "name"), "alias/logs-dev");
}

#[test]
fn o32_the_topic_is_encrypted_and_cloudwatch_can_still_publish() {
    let graph = graph(json!({}));
    assert_eq!(setting(&graph, "sns_topic.alarms", "kms_master_key_id"), KEY);
    let account = json!({"StringEquals": {"aws:SourceAccount": "111122223333"}});
    let key = statement(&setting(&graph, "kms_key.main", "policy"), "AllowCloudWatchAlarms");
    assert_eq!(key["Principal"], json!({"Service": "cloudwatch.amazonaws.com"}));
    assert_eq!(key["Condition"], account);
    let topic = setting(&graph, "sns_topic.alarms", "policy");
    let publish = statement(&topic, "AllowAlarms");
    assert_eq!(
        (&publish["Action"], &publish["Condition"]),
        (&json!(["sns:Publish"]), &account)
    );
    assert_eq!(statement(&topic, "DenyWithoutTls")["Effect"], "Deny");
    let unencrypted = found(json!({"kms": {"create": false}}));
    assert!(
        !unencrypted.has_errors() && unencrypted.iter().any(|d| d.detail.contains("O-32")),
        "{unencrypted:?}"
    );
}

#[test]
fn o33_nobody_is_subscribed_unasked_and_confirmation_shows() {
    assert_eq!(of_kind(&graph(json!({})), "sns_subscription").count(), 0);
    let config = json!({
        "alarm_email_endpoints": ["oncall@payments.test"],
        "alarm_subscriptions": [{
            "protocol": "https", "endpoint": "https://pager.test/hook", "filter_policy": "{\"AlarmName\": [\"payment-critical-dev\"]}",
        }],
    });
    let graph = graph(config);
    let key = "sns_subscription.email_oncall_payments_test";
    assert_eq!(setting(&graph, key, "endpoint"), "oncall@payments.test");
    assert_eq!(graph.outputs["subscription_arns"][key], format!("${{{key}.arn}}"));
    let hook = "sns_subscription.https_https___pager_test_hook";
    assert_eq!(setting(&graph, hook, "filter_policy_scope"), "MessageBody");
    assert_eq!(
        setting(&graph, hook, "filter_policy"),
        json!({"AlarmName": ["payment-critical-dev"]})
    );
    let seed = found(json!({"alarm_email_endpoints": ["ops-team@example.com"]}));
    assert!(
        !seed.has_errors() && seed.iter().any(|d| d.detail.contains("O-33")),
        "{seed:?}"
    );
    assert!(refused(
        json!({"alarm_email_endpoints": ["nobody"]}),
        "alarm_email_endpoints[0]"
    ));
}

#[test]
fn o34_o35_metrics_are_log_lines_and_need_no_right() {
    let graph = graph(json!({}));
    let rights = statements(&graph, "metrics");
    assert!(allowing(&rights, "cloudwatch:PutMetricData").is_null());
    assert_eq!(
        allowing(&rights, "logs:PutLogEvents")["Resource"],
        "${log_group.metrics.arn}:*"
    );
    assert!(allowing(&rights, "logs:CreateLogGroup").is_null());
    assert_eq!(
        setting(&graph, "lambda_function.metrics", "environment")["METRICS_MODE"],
        "emf"
    );
    let called = self::graph(json!({"custom_metrics": {"mode": "put_metric_data", "namespace": "Payments"}}));
    assert_eq!(
        allowing(&statements(&called, "metrics"), "cloudwatch:PutMetricData")["Condition"],
        json!({"StringEquals": {"cloudwatch:namespace": "Payments"}})
    );
    let names: Vec<Value> = [&graph, &called]
        .map(|g| setting(g, "iam_role.metrics", "inline_policies"))
        .into_iter()
        .collect();
    assert!(
        names
            .iter()
            .all(|policies| policies.get("lambda-observability-dev").is_some()),
        "{names:?}"
    );
    assert_eq!(
        setting(&graph, "iam_role.metrics", "role_name"),
        "lambda-metrics-role-dev"
    );
}

#[test]
fn o36_o51_tracing_needs_no_layer_and_its_rights_follow_the_mode() {
    let active = graph(json!({}));
    assert!(setting(&active, "lambda_function.metrics", "layers").is_null());
    assert!(!allowing(&statements(&active, "metrics"), "xray:PutTraceSegments").is_null());
    let passive = graph(json!({"tracing_mode": "PassThrough"}));
    assert!(allowing(&statements(&passive, "metrics"), "xray:PutTraceSegments").is_null());
}

/// The handler answers faults with 500, which `AWS/Lambda` `Errors` does not count: they have a metric of their own.
#[test]
fn o43_a_fault_that_was_answered_raises_an_alarm() {
    let graph = graph(json!({}));
    let alarm = |name: &str| setting(&graph, "metric_alarm.handler_faults", name);
    assert_eq!(alarm("metric_name"), "HandlerFault");
    assert_eq!(
        alarm("dimensions"),
        json!({"Environment": "dev", "Handler": "payment_metrics"})
    );
    assert_eq!((alarm("statistic"), alarm("threshold")), (json!("Sum"), json!(1)));
    assert_eq!(alarm("comparison_operator"), "GreaterThanOrEqualToThreshold");
    let rule = setting(&graph, "composite_alarm.critical", "alarm_rule");
    assert!(rule.to_string().contains("metric_alarm.handler_faults"), "{rule}");
}

#[test]
fn o47_payment_types_are_an_allow_list() {
    let environment = setting(&graph(json!({})), "lambda_function.metrics", "environment");
    assert_eq!(
        environment["ALLOWED_PAYMENT_TYPES"],
        "credit_card,debit_card,bank_transfer,wallet"
    );
    assert!(refused(
        json!({"custom_metrics": {"allowed_payment_types": []}}),
        "custom_metrics.allowed_payment_types"
    ));
}

/// The seed spoke of "about 20" and listed 29; what there really is, is counted.
#[test]
fn o50_the_count_of_components_is_derived() {
    let graph = graph(full());
    let count = |kind: &str| of_kind(&graph, kind).count();
    assert_eq!(
        (
            count("iam_role"),
            count("lambda_function"),
            count("s3_bucket"),
            count("canary")
        ),
        (2, 1, 1, 1)
    );
    assert_eq!(
        (count("log_group"), count("metric_filter"), count("metric_alarm")),
        (4, 1, 6)
    );
    assert_eq!(graph.components.len(), 22);
}

#[test]
fn o53_the_bucket_names_account_and_region() {
    let bucket = setting(&graph(full()), "s3_bucket.artifacts", "bucket");
    assert_eq!(bucket, "canary-artifacts-dev-111122223333-eu-central-1");
}

/// O-54, 8.4: seed 004's dashboard of the same name is `tap_payment_stack`'s affair, which has another default.
#[test]
fn o54_the_dashboards_name_is_the_seeds_and_can_be_changed() {
    let name = |config: Value| setting(&graph(config), "dashboard.main", "dashboard_name");
    assert_eq!(name(json!({})), "payment-processing-dev");
    assert_eq!(name(json!({"dashboard": {"name": "mine"}})), "mine");
}

///
#[test]
fn arns_follow_the_partition() {
    let graph = ObservabilityStack
        .graph(&effective(full()), &environment("aws-us-gov"))
        .unwrap();
    for component in graph.components.values() {
        let text = json!(component.settings).to_string();
        assert!(!text.contains("arn:aws:"), "{}: {text}", component.key);
    }
}
