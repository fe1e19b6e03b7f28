//! Logs, metrics, traces. All best effort: telemetry never fails a payment.

pub mod emf;
pub mod log;
pub mod xray;
