//! The function that looks after accepted payments, and what calls it: a schedule for those that are stuck (N-14), the
//! guard table's stream for those that two regions have accepted.

use serde_json::json;
use tap_engine::Key;

use super::data;
use super::functions::{Functions, Stores, Work, receipts, table};
use super::keys::{Purpose, READ, SEND, Use, allow_use};
use super::names::{in_account, named};
use super::queue::Queues;
use super::site::Site;
use crate::composite::function::Deployed;
use crate::composite::iam::{allow, role, trust};

/// Whether the function is here.
pub(super) fn is_here(s: &Site<'_>) -> bool {
    s.p.sweeps() || s.detects_conflicts()
}

/// Its rights and variables: the steps that the processor may have left out, and nothing else.
pub(super) fn work(s: &Site<'_>, stores: &Stores<'_>) -> Work {
    let mut work = Work::default();
    if s.p.sweeps() {
        sweep(s, stores, &mut work);
    }
    if s.detects_conflicts() {
        watch(s, stores, &mut work);
    }
    work
}

fn sweep(s: &Site<'_>, stores: &Stores<'_>, work: &mut Work) {
    let r = &s.p.reconciliation;
    let payments = table(s, work);
    let index = s.p.status_index().map(|index| index.name.as_str()).unwrap_or_default();
    work.may(&["dynamodb:Query"], format!("{}/index/{index}", payments.arn));
    work.may(&["dynamodb:GetItem", "dynamodb:UpdateItem"], payments.arn);
    work.var("STATUS_INDEX", index);
    work.var("STUCK_AFTER_SECONDS", r.stuck_after_seconds.to_string());
    work.var("MAX_PAYMENTS_PER_RUN", r.max_payments_per_run.to_string());
    if let Some(queue) = stores.queue {
        work.may(&["sqs:SendMessage"], queue.arn());
        work.var("QUEUE_URL", queue.output("url"));
        work.uses
            .extend(Use::of(s, Purpose::Sqs, SEND).filter(|_| s.p.queue.sse == "kms"));
    }
    receipts(s, stores, work);
}

/// Lambda reads the stream with the function's role, and tells people of batches that it gave up.
fn watch(s: &Site<'_>, stores: &Stores<'_>, work: &mut Work) {
    let Some(guards) = data::guards(s) else { return };
    let stream = format!("{}/stream/*", guards.arn);
    let read = [
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
    ];
    work.lent(&read, stream);
    work.var("DETECT_CONFLICTS", "true");
    work.uses.extend(Use::with(data::key(s), Purpose::Dynamodb, READ));
    work.lent(&["sns:Publish"], stores.topic.arn());
    work.uses
        .extend(Use::of(s, Purpose::Sns, SEND).filter(|_| s.p.topics.notifications.kms_enabled));
}

/// What calls the function.
pub(super) fn triggers(s: &mut Site<'_>, topic: &Key, queues: &Queues, functions: &Functions) {
    let Some(function) = &functions.reconciler else { return };
    if s.p.sweeps() {
        schedule(s, queues, function);
    }
    if s.detects_conflicts() {
        stream(s, topic, function);
    }
}

/// In every region: each completes what it has accepted itself, as a second region's writes would get in its way.
fn schedule(s: &mut Site<'_>, queues: &Queues, function: &Deployed) {
    let dlq = queues.dlq.as_ref();
    let mut statements = vec![allow(&["lambda:InvokeFunction"], function.arn())];
    statements.extend(dlq.map(|dlq| allow(&["sqs:SendMessage"], dlq.arn())));
    let encrypted = Use::of(s, Purpose::Sqs, SEND).filter(|_| dlq.is_some() && s.p.queue.sse == "kms");
    statements.extend(allow_use(s, &Vec::from_iter(encrypted)));
    let name = in_account(
        &s.b,
        "iam_role.reconciler_schedule",
        None,
        "payment-reconciler-schedule",
    );
    let trusted = trust("scheduler.amazonaws.com", &s.b.environment.account_id);
    let role = role(&s.b, "reconciler_schedule", &name, trusted, statements);
    let role = s.b.add(role);
    let name = named(&s.b, "schedule.reconciler", None, "payment-reconciler");
    let target = json!({
        "arn": function.arn(),
        "role_arn": role.arn(),
        "input": "{}",
        "dead_letter_arn": dlq.map(Key::arn),
        // The next run does the same.
        "maximum_event_age_in_seconds": 300,
        "maximum_retry_attempts": 2,
    });
    let schedule =
        s.b.component("schedule", "reconciler")
            .set("name", name)
            .set("group_name", "default")
            .set("description", "Completes payments that are stuck")
            .set("schedule_expression", s.p.reconciliation.schedule_expression.as_str())
            .set("schedule_expression_timezone", "UTC")
            .set("state", "ENABLED")
            .set("flexible_time_window", json!({"mode": "OFF"}))
            .set("target", tap_engine::json::normalise(&target, false));
    s.b.add(schedule);
}

/// A guard is never changed but by another region's. The filter leaves the function the changes of guards that were this
/// region's: it is not called, and costs nothing, as long as there is no conflict.
fn stream(s: &mut Site<'_>, topic: &Key, function: &Deployed) {
    let Some(source) = data::guards_stream(s) else { return };
    let lost_here = json!({"eventName": ["MODIFY"], "dynamodb": {"OldImage": {"region": {"S": [s.region()]}}}});
    let mapping =
        s.b.component("lambda_event_source_mapping", "conflicts")
            .set("event_source_arn", source)
            .set("function_name", function.arn())
            .set("starting_position", "TRIM_HORIZON")
            .set("batch_size", 100)
            .set("maximum_retry_attempts", 10)
            .set("bisect_batch_on_function_error", true)
            .set("function_response_types", json!(["ReportBatchItemFailures"]))
            .set("filter_criteria", json!([lost_here]))
            .set("destination_on_failure", topic.arn());
    s.b.add(mapping);
}
