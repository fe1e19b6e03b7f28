//! Acceptance tests of `tap_payment_stack`: the real terraform, the sandbox AWS in several regions, real payments.
//!
//! Each test has an account of its own; the sandbox is shared. What the sandbox cannot show is in docs/sandbox.md.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dns;
mod drift;
mod edits;
mod end_to_end;
mod examples;
mod failover;
mod import;
mod mistakes;
mod regions;
mod site;
mod reconciled;
