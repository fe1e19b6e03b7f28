//! Every function of the payment stack may do exactly what its handler does, on exactly its resources
//! (9.2 item 10; N-35, P-09, P-11): its policy is compared with the handler's own list of needs, both ways.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tap_engine::{Component, Graph, Key};
use tap_handlers::needs::{Need, On, Prefix, key_actions, needs};
use tap_plugin::Value as Terraform;
use tap_resources::bundle;
use tap_resources::composite::{Composite, Environment};
use tap_resources::payment_stack::PaymentStack;

/// Action and resource.
type Right = (String, String);

fn graph(mut written: Value) -> Graph {
    written["environment_suffix"] = "dev".into();
    written["lambda_architecture"] = bundle::architectures().first().copied().unwrap_or("x86_64").into();
    let full = PaymentStack.schema().with_defaults(&Terraform::from_json(&written));
    let environment = Environment {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: "eu-central-1".into(),
    };
    PaymentStack
        .graph(&PaymentStack.fill(&full.to_json(&|_| Value::Null)), &environment)
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The component that a setting such as `${eu-west-1/sqs_queue.dlq.url}` refers to.
fn referred<'g>(graph: &'g Graph, text: &str) -> Option<&'g Component> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let (key, _) = inner.rsplit_once('.')?;
    graph.components.get(key)
}

/// The table itself in its own region, its replica elsewhere.
fn local<'g>(graph: &'g Graph, of: &'g Component, region: &str) -> &'g Component {
    if of.kind != "dynamodb_table" || of.region == region {
        return of;
    }
    let name = of.key.as_str().rsplit('.').next().unwrap_or_default();
    let replica = Key::in_region(region, "dynamodb_table_replica", name);
    &graph.components[&replica]
}

/// The customer key that protects what a component holds.
fn key_of(component: &Component) -> Option<String> {
    let at = |pointer: &str| {
        let settings: Value = component
            .settings
            .clone()
            .into_iter()
            .collect::<serde_json::Map<_, _>>()
            .into();
        settings.pointer(pointer)?.as_str().map(ToOwned::to_owned)
    };
    match component.kind.as_str() {
        "dynamodb_table" => at("/sse/kms_key_id"),
        "dynamodb_table_replica" => at("/kms_key_arn"),
        "s3_bucket" => at("/encryption/kms_master_key_id"),
        "sqs_queue" | "sns_topic" => at("/kms_master_key_id"),
        "ssm_parameter" => at("/key_id"),
        _ => None,
    }
}

/// The component that a need is about, and the resource as policies write it.
fn resource<'g>(graph: &'g Graph, function: &Component, need: &Need) -> (Option<&'g Component>, String) {
    let variable = |name: &str| {
        function.settings["environment"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    match need.on {
        On::Variable(name) => {
            let value = variable(name);
            let found = referred(graph, &value).unwrap_or_else(|| panic!("{name} = {value}"));
            let found = local(graph, found, &function.region);
            (Some(found), found.key.arn())
        }
        On::Objects { bucket, prefix } => {
            let found = referred(graph, &variable(bucket)).unwrap();
            let prefix = match prefix {
                Prefix::Fixed(prefix) => prefix.to_owned(),
                Prefix::Variable(name, default) => Some(variable(name))
                    .filter(|v| !v.is_empty())
                    .unwrap_or(default.to_owned()),
            };
            (Some(found), format!("{}/{prefix}*", found.key.arn()))
        }
        On::EventSource => {
            let alias = function.key.as_str().replace("lambda_function.", "lambda_alias.");
            let mapping = graph.components.values().find(|c| {
                c.kind == "lambda_event_source_mapping"
                    && c.settings["function_name"] == Key::from(alias.as_str()).arn()
            });
            let source = mapping.unwrap().settings["event_source_arn"]
                .as_str()
                .unwrap()
                .to_owned();
            let found = referred(graph, &source);
            // A stream's ARN changes with its view; the table's does not.
            let resource = match found {
                Some(table) if source.ends_with(".stream_arn}") => format!("{}/stream/*", table.key.arn()),
                _ => source,
            };
            (found, resource)
        }
        On::Index { table, index } => {
            let found = referred(graph, &variable(table)).unwrap_or_else(|| panic!("{table}"));
            let found = local(graph, found, &function.region);
            (Some(found), format!("{}/index/{}", found.key.arn(), variable(index)))
        }
        other => panic!("no payment handler needs {other:?}"),
    }
}

/// What Lambda does with the role of a function in a VPC, and the function's own code must not.
const MANAGING: [&str; 4] = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
];
const DESCRIBING: [&str; 2] = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"];

/// In this account and region, describing excepted, which takes no resource.
fn network_interfaces(function: &Component) -> BTreeSet<Right> {
    let region = &function.region;
    let here = format!("arn:aws:ec2:{region}:111122223333:*/*");
    let managing = MANAGING.map(|action| (action.to_owned(), here.clone()));
    let describing = DESCRIBING.map(|action| (action.to_owned(), "*".to_owned()));
    managing.into_iter().chain(describing).collect()
}

/// What a role denies: to the function's code, what only Lambda is to do with the role.
fn denied(function: &Component) -> Vec<Value> {
    if !function.settings.contains_key("vpc_config") {
        return Vec::new();
    }
    let name = function.settings["function_name"].as_str().unwrap();
    let arn = format!("arn:aws:lambda:{}:111122223333:function:{name}", function.region);
    let all = [MANAGING.as_slice(), DESCRIBING.as_slice()].concat();
    vec![json!({
        "Effect": "Deny", "Action": all, "Resource": "*",
        "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": arn}},
    })]
}

