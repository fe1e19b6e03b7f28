//! The examples, one per preset and a minimal one: applied as they stand, settled, destroyed with nothing left in any region.

use crate::site::Site;
use std::fs;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::workspace_root;

/// The example's file; its architecture is this machine's.
fn example(name: &str) -> String {
    let path = workspace_root().join(format!("examples/{name}/main.tf"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let own = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    text.replace("\"x86_64\"", &format!("{own:?}"))
}

/// A folder with the example, in an account of its own.
async fn site(name: &str) -> Site {
    let site = Site::new(&Configuration::of("tap_payment_stack", "unused")).await;
    site.terraform.write_file("main.tf", &example(name)).unwrap();
    site
}

/// Applies, looks for what must be there, destroys.
async fn lives(site: Site, regions: &[&str], seed: &str, must_have: &[&str]) {
    site.apply().await;
    site.must_be_settled().await;
    let state = site.terraform.show().await.unwrap();
    let resources = state["values"]["root_module"]["resources"].as_array().unwrap();
    let components = resources[0]["values"]["components"].as_object().unwrap();
    println!("{} components; the seed: {seed}", components.len());
    for key in must_have {
        assert!(components.contains_key(*key), "{key} is not in {:?}", components.keys());
    }
    site.destroy(regions).await;
}

#[tokio::test]
async fn the_minimal_example() {
    let site = site("payment-minimal").await;
    let must_have = ["dynamodb_table.payments", "us-east-1/rest_api.payments"];
    lives(site, &["us-east-1"], "-", &must_have).await;
}

#[tokio::test]
async fn the_example_of_notifications() {
    let site = site("payment-notification").await;
    let must_have = [
        "dynamodb_table.payments",
        "us-east-1/sqs_queue.dlq",
        "us-east-1/lambda_event_source_mapping.accounting",
    ];
    lives(site, &["us-east-1"], "42 (003)", &must_have).await;
}

#[tokio::test]
async fn the_example_of_one_domain_over_two_regions() {
    let site = site("payment-global").await;
    let zone = site
        .aws
        .route53()
        .create_hosted_zone()
        .name("example.com")
        .caller_reference("global");
    let zone = zone.send().await.unwrap().hosted_zone.unwrap().id;
    let zone = zone.trim_start_matches("/hostedzone/");
    let certificate =
        |region: &str| format!("  \"{region}\" = \"arn:aws:acm:{region}:111122223333:certificate/of-{region}\"\n");
    let variables = format!(
        "hosted_zone_id = {zone:?}\ncertificate_arns = {{\n{}{}}}\n",
        certificate("us-east-1"),
        certificate("us-west-2")
    );
    site.terraform.write_file("terraform.tfvars", &variables).unwrap();
    let must_have = ["dynamodb_table.payments", "us-west-2/dynamodb_table_replica.payments"];
    lives(
        site,
        &["us-east-1", "us-west-2"],
        "27 in 002's list of services",
        &must_have,
    )
    .await;
}

#[tokio::test]
async fn the_example_of_three_regions() {
    let site = site("payment-multi-region").await;
    let regions = ["us-east-1", "eu-west-1", "ap-southeast-1"];
    let must_have: Vec<String> = regions
        .iter()
        .map(|region| format!("{region}/state_machine.payments"))
        .collect();
    let must_have: Vec<&str> = must_have.iter().map(String::as_str).collect();
    lives(site, &regions, "57 (004)", &must_have).await;
}
