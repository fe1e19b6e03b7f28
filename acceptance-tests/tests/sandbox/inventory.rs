//! "Nothing is left" is worth something only when the inventory sees every kind: one of each is made and must show.

use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic};
use aws_sdk_cloudwatchlogs::types::MetricTransformation;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, HealthCheckConfig, HealthCheckType, ResourceRecord, ResourceRecordSet, RrType,
};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use aws_sdk_synthetics::types::{CanaryCodeInput, CanaryScheduleInput};
use aws_sdk_wafv2::types::{AllowAction, DefaultAction, IpAddressVersion, Scope, VisibilityConfig};
use std::collections::BTreeSet;
use std::io::Write;
use tap_acceptance_tests::{Aws, Sandbox};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
const ALL_KINDS: [&str; 36] = [
    "alarm",
    "api_base_path_mapping",
    "api_domain_name",
    "api_key",
    "canary",
    "dashboard",
    "dns_record",
    "dynamodb_table",
    "ecr_repository",
    "event_archive",
    "event_bus",
    "event_rule",
    "health_check",
    "iam_policy",
    "iam_role",
    "ip_set",
    "kms_alias",
    "kms_key",
    "lambda_event_source_mapping",
    "lambda_function",
    "lambda_layer",
    "log_group",
    "log_resource_policy",
    "metric_filter",
    "rest_api",
    "s3_bucket",
    "schedule",
    "schedule_group",
    "sns_subscription",
    "sns_topic",
    "sqs_queue",
    "ssm_parameter",
    "state_machine",
    "usage_plan",
    "vpc_endpoint",
    "web_acl",
];

#[tokio::test]
async fn the_inventory_sees_every_kind() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    create_table(&aws, "transactions-dev").await;
    make_keys_and_storage(&aws).await;
    make_messaging(&aws).await;
    make_compute(&aws).await;
    make_api(&aws).await;
    make_operations(&aws).await;
    make_canary(&aws).await;
    make_names(&aws).await;

    let inventory = aws.inventory().await.unwrap();
    let seen: BTreeSet<&str> = inventory.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ALL_KINDS);
    let canarys_own = 1; // Synthetics makes a function for it
    assert_eq!(
        inventory.len(),
        ALL_KINDS.len() + canarys_own,
        "one of each: {inventory:#?}"
    );
}

pub(crate) async fn create_table(aws: &Aws, name: &str) {
    let key = KeySchemaElement::builder()
        .attribute_name("id")
        .key_type(KeyType::Hash)
        .build()
        .unwrap();
    let id = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let table = aws
        .dynamodb()
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    table.key_schema(key).attribute_definitions(id).send().await.unwrap();
}

fn arn(aws: &Aws, service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{}:{}:{resource}", aws.region(), aws.account())
}

async fn make_keys_and_storage(aws: &Aws) {
    let kms = aws.kms();
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    kms.create_alias()
        .alias_name("alias/data")
        .target_key_id(&key)
        .send()
        .await
        .unwrap();
    let gone = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    kms.schedule_key_deletion().key_id(gone).send().await.unwrap();
    aws.s3()
        .create_bucket()
        .bucket(format!("audit-{}", aws.account()))
        .send()
        .await
        .unwrap();
    aws.ecr()
        .create_repository()
        .repository_name("validator")
        .send()
        .await
        .unwrap();
    aws.ssm()
        .put_parameter()
        .name("/tap/x")
        .value("1")
        .r#type("String".into())
        .send()
        .await
        .unwrap();
}

