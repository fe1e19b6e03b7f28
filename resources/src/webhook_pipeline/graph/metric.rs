//! Metrics with all their dimensions, for alarms and dashboard alike.

use serde_json::{Value, json};

use super::Stack;
use crate::composite::function::Deployed;

/// One metric of one thing.
pub(super) struct Metric<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) dimensions: Value,
    pub(super) stat: &'a str,
}

pub(super) fn lambda<'a>(function: &Deployed, name: &'a str, stat: &'a str) -> Metric<'a> {
    let dimensions = json!({"FunctionName": function.name});
    Metric {
        namespace: "AWS/Lambda",
        name,
        dimensions,
        stat,
    }
}

/// Sum of a metric of the state machine; by its ARN, which is known before it exists.
pub(super) fn workflow<'a>(s: &Stack<'_>, name: &'a str) -> Metric<'a> {
    let machine = s.b.arn("states", &format!("stateMachine:{}", super::workflow::name(s)));
    Metric {
        namespace: "AWS/States",
        name,
        dimensions: json!({"StateMachineArn": machine}),
        stat: "Sum",
    }
}

/// Messages that wait in a queue.
pub(super) fn queue<'a>(name: &str) -> Metric<'a> {
    Metric {
        namespace: "AWS/SQS",
        name: "ApproximateNumberOfMessagesVisible",
        dimensions: json!({"QueueName": name}),
        stat: "Maximum",
    }
}
