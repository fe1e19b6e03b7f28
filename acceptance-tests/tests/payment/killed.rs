//! `kill -9` at calls all over create, update and destroy: nothing orphaned, nothing doubled, nothing lost in any region.

use crate::site::stack;
use tap_acceptance_tests::killed::Victim;

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_killed_at_any_call_loses_nothing() {
    let base = stack("killed", &["us-east-1", "us-west-2"]);
    let edited = base
        .clone()
        .with("processor", "{ memory_size = 1024 }")
        .with("queue", "{ message_retention_seconds = 604800 }")
        .with("log_retention_in_days", "400")
        .with("waf", "{ rate_limit = 5000 }")
        .with("kpi_filters", "[]")
        .with("dashboard", "{ enabled = false }");
    let victim = Victim {
        base,
        edited,
        regions: &["us-east-1", "us-west-2"],
        record: "/tap/payment_stack/killed".to_owned(),
    };
    let points = victim.lives(4).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(points >= 10, "only {points} points were reached");
}
