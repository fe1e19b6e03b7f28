//! What the handlers need from the world, as small traits. `aws` implements them with the
//! AWS SDK, `fakes` in memory for tests.

use std::borrow::Cow;

use async_trait::async_trait;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::domain::item::Item;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::telemetry::emf::Unit;

/// The time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UtcMillis;
}

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UtcMillis {
        UtcMillis::now()
    }
}

/// Where the text with the active webhook secrets comes from.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Fetches the current text.
    async fn fetch(&self) -> Result<String, PortError>;
}

/// A record that makes a payment happen once (REQUIREMENTS 6.5 "Idempotency").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Key: `idem#<transaction id>` or `idem#key#<Idempotency-Key>`.
    pub id: String,
    /// Hash of the canonical content.
    pub payload_hash: String,
    /// The stored timestamp, the same for all repetitions.
    pub timestamp: UtcMillis,
    /// The body of the first answer.
    pub response: String,
    /// Unix seconds after which the record may be removed; `None` keeps it for ever.
    pub ttl: Option<i64>,
    /// Region that accepted the payment, where that matters: two regions may both accept one.
    pub region: Option<String>,
}

/// What became of an attempt to record a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// Item and guards are stored.
    Recorded,
    /// A guard exists already; nothing was stored.
    AlreadyRecorded,
    /// Another transaction works on the same keys; nothing was stored, try again.
    Conflict,
}

/// The transactions table and its guard table, written together (W-24, W-26).
#[async_trait]
pub trait TransactionLedger: Send + Sync {
    /// Stores the guards and the item, all or nothing; nothing when any of them exists.
    async fn record(&self, item: &Item, guards: &[Guard]) -> Result<RecordOutcome, PortError>;
    /// Reads a guard, strongly consistent.
    async fn guard(&self, id: &str) -> Result<Option<Guard>, PortError>;
    /// Stores a guard alone, unless it exists.
    async fn put_guard(&self, guard: &Guard) -> Result<RecordOutcome, PortError>;
    /// Stores an item alone, unless one with its key exists.
    async fn put_item(&self, item: &Item) -> Result<ItemOutcome, PortError>;
}

/// What became of an attempt to store an item that is not there yet.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemOutcome {
    /// It is stored.
    Stored,
    /// This item is there already; it was not touched.
    Exists(Item),
    /// Another region is writing the same item; try again.
    Conflict,
}

/// The payment processor's and accounting's view of a table that holds payments by their key.
#[async_trait]
pub trait PaymentStore: Send + Sync {
    /// Reads a payment, strongly consistent.
    async fn payment(&self, key: &Item) -> Result<Option<Item>, PortError>;
    /// Sets the status `accounting_processed` where the payment exists and its status allows it (N-09, N-37).
    async fn mark_accounted(&self, key: &Item, now: UtcMillis) -> Result<UpdateOutcome, PortError>;
    /// Sets `reconciled_at` where the payment exists: its missing steps were taken (N-14).
    async fn mark_reconciled(&self, key: &Item, now: UtcMillis) -> Result<UpdateOutcome, PortError>;
}

/// What to look for in an index on the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckQuery {
    /// Value of the index's partition key: a status, or a shard of one.
    pub value: String,
    /// Region that accepted the payments.
    pub region: String,
    /// Accepted at this time or before.
    pub before: UtcMillis,
}

/// One page of keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyPage {
    /// Keys of the payments found.
    pub keys: Vec<Item>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Item>,
}

/// The reconciler's view of the payments table's index on the status (N-14).
#[async_trait]
pub trait StatusIndex: Send + Sync {
    /// Payments that have not been reconciled yet, in the order of the index's time. An index lags behind its table,
    /// and need not have all attributes: look at the payment itself before doing anything.
    async fn stuck(&self, query: &StuckQuery, start: Option<&Item>) -> Result<KeyPage, PortError>;
}

/// A queue.
#[async_trait]
pub trait MessageQueue: Send + Sync {
    /// Sends a message.
    async fn send(&self, body: &str) -> Result<(), PortError>;
}

/// A number with its dimensions, for `CloudWatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// Name of the metric.
    pub name: &'static str,
    /// The number, exact.
    pub value: Decimal,
    /// Its unit.
    pub unit: Unit,
    /// Each set is a metric of its own; names and values.
    pub dimension_sets: Vec<Vec<(&'static str, String)>>,
}

