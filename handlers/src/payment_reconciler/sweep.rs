//! Payments that wait for accounting for too long: their missing steps are taken (N-14).

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};

use super::config::SweepConfig;
use crate::domain::item::{Item, text};
use crate::domain::status;
use crate::domain::stored::StoredItem;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::invocation::Invocation;
use crate::payment_processor::{FollowUps, StoredPayment};
use crate::ports::{KeyPage, PaymentStore, StatusIndex, StuckQuery};

/// A page needs less than this; with less time left, or a third of a short limit, the rest is the next run's.
const PAGE_BUDGET: Duration = Duration::from_secs(20);
/// Payments in work at once.
const PARALLEL: usize = 8;

/// What a run came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Payments whose steps were taken.
    pub completed: u64,
    /// Payments whose steps could not be taken.
    pub failed: u64,
    /// Whether more may be stuck.
    pub incomplete: bool,
}

impl Tally {
    /// All that were stuck.
    pub fn found(self) -> u64 {
        self.completed + self.failed
    }
}

/// What became of one payment.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    /// Not stuck, by what the table itself says.
    Fine,
    Completed,
    Failed,
}

/// The sweep.
pub struct Sweep {
    pub(super) config: SweepConfig,
    pub(super) index: Arc<dyn StatusIndex>,
    pub(super) table: Arc<dyn PaymentStore>,
    pub(super) follow_ups: FollowUps,
}

impl Sweep {
    /// A sweep over this index. The steps are the processor's own.
    pub fn new(
        config: SweepConfig,
        index: Arc<dyn StatusIndex>,
        table: Arc<dyn PaymentStore>,
        follow_ups: FollowUps,
    ) -> Self {
        Self {
            config,
            index,
            table,
            follow_ups,
        }
    }

    /// Looks through the payments that a region has accepted, as far as time and the limit reach.
    pub(super) async fn run(&self, region: &str, now: UtcMillis, invocation: &Invocation) -> Result<Tally, PortError> {
        let before = now.plus_millis(-i64::from(self.config.stuck_after_seconds) * 1000);
        let reserve = PAGE_BUDGET.min(invocation.remaining() / 3);
        let mut tally = Tally::default();
        for value in self.config.schema.status_index_values(status::RECEIVED) {
            let query = StuckQuery {
                value,
                region: region.to_owned(),
                before,
            };
            let mut start = None;
            loop {
                let room = self.room(tally);
                if room == 0 || invocation.remaining() < reserve {
                    tally.incomplete = true;
                    return Ok(tally);
                }
                let KeyPage { keys, next } = self.index.stuck(&query, start.as_ref()).await?;
                tally.incomplete |= keys.len() > room;
                let work: Vec<_> = keys
                    .iter()
                    .take(room)
                    .map(|key| self.complete_in_time(key, &query, now, invocation))
                    .collect();
                let outcomes: Vec<Outcome> = stream::iter(work).buffer_unordered(PARALLEL).collect().await;
                let count =
                    |wanted| u64::try_from(outcomes.iter().filter(|o| **o == wanted).count()).unwrap_or_default();
                tally.completed += count(Outcome::Completed);
                tally.failed += count(Outcome::Failed);
                match next {
                    Some(key) => start = Some(key),
                    None => break,
                }
            }
        }
        Ok(tally)
    }

    /// How many payments this run may still take.
    fn room(&self, tally: Tally) -> usize {
        let found = usize::try_from(tally.found()).unwrap_or(usize::MAX);
        self.config.max_payments.saturating_sub(found)
    }

    /// A payment whose time is over failed, and is the next run's; what is done is counted.
    async fn complete_in_time(
        &self,
        key: &Item,
        query: &StuckQuery,
        now: UtcMillis,
        invocation: &Invocation,
    ) -> Outcome {
        let outcome = invocation.in_time(self.complete(key, query, now)).await;
        outcome.unwrap_or_else(|| {
            tracing::error!(
                transaction_id = self.config.schema.id_of(key),
                "no time left for the stuck payment"
            );
            Outcome::Failed
        })
    }

    async fn complete(&self, key: &Item, query: &StuckQuery, now: UtcMillis) -> Outcome {
        let id = self.config.schema.id_of(key).unwrap_or_default();
        match self.take_steps(key, query, now).await {
            Ok(Some(stored)) => {
                let accepted_at = stored.received_at.to_string();
                tracing::warn!(
                    transaction_id = id,
                    region = stored.region,
                    accepted_at,
                    "stuck payment completed"
                );
                Outcome::Completed
            }
            Ok(None) => Outcome::Fine,
            Err(reason) => {
                tracing::error!(transaction_id = id, reason, "stuck payment could not be completed");
                Outcome::Failed
            }
        }
    }

    /// The steps first, then the mark: who dies in between leaves the payment to the next run. A marked payment is not
    /// looked at again: its message is in the queue for good, and from there it gets to accounting or to the dead-letter
    /// queue.
    async fn take_steps(&self, key: &Item, query: &StuckQuery, now: UtcMillis) -> Result<Option<StoredItem>, String> {
        let failed = |error: PortError| error.to_string();
        let Some(item) = self.table.payment(key).await.map_err(failed)? else {
            return Ok(None);
        };
        if !self.is_stuck(&item, query) {
            return Ok(None);
        }
        let stored = StoredItem::read(&self.config.schema, &item);
        if let Ok(stored) = &stored {
            let payment = StoredPayment::of(stored, &self.config.schema);
            self.follow_ups.complete(&payment, Some(&item)).await.map_err(failed)?;
        }
        // An item that nobody can complete is told of once.
        self.table.mark_reconciled(key, now).await.map_err(failed)?;
        stored.map(Some).map_err(str::to_owned)
    }

    /// What the index has said, once more of the item itself: an index lags behind and may lack attributes.
    fn is_stuck(&self, item: &Item, query: &StuckQuery) -> bool {
        let own = |name: &str| text(item, &self.config.schema.name(name));
        let waited = own("created_at").is_none_or(|time| time <= query.before.to_string().as_str());
        own("status") == Some(status::RECEIVED)
            && own("region").is_none_or(|region| region == query.region)
            && own("reconciled_at").is_none()
            && waited
    }
}
