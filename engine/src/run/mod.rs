//! Doing it: apply, refresh, destroy, roll back, and find again.

mod apply;
mod discover;
mod events;
mod guard;
mod legs;
mod make;
mod outcome;
mod refresh;
mod regions;
mod remove;
mod scheduler;

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::component::Key;
use crate::kind::Context;

pub use apply::{apply, destroy, rollback};
pub use discover::discover;
pub use events::{Event, Phase, Progress};
pub use outcome::{ComponentError, Operation, Outcome, Refreshed};
pub use refresh::refresh;
pub use regions::Reach;

/// How many components are worked on side by side unless told otherwise. AWS's control planes
/// throttle well above this for one account.
const DEFAULT_PARALLELISM: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// What a run is told besides the plan.
#[derive(Clone)]
pub struct RunOptions {
    /// `<stack kind>/<suffix>`: the value of the `tap:stack` tag.
    pub stack: String,
    /// Ends the run early: running calls finish, nothing new starts, the outcome is complete.
    pub cancel: CancellationToken,
    /// Upper bound of components worked on side by side.
    pub parallelism: NonZeroUsize,
    /// Deleting takes what holds data along.
    pub force_destroy: bool,
    /// An earlier run did not finish: before a component is made, look for what that run left.
    pub adopt: bool,
    /// Told about every step.
    pub progress: Option<Arc<dyn Progress>>,
}

impl RunOptions {
    /// The defaults: 32 side by side, no force, no adoption.
    pub fn new(stack: impl Into<String>) -> Self {
        Self {
            stack: stack.into(),
            cancel: CancellationToken::new(),
            parallelism: DEFAULT_PARALLELISM,
            force_destroy: false,
            adopt: false,
            progress: None,
        }
    }

    /// What a kind is told. `known_ids` are the ids that the state holds for this component.
    fn context(&self, key: &Key, region: &str, known_ids: Vec<String>) -> Context {
        Context {
            key: key.clone(),
            region: region.to_owned(),
            stack: self.stack.clone(),
            cancel: self.cancel.clone(),
            force_destroy: self.force_destroy,
            known_ids,
            leaving: Vec::new(),
            journal: Arc::default(),
        }
    }
}
