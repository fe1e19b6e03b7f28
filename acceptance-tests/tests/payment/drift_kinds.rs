//! Drift of the kinds that no other stack has in its tests: domain and DNS, firewall, replica keys, layers, subscriptions.
//! One plan shows exactly what was changed or deleted by hand, one apply mends it (9.2, item 15).

use crate::site::{Site, give_up_zone, new_zone, stack};
use std::collections::BTreeSet;
use std::io::Write as _;
use tap_acceptance_tests::Hand;
use tap_acceptance_tests::payment::ADDRESS;
use tap_acceptance_tests::pipeline::Configuration;

/// The primary region, and the other one.
const REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];
const DOMAIN: &str = "pay.example.com";

/// Kind, and what the plan says once [`Hand::change`] has changed the component.
const CHANGED: [(&str, &str); 8] = [
    (
        "api_base_path_mapping",
        "us-west-2/api_base_path_mapping.payments.stage",
    ),
    ("api_domain_name", "us-west-2/api_domain_name.payments.security_policy"),
    ("kms_replica_key", "us-west-2/kms_replica_key.shared.description"),
    (
        "route53_health_check",
        "us-west-2/route53_health_check.api.failure_threshold",
    ),
    ("route53_record", "route53_record.pay_example_com_primary_a.alias"),
    (
        "sns_subscription",
        "us-east-1/sns_subscription.sqs_partner.filter_policy",
    ),
    ("wafv2_association", "us-west-2/wafv2_association.api.web_acl_arn"),
    ("wafv2_logging", "us-west-2/wafv2_logging.api.redacted_headers"),
];

/// Kinds of which nothing can drift in place, and why.
const UNCHANGEABLE: [(&str, &str); 1] = [(
    "lambda_layer_version",
    "AWS keeps a version of a layer as it was published: it can only be deleted",
)];

/// Kinds that drift in the tests of the webhook pipeline (`pipeline/drift_kinds.rs`), or cannot for the reasons given there.
const IN_THE_PIPELINE: [&str; 32] = [
    "api_account",
    "api_deployment",
    "api_gateway_response",
    "api_key",
    "api_key_parameter",
    "api_method",
    "api_model",
    "api_request_validator",
    "api_resource",
    "api_stage",
    "api_usage_plan",
    "api_usage_plan_key",
    "dashboard",
    "dynamodb_table",
    "event_bus",
    "event_rule",
    "event_target",
    "iam_role",
    "kms_alias",
    "kms_key",
    "lambda_alias",
    "lambda_event_source_mapping",
    "lambda_function",
    "lambda_permission",
    "log_group",
    "metric_alarm",
    "rest_api",
    "s3_bucket",
    "schedule",
    "sns_topic",
    "sqs_queue",
    "state_machine",
];

/// Kinds that drift in [`crate::drift`], and `wafv2_web_acl`, which does in the pipeline.
const IN_DRIFT: [&str; 6] = [
    "dynamodb_table_replica",
    "metric_filter",
    "s3_bucket_replication",
    "ssm_parameter",
    "wafv2_ip_set",
    "wafv2_web_acl",
];

/// Kind, and the component of it that [`Hand::delete`] deletes. Of the rest only what AWS lets one delete while the others
/// are there: no address set that a web ACL names, no web ACL in front of a stage.
const DELETED: [(&str, &str); 9] = [
    ("api_base_path_mapping", "us-east-1/api_base_path_mapping.payments"),
    ("api_domain_name", "us-west-2/api_domain_name.payments"),
    ("dynamodb_table_replica", "us-west-2/dynamodb_table_replica.idempotency"),
    ("lambda_layer_version", "us-west-2/lambda_layer_version.common"),
    ("route53_health_check", "us-west-2/route53_health_check.api"),
    ("route53_record", "route53_record.pay_example_com_primary_aaaa"),
    ("sns_subscription", "us-east-1/sns_subscription.sqs_partner"),
    ("wafv2_association", "us-west-2/wafv2_association.api"),
    ("wafv2_logging", "us-east-1/wafv2_logging.api"),
];

/// What does not exist without one of these.
const GONE_ALONG: [&str; 1] = ["us-west-2/api_base_path_mapping.payments"];

