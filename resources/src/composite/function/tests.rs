use serde_json::Value;
use tap_plugin::{Schema, Value as Terraform};

use super::*;
use crate::composite::{Environment, shared};

fn environment() -> Environment {
    Environment {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: "eu-central-1".into(),
    }
}

/// The shared attributes as they are by default, with a package that needs no bundle.
fn shared(written: Value) -> shared::Shared {
    let mut all = written;
    all["environment_suffix"] = "dev".into();
    all["lambda_package"] = json!({"s3_bucket": "code", "s3_key": "functions.zip"});
    let attributes = shared::attributes();
    let schema = attributes.iter().fold(Schema::new(0), |schema, (name, attribute)| {
        schema.attribute(name, attribute.clone())
    });
    let full = schema
        .with_defaults(&Terraform::from_json(&all))
        .to_json(&|_| Value::Null);
    serde_json::from_value(full).unwrap()
}

fn deployed(shared: &shared::Shared, plan: Plan<'_>) -> tap_engine::Graph {
    let environment = environment();
    let mut b = Builder::new(&environment, shared);
    deploy(&mut b, plan).unwrap();
    b.graph
}

fn settings<'g>(graph: &'g tap_engine::Graph, key: &str) -> &'g tap_engine::Settings {
    &graph.components[&Key::from(key)].settings
}

fn statements(graph: &tap_engine::Graph) -> Vec<Value> {
    let policy = &settings(graph, "iam_role.f")["inline_policies"]["permissions"];
    policy["Statement"].as_array().cloned().unwrap()
}

#[test]
fn a_function_writes_its_own_log_group_and_its_traces_and_no_more() {
    let graph = deployed(&shared(json!({})), Plan::new("f", "f-dev", "fraud_detector"));
    let keys: Vec<&str> = graph.components.keys().map(Key::as_str).collect();
    assert_eq!(
        keys,
        ["iam_role.f", "lambda_alias.f", "lambda_function.f", "log_group.f"]
    );
    let all = statements(&graph);
    assert_eq!(all[0]["Resource"], "${log_group.f.arn}:*");
    assert_eq!(all[0]["Action"], json!(["logs:CreateLogStream", "logs:PutLogEvents"]));
    assert_eq!(all[1]["Action"][0], "xray:PutTraceSegments");
    assert_eq!(all.len(), 2);
    let quiet = deployed(
        &shared(json!({"tracing_mode": "PassThrough"})),
        Plan::new("f", "f-dev", "fraud_detector"),
    );
    assert_eq!(statements(&quiet).len(), 1);
}

#[test]
fn the_alias_is_live_and_follows_the_version() {
    let graph = deployed(&shared(json!({})), Plan::new("f", "f-dev", "fraud_detector"));
    let alias = settings(&graph, "lambda_alias.f");
    assert_eq!(alias["name"], LIVE);
    assert_eq!(alias["function_version"], "${lambda_function.f.version}");
    assert_eq!(settings(&graph, "lambda_function.f")["publish"], true);
}

/// In a VPC Lambda manages network interfaces by the execution role; only describing is for all of EC2.
#[test]
fn a_function_in_a_vpc_may_have_network_interfaces_made_but_not_make_them_itself() {
    let shared = shared(json!({}));
    let plan = Plan {
        vpc: Some(Vpc {
            subnet_ids: vec!["subnet-1".into()],
            security_group_ids: vec!["sg-1".into()],
        }),
        ..Plan::new("f", "f-dev", "fraud_detector")
    };
    let graph = deployed(&shared, plan);
    assert_eq!(
        settings(&graph, "lambda_function.f")["vpc_config"],
        json!({"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]})
    );
    let all = statements(&graph);
    let ec2: Vec<&Value> = all
        .iter()
        .filter(|s| s["Action"].to_string().contains("ec2:"))
        .collect();
    assert_eq!(ec2[0]["Resource"], "arn:aws:ec2:eu-central-1:111122223333:*/*");
    assert_eq!(
        ec2[1]["Action"],
        json!(["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"])
    );
    assert_eq!(ec2[1]["Resource"], "*");
    assert_eq!(ec2[2]["Effect"], "Deny");
    assert_eq!(ec2[2]["Action"].as_array().map(Vec::len), Some(6));
    let itself = "arn:aws:lambda:eu-central-1:111122223333:function:f-dev";
    assert_eq!(ec2[2]["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"], itself);
}

#[test]
fn keys_and_dead_letter_queues_bring_their_rights() {
    let shared = shared(json!({}));
    let plan = Plan {
        environment_key_arn: Some("${kms_key.env.arn}".into()),
        dead_letter_arn: Some("${sqs_queue.dlq.arn}".into()),
        ..Plan::new("f", "f-dev", "fraud_detector")
    };
    let graph = deployed(&shared, plan);
    assert_eq!(
        settings(&graph, "lambda_function.f")["kms_key_arn"],
        "${kms_key.env.arn}"
    );
    let all = statements(&graph);
    assert!(all.contains(&allow(&["kms:Decrypt"], "${kms_key.env.arn}")));
    assert!(all.contains(&allow(&["sqs:SendMessage"], "${sqs_queue.dlq.arn}")));
}

#[test]
fn a_permission_is_for_the_alias_and_for_one_source() {
    let shared = shared(json!({}));
    let environment = environment();
    let mut b = Builder::new(&environment, &shared);
    let function = deploy(&mut b, Plan::new("f", "f-dev", "fraud_detector")).unwrap();
    let permission = function.permission(&b, "bus", "AllowBus", "events.amazonaws.com", "arn:rule");
    assert_eq!(permission.settings["qualifier"], "${lambda_alias.f.name}");
    assert_eq!(permission.settings["source_arn"], "arn:rule");
    assert_eq!(permission.settings["source_account"], "111122223333");
    assert_eq!(function.invoke_arn(), "${lambda_alias.f.invoke_arn}");
    assert_eq!(
        live_arn(&b, "f", "f-dev"),
        "arn:aws:lambda:eu-central-1:111122223333:function:f-dev:live"
    );
}
