//! Every alarm of 6.4, in every region, on metrics that exist (9.2 items 11 and 12; N-17 to N-19, P-24 to P-26).

use std::collections::BTreeMap;

use super::*;

const TWO: [&str; 2] = ["eu-central-1", "eu-west-1"];
const FUNCTIONS: [(&str, &str, i64); 4] = [
    ("processor", "payment_processor", 29),
    ("accounting", "process_accounting", 60),
    ("failure_notifier", "notify_failures", 30),
    ("reconciler", "payment_reconciler", 60),
];

/// A stack of two regions with all there is to watch.
fn watched(alarms: &Value) -> Graph {
    graph(json!({
        "regions": TWO, "processor": {"response_mode": "queue"}, "workflow": {"enabled": true}, "alarms": alarms,
    }))
}

fn everything() -> Graph {
    watched(&json!({"waf_blocked": 1000}))
}

fn other(region: &str) -> &'static str {
    TWO[usize::from(region == TWO[0])]
}

/// The alarms of a region, without the region.
fn alarms(graph: &Graph, region: &str) -> BTreeSet<String> {
    let prefix = format!("{region}/metric_alarm.");
    let keys = keys(graph).into_iter();
    keys.filter_map(|key| Some(key.strip_prefix(&prefix)?.to_owned()))
        .collect()
}

fn replication(region: &str) -> String {
    format!("replication_to_{}", other(region).replace('-', "_"))
}

#[test]
fn n19_p24_each_region_has_every_alarm_of_6_4_and_no_other() {
    let graph = everything();
    for region in TWO {
        let mut expected: BTreeSet<String> = [
            "queue_age",
            "dlq_depth",
            "table_throttles",
            "api_5xx",
            "api_latency",
            "waf_blocked",
            "workflow_failed",
            "workflow_timed_out",
            "stuck_payments",
            "reconciliation_conflicts",
        ]
        .map(ToOwned::to_owned)
        .into();
        expected.insert(replication(region));
        for (function, ..) in FUNCTIONS {
            expected
                .extend(["errors", "error_rate", "fault", "duration", "throttles"].map(|a| format!("{function}_{a}")));
        }
        assert_eq!(alarms(&graph, region), expected, "{region}");
    }
}

