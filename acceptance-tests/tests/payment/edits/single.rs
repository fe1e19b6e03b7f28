//! Edits of what belongs to one region, and of what needs a key, a network or a file: made before the stack.

use super::{anything, give_up_key, live_together, must_be_planned, new_key};
use crate::site::{Site, stack};
use std::io::Write as _;
use tap_acceptance_tests::edited::Edit;
use tap_acceptance_tests::pipeline::Configuration;

const HERE: &str = "us-east-1";

/// What would keep queue, bucket or log class from being edited, switched off: attribute and expression.
pub(crate) const WITHOUT: &[(&str, &str)] = &[
    ("accounting", "{ enabled = false }"),
    ("failure_notifier", "{ enabled = false }"),
    ("audit", "{ enabled = false }"),
    ("kpi_filters", "[]"),
    ("alarms", "{ enabled = false }"),
];

pub(super) fn configuration() -> Configuration {
    let base = stack("single", &[HERE]).with("allow_data_loss", "true");
    WITHOUT
        .iter()
        .fold(base, |all, (attribute, expression)| all.with(attribute, expression))
}

#[tokio::test]
async fn edits_in_one_region_are_planned_exactly_and_applied_together() {
    let site = Site::new(&configuration()).await;
    let key = new_key(&site.aws).await;
    let base = configuration().with_block(&what_there_is(&site, &key).await);
    site.configure(&base);
    site.apply().await;
    must_be_planned(&site, &base, &[EDITS, FROM_S3].concat(), anything).await;
    live_together(&site, &base, EDITS).await;
    give_up_key(&site.aws, &key).await;
    site.destroy(&[HERE]).await;
}

/// A key, the account's own network and a zip, as locals.
pub(crate) async fn what_there_is(site: &Site, key: &str) -> String {
    let ec2 = site.aws.ec2();
    let subnets = ec2.describe_subnets().send().await.unwrap().subnets.unwrap();
    let subnets: Vec<String> = subnets
        .into_iter()
        .filter_map(|subnet| subnet.subnet_id)
        .take(2)
        .collect();
    let tables = ec2.describe_route_tables().send().await.unwrap().route_tables.unwrap();
    let table = tables[0].route_table_id.clone().unwrap();
    let file = site.terraform.folder().join("code.zip");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&file).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("bootstrap", options).unwrap();
    archive.write_all(b"#!/bin/sh\n").unwrap();
    archive.finish().unwrap();
    let file = file.display().to_string();
    format!("locals {{\n  key = {key:?}\n  subnets = {subnets:?}\n  route_table = {table:?}\n  zip = {file:?}\n}}")
}

/// What belongs to one region, or needs something in the account; planned each by itself, then applied together.
pub(crate) const EDITS: &[Edit] = &[
    (
        "lambda_env_kms_key_arn",
        "local.key",
        &["iam_role", "lambda_alias", "lambda_function"],
    ),
    (
        "layer",
        "{ enabled = true, name = \"rules\", zip_path = local.zip }",
        &["lambda_alias", "lambda_function", "lambda_layer_version"],
    ),
    (
        "lambda_package",
        "{ zip_path = local.zip }",
        &["lambda_alias", "lambda_function"],
    ),
    (
        "kms",
        "{ key_arn = local.key }",
        &[
            "api_key_parameter",
            "dynamodb_table",
            "iam_role",
            "kms_alias",
            "kms_key",
            "lambda_alias",
            "lambda_function",
            "log_group",
            "s3_bucket",
            "sns_topic",
            "sqs_queue",
            "ssm_parameter",
        ],
    ),
    (
        "table",
        "{ billing_mode = \"PROVISIONED\", read_capacity = 5, write_capacity = 5 }",
        &["dynamodb_table"],
    ),
    ("table", "{ stream_view_type = \"KEYS_ONLY\" }", &["dynamodb_table"]),
    (
        "table",
        "{ sse = { kms_key_arn = local.key } }",
        &["dynamodb_table", "iam_role"],
    ),
    ("api", "{ endpoint_type = \"EDGE\" }", &["rest_api"]),
    (
        "api",
        "{ authorization = \"hmac\", hmac = { secret_ssm_parameter = \"/partner/secrets\", kms_key_arn = local.key } }",
        &[
            "api_deployment",
            "api_key",
            "api_key_parameter",
            "api_method",
            "api_stage",
            "api_usage_plan",
            "api_usage_plan_key",
            "iam_role",
            "lambda_alias",
            "lambda_function",
        ],
    ),
    ("queue", "{ enabled = false }", &["dashboard", "sqs_queue"]),
    (
        "receipts_bucket",
        "{ enabled = false }",
        &["s3_bucket", "ssm_parameter"],
    ),
    (
        "workflow",
        "{ enabled = true }",
        &["dashboard", "iam_role", "kms_key", "log_group", "state_machine"],
    ),
    (
        "log_group_class",
        "\"INFREQUENT_ACCESS\"",
        &[
            "api_stage",
            "iam_role",
            "lambda_alias",
            "lambda_function",
            "log_group",
            "wafv2_logging",
        ],
    ),
    (
        "vpc",
        "{ subnet_ids = local.subnets, security_group_ids = [\"sg-00000001\"], endpoints = { enabled = true, services = [\"dynamodb\", \"sqs\"], private_dns_enabled = false, security_group_ids = [\"sg-00000002\"], route_table_ids = [local.route_table], subnet_ids = [local.subnets[0]] } }",
        &["iam_role", "lambda_alias", "lambda_function", "vpc_endpoint"],
    ),
    (
        "region_overrides",
        "{ us-east-1 = { kms_key_arn = local.key } }",
        &[
            "api_key_parameter",
            "dynamodb_table",
            "iam_role",
            "kms_alias",
            "kms_key",
            "lambda_alias",
            "lambda_function",
            "log_group",
            "s3_bucket",
            "sns_topic",
            "sqs_queue",
            "ssm_parameter",
        ],
    ),
    (
        "region_overrides",
        "{ us-east-1 = { subnet_ids = local.subnets, security_group_ids = [\"sg-00000001\"] } }",
        &["iam_role", "lambda_alias", "lambda_function"],
    ),
];

/// A package is in one place: this one is not applied, as nothing is there.
pub(crate) const FROM_S3: &[Edit] = &[(
    "lambda_package",
    "{ s3_bucket = \"code-of-ours\", s3_key = \"handlers.zip\", s3_object_version = \"3\", source_hash = \"2\" }",
    &["lambda_alias", "lambda_function"],
)];
