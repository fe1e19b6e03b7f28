//! `wafv2_association`: an AWS WAF web ACL in front of a regional resource (an API stage).
//!
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>

use std::sync::Arc;

use async_trait::async_trait;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::wafv2::{GONE, tags_of};
use super::{Aws, call, found, tags};

/// The kind; `id` is the ARN of the protected resource, which has one web ACL at most.
pub struct Wafv2Association(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "wafv2_association",
    settings: &[Setting::new("web_acl_arn"), Setting::replace("resource_arn")],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "wafv2:AssociateWebACL",
        "wafv2:GetWebACLForResource",
        "wafv2:GetWebACL",
        "wafv2:DisassociateWebACL",
        "wafv2:ListTagsForResource",
        // Associating an API stage writes to the stage (doc: AssociateWebACL, permissions).
        "apigateway:SetWebACL",
    ],
};

fn outputs(resource_arn: &str) -> Outputs {
    Outputs::from([("id".into(), resource_arn.into())])
}

impl Wafv2Association {
    /// ARN of the web ACL in front of the resource.
    async fn current(&self, cx: &Context, resource_arn: &str) -> KindResult<Option<String>> {
        let client = self.0.wafv2(&cx.region);
        let answer = call(cx, "wafv2:GetWebACLForResource", || {
            client.get_web_acl_for_resource().resource_arn(resource_arn).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| a.web_acl).map(|acl| acl.arn))
    }

    async fn associate(&self, cx: &Context, resource_arn: &str, settings: &Settings) -> KindResult<Outputs> {
        let web_acl_arn = settings.text("web_acl_arn")?;
        let client = self.0.wafv2(&cx.region);
        call(cx, "wafv2:AssociateWebACL", || {
            client
                .associate_web_acl()
                .web_acl_arn(web_acl_arn)
                .resource_arn(resource_arn)
                .send()
        })
        .await?;
        Ok(outputs(resource_arn))
    }
}

#[async_trait]
impl Kind for Wafv2Association {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        // AssociateWebACL would silently take the place of a web ACL of somebody else.
        self.find(cx, desired).await?;
        let outputs = self.associate(cx, desired.text("resource_arn")?, desired).await?;
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(web_acl_arn) = self.current(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("web_acl_arn", Some(web_acl_arn)).put("resource_arn", Some(id));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        // The new web ACL takes the old one's place at once: no moment without protection.
        self.associate(cx, id, change.after).await
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.wafv2(&cx.region);
        let answer = call(cx, "wafv2:DisassociateWebACL", || {
            client.disassociate_web_acl().resource_arn(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let resource_arn = desired.text("resource_arn")?;
        let wanted = desired.text("web_acl_arn")?;
        let Some(current) = self.current(cx, resource_arn).await? else {
            return Ok(None);
        };
        // The web ACL wanted, or one of this stack that an earlier run had put there.
        if current == wanted || tags_of(&self.0, cx, &current).await?.get(tags::STACK_TAG) == Some(&cx.stack) {
            return Ok(Some(resource_arn.to_owned()));
        }
        Err(KindError::NotOwned {
            operation: "wafv2:GetWebACLForResource".into(),
            message: format!("{resource_arn} is protected by another web ACL already: {current}"),
        })
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["web_acl_arn", "resource_arn"]);
        checks.done()
    }
}
