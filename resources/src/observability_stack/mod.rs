//! `tap_observability_stack` (requirements 6.2, defects O-*): schema and the pure function from
//! configuration to component graph.

pub mod canary_script;
pub mod config;
mod graph;
mod schema;
mod validate;

use serde_json::Value;
use tap_engine::Graph;
use tap_plugin::{AttributePath, Diagnostics, Schema};

use crate::composite::{Composite, Environment, misfit};
use config::Config;

/// The composite.
#[derive(Debug, Default, Clone, Copy)]
pub struct ObservabilityStack;

impl Composite for ObservabilityStack {
    fn kind(&self) -> &'static str {
        "observability_stack"
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

    /// What is watched is often made in the same apply: its names go into dimensions, queries and the canary's script,
    /// and decide nothing of the stack's shape.
    fn carries(&self, path: &AttributePath) -> bool {
        let names = path.attribute_names();
        // Elements of a map are named like the members of an object, those of a list by their number.
        let inside = names.len() < path.steps().len();
        match names.as_slice() {
            ["lambda_error_alarm", "function_names", _]
            | ["api", "name" | "stage" | "id"]
            | ["rds", "db_instance_identifier" | "db_cluster_identifier"]
            | ["latency_filter", "log_group_name"]
            | ["canary", "url" | "headers_ssm_parameter"] => true,
            ["alarm_actions" | "ok_actions" | "insufficient_data_actions"] => inside,
            _ => false,
        }
    }
}

fn read(config: &Value) -> Result<Config, Diagnostics> {
    Config::from_json(config).map_err(|error| misfit(&error).into())
}
