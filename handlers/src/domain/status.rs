//! The life of a transaction (REQUIREMENTS 8.3): nothing moves backwards.
//!
//! `received` → `pending` → (`analyzed` | `rejected`) → `accounting_processed` → `archived`. The seeds begin
//! with three different words for the same state; all are read.

/// Stored by the webhook validator.
pub const PENDING: &str = "pending";
/// Stored by the payment processor, and waiting for accounting.
pub const RECEIVED: &str = "received";
/// Stored by the payment processor where nothing follows.
pub const PROCESSED: &str = "processed";
/// The fraud analysis is on the item.
pub const ANALYZED: &str = "analyzed";
/// Accounting is done.
pub const ACCOUNTING_PROCESSED: &str = "accounting_processed";
/// Copied to the archive; the item was kept.
pub const ARCHIVED: &str = "archived";

/// The statuses from which a transaction may become `analyzed`. `analyzed` itself is among them, so
/// that a repeated analysis is harmless.
pub const ANALYZABLE: [&str; 3] = [PENDING, RECEIVED, ANALYZED];

/// The statuses from which a payment may become `accounting_processed` (N-37).
pub const ACCOUNTABLE: [&str; 4] = [RECEIVED, PENDING, PROCESSED, ANALYZED];

/// Whether accounting has been here already, so that a repetition is done and no failure.
pub fn is_accounted(status: &str) -> bool {
    [ACCOUNTING_PROCESSED, ARCHIVED].contains(&status)
}
