//! Stacks of several regions: one is added, one is removed, one is down (issue 5).

use serde_json::json;
use tap_engine::fake::drill::{Source, lifecycle_of};
use tap_engine::fake::{Fault, Faults, Rng, random};
use tap_engine::{Component, Graph, Key, RunOptions};

use crate::world::{World, set};

const IRELAND: &str = "eu-west-1";
const VIRGINIA: &str = "us-east-1";

/// A key, a table and a function in each region; each function knows the tables of all.
fn stack(regions: &[&str]) -> Graph {
    let mut graph = Graph::default();
    let mut tables = Vec::new();
    for region in regions {
        let at = |kind: &str, name: &str| Component::new(Key::in_region(region, kind, name), kind, region);
        let data = graph.add(at("kms_key", "data").set("description", format!("data in {region}")));
        let table = at("dynamodb_table", "payments").set("table_name", format!("payments-{region}"));
        tables.push(graph.add(table.set("kms_key_arn", data.arn())).arn());
    }
    for region in regions {
        let function = Component::new(
            Key::in_region(region, "lambda_function", "pay"),
            "lambda_function",
            region,
        );
        graph.add(
            function
                .set("function_name", format!("pay-{region}"))
                .set("memory_size", 256)
                .set("environment", json!({"TABLES": tables})),
        );
    }
    graph
}

fn dark(region: &str) -> Faults {
    Faults {
        dark_regions: [region.to_owned()].into(),
        ..Faults::default()
    }
}

fn keys(world: &World) -> Vec<&str> {
    world.state.components.keys().map(Key::as_str).collect()
}

