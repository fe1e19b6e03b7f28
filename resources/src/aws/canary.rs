//! `canary`: a CloudWatch Synthetics canary.
//!
//! API: <https://docs.aws.amazon.com/AmazonSynthetics/latest/APIReference/>. A canary goes CREATING, READY, STARTING,
//! RUNNING, STOPPING, STOPPED, UPDATING, DELETING, or ERROR; while it is on its way to another state, every change is a
//! `ConflictException`. A running one is stopped for an update (aws: synthetics/canary.go).
//!
//! Behind each canary is a Lambda function `cwsyn-...` with a layer that holds the script, and a log group that its runs
//! write; see [`leftovers`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_synthetics::types::{Canary as Described, CanaryState, CanaryStateReasonCode as Reason};
use serde_json::Value;
use tap_engine::{
    Change, Context, Finding, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Prospect, Setting, Settings,
};

use super::call::Poll;
use super::fields::Fields;
use super::shape::{claim, tag_changes};
use super::{Aws, call, found, retry, wait_until};

mod configuration;
mod leftovers;
mod observed;
mod rules;
pub mod runtime;
mod script;

/// The kind; `id` is the canary's name.
pub struct Canary(pub Arc<Aws>);

const GONE: &[&str] = &["ResourceNotFoundException"];
/// A canary in a VPC takes minutes to be made.
const LIMIT: Duration = Duration::from_mins(10);
/// aws: synthetics/canary.go: twice the usual time until a new role has spread.
const ROLE_SPREADS_WITHIN: Duration = Duration::from_mins(4);