/// Where Lambda sends what a mapping gives up, with the function's role.
fn on_failure<'g>(graph: &'g Graph, function: &Component) -> Option<&'g Component> {
    let alias = function.key.as_str().replace("lambda_function.", "lambda_alias.");
    let alias = Key::from(alias.as_str()).arn();
    let mappings = graph.components.values();
    let mut mappings = mappings.filter(|c| c.kind == "lambda_event_source_mapping");
    let own = mappings.find(|c| c.settings["function_name"] == alias)?;
    let destination = own.settings.get("destination_on_failure")?.as_str()?;
    referred(graph, destination)
}

/// What the function's handler needs, and what Lambda does with its role.
fn expected(graph: &Graph, function: &Component) -> BTreeSet<Right> {
    let handler = function.settings["handler"].as_str().unwrap();
    let variables = &function.settings["environment"];
    let list = needs(handler, |name| variables[name].as_str()).unwrap_or_else(|| panic!("no handler {handler}"));
    let mut rights = BTreeSet::new();
    for need in &list {
        let (component, resource) = resource(graph, function, need);
        rights.insert((need.action.to_owned(), resource));
        let key = component.and_then(key_of);
        rights.extend(key.into_iter().flat_map(|key| {
            let actions = key_actions(need.action).iter();
            actions
                .map(move |action| ((*action).to_owned(), key.clone()))
                .collect::<Vec<_>>()
        }));
    }
    let logs = function.settings["log_group"]
        .as_str()
        .unwrap()
        .replace(".name}", ".arn}:*");
    for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
        rights.insert((action.to_owned(), logs.clone()));
    }
    for action in [
        "PutTraceSegments",
        "PutTelemetryRecords",
        "GetSamplingRules",
        "GetSamplingTargets",
    ] {
        rights.insert((format!("xray:{action}"), "*".to_owned()));
    }
    if let Some(key) = function.settings.get("kms_key_arn").and_then(Value::as_str) {
        rights.insert(("kms:Decrypt".to_owned(), key.to_owned()));
    }
    if function.settings.contains_key("vpc_config") {
        rights.extend(network_interfaces(function));
    }
    if let Some(topic) = on_failure(graph, function) {
        rights.insert(("sns:Publish".to_owned(), topic.key.arn()));
        let keys = key_of(topic).into_iter();
        rights.extend(keys.flat_map(|key| {
            key_actions("sns:Publish")
                .iter()
                .map(move |a| ((*a).to_owned(), key.clone()))
        }));
    }
    rights
}

/// What the function's role allows.
fn allowed(graph: &Graph, function: &Component) -> BTreeSet<Right> {
    let role = referred(graph, function.settings["role"].as_str().unwrap()).unwrap();
    assert!(
        role.settings
            .get("managed_policy_arns")
            .is_none_or(|arns| arns == &json!([]))
    );
    let statements = role.settings["inline_policies"]["permissions"]["Statement"]
        .as_array()
        .unwrap()
        .clone();
    let texts = |value: &Value| -> Vec<String> {
        match value {
            Value::Array(items) => items.iter().filter_map(|v| v.as_str().map(ToOwned::to_owned)).collect(),
            Value::String(text) => vec![text.clone()],
            _ => Vec::new(),
        }
    };
    let (allowing, others): (Vec<Value>, Vec<Value>) = statements.into_iter().partition(|s| s["Effect"] == "Allow");
    assert_eq!(others, denied(function), "{}", function.key);
    let mut rights = BTreeSet::new();
    for statement in allowing {
        for resource in texts(&statement["Resource"]) {
            rights.extend(
                texts(&statement["Action"])
                    .into_iter()
                    .map(|action| (action, resource.clone())),
            );
        }
    }
    rights
}

