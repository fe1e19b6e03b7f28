//! The stack record: the first thing made and the last thing deleted of a stack. It tells a run
//! that an earlier one has not finished, and keeps two runs from working on one stack at once.
//!
//! The record is taken ([`begin`]), kept fresh by a heartbeat while the run works, and given back
//! ([`Claim::finish`], [`Claim::leave_unfinished`], [`Claim::delete`]). Whoever finds a record that
//! is in work but whose heartbeat has stopped takes it over and adopts what is there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::{KindError, KindResult};

/// The format this version writes, and the only one it takes over.
pub const RECORD_FORMAT: u32 = 1;

/// How far a stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is being made for the first time.
    Creating,
    /// It is being changed.
    Updating,
    /// It is being deleted.
    Destroying,
    /// A run ended without having done everything; nobody works on it.
    Unfinished,
    /// It is as its configuration wants it.
    Complete,
}

/// What is kept about a stack outside of Terraform's state. It holds no secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackRecord {
    /// [`RECORD_FORMAT`] of its writer.
    pub format: u32,
    /// How far the stack is.
    pub status: Status,
    /// Names the run that holds the record; random.
    pub token: String,
    /// When that run last said that it lives, in seconds of Unix time.
    pub heartbeat: i64,
    /// Version of the provider that wrote it.
    pub provider_version: String,
    /// What the composite needs to rebuild the graphs that the runs since the last complete one
    /// were to bring about, the newest last: for import, and to find what interrupted runs have
    /// made. Mind the store's size limit (4 KiB for an SSM standard parameter).
    pub intents: Vec<Value>,
}

/// A record as it stands in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The record.
    pub record: StackRecord,
    /// Changes with every write; grows. For an SSM parameter it is the parameter's own version.
    pub version: u64,
}

/// Where records are kept. `stack` is `<stack kind>/<suffix>`.
#[async_trait]
pub trait RecordStore: Send + Sync + 'static {
    /// Writes the record of a stack that has none; answers its version, `None` when there is one
    /// already. Must be atomic (SSM: `PutParameter` with `Overwrite=false`).
    async fn create_if_absent(&self, stack: &str, record: &StackRecord) -> KindResult<Option<u64>>;

    /// Reads a record; `None` when there is none.
    async fn read(&self, stack: &str) -> KindResult<Option<Stored>>;

    /// Writes over the record of the given version; answers the new version, `None` when somebody
    /// else has written in between. A store without compare-and-swap (SSM answers only the new
    /// version) reads before it writes and takes any version but `expected + 1` for a loss, after
    /// putting back what it has replaced.
    async fn replace(&self, stack: &str, record: &StackRecord, expected: u64) -> KindResult<Option<u64>>;

    /// Deletes the record; one that is not there is success.
    async fn delete(&self, stack: &str) -> KindResult<()>;
}

/// What a run is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intention {
    /// Make the stack. A complete record is an error.
    Create,
    /// Change it.
    Update,
    /// Delete it.
    Destroy,
}

impl Intention {
    fn status(self) -> Status {
        match self {
            Self::Create => Status::Creating,
            Self::Update => Status::Updating,
            Self::Destroy => Status::Destroying,
        }
    }
}

/// How records are taken and kept fresh.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    /// Written into the record; a semantic version, such as `0.1.0`.
    pub provider_version: String,
    /// How often the heartbeat is written; well below [`Self::stale_after`], so that one that is lost does no harm.
    pub heartbeat_every: Duration,
    /// Age at which a heartbeat counts as stopped. Clocks of different machines are compared, so
    /// this must be well above the usual skew.
    pub stale_after: Duration,
    /// The clock, in seconds of Unix time.
    pub now: fn() -> i64,
}

impl RecordOptions {
    /// A heartbeat every 20 s, taken over after 2 minutes.
    pub fn new(provider_version: impl Into<String>) -> Self {
        Self {
            provider_version: provider_version.into(),
            heartbeat_every: Duration::from_secs(20),
            stale_after: Duration::from_mins(2),
            now: || Timestamp::now().as_second(),
        }
    }
}

/// Why a record was not taken.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The stack is there and complete.
    #[error("stack {stack} exists already and is complete; to manage it here, import it: terraform import <address> {}", suffix(.stack))]
    Exists {
        /// The stack.
        stack: String,
    },
    /// Another run works on it.
    #[error(
        "another run is working on stack {stack} ({status:?}, last sign of life {age} s ago, token {token}); wait for \
         it, or, if it has died, try again {wait} s from now: its work will be taken over"
    )]
    Busy {
        /// The stack.
        stack: String,
        /// What the other run does.
        status: Status,
        /// Seconds since its last heartbeat.
        age: i64,
        /// Its token.
        token: String,
        /// Seconds until it counts as dead.
        wait: i64,
    },
    /// The record is of another version.
    #[error("the record of stack {stack} has format {found}, this version knows {RECORD_FORMAT}; {advice}")]
    OtherFormat {
        /// The stack.
        stack: String,
        /// Its format.
        found: u32,
        /// How to go on.
        advice: String,
    },
    /// The store failed.
    #[error("record of stack {stack}: {source}")]
    Store {
        /// The stack.
        stack: String,
        /// Why.
        source: Box<KindError>,
    },
}