static SPEC: KindSpec = KindSpec {
    name: "canary",
    settings: &[
        Setting::replace("name"),
        Setting::new("artifact_s3_location"),
        Setting::new("execution_role_arn"),
        Setting::new("runtime_version").moves_outputs(),
        Setting::new("handler").moves_outputs(),
        // Its zip becomes a Lambda layer that Synthetics owns: there is no call that gives the script back.
        Setting::new("script").unreadable().moves_outputs(),
        Setting::new("schedule"),
        Setting::new("run_config").moves_outputs(),
        Setting::new("success_retention_period_in_days"),
        Setting::new("failure_retention_period_in_days"),
        Setting::new("vpc_config").moves_outputs(),
        Setting::new("artifact_encryption"),
        Setting::new("start"),
        Setting::new("delete_lambda").unreadable(),
        Setting::new("provisioned_resource_cleanup"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name", "canary_id", "engine_arn", "log_group_name"],
    // Its version counts the updates.
    volatile_outputs: &["engine_arn"],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "synthetics:CreateCanary",
        "synthetics:DeleteCanary",
        "synthetics:DescribeRuntimeVersions",
        "synthetics:GetCanary",
        "synthetics:StartCanary",
        "synthetics:StopCanary",
        "synthetics:TagResource",
        "synthetics:UntagResource",
        "synthetics:UpdateCanary",
        // Synthetics makes, changes and deletes its function in the caller's name
        // (doc: Required roles and permissions for users who manage canaries).
        "iam:PassRole",
        "lambda:AddPermission",
        "lambda:CreateFunction",
        "lambda:DeleteFunction",
        "lambda:DeleteLayerVersion",
        "lambda:GetFunction",
        "lambda:GetFunctionConfiguration",
        "lambda:GetLayerVersion",
        "lambda:ListLayerVersions",
        "lambda:ListTags",
        "lambda:PublishLayerVersion",
        "lambda:PublishVersion",
        "lambda:TagResource",
        "lambda:UntagResource",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "logs:DeleteLogGroup",
        "s3:GetBucketLocation",
    ],
};

impl Canary {
    fn arn(&self, cx: &Context, name: &str) -> String {
        self.0.arn("synthetics", &cx.region, &format!("canary:{name}"))
    }

    fn outputs(&self, cx: &Context, canary: &Described) -> Outputs {
        let name = canary.name().unwrap_or_default();
        let engine = leftovers::engine_arns(canary).into_iter().next().unwrap_or_default();
        Outputs::from([
            ("id".into(), name.into()),
            ("arn".into(), self.arn(cx, name)),
            ("name".into(), name.into()),
            ("canary_id".into(), canary.id().unwrap_or_default().into()),
            ("log_group_name".into(), leftovers::log_group(&engine)),
            ("engine_arn".into(), engine),
        ])
    }

    async fn canary(&self, cx: &Context, name: &str) -> KindResult<Option<Described>> {
        let client = self.0.synthetics(&cx.region);
        let answer = call(cx, "synthetics:GetCanary", || client.get_canary().name(name).send()).await;
        Ok(found(answer, GONE)?.and_then(|a| a.canary))
    }

    /// Waits until the canary is on its way to no other state; `None` when it is gone.
    async fn settled(&self, cx: &Context, name: &str) -> KindResult<Option<Described>> {
        wait_until("synthetics:GetCanary", "a state that lasts", LIMIT, || async {
            let Some(canary) = self.canary(cx, name).await? else {
                return Ok(Poll::Ready(None));
            };
            Ok(match state(&canary) {
                CanaryState::Creating
                | CanaryState::Updating
                | CanaryState::Starting
                | CanaryState::Stopping
                | CanaryState::Deleting => Poll::Pending(said(&canary)),
                _ => Poll::Ready(Some(canary)),
            })
        })
        .await
    }

    /// [`Self::settled`], for a canary that has to be there.
    async fn present(&self, cx: &Context, name: &str) -> KindResult<Described> {
        self.settled(cx, name)
            .await?
            .ok_or_else(|| failed("synthetics:GetCanary", format!("canary {name} is gone")))
    }

    /// Makes the canary. One whose creation failed cannot be mended, only deleted; where only a new role had not spread
    /// yet, it is made again (aws: synthetics/retry.go).
    async fn make(&self, cx: &Context, desired: &Settings) -> KindResult<Described> {
        let client = self.0.synthetics(&cx.region);
        let name = desired.text("name")?;
        let request = configuration::on_create(client.create_canary(), desired)?;
        let started = Instant::now();
        loop {
            let answer = call(cx, "synthetics:CreateCanary", || request.clone().send()).await?;
            if let Some(canary) = &answer.canary {
                cx.created(&self.outputs(cx, canary));
            }
            let canary = self.present(cx, name).await?;
            if state(&canary) != CanaryState::Error {
                return Ok(canary);
            }
            let error = failed("synthetics:CreateCanary", format!("canary {name}: {}", said(&canary)));
            self.remove(cx, name, true).await?;
            if !heals(&canary) || cx.cancel.is_cancelled() || started.elapsed() > ROLE_SPREADS_WITHIN {
                return Err(error);
            }
            tracing::debug!(component = %cx.key, %error, "not consistent yet, making it again");
            tokio::time::sleep(retry::LONGEST_PAUSE).await;
        }
    }

    /// Starts the canary unless it runs already.
    async fn start(&self, cx: &Context, name: &str) -> KindResult<()> {
        if state(&self.present(cx, name).await?) == CanaryState::Running {
            return Ok(());
        }
        let client = self.0.synthetics(&cx.region);
        let answer = call(cx, "synthetics:StartCanary", || client.start_canary().name(name).send()).await;
        answer?;
        wait_until("synthetics:StartCanary", "RUNNING", LIMIT, || async {
            let canary = self.present(cx, name).await?;
            match state(&canary) {
                CanaryState::Running => Ok(Poll::Ready(())),
                // It has run once and is done.
                CanaryState::Stopped if observed::ends_by_itself(&canary) => Ok(Poll::Ready(())),
                CanaryState::Error => Err(failed("synthetics:StartCanary", said(&canary))),
                _ => Ok(Poll::Pending(said(&canary))),
            }
        })
        .await
    }

    /// Stops the canary if it runs.
    async fn stop(&self, cx: &Context, name: &str) -> KindResult<()> {
        let runs = self
            .settled(cx, name)
            .await?
            .is_some_and(|c| state(&c) == CanaryState::Running);
        if !runs {
            return Ok(());
        }
        let client = self.0.synthetics(&cx.region);
        let answer = call(cx, "synthetics:StopCanary", || client.stop_canary().name(name).send()).await;
        // It has stopped by itself in the meantime, or is gone.
        found(answer, &["ConflictException", "ResourceNotFoundException"])?;
        wait_until("synthetics:StopCanary", "STOPPED", LIMIT, || async {
            Ok(match self.settled(cx, name).await? {
                Some(canary) if state(&canary) == CanaryState::Running => Poll::Pending(said(&canary)),
                _ => Poll::Ready(()),
            })
        })
        .await
    }

    /// Stops and deletes the canary and waits until it is gone, with what Synthetics made for it where that is wanted.
    async fn remove(&self, cx: &Context, name: &str, with_lambda: bool) -> KindResult<()> {
        let Some(canary) = self.settled(cx, name).await? else {
            return Ok(());
        };
        self.stop(cx, name).await?;
        let client = self.0.synthetics(&cx.region);
        let answer = call(cx, "synthetics:DeleteCanary", || {
            client.delete_canary().name(name).delete_lambda(with_lambda).send()
        })
        .await;
        found(answer, GONE)?;
        wait_until("synthetics:DeleteCanary", "deleted", LIMIT, || async {
            Ok(match self.canary(cx, name).await? {
                None => Poll::Ready(()),
                Some(canary) => Poll::Pending(said(&canary)),
            })
        })
        .await?;
        if with_lambda {
            leftovers::remove(&self.0, cx, &canary).await?;
        }
        Ok(())
    }

    async fn update_configuration(&self, cx: &Context, name: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.synthetics(&cx.region);
        let Some(request) = configuration::on_update(client.update_canary().name(name), change)? else {
            return Ok(());
        };
        self.stop(cx, name).await?;
        call(cx, "synthetics:UpdateCanary", || request.clone().send()).await?;
        let canary = self.present(cx, name).await?;
        let reason = canary.status().and_then(|s| s.state_reason_code());
        let undone = matches!(reason, Some(Reason::RollbackComplete | Reason::RollbackFailed));
        if undone || state(&canary) == CanaryState::Error {
            return Err(failed(
                "synthetics:UpdateCanary",
                format!("canary {name} was not changed: {}", said(&canary)),
            ));
        }
        Ok(())
    }

    async fn update_tags(&self, cx: &Context, name: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.synthetics(&cx.region);
        let arn = self.arn(cx, name);
        let (put, gone) = tag_changes(change);
        if put.is_some() {
            call(cx, "synthetics:TagResource", || {
                client.tag_resource().resource_arn(&arn).set_tags(put.clone()).send()
            })
            .await?;
        }
        if gone.is_some() {
            call(cx, "synthetics:UntagResource", || {
                client
                    .untag_resource()
                    .resource_arn(&arn)
                    .set_tag_keys(gone.clone())
                    .send()
            })
            .await?;
        }
        Ok(())
    }
}

fn state(canary: &Described) -> CanaryState {
    let state = canary.status().and_then(|s| s.state());
    state.cloned().unwrap_or(CanaryState::Creating)
}

/// State and reason, as Synthetics says them.
fn said(canary: &Described) -> String {
    let status = canary.status();
    let code = status.and_then(|s| s.state_reason_code()).map(Reason::as_str);
    let reason = status.and_then(|s| s.state_reason()).filter(|text| !text.is_empty());
    let mut text = state(canary).as_str().to_owned();
    for part in [code, reason].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(part);
    }
    text
}

