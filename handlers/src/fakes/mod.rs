//! In-memory ports for tests, with switches for what can go wrong.

pub(crate) mod faulty;
pub(crate) mod payments;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value};

use crate::domain::item::{Item, text};
use crate::domain::status;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::*;
use crate::telemetry::emf::MetricSink;

/// Random tests take the same cases each time, unless `PROPTEST_RNG_SEED` names other ones or `FREE_SEEDS` asks for any.
pub(crate) fn repeatable() -> ProptestConfig {
    let config = ProptestConfig::default();
    let free = std::env::var_os("FREE_SEEDS").is_some() || config.rng_seed != RngSeed::Random;
    let rng_seed = if free { config.rng_seed } else { RngSeed::Fixed(1) };
    ProptestConfig { rng_seed, ..config }
}

pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    pub(crate) fn at(time: &str) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(UtcMillis::parse(time).unwrap().epoch_millis())))
    }
    pub(crate) fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UtcMillis {
        UtcMillis::from_epoch_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct FakeSink(Mutex<Vec<String>>);

impl FakeSink {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
    pub(crate) fn count(&self, metric: &str) -> u64 {
        let value = |line: &String| serde_json::from_str::<Value>(line).unwrap()[metric].as_u64();
        self.lines().iter().filter_map(value).sum()
    }
}

impl MetricSink for FakeSink {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

pub(crate) struct FakeSecrets(Mutex<String>, AtomicUsize);

impl FakeSecrets {
    pub(crate) fn new(text: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(text.to_owned()), AtomicUsize::new(0)))
    }
    pub(crate) fn set(&self, text: &str) {
        text.clone_into(&mut self.0.lock().unwrap());
    }
    pub(crate) fn fetches(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl SecretSource for FakeSecrets {
    async fn fetch(&self) -> Result<String, PortError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.0.lock().unwrap().clone())
    }
}

/// Changes the table behind the handler's back.
pub(crate) type ConcurrentWriter = Box<dyn FnMut(&mut BTreeMap<ItemKey, Item>) + Send>;

/// Both tables in one lock, so that `record` is atomic as `TransactWriteItems` is.
#[derive(Default)]
pub(crate) struct FakeTables {
    pub(crate) guards: Mutex<BTreeMap<String, Guard>>,
    pub(crate) items: Mutex<BTreeMap<ItemKey, Item>>,
    /// Outcomes to hand out before the real one, for `record`.
    pub(crate) record_script: Mutex<VecDeque<Result<RecordOutcome, PortError>>>,
    /// Runs before each `dispose`: a concurrent writer.
    pub(crate) before_dispose: Mutex<Option<ConcurrentWriter>>,
    /// `dispose` fails from now on: the process died between put and delete.
    pub(crate) dispose_fails: Mutex<bool>,
    pub(crate) disposals: AtomicUsize,
}

pub(crate) fn key_of(item: &Item) -> ItemKey {
    ItemKey {
        transaction_id: text(item, "transaction_id").unwrap().to_owned(),
        timestamp: text(item, "timestamp").unwrap().to_owned(),
    }
}

impl FakeTables {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
    pub(crate) fn insert(&self, item: Value) -> ItemKey {
        let Value::Object(item) = item else {
            panic!("not an item")
        };
        let key = key_of(&item);
        self.items.lock().unwrap().insert(key.clone(), item);
        key
    }
    pub(crate) fn item(&self, key: &ItemKey) -> Option<Item> {
        self.items.lock().unwrap().get(key).cloned()
    }
    pub(crate) fn ids(&self) -> Vec<String> {
        self.items
            .lock()
            .unwrap()
            .keys()
            .map(|k| k.transaction_id.clone())
            .collect()
    }
}

#[async_trait]
impl TransactionLedger for FakeTables {
    async fn record(&self, item: &Item, guards: &[Guard]) -> Result<RecordOutcome, PortError> {
        tokio::task::yield_now().await;
        if let Some(scripted) = self.record_script.lock().unwrap().pop_front() {
            return scripted;
        }
        let mut stored = self.guards.lock().unwrap();
        if guards.iter().any(|g| stored.contains_key(&g.id)) {
            return Ok(RecordOutcome::AlreadyRecorded);
        }
        stored.extend(guards.iter().map(|g| (g.id.clone(), g.clone())));
        self.items.lock().unwrap().insert(key_of(item), item.clone());
        Ok(RecordOutcome::Recorded)
    }

    async fn guard(&self, id: &str) -> Result<Option<Guard>, PortError> {
        Ok(self.guards.lock().unwrap().get(id).cloned())
    }

