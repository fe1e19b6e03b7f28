//! The composites' real graphs on the engine's fake cloud: no process death, fault or drift loses, leaks or doubles
//! anything (issue 3), and plans read as users will read them.
//!
//! `cargo run -p tap-resources --example stack_reliability -- <composite>` does the same at full length.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod drills;
mod observability;
mod observability_plans;
mod payment_random;
mod payment_stack;
mod plans;
mod provider;
mod regressions;
mod stacks;
mod variables;
mod webhook_pipeline;