fn suffix(stack: &str) -> &str {
    stack.rsplit('/').next().unwrap_or(stack)
}

/// A record in this run's hands. Dropping it stops the heartbeat and nothing else: to others it
/// looks as if the process had died.
pub struct Claim {
    shared: Arc<Shared>,
    /// An earlier run did not finish: adopt what is there ([`crate::RunOptions::adopt`]).
    pub adopt: bool,
    /// What the interrupted runs were to bring about ([`StackRecord::intents`]): what they made is
    /// to be looked for ([`crate::discover`]), then [`Claim::recovered`] is to be called.
    pub interrupted: Vec<Value>,
    lost: CancellationToken,
    beating: JoinHandle<()>,
}

struct Shared {
    store: Arc<dyn RecordStore>,
    stack: String,
    options: RecordOptions,
    held: Mutex<Stored>,
    /// One write at a time.
    writing: tokio::sync::Mutex<()>,
}

/// Takes the record of a stack for a run. `intent` is what the run is to bring about
/// ([`StackRecord::intents`]).
pub async fn begin(
    store: Arc<dyn RecordStore>,
    stack: &str,
    intention: Intention,
    intent: Value,
    options: RecordOptions,
) -> Result<Claim, RecordError> {
    let failed = |source| RecordError::Store {
        stack: stack.to_owned(),
        source: Box::new(source),
    };
    let mut record = StackRecord {
        format: RECORD_FORMAT,
        status: intention.status(),
        token: uuid::Uuid::new_v4().to_string(),
        heartbeat: (options.now)(),
        provider_version: options.provider_version.clone(),
        intents: vec![intent],
    };
    let created = store.create_if_absent(stack, &record).await.map_err(failed)?;
    let found = match created {
        Some(version) => Stored {
            record: record.clone(),
            version,
        },
        // Deleted between the two calls: the other run has just ended.
        None => match store.read(stack).await.map_err(failed)? {
            Some(found) => found,
            None => return Err(busy(stack, &record, &options)),
        },
    };
    // Ours just now, or by a first attempt whose answer got lost.
    if found.record.token == record.token {
        // An update without a record: somebody deleted it by hand. What is there is looked for.
        let adopt = intention == Intention::Update;
        return Ok(Claim::new(store, stack, options, found, adopt, Vec::new()));
    }
    may_take(stack, intention, &found.record, &options)?;
    let adopt = found.record.status != Status::Complete;
    let interrupted = if adopt {
        found.record.intents.clone()
    } else {
        Vec::new()
    };
    // Kept until what they made is found again: this run may die before it has looked.
    let earlier = interrupted
        .iter()
        .filter(|intent| !record.intents.contains(intent))
        .cloned();
    record.intents = earlier.chain(record.intents.iter().cloned()).collect();
    let Some(version) = store.replace(stack, &record, found.version).await.map_err(failed)? else {
        return Err(busy(stack, &found.record, &options));
    };
    let taken = Stored { record, version };
    Ok(Claim::new(store, stack, options, taken, adopt, interrupted))
}

/// Refuses a record that another version of the format wrote, with what to do about it.
///
/// # Errors
/// [`RecordError::OtherFormat`].
pub fn check_format(stack: &str, record: &StackRecord) -> Result<(), RecordError> {
    if record.format != RECORD_FORMAT {
        let advice = if record.format > RECORD_FORMAT {
            format!("use provider version {} or later", record.provider_version)
        } else {
            format!(
                "let provider version {} finish it first, then upgrade",
                record.provider_version
            )
        };
        return Err(RecordError::OtherFormat {
            stack: stack.to_owned(),
            found: record.format,
            advice,
        });
    }
    Ok(())
}

fn may_take(
    stack: &str,
    intention: Intention,
    found: &StackRecord,
    options: &RecordOptions,
) -> Result<(), RecordError> {
    check_format(stack, found)?;
    match found.status {
        Status::Complete if intention == Intention::Create => Err(RecordError::Exists {
            stack: stack.to_owned(),
        }),
        Status::Complete | Status::Unfinished => Ok(()),
        Status::Creating | Status::Updating | Status::Destroying => {
            if age(found, options) < limit(options) {
                Err(busy(stack, found, options))
            } else {
                Ok(())
            }
        }
    }
}

