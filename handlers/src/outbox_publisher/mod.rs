//! `outbox_publisher`: carries stored payments from the table's stream to the event bus
//! (transactional outbox; W-05, W-16, W-25, W-26, W-57).
//!
//! Per new item, in this order: audit object (if `AUDIT_BUCKET`), workflow (if
//! `WORKFLOW_TRIGGER=all`), event. The first two are idempotent, the event comes last, so a
//! retried record repeats as little as possible. Delivery is at least once.
//!
//! The stream is ordered, so the answer names the lowest failed sequence number; Lambda
//! resumes there (`ReportBatchItemFailures`). A record that can never be processed is
//! reported as failed too: the event source mapping's retry limit and on-failure destination
//! take it out of the way, and nothing is lost silently. Once it comes first in its batch, the invocation fails
//! instead, so that Lambda parts it from the records behind it.

mod event;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream as futures_stream};
use serde_json::{Value, json};

pub use event::{audit_object, bus_event, execution_name, workflow_input};
pub use stream::{NewTransaction, StreamRecord, parse_records};

use crate::backoff::Backoff;
use crate::config::{Env, InitError};
use crate::error::{HandlerError, PortError};
use crate::invocation::{Handler, Invocation};
use crate::ports::{BusEvent, EventBus, ObjectStore, WorkflowStarter};
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "outbox_publisher";

/// Entries that `PutEvents` takes at most.
const MAX_ENTRIES: usize = 10;
/// Bytes that one `PutEvents` request may hold; below AWS's 256 KiB to leave room for the envelope.
const MAX_REQUEST_BYTES: usize = 240 * 1024;
/// Objects and executions in flight at once.
const PARALLEL: usize = 8;

/// Settings.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    /// Event bus (`EVENT_BUS_NAME`).
    pub event_bus: String,
    /// State machine, with `WORKFLOW_TRIGGER=all` only (`STATE_MACHINE_ARN`).
    pub state_machine: Option<String>,
    /// Bucket for audit objects (`AUDIT_BUCKET`), if any.
    pub audit_bucket: Option<String>,
}

impl PublisherConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let trigger_all = env.choice_or("WORKFLOW_TRIGGER", false, &[("event_rule", false), ("all", true)])?;
        let state_machine = if trigger_all {
            Some(env.required("STATE_MACHINE_ARN")?)
        } else {
            None
        };
        Ok(Self {
            event_bus: env.required("EVENT_BUS_NAME")?,
            state_machine,
            audit_bucket: env.optional("AUDIT_BUCKET").map(str::to_owned),
        })
    }
}

/// The handler.
pub struct OutboxPublisher {
    bus: Arc<dyn EventBus>,
    workflow: Option<Arc<dyn WorkflowStarter>>,
    audit: Option<Arc<dyn ObjectStore>>,
    metrics: Metrics,
    backoff: Backoff,
}

/// One record on its way: its place in the stream and what came of it.
struct Progress {
    sequence_number: String,
    work: Result<NewTransaction, String>,
}

impl OutboxPublisher {
    /// A publisher. Without workflow or audit store those steps do not happen.
    pub fn new(
        bus: Arc<dyn EventBus>,
        workflow: Option<Arc<dyn WorkflowStarter>>,
        audit: Option<Arc<dyn ObjectStore>>,
        metrics: Metrics,
    ) -> Self {
        let backoff = Backoff {
            attempts: 4,
            base: Duration::from_millis(100),
        };
        Self {
            bus,
            workflow,
            audit,
            metrics,
            backoff,
        }
    }

    /// A record that can never be read, in front of others: reported by its place it would take them along when the
    /// retry limit is reached, so the whole batch fails and Lambda halves it (`BisectBatchOnFunctionError`; halving does
    /// not count as a retry) until the record is alone. Nothing has been done for the others yet.
    fn part_from_poison(&self, first: &StreamRecord) -> Result<(), HandlerError> {
        let Some(Err(reason)) = &first.transaction else {
            return Ok(());
        };
        self.metrics.count(HANDLER_FAULT);
        let sequence_number = &first.sequence_number;
        tracing::error!(
            sequence_number,
            reason,
            "record cannot be read; to be parted from those behind it"
        );
        let message = format!("record {sequence_number} cannot be read: {reason}");
        Err(HandlerError::Internal(message))
    }

    /// Audit and workflow of one transaction.
    async fn prepare(&self, progress: Progress, invocation: &Invocation) -> Progress {
        let Ok(transaction) = &progress.work else {
            return progress;
        };
        let prepared = invocation.in_time(self.audit_and_start(transaction, invocation)).await;
        let failure = match prepared.unwrap_or_else(|| Err(PortError::out_of_time("audit"))) {
            Ok(()) => return progress,
            Err(error) => error.to_string(),
        };
        Progress {
            work: Err(failure),
            ..progress
        }
    }

