//! The Lambda handlers of terraform-provider-tap: a domain library and one `bootstrap` binary.
//!
//! | `_HANDLER` | trigger | does |
//! |---|---|---|
//! | [`webhook_validator`] | REST API, proxy integration | authenticates, validates, stores once |
//! | [`outbox_publisher`] | the table's stream | audit object, workflow, event |
//! | [`fraud_detector`] | workflow | scores, updates the item, alerts once |
//! | [`transaction_archival`] | schedule, itself | moves settled items to the bucket |
//! | [`payment_metrics`] | anybody, REST API | checks a payment, makes metrics and a trace of it |
//! | [`payment_processor`] | REST API, workflow | validates, stores once, audit object, queue message |
//! | [`payment_reconciler`] | schedule, the guard table's stream | completes stuck payments, counts those of two regions |
//! | [`process_accounting`] | queue | marks payments as accounted |
//! | [`notify_failures`] | dead-letter queue | alerts, keeps the message |
//! | [`health`] | REST API | version and region |
//!
//! [`domain`] knows nothing of AWS; [`ports`] names what the handlers need; [`aws`] provides it.
//! Each handler's `config` lists its environment variables; all of them read `LOG_LEVEL`,
//! `ENVIRONMENT`, `METRICS_NAMESPACE`, and those that touch the table `TABLE_HASH_KEY` and
//! `TABLE_RANGE_KEY`. A new handler is a module with a [`invocation::Handler`], one entry in [`registry`],
//! and its rights in [`needs`].

pub mod auth;
pub mod aws;
pub mod backoff;
pub mod config;
pub mod domain;
pub mod error;
#[cfg(test)]
mod fakes;
pub mod fraud_detector;
pub mod health;
pub mod http;
pub mod invocation;
pub mod needs;
pub mod notify_failures;
pub mod outbox_publisher;
pub mod payment_metrics;
pub mod payment_processor;
pub mod payment_reconciler;
pub mod ports;
pub mod process_accounting;
pub mod recorder;
pub mod registry;
pub mod runtime;
pub mod sqs;
pub mod telemetry;
pub mod transaction_archival;
pub mod webhook_validator;
