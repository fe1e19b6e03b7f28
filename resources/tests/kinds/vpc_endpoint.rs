//! VPC endpoints.

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification, VpcEndpointType};
use serde_json::{Value, json};
use tap_acceptance_tests::Sandbox;
use tap_engine::{Finding, Kind, KindError, Prospect};
use tap_resources::aws::vpc_endpoint::VpcEndpoint;
use tap_resources::aws::{Aws, AwsOptions};

use crate::support::{Life, REGION, aws, context, settings};

const KEY: &str = "us-east-1/vpc_endpoint.sqs";
const SQS: &str = "com.amazonaws.us-east-1.sqs";

/// The account's own VPC.
struct Vpc {
    id: String,
    /// One per Availability Zone.
    subnets: Vec<String>,
    tables: Vec<String>,
}

async fn vpc(aws: &Aws) -> Vpc {
    let client = aws.ec2(REGION);
    let subnets = client.describe_subnets().send().await.unwrap().subnets.unwrap();
    let id = subnets[0].vpc_id.clone().unwrap();
    let second = client.create_route_table().vpc_id(&id).send().await.unwrap();
    let second = second.route_table.unwrap().route_table_id.unwrap();
    let tables = client
        .describe_route_tables()
        .send()
        .await
        .unwrap()
        .route_tables
        .unwrap();
    let mut tables: Vec<String> = tables.into_iter().filter_map(|table| table.route_table_id).collect();
    assert!(tables.contains(&second) && tables.len() == 2 && subnets.len() == 3);
    tables.sort();
    Vpc {
        id,
        subnets: subnets.into_iter().filter_map(|subnet| subnet.subnet_id).collect(),
        tables,
    }
}

fn interface(subnets: &[String]) -> Value {
    json!({
        "service_name": SQS, "vpc_endpoint_type": "Interface", "private_dns_enabled": true,
        "subnet_ids": subnets, "security_group_ids": ["sg-1"],
    })
}

fn gateway(tables: &[String]) -> Value {
    json!({
        "service_name": "com.amazonaws.us-east-1.dynamodb", "vpc_endpoint_type": "Gateway", "route_table_ids": tables,
        "policy": only("111122223333"),
    })
}

fn only(account: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": account}},
    }]})
}

fn tags(key: &str) -> Value {
    json!({"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": key})
}

