//! The queue between processor and accounting, and the dead-letter queue: of the queue, of workflows and of events.

use serde_json::{Value, json};
use tap_engine::{Component, Key};

use super::functions::Functions;
use super::keys::Purpose;
use super::site::Site;
use crate::composite::function::Deployed;
use crate::composite::iam::{allow_service, deny_without_tls, policy};

/// The region's queues.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// Payments on their way to accounting.
    pub(super) payments: Option<Key>,
    /// What could not be processed.
    pub(super) dlq: Option<Key>,
}

pub(super) fn build(s: &mut Site<'_>) -> Queues {
    let p = s.p;
    let of_workflow = p.workflow.enabled && p.workflow.dlq;
    let of_events = p.event_failover.enabled && p.event_failover.dlq && s.next().is_some();
    if !(p.queue.enabled || of_workflow || of_events) {
        return Queues::default();
    }
    let dlq = dead_letters(s, of_events);
    let dlq = s.b.add(dlq);
    s.by_region("dlq_urls", dlq.output("url"));
    s.primary_output("dlq_url", dlq.output("url"));
    let payments = p.queue.enabled.then(|| {
        let queue = payments(s, &dlq);
        s.b.add(queue)
    });
    if let Some(queue) = &payments {
        s.by_region("queue_urls", queue.output("url"));
        s.primary_output("queue_url", queue.output("url"));
    }
    Queues {
        payments,
        dlq: Some(dlq),
    }
}

fn payments(s: &Site<'_>, dlq: &Key) -> Component {
    let (q, a) = (&s.p.queue, &s.p.accounting);
    let arn = s.b.arn("sqs", &s.names.queue);
    let usual = a.function.advised_visibility(a.maximum_batching_window_in_seconds);
    let queue =
        s.b.component("sqs_queue", "payments")
            .set("name", s.names.queue.as_str())
            .set(
                "visibility_timeout_seconds",
                q.visibility_timeout_seconds.unwrap_or(usual),
            )
            .set("message_retention_seconds", q.message_retention_seconds)
            .set(
                "redrive_policy",
                json!({"deadLetterTargetArn": dlq.arn(), "maxReceiveCount": q.max_receive_count}),
            )
            .set("policy", policy([deny_without_tls(&[arn], "sqs:*")]));
    encrypted(s, queue)
}

fn dead_letters(s: &Site<'_>, of_events: bool) -> Component {
    let arn = s.b.arn("sqs", &s.names.dlq);
    let mut statements = Vec::new();
    if of_events {
        // EventBridge delivers by the queue's policy; the rule's ARN is known before it exists.
        let rules = s.b.arn("events", &format!("rule/{}/*", s.names.bus));
        let condition = json!({"ArnLike": {"aws:SourceArn": rules}});
        statements.push(allow_service(
            "AllowRules",
            "events.amazonaws.com",
            &["sqs:SendMessage"],
            &arn,
            condition,
        ));
    }
    statements.push(deny_without_tls(&[arn], "sqs:*"));
    let from_queue = s.p.queue.enabled && s.p.dlq.redrive_allow;
    let redrive = from_queue.then(|| {
        // By name: the queue refers to this one.
        json!({"redrivePermission": "byQueue", "sourceQueueArns": [s.b.arn("sqs", &s.names.queue)]})
    });
    let queue =
        s.b.component("sqs_queue", "dlq")
            .set("name", s.names.dlq.as_str())
            .set(
                "visibility_timeout_seconds",
                s.p.failure_notifier.function.advised_visibility(0),
            )
            .set("message_retention_seconds", s.p.dlq.message_retention_seconds)
            .set("redrive_allow_policy", redrive)
            .set("policy", policy(statements));
    encrypted(s, queue)
}

fn encrypted(s: &Site<'_>, queue: Component) -> Component {
    match s.keys.arn(Purpose::Sqs).filter(|_| s.p.queue.sse == "kms") {
        Some(key) => queue.set("kms_master_key_id", key),
        None => queue.set("sqs_managed_sse_enabled", true),
    }
}

/// The queues as sources of the functions behind them. Only the failed messages of a batch come again
/// (N-07, N-08, N-10).
pub(super) fn sources(s: &mut Site<'_>, queues: &Queues, functions: &Functions) {
    let a = &s.p.accounting;
    if let (Some(queue), Some(function)) = (&queues.payments, &functions.accounting) {
        let mapping = source(
            s,
            "accounting",
            queue,
            function,
            a.batch_size,
            a.report_batch_item_failures,
        )
        .set(
            "maximum_batching_window_in_seconds",
            a.maximum_batching_window_in_seconds,
        )
        .set("maximum_concurrency", a.maximum_concurrency);
        s.b.add(mapping);
    }
    let n = &s.p.failure_notifier;
    if let (Some(queue), Some(function)) = (&queues.dlq, &functions.notifier) {
        let mapping = source(
            s,
            "failure_notifier",
            queue,
            function,
            n.batch_size,
            n.report_batch_item_failures,
        );
        s.b.add(mapping);
    }
}

fn source(s: &Site<'_>, key: &str, queue: &Key, function: &Deployed, batch: i64, single: bool) -> Component {
    // SQS wants a window where a batch may have more than ten messages
    // (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>).
    let window = (batch > 10).then_some(1);
    let single: Value = if single {
        json!(["ReportBatchItemFailures"])
    } else {
        Value::Null
    };
    s.b.component("lambda_event_source_mapping", key)
        .set("event_source_arn", queue.arn())
        .set("function_name", function.arn())
        .set("batch_size", batch)
        .set("maximum_batching_window_in_seconds", window)
        .set("function_response_types", single)
}