    async fn audit_and_start(&self, transaction: &NewTransaction, invocation: &Invocation) -> Result<(), PortError> {
        if let Some(audit) = &self.audit {
            // An object that exists is an earlier try of this very record: same key, same content.
            audit.put_new(&audit_object(transaction)?).await?;
        }
        if let Some(workflow) = &self.workflow {
            let name = execution_name(&transaction.id, transaction.timestamp);
            let input = workflow_input(transaction);
            let start = workflow.start(&name, &input);
            let annotations = json!({"transaction_id": transaction.id.as_str()});
            invocation
                .trace
                .subsegment("trigger_workflow", annotations, start)
                .await?;
        }
        Ok(())
    }

    /// Publishes in order, up to the first record that failed. Returns how many events were
    /// taken, and the failure.
    async fn publish(&self, prepared: &[Progress], invocation: &Invocation) -> (u64, Option<(String, String)>) {
        let mut published = 0;
        let ready: Vec<_> = prepared
            .iter()
            .map_while(|p| Some((p, p.work.as_ref().ok()?)))
            .collect();
        let first_failed = prepared.get(ready.len());
        let events: Vec<(&str, BusEvent)> = ready
            .iter()
            .map(|(p, t)| (p.sequence_number.as_str(), bus_event(t)))
            .collect();
        for chunk in chunks(&events) {
            let (taken, failure) = self.put_chunk(chunk, invocation).await;
            published += taken;
            if failure.is_some() {
                return (published, failure);
            }
        }
        let failure = first_failed.and_then(|p| Some((p.sequence_number.clone(), p.work.as_ref().err()?.clone())));
        (published, failure)
    }

    /// Puts one request's worth of events, and again those that were refused.
    async fn put_chunk(&self, chunk: &[(&str, BusEvent)], invocation: &Invocation) -> (u64, Option<(String, String)>) {
        let mut pending: Vec<&(&str, BusEvent)> = chunk.iter().collect();
        let mut attempt = 1;
        let mut taken = 0;
        loop {
            let events: Vec<BusEvent> = pending.iter().map(|(_, event)| event.clone()).collect();
            let put = invocation.in_time(self.bus.put(&events)).await;
            let lowest = match put.unwrap_or_else(|| Err(PortError::out_of_time("events:PutEvents"))) {
                Ok(results) => {
                    let refused: Vec<_> = pending
                        .iter()
                        .zip(&results)
                        .filter_map(|(p, r)| Some((*p, r.as_ref()?)))
                        .collect();
                    taken += u64::try_from(pending.len() - refused.len()).unwrap_or_default();
                    let Some((first, code)) = refused.first() else {
                        return (taken, None);
                    };
                    let lowest = (first.0.to_owned(), format!("events:PutEvents refused an entry: {code}"));
                    pending = refused.into_iter().map(|(p, _)| p).collect();
                    lowest
                }
                Err(error) => (pending[0].0.to_owned(), error.to_string()),
            };
            if !self.backoff.wait_after(attempt).await {
                return (taken, Some(lowest));
            }
            attempt += 1;
        }
    }
}

/// Splits into requests of at most ten entries and 240 KiB.
fn chunks<'a>(events: &'a [(&'a str, BusEvent)]) -> Vec<&'a [(&'a str, BusEvent)]> {
    let mut result = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, (_, event)) in events.iter().enumerate() {
        let full = index - start == MAX_ENTRIES || bytes + event.detail.len() > MAX_REQUEST_BYTES;
        if index > start && full {
            result.push(&events[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += event.detail.len();
    }
    if start < events.len() {
        result.push(&events[start..]);
    }
    result
}

#[async_trait]
impl Handler for OutboxPublisher {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let records = parse_records(&event).ok_or_else(|| {
            self.metrics.count(HANDLER_FAULT);
            HandlerError::Validation("expected a DynamoDB stream event with Records".to_owned())
        })?;
        if let [first, _, ..] = records.as_slice() {
            self.part_from_poison(first)?;
        }
        let total = records.len();
        let progress = records.into_iter().filter_map(|record| {
            let work = record.transaction?;
            Some(Progress {
                sequence_number: record.sequence_number,
                work,
            })
        });
        let prepared: Vec<Progress> = futures_stream::iter(progress)
            .map(|progress| self.prepare(progress, invocation))
            .buffered(PARALLEL)
            .collect()
            .await;
        let publish = async { Ok::<_, std::convert::Infallible>(self.publish(&prepared, invocation).await) };
        let Ok((published, failure)) = invocation.trace.subsegment("publish_event", json!({}), publish).await;

        self.metrics.emit(&[("EventsPublished", published, Unit::Count)]);
        tracing::info!(
            request_id = invocation.request_id,
            records = total,
            transactions = prepared.len(),
            published,
            failed = failure.is_some(),
            "stream batch handled"
        );
        let Some((sequence_number, reason)) = failure else {
            return Ok(json!({"batchItemFailures": []}));
        };
        self.metrics.count(HANDLER_FAULT);
        tracing::error!(
            request_id = invocation.request_id,
            sequence_number,
            reason,
            "record failed; resuming there"
        );
        Ok(json!({"batchItemFailures": [{"itemIdentifier": sequence_number}]}))
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
