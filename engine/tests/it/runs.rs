//! What runs do when all goes well, and when it does not (issue 3 points 3, 4 and 6).

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tap_engine::fake::{Fault, Faults, bench, random};
use tap_engine::run::{Event, Phase, Progress};
use tap_engine::{
    Change, Context, Graph, Kind, KindError, KindResult, KindSpec, Observed, Outputs, RunOptions, Settings, StackState,
};

use crate::world::{ROLE, World, graph, key, set};

fn once(operation: &'static str, component: &str, fault: Fault) -> Faults {
    Faults {
        once: [((operation, key(component)), fault)].into(),
        ..Faults::default()
    }
}

fn denied(component: &str) -> Faults {
    Faults {
        denied: [key(component)].into(),
        ..Faults::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_is_made_and_deleted_in_order() {
    let mut world = World::with(&graph()).await;
    assert_eq!(
        world.state.outputs(&graph().outputs)["table_arn"],
        Some(json!("arn:<dynamodb_table-2>"))
    );
    let start = world.cloud.calls();
    let outcome = world.destroy().await;
    assert!(outcome.is_complete(), "{:?}", outcome.errors);
    assert!(world.cloud.objects().is_empty());
    insta::assert_snapshot!(world.calls_since(start).join("\n"), @"
    delete api_stage.v1
    delete api_deployment.main
    delete lambda_alias.live
    delete lambda_function.validator
    delete iam_role.validator
    delete dynamodb_table.transactions
    delete kms_key.data
    ");
}

#[tokio::test(start_paused = true)]
async fn a_live_route_never_points_at_nothing() {
    let mut world = World::with(&graph()).await;
    let mut wanted = graph();
    set(
        &mut wanted,
        "api_deployment.main",
        "triggers",
        json!({"integration": "2"}),
    );
    let start = world.cloud.calls();
    assert!(world.apply(&wanted).await.is_complete());
    insta::assert_snapshot!(world.calls_since(start).join("\n"), @"
    create api_deployment.main
    update api_stage.v1
    delete api_deployment.main
    ");
    assert!(world.state.deposed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_component_stops_only_what_depends_on_it() {
    let mut world = World::new();
    world.faults(denied("iam_role.validator"));
    let outcome = world.apply(&graph()).await;
    assert_eq!(outcome.errors.len(), 1);
    assert_eq!(
        outcome.errors[0].to_string(),
        "iam_role.validator: create failed: iam_role:create: AccessDeniedException: not authorized"
    );
    let skipped: Vec<String> = outcome
        .skipped
        .iter()
        .map(|(key, why)| format!("{key}: {why}"))
        .collect();
    insta::assert_snapshot!(skipped.join("\n"), @"
    lambda_function.validator: create not begun: create of iam_role.validator did not succeed
    lambda_alias.live: create not begun: create of lambda_function.validator did not succeed
    api_deployment.main: create not begun: create of lambda_alias.live did not succeed
    api_stage.v1: create not begun: create of api_deployment.main did not succeed
    ");
    assert_eq!(
        world
            .state
            .components
            .keys()
            .map(tap_engine::Key::as_str)
            .collect::<Vec<_>>(),
        ["dynamodb_table.transactions", "kms_key.data"]
    );
    world.faults(Faults::default());
    assert!(world.apply(&graph()).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_creation_did_not_finish_stays_in_state() {
    let mut world = World::new();
    world.faults(once("configure", "dynamodb_table.transactions", Fault::Throttle));
    let outcome = world.apply(&graph()).await;
    assert!(outcome.created.contains("dynamodb_table.transactions"));
    let table = &world.state.components["dynamodb_table.transactions"];
    assert_eq!(
        table.settings.keys().map(String::as_str).collect::<Vec<_>>(),
        ["key_schema", "table_name"]
    );
    let plan = world.plan(&graph()).unwrap().to_string();
    assert!(
        plan.contains(r#"~ dynamodb_table.transactions: billing_mode (not set) -> "PAY_PER_REQUEST""#),
        "{plan}"
    );
    assert!(world.apply(&graph()).await.is_complete());
    assert_eq!(world.cloud.inconsistencies(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaks_nothing() {
    for fault in [Fault::SilentAfter, Fault::BrokenAfter] {
        let mut world = World::new();
        world.faults(Faults {
            unseen_reads: 2,
            ..once("create", "kms_key.data", fault)
        });
        let outcome = world.apply(&graph()).await;
        assert!(outcome.is_complete(), "{:?}", outcome.errors);
        assert_eq!(world.cloud.objects().len(), graph().components.len());
        world.faults(once("delete", "kms_key.data", fault));
        assert!(world.destroy().await.is_complete());
        assert!(world.cloud.objects().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_records_what_is_true() {
    let mut world = World::with(&graph()).await;
    let mut wanted = graph();
    set(
        &mut wanted,
        "lambda_function.validator",
        "environment",
        json!({"TABLE": "other"}),
    );
    set(&mut wanted, "lambda_function.validator", "memory_size", 512);
    set(&mut wanted, "lambda_function.validator", "code", "sha-2");
    // Settings are written in the order of their names: the code arrives, the environment fails
    // although it arrives, the memory is not tried.
    world.faults(Faults {
        nth: Some(("update", 2, Fault::BrokenAfter)),
        ..Faults::default()
    });
    let outcome = world.apply(&wanted).await;
    assert_eq!(outcome.errors.len(), 1, "{:?}", outcome.errors);
    insta::assert_snapshot!(world.plan(&wanted).unwrap().to_string(), @r#"
    ~ lambda_alias.live: function_version "version:<lambda_function-4>:0" -> "${lambda_function.validator.version}"
    ~ lambda_function.validator: code (in doubt) -> "sha-2"
    ~ lambda_function.validator: memory_size 256 -> 512
    "#);
    world.faults(Faults::default());
    assert!(world.apply(&wanted).await.is_complete());
    assert!(world.plan(&wanted).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_failed_still_shows_what_it_has() {
    let mut world = World::with(&graph()).await;
    let mut wanted = graph();
    set(
        &mut wanted,
        "api_deployment.main",
        "triggers",
        json!({"integration": "2"}),
    );
    world.faults(denied("api_stage.v1"));
    let outcome = world.apply(&wanted).await;
    assert_eq!(outcome.errors.len(), 1);
    assert_eq!(
        outcome.state.deposed.len(),
        1,
        "the old deployment still serves the stage"
    );
    insta::assert_snapshot!(world.plan(&wanted).unwrap().to_string(), @r#"
    ~ api_stage.v1: deployment "<api_deployment-6>" -> "${api_deployment.main.id}"
    - api_deployment.main (replaced earlier, old object <api_deployment-6>)
    "#);
    world.faults(Faults::default());
    assert!(world.apply(&wanted).await.is_complete());
    assert!(world.state.deposed.is_empty());
    assert_eq!(world.cloud.inconsistencies(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_failed_delete_keeps_what_still_exists() {
    let mut world = World::with(&graph()).await;
    world.faults(denied("lambda_alias.live"));
    let outcome = world.destroy().await;
    assert_eq!(
        outcome.errors[0].to_string(),
        "lambda_alias.live: delete failed: lambda_alias:delete: AccessDeniedException: not authorized"
    );
    assert_eq!(
        world.state.components.len(),
        5,
        "the stage and the deployment are gone, the rest is kept"
    );
    world.faults(Faults::default());
    assert!(world.destroy().await.is_complete());
    assert!(world.state.is_empty());
}

#[tokio::test(start_paused = true)]
async fn data_is_deleted_only_by_force() {
    let mut world = World::with(&graph()).await;
    world.cloud.fill(&key("dynamodb_table.transactions"));
    let outcome = world.destroy().await;
    assert!(
        outcome.errors[0].to_string().contains("NotEmptyException"),
        "{:?}",
        outcome.errors
    );
    world.options.force_destroy = true;
    assert!(world.destroy().await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_in_good_order_and_the_next_run_goes_on() {
    let mut world = World::new();
    world.faults(Faults {
        latency: Duration::from_millis(50),
        ..Faults::default()
    });
    let cancel = world.options.cancel.clone();
    let graph = graph();
    let (outcome, ()) = tokio::join!(world.apply(&graph), async {
        tokio::time::sleep(Duration::from_millis(120)).await;
        cancel.cancel();
    });
    assert!(outcome.cancelled && !outcome.is_complete());
    assert!(
        outcome.errors.is_empty(),
        "being cancelled is no error: {:?}",
        outcome.errors
    );
    assert_eq!(world.cloud.objects().len(), world.state.components.len());
    world.options = RunOptions::new("demo/x");
    assert!(world.apply(&graph).await.is_complete());
    assert_eq!(world.cloud.inconsistencies(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn rollback_deletes_what_the_apply_made() {
    let mut world = World::new();
    world.faults(denied("api_stage.v1"));
    let outcome = world.apply(&graph()).await;
    world.cloud.fill(&key("dynamodb_table.transactions"));
    world.faults(Faults::default());
    let outcome = tap_engine::rollback(outcome, &world.registry, &world.options).await;
    assert!(outcome.state.is_empty(), "{:?}", outcome.errors);
    assert!(world.cloud.objects().is_empty());
    assert_eq!(outcome.errors.len(), 1, "the error of the apply is still told");
}

#[tokio::test(start_paused = true)]
async fn rollback_leaves_alone_what_was_there_before() {
    let mut small = Graph::default();
    small.add(graph().components["kms_key.data"].clone());
    let mut world = World::with(&small).await;
    world.faults(denied("iam_role.validator"));
    let outcome = world.apply(&graph()).await;
    let outcome = tap_engine::rollback(outcome, &world.registry, &world.options).await;
    assert_eq!(
        outcome
            .state
            .components
            .keys()
            .map(tap_engine::Key::as_str)
            .collect::<Vec<_>>(),
        ["kms_key.data"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_run_left_is_adopted() {
    let mut world = World::with(&graph()).await;
    let ids: Vec<String> = world.cloud.objects().into_keys().collect();
    world.state = StackState::default();
    world.options.adopt = true;
    let outcome = world.apply(&graph()).await;
    assert!(outcome.is_complete(), "{:?}", outcome.errors);
    assert_eq!(outcome.adopted.len(), graph().components.len());
    assert_eq!(
        world.cloud.objects().into_keys().collect::<Vec<_>>(),
        ids,
        "nothing was made twice"
    );
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_object_is_not_taken() {
    let mut world = World::with(&graph()).await;
    world.state = StackState::default();
    world.options = RunOptions {
        adopt: true,
        ..RunOptions::new("demo/other")
    };
    let outcome = world.apply(&graph()).await;
    assert!(
        outcome
            .errors
            .iter()
            .all(|e| matches!(e.source, KindError::NotOwned { .. })),
        "{:?}",
        outcome.errors
    );
    assert!(outcome.adopted.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_leftover_that_holds_data_and_cannot_be_brought_in_line_is_kept() {
    let mut world = World::with(&graph()).await;
    world.state = StackState::default();
    world.options.adopt = true;
    let mut wanted = graph();
    set(&mut wanted, "dynamodb_table.transactions", "key_schema", json!([]));
    let plan = world.plan(&wanted).unwrap();
    let outcome = tap_engine::apply(&plan, StackState::default(), &world.registry, &world.options).await;
    assert!(
        outcome.errors[0]
            .to_string()
            .contains("another key_schema; it holds data"),
        "{:?}",
        outcome.errors
    );
    assert!(
        outcome.state.components.contains_key("dynamodb_table.transactions"),
        "it is known from now on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stack_is_found_again_for_import() {
    let mut world = World::with(&graph()).await;
    let made = world.state.clone();
    let found = tap_engine::discover(&graph(), &StackState::default(), &world.registry, &world.options).await;
    assert!(found.errors.is_empty() && found.gone.is_empty());
    world.state = found.state;
    // The function's code cannot be read, so it is in doubt; all else is as it was.
    insta::assert_snapshot!(world.plan(&graph()).unwrap().to_string(), @r#"
    ~ lambda_alias.live: function_version "${lambda_function.validator.version}" (refers to something new)
    ~ lambda_function.validator: code (in doubt) -> "sha-1"
    "#);
    assert!(world.apply(&graph()).await.is_complete());
    assert_eq!(
        world.state.components["iam_role.validator"],
        made.components["iam_role.validator"]
    );
}

#[derive(Default)]
struct Listener(Mutex<Vec<Event>>);

impl Progress for Listener {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn progress_is_told() {
    let mut world = World::new();
    let listener = Arc::new(Listener::default());
    world.options.progress = Some(listener.clone());
    world.faults(Faults {
        latency: Duration::from_millis(50),
        ..denied("iam_role.validator")
    });
    world.apply(&graph()).await;
    let events = listener.0.lock().unwrap();
    let of = |name: &str| {
        events
            .iter()
            .filter(|e| e.key.as_str() == name)
            .map(|e| (e.phase, e.elapsed.as_millis()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("kms_key.data"), [(Phase::Started, 0), (Phase::Finished, 100)]);
    assert_eq!(of("iam_role.validator")[0].0, Phase::Started);
    assert_eq!(of("iam_role.validator")[1].0, Phase::Failed);
    assert!(of("api_stage.v1").is_empty());
}

#[tokio::test(start_paused = true)]
async fn sixty_components_take_little_more_than_their_critical_path() {
    let figures = bench::measure(&bench::layered(60, 6), Duration::from_millis(50))
        .await
        .unwrap();
    assert_eq!(figures.components, 60);
    assert!(
        figures.apply.as_secs_f64() <= 1.3 * figures.critical_path.as_secs_f64(),
        "{figures:?}"
    );
    assert!(figures.refresh <= Duration::from_millis(1500), "{figures:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_run_side_by_side_than_allowed() {
    let mut world = World::new();
    world.registry = world.cloud.registry(random::SPECS);
    world.options.parallelism = NonZeroUsize::new(3).unwrap();
    world.faults(Faults {
        latency: Duration::from_millis(50),
        ..Faults::default()
    });
    assert!(world.apply(&bench::layered(30, 1)).await.is_complete());
    let log = world.cloud.log();
    let widest = log.iter().map(|call| {
        log.iter()
            .filter(|c| c.begin <= call.begin && c.end > Some(call.begin))
            .count()
    });
    assert_eq!(widest.max(), Some(3));
}

/// A kind whose creation panics.
struct Panics(tap_engine::fake::FakeKind);

#[async_trait::async_trait]
impl Kind for Panics {
    fn spec(&self) -> &'static KindSpec {
        self.0.spec()
    }
    async fn create(&self, _: &Context, desired: &Settings) -> KindResult<Outputs> {
        panic!("with {desired:?}")
    }
    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        self.0.read(cx, id, recorded).await
    }
    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.0.update(cx, id, change).await
    }
    async fn delete(&self, _: &Context, _: &str, _: &Settings) -> KindResult<()> {
        panic!("literally")
    }
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        self.0.find(cx, desired).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_components_failure_and_tells_no_values() {
    let mut world = World::new();
    world.registry = world.registry.clone().with(Panics(world.cloud.kind(&ROLE)));
    let outcome = world.apply(&graph()).await;
    assert_eq!(outcome.errors.len(), 1);
    assert_eq!(
        outcome.errors[0].to_string(),
        "iam_role.validator: create failed: iam_role:create: the provider panicked: no fixed message; see the log for \
         the place"
    );
    assert!(
        world.state.components.contains_key("kms_key.data"),
        "the others went on"
    );
}
