//! `metric_alarm`: an Amazon CloudWatch alarm on one metric or on metric math.
//!
//! API: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, Metric, MetricAlarm as Described, MetricDataQuery, MetricStat,
    StandardUnit, Statistic, Tag,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::alarms::{self, Actions, Alarm};
use super::checks::Checks;
use super::events::filled;
use super::fields::{Fields, Seen};
use super::{Aws, call};

/// The kind; `id` is the alarm name.
pub struct MetricAlarm(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "metric_alarm",
    settings: &[
        Setting::replace("alarm_name"),
        Setting::new("alarm_description"),
        Setting::new("metrics"),
        Setting::new("namespace"),
        Setting::new("metric_name"),
        Setting::new("dimensions"),
        Setting::new("statistic"),
        Setting::new("extended_statistic"),
        Setting::new("period"),
        Setting::new("unit"),
        Setting::new("comparison_operator"),
        Setting::new("threshold"),
        Setting::new("threshold_metric_id"),
        Setting::new("evaluation_periods"),
        Setting::new("datapoints_to_alarm"),
        Setting::new("treat_missing_data"),
        Setting::new("actions_enabled"),
        Setting::new("alarm_actions").unordered(),
        Setting::new("ok_actions").unordered(),
        Setting::new("insufficient_data_actions").unordered(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
    ],
};

/// What AWS takes where nothing is said (doc: `PutMetricAlarm`).
const DEFAULT_TREATMENT: &str = "missing";

/// One element of `metrics`: a metric or an expression over others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_data: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<Measured>,
}

/// A metric with its statistic, `MetricStat` in the API; period in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    namespace: String,
    metric_name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: BTreeMap<String, String>,
    period: i32,
    stat: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

fn dimensions(map: BTreeMap<String, String>) -> Option<Vec<Dimension>> {
    let dimension = |(name, value)| Dimension::builder().name(name).value(value).build();
    (!map.is_empty()).then(|| map.into_iter().map(dimension).collect())
}

fn dimension_map(list: Option<Vec<Dimension>>) -> BTreeMap<String, String> {
    let pairs = list.unwrap_or_default().into_iter();
    pairs.filter_map(|d| Some((d.name?, d.value?))).collect()
}

impl From<Query> for MetricDataQuery {
    fn from(query: Query) -> Self {
        let stat = query.metric.map(|stat| {
            let metric = Metric::builder()
                .namespace(stat.namespace)
                .metric_name(stat.metric_name)
                .set_dimensions(dimensions(stat.dimensions))
                .build();
            MetricStat::builder()
                .metric(metric)
                .period(stat.period)
                .stat(stat.stat)
                .set_unit(stat.unit.as_deref().map(StandardUnit::from))
                .build()
        });
        Self::builder()
            .id(query.id)
            .set_expression(query.expression)
            .set_label(query.label)
            .set_return_data(query.return_data)
            .set_period(query.period)
            .set_metric_stat(stat)
            .build()
    }
}

impl From<MetricDataQuery> for Query {
    fn from(query: MetricDataQuery) -> Self {
        let stat = query.metric_stat.map(|stat| {
            let metric = stat.metric.unwrap_or_else(|| Metric::builder().build());
            Measured {
                namespace: metric.namespace.unwrap_or_default(),
                metric_name: metric.metric_name.unwrap_or_default(),
                dimensions: dimension_map(metric.dimensions),
                period: stat.period.unwrap_or_default(),
                stat: stat.stat.unwrap_or_default(),
                unit: stat.unit.map(|unit| unit.as_str().to_owned()),
            }
        });
        Self {
            id: query.id.unwrap_or_default(),
            expression: query.expression,
            label: query.label,
            return_data: query.return_data,
            period: query.period,
            metric: stat,
        }
    }
}

/// The form in which queries are compared: by id, the default `return_data = true` left out.
fn normalise_queries(value: &Value) -> Option<Value> {
    let mut queries: Vec<Query> = serde_json::from_value(tap_engine::json::normalise(value, false)).ok()?;
    for query in &mut queries {
        query.return_data = query.return_data.filter(|returned| !returned);
    }
    queries.sort_by(|a, b| a.id.cmp(&b.id));
    let value = serde_json::to_value(queries).ok()?;
    Some(tap_engine::json::normalise(&value, false))
}

