//! Bounded retries with full jitter.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// How often and how long to wait before trying again.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Tries in total, the first one included.
    pub attempts: u32,
    /// Upper bound of the first wait; it doubles with each further one.
    pub base: Duration,
}

impl Backoff {
    /// Waits before the attempt after `attempt` (from 1); `false` when there is none left.
    pub async fn wait_after(self, attempt: u32) -> bool {
        if attempt >= self.attempts {
            return false;
        }
        let ceiling = self.base.saturating_mul(1 << (attempt - 1).min(16));
        tokio::time::sleep(ceiling.mul_f64(random_fraction())).await;
        true
    }
}

/// A number from 0.5 to 1: the standard library's hasher keys are random, which is enough for jitter.
fn random_fraction() -> f64 {
    let random = RandomState::new().hash_one(0_u8) >> 40; // 24 bits
    #[allow(clippy::cast_precision_loss, reason = "24 bits fit a f64")]
    let fraction = random as f64 / f64::from(1_u32 << 24);
    0.5 + fraction / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stops_after_the_last_attempt() {
        let backoff = Backoff {
            attempts: 3,
            base: Duration::from_micros(1),
        };
        assert!(backoff.wait_after(1).await && backoff.wait_after(2).await && !backoff.wait_after(3).await);
    }

    #[test]
    fn jitter_stays_in_its_bounds() {
        assert!((0..100).map(|_| random_fraction()).all(|f| (0.5..=1.0).contains(&f)));
    }
}
