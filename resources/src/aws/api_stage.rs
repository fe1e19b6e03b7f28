//! `api_stage`: a stage of a REST API: which deployment it serves, how it logs and throttles.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_Stage.html>

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigateway::operation::get_stage::GetStageOutput;
use serde_json::{Map, Number, Value};
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{self, GONE, Patch, editing, flag, object, parts, seen_tags, text, wanted_tags};
use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen};
use super::{Aws, call, found, tags};

/// The kind; `id` is `<rest api>|<stage>`.
pub struct ApiStage(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_stage",
    settings: &[
        Setting::replace("rest_api_id"),
        Setting::replace("stage_name"),
        Setting::new("deployment_id"),
        Setting::new("description"),
        Setting::new("xray_tracing_enabled"),
        Setting::new("access_log"),
        Setting::new("method_settings"),
        Setting::new("variables"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "invoke_url", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
    ],
};

/// Members of setting `method_settings`, their patch path below `/*/*`, and the value that means
/// "as if never set": `-1` hands throttling back to the account's limits.
const METHOD_SETTINGS: &[(&str, &str, &str)] = &[
    ("logging_level", "logging/loglevel", "OFF"),
    ("data_trace_enabled", "logging/dataTrace", "false"),
    ("metrics_enabled", "metrics/enabled", "false"),
    ("throttling_rate_limit", "throttling/rateLimit", "-1"),
    ("throttling_burst_limit", "throttling/burstLimit", "-1"),
];

/// What AWS reports for members of `method_settings` that nobody set: the account's limits.
const ACCOUNT_LIMITS: &[(&str, &str)] = &[("throttling_rate_limit", "10000"), ("throttling_burst_limit", "5000")];

/// The patches that bring a stage in line.
fn patch(change: &Change<'_>) -> KindResult<Patch> {
    let mut patch = Patch::default();
    patch.texts(
        change,
        &[
            ("deployment_id", "/deploymentId", ""),
            ("description", "/description", ""),
            ("xray_tracing_enabled", "/tracingEnabled", "false"),
        ],
    );
    if change.has("variables") {
        let (before, after) = (
            change.before.text_map("variables")?,
            change.after.text_map("variables")?,
        );
        patch.map("/variables", &before, &after);
    }
    if change.has("access_log") {
        match change.after.value("access_log") {
            Some(wanted) => {
                for (member, path) in [("destination_arn", "destinationArn"), ("format", "format")] {
                    let value = wanted[member]
                        .as_str()
                        .ok_or_else(|| KindError::invalid("access_log", format!("{member} is required")))?;
                    patch.replace(&format!("/accessLogSettings/{path}"), value);
                }
            }
            None => patch.remove("/accessLogSettings", None),
        }
    }
    if change.has("method_settings") {
        method_settings(change, &mut patch);
    }
    Ok(patch)
}

fn method_settings(change: &Change<'_>, patch: &mut Patch) {
    let member = |settings: &Settings, name: &str| {
        let value = settings.value("method_settings").and_then(|v| v.get(name)).cloned();
        value.filter(|v| !v.is_null())
    };
    for (name, path, unset) in METHOD_SETTINGS {
        let (before, after) = (member(change.before, name), member(change.after, name));
        if before == after {
            continue;
        }
        let value = match after {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => (*unset).to_owned(),
        };
        patch.replace(&format!("/*/*/{path}"), value);
    }
}

/// Setting `method_settings` as read.
fn seen_method_settings(stage: &GetStageOutput, recorded: &Settings) -> Option<Value> {
    let actual = stage.method_settings()?.get("*/*")?;
    let recorded = recorded.value("method_settings");
    let members = [
        ("logging_level", actual.logging_level().map(Value::from)),
        ("data_trace_enabled", Some(actual.data_trace_enabled().into())),
        ("metrics_enabled", Some(actual.metrics_enabled().into())),
        (
            "throttling_rate_limit",
            Number::from_f64(actual.throttling_rate_limit()).map(Value::Number),
        ),
        ("throttling_burst_limit", Some(actual.throttling_burst_limit().into())),
    ];
    let mut seen = Map::new();
    for (name, value) in members {
        let Some(value) = value.map(|v| tap_engine::json::normalise(&v, false)) else {
            continue;
        };
        let asked_for = recorded.and_then(|r| r.get(name)).is_some_and(|v| !v.is_null());
        if asked_for || !means_unset(name, &value) {
            seen.insert(name.to_owned(), value);
        }
    }
    (!seen.is_empty()).then_some(Value::Object(seen))
}

fn means_unset(member: &str, value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    METHOD_SETTINGS
        .iter()
        .any(|(name, _, unset)| *name == member && *unset == text)
        || ACCOUNT_LIMITS
            .iter()
            .any(|(name, limit)| *name == member && *limit == text)
}

fn seen_access_log(stage: &GetStageOutput) -> Option<Value> {
    let actual = stage.access_log_settings()?;
    let members = [
        ("destination_arn", actual.destination_arn()),
        ("format", actual.format()),
    ];
    let seen: Map<String, Value> = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), text(value)?.into())))
        .collect();
    (!seen.is_empty()).then_some(Value::Object(seen))
}

