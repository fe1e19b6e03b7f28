//! Import by the suffix alone.

use crate::site::{Site, complete};
use serde_json::Value;
use tap_acceptance_tests::Terraform;
use tap_acceptance_tests::observability::ADDRESS;

#[tokio::test]
async fn an_imported_state_is_the_one_that_was_applied() {
    let configuration = complete("imp")
        .with("tags", "{ Team = \"payments\" }")
        .with("lambda", "{ memory_size = 512 }")
        .with("api_error_alarm", "{ threshold_percent = 2.5 }");
    let site = Site::applied(&configuration).await;
    let inventory = site.aws.inventory().await.unwrap();
    let elsewhere = Terraform::new(&site.aws).unwrap();
    let elsewhere = elsewhere.with_file("main.tf", &configuration.hcl()).unwrap();
    elsewhere.init().await.unwrap();

    elsewhere
        .import(ADDRESS, "imp")
        .await
        .unwrap_or_else(|error| panic!("{error}"));

    let (applied, imported) = (attributes(&site.terraform).await, attributes(&elsewhere).await);
    let names = applied.as_object().unwrap().keys();
    let differing: Vec<String> = names
        .filter(|name| applied[*name] != imported[*name])
        .map(|name| format!("{name}: applied {}, imported {}", applied[name], imported[name]))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let plan = elsewhere.plan().await.unwrap_or_else(|error| panic!("{error}"));
    plan.must_be_empty().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        site.aws.inventory().await.unwrap(),
        inventory,
        "an import changes nothing"
    );
    site.destroy().await;
}

async fn attributes(terraform: &Terraform) -> Value {
    let state = terraform.state().await.unwrap();
    state["resources"][0]["instances"][0]["attributes"].clone()
}
