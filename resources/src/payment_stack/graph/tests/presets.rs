//! The presets, row by row of 8.2; the names, which are the seeds' where 8.2 says so; the outputs of each (3.3, 4.4, 5.7, 6.4).

use super::*;

const THREE: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-1"];
const PRESETS: [(&str, &[&str]); 3] = [
    ("global", &["us-east-1", "us-west-2"]),
    // 003's is the provider's region.
    ("notification", &["eu-central-1"]),
    ("multi_region", &THREE),
];

fn regions(graph: &Graph) -> BTreeSet<String> {
    of_kind(graph, "sns_topic")
        .into_iter()
        .map(|topic| topic.region.clone())
        .collect()
}

#[test]
fn section_8_2_regions_keys_and_stores() {
    let key = |name: &str, ty: &str| json!({"name": name, "type": ty});
    let index = |name: &str, hash: &str, range: &str, ty: &str| json!([{"index_name": name, "hash_key": key(hash, "S"), "range_key": key(range, ty), "projection_type": "ALL"}]);
    // 8.2: name, partition key, sort key, index.
    let tables = [
        (
            "payments-dev",
            key("payment_id", "S"),
            Some(key("timestamp", "N")),
            index("status-index", "status", "timestamp", "N"),
        ),
        (
            "payment-transactions-dev",
            key("transaction_id", "S"),
            Some(key("timestamp", "S")),
            index("status-index", "status", "timestamp", "S"),
        ),
        (
            "payments-dev",
            key("TransactionId", "S"),
            None,
            // On the status, not on the time alone (P-33).
            index("TimestampIndex", "Status", "Timestamp", "N"),
        ),
    ];
    let purposes: [&[&str]; 3] = [&["dynamodb", "lambda", "s3", "ssm"], &["shared"], &["shared"]];
    for (((preset_name, in_regions), table), purposes) in PRESETS.into_iter().zip(tables).zip(purposes) {
        let graph = preset(preset_name, json!({}));
        assert_eq!(
            regions(&graph),
            in_regions.iter().map(|r| (*r).to_owned()).collect(),
            "{preset_name}"
        );
        let settings = &graph.components["dynamodb_table.payments"].settings;
        assert_eq!(settings["table_name"], table.0, "{preset_name}");
        assert_eq!(settings["hash_key"], table.1, "{preset_name}");
        assert_eq!(settings.get("range_key"), table.2.as_ref(), "{preset_name}");
        assert_eq!(settings["global_secondary_indexes"], table.3, "{preset_name}");
        assert_eq!(graph.components["dynamodb_table.payments"].region, in_regions[0]);
        assert_eq!(
            of_kind(&graph, "dynamodb_table_replica").len(),
            2 * (in_regions.len() - 1),
            "both tables"
        );
        for region in in_regions {
            let keys = of_kind(&graph, "kms_key")
                .into_iter()
                .filter(|key| key.region == *region);
            let keys: Vec<&str> = keys.map(|key| key.key.as_str().rsplit('.').next().unwrap()).collect();
            assert_eq!(keys, purposes, "{preset_name}");
            let has = |key: &str| graph.components.contains_key(format!("{region}/{key}").as_str());
            let buckets = preset_name != "notification";
            assert_eq!(
                (has("s3_bucket.receipts"), has("s3_bucket_replication.receipts")),
                (buckets, buckets),
                "{preset_name}"
            );
        }
    }
}

