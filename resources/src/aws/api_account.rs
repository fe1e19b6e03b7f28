//! `api_account`: the role with which API Gateway writes to CloudWatch Logs, one per account and
//! region (W-35, X-07).
//!
//! Stacks share it. With `mode` `if_absent` (the default) a role that is set already stays, with
//! `always` it is replaced; deleting never takes it away (9.2 item 14). The role is either one of
//! the caller's (`cloudwatch_role_arn`), or the account's own `role_name`, which is made when it is
//! missing and belongs to no stack: were it deleted with one, all others would log no more.
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/API_Account.html>

use std::sync::Arc;

use async_trait::async_trait;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::apigateway::{Patch, text};
use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is the region.
pub struct ApiAccount(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "api_account",
    settings: &[
        Setting::new("cloudwatch_role_arn"),
        Setting::new("role_name"),
        Setting::new("mode").unreadable(),
    ],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "apigateway:GET",
        "apigateway:PATCH",
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:GetRole",
        "iam:PassRole",
    ],
};

fn outputs(cx: &Context) -> Outputs {
    Outputs::from([("id".into(), cx.region.clone())])
}

fn shares(settings: &Settings) -> bool {
    settings.opt_text("mode") != Some("always")
}

/// What the made role is called by API Gateway for.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

impl ApiAccount {
    /// ARN of the wanted role; `None` in settings that were recorded while the role was gone.
    fn wanted(&self, settings: &Settings) -> Option<String> {
        match settings.opt_text("role_name") {
            Some(name) => {
                let (partition, account) = (self.0.partition(), self.0.account_id());
                Some(format!("arn:{partition}:iam::{account}:role/{name}"))
            }
            None => settings.opt_string("cloudwatch_role_arn"),
        }
    }

    /// Makes the account's own role where it is missing; safe against another stack that does the same.
    async fn make_role(&self, cx: &Context, name: &str) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        let role = call(cx, "iam:CreateRole", || {
            client
                .create_role()
                .role_name(name)
                .description("Lets API Gateway write logs. One per account, shared by all stacks, kept when they go.")
                .assume_role_policy_document(TRUST)
                .send()
        });
        match role.await {
            Ok(_) => {}
            Err(error) if error.is_code(&["EntityAlreadyExists", "EntityAlreadyExistsException"]) => {}
            Err(error) => return Err(error),
        }
        let policy = format!(
            "arn:{}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
            self.0.partition()
        );
        call(cx, "iam:AttachRolePolicy", || {
            client.attach_role_policy().role_name(name).policy_arn(&policy).send()
        })
        .await
        .map(|_| ())
    }

    async fn role(&self, cx: &Context) -> KindResult<Option<String>> {
        let client = self.0.apigateway(&cx.region);
        let account = call(cx, "apigateway:GetAccount", || client.get_account().send()).await?;
        Ok(text(account.cloudwatch_role_arn()).map(ToOwned::to_owned))
    }

    /// False only when IAM says that there is no such role: the setting outlives the role of a
    /// stack that was destroyed, and API Gateway cannot log with it any more.
    async fn exists(&self, cx: &Context, role_arn: &str) -> KindResult<bool> {
        let ours = role_arn.split(':').nth(4) == Some(self.0.account_id());
        let (true, Some(name)) = (ours, role_arn.rsplit('/').next()) else {
            return Ok(true);
        };
        let client = self.0.iam(&cx.region);
        let answer = call(cx, "iam:GetRole", || client.get_role().role_name(name).send()).await;
        match found(answer, &["NoSuchEntity", "NoSuchEntityException"]) {
            Ok(role) => Ok(role.is_some()),
            // Who may not look must not take a working role away.
            Err(error) if error.is_code(&["AccessDenied", "AccessDeniedException"]) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The role that counts as the stack's: the wanted one, or somebody's that is to stay.
    async fn stays(&self, cx: &Context, actual: Option<&str>, settings: &Settings) -> KindResult<bool> {
        let Some(actual) = actual else { return Ok(false) };
        // Our own role may have been deleted by hand; a role of the caller's is the caller's affair.
        if self.wanted(settings).as_deref() == Some(actual) && settings.opt_text("role_name").is_none() {
            return Ok(true);
        }
        let counts = shares(settings) || self.wanted(settings).as_deref() == Some(actual);
        Ok(counts && self.exists(cx, actual).await?)
    }

    async fn ensure(&self, cx: &Context, settings: &Settings) -> KindResult<()> {
        if self.stays(cx, self.role(cx).await?.as_deref(), settings).await? {
            return Ok(());
        }
        if let Some(name) = settings.opt_text("role_name") {
            self.make_role(cx, name).await?;
        }
        let wanted = self
            .wanted(settings)
            .ok_or_else(|| KindError::invalid("cloudwatch_role_arn", "is required where role_name is not given"))?;
        let client = self.0.apigateway(&cx.region);
        let mut patch = Patch::default();
        patch.replace("/cloudwatchRoleArn", &wanted);
        call(cx, "apigateway:UpdateAccount", || {
            client
                .update_account()
                .set_patch_operations(Some(patch.0.clone()))
                .send()
        })
        .await
        .map(|_| ())
    }
}

#[async_trait]
impl Kind for ApiAccount {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        self.ensure(cx, desired).await?;
        cx.created(&outputs(cx));
        Ok(outputs(cx))
    }

    /// The account's settings always exist; what can be missing is the role.
    async fn read(&self, cx: &Context, _id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let actual = self.role(cx).await?;
        let mut seen = Seen::default();
        if self.stays(cx, actual.as_deref(), recorded).await? {
            seen.put("cloudwatch_role_arn", recorded.opt_string("cloudwatch_role_arn"));
            seen.put("role_name", recorded.opt_string("role_name"));
        } else {
            let dangling = match &actual {
                Some(role) => !self.exists(cx, role).await?,
                None => true,
            };
            seen.put("cloudwatch_role_arn", actual.filter(|_| !dangling));
        }
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(cx),
        }))
    }

    async fn update(&self, cx: &Context, _id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.ensure(cx, change.after).await?;
        Ok(outputs(cx))
    }

    /// Leaves the role: other APIs of the account log with it.
    async fn delete(&self, _cx: &Context, _id: &str, _recorded: &Settings) -> KindResult<()> {
        Ok(())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let stays = self.stays(cx, self.role(cx).await?.as_deref(), desired).await?;
        Ok((stays && !cx.known_ids.contains(&cx.region)).then(|| cx.region.clone()))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.one_of("mode", &["if_absent", "always"]);
        let mut problems = checks.done();
        if settings.contains_key("role_name") == settings.contains_key("cloudwatch_role_arn") {
            problems.push((
                "role_name".to_owned(),
                "give either role_name or cloudwatch_role_arn".to_owned(),
            ));
        }
        problems
    }
}
