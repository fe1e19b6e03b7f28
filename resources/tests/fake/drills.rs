//! Death, faults and drift, sampled: the example `stack_reliability` leaves nothing out.
//!
//! Every run tries the same seeds; `TAP_SEED` and `TAP_CASES` try others.

use std::collections::BTreeSet;

use tap_engine::fake::FakeCloud;
use tap_engine::fake::drill::{Kills, Report, Stack, Tried, drift_every, kill_every, lifecycle_of};
use tap_engine::{Action, Graph, Key, Registry};

use crate::stacks::{Configurations, Subject, named_registry, registry, subjects};

/// Every that-many-th call and setting is put to the test, in the same number of points whatever the stack's size.
fn stride(graph: &Graph) -> usize {
    graph.components.len() / 3
}

/// Random lives.
const LIVES: u64 = 8;

/// The tests of one composite.
macro_rules! drills {
    ($composite:ident) => {
        mod $composite {
            use crate::$composite::SUBJECT;

            #[tokio::test(start_paused = true)]
            async fn a_death_at_any_call_loses_and_leaks_nothing() {
                super::death(&SUBJECT, super::registry, false).await;
            }

            #[tokio::test(start_paused = true)]
            async fn a_death_at_any_call_where_objects_are_known_by_name() {
                super::death(&SUBJECT, super::named_registry, true).await;
            }

            #[tokio::test(start_paused = true)]
            async fn every_setting_changed_outside_shows_alone_and_is_put_right() {
                super::drift(&SUBJECT).await;
            }

            #[tokio::test(start_paused = true)]
            async fn every_component_deleted_outside_is_made_again_alone() {
                super::vanish(&SUBJECT).await;
            }

            #[tokio::test(start_paused = true)]
            async fn lives_under_faults_end_well() {
                super::lives(&SUBJECT).await;
            }

            #[tokio::test(start_paused = true)]
            async fn every_variant_changes_into_every_other_and_back() {
                super::variants(&SUBJECT).await;
            }
        }
    };
}

drills!(webhook_pipeline);
drills!(observability);
drills!(payment_stack);

async fn death(subject: &Subject, registry: impl Fn(&FakeCloud) -> Registry, backwards: bool) {
    let (mut first, mut second) = (subject.default_graph(), subject.edited_graph());
    if backwards {
        std::mem::swap(&mut first, &mut second);
    }
    let stride = stride(&first).min(stride(&second));
    let kills = kill_every(stride, &first, &second, registry).await;
    let kills = kills.unwrap_or_else(|error| panic!("{error}"));
    println!("every {stride}. call: {kills:?}");
    let Kills {
        create,
        update,
        destroy,
    } = kills;
    assert!(create > 5 && update > 2 && destroy > 3, "{kills:?}");
}

async fn drift(subject: &Subject) {
    let graph = subject.default_graph();
    let stride = stride(&graph);
    let tried = drift_every(stride, &graph, &mut Tried::new(), registry).await;
    let tried = tried.unwrap_or_else(|error| panic!("{error}"));
    println!("{tried} changes outside, every {stride}. of all");
    assert!(tried > 20, "{tried}");
}

async fn vanish(subject: &Subject) {
    let graph = subject.default_graph();
    let cloud = FakeCloud::default();
    let kinds = named_registry(&cloud);
    let mut stack = Stack::new(cloud, kinds);
    stack.recover(&graph).await.unwrap();
    for key in graph.components.keys() {
        stack.cloud.vanish(key);
        assert!(stack.refresh().await);
        let plan = stack.plan(&graph).unwrap();
        let created = plan.steps.iter().filter(|(_, step)| step.action == Action::Create);
        let created: BTreeSet<&Key> = created.map(|(key, _)| key).collect();
        assert_eq!(created, BTreeSet::from([key]));
        let literal = plan
            .to_string()
            .lines()
            .any(|line| line.contains("\"<") && line.contains("->"));
        assert!(!literal, "a reference to {key} does not show as such:\n{plan}");
        let recovered = stack.recover(&graph).await;
        recovered.unwrap_or_else(|error| panic!("{key}: {error}"));
    }
}

async fn lives(subject: &'static Subject) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let first = number("TAP_SEED").unwrap_or(0);
    let seeds = first..first + number("TAP_CASES").unwrap_or(LIVES);
    let mut total = Report::default();
    for seed in seeds {
        let mut configurations = Configurations::of(subject);
        let lived = lifecycle_of(&mut configurations, seed, 20, registry).await;
        let life = lived
            .unwrap_or_else(|error| panic!("{error}\n\nAdd to regressions.rs:\n{}", configurations.regression(seed)));
        total.runs += life.runs;
        total.calls += life.calls;
        total.deaths += life.deaths;
        total.failures += life.failures;
    }
    println!("{LIVES} lives: {total:?}");
    assert!(total.deaths > 5 && total.failures > 20, "{total:?}");
}

async fn variants(subject: &Subject) {
    let variants = (subject.variants)();
    for (from, before) in &variants {
        let cloud = FakeCloud::default();
        let kinds = registry(&cloud);
        let mut stack = Stack::new(cloud, kinds);
        for (to, after) in &variants {
            for config in [before, after] {
                let recovered = stack.recover(&subject.graph(config)).await;
                recovered.unwrap_or_else(|error| panic!("{from} <-> {to}: {error}"));
            }
        }
        stack.tear_down().await.unwrap();
    }
}

/// The figures above would mean little if the variants missed a kind.
#[test]
fn the_variants_reach_every_kind() {
    let reached: BTreeSet<String> = subjects()
        .into_iter()
        .flat_map(|subject| {
            let variants = (subject.variants)().into_iter();
            variants.flat_map(|(_, config)| subject.graph(&config).components.into_values())
        })
        .map(|component| component.kind)
        .collect();
    let cloud = FakeCloud::default();
    let all: BTreeSet<String> = registry(&cloud)
        .iter()
        .map(|kind| kind.spec().name.to_owned())
        .collect();
    let missed: Vec<&String> = all.difference(&reached).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
