//! The function that emits payment metrics (O-01, O-05, O-29, O-34 to O-36, O-46, O-47).

use serde_json::{Value, json};
use tap_plugin::Diagnostics;

use super::{Encryption, Names, Stack};
use crate::composite::function::{Plan, deploy};
use crate::composite::iam::allow;

/// The component's name.
const KEY: &str = "metrics";

/// Variables that the stack sets (contract: `handlers/README.md`).
pub(in crate::observability_stack) const STACK_VARIABLES: [&str; 5] = [
    "ENVIRONMENT",
    "LOG_LEVEL",
    "METRICS_NAMESPACE",
    "METRICS_MODE",
    "ALLOWED_PAYMENT_TYPES",
];

pub(super) fn build(s: &mut Stack<'_>, names: &Names, key: &Encryption) -> Result<(), Diagnostics> {
    let Some(name) = &names.function else { return Ok(()) };
    let l = &s.o.lambda;
    let role_name =
        s.b.name("iam_role.metrics", l.role_name.as_ref(), "lambda-metrics-role");
    let policy_name = l.policy_name.clone();
    let policy_name = policy_name.unwrap_or_else(|| s.b.styled("lambda-observability"));
    let plan = Plan {
        role_name: &role_name,
        policy_name: &policy_name,
        description: Some("Turns payments into metrics and traces"),
        memory_size: l.memory_size,
        timeout: l.timeout,
        reserved_concurrent_executions: l.reserved_concurrent_executions,
        environment: environment(s, names),
        statements: rights(s, names),
        log_group_name: Some(&names.function_log_group),
        log_group_key_arn: key.arn_if(true),
        ..Plan::new(KEY, name, "payment_metrics")
    };
    let deployed = deploy(&mut s.b, plan)?;
    s.log_group("lambda", &deployed.log_group);
    s.b.graph
        .output("lambda_function_name", deployed.function.output("name"));
    s.b.graph.output("lambda_function_arn", deployed.arn());
    s.b.graph.output("metrics_namespace", names.metrics.as_str());
    Ok(())
}

fn environment(s: &Stack<'_>, names: &Names) -> Value {
    let mut environment = json!(s.o.lambda.environment.clone().unwrap_or_default());
    environment["METRICS_NAMESPACE"] = names.metrics.as_str().into();
    environment["METRICS_MODE"] = s.o.custom_metrics.mode.as_str().into();
    environment["ALLOWED_PAYMENT_TYPES"] = s.o.custom_metrics.allowed_payment_types.join(",").into();
    environment
}

/// Metrics as log lines need no right at all.
fn rights(s: &Stack<'_>, names: &Names) -> Vec<Value> {
    if s.o.custom_metrics.mode == "emf" {
        return Vec::new();
    }
    vec![put_metric_data(&names.metrics)]
}

/// `PutMetricData` takes no resource; the namespace is what can be limited (O-34). doc:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html>
pub(super) fn put_metric_data(namespace: &str) -> Value {
    let mut statement = allow(&["cloudwatch:PutMetricData"], "*");
    statement["Condition"] = json!({"StringEquals": {"cloudwatch:namespace": namespace}});
    statement
}
