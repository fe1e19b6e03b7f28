//! Drift in a secondary region, of the kinds that only this stack has: each shows as exactly that setting and is put right;
//! what was deleted is made again.

use crate::site::{Site, stack};
use std::collections::BTreeSet;
use tap_acceptance_tests::payment::ADDRESS;

use aws_sdk_cloudwatchlogs::types::MetricTransformation;
use aws_sdk_ssm::types::{ResourceTypeForTagging, Tag};
use aws_sdk_wafv2::types::Scope;
use tap_acceptance_tests::Aws;

const REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];
const HERE: &str = "us-west-2";

/// What the plan says after [`meddle`].
const CHANGED: [&str; 7] = [
    "us-west-2/dynamodb_table_replica.payments.deletion_protection_enabled",
    "us-west-2/kms_key.shared.description",
    "us-west-2/lambda_alias.processor.description",
    "us-west-2/metric_filter.approvals.filter_pattern",
    "us-west-2/s3_bucket_replication.receipts.rules",
    "us-west-2/ssm_parameter.table_name.tags",
    "us-west-2/wafv2_ip_set.allowed_ipv4.addresses",
];

#[tokio::test]
async fn drift_in_one_region_shows_there_alone_and_is_put_right() {
    let configuration = stack("drift", &REGIONS).with("waf", "{ allow_ip_cidrs = [\"203.0.113.0/24\"] }");
    let site = Site::applied(&configuration).await;
    let payments = site.payments().await;
    let id = |key: &str| {
        payments.components()[&format!("{HERE}/{key}")]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    meddle(&site.aws.in_region(HERE), id).await;

    let plan = site.plan().await;

    assert_eq!(
        plan.component_changes(ADDRESS),
        BTreeSet::from(CHANGED.map(str::to_owned)),
        "{}",
        plan.text
    );
    site.apply_plan().await;
    site.must_be_settled().await;

    let aws = site.aws.in_region(HERE);
    let (group, filter) = parts(&id("metric_filter.approvals"));
    let delete = aws
        .logs()
        .delete_metric_filter()
        .log_group_name(group)
        .filter_name(filter);
    delete.send().await.unwrap();
    aws.ssm()
        .delete_parameter()
        .name(id("ssm_parameter.table_name"))
        .send()
        .await
        .unwrap();
    aws.s3()
        .delete_bucket_replication()
        .bucket(id("s3_bucket_replication.receipts"))
        .send()
        .await
        .unwrap();

    let plan = site.plan().await;

    let made = [
        "metric_filter.approvals",
        "s3_bucket_replication.receipts",
        "ssm_parameter.table_name",
    ];
    let expected: BTreeSet<String> = made.iter().map(|key| format!("+{HERE}/{key}")).collect();
    assert_eq!(plan.component_changes(ADDRESS), expected, "{}", plan.text);
    site.apply_plan().await;
    site.must_be_settled().await;
    site.destroy(&REGIONS).await;
}

fn parts(id: &str) -> (String, String) {
    let (first, second) = id.split_once('|').unwrap();
    (first.to_owned(), second.to_owned())
}

/// Changes one setting of each kind by hand.
async fn meddle(aws: &Aws, id: impl Fn(&str) -> String) {
    let (table, _) = parts(&id("dynamodb_table_replica.payments"));
    let update = aws
        .dynamodb()
        .update_table()
        .table_name(table)
        .deletion_protection_enabled(true);
    update.send().await.unwrap();
    let update = aws
        .kms()
        .update_key_description()
        .key_id(id("kms_key.shared"))
        .description("mine");
    update.send().await.unwrap();
    let (function, alias) = parts(&id("lambda_alias.processor"));
    let update = aws
        .lambda()
        .update_alias()
        .function_name(function)
        .name(alias)
        .description("mine");
    update.send().await.unwrap();
    let (group, filter) = parts(&id("metric_filter.approvals"));
    let filters = aws
        .logs()
        .describe_metric_filters()
        .log_group_name(&group)
        .filter_name_prefix(&filter);
    let transformation: MetricTransformation =
        filters.send().await.unwrap().metric_filters()[0].metric_transformations()[0].clone();
    let put = aws.logs().put_metric_filter().log_group_name(group).filter_name(filter);
    put.filter_pattern("ERROR")
        .metric_transformations(transformation)
        .send()
        .await
        .unwrap();
    let bucket = id("s3_bucket_replication.receipts");
    let replication = aws.s3().get_bucket_replication().bucket(&bucket).send().await.unwrap();
    let mut replication = replication.replication_configuration.unwrap();
    replication.rules[0].status = aws_sdk_s3::types::ReplicationRuleStatus::Disabled;
    let put = aws
        .s3()
        .put_bucket_replication()
        .bucket(bucket)
        .replication_configuration(replication);
    put.send().await.unwrap();
    // Its value is a SecureString's: not read, so that drift of it does not show.
    let tag = Tag::builder().key("mine").value("yes").build().unwrap();
    let add = aws
        .ssm()
        .add_tags_to_resource()
        .resource_id(id("ssm_parameter.table_name"));
    let add = add.resource_type(ResourceTypeForTagging::Parameter).tags(tag);
    add.send().await.unwrap();
    let ip_set = id("wafv2_ip_set.allowed_ipv4");
    let mut parts = ip_set.split('|');
    let (ip_set, name) = (parts.next().unwrap(), parts.next().unwrap());
    let got = aws
        .wafv2()
        .get_ip_set()
        .id(ip_set)
        .name(name)
        .scope(Scope::Regional)
        .send()
        .await
        .unwrap();
    let update = aws.wafv2().update_ip_set().id(ip_set).name(name).scope(Scope::Regional);
    let update = update
        .addresses("198.51.100.0/24")
        .lock_token(got.lock_token().unwrap());
    update.send().await.unwrap();
}
