//! Runs legs of work in dependency order, as wide as the order allows.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use futures::future::BoxFuture;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// Which legs wait for which. Legs are numbered from 0.
#[derive(Debug, Default, Clone)]
pub(super) struct Order {
    /// For each leg the legs that must have succeeded before it starts.
    after: Vec<BTreeSet<usize>>,
}

impl Order {
    pub(super) fn new(legs: usize) -> Self {
        Self {
            after: vec![BTreeSet::new(); legs],
        }
    }

    /// `second` waits for `first`, unless that would close a circle. Callers add what matters
    /// most first.
    pub(super) fn add(&mut self, first: usize, second: usize) {
        if first != second && !self.reaches(second, first) {
            self.after[second].insert(first);
        }
    }

    /// True when `to` waits, directly or not, for `from`.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![false; self.after.len()];
        let mut open = vec![to];
        while let Some(leg) = open.pop() {
            if leg == from {
                return true;
            }
            if !std::mem::replace(&mut seen[leg], true) {
                open.extend(self.after[leg].iter().copied());
            }
        }
        false
    }

    /// For each leg the length of the longest chain that waits for it: what is long starts first.
    fn weights(&self) -> Vec<usize> {
        let mut weights = vec![0; self.after.len()];
        // The order has no circle, so this ends after as many rounds as the longest chain has legs.
        loop {
            let mut settled = true;
            for (leg, before) in self.after.iter().enumerate() {
                for earlier in before {
                    if weights[*earlier] < weights[leg] + 1 {
                        weights[*earlier] = weights[leg] + 1;
                        settled = false;
                    }
                }
            }
            if settled {
                return weights;
            }
        }
    }
}

/// What starting a leg answers.
pub(super) enum Start<T> {
    /// Work to be waited for.
    Work(BoxFuture<'static, T>),
    /// Done at once; `false`: failed at once.
    Settled(bool),
}

/// The work behind the legs.
pub(super) trait Legs {
    /// What a leg's work answers.
    type Done: Send + 'static;
    /// Begins a leg; everything it waits for has succeeded.
    fn start(&mut self, leg: usize) -> Start<Self::Done>;
    /// Takes a leg's answer in; `None` when its task died. Answers whether it succeeded.
    fn finish(&mut self, leg: usize, done: Option<Self::Done>) -> bool;
    /// A leg that is not started, because another one (given) did not succeed or, without one,
    /// because the run was cancelled.
    fn skip(&mut self, leg: usize, because_of: Option<usize>);
}

/// Runs all legs. Dropping the future ends all work at once.
pub(super) async fn run(order: &Order, legs: &mut impl Legs, width: NonZeroUsize, cancel: &CancellationToken) {
    let weights = order.weights();
    let mut waiting: BTreeMap<usize, BTreeSet<usize>> = order.after.iter().cloned().enumerate().collect();
    let mut running: BTreeMap<Id, usize> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    loop {
        while running.len() < width.get() && !cancel.is_cancelled() {
            let ready = waiting
                .iter()
                .filter(|(_, before)| before.is_empty())
                .map(|(leg, _)| *leg);
            // The smallest number wins among equals: deterministic, and in the order of the keys.
            let Some(leg) = ready.max_by_key(|leg| (weights[*leg], std::cmp::Reverse(*leg))) else {
                break;
            };
            waiting.remove(&leg);
            match legs.start(leg) {
                Start::Work(work) => {
                    running.insert(tasks.spawn(work).id(), leg);
                }
                Start::Settled(succeeded) => settle(leg, succeeded, &mut waiting, legs),
            }
        }
        let Some(joined) = tasks.join_next_with_id().await else {
            break;
        };
        let (id, done) = match joined {
            Ok((id, done)) => (id, Some(done)),
            Err(error) => (error.id(), None),
        };
        if let Some(leg) = running.remove(&id) {
            let succeeded = legs.finish(leg, done);
            settle(leg, succeeded, &mut waiting, legs);
        }
    }
    for leg in waiting.into_keys() {
        legs.skip(leg, None);
    }
}

/// Lets go those that waited for a leg, or skips them and what waits for them.
fn settle(leg: usize, succeeded: bool, waiting: &mut BTreeMap<usize, BTreeSet<usize>>, legs: &mut impl Legs) {
    if succeeded {
        for before in waiting.values_mut() {
            before.remove(&leg);
        }
        return;
    }
    let mut failed = vec![leg];
    while let Some(cause) = failed.pop() {
        let stuck: Vec<usize> = waiting
            .iter()
            .filter(|(_, before)| before.contains(&cause))
            .map(|(leg, _)| *leg)
            .collect();
        for leg in stuck {
            waiting.remove(&leg);
            legs.skip(leg, Some(cause));
            failed.push(leg);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_that_would_close_a_circle_is_left_out() {
        let mut order = Order::new(3);
        order.add(0, 1);
        order.add(1, 2);
        order.add(2, 0);
        assert!(order.after[0].is_empty());
        assert_eq!(order.weights(), [2, 1, 0]);
    }
}
