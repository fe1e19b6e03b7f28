//! The examples, applied as they stand.

use crate::site::Site;
use tap_acceptance_tests::example;
use tap_acceptance_tests::site::ACCOUNT_LOG_ROLE;

#[tokio::test]
async fn the_minimal_example() {
    let site = Site::with_text(&example("observability-minimal/main.tf").unwrap()).await;
    site.apply().await;
    site.must_be_settled().await;
    assert!(!site.ids().await.contains_key("canary.health"));
    site.destroy().await;
}

/// The stack of seed 000, with all its parts: three legacy filters, three alarms and one over them, canary, dashboard.
#[tokio::test]
async fn the_seeds_example() {
    let site = Site::with_text(&example("observability-seed/main.tf").unwrap()).await;
    let variables = "health_url = \"https://pay.internal/health\"\nalarm_emails = [\"oncall@payments.internal\"]\n";
    site.terraform.write_file("terraform.tfvars", variables).unwrap();
    site.apply().await;
    site.must_be_settled().await;
    let ids = site.ids().await;
    for key in [
        "canary.health",
        "composite_alarm.critical",
        "dashboard.main",
        "kms_alias.main",
        "lambda_function.metrics",
        "log_group.api",
        "log_group.metrics",
        "log_group.rds",
        "metric_alarm.api_errors",
        "metric_alarm.lambda_errors",
        "metric_filter.latency_p50",
        "metric_filter.latency_p95",
        "metric_filter.latency_p99",
        "s3_bucket.artifacts",
        "sns_topic.alarms",
    ] {
        assert!(ids.contains_key(key), "{key} is not in {:?}", ids.keys());
    }
    assert_eq!(site.watch().await.attribute("canary_name").unwrap(), "health-check-dev");
    site.destroy().await;
}

/// That an alarm on a rate, by its name in `alarm_names`, looks at both its metrics with this dimension.
async fn watches(site: &Site, name: &str, dimension: (&str, &str)) {
    let watch = site.watch().await;
    let name = watch.attribute(&format!("alarm_names.{name}")).unwrap();
    let alarms = site.aws.cloudwatch().describe_alarms().send().await.unwrap();
    let alarm = alarms.metric_alarms().iter().find(|a| a.alarm_name() == Some(name));
    let alarm = alarm.unwrap_or_else(|| panic!("no alarm {name}"));
    let metrics = alarm.metrics().iter().filter_map(|query| query.metric_stat()?.metric());
    let measured: Vec<_> = metrics.collect();
    assert_eq!(measured.len(), 2, "a rate is of two metrics: {alarm:?}");
    for metric in measured {
        let dimensions: Vec<_> = metric.dimensions().iter().map(|d| (d.name(), d.value())).collect();
        assert!(
            dimensions.contains(&(Some(dimension.0), Some(dimension.1))),
            "{dimensions:?}"
        );
    }
}

/// Destroys both stacks; the account's own role stays.
async fn both_go(site: Site) {
    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(site.aws.inventory().await.unwrap(), [ACCOUNT_LOG_ROLE]);
}

/// A webhook pipeline and the stack that watches it, in one apply, by plain references.
#[tokio::test]
async fn the_example_that_watches_a_pipeline() {
    let site = Site::with_text(&example("observability-of-pipeline/main.tf").unwrap()).await;
    site.apply().await;
    site.must_be_settled().await;
    let apis = site.aws.api_gateway().get_rest_apis().send().await.unwrap();
    watches(&site, "api_errors", ("ApiName", apis.items()[0].name().unwrap())).await;
    watches(
        &site,
        "lambda_errors_validator",
        ("FunctionName", "webhook-validator-dev"),
    )
    .await;
    watches(&site, "lambda_errors_fraud", ("FunctionName", "fraud-detector-dev")).await;
    both_go(site).await;
}

/// The same of a payment stack, whose functions are called `<region>/<function>`; its access log is what latencies are read from.
#[tokio::test]
async fn the_example_that_watches_payments() {
    let site = Site::with_text(&example("observability-of-payments/main.tf").unwrap()).await;
    site.apply().await;
    site.must_be_settled().await;
    watches(&site, "api_errors", ("ApiName", "payment-webhooks-api-dev")).await;
    for (function, name) in [
        ("processor", "process-payment-dev"),
        ("accounting", "process-accounting-dev"),
        ("failure_notifier", "notify-failures-dev"),
    ] {
        let alarm = format!("lambda_errors_us-east-1_{function}");
        watches(&site, &alarm, ("FunctionName", name)).await;
    }
    let logs = site.aws.logs();
    let filters = logs
        .describe_metric_filters()
        .metric_name("APILatency")
        .metric_namespace("PaymentProcessing/dev");
    let filters = filters.send().await.unwrap().metric_filters.unwrap_or_default();
    let read: Vec<_> = filters.iter().filter_map(|filter| filter.log_group_name()).collect();
    let stages = site.aws.api_gateway();
    let apis = stages.get_rest_apis().send().await.unwrap();
    let stages = stages
        .get_stages()
        .rest_api_id(apis.items()[0].id().unwrap())
        .send()
        .await
        .unwrap();
    let written = stages.item()[0]
        .access_log_settings()
        .and_then(|log| log.destination_arn())
        .unwrap();
    assert_eq!(read.len(), 1, "{filters:?}");
    assert!(
        written.ends_with(&format!(":log-group:{}", read[0])),
        "{written} is not {read:?}"
    );
    both_go(site).await;
}
