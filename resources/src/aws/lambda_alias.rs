//! `lambda_alias`: a fixed name that points at one version of a function. Whatever calls the function calls the
//! alias, so that new code goes live in one step, when the alias moves (issue 3, safe change).
//!
//! API: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use serde_json::{Map, Value, json};
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, literal};
use super::fields::{Fields, Seen};
use super::lambda_function::invoke_arn;
use super::{Aws, call, found};

/// The kind; `id` is `function|alias`. Aliases carry no tags: their function and their name prove whose they are.
pub struct LambdaAlias(pub Arc<Aws>);

const GONE: &[&str] = &["ResourceNotFoundException"];

static SPEC: KindSpec = KindSpec {
    name: "lambda_alias",
    settings: &[
        Setting::replace("name"),
        Setting::replace("function_name"),
        Setting::new("function_version"),
        Setting::new("description"),
        Setting::new("additional_version_weights"),
    ],
    outputs: &["id", "arn", "name", "invoke_arn"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "lambda:CreateAlias",
        "lambda:GetAlias",
        "lambda:UpdateAlias",
        "lambda:DeleteAlias",
    ],
};

/// The parts of an id: function and alias.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((id, ""))
}

fn id_of(settings: &Settings) -> KindResult<String> {
    Ok(format!(
        "{}|{}",
        settings.text("function_name")?,
        settings.text("name")?
    ))
}

/// Shares of the traffic (0.0 to 1.0) that go to another version; empty takes all of them away.
fn routing(settings: &Settings) -> KindResult<AliasRoutingConfiguration> {
    let weights: BTreeMap<String, f64> = settings.parse("additional_version_weights")?.unwrap_or_default();
    Ok(AliasRoutingConfiguration::builder()
        .set_additional_version_weights(Some(weights.into_iter().collect()))
        .build())
}

/// `CreateAlias`, `GetAlias` and `UpdateAlias` answer alike, in types of their own.
fn observed(
    id: &str,
    version: Option<&str>,
    description: Option<&str>,
    routing: Option<&AliasRoutingConfiguration>,
) -> Settings {
    let (function, name) = parts(id);
    let weights: Map<String, Value> = routing
        .and_then(AliasRoutingConfiguration::additional_version_weights)
        .into_iter()
        .flatten()
        .map(|(version, weight)| (version.clone(), json!(weight)))
        .collect();
    let mut seen = Seen::default();
    seen.put("name", Some(name))
        .put("function_name", Some(function))
        .put("function_version", version)
        .put("description", description.filter(|text| !text.is_empty()))
        .put(
            "additional_version_weights",
            (!weights.is_empty()).then_some(Value::Object(weights)),
        );
    seen.done()
}

impl LambdaAlias {
    fn outputs(&self, cx: &Context, id: &str) -> Outputs {
        let (function, name) = parts(id);
        let arn = self.0.arn("lambda", &cx.region, &format!("function:{function}:{name}"));
        Outputs::from([
            ("id".into(), id.into()),
            ("name".into(), name.into()),
            ("invoke_arn".into(), invoke_arn(&self.0, &cx.region, &arn)),
            ("arn".into(), arn),
        ])
    }
}

