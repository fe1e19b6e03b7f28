//! Waiting for what happens by itself: deliveries, streams, workflows.

use crate::{Error, Result};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Probes until `probe` answers `Some`, at most for `limit`; a failing probe counts as "not yet".
///
/// # Errors
/// [`Error::NotSeen`] with `what` and the probe's last failure.
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        let last = match probe().await {
            Ok(Some(seen)) => return Ok(seen),
            Ok(None) => None,
            Err(error) => Some(error.to_string()),
        };
        if Instant::now() + pause > deadline {
            return Err(Error::NotSeen {
                what: what.to_owned(),
                seconds: limit.as_secs_f64(),
                last,
            });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn answers_as_soon_as_the_probe_does() {
        let calls = Cell::new(0);
        let seen = eventually("three calls", Duration::from_secs(5), || async {
            calls.set(calls.get() + 1);
            Ok((calls.get() == 3).then_some("yes"))
        });
        assert_eq!(seen.await.unwrap(), "yes");
        assert_eq!(calls.get(), 3);
    }

    #[tokio::test]
    async fn says_what_was_awaited_and_the_last_failure() {
        let failed = eventually::<(), _, _>("the queue to drain", Duration::from_millis(60), || async {
            Err(Error::Expectation("2 messages left".into()))
        });
        let text = failed.await.unwrap_err().to_string();
        assert!(
            text.contains("the queue to drain") && text.contains("2 messages left"),
            "{text}"
        );
    }
}
