//! The stack under construction: the whole, and one region of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tap_engine::{Graph, Key};

use super::super::config::{Config, Payment};
use super::keys::{Keys, Purpose};
use super::names::{Names, named};
use crate::composite::shared::Shared;
use crate::composite::{Builder, Environment};

/// One region: where it is, and what things are called there.
pub(super) struct Place {
    pub(super) environment: Environment,
    /// The shared attributes as they hold here.
    pub(super) shared: Shared,
    pub(super) names: Names,
}

impl Place {
    pub(super) fn new(config: &Config, environment: &Environment, region: &str) -> Self {
        let environment = Environment {
            region: region.to_owned(),
            ..environment.clone()
        };
        let mut shared = config.shared.clone();
        let own_bucket = config.payment.in_region(region).lambda_s3_bucket;
        if let (Some(package), Some(bucket)) = (&mut shared.lambda_package, own_bucket) {
            package.s3_bucket = Some(bucket);
        }
        let names = Names::of(&Builder::in_region(&environment, &shared), &config.payment);
        Self {
            environment,
            shared,
            names,
        }
    }

    pub(super) fn region(&self) -> &str {
        &self.environment.region
    }
}

/// The composite's computed attributes, as they come together.
#[derive(Debug, Default)]
struct Outputs {
    maps: BTreeMap<String, Map<String, Value>>,
    lists: BTreeMap<String, Vec<Value>>,
}

/// The whole stack; its own builder adds what exists once.
pub(super) struct Stack<'a> {
    pub(super) b: Builder<'a>,
    pub(super) p: &'a Payment,
    pub(super) places: &'a [Place],
    pub(super) table_name: String,
    pub(super) guards_name: String,
    outputs: Outputs,
}

impl<'a> Stack<'a> {
    pub(super) fn new(config: &'a Config, places: &'a [Place]) -> Self {
        let p = &config.payment;
        let b = Builder::new(&places[0].environment, &config.shared);
        let table_type = match p.preset.as_deref() {
            Some("global" | "multi_region") => "payments",
            _ => "payment-transactions",
        };
        // With the other style `payment-<suffix>-transactions` would be the webhook pipeline's table (8.4).
        let table_type = if b.shared.name_style == "prefixed" {
            "payments"
        } else {
            table_type
        };
        // 8.2 keeps the seed's name of the table in `global`, whose other names are prefixed.
        let of_global = format!("payments-{}", b.shared.environment_suffix);
        let usual = (p.preset.as_deref() == Some("global")).then_some(&of_global);
        let given = p.table.name.as_ref().or(usual);
        let table_name = named(&b, "dynamodb_table.payments", given, table_type);
        let guards_name = named(
            &b,
            "dynamodb_table.idempotency",
            p.idempotency.table_name.as_ref(),
            "payment-idempotency",
        );
        Self {
            b,
            p,
            places,
            table_name,
            guards_name,
            outputs: Outputs::default(),
        }
    }

    /// Adds a finished region.
    pub(super) fn take(&mut self, site: Site<'a>) {
        // What was added twice stays so, for the engine to refuse.
        for key in site.b.graph.duplicates() {
            self.b.graph.components.extend(
                site.b
                    .graph
                    .components
                    .get_key_value(key)
                    .map(|(k, c)| (k.clone(), c.clone())),
            );
        }
        for component in site.b.graph.components.into_values() {
            self.b.add(component);
        }
        for (name, value) in site.b.graph.outputs {
            self.b.graph.output(&name, value);
        }
        for (name, members) in site.outputs.maps {
            self.outputs.maps.entry(name).or_default().extend(members);
        }
        for (name, items) in site.outputs.lists {
            self.outputs.lists.entry(name).or_default().extend(items);
        }
    }

    /// The graph, with all computed attributes.
    pub(super) fn done(mut self) -> Graph {
        for (name, members) in self.outputs.maps {
            self.b.graph.output(&name, members);
        }
        for (name, items) in self.outputs.lists {
            self.b.graph.output(&name, items);
        }
        self.b.graph
    }
}