fn failed(operation: &str, message: String) -> KindError {
    KindError::Failed {
        operation: operation.to_owned(),
        message,
    }
}

/// Whether the reason for a failed creation is one that time heals for any Lambda function. It comes as text of the
/// canary's state and not as an error of a call.
fn heals(canary: &Described) -> bool {
    let reason = KindError::Service {
        operation: "lambda:CreateFunction".to_owned(),
        code: "InvalidParameterValueException".to_owned(),
        message: said(canary),
        request_id: None,
        status: None,
    };
    retry::rule_for("lambda:CreateFunction", &reason).is_some()
}

fn deletes_lambda(settings: &Settings) -> KindResult<bool> {
    Ok(settings.opt_bool("delete_lambda")?.unwrap_or(true))
}

#[async_trait]
impl Kind for Canary {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let canary = self.make(cx, desired).await?;
        if desired.opt_bool("start")?.unwrap_or_default() {
            self.start(cx, desired.text("name")?).await?;
        }
        Ok(self.outputs(cx, &canary))
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let canary = self.canary(cx, id).await?.filter(|c| state(c) != CanaryState::Deleting);
        Ok(canary.map(|canary| Observed {
            settings: observed::settings(&canary, recorded),
            outputs: self.outputs(cx, &canary),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if state(&self.present(cx, id).await?) == CanaryState::Error {
            // An interrupted run left it like this: nothing else mends it.
            self.remove(cx, id, true).await?;
            self.make(cx, change.after).await?;
        } else {
            self.update_configuration(cx, id, change).await?;
            self.update_tags(cx, id, change).await?;
        }
        if change.after.opt_bool("start")?.unwrap_or_default() {
            // Of one that ends by itself nobody knows whether it should run again: only a change starts it anew.
            self.start(cx, id).await?;
        } else {
            self.stop(cx, id).await?;
        }
        let canary = self.present(cx, id).await?;
        Ok(self.outputs(cx, &canary))
    }

    async fn delete(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<()> {
        self.remove(cx, id, deletes_lambda(recorded)?).await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("name")?;
        let Some(canary) = self.canary(cx, name).await? else {
            return Ok(None);
        };
        let tags = canary.tags.unwrap_or_default().into_iter().collect();
        claim(cx, "synthetics:GetCanary", &format!("a canary named {name}"), &tags)?;
        Ok(Some(name.to_owned()))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        observed::normalise(setting, value)
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        rules::check(settings)
    }

    async fn check(&self, cx: &Context, settings: &Settings, prospect: Prospect<'_>) -> Vec<Finding> {
        runtime::check(&self.0, cx, settings, prospect).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_synthetics::types::CanaryStatus;

    fn in_error(reason: &str) -> Described {
        let status = CanaryStatus::builder()
            .state(CanaryState::Error)
            .state_reason_code(Reason::CreateFailed)
            .state_reason(reason);
        Described::builder().status(status.build()).build()
    }

    #[test]
    fn a_role_that_has_not_spread_is_worth_another_try_and_a_missing_bucket_is_not() {
        assert!(heals(&in_error(
            "The role defined for the function cannot be assumed by Lambda."
        )));
        assert!(!heals(&in_error("The specified S3 bucket does not exist")));
    }

    #[test]
    fn the_reason_is_told() {
        assert_eq!(said(&in_error("no bucket")), "ERROR: CREATE_FAILED: no bucket");
    }
}
