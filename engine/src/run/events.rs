//! Progress of a run.

use std::time::Duration;

use super::Operation;
use crate::component::Key;

/// Where an operation on a component stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It began.
    Started,
    /// It went through.
    Finished,
    /// It did not.
    Failed,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The component.
    pub key: Key,
    /// What is done to it.
    pub operation: Operation,
    /// Begin or end.
    pub phase: Phase,
    /// Time since the operation's start: zero when it starts.
    pub elapsed: Duration,
}

/// Listens to a run.
pub trait Progress: Send + Sync {
    /// Called at the start and the end of every operation; must not block.
    fn event(&self, event: &Event);
}
