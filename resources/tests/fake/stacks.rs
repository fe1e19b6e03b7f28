//! Composites under test: their real graphs, made as the provider makes them, and the fake cloud they live in.
//!
//! A composite joins with one file that has a `static SUBJECT: Subject`, and one line in [`subjects`].

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use serde_json::{Value, json};
use tap_engine::fake::drill::Source;
use tap_engine::fake::{FakeCloud, Rng};
use tap_engine::{Graph, Key, Registry, own};
use tap_plugin::{Schema, ValidationOptions, Value as Terraform};
use tap_resources::aws::{Aws, AwsOptions};
use tap_resources::composite::{Composite, Environment};

/// Account of every stack here.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The provider's region.
const REGION: &str = "eu-central-1";

/// Where every stack here is.
fn environment() -> Environment {
    Environment {
        account_id: ACCOUNT.into(),
        partition: "aws".into(),
        region: REGION.into(),
    }
}

/// A composite, and configurations of it.
pub(crate) struct Subject {
    /// What is put to the test.
    pub(crate) composite: &'static dyn Composite,
    /// Attributes that every configuration has unless it says otherwise, `environment_suffix` among them.
    pub(crate) given: fn() -> Value,
    /// Configurations that between them reach every branch of the graph. The first is the default one.
    pub(crate) variants: fn() -> Vec<(&'static str, Value)>,
    /// An edit that touches every part of the default stack: in place, replacing, adding, removing.
    pub(crate) edited: fn() -> Value,
    /// Attributes (dotted paths) and values to try in random configurations. `null` takes an attribute back to its default.
    /// Combinations that the provider refuses are tried too and dropped.
    pub(crate) choices: fn() -> Vec<(&'static str, Vec<Value>)>,
    /// Built once: random configurations are tried by the thousand.
    pub(crate) schema: OnceLock<Schema>,
}

impl Subject {
    /// Name of the composite.
    pub(crate) fn name(&self) -> &'static str {
        self.composite.kind()
    }

    /// The stack that a user's configuration describes, ownership tags included; what is wrong with it is the error.
    pub(crate) fn try_graph(&self, written: &Value) -> Result<Graph, String> {
        let schema = self.schema.get_or_init(|| self.composite.schema());
        let written = self.written(written);
        let tags: BTreeMap<String, String> = written["tags"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();

        let config = Terraform::from_json(&written);
        let options = ValidationOptions {
            write_only_allowed: true,
        };
        let mut found = schema.validate(&config, options);
        let effective = schema.with_defaults(&config).to_json(&|_| Value::Null);
        found.extend(self.composite.validate(&effective));
        if found.has_errors() {
            return Err(format!("{found:?}"));
        }
        let graph = self.composite.graph(&self.composite.fill(&effective), &environment());
        let mut graph = graph.map_err(|errors| format!("{errors:?}"))?;
        let stack = format!(
            "{}/{}",
            self.name(),
            written["environment_suffix"].as_str().unwrap_or_default()
        );
        own(&mut graph, &stack, &tags, &REAL).map_err(|errors| format!("{errors:?}"))?;
        Ok(graph)
    }

    /// What a user writes, with the attributes that every configuration has.
    fn written(&self, written: &Value) -> Value {
        let mut config = (self.given)();
        for (name, value) in written.as_object().into_iter().flatten() {
            config[name] = value.clone();
        }
        config
    }

    /// What the graph would be if no check had looked at the configuration.
    pub(crate) fn unchecked_graph(&self, written: &Value) -> Graph {
        let schema = self.schema.get_or_init(|| self.composite.schema());
        let effective = schema.with_defaults(&Terraform::from_json(&self.written(written)));
        let filled = self.composite.fill(&effective.to_json(&|_| Value::Null));
        let graph = self.composite.graph(&filled, &environment());
        graph.unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    /// [`Self::try_graph`] of a configuration that is known to be valid.
    pub(crate) fn graph(&self, written: &Value) -> Graph {
        self.try_graph(written).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// The default stack.
    pub(crate) fn default_graph(&self) -> Graph {
        self.graph(&(self.variants)().swap_remove(0).1)
    }

    /// The default stack after the edit of every part.
    pub(crate) fn edited_graph(&self) -> Graph {
        self.graph(&(self.edited)())
    }
}

/// All composites.
pub(crate) fn subjects() -> [&'static Subject; 3] {
    [
        &crate::webhook_pipeline::SUBJECT,
        &crate::observability::SUBJECT,
        &crate::payment_stack::SUBJECT,
    ]
}

/// Clients that are never called.
pub(crate) fn real_aws() -> Arc<Aws> {
    let sdk = aws_types::SdkConfig::builder().build();
    Arc::new(Aws::new(
        sdk,
        AwsOptions::default(),
        ACCOUNT.to_owned(),
        "aws".to_owned(),
    ))
}

/// The real kinds: they declare, normalise and validate.
static REAL: LazyLock<Registry> = LazyLock::new(|| tap_resources::aws::registry(&real_aws()));

/// A fake for every real kind.
pub(crate) fn registry(cloud: &FakeCloud) -> Registry {
    cloud.registry_like(&REAL)
}

/// [`registry`] of a cloud that knows objects by their names.
pub(crate) fn named_registry(cloud: &FakeCloud) -> Registry {
    cloud.names_are_ids();
    registry(cloud)
}

/// Text -> key.
pub(crate) fn key(text: &str) -> Key {
    Key::from(text)
}

/// Sets a dotted path in a configuration.
pub(crate) fn write(config: &mut Value, path: &str, value: Value) {
    let mut at = config;
    for name in path.split('.') {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[name];
    }
    *at = value;
}

/// Makes random valid configurations of a composite, one from the other.
pub(crate) struct Configurations {
    subject: &'static Subject,
    choices: Vec<(&'static str, Vec<Value>)>,
    /// Every one so far.
    lived: Vec<Value>,
    /// Those of an earlier life, to be lived again.
    again: std::vec::IntoIter<Value>,
}

impl Configurations {
    /// Begins with the default configuration.
    pub(crate) fn of(subject: &'static Subject) -> Self {
        Self {
            subject,
            choices: (subject.choices)(),
            lived: Vec::new(),
            again: Vec::new().into_iter(),
        }
    }

    /// Goes once more through the configurations of an earlier life.
    #[allow(dead_code, reason = "the example has no regressions")]
    pub(crate) fn again(subject: &'static Subject, lived: &str) -> Self {
        let lived: Vec<Value> = serde_json::from_str(lived).expect("a list of configurations");
        Self {
            again: lived.into_iter(),
            ..Self::of(subject)
        }
    }

    /// The life so far as a test, ready for `regressions.rs`. It holds the configurations: a seed alone means another
    /// life as soon as an attribute joins the choices.
    pub(crate) fn regression(&self, seed: u64) -> String {
        let name = self.subject.name();
        let lived: Vec<String> = self.lived.iter().map(ToString::to_string).collect();
        format!(
            "#[tokio::test(start_paused = true)]\nasync fn life_{seed}_of_{name}() {{\n    let lived = r##\"[\n{}\n]\"##;\n    \
             again(\"{name}\", {seed}, lived).await;\n}}",
            lived.join(",\n")
        )
    }

    /// Tries random changes, up to that many; each that leaves the configuration valid stays.
    fn step(&mut self, rng: &mut Rng, least: usize, most: usize) -> Graph {
        // One draw for each configuration, wherever it comes from: a life that is lived again meets the same faults.
        let mut rng = Rng::new(rng.next_u64());
        let last = self.lived.last().cloned();
        let mut config = last.unwrap_or_else(|| (self.subject.variants)().swap_remove(0).1);
        let mut graph = None;
        if let Some(next) = self.again.next() {
            config = next;
        } else {
            for _ in 0..least + rng.below(most) {
                let (path, values) = rng.pick(&self.choices);
                let mut changed = config.clone();
                write(&mut changed, path, rng.pick(values).clone());
                if let Ok(valid) = self.subject.try_graph(&changed) {
                    config = changed;
                    graph = Some(valid);
                }
            }
        }
        let graph = graph.unwrap_or_else(|| self.subject.graph(&config));
        self.lived.push(config);
        graph
    }
}

impl Source for Configurations {
    fn first(&mut self, rng: &mut Rng) -> Graph {
        self.step(rng, 0, 25)
    }

    fn edit(&mut self, _graph: &Graph, rng: &mut Rng) -> Graph {
        self.step(rng, 1, 6)
    }
}