#[tokio::test]
async fn r_16_an_interface_endpoint() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let subnets = vpc(&aws).await.subnets;
    Life {
        kind: &VpcEndpoint(aws),
        key: KEY,
        desired: interface(&subnets[..1]),
        edits: vec![
            json!({"subnet_ids": subnets[1..], "security_group_ids": ["sg-2", "sg-3"]}),
            json!({"policy": only("111122223333"), "tags": tags(KEY)}),
            json!({"policy": only("444455556666"), "private_dns_enabled": false}),
            json!({"policy": null, "private_dns_enabled": true}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn r_16_a_gateway_endpoint() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let tables = vpc(&aws).await.tables;
    Life {
        kind: &VpcEndpoint(aws),
        key: "us-east-1/vpc_endpoint.dynamodb",
        desired: gateway(&tables[..1]),
        edits: vec![
            json!({"route_table_ids": tables}),
            json!({"route_table_ids": tables[1..], "tags": tags("us-east-1/vpc_endpoint.dynamodb")}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// What an interrupted create has left is found by its tags; other components' endpoints are not.
#[tokio::test]
async fn r_16_an_endpoint_belongs_to_its_component() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let vpc = vpc(&aws).await;
    let kind = VpcEndpoint(aws);
    let mut wanted = interface(&vpc.subnets[..1]);
    wanted["tags"] = tags(KEY);
    let wanted = settings(wanted);
    let id = kind.create(&context(KEY), &wanted).await.unwrap()["id"].clone();
    assert_eq!(kind.find(&context(KEY), &wanted).await.unwrap(), Some(id.clone()));
    let other = context("us-east-1/vpc_endpoint.sns");
    assert_eq!(kind.find(&other, &wanted).await.unwrap(), None);
    let mut known = context(KEY);
    known.known_ids = vec![id];
    assert_eq!(kind.find(&known, &wanted).await.unwrap(), None);
}

#[tokio::test]
async fn r_16_subnets_that_are_not_there_are_told_by_ec2() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = VpcEndpoint(aws(&sandbox));
    let wanted = settings(interface(&["subnet-missing".to_owned()]));
    let cx = context(KEY);
    let error = kind.create(&cx, &wanted).await.unwrap_err();
    assert!(
        matches!(&error, KindError::Service { code, .. } if code.starts_with("InvalidSubnet")),
        "{error}"
    );
    assert!(cx.journal.lock().unwrap().is_none(), "nothing was made");
}

async fn checked(kind: &VpcEndpoint, wanted: &Value) -> Vec<Finding> {
    let wanted = settings(wanted.clone());
    kind.check(&context(KEY), &wanted, Prospect::Made).await
}

fn fatal(findings: &[Finding]) -> Vec<&str> {
    let fatal = findings.iter().filter(|finding| finding.fatal);
    fatal.map(|finding| finding.setting.as_str()).collect()
}

/// What AWS would refuse at apply (`InvalidParameter`, `RouteAlreadyExists`, `DuplicateSubnetsInSameZone`) a plan says.
#[tokio::test]
async fn r_16_a_plan_sees_what_is_in_the_way() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let vpc = vpc(&aws).await;
    let kind = VpcEndpoint(aws.clone());
    let (sqs, dynamodb) = (interface(&vpc.subnets), gateway(&vpc.tables[..1]));
    assert_eq!(checked(&kind, &sqs).await, []);
    assert_eq!(checked(&kind, &dynamodb).await, []);

    let client = aws.ec2(REGION);
    let theirs = client.create_vpc_endpoint().vpc_id(&vpc.id).service_name(SQS);
    let theirs = theirs
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .subnet_ids(&vpc.subnets[0]);
    let theirs = theirs.private_dns_enabled(true).send().await.unwrap();
    let theirs = theirs.vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    let routes = client
        .create_vpc_endpoint()
        .vpc_id(&vpc.id)
        .vpc_endpoint_type(VpcEndpointType::Gateway);
    let routes = routes
        .service_name("com.amazonaws.us-east-1.dynamodb")
        .route_table_ids(&vpc.tables[0]);
    routes.send().await.unwrap();
    let found = checked(&kind, &sqs).await;
    assert_eq!(fatal(&found), ["private_dns_enabled"]);
    assert!(
        found[0].message.contains(&theirs) && found[0].message.contains("vpc.endpoints.services"),
        "{found:?}"
    );
    assert_eq!(fatal(&checked(&kind, &dynamodb).await), ["route_table_ids"]);
    let mut without = sqs.clone();
    without["private_dns_enabled"] = false.into();
    assert_eq!(checked(&kind, &without).await, []);
    assert_eq!(checked(&kind, &gateway(&vpc.tables[1..])).await, []);
    let kept = kind.check(&context(KEY), &settings(sqs.clone()), Prospect::Kept).await;
    assert_eq!(kept, []);

    // Its own, left by an interrupted run, is in nobody's way.
    let own = TagSpecification::builder().resource_type(ResourceType::VpcEndpoint);
    let own = tags(KEY).as_object().unwrap().iter().fold(own, |own, (name, value)| {
        own.tags(Tag::builder().key(name).value(value.as_str().unwrap()).build())
    });
    client
        .delete_vpc_endpoints()
        .vpc_endpoint_ids(&theirs)
        .send()
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let ours = client
        .create_vpc_endpoint()
        .vpc_id(&vpc.id)
        .service_name(SQS)
        .private_dns_enabled(true);
    let ours = ours
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .subnet_ids(&vpc.subnets[0]);
    ours.tag_specifications(own.build()).send().await.unwrap();
    assert_eq!(checked(&kind, &sqs).await, []);

    let zone = client.create_subnet().vpc_id(&vpc.id).cidr_block("172.31.48.0/20");
    let crowd = zone
        .availability_zone("us-east-1a")
        .send()
        .await
        .unwrap()
        .subnet
        .unwrap()
        .subnet_id
        .unwrap();
    let first = client.describe_subnets().send().await.unwrap().subnets.unwrap();
    let first = first
        .iter()
        .find(|s| s.availability_zone() == Some("us-east-1a") && s.subnet_id() != Some(crowd.as_str()));
    let first = first.unwrap().subnet_id().unwrap().to_owned();
    assert_eq!(
        fatal(&checked(&kind, &interface(&[first, crowd])).await),
        ["subnet_ids"]
    );
}

/// Several VPCs are one too many; EC2 out of reach is a word, not an error.
#[tokio::test]
async fn r_16_a_plan_says_what_it_could_not_see() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let vpc = vpc(&aws).await;
    let client = aws.ec2(REGION);
    let second = client
        .create_vpc()
        .cidr_block("10.0.0.0/16")
        .send()
        .await
        .unwrap()
        .vpc
        .unwrap()
        .vpc_id
        .unwrap();
    let subnet = client
        .create_subnet()
        .vpc_id(second)
        .cidr_block("10.0.0.0/24")
        .send()
        .await
        .unwrap();
    let subnet = subnet.subnet.unwrap().subnet_id.unwrap();
    let kind = VpcEndpoint(aws.clone());
    let apart = interface(&[vpc.subnets[0].clone(), subnet]);
    assert_eq!(fatal(&checked(&kind, &apart).await), ["subnet_ids"]);

    let nowhere = sandbox.aws().through("http://127.0.0.1:1");
    let deaf = Aws::new(
        nowhere.sdk_config().clone(),
        AwsOptions::default(),
        "111122223333".into(),
        "aws".into(),
    );
    let found = checked(&VpcEndpoint(std::sync::Arc::new(deaf)), &interface(&vpc.subnets)).await;
    assert_eq!((found.len(), fatal(&found)), (1, vec![]), "{found:?}");
    let open = json!({"subnet_ids": [tap_engine::reference::UNKNOWN]});
    assert_eq!(checked(&kind, &open).await, []);
}
