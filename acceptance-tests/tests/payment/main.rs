//! Acceptance tests of `tap_payment_stack`: the real terraform, the sandbox AWS in several regions, real payments.
//!
//! Each test has an account of its own; the sandbox is shared. What the sandbox cannot show is in docs/sandbox.md.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod dns;
mod drift;
mod drift_kinds;
mod edits;
mod end_to_end;
mod examples;
mod failover;
mod import;
mod killed;
#[path = "../leaks/mod.rs"]
mod leaks;
mod mistakes;
mod presets;
mod reconciled;
mod regions;
mod secrets;
mod side_by_side;
mod site;
mod vpc;
mod workflow;
