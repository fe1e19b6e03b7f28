//! In-memory ports of the payment stack's handlers.

use super::*;
use crate::domain::table_schema::TableSchema;

/// A payments table and its guard table. One lock, so that `record` is atomic as `TransactWriteItems` is.
pub(crate) struct FakePayments {
    schema: TableSchema,
    state: Mutex<PaymentsState>,
    /// Errors to hand out before anything happens, by operation.
    pub(crate) failures: Mutex<Vec<(&'static str, PortError)>>,
}

#[derive(Default)]
struct PaymentsState {
    items: BTreeMap<String, Item>,
    guards: BTreeMap<String, Guard>,
    calls: Vec<&'static str>,
    contended: bool,
}

impl FakePayments {
    pub(crate) fn new(schema: TableSchema) -> Arc<Self> {
        Arc::new(Self {
            schema,
            state: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// The next call of this operation fails with a throttling error.
    pub(crate) fn fail_next(&self, operation: &'static str) {
        let error = PortError::transient(operation, "ThrottlingException");
        self.failures.lock().unwrap().push((operation, error));
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        self.state.lock().unwrap().items.values().cloned().collect()
    }

    pub(crate) fn guard_ids(&self) -> Vec<String> {
        self.state.lock().unwrap().guards.keys().cloned().collect()
    }

    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Another transaction is always in the way.
    pub(crate) fn always_in_conflict(&self) {
        self.state.lock().unwrap().contended = true;
    }

    pub(crate) fn forget_guards(&self) {
        self.state.lock().unwrap().guards.clear();
    }

    pub(crate) fn set_status(&self, status: &str) {
        let name = self.schema.name("status");
        for item in self.state.lock().unwrap().items.values_mut() {
            item.insert(name.clone(), status.into());
        }
    }

    pub(crate) fn insert(&self, item: &Value) {
        let item = item.as_object().unwrap().clone();
        let key = self.key_text(&item);
        self.state.lock().unwrap().items.insert(key, item);
    }

    /// The key's attributes only; every item has them all.
    fn key_text(&self, item: &Item) -> String {
        let id = crate::domain::id::TransactionId::parse("x").unwrap();
        let key = self.schema.key(&id, UtcMillis::from_epoch_millis(0));
        let values: Vec<String> = key.keys().map(|name| item[name].to_string()).collect();
        values.join(",")
    }

    async fn begin(&self, operation: &'static str) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        self.state.lock().unwrap().calls.push(operation);
        let mut failures = self.failures.lock().unwrap();
        match failures.iter().position(|(o, _)| *o == operation) {
            Some(index) => Err(failures.remove(index).1),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl TransactionLedger for FakePayments {
    async fn record(&self, item: &Item, guards: &[Guard]) -> Result<RecordOutcome, PortError> {
        self.begin("record").await?;
        let key = self.key_text(item);
        let mut state = self.state.lock().unwrap();
        if state.contended {
            return Ok(RecordOutcome::Conflict);
        }
        if state.items.contains_key(&key) || guards.iter().any(|g| state.guards.contains_key(&g.id)) {
            return Ok(RecordOutcome::AlreadyRecorded);
        }
        state.guards.extend(guards.iter().map(|g| (g.id.clone(), g.clone())));
        state.items.insert(key, item.clone());
        Ok(RecordOutcome::Recorded)
    }

    async fn guard(&self, id: &str) -> Result<Option<Guard>, PortError> {
        self.begin("guard").await?;
        Ok(self.state.lock().unwrap().guards.get(id).cloned())
    }

    async fn put_guard(&self, guard: &Guard) -> Result<RecordOutcome, PortError> {
        self.begin("put_guard").await?;
        let mut state = self.state.lock().unwrap();
        if state.guards.contains_key(&guard.id) {
            return Ok(RecordOutcome::AlreadyRecorded);
        }
        state.guards.insert(guard.id.clone(), guard.clone());
        Ok(RecordOutcome::Recorded)
    }

    async fn put_item(&self, item: &Item) -> Result<ItemOutcome, PortError> {
        self.begin("put_item").await?;
        let key = self.key_text(item);
        let mut state = self.state.lock().unwrap();
        if let Some(existing) = state.items.get(&key) {
            return Ok(ItemOutcome::Exists(existing.clone()));
        }
        state.items.insert(key, item.clone());
        Ok(ItemOutcome::Stored)
    }
}

#[async_trait]
impl PaymentStore for FakePayments {
    async fn payment(&self, key: &Item) -> Result<Option<Item>, PortError> {
        self.begin("payment").await?;
        let key = self.key_text(key);
        Ok(self.state.lock().unwrap().items.get(&key).cloned())
    }

    async fn mark_accounted(&self, key: &Item, now: UtcMillis) -> Result<UpdateOutcome, PortError> {
        self.begin("mark_accounted").await?;
        let key = self.key_text(key);
        let mut state = self.state.lock().unwrap();
        let Some(item) = state.items.get_mut(&key) else {
            return Ok(UpdateOutcome::NotFound);
        };
        let name = self.schema.name("status");
        let current = text(item, &name).unwrap_or_default().to_owned();
        if !status::ACCOUNTABLE.contains(&current.as_str()) {
            return Ok(UpdateOutcome::NotAllowed(current));
        }
        let id = self.schema.id_of(item).unwrap();
        let shard = self.schema.status_shard(status::ACCOUNTING_PROCESSED, &id);
        item.insert(name, status::ACCOUNTING_PROCESSED.into());
        item.insert(self.schema.name("status_shard"), shard.into());
        item.insert(self.schema.name("accounting_processed_at"), now.to_string().into());
        Ok(UpdateOutcome::Updated)
    }

    async fn mark_reconciled(&self, key: &Item, now: UtcMillis) -> Result<UpdateOutcome, PortError> {
        self.begin("mark_reconciled").await?;
        let key = self.key_text(key);
        let mut state = self.state.lock().unwrap();
        let Some(item) = state.items.get_mut(&key) else {
            return Ok(UpdateOutcome::NotFound);
        };
        item.insert(self.schema.name("reconciled_at"), now.to_string().into());
        Ok(UpdateOutcome::Updated)
    }
}

/// Entries of a page; small, so that tests need more than one.
const PAGE: usize = 3;

/// An index with keys only: the handler must look at each payment itself.
#[async_trait]
impl StatusIndex for FakePayments {
    async fn stuck(&self, query: &StuckQuery, start: Option<&Item>) -> Result<KeyPage, PortError> {
        self.begin("stuck").await?;
        let state = self.state.lock().unwrap();
        let attribute = self.schema.status_index_key();
        let filed = state
            .items
            .iter()
            .filter(|(_, item)| text(item, &attribute) == Some(&query.value));
        let after = start.map(|key| self.key_text(key)).unwrap_or_default();
        let mut rest: Vec<Item> = filed
            .filter(|(key, _)| **key > after)
            .filter_map(|(_, item)| self.schema.key_of(item))
            .collect();
        let more = rest.len() > PAGE;
        rest.truncate(PAGE);
        Ok(KeyPage {
            next: rest.last().filter(|_| more).cloned(),
            keys: rest,
        })
    }
}

/// A queue that can fail.
#[derive(Default)]
pub(crate) struct FakeQueue {
    pub(crate) messages: Mutex<Vec<Value>>,
    pub(crate) fails: Mutex<bool>,
}

impl FakeQueue {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
    pub(crate) fn len(&self) -> usize {
        self.messages.lock().unwrap().len()
    }
}

#[async_trait]
impl MessageQueue for FakeQueue {
    async fn send(&self, body: &str) -> Result<(), PortError> {
        if *self.fails.lock().unwrap() {
            return Err(PortError::transient("sqs:SendMessage", "ServiceUnavailable"));
        }
        self.messages.lock().unwrap().push(serde_json::from_str(body).unwrap());
        Ok(())
    }
}

/// A measurement sink that can fail.
#[derive(Default)]
pub(crate) struct FakeMeasurements {
    pub(crate) taken: Mutex<Vec<Measurement>>,
    pub(crate) fails: Mutex<bool>,
}

impl FakeMeasurements {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
    pub(crate) fn named(&self, name: &str) -> Vec<Measurement> {
        let taken = self.taken.lock().unwrap();
        taken.iter().filter(|m| m.name == name).cloned().collect()
    }
}

#[async_trait]
impl MeasurementSink for FakeMeasurements {
    async fn report(
        &self,
        measurements: &[Measurement],
        _properties: &[(&'static str, String)],
    ) -> Result<(), PortError> {
        if *self.fails.lock().unwrap() {
            return Err(PortError::transient("cloudwatch:PutMetricData", "Throttling"));
        }
        self.taken.lock().unwrap().extend_from_slice(measurements);
        Ok(())
    }
}
