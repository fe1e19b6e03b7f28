//! What ends a run before everything is done: Ctrl-C, the operation's time limit, the loss of the stack's record.

use std::time::Duration;

use tap_engine::record::Claim;
use tap_plugin::{AttributePath, CallContext, Diagnostic, Schema, Value};
use tokio_util::sync::CancellationToken;

use super::super::shared::seconds;

/// Where `timeouts` says nothing.
const DEFAULT_LIMIT: &str = "60m";

/// The ends of one run.
pub(super) struct Ends {
    /// Fires when the run must end, whatever the reason.
    pub(super) cancel: CancellationToken,
    expired: CancellationToken,
    lost: CancellationToken,
    operation: &'static str,
    limit: String,
}

impl Ends {
    /// `operation` is the attribute of `timeouts` that holds the limit; its time begins now.
    pub(super) fn new(
        cx: &CallContext,
        schema: &Schema,
        config: &Value,
        operation: &'static str,
        claim: &Claim,
    ) -> Self {
        let path = AttributePath::root("timeouts").attribute(operation);
        let full = schema.with_defaults(config);
        let limit = full.at(&path).and_then(Value::as_str).unwrap_or(DEFAULT_LIMIT);
        let ends = Self {
            cancel: cx.cancel.child_token(),
            expired: CancellationToken::new(),
            lost: claim.lost(),
            operation,
            limit: limit.to_owned(),
        };
        let (cancel, expired, lost) = (ends.cancel.clone(), ends.expired.clone(), ends.lost.clone());
        let time = Duration::from_secs(seconds(limit));
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(time) => {
                    expired.cancel();
                    cancel.cancel();
                }
                () = lost.cancelled() => cancel.cancel(),
                () = cancel.cancelled() => {}
            }
        });
        ends
    }

    /// For a run that was ended: by what, and how to go on.
    pub(super) fn why(&self) -> Diagnostic {
        let rest = "What was begun was finished; the state holds all that exists.";
        if self.lost.is_cancelled() {
            let detail =
                format!("Another run has taken over the stack's record. {rest} Apply again once it has ended.");
            return Diagnostic::error("The stack was taken over", detail);
        }
        if self.expired.is_cancelled() {
            let Self { operation, limit, .. } = self;
            let detail =
                format!("`timeouts.{operation}` allows {limit}. {rest} Apply again to go on, or allow more time.");
            return Diagnostic::error("The time is up", detail);
        }
        Diagnostic::error("The run was cancelled", format!("{rest} Apply again to go on."))
    }
}

impl Drop for Ends {
    /// The run is over: nothing is to be watched any more.
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
