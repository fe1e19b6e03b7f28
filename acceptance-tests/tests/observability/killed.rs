//! `kill -9` at calls all over create, update and destroy: nothing orphaned, nothing doubled, nothing lost.

use crate::site::{CANARY, complete};
use tap_acceptance_tests::killed::Victim;

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_killed_at_any_call_loses_nothing() {
    let base = complete("killed");
    let edited = base
        .clone()
        .with("log_retention_in_days", "400")
        .with("lambda", "{ memory_size = 512 }")
        .with("alarm_topic", "{ display_name = \"Payments\" }")
        .with(
            "latency_filter",
            "{ format = \"space_delimited\", legacy_metric_names = true }",
        )
        .with("canary", &CANARY.replace('}', ", name = \"another\" }"))
        .with("dashboard", "{ enabled = false }");
    let victim = Victim {
        base,
        edited,
        regions: &["us-east-1"],
        record: "/tap/observability_stack/killed".to_owned(),
    };
    let points = victim.lives(5).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(points >= 12, "only {points} points were reached");
}