#[async_trait]
impl Kind for LambdaAlias {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.lambda(&cx.region);
        let request = client
            .create_alias()
            .function_name(desired.text("function_name")?)
            .name(desired.text("name")?)
            .function_version(desired.text("function_version")?)
            .set_description(desired.opt_string("description"));
        let request = match desired.value("additional_version_weights") {
            Some(_) => request.routing_config(routing(desired)?),
            None => request,
        };
        call(cx, "lambda:CreateAlias", || request.clone().send()).await?;
        let outputs = self.outputs(cx, &id_of(desired)?);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let client = self.0.lambda(&cx.region);
        let (function, name) = parts(id);
        let answer = call(cx, "lambda:GetAlias", || {
            client.get_alias().function_name(function).name(name).send()
        })
        .await;
        Ok(found(answer, GONE)?.map(|alias| Observed {
            settings: observed(
                id,
                alias.function_version(),
                alias.description(),
                alias.routing_config(),
            ),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let client = self.0.lambda(&cx.region);
        let (function, name) = parts(id);
        let after = change.after;
        let mut request = client.update_alias().function_name(function).name(name);
        if change.has("function_version") {
            request = request.function_version(after.text("function_version")?);
        }
        if change.has("description") {
            request = request.description(after.opt_text("description").unwrap_or_default());
        }
        if change.has("additional_version_weights") {
            request = request.routing_config(routing(after)?);
        }
        call(cx, "lambda:UpdateAlias", || request.clone().send()).await?;
        Ok(self.outputs(cx, id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let (function, name) = parts(id);
        let answer = call(cx, "lambda:DeleteAlias", || {
            client.delete_alias().function_name(function).name(name).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let id = id_of(desired)?;
        Ok(self.read(cx, &id, desired).await?.map(|_| id))
    }

    /// doc: `CreateAlias`: names of 1 to 128 characters that are no number; one further version at most, with a
    /// weight of 0.0 to 1.0, and neither may be `$LATEST` then.
    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["name", "function_name", "function_version"])
            .name("name", 128, "-_");
        let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        if let Some(name) = literal(settings, "name").filter(|name| all_digits(name)) {
            checks.wrong("name", format!("{name:?} is a number, which names a version"));
        }
        let version = literal(settings, "function_version");
        if let Some(other) = version.filter(|text| *text != "$LATEST" && (text.is_empty() || !all_digits(text))) {
            checks.wrong(
                "function_version",
                format!("{other:?} is neither a version's number nor $LATEST"),
            );
        }
        if settings.value("additional_version_weights").is_some() {
            weights(&mut checks, settings);
        }
        checks.done()
    }
}

fn weights(checks: &mut Checks<'_>, settings: &Settings) {
    const SETTING: &str = "additional_version_weights";
    let weights: BTreeMap<String, f64> = match settings.parse(SETTING) {
        Ok(weights) => weights.unwrap_or_default(),
        Err(error) => {
            checks.wrong(SETTING, error.to_string());
            return;
        }
    };
    if weights.len() > 1 {
        checks.wrong(SETTING, "an alias shares its traffic with one further version at most");
    }
    if let Some((version, weight)) = weights.iter().find(|(_, weight)| !(0.0..=1.0).contains(*weight)) {
        checks.wrong(SETTING, format!("{version}: {weight} must be from 0.0 to 1.0"));
    }
    if weights.contains_key("$LATEST") || literal(settings, "function_version") == Some("$LATEST") {
        checks.wrong(
            SETTING,
            "traffic can be shared between published versions only, not with $LATEST",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::aws;

    fn found(value: Value) -> Vec<String> {
        let settings = serde_json::from_value(value).unwrap();
        let all = LambdaAlias(aws()).validate(&settings).into_iter();
        all.map(|(setting, _)| setting).collect()
    }

    #[test]
    fn mistakes_show_before_aws_sees_them() {
        let sound = json!({"name": "live", "function_name": "f", "function_version": "${lambda_function.f.version}"});
        assert!(found(sound.clone()).is_empty());
        for (setting, value) in [
            ("name", json!("7")),
            ("name", json!("a b")),
            ("function_version", json!("newest")),
            ("additional_version_weights", json!({"2": 1.5})),
            ("additional_version_weights", json!({"2": 0.1, "3": 0.1})),
            ("additional_version_weights", json!({"$LATEST": 0.1})),
            ("additional_version_weights", json!({"2": "all"})),
        ] {
            let mut wrong = sound.clone();
            wrong[setting] = value;
            assert_eq!(found(wrong.clone()), [setting], "{wrong}");
        }
        assert_eq!(found(json!({"name": "live"})), ["function_name", "function_version"]);
    }

    #[test]
    fn an_alias_without_weights_has_none_to_show() {
        let empty = AliasRoutingConfiguration::builder().build();
        let settings = observed("f|live", Some("3"), Some(""), Some(&empty));
        assert_eq!(
            settings.into_keys().collect::<Vec<_>>(),
            ["function_name", "function_version", "name"]
        );
    }
}
