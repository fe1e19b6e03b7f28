//! Acceptance tests of `tap_webhook_pipeline`: the real terraform, the sandbox AWS, real webhooks.
//!
//! Each test has an account of its own; the sandbox is shared. What the sandbox cannot show is in docs/sandbox.md.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changes;
mod components;
mod drift;
mod drift_kinds;
mod edits;
mod exactly_once;
mod examples;
mod expected;
mod failed_analysis;
mod failures;
mod image;
mod import;
mod interrupted;
mod killed;
mod lifecycle;
mod mistakes;
mod provider;
mod routing;
mod signature;
mod site;
mod snapshot;
mod stack_data;
mod state;
mod together;
mod versions;
