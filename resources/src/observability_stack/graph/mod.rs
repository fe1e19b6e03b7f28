//! From configuration to component graph: a pure function.

mod alarms;
mod canary;
mod dashboard;
mod function;
mod key;
mod logs;
mod topic;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tap_engine::{Graph, Key};
use tap_plugin::Diagnostics;

pub(super) use function::STACK_VARIABLES;

use super::config::{Config, Observability};
use crate::composite::{Builder, Environment, check_name_overrides, json_map, rules};

/// Builds the stack.
pub(super) fn build(config: &Config, environment: &Environment) -> Result<Graph, Diagnostics> {
    rules::in_region(of_the_region(config), &environment.region)?;
    let mut stack = Stack {
        b: Builder::new(environment, &config.shared),
        o: &config.observability,
        log_groups: BTreeMap::new(),
    };
    let s = &mut stack;
    let names = Names::of(s);
    let key = key::build(s, &names);
    logs::build(s, &names, &key);
    let topic = topic::build(s, &key);
    function::build(s, &names, &key)?;
    canary::build(s, &names, &key)?;
    let alarms = alarms::build(s, &names, &topic);
    dashboard::build(s, &names);
    let groups = std::mem::take(&mut s.log_groups);
    s.b.graph.output(
        "log_group_names",
        json_map(groups.iter().map(|(k, v)| (k.as_str(), v.clone()))),
    );
    s.b.graph.output(
        "alarm_names",
        json_map(alarms.iter().map(|(k, key)| (k.as_str(), key.output("name")))),
    );
    check_name_overrides(&stack.b.graph, &config.shared)?;
    Ok(stack.b.graph)
}

/// ARNs of the user's that work in the stack's region only.
fn of_the_region(config: &Config) -> impl Iterator<Item = (String, &str)> {
    let o = &config.observability;
    let single = [
        ("kms.key_arn", &config.shared.kms.key_arn),
        ("alarm_topic.existing_arn", &o.alarm_topic.existing_arn),
        ("canary.headers_kms_key_arn", &o.canary.headers_kms_key_arn),
    ];
    let single = single
        .into_iter()
        .filter_map(|(path, arn)| Some((path.to_owned(), arn.as_deref()?)));
    single
        .chain(rules::listed("alarm_actions", o.alarm_actions.as_ref()))
        .chain(rules::listed("ok_actions", o.ok_actions.as_ref()))
        .chain(rules::listed(
            "insufficient_data_actions",
            o.insufficient_data_actions.as_ref(),
        ))
}

/// The stack under construction.
struct Stack<'a> {
    b: Builder<'a>,
    o: &'a Observability,
    /// What has a name of its own in `log_group_names`.
    log_groups: BTreeMap<String, String>,
}

impl Stack<'_> {
    /// Condition that a request comes from this account.
    fn this_account(&self) -> Value {
        json!({"StringEquals": {"aws:SourceAccount": self.b.environment.account_id}})
    }

    /// Whether API Gateway's metrics of the watched API are looked at.
    fn watches_api(&self) -> bool {
        self.o.api.name.is_some()
    }

    fn log_group(&mut self, output: &str, group: &Key) {
        self.log_groups.insert(output.to_owned(), group.output("name"));
    }
}

/// Names, known before anything is built: policies and metrics speak of them.
struct Names {
    /// The metrics function, if there is one.
    function: Option<String>,
    function_log_group: String,
    canary: Option<String>,
    /// Key of the component and name, for each log group besides the function's and the canary's.
    log_groups: Vec<(String, String)>,
    /// Of the payment metrics.
    metrics: String,
    /// Of the latency filter's metric.
    latency: String,
}

impl Names {
    fn of(s: &Stack<'_>) -> Self {
        let (b, o) = (&s.b, s.o);
        let function = b.name(
            "lambda_function.metrics",
            o.lambda.function_name.as_ref(),
            "payment-processor",
        );
        let own_group = b.overridden("log_group.metrics").or(o.log_groups.lambda.name.as_ref());
        let function_log_group = own_group.cloned().unwrap_or_else(|| format!("/aws/lambda/{function}"));
        let canary = b.name("canary.health", o.canary.name.as_ref(), "health-check");
        // One naming scheme (O-22).
        let namespace = format!("PaymentProcessing/{}", b.shared.environment_suffix);
        Self {
            function: o.lambda.enabled.then_some(function),
            function_log_group,
            canary: o.canary.is_wanted().then_some(canary),
            log_groups: logs::names(s),
            metrics: o.custom_metrics.namespace.clone().unwrap_or_else(|| namespace.clone()),
            latency: o.latency_filter.namespace.clone().unwrap_or(namespace),
        }
    }
}

/// The key that encrypts, as an ARN or a reference to one.
#[derive(Debug, Clone)]
struct Encryption(Option<String>);

impl Encryption {
    /// The ARN, if this is to use the stack's key.
    fn arn_if(&self, wanted: bool) -> Option<String> {
        self.0.clone().filter(|_| wanted)
    }
}

#[cfg(test)]
mod tests;
