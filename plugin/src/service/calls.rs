//! Running the provider's own code: cancellable, isolated from panics, and not tied to the connection.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::context::{CallContext, Checkpoint};
use crate::diagnostics::{Diagnostic, Diagnostics};

thread_local! {
    /// Where the last panic on this thread was, and its text where that is fixed in the source.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What may be shown of a panic. A formatted text may quote any value, so only a text that stands in the
/// source is passed on.
fn describe(payload: &(dyn Any + Send), location: Option<String>) -> String {
    let location = location.unwrap_or_else(|| "an unknown place".into());
    match payload.downcast_ref::<&'static str>() {
        Some(text) => format!("{text}, at {location}"),
        None => format!("at {location} (its message is withheld, it may contain configuration values)"),
    }
}

/// Makes panics report where they happened, and nothing else: the standard hook prints their whole text.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let location = info.location().map(ToString::to_string);
        let text = match info.payload().downcast_ref::<&'static str>() {
            Some(text) => format!("{text}, at {}", location.as_deref().unwrap_or("an unknown place")),
            None => format!("at {}", location.as_deref().unwrap_or("an unknown place")),
        };
        eprintln!("the provider panicked: {text}");
        LAST_PANIC.with_borrow_mut(|last| *last = location);
    }));
}

/// A call that panicked, and the state that it had reported before.
#[derive(Debug)]
pub(crate) struct Panicked {
    pub(crate) diagnostics: Diagnostics,
    pub(crate) checkpoint: Option<Checkpoint>,
}

impl From<Panicked> for Diagnostics {
    fn from(panicked: Panicked) -> Self {
        panicked.diagnostics
    }
}

/// All calls in flight.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    stop: Arc<Mutex<CancellationToken>>,
    /// Every call holds it for reading.
    running: Arc<RwLock<()>>,
}

impl Calls {
    /// Cancels the calls in flight. Calls that begin later are not concerned.
    pub(crate) fn stop(&self) {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *stop).cancel();
    }

    /// Waits until no call is in flight.
    pub(crate) async fn finished(&self) {
        drop(self.running.write().await);
    }

    fn context(&self) -> CallContext {
        CallContext::new(self.stop.lock().unwrap_or_else(PoisonError::into_inner).child_token())
    }

    /// Runs one call. It goes on to its end even when the client hangs up, but is asked to stop then:
    /// half an apply that nobody finishes would leak what it made.
    pub(crate) async fn run<T, F>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl FnOnce(Arc<CallContext>) -> F,
    ) -> Result<T, Panicked>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let cx = Arc::new(self.context());
        let hung_up = cx.cancel.clone().drop_guard();
        let running = Arc::clone(&self.running).read_owned().await;
        let span = tracing::info_span!("call", tf_rpc = operation, tf_type = subject);
        let future = call(Arc::clone(&cx));
        let isolated = async move {
            let _running = running;
            AssertUnwindSafe(future).catch_unwind().await.map_err(|payload| {
                // The hook ran on this very thread, just now.
                let location = LAST_PANIC.with_borrow_mut(Option::take);
                describe(payload.as_ref(), location)
            })
        };
        let result = match tokio::spawn(isolated.instrument(span)).await {
            Ok(result) => result,
            Err(_) => Err("the task was ended from outside".to_owned()),
        };
        hung_up.disarm();
        result.map_err(|description| {
            tracing::error!(tf_rpc = operation, tf_type = subject, "panic: {description}");
            let detail = format!(
                "{operation} of {subject} panicked {description}. This is a bug in the provider: please report it."
            );
            Panicked {
                diagnostics: Diagnostic::error("The provider panicked", detail).into(),
                checkpoint: cx.take_checkpoint(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::value::Value;

    #[tokio::test]
    async fn stop_concerns_the_calls_in_flight_only() {
        let calls = Calls::default();
        let running = tokio::spawn({
            let calls = calls.clone();
            async move {
                calls
                    .run("Create", "t", |cx| async move { cx.cancel.cancelled().await })
                    .await
            }
        });
        while calls.running.try_write().is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(
            tokio::time::timeout(Duration::from_millis(20), calls.finished())
                .await
                .is_err()
        );
        calls.stop();
        running.await.unwrap().unwrap();
        tokio::time::timeout(Duration::from_secs(5), calls.finished())
            .await
            .unwrap();
        let later = calls
            .run("Read", "t", |cx| async move { cx.cancel.is_cancelled() })
            .await
            .unwrap();
        assert!(!later);
    }

    #[tokio::test]
    async fn a_hung_up_client_cancels_but_does_not_abort() {
        let calls = Calls::default();
        let (done, finished) = tokio::sync::oneshot::channel();
        let call = calls.run("Create", "t", |cx| async move {
            cx.cancel.cancelled().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            done.send("cleaned up").unwrap();
        });
        assert!(
            tokio::time::timeout(Duration::from_millis(20), call).await.is_err(),
            "the client hangs up here"
        );
        assert_eq!(finished.await, Ok("cleaned up"));
    }

    #[tokio::test]
    async fn panics_keep_the_checkpoint_and_hide_formatted_text() {
        let calls = Calls::default();
        let secret = String::from("hunter2");
        let panicked = calls
            .run("Create", "t", |cx| async move {
                cx.checkpoint(Value::from("partial"), vec![1]);
                assert!(secret.is_empty(), "value was {secret}");
            })
            .await
            .unwrap_err();
        assert!(!panicked.diagnostics.to_string().contains("hunter2"));
        assert_eq!(
            panicked.checkpoint,
            Some(Checkpoint {
                state: Value::from("partial"),
                private: vec![1]
            })
        );

        let fixed = calls
            .run("Read", "t", |_| async { panic!("fixed text") as () })
            .await
            .unwrap_err();
        assert!(fixed.diagnostics.to_string().contains("fixed text"));
    }
}
