//! The AWS primitives ([`aws`]) and the composite resources built from them.

pub mod api_key_secret;
pub mod aws;
pub mod bundle;
#[cfg(test)]
mod component_table;
pub mod composite;
pub mod observability_stack;
pub mod payment_stack;
pub mod stack_data;
pub mod webhook_pipeline;
