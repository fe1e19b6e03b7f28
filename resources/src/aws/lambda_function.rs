//! `lambda_function`: an AWS Lambda function.
//!
//! With `publish`, each change of code or configuration becomes a version, which is what a `lambda_alias` points at. Of
//! the versions only the newest few stay, and those that an alias uses. `publish` reads back as false while `$LATEST`
//! is not what was published last: after a run that died half way, the next one publishes.
//!
//! API: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{Architecture, LastUpdateStatus, PackageType, Runtime, State};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::fields::Fields;
use super::shape::{claim, tag_changes};
use super::{Aws, call, found, tags, wait_until};

mod code;
mod configuration;
mod observed;
mod rules;
mod versions;

/// The kind; `id` is the function's name.
pub struct LambdaFunction(pub Arc<Aws>);

const GONE: &[&str] = &["ResourceNotFoundException"];
/// An image or a VPC function may take minutes to become active.
const LIMIT: Duration = Duration::from_mins(10);
/// Tells a function's state.
const STATE: &str = "lambda:GetFunctionConfiguration";

/// Lambda's name for what is not published.
const UNPUBLISHED: &str = "$LATEST";

static SPEC: KindSpec = KindSpec {
    name: "lambda_function",
    settings: &[
        Setting::replace("function_name"),
        Setting::replace("package_type"),
        Setting::new("description").moves_outputs(),
        Setting::new("runtime").moves_outputs(),
        Setting::new("handler").moves_outputs(),
        Setting::new("role").moves_outputs(),
        Setting::new("code").moves_outputs(),
        Setting::new("code_sha256").moves_outputs(),
        Setting::new("architectures").moves_outputs(),
        Setting::new("memory_size").moves_outputs(),
        Setting::new("timeout").moves_outputs(),
        Setting::new("environment").moves_outputs(),
        Setting::new("kms_key_arn").moves_outputs(),
        Setting::new("tracing_mode").moves_outputs(),
        Setting::new("log_group").moves_outputs(),
        Setting::new("log_format").moves_outputs(),
        Setting::new("dead_letter_target_arn").moves_outputs(),
        Setting::new("reserved_concurrent_executions"),
        Setting::new("vpc_config").moves_outputs(),
        Setting::new("image_config").moves_outputs(),
        Setting::new("ephemeral_storage_size").moves_outputs(),
        Setting::new("layers").moves_outputs(),
        Setting::new("publish").moves_outputs(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name", "qualified_arn", "version", "invoke_arn"],
    volatile_outputs: &["qualified_arn", "version"],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "lambda:CreateFunction",
        "lambda:GetFunction",
        "lambda:GetFunctionConfiguration",
        "lambda:UpdateFunctionConfiguration",
        "lambda:UpdateFunctionCode",
        "lambda:DeleteFunction",
        "lambda:PublishVersion",
        "lambda:ListVersionsByFunction",
        "lambda:ListAliases",
        "lambda:PutFunctionConcurrency",
        "lambda:DeleteFunctionConcurrency",
        "lambda:TagResource",
        "lambda:UntagResource",
        // doc: "Giving Lambda functions access to resources in an Amazon VPC", user permissions.
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        // Asked of whoever hands a role to a service.
        "iam:PassRole",
    ],
};

/// What API Gateway calls to invoke a function, a version or an alias (doc: API Gateway `PutIntegration`, `uri`: the
/// path of Lambda's Invoke API of 2015-03-31).
pub(super) fn invoke_arn(aws: &Aws, region: &str, arn: &str) -> String {
    let partition = aws.partition();
    format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations")
}

/// Brings the tags of a function or an event source mapping in line.
pub(super) async fn retag(aws: &Aws, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
    let client = aws.lambda(&cx.region);
    let (put, gone) = tag_changes(change);
    if put.is_some() {
        let request = client.tag_resource().resource(arn).set_tags(put);
        call(cx, "lambda:TagResource", || request.clone().send()).await?;
    }
    if gone.is_some() {
        let request = client.untag_resource().resource(arn).set_tag_keys(gone);
        call(cx, "lambda:UntagResource", || request.clone().send()).await?;
    }
    Ok(())
}

impl LambdaFunction {
    fn arn(&self, cx: &Context, name: &str) -> String {
        self.0.arn("lambda", &cx.region, &format!("function:{name}"))
    }

    fn outputs(&self, cx: &Context, name: &str, version: &str) -> Outputs {
        let arn = self.arn(cx, name);
        Outputs::from([
            ("id".into(), name.into()),
            ("name".into(), name.into()),
            ("qualified_arn".into(), format!("{arn}:{version}")),
            ("version".into(), version.into()),
            ("invoke_arn".into(), invoke_arn(&self.0, &cx.region, &arn)),
            ("arn".into(), arn),
        ])
    }

    async fn function(&self, cx: &Context, name: &str) -> KindResult<Option<GetFunctionOutput>> {
        let client = self.0.lambda(&cx.region);
        let answer = call(cx, "lambda:GetFunction", || {
            client.get_function().function_name(name).send()
        })
        .await;
        found(answer, GONE)
    }

    /// Waits until nothing is on its way any more: before that, neither event sources nor further updates are accepted. A
    /// version has a state of its own. Answers why the function failed, if it did.
    async fn settled(&self, cx: &Context, name: &str, version: Option<&str>) -> KindResult<Option<String>> {
        let client = self.0.lambda(&cx.region);
        wait_until(STATE, "Active", LIMIT, || async {
            let answer = call(cx, STATE, || {
                client
                    .get_function_configuration()
                    .function_name(name)
                    .set_qualifier(version.map(ToOwned::to_owned))
                    .send()
            })
            .await?;
            let reason = |text: Option<String>| text.unwrap_or_else(|| "Lambda gave no reason".to_owned());
            Ok(match (answer.last_update_status, answer.state) {
                (Some(LastUpdateStatus::InProgress), _) => Poll::Pending("update in progress".to_owned()),
                (_, Some(State::Pending)) => Poll::Pending("Pending".to_owned()),
                (Some(LastUpdateStatus::Failed), _) => Poll::Ready(Some(reason(answer.last_update_status_reason))),
                (_, Some(State::Failed)) => Poll::Ready(Some(reason(answer.state_reason))),
                _ => Poll::Ready(None),
            })
        })
        .await
    }

    /// Waits until the function is active and its last update has taken effect.
    async fn ready(&self, cx: &Context, name: &str, version: Option<&str>) -> KindResult<()> {
        match self.settled(cx, name, version).await? {
            None => Ok(()),
            Some(reason) => Err(KindError::Failed {
                operation: STATE.to_owned(),
                message: format!("function {name} failed: {reason}"),
            }),
        }
    }

    /// Publishes when asked to; Lambda answers with the last version when nothing has changed.
    async fn publish(&self, cx: &Context, name: &str, settings: &Settings) -> KindResult<String> {
        if !settings.opt_bool("publish")?.unwrap_or_default() {
            return Ok(UNPUBLISHED.to_owned());
        }
        let client = self.0.lambda(&cx.region);
        let answer = call(cx, "lambda:PublishVersion", || {
            client.publish_version().function_name(name).send()
        })
        .await?;
        let version = answer.version.unwrap_or_else(|| UNPUBLISHED.to_owned());
        self.ready(cx, name, Some(&version)).await?;
        Ok(version)
    }

    async fn put_concurrency(&self, cx: &Context, name: &str, settings: &Settings) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let Some(reserved) = settings.opt_i32("reserved_concurrent_executions")? else {
            let answer = call(cx, "lambda:DeleteFunctionConcurrency", || {
                client.delete_function_concurrency().function_name(name).send()
            })
            .await;
            return found(answer, GONE).map(|_| ());
        };
        call(cx, "lambda:PutFunctionConcurrency", || {
            client
                .put_function_concurrency()
                .function_name(name)
                .reserved_concurrent_executions(reserved)
                .send()
        })
        .await?;
        Ok(())
    }

    async fn update_code(&self, cx: &Context, name: &str, settings: &Settings) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let request = client
            .update_function_code()
            .function_name(name)
            .set_architectures(Some(architectures(settings)?));
        let code = code::of(settings)?;
        let timeout = code.timeout();
        let request = code.on_update(request);
        call(cx, "lambda:UpdateFunctionCode", || {
            request.clone().customize().config_override(timeout.clone()).send()
        })
        .await?;
        self.ready(cx, name, None).await
    }
}

