//! functions in a VPC without internet access, with the endpoints that they need there.

use crate::site::{Site, stack};
use std::collections::BTreeSet;
use tap_acceptance_tests::payment::{ADDRESS, payment};
use tap_acceptance_tests::pipeline::Configuration;

use aws_sdk_ec2::types::{VpcEndpoint, VpcEndpointType};

const HERE: &str = "us-east-1";

/// The account's own VPC: an account has one, with a subnet in each Availability Zone.
struct Vpc {
    id: String,
    subnets: Vec<String>,
    table: String,
}

impl Vpc {
    async fn of(site: &Site) -> Self {
        let ec2 = site.aws.ec2();
        let subnets = ec2.describe_subnets().send().await.unwrap().subnets.unwrap();
        let tables = ec2.describe_route_tables().send().await.unwrap().route_tables.unwrap();
        Self {
            id: subnets[0].vpc_id.clone().unwrap(),
            subnets: subnets.into_iter().filter_map(|subnet| subnet.subnet_id).collect(),
            table: tables[0].route_table_id.clone().unwrap(),
        }
    }

    /// The stack in it; `more` are further attributes of `vpc.endpoints`.
    fn stack(&self, more: &str) -> Configuration {
        let (subnets, table) = (&self.subnets[..2], &self.table);
        let endpoints = format!(
            "{{ enabled = true, security_group_ids = [\"sg-00000002\"], route_table_ids = [{table:?}]{more} }}"
        );
        let vpc =
            format!("{{ subnet_ids = {subnets:?}, security_group_ids = [\"sg-00000001\"], endpoints = {endpoints} }}");
        stack("vpc", &[HERE]).with("vpc", &vpc)
    }
}

async fn endpoints(site: &Site) -> Vec<VpcEndpoint> {
    let answer = site.aws.ec2().describe_vpc_endpoints().send().await.unwrap();
    answer.vpc_endpoints.unwrap_or_default()
}

fn services(endpoints: &[VpcEndpoint]) -> BTreeSet<&str> {
    let names = endpoints.iter().filter_map(|endpoint| endpoint.service_name());
    names.filter_map(|name| name.rsplit('.').next()).collect()
}

async fn refusal(site: &Site, configuration: &Configuration) -> String {
    site.configure(configuration);
    let text = match site.terraform.plan().await {
        Ok(plan) => panic!("should have been refused:\n{}", plan.text),
        Err(error) => error.to_string(),
    };
    let words = text.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn endpoints_are_made_mended_and_taken_along() {
    let without = stack("vpc", &[HERE]).with("vpc", "{ endpoints = { enabled = true } }");
    let site = Site::new(&without).await;
    let refused = refusal(&site, &without).await;
    assert!(
        refused.contains("vpc.endpoints.enabled") && refused.contains("R-16"),
        "{refused}"
    );

    let vpc = Vpc::of(&site).await;
    let incomplete = vpc.stack("").with(
        "vpc",
        &format!(
            "{{ subnet_ids = {:?}, security_group_ids = [\"sg-00000001\"], endpoints = {{ enabled = true }} }}",
            &vpc.subnets[..1]
        ),
    );
    let refused = refusal(&site, &incomplete).await;
    for path in ["vpc.endpoints.route_table_ids", "vpc.endpoints.security_group_ids"] {
        assert!(refused.contains(path), "{path}: {refused}");
    }

    site.configure(&vpc.stack(""));
    site.apply().await;
    site.must_be_settled().await;
    let made = endpoints(&site).await;
    assert_eq!(services(&made), BTreeSet::from(["dynamodb", "s3", "sns"]));
    let payments = site.payments().await;
    let region = payments.in_region(HERE);
    let key = region.api_key().await.unwrap();
    assert_eq!(region.send(&key, &payment("p-1", "1.00")).await.unwrap().status, 200);

    // One setting changed by hand, one endpoint deleted.
    let id = |service: &str| {
        payments.components()[&format!("{HERE}/vpc_endpoint.{service}")]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let ec2 = site.aws.ec2();
    let change = ec2
        .modify_vpc_endpoint()
        .vpc_endpoint_id(id("sns"))
        .private_dns_enabled(false);
    change.send().await.unwrap();
    ec2.delete_vpc_endpoints()
        .vpc_endpoint_ids(id("dynamodb"))
        .send()
        .await
        .unwrap();
    let plan = site.plan().await;
    let expected = [
        "+us-east-1/vpc_endpoint.dynamodb",
        "us-east-1/vpc_endpoint.sns.private_dns_enabled",
    ];
    assert_eq!(
        plan.component_changes(ADDRESS),
        expected.map(str::to_owned).into(),
        "{}",
        plan.text
    );
    site.apply_plan().await;
    site.must_be_settled().await;

    conflict_is_refused(&site, &vpc).await;
    site.destroy(&[HERE]).await;
}

/// Somebody else's endpoint of the service has its private DNS name already: the plan says so, and how to use that one.
async fn conflict_is_refused(site: &Site, vpc: &Vpc) {
    let ec2 = site.aws.ec2();
    let theirs = ec2
        .create_vpc_endpoint()
        .vpc_id(&vpc.id)
        .service_name("com.amazonaws.us-east-1.sqs");
    let theirs = theirs
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .subnet_ids(&vpc.subnets[0]);
    let theirs = theirs.private_dns_enabled(true).send().await.unwrap();
    let theirs = theirs.vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    let queued = |more: &str| vpc.stack(more).with("processor", "{ response_mode = \"queue\" }");
    let refused = refusal(site, &queued("")).await;
    for words in [
        "us-east-1/vpc_endpoint.sqs: private_dns_enabled",
        &theirs,
        "vpc.endpoints.services",
    ] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
    site.configure(&queued(", services = [\"dynamodb\", \"s3\", \"sns\"]"));
    site.apply().await;
    site.must_be_settled().await;
    ec2.delete_vpc_endpoints()
        .vpc_endpoint_ids(theirs)
        .send()
        .await
        .unwrap();
}
