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

/// The policy of a stack's KMS key: the account's IAM policies hold for it (or nobody could manage it), then these
/// statements, then the user's `kms.additional_policy_statements`.
pub fn key_policy(b: &Builder<'_>, statements: Vec<Value>) -> Value {
    let env = b.environment;
    let by_iam = json!({
        "Sid": "EnableIamPolicies", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": {"AWS": format!("arn:{}:iam::{}:root", env.partition, env.account_id)},
    });
    let extra = b.shared.kms.additional_policy_statements.iter().flatten();
    let extra = extra.map(|text| tap_engine::json::parse_document(text));
    policy(std::iter::once(by_iam).chain(statements).chain(extra))
}

/// The statement of a key's policy that lets CloudWatch Logs of the region encrypt log groups whose ARNs fit:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>. `condition` is `ArnEquals` or
/// `ArnLike`.
pub fn encrypt_logs(region: &str, condition: &str, groups: &[String]) -> Value {
    allow_service(
        "AllowCloudWatchLogs",
        &format!("logs.{region}.amazonaws.com"),
        &[
            "kms:Encrypt*",
            "kms:Decrypt*",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
            "kms:Describe*",
        ],
        "*",
        json!({condition: {"kms:EncryptionContext:aws:logs:arn": groups}}),
    )
}

/// What a workflow needs to write its log. Log delivery takes no resource:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>.
pub fn deliver_logs() -> Value {
    allow(
        &[
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
        "*",
    )
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
