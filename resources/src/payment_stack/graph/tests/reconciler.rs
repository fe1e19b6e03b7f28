//! Stuck payments, conflicts between regions, and the index that the former are found by (N-14, R-11, R-22).

use super::*;

fn triggers(graph: &Graph) -> (usize, usize) {
    let schedules = of_kind(graph, "schedule").len();
    let streams = of_kind(graph, "lambda_event_source_mapping");
    let streams = streams.iter().filter(|m| m.key.as_str().ends_with(".conflicts"));
    (schedules, streams.count())
}

fn functions(graph: &Graph) -> usize {
    let all = of_kind(graph, "lambda_function");
    all.iter()
        .filter(|f| f.settings["handler"] == "payment_reconciler")
        .count()
}

/// Where there is nothing to lose there is no function.
#[test]
fn n_14_r_22_the_reconciler_is_where_there_is_something_to_reconcile() {
    let queue = json!({"response_mode": "queue"});
    let two = json!(["eu-central-1", "eu-west-1"]);
    let off = json!({"enabled": false});
    let strong = json!({"consistency_mode": "STRONG", "witness_region": "us-east-2"});
    let cases = [
        (graph(json!({})), 0, (0, 0)),
        (preset("notification", json!({})), 1, (1, 0)),
        (preset("global", json!({})), 2, (0, 2)),
        (preset("multi_region", json!({})), 3, (0, 3)),
        (graph(json!({"regions": two, "processor": queue})), 2, (2, 2)),
        (
            graph(json!({"regions": two, "processor": queue, "idempotency": off})),
            2,
            (2, 0),
        ),
        (
            graph(json!({"regions": two, "processor": queue, "reconciliation": off})),
            0,
            (0, 0),
        ),
        (
            graph(json!({"regions": ["us-east-1", "us-west-2"], "table": strong})),
            0,
            (0, 0),
        ),
    ];
    for (number, (graph, wanted, triggered)) in cases.iter().enumerate() {
        assert_eq!(
            (functions(graph), triggers(graph)),
            (*wanted, *triggered),
            "case {number}"
        );
        plans(graph);
    }
}

/// each region reads its own copy of the guards' stream, and only what was its own.
#[test]
fn r_22_every_region_watches_for_its_own_acceptances_being_overwritten() {
    let graph = preset("multi_region", json!({}));
    for (region, table) in [
        ("us-east-1", "dynamodb_table.idempotency"),
        ("eu-west-1", "eu-west-1/dynamodb_table_replica.idempotency"),
        ("ap-southeast-1", "ap-southeast-1/dynamodb_table_replica.idempotency"),
    ] {
        let mapping = &graph.components[format!("{region}/lambda_event_source_mapping.conflicts").as_str()].settings;
        assert_eq!(mapping["event_source_arn"], format!("${{{table}.stream_arn}}"));
        let filter = json!([{"eventName": ["MODIFY"], "dynamodb": {"OldImage": {"region": {"S": [region]}}}}]);
        assert_eq!(mapping["filter_criteria"], filter);
        assert_eq!(mapping["function_response_types"], json!(["ReportBatchItemFailures"]));
        let topic = format!("${{{region}/sns_topic.notifications.arn}}");
        assert_eq!(mapping["destination_on_failure"], topic);
        let role = setting(&graph, &format!("{region}/iam_role.reconciler"), "inline_policies").to_string();
        assert!(role.contains(&format!("${{{table}.arn}}/stream/*")), "{role}");
        assert!(!role.contains("dynamodb:UpdateItem"), "nothing to sweep: {role}");
    }
    assert_eq!(
        setting(&graph, "dynamodb_table.idempotency", "stream_view_type"),
        "NEW_AND_OLD_IMAGES"
    );
}

/// Both metrics have the dimensions that the handler gives them; 0 switches their alarms off.
#[test]
fn n_14_r_22_what_is_found_raises_an_alarm() {
    let alarms = |thresholds: Value| {
        graph(
            json!({"regions": ["eu-central-1", "eu-west-1"], "processor": {"response_mode": "queue"}, "alarms": thresholds}),
        )
    };
    let on = alarms(json!({}));
    for region in ["eu-central-1", "eu-west-1"] {
        for (key, metric) in [
            ("stuck_payments", "PaymentStuck"),
            ("reconciliation_conflicts", "ReconciliationConflict"),
        ] {
            let alarm = &on.components[format!("{region}/metric_alarm.{key}").as_str()].settings;
            let (name, namespace) = (&alarm["metric_name"], &alarm["namespace"]);
            assert_eq!((name, namespace), (&json!(metric), &json!("Payment/dev")));
            let dimensions = json!({"Environment": "dev", "Handler": "payment_reconciler"});
            assert_eq!((&alarm["dimensions"], &alarm["threshold"]), (&dimensions, &json!(1)));
        }
    }
    let off = alarms(json!({"stuck_payments": 0, "reconciliation_conflicts": 0}));
    assert!(
        !keys(&off)
            .iter()
            .any(|key| key.contains("stuck_payments") || key.contains("conflicts") && key.contains("alarm"))
    );
}

/// with several shards an index on the status is on the shard, and everybody knows how many there are.
#[test]
fn r_11_a_sharded_index_is_on_the_attribute_that_writers_fill_and_readers_ask_for() {
    let stack = |shards: i64, style: &str| {
        let (status, timestamp) = match style {
            "pascal_case" => ("Status", "Timestamp"),
            _ => ("status", "timestamp"),
        };
        let indexes = json!([
            {"name": "by-status", "hash_key": status, "range_key": timestamp},
            {"name": "by-provider", "hash_key": "provider"},
        ]);
        let keys = json!({"hash_key": "id", "range_key": timestamp});
        let table = json!({"status_shards": shards, "attribute_style": style, "global_secondary_indexes": indexes, "key_schema": keys});
        graph(json!({"processor": {"response_mode": "queue"}, "table": table}))
    };
    let hash_keys = |graph: &Graph| -> Vec<Value> {
        let indexes = setting(graph, "dynamodb_table.payments", "global_secondary_indexes");
        let indexes = indexes.as_array().unwrap().iter();
        indexes.map(|index| index["hash_key"]["name"].clone()).collect()
    };
    assert_eq!(hash_keys(&stack(1, "snake_case")), ["status", "provider"], "as ever");
    assert_eq!(hash_keys(&stack(8, "pascal_case")), ["StatusShard", "provider"]);
    let sharded = stack(8, "snake_case");
    assert_eq!(hash_keys(&sharded), ["status_shard", "provider"]);
    let knowing = ["payment_processor", "process_accounting", "payment_reconciler"];
    for handler in knowing {
        let all = of_kind(&sharded, "lambda_function");
        let function = all.into_iter().find(|f| f.settings["handler"] == handler).unwrap();
        assert_eq!(function.settings["environment"]["STATUS_SHARDS"], "8", "{handler}");
    }
    let reconciler = setting(&sharded, "eu-central-1/lambda_function.reconciler", "environment");
    assert_eq!(reconciler["STATUS_INDEX"], "by-status");
    // The index is changed in place, which for DynamoDB is away and back; the table stays.
    let registry = registry();
    let spec = registry.get("dynamodb_table").unwrap().spec();
    assert!(!spec.setting("global_secondary_indexes").unwrap().replace);
}
