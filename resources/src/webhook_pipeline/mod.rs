//! `tap_webhook_pipeline` (requirements 6.3, defects W-*): schema and the pure function from
//! configuration to component graph.

pub mod config;
mod graph;
mod schema;
mod validate;

use serde_json::Value;
use tap_engine::Graph;
use tap_plugin::{Diagnostics, Schema};

use crate::composite::{Composite, Environment, misfit};
use config::Config;

/// The composite.
#[derive(Debug, Default, Clone, Copy)]
pub struct WebhookPipeline;

impl Composite for WebhookPipeline {
    fn kind(&self) -> &'static str {
        "webhook_pipeline"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        read(config).map_or_else(|error| error, |config| validate::validate(&config))
    }

    fn graph(&self, config: &Value, environment: &Environment) -> Result<Graph, Diagnostics> {
        graph::build(&read(config)?, environment)
    }
}

fn read(config: &Value) -> Result<Config, Diagnostics> {
    Config::from_json(config).map_err(|error| misfit(&error).into())
}