/// What was to be changed, and whatever else is set.
fn all_of(change: &Change<'_>) -> Vec<String> {
    let names = SPEC.settings.iter().filter(|setting| !setting.replace);
    let due = names.filter(|setting| change.has(setting.name) || change.after.value(setting.name).is_some());
    due.map(|setting| setting.name.to_owned()).collect()
}

/// doc: `CreateFunction`: `x86_64` where nothing is said.
fn architectures(settings: &Settings) -> KindResult<Vec<Architecture>> {
    let names = settings.texts("architectures")?;
    if names.is_empty() {
        return Ok(vec![Architecture::X8664]);
    }
    Ok(names.iter().map(|name| Architecture::from(name.as_str())).collect())
}

#[async_trait]
impl Kind for LambdaFunction {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.lambda(&cx.region);
        let name = desired.text("function_name")?;
        let tags: HashMap<String, String> = tags::wanted(desired).into_iter().collect();
        let code = code::of(desired)?;
        let timeout = code.timeout();
        let request = client
            .create_function()
            .function_name(name)
            .role(desired.text("role")?)
            .code(code.on_create())
            .set_package_type(desired.opt_text("package_type").map(PackageType::from))
            .set_runtime(desired.opt_text("runtime").map(Runtime::from))
            .set_handler(desired.opt_string("handler"))
            .set_description(desired.opt_string("description"))
            .set_architectures(Some(architectures(desired)?))
            .set_timeout(desired.opt_i32("timeout")?)
            .set_memory_size(desired.opt_i32("memory_size")?)
            .set_kms_key_arn(desired.opt_string("kms_key_arn"))
            .set_environment(configuration::environment(desired)?)
            .set_tracing_config(configuration::tracing(desired))
            .set_logging_config(configuration::logging(desired))
            .set_dead_letter_config(configuration::dead_letters(desired))
            .set_vpc_config(configuration::vpc(desired)?)
            .set_image_config(configuration::image(desired)?)
            .set_layers(configuration::layers(desired)?)
            .set_ephemeral_storage(configuration::ephemeral_storage(desired)?)
            .set_tags((!tags.is_empty()).then_some(tags));
        call(cx, "lambda:CreateFunction", || {
            request.clone().customize().config_override(timeout.clone()).send()
        })
        .await?;
        cx.created(&self.outputs(cx, name, UNPUBLISHED));
        self.ready(cx, name, None).await?;
        if desired.value("reserved_concurrent_executions").is_some() {
            self.put_concurrency(cx, name, desired).await?;
        }
        let version = self.publish(cx, name, desired).await?;
        Ok(self.outputs(cx, name, &version))
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(function) = self.function(cx, id).await? else {
            return Ok(None);
        };
        let mut settings = observed::settings(&function, recorded);
        let mut version = UNPUBLISHED.to_owned();
        if recorded.opt_bool("publish")?.unwrap_or_default() {
            let versions = self.versions(cx, id).await?;
            settings.insert("publish".to_owned(), versions.up_to_date().into());
            version = versions.newest().map_or(version, |number| number.to_string());
        }
        Ok(Some(Observed {
            settings,
            outputs: self.outputs(cx, id, &version),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        // An interrupted create may still be under way. What failed stays so until it is written anew (doc: "Lambda
        // function states": resolve the errors and redeploy), also where only the surroundings were wrong: a key's policy,
        // a subnet without addresses.
        let failed = self.settled(cx, id, None).await?.is_some();
        let changed = if failed {
            all_of(change)
        } else {
            change.changed.to_vec()
        };
        let change = &Change {
            changed: &changed,
            ..*change
        };
        let client = self.0.lambda(&cx.region);
        let request = client.update_function_configuration().function_name(id);
        if let Some(request) = configuration::on_update(request, id, change)? {
            call(cx, "lambda:UpdateFunctionConfiguration", || request.clone().send()).await?;
            self.ready(cx, id, None).await?;
        }
        if change.any(&["code", "code_sha256", "architectures"]) {
            self.update_code(cx, id, change.after).await?;
        }
        if change.has("reserved_concurrent_executions") {
            self.put_concurrency(cx, id, change.after).await?;
        }
        retag(&self.0, cx, &self.arn(cx, id), change).await?;
        let unversioned = !SPEC.update_moves_outputs(change.changed.iter().map(String::as_str));
        if let Some(version) = change.outputs.get("version").filter(|_| unversioned) {
            return Ok(self.outputs(cx, id, version));
        }
        let version = self.publish(cx, id, change.after).await?;
        if version != UNPUBLISHED {
            self.prune(cx, id).await;
        }
        Ok(self.outputs(cx, id, &version))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let answer = call(cx, "lambda:DeleteFunction", || {
            client.delete_function().function_name(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("function_name")?;
        let Some(function) = self.function(cx, name).await? else {
            return Ok(None);
        };
        let found = function.tags.unwrap_or_default().into_iter().collect();
        claim(cx, "lambda:GetFunction", &format!("a function named {name}"), &found)?;
        Ok(Some(name.to_owned()))
    }

    /// Subnets and security groups are sets.
    fn normalise(&self, setting: &str, value: &Value) -> Value {
        let value = tap_engine::json::normalise(value, false);
        match (setting, value) {
            ("vpc_config", Value::Object(members)) => members
                .into_iter()
                .map(|(name, list)| (name, tap_engine::json::normalise(&list, true)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            (_, value) => value,
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        rules::check(settings)
    }
}

#[cfg(test)]
mod tests;