fn observed(alarm: Described, recorded: &Settings) -> Seen {
    let mut seen = Seen::default();
    let queries: Vec<Query> = alarm.metrics.unwrap_or_default().into_iter().map(Query::from).collect();
    let on_one_metric = alarm.metric_name.is_some();
    // An alarm has either a metric or queries: an answer with neither does not show the queries.
    let metrics = if queries.is_empty() && !on_one_metric {
        recorded.value("metrics").cloned()
    } else {
        serde_json::to_value(queries)
            .ok()
            .filter(|v| v != &Value::Array(Vec::new()))
    };
    // An alarm has either a statistic or a percentile.
    let statistic = alarm
        .statistic
        .filter(|_| on_one_metric && alarm.extended_statistic.is_none())
        .map(|s| s.as_str().to_owned());
    let treatment = alarm
        .treat_missing_data
        .filter(|t| t != DEFAULT_TREATMENT || recorded.value("treat_missing_data").is_some());
    let dimensions = dimension_map(alarm.dimensions);
    let dimensions = (!dimensions.is_empty()).then(|| {
        let pairs = dimensions.into_iter().map(|(name, value)| (name, Value::String(value)));
        pairs.collect::<serde_json::Map<_, _>>()
    });
    seen.put("alarm_name", alarm.alarm_name)
        .put("alarm_description", filled(alarm.alarm_description))
        .put("metrics", metrics)
        .put("namespace", filled(alarm.namespace))
        .put("metric_name", alarm.metric_name)
        .put("dimensions", dimensions)
        .put("statistic", statistic)
        .put("extended_statistic", alarm.extended_statistic)
        .put("period", alarm.period.filter(|_| on_one_metric))
        .put("unit", alarm.unit.map(|unit| unit.as_str().to_owned()))
        .put(
            "comparison_operator",
            alarm.comparison_operator.map(|o| o.as_str().to_owned()),
        )
        .put("threshold", alarm.threshold)
        .put("threshold_metric_id", alarm.threshold_metric_id)
        .put("evaluation_periods", alarm.evaluation_periods)
        .put("datapoints_to_alarm", alarm.datapoints_to_alarm)
        .put("treat_missing_data", treatment);
    let actions = Actions {
        enabled: alarm.actions_enabled,
        alarm: alarm.alarm_actions,
        ok: alarm.ok_actions,
        insufficient_data: alarm.insufficient_data_actions,
    };
    actions.show(&mut seen, recorded);
    seen
}

impl MetricAlarm {
    fn request(&self, cx: &Context, settings: &Settings) -> KindResult<PutMetricAlarmFluentBuilder> {
        let queries = settings.parse::<Vec<Query>>("metrics")?;
        let queries = queries.map(|list| list.into_iter().map(MetricDataQuery::from).collect());
        let actions = Actions::wanted(settings)?;
        Ok(self
            .0
            .cloudwatch(&cx.region)
            .put_metric_alarm()
            .alarm_name(settings.text("alarm_name")?)
            .set_alarm_description(settings.opt_string("alarm_description"))
            .set_metrics(queries)
            .set_namespace(settings.opt_string("namespace"))
            .set_metric_name(settings.opt_string("metric_name"))
            .set_dimensions(dimensions(settings.text_map("dimensions")?))
            .set_statistic(settings.opt_text("statistic").map(Statistic::from))
            .set_extended_statistic(settings.opt_string("extended_statistic"))
            .set_period(settings.opt_i32("period")?)
            .set_unit(settings.opt_text("unit").map(StandardUnit::from))
            .set_comparison_operator(settings.opt_text("comparison_operator").map(ComparisonOperator::from))
            .set_threshold(settings.opt_f64("threshold")?)
            .set_threshold_metric_id(settings.opt_string("threshold_metric_id"))
            .set_evaluation_periods(settings.opt_i32("evaluation_periods")?)
            .set_datapoints_to_alarm(settings.opt_i32("datapoints_to_alarm")?)
            .set_treat_missing_data(settings.opt_string("treat_missing_data"))
            .set_actions_enabled(actions.enabled)
            .set_alarm_actions(actions.alarm)
            .set_ok_actions(actions.ok)
            .set_insufficient_data_actions(actions.insufficient_data))
    }
}

#[async_trait]
impl Alarm for MetricAlarm {
    fn aws(&self) -> &Aws {
        &self.0
    }

    async fn look(&self, cx: &Context, name: &str, recorded: &Settings) -> KindResult<Option<Seen>> {
        let answer = alarms::describe(&self.0, cx, name, AlarmType::MetricAlarm).await?;
        let alarm = answer.metric_alarms.unwrap_or_default().pop();
        Ok(alarm.map(|alarm| observed(alarm, recorded)))
    }

    async fn put(&self, cx: &Context, settings: &Settings, tags: Option<Vec<Tag>>) -> KindResult<()> {
        let request = self.request(cx, settings)?.set_tags(tags);
        call(cx, "cloudwatch:PutMetricAlarm", || request.clone().send()).await?;
        Ok(())
    }
}

