//! endpoints where there is a VPC, for what the functions call, before the functions.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a call then reads like the configuration that it makes"
)]

use super::*;

const SUBNETS: [&str; 2] = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"];

fn vpc(endpoints: Value) -> Value {
    json!({"subnet_ids": SUBNETS, "security_group_ids": ["sg-0000000f"], "endpoints": endpoints})
}

fn placed(more: Value) -> Value {
    let mut endpoints =
        json!({"enabled": true, "security_group_ids": ["sg-0000000e"], "route_table_ids": ["rtb-00000001"]});
    for (name, value) in more.as_object().unwrap() {
        endpoints[name] = value.clone();
    }
    endpoints
}

fn services(graph: &Graph, region: &str) -> Vec<String> {
    let prefix = format!("{region}/vpc_endpoint.");
    let services = keys(graph)
        .into_iter()
        .filter_map(|key| Some(key.strip_prefix(&prefix)?.to_owned()));
    services.collect()
}

/// What is wrong, with its paths.
fn errors(written: Value) -> Vec<String> {
    let Err(errors) = PaymentStack.graph(&config(&PaymentStack, written), &environment()) else {
        return Vec::new();
    };
    let paths = errors.iter().map(|error| error.path.as_ref().unwrap().to_string());
    paths.collect()
}

#[test]
fn r16_nothing_is_made_unless_it_is_asked_for_and_there_is_a_vpc() {
    for written in [
        json!({}),
        json!({"vpc": vpc(json!({}))}),
        json!({"vpc": vpc(json!({"enabled": false}))}),
    ] {
        assert_eq!(
            of_kind(&graph(written), "vpc_endpoint"),
            Vec::<&tap_engine::Component>::new()
        );
    }
}

#[test]
fn r16_the_services_are_those_that_the_functions_call() {
    let with = |mut written: Value| {
        written["vpc"] = vpc(placed(json!({})));
        services(&graph(written), "eu-central-1")
    };
    assert_eq!(with(json!({})), ["dynamodb", "s3", "sns"]);
    assert_eq!(
        with(json!({"processor": {"response_mode": "queue"}})),
        ["dynamodb", "s3", "sns", "sqs"]
    );
    let bare =
        json!({"audit": {"enabled": false}, "accounting": {"enabled": false}, "failure_notifier": {"enabled": false}});
    assert_eq!(with(bare), ["dynamodb"]);
    let hmac = json!({"api": {"authorization": "hmac", "hmac": {"secrets_wo_version": 1}}});
    assert_eq!(with(hmac), ["dynamodb", "s3", "sns", "ssm"]);
    let own = json!({"vpc": vpc(placed(json!({"services": ["xray", "sqs"], "route_table_ids": null})))});
    assert_eq!(services(&graph(own), "eu-central-1"), ["sqs", "xray"]);
}

#[test]
fn r16_each_endpoint_is_where_the_functions_look_for_it() {
    let graph = graph(json!({"vpc": vpc(placed(json!({})))}));
    plans(&graph);
    let gateway = |name| setting(&graph, "eu-central-1/vpc_endpoint.dynamodb", name);
    assert_eq!(gateway("service_name"), "com.amazonaws.eu-central-1.dynamodb");
    assert_eq!(gateway("vpc_endpoint_type"), "Gateway");
    assert_eq!(gateway("route_table_ids"), &json!(["rtb-00000001"]));
    let interface = |name| setting(&graph, "eu-central-1/vpc_endpoint.sns", name);
    assert_eq!(interface("vpc_endpoint_type"), "Interface");
    assert_eq!(
        interface("subnet_ids"),
        &json!(SUBNETS),
        "the functions' where nothing else is said"
    );
    assert_eq!(interface("security_group_ids"), &json!(["sg-0000000e"]));
    assert_eq!(interface("private_dns_enabled"), true);
    for endpoint in of_kind(&graph, "vpc_endpoint") {
        let statement = &endpoint.settings["policy"]["Statement"][0];
        let condition = &statement["Condition"]["StringEquals"]["aws:PrincipalAccount"];
        assert_eq!(condition, "111122223333", "{}", endpoint.key);
    }
    let ids = graph.outputs["vpc_endpoint_ids"].clone();
    assert_eq!(ids["eu-central-1/sns"], "${eu-central-1/vpc_endpoint.sns.id}");
}

#[test]
fn r16_functions_come_after_the_endpoints_and_go_before_them() {
    let graph = graph(json!({"vpc": vpc(placed(json!({})))}));
    let endpoints: BTreeSet<&Key> = of_kind(&graph, "vpc_endpoint").into_iter().map(|c| &c.key).collect();
    let functions = of_kind(&graph, "lambda_function");
    assert_eq!(functions.len(), 3);
    for function in functions {
        let missing = endpoints.iter().filter(|key| !function.depends_on.contains(**key));
        assert_eq!(missing.count(), 0, "{}", function.key);
    }
}

#[test]
fn r16_every_region_has_its_own_places_and_what_is_missing_is_named() {
    let two = ["eu-central-1", "eu-west-1"];
    let stack = |endpoints: Value| {
        json!({
            "regions": two, "workflow": {"enabled": true}, "event_failover": {"enabled": true},
            "vpc": {"endpoints": {"enabled": true}},
            "region_overrides": {"eu-west-1": {
                "subnet_ids": SUBNETS, "security_group_ids": ["sg-0000000f"], "vpc_endpoints": endpoints,
            }},
        })
    };
    let places = json!({"subnet_ids": ["subnet-00000002"], "security_group_ids": ["sg-00000002"], "route_table_ids": ["rtb-00000002"]});
    let graph = graph(stack(places));
    assert_eq!(services(&graph, "eu-central-1"), [""; 0], "its functions are in no VPC");
    assert_eq!(services(&graph, "eu-west-1"), ["dynamodb", "events", "s3", "sns"]);
    let sns = |name| setting(&graph, "eu-west-1/vpc_endpoint.sns", name);
    assert_eq!(sns("service_name"), "com.amazonaws.eu-west-1.sns");
    assert_eq!(
        (sns("subnet_ids"), sns("security_group_ids")),
        (&json!(["subnet-00000002"]), &json!(["sg-00000002"]))
    );

    let path = |name: &str| format!("region_overrides[\"eu-west-1\"].vpc_endpoints.{name}");
    assert_eq!(
        errors(stack(Value::Null)),
        [path("route_table_ids"), path("security_group_ids")]
    );
    let single = |more: Value| errors(json!({"vpc": vpc(placed(more))}));
    assert_eq!(
        single(json!({"route_table_ids": []})),
        ["vpc.endpoints.route_table_ids"]
    );
    assert_eq!(
        single(json!({"security_group_ids": null})),
        ["vpc.endpoints.security_group_ids"]
    );
}

#[test]
fn r16_china_has_prefixes_of_its_own() {
    let environment = Environment {
        partition: "aws-cn".into(),
        region: "cn-north-1".into(),
        ..environment()
    };
    let written = json!({"vpc": vpc(placed(json!({"services": ["dynamodb", "sns", "sqs"]})))});
    let graph = PaymentStack
        .graph(&config(&PaymentStack, written), &environment)
        .unwrap();
    let name = |service: &str| setting(&graph, &format!("cn-north-1/vpc_endpoint.{service}"), "service_name").clone();
    assert_eq!(name("dynamodb"), "com.amazonaws.cn-north-1.dynamodb");
    assert_eq!(name("sns"), "com.amazonaws.cn-north-1.sns");
    assert_eq!(name("sqs"), "cn.com.amazonaws.cn-north-1.sqs");
}
