//! `metric_filter`: a metric filter of a CloudWatch Logs log group.
//!
//! API: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::types::{MetricFilter as Described, MetricTransformation, StandardUnit};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, literal};
use super::fields::{Fields, Seen, built};
use super::{Aws, call, found};

/// The kind; `id` is `<log group>|<filter name>`.
pub struct MetricFilter(pub Arc<Aws>);

/// The filter or its log group is not there.
const GONE: &[&str] = &["ResourceNotFoundException"];
/// doc: `MetricTransformation`: the most dimensions of one filter.
const MOST_DIMENSIONS: usize = 3;

static SPEC: KindSpec = KindSpec {
    name: "metric_filter",
    settings: &[
        Setting::replace("log_group_name"),
        Setting::replace("filter_name"),
        Setting::new("filter_pattern"),
        Setting::new("metric_transformations"),
        Setting::new("apply_on_transformed_logs"),
    ],
    outputs: &["id", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "logs:DeleteMetricFilter",
        "logs:DescribeMetricFilters",
        "logs:PutMetricFilter",
    ],
};

/// What a matching line becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transformation {
    metric_name: String,
    metric_namespace: String,
    /// A number, or the field of the pattern that holds it (`$.latency`).
    metric_value: String,
    /// Published for lines that do not match; O-20: leave it out where the metric is a measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_value: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// Dimension name -> field of the pattern.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: BTreeMap<String, String>,
}

impl Transformation {
    fn for_sdk(self) -> KindResult<MetricTransformation> {
        let transformation = MetricTransformation::builder()
            .metric_name(self.metric_name)
            .metric_namespace(self.metric_namespace)
            .metric_value(self.metric_value)
            .set_default_value(self.default_value.and_then(|number| number.as_f64()))
            .set_unit(self.unit.as_deref().map(StandardUnit::from))
            .set_dimensions((!self.dimensions.is_empty()).then(|| self.dimensions.into_iter().collect()));
        built("logs:PutMetricFilter", transformation.build())
    }

    fn from_sdk(read: &MetricTransformation) -> Self {
        Self {
            metric_name: read.metric_name.clone(),
            metric_namespace: read.metric_namespace.clone(),
            metric_value: read.metric_value.clone(),
            default_value: read.default_value.and_then(Number::from_f64),
            unit: read.unit.as_ref().map(|unit| unit.as_str().to_owned()),
            dimensions: read.dimensions.clone().unwrap_or_default().into_iter().collect(),
        }
    }
}

fn id_of(settings: &Settings) -> KindResult<String> {
    Ok(format!(
        "{}|{}",
        settings.text("log_group_name")?,
        settings.text("filter_name")?
    ))
}

/// Log group and filter name. No log group has a `|` in its name, so the first one divides.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((id, ""))
}

fn outputs(id: &str) -> Outputs {
    Outputs::from([("id".into(), id.into()), ("name".into(), parts(id).1.into())])
}

fn observed(filter: &Described, id: &str, recorded: &Settings) -> Settings {
    let (group, name) = parts(id);
    let transformations: Vec<Transformation> = filter
        .metric_transformations()
        .iter()
        .map(Transformation::from_sdk)
        .collect();
    let mut seen = Seen::default();
    seen.put("log_group_name", Some(group))
        .put("filter_name", Some(name))
        // An empty pattern matches every line: the same as none.
        .put_unless_default("filter_pattern", filter.filter_pattern(), "", recorded)
        .put("metric_transformations", serde_json::to_value(transformations).ok())
        .put_unless_default(
            "apply_on_transformed_logs",
            Some(filter.apply_on_transformed_logs),
            false,
            recorded,
        );
    seen.done()
}

impl MetricFilter {
    async fn filter(&self, cx: &Context, id: &str) -> KindResult<Option<Described>> {
        let (group, name) = parts(id);
        let client = self.0.logs(&cx.region);
        let answer = call(cx, "logs:DescribeMetricFilters", || {
            let pages = client
                .describe_metric_filters()
                .log_group_name(group)
                .filter_name_prefix(name)
                .into_paginator();
            pages.items().send().try_collect()
        })
        .await;
        let filters = found(answer, GONE)?.unwrap_or_default();
        Ok(filters.into_iter().find(|f| f.filter_name() == Some(name)))
    }

    /// `PutMetricFilter` replaces the whole filter.
    async fn put(&self, cx: &Context, settings: &Settings) -> KindResult<()> {
        let transformations = settings
            .parse::<Vec<Transformation>>("metric_transformations")?
            .ok_or_else(|| KindError::invalid("metric_transformations", "is required"))?;
        let transformations = transformations
            .into_iter()
            .map(Transformation::for_sdk)
            .collect::<KindResult<Vec<_>>>()?;
        let request = self
            .0
            .logs(&cx.region)
            .put_metric_filter()
            .log_group_name(settings.text("log_group_name")?)
            .filter_name(settings.text("filter_name")?)
            .filter_pattern(settings.opt_text("filter_pattern").unwrap_or_default())
            .set_metric_transformations(Some(transformations))
            .set_apply_on_transformed_logs(settings.opt_bool("apply_on_transformed_logs")?);
        call(cx, "logs:PutMetricFilter", || request.clone().send()).await?;
        Ok(())
    }
}

