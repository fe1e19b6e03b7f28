//! `transaction_archival`: moves settled transactions from the table to the audit bucket
//! (REQUIREMENTS 2.8, 6.5; W-17 to W-23, W-69).
//!
//! Page by page: read through the index, write one object per date, verify it, and only then
//! dispose of each item if it has not changed. A crash between the two leaves items that the next run
//! archives again: twice in the archive at worst, never lost. Before Lambda's time limit the
//! function invokes itself with a continuation token.

mod batch;
mod config;
mod continuation;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

pub use batch::{ArchiveFormat, date_batches};
pub use config::ArchivalConfig;
pub use continuation::Continuation;

use crate::domain::item::Item;
use crate::error::HandlerError;
use crate::invocation::{Handler, Invocation};
use crate::ports::{ArchiveSource, Clock, FunctionInvoker, NewObject, ObjectStore, PutOutcome};
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "transaction_archival";

/// A page needs less than this; with less time left the work goes on in another invocation.
const PAGE_BUDGET: Duration = Duration::from_secs(30);
/// How often a taken key is stepped over. The steps double, so that these are enough for a million taken keys.
const MAX_KEYS_TRIED: u32 = 20;
/// Deletions in flight at once.
const PARALLEL: usize = 8;

/// The handler.
pub struct TransactionArchival {
    config: ArchivalConfig,
    source: Arc<dyn ArchiveSource>,
    bucket: Arc<dyn ObjectStore>,
    own_function: Arc<dyn FunctionInvoker>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// What one invocation has done.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    archived: u64,
    failed: u64,
}

impl TransactionArchival {
    /// An archival. `own_function` is invoked to continue.
    pub fn new(
        config: ArchivalConfig,
        source: Arc<dyn ArchiveSource>,
        bucket: Arc<dyn ObjectStore>,
        own_function: Arc<dyn FunctionInvoker>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self {
            config,
            source,
            bucket,
            own_function,
            clock,
            metrics,
        }
    }

    async fn run(&self, event: &Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let mut position = match Continuation::from_event(event) {
            Some(continuation) => continuation.map_err(|reason| HandlerError::Validation(reason.to_owned()))?,
            None => Continuation::start(self.clock.now(), self.config.min_age_millis()),
        };
        let mut tally = Tally::default();
        let mut first_page = true;
        while let Some(status) = self.config.statuses.get(position.status_index) {
            // Each invocation does one page at least, so that a chain of them always ends.
            if !first_page && invocation.remaining() < PAGE_BUDGET {
                let token = self.continue_later(position).await?;
                return Ok(result_json(tally, &token));
            }
            first_page = false;
            let before = position.before;
            let read = self
                .source
                .page(status, before, self.config.page_limit, position.start_key.as_ref());
            let page = invocation
                .trace
                .subsegment("scan_old_transactions", json!({"status": status}), read)
                .await?;
            self.archive_page(&page.items, &mut position, &mut tally, invocation)
                .await?;
            position.advance(page.next);
        }
        Ok(result_json(tally, &Value::Null))
    }

    /// Writes the page's objects, then disposes of its items.
    async fn archive_page(
        &self,
        items: &[Item],
        position: &mut Continuation,
        tally: &mut Tally,
        invocation: &Invocation,
    ) -> Result<(), HandlerError> {
        for (date, batch) in date_batches(items) {
            let store = self.store(&date, &batch, position);
            invocation
                .trace
                .subsegment("archive_to_s3", json!({"date": date}), store)
                .await?;
            let dispose = self.dispose(&batch);
            let done = invocation
                .trace
                .subsegment("delete_archived_transactions", json!({"date": date}), dispose)
                .await?;
            tally.archived += done.archived;
            tally.failed += done.failed;
        }
        Ok(())
    }

    /// Writes one object under a key that is not taken. Taken keys come from an earlier try of the
    /// same invocation; what they hold may differ from our batch, so it gets its own object.
    async fn store(&self, date: &str, items: &[&Item], position: &mut Continuation) -> Result<(), HandlerError> {
        let format = self.config.format;
        let body = format
            .encode(items)
            .map_err(|e| HandlerError::Internal(format!("archive object: {e}")))?;
        let mut object = NewObject {
            key: String::new(),
            body,
            content_type: format.content_type(),
            content_encoding: format.content_encoding(),
        };
        for attempt in 0..MAX_KEYS_TRIED {
            let number = position.skip(1 << attempt);
            let (prefix, run) = (&self.config.prefix, position.run.compact());
            object.key = format!("{prefix}/{date}/run-{run}-{number}.{}", format.extension());
            if self.bucket.put_new(&object).await? == PutOutcome::Created {
                return Ok(());
            }
        }
        Err(HandlerError::ServiceUnavailable(format!(
            "no free archive key up to {}",
            object.key
        )))
    }

    async fn dispose(&self, items: &[&Item]) -> Result<Tally, HandlerError> {
        let now = self.clock.now();
        let disposal = self.config.disposal;
        // Owned items: futures that borrow through two levels do not fit a boxed Send future.
        let owned: Vec<Item> = items.iter().map(|item| (*item).clone()).collect();
        let results: Vec<_> = stream::iter(owned)
            .map(|item| {
                let source = Arc::clone(&self.source);
                async move { source.dispose(&item, disposal, now).await }
            })
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        let mut tally = Tally::default();
        let mut failure = None;
        for result in results {
            match result {
                Ok(true) => tally.archived += 1,
                // Changed since it was read: it stays, and a later run archives the new state.
                Ok(false) => tally.failed += 1,
                Err(error) => {
                    tracing::error!(%error, "archived item not disposed of");
                    tally.failed += 1;
                    failure = Some(error);
                }
            }
        }
        // Single failures are counted; a service that fails for a whole batch ends the run.
        match failure {
            Some(error) if tally.archived == 0 => Err(error.into()),
            _ => Ok(tally),
        }
    }

    /// Queues the rest, and returns the token; null when the chain is long enough for today.
    async fn continue_later(&self, position: Continuation) -> Result<Value, HandlerError> {
        let Some(next) = position.next_hop() else {
            tracing::warn!("continuation limit reached; the next scheduled run goes on");
            self.metrics.count("ArchiveIncomplete");
            return Ok(Value::Null);
        };
        let token = next.to_json();
        self.own_function.invoke_async(&json!({"continuation": token})).await?;
        Ok(token)
    }
}

fn result_json(tally: Tally, continuation: &Value) -> Value {
    let message = match tally.archived + tally.failed {
        0 => "No transactions to archive".to_owned(),
        _ => format!("Successfully archived {} transactions", tally.archived),
    };
    json!({"statusCode": 200, "message": message, "archived_count": tally.archived, "failed_count": tally.failed,
        "continuation": continuation})
}

#[async_trait]
impl Handler for TransactionArchival {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let result = self.run(&event, invocation).await;
        match &result {
            Ok(summary) => {
                let count = |name: &str| summary[name].as_u64().unwrap_or_default();
                let (archived, failed) = (count("archived_count"), count("failed_count"));
                tracing::info!(
                    request_id = invocation.request_id,
                    archived,
                    failed,
                    "archival finished"
                );
                self.metrics.emit(&[
                    ("TransactionsArchived", archived, Unit::Count),
                    ("TransactionsArchiveFailed", failed, Unit::Count),
                ]);
            }
            Err(error) => {
                tracing::error!(request_id = invocation.request_id, error_type = error.error_type(), %error, "Error archiving transactions");
                self.metrics.count(HANDLER_FAULT);
            }
        }
        result
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
