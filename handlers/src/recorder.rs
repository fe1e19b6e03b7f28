//! Records a payment exactly once (REQUIREMENTS 6.5 "Idempotency"; W-24, N-13, P-06, R-10, R-19).

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::domain::id::TransactionId;
use crate::domain::item::Item;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::{Guard, ItemOutcome, RecordOutcome, TransactionLedger};

/// A payment, as far as recording it goes.
pub trait Recordable: Send + Sync {
    /// Its id.
    fn id(&self) -> &TransactionId;
    /// Hash of its content, equal for repetitions.
    fn content_hash(&self) -> String;
    /// Its item, if it was received at this time.
    fn item(&self, received_at: UtcMillis) -> Item;
    /// The body of the answer, if it was received at this time.
    fn response(&self, received_at: UtcMillis) -> String;
    /// The region that records it, where guards shall say so.
    fn region(&self) -> Option<&str> {
        None
    }
    /// Content hash and time of receipt of an item that is in the table, where items tell them. They decide when there
    /// is no guard, or no guard any more.
    fn earlier(&self, _item: &Item) -> Option<(String, UtcMillis)> {
        None
    }
    /// Whether items tell them.
    fn items_tell(&self) -> bool {
        false
    }
}

/// How uniqueness is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// Guards and item in one transaction.
    Transaction,
    /// Guards first, then the item, repaired when the payment is repeated: for strongly consistent
    /// global tables, which have no transactions
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html>).
    GuardFirst,
    /// No guards: an item is not written over another one with the same key.
    ItemKey,
}

/// What a repetition-safe record attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Stored now.
    Stored(Earlier),
    /// Stored before with the same content; this is the first receipt.
    Replayed(Earlier),
    /// The id, or the idempotency key, belongs to different content.
    Different,
}

/// What is on record about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// When it was first received.
    pub received_at: UtcMillis,
    /// Body of the first answer.
    pub body: String,
}

/// Writes guards and item, and recognises repetitions.
pub struct Recorder {
    ledger: Arc<dyn TransactionLedger>,
    uniqueness: Uniqueness,
    ttl_hours: u32,
    backoff: Backoff,
}

/// Code of the error when other writers were in the way all the time: the table answers, so nothing is wrong with it.
pub const CONTENDED: &str = "TransactionConflict";

/// One attempt's result; `None` when another writer was in the way.
type Attempt = Result<Option<Recorded>, PortError>;

impl Recorder {
    /// A recorder whose guards live for so many hours; 0 is for ever.
    pub fn new(ledger: Arc<dyn TransactionLedger>, uniqueness: Uniqueness, ttl_hours: u32) -> Self {
        let backoff = Backoff {
            attempts: 6,
            base: Duration::from_millis(25),
        };
        Self {
            ledger,
            uniqueness,
            ttl_hours,
            backoff,
        }
    }

    /// Stores the payment, or finds out what is there already. An `Idempotency-Key` is guarded besides
    /// the transaction id: either one alone identifies the payment.
    pub async fn record(
        &self,
        payment: &dyn Recordable,
        idempotency_key: Option<&str>,
        received_at: UtcMillis,
    ) -> Result<Recorded, PortError> {
        let guards = self.guards(payment, idempotency_key, received_at);
        let mut attempt = 1;
        loop {
            let outcome = match self.uniqueness {
                Uniqueness::Transaction => self.in_one_transaction(payment, &guards, attempt > 1).await,
                Uniqueness::GuardFirst => self.guards_first(payment, &guards).await,
                Uniqueness::ItemKey => self.by_item_key(payment, received_at).await,
            };
            if let Some(recorded) = outcome? {
                return Ok(recorded);
            }
            if !self.backoff.wait_after(attempt).await {
                return Err(PortError::transient("dynamodb:PutItem", CONTENDED));
            }
            attempt += 1;
        }
    }

    async fn in_one_transaction(&self, payment: &dyn Recordable, guards: &[Guard], again: bool) -> Attempt {
        let item = payment.item(guards[0].timestamp);
        match self.ledger.record(&item, guards).await? {
            RecordOutcome::Recorded => Ok(Some(Recorded::Stored(Earlier::from(&guards[0])))),
            // After a conflict the other writer may have finished: look before trying again.
            RecordOutcome::Conflict => self.previous(guards).await,
            RecordOutcome::AlreadyRecorded => match self.previous(guards).await? {
                // The item is there and its guard has expired: not just now, or an item would be stored without a guard.
                None if again && payment.items_tell() => self.by_item_key(payment, guards[0].timestamp).await,
                previous => Ok(previous),
            },
        }
    }

    /// The earlier outcome, if any guard is there. All that are there must agree.
    async fn previous(&self, guards: &[Guard]) -> Attempt {
        let mut replay = None;
        for guard in guards {
            if let Some(found) = self.ledger.guard(&guard.id).await? {
                if found.payload_hash != guard.payload_hash {
                    return Ok(Some(Recorded::Different));
                }
                replay.get_or_insert(Recorded::Replayed(Earlier::from(&found)));
            }
        }
        Ok(replay)
    }