#[test]
fn section_8_2_functions_flow_api_and_logs() {
    // Memory, timeout (P-29), answer (8.1 row 26), path, log retention, percentage and periods of the error alarm.
    let figures = [
        (512, 29, "sync", "payments", 7, "1", 1),
        (512, 29, "queue", "webhooks", 30, "1", 1),
        (3072, 29, "sync", "payments", 7, "0.1", 2),
    ];
    for ((preset_name, in_regions), figures) in PRESETS.into_iter().zip(figures) {
        let graph = preset(preset_name, json!({}));
        let (memory, timeout, mode, path, retention, percent, periods) = figures;
        for region in in_regions {
            let of = |key: &str, name: &str| setting(&graph, &format!("{region}/{key}"), name).clone();
            let has = |key: &str| graph.components.contains_key(format!("{region}/{key}").as_str());
            let processor = |name: &str| of("lambda_function.processor", name);
            assert_eq!(
                (processor("memory_size"), processor("timeout")),
                (json!(memory), json!(timeout)),
                "{preset_name}"
            );
            assert_eq!(processor("environment")["RESPONSE_MODE"], mode, "{preset_name}");
            let queued = preset_name == "notification";
            let flow = [
                "sqs_queue.payments",
                "lambda_function.accounting",
                "lambda_function.failure_notifier",
            ];
            assert_eq!(flow.map(has), [queued; 3], "{preset_name}");
            let workflow = preset_name == "multi_region";
            assert_eq!(has("state_machine.payments"), workflow, "{preset_name}");
            if workflow {
                assert_eq!(of("state_machine.payments", "type"), "STANDARD");
            }
            assert_eq!(of("rest_api.payments", "endpoint_types"), json!(["REGIONAL"]));
            assert_eq!(of("api_resource.payments", "path_part"), path, "{preset_name}");
            assert_eq!(of("api_method.post", "api_key_required"), true, "{preset_name}");
            assert!(
                has("api_request_validator.body") && has("wafv2_association.api"),
                "{preset_name}"
            );
            let quota = graph.components[format!("{region}/api_usage_plan.sender").as_str()]
                .settings
                .get("quota");
            let of_seed = json!({"limit": 1_000_000, "period": "DAY"});
            assert_eq!(quota, queued.then_some(&of_seed), "{preset_name}");
            let domain = preset_name == "global";
            assert_eq!(
                (
                    has("api_domain_name.payments"),
                    has("route53_health_check.api"),
                    has("ssm_parameter.table_name")
                ),
                (domain, domain, domain),
                "domain, DNS and SSM are 002's: {preset_name}"
            );
            for group in of_kind(&graph, "log_group") {
                assert_eq!(group.settings["retention_in_days"], retention, "{}", group.key);
            }
            let rate = |name: &str| of("metric_alarm.processor_error_rate", name);
            assert_eq!(
                rate("threshold").to_string().trim_matches('"'),
                percent,
                "{preset_name}"
            );
            assert_eq!(rate("evaluation_periods"), periods, "{preset_name}");
            assert_eq!(
                has("metric_alarm.processor_errors"),
                queued,
                "003's alarm on a single error"
            );
            assert!(has("metric_alarm.processor_duration") && has("metric_alarm.table_throttles"));
        }
        assert_eq!(of_kind(&graph, "route53_record").is_empty(), preset_name != "global");
    }
}

/// The name of a component, whatever its setting is called.
fn name<'g>(graph: &'g Graph, key: &str) -> &'g str {
    let component = graph.components.get(key).unwrap_or_else(|| panic!("no {key}"));
    let settings = [
        "function_name",
        "table_name",
        "bucket",
        "alarm_name",
        "dashboard_name",
        "log_group_name",
        "layer_name",
        "name",
    ];
    let found = settings.iter().find_map(|name| component.settings.get(*name));
    found
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{key} has no name"))
}

#[test]
fn section_8_2_notification_has_the_names_of_seed_003() {
    let graph = preset("notification", json!({}));
    assert_eq!(name(&graph, "dynamodb_table.payments"), "payment-transactions-dev");
    let names = [
        ("sqs_queue.payments", "payment-processing-queue-dev"),
        ("sqs_queue.dlq", "payment-processing-dlq-dev"),
        ("sns_topic.notifications", "payment-notifications-dev"),
        ("lambda_function.processor", "process-payment-dev"),
        ("lambda_function.accounting", "process-accounting-dev"),
        ("lambda_function.failure_notifier", "notify-failures-dev"),
        ("log_group.processor", "/aws/lambda/process-payment-dev"),
        ("rest_api.payments", "payment-webhooks-api-dev"),
        ("api_key.sender", "payment-api-key-dev"),
        ("api_usage_plan.sender", "payment-usage-plan-dev"),
        ("wafv2_web_acl.api", "payment-api-waf-dev"),
        ("metric_alarm.processor_errors", "process-payment-errors-dev"),
        ("metric_alarm.processor_error_rate", "process-payment-error-rate-dev"),
        ("metric_alarm.accounting_errors", "process-accounting-errors-dev"),
        (
            "metric_alarm.accounting_error_rate",
            "process-accounting-error-rate-dev",
        ),
    ];
    for (key, wanted) in names {
        assert_eq!(name(&graph, &format!("eu-central-1/{key}")), wanted);
    }
    let topic = setting(&graph, "eu-central-1/sns_topic.notifications", "display_name");
    assert_eq!(topic, "Payment Processing Notifications");
}

