//! Acceptance tests of `tap_observability_stack`: the real terraform, the sandbox AWS, the real handler.
//!
//! Each test has an account of its own; the sandbox is shared. What the sandbox cannot show is in docs/sandbox.md.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod drift;
mod edits;
mod examples;
mod import;
mod killed;
mod lifecycle;
mod metrics;
mod mistakes;
mod site;
