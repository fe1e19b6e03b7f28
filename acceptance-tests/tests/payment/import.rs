//! Import of a stack over two regions, in a folder that knows nothing but its suffix.

use crate::site::{Site, stack};
use serde_json::Value;
use tap_acceptance_tests::Terraform;
use tap_acceptance_tests::payment::ADDRESS;

const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

async fn attributes(terraform: &Terraform) -> Value {
    let state = terraform.state().await.unwrap();
    state["resources"][0]["instances"][0]["attributes"].clone()
}

#[tokio::test]
async fn an_imported_stack_is_the_one_that_was_applied() {
    let configuration = stack("imp", &REGIONS)
        .with("workflow", "{ enabled = true }")
        .with("tags", "{ Team = \"payments\" }");
    let site = Site::applied(&configuration).await;
    let before = site.aws.inventory_of(&REGIONS).await.unwrap();

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
    let after = site.aws.inventory_of(&REGIONS).await.unwrap();
    assert_eq!(after, before, "an import must not change anything");

    // The importing folder owns it now as well as the first.
    elsewhere.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    for region in REGIONS {
        assert_eq!(site.left_in(region).await, Vec::<String>::new(), "{region}");
    }
}