/// What an alarm on one metric says: namespace, metric, dimensions, statistic, threshold.
type Single = (String, &'static str, &'static str, Value, &'static str, i64);

fn of_functions(graph: &Graph, region: &str) -> Vec<Single> {
    let mut all: Vec<Single> = Vec::new();
    for (function, handler, timeout) in FUNCTIONS {
        let name = setting(graph, &format!("{region}/lambda_function.{function}"), "function_name");
        let dimensions = json!({"FunctionName": name});
        let lambda = |alarm: &str, metric, stat, threshold| {
            let key = format!("{function}_{alarm}");
            (key, "AWS/Lambda", metric, dimensions.clone(), stat, threshold)
        };
        all.push(lambda("errors", "Errors", "Sum", 1));
        // Four fifths of the timeout, in milliseconds.
        all.push(lambda("duration", "Duration", "p99", timeout * 800));
        all.push(lambda("throttles", "Throttles", "Sum", 1));
        let own = json!({"Environment": "dev", "Handler": handler});
        all.push((
            format!("{function}_fault"),
            "Payment/dev",
            "HandlerFault",
            own,
            "Sum",
            1,
        ));
    }
    all
}

fn of_the_rest(graph: &Graph, region: &str) -> Vec<Single> {
    let name = |key: &str, setting_name: &str| setting(graph, &format!("{region}/{key}"), setting_name).clone();
    let queue = |key| json!({"QueueName": name(key, "name")});
    let api = json!({"ApiName": name("rest_api.payments", "name"), "Stage": "v1"});
    let machine = name("state_machine.payments", "name");
    let machine = format!(
        "arn:aws:states:{region}:111122223333:stateMachine:{}",
        machine.as_str().unwrap()
    );
    let machine = json!({"StateMachineArn": machine});
    let table = &graph.components["dynamodb_table.payments"].settings["table_name"];
    let received = json!({"TableName": table, "ReceivingRegion": other(region)});
    let acl = json!({"WebACL": name("wafv2_web_acl.api", "name"), "Region": region, "Rule": "ALL"});
    let reconciler = json!({"Environment": "dev", "Handler": "payment_reconciler"});
    let age = "ApproximateAgeOfOldestMessage";
    let visible = "ApproximateNumberOfMessagesVisible";
    vec![
        (
            "queue_age".to_owned(),
            "AWS/SQS",
            age,
            queue("sqs_queue.payments"),
            "Maximum",
            300,
        ),
        (
            "dlq_depth".to_owned(),
            "AWS/SQS",
            visible,
            queue("sqs_queue.dlq"),
            "Maximum",
            1,
        ),
        ("api_latency".to_owned(), "AWS/ApiGateway", "Latency", api, "p99", 3000),
        (
            "workflow_failed".to_owned(),
            "AWS/States",
            "ExecutionsFailed",
            machine.clone(),
            "Sum",
            1,
        ),
        (
            "workflow_timed_out".to_owned(),
            "AWS/States",
            "ExecutionsTimedOut",
            machine,
            "Sum",
            1,
        ),
        (
            replication(region),
            "AWS/DynamoDB",
            "ReplicationLatency",
            received,
            "Average",
            5000,
        ),
        (
            "waf_blocked".to_owned(),
            "AWS/WAFV2",
            "BlockedRequests",
            acl,
            "Sum",
            1000,
        ),
        (
            "stuck_payments".to_owned(),
            "Payment/dev",
            "PaymentStuck",
            reconciler.clone(),
            "Sum",
            1,
        ),
        (
            "reconciliation_conflicts".to_owned(),
            "Payment/dev",
            "ReconciliationConflict",
            reconciler,
            "Sum",
            1,
        ),
    ]
}

#[test]
fn n19_p25_alarms_on_one_metric_have_its_dimensions_unit_and_threshold() {
    let graph = everything();
    for region in TWO {
        for (key, namespace, metric, dimensions, stat, threshold) in of_functions(&graph, region)
            .into_iter()
            .chain(of_the_rest(&graph, region))
        {
            let alarm = &graph.components[format!("{region}/metric_alarm.{key}").as_str()].settings;
            let place = (&alarm["namespace"], &alarm["metric_name"], &alarm["dimensions"]);
            assert_eq!(
                place,
                (&json!(namespace), &json!(metric), &dimensions),
                "{region} {key}"
            );
            let (used, unused) = if stat == "p99" {
                ("extended_statistic", "statistic")
            } else {
                ("statistic", "extended_statistic")
            };
            assert_eq!((&alarm[used], alarm.get(unused)), (&json!(stat), None), "{key}");
            let figures = ["threshold", "period", "evaluation_periods", "datapoints_to_alarm"].map(|f| &alarm[f]);
            assert_eq!(figures, [&json!(threshold), &json!(300), &json!(1), &json!(1)], "{key}");
            assert_eq!(alarm["comparison_operator"], "GreaterThanOrEqualToThreshold", "{key}");
        }
    }
}

/// One metric of metric math.
fn term(id: &str, namespace: &str, metric: &str, dimensions: &Value) -> Value {
    let metric =
        json!({"namespace": namespace, "metric_name": metric, "period": 300, "stat": "Sum", "dimensions": dimensions});
    json!({"id": id, "return_data": false, "metric": metric})
}

fn result(id: &str, expression: &str, label: &str) -> Value {
    json!({"id": id, "expression": expression, "label": label, "return_data": true})
}

#[test]
fn n18_p25_alarms_by_metric_math_are_percentages_and_sums_of_what_is_there() {
    let graph = everything();
    for region in TWO {
        let alarm = |key: &str| &graph.components[format!("{region}/metric_alarm.{key}").as_str()].settings;
        for (function, ..) in FUNCTIONS {
            let name = setting(&graph, &format!("{region}/lambda_function.{function}"), "function_name");
            let of = json!({"FunctionName": name});
            let rate = alarm(&format!("{function}_error_rate"));
            let expression = "IF(invocations >= 20, 100 * errors / invocations, 0)";
            let expected = json!([
                result("rate", expression, "Error rate in percent"),
                term("errors", "AWS/Lambda", "Errors", &of),
                term("invocations", "AWS/Lambda", "Invocations", &of),
            ]);
            assert_eq!(rate["metrics"], expected, "{function}");
            assert_eq!(rate["comparison_operator"], "GreaterThanThreshold", "more than 1 %");
            assert_eq!(rate["threshold"].to_string(), "1");
        }
        let api = json!({"ApiName": setting(&graph, &format!("{region}/rest_api.payments"), "name"), "Stage": "v1"});
        let expected = json!([
            result("rate", "100 * errors / requests", "5XX rate in percent"),
            term("errors", "AWS/ApiGateway", "5XXError", &api),
            term("requests", "AWS/ApiGateway", "Count", &api),
        ]);
        assert_eq!(alarm("api_5xx")["metrics"], expected);
        assert_eq!(alarm("api_5xx")["threshold"].to_string(), "1");
        let table = json!({"TableName": "payment-transactions-dev"});
        let expected = json!([
            result("throttles", "FILL(reads, 0) + FILL(writes, 0)", "Throttled requests"),
            term("reads", "AWS/DynamoDB", "ReadThrottleEvents", &table),
            term("writes", "AWS/DynamoDB", "WriteThrottleEvents", &table),
        ]);
        assert_eq!(alarm("table_throttles")["metrics"], expected);
        assert_eq!(alarm("table_throttles")["threshold"], 1);
    }
}

/// The dimensions that metrics of a region's objects have, by name and value, with the namespace.
fn dimensions_there(graph: &Graph, region: &str) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    let named = [
        ("lambda_function", "function_name", "FunctionName"),
        ("sqs_queue", "name", "QueueName"),
        ("rest_api", "name", "ApiName"),
        ("api_stage", "stage_name", "Stage"),
        ("wafv2_web_acl", "name", "WebACL"),
        ("state_machine", "name", "StateMachineArn"),
    ];
    for (kind, setting, dimension) in named {
        for component in of_kind(graph, kind).into_iter().filter(|c| c.region == region) {
            let name = component.settings[setting].as_str().unwrap();
            let value = match dimension {
                "StateMachineArn" => format!("arn:aws:states:{region}:111122223333:stateMachine:{name}"),
                _ => name.to_owned(),
            };
            all.insert((dimension.to_owned(), value));
        }
    }
    let table = setting(graph, "dynamodb_table.payments", "table_name")
        .as_str()
        .unwrap();
    all.insert(("TableName".to_owned(), table.to_owned()));
    all.insert(("Region".to_owned(), region.to_owned()));
    all.insert(("Rule".to_owned(), "ALL".to_owned()));
    all.insert(("Environment".to_owned(), "dev".to_owned()));
    for function in of_kind(graph, "lambda_function")
        .into_iter()
        .filter(|c| c.region == region)
    {
        all.insert((
            "Handler".to_owned(),
            function.settings["handler"].as_str().unwrap().to_owned(),
        ));
    }
    let regions = of_kind(graph, "sns_topic")
        .into_iter()
        .map(|topic| topic.region.clone());
    all.extend(
        regions
            .filter(|r| r != region)
            .map(|r| ("ReceivingRegion".to_owned(), r)),
    );
    all
}

