//! Functions, queue, workflow, events, topics, alarms.

use crate::composite::findings::{Findings, known};
use crate::composite::parts::Function;
use crate::composite::rules;
use crate::payment_stack::config::{Config, Payment};
use crate::payment_stack::graph::STACK_VARIABLES;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let payment = &config.payment;
    functions(payment, findings);
    queue(payment, findings);
    workflow(payment, findings);
    events(payment, findings);
    subscriptions(payment, findings);
    alarms(payment, findings);
    package(config, findings);
}

/// Set by Lambda (P-03, O-05) or by the stack itself.
fn reserved(name: &str) -> bool {
    name.starts_with("AWS_")
        || name.starts_with("LAMBDA_")
        || name.starts_with("_X_AMZN")
        || name == "TZ"
        || STACK_VARIABLES.contains(&name)
}

/// The variables of the function at `path`.
pub(super) fn environment(path: &str, function: &Function, findings: &mut Findings) {
    let variables = function.environment.iter().flatten();
    for name in variables.map(|(name, _)| name).filter(|name| reserved(name)) {
        let detail = format!("`{name}` is set by Lambda or by the stack: choose another name.");
        findings.error(&format!("{path}.environment[\"{name}\"]"), "Reserved variable", detail);
    }
}

/// What the queue may start side by side and what the function may do: with less reserved, messages are throttled and
/// end in the dead-letter queue
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency>).
fn concurrency(payment: &Payment, findings: &mut Findings) {
    let accounting = &payment.accounting;
    let reserved = accounting.function.reserved_concurrent_executions;
    let most = accounting.maximum_concurrency.unwrap_or_default();
    if accounting.enabled && reserved >= 0 && most > reserved {
        findings.warning(
            "accounting.maximum_concurrency",
            "More than is reserved",
            format!(
                "the queue would start {most} invocations side by side, the function may have {reserved}: what is throttled counts as a failed delivery. {reserved} or less is right."
            ),
        );
    }
}

fn functions(payment: &Payment, findings: &mut Findings) {
    environment("processor", &payment.processor.function, findings);
    environment("accounting", &payment.accounting.function, findings);
    environment("failure_notifier", &payment.failure_notifier.function, findings);
    concurrency(payment, findings);
    let processor = &payment.processor;
    if payment.api.enabled && processor.function.timeout * 1000 > payment.api.integration_timeout_ms {
        let limit = payment.api.integration_timeout_ms / 1000;
        findings.error(
            "processor.timeout",
            "The API does not wait that long",
            format!("the sender would get a 504 while the payment is still processed: {limit} seconds or less, or a greater `api.integration_timeout_ms` (P-29)."),
        );
    }
    for field in ["transaction_id", "amount", "currency"] {
        if !processor.required_fields.iter().any(|required| required == field) {
            findings.error(
                "processor.required_fields",
                "A payment without it is none",
                format!("`{field}` is missing."),
            );
        }
    }
    if payment.layer.enabled != payment.layer.zip_path.is_some() {
        findings.error(
            "layer.zip_path",
            "Layer and zip go together",
            "give `enabled = true` and `zip_path`, or neither.",
        );
    }
}

fn queue(payment: &Payment, findings: &mut Findings) {
    let (queue, accounting) = (&payment.queue, &payment.accounting);
    if payment.processor.response_mode == "queue" && !queue.enabled {
        findings.error(
            "processor.response_mode",
            "There is no queue",
            "set `queue.enabled = true`, or `response_mode = \"sync\"`.",
        );
    }
    if accounting.enabled && !queue.enabled {
        findings.error(
            "accounting.enabled",
            "There is no queue to read",
            "set `queue.enabled = true`, or `accounting.enabled = false`.",
        );
    }
    if payment.failure_notifier.enabled && !queue.enabled {
        findings.error(
            "failure_notifier.enabled",
            "There is no dead-letter queue to read",
            "set `queue.enabled = true`, or `failure_notifier.enabled = false`.",
        );
    }
    if queue.enabled {
        deliveries(payment, findings);
    }
}

