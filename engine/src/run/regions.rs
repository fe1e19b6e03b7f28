//! Which regions answer. One that is down must neither be taken for an empty one nor hold up the
//! work in the others.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{KindError, KindResult};

/// Calls of one kind that end without an answer before the rest of them in that region is not tried:
/// each one costs at least a time-out.
const PATIENCE: usize = 3;

/// How a region has answered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Components that were read or looked for.
    pub answered: usize,
    /// Components for which no service answered ([`KindError::is_unreachable`]).
    pub unreachable: usize,
}

impl Reach {
    /// Most of what was asked had no answer. Not all of it: IAM and Route 53 answer for every region.
    pub fn is_down(&self) -> bool {
        self.unreachable > self.answered
    }

    /// Both together.
    pub(super) fn add(&mut self, other: Reach) {
        self.answered += other.answered;
        self.unreachable += other.unreachable;
    }
}

/// The answers so far, by region and kind.
#[derive(Default)]
pub(super) struct Regions(Mutex<BTreeMap<String, BTreeMap<String, Reach>>>);

impl Regions {
    /// Asks, unless it is known that nobody answers, and remembers whether anybody did.
    pub(super) async fn ask<T>(
        &self,
        region: &str,
        kind: &str,
        question: impl Future<Output = KindResult<T>>,
    ) -> KindResult<T> {
        let so_far = self.of(region, kind);
        let answer = if so_far.answered == 0 && so_far.unreachable >= PATIENCE {
            Err(KindError::Transport {
                operation: kind.to_owned(),
                message: format!("not tried, because region {region} has not answered {PATIENCE} times"),
            })
        } else {
            question.await
        };
        let mut all = self.lock();
        let reach = all
            .entry(region.to_owned())
            .or_default()
            .entry(kind.to_owned())
            .or_default();
        match &answer {
            Err(error) if error.is_unreachable() => reach.unreachable += 1,
            Err(error) if error.is_cancelled() => {}
            _ => reach.answered += 1,
        }
        answer
    }

    /// What is known of each region.
    pub(super) fn reach(&self) -> BTreeMap<String, Reach> {
        let of_region = |(region, kinds): (&String, &BTreeMap<String, Reach>)| {
            let mut sum = Reach::default();
            for reach in kinds.values() {
                sum.add(*reach);
            }
            (region.clone(), sum)
        };
        self.lock().iter().map(of_region).collect()
    }

    fn of(&self, region: &str, kind: &str) -> Reach {
        let all = self.lock();
        all.get(region)
            .and_then(|kinds| kinds.get(kind))
            .copied()
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, Reach>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