fn pairs(dimensions: &Value) -> Vec<(String, String)> {
    let members = dimensions.as_object().unwrap().iter();
    members
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

/// All dimensions that an alarm names.
fn dimensions_of_alarm(alarm: &tap_engine::Component) -> Vec<(String, String)> {
    if let Some(dimensions) = alarm.settings.get("dimensions") {
        return pairs(dimensions);
    }
    let terms = alarm.settings["metrics"].as_array().unwrap().iter();
    terms
        .filter_map(|term| term.get("metric"))
        .flat_map(|metric| pairs(&metric["dimensions"]))
        .collect()
}

fn presets() -> Vec<Graph> {
    let names = ["global", "notification", "multi_region"];
    names
        .map(|name| preset(name, json!({})))
        .into_iter()
        .chain([graph(json!({})), everything()])
        .collect()
}

#[test]
fn n19_alarms_of_every_preset_watch_what_is_in_their_region() {
    for graph in presets() {
        let mut regions: BTreeMap<&str, usize> = BTreeMap::new();
        for alarm in of_kind(&graph, "metric_alarm") {
            let there = dimensions_there(&graph, &alarm.region);
            let named = dimensions_of_alarm(alarm);
            assert!(!named.is_empty(), "{}", alarm.key);
            for dimension in named {
                assert!(
                    there.contains(&dimension),
                    "{}: {dimension:?} is not in {there:?}",
                    alarm.key
                );
            }
            *regions.entry(alarm.region.as_str()).or_default() += 1;
        }
        let counts: BTreeSet<usize> = regions.values().copied().collect();
        assert_eq!(counts.len(), 1, "as many in each region: {regions:?}");
    }
}

#[test]
fn p26_widgets_of_every_preset_show_what_is_in_their_region() {
    for graph in presets() {
        let widgets = setting(&graph, "dashboard.main", "dashboard_body")["widgets"]
            .as_array()
            .unwrap();
        let mut rows = 0;
        for widget in widgets {
            let properties = &widget["properties"];
            let there = dimensions_there(&graph, properties["region"].as_str().unwrap());
            for row in properties["metrics"].as_array().unwrap() {
                // Namespace, metric, names and values of dimensions, options.
                let row = row.as_array().unwrap();
                let (dimensions, rest) = row[2..row.len() - 1].as_chunks::<2>();
                assert!(!dimensions.is_empty() && rest.is_empty(), "{row:?}");
                for [name, value] in dimensions {
                    let dimension = (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned());
                    assert!(there.contains(&dimension), "{dimension:?} is not in {there:?}");
                }
                rows += 1;
            }
        }
        assert!(rows > 10, "{rows}");
    }
}

/// 0, or `enabled = false`, takes away these alarms and no others, in every region.
#[test]
fn every_alarm_has_a_switch() {
    let off = |name: &str| match name {
        "error_rate" | "errors" => json!({"enabled": false}),
        _ => json!(0),
    };
    let per_function = |what: &str| FUNCTIONS.map(|(function, ..)| format!("{function}_{what}")).to_vec();
    let one = |name: &str| vec![name.to_owned()];
    let switches = [
        ("error_rate", per_function("error_rate")),
        ("errors", per_function("errors")),
        ("duration_p99_percent_of_timeout", per_function("duration")),
        ("throttles", per_function("throttles")),
        ("dynamodb_throttles", one("table_throttles")),
        ("queue_age_seconds", one("queue_age")),
        ("dlq_depth", one("dlq_depth")),
        ("api_5xx_percent", one("api_5xx")),
        ("api_latency_p99_ms", one("api_latency")),
        ("waf_blocked", one("waf_blocked")),
        ("stuck_payments", one("stuck_payments")),
        ("reconciliation_conflicts", one("reconciliation_conflicts")),
        ("replication_latency_ms", Vec::new()),
    ];
    let all = everything();
    for (attribute, gone) in switches {
        let mut given = json!({"waf_blocked": 1000});
        given[attribute] = off(attribute);
        let without = watched(&given);
        for region in TWO {
            let gone: BTreeSet<String> = match attribute {
                "replication_latency_ms" => [replication(region)].into(),
                _ => gone.iter().cloned().collect(),
            };
            let missing: BTreeSet<String> = alarms(&all, region)
                .difference(&alarms(&without, region))
                .cloned()
                .collect();
            assert_eq!(missing, gone, "{attribute} in {region}");
        }
    }
    assert!(of_kind(&watched(&json!({"enabled": false})), "metric_alarm").is_empty());
    let quiet = graph(json!({}));
    assert!(
        !alarms(&quiet, "eu-central-1").contains("waf_blocked"),
        "6.4: off by default"
    );
}

/// Each region's own actions, else the stack's in the primary and the region's topic elsewhere (P-24).
#[test]
fn p24_actions_given_are_used_where_they_can_be() {
    let arn = |region: &str, name: &str| format!("arn:aws:sns:{region}:111122223333:{name}");
    let graph = graph(json!({
        "regions": ["eu-central-1", "eu-west-1", "eu-north-1"],
        "alarms": {"alarm_actions": [arn("eu-central-1", "bad")], "ok_actions": [arn("eu-central-1", "good")]},
        "region_overrides": {"eu-west-1": {"alarm_actions": [arn("eu-west-1", "bad")], "ok_actions": []}},
    }));
    let actions = |region: &str| {
        let alarm = &graph.components[format!("{region}/metric_alarm.processor_fault").as_str()].settings;
        (alarm["alarm_actions"].clone(), alarm["ok_actions"].clone())
    };
    let primary = (
        json!([arn("eu-central-1", "bad")]),
        json!([arn("eu-central-1", "good")]),
    );
    assert_eq!(actions("eu-central-1"), primary);
    assert_eq!(actions("eu-west-1"), (json!([arn("eu-west-1", "bad")]), json!([])));
    let topic = json!(["${eu-north-1/sns_topic.notifications.arn}"]);
    assert_eq!(actions("eu-north-1"), (topic.clone(), topic));
}
