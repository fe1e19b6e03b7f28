//! What somebody changes behind Terraform's back shows as exactly that, kind by kind, and the next apply puts it right.

use crate::site::{Site, changes, complete};
use aws_sdk_cloudwatch::types::{AlarmType, ComparisonOperator, Statistic};
use aws_sdk_cloudwatchlogs::types::MetricTransformation;
use std::collections::BTreeSet;
use tap_acceptance_tests::observability::Watch;

#[tokio::test]
async fn drift_of_each_kind_shows_and_is_put_right() {
    let site = Site::applied(&complete("drift")).await;
    let watch = site.watch().await;
    logs_and_keys(&site, &watch).await;
    alarms_and_dashboard(&site).await;
    function_and_topic(&site, &watch).await;
    canary_and_bucket(&site, &watch).await;

    let plan = site.plan().await;

    let expected = [
        "+kms_alias.main",
        "+metric_alarm.canary",
        "canary.health.start",
        "canary.health.success_retention_period_in_days",
        "composite_alarm.critical.alarm_description",
        "dashboard.main.dashboard_body",
        "iam_role.canary.inline_policies",
        "kms_key.main.enable_key_rotation",
        "lambda_function.metrics.memory_size",
        "log_group.api.retention_in_days",
        "metric_alarm.handler_faults.threshold",
        "metric_filter.latency.filter_pattern",
        "s3_bucket.artifacts.public_access_block",
        "sns_topic.alarms.display_name",
    ];
    let planned = changes(&plan);
    for change in expected {
        assert!(planned.contains(change), "{change} is not in {planned:?}");
    }
    let others: BTreeSet<&String> = planned
        .iter()
        .filter(|change| !expected.contains(&change.as_str()))
        .collect();
    // Whoever names the new alarm has to be told of it, should it be another; the rotation's period goes with it;
    // a function put right is published and its alias moved.
    let follow = [
        "composite_alarm.critical.alarm_rule",
        "kms_key.main.rotation_period_in_days",
        "lambda_alias.metrics.function_version",
        "lambda_function.metrics.publish",
    ];
    assert!(
        others.iter().all(|change| follow.contains(&change.as_str())),
        "{others:?}"
    );
    site.apply_plan().await;
    site.must_be_settled().await;
    site.destroy().await;
}

async fn logs_and_keys(site: &Site, watch: &Watch) {
    let logs = site.aws.logs();
    let group = "/aws/apigateway/payments-drift";
    let retention = logs.put_retention_policy().log_group_name(group);
    retention.retention_in_days(1).send().await.unwrap();
    let filters = logs
        .describe_metric_filters()
        .log_group_name(group)
        .send()
        .await
        .unwrap();
    let filter = &filters.metric_filters()[0];
    let transformations: Vec<MetricTransformation> = filter.metric_transformations().to_vec();
    logs.put_metric_filter()
        .log_group_name(group)
        .filter_name(filter.filter_name().unwrap())
        .filter_pattern("{ $.other = * }")
        .set_metric_transformations(Some(transformations))
        .send()
        .await
        .unwrap();
    let kms = site.aws.kms();
    let key = watch.attribute("kms_key_id").unwrap();
    kms.disable_key_rotation().key_id(key).send().await.unwrap();
    kms.delete_alias().alias_name("alias/logs-drift").send().await.unwrap();
}

async fn alarms_and_dashboard(site: &Site) {
    let cloudwatch = site.aws.cloudwatch();
    let critical = cloudwatch
        .describe_alarms()
        .alarm_types(AlarmType::CompositeAlarm)
        .send()
        .await
        .unwrap();
    let critical = &critical.composite_alarms()[0];
    cloudwatch
        .put_composite_alarm()
        .alarm_name(critical.alarm_name().unwrap())
        .alarm_rule(critical.alarm_rule().unwrap())
        .alarm_description("changed by hand")
        .set_alarm_actions(critical.alarm_actions.clone())
        .set_ok_actions(critical.ok_actions.clone())
        .send()
        .await
        .unwrap();
    let faults = cloudwatch.describe_alarms().alarm_names("handler-faults-drift");
    let faults = faults.send().await.unwrap().metric_alarms()[0].clone();
    cloudwatch
        .put_metric_alarm()
        .alarm_name("handler-faults-drift")
        .set_alarm_description(faults.alarm_description)
        .set_namespace(faults.namespace)
        .set_metric_name(faults.metric_name)
        .set_dimensions(faults.dimensions)
        .statistic(Statistic::Sum)
        .set_period(faults.period)
        .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
        .threshold(1000.0)
        .set_evaluation_periods(faults.evaluation_periods)
        .set_datapoints_to_alarm(faults.datapoints_to_alarm)
        .set_treat_missing_data(faults.treat_missing_data)
        .send()
        .await
        .unwrap();
    // A child of a composite alarm cannot be deleted as long as that names it.
    let rule = "ALARM(\"handler-faults-drift\")";
    let without = cloudwatch
        .put_composite_alarm()
        .alarm_name(critical.alarm_name().unwrap());
    without
        .alarm_rule(rule)
        .alarm_description("changed by hand")
        .set_alarm_actions(critical.alarm_actions.clone())
        .set_ok_actions(critical.ok_actions.clone())
        .send()
        .await
        .unwrap();
    let gone = cloudwatch.delete_alarms().alarm_names("canary-failing-drift");
    gone.send().await.unwrap();
    let dashboard = cloudwatch.put_dashboard().dashboard_name("payment-processing-drift");
    dashboard.dashboard_body(r#"{"widgets": []}"#).send().await.unwrap();
}

async fn function_and_topic(site: &Site, watch: &Watch) {
    let function = site.aws.lambda().update_function_configuration();
    let function = function.function_name(watch.attribute("lambda_function_name").unwrap());
    function.memory_size(1024).send().await.unwrap();
    let topic = site.aws.sns().set_topic_attributes();
    let topic = topic.topic_arn(watch.attribute("sns_topic_arn").unwrap());
    topic
        .attribute_name("DisplayName")
        .attribute_value("changed by hand")
        .send()
        .await
        .unwrap();
}

async fn canary_and_bucket(site: &Site, watch: &Watch) {
    let synthetics = site.aws.synthetics();
    let canary = watch.attribute("canary_name").unwrap();
    synthetics.stop_canary().name(canary).send().await.unwrap();
    let stopped = async || {
        let answer = synthetics.get_canary().name(canary).send().await.unwrap();
        let state = answer.canary.unwrap().status.unwrap().state.unwrap();
        Ok((state.as_str() == "STOPPED").then_some(()))
    };
    let soon = std::time::Duration::from_secs(10);
    tap_acceptance_tests::eventually("the canary to stop", soon, stopped)
        .await
        .unwrap();
    let update = synthetics.update_canary().name(canary);
    update.success_retention_period_in_days(5).send().await.unwrap();
    let bucket = watch.attribute("artifact_bucket_name").unwrap();
    let s3 = site.aws.s3();
    s3.delete_public_access_block().bucket(bucket).send().await.unwrap();
    let iam = site.aws.iam();
    let policy = iam.put_role_policy().role_name("synthetics-canary-role-drift");
    let name = iam.list_role_policies().role_name("synthetics-canary-role-drift");
    let name = name.send().await.unwrap().policy_names()[0].clone();
    let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    policy
        .policy_name(name)
        .policy_document(everything)
        .send()
        .await
        .unwrap();
}