#[async_trait]
impl Kind for MetricAlarm {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        alarms::create(self, cx, desired).await
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        alarms::read(self, cx, id, recorded).await
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        alarms::update(self, cx, id, change).await
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        alarms::delete(&self.0, cx, id).await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        alarms::find(self, cx, desired).await
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        let queries = (setting == "metrics").then(|| normalise_queries(value)).flatten();
        let unordered = SPEC.setting(setting).is_some_and(|s| s.unordered);
        queries.unwrap_or_else(|| tap_engine::json::normalise(value, unordered))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        alarms::check(&mut checks);
        checks.required(&["comparison_operator", "evaluation_periods"]);
        checks.range("evaluation_periods", 1..=i64::from(i32::MAX));
        checks.range("datapoints_to_alarm", 1..=i64::from(i32::MAX));
        let treatments = ["breaching", "notBreaching", "ignore", DEFAULT_TREATMENT];
        checks.one_of("treat_missing_data", &treatments);
        let operators: Vec<&str> = ComparisonOperator::values().to_vec();
        checks.one_of("comparison_operator", &operators);
        checks.one_of("statistic", Statistic::values());
        checks.one_of("unit", StandardUnit::values());
        if settings.value("threshold").is_some() == settings.value("threshold_metric_id").is_some() {
            checks.wrong("threshold", "set exactly one of threshold and threshold_metric_id");
        }
        if let (Ok(Some(points)), Ok(Some(periods))) = (
            settings.opt_i64("datapoints_to_alarm"),
            settings.opt_i64("evaluation_periods"),
        ) && points > periods
        {
            checks.wrong("datapoints_to_alarm", "cannot be more than evaluation_periods");
        }
        if let Ok(Some(period)) = settings.opt_i64("period")
            && !matches!(period, 10 | 20 | 30)
            && (period <= 0 || period % 60 != 0)
        {
            checks.wrong(
                "period",
                format!("must be 10, 20, 30 or a multiple of 60 seconds, not {period}"),
            );
        }
        check_metric(settings, &mut checks);
        checks.done()
    }
}

/// One metric with a statistic, or queries of which exactly one returns data.
fn check_metric(settings: &Settings, checks: &mut Checks<'_>) {
    let set = |name: &str| settings.value(name).is_some();
    if set("metrics") == set("metric_name") {
        checks.wrong("metrics", "set exactly one of metrics and metric_name");
        return;
    }
    if set("metric_name") {
        checks.required(&["namespace", "period"]);
        if set("statistic") == set("extended_statistic") {
            checks.wrong("statistic", "set exactly one of statistic and extended_statistic");
        }
        return;
    }
    for name in [
        "namespace",
        "dimensions",
        "statistic",
        "extended_statistic",
        "period",
        "unit",
    ] {
        if set(name) {
            checks.wrong(name, "cannot be combined with metrics");
        }
    }
    let Some(queries) = checks.parsed::<Vec<Query>>("metrics") else {
        return;
    };
    if queries.iter().filter(|q| q.return_data != Some(false)).count() != 1 {
        checks.wrong(
            "metrics",
            "exactly one element must return data; set return_data = false on the others",
        );
    }
    if queries.iter().any(|q| q.expression.is_some() == q.metric.is_some()) {
        checks.wrong("metrics", "each element has either an expression or a metric");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    fn error_rate() -> Value {
        json!([
            {"id": "rate", "expression": "100 * errors / all", "label": "error rate"},
            {"id": "errors", "return_data": false, "metric": {
                "namespace": "AWS/Lambda", "metric_name": "Errors", "dimensions": {"FunctionName": "f"},
                "period": 60, "stat": "Sum"}},
            {"id": "all", "return_data": false, "metric": {
                "namespace": "AWS/Lambda", "metric_name": "Invocations", "period": 60, "stat": "Sum", "unit": "Count"}}
        ])
    }

    #[test]
    fn queries_come_back_from_the_sdk_as_they_went_in() {
        let queries: Vec<Query> = serde_json::from_value(error_rate()).unwrap();
        let there_and_back: Vec<Query> = queries
            .iter()
            .cloned()
            .map(|q| Query::from(MetricDataQuery::from(q)))
            .collect();
        assert_eq!(there_and_back, queries);
        let alarm = Described::builder()
            .alarm_name("a")
            .set_metrics(Some(queries.into_iter().rev().map(MetricDataQuery::from).collect()))
            .build();
        let seen = observed(alarm, &Settings::new()).done();
        assert_eq!(normalise_queries(&seen["metrics"]), normalise_queries(&error_rate()));
    }

    #[test]
    fn an_answer_without_metric_and_queries_says_nothing_of_the_queries() {
        let recorded = settings(json!({"metrics": error_rate()}));
        let silent = Described::builder().alarm_name("a").period(60).build();
        let seen = observed(silent, &recorded).done();
        assert_eq!(seen["metrics"], error_rate());
        assert!(!seen.contains_key("period"));
        let on_a_metric = Described::builder().alarm_name("a").metric_name("m").build();
        assert!(!observed(on_a_metric, &recorded).done().contains_key("metrics"));
    }

    #[test]
    fn a_query_that_returns_data_by_default_is_the_same_as_one_that_says_so() {
        let explicit = json!([{"id": "a", "expression": "b", "return_data": true}]);
        let implicit = json!([{"id": "a", "expression": "b"}]);
        assert_eq!(normalise_queries(&explicit), normalise_queries(&implicit));
    }

    #[test]
    fn a_percentile_alarm_has_no_statistic() {
        let alarm = Described::builder()
            .metric_name("Latency")
            .statistic(Statistic::Average)
            .extended_statistic("p99")
            .build();
        let seen = observed(alarm, &Settings::new()).done();
        assert!(!seen.contains_key("statistic"));
        assert_eq!(seen["extended_statistic"], json!("p99"));
    }
}
