//! The real `bootstrap` binary, driven through a Lambda runtime API on 127.0.0.1.
//!
//! `pipeline_*` run against ministack (`make setup` installs it), `failures` against a scripted AWS
//! endpoint for answers that no emulator gives on demand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod failures;
mod lambda;
mod metrics;
mod needs;
mod payments;
mod pipeline_archival;
mod pipeline_fraud;
mod pipeline_outbox;
mod pipeline_validator;
mod reconciler;
mod recording;
mod sandbox;
mod scripted;
mod startup;
mod table_adapter;
mod wire;
