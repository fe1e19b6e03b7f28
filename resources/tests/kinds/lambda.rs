use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tap_acceptance_tests::Sandbox;
use tap_engine::{Change, Kind, Outputs, Settings};
use tap_resources::aws::Aws;
use tap_resources::aws::lambda_alias::LambdaAlias;
use tap_resources::aws::lambda_event_source_mapping::LambdaEventSourceMapping;
use tap_resources::aws::lambda_function::LambdaFunction;
use tap_resources::aws::lambda_permission::LambdaPermission;
use tap_resources::bundle;

use crate::support::{Life, REGION, aws, context, settings};

const ROLE: &str = "arn:aws:iam::000000000000:role/validator";

/// A deployment package in a file of this test's own, with its `CodeSha256`.
fn package(name: &str, script: &str) -> (PathBuf, String) {
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("bootstrap", options).unwrap();
    writer.write_all(script.as_bytes()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.zip"));
    std::fs::write(&path, &bytes).unwrap();
    let sha = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&bytes));
    (path, sha)
}

fn function(name: &str, package: &(PathBuf, String)) -> Value {
    json!({
        "function_name": name,
        "package_type": "Zip",
        "runtime": "provided.al2023",
        "handler": "webhook_validator",
        "role": ROLE,
        "code": {"zip_path": package.0},
        "code_sha256": package.1,
        "architectures": ["arm64"],
        "environment": {"TABLE_NAME": "transactions"},
    })
}

#[tokio::test]
async fn lambda_function() {
    let sandbox = Sandbox::start().await.unwrap();
    let first = package("function-1", "#!/bin/sh\nsleep 100\n");
    let second = package("function-2", "#!/bin/sh\nsleep 200\n");
    let mut desired = function("validator-test", &first);
    desired["log_group"] = json!("/aws/lambda/validator-test");
    let aws = aws(&sandbox);
    let dead_letters = aws.arn("sqs", REGION, "dlq");
    Life {
        kind: &LambdaFunction(aws),
        key: "lambda_function.validator",
        desired,
        edits: vec![
            json!({"memory_size": 512, "timeout": 30, "description": "Stores webhooks"}),
            json!({"code": {"zip_path": second.0}, "code_sha256": second.1}),
            json!({"environment": {"TABLE_NAME": "other", "LOG_LEVEL": "debug"}, "handler": "fraud_detector"}),
            json!({"tracing_mode": "Active", "ephemeral_storage_size": 1024, "architectures": ["x86_64"]}),
            json!({"dead_letter_target_arn": dead_letters}),
            json!({"log_group": "/tap/validator", "log_format": "JSON"}),
            json!({"reserved_concurrent_executions": 5}),
            json!({"kms_key_arn": "arn:aws:kms:us-east-1:000000000000:key/1"}),
            json!({"tags": {"tap:stack": "webhook_pipeline/test", "tap:component": "lambda_function.validator"}}),
            json!({
                "memory_size": null, "timeout": null, "description": null, "environment": null, "tracing_mode": null,
                "ephemeral_storage_size": null, "dead_letter_target_arn": null, "log_group": null, "log_format": null,
                "reserved_concurrent_executions": null, "kms_key_arn": null,
            }),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn every_change_of_a_published_function_makes_one_version() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = LambdaFunction(aws(&sandbox));
    let zip = package("published", "#!/bin/sh\nsleep 100\n");
    let mut desired = function("published", &zip);
    desired["publish"] = json!(true);
    let cx = context("lambda_function.published");
    let before = settings(desired);
    let outputs = kind.create(&cx, &before).await.unwrap();
    assert_eq!(outputs["version"], "1");
    assert!(
        outputs["qualified_arn"].ends_with(":function:published:1"),
        "{outputs:?}"
    );
    assert!(
        outputs["invoke_arn"]
            .starts_with("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:"),
        "{outputs:?}"
    );
    let mut after = before.clone();
    after.insert("memory_size".into(), json!(256));
    let changed = ["memory_size".to_owned()];
    let change = Change {
        before: &before,
        after: &after,
        changed: &changed,
        outputs: &Outputs::new(),
    };
    let outputs = kind.update(&cx, "published", &change).await.unwrap();
    assert_eq!(outputs["version"], "2");
    let seen = kind.read(&cx, "published", &after).await.unwrap().unwrap();
    assert_eq!(seen.outputs, outputs);
    kind.delete(&cx, "published", &after).await.unwrap();
}

fn changed(before: &Settings, edit: Value) -> (Settings, Vec<String>) {
    let edit = settings(edit);
    let names = edit.keys().cloned().collect();
    (before.clone().into_iter().chain(edit).collect(), names)
}

/// The versions that the function has, `$LATEST` left out.
async fn versions(aws: &Aws, function: &str) -> Vec<String> {
    let client = aws.lambda(REGION);
    let answer = client
        .list_versions_by_function()
        .function_name(function)
        .send()
        .await
        .unwrap();
    let all = answer.versions().iter().filter_map(|v| v.version());
    all.filter(|v| *v != "$LATEST").map(ToOwned::to_owned).collect()
}

/// AWS has 75 GB for all code of an account: old versions go, but never one that an alias serves.
#[tokio::test]
async fn only_the_newest_versions_stay_and_those_that_are_served() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let kind = LambdaFunction(aws.clone());
    let cx = context("lambda_function.busy");
    let mut desired = function("many", &package("many", "#!/bin/sh\nsleep 100\n"));
    desired["publish"] = json!(true);
    let mut now = settings(desired);
    kind.create(&cx, &now).await.unwrap();
    let live = settings(json!({"name": "live", "function_name": "many", "function_version": "1"}));
    LambdaAlias(aws.clone())
        .create(&context("lambda_alias.busy"), &live)
        .await
        .unwrap();
    for memory in [256, 512, 768, 1024, 1280] {
        let (after, names) = changed(&now, json!({"memory_size": memory}));
        let change = Change {
            before: &now,
            after: &after,
            changed: &names,
            outputs: &Outputs::new(),
        };
        kind.update(&cx, "many", &change).await.unwrap();
        now = after;
    }
    assert_eq!(versions(&aws, "many").await, ["1", "4", "5", "6"]);
}

/// A run that dies between the update and the publishing must not leave the alias on old code for ever.
#[tokio::test]
async fn what_was_updated_but_never_published_shows_and_is_published() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let kind = LambdaFunction(aws.clone());
    let cx = context("lambda_function.half");
    let mut desired = function("half", &package("half", "#!/bin/sh\nsleep 100\n"));
    desired["publish"] = json!(true);
    desired["memory_size"] = json!(256);
    let wanted = settings(desired);
    kind.create(&cx, &wanted).await.unwrap();
    let read = async || kind.read(&cx, "half", &wanted).await.unwrap().unwrap();
    assert_eq!(read().await.settings["publish"], true);
    let client = aws.lambda(REGION);
    let half = client.update_function_configuration().function_name("half").timeout(30);
    half.send().await.unwrap();
    let seen = read().await;
    assert_eq!(seen.settings["publish"], false);
    assert_eq!(seen.outputs["version"], "1", "what the alias can serve");
    let (after, names) = changed(&wanted, json!({"publish": true, "timeout": 30}));
    let change = Change {
        before: &wanted,
        after: &after,
        changed: &names[..1],
        outputs: &seen.outputs,
    };
    assert_eq!(kind.update(&cx, "half", &change).await.unwrap()["version"], "2");
    assert_eq!(read().await.settings["publish"], true);
}

