//! (f), (k) What a plan refuses, and how: the attribute is named, and what to do.

use crate::site::Site;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::site::Mistake;

const MISTAKES: [Mistake; 17] = [
    (
        "environment_suffix",
        "\"Prod_1\"",
        &["environment_suffix", "lower-case letters"],
    ),
    (
        "environment_suffix",
        "\"a-very-long-suffix-that-no-name-can-hold\"",
        &["environment_suffix", "1 to 24"],
    ),
    ("log_retention_in_days", "31", &["log_retention_in_days", "30"]),
    (
        "alerts_topic",
        "{ sms_endpoints = [\"0123\"] }",
        &["alerts_topic.sms_endpoints[0]", "E.164"],
    ),
    (
        "alerts_topic",
        "{ sms_endpoints = [\"+1234567890\"] }",
        &["alerts_topic.sms_endpoints[0]", "placeholder"],
    ),
    (
        "alerts_topic",
        "{ email_endpoints = [\"nobody\"] }",
        &["alerts_topic.email_endpoints[0]", "e-mail address"],
    ),
    (
        "api",
        "{ authorization = \"none\" }",
        &["api.authorization", "allow_unauthenticated"],
    ),
    (
        "api",
        "{ authorization = \"hmac\" }",
        &["api.hmac.secret_ssm_parameter", "SecureString"],
    ),
    (
        "api",
        "{ path = \"/webhook/\" }",
        &["api.path", "without a slash at either end"],
    ),
    (
        "api",
        "{ cors = { allow_origins = [\"*\"] } }",
        &["api.cors.allow_origins", "list the origins"],
    ),
    (
        "audit_bucket",
        "{ versioning = false, object_lock = { mode = \"GOVERNANCE\", days = 1 } }",
        &["audit_bucket.versioning", "Object Lock needs versioning"],
    ),
    (
        "audit_bucket",
        "{ lifecycle = { ia_days = 80 } }",
        &["audit_bucket.lifecycle.glacier_days", "110 or more"],
    ),
    (
        "routing",
        "{ low_threshold = 10000, high_threshold = 10000 }",
        &["routing.low_threshold", "less than `high_threshold`"],
    ),
    (
        "routing",
        "{ high_threshold = 5000000001 }",
        &["routing.high_threshold", "5000000000"],
    ),
    (
        "table",
        "{ billing_mode = \"PROVISIONED\" }",
        &["table.read_capacity", "table.write_capacity"],
    ),
    (
        "workflow",
        "{ timeout_seconds = 301 }",
        &["workflow.timeout_seconds", "EXPRESS"],
    ),
    (
        "functions",
        "{ validator = { memory_size = 64 } }",
        &["functions.validator.memory_size", "128"],
    ),
];

#[tokio::test]
async fn mistakes_are_refused_at_plan_time_with_the_attributes_path() {
    let valid = Configuration::new("mistakes");
    let site = Site::new(&valid).await;
    site.must_refuse(&valid, &MISTAKES).await;
}

#[tokio::test]
async fn a_mistyped_component_key_is_refused() {
    let valid = Configuration::new("keys");
    let site = Site::new(&valid).await;
    let names = valid
        .clone()
        .with("name_overrides", "{ \"dynamodb_table.transaction\" = \"t\" }");
    let refusal = site.refusal(&names).await;
    assert!(
        refusal.contains("dynamodb_table.transaction") && refusal.contains("No such component"),
        "{refusal}"
    );

    let setting = "{ \"lambda_function.validator\" = { memory = \"512\" } }";
    let refusal = site.refusal(&valid.with("overrides", setting)).await;
    assert!(
        refusal.contains("lambda_function.validator") && refusal.contains("memory"),
        "{refusal}"
    );
}

#[tokio::test]
async fn data_is_not_lost_by_an_edit() {
    let configuration = Configuration::new("guard");
    let site = Site::applied(&configuration).await;
    let renamed = configuration.clone().with("table", "{ name = \"ledger\" }");

    let refusal = site.refusal(&renamed).await;

    for needle in ["dynamodb_table.transactions", "table_name", "allow_data_loss"] {
        assert!(refusal.contains(needle), "no {needle} in {refusal}");
    }
    let tables = site.aws.dynamodb().list_tables().send().await.unwrap();
    assert!(tables.table_names().contains(&"transactions-guard".to_owned()));

    site.configure(&renamed.with("allow_data_loss", "true"));
    site.apply().await;
    site.must_be_settled().await;
    assert_eq!(site.pipeline().await.attribute("table_name").unwrap(), "ledger");
    site.destroy().await;
}

/// Without `force_destroy` what holds data stays, and destroy says so.
#[tokio::test]
async fn protected_tables_outlive_a_destroy() {
    let configuration = Configuration::new("keep")
        .with("force_destroy", "false")
        .with("deletion_protection", "true");
    let site = Site::applied(&configuration).await;

    let failure = site.terraform.destroy().await.unwrap_err().to_string();

    assert!(failure.contains("dynamodb_table.transactions"), "{failure}");
    let tables = site.aws.dynamodb().list_tables().send().await.unwrap();
    assert!(tables.table_names().contains(&"transactions-keep".to_owned()));
    site.configure(
        &configuration
            .with("force_destroy", "true")
            .with("deletion_protection", "false"),
    );
    site.apply().await;
    site.must_be_settled().await;
    site.destroy().await;
}