#[tokio::test(start_paused = true)]
async fn a_region_joins_a_living_stack_and_leaves_it() {
    let mut world = World::with(&stack(&[IRELAND])).await;
    let both = stack(&[IRELAND, VIRGINIA]);
    insta::assert_snapshot!(world.plan(&both).unwrap().to_string(), @r#"
    ~ eu-west-1/lambda_function.pay: environment.TABLES ["${eu-west-1/dynamodb_table.payments.arn}"] -> ["${eu-west-1/dynamodb_table.payments.arn}","${us-east-1/dynamodb_table.payments.arn}"]
    + us-east-1/dynamodb_table.payments
        kms_key_arn "${us-east-1/kms_key.data.arn}"
        table_name "payments-us-east-1"
    + us-east-1/kms_key.data
        description "data in us-east-1"
    + us-east-1/lambda_function.pay
        environment {"TABLES":["${eu-west-1/dynamodb_table.payments.arn}","${us-east-1/dynamodb_table.payments.arn}"]}
        function_name "pay-us-east-1"
        memory_size 256
    "#);
    assert!(world.apply(&both).await.is_complete());
    assert_eq!(world.cloud.objects().len(), 6);

    let start = world.cloud.calls();
    assert!(world.apply(&stack(&[IRELAND])).await.is_complete());
    // What stays lets go of the table before it is deleted.
    insta::assert_snapshot!(world.calls_since(start).join("\n"), @"
    update eu-west-1/lambda_function.pay
    delete us-east-1/lambda_function.pay
    delete us-east-1/dynamodb_table.payments
    delete us-east-1/kms_key.data
    ");
    assert_eq!(world.cloud.objects().len(), 3);
    assert_eq!(world.cloud.inconsistencies(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_down_keeps_its_state_and_is_told_once() {
    let mut world = World::with(&stack(&[IRELAND, VIRGINIA])).await;
    let before = world.state.clone();
    world.faults(dark(VIRGINIA));
    world.cloud.change(
        &Key::in_region(IRELAND, "lambda_function", "pay"),
        "memory_size",
        Some(&json!(128)),
    );
    let refreshed = world.refresh().await;
    let down = refreshed.regions_down();
    assert_eq!(down.keys().copied().collect::<Vec<_>>(), [VIRGINIA]);
    assert_eq!(down[VIRGINIA].len(), 3);
    assert!(refreshed.single_errors().is_empty());
    for (key, component) in before.components.iter().filter(|(_, c)| c.region == VIRGINIA) {
        assert_eq!(&world.state.components[key], component);
    }
    insta::assert_snapshot!(
        world.plan(&stack(&[IRELAND, VIRGINIA])).unwrap().to_string(),
        @"~ eu-west-1/lambda_function.pay: memory_size 128 -> 256"
    );
    assert!(world.apply(&stack(&[IRELAND, VIRGINIA])).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn one_component_that_cannot_be_read_is_no_region_that_is_down() {
    let mut world = World::with(&stack(&[IRELAND])).await;
    let read = ("read", Key::in_region(IRELAND, "kms_key", "data"));
    world.faults(Faults {
        once: [(read, Fault::Silent)].into(),
        ..Faults::default()
    });
    let refreshed = world.refresh().await;
    assert!(refreshed.regions_down().is_empty());
    assert_eq!(refreshed.single_errors().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dark_region_is_not_asked_for_ever() {
    let mut graph = Graph::default();
    for number in 0..40 {
        let key = Key::in_region(VIRGINIA, "kms_key", &format!("k{number}"));
        graph.add(Component::new(key, "kms_key", VIRGINIA).set("description", "x"));
    }
    let mut world = World::with(&graph).await;
    world.options.parallelism = std::num::NonZeroUsize::MIN;
    world.faults(dark(VIRGINIA));
    let start = world.cloud.calls();
    let refreshed = world.refresh().await;
    assert_eq!(refreshed.errors.len(), 40);
    assert_eq!(world.cloud.calls() - start, 3, "the rest is not worth the time-outs");
    assert_eq!(world.state.components.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn changes_in_a_dark_region_fail_and_the_others_go_through() {
    let mut world = World::with(&stack(&[IRELAND, VIRGINIA])).await;
    let mut wanted = stack(&[IRELAND, VIRGINIA]);
    set(&mut wanted, "eu-west-1/lambda_function.pay", "memory_size", 512);
    set(&mut wanted, "us-east-1/lambda_function.pay", "memory_size", 512);
    world.faults(dark(VIRGINIA));
    world.refresh().await;
    let outcome = world.apply(&wanted).await;
    let failed: Vec<(&str, &str)> = outcome
        .errors
        .iter()
        .map(|e| (e.key.as_str(), e.region.as_str()))
        .collect();
    assert_eq!(failed, [("us-east-1/lambda_function.pay", VIRGINIA)]);
    world.faults(Faults::default());
    world.refresh().await;
    let plan = world.plan(&wanted).unwrap();
    insta::assert_snapshot!(plan.to_string(), @"~ us-east-1/lambda_function.pay: memory_size 256 -> 512");
    assert!(world.apply(&wanted).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_down_can_be_left_later() {
    let mut world = World::with(&stack(&[IRELAND, VIRGINIA])).await;
    world.faults(dark(VIRGINIA));
    let outcome = world.apply(&stack(&[IRELAND])).await;
    assert!(!outcome.is_complete());
    assert_eq!(
        keys(&world).len(),
        6,
        "what is there is still known: {:?}",
        keys(&world)
    );
    let environment = &world.state.components["eu-west-1/lambda_function.pay"].settings["environment"];
    assert_eq!(
        environment,
        &json!({"TABLES": ["${eu-west-1/dynamodb_table.payments.arn}"]})
    );
    world.faults(Faults::default());
    assert!(world.apply(&stack(&[IRELAND])).await.is_complete());
    assert_eq!(world.cloud.objects().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_down_can_be_joined_later() {
    let mut world = World::with(&stack(&[IRELAND])).await;
    world.faults(dark(VIRGINIA));
    let outcome = world.apply(&stack(&[IRELAND, VIRGINIA])).await;
    assert!(outcome.errors.iter().all(|error| error.region == VIRGINIA));
    assert_eq!(keys(&world).len(), 3);
    world.faults(Faults::default());
    world.options = RunOptions {
        adopt: true,
        ..world.options
    };
    assert!(world.apply(&stack(&[IRELAND, VIRGINIA])).await.is_complete());
    assert_eq!(world.cloud.objects().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_was_made_in_a_region_that_went_dark_is_found_when_it_is_back() {
    let mut world = World::new();
    // Virginia takes one call and goes silent: the key is made, nobody knows.
    let once = [(
        ("create", Key::in_region(VIRGINIA, "kms_key", "data")),
        Fault::SilentAfter,
    )]
    .into();
    world.faults(Faults {
        once,
        ..Faults::default()
    });
    let made = world.apply(&stack(&[VIRGINIA])).await;
    assert!(made.is_complete(), "found at once where the region answers");
    world.state = tap_engine::StackState::default();
    world.faults(dark(VIRGINIA));
    let both = stack(&[IRELAND, VIRGINIA]);
    let found = tap_engine::discover(&both, &world.state, &world.registry, &world.options).await;
    assert_eq!(found.regions_down().keys().copied().collect::<Vec<_>>(), [VIRGINIA]);
    assert!(found.single_errors().is_empty());
    world.options.adopt = true;
    assert!(!world.apply(&both).await.is_complete());
    world.faults(Faults::default());
    assert!(world.apply(&both).await.is_complete());
    assert_eq!(world.cloud.objects().len(), 6, "nothing was made twice");
}

/// Random stacks whose components are in two regions.
struct TwoRegions;

impl TwoRegions {
    fn spread(mut graph: Graph) -> Graph {
        for (number, component) in graph.components.values_mut().enumerate() {
            [IRELAND, VIRGINIA][number % 2].clone_into(&mut component.region);
        }
        graph
    }
}

impl Source for TwoRegions {
    fn first(&mut self, rng: &mut Rng) -> Graph {
        Self::spread(random::graph(rng, 10))
    }

    /// Components that are added or removed move others to the other region: replacements of every kind.
    fn edit(&mut self, graph: &Graph, rng: &mut Rng) -> Graph {
        let mut graph = graph.clone();
        random::edit(&mut graph, rng);
        Self::spread(graph)
    }
}

#[test]
fn lives_in_two_regions_end_well() {
    for seed in 0..60 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let lived = runtime.block_on(lifecycle_of(&mut TwoRegions, seed, 20, |cloud| {
            cloud.registry(random::SPECS)
        }));
        lived.unwrap_or_else(|error| panic!("seed {seed}:\n{error}"));
    }
}

/// What is known already is not looked for: that is no sign of life of its region.
#[tokio::test(start_paused = true)]
async fn what_is_not_asked_for_does_not_count_as_an_answer() {
    let world = World::with(&stack(&[IRELAND, VIRGINIA])).await;
    world.faults(dark(VIRGINIA));
    let both = stack(&[IRELAND, VIRGINIA]);
    let mut found = tap_engine::refresh(&world.state, &world.registry, &world.options).await;
    let further = tap_engine::discover(&both, &found.state, &world.registry, &world.options).await;
    found.add_troubles_of(further);
    assert_eq!(found.regions_down().keys().copied().collect::<Vec<_>>(), [VIRGINIA]);
    assert!(found.single_errors().is_empty());
}
