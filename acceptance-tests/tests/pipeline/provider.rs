//! (m) The provider's own configuration: what is missing is named, what is unknown waits.

use crate::site::{Site, one_line};
use tap_acceptance_tests::Terraform;
use tap_acceptance_tests::pipeline::Configuration;

#[tokio::test]
async fn a_missing_region_is_named() {
    let configuration = Configuration::new("p");
    let terraform = bare(&configuration, &["AWS_REGION", "AWS_DEFAULT_REGION"]).await;
    let failure = one_line(&terraform.plan().await.unwrap_err().to_string());
    assert!(
        failure.contains("region") && failure.contains("AWS_REGION"),
        "{failure}"
    );
}

/// A misspelt region is told before anything is asked of it; one that AWS has opened since can be had all the same.
#[tokio::test]
async fn a_misspelt_region_is_named_and_can_be_insisted_on() {
    let configuration = Configuration::new("p");
    let wrong = configuration.clone().with_provider("  region = \"us-eats-1\"\n");
    let site = Site::new(&wrong).await;
    let failure = site.refusal(&wrong).await;
    for part in ["us-eats-1", "did you mean us-east-1?", "skip_region_validation = true"] {
        assert!(failure.contains(part), "{part} in {failure}");
    }
    let insisted = configuration.with_provider("  region = \"us-east-9\"\n  skip_region_validation = true\n");
    site.configure(&insisted);
    let plan = site.terraform.plan().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(plan.text.contains("1 to add"), "{}", plan.text);
}

#[tokio::test]
async fn missing_credentials_are_named() {
    let configuration = Configuration::new("p");
    let terraform = bare(&configuration, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]).await;
    let failure = one_line(&terraform.plan().await.unwrap_err().to_string());
    assert!(failure.contains("credentials"), "{failure}");
}

#[tokio::test]
async fn another_account_is_not_touched() {
    let configuration = Configuration::new("p").with_provider("  allowed_account_ids = [\"111122223333\"]\n");
    let site = Site::new(&configuration).await;
    let failure = site.refusal(&configuration).await;
    assert!(
        failure.contains(site.aws.account()) && failure.contains("allowed_account_ids"),
        "{failure}"
    );
    assert!(site.aws.inventory().await.unwrap().is_empty());
}

#[tokio::test]
async fn unknown_provider_values_wait_until_they_are_known() {
    let configuration = Configuration::new("later")
        .with_provider("  region = terraform_data.region.output\n")
        .with_block("resource \"terraform_data\" \"region\" {\n  input = \"eu-west-1\"\n}");
    let site = Site::new(&configuration).await;

    let plan = site.terraform.plan().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(plan.text.contains("2 to add"), "{}", plan.text);
    site.terraform
        .apply_plan()
        .await
        .unwrap_or_else(|error| panic!("{error}"));

    site.must_be_settled().await;
    let there = site.aws.in_region("eu-west-1").inventory().await.unwrap();
    assert!(
        there.contains(&"dynamodb_table transactions-later".to_owned()),
        "{there:?}"
    );
    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    let left = site.aws.in_region("eu-west-1").inventory().await.unwrap();
    assert_eq!(left, [crate::site::ACCOUNT_LOG_ROLE]);
}

/// The account is what tells credentials apart: in the sandbox an access key id of twelve digits is its account.
const OTHER: &str = "222233334444";

/// `AWS_ACCESS_KEY_ID` in a shell must not send a run to another account than the configuration names.
#[tokio::test]
async fn a_named_profile_wins_over_keys_in_the_environment() {
    let provider = format!("  profile = \"other\"\n  allowed_account_ids = [\"{OTHER}\"]\n");
    let configuration = Configuration::new("p").with_provider(&provider);
    let terraform = bare(&configuration, &[]).await;
    let file = terraform.folder().join("credentials");
    let profile = format!("[other]\naws_access_key_id = {OTHER}\naws_secret_access_key = secret\n");
    std::fs::write(&file, profile).unwrap();
    let terraform = terraform.with_env("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
    let plan = terraform.plan().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(plan.text.contains("1 to add"), "{}", plan.text);
}

#[tokio::test]
async fn a_role_is_assumed_before_anything_is_touched() {
    let provider = format!(
        "  allowed_account_ids = [\"{OTHER}\"]\n  assume_role = {{ role_arn = \"arn:aws:iam::{OTHER}:role/deploy\" }}\n"
    );
    let configuration = Configuration::new("p").with_provider(&provider);
    let terraform = bare(&configuration, &[]).await;
    let plan = terraform.plan().await.unwrap_or_else(|error| panic!("{error}"));
    assert!(plan.text.contains("1 to add"), "{}", plan.text);
}

#[tokio::test]
async fn an_endpoint_of_one_service_comes_from_its_variable() {
    let configuration = Configuration::new("p").with_provider("  allowed_account_ids = [\"111122223333\"]\n");
    let aws = crate::site::sandbox().await.aws();
    let terraform = bare(&configuration, &["AWS_ENDPOINT_URL"]).await;
    let terraform = terraform.with_env("AWS_ENDPOINT_URL_STS", aws.endpoint());
    let failure = one_line(&terraform.plan().await.unwrap_err().to_string());
    assert!(
        failure.contains("the credentials belong to account"),
        "the sandbox was not asked: {failure}"
    );
}

/// Terraform in an environment that lacks some variables.
async fn bare(configuration: &Configuration, lacking: &[&str]) -> Terraform {
    let aws = crate::site::sandbox().await.aws();
    let terraform = lacking.iter().fold(Terraform::new(&aws).unwrap(), |terraform, name| {
        terraform.without_env(name)
    });
    let terraform = terraform.with_file("main.tf", &configuration.hcl()).unwrap();
    terraform.init().await.unwrap();
    terraform
}
