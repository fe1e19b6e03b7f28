//! Drift: every setting of every kind, and every component (issue 3 point 2).

use serde_json::json;
use tap_engine::fake::Faults;
use tap_engine::fake::drill::drift_everywhere;

use crate::world::{SPECS, World, graph, key, set};

/// A graph in which every setting of every kind is set.
fn full() -> tap_engine::Graph {
    let mut graph = graph();
    for component in graph.components.values_mut() {
        let spec = SPECS.iter().find(|spec| spec.name == component.kind).unwrap();
        for setting in spec.settings {
            component
                .settings
                .entry(setting.name.to_owned())
                .or_insert_with(|| json!("set"));
        }
    }
    graph
}

#[tokio::test(start_paused = true)]
async fn every_setting_changed_outside_shows_alone_and_is_put_right() {
    let tried = drift_everywhere(&full(), |cloud| cloud.registry(SPECS)).await.unwrap();
    assert_eq!(tried, 48, "24 settings that can be read, each changed and unset");
    let tried = drift_everywhere(&graph(), |cloud| cloud.registry(SPECS)).await.unwrap();
    assert!(tried < 48, "what is not set cannot be unset");
}

#[tokio::test(start_paused = true)]
async fn a_setting_added_outside_is_drift_too() {
    let mut world = World::with(&graph()).await;
    world
        .cloud
        .change(&key("iam_role.validator"), "tags", Some(&json!({"who": "me"})));
    world.refresh().await;
    let plan = world.plan(&graph()).unwrap();
    insta::assert_snapshot!(plan.to_string(), @r#"~ iam_role.validator: tags {"who":"me"} -> (not set)"#);
}

#[tokio::test(start_paused = true)]
async fn every_component_deleted_outside_is_made_again() {
    for key in graph().components.keys() {
        let mut world = World::with(&graph()).await;
        let others = world.state.components.len() - 1;
        world.cloud.vanish(key);
        let refreshed = world.refresh().await;
        assert_eq!(refreshed.gone, std::slice::from_ref(key));
        assert_eq!(world.state.components.len(), others);
        let outcome = world.apply(&graph()).await;
        assert!(outcome.is_complete(), "{key}: {:?}", outcome.errors);
        assert!(outcome.created.contains(key));
        world.refresh().await;
        assert!(world.plan(&graph()).unwrap().is_empty());
        assert_eq!(world.cloud.inconsistencies(), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_leaf_deleted_outside_is_made_again_alone() {
    let mut world = World::with(&graph()).await;
    world.cloud.vanish(&key("api_stage.v1"));
    world.refresh().await;
    insta::assert_snapshot!(world.plan(&graph()).unwrap().to_string(), @r#"
    + api_stage.v1
        deployment "${api_deployment.main.id}"
        name "v1"
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_component_that_cannot_be_read_keeps_its_state() {
    let mut world = World::with(&graph()).await;
    let before = world.state.clone();
    let once = [(("read", key("kms_key.data")), tap_engine::fake::Fault::Throttle)].into();
    world.faults(Faults {
        once,
        ..Faults::default()
    });
    let refreshed = world.refresh().await;
    assert_eq!(refreshed.errors.len(), 1);
    assert_eq!(
        refreshed.errors[0].to_string(),
        "kms_key.data: read failed: kms_key:read: ThrottlingException: Rate exceeded"
    );
    assert_eq!(refreshed.state, before);
}

#[tokio::test(start_paused = true)]
async fn a_version_published_outside_is_followed() {
    let mut world = World::with(&graph()).await;
    let function = key("lambda_function.validator");
    world.cloud.change(&function, "memory_size", Some(&json!(128)));
    let mut wanted = graph();
    set(&mut wanted, "lambda_function.validator", "memory_size", 128);
    world.refresh().await;
    assert!(
        world.plan(&wanted).unwrap().is_empty(),
        "the change outside is what is wanted now"
    );
}
