use serde_json::json;
use tap_acceptance_tests::Sandbox;
use tap_engine::{Kind, KindError};
use tap_resources::aws::log_group::LogGroup;
use tap_resources::aws::metric_filter::MetricFilter;

use crate::support::{Life, aws, context, settings};

const GROUP: &str = "/aws/apigateway/payments-test";

#[tokio::test]
async fn metric_filter() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    LogGroup(aws.clone())
        .create(&context("log_group.api"), &settings(json!({"log_group_name": GROUP})))
        .await
        .unwrap();
    let latency = json!({
        "metric_name": "APILatency", "metric_namespace": "PaymentProcessing/test", "metric_value": "$.responseLatency",
        "unit": "Milliseconds",
    });
    let by_method = json!({
        "metric_name": "APILatency", "metric_namespace": "PaymentProcessing/test", "metric_value": "$.responseLatency",
        "dimensions": {"Method": "$.httpMethod"},
    });
    let counted = json!({
        "metric_name": "Errors", "metric_namespace": "PaymentProcessing/test", "metric_value": "1", "default_value": 0,
    });
    let kind = MetricFilter(aws);
    let life = Life {
        kind: &kind,
        key: "metric_filter.latency",
        desired: json!({
            "log_group_name": GROUP, "filter_name": "api-latency-test", "filter_pattern": "{ $.responseLatency = * }",
            "metric_transformations": [latency],
        }),
        edits: vec![
            json!({"filter_pattern": "[timestamp, request_id, method, path, status, latency]"}),
            json!({"metric_transformations": [by_method]}),
            json!({"metric_transformations": [counted], "apply_on_transformed_logs": true}),
            json!({"filter_pattern": null, "apply_on_transformed_logs": null}),
        ],
        not_shown: &[],
    };
    life.lived().await;
}

/// A filter of somebody else, who has no way to tag it, is not overwritten.
#[tokio::test]
async fn a_metric_filter_that_exists_is_not_overwritten() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    LogGroup(aws.clone())
        .create(&context("log_group.api"), &settings(json!({"log_group_name": GROUP})))
        .await
        .unwrap();
    let kind = MetricFilter(aws);
    let wanted = settings(json!({
        "log_group_name": GROUP, "filter_name": "errors", "filter_pattern": "ERROR",
        "metric_transformations": [{"metric_name": "Errors", "metric_namespace": "Payments", "metric_value": "1"}],
    }));
    let cx = context("metric_filter.errors");
    kind.create(&cx, &wanted).await.unwrap();
    let again = kind.create(&cx, &wanted).await;
    assert!(matches!(again, Err(KindError::NotOwned { .. })), "{again:?}");
}

/// Its log group is deleted with everything in it: that is "gone", not an error.
#[tokio::test]
async fn a_metric_filter_goes_with_its_log_group() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let group = LogGroup(aws.clone());
    let group_settings = settings(json!({"log_group_name": GROUP}));
    group.create(&context("log_group.api"), &group_settings).await.unwrap();
    let kind = MetricFilter(aws);
    let cx = context("metric_filter.errors");
    let wanted = settings(json!({
        "log_group_name": GROUP, "filter_name": "errors",
        "metric_transformations": [{"metric_name": "Errors", "metric_namespace": "Payments", "metric_value": "1"}],
    }));
    let id = kind.create(&cx, &wanted).await.unwrap()["id"].clone();
    group
        .delete(&context("log_group.api"), GROUP, &group_settings)
        .await
        .unwrap();
    assert!(kind.read(&cx, &id, &wanted).await.unwrap().is_none());
    kind.delete(&cx, &id, &wanted).await.unwrap();
}
