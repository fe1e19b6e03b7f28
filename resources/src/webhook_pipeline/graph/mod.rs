//! Configuration -> component graph.

mod alarms;
mod api;
mod dashboard;
mod data;
mod flow;
mod functions;
mod metric;
pub(super) mod topics;
mod workflow;

use serde_json::{Value, json};
use tap_engine::{Graph, Key};
use tap_plugin::Diagnostics;

use super::config::{Config, Pipeline};
use crate::composite::{Builder, Environment, check_name_overrides, json_map, rules};

/// The index that the archival queries.
pub(super) const STATUS_INDEX: &str = "status-timestamp";

/// Builds the stack.
pub(super) fn build(config: &Config, environment: &Environment) -> Result<Graph, Diagnostics> {
    rules::in_region(of_the_region(config), &environment.region)?;
    let mut stack = Stack {
        b: Builder::new(environment, &config.shared),
        p: &config.pipeline,
    };
    let names = functions::names(&stack);
    let data = data::build(&mut stack, &names);
    let flow = flow::rules(&mut stack, &data);
    let stores = data::build_dependents(&mut stack, &data, &flow);
    let functions = functions::build(&mut stack, &data, &stores, &names)?;
    let workflow = workflow::build(&mut stack, &data, &stores, &functions);
    flow::targets(&mut stack, &data, &stores, &flow, &workflow);
    flow::schedule(&mut stack, &stores, &functions);
    let api = api::build(&mut stack, &data, &functions);
    alarms::build(&mut stack, &stores, &functions, &api);
    dashboard::build(&mut stack, &data, &stores, &functions, &api);
    check_name_overrides(&stack.b.graph, &config.shared)?;
    Ok(stack.b.graph)
}

/// ARNs of the user's that work in the stack's region only.
fn of_the_region(config: &Config) -> impl Iterator<Item = (String, &str)> {
    let p = &config.pipeline;
    let single = [
        ("kms.key_arn", &config.shared.kms.key_arn),
        ("api.hmac.kms_key_arn", &p.api.hmac.kms_key_arn),
        ("fraud.scorer_arn", &p.fraud.scorer_arn),
    ];
    let single = single
        .into_iter()
        .filter_map(|(path, arn)| Some((path.to_owned(), arn.as_deref()?)));
    single.chain(rules::listed("alarms.actions", p.alarms.actions.as_ref()))
}

/// The stack under construction.
struct Stack<'a> {
    b: Builder<'a>,
    p: &'a Pipeline,
}

impl Stack<'_> {
    fn outputs<'k>(&mut self, name: &str, pairs: impl IntoIterator<Item = (&'k str, String)>) {
        self.b.graph.output(name, json_map(pairs));
    }

    /// Condition that a request comes from this account.
    fn this_account(&self) -> Value {
        json!({"StringEquals": {"aws:SourceAccount": self.b.environment.account_id}})
    }
}

/// A key that encrypts, as an ARN or a reference to one.
#[derive(Debug, Clone)]
struct Encryption(Option<String>);

impl Encryption {
    /// The ARN, if this store is to use the stack's key.
    fn arn_if(&self, wanted: bool) -> Value {
        if wanted {
            self.0.clone().map_or(Value::Null, Value::String)
        } else {
            Value::Null
        }
    }

    /// The right to use it, for those who read and write encrypted data.
    fn allow_use(&self) -> Option<Value> {
        self.0
            .as_ref()
            .map(|arn| crate::composite::iam::allow(&["kms:Decrypt", "kms:GenerateDataKey"], arn.as_str()))
    }
}

/// Short for "no component".
type MaybeKey = Option<Key>;

#[cfg(test)]
mod tests;