#[test]
fn section_8_2_multi_region_has_the_names_of_seed_004_with_the_region() {
    let graph = preset("multi_region", json!({}));
    assert_eq!(name(&graph, "dynamodb_table.payments"), "payments-dev");
    for region in THREE {
        let names = [
            ("kms_alias.shared", format!("alias/payment-processing-{region}-dev")),
            ("state_machine.payments", format!("payment-workflow-{region}-dev")),
            ("sns_topic.notifications", format!("payment-alerts-{region}-dev")),
            // With the account (P-22).
            (
                "s3_bucket.receipts",
                format!("payment-receipts-{region}-dev-111122223333"),
            ),
            ("rest_api.payments", "payment-api-dev".to_owned()),
        ];
        for (key, wanted) in names {
            assert_eq!(name(&graph, &format!("{region}/{key}")), wanted);
        }
    }
    // 004's own names of functions can be had (8.4 says why they are not the default).
    let given = preset(
        "multi_region",
        json!({"processor": {"name": "payment-processor-{region}-dev"}}),
    );
    for region in THREE {
        let function = name(&given, &format!("{region}/lambda_function.processor"));
        assert_eq!(function, format!("payment-processor-{region}-dev"));
    }
}

#[test]
fn section_8_2_global_has_prefixed_names_and_002s_table() {
    let graph = preset("global", json!({}));
    assert_eq!(name(&graph, "dynamodb_table.payments"), "payments-dev", "as 8.2 says");
    let names = [
        ("lambda_function.processor", "payment-dev-processor"),
        ("rest_api.payments", "payment-dev-api"),
        ("sns_topic.notifications", "payment-dev-notifications"),
        ("wafv2_web_acl.api", "payment-dev-api-waf"),
        ("s3_bucket.receipts", "payment-dev-receipts-us-east-1-111122223333"),
    ];
    for (key, wanted) in names {
        assert_eq!(name(&graph, &format!("us-east-1/{key}")), wanted);
    }
    let own = preset("global", json!({"table": {"name": "mine"}}));
    assert_eq!(name(&own, "dynamodb_table.payments"), "mine");
    let overridden = preset(
        "global",
        json!({"name_overrides": {"dynamodb_table.payments": "theirs"}}),
    );
    assert_eq!(name(&overridden, "dynamodb_table.payments"), "theirs");
}

