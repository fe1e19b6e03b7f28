//! The examples, one per preset and a minimal one: applied as they stand, settled, used for a payment in each of their regions,
//! destroyed with nothing left in any.
//! Of how many components they are, and the seeds: docs/components.md.

use crate::site::{Site, new_zone};
use tap_acceptance_tests::example;
use tap_acceptance_tests::payment::payment;
use tap_acceptance_tests::pipeline::Configuration;

/// A folder with the example, in an account of its own.
async fn site(name: &str) -> Site {
    let site = Site::new(&Configuration::of("tap_payment_stack", "unused")).await;
    let text = example(&format!("{name}/main.tf")).unwrap();
    site.terraform.write_file("main.tf", &text).unwrap();
    site
}

/// Applies, looks for what must be there, pays at every region's API below `path`, destroys.
async fn lives(site: Site, path: &str, regions: &[&str], must_have: &[&str]) {
    site.apply().await;
    site.must_be_settled().await;
    let state = site.terraform.show().await.unwrap();
    let resources = state["values"]["root_module"]["resources"].as_array().unwrap();
    let components = resources[0]["values"]["components"].as_object().unwrap();
    for key in must_have {
        assert!(components.contains_key(*key), "{key} is not in {:?}", components.keys());
    }
    for region in regions {
        pays(&site, path, region).await;
    }
    site.destroy(regions).await;
}

/// A payment is answered and stored, whatever the preset's table looks like, and a second one of its id is not taken.
pub(crate) async fn pays(site: &Site, path: &str, region: &str) {
    let payments = site.payments().await;
    let here = payments.in_region(region);
    let key = here.api_key().await.unwrap();
    let id = format!("from-{region}");
    let send = async |amount: &str| {
        let request = here.request_past_domain(path).unwrap().api_key(&key);
        request.body(payment(&id, amount)).send().await.unwrap()
    };
    let first = send("12.34").await;
    assert!(first.status.is_success(), "{region}: {first:?}");
    let item = here.item(&id).await.unwrap();
    assert!(item.to_string().contains("\"12.34\""), "{item}");
    assert_eq!(send("99").await.status, 409, "{region}");
}

#[tokio::test]
async fn the_minimal_example() {
    let site = site("payment-minimal").await;
    let must_have = ["dynamodb_table.payments", "us-east-1/rest_api.payments"];
    lives(site, "webhooks", &["us-east-1"], &must_have).await;
}

#[tokio::test]
async fn the_example_of_notifications() {
    let site = site("payment-notification").await;
    let must_have = [
        "dynamodb_table.payments",
        "us-east-1/sqs_queue.dlq",
        "us-east-1/lambda_event_source_mapping.accounting",
    ];
    lives(site, "webhooks", &["us-east-1"], &must_have).await;
}

#[tokio::test]
async fn the_example_of_one_domain_over_two_regions() {
    let site = site("payment-global").await;
    let zone = new_zone(&site.aws, "example.com").await;
    let certificate =
        |region: &str| format!("  \"{region}\" = \"arn:aws:acm:{region}:111122223333:certificate/of-{region}\"\n");
    let variables = format!(
        "hosted_zone_id = {zone:?}\ncertificate_arns = {{\n{}{}}}\n",
        certificate("us-east-1"),
        certificate("us-west-2")
    );
    site.terraform.write_file("terraform.tfvars", &variables).unwrap();
    let must_have = ["dynamodb_table.payments", "us-west-2/dynamodb_table_replica.payments"];
    lives(site, "payments", &["us-east-1", "us-west-2"], &must_have).await;
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
    lives(site, "payments", &regions, &must_have).await;
}
