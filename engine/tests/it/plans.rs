//! What plans say (issue 3 point 1 and 3).

use insta::assert_snapshot;
use serde_json::json;
use tap_engine::plan::Problem;
use tap_engine::reference::UNKNOWN;
use tap_engine::{Component, Graph, Key, PlanError, PlanOptions, PlannedValue};

use crate::world::{World, graph, key, set};

fn messages(errors: &[PlanError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_new_stack() {
    assert_snapshot!(World::new().plan(&graph()).unwrap().to_string(), @r#"
    + api_deployment.main
        api "api-1"
        triggers {"integration":"1"}
    + api_stage.v1
        deployment "${api_deployment.main.id}"
        name "v1"
    + dynamodb_table.transactions
        billing_mode "PAY_PER_REQUEST"
        key_schema [{"name":"transaction_id","type":"HASH"}]
        kms_key_arn "${kms_key.data.arn}"
        table_name "transactions-x"
    + iam_role.validator
        managed_policies ["a","b"]
        name "validator-x"
        policy {"Statement":[{"Action":"dynamodb:PutItem","Effect":"Allow","Resource":"${dynamodb_table.transactions.arn}"},{"Action":"kms:Decrypt","Effect":"Allow","Resource":"${kms_key.data.arn}"}]}
    + kms_key.data
        description "data of x"
        key_spec "SYMMETRIC_DEFAULT"
    + lambda_alias.live
        function "${lambda_function.validator.id}"
        function_version "${lambda_function.validator.version}"
        name "live"
    + lambda_function.validator
        code "sha-1"
        environment {"TABLE":"${dynamodb_table.transactions.id}"}
        function_name "validator-x"
        memory_size 256
        role "${iam_role.validator.arn}"
    "#);
}

#[tokio::test]
async fn nothing_changed_and_what_only_looks_changed_is_silent() {
    let world = World::with(&graph()).await;
    assert_snapshot!(world.plan(&graph()).unwrap().to_string(), @"no changes");

    let mut same = graph();
    set(&mut same, "iam_role.validator", "managed_policies", json!(["a", "b"]));
    set(
        &mut same,
        "lambda_function.validator",
        "memory_size",
        serde_json::from_str::<serde_json::Value>("256.0").unwrap(),
    );
    set(&mut same, "iam_role.validator", "tags", json!({}));
    let policy = r#"{"Statement":[{"Resource":"${dynamodb_table.transactions.arn}","Action":"dynamodb:PutItem",
        "Effect":"Allow"},{"Resource":"${kms_key.data.arn}","Action":"kms:Decrypt","Effect":"Allow","Sid":null}]}"#;
    set(
        &mut same,
        "iam_role.validator",
        "policy",
        serde_json::from_str::<serde_json::Value>(policy).unwrap(),
    );
    let plan = world.plan(&same).unwrap();
    assert!(plan.is_empty(), "{plan}");
    assert!(plan.warnings.is_empty());
}

#[tokio::test]
async fn a_setting_changed_in_place() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    set(
        &mut wanted,
        "dynamodb_table.transactions",
        "billing_mode",
        "PROVISIONED",
    );
    let plan = world.plan(&wanted).unwrap();
    assert_snapshot!(plan.to_string(), @r#"~ dynamodb_table.transactions: billing_mode "PAY_PER_REQUEST" -> "PROVISIONED""#);
    let known = PlannedValue::Known(json!("arn:<dynamodb_table-2>"));
    assert_eq!(
        plan.outputs["table_arn"], known,
        "an update in place keeps the table's ARN"
    );
}

#[tokio::test]
async fn one_statement_of_a_policy_changed() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    let policy = wanted.components["iam_role.validator"].settings["policy"].to_string();
    let policy = policy.replace("kms:Decrypt", "kms:GenerateDataKey");
    set(
        &mut wanted,
        "iam_role.validator",
        "policy",
        serde_json::from_str::<serde_json::Value>(&policy).unwrap(),
    );
    assert_snapshot!(world.plan(&wanted).unwrap().to_string(), @r#"~ iam_role.validator: policy.Statement[1].Action "kms:Decrypt" -> "kms:GenerateDataKey""#);
}

