//! Roles that no function has: who may take them, and exactly what they may do (9.2 item 10; R-14, P-10, P-13, P-15).
//! Those of the functions: `resources/tests/payment_iam.rs`.

use std::collections::BTreeMap;

use super::*;

/// Action, resource, and the condition as JSON text.
type Right = (String, String, String);

fn statements(role: &tap_engine::Component) -> Vec<Value> {
    let policies = role.settings["inline_policies"].as_object().unwrap();
    assert_eq!(policies.len(), 1, "{}", role.key);
    assert!(!role.settings.contains_key("managed_policy_arns"), "{}", role.key);
    policies["permissions"]["Statement"].as_array().unwrap().clone()
}

fn texts(value: &Value) -> Vec<String> {
    let many = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    value.as_str().into_iter().chain(many).map(ToOwned::to_owned).collect()
}

fn rights(role: &tap_engine::Component) -> BTreeSet<Right> {
    let mut all = BTreeSet::new();
    for statement in statements(role) {
        assert_eq!(statement["Effect"], "Allow", "{}", role.key);
        let condition = statement.get("Condition").map(ToString::to_string).unwrap_or_default();
        for action in texts(&statement["Action"]) {
            all.extend(
                texts(&statement["Resource"])
                    .into_iter()
                    .map(|r| (action.clone(), r, condition.clone())),
            );
        }
    }
    all
}

fn expected(list: &[(&[&str], String, Value)]) -> BTreeSet<Right> {
    let mut all = BTreeSet::new();
    for (actions, resource, condition) in list {
        let condition = if condition.is_null() {
            String::new()
        } else {
            condition.to_string()
        };
        all.extend(
            actions
                .iter()
                .map(|action| ((*action).to_owned(), resource.clone(), condition.clone())),
        );
    }
    all
}

fn through(services: &[String]) -> Value {
    json!({"StringLike": {"kms:ViaService": services}})
}

const DELIVERY: [&str; 8] = [
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
];
const TRACES: [&str; 4] = [
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
];
const SEND: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];

/// Two regions with a queue, workflows and event failover: every role that there can be.
fn stack() -> Graph {
    graph(json!({
        "regions": ["eu-central-1", "eu-west-1"], "processor": {"response_mode": "queue"},
        "workflow": {"enabled": true}, "event_failover": {"enabled": true},
    }))
}

