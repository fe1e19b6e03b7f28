//! `log_resource_policy`: lets AWS services write to log groups.
//!
//! API: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html>

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found, policy};

/// The kind; `id` is the policy's name. Policies carry no tags: the name, which holds the stack's
/// suffix, proves whose it is.
pub struct LogResourcePolicy(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "log_resource_policy",
    settings: &[Setting::replace("policy_name"), Setting::new("policy_document")],
    outputs: &["id", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "logs:DeleteResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:PutResourcePolicy",
    ],
};

fn outputs(name: &str) -> Outputs {
    Outputs::from([("id".into(), name.into()), ("name".into(), name.into())])
}

impl LogResourcePolicy {
    async fn document(&self, cx: &Context, name: &str) -> KindResult<Option<String>> {
        let client = self.0.logs(&cx.region);
        let mut token = None;
        loop {
            let page = call(cx, "logs:DescribeResourcePolicies", || {
                client.describe_resource_policies().set_next_token(token.clone()).send()
            })
            .await?;
            let hit = page.resource_policies().iter().find(|p| p.policy_name() == Some(name));
            if let Some(policy) = hit {
                return Ok(policy.policy_document().map(ToOwned::to_owned));
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn put(&self, cx: &Context, name: &str, settings: &Settings) -> KindResult<()> {
        let client = self.0.logs(&cx.region);
        let document = settings.document("policy_document");
        call(cx, "logs:PutResourcePolicy", || {
            client
                .put_resource_policy()
                .policy_name(name)
                .set_policy_document(document.clone())
                .send()
        })
        .await
        .map(|_| ())
    }
}

#[async_trait]
impl Kind for LogResourcePolicy {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let name = desired.text("policy_name")?;
        self.put(cx, name, desired).await?;
        cx.created(&outputs(name));
        Ok(outputs(name))
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(document) = self.document(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("policy_name", Some(id))
            .put("policy_document", Some(parse_document(&document)));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.put(cx, id, change.after).await?;
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.logs(&cx.region);
        let answer = call(cx, "logs:DeleteResourcePolicy", || {
            client.delete_resource_policy().policy_name(id).send()
        });
        found(answer.await, &["ResourceNotFoundException"]).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("policy_name")?;
        let exists = self.document(cx, name).await?.is_some();
        Ok((exists && !cx.known_ids.iter().any(|id| id == name)).then(|| name.to_owned()))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "policy_document" => policy::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["policy_name", "policy_document"]);
        checks.done()
    }
}
