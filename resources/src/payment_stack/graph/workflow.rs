//! The state machine of each region: process, and keep what could not be processed (P-07, P-20, P-41).

use serde_json::{Value, json};
use tap_engine::Key;

use super::functions::Functions;
use super::keys::{Purpose, SEND, Use, allow_use};
use super::names::in_account;
use super::queue::Queues;
use super::site::Site;
use crate::composite::function::Deployed;
use crate::composite::iam::{allow, deliver_logs, role, trust, xray};
use crate::composite::notice::message_attributes;

/// The state machine, if the stack has workflows.
pub(super) fn build(s: &mut Site<'_>, topic: &Key, queues: &Queues, functions: &Functions) -> Option<Key> {
    let w = &s.p.workflow;
    let processor = functions.processor.as_ref().filter(|_| w.enabled)?;
    let dlq = queues.dlq.as_ref().filter(|_| w.dlq);
    let group = s.log_group("workflow", &s.names.workflow_log());
    let rights = rights(s, topic, dlq, processor);
    let role_name = in_account(&s.b, "iam_role.workflow", None, "payment-workflow");
    let trusted = trust("states.amazonaws.com", &s.b.environment.account_id);
    let role = role(&s.b, "workflow", &role_name, trusted, rights);
    let role = s.b.add(role);
    let logging = (w.log_level != "OFF").then(|| {
        json!({
            "level": w.log_level,
            "include_execution_data": w.include_execution_data,
            "log_group_arn": format!("{}:*", group.arn()),
        })
    });
    let machine =
        s.b.component("state_machine", "payments")
            .set("name", s.names.workflow.as_str())
            .set("type", w.kind.as_str())
            .set("role_arn", role.arn())
            .set("definition", definition(s, topic, dlq, processor))
            .set("tracing_enabled", s.b.shared.tracing_mode == "Active")
            .set("logging", logging);
    let machine = s.b.add(machine);
    s.by_region("state_machine_arns", machine.arn());
    Some(machine)
}

/// This region's function, queue and topic, nothing by wildcard (P-10, P-11).
fn rights(s: &Site<'_>, topic: &Key, dlq: Option<&Key>, processor: &Deployed) -> Vec<Value> {
    let mut statements = vec![
        allow(&["lambda:InvokeFunction"], processor.arn()),
        allow(&["sns:Publish"], topic.arn()),
        deliver_logs(),
    ];
    statements.extend(dlq.map(|dlq| allow(&["sqs:SendMessage"], dlq.arn())));
    let mut uses = Vec::new();
    uses.extend(Use::of(s, Purpose::Sns, SEND).filter(|_| s.p.topics.notifications.kms_enabled));
    uses.extend(Use::of(s, Purpose::Sqs, SEND).filter(|_| dlq.is_some() && s.p.queue.sse == "kms"));
    statements.extend(allow_use(s, &uses));
    if s.b.shared.tracing_mode == "Active" {
        statements.push(xray());
    }
    statements
}

/// The processor throws in workflows, so `Retry` and `Catch` see its errors (P-07). Errors that are
/// tried again are named; what fails for good goes to the dead-letter queue, people are told, and the
/// execution fails. A notice or a queue that cannot be reached does not hide the failure.
fn definition(s: &Site<'_>, topic: &Key, dlq: Option<&Key>, processor: &Deployed) -> Value {
    let w = &s.p.workflow;
    let partition = &s.b.environment.partition;
    let service = |integration: &str| format!("arn:{partition}:states:::{integration}");
    let keep = dlq.map(|dlq| {
        json!({
            "Type": "Task",
            "Resource": service("sqs:sendMessage"),
            "Parameters": {"QueueUrl": dlq.output("url"), "MessageBody.$": "$"},
            "ResultPath": null,
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "Notify"}],
            "Next": "Notify",
        })
    });
    let after_failure = if keep.is_some() { "KeepFailed" } else { "Notify" };
    let mut definition = json!({
        "Comment": "Payment processing workflow",
        "StartAt": "ProcessTransaction",
        "TimeoutSeconds": w.timeout_seconds,
        "States": {
            "ProcessTransaction": {
                "Type": "Task",
                "Resource": service("lambda:invoke"),
                "Parameters": {"FunctionName": processor.arn(), "Payload.$": "$"},
                "ResultSelector": {
                    "transaction_id.$": "$.Payload.transaction_id",
                    "timestamp.$": "$.Payload.timestamp",
                    "status.$": "$.Payload.status",
                    "region.$": "$.Payload.region",
                    "replayed.$": "$.Payload.replayed",
                },
                "TimeoutSeconds": processor.timeout,
                "Retry": [{
                    "ErrorEquals": w.retry.errors,
                    "IntervalSeconds": w.retry.interval_seconds,
                    "MaxAttempts": w.retry.max_attempts,
                    "BackoffRate": w.retry.backoff_rate,
                }],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": after_failure}],
                "Next": "Processed",
            },
            "Processed": {"Type": "Succeed"},
            "Notify": {
                "Type": "Task",
                "Resource": service("sns:publish"),
                "Parameters": {
                    "TopicArn": topic.arn(),
                    "Subject": "Payment Processing Failure",
                    "Message": {
                        "alert_type": "WORKFLOW_FAILED",
                        "execution.$": "$$.Execution.Id",
                        "error.$": "$.error.Error",
                        "region": s.region(),
                        "environment": s.b.shared.environment_suffix,
                        "schema_version": "1",
                    },
                    "MessageAttributes": message_attributes("WORKFLOW_FAILED", "high"),
                },
                "ResultPath": null,
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "Failed"}],
                "Next": "Failed",
            },
            "Failed": {
                "Type": "Fail",
                "Error": "PaymentProcessingFailed",
                "Cause": if dlq.is_some() {
                    "The payment was not processed. Its input is in the dead-letter queue."
                } else {
                    "The payment was not processed."
                },
            },
        },
    });
    if let Some(keep) = keep {
        definition["States"]["KeepFailed"] = keep;
    }
    definition
}