#[test]
fn each_function_may_do_exactly_what_its_handler_does() {
    let domain = json!({
        "name": "pay.example.com", "hosted_zone_id": "Z0123456789ABC",
        "certificate_arns": {
            "us-east-1": "arn:aws:acm:us-east-1:111122223333:certificate/a",
            "us-west-2": "arn:aws:acm:us-west-2:111122223333:certificate/b",
        },
    });
    let all = json!({"regions": ["eu-west-1", "eu-central-1"], "processor": {"response_mode": "queue"},
        "workflow": {"enabled": true}, "event_failover": {"enabled": true}, "failure_notifier": {"keep_in_dlq": false}});
    let configurations = [
        json!({}),
        json!({"preset": "notification"}),
        json!({"preset": "multi_region"}),
        json!({"preset": "global", "domain": domain}),
        json!({"kms": {"create": false}}),
        json!({"kms": {"keys": ["dynamodb", "s3", "sqs", "sns", "lambda"]}, "processor": {"response_mode": "queue"}}),
        json!({"idempotency": {"enabled": false}, "audit": {"enabled": false}, "table": {"sse": {"type": "aws_owned"}}}),
        json!({"api": {"authorization": "hmac", "hmac": {"secrets_wo_version": 1}}}),
        json!({"vpc": {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}, "processor": {"response_mode": "queue"}}),
        all,
    ];
    let (mut functions, mut in_vpc) = (0, 0);
    for configuration in configurations {
        let graph = graph(configuration.clone());
        for function in graph.components.values().filter(|c| c.kind == "lambda_function") {
            functions += 1;
            in_vpc += usize::from(function.settings.contains_key("vpc_config"));
            let (expected, allowed) = (expected(&graph, function), allowed(&graph, function));
            let missing: Vec<&Right> = expected.difference(&allowed).collect();
            let surplus: Vec<&Right> = allowed.difference(&expected).collect();
            assert!(
                missing.is_empty() && surplus.is_empty(),
                "{configuration} {}: missing {missing:#?}, surplus {surplus:#?}",
                function.key
            );
        }
    }
    assert!(functions > 20 && in_vpc == 4, "{functions}, {in_vpc} of them in a VPC");
}

/// in a VPC a function reaches what it has an endpoint for. Lambda's own calls (polling, logs) and decryption on the
/// function's behalf are made elsewhere.
#[test]
fn each_function_has_the_endpoints_of_what_its_handler_calls() {
    let vpc = json!({
        "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"],
        "endpoints": {"enabled": true, "security_group_ids": ["sg-2"], "route_table_ids": ["rtb-1"]},
    });
    let configurations = [
        json!({}),
        json!({"preset": "notification"}),
        json!({"processor": {"response_mode": "queue"}, "failure_notifier": {"keep_in_dlq": false}}),
        json!({"audit": {"enabled": false}, "failure_notifier": {"enabled": false}, "accounting": {"enabled": false}}),
        json!({"api": {"authorization": "hmac", "hmac": {"secrets_wo_version": 1}}}),
    ];
    for mut configuration in configurations {
        configuration["vpc"] = vpc.clone();
        let graph = graph(configuration.clone());
        let services = |graph: &Graph| -> BTreeSet<String> {
            let endpoints = graph.components.values().filter(|c| c.kind == "vpc_endpoint");
            let names = endpoints.map(|c| c.settings["service_name"].as_str().unwrap().to_owned());
            names.map(|name| name.rsplit('.').next().unwrap().to_owned()).collect()
        };
        let mut called = BTreeSet::new();
        for function in graph.components.values().filter(|c| c.kind == "lambda_function") {
            let variables = &function.settings["environment"];
            let list = needs(function.settings["handler"].as_str().unwrap(), |name| {
                variables[name].as_str()
            })
            .unwrap();
            let own = list.iter().filter(|need| need.on != On::EventSource);
            called.extend(own.map(|need| need.action.split(':').next().unwrap().to_owned()));
        }
        assert_eq!(services(&graph), called, "{configuration}");
    }
}
