use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{Filter, State, VpcEndpointType};
use tap_acceptance_tests::Sandbox;

const SQS: &str = "com.amazonaws.us-east-1.sqs";

#[tokio::test]
async fn a_vpc_endpoint_keeps_what_it_was_given_and_conflicts_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let ec2 = sandbox.aws().ec2();
    let subnet = ec2.describe_subnets().send().await.unwrap().subnets.unwrap().remove(0);
    let (vpc, subnet) = (subnet.vpc_id.unwrap(), subnet.subnet_id.unwrap());
    let create = |token: &str| {
        let create = ec2
            .create_vpc_endpoint()
            .vpc_id(&vpc)
            .service_name(SQS)
            .client_token(token);
        let create = create.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&subnet);
        create
            .security_group_ids("sg-1")
            .policy_document("{\"Statement\": []}")
            .send()
    };
    let made = create("a").await.unwrap().vpc_endpoint.unwrap();
    assert_eq!(made.state().map(State::as_str), Some("pending"));
    let id = made.vpc_endpoint_id.unwrap();
    assert_eq!(
        create("a")
            .await
            .unwrap()
            .vpc_endpoint
            .unwrap()
            .vpc_endpoint_id
            .unwrap(),
        id,
        "the same token"
    );
    let conflict = create("b").await.unwrap_err();
    assert_eq!(
        conflict.code(),
        Some("InvalidParameter"),
        "private DNS, unless it is switched off"
    );

    let filter = Filter::builder().name("service-name").values(SQS).build();
    let list = || ec2.describe_vpc_endpoints().filters(filter.clone()).send();
    let seen = list().await.unwrap().vpc_endpoints.unwrap().remove(0);
    assert_eq!(seen.groups()[0].group_id(), Some("sg-1"));
    assert_eq!(
        (seen.private_dns_enabled(), seen.policy_document()),
        (Some(true), Some("{\"Statement\": []}"))
    );
    let modify = || {
        ec2.modify_vpc_endpoint()
            .vpc_endpoint_id(&id)
            .private_dns_enabled(false)
            .reset_policy(true)
    };
    assert_eq!(modify().send().await.unwrap_err().code(), Some("OperationInProgress"));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    modify()
        .add_security_group_ids("sg-2")
        .remove_security_group_ids("sg-1")
        .send()
        .await
        .unwrap();
    let seen = list().await.unwrap().vpc_endpoints.unwrap().remove(0);
    assert_eq!(
        (seen.groups()[0].group_id(), seen.private_dns_enabled()),
        (Some("sg-2"), Some(false))
    );
    assert!(seen.policy_document().unwrap().contains("Allow"));

    let delete = || ec2.delete_vpc_endpoints().vpc_endpoint_ids(&id).send();
    assert_eq!(delete().await.unwrap().unsuccessful(), []);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let again = delete().await.unwrap();
    let code = again.unsuccessful()[0].error().unwrap().code();
    assert_eq!(code, Some("InvalidVpcEndpoint.NotFound"));
    let gone = ec2
        .describe_vpc_endpoints()
        .vpc_endpoint_ids(&id)
        .send()
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Some("InvalidVpcEndpointId.NotFound"));
}
