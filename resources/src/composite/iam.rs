//! Policies: one statement a line, resources always named.

use serde_json::{Value, json};
use tap_engine::{Component, Key};

use super::Builder;

/// A policy document.
pub fn policy(statements: impl IntoIterator<Item = Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements.into_iter().collect::<Vec<_>>()})
}

/// An `Allow` statement of an identity policy.
pub fn allow(actions: &[&str], resources: impl Into<Value>) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources.into()})
}

/// An `Allow` statement of a resource policy for an AWS service.
pub fn allow_service(sid: &str, service: &str, actions: &[&str], resource: &str, condition: Value) -> Value {
    let mut statement = json!({
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": service}, "Action": actions, "Resource": resource,
    });
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    statement
}

/// A `Deny` of everything without TLS.
pub fn deny_without_tls(resources: &[String], action: &str) -> Value {
    json!({
        "Sid": "DenyWithoutTls", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })
}

/// The X-Ray actions that tracing with sampling rules needs (W-51). They take no resource:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html>.
pub fn xray() -> Value {
    allow(
        &[
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
        ],
        "*",
    )
}

/// Writing to one log group, without the right to create one (W-40).
pub fn write_logs(log_group: &Key) -> Value {
    allow(
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        format!("{}:*", log_group.arn()),
    )
}

/// Trust of one AWS service, for this account only (confused deputy).
pub fn trust(service: &str, account_id: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }]})
}

/// Trust of Lambda, which does not send a source account when it assumes an execution role.
pub fn trust_lambda() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
    }]})
}

/// Name of a role's inline policy where nobody asks for another.
pub const POLICY: &str = "permissions";

/// A role with one inline policy, path and boundary as the stack says.
pub fn role(b: &Builder<'_>, key: &str, name: &str, trust: Value, statements: Vec<Value>) -> Component {
    role_with_policy(b, key, name, trust, POLICY, statements)
}

/// [`role`], with the policy's name.
pub fn role_with_policy(
    b: &Builder<'_>,
    key: &str,
    name: &str,
    trust: Value,
    policy_name: &str,
    statements: Vec<Value>,
) -> Component {
    let mut role = b
        .component("iam_role", key)
        .set("role_name", name)
        .set("path", b.shared.iam_path.as_str())
        .set("assume_role_policy", trust)
        .set("inline_policies", json!({policy_name: policy(statements)}));
    if let Some(boundary) = &b.shared.permissions_boundary_arn {
        role = role.set("permissions_boundary", boundary.as_str());
    }
    role
}