fn age(record: &StackRecord, options: &RecordOptions) -> i64 {
    (options.now)() - record.heartbeat
}

fn limit(options: &RecordOptions) -> i64 {
    i64::try_from(options.stale_after.as_secs()).unwrap_or(i64::MAX)
}

fn busy(stack: &str, found: &StackRecord, options: &RecordOptions) -> RecordError {
    let age = age(found, options).max(0);
    RecordError::Busy {
        stack: stack.to_owned(),
        status: found.status,
        age,
        token: found.token.clone(),
        wait: (limit(options) - age).max(0),
    }
}

impl Claim {
    fn new(
        store: Arc<dyn RecordStore>,
        stack: &str,
        options: RecordOptions,
        held: Stored,
        adopt: bool,
        interrupted: Vec<Value>,
    ) -> Self {
        let every = options.heartbeat_every;
        let shared = Arc::new(Shared {
            store,
            stack: stack.to_owned(),
            options,
            held: Mutex::new(held),
            writing: tokio::sync::Mutex::new(()),
        });
        let lost = CancellationToken::new();
        let beating = tokio::spawn(beat(shared.clone(), lost.clone(), every));
        Self {
            shared,
            adopt,
            interrupted,
            lost,
            beating,
        }
    }

    /// Fires when somebody else has taken the record: the run must end at once.
    pub fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// What the interrupted runs have made is known now: forgets what they were to bring about.
    pub async fn recovered(&self) -> Result<(), RecordError> {
        self.shared.only_own_intent();
        let status = self.shared.status();
        if self.shared.write(status).await? {
            Ok(())
        } else {
            Err(self.shared.taken())
        }
    }

    /// Gives the record back: the stack is as it should be.
    pub async fn finish(self) -> Result<(), RecordError> {
        self.shared.only_own_intent();
        self.give_back(Status::Complete).await
    }

    /// Gives the record back: the run has ended without having done everything. The next one may
    /// take it at once and adopts what is there.
    pub async fn leave_unfinished(self) -> Result<(), RecordError> {
        self.give_back(Status::Unfinished).await
    }

    /// Deletes the record: nothing of the stack is left.
    pub async fn delete(self) -> Result<(), RecordError> {
        self.beating.abort();
        let _one_at_a_time = self.shared.writing.lock().await;
        if self.lost.is_cancelled() {
            return Err(self.shared.taken());
        }
        self.shared
            .store
            .delete(&self.shared.stack)
            .await
            .map_err(|source| self.shared.failed(source))
    }

    async fn give_back(self, status: Status) -> Result<(), RecordError> {
        self.beating.abort();
        if self.shared.write(status).await? {
            Ok(())
        } else {
            Err(self.shared.taken())
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

impl Shared {
    /// Writes a status and a fresh heartbeat; `false` when the record is in other hands.
    async fn write(&self, status: Status) -> Result<bool, RecordError> {
        let _one_at_a_time = self.writing.lock().await;
        let Stored { mut record, version } = self.held().clone();
        record.status = status;
        record.heartbeat = (self.options.now)();
        let written = self
            .store
            .replace(&self.stack, &record, version)
            .await
            .map_err(|e| self.failed(e))?;
        let version = match written {
            Some(version) => version,
            // A heartbeat whose answer was lost, or that was cut off, looks like a stranger's write.
            None => match self.store.read(&self.stack).await.map_err(|e| self.failed(e))? {
                Some(now) if now.record.token == record.token => {
                    let again = self.store.replace(&self.stack, &record, now.version).await;
                    match again.map_err(|e| self.failed(e))? {
                        Some(version) => version,
                        None => return Ok(false),
                    }
                }
                _ => return Ok(false),
            },
        };
        *self.held() = Stored { record, version };
        Ok(true)
    }

    fn held(&self) -> MutexGuard<'_, Stored> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> Status {
        self.held().record.status
    }

    fn only_own_intent(&self) {
        let mut held = self.held();
        let earlier = held.record.intents.len().saturating_sub(1);
        held.record.intents.drain(..earlier);
    }

    fn failed(&self, source: KindError) -> RecordError {
        RecordError::Store {
            stack: self.stack.clone(),
            source: Box::new(source),
        }
    }

    fn taken(&self) -> RecordError {
        let held = self.held();
        busy(&self.stack, &held.record, &self.options)
    }
}

async fn beat(shared: Arc<Shared>, lost: CancellationToken, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let status = shared.status();
        match shared.write(status).await {
            Ok(true) => {}
            Ok(false) => return lost.cancel(),
            // A store that does not answer is no reason to stop: the claim stands until it is stale.
            Err(error) => tracing::warn!(%error, "the stack record's heartbeat was not written"),
        }
    }
}
