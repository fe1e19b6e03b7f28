//! Random stacks: kinds of every sort, random graphs of them, random edits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rng::Rng;
use crate::component::{Component, Graph, Key};
use crate::kind::{KindSpec, Setting};
use crate::reference::references;

const SETTINGS: &[Setting] = &[
    Setting::replace("name"),
    Setting::replace("fixed"),
    Setting::replace("built_on"),
    Setting::new("plain"),
    Setting::new("uses").unordered(),
    Setting::new("document"),
    Setting::new("hidden").unreadable(),
    Setting::new("tags"),
];

const fn spec(name: &'static str) -> KindSpec {
    KindSpec {
        name,
        settings: SETTINGS,
        outputs: &["id", "arn"],
        volatile_outputs: &[],
        holds_data: false,
        taggable: true,
        create_before_delete: false,
        iam_actions: &[],
    }
}

/// Replaced delete-first, like most.
pub static PLAIN: KindSpec = spec("plain");
/// Holds data.
pub static DATA: KindSpec = KindSpec {
    holds_data: true,
    ..spec("data")
};
/// Replaced create-first, and as such without a name.
pub static ROLLING: KindSpec = KindSpec {
    create_before_delete: true,
    ..spec("rolling")
};
/// Replaced create-first, and holds data.
pub static ROLLING_DATA: KindSpec = KindSpec {
    create_before_delete: true,
    holds_data: true,
    ..spec("rolling_data")
};
/// Every update changes its `version`.
pub static VERSIONED: KindSpec = KindSpec {
    outputs: &["id", "arn", "version"],
    volatile_outputs: &["version"],
    ..spec("versioned")
};

/// All of them.
pub static SPECS: &[&KindSpec] = &[&PLAIN, &DATA, &ROLLING, &ROLLING_DATA, &VERSIONED];

/// A random valid graph of up to `most` components.
pub fn graph(rng: &mut Rng, most: usize) -> Graph {
    let mut graph = Graph::default();
    for number in 0..=rng.below(most) {
        add(&mut graph, rng, number);
    }
    graph
}

/// Adds, removes, changes and rewires a few components.
pub fn edit(graph: &mut Graph, rng: &mut Rng) {
    for _ in 0..=rng.below(4) {
        let keys: Vec<Key> = graph.components.keys().cloned().collect();
        match rng.below(5) {
            0 => add(graph, rng, 100 + rng.clone().below(900)),
            1 if keys.len() > 1 => remove(graph, rng.pick(&keys)),
            _ => change(graph, rng.pick(&keys), rng),
        }
    }
}

/// A component whose number is its rank: it may stand on components of lower rank only, so that
/// edits never make a circle.
fn add(graph: &mut Graph, rng: &mut Rng, rank: usize) {
    let spec = *rng.pick(SPECS);
    let key = Key::new(spec.name, &format!("c{rank:03}"));
    if graph.components.keys().any(|other| rank_of(other) == rank) {
        return;
    }
    let mut component = Component::new(key.clone(), spec.name, "us-east-1");
    if !spec.create_before_delete {
        component = component.set("name", format!("{key}-0"));
    }
    graph.add(component);
    for setting in ["fixed", "built_on", "plain", "uses", "document", "hidden", "tags"] {
        if rng.chance(50) {
            set(graph, &key, setting, rng);
        }
    }
}

fn rank_of(key: &Key) -> usize {
    key.as_str()
        .rsplit_once(".c")
        .and_then(|(_, rank)| rank.parse().ok())
        .unwrap_or_default()
}

fn set(graph: &mut Graph, key: &Key, setting: &str, rng: &mut Rng) {
    let below: Vec<String> = graph
        .components
        .values()
        .filter(|other| rank_of(&other.key) < rank_of(key))
        .map(|other| {
            let outputs = SPECS
                .iter()
                .find(|spec| spec.name == other.kind)
                .map_or(PLAIN.outputs, |spec| spec.outputs);
            let output: &str = rng.pick::<&str>(outputs);
            other.key.output(output)
        })
        .collect();
    let word = json!(["red", "green", "blue"][rng.below(3)]);
    let mut some = |most: usize| -> Vec<Value> {
        let count = if below.is_empty() { 0 } else { rng.below(most + 1) };
        (0..count).map(|_| json!(rng.pick(&below).clone())).collect()
    };
    let value = match setting {
        "built_on" => json!(some(1)),
        "uses" => json!(some(3)),
        "document" => json!({"Statement": [{"Effect": word, "Resource": some(2), "Size": 1.50}]}),
        "hidden" => json!(format!(
            "{}{}",
            word,
            some(1).first().and_then(Value::as_str).unwrap_or_default()
        )),
        "tags" => json!({"team": word}),
        _ => word,
    };
    if let Some(component) = graph.components.get_mut(key) {
        component.settings.insert(setting.to_owned(), value);
    }
}

fn change(graph: &mut Graph, key: &Key, rng: &mut Rng) {
    let setting = *rng.pick(&[
        "name", "fixed", "built_on", "plain", "uses", "document", "hidden", "tags",
    ]);
    let Some(component) = graph.components.get_mut(key) else {
        return;
    };
    if setting == "name" {
        if component.settings.contains_key("name") {
            component
                .settings
                .insert("name".to_owned(), json!(format!("{key}-{}", rng.below(3))));
        }
    } else if rng.chance(25) {
        component.settings.remove(setting);
    } else {
        set(graph, key, setting, rng);
    }
}

fn remove(graph: &mut Graph, key: &Key) {
    graph.components.remove(key);
    for component in graph.components.values_mut() {
        component
            .settings
            .retain(|_, value| references(value).iter().all(|r| r.key != *key));
        component.depends_on.retain(|other| other != key);
    }
}

/// A random change that somebody makes behind our back to what can be read, `None`: it unsets it.
pub fn drift(rng: &mut Rng) -> (&'static str, Option<Value>) {
    let changes: BTreeMap<usize, (&'static str, Option<Value>)> = [
        ("fixed", Some(json!("drifted"))),
        ("plain", Some(json!("drifted"))),
        ("plain", None),
        ("uses", Some(json!(["drifted"]))),
        ("document", Some(json!({"Statement": []}))),
        ("document", None),
        ("tags", Some(json!({"drifted": "yes"}))),
    ]
    .into_iter()
    .enumerate()
    .collect();
    changes[&rng.below(changes.len())].clone()
}