async fn make_messaging(aws: &Aws) {
    let topic = aws
        .sns()
        .create_topic()
        .name("alerts")
        .send()
        .await
        .unwrap()
        .topic_arn
        .unwrap();
    aws.sqs().create_queue().queue_name("dlq").send().await.unwrap();
    let subscription = aws
        .sns()
        .subscribe()
        .topic_arn(topic)
        .protocol("sqs")
        .endpoint(arn(aws, "sqs", "dlq"));
    subscription.send().await.unwrap();
    let events = aws.eventbridge();
    let bus = events
        .create_event_bus()
        .name("payments")
        .send()
        .await
        .unwrap()
        .event_bus_arn
        .unwrap();
    let rule = events
        .put_rule()
        .name("high")
        .event_bus_name("payments")
        .event_pattern(r#"{"source": ["a"]}"#);
    rule.send().await.unwrap();
    events
        .create_archive()
        .archive_name("payments")
        .event_source_arn(bus)
        .send()
        .await
        .unwrap();
    let target = Target::builder()
        .arn(arn(aws, "sqs", "dlq"))
        .role_arn("arn:aws:iam::1:role/r")
        .build()
        .unwrap();
    let at_once = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .unwrap();
    let scheduler = aws.scheduler();
    scheduler.create_schedule_group().name("tap").send().await.unwrap();
    let daily = scheduler
        .create_schedule()
        .name("daily")
        .group_name("tap")
        .schedule_expression("cron(15 2 * * ? *)");
    daily.target(target).flexible_time_window(at_once).send().await.unwrap();
}

async fn make_compute(aws: &Aws) {
    let iam = aws.iam();
    let role = iam
        .create_role()
        .role_name("validator")
        .assume_role_policy_document(TRUST)
        .send()
        .await
        .unwrap();
    let role = role.role.unwrap().arn;
    iam.create_policy()
        .policy_name("deploy")
        .policy_document(ALLOW)
        .send()
        .await
        .unwrap();
    let image = aws_sdk_lambda::types::FunctionCode::builder()
        .image_uri("1.dkr.ecr.us-east-1.amazonaws.com/a:b")
        .build();
    let function = aws
        .lambda()
        .create_function()
        .function_name("validator")
        .role(&role)
        .code(image);
    function
        .package_type(aws_sdk_lambda::types::PackageType::Image)
        .send()
        .await
        .unwrap();
    let mapping = aws.lambda().create_event_source_mapping().function_name("validator");
    mapping
        .event_source_arn(arn(aws, "sqs", "dlq"))
        .enabled(false)
        .send()
        .await
        .unwrap();
    let machine = aws
        .step_functions()
        .create_state_machine()
        .name("workflow")
        .role_arn(role);
    let definition = r#"{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}"#;
    machine.definition(definition).send().await.unwrap();
}

async fn make_api(aws: &Aws) {
    let api = aws.api_gateway();
    api.create_rest_api().name("webhook").send().await.unwrap();
    api.create_api_key().name("client").send().await.unwrap();
    api.create_usage_plan().name("standard").send().await.unwrap();
    let visible = VisibilityConfig::builder()
        .sampled_requests_enabled(true)
        .cloud_watch_metrics_enabled(true);
    let visible = visible.metric_name("acl").build().unwrap();
    let allow = DefaultAction::builder().allow(AllowAction::builder().build()).build();
    let acl = aws
        .wafv2()
        .create_web_acl()
        .name("acl")
        .scope(Scope::Regional)
        .default_action(allow);
    acl.visibility_config(visible).send().await.unwrap();
}

async fn make_operations(aws: &Aws) {
    aws.logs()
        .create_log_group()
        .log_group_name("/aws/lambda/validator")
        .send()
        .await
        .unwrap();
    let errors = MetricTransformation::builder()
        .metric_name("Errors")
        .metric_namespace("Payments")
        .metric_value("1");
    aws.logs()
        .put_metric_filter()
        .log_group_name("/aws/lambda/validator")
        .filter_name("errors")
        .filter_pattern("ERROR")
        .metric_transformations(errors.build().unwrap())
        .send()
        .await
        .unwrap();
    aws.logs()
        .put_resource_policy()
        .policy_name("delivery")
        .policy_document("{}")
        .send()
        .await
        .unwrap();
    let cloudwatch = aws.cloudwatch();
    let alarm = cloudwatch
        .put_metric_alarm()
        .alarm_name("dlq")
        .namespace("AWS/SQS")
        .metric_name("Messages")
        .period(60);
    let alarm = alarm.statistic(Statistic::Maximum).evaluation_periods(1).threshold(1.0);
    alarm
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .send()
        .await
        .unwrap();
    let dashboard = cloudwatch
        .put_dashboard()
        .dashboard_name("metrics")
        .dashboard_body(r#"{"widgets": []}"#);
    dashboard.send().await.unwrap();
}

/// The role is the function's.
async fn make_canary(aws: &Aws) {
    let mut script = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    script
        .start_file("health.js", zip::write::SimpleFileOptions::default())
        .unwrap();
    script.write_all(b"exports.handler = async () => {};").unwrap();
    let code = CanaryCodeInput::builder()
        .handler("health.handler")
        .zip_file(script.finish().unwrap().into_inner().into());
    let hourly = CanaryScheduleInput::builder().expression("rate(1 hour)");
    aws.synthetics()
        .create_canary()
        .name("health")
        .code(code.build())
        .schedule(hourly.build().unwrap())
        .artifact_s3_location(format!("s3://audit-{}", aws.account()))
        .execution_role_arn(format!("arn:aws:iam::{}:role/validator", aws.account()))
        .runtime_version("syn-nodejs-puppeteer-15.0")
        .send()
        .await
        .unwrap();
}

/// What has a name in DNS, what checks it, and a firewall's addresses.
async fn make_names(aws: &Aws) {
    let api = aws.api_gateway();
    api.create_domain_name()
        .domain_name("pay.example.com")
        .send()
        .await
        .unwrap();
    let mapping = api.create_base_path_mapping().domain_name("pay.example.com");
    mapping.base_path("v1").rest_api_id("abc").send().await.unwrap();
    let route53 = aws.route53();
    let config = HealthCheckConfig::builder()
        .r#type(HealthCheckType::Https)
        .fully_qualified_domain_name("pay.example.com");
    let check = route53.create_health_check().caller_reference("1");
    check.health_check_config(config.build().unwrap()).send().await.unwrap();
    let zone = route53.create_hosted_zone().name("example.com").caller_reference("1");
    let zone = zone.send().await.unwrap().hosted_zone.unwrap().id;
    let value = ResourceRecord::builder().value("pay.example.net").build().unwrap();
    let record = ResourceRecordSet::builder()
        .name("pay.example.com")
        .r#type(RrType::Cname);
    let record = record.ttl(60).resource_records(value).build().unwrap();
    let change = Change::builder()
        .action(ChangeAction::Create)
        .resource_record_set(record);
    let batch = ChangeBatch::builder().changes(change.build().unwrap()).build().unwrap();
    let request = route53.change_resource_record_sets().hosted_zone_id(zone);
    request.change_batch(batch).send().await.unwrap();
    let set = aws.wafv2().create_ip_set().name("providers").scope(Scope::Regional);
    let set = set.ip_address_version(IpAddressVersion::Ipv4).addresses("192.0.2.0/24");
    set.send().await.unwrap();
    let ec2 = aws.ec2();
    let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap();
    let endpoint = ec2.create_vpc_endpoint().vpc_id(vpc.vpc.unwrap().vpc_id.unwrap());
    let endpoint = endpoint.service_name("com.amazonaws.us-east-1.s3");
    endpoint.route_table_ids("rtb-1").send().await.unwrap();
}

#[tokio::test]
async fn several_regions_are_told_apart_and_what_has_none_is_told_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = sandbox.aws();
    for region in ["us-east-1", "eu-west-1"] {
        create_table(&aws.in_region(region), "payments").await;
    }
    aws.iam()
        .create_role()
        .role_name("processor")
        .assume_role_policy_document(TRUST)
        .send()
        .await
        .unwrap();
    let inventory = aws
        .inventory_of(&["us-east-1", "eu-west-1", "ap-southeast-1"])
        .await
        .unwrap();
    assert_eq!(
        inventory,
        [
            "eu-west-1 dynamodb_table payments",
            "global iam_role processor",
            "us-east-1 dynamodb_table payments",
        ]
    );
}
