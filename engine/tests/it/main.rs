//! The engine against its fake cloud.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod drift;
mod failures;
mod leaving;
mod lifecycle;
mod names;
mod plans;
mod promises;
mod records;
mod regions;
mod runs;
mod world;