/// How messages move between the queues and the functions.
fn deliveries(payment: &Payment, findings: &mut Findings) {
    let (queue, accounting) = (&payment.queue, &payment.accounting);
    let advised = accounting
        .function
        .advised_visibility(accounting.maximum_batching_window_in_seconds);
    if let Some(seconds) = queue.visibility_timeout_seconds.filter(|_| accounting.enabled) {
        if seconds < accounting.function.timeout {
            let detail = format!(
                "Lambda refuses a queue whose messages come back before the function ({} s) has ended; {advised} is right.",
                accounting.function.timeout
            );
            findings.error(
                "queue.visibility_timeout_seconds",
                "Shorter than the function's timeout",
                detail,
            );
        } else if seconds < advised {
            let detail =
                format!("AWS advises six times the function's timeout plus the batching window: {advised} (N-12).");
            findings.warning(
                "queue.visibility_timeout_seconds",
                "Messages may be processed twice",
                detail,
            );
        }
    }
    if payment.dlq.message_retention_seconds < queue.message_retention_seconds {
        findings.warning(
            "dlq.message_retention_seconds",
            "Failed messages may expire early",
            "a message keeps its age when it moves: give the dead-letter queue at least the queue's retention.",
        );
    }
    let batches = [
        (
            "accounting",
            accounting.enabled,
            accounting.batch_size,
            accounting.maximum_batching_window_in_seconds,
        ),
        (
            "failure_notifier",
            payment.failure_notifier.enabled,
            payment.failure_notifier.batch_size,
            0,
        ),
    ];
    for (function, enabled, size, window) in batches {
        if enabled && size > 10 && window == 0 {
            let detail = "more than 10 messages need a batching window of a second or more.";
            findings.error(&format!("{function}.batch_size"), "Large batches need a window", detail);
        }
    }
}

fn workflow(payment: &Payment, findings: &mut Findings) {
    let workflow = &payment.workflow;
    if !workflow.enabled {
        return;
    }
    if !payment.processor.enabled {
        findings.error(
            "workflow.enabled",
            "The workflow has no task",
            "set `processor.enabled = true`.",
        );
    }
    rules::express(&workflow.kind, workflow.timeout_seconds, findings);
    retried(&workflow.retry.errors, findings);
    if workflow.include_execution_data && workflow.log_level != "OFF" {
        findings.warning(
            "workflow.include_execution_data",
            "Payments in logs",
            "whole inputs and outputs will be logged, payments among them (P-39).",
        );
    }
}

/// Amazon States Language: `States.ALL` stands alone in its retrier, and no error's name is empty
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
fn retried(errors: &[String], findings: &mut Findings) {
    for (index, error) in errors.iter().enumerate() {
        let path = format!("workflow.retry.errors[{index}]");
        if error.is_empty() {
            findings.error(
                &path,
                "An error without a name",
                "give its name, such as `States.Timeout`.",
            );
        } else if error == "States.ALL" && errors.len() > 1 {
            let detail = "Step Functions takes `States.ALL` by itself only: `errors = [\"States.ALL\"]`, or the others without it.";
            findings.error(&path, "All errors, and others", detail);
        }
    }
}

fn events(payment: &Payment, findings: &mut Findings) {
    let failover = &payment.event_failover;
    if !failover.enabled {
        return;
    }
    if !payment.workflow.enabled {
        findings.error(
            "event_failover.enabled",
            "Nothing would take the events over",
            "set `workflow.enabled = true`.",
        );
    }
    if payment.regions.as_ref().is_none_or(|regions| regions.len() < 2) {
        findings.error(
            "event_failover.enabled",
            "No standby region",
            "failover needs two regions or more.",
        );
    }
    for (from, to) in failover.targets.iter().flatten().filter(|(from, to)| from == to) {
        let detail = format!("{to} cannot take over from itself.");
        findings.error(
            &format!("event_failover.targets[\"{from}\"]"),
            "No standby region",
            detail,
        );
    }
}