    async fn put_guard(&self, _guard: &Guard) -> Result<RecordOutcome, PortError> {
        unreachable!("the webhook validator writes guard and item together")
    }

    async fn put_item(&self, _item: &Item) -> Result<ItemOutcome, PortError> {
        unreachable!("the webhook validator writes guard and item together")
    }
}

#[async_trait]
impl AnalysisStore for FakeTables {
    async fn save_analysis(&self, key: &ItemKey, analysis: &Value, now: UtcMillis) -> Result<UpdateOutcome, PortError> {
        let mut items = self.items.lock().unwrap();
        let Some(item) = items.get_mut(key) else {
            return Ok(UpdateOutcome::NotFound);
        };
        let current = text(item, "status").unwrap_or_default().to_owned();
        if !status::ANALYZABLE.contains(&current.as_str()) {
            return Ok(UpdateOutcome::NotAllowed(current));
        }
        item.insert("fraud_analysis".into(), analysis.clone());
        item.insert("status".into(), status::ANALYZED.into());
        item.insert("updated_at".into(), now.to_string().into());
        Ok(UpdateOutcome::Updated)
    }

    async fn claim_alert(
        &self,
        key: &ItemKey,
        now: UtcMillis,
        lease_until: UtcMillis,
    ) -> Result<AlertClaim, PortError> {
        let mut items = self.items.lock().unwrap();
        let item = items.get_mut(key).unwrap();
        if item.contains_key("alerted_at") {
            return Ok(AlertClaim::AlreadyAlerted);
        }
        if text(item, "alert_lease_until").is_some_and(|until| until >= now.to_string().as_str()) {
            return Ok(AlertClaim::Busy);
        }
        item.insert("alert_lease_until".into(), lease_until.to_string().into());
        Ok(AlertClaim::Claimed)
    }

    async fn confirm_alert(&self, key: &ItemKey, now: UtcMillis) -> Result<(), PortError> {
        let mut items = self.items.lock().unwrap();
        let item = items.get_mut(key).unwrap();
        item.remove("alert_lease_until");
        item.insert("alerted_at".into(), now.to_string().into());
        Ok(())
    }

    async fn release_alert(&self, key: &ItemKey) -> Result<(), PortError> {
        self.items
            .lock()
            .unwrap()
            .get_mut(key)
            .unwrap()
            .remove("alert_lease_until");
        Ok(())
    }
}

#[async_trait]
impl ArchiveSource for FakeTables {
    async fn page(
        &self,
        status: &str,
        before: UtcMillis,
        limit: u32,
        start: Option<&Map<String, Value>>,
    ) -> Result<Page, PortError> {
        let before = before.to_string();
        let start = start.map(|s| {
            (
                text(s, "timestamp").unwrap().to_owned(),
                text(s, "transaction_id").unwrap().to_owned(),
            )
        });
        let items = self.items.lock().unwrap();
        let mut matching: Vec<&Item> = items
            .values()
            .filter(|i| text(i, "status") == Some(status) && text(i, "timestamp").unwrap() < before.as_str())
            .collect();
        let position = |i: &Item| {
            (
                text(i, "timestamp").unwrap().to_owned(),
                text(i, "transaction_id").unwrap().to_owned(),
            )
        };
        matching.sort_by_key(|i| position(i));
        let rest: Vec<_> = matching
            .into_iter()
            .filter(|i| start.as_ref().is_none_or(|s| position(i) > *s))
            .collect();
        let limit = usize::try_from(limit).unwrap();
        let page: Vec<Item> = rest.iter().take(limit).map(|i| (*i).clone()).collect();
        let next = (rest.len() > limit).then(|| {
            let last = page.last().unwrap();
            ["transaction_id", "timestamp"]
                .into_iter()
                .map(|n| (n.to_owned(), last[n].clone()))
                .collect()
        });
        Ok(Page { items: page, next })
    }

    async fn dispose(&self, item: &Item, disposal: Disposal, now: UtcMillis) -> Result<bool, PortError> {
        let mut items = self.items.lock().unwrap();
        if *self.dispose_fails.lock().unwrap() {
            return Err(PortError::transient("dynamodb:DeleteItem", "Timeout"));
        }
        if let Some(hook) = self.before_dispose.lock().unwrap().as_mut() {
            hook(&mut items);
        }
        let key = key_of(item);
        let unchanged = items
            .get(&key)
            .is_some_and(|i| i.get("status") == item.get("status") && i.get("updated_at") == item.get("updated_at"));
        if unchanged {
            self.disposals.fetch_add(1, Ordering::SeqCst);
            match disposal {
                Disposal::Delete => drop(items.remove(&key)),
                Disposal::MarkArchived => {
                    let item = items.get_mut(&key).unwrap();
                    item.insert("status".into(), status::ARCHIVED.into());
                    item.insert("updated_at".into(), now.to_string().into());
                }
            }
        }
        Ok(unchanged)
    }
}

