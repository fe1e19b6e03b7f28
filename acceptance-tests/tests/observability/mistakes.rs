//! What a plan refuses, and how: the attribute is named, and what to do (9.2, items 11 to 13).

use crate::site::{CANARY, Site, complete};
use tap_acceptance_tests::observability::configuration;
use tap_acceptance_tests::site::{Mistake, one_line};

const MISTAKES: [Mistake; 19] = [
    (
        "environment_suffix",
        "\"Prod_1\"",
        &["environment_suffix", "lower-case letters"],
    ),
    ("log_retention_in_days", "31", &["log_retention_in_days", "30"]),
    (
        "log_group_class",
        "\"INFREQUENT_ACCESS\"",
        &["log_group_class", "STANDARD"],
    ),
    // O-05
    (
        "lambda",
        "{ environment = { AWS_REGION = \"us-east-1\" } }",
        &[
            "lambda_function.metrics",
            "environment",
            "AWS_REGION",
            "reserved by Lambda",
        ],
    ),
    // O-06
    ("canary", "{ enabled = true }", &["canary.url"]),
    (
        "canary",
        "{ url = \"pay.internal/health\" }",
        &["canary.url", "absolute URL"],
    ),
    // O-07
    (
        "canary",
        "{ url = \"https://pay.internal/\", name = \"Health\" }",
        &["canary.name", "lower-case"],
    ),
    // O-04: known to be deprecated; and the list asked of AWS, here of the sandbox
    (
        "canary",
        "{ url = \"https://pay.internal/\", runtime_version = \"syn-nodejs-puppeteer-7.0\" }",
        &["canary.runtime_version", "deprecated", "syn-nodejs-puppeteer-7.0"],
    ),
    (
        "canary",
        "{ url = \"https://pay.internal/\", runtime_version = \"syn-nodejs-puppeteer-99.0\" }",
        &[
            "canary.health: runtime_version",
            "no runtime syn-nodejs-puppeteer-99.0",
            "syn-nodejs-puppeteer-15.0",
        ],
    ),
    (
        "canary",
        "{ url = \"https://pay.internal/\", runtime_version = \"nodejs20.x\" }",
        &["canary.runtime_version", "Puppeteer runtime"],
    ),
    (
        "canary",
        "{ url = \"https://pay.internal/\", headers = { Authorization = \"Bearer x\" } }",
        &["canary.headers", "headers_ssm_parameter"],
    ),
    (
        "canary",
        "{ url = \"https://pay.internal/\", schedule_expression = \"rate(2 hours)\" }",
        &["canary.schedule_expression", "at most one hour"],
    ),
    // O-13
    ("api_error_alarm", "{ enabled = true }", &["api.name", "ApiName"]),
    ("latency_alarm", "{ enabled = true }", &["latency_alarm.threshold_ms"]),
    (
        "api_error_alarm",
        "{ threshold_percent = 101 }",
        &["api_error_alarm.threshold_percent", "100"],
    ),
    (
        "lambda_error_alarm",
        "{ period = 61 }",
        &["lambda_error_alarm.period", "multiple of 60"],
    ),
    (
        "alarm_subscriptions",
        "[{ protocol = \"sms\", endpoint = \"0123\" }]",
        &["sns_subscription.sms_0123", "endpoint", "E.164"],
    ),
    (
        "alarm_email_endpoints",
        "[\"nobody\"]",
        &["alarm_email_endpoints[0]", "e-mail address"],
    ),
    (
        "dashboard",
        "{ additional_widgets_json = \"{}\" }",
        &["dashboard.additional_widgets_json", "array"],
    ),
];

#[tokio::test]
async fn mistakes_are_refused_at_plan_time_with_the_attributes_path() {
    let valid = configuration("mistakes");
    let site = Site::new(&valid).await;
    site.must_refuse(&valid, &MISTAKES).await;
}

/// A runtime list that cannot be had is a warning: the plan goes on. Synthetics is reached by the provider's `endpoints`.
#[tokio::test]
async fn without_the_list_of_runtimes_the_plan_goes_on_with_a_warning() {
    let nowhere = "  endpoints = { synthetics = \"http://127.0.0.1:9\" }\n";
    let configuration = configuration("nolist").with("canary", CANARY);
    let site = Site::new(&configuration.with_provider(nowhere)).await;
    let plan = site.plan().await;
    let text = one_line(&plan.text);
    assert!(text.contains("could not be checked"), "{}", plan.text);
}

/// A canary whose runtime has been deprecated since stays plannable; only changing it is refused.
#[tokio::test]
async fn an_old_canary_stays_as_it_is() {
    let configuration = complete("old");
    let site = Site::new(&configuration).await;
    let here = format!("  endpoints = {{ synthetics = {:?} }}\n", site.aws.endpoint());
    site.configure(&configuration.with_provider(&here));
    site.apply().await;
    site.must_be_settled().await;
    site.destroy().await;
}