#[tokio::test]
async fn a_setting_added_and_one_removed() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    set(&mut wanted, "lambda_function.validator", "environment", json!(null));
    set(
        &mut wanted,
        "lambda_function.validator",
        "tags",
        json!({"team": "payments"}),
    );
    assert_snapshot!(world.plan(&wanted).unwrap().to_string(), @r#"
    ~ lambda_alias.live: function_version "${lambda_function.validator.version}" (refers to something new)
    ~ lambda_function.validator: environment {"TABLE":"${dynamodb_table.transactions.id}"} -> (not set)
    ~ lambda_function.validator: tags (not set) -> {"team":"payments"}
    "#);
}

#[tokio::test]
async fn new_code_moves_the_alias() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    set(&mut wanted, "lambda_function.validator", "code", "sha-2");
    let plan = world.plan(&wanted).unwrap();
    assert_snapshot!(plan.to_string(), @r#"
    ~ lambda_alias.live: function_version "${lambda_function.validator.version}" (refers to something new)
    ~ lambda_function.validator: code "sha-1" -> "sha-2"
    "#);
    assert_eq!(plan.outputs["function_version"], PlannedValue::Unknown);
    assert!(matches!(plan.outputs["table_arn"], PlannedValue::Known(_)));
}

#[tokio::test]
async fn a_component_added_and_one_removed() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    wanted.components.remove("api_stage.v1");
    wanted.add(Component::new(Key::new("api_stage", "v2"), "api_stage", "us-east-1").set("name", "v2"));
    assert_snapshot!(world.plan(&wanted).unwrap().to_string(), @r#"
    - api_stage.v1
    + api_stage.v2
        name "v2"
    "#);
}

#[tokio::test]
async fn a_replacement_create_first_and_what_follows_it() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    set(
        &mut wanted,
        "api_deployment.main",
        "triggers",
        json!({"integration": "2"}),
    );
    let plan = world.plan(&wanted).unwrap();
    assert_snapshot!(plan.to_string(), @r#"
    +/- api_deployment.main (triggers cannot be changed in place)
        triggers.integration "1" -> "2"
    ~ api_stage.v1: deployment "${api_deployment.main.id}" (refers to something new)
    "#);
    assert_eq!(
        plan.warnings[0].message,
        "will be replaced: triggers cannot be changed in place"
    );
}

#[tokio::test]
async fn a_replacement_delete_first_takes_along_what_is_fixed_to_it() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    set(&mut wanted, "lambda_function.validator", "function_name", "validate-x");
    assert_snapshot!(world.plan(&wanted).unwrap().to_string(), @r#"
    -/+ lambda_alias.live (function cannot be changed in place and id changes (replace of lambda_function.validator))
        function "${lambda_function.validator.id}" (refers to something new)
        function_version "${lambda_function.validator.version}" (refers to something new)
    -/+ lambda_function.validator (function_name cannot be changed in place)
        function_name "validator-x" -> "validate-x"
    "#);
}

#[tokio::test]
async fn a_replacement_that_was_asked_for() {
    let world = World::with(&graph()).await;
    let options = PlanOptions {
        replace: [key("api_stage.v1")].into(),
        ..PlanOptions::default()
    };
    assert_snapshot!(world.plan_with(&graph(), &options).unwrap().to_string(), @"-/+ api_stage.v1 (replace_components names it)");
    let options = PlanOptions {
        replace: [key("api_stage.v9")].into(),
        ..PlanOptions::default()
    };
    let errors = world.plan_with(&graph(), &options).unwrap_err();
    assert_eq!(errors[0].problem, Problem::NotInStack);
    assert!(
        errors[0].message.contains("api_stage.v1"),
        "it says what there is: {}",
        errors[0]
    );
}

#[tokio::test]
async fn another_region_is_another_object() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    wanted.components.get_mut("api_stage.v1").unwrap().region = "eu-west-1".to_owned();
    assert_snapshot!(world.plan(&wanted).unwrap().to_string(), @"-/+ api_stage.v1 (it moves from region us-east-1 to eu-west-1)");
}

#[tokio::test]
async fn data_is_not_lost_without_being_asked() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    set(
        &mut wanted,
        "dynamodb_table.transactions",
        "key_schema",
        json!([{"name": "id", "type": "HASH"}]),
    );
    let errors = world.plan(&wanted).unwrap_err();
    assert_snapshot!(messages(&errors), @"dynamodb_table.transactions: key_schema: this would be replaced and lose its data: key_schema cannot be changed in place; set allow_data_loss = true if that is wanted");

    let mut without = Graph::default();
    without.add(graph().components["api_deployment.main"].clone());
    without
        .components
        .get_mut("api_deployment.main")
        .unwrap()
        .depends_on
        .clear();
    let errors = world.plan(&without).unwrap_err();
    assert_snapshot!(messages(&errors), @"
    dynamodb_table.transactions: this would be deleted with its data; set allow_data_loss = true if that is wanted
    kms_key.data: this would be deleted with its data; set allow_data_loss = true if that is wanted
    ");
    let options = PlanOptions {
        allow_data_loss: true,
        ..PlanOptions::default()
    };
    assert!(world.plan_with(&wanted, &options).is_ok());
}

