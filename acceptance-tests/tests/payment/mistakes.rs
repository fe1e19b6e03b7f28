//! What a plan refuses, and how: the attribute is named, and what to do. All cases are in the unit tests of
//! `resources/src/payment_stack/validate`; here some go through the real terraform.

use crate::site::{Site, stack};

const REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];

/// An attribute, its bad expression, and what the refusal must say.
const MISTAKES: [(&str, &str, &[&str]); 17] = [
    (
        "regions",
        "[\"us-east-1\", \"us-east-1\"]",
        &["regions[1]", "each region once"],
    ),
    (
        "regions",
        "[\"Virginia\"]",
        &["regions[0]", "the name of an AWS region"],
    ),
    (
        "regions",
        "[\"us-east-1\", \"us-wets-2\"]",
        &["regions[1]", "did you mean us-west-2?", "skip_region_validation"],
    ),
    (
        "regions",
        "[\"us-east-1\", \"us-gov-west-1\"]",
        &["regions[1]", "partition aws-us-gov"],
    ),
    (
        "regions",
        "[\"cn-north-1\", \"cn-northwest-1\"]",
        &["regions[0]", "credentials are for aws"],
    ),
    (
        "region_overrides",
        "{ us-east-1 = { subnet_ids = [\"subnet-1\"], security_group_ids = [\"sg-0123456789abcdef0\"] } }",
        &["subnet_ids[0]", "subnet-0123456789abcdef0"],
    ),
    (
        "topics",
        "{ subscriptions = [{ protocol = \"sqs\", endpoint = \"arn:aws:sqs:us-east-1:111122223333:q.fifo\" }] }",
        &["topics.subscriptions[0].endpoint", "standard queue"],
    ),
    ("log_retention_in_days", "8", &["log_retention_in_days", "7"]),
    (
        "table",
        "{ consistency_mode = \"STRONG\" }",
        &["table.consistency_mode", "or two and a `witness_region`"],
    ),
    (
        "kms",
        "{ key_arn = \"arn:aws:kms:us-east-1:111122223333:key/x\" }",
        &["kms.key_arn", "region_overrides"],
    ),
    (
        "processor",
        "{ environment = { AWS_REGION = \"x\" } }",
        &["processor.environment[\"AWS_REGION\"]", "choose another name"],
    ),
    (
        "processor",
        "{ timeout = 900 }",
        &["processor.timeout", "29 seconds or less"],
    ),
    (
        "domain",
        "{ enabled = true, name = \"pay.example.com\", hosted_zone_id = \"Z1\" }",
        &[
            "domain.certificate_arns[\"us-west-2\"]",
            "certificate of the API's region",
        ],
    ),
    (
        "api",
        "{ cors = { allow_origins = [\"*\"] } }",
        &["api.cors.allow_origins", "list the origins"],
    ),
    (
        "api",
        "{ api_key = { value_wo = \"short\", value_wo_version = 1 } }",
        &["api.api_key.value_wo", "20"],
    ),
    (
        "topics",
        "{ subscriptions = [{ protocol = \"sms\", endpoint = \"0151\" }] }",
        &["topics.subscriptions[0].endpoint", "E.164"],
    ),
    (
        "event_failover",
        "{ enabled = true }",
        &["event_failover.enabled", "workflow.enabled = true"],
    ),
];

#[tokio::test]
async fn mistakes_are_refused_at_plan_time_with_the_attributes_path() {
    let site = Site::new(&stack("bad", &REGIONS)).await;
    for (attribute, expression, expected) in MISTAKES {
        site.configure(&stack("bad", &REGIONS).with(attribute, expression));
        let refusal = match site.terraform.plan().await {
            Ok(plan) => panic!("{attribute} = {expression} should have been refused:\n{}", plan.text),
            Err(error) => error.to_string(),
        };
        // Without line breaks and alignment, which depend on lengths.
        let refusal = refusal
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect::<Vec<_>>()
            .join(" ");
        for words in expected {
            assert!(
                refusal.contains(words),
                "{attribute} = {expression}: no {words:?} in {refusal}"
            );
        }
        assert!(!refusal.contains("\"short\""), "a write-only value is shown: {refusal}");
    }
}
