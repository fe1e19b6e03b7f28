//! What can go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::rng::Rng;
use crate::component::Key;
use crate::error::KindError;

/// One way for a call to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `ThrottlingException`, nothing happened.
    Throttle,
    /// HTTP 500, nothing happened.
    Broken,
    /// HTTP 500, but it happened.
    BrokenAfter,
    /// No answer, nothing happened.
    Silent,
    /// No answer, but it happened.
    SilentAfter,
    /// The component may never be touched.
    Denied,
    /// The process died here.
    Stopped,
}

impl Fault {
    /// The faults that pass.
    pub const PASSING: [Self; 5] = [
        Self::Throttle,
        Self::Broken,
        Self::BrokenAfter,
        Self::Silent,
        Self::SilentAfter,
    ];

    pub(super) fn takes_effect(self) -> bool {
        matches!(self, Self::BrokenAfter | Self::SilentAfter)
    }

    pub(super) fn error(self, operation: String) -> KindError {
        let service = |code: &str, status: u16, message: &str| KindError::Service {
            operation: operation.clone(),
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
            status: Some(status),
        };
        match self {
            Self::Throttle => service("ThrottlingException", 400, "Rate exceeded"),
            Self::Broken | Self::BrokenAfter => service("InternalFailure", 500, "try again"),
            Self::Denied => service("AccessDeniedException", 403, "not authorized"),
            Self::Silent | Self::SilentAfter | Self::Stopped => KindError::Transport {
                operation,
                message: "timed out".to_owned(),
            },
        }
    }
}

/// The death of the process at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Number of the call, counted from 1 since the faults were set.
    pub at_call: usize,
    /// The call still takes effect.
    pub after_effect: bool,
}

/// What goes wrong from now on.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Every call takes this long.
    pub latency: Duration,
    /// Calls in 100 that fail in a random way that passes.
    pub random: Option<(u8, Rng)>,
    /// How many reads and finds do not see a new object.
    pub unseen_reads: u32,
    /// Components whose writing calls always fail.
    pub denied: BTreeSet<Key>,
    /// Regions in which no call is answered and none takes effect.
    pub dark_regions: BTreeSet<String>,
    /// One-off faults: `(operation, component)`.
    pub once: BTreeMap<(&'static str, Key), Fault>,
    /// The n-th call (from 1) of an operation fails, whatever component it is for.
    pub nth: Option<(&'static str, usize, Fault)>,
    /// The process dies at this call.
    pub stop: Option<Stop>,
}

impl Faults {
    /// Random faults of every passing kind in `percent` of 100 calls, and lagging reads.
    pub fn random(percent: u8, seed: u64) -> Self {
        Self {
            random: Some((percent, Rng::new(seed))),
            unseen_reads: 2,
            ..Self::default()
        }
    }

    /// The process dies at a call.
    pub fn stop(at_call: usize, after_effect: bool) -> Self {
        Self {
            stop: Some(Stop { at_call, after_effect }),
            ..Self::default()
        }
    }

    /// What goes wrong with a call, the `number`th (from 1) since the faults were set. The flag: it
    /// takes effect all the same.
    pub(super) fn next(
        &mut self,
        number: usize,
        operation: &'static str,
        key: &Key,
        region: &str,
    ) -> Option<(Fault, bool)> {
        if let Some(stop) = self.stop.filter(|stop| number >= stop.at_call) {
            return Some((Fault::Stopped, number == stop.at_call && stop.after_effect));
        }
        if self.dark_regions.contains(region) {
            return Some((Fault::Silent, false));
        }
        if let Some((_, left, fault)) = self.nth.as_mut().filter(|(of, ..)| *of == operation) {
            let fault = *fault;
            *left -= 1;
            if *left == 0 {
                self.nth = None;
                return Some((fault, fault.takes_effect()));
            }
        }
        let writes = !matches!(operation, "read" | "find");
        let fault = self.once.remove(&(operation, key.clone())).or_else(|| {
            if writes && self.denied.contains(key) {
                return Some(Fault::Denied);
            }
            let (percent, rng) = self.random.as_mut()?;
            rng.chance(*percent).then(|| *rng.pick(&Fault::PASSING))
        })?;
        Some((fault, fault.takes_effect()))
    }
}