/// A stack with every kind, in an account that has a zone and a queue for it; and the id of the zone.
async fn applied(suffix: &str) -> (Site, String) {
    let site = Site::new(&stack(suffix, &REGIONS)).await;
    let layer = site.terraform.folder().join("layer.zip");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&layer).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("lib/rules.json", options).unwrap();
    archive.write_all(b"{}").unwrap();
    archive.finish().unwrap();
    let zone = new_zone(&site.aws, "example.com").await;
    let account = site.aws.account();
    let certificate = |region: &str| format!("{region:?} = \"arn:aws:acm:{region}:{account}:certificate/{region}\"");
    let domain = format!(
        "{{ enabled = true, name = {DOMAIN:?}, hosted_zone_id = {zone:?}, certificate_arns = {{ {} }} }}",
        REGIONS.map(certificate).join(", ")
    );
    let topics = "{ subscriptions = [{ protocol = \"sqs\", endpoint = \"partner\", filter_policy = jsonencode({ alert_type = [\"DLQ_MESSAGE\"] }) }] }";
    let topics = topics.replace("\"partner\"", &format!("\"arn:aws:sqs:us-east-1:{account}:partner\""));
    let configuration: Configuration = stack(suffix, &REGIONS)
        .with("domain", &domain)
        .with("kms", "{ multi_region = true }")
        .with(
            "layer",
            &format!("{{ enabled = true, zip_path = {:?} }}", layer.display().to_string()),
        )
        .with("topics", &topics)
        .with("waf", "{ allow_ip_cidrs = [\"203.0.113.0/24\"] }")
        // With a queue between processor and accounting there is a schedule that looks for what is stuck in it.
        .with("processor", "{ response_mode = \"queue\" }")
        .with("workflow", "{ enabled = true }")
        .with("event_failover", "{ enabled = true }");
    site.configure(&configuration);
    site.apply().await;
    site.must_be_settled().await;
    (site, zone)
}

async fn hand(site: &Site) -> Hand {
    let payments = site.payments().await;
    Hand::new(&site.aws, &payments)
}

async fn end(site: Site, zone: &str) {
    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    give_up_zone(&site.aws, zone).await;
    for region in REGIONS {
        assert_eq!(site.left_in(region).await, Vec::<String>::new(), "{region}");
    }
}

/// The subscription's key holds its endpoint.
const SHORT: &str = "sqs_partner";

fn endpoint(site: &Site) -> String {
    format!("sqs_arn_aws_sqs_us_east_1_{}_partner", site.aws.account())
}

/// The key of a component that the tables above call by a short one.
fn long(site: &Site, component: &str) -> String {
    component.replace(SHORT, &endpoint(site))
}

/// What the plan says, with the subscription's long key made short.
async fn shown(site: &Site) -> BTreeSet<String> {
    let changes = site.plan().await.component_changes(ADDRESS);
    let short = changes.iter().map(|change| change.replace(&endpoint(site), SHORT));
    short.collect()
}

#[tokio::test]
async fn a_changed_setting_of_every_kind_shows_alone_and_is_put_right() {
    let (site, zone) = applied("kinds").await;
    let hand = hand(&site).await;
    let known = CHANGED.iter().chain(&UNCHANGEABLE).map(|(kind, _)| *kind);
    let known: BTreeSet<&str> = known.chain(IN_THE_PIPELINE).chain(IN_DRIFT).collect();
    assert_eq!(hand.kinds(), known, "kinds of the stack and kinds of the tables");
    for (_, change) in CHANGED {
        let (component, _) = change.rsplit_once('.').unwrap();
        hand.change(&long(&site, component)).await.unwrap();
    }

    let shown = shown(&site).await;

    let expected: BTreeSet<String> = CHANGED.iter().map(|(_, change)| (*change).to_owned()).collect();
    assert_eq!(shown, expected);
    site.apply_plan().await;
    site.must_be_settled().await;
    hand.tidy_up().await.unwrap();
    end(site, &zone).await;
}

/// What is gone is made again, alone; what refers to it may have to be told.
#[tokio::test]
async fn a_deleted_object_of_every_kind_is_made_again() {
    let (site, zone) = applied("kgaps").await;
    let hand = hand(&site).await;
    for (_, component) in DELETED {
        hand.delete(&long(&site, component)).await.unwrap();
    }

    let shown = shown(&site).await;

    let made: BTreeSet<&str> = shown.iter().filter_map(|change| change.strip_prefix('+')).collect();
    let gone: BTreeSet<&str> = DELETED.iter().map(|(_, key)| *key).chain(GONE_ALONG).collect();
    assert_eq!(made, gone, "{shown:#?}");
    let removed: Vec<&String> = shown.iter().filter(|change| change.starts_with('-')).collect();
    assert!(removed.is_empty(), "{removed:?}");
    site.apply_plan().await;
    site.must_be_settled().await;
    let before = hand.keys();
    assert_eq!(before, self::hand(&site).await.keys());
    end(site, &zone).await;
}
