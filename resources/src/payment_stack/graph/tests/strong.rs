//! Tables that are strongly consistent across regions: what AWS keeps by region, and what such tables lack
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html>).

use super::*;

const TABLES: [&str; 2] = ["dynamodb_table.payments", "dynamodb_table.idempotency"];

/// Two replicas and a witness.
fn strong(table: Value, more: Value) -> Graph {
    let mut written = more;
    written["regions"] = json!(["us-east-1", "us-west-2"]);
    written["table"] = table;
    written["table"]["consistency_mode"] = "STRONG".into();
    written["table"]["witness_region"] = "us-east-2".into();
    graph(written)
}

#[test]
fn r_22_every_replica_has_recovery_and_protection_of_its_own_and_the_witness_none() {
    let graph = strong(json!({"recovery_period_in_days": 7}), json!({}));
    let recovery = json!({"enabled": true, "recovery_period_in_days": 7});
    let own = json!({"us-west-2": {"point_in_time_recovery": recovery, "deletion_protection_enabled": true}});
    for table in TABLES {
        assert_eq!(setting(&graph, table, "point_in_time_recovery"), &recovery);
        assert_eq!(setting(&graph, table, "replica_settings"), &own, "{table}");
    }
    plans(&graph);
}

#[test]
fn r_22_a_replicas_recovery_can_differ_whatever_the_consistency() {
    let replicas = json!([{"region": "us-west-2", "point_in_time_recovery": false}]);
    let graph = strong(json!({"replicas": replicas}), json!({}));
    for table in TABLES {
        let own = &setting(&graph, table, "replica_settings")["us-west-2"];
        assert_eq!(own["point_in_time_recovery"], json!({"enabled": false}), "{table}");
        assert_eq!(setting(&graph, table, "point_in_time_recovery")["enabled"], true);
    }
}

/// P-32: strong consistency replicates without streams, so that there is one for a reader only.
#[test]
fn r_22_r12_p32_strong_tables_have_no_stream_unless_it_is_asked_for() {
    let graph = strong(json!({}), json!({}));
    for table in TABLES {
        assert!(
            !graph.components[table].settings.contains_key("stream_view_type"),
            "{table}"
        );
    }
    let asked = strong(json!({"stream_view_type": "KEYS_ONLY"}), json!({}));
    assert_eq!(setting(&asked, TABLES[0], "stream_view_type"), "KEYS_ONLY");
}

/// N-19: an alarm on a metric that AWS does not have would never go off.
#[test]
fn r_22_n19_there_is_no_alarm_on_a_latency_that_nobody_measures() {
    let alarms = |graph: &Graph| {
        let all = of_kind(graph, "metric_alarm");
        all.iter().filter(|a| a.key.as_str().contains("replication_to")).count()
    };
    assert_eq!(alarms(&strong(json!({}), json!({}))), 0);
    assert_eq!(alarms(&graph(json!({"regions": ["us-east-1", "us-west-2"]}))), 2);
}
