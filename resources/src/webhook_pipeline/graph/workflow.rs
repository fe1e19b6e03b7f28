//! The state machine: analyse, then tell; nothing that fails is lost.

use serde_json::{Value, json};
use tap_engine::Key;

use super::Stack;
use super::data::{Data, Stores};
use super::functions::Functions;
use crate::composite::iam::{allow, deliver_logs, role, trust, xray};
use crate::composite::notice::message_attributes;
use crate::webhook_pipeline::config::Retry;

pub(super) struct Workflow {
    pub(super) machine: Key,
}

/// Errors of Lambda itself that pass by themselves
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html>), and the handler's own.
const TRANSIENT: [&str; 5] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "ServiceUnavailable",
];

pub(super) fn name(s: &Stack<'_>) -> String {
    s.b.name(
        "state_machine.transactions",
        s.p.workflow.name.as_ref(),
        "transaction-workflow",
    )
}

/// Below `/aws/vendedlogs/`: other names lengthen the account's log resource policy with every state machine (W-50).
pub(super) fn log_group_name(s: &Stack<'_>) -> String {
    s.p.workflow
        .log_group_name
        .clone()
        .unwrap_or_else(|| format!("/aws/vendedlogs/states/{}", name(s)))
}

pub(super) fn build(s: &mut Stack<'_>, data: &Data, stores: &Stores, functions: &Functions) -> Workflow {
    let group_name = log_group_name(s);
    let group = super::functions::log_group(s, &data.encryption, "workflow", &group_name);
    let mut groups = vec![
        ("workflow", group.output("name")),
        ("api", super::api::access_log_group(s)),
    ];
    groups.extend([
        ("validator", format!("/aws/lambda/{}", functions.validator.name)),
        ("publisher", format!("/aws/lambda/{}", functions.publisher.name)),
        ("fraud", format!("/aws/lambda/{}", functions.fraud.name)),
        ("archival", format!("/aws/lambda/{}", functions.archival.name)),
    ]);
    s.outputs("log_group_names", groups);
    let role_name =
        s.b.name("iam_role.workflow", s.p.workflow.role_name.as_ref(), "step-functions");
    let role = role(
        &s.b,
        "workflow",
        &role_name,
        trust("states.amazonaws.com", &s.b.environment.account_id),
        rights(s, data, stores, functions),
    );
    let role = s.b.add(role);
    let w = &s.p.workflow;
    let machine =
        s.b.component("state_machine", "transactions")
            .set("name", name(s))
            .set("type", w.kind.as_str())
            .set("role_arn", role.arn())
            .set("definition", definition(s, stores, functions))
            .set("tracing_enabled", s.b.shared.tracing_mode == "Active");
    let machine = if w.log_level == "OFF" {
        machine
    } else {
        machine.set(
            "logging",
            json!({
                "level": w.log_level,
                "include_execution_data": w.include_execution_data,
                "log_group_arn": format!("{}:*", group.arn()),
            }),
        )
    };
    let machine = s.b.add(machine);
    s.b.graph.output("state_machine_arn", machine.arn());
    Workflow { machine }
}

fn rights(s: &Stack<'_>, data: &Data, stores: &Stores, functions: &Functions) -> Vec<Value> {
    let mut statements = vec![
        allow(&["lambda:InvokeFunction"], functions.fraud.arn()),
        allow(&["sns:Publish"], stores.topics.notices.arn()),
        allow(&["sqs:SendMessage"], stores.dlq.arn()),
        deliver_logs(),
    ];
    statements.extend(data.encryption.allow_use());
    if s.b.shared.tracing_mode == "Active" {
        statements.push(xray());
    }
    statements
}

fn retry(errors: &[&str], retry: &Retry) -> Value {
    json!([{
        "ErrorEquals": errors,
        "IntervalSeconds": retry.interval_seconds,
        "MaxAttempts": retry.max_attempts,
        "BackoffRate": retry.backoff_rate,
    }])
}

/// Fraud analysis, then the notice with the real status (W-43). A notice that cannot be sent does not
/// undo the analysis (W-45); a transaction that cannot be analysed goes to the dead-letter queue and
/// the execution fails. Only named errors are tried again (W-47), and there is a time limit (W-48).
fn definition(s: &Stack<'_>, stores: &Stores, functions: &Functions) -> Value {
    let w = &s.p.workflow;
    let partition = &s.b.environment.partition;
    let service = |integration: &str| format!("arn:{partition}:states:::{integration}");
    json!({
        "Comment": "Transaction processing workflow: fraud detection, then notification",
        "StartAt": "FraudDetection",
        "TimeoutSeconds": w.timeout_seconds,
        "States": {
            "FraudDetection": {
                "Type": "Task",
                "Resource": service("lambda:invoke"),
                "Parameters": {
                    "FunctionName": functions.fraud.arn(),
                    "Payload": {"transaction.$": "$.transaction", "timestamp.$": "$.timestamp"},
                },
                "ResultSelector": {"fraud_analysis.$": "$.Payload.fraud_analysis"},
                "ResultPath": "$.result",
                "TimeoutSeconds": functions.fraud.timeout,
                "Retry": retry(&TRANSIENT, &w.fraud_retry),
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "KeepFailed"}],
                "Next": "SendNotification",
            },
            "SendNotification": {
                "Type": "Task",
                "Resource": service("sns:publish"),
                "Parameters": {
                    "TopicArn": stores.topics.notices.arn(),
                    "Message": {
                        "transaction_id.$": "$.transaction.transaction_id",
                        "timestamp.$": "$.timestamp",
                        "status": "analyzed",
                        "fraud_analysis.$": "$.result.fraud_analysis",
                        "environment": s.b.shared.environment_suffix,
                        "schema_version": "1",
                    },
                    "MessageAttributes": message_attributes("transaction_analyzed", "info"),
                },
                "ResultPath": "$.notification",
                "Retry": retry(&["SNS.InternalErrorException", "SNS.ThrottledException", "SNS.KmsThrottlingException"], &w.notify_retry),
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "NotificationFailed"}],
                "Next": "Processed",
            },
            "NotificationFailed": {
                "Type": "Pass",
                "Comment": "The analysis stands; the missing notice shows in the output",
                "Next": "Processed",
            },
            "Processed": {"Type": "Succeed"},
            "KeepFailed": {
                "Type": "Task",
                "Resource": service("sqs:sendMessage"),
                "Parameters": {
                    "QueueUrl": stores.dlq.output("url"),
                    "MessageBody.$": "$",
                },
                "ResultPath": null,
                "Next": "AnalysisFailed",
            },
            "AnalysisFailed": {
                "Type": "Fail",
                "Error": "FraudAnalysisFailed",
                "Cause": "The transaction was not analysed. Its input is in the dead-letter queue.",
            },
        },
    })
}
