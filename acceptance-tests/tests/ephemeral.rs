//! `ephemeral "tap_api_key"` with the real terraform: the value reaches what may use it, and stays nowhere (R-07, R-08).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod leaks;

use aws_sdk_ssm::types::ParameterType;
use leaks::files_with;
use tap_acceptance_tests::{Aws, PROVIDER_SOURCE, Sandbox, Terraform};

/// Long and odd enough to be found wherever it is.
const VALUE: &str = "k3y-of-the-payments-9f2d71c4";
const NAME: &str = "/payment/dev/api-key";

async fn put(aws: &Aws, r#type: ParameterType) {
    let request = aws.ssm().put_parameter().name(NAME).value(VALUE).r#type(r#type);
    request.send().await.unwrap();
}

/// The value configures a second provider; the postcondition compares it, so that a wrong one fails the run.
fn configuration(region: &str) -> String {
    format!(
        r#"
terraform {{
  required_providers {{
    tap = {{ source = {PROVIDER_SOURCE:?} }}
  }}
}}
variable "expected" {{
  type      = string
  ephemeral = true
}}
provider "tap" {{}}
provider "tap" {{
  alias      = "with_the_key"
  access_key = "123456789012"
  secret_key = ephemeral.tap_api_key.payments.value
  # Another value would be refused: no region has that name. (A postcondition on the ephemeral resource would say it better,
  # but makes `terraform show -json` of 1.11.4 crash: "unsupported resource mode 69".)
  region = ephemeral.tap_api_key.payments.value == var.expected ? "us-east-1" : "another value"
}}
ephemeral "tap_api_key" "payments" {{
  parameter_name = {NAME:?}
  {region}
}}
data "tap_stack" "none" {{
  provider           = tap.with_the_key
  kind               = "webhook_pipeline"
  environment_suffix = "dev"
}}
output "exists" {{
  value = data.tap_stack.none.exists
}}
"#
    )
}

async fn terraform(aws: &Aws, region: &str) -> Terraform {
    let terraform = Terraform::new(aws).unwrap();
    let terraform = terraform
        .with_env("TF_VAR_expected", VALUE)
        .with_file("main.tf", &configuration(region))
        .unwrap();
    terraform.init().await.unwrap();
    terraform
}

#[tokio::test]
async fn the_key_reaches_its_use_and_neither_plan_nor_state_nor_log() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    put(&aws.in_region("eu-west-1"), ParameterType::SecureString).await;
    let terraform = terraform(&aws, "region = \"eu-west-1\"").await;
    let terraform = terraform.with_env("TF_LOG_PROVIDER", "TRACE");

    let plan = terraform.plan().await.unwrap();
    assert!(!plan.text.contains(VALUE) && !plan.json.to_string().contains(VALUE));
    terraform.apply_plan().await.unwrap();
    assert_eq!(terraform.outputs().await.unwrap()["exists"]["value"], false);

    // Standard output, standard error with the provider's log, state, plan: all lie in the folder.
    assert!(
        files_with(terraform.folder(), NAME)
            .iter()
            .any(|file| file.ends_with("main.tf"))
    );
    assert_eq!(files_with(terraform.folder(), VALUE), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_read_is_said_at_its_attribute() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    let terraform = terraform(&aws, "").await;
    let missing = terraform.plan().await.unwrap_err().to_string();
    assert!(missing.contains("The API key does not exist"), "{missing}");
    assert!(missing.contains("parameter_name"), "{missing}");

    put(&aws, ParameterType::String).await;
    let open = terraform.plan().await.unwrap_err().to_string();
    assert!(open.contains("is no SecureString"), "{open}");
    assert!(!open.contains(VALUE), "{open}");
}
