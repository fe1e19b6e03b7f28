//! What makes a composite resource out of a pure function from configuration to component graph.

pub mod build;
#[cfg(test)]
mod collisions;
mod effective;
pub mod findings;
pub mod function;
pub mod hash;
pub mod iam;
mod identity;
pub mod ids;
pub mod metric;
pub mod notice;
pub mod parts;
mod resource;
pub mod rest_api;
pub mod rules;
pub mod session;
pub mod shared;
mod view;
pub mod waf;

use std::collections::BTreeMap;

use serde_json::Value;
use tap_engine::{Component, Graph, Key};

pub use resource::{CompositeResource, Stacks};
use tap_plugin::{AttributePath, Diagnostic, Diagnostics, Schema};

/// What a graph may depend on besides the configuration.
#[derive(Debug, Clone)]
pub struct Environment {
    /// 12-digit account id.
    pub account_id: String,
    /// `aws`, `aws-us-gov`, `aws-cn`.
    pub partition: String,
    /// The provider's region.
    pub region: String,
}

/// A composite resource.
pub trait Composite: Send + Sync + 'static {
    /// `webhook_pipeline`: the type name without the provider's prefix, and the first part of the
    /// stack's record.
    fn kind(&self) -> &'static str;

    /// The schema; computed attributes besides the shared ones are named like the graph's outputs.
    fn schema(&self) -> Schema;

    /// The effective configuration with the defaults that depend on it, such as a preset's: what [`Self::graph`] takes.
    fn fill(&self, config: &Value) -> Value {
        config.clone()
    }

    /// Checks across attributes. `config` is the effective configuration; what is not known yet
    /// holds [`tap_engine::reference::UNKNOWN`].
    fn validate(&self, config: &Value) -> Diagnostics;

    /// Values of write-only attributes that components name in their setting `secret`, by attribute path.
    fn secrets(&self, config: &Value) -> BTreeMap<String, String> {
        let _ = config;
        BTreeMap::new()
    }

    /// Whether the value at this attribute path only travels through to settings, so that the stack can be planned before
    /// it is known. ARNs, tags and write-only values do so in every composite.
    fn carries(&self, path: &AttributePath) -> bool {
        let _ = path;
        false
    }

    /// The regions that a configuration which [`Self::fill`] has completed names as the stack's, each with its attribute
    /// path as [`findings::Findings`] takes it. None where the stack is in the provider's region.
    fn regions(&self, config: &Value) -> Vec<(String, String)> {
        let _ = config;
        Vec::new()
    }

    /// The desired stack of a configuration that [`Self::fill`] has completed. Pure: same input, same graph.
    fn graph(&self, config: &Value, environment: &Environment) -> Result<Graph, Diagnostics>;
}

/// The error of a configuration that passed the schema and yet does not fit the code's own types.
pub(crate) fn misfit(error: &serde_json::Error) -> Diagnostic {
    let detail = format!("{error}. Please report this as an error of the provider.");
    Diagnostic::error("The configuration does not fit its schema", detail)
}

/// Names and regions of one stack's components, and the graph they go into.
pub struct Builder<'a> {
    /// Where the stack is.
    pub environment: &'a Environment,
    /// The shared attributes.
    pub shared: &'a shared::Shared,
    /// What has been built so far.
    pub graph: Graph,
    /// Whether the stack spans regions: keys, and names that are unique in the account, hold the region.
    regional: bool,
}

impl<'a> Builder<'a> {
    /// An empty stack.
    pub fn new(environment: &'a Environment, shared: &'a shared::Shared) -> Self {
        Self {
            environment,
            shared,
            graph: Graph::default(),
            regional: false,
        }
    }

    /// The part of a stack that is in one of its regions: the one of `environment`. Keys begin with it.
    pub fn in_region(environment: &'a Environment, shared: &'a shared::Shared) -> Self {
        Self {
            regional: true,
            ..Self::new(environment, shared)
        }
    }

    /// The key of a component here.
    pub fn key(&self, kind: &str, name: &str) -> Key {
        if self.regional {
            Key::in_region(&self.environment.region, kind, name)
        } else {
            Key::new(kind, name)
        }
    }

    /// A component in the stack's region, to be completed and added.
    pub fn component(&self, kind: &str, name: &str) -> Component {
        Component::new(self.key(kind, name), kind, &self.environment.region)
    }

    /// Adds a component.
    pub fn add(&mut self, component: Component) -> Key {
        self.graph.add(component)
    }

    /// What `name_overrides` says of a component, given as `<kind>.<name>`.
    pub fn overridden(&self, key: &str) -> Option<&'a String> {
        let names = self.shared.name_overrides.as_ref()?;
        if self.regional {
            names.get(&format!("{}/{key}", self.environment.region))
        } else {
            names.get(key)
        }
    }

    /// The AWS name of a component: `name_overrides`, else the attribute, else by `name_style`
    /// from its type (requirements 6.1).
    pub fn name(&self, key: &str, attribute: Option<&String>, of_type: &str) -> String {
        self.overridden(key)
            .or(attribute)
            .cloned()
            .unwrap_or_else(|| self.styled(of_type))
    }

    /// `<type>-<suffix>` or `payment-<suffix>-<type>`.
    pub fn styled(&self, of_type: &str) -> String {
        let suffix = &self.shared.environment_suffix;
        match self.shared.name_style.as_str() {
            "prefixed" => format!("payment-{suffix}-{of_type}"),
            _ => format!("{of_type}-{suffix}"),
        }
    }

    /// `arn:<partition>:<service>:<region>:<account>:<rest>`.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        let Environment {
            account_id,
            partition,
            region,
        } = self.environment;
        format!("arn:{partition}:{service}:{region}:{account_id}:{rest}")
    }

    /// The ARN of an AWS managed policy.
    pub fn aws_policy(&self, path: &str) -> String {
        format!("arn:{}:iam::aws:policy/{path}", self.environment.partition)
    }
}

/// Text -> text as a JSON object.
pub fn json_map<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Value {
    let members: BTreeMap<&str, String> = pairs.into_iter().collect();
    members
        .into_iter()
        .map(|(k, v)| (k.to_owned(), Value::String(v)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// `name_overrides` for a component that the stack does not have is a mistake worth a word.
pub fn check_name_overrides(graph: &Graph, shared: &shared::Shared) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::new();
    for key in shared.name_overrides.iter().flatten().map(|(key, _)| key) {
        if !graph.components.contains_key(key.as_str()) {
            let path = tap_plugin::AttributePath::root("name_overrides").key(key.clone());
            let detail = format!("The stack has no component `{key}`. `components` lists the keys.");
            errors.push(Diagnostic::error("No such component", detail).at(path));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
