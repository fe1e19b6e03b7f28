//! The misbehaving proxy: what it does to calls, seen by an SDK.

use crate::inventory::create_table;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use std::time::{Duration, Instant};
use tap_acceptance_tests::proxy::{Fault, Proxy, Stop};
use tap_acceptance_tests::{Aws, Sandbox};

#[tokio::test]
async fn calls_are_refused_lost_and_delayed_as_told_and_otherwise_pass() {
    let sandbox = Sandbox::start().await.unwrap();
    let direct = sandbox.aws();
    let proxy = Proxy::start(sandbox.endpoint()).await.unwrap();
    let aws = direct.through(proxy.endpoint());
    create_table(&aws, "passes").await;
    assert_eq!(direct.inventory().await.unwrap(), aws.inventory().await.unwrap());

    proxy.inject_times("dynamodb:ListTables", Fault::denied(), 1);
    let refused = aws.dynamodb().list_tables().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    assert_eq!(tables(&aws).await, ["passes"]);

    // The SDK tries again: the first try has taken effect although nobody heard of it.
    proxy.inject_times("dynamodb:DeleteTable", Fault::LoseAnswer, 1);
    let deleted = aws.dynamodb().delete_table().table_name("passes").send().await;
    assert_eq!(deleted.unwrap_err().code(), Some("ResourceNotFoundException"));

    proxy.heal();
    proxy.inject("", Fault::Delay(Duration::from_millis(200)));
    let begin = Instant::now();
    tables(&aws).await;
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn every_protocol_understands_a_refusal() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = Proxy::start(sandbox.endpoint()).await.unwrap();
    let aws = sandbox.aws().through(proxy.endpoint());
    proxy.inject("", Fault::denied());
    let denied = Some("AccessDeniedException");
    // JSON, query, CBOR, REST with JSON, REST with XML.
    assert_eq!(aws.kms().list_keys().send().await.unwrap_err().code(), denied);
    assert_eq!(aws.sns().list_topics().send().await.unwrap_err().code(), denied);
    assert_eq!(
        aws.cloudwatch().list_dashboards().send().await.unwrap_err().code(),
        denied
    );
    assert_eq!(aws.lambda().list_functions().send().await.unwrap_err().code(), denied);
    assert_eq!(aws.s3().list_buckets().send().await.unwrap_err().code(), denied);
}

#[tokio::test]
async fn the_cloud_stops_at_the_nth_writing_call() {
    let sandbox = Sandbox::start().await.unwrap();
    let direct = sandbox.aws();
    let proxy = Proxy::start(sandbox.endpoint()).await.unwrap();
    let aws = direct.through(proxy.endpoint());
    for (stop, exist) in [
        (Stop::Before, ["table-0"].as_slice()),
        (Stop::After, ["table-0", "table-1"].as_slice()),
    ] {
        proxy.stop_at(2, stop);
        let working = tokio::spawn({
            let aws = aws.clone();
            async move {
                for name in ["table-0", "table-1", "table-2"] {
                    create_table(&aws, name).await;
                    tables(&aws).await;
                }
            }
        });
        proxy.stopped().await;
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());
        assert_eq!(proxy.writes(), 2);
        assert_eq!(tables(&direct).await, exist);
        proxy.resume();
        for name in exist {
            direct.dynamodb().delete_table().table_name(*name).send().await.unwrap();
        }
    }
}

async fn tables(aws: &Aws) -> Vec<String> {
    aws.dynamodb()
        .list_tables()
        .send()
        .await
        .unwrap()
        .table_names()
        .to_vec()
}