#[tokio::test]
async fn an_edit_of_tags_publishes_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let kind = LambdaFunction(aws.clone());
    let cx = context("lambda_function.tagged");
    let mut desired = function("tagged", &package("tagged", "#!/bin/sh\nsleep 100\n"));
    desired["publish"] = json!(true);
    let before = settings(desired);
    let outputs = kind.create(&cx, &before).await.unwrap();
    let (after, names) = changed(
        &before,
        json!({"tags": {"team": "a"}, "reserved_concurrent_executions": 3}),
    );
    let change = Change {
        before: &before,
        after: &after,
        changed: &names,
        outputs: &outputs,
    };
    assert_eq!(kind.update(&cx, "tagged", &change).await.unwrap(), outputs);
    assert_eq!(versions(&aws, "tagged").await, ["1"]);
}

#[tokio::test]
async fn lambda_alias() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let kind = LambdaFunction(aws.clone());
    let cx = context("lambda_function.aliased");
    let mut desired = function("aliased", &package("aliased", "#!/bin/sh\nsleep 100\n"));
    desired["publish"] = json!(true);
    let first = settings(desired);
    kind.create(&cx, &first).await.unwrap();
    let (second, names) = changed(&first, json!({"memory_size": 512}));
    let change = Change {
        before: &first,
        after: &second,
        changed: &names,
        outputs: &Outputs::new(),
    };
    kind.update(&cx, "aliased", &change).await.unwrap();
    Life {
        kind: &LambdaAlias(aws),
        key: "lambda_alias.aliased",
        desired: json!({"name": "live", "function_name": "aliased", "function_version": "1"}),
        edits: vec![
            json!({"function_version": "2", "description": "What everything calls"}),
            json!({"additional_version_weights": {"1": 0.25}}),
            json!({"additional_version_weights": null, "description": null, "function_version": "1"}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// The handlers inside the provider become a function, under the hash that the plan shows. In a build
/// without handlers the provider says so, at plan time and at apply time.
#[tokio::test]
async fn the_bundled_handlers_are_deployed_as_planned() {
    let sandbox = Sandbox::start().await.unwrap();
    let kind = LambdaFunction(aws(&sandbox));
    let cx = context("lambda_function.bundled");
    let architecture = bundle::architectures().first().copied().unwrap_or("arm64");
    let mut desired = function("bundled", &(PathBuf::new(), String::new()));
    desired["code"] = json!({"bundle": architecture});
    desired["architectures"] = json!([architecture]);
    match bundle::zip(architecture) {
        Ok(artifact) => {
            desired["code_sha256"] = json!(artifact.code_sha256);
            let desired = settings(desired);
            assert_eq!(kind.validate(&desired), []);
            kind.create(&cx, &desired).await.unwrap();
            let seen = kind.read(&cx, "bundled", &desired).await.unwrap().unwrap();
            assert_eq!(seen.settings["code_sha256"], json!(artifact.code_sha256));
            assert_eq!(seen.settings["code"], desired["code"]);
        }
        Err(missing) => {
            let desired = settings(desired);
            assert_eq!(kind.validate(&desired), [("code".to_owned(), missing.to_string())]);
            let error = kind.create(&cx, &desired).await.unwrap_err().to_string();
            assert!(error.contains("this build of the provider bundles no"), "{error}");
        }
    }
}

async fn made(aws: &Arc<Aws>, name: &str) {
    let zip = package(name, "#!/bin/sh\nsleep 100\n");
    let cx = context("lambda_function.f");
    LambdaFunction(aws.clone())
        .create(&cx, &settings(function(name, &zip)))
        .await
        .unwrap();
}

#[tokio::test]
async fn lambda_permission() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    made(&aws, "permitted").await;
    Life {
        kind: &LambdaPermission(aws.clone()),
        key: "lambda_permission.api",
        desired: json!({
            "function_name": "permitted",
            "statement_id": "api",
            "action": "lambda:InvokeFunction",
            "principal": "apigateway.amazonaws.com",
            "source_arn": "arn:aws:execute-api:us-east-1:000000000000:abc/*/POST/webhook",
            "source_account": "000000000000",
        }),
        edits: vec![],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// Lambda loses statements that are written at the same time; ours go one after the other.
#[tokio::test]
async fn permissions_made_side_by_side_are_all_there() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    made(&aws, "busy").await;
    let kind = LambdaPermission(aws.clone());
    let kind = &kind;
    let one = |n: u32| async move {
        let desired = settings(json!({
            "function_name": "busy",
            "statement_id": format!("s{n}"),
            "action": "lambda:InvokeFunction",
            "principal": "events.amazonaws.com",
        }));
        kind.create(&context("lambda_permission.s"), &desired).await.unwrap()["id"].clone()
    };
    for id in futures::future::join_all((0..12).map(one)).await {
        let seen = kind
            .read(&context("lambda_permission.s"), &id, &settings(json!({})))
            .await
            .unwrap();
        assert!(seen.is_some(), "{id} was lost");
    }
}

#[tokio::test]
async fn lambda_event_source_mapping() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    made(&aws, "publisher").await;
    let stream = stream(&aws).await;
    Life {
        kind: &LambdaEventSourceMapping(aws.clone()),
        key: "lambda_event_source_mapping.outbox",
        desired: json!({
            "event_source_arn": stream,
            "function_name": "publisher",
            "starting_position": "TRIM_HORIZON",
            "batch_size": 50,
            "maximum_retry_attempts": 5,
            "bisect_batch_on_function_error": true,
            "function_response_types": ["ReportBatchItemFailures"],
            "filter_criteria": [{"eventName": ["INSERT"]}],
            "destination_on_failure": "arn:aws:sqs:us-east-1:000000000000:dlq",
        }),
        edits: vec![
            json!({"batch_size": 20, "maximum_batching_window_in_seconds": 5, "parallelization_factor": 2}),
            json!({"maximum_retry_attempts": null, "bisect_batch_on_function_error": null, "maximum_record_age_in_seconds": 3600}),
            json!({"enabled": false}),
            json!({"filter_criteria": null, "destination_on_failure": null, "function_response_types": null, "enabled": true}),
            json!({"tags": {"tap:stack": "webhook_pipeline/test", "tap:component": "lambda_event_source_mapping.outbox"}}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

async fn stream(aws: &Arc<Aws>) -> String {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
        StreamViewType,
    };
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
        .unwrap();
    let (key, id) = (KeySchemaElement::builder(), AttributeDefinition::builder());
    let answer = aws
        .dynamodb(REGION)
        .create_table()
        .table_name("transactions")
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            id.attribute_name("id")
                .attribute_type(ScalarAttributeType::S)
                .build()
                .unwrap(),
        )
        .key_schema(key.attribute_name("id").key_type(KeyType::Hash).build().unwrap())
        .stream_specification(stream)
        .send()
        .await
        .unwrap();
    answer.table_description.unwrap().latest_stream_arn.unwrap()
}
