//! `lambda_event_source_mapping`: a stream or queue that Lambda polls for a function.
//!
//! API: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput as Mapping;
use aws_sdk_lambda::types::{
    DestinationConfig, EventSourcePosition, Filter, FilterCriteria, FunctionResponseType, OnFailure, ScalingConfig,
};
use serde_json::{Value, json};
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::lambda_function::retag;
use super::shape::{claim, unless_default};
use super::{Aws, call, found, tags, wait_until};

/// The kind; `id` is the mapping's UUID.
pub struct LambdaEventSourceMapping(pub Arc<Aws>);

const GONE: &[&str] = &["ResourceNotFoundException"];
/// Creating, updating and deleting take up to some minutes on a busy stream.
const LIMIT: Duration = Duration::from_mins(10);

static SPEC: KindSpec = KindSpec {
    name: "lambda_event_source_mapping",
    settings: &[
        Setting::replace("event_source_arn"),
        Setting::new("function_name"),
        Setting::replace("starting_position"),
        Setting::new("batch_size"),
        Setting::new("maximum_batching_window_in_seconds"),
        Setting::new("maximum_retry_attempts"),
        Setting::new("maximum_record_age_in_seconds"),
        Setting::new("bisect_batch_on_function_error"),
        Setting::new("parallelization_factor"),
        Setting::new("function_response_types").unordered(),
        Setting::new("filter_criteria"),
        Setting::new("destination_on_failure"),
        Setting::new("enabled"),
        Setting::new("maximum_concurrency"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "uuid"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "lambda:CreateEventSourceMapping",
        "lambda:GetEventSourceMapping",
        "lambda:ListEventSourceMappings",
        "lambda:UpdateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
        "lambda:ListTags",
        "lambda:TagResource",
        "lambda:UntagResource",
    ],
};

/// doc: `CreateEventSourceMapping`, `BatchSize`: 10 for queues, 100 for streams.
fn default_batch_size(source_arn: &str) -> i32 {
    if source_arn.contains(":sqs:") { 10 } else { 100 }
}

fn filter_criteria(settings: &Settings) -> KindResult<Option<FilterCriteria>> {
    let patterns: Option<Vec<Value>> = settings.parse("filter_criteria")?;
    Ok(patterns.filter(|list| !list.is_empty()).map(|patterns| {
        let filters = patterns.iter().map(|pattern| {
            let text = pattern.as_str().map_or_else(|| pattern.to_string(), ToOwned::to_owned);
            Filter::builder().pattern(text).build()
        });
        FilterCriteria::builder().set_filters(Some(filters.collect())).build()
    }))
}

fn on_failure(settings: &Settings) -> Option<DestinationConfig> {
    let arn = settings.opt_text("destination_on_failure")?;
    let target = OnFailure::builder().destination(arn).build();
    Some(DestinationConfig::builder().on_failure(target).build())
}

fn response_types(settings: &Settings) -> KindResult<Vec<FunctionResponseType>> {
    let names = settings.texts("function_response_types")?;
    Ok(names
        .iter()
        .map(|name| FunctionResponseType::from(name.as_str()))
        .collect())
}

fn scaling(settings: &Settings) -> KindResult<Option<ScalingConfig>> {
    let most = settings.opt_i32("maximum_concurrency")?;
    Ok(most.map(|n| ScalingConfig::builder().maximum_concurrency(n).build()))
}

/// AWS reports the function's ARN; settings may name it shorter.
fn function_name(arn: &str, recorded: &Settings) -> String {
    match recorded.opt_text("function_name") {
        Some(name) if arn.ends_with(&format!(":function:{name}")) => name.to_owned(),
        _ => arn.to_owned(),
    }
}

fn observed(mapping: &Mapping, recorded: &Settings) -> Seen {
    let source = mapping.event_source_arn().unwrap_or_default();
    let default = |name: &str, value: Option<Value>, default: Value| unless_default(recorded, name, value, default);
    let filters = mapping
        .filter_criteria()
        .map(FilterCriteria::filters)
        .unwrap_or_default();
    let patterns: Vec<Value> = filters.iter().filter_map(Filter::pattern).map(parse_document).collect();
    let types = mapping.function_response_types();
    let types: Vec<&str> = types.iter().map(FunctionResponseType::as_str).collect();
    let enabled = !matches!(mapping.state(), Some("Disabled" | "Disabling"));
    let mut seen = Seen::default();
    seen.put("event_source_arn", mapping.event_source_arn())
        .put(
            "function_name",
            mapping.function_arn().map(|arn| function_name(arn, recorded)),
        )
        .put(
            "starting_position",
            mapping.starting_position().map(EventSourcePosition::as_str),
        )
        .put(
            "batch_size",
            unless_default(recorded, "batch_size", mapping.batch_size(), default_batch_size(source)),
        )
        .put("filter_criteria", (!patterns.is_empty()).then_some(patterns))
        .put("function_response_types", (!types.is_empty()).then_some(types))
        .put(
            "destination_on_failure",
            mapping
                .destination_config()
                .and_then(|d| d.on_failure()?.destination())
                .filter(|arn| !arn.is_empty()),
        )
        .put(
            "maximum_concurrency",
            mapping.scaling_config().and_then(ScalingConfig::maximum_concurrency),
        )
        .put("enabled", default("enabled", Some(json!(enabled)), json!(true)));
    // doc: GetEventSourceMapping: -1 means without limit, which is the default for streams.
    for (name, value, usual) in [
        (
            "maximum_batching_window_in_seconds",
            mapping.maximum_batching_window_in_seconds(),
            0,
        ),
        ("maximum_retry_attempts", mapping.maximum_retry_attempts(), -1),
        (
            "maximum_record_age_in_seconds",
            mapping.maximum_record_age_in_seconds(),
            -1,
        ),
        ("parallelization_factor", mapping.parallelization_factor(), 1),
    ] {
        seen.put(name, default(name, value.map(Value::from), json!(usual)));
    }
    seen.put(
        "bisect_batch_on_function_error",
        unless_default(
            recorded,
            "bisect_batch_on_function_error",
            mapping.bisect_batch_on_function_error(),
            false,
        ),
    );
    seen
}

impl LambdaEventSourceMapping {
    fn arn(&self, cx: &Context, uuid: &str) -> String {
        self.0
            .arn("lambda", &cx.region, &format!("event-source-mapping:{uuid}"))
    }

    fn outputs(&self, cx: &Context, uuid: &str) -> Outputs {
        Outputs::from([
            ("id".into(), uuid.into()),
            ("uuid".into(), uuid.into()),
            ("arn".into(), self.arn(cx, uuid)),
        ])
    }

    async fn mapping(&self, cx: &Context, uuid: &str) -> KindResult<Option<Mapping>> {
        let client = self.0.lambda(&cx.region);
        let answer = call(cx, "lambda:GetEventSourceMapping", || {
            client.get_event_source_mapping().uuid(uuid).send()
        })
        .await;
        found(answer, GONE)
    }

    async fn tags_of(&self, cx: &Context, uuid: &str) -> KindResult<tags::Tags> {
        let client = self.0.lambda(&cx.region);
        let arn = self.arn(cx, uuid);
        let answer = call(cx, "lambda:ListTags", || client.list_tags().resource(&arn).send()).await;
        let tags = found(answer, GONE)?.and_then(|a| a.tags).unwrap_or_default();
        Ok(tags.into_iter().collect())
    }

    /// Waits until Lambda has brought the last request to its end.
    async fn settled(&self, cx: &Context, uuid: &str) -> KindResult<()> {
        wait_until("lambda:GetEventSourceMapping", "Enabled or Disabled", LIMIT, || async {
            let mapping = self.mapping(cx, uuid).await?;
            let state = mapping.as_ref().and_then(Mapping::state).unwrap_or("not found");
            Ok(match state {
                "Enabled" | "Disabled" => Poll::Ready(()),
                other => Poll::Pending(other.to_owned()),
            })
        })
        .await
    }

    async fn update_mapping(&self, cx: &Context, uuid: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let after = change.after;
        let mut request = client.update_event_source_mapping().uuid(uuid);
        // What is no longer set goes back to the documented default.
        if change.has("function_name") {
            request = request.function_name(after.text("function_name")?);
        }
        if change.has("batch_size") {
            let source = after.opt_text("event_source_arn").unwrap_or_default();
            request = request.batch_size(after.opt_i32("batch_size")?.unwrap_or(default_batch_size(source)));
        }
        if change.has("maximum_batching_window_in_seconds") {
            let seconds = after.opt_i32("maximum_batching_window_in_seconds")?;
            request = request.maximum_batching_window_in_seconds(seconds.unwrap_or(0));
        }
        if change.has("maximum_retry_attempts") {
            request = request.maximum_retry_attempts(after.opt_i32("maximum_retry_attempts")?.unwrap_or(-1));
        }
        if change.has("maximum_record_age_in_seconds") {
            let seconds = after.opt_i32("maximum_record_age_in_seconds")?;
            request = request.maximum_record_age_in_seconds(seconds.unwrap_or(-1));
        }
        if change.has("bisect_batch_on_function_error") {
            let bisect = after.opt_bool("bisect_batch_on_function_error")?;
            request = request.bisect_batch_on_function_error(bisect.unwrap_or(false));
        }
        if change.has("parallelization_factor") {
            request = request.parallelization_factor(after.opt_i32("parallelization_factor")?.unwrap_or(1));
        }
        if change.has("function_response_types") {
            request = request.set_function_response_types(Some(response_types(after)?));
        }
        if change.has("filter_criteria") {
            let none = || FilterCriteria::builder().build();
            request = request.filter_criteria(filter_criteria(after)?.unwrap_or_else(none));
        }
        if change.has("destination_on_failure") {
            let nowhere = OnFailure::builder().build();
            let none = DestinationConfig::builder().on_failure(nowhere).build();
            request = request.destination_config(on_failure(after).unwrap_or(none));
        }
        if change.has("maximum_concurrency") {
            let none = || ScalingConfig::builder().build();
            request = request.scaling_config(scaling(after)?.unwrap_or_else(none));
        }
        if change.has("enabled") {
            request = request.enabled(after.opt_bool("enabled")?.unwrap_or(true));
        }
        call(cx, "lambda:UpdateEventSourceMapping", || request.clone().send()).await?;
        self.settled(cx, uuid).await
    }
}

#[async_trait]
impl Kind for LambdaEventSourceMapping {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.lambda(&cx.region);
        let types = response_types(desired)?;
        let tags: HashMap<String, String> = tags::wanted(desired).into_iter().collect();
        let request = client
            .create_event_source_mapping()
            .event_source_arn(desired.text("event_source_arn")?)
            .function_name(desired.text("function_name")?)
            .set_starting_position(desired.opt_text("starting_position").map(EventSourcePosition::from))
            .set_batch_size(desired.opt_i32("batch_size")?)
            .set_maximum_batching_window_in_seconds(desired.opt_i32("maximum_batching_window_in_seconds")?)
            .set_maximum_retry_attempts(desired.opt_i32("maximum_retry_attempts")?)
            .set_maximum_record_age_in_seconds(desired.opt_i32("maximum_record_age_in_seconds")?)
            .set_bisect_batch_on_function_error(desired.opt_bool("bisect_batch_on_function_error")?)
            .set_parallelization_factor(desired.opt_i32("parallelization_factor")?)
            .set_function_response_types((!types.is_empty()).then_some(types))
            .set_filter_criteria(filter_criteria(desired)?)
            .set_destination_config(on_failure(desired))
            .set_scaling_config(scaling(desired)?)
            .set_enabled(desired.opt_bool("enabled")?)
            .set_tags((!tags.is_empty()).then_some(tags));
        let answer = call(cx, "lambda:CreateEventSourceMapping", || request.clone().send()).await?;
        let uuid = answer.uuid.unwrap_or_default();
        let outputs = self.outputs(cx, &uuid);
        cx.created(&outputs);
        self.settled(cx, &uuid).await?;
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(mapping) = self.mapping(cx, id).await?.filter(|m| m.state() != Some("Deleting")) else {
            return Ok(None);
        };
        let mut seen = observed(&mapping, recorded);
        seen.put("tags", tags::setting(self.tags_of(cx, id).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if change.changed.iter().any(|name| name != "tags") {
            self.update_mapping(cx, id, change).await?;
        }
        retag(&self.0, cx, &self.arn(cx, id), change).await?;
        Ok(self.outputs(cx, id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let answer = call(cx, "lambda:DeleteEventSourceMapping", || {
            client.delete_event_source_mapping().uuid(id).send()
        })
        .await;
        if found(answer, GONE)?.is_none() {
            return Ok(());
        }
        wait_until("lambda:GetEventSourceMapping", "deleted", LIMIT, || async {
            Ok(match self.mapping(cx, id).await? {
                None => Poll::Ready(()),
                Some(mapping) => Poll::Pending(mapping.state().unwrap_or_default().to_owned()),
            })
        })
        .await
    }

    /// AWS allows one mapping per source and function.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let client = self.0.lambda(&cx.region);
        let (source, function) = (desired.text("event_source_arn")?, desired.text("function_name")?);
        let answer = call(cx, "lambda:ListEventSourceMappings", || {
            let pages = client
                .list_event_source_mappings()
                .event_source_arn(source)
                .function_name(function)
                .into_paginator();
            pages.items().send().try_collect()
        })
        .await;
        let mut strange = None;
        for mapping in found(answer, GONE)?.unwrap_or_default() {
            let uuid = mapping.uuid.unwrap_or_default();
            if mapping.state.as_deref() == Some("Deleting") || cx.known_ids.contains(&uuid) {
                continue;
            }
            let what = format!("an event source mapping from {source} to {function} ({uuid})");
            match claim(
                cx,
                "lambda:ListEventSourceMappings",
                &what,
                &self.tags_of(cx, &uuid).await?,
            ) {
                Ok(()) => return Ok(Some(uuid)),
                Err(error) => strange = Some(error),
            }
        }
        strange.map_or(Ok(None), Err::<_, KindError>)
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["event_source_arn", "function_name"])
            .one_of("starting_position", &["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])
            .range("batch_size", 1..=10_000)
            .range("maximum_batching_window_in_seconds", 0..=300)
            .range("maximum_retry_attempts", -1..=10_000)
            .range("maximum_record_age_in_seconds", -1..=604_800)
            .range("parallelization_factor", 1..=10)
            .range("maximum_concurrency", 2..=1000);
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_reports_by_default_is_not_drift() {
        let mapping = Mapping::builder()
            .event_source_arn("arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/x")
            .function_arn("arn:aws:lambda:us-east-1:123456789012:function:f")
            .state("Enabled")
            .batch_size(100)
            .maximum_retry_attempts(-1)
            .maximum_record_age_in_seconds(-1)
            .parallelization_factor(1)
            .bisect_batch_on_function_error(false)
            .maximum_batching_window_in_seconds(0)
            .filter_criteria(FilterCriteria::builder().build())
            .build();
        let recorded = Settings::from([("function_name".to_owned(), json!("f"))]);
        let settings = observed(&mapping, &recorded).done();
        let names: Vec<_> = settings.keys().map(String::as_str).collect();
        assert_eq!(names, ["event_source_arn", "function_name"]);
        assert_eq!(settings["function_name"], json!("f"));
    }

    #[test]
    fn a_disabled_mapping_shows() {
        let mapping = Mapping::builder().state("Disabled").build();
        assert_eq!(observed(&mapping, &Settings::new()).done()["enabled"], json!(false));
    }
}