#[async_trait]
impl Kind for MetricFilter {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let id = id_of(desired)?;
        // PutMetricFilter would silently overwrite it.
        if self.filter(cx, &id).await?.is_some() {
            let (group, name) = parts(&id);
            return Err(KindError::NotOwned {
                operation: "logs:PutMetricFilter".into(),
                message: format!("log group {group} has a metric filter {name} already; delete or rename it"),
            });
        }
        self.put(cx, desired).await?;
        let outputs = outputs(&id);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        Ok(self.filter(cx, id).await?.map(|filter| Observed {
            settings: observed(&filter, id, recorded),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.put(cx, change.after).await?;
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let (group, name) = parts(id);
        let client = self.0.logs(&cx.region);
        let answer = call(cx, "logs:DeleteMetricFilter", || {
            client
                .delete_metric_filter()
                .log_group_name(group)
                .filter_name(name)
                .send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let id = id_of(desired)?;
        let known = cx.known_ids.contains(&id);
        Ok(self.filter(cx, &id).await?.filter(|_| !known).map(|_| id))
    }

    /// Without a unit, the unit is `None` (doc: `MetricTransformation`, `unit`).
    fn normalise(&self, setting: &str, value: &Value) -> Value {
        let mut value = tap_engine::json::normalise(value, false);
        if let ("metric_transformations", Value::Array(items)) = (setting, &mut value) {
            for members in items.iter_mut().filter_map(Value::as_object_mut) {
                if members.get("unit").is_some_and(|unit| unit == "None") {
                    members.remove("unit");
                }
            }
        }
        value
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["log_group_name", "filter_name", "metric_transformations"]);
        checks.length("filter_name", 1..=512);
        checks.length("filter_pattern", 0..=1024);
        if literal(settings, "filter_name").is_some_and(|name| name.contains([':', '*'])) {
            checks.wrong("filter_name", "must not hold : or *");
        }
        let Some(transformations) = checks.parsed::<Vec<Transformation>>("metric_transformations") else {
            return checks.done();
        };
        let [transformation] = transformations.as_slice() else {
            checks.wrong("metric_transformations", "must have exactly one element");
            return checks.done();
        };
        for mistake in mistakes(transformation) {
            checks.wrong("metric_transformations", mistake);
        }
        checks.done()
    }
}

/// doc: `MetricTransformation`, and for dimensions with a default value
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html>.
fn mistakes(transformation: &Transformation) -> Vec<String> {
    let mut wrong = Vec::new();
    let names = [
        ("metric_name", &transformation.metric_name),
        ("metric_namespace", &transformation.metric_namespace),
    ];
    for (member, text) in names {
        if text.is_empty() || text.chars().count() > 255 {
            wrong.push(format!("{member} must have 1 to 255 characters"));
        }
        if !text.contains("${") && text.contains([':', '*', '$']) {
            wrong.push(format!("{member} {text:?} must not hold :, * or $"));
        }
    }
    if transformation.metric_namespace.starts_with("AWS/") {
        wrong.push("metric_namespace must not begin with AWS/: those are AWS's own".to_owned());
    }
    if transformation.metric_value.is_empty() || transformation.metric_value.chars().count() > 100 {
        wrong.push("metric_value must have 1 to 100 characters".to_owned());
    }
    let unit = transformation.unit.as_deref().filter(|unit| !unit.contains("${"));
    if let Some(unit) = unit
        && !StandardUnit::values().contains(&unit)
    {
        wrong.push(format!(
            "unit must be one of {}, not {unit}",
            StandardUnit::values().join(", ")
        ));
    }
    if transformation.dimensions.len() > MOST_DIMENSIONS {
        let count = transformation.dimensions.len();
        wrong.push(format!("may have {MOST_DIMENSIONS} dimensions at most, not {count}"));
    }
    if transformation.default_value.is_some() && !transformation.dimensions.is_empty() {
        wrong.push("default_value cannot be combined with dimensions".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn latency() -> Value {
        json!({"metric_name": "APILatency", "metric_namespace": "PaymentProcessing/dev", "metric_value": "$.responseLatency"})
    }

    fn found(transformation: &Value) -> String {
        let settings: Settings = serde_json::from_value(json!({
            "log_group_name": "/aws/apigateway/payments-dev", "filter_name": "latency", "filter_pattern": "{ $.status = 200 }",
            "metric_transformations": [transformation],
        }))
        .unwrap();
        let problems = MetricFilter(super::super::testing::aws()).validate(&settings);
        problems
            .into_iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .collect::<Vec<_>>()
            .join(
                "
",
            )
    }

    #[test]
    fn no_unit_is_the_unit_none() {
        let kind = MetricFilter(super::super::testing::aws());
        let normal = |unit: Value| {
            let mut transformation = latency();
            transformation["unit"] = unit;
            kind.normalise("metric_transformations", &json!([transformation]))
        };
        assert_eq!(normal(json!("None")), normal(Value::Null));
        assert_ne!(normal(json!("Count")), normal(Value::Null));
    }

    #[test]
    fn what_cloudwatch_would_refuse_is_known_at_plan_time() {
        assert_eq!(found(&latency()), "");
        for (member, value, part) in [
            ("metric_namespace", json!("AWS/ApiGateway"), "AWS's own"),
            ("metric_name", json!("a:b"), "must not hold"),
            ("metric_value", json!(""), "1 to 100"),
            ("unit", json!("Furlongs"), "must be one of"),
            (
                "dimensions",
                json!({"a": "$.a", "b": "$.b", "c": "$.c", "d": "$.d"}),
                "3 dimensions at most",
            ),
            ("other", json!(1), "unknown field"),
        ] {
            let mut wrong = latency();
            wrong[member] = value;
            let said = found(&wrong);
            assert!(said.contains(part), "{part} is missing in: {said}");
        }
        let mut both = latency();
        both["dimensions"] = json!({"Method": "$.httpMethod"});
        assert_eq!(found(&both), "");
        both["default_value"] = json!(0);
        assert!(found(&both).contains("cannot be combined"));
    }

    #[test]
    fn an_id_has_both_names() {
        assert_eq!(parts("/aws/apigateway/x|latency"), ("/aws/apigateway/x", "latency"));
    }
}
