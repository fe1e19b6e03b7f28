//! What every call into a resource gets besides its data.

use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::value::Value;

/// The circumstances of one call.
#[derive(Debug, Default)]
pub struct CallContext {
    /// Fired when the user interrupts Terraform (`StopProvider`), when Terraform goes away, and when the
    /// provider shuts down. A call that sees it should stop starting work and return what it has.
    pub cancel: CancellationToken,
    checkpoint: Mutex<Option<Checkpoint>>,
}

/// State that a call reported on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) state: Value,
    pub(crate) private: Vec<u8>,
}

impl CallContext {
    /// A context that `cancel` stops.
    pub fn new(cancel: CancellationToken) -> Self {
        Self {
            cancel,
            checkpoint: Mutex::default(),
        }
    }

    /// Reports the state so far. Should the call panic later on, this is what Terraform records, so that
    /// nothing that exists is forgotten. A regular answer takes its place.
    pub fn checkpoint(&self, state: Value, private: Vec<u8>) {
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(Checkpoint { state, private });
    }

    pub(crate) fn take_checkpoint(&self) -> Option<Checkpoint> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
