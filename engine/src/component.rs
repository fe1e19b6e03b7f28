//! What a stack is made of: keys, settings, components and the graph they form.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::Outputs;

/// The stable address of a component inside its stack, such as `dynamodb_table.transactions`, or
/// `eu-west-1/kms_key.data` in a stack that spans regions. It names the component in plans, in
/// errors and in the `tap:component` tag, and never changes while the component lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// `<kind>.<name>`.
    pub fn new(kind: &str, name: &str) -> Self {
        Self(format!("{kind}.{name}"))
    }

    /// `<region>/<kind>.<name>`, for stacks that span regions.
    pub fn in_region(region: &str, kind: &str, name: &str) -> Self {
        Self(format!("{region}/{kind}.{name}"))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A symbolic reference to one of this component's outputs: `${kms_key.data.arn}`.
    pub fn output(&self, name: &str) -> String {
        format!("${{{}.{name}}}", self.0)
    }

    /// [`Self::output`] for `arn`.
    pub fn arn(&self) -> String {
        self.output("arn")
    }

    /// [`Self::output`] for `id`.
    pub fn id(&self) -> String {
        self.output("id")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Setting name -> JSON value. `null` and "absent" mean the same: not set.
pub type Settings = BTreeMap<String, Value>;

/// One desired AWS object.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its address.
    pub key: Key,
    /// Name of the [`crate::Kind`] that manages it, e.g. `dynamodb_table`.
    pub kind: String,
    /// The AWS region it lives in, such as `us-east-1` (global services: the region their API is called in).
    pub region: String,
    /// The whole desired configuration; strings may hold `${key.output}` references.
    pub settings: Settings,
    /// Dependencies beyond those that the references imply.
    pub depends_on: Vec<Key>,
}

impl Component {
    /// Everything it is built on: what its references name and what was declared, sorted.
    pub fn dependencies(&self) -> BTreeSet<Key> {
        let referred = self
            .settings
            .values()
            .flat_map(crate::reference::references)
            .map(|r| r.key);
        referred.chain(self.depends_on.iter().cloned()).collect()
    }

    /// A component without settings.
    pub fn new(key: Key, kind: &str, region: &str) -> Self {
        Self {
            key,
            kind: kind.to_owned(),
            region: region.to_owned(),
            settings: Settings::new(),
            depends_on: Vec::new(),
        }
    }

    /// Sets one setting. `null` leaves it unset.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.settings.insert(name.to_owned(), value);
        }
        self
    }

    /// Adds a dependency that no reference shows (for instance: the log group before the function).
    #[must_use]
    pub fn after(mut self, key: &Key) -> Self {
        self.depends_on.push(key.clone());
        self
    }
}

/// The desired stack: what a composite's pure function of its configuration returns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// Components by address.
    pub components: BTreeMap<Key, Component>,
    /// The composite's computed attributes, as values that may hold references, e.g.
    /// `table_arn` -> `${dynamodb_table.transactions.arn}`.
    pub outputs: BTreeMap<String, Value>,
    /// Keys that were added more than once; planning refuses them.
    duplicates: BTreeSet<Key>,
}

impl Graph {
    /// Adds a component and returns its key. A key that exists already is a programming error of
    /// the composite; [`crate::plan()`] reports it.
    pub fn add(&mut self, component: Component) -> Key {
        let key = component.key.clone();
        if self.components.insert(key.clone(), component).is_some() {
            self.duplicates.insert(key.clone());
        }
        key
    }

    /// Keys that were added more than once.
    pub fn duplicates(&self) -> &BTreeSet<Key> {
        &self.duplicates
    }

    /// Sets a computed attribute of the composite.
    pub fn output(&mut self, name: &str, value: impl Into<Value>) {
        self.outputs.insert(name.to_owned(), value.into());
    }
}

/// What is known of a component that exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentState {
    /// Name of its kind, such as `dynamodb_table`.
    pub kind: String,
    /// Its AWS region, such as `us-east-1`, as in [`Component::region`].
    pub region: String,
    /// Last applied settings in symbolic form; where the cloud differs, the value found there.
    pub settings: Settings,
    /// What it answers to references: always `id`, mostly `arn`, and more by kind.
    pub outputs: Outputs,
    /// Everything it was built on, so that destroy needs no graph.
    pub depends_on: Vec<Key>,
}
