//! The reconciler, and the index that it reads (R-11, R-22, N-14).

use crate::composite::findings::Findings;
use crate::payment_stack::config::{Config, Payment};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let payment = &config.payment;
    // Not given: the provider's one region.
    let regions = payment.regions.as_ref().map_or(1, Vec::len);
    super::flow::environment("reconciliation", &payment.reconciliation.function, findings);
    shards(payment, findings);
    if payment.reconciliation.enabled != Some(false) {
        something_to_do(payment, regions, findings);
        what_is_missed(payment, regions, findings);
        patience(payment, findings);
    }
}

fn shards(payment: &Payment, findings: &mut Findings) {
    let attribute = payment.status_attribute();
    if payment.table.status_shards > 1 && payment.status_index().is_none() {
        findings.error(
            "table.status_shards",
            "No index on the status",
            format!("there is nothing to shard: give `table.global_secondary_indexes` one with `hash_key = \"{attribute}\"`, or leave this out (R-11)."),
        );
    }
}

fn something_to_do(payment: &Payment, regions: usize, findings: &mut Findings) {
    let works = payment.sweeps() || payment.detects_conflicts(regions);
    if payment.reconciliation.enabled == Some(true) && !works {
        findings.error(
            "reconciliation.enabled",
            "Nothing to reconcile",
            "payments are stuck only with `processor.response_mode = \"queue\"` and an index on the status, and accepted twice only in several regions with `table.consistency_mode = \"EVENTUAL\"` and `idempotency.enabled`.",
        );
    }
}

fn what_is_missed(payment: &Payment, regions: usize, findings: &mut Findings) {
    let attribute = payment.status_attribute();
    if payment.queues_payments() && payment.status_index().is_none() {
        findings.warning(
            "table.global_secondary_indexes",
            "Stuck payments are not found",
            format!("a payment whose message was lost waits for ever: give the table an index with `hash_key = \"{attribute}\"` (N-14)."),
        );
    }
    if payment.can_conflict(regions) && !payment.idempotency.enabled {
        findings.warning(
            "idempotency.enabled",
            "Payments accepted twice are not seen",
            "only guard records show that two regions have accepted one payment (R-22).",
        );
    }
}

/// A payment whose message comes back some times is not stuck yet.
fn patience(payment: &Payment, findings: &mut Findings) {
    if !payment.sweeps() {
        return;
    }
    let (queue, accounting) = (&payment.queue, &payment.accounting);
    let usual = accounting
        .function
        .advised_visibility(accounting.maximum_batching_window_in_seconds);
    let hidden = queue.visibility_timeout_seconds.unwrap_or(usual);
    let deliveries = queue.max_receive_count * hidden;
    if payment.reconciliation.stuck_after_seconds < deliveries {
        findings.warning(
            "reconciliation.stuck_after_seconds",
            "Payments in work would count as stuck",
            format!(
                "the queue's {} deliveries take {deliveries} seconds: that, or more (N-14).",
                queue.max_receive_count
            ),
        );
    }
}
