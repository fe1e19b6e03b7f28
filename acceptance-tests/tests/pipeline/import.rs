//! (i) Import: by command, by block, with a configuration that Terraform writes itself.

use crate::site::Site;
use std::fs;
use tap_acceptance_tests::pipeline::{ADDRESS, Configuration};
use tap_acceptance_tests::{PROVIDER_SOURCE, Plan, Terraform};

#[tokio::test]
async fn an_imported_state_is_the_one_that_was_applied() {
    let configuration = Configuration::new("imp")
        .with("tags", "{ Team = \"payments\" }")
        .with("functions", "{ validator = { memory_size = 1769 } }")
        .with(
            "table",
            "{ billing_mode = \"PROVISIONED\", read_capacity = 5, write_capacity = 5 }",
        )
        .with("routing", "{ low_threshold = 500.25 }")
        .with("alerts_topic", "{ email_endpoints = [\"oncall@example.com\"] }");
    let site = Site::applied(&configuration).await;
    let inventory = site.aws.inventory().await.unwrap();

    site.imported(&configuration, ADDRESS, "imp").await;
    let generated = by_block_with_generated_configuration(&site).await;

    assert_eq!(
        site.aws.inventory().await.unwrap(),
        inventory,
        "an import must not change anything"
    );
    generated.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(site.left().await, Vec::<String>::new());
}

/// `import {}` and `-generate-config-out`: what Terraform writes plans to nothing but the import.
async fn by_block_with_generated_configuration(site: &Site) -> Terraform {
    let block = format!(
        "terraform {{\n  required_providers {{\n    tap = {{ source = {PROVIDER_SOURCE:?} }}\n  }}\n}}\n\n\
         import {{\n  to = {ADDRESS}\n  id = \"imp\"\n}}\n"
    );
    let elsewhere = folder(site, &block).await;
    let plan = elsewhere.plan_with(&["-generate-config-out=generated.tf"]).await;
    let plan = plan.unwrap_or_else(|error| panic!("{error}\n{}", generated(&elsewhere)));
    assert!(
        plan.text.contains("1 to import, 0 to add, 0 to change, 0 to destroy"),
        "{}\n{}",
        plan.text,
        generated(&elsewhere)
    );
    assert_eq!(changed(&plan), Vec::<String>::new(), "{}", plan.text);
    elsewhere.apply_plan().await.unwrap_or_else(|error| panic!("{error}"));
    let plan = elsewhere.plan().await.unwrap_or_else(|error| panic!("{error}"));
    plan.must_be_empty()
        .unwrap_or_else(|error| panic!("{error}\n{}", generated(&elsewhere)));
    elsewhere
}

fn generated(terraform: &Terraform) -> String {
    fs::read_to_string(terraform.folder().join("generated.tf")).unwrap_or_default()
}

/// The top-level attributes that a plan changes.
fn changed(plan: &Plan) -> Vec<String> {
    let change = &plan.json["resource_changes"][0]["change"];
    let names = change["after"].as_object().unwrap().keys();
    names
        .filter(|name| change["before"][*name] != change["after"][*name])
        .cloned()
        .collect()
}

async fn folder(site: &Site, hcl: &str) -> Terraform {
    let terraform = Terraform::new(&site.aws).unwrap().with_file("main.tf", hcl).unwrap();
    terraform.init().await.unwrap();
    terraform
}

#[tokio::test]
async fn importing_what_is_not_there_says_so() {
    let site = Site::new(&Configuration::new("nope")).await;
    let failure = site.terraform.import(ADDRESS, "nope").await.unwrap_err().to_string();
    assert!(failure.contains("webhook_pipeline/nope"), "{failure}");
}
