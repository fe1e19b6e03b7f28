//! (j) Ctrl-C and time limits: running calls finish, nothing new starts, the state holds what exists.

use crate::site::Site;
use std::path::PathBuf;
use std::time::Duration;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::proxy::Fault;

/// Slow enough that a stack takes much longer than what is waited for here.
const SLOW: Fault = Fault::Delay(Duration::from_millis(250));

#[tokio::test]
async fn after_ctrl_c_running_calls_finish_and_nothing_new_starts() {
    let configuration = Configuration::new("stop");
    let (site, proxy) = Site::behind_proxy(&configuration).await;
    let log = site.terraform.folder().join("provider.log");
    let site = site
        .with_env("TF_LOG_PROVIDER", "INFO")
        .with_env("TF_LOG_PATH", &log.display().to_string());
    proxy.inject("", SLOW);
    let running = site.terraform.start_apply().unwrap();
    site.exists("dynamodb_table transactions-stop").await;

    running.interrupt();

    // Time for the signal to arrive.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = started(&log);
    let finished = running.wait().await.unwrap();
    assert!(
        !finished.status.success(),
        "over before it was interrupted:\n{}",
        finished.stdout
    );
    assert!(begun > 0, "the log tells nothing");
    assert_eq!(started(&log), begun, "something was begun after the interrupt");
    let recorded = site.pipeline().await.components().clone();
    assert!(
        recorded.contains_key("dynamodb_table.transactions"),
        "{:?}",
        recorded.keys()
    );
    assert!(!recorded.contains_key("api_stage.live"), "{:?}", recorded.keys());
    site.must_hold_exactly(&recorded, "stop").await;
    let table = site.table_made_at("transactions-stop").await;

    proxy.heal();
    site.apply().await;

    assert_eq!(site.table_made_at("transactions-stop").await, table);
    site.must_be_settled().await;
    site.destroy().await;
}

/// How many components the provider says it has begun to work on.
fn started(log: &PathBuf) -> usize {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter(|line| line.contains(": started")).count()
}

#[tokio::test]
async fn a_time_limit_ends_an_apply_the_same_way() {
    let configuration = Configuration::new("slow");
    let (site, proxy) = Site::behind_proxy(&configuration.clone().with("timeouts", "{ create = \"5s\" }")).await;
    proxy.inject("", SLOW);

    let failure = site.failing_apply().await;

    for needle in ["timeouts.create", "5s"] {
        assert!(failure.contains(needle), "no {needle} in {failure}");
    }
    let recorded = site.pipeline().await.components().clone();
    assert!(
        !recorded.is_empty() && !recorded.contains_key("api_stage.live"),
        "{:?}",
        recorded.keys()
    );
    site.must_hold_exactly(&recorded, "slow").await;
    let made = site.ids().await;
    proxy.heal();
    site.configure(&configuration);
    site.apply().await;
    site.must_be_settled().await;
    let now = site.ids().await;
    for (key, id) in &made {
        assert_eq!(now.get(key), Some(id), "{key} was made anew");
    }
    site.destroy().await;
}