fn subscriptions(payment: &Payment, findings: &mut Findings) {
    for (index, subscription) in payment.topics.subscriptions.iter().flatten().enumerate() {
        if subscription.filter_policy_scope.is_some() && subscription.filter_policy.is_none() {
            findings.error(
                &format!("topics.subscriptions[{index}].filter_policy_scope"),
                "A scope of no policy",
                "give `filter_policy`, or leave the scope out.",
            );
        }
        let endpoint = &subscription.endpoint;
        let path = format!("topics.subscriptions[{index}]");
        rules::no_fifo_queue(&path, &subscription.protocol, endpoint, findings);
        let right = match subscription.protocol.as_str() {
            _ if !known(endpoint) => true,
            "sms" => endpoint.strip_prefix('+').is_some_and(|n| {
                (7..=15).contains(&n.len()) && !n.starts_with('0') && n.bytes().all(|b| b.is_ascii_digit())
            }),
            "email" | "email-json" => endpoint.contains('@'),
            "https" => endpoint.starts_with("https://"),
            _ => endpoint.starts_with("arn:"),
        };
        if !right {
            let wanted = match subscription.protocol.as_str() {
                "sms" => "a telephone number in E.164 form, such as `+14155550123`",
                "email" | "email-json" => "an e-mail address",
                "https" => "a URL that begins with `https://`",
                _ => "an ARN",
            };
            let detail = format!("`{}` needs {wanted}.", subscription.protocol);
            findings.error(
                &format!("topics.subscriptions[{index}].endpoint"),
                "Endpoint does not fit the protocol",
                detail,
            );
        }
    }
}

fn alarms(payment: &Payment, findings: &mut Findings) {
    let rate = &payment.alarms.error_rate;
    if rate.datapoints_to_alarm > rate.evaluation_periods {
        let detail = format!(
            "{} periods are looked at: at most as many can be above.",
            rate.evaluation_periods
        );
        findings.error(
            "alarms.error_rate.datapoints_to_alarm",
            "More periods than are looked at",
            detail,
        );
    }
    let spans = [
        (
            "alarms.error_rate.evaluation_periods",
            rate.period * rate.evaluation_periods,
        ),
        (
            "alarms.errors.evaluation_periods",
            payment.alarms.errors.period * payment.alarms.errors.evaluation_periods,
        ),
    ];
    for (path, _) in spans.iter().filter(|(_, seconds)| *seconds > 86_400) {
        findings.error(
            path,
            "Longer than a day",
            "CloudWatch looks back one day at most: `period` times `evaluation_periods` is 86400 or less.",
        );
    }
}

fn package(config: &Config, findings: &mut Findings) {
    let Some(package) = &config.shared.lambda_package else {
        return;
    };
    if package.image_uri.is_some() || package.image_digest.is_some() {
        findings.error(
            "lambda_package.image_uri",
            "Zip packages only",
            "this stack's functions are zip packages: give `zip_path`, or `s3_bucket` and `s3_key`.",
        );
    }
    let s3 = package.s3_bucket.is_some() || package.s3_key.is_some();
    if package.zip_path.is_some() == s3 {
        findings.error(
            "lambda_package",
            "One package, please",
            "give `zip_path`, or `s3_bucket` and `s3_key`.",
        );
    }
    if s3 && package.s3_key.is_none() {
        findings.error(
            "lambda_package.s3_key",
            "Bucket and key go together",
            "give both `s3_bucket` and `s3_key`.",
        );
    }
    let regions = config.payment.regions.as_deref().unwrap_or_default();
    for region in regions.iter().skip(1).filter(|_| s3) {
        if config.payment.in_region(region).lambda_s3_bucket.is_none() {
            let path = format!("region_overrides[\"{region}\"].lambda_s3_bucket");
            findings.error(
                &path,
                "No bucket with the code there",
                "Lambda takes code from a bucket of its own region.",
            );
        }
    }
}