/// The names that descriptions promise are those that the stack gives.
#[test]
fn defaults_of_names_are_those_in_the_descriptions() {
    let zip = std::env::temp_dir().join(format!("layer-{}.zip", std::process::id()));
    std::fs::write(&zip, "PK").unwrap();
    let graph = graph(json!({
        "environment_suffix": "q7z", "regions": ["eu-central-1", "eu-west-1"], "processor": {"response_mode": "queue"},
        "workflow": {"enabled": true}, "event_failover": {"enabled": true}, "layer": {"enabled": true, "zip_path": zip},
    }));
    std::fs::remove_file(zip).unwrap();
    let schema = PaymentStack.schema();
    let region = "eu-central-1";
    let named = [
        ("processor.name", "lambda_function.processor"),
        ("accounting.name", "lambda_function.accounting"),
        ("failure_notifier.name", "lambda_function.failure_notifier"),
        ("reconciliation.name", "lambda_function.reconciler"),
        ("layer.name", "lambda_layer_version.common"),
        ("queue.name", "sqs_queue.payments"),
        ("dlq.name", "sqs_queue.dlq"),
        ("receipts_bucket.name", "s3_bucket.receipts"),
        ("api.name", "rest_api.payments"),
        ("api.api_key.name", "api_key.sender"),
        ("waf.name", "wafv2_web_acl.api"),
        ("workflow.name", "state_machine.payments"),
        ("event_failover.bus_name", "event_bus.failover"),
        ("topics.notifications.name", "sns_topic.notifications"),
    ];
    let mut promised: Vec<(&str, String)> = named
        .map(|(path, key)| (path, name(&graph, &format!("{region}/{key}")).to_owned()))
        .to_vec();
    promised.push(("table.name", name(&graph, "dynamodb_table.payments").to_owned()));
    promised.push((
        "idempotency.table_name",
        name(&graph, "dynamodb_table.idempotency").to_owned(),
    ));
    promised.push(("dashboard.name", name(&graph, "dashboard.main").to_owned()));
    let parameter = name(&graph, &format!("{region}/ssm_parameter.table_name"));
    promised.push(("ssm.prefix", parameter.strip_suffix("table-name").unwrap().to_owned()));
    let metrics =
        setting(&graph, &format!("{region}/lambda_function.processor"), "environment")["METRICS_NAMESPACE"].clone();
    promised.push(("metrics.namespace", metrics.as_str().unwrap().to_owned()));
    let shown = setting(&graph, &format!("{region}/sns_topic.notifications"), "display_name");
    promised.push(("topics.notifications.display_name", shown.as_str().unwrap().to_owned()));
    for (path, actual) in promised {
        let pattern = actual
            .replace("q7z", "<suffix>")
            .replace(region, "<region>")
            .replace("111122223333", "<account>");
        let described = attribute(&schema, path).description_text().to_owned();
        assert!(
            described.contains(&format!("Default: `{pattern}`")),
            "{path} is {actual}: {described}"
        );
    }
}

fn attribute<'s>(schema: &'s tap_plugin::Schema, path: &str) -> &'s tap_plugin::Attribute {
    let mut names = path.split('.');
    let mut found = schema.attributes().get(names.next().unwrap());
    for name in names {
        found = found.and_then(|attribute| attribute.nested()?.1.get(name));
    }
    found.unwrap_or_else(|| panic!("no {path}"))
}

/// What every stack says of itself.
const ALWAYS: [&str; 21] = [
    "access_log_group_names",
    "alarm_names",
    "api_endpoint",
    "api_endpoint_urls",
    "api_id",
    "api_ids",
    "api_key_id",
    "api_key_ssm_parameter",
    "api_key_ssm_parameters",
    "api_name",
    "api_stage",
    "dashboard_name",
    "idempotency_table_name",
    "kms_key_ids",
    "lambda_function_arns",
    "lambda_function_names",
    "log_group_names",
    "sns_topic_arns",
    "table_arn",
    "table_name",
    "web_acl_arns",
];

#[test]
fn outputs_of_each_preset_are_complete_and_by_region() {
    let more: [&[&str]; 3] = [
        &["domain_name", "health_check_ids", "replica_arns", "s3_bucket_names"],
        &["dlq_url", "dlq_urls", "queue_url", "queue_urls"],
        &[
            "dlq_url",
            "dlq_urls",
            "event_bus_arns",
            "replica_arns",
            "s3_bucket_names",
            "state_machine_arns",
        ],
    ];
    for ((preset_name, in_regions), more) in PRESETS.into_iter().zip(more) {
        let graph = preset(preset_name, json!({}));
        let outputs: BTreeSet<&str> = graph.outputs.keys().map(String::as_str).collect();
        assert_eq!(outputs, ALWAYS.iter().chain(more).copied().collect(), "{preset_name}");
        for (name, value) in &graph.outputs {
            let Some(members) = value.as_object() else {
                let filled = value.as_str().is_some_and(|text| !text.is_empty())
                    || value.as_array().is_some_and(|l| !l.is_empty());
                assert!(filled, "{preset_name}: {name} = {value}");
                continue;
            };
            // `<region>`, or `<region>/<what>`.
            let named: BTreeSet<&str> = members.keys().map(|key| key.split('/').next().unwrap()).collect();
            let skipped = usize::from(name == "replica_arns");
            assert_eq!(
                named,
                in_regions.iter().skip(skipped).copied().collect(),
                "{preset_name}: {name}"
            );
        }
        let functions = graph.outputs["lambda_function_names"].as_object().unwrap();
        assert_eq!(functions.len(), of_kind(&graph, "lambda_function").len());
        let (alarms, groups) = (
            graph.outputs["alarm_names"].as_array(),
            graph.outputs["log_group_names"].as_array(),
        );
        assert_eq!(alarms.unwrap().len(), of_kind(&graph, "metric_alarm").len());
        assert_eq!(groups.unwrap().len(), of_kind(&graph, "log_group").len());
    }
}

