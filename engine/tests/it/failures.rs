//! What is left where things go wrong more than once: rollbacks that fail, time limits, objects made anew behind the
//! record's back, components that are forced or overridden (issue 3 points 2, 4 and 6).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use tap_engine::fake::{Fault, Faults};
use tap_engine::plan::Problem;
use tap_engine::reference::UNKNOWN;
use tap_engine::{Action, PlanOptions, RunOptions, Settings, StackState, override_settings};

use crate::world::{World, graph, key, set};

#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_keeps_what_is_still_there_and_tells_all_errors() {
    let mut world = World::new();
    world.faults(Faults {
        denied: [key("api_stage.v1"), key("iam_role.validator")].into(),
        ..Faults::default()
    });
    let failed = world.apply(&graph()).await;
    assert!(failed.created.contains("kms_key.data"));
    // From now on the key cannot be deleted either.
    world.faults(Faults {
        denied: [key("kms_key.data")].into(),
        ..Faults::default()
    });
    let outcome = tap_engine::rollback(failed, &world.registry, &world.options).await;
    let left: Vec<&str> = outcome.state.components.keys().map(tap_engine::Key::as_str).collect();
    assert_eq!(left, ["kms_key.data"]);
    let errors: Vec<String> = outcome.errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"), @"
    iam_role.validator: create failed: iam_role:create: AccessDeniedException: not authorized
    kms_key.data: delete failed: kms_key:delete: AccessDeniedException: not authorized
    ");
    world.state = outcome.state;
    world.faults(Faults::default());
    assert!(world.destroy().await.is_complete());
    assert!(world.cloud.objects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rollback_deletes_what_a_lost_answer_has_made() {
    let mut world = World::new();
    world.faults(Faults {
        once: [
            (("create", key("dynamodb_table.transactions")), Fault::SilentAfter),
            (("configure", key("iam_role.validator")), Fault::BrokenAfter),
        ]
        .into(),
        denied: [key("lambda_function.validator")].into(),
        ..Faults::default()
    });
    let failed = world.apply(&graph()).await;
    assert!(!failed.is_complete());
    world.faults(Faults::default());
    let outcome = tap_engine::rollback(failed, &world.registry, &world.options).await;
    assert!(outcome.state.is_empty(), "{:?}", outcome.state.components.keys());
    assert!(world.cloud.objects().is_empty());
}

/// A time limit fires the same token as Ctrl-C: whenever it does, nothing is lost and the next run goes on.
#[tokio::test(start_paused = true)]
async fn a_time_limit_may_fire_at_any_moment_of_an_update_and_of_a_destroy() {
    let mut wanted = graph();
    set(
        &mut wanted,
        "api_deployment.main",
        "triggers",
        json!({"integration": "2"}),
    );
    set(&mut wanted, "lambda_function.validator", "function_name", "validate-x");
    for limit in (10..600).step_by(40) {
        let mut world = World::with(&graph()).await;
        let slow = Faults {
            latency: Duration::from_millis(50),
            ..Faults::default()
        };
        world.faults(slow.clone());
        let cancel = world.options.cancel.clone();
        let timer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(limit)).await;
            cancel.cancel();
        });
        let outcome = world.apply(&wanted).await;
        assert!(outcome.errors.is_empty(), "{limit} ms: {:?}", outcome.errors);
        let held = world.state.components.len() + world.state.deposed.len();
        assert_eq!(held, world.cloud.objects().len(), "{limit} ms");
        timer.abort();

        world.options = RunOptions::new("demo/x");
        assert!(world.apply(&wanted).await.is_complete(), "{limit} ms");
        assert!(world.plan(&wanted).unwrap().is_empty(), "{limit} ms");
        assert_eq!(world.cloud.inconsistencies(), Vec::<String>::new(), "{limit} ms");

        let cancel = world.options.cancel.clone();
        let timer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(limit)).await;
            cancel.cancel();
        });
        world.destroy().await;
        assert_eq!(world.state.components.len(), world.cloud.objects().len(), "{limit} ms");
        timer.abort();
        world.options = RunOptions::new("demo/x");
        assert!(world.destroy().await.is_complete(), "{limit} ms");
        assert!(world.cloud.objects().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_replace_components_names_is_replaced_alone_and_what_stands_on_it_follows() {
    let mut world = World::with(&graph()).await;
    let before = world.cloud.objects();
    let options = PlanOptions {
        replace: [key("lambda_alias.live")].into(),
        ..PlanOptions::default()
    };
    let plan = world.plan_with(&graph(), &options).unwrap();
    let replaced: Vec<&str> = plan.replacements().map(|(key, _)| key.as_str()).collect();
    assert_eq!(replaced, ["lambda_alias.live"]);
    let outcome = tap_engine::apply(&plan, world.state.clone(), &world.registry, &world.options).await;
    assert!(outcome.is_complete());
    world.state = outcome.state;
    let after = world.cloud.objects();
    let new: Vec<&str> = after
        .iter()
        .filter(|(id, _)| !before.contains_key(*id))
        .map(|(_, o)| o.key.as_str())
        .collect();
    assert_eq!(new, ["lambda_alias.live"]);
    assert_eq!(after.len(), before.len());
    assert!(world.plan(&graph()).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn replace_components_loses_no_data_without_being_allowed_to() {
    let world = World::with(&graph()).await;
    let options = PlanOptions {
        replace: [key("dynamodb_table.transactions")].into(),
        ..PlanOptions::default()
    };
    let errors = world.plan_with(&graph(), &options).unwrap_err();
    assert_eq!(errors[0].problem, Problem::DataLoss);
    assert!(
        errors[0].message.contains("replace_components names it"),
        "{}",
        errors[0]
    );
}

#[tokio::test(start_paused = true)]
async fn an_override_is_a_setting_like_any_other_and_goes_when_it_is_taken_back() {
    let mut world = World::with(&graph()).await;
    let mut wanted = graph();
    let settings = Settings::from([("memory_size".to_owned(), json!(1024))]);
    let overrides = BTreeMap::from([(key("lambda_function.validator"), settings)]);
    override_settings(&mut wanted, &overrides, &world.registry).unwrap();
    assert!(world.apply(&wanted).await.is_complete());
    let function = |world: &World| {
        let objects = world.cloud.objects();
        let found = objects.values().find(|o| o.kind == "lambda_function").unwrap();
        found.settings["memory_size"].clone()
    };
    assert_eq!(function(&world), json!(1024));
    assert!(world.apply(&graph()).await.is_complete());
    assert_eq!(function(&world), json!(256));
}

/// The process dies between the two calls that make a table anew under its old name, so that its id is the old one
/// again: what the record says of settings that cannot be read was true of the other object.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_of_an_object_made_anew_is_in_doubt() {
    let mut world = World::new();
    world.cloud.names_are_ids();
    assert!(world.apply(&graph()).await.is_complete());
    world.cloud.change(
        &key("lambda_function.validator"),
        "function_name",
        Some(&json!("somebody-elses")),
    );
    let refreshed = world.refresh().await;
    let drift: Vec<&str> = refreshed
        .drift
        .values()
        .flatten()
        .map(|change| change.setting.as_str())
        .collect();
    assert_eq!(drift, ["function_name"], "doubt is no drift");
    let function = &world.state.components["lambda_function.validator"];
    assert_eq!(function.settings["code"], json!(UNKNOWN));
}

/// The configuration is taken back after an update of something that cannot be read has died: nobody knows which of
/// the two values is there.
#[tokio::test(start_paused = true)]
async fn what_an_interrupted_update_may_have_written_is_in_doubt() {
    let mut world = World::with(&graph()).await;
    let mut wanted = graph();
    set(&mut wanted, "lambda_function.validator", "code", "sha-2");
    set(&mut wanted, "lambda_function.validator", "memory_size", 512);
    world.faults(Faults::stop(1, true));
    let plan = world.plan(&wanted).unwrap();
    let stopped = world.cloud.stopped();
    tokio::select! {
        () = stopped.cancelled() => {}
        outcome = tap_engine::apply(&plan, world.state.clone(), &world.registry, &world.options) => {
            panic!("it was to die: {:?}", outcome.errors)
        }
    }
    world.faults(Faults::default());
    world.refresh().await;
    // What Terraform shows before the apply looks for what the dead run has left.
    let shown = world.plan(&graph()).unwrap();
    insta::assert_snapshot!(shown.to_string(), @r#"~ lambda_alias.live: function_version "version:<lambda_function-4>:0" -> "${lambda_function.validator.version}""#);
    let found = tap_engine::discover(&wanted, &world.state, &world.registry, &world.options).await;
    world.state = found.state;
    let plan = world.plan(&graph()).unwrap();
    insta::assert_snapshot!(plan.to_string(), @r#"
    ~ lambda_alias.live: function_version "version:<lambda_function-4>:0" -> "${lambda_function.validator.version}"
    ~ lambda_function.validator: code (in doubt) -> "sha-1"
    "#);
    assert_eq!(
        plan.keeps(&shown.promise(), &BTreeSet::new()),
        Ok(()),
        "the user need not be asked again"
    );
    assert!(world.apply(&graph()).await.is_complete());
    let objects = world.cloud.objects();
    let function = objects
        .values()
        .find(|object| object.kind == "lambda_function")
        .unwrap();
    assert_eq!(function.settings["code"], json!("sha-1"));
}

#[tokio::test(start_paused = true)]
async fn references_to_what_is_gone_stay_symbolic_in_the_plan() {
    let mut world = World::with(&graph()).await;
    world.cloud.vanish(&key("dynamodb_table.transactions"));
    world.refresh().await;
    insta::assert_snapshot!(world.plan(&graph()).unwrap().to_string(), @r#"
    + dynamodb_table.transactions
        billing_mode "PAY_PER_REQUEST"
        key_schema [{"name":"transaction_id","type":"HASH"}]
        kms_key_arn "${kms_key.data.arn}"
        table_name "transactions-x"
    ~ iam_role.validator: policy {"Statement":[{"Action":"dynamodb:PutItem","Effect":"Allow","Resource":"${dynamodb_table.transactions.arn}"},{"Action":"kms:Decrypt","Effect":"Allow","Resource":"${kms_key.data.arn}"}]} (refers to something new)
    ~ lambda_alias.live: function_version "${lambda_function.validator.version}" (refers to something new)
    ~ lambda_function.validator: environment {"TABLE":"${dynamodb_table.transactions.id}"} (refers to something new)
    "#);
    // The table comes back, the role does not follow: what it really has is not forgotten.
    world.faults(Faults {
        denied: [key("iam_role.validator")].into(),
        ..Faults::default()
    });
    assert_eq!(world.apply(&graph()).await.errors.len(), 1);
    let plan = world.plan(&graph()).unwrap();
    let role = &plan.steps["iam_role.validator"].action;
    assert!(
        matches!(role, Action::Update { changes } if !changes[0].reference_changed),
        "{plan}"
    );
    world.faults(Faults::default());
    assert!(world.apply(&graph()).await.is_complete());
    assert_eq!(world.cloud.inconsistencies(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn where_names_are_ids_nothing_is_written_to_what_refers_to_something_made_again() {
    let mut world = World::new();
    world.cloud.names_are_ids();
    assert!(world.apply(&graph()).await.is_complete());
    world.cloud.vanish(&key("dynamodb_table.transactions"));
    world.refresh().await;
    let start = world.cloud.calls();
    assert!(world.apply(&graph()).await.is_complete());
    insta::assert_snapshot!(world.calls_since(start).join("\n"), @"
    create dynamodb_table.transactions
    configure dynamodb_table.transactions
    ");
    assert!(world.plan(&graph()).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_stack_remembers_nothing() {
    let mut world = World::with(&graph()).await;
    world.cloud.vanish(&key("dynamodb_table.transactions"));
    world.refresh().await;
    assert!(world.destroy().await.is_complete());
    assert_eq!(world.state, StackState::default());
}
