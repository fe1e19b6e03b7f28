//! What is not known before apply and yet planned with: it decides no component's key, or Terraform would find another stack
//! at apply time than the one that was planned ("Provider produced inconsistent final plan").

use serde_json::{Value, json};
use tap_engine::reference::UNKNOWN;
use tap_plugin::Value as Terraform;

use super::{domain, graph};
use crate::composite::Composite as _;
use crate::payment_stack::PaymentStack;

/// Stands for what is not known.
const LATER: &str = "later";

fn written(value: &Value, later: &str) -> Value {
    match value {
        Value::String(text) if text == LATER => later.into(),
        Value::Object(members) => members
            .iter()
            .map(|(name, v)| (name.clone(), written(v, later)))
            .collect(),
        Value::Array(items) => items.iter().map(|v| written(v, later)).collect(),
        other => other.clone(),
    }
}

fn to_terraform(value: &Value) -> Terraform {
    match value {
        Value::String(text) if text == LATER => Terraform::Unknown,
        Value::Object(members) => Terraform::map(members.iter().map(|(name, v)| (name.as_str(), to_terraform(v)))),
        Value::Array(items) => Terraform::List(items.iter().map(to_terraform).collect()),
        other => Terraform::from_json(other),
    }
}

fn is_carried(value: &Value) -> bool {
    let paths = PaymentStack
        .schema()
        .with_defaults(&to_terraform(value))
        .unknown_paths();
    assert!(!paths.is_empty(), "{value} holds nothing unknown");
    paths.iter().all(|path| PaymentStack.carries(path))
}

#[test]
fn what_is_carried_decides_no_components_key() {
    let mut certificates = domain(&["eu-central-1"]);
    certificates["certificate_arns"]["eu-central-1"] = LATER.into();
    certificates["hosted_zone_id"] = LATER.into();
    let variable = json!({"environment": {"LEDGER": LATER}});
    let subnets = json!({"subnet_ids": [LATER], "security_group_ids": [LATER]});
    let cases = [
        (
            json!({"domain": certificates}),
            "arn:aws:acm:eu-central-1:111122223333:certificate/a",
        ),
        (json!({"ssm": {"parameters": {"ledger": LATER}}}), "table"),
        (
            json!({"alarms": {"alarm_actions": [LATER], "ok_actions": [LATER]}}),
            "arn:aws:sns:eu-central-1:111122223333:t",
        ),
        (json!({"vpc": subnets}), "subnet-00000001"),
        (
            json!({"processor": variable, "accounting": variable, "failure_notifier": variable}),
            "table",
        ),
        (
            json!({"processor": {"response_mode": "queue"}, "reconciliation": variable}),
            "table",
        ),
    ];
    for (case, value) in cases {
        assert!(is_carried(&case), "{case}");
        let (planned, applied) = (graph(written(&case, UNKNOWN)), graph(written(&case, value)));
        let keys = |graph: &tap_engine::Graph| graph.components.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&planned), keys(&applied), "{case}");
        assert_eq!(
            planned.outputs.keys().collect::<Vec<_>>(),
            applied.outputs.keys().collect::<Vec<_>>()
        );
    }
}

#[test]
fn what_keys_are_made_of_must_be_known() {
    let subscription =
        |endpoint: &str| json!({"topics": {"subscriptions": [{"protocol": "sqs", "endpoint": endpoint}]}});
    let keys = |name: &str| {
        graph(written(&subscription(LATER), name))
            .components
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_ne!(
        keys("arn:aws:sqs:eu-central-1:111122223333:a"),
        keys(UNKNOWN),
        "the endpoint is in the key"
    );
    assert!(!is_carried(&subscription(LATER)));
    assert!(!is_carried(
        &json!({"topics": {"notifications": {"email_endpoints": [LATER]}}})
    ));
    assert!(!is_carried(&json!({"ssm": {"parameters": LATER}})));
    assert!(!is_carried(&json!({"processor": {"environment": LATER}})));
}
