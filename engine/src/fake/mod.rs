//! An in-memory cloud for tests: it has a [`Kind`](crate::Kind) for any [`KindSpec`], is as strict as AWS about
//! names, references and order, and fails on demand.
//!
//! Every call of a kind goes through one place, where it is counted, logged, delayed and, if asked
//! for, made to fail before or after its effect.

pub mod bench;
pub mod drill;
mod faults;
mod kind;
mod objects;
pub mod random;
mod records;
mod rng;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::component::{Key, Settings};
use crate::kind::{Context, KindSpec, Registry};

pub use faults::{Fault, Faults, Stop};
pub use kind::FakeKind;
pub use objects::Object;
pub use records::FakeRecords;
pub use rng::Rng;

/// One call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// `create`, `configure`, `read`, `update`, `delete`, `find`.
    pub operation: &'static str,
    /// The component it was for.
    pub key: Key,
    /// Since the cloud was made.
    pub begin: Duration,
    /// Since the cloud was made; what never answered ends never.
    pub end: Option<Duration>,
    /// What went wrong with it.
    pub fault: Option<Fault>,
}

/// The cloud. Clones share it.
#[derive(Clone)]
pub struct FakeCloud {
    inner: Arc<Mutex<Inner>>,
    born: Instant,
}

pub(in crate::fake) struct Inner {
    pub(in crate::fake) objects: BTreeMap<String, Object>,
    pub(in crate::fake) faults: Faults,
    pub(in crate::fake) log: Vec<Logged>,
    /// Length of the log when the faults were set.
    faults_since: usize,
    pub(in crate::fake) stopped: CancellationToken,
    next_id: u64,
    pub(in crate::fake) names_are_ids: bool,
}

impl Default for FakeCloud {
    fn default() -> Self {
        let inner = Inner {
            objects: BTreeMap::new(),
            faults: Faults::default(),
            log: Vec::new(),
            faults_since: 0,
            stopped: CancellationToken::new(),
            next_id: 1,
            names_are_ids: false,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            born: Instant::now(),
        }
    }
}

impl FakeCloud {
    /// A kind for one spec.
    pub fn kind(&self, spec: &'static KindSpec) -> FakeKind {
        FakeKind::new(self.clone(), spec)
    }

    /// A registry with a kind for each spec.
    pub fn registry(&self, specs: &[&'static KindSpec]) -> Registry {
        specs
            .iter()
            .fold(Registry::default(), |registry, spec| registry.with(self.kind(spec)))
    }

    /// A registry with a fake for every kind of a real one, which normalises and validates as that
    /// one does.
    pub fn registry_like(&self, real: &Registry) -> Registry {
        real.iter().fold(Registry::default(), |registry, kind| {
            registry.with(self.kind(kind.spec()).like(kind.clone()))
        })
    }

    /// From now on objects with a name are known by it, as most of AWS's are: what is deleted and made
    /// again has the id and the ARN it had before.
    pub fn names_are_ids(&self) {
        self.lock().names_are_ids = true;
    }

    /// Another cloud in which the same things exist, in which nothing goes wrong and nothing was called.
    #[must_use]
    pub fn fork(&self) -> Self {
        let inner = self.lock();
        let forked = Inner {
            objects: inner.objects.clone(),
            faults: Faults::default(),
            log: Vec::new(),
            faults_since: 0,
            stopped: CancellationToken::new(),
            next_id: inner.next_id,
            names_are_ids: inner.names_are_ids,
        };
        Self {
            inner: Arc::new(Mutex::new(forked)),
            born: Instant::now(),
        }
    }

    /// Sets what goes wrong from now on. A stop that was reached is over.
    pub fn set_faults(&self, faults: Faults) {
        let mut inner = self.lock();
        inner.faults = faults;
        inner.faults_since = inner.log.len();
        inner.stopped = CancellationToken::new();
    }

    /// Fires when the call that [`Faults::stop`] names is reached. From then on no call answers:
    /// drop the run to complete the picture of a killed process.
    pub fn stopped(&self) -> CancellationToken {
        self.lock().stopped.clone()
    }

    /// Everything that exists, by id.
    pub fn objects(&self) -> BTreeMap<String, Object> {
        self.lock().objects.clone()
    }

    /// The calls so far.
    pub fn log(&self) -> Vec<Logged> {
        self.lock().log.clone()
    }

    /// The calls after the first `count`.
    pub fn log_since(&self, count: usize) -> Vec<Logged> {
        self.lock().log[count..].to_vec()
    }

    /// Number of calls so far.
    pub fn calls(&self) -> usize {
        self.lock().log.len()
    }

    /// Somebody changes a setting behind our back (`None` unsets it).
    pub fn change(&self, key: &Key, setting: &str, value: Option<&Value>) {
        for object in self.lock().objects.values_mut().filter(|object| object.key == *key) {
            match value {
                Some(value) => object.settings.insert(setting.to_owned(), value.clone()),
                None => object.settings.remove(setting),
            };
        }
    }

    /// Time passes: reads and finds see everything.
    pub fn show_everything(&self) {
        self.lock().objects.values_mut().for_each(|object| object.unseen = 0);
    }

    /// Puts data into a component: from now on deleting it needs force.
    pub fn fill(&self, key: &Key) {
        for object in self.lock().objects.values_mut().filter(|object| object.key == *key) {
            object.has_data = true;
        }
    }

    /// Somebody deletes a component behind our back.
    pub fn vanish(&self, key: &Key) {
        self.lock().objects.retain(|_, object| object.key != *key);
    }

    /// What is wrong with the cloud as a whole: references to objects that are not there, and two
    /// objects of one component.
    pub fn inconsistencies(&self) -> Vec<String> {
        let objects = &self.lock().objects;
        let mut wrong = Vec::new();
        let mut seen: BTreeMap<(&str, &Key), &str> = BTreeMap::new();
        for (id, object) in objects {
            if let Some(other) = seen.insert((&object.stack, &object.key), id) {
                wrong.push(format!("{} exists twice: {other} and {id}", object.key));
            }
            for missing in objects::ids_in(&object.settings)
                .iter()
                .filter(|id| !objects.contains_key(*id))
            {
                wrong.push(format!("{id} ({}) refers to {missing}, which is not there", object.key));
            }
        }
        wrong
    }

    pub(in crate::fake) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::fake) fn now(&self) -> Duration {
        self.born.elapsed()
    }
}

impl Inner {
    /// What goes wrong with the call that is about to be logged.
    pub(in crate::fake) fn next_fault(&mut self, operation: &'static str, cx: &Context) -> Option<(Fault, bool)> {
        let number = self.log.len() - self.faults_since + 1;
        self.faults.next(number, operation, &cx.key, &cx.region)
    }

    pub(in crate::fake) fn new_id(&mut self, kind: &str) -> String {
        let number = self.next_id;
        self.next_id += 1;
        format!("{}{kind}-{number}{}", objects::ID_OPEN, objects::ID_CLOSE)
    }

    /// Objects of one stack whose settings mention an id.
    pub(in crate::fake) fn referring_to(&self, id: &str) -> Vec<&Object> {
        let refers = |settings: &Settings| settings.values().any(|value| objects::mentions(value, id));
        self.objects
            .iter()
            .filter(|(own, o)| own.as_str() != id && refers(&o.settings))
            .map(|(_, o)| o)
            .collect()
    }
}
