use aws_sdk_apigateway::types::{Op, PatchOperation};
use aws_sdk_route53::types::{
    HealthCheckConfig, HealthCheckType, ResettableElementName, Tag, TagResourceType as Resource,
};
use aws_sdk_wafv2::types::{AllowAction, DefaultAction, LoggingConfiguration, Scope, VisibilityConfig};
use tap_acceptance_tests::Sandbox;

#[tokio::test]
async fn a_health_checks_booleans_can_be_read_and_members_reset() {
    let sandbox = Sandbox::start().await.unwrap();
    let route53 = sandbox.aws().route53();
    let config = HealthCheckConfig::builder()
        .r#type(HealthCheckType::Https)
        .fully_qualified_domain_name("a.example.com")
        .resource_path("/health")
        .inverted(true);
    let create = route53.create_health_check().caller_reference("1");
    let made = create
        .health_check_config(config.build().unwrap())
        .send()
        .await
        .unwrap();
    let id = made.health_check.unwrap().id;

    let update = route53.update_health_check().health_check_id(&id).disabled(true);
    let update = update.reset_elements(ResettableElementName::ResourcePath);
    update.send().await.unwrap();
    let seen = route53.get_health_check().health_check_id(&id).send().await.unwrap();
    let seen = seen.health_check.unwrap().health_check_config.unwrap();
    assert_eq!((seen.inverted, seen.disabled), (Some(true), Some(true)));
    assert_eq!(seen.resource_path, None);

    let tag = Tag::builder().key("team").value("payments").build();
    let tagging = route53.change_tags_for_resource().resource_type(Resource::Healthcheck);
    tagging.resource_id(&id).add_tags(tag).send().await.unwrap();
    let many = route53.list_tags_for_resources().resource_type(Resource::Healthcheck);
    let many = many.resource_ids(&id).send().await.unwrap().resource_tag_sets;
    assert_eq!(many[0].resource_id(), Some(id.as_str()));
    assert_eq!(many[0].tags()[0].value(), Some("payments"));
}

#[tokio::test]
async fn a_domain_name_and_its_paths_can_be_patched() {
    let sandbox = Sandbox::start().await.unwrap();
    let api = sandbox.aws().api_gateway();
    let patch = |path: &str, value: &str| {
        PatchOperation::builder()
            .op(Op::Replace)
            .path(path)
            .value(value)
            .build()
    };
    api.create_domain_name()
        .domain_name("a.example.com")
        .send()
        .await
        .unwrap();
    let update = api.update_domain_name().domain_name("a.example.com");
    let update = update.patch_operations(patch("/regionalCertificateArn", "arn:aws:acm:x:1:certificate/2"));
    update.send().await.unwrap();
    let domain = api.get_domain_name().domain_name("a.example.com").send().await.unwrap();
    assert_eq!(domain.regional_certificate_arn(), Some("arn:aws:acm:x:1:certificate/2"));

    let mapping = api
        .create_base_path_mapping()
        .domain_name("a.example.com")
        .base_path("v1");
    mapping.rest_api_id("one").stage("prod").send().await.unwrap();
    let update = api
        .update_base_path_mapping()
        .domain_name("a.example.com")
        .base_path("v1");
    update
        .patch_operations(patch("/restapiId", "two"))
        .send()
        .await
        .unwrap();
    let mapping = api.get_base_path_mapping().domain_name("a.example.com").base_path("v1");
    assert_eq!(mapping.send().await.unwrap().rest_api_id(), Some("two"));
}

#[tokio::test]
async fn a_web_acls_logging_is_kept() {
    let sandbox = Sandbox::start().await.unwrap();
    let waf = sandbox.aws().wafv2();
    let visible = VisibilityConfig::builder()
        .sampled_requests_enabled(true)
        .cloud_watch_metrics_enabled(true)
        .metric_name("acl");
    let allow = DefaultAction::builder().allow(AllowAction::builder().build()).build();
    let create = waf
        .create_web_acl()
        .name("acl")
        .scope(Scope::Regional)
        .default_action(allow);
    let made = create.visibility_config(visible.build().unwrap()).send().await.unwrap();
    let arn = made.summary.unwrap().arn.unwrap();
    let get = || waf.get_logging_configuration().resource_arn(&arn).send();
    assert!(
        get()
            .await
            .unwrap_err()
            .into_service_error()
            .is_waf_nonexistent_item_exception()
    );
    let logging = LoggingConfiguration::builder()
        .resource_arn(&arn)
        .log_destination_configs("arn:aws:logs:us-east-1:1:log-group:aws-waf-logs-x")
        .build()
        .unwrap();
    let put = waf.put_logging_configuration().logging_configuration(logging.clone());
    put.send().await.unwrap();
    assert_eq!(get().await.unwrap().logging_configuration(), Some(&logging));
    let delete = waf.delete_logging_configuration().resource_arn(&arn);
    delete.send().await.unwrap();
    assert!(get().await.is_err());
}