/// The API may be in the second region only: what speaks of no region then speaks of that one.
#[test]
fn outputs_without_a_region_are_those_of_the_first_api() {
    let graph = preset("global", json!({"api": {"regions": ["us-west-2"]}}));
    assert_eq!(graph.outputs["domain_name"], "pay.example.com");
    assert_eq!(graph.outputs["api_id"], "${us-west-2/rest_api.payments.id}");
    assert_eq!(graph.outputs["api_endpoint"], "https://pay.example.com/payments");
    assert_eq!(graph.outputs["api_key_id"], "${us-west-2/api_key.sender.id}");
}

/// P-37: the provider's region is the stack's where none is named, and whatever speaks of regions must fit it.
#[test]
fn p_37_r_13_a_stack_that_names_no_region_is_in_the_providers() {
    let errors = |written: Value| -> Vec<String> {
        let Err(errors) = PaymentStack.graph(&config(&PaymentStack, written), &environment()) else {
            return Vec::new();
        };
        errors
            .iter()
            .map(|error| error.path.as_ref().unwrap().to_string())
            .collect()
    };
    let abroad = "arn:aws:kms:us-east-1:111122223333:key/x";
    let at_home = "arn:aws:kms:eu-central-1:111122223333:key/x";
    for (wrong, path) in [
        (json!({"kms": {"key_arn": abroad}}), "kms.key_arn"),
        (json!({"lambda_env_kms_key_arn": abroad}), "lambda_env_kms_key_arn"),
        (
            json!({"table": {"sse": {"kms_key_arn": abroad}}}),
            "table.sse.kms_key_arn",
        ),
        (
            json!({"alarms": {"alarm_actions": [abroad]}}),
            "alarms.alarm_actions[0]",
        ),
        (json!({"api": {"regions": ["us-east-1"]}}), "api.regions[0]"),
        (
            json!({"region_overrides": {"us-east-1": {}}}),
            "region_overrides[\"us-east-1\"]",
        ),
        (
            json!({"table": {"replicas": [{"region": "us-east-1"}]}}),
            "table.replicas[0].region",
        ),
        (
            json!({"receipts_bucket": {"replication": {"enabled": true}}}),
            "receipts_bucket.replication.enabled",
        ),
        (
            json!({"domain": domain(&["us-east-1"])}),
            "domain.certificate_arns[\"eu-central-1\"]",
        ),
    ] {
        assert_eq!(errors(wrong.clone()), [path], "{wrong}");
    }
    for right in [
        json!({"kms": {"key_arn": at_home}, "lambda_env_kms_key_arn": at_home}),
        json!({"api": {"regions": ["eu-central-1"]}, "region_overrides": {"eu-central-1": {"kms_key_arn": at_home}}}),
        json!({"domain": domain(&["eu-central-1"])}),
    ] {
        assert_eq!(errors(right), [""; 0]);
    }
    let given = graph(json!({"kms": {"key_arn": at_home}}));
    assert_eq!(setting(&given, "dynamodb_table.payments", "sse")["kms_key_id"], at_home);
}

/// Two components that one key stands for are refused, whichever region they are in.
#[test]
fn nothing_that_is_asked_for_twice_gets_lost() {
    let mails = json!(["a.b@example.com", "a-b@example.com"]);
    let graph = graph(json!({"topics": {"notifications": {"email_endpoints": mails}}}));
    let key = Key::from("eu-central-1/sns_subscription.email_a_b_example_com");
    assert!(
        graph.duplicates().contains(&key),
        "the plan refuses that: {:?}",
        graph.duplicates()
    );
}
