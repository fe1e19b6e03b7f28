//! (j) The state that Terraform holds and the stack that exists find each other again.

use crate::site::Site;
use std::time::Duration;
use tap_acceptance_tests::Terraform;
use tap_acceptance_tests::pipeline::Configuration;

/// Creating what exists already, in a folder that does not know it, is refused with the way out.
#[tokio::test]
async fn a_second_create_names_the_import_command() {
    let configuration = Configuration::new("twice");
    let site = Site::applied(&configuration).await;
    let elsewhere = Terraform::new(&site.aws)
        .unwrap()
        .with_file("main.tf", &configuration.hcl())
        .unwrap();
    elsewhere.init().await.unwrap();
    let failure = elsewhere.apply().await.unwrap_err().to_string();
    assert!(
        failure.contains("terraform import") && failure.contains("twice"),
        "{failure}"
    );
    site.must_be_settled().await;
    site.destroy().await;
}

/// `kill -9` of terraform and the provider: Terraform has no state at all, and still nothing is lost or made twice.
#[tokio::test]
async fn a_killed_apply_is_adopted_by_the_next() {
    let site = Site::new(&Configuration::new("kill")).await;
    // The record of a dead run is taken over when its heartbeat is this old; two minutes otherwise.
    let site = site.with_env("TAP_STALE_AFTER_SECONDS", "2");
    let running = site.terraform.start_apply().unwrap();
    site.exists("dynamodb_table transactions-kill").await;
    running.kill();
    let finished = running.wait().await.unwrap();
    assert!(!finished.status.success());
    let table = site.table_made_at("transactions-kill").await;
    tokio::time::sleep(Duration::from_secs(4)).await;

    // The lock file of a killed Terraform; its user would say `force-unlock`.
    let _ = std::fs::remove_file(site.terraform.folder().join(".terraform.tfstate.lock.info"));
    site.apply().await;

    assert_eq!(site.table_made_at("transactions-kill").await, table);
    site.must_be_settled().await;
    site.destroy().await;
}