#[test]
fn p10_p15_r14_each_role_of_a_service_may_do_exactly_its_work() {
    let graph = stack();
    for (here, there) in [("eu-central-1", "eu-west-1"), ("eu-west-1", "eu-central-1")] {
        let at = |region: &str, key: &str| format!("${{{region}/{key}.arn}}");
        let own = |key: &str| at(here, key);
        let key = || own("kms_key.shared");
        let via = |services: &[&str]| {
            through(
                &services
                    .iter()
                    .map(|s| format!("{s}.{here}.amazonaws.com*"))
                    .collect::<Vec<_>>(),
            )
        };
        let s3 = |region: &str| json!({"StringLike": {"kms:ViaService": format!("s3.{region}.amazonaws.com*")}});
        let (source, target) = (own("s3_bucket.receipts"), at(there, "s3_bucket.receipts"));
        let by_role = BTreeMap::from([
            (
                "workflow",
                expected(&[
                    (&["lambda:InvokeFunction"], own("lambda_alias.processor"), Value::Null),
                    (&["sns:Publish"], own("sns_topic.notifications"), Value::Null),
                    (&["sqs:SendMessage"], own("sqs_queue.dlq"), Value::Null),
                    (&SEND, key(), via(&["sns", "sqs"])),
                    (&DELIVERY, "*".to_owned(), Value::Null),
                    (&TRACES, "*".to_owned(), Value::Null),
                ]),
            ),
            (
                "failover_forward",
                expected(&[(&["events:PutEvents"], at(there, "event_bus.failover"), Value::Null)]),
            ),
            (
                "failover_start",
                expected(&[(&["states:StartExecution"], own("state_machine.payments"), Value::Null)]),
            ),
            (
                "reconciler_schedule",
                expected(&[
                    (&["lambda:InvokeFunction"], own("lambda_alias.reconciler"), Value::Null),
                    (&["sqs:SendMessage"], own("sqs_queue.dlq"), Value::Null),
                    (&SEND, key(), via(&["sqs"])),
                ]),
            ),
            (
                "replication",
                expected(&[
                    (
                        &["s3:GetReplicationConfiguration", "s3:ListBucket"],
                        source.clone(),
                        Value::Null,
                    ),
                    (
                        &[
                            "s3:GetObjectVersionForReplication",
                            "s3:GetObjectVersionAcl",
                            "s3:GetObjectVersionTagging",
                        ],
                        format!("{source}/*"),
                        Value::Null,
                    ),
                    (
                        &["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                        format!("{target}/*"),
                        Value::Null,
                    ),
                    (&["kms:Decrypt"], key(), s3(here)),
                    (
                        &["kms:Encrypt", "kms:GenerateDataKey"],
                        at(there, "kms_key.shared"),
                        s3(there),
                    ),
                ]),
            ),
        ]);
        let functions = ["processor", "accounting", "failure_notifier", "reconciler"];
        let roles = of_kind(&graph, "iam_role")
            .into_iter()
            .filter(|role| role.region == here);
        let mut seen = BTreeSet::new();
        for role in roles {
            let name = role.key.as_str().rsplit('.').next().unwrap();
            if functions.contains(&name) {
                continue;
            }
            let wanted = by_role.get(name).unwrap_or_else(|| panic!("what may {} do?", role.key));
            let (has, wanted) = (rights(role), wanted.clone());
            let surplus: Vec<&Right> = has.difference(&wanted).collect();
            let missing: Vec<&Right> = wanted.difference(&has).collect();
            assert!(
                surplus.is_empty() && missing.is_empty(),
                "{}: surplus {surplus:#?}, missing {missing:#?}",
                role.key
            );
            seen.insert(name);
        }
        assert_eq!(seen, by_role.into_keys().collect(), "{here}");
    }
}

/// P-15, P-13: the service whose role it is, and nobody else; for this account where the service says for whom it asks.
#[test]
fn p15_p13_roles_trust_one_service_of_this_account() {
    let mut seen = BTreeSet::new();
    for role in of_kind(&stack(), "iam_role") {
        let name = role.key.as_str().rsplit('.').next().unwrap();
        let (service, bound) = match name {
            "workflow" => ("states.amazonaws.com", true),
            "failover_forward" | "failover_start" => ("events.amazonaws.com", true),
            "reconciler_schedule" => ("scheduler.amazonaws.com", true),
            "replication" => ("s3.amazonaws.com", false),
            _ => ("lambda.amazonaws.com", false),
        };
        let mut trust = json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
        if bound {
            trust["Condition"] = json!({"StringEquals": {"aws:SourceAccount": "111122223333"}});
        }
        assert_eq!(
            role.settings["assume_role_policy"]["Statement"],
            json!([trust]),
            "{}",
            role.key
        );
        seen.insert(name.to_owned());
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}

/// P-13: every right to use a key is bound to the service through which it is used, in the role's own region; replication
/// writes with the target's. The exception is Lambda, which decrypts a function's variables with its role.
#[test]
fn p13_keys_are_used_through_services_only() {
    let mut bound = 0;
    let purposes = json!({"keys": ["dynamodb", "s3", "lambda", "logs", "sns", "sqs", "ssm"]});
    let each = graph(json!({"kms": purposes, "processor": {"response_mode": "queue"}}));
    for graph in [stack(), each] {
        for role in of_kind(&graph, "iam_role") {
            let function = role.key.as_str().replace("iam_role.", "lambda_function.");
            let variables = graph
                .components
                .get(function.as_str())
                .map(|f| f.settings["kms_key_arn"].clone());
            for statement in statements(role) {
                let actions = texts(&statement["Action"]);
                if !actions.iter().any(|action| action.starts_with("kms:")) {
                    continue;
                }
                if Some(&statement["Resource"]) == variables.as_ref() && statement.get("Condition").is_none() {
                    assert_eq!(actions, ["kms:Decrypt"], "{}", role.key);
                    continue;
                }
                let services = texts(&statement["Condition"]["StringLike"]["kms:ViaService"]);
                assert!(!services.is_empty(), "{}: {statement}", role.key);
                let here = format!(".{}.amazonaws.com*", role.region);
                let abroad =
                    role.key.as_str().ends_with("iam_role.replication") && actions.contains(&"kms:Encrypt".to_owned());
                assert!(
                    abroad != services.iter().all(|s| s.ends_with(&here)),
                    "{}: {statement}",
                    role.key
                );
                bound += 1;
            }
        }
    }
    assert!(bound > 10, "{bound}");
}