/// A bucket that never overwrites.
#[derive(Default)]
pub(crate) struct FakeBucket {
    pub(crate) objects: Mutex<BTreeMap<String, NewObject>>,
    pub(crate) fails: Mutex<bool>,
}

impl FakeBucket {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
    pub(crate) fn text(&self, key: &str) -> String {
        let object = self.objects.lock().unwrap().get(key).cloned().unwrap();
        if object.content_encoding != Some("gzip") {
            return String::from_utf8(object.body).unwrap();
        }
        std::io::read_to_string(flate2::read::GzDecoder::new(object.body.as_slice())).unwrap()
    }
}

#[async_trait]
impl ObjectStore for FakeBucket {
    async fn put_new(&self, object: &NewObject) -> Result<PutOutcome, PortError> {
        if *self.fails.lock().unwrap() {
            return Err(PortError::transient("s3:PutObject", "SlowDown"));
        }
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(&object.key) {
            return Ok(PutOutcome::AlreadyExists);
        }
        objects.insert(object.key.clone(), object.clone());
        Ok(PutOutcome::Created)
    }
}

/// A bus that remembers what it took and can refuse by detail text.
#[derive(Default)]
pub(crate) struct FakeBus {
    pub(crate) taken: Mutex<Vec<BusEvent>>,
    /// (text that the detail contains, how many more times to refuse it).
    pub(crate) refuse: Mutex<Vec<(String, usize)>>,
    pub(crate) calls: AtomicUsize,
}

impl FakeBus {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
    pub(crate) fn details(&self) -> Vec<Value> {
        self.taken
            .lock()
            .unwrap()
            .iter()
            .map(|e| serde_json::from_str(&e.detail).unwrap())
            .collect()
    }
}

#[async_trait]
impl EventBus for FakeBus {
    async fn put(&self, events: &[BusEvent]) -> Result<Vec<Option<String>>, PortError> {
        assert!(events.len() <= 10, "EventBridge takes ten entries at most");
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut refuse = self.refuse.lock().unwrap();
        let mut result = Vec::new();
        for event in events {
            let rule = refuse
                .iter_mut()
                .find(|(text, left)| *left > 0 && event.detail.contains(text.as_str()));
            result.push(rule.map(|(_, left)| {
                *left -= 1;
                "ThrottlingException".to_owned()
            }));
            if result.last() == Some(&None) {
                self.taken.lock().unwrap().push(event.clone());
            }
        }
        Ok(result)
    }
}

/// Started executions by name, as STANDARD workflows keep them.
#[derive(Default)]
pub(crate) struct FakeWorkflow {
    pub(crate) started: Mutex<BTreeMap<String, Value>>,
    pub(crate) fails: Mutex<bool>,
}

impl FakeWorkflow {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
}

#[async_trait]
impl WorkflowStarter for FakeWorkflow {
    async fn start(&self, name: &str, input: &Value) -> Result<(), PortError> {
        if *self.fails.lock().unwrap() {
            return Err(PortError::transient("states:StartExecution", "ThrottlingException"));
        }
        self.started
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_insert_with(|| input.clone());
        Ok(())
    }
}

/// A topic that can fail.
#[derive(Default)]
pub(crate) struct FakeTopic {
    pub(crate) alerts: Mutex<Vec<Alert>>,
    pub(crate) fails: Mutex<bool>,
}

impl FakeTopic {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
}

#[async_trait]
impl AlertTopic for FakeTopic {
    async fn publish(&self, alert: &Alert) -> Result<(), PortError> {
        if *self.fails.lock().unwrap() {
            return Err(PortError::transient("sns:Publish", "ThrottlingException"));
        }
        self.alerts.lock().unwrap().push(alert.clone());
        Ok(())
    }
}

/// A function that answers with a fixed value and remembers payloads.
#[derive(Default)]
pub(crate) struct FakeFunction {
    pub(crate) payloads: Mutex<Vec<Value>>,
    pub(crate) answer: Mutex<Value>,
}

impl FakeFunction {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
}

#[async_trait]
impl FunctionInvoker for FakeFunction {
    async fn invoke(&self, payload: &Value) -> Result<Value, PortError> {
        self.payloads.lock().unwrap().push(payload.clone());
        Ok(self.answer.lock().unwrap().clone())
    }
    async fn invoke_async(&self, payload: &Value) -> Result<(), PortError> {
        self.payloads.lock().unwrap().push(payload.clone());
        Ok(())
    }
}
