//! The examples, applied as they stand.

use crate::site::Site;
use std::fs;
use tap_acceptance_tests::workspace_root;

/// The example's file; its architecture is this machine's.
fn example(name: &str) -> String {
    let path = workspace_root().join(format!("examples/{name}/main.tf"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let own = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    text.replace("\"x86_64\"", &format!("{own:?}"))
}

#[tokio::test]
async fn the_minimal_example() {
    let site = Site::with_text(&example("observability-minimal")).await;
    site.apply().await;
    site.must_be_settled().await;
    assert!(!site.ids().await.contains_key("canary.health"));
    site.destroy().await;
}

/// The stack of seed 000, with all its parts: three legacy filters, three alarms and one over them, canary, dashboard.
#[tokio::test]
async fn the_seeds_example() {
    let site = Site::with_text(&example("observability-seed")).await;
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

/// A webhook pipeline and the stack that watches it, in one apply, by plain references.
#[tokio::test]
async fn the_example_that_watches_a_pipeline() {
    let site = Site::with_text(&example("observability-of-pipeline")).await;
    site.apply().await;
    site.must_be_settled().await;
    let watch = site.watch().await;
    let alarms = site.aws.cloudwatch().describe_alarms().send().await.unwrap();
    let watches = |name: &str, dimension: (&str, &str)| {
        let name = watch.attribute(&format!("alarm_names.{name}")).unwrap();
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
    };
    let apis = site.aws.api_gateway().get_rest_apis().send().await.unwrap();
    watches("api_errors", ("ApiName", apis.items()[0].name().unwrap()));
    watches("lambda_errors_validator", ("FunctionName", "webhook-validator-dev"));
    watches("lambda_errors_fraud", ("FunctionName", "fraud-detector-dev"));
    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    // A role of the account, not of a stack (W-35): it stays, as other APIs may use it.
    let left = site.aws.inventory().await.unwrap();
    assert_eq!(left, ["iam_role tap-api-gateway-logs"]);
}
