//! The Terraform plugin protocol, version 6, in Rust.
//!
//! A provider implements [`Provider`] and its [`Resource`]s, [`DataSource`]s, [`Function`]s and
//! [`EphemeralResource`]s, and calls [`serve`]. This crate does the handshake with Terraform or `OpenTofu`
//! (hashicorp/go-plugin: magic cookie, unix socket, mutual TLS with a pinned client certificate), speaks
//! tfplugin6, checks configurations against [`Schema`]s, and turns panics into diagnostics. It knows nothing
//! of any cloud.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")
)]

mod codec;
mod context;
mod data_source;
mod diagnostics;
mod ephemeral;
mod function;
mod number;
mod path;
mod provider;
mod resource;
mod schema;
mod server;
mod service;
mod types;
mod value;

pub mod logging;
pub mod validators;

/// The protocol's messages, generated from `proto/`. Public for test clients that speak the wire.
#[doc(hidden)]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "generated code"
)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/wire.rs"));
}

pub use codec::{CodecError, CodecErrorReason};
pub use context::CallContext;
pub use data_source::{DataReadResponse, DataSource};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use ephemeral::{EphemeralResource, OpenResponse, RenewResponse};
pub use function::{Function, FunctionDefinition, FunctionError, Parameter};
pub use path::{AttributePath, Step};
pub use provider::Provider;
pub use resource::{
    Applied, CreateRequest, DeleteRequest, ImportResponse, PlanDestroyRequest, PlanDestroyResponse, PlanRequest,
    PlanResponse, ReadRequest, ReadResponse, Resource, UpdateRequest,
};
pub use schema::{
    Attribute, AttributeKind, Attributes, Block, NestedBlock, Nesting, Presence, Rule, Schema, Together,
    ValidationOptions, Validator,
};
pub use server::{ServeError, ServeOptions, run, serve};
pub use tokio_util::sync::CancellationToken;
pub use types::{Type, TypeError};
pub use value::Value;
