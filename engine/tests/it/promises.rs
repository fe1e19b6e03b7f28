//! An apply does what its plan has shown, or nothing (issue 3 point 4).

use std::collections::BTreeSet;

use serde_json::json;
use tap_engine::plan::Promise;
use tap_engine::reference::UNKNOWN;

use crate::world::{World, graph, key, set};

#[tokio::test]
async fn the_same_plan_keeps_its_promise_through_json() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    set(&mut wanted, "api_stage.v1", "name", "v2");
    let shown = serde_json::to_string(&world.plan(&wanted).unwrap().promise()).unwrap();
    let shown: Promise = serde_json::from_str(&shown).unwrap();
    assert!(world.plan(&wanted).unwrap().keeps(&shown, &BTreeSet::new()).is_ok());
    let less = world.plan(&graph()).unwrap();
    assert!(less.keeps(&shown, &BTreeSet::new()).is_ok(), "doing less is fine");
}

#[tokio::test]
async fn what_was_not_shown_is_refused() {
    let world = World::with(&graph()).await;
    let nothing = world.plan(&graph()).unwrap().promise();
    let mut wanted = graph();
    set(&mut wanted, "lambda_function.validator", "memory_size", 512);
    let plan = world.plan(&wanted).unwrap();
    let broken = plan.keeps(&nothing, &BTreeSet::new()).unwrap_err();
    assert_eq!(
        broken.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["lambda_function.validator: would update it, the plan showed no change"],
        "the alias only follows"
    );

    let shown = plan.promise();
    set(&mut wanted, "lambda_function.validator", "memory_size", 1024);
    let broken = world
        .plan(&wanted)
        .unwrap()
        .keeps(&shown, &BTreeSet::new())
        .unwrap_err();
    assert!(broken[0].message.contains("memory_size to another value"), "{broken:?}");

    set(&mut wanted, "lambda_function.validator", "memory_size", 512);
    set(&mut wanted, "lambda_function.validator", "environment", json!({}));
    let broken = world
        .plan(&wanted)
        .unwrap()
        .keeps(&shown, &BTreeSet::new())
        .unwrap_err();
    assert!(broken[0].message.contains("would change environment"), "{broken:?}");
}

#[tokio::test]
async fn what_was_shown_as_unknown_may_be_anything() {
    let world = World::new();
    let mut wanted = graph();
    set(&mut wanted, "kms_key.data", "description", UNKNOWN);
    let shown = world.plan(&wanted).unwrap().promise();
    assert!(world.plan(&graph()).unwrap().keeps(&shown, &BTreeSet::new()).is_ok());
}

#[tokio::test]
async fn what_an_interrupted_run_left_may_be_finished_instead_of_made() {
    let shown = World::new().plan(&graph()).unwrap().promise();
    let mut leftover = graph();
    set(&mut leftover, "kms_key.data", "description", "other");
    set(&mut leftover, "api_stage.v1", "name", "old");
    let world = World::with(&leftover).await;
    let plan = world.plan(&graph()).unwrap();
    assert!(plan.keeps(&shown, &BTreeSet::new()).is_err());
    let recovered: BTreeSet<_> = [key("kms_key.data"), key("api_stage.v1")].into();
    assert_eq!(plan.keeps(&shown, &recovered), Ok(()));
}