impl ApiStage {
    fn arn(&self, cx: &Context, api: &str, stage: &str) -> String {
        apigateway::arn(&self.0, cx, &format!("/restapis/{api}/stages/{stage}"))
    }

    fn outputs(&self, cx: &Context, api: &str, stage: &str) -> Outputs {
        let suffix = match self.0.partition() {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        let url = format!("https://{api}.execute-api.{}.{suffix}/{stage}", cx.region);
        Outputs::from([
            ("id".into(), format!("{api}|{stage}")),
            ("arn".into(), self.arn(cx, api, stage)),
            ("invoke_url".into(), url),
            ("name".into(), stage.into()),
        ])
    }

    async fn stage(&self, cx: &Context, api: &str, stage: &str) -> KindResult<Option<GetStageOutput>> {
        let client = self.0.apigateway(&cx.region);
        let answer = call(cx, "apigateway:GetStage", || {
            client.get_stage().rest_api_id(api).stage_name(stage).send()
        })
        .await;
        found(answer, GONE)
    }

    async fn patch(&self, cx: &Context, api: &str, stage: &str, patch: &Patch) -> KindResult<()> {
        if patch.is_empty() {
            return Ok(());
        }
        let client = self.0.apigateway(&cx.region);
        call(cx, "apigateway:UpdateStage", || {
            client
                .update_stage()
                .rest_api_id(api)
                .stage_name(stage)
                .set_patch_operations(Some(patch.0.clone()))
                .send()
        })
        .await
        .map(|_| ())
    }
}

#[async_trait]
impl Kind for ApiStage {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.apigateway(&cx.region);
        let (api, name) = (desired.text("rest_api_id")?, desired.text("stage_name")?);
        let deployment = desired.text("deployment_id")?;
        let tracing = desired.opt_bool("xray_tracing_enabled")?;
        let variables: HashMap<_, _> = desired.text_map("variables")?.into_iter().collect();
        // CreateStage takes neither of these two.
        let later = ["access_log".to_owned(), "method_settings".to_owned()];
        let changed: Vec<String> = later.into_iter().filter(|name| desired.value(name).is_some()).collect();
        let later = patch(&Change {
            before: &Settings::new(),
            after: desired,
            changed: &changed,
            outputs: &Outputs::new(),
        })?;
        let _turn = editing(api).await;
        call(cx, "apigateway:CreateStage", || {
            client
                .create_stage()
                .rest_api_id(api)
                .stage_name(name)
                .deployment_id(deployment)
                .set_description(desired.opt_string("description"))
                .set_tracing_enabled(tracing)
                .set_variables(Some(variables.clone()).filter(|v| !v.is_empty()))
                .set_tags(Some(wanted_tags(desired)))
                .send()
        })
        .await?;
        let outputs = self.outputs(cx, api, name);
        cx.created(&outputs);
        self.patch(cx, api, name, &later).await?;
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let [api, name] = parts(id)?;
        let Some(stage) = self.stage(cx, api, name).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("rest_api_id", Some(api));
        seen.put("stage_name", Some(name));
        seen.put("deployment_id", text(stage.deployment_id()));
        seen.put("description", text(stage.description()));
        let setting = "xray_tracing_enabled";
        seen.put(setting, flag(stage.tracing_enabled(), setting, recorded));
        seen.put("access_log", seen_access_log(&stage));
        seen.put("method_settings", seen_method_settings(&stage, recorded));
        seen.put("variables", object(stage.variables()));
        seen.put("tags", tags::setting(seen_tags(stage.tags())));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, api, name),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let [api, name] = parts(id)?;
        let patch = patch(change)?;
        let _turn = editing(api).await;
        self.patch(cx, api, name, &patch).await?;
        apigateway::apply_tags(&self.0, cx, &self.arn(cx, api, name), change).await?;
        Ok(self.outputs(cx, api, name))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.apigateway(&cx.region);
        let [api, name] = parts(id)?;
        let _turn = editing(api).await;
        let answer = call(cx, "apigateway:DeleteStage", || {
            client.delete_stage().rest_api_id(api).stage_name(name).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let (api, name) = (desired.text("rest_api_id")?, desired.text("stage_name")?);
        let id = format!("{api}|{name}");
        let Some(stage) = self.stage(cx, api, name).await? else {
            return Ok(None);
        };
        if cx.known_ids.contains(&id) {
            return Ok(None);
        }
        if tags::owned(cx, &seen_tags(stage.tags())) {
            return Ok(Some(id));
        }
        Err(KindError::NotOwned {
            operation: "apigateway:GetStage".into(),
            message: format!(
                "API {api} has a stage {name} already that is not tagged as {} of {}",
                cx.key, cx.stack
            ),
        })
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.text("stage_name", 1..=128, alphanumeric_or("_-"), "letters, digits, _ and -");
        if let Some(wanted) = settings.value("method_settings") {
            let known = |name: &String| METHOD_SETTINGS.iter().any(|(n, ..)| n == name);
            for name in wanted
                .as_object()
                .into_iter()
                .flat_map(Map::keys)
                .filter(|name| !known(name))
            {
                checks.wrong("method_settings", format!("has no member {name}"));
            }
            let level = wanted["logging_level"].as_str();
            if let Some(level) = level.filter(|level| !["OFF", "ERROR", "INFO"].contains(level)) {
                let message = format!("logging_level must be one of OFF, ERROR, INFO, not {level}");
                checks.wrong("method_settings", message);
            }
        }
        let format = settings.value("access_log").and_then(|log| log["format"].as_str());
        if let Some(format) = format {
            // doc: "Set up CloudWatch API logging": a format is one line and holds the request id.
            if format.contains('\n') {
                checks.wrong("access_log", "format must be a single line");
            }
            if !format.contains("$context.requestId") && !format.contains("$context.extendedRequestId") {
                let message = "format must hold $context.requestId or $context.extendedRequestId";
                checks.wrong("access_log", message);
            }
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        let Value::Object(members) = value else { unreachable!() };
        members.into_iter().collect()
    }

    #[test]
    fn a_member_that_is_taken_away_goes_back_to_what_aws_does_by_itself() {
        let before = settings(json!({"method_settings": {"logging_level": "INFO", "throttling_rate_limit": 100}}));
        let after = settings(json!({"method_settings": {"logging_level": "INFO", "metrics_enabled": true}}));
        let changed = ["method_settings".to_owned()];
        let change = Change {
            before: &before,
            after: &after,
            changed: &changed,
            outputs: &Outputs::new(),
        };
        let mut wanted = Patch::default();
        wanted.replace("/*/*/metrics/enabled", "true");
        wanted.replace("/*/*/throttling/rateLimit", "-1");
        assert_eq!(patch(&change).unwrap(), wanted);
    }

    #[test]
    fn limits_that_nobody_set_are_not_drift() {
        let actual = aws_sdk_apigateway::types::MethodSetting::builder()
            .logging_level("INFO")
            .throttling_rate_limit(10_000.0)
            .throttling_burst_limit(-1)
            .build();
        let stage = GetStageOutput::builder().method_settings("*/*", actual).build();
        assert_eq!(
            seen_method_settings(&stage, &Settings::new()),
            Some(json!({"logging_level": "INFO"}))
        );
        let recorded = settings(json!({"method_settings": {"throttling_rate_limit": 500}}));
        let seen = seen_method_settings(&stage, &recorded).unwrap();
        assert_eq!(
            seen["throttling_rate_limit"],
            json!(10_000),
            "a limit that somebody raised shows"
        );
    }

    #[test]
    fn mistakes_show_at_plan_time() {
        let kind = ApiStage(apigateway::test_aws());
        let wrong = |value| kind.validate(&settings(value)).len();
        let log = json!({"destination_arn": "${log_group.a.arn}", "format": "{\"id\":\"$context.requestId\"}"});
        assert_eq!(wrong(json!({"stage_name": "prod", "access_log": log})), 0);
        assert_eq!(wrong(json!({"stage_name": "a b"})), 1);
        assert_eq!(wrong(json!({"access_log": {"format": "a\nb"}})), 2);
        assert_eq!(
            wrong(json!({"method_settings": {"logging_level": "DEBUG", "cache": true}})),
            2
        );
    }
}