#[tokio::test]
async fn a_value_that_is_not_known_yet() {
    let world = World::with(&graph()).await;
    let mut wanted = graph();
    set(&mut wanted, "dynamodb_table.transactions", "table_name", UNKNOWN);
    set(&mut wanted, "api_stage.v1", "name", UNKNOWN);
    set(&mut wanted, "kms_key.data", "description", UNKNOWN);
    wanted.output("description", UNKNOWN);
    let plan = world.plan(&wanted).unwrap();
    assert_snapshot!(plan.to_string(), @r#"
    -/+ api_stage.v1 (name cannot be changed in place and its value is not known yet)
        name "v1" -> (known after apply)
    ~ dynamodb_table.transactions: table_name "transactions-x" -> (known after apply)
    ~ kms_key.data: description "data of x" -> (known after apply)
    "#);
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.key == key("dynamodb_table.transactions") && w.message.contains("apply stops"))
    );
    assert_eq!(plan.outputs["description"], PlannedValue::Unknown);
    assert_eq!(
        plan.steps["kms_key.data"].settings["description"],
        PlannedValue::Unknown
    );
}

#[test]
fn what_makes_no_sense_is_refused_all_at_once() {
    let mut wrong = graph();
    set(&mut wrong, "kms_key.data", "colour", "red");
    set(
        &mut wrong,
        "dynamodb_table.transactions",
        "kms_key_arn",
        "${kms_key.nope.arn}",
    );
    set(
        &mut wrong,
        "lambda_alias.live",
        "function_version",
        "${lambda_function.validator.revision}",
    );
    wrong.add(Component::new(Key::new("spaceship", "x"), "spaceship", "us-east-1"));
    wrong.add(graph().components["api_stage.v1"].clone());
    let stage = wrong.components.get_mut("api_stage.v1").unwrap();
    stage.depends_on.push(key("api_stage.v0"));
    wrong.output("nothing", "${kms_key.gone.arn}");
    assert_snapshot!(messages(&World::new().plan(&wrong).unwrap_err()), @"
    api_stage.v1: two components have this key
    api_stage.v1: depends on api_stage.v0, which is not in the stack
    dynamodb_table.transactions: kms_key_arn: refers to kms_key.nope, which is not in the stack
    kms_key.data: colour: kms_key has no setting colour; it has: description, key_spec, tags
    lambda_alias.live: function_version: refers to lambda_function.validator.revision, but lambda_function answers only id, arn, version
    spaceship.x: this version of the provider has no component kind spaceship
    kms_key.gone: the stack's output nothing: refers to kms_key.gone, which is not in the stack
    ");
}

#[test]
fn a_circle_is_named() {
    let mut wrong = graph();
    set(
        &mut wrong,
        "kms_key.data",
        "description",
        "for ${lambda_function.validator.arn}",
    );
    assert_snapshot!(messages(&World::new().plan(&wrong).unwrap_err()), @"lambda_function.validator: components depend on each other in a circle: lambda_function.validator -> dynamodb_table.transactions -> kms_key.data -> lambda_function.validator");
}

#[tokio::test]
async fn a_literal_and_the_reference_that_resolves_to_it_are_the_same() {
    let mut world = World::with(&graph()).await;
    let role = world.state.components.get_mut("iam_role.validator").unwrap();
    let literal = role.settings["policy"].to_string();
    let literal = literal.replace("${dynamodb_table.transactions.arn}", "arn:<dynamodb_table-2>");
    role.settings
        .insert("policy".to_owned(), serde_json::from_str(&literal).unwrap());
    let plan = world.plan(&graph()).unwrap();
    assert!(plan.is_empty(), "{plan}");
    let (_, planned) = plan
        .planned_components()
        .find(|(key, _)| key.as_str() == "iam_role.validator")
        .unwrap();
    assert!(
        planned.settings["policy"]
            .known()
            .unwrap()
            .to_string()
            .contains("<dynamodb_table-2>"),
        "kept as recorded"
    );
}
