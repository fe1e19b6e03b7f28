//! What a create is told of the objects whose place it may take ([`tap_engine::Context::leaving`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tap_engine::{
    Change, Component, Context, Graph, Key, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings,
};

use crate::world::{ROLE, World};

static RECORD: KindSpec = KindSpec {
    name: "record",
    settings: &[Setting::replace("name"), Setting::new("value")],
    taggable: false,
    ..ROLE
};

/// What each create was told, by component.
type Told = Arc<Mutex<BTreeMap<Key, Vec<String>>>>;

/// A kind that remembers what it was told.
struct Attentive(tap_engine::fake::FakeKind, Told);

#[async_trait::async_trait]
impl Kind for Attentive {
    fn spec(&self) -> &'static KindSpec {
        self.0.spec()
    }
    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        self.1.lock().unwrap().insert(cx.key.clone(), cx.leaving.clone());
        self.0.create(cx, desired).await
    }
    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        self.0.read(cx, id, recorded).await
    }
    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.0.update(cx, id, change).await
    }
    async fn delete(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<()> {
        self.0.delete(cx, id, recorded).await
    }
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        self.0.find(cx, desired).await
    }
}

/// Records by component name and value, and a role that is no record.
fn graph(records: &[(&str, &str)], role: bool) -> Graph {
    let mut graph = Graph::default();
    for (name, value) in records {
        let record = Component::new(Key::new("record", name), "record", "us-east-1");
        graph.add(record.set("name", *name).set("value", *value));
    }
    if role {
        graph.add(Component::new(Key::new("iam_role", "r"), "iam_role", "us-east-1").set("name", "r"));
    }
    graph
}

/// R-01: a new record comes in the batch in which those of another policy go, and which those are the state knows. What
/// stays, what is of another kind, and what is only changed is nobody's to take away.
#[tokio::test(start_paused = true)]
async fn a_create_is_told_what_of_its_kind_the_run_deletes() {
    let mut world = World::new();
    world.registry = world.cloud.registry(&[&ROLE, &RECORD]);
    let told = Told::default();
    world.registry = world
        .registry
        .clone()
        .with(Attentive(world.cloud.kind(&RECORD), told.clone()));
    let before = graph(&[("old", "1"), ("older", "1"), ("kept", "1"), ("changed", "1")], true);
    assert!(world.apply(&before).await.is_complete());
    assert!(told.lock().unwrap().values().all(Vec::is_empty), "nothing goes");
    told.lock().unwrap().clear();
    let id = |name: &str| world.state.components[&Key::new("record", name)].outputs["id"].clone();
    let mut going = vec![id("old"), id("older")];
    going.sort();

    let after = graph(&[("kept", "1"), ("changed", "2"), ("new", "1")], false);
    let outcome = world.apply(&after).await;
    assert!(outcome.is_complete(), "{:?}", outcome.errors);
    let mut told = told.lock().unwrap().clone();
    for ids in told.values_mut() {
        ids.sort();
    }
    assert_eq!(
        told,
        BTreeMap::from([(Key::new("record", "new"), going)]),
        "{}",
        json!(outcome.state)
    );
}