    /// Each step may be the last one that happens; a repetition finds the guard and goes on from there. The
    /// first guard that is found decides the time of receipt, so that every repetition builds the same item.
    async fn guards_first(&self, payment: &dyn Recordable, guards: &[Guard]) -> Attempt {
        let (mut earlier, mut missing) = (None, Vec::new());
        for guard in guards {
            match self.ledger.guard(&guard.id).await? {
                Some(found) if found.payload_hash != guard.payload_hash => return Ok(Some(Recorded::Different)),
                Some(found) => drop(earlier.get_or_insert_with(|| Earlier::from(&found))),
                None => missing.push(guard),
            }
        }
        let replayed = earlier.is_some();
        let decided = earlier.unwrap_or_else(|| Earlier::from(&guards[0]));
        // The key's guard first: an id whose guard is there belongs to content that was checked against it.
        for guard in missing.into_iter().rev() {
            let guard = Guard {
                timestamp: decided.received_at,
                response: decided.body.clone(),
                ..guard.clone()
            };
            match self.ledger.put_guard(&guard).await? {
                RecordOutcome::Recorded => {}
                // Somebody else came first: begin again with what is there now.
                RecordOutcome::AlreadyRecorded | RecordOutcome::Conflict => return Ok(None),
            }
        }
        match self.ledger.put_item(&payment.item(decided.received_at)).await? {
            ItemOutcome::Conflict => Ok(None),
            ItemOutcome::Stored | ItemOutcome::Exists(_) if replayed => Ok(Some(Recorded::Replayed(decided))),
            ItemOutcome::Stored => Ok(Some(Recorded::Stored(decided))),
            // No guard was there, but the item is: the guards were lost, or are younger than the table.
            ItemOutcome::Exists(item) => Ok(Some(told_by(payment, &item))),
        }
    }

    async fn by_item_key(&self, payment: &dyn Recordable, received_at: UtcMillis) -> Attempt {
        match self.ledger.put_item(&payment.item(received_at)).await? {
            ItemOutcome::Conflict => Ok(None),
            ItemOutcome::Stored => Ok(Some(Recorded::Stored(earlier(payment, received_at)))),
            ItemOutcome::Exists(item) => Ok(Some(told_by(payment, &item))),
        }
    }

    fn guards(&self, payment: &dyn Recordable, idempotency_key: Option<&str>, received_at: UtcMillis) -> Vec<Guard> {
        let ttl = (self.ttl_hours > 0).then(|| received_at.epoch_seconds() + i64::from(self.ttl_hours) * 3600);
        let (payload_hash, response) = (payment.content_hash(), payment.response(received_at));
        let guard = |id: String| Guard {
            id,
            payload_hash: payload_hash.clone(),
            timestamp: received_at,
            response: response.clone(),
            ttl,
            region: payment.region().map(str::to_owned),
        };
        let by_id = guard(format!("idem#{}", payment.id()));
        // `#` is not in the alphabet of ids, so the two forms never collide.
        let by_key = idempotency_key.map(|key| guard(format!("idem#key#{key}")));
        std::iter::once(by_id).chain(by_key).collect()
    }
}

fn earlier(payment: &dyn Recordable, received_at: UtcMillis) -> Earlier {
    Earlier {
        received_at,
        body: payment.response(received_at),
    }
}

/// What the item in the table says of a payment with its key.
fn told_by(payment: &dyn Recordable, item: &Item) -> Recorded {
    match payment.earlier(item) {
        Some((hash, first)) if hash == payment.content_hash() => Recorded::Replayed(earlier(payment, first)),
        _ => Recorded::Different,
    }
}

impl From<&Guard> for Earlier {
    fn from(guard: &Guard) -> Self {
        Self {
            received_at: guard.timestamp,
            body: guard.response.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::domain::submission::{Submission, SubmissionRules};
    use crate::domain::table_schema::TableSchema;
    use crate::payment_processor::NewPayment;

    /// The guard is there when the transaction looks, and has expired when it is read.
    #[derive(Default)]
    struct Expiring(Mutex<Vec<&'static str>>);

    #[async_trait]
    impl TransactionLedger for Expiring {
        async fn record(&self, _item: &Item, _guards: &[Guard]) -> Result<RecordOutcome, PortError> {
            let mut calls = self.0.lock().unwrap();
            calls.push("record");
            let seen = calls.iter().filter(|call| **call == "record").count();
            let there = seen == 1;
            Ok(if there {
                RecordOutcome::AlreadyRecorded
            } else {
                RecordOutcome::Recorded
            })
        }

        async fn guard(&self, _id: &str) -> Result<Option<Guard>, PortError> {
            self.0.lock().unwrap().push("guard");
            Ok(None)
        }

        async fn put_guard(&self, _guard: &Guard) -> Result<RecordOutcome, PortError> {
            self.0.lock().unwrap().push("put_guard");
            Ok(RecordOutcome::Recorded)
        }

        async fn put_item(&self, _item: &Item) -> Result<ItemOutcome, PortError> {
            self.0.lock().unwrap().push("put_item");
            Ok(ItemOutcome::Stored)
        }
    }

    /// R-19: a guard that expires at this very moment must not leave an item without one.
    #[tokio::test]
    async fn r_19_no_item_is_stored_without_its_guard() {
        let fields = json!({"id": "t", "amount": 1, "currency": "USD"});
        let rules = SubmissionRules::new(&[], false).unwrap();
        let submission = Submission::from_json(fields.as_object().unwrap(), &rules).unwrap();
        let payment = NewPayment {
            submission: &submission,
            schema: &TableSchema::from_env(&crate::config::Env::default()).unwrap(),
            status: "received",
            region: "r",
        };
        let ledger = Arc::new(Expiring::default());
        let recorder = Recorder::new(ledger.clone(), Uniqueness::Transaction, 24);
        let now = UtcMillis::from_epoch_millis(0);
        assert!(matches!(
            recorder.record(&payment, None, now).await,
            Ok(Recorded::Stored(_))
        ));
        assert_eq!(*ledger.0.lock().unwrap(), ["record", "guard", "record"]);
    }
}
