//! `data "tap_stack"`: a stack as others see it, from its record and from AWS.

use crate::site::Site;
use serde_json::{Value, json};
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::proxy::{Fault, Proxy};
use tap_acceptance_tests::{PROVIDER_SOURCE, Terraform};

#[tokio::test]
async fn the_data_source_shows_a_stack_without_its_state() {
    let (site, proxy) = Site::behind_proxy(&Configuration::new("seen")).await;
    let reader = reader(&site, &proxy, "seen").await;
    let stack = read(&reader).await;
    assert_eq!(stack["exists"], false);
    assert_eq!((&stack["status"], &stack["components"]), (&Value::Null, &json!({})));
    assert_eq!(stack["account_id"], site.aws.account());

    proxy.inject("states:CreateStateMachine", Fault::denied());
    site.failing_apply().await;
    let stack = read(&reader).await;
    assert_eq!(
        (&stack["exists"], &stack["status"]),
        (&json!(true), &json!("unfinished"))
    );
    assert_eq!(ids(&stack), site.ids().await.into_iter().collect::<Vec<_>>());
    let token = stack["token"].clone();

    proxy.heal();
    site.apply().await;
    let stack = read(&reader).await;
    assert_eq!(stack["status"], "complete");
    assert_eq!(ids(&stack), site.ids().await.into_iter().collect::<Vec<_>>());
    assert_ne!(stack["token"], token, "another run has another token");
    let table = site.pipeline().await.attribute("table_arn").unwrap().to_owned();
    assert_eq!(stack["resource_arns"]["dynamodb_table.transactions"], table);
    let heartbeat = stack["heartbeat"].as_str().unwrap();
    assert!(heartbeat.ends_with('Z') && heartbeat.contains('T'), "{heartbeat}");
    let key = site.pipeline().await.api_key().await.unwrap();
    assert!(
        !reader.state().await.unwrap().to_string().contains(&key),
        "a secret is in the state"
    );
    site.destroy().await;
    assert_eq!(read(&reader).await["exists"], false);
}

#[tokio::test]
async fn a_kind_that_does_not_exist_is_refused() {
    let site = Site::new(&Configuration::new("kind")).await;
    let block = data("kind").replace("webhook_pipeline", "web_hook");
    site.terraform.write_file("main.tf", &block).unwrap();
    let failure = site.terraform.plan().await.unwrap_err().to_string();
    assert!(failure.contains("webhook_pipeline"), "{failure}");
}

async fn reader(site: &Site, proxy: &Proxy, suffix: &str) -> Terraform {
    let terraform = Terraform::new(&site.aws)
        .unwrap()
        .with_env("AWS_ENDPOINT_URL", proxy.endpoint());
    let terraform = terraform.with_file("main.tf", &data(suffix)).unwrap();
    terraform.init().await.unwrap();
    terraform
}

fn data(suffix: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    tap = {{ source = {PROVIDER_SOURCE:?} }}\n  }}\n}}\n\n\
         data \"tap_stack\" \"this\" {{\n  kind = \"webhook_pipeline\"\n  environment_suffix = {suffix:?}\n}}\n\n\
         output \"stack\" {{\n  value = data.tap_stack.this\n}}\n"
    )
}

async fn read(terraform: &Terraform) -> Value {
    terraform.apply().await.unwrap_or_else(|error| panic!("{error}"));
    terraform.outputs().await.unwrap()["stack"]["value"].clone()
}

/// Component key and id, in order.
fn ids(stack: &Value) -> Vec<(String, Value)> {
    let components = stack["components"].as_object().unwrap().iter();
    let mut ids: Vec<_> = components
        .map(|(key, shown)| (key.clone(), shown["id"].clone()))
        .collect();
    ids.sort_by(|a, b| a.0.cmp(&b.0));
    ids
}
