//! What a run answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

use super::regions::Reach;
use crate::component::Key;
use crate::error::KindError;
use crate::plan::SettingChange;
use crate::state::StackState;

/// What was being done to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Making it.
    Create,
    /// Bringing it in line in place.
    Update,
    /// Deleting it.
    Delete,
    /// Reading it.
    Read,
    /// Looking for it.
    Find,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::Find => "find",
        })
    }
}

/// An operation that failed.
#[derive(Debug, Error)]
#[error("{key}: {operation} failed: {source}")]
pub struct ComponentError {
    /// The component.
    pub key: Key,
    /// Its AWS region, such as `us-east-1`.
    pub region: String,
    /// What was being done.
    pub operation: Operation,
    /// Why it failed.
    pub source: KindError,
}

/// What an apply, a destroy or a rollback answers. The state is complete in every case: it holds
/// all that exists, as far as the services have answered.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What exists now.
    pub state: StackState,
    /// Every failure.
    pub errors: Vec<ComponentError>,
    /// What was not begun, and why.
    pub skipped: Vec<(Key, String)>,
    /// The run was cancelled before it had done everything.
    pub cancelled: bool,
    /// Components whose current object was made in this run.
    pub created: BTreeSet<Key>,
    /// Components whose current object was left by an earlier run and found again in this one.
    pub adopted: BTreeSet<Key>,
}

impl Outcome {
    /// True when everything that was planned is done.
    pub fn is_complete(&self) -> bool {
        self.errors.is_empty() && self.skipped.is_empty() && !self.cancelled
    }
}

/// What reading a stack answers.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// What exists, with actual values where they differ from the recorded ones.
    pub state: StackState,
    /// Components that the cloud does not have any more.
    pub gone: Vec<Key>,
    /// What differs from the record: `before` is the recorded value, `after` the actual one.
    pub drift: BTreeMap<Key, Vec<SettingChange>>,
    /// Components that could not be read; their state is what it was.
    pub errors: Vec<ComponentError>,
    /// How the regions have answered.
    pub reach: BTreeMap<String, Reach>,
}

impl Refreshed {
    /// The regions that are down, with the errors of each.
    pub fn regions_down(&self) -> BTreeMap<&str, Vec<&ComponentError>> {
        let down = self.reach.iter().filter(|(_, reach)| reach.is_down());
        down.map(|(region, _)| {
            let here = |error: &&ComponentError| error.region == *region && error.source.is_unreachable();
            (region.as_str(), self.errors.iter().filter(here).collect())
        })
        .collect()
    }

    /// The errors that are not the fault of a region that is down.
    pub fn single_errors(&self) -> Vec<&ComponentError> {
        let down = |error: &ComponentError| {
            error.source.is_unreachable() && self.reach.get(&error.region).is_some_and(Reach::is_down)
        };
        self.errors.iter().filter(|error| !down(error)).collect()
    }

    /// [`Self::single_errors`] without the objects that belong to somebody else: whatever an interrupted run has made,
    /// it was not those.
    pub fn uncertain(&self) -> Vec<&ComponentError> {
        let foreign = |error: &ComponentError| matches!(error.source, KindError::NotOwned { .. });
        self.single_errors()
            .into_iter()
            .filter(|error| !foreign(error))
            .collect()
    }

    /// Adds what another reading of the same stack has met: its errors and its regions.
    pub fn add_troubles_of(&mut self, other: Refreshed) {
        self.errors.extend(other.errors);
        for (region, reach) in other.reach {
            self.reach.entry(region).or_default().add(reach);
        }
    }
}
