//! `tap_payment_stack` (requirements 6.4, defects R-*, N-*, P-*, X-*): schema and the pure function
//! from configuration to component graph, over all its regions.

pub mod config;
mod graph;
mod presets;
mod reconciliation;
mod schema;
mod slug;
mod validate;

use std::collections::BTreeMap;

use serde_json::Value;
use tap_engine::Graph;
use tap_plugin::{AttributePath, Diagnostics, Schema, Step};

use crate::composite::{Composite, Environment, misfit};
use config::{API_KEY_VALUE, Config, HMAC_SECRETS};

/// The composite.
#[derive(Debug, Default, Clone, Copy)]
pub struct PaymentStack;

impl Composite for PaymentStack {
    fn kind(&self) -> &'static str {
        "payment_stack"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn fill(&self, config: &Value) -> Value {
        presets::fill(config)
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        read(&self.fill(config)).map_or_else(|error| error, |read| validate::validate(&read, config))
    }

    /// What belongs to other resources' configurations, often to ones of the same apply: a zone, certificates, subnets,
    /// alarm actions, the values of variables and parameters. They travel through to settings; their keys (regions, names)
    /// must be known. So must a subscription's endpoint, which its component's key is made of.
    fn carries(&self, path: &AttributePath) -> bool {
        let names = path.attribute_names();
        let element = !matches!(path.steps().last(), Some(Step::Attribute(_)));
        match names.as_slice() {
            // Elements of a map are named like the members of an object, those of a list by their number.
            ["domain", "hosted_zone_id"]
            | ["domain", "certificate_arns", _]
            | ["ssm", "parameters", _]
            | [
                "processor" | "accounting" | "failure_notifier" | "reconciliation",
                "environment",
                _,
            ] => true,
            [
                ..,
                "subnet_ids" | "security_group_ids" | "route_table_ids" | "alarm_actions" | "ok_actions",
            ] => element,
            _ => false,
        }
    }

    fn secrets(&self, config: &Value) -> BTreeMap<String, String> {
        let named = [API_KEY_VALUE, HMAC_SECRETS].into_iter().filter_map(|name| {
            let pointer = format!("/{}", name.replace('.', "/"));
            let value = config.pointer(&pointer)?.as_str()?;
            Some((name.to_owned(), value.to_owned()))
        });
        named.collect()
    }

    /// What else names regions must name one of these, or has a list of its own (`STRONG`, health checkers).
    fn regions(&self, config: &Value) -> Vec<(String, String)> {
        let regions = config["regions"].as_array().into_iter().flatten().enumerate();
        regions
            .filter_map(|(index, region)| Some((format!("regions[{index}]"), region.as_str()?.to_owned())))
            .collect()
    }

    fn graph(&self, config: &Value, environment: &Environment) -> Result<Graph, Diagnostics> {
        graph::build(&read(config)?, environment)
    }
}

fn read(config: &Value) -> Result<Config, Diagnostics> {
    Config::from_json(config).map_err(|error| misfit(&error).into())
}
