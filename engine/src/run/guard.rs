//! Calls into kinds: a panic there is that component's failure, not the end of the run.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::component::Settings;
use crate::error::{KindError, KindResult};
use crate::kind::{Context, Kind, Observed};

/// Pauses between repeated looks for something that may not be visible yet.
const LOOKS: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Runs one call into a kind.
pub(super) async fn guarded<T>(
    kind: &dyn Kind,
    what: &str,
    call: impl Future<Output = KindResult<T>>,
) -> KindResult<T> {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|payload| {
        Err(KindError::Failed {
            operation: format!("{}:{what}", kind.spec().name),
            message: format!("the provider panicked: {}", panic_text(payload.as_ref())),
        })
    })
}

/// Only literal texts are shown: a formatted message may hold a setting's value.
fn panic_text(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("no fixed message; see the log for the place")
}

/// The same context for bookkeeping, which goes on when the run is cancelled: what was begun must
/// be known in the end.
pub(super) fn uncancelled(cx: &Context) -> Context {
    Context {
        cancel: CancellationToken::new(),
        ..cx.clone()
    }
}

/// Reads an object that should be there. "Not there" is believed only when it is said repeatedly,
/// because reads may lag behind a creation.
pub(super) async fn read_confirmed(
    kind: &dyn Kind,
    cx: &Context,
    id: &str,
    recorded: &Settings,
) -> KindResult<Option<Observed>> {
    for pause in LOOKS {
        let observed = guarded(kind, "read", kind.read(cx, id, recorded)).await?;
        if observed.is_some() || cx.cancel.is_cancelled() {
            return Ok(observed);
        }
        tokio::time::sleep(pause).await;
    }
    guarded(kind, "read", kind.read(cx, id, recorded)).await
}

/// Looks for what a call without an answer may have made.
pub(super) async fn find_lagging(kind: &dyn Kind, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
    for pause in LOOKS {
        if let Some(id) = find(kind, cx, desired).await? {
            return Ok(Some(id));
        }
        tokio::time::sleep(pause).await;
    }
    find(kind, cx, desired).await
}

/// [`Kind::find`], passing over the objects that the state knows already.
pub(super) async fn find(kind: &dyn Kind, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
    let found = guarded(kind, "find", kind.find(cx, desired)).await?;
    Ok(found.filter(|id| !cx.known_ids.contains(id)))
}
