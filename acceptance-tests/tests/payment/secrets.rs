//! Secrets reach AWS and stay nowhere else: not in state, plan, stack record, trace log or error (R-07, R-08, N-05).

use crate::leaks::files_with;
use crate::site::{Site, stack};
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::proxy::{Fault, Proxy};
use tap_acceptance_tests::site::sandbox;

const PRIMARY: &str = "us-east-1";
const OTHER: &str = "us-west-2";
const BOTH: [&str; 2] = [PRIMARY, OTHER];
const SUFFIX: &str = "secrets";
const RECORD: &str = "/tap/payment_stack/secrets";

/// Long and odd enough to be found wherever they are.
const KEY: &str = "k3y-of-the-payments-9f2d71c4";
const SIGNING: [&str; 2] = ["s1gning-secret-of-may-77ab03", "s1gning-secret-of-june-0c9e1f"];

/// The secrets come in as ephemeral variables, so that the configuration itself has none.
const VARIABLES: &str = r#"
variable "key" {
  type      = string
  ephemeral = true
}
variable "signing" {
  type      = string
  ephemeral = true
}
"#;

fn configuration(api: &str) -> Configuration {
    stack(SUFFIX, &BOTH).with("api", api).with_block(VARIABLES)
}

/// The folder, which keeps what all commands wrote, holds none of these; nor does any version of the stack record.
async fn are_nowhere(site: &Site, secrets: &[&str]) {
    // What is looked for would be found in state, plan and log.
    let folder = site.terraform.folder();
    let known = files_with(folder, "us-west-2/ssm_parameter.table_name");
    for file in ["terraform.tfstate", "plan.tfplan", ".err"] {
        assert!(known.iter().any(|path| path.ends_with(file)), "no {file} in {known:?}");
    }
    let history = site
        .aws
        .ssm()
        .get_parameter_history()
        .name(RECORD)
        .with_decryption(true);
    let history = history.send().await.unwrap();
    let versions: Vec<&str> = history
        .parameters()
        .iter()
        .filter_map(|version| version.value())
        .collect();
    assert!(versions.iter().any(|record| record.contains(SUFFIX)), "{versions:?}");
    for secret in secrets {
        assert_eq!(files_with(folder, secret), Vec::<String>::new());
        assert!(!versions.iter().any(|record| record.contains(secret)), "{versions:?}");
    }
}

/// The key's value at API Gateway in each region, and in the parameter that names it.
async fn key_values(site: &Site) -> Vec<String> {
    let payments = site.payments().await;
    let mut values = Vec::new();
    for region in BOTH {
        values.push(payments.in_region(region).api_key().await.unwrap());
        let keys = site
            .aws
            .in_region(region)
            .api_gateway()
            .get_api_keys()
            .include_values(true);
        let keys = keys.send().await.unwrap();
        values.extend(keys.items().iter().filter_map(|key| key.value.clone()));
    }
    values
}

#[tokio::test]
async fn r07_r08_secrets_reach_aws_and_neither_state_plan_record_log_nor_error() {
    let proxy = Proxy::start(sandbox().await.endpoint()).await.unwrap();
    let site = Site::new(&configuration("{}")).await;
    let site = site
        .with_env("AWS_ENDPOINT_URL", proxy.endpoint())
        .with_env("TF_LOG", "TRACE")
        .with_env("TF_VAR_key", KEY)
        .with_env("TF_VAR_signing", &SIGNING.join("\n"));

    // A key that API Gateway makes: the same in both regions, known to nobody else.
    site.plan().await;
    site.apply().await;
    let generated = key_values(&site).await;
    assert_eq!(generated.len(), 4, "both regions, both places");
    assert!(generated[0].len() >= 20 && generated.iter().all(|value| *value == generated[0]));
    are_nowhere(&site, &[&generated[0]]).await;

    // One of the user's. The first attempt fails at the very call that carries it.
    site.configure(&configuration(
        "{ api_key = { value_wo = var.key, value_wo_version = 1 } }",
    ));
    proxy.inject("apigateway:POST /apikeys", Fault::denied());
    let failure = site.failing_apply().await;
    assert!(failure.contains("apigateway:CreateApiKey"), "{failure}");
    proxy.heal();
    site.plan().await;
    site.apply().await;
    assert_eq!(key_values(&site).await, [KEY; 4]);
    are_nowhere(&site, &[&generated[0], KEY]).await;

    // Secrets of signed requests; one region refuses everything at first.
    let hmac = "{ authorization = \"hmac\", hmac = { secrets_wo = var.signing, secrets_wo_version = 1 } }";
    site.configure(&configuration(hmac));
    proxy.inject_in(OTHER, Fault::denied());
    let failure = site.failing_apply().await;
    assert!(failure.contains("us-west-2/ssm_parameter.hmac_secrets"), "{failure}");
    proxy.heal();
    site.plan().await;
    site.apply().await;
    for region in BOTH {
        let parameter = site.aws.in_region(region).ssm().get_parameter();
        let parameter = parameter.name("/payment/secrets/hmac-secrets").with_decryption(true);
        let parameter = parameter.send().await.unwrap().parameter.unwrap();
        assert_eq!(parameter.value(), Some(SIGNING.join("\n").as_str()), "{region}");
    }
    are_nowhere(&site, &[&generated[0], KEY, SIGNING[0], SIGNING[1]]).await;
    site.destroy(&BOTH).await;
}