/// One region under construction.
pub(super) struct Site<'a> {
    pub(super) b: Builder<'a>,
    pub(super) p: &'a Payment,
    pub(super) names: &'a Names,
    pub(super) places: &'a [Place],
    pub(super) table_name: String,
    pub(super) guards_name: String,
    /// Which key encrypts what.
    pub(super) keys: Keys,
    /// Services that the code of the region's functions calls, by the names of their endpoints.
    pub(super) called: BTreeSet<&'static str>,
    outputs: Outputs,
}

impl<'a> Site<'a> {
    pub(super) fn new(stack: &Stack<'a>, place: &'a Place) -> Self {
        let b = Builder::in_region(&place.environment, &place.shared);
        let keys = Keys::of(&b, stack.p);
        Self {
            b,
            p: stack.p,
            names: &place.names,
            places: stack.places,
            table_name: stack.table_name.clone(),
            guards_name: stack.guards_name.clone(),
            keys,
            called: BTreeSet::new(),
            outputs: Outputs::default(),
        }
    }

    pub(super) fn region(&self) -> &'a str {
        &self.b.environment.region
    }

    /// The first of the stack's regions: it has the tables that the others replicate.
    pub(super) fn primary(&self) -> &'a Place {
        &self.places[0]
    }

    pub(super) fn is_primary(&self) -> bool {
        self.region() == self.primary().region()
    }

    /// Whether payments are looked for that two regions have accepted.
    pub(super) fn detects_conflicts(&self) -> bool {
        self.p.detects_conflicts(self.places.len())
    }

    /// The other regions.
    pub(super) fn others(&self) -> impl Iterator<Item = &'a Place> + use<'a> {
        let here = self.region();
        self.places.iter().filter(move |place| place.region() != here)
    }

    /// The region that follows in `regions`, the first one after the last.
    pub(super) fn next(&self) -> Option<&'a Place> {
        let here = self.places.iter().position(|place| place.region() == self.region())?;
        let next = &self.places[(here + 1) % self.places.len()];
        Some(next).filter(|place| place.region() != self.region())
    }

    /// A log group of the region.
    pub(super) fn log_group(&mut self, key: &str, name: &str) -> Key {
        let encryption = self.keys.arn(Purpose::Logs);
        let group = crate::composite::function::log_group(&mut self.b, key, name, encryption);
        self.list("log_group_names", group.output("name"));
        group
    }

    /// A member of a computed map whose keys are regions.
    pub(super) fn by_region(&mut self, output: &str, value: impl Into<Value>) {
        let region = self.region().to_owned();
        self.member(output, &region, value);
    }

    /// A member of a computed map.
    pub(super) fn member(&mut self, output: &str, key: &str, value: impl Into<Value>) {
        let members = self.outputs.maps.entry(output.to_owned()).or_default();
        members.insert(key.to_owned(), value.into());
    }

    /// An item of a computed list.
    pub(super) fn list(&mut self, output: &str, value: impl Into<Value>) {
        let items = self.outputs.lists.entry(output.to_owned()).or_default();
        items.push(value.into());
    }

    /// A computed attribute of the primary region's.
    pub(super) fn primary_output(&mut self, output: &str, value: impl Into<Value>) {
        if self.is_primary() {
            self.b.graph.output(output, value);
        }
    }

    /// Condition that a request comes from this account.
    pub(super) fn this_account(&self) -> Value {
        json!({"StringEquals": {"aws:SourceAccount": self.b.environment.account_id}})
    }

    /// The arn if it is of this region: services take no keys, subnets and topics of other regions.
    pub(super) fn local<'v>(&self, arn: Option<&'v String>) -> Option<&'v String> {
        let part = format!(":{}:", self.region());
        arn.filter(|arn| arn.contains(&part) || tap_engine::reference::has_unknown(&json!(arn)))
    }
}
