//! (j) Two at work on one stack, and a record that another version wrote.

use crate::site::{Site, one_line};
use aws_sdk_ssm::types::ParameterType;
use std::time::Duration;
use tap_acceptance_tests::Terraform;
use tap_acceptance_tests::pipeline::{ADDRESS, Configuration};
use tap_acceptance_tests::proxy::Fault;

#[tokio::test]
async fn of_two_applies_at_once_one_wins_and_the_other_says_why() {
    let configuration = Configuration::new("race");
    let (site, proxy) = Site::behind_proxy(&configuration).await;
    let other = Terraform::new(&site.aws)
        .unwrap()
        .with_env("AWS_ENDPOINT_URL", proxy.endpoint());
    let other = other.with_file("main.tf", &configuration.hcl()).unwrap();
    other.init().await.unwrap();
    proxy.inject("", Fault::Delay(Duration::from_millis(100)));

    let (first, second) = tokio::join!(site.terraform.apply(), other.apply());

    let (site, failure) = match (first, second) {
        (Ok(_), Err(failure)) => (site, failure),
        (Err(failure), Ok(_)) => (site.with_terraform(other), failure),
        (first, second) => panic!("one must win and one must fail: {first:?} {second:?}"),
    };
    let failure = one_line(&failure.to_string());
    assert!(
        failure.contains("another run is working on stack webhook_pipeline/race"),
        "{failure}"
    );
    proxy.heal();
    site.must_be_settled().await;
    site.must_hold_exactly(site.pipeline().await.components(), "race").await;
    site.destroy().await;
}

#[tokio::test]
async fn a_record_of_another_version_is_refused_with_advice() {
    let site = Site::new(&Configuration::new("newer")).await;
    let record = r#"{"format":2,"status":"complete","token":"t","heartbeat":1790000000,"provider_version":"7.1.0","intents":[{"environment_suffix":"newer"}]}"#;
    let name = "/tap/webhook_pipeline/newer";
    let ssm = site.aws.ssm();
    let put = ssm
        .put_parameter()
        .name(name)
        .r#type(ParameterType::String)
        .value(record);
    put.send().await.unwrap();

    let apply = site.failing_apply().await;
    let import = site.terraform.import(ADDRESS, "newer").await.unwrap_err().to_string();

    for failure in [apply, one_line(&import)] {
        for needle in ["format 2", "use provider version 7.1.0 or later"] {
            assert!(failure.contains(needle), "no {needle} in {failure}");
        }
    }
    let now = ssm.get_parameter().name(name).send().await.unwrap();
    assert_eq!(now.parameter().unwrap().value(), Some(record));
    assert_eq!(site.left().await, [format!("ssm_parameter {name}")]);
}