/// Where measurements go. Best effort is the caller's business.
#[async_trait]
pub trait MeasurementSink: Send + Sync {
    /// Sends measurements of one moment; the properties are for searching logs, where there are any.
    async fn report(
        &self,
        measurements: &[Measurement],
        properties: &[(&'static str, String)],
    ) -> Result<(), PortError>;
}

/// An event for the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEvent {
    /// When it happened.
    pub time: UtcMillis,
    /// `source`.
    pub source: Cow<'static, str>,
    /// `detail-type`.
    pub detail_type: Cow<'static, str>,
    /// `detail` as JSON text.
    pub detail: String,
}

/// An event bus.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Puts at most ten events. The result has one entry per event: `None` when it was
    /// taken, else the error code (`FailedEntryCount`, W-25).
    async fn put(&self, events: &[BusEvent]) -> Result<Vec<Option<String>>, PortError>;
}

/// A workflow.
#[async_trait]
pub trait WorkflowStarter: Send + Sync {
    /// Starts an execution. A running or finished one of the same name counts as started.
    async fn start(&self, name: &str, input: &Value) -> Result<(), PortError>;
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// Stored and verified.
    Created,
    /// An object with this key exists; it was not touched.
    AlreadyExists,
}

/// An object to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewObject {
    /// Key inside the bucket.
    pub key: String,
    /// Content.
    pub body: Vec<u8>,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Content-Encoding`, if any.
    pub content_encoding: Option<&'static str>,
}

/// A bucket. Nothing in it is ever overwritten.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Stores an object that does not exist yet, and checks that it arrived.
    async fn put_new(&self, object: &NewObject) -> Result<PutOutcome, PortError>;
}

/// Key of an item in the transactions table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemKey {
    /// Hash key: the transaction id.
    pub transaction_id: String,
    /// Range key: the stored timestamp.
    pub timestamp: String,
}

/// What became of a conditional update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// Done.
    Updated,
    /// There is no such item; none was created.
    NotFound,
    /// The item's status does not allow it; the status is given.
    NotAllowed(String),
}

/// What became of an attempt to become the one who alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertClaim {
    /// The caller alerts now.
    Claimed,
    /// The alert has been sent before.
    AlreadyAlerted,
    /// Another invocation is about to; come back later.
    Busy,
}

/// The fraud detector's view of the transactions table.
#[async_trait]
pub trait AnalysisStore: Send + Sync {
    /// Sets `fraud_analysis` and the status `analyzed` where the item exists and may be analysed.
    async fn save_analysis(&self, key: &ItemKey, analysis: &Value, now: UtcMillis) -> Result<UpdateOutcome, PortError>;
    /// Takes the right to alert until `lease_until`, unless `alerted_at` is set or another holds it.
    async fn claim_alert(&self, key: &ItemKey, now: UtcMillis, lease_until: UtcMillis)
    -> Result<AlertClaim, PortError>;
    /// Sets `alerted_at`.
    async fn confirm_alert(&self, key: &ItemKey, now: UtcMillis) -> Result<(), PortError>;
    /// Gives the right back after a failed alert.
    async fn release_alert(&self, key: &ItemKey) -> Result<(), PortError>;
}

/// A message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Subject, at most 100 ASCII characters.
    pub subject: &'static str,
    /// JSON text.
    pub message: String,
    /// Message attributes that subscriptions can filter on.
    pub attributes: Vec<(&'static str, &'static str)>,
}

/// A topic for alerts.
#[async_trait]
pub trait AlertTopic: Send + Sync {
    /// Publishes an alert.
    async fn publish(&self, alert: &Alert) -> Result<(), PortError>;
}

/// Another Lambda function.
#[async_trait]
pub trait FunctionInvoker: Send + Sync {
    /// Invokes it and waits for its answer.
    async fn invoke(&self, payload: &Value) -> Result<Value, PortError>;
    /// Queues an invocation.
    async fn invoke_async(&self, payload: &Value) -> Result<(), PortError>;
}

/// One page of archivable items.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The items in full, read consistently.
    pub items: Vec<Item>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Map<String, Value>>,
}

/// What to do with an item that has been archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    /// Remove it from the table.
    Delete,
    /// Keep it with the status `archived`.
    MarkArchived,
}

/// The archival's view of the transactions table.
#[async_trait]
pub trait ArchiveSource: Send + Sync {
    /// Items with this status and a timestamp before the cutoff, oldest first, at most `limit`.
    async fn page(
        &self,
        status: &str,
        before: UtcMillis,
        limit: u32,
        start: Option<&Map<String, Value>>,
    ) -> Result<Page, PortError>;
    /// Disposes of an item if it still is what was archived (same `status` and `updated_at`);
    /// `false` when it has changed and was left alone (W-22).
    async fn dispose(&self, item: &Item, disposal: Disposal, now: UtcMillis) -> Result<bool, PortError>;
}
