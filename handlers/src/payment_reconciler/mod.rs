//! `payment_reconciler`: finds what has gone wrong with payments that were accepted (N-14, R-22).
//!
//! Two triggers, either or both:
//! - a schedule: payments that wait for accounting for too long, because the process died between storing and sending and
//!   the sender never came again, get their missing steps ([`Sweep`]);
//! - the guard table's stream, with several regions that are consistent eventually: payments that two of them have
//!   accepted are counted ([`conflicts`]). Nobody but people can put those right.
//!
//! What is fine makes no metric and no line.

mod config;
pub mod conflicts;
mod sweep;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

pub use config::{ReconcilerConfig, SweepConfig};
pub use sweep::{Sweep, Tally};

use crate::error::HandlerError;
use crate::invocation::{Handler, Invocation};
use crate::ports::Clock;
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "payment_reconciler";
/// A payment that two regions have accepted.
pub const CONFLICT: &str = "ReconciliationConflict";
/// A payment that waited for accounting for too long.
pub const STUCK: &str = "PaymentStuck";

/// The handler.
pub struct PaymentReconciler {
    config: ReconcilerConfig,
    sweep: Option<Sweep>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl PaymentReconciler {
    /// A reconciler; without a sweep it watches for conflicts only.
    pub fn new(config: ReconcilerConfig, sweep: Option<Sweep>, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self {
            config,
            sweep,
            clock,
            metrics,
        }
    }

    fn refuse(&self, reason: &str) -> HandlerError {
        self.metrics.count(HANDLER_FAULT);
        HandlerError::Validation(reason.to_owned())
    }

    /// The region whose payments are looked at: ours. Another one may be named, by people, for a region that does not
    /// come back; while it lives, two regions' writes to one payment would overwrite each other.
    fn region_of(&self, event: &Value) -> Result<String, HandlerError> {
        match event.get("region") {
            None | Some(Value::Null) => Ok(self.config.region.clone()),
            Some(Value::String(region)) => Ok(region.clone()),
            Some(_) => Err(self.refuse("region is not text")),
        }
    }

    async fn sweep(&self, event: &Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let Some(sweep) = &self.sweep else {
            return Err(self.refuse("nothing to sweep: QUEUE_URL is not set"));
        };
        let region = self.region_of(event)?;
        let run = sweep.run(&region, self.clock.now(), invocation);
        let annotations = json!({"region": region});
        let tally = invocation.trace.subsegment("sweep_payments", annotations, run).await;
        let tally = tally.inspect_err(|error| {
            tracing::error!(request_id = invocation.request_id, %error, "sweep failed");
            self.metrics.count(HANDLER_FAULT);
        })?;
        let counts = [
            (STUCK, tally.found()),
            ("PaymentReconciled", tally.completed),
            (HANDLER_FAULT, tally.failed),
            ("ReconciliationIncomplete", u64::from(tally.incomplete)),
        ];
        self.emit(&counts);
        Ok(
            json!({"found": tally.found(), "reconciled": tally.completed, "failed": tally.failed,
            "incomplete": tally.incomplete}),
        )
    }

    /// Streams are in order, so the answer names the first record that failed; Lambda resumes there.
    fn watch(&self, event: &Value) -> Result<Value, HandlerError> {
        let here = self.config.region.as_str();
        let changes = conflicts::changes(event, here).filter(|_| self.config.detects_conflicts);
        let changes = changes.ok_or_else(|| self.refuse("expected a schedule's event, or the guard table's stream"))?;
        let mut found = 0;
        let mut failed = None;
        for change in &changes {
            match &change.conflict {
                Ok(None) => {}
                Ok(Some(conflict)) => {
                    found += 1;
                    tracing::error!(
                        transaction_id = conflict.payment_id,
                        region = here,
                        winner = conflict.winner,
                        accepted_at = conflict.accepted_at,
                        winner_accepted_at = conflict.winner_accepted_at,
                        same_content = conflict.same_content,
                        "payment was accepted in two regions"
                    );
                }
                Err(reason) => {
                    tracing::error!(sequence_number = change.sequence_number, reason, "record failed");
                    failed = Some(change.sequence_number.as_str());
                    break;
                }
            }
        }
        self.emit(&[(CONFLICT, found), (HANDLER_FAULT, u64::from(failed.is_some()))]);
        Ok(crate::sqs::batch_response(failed))
    }

    /// What is not zero.
    fn emit(&self, counts: &[(&str, u64)]) {
        let present = counts.iter().filter(|(_, count)| *count > 0);
        let present: Vec<_> = present.map(|(name, count)| (*name, *count, Unit::Count)).collect();
        self.metrics.emit(&present);
    }
}

#[async_trait]
impl Handler for PaymentReconciler {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        if event.get("Records").is_some() {
            self.watch(&event)
        } else {
            self.sweep(&event, invocation).await
        }
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
