//! Logs, alarms and dashboards.

use super::{Object, said};
use crate::Result;

/// A policy that lets nobody do anything that matters.
const OTHER_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Other","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"logs:PutLogEvents","Resource":"*"}]}"#;

pub(super) async fn change(object: &Object) -> Result<()> {
    match object.kind.as_str() {
        "dashboard" => {
            let put = object.aws.cloudwatch().put_dashboard().dashboard_name(&object.id);
            let put = put.dashboard_body("{\"widgets\":[]}");
            said("cloudwatch:PutDashboard", put.send().await).map(drop)
        }
        "log_group" => {
            let put = object.aws.logs().put_retention_policy().log_group_name(&object.id);
            said("logs:PutRetentionPolicy", put.retention_in_days(1).send().await).map(drop)
        }
        "log_resource_policy" => {
            let put = object.aws.logs().put_resource_policy().policy_name(&object.id);
            let put = put.policy_document(OTHER_POLICY);
            said("logs:PutResourcePolicy", put.send().await).map(drop)
        }
        "metric_alarm" => change_threshold(object).await,
        "metric_filter" => change_pattern(object).await,
        _ => Err(object.unknown()),
    }
}

async fn change_threshold(object: &Object) -> Result<()> {
    let cloudwatch = object.aws.cloudwatch();
    let found = cloudwatch.describe_alarms().alarm_names(&object.id).send().await;
    let found = said("cloudwatch:DescribeAlarms", found)?.metric_alarms;
    let alarm = found.unwrap_or_default().pop().ok_or_else(|| object.missing())?;
    let put = cloudwatch.put_metric_alarm().alarm_name(&object.id).threshold(77.0);
    let put = put
        .set_alarm_description(alarm.alarm_description)
        .set_alarm_actions(alarm.alarm_actions)
        .set_ok_actions(alarm.ok_actions)
        .set_namespace(alarm.namespace)
        .set_metric_name(alarm.metric_name)
        .set_dimensions(alarm.dimensions)
        .set_metrics(alarm.metrics)
        .set_statistic(alarm.statistic)
        .set_extended_statistic(alarm.extended_statistic)
        .set_period(alarm.period)
        .set_evaluation_periods(alarm.evaluation_periods)
        .set_datapoints_to_alarm(alarm.datapoints_to_alarm)
        .set_comparison_operator(alarm.comparison_operator)
        .set_treat_missing_data(alarm.treat_missing_data);
    said("cloudwatch:PutMetricAlarm", put.send().await).map(drop)
}

async fn change_pattern(object: &Object) -> Result<()> {
    let logs = object.aws.logs();
    let (group, filter) = (object.part(0)?, object.part(1)?);
    let found = logs.describe_metric_filters().log_group_name(group);
    let found = said(
        "logs:DescribeMetricFilters",
        found.filter_name_prefix(filter).send().await,
    )?;
    let mut filters = found.metric_filters.unwrap_or_default().into_iter();
    let ours = filters.find(|known| known.filter_name() == Some(filter));
    let ours = ours.ok_or_else(|| object.missing())?;
    let put = logs.put_metric_filter().log_group_name(group).filter_name(filter);
    let put = put.filter_pattern("ERROR");
    let put = put.set_metric_transformations(ours.metric_transformations);
    said("logs:PutMetricFilter", put.send().await).map(drop)
}

pub(super) async fn delete(object: &Object) -> Result<()> {
    let logs = object.aws.logs();
    match object.kind.as_str() {
        "dashboard" => {
            let delete = object.aws.cloudwatch().delete_dashboards().dashboard_names(&object.id);
            said("cloudwatch:DeleteDashboards", delete.send().await).map(drop)
        }
        "log_group" => {
            let delete = logs.delete_log_group().log_group_name(&object.id);
            said("logs:DeleteLogGroup", delete.send().await).map(drop)
        }
        "log_resource_policy" => {
            let delete = logs.delete_resource_policy().policy_name(&object.id);
            said("logs:DeleteResourcePolicy", delete.send().await).map(drop)
        }
        "metric_alarm" => {
            let delete = object.aws.cloudwatch().delete_alarms().alarm_names(&object.id);
            said("cloudwatch:DeleteAlarms", delete.send().await).map(drop)
        }
        "metric_filter" => {
            let delete = logs.delete_metric_filter().log_group_name(object.part(0)?);
            let delete = delete.filter_name(object.part(1)?);
            said("logs:DeleteMetricFilter", delete.send().await).map(drop)
        }
        _ => Err(object.unknown()),
    }
}
