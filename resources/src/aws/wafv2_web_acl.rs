//! `wafv2_web_acl`: an AWS WAF web ACL.
//!
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_wafv2::types::{AllowAction, BlockAction, DefaultAction, Rule as SdkRule, Scope, VisibilityConfig, WebAcl};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::events::filled;
use super::fields::{Fields, Seen};
use super::waf_rules::{self, Rule, Visibility};
use super::wafv2::{self, GONE, Listed, Locked, outputs, parts, sdk_tags, tags_of, with_fresh_token};
use super::{Aws, call, found, tags};

/// The kind; `id` is `id|name|scope`.
pub struct Wafv2WebAcl(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "wafv2_web_acl",
    settings: &[
        Setting::replace("name").unique(),
        Setting::replace("scope").unique(),
        Setting::new("description"),
        Setting::new("default_action"),
        Setting::new("rules"),
        Setting::new("visibility_config"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    // A web ACL that protects something cannot be deleted: the new one takes its place first, under another name (an API
    // is never without one). To replace it under its own name is refused at plan time.
    create_before_delete: true,
    iam_actions: &[
        "wafv2:CreateWebACL",
        "wafv2:GetWebACL",
        "wafv2:ListWebACLs",
        "wafv2:UpdateWebACL",
        "wafv2:DeleteWebACL",
        "wafv2:ListTagsForResource",
        "wafv2:TagResource",
        "wafv2:UntagResource",
    ],
};

fn default_action(settings: &Settings) -> KindResult<DefaultAction> {
    let builder = DefaultAction::builder();
    match settings.text("default_action")? {
        "allow" => Ok(builder.allow(AllowAction::builder().build()).build()),
        "block" => Ok(builder.block(BlockAction::builder().build()).build()),
        other => Err(KindError::invalid(
            "default_action",
            format!("must be allow or block, not {other}"),
        )),
    }
}

fn rules(settings: &Settings) -> KindResult<Vec<SdkRule>> {
    waf_rules::to_sdk(&settings.parse::<Vec<Rule>>("rules")?.unwrap_or_default())
}

fn visibility(settings: &Settings) -> KindResult<VisibilityConfig> {
    let invalid = |message: String| KindError::invalid("visibility_config", message);
    let config = settings
        .parse::<Visibility>("visibility_config")?
        .ok_or_else(|| invalid("is required".into()))?;
    config.to_sdk().map_err(|error| invalid(error.to_string()))
}

/// Shield Advanced puts a rule group of its own into the web ACLs it guards; it is neither drift
/// nor ours to remove (aws: issue 22869).
fn is_shield_rule(rule: &SdkRule) -> bool {
    rule.name.starts_with("ShieldMitigationRuleGroup_")
}

fn observed(acl: &WebAcl) -> Seen {
    let action = acl.default_action.as_ref().map(|action| match action.block {
        Some(_) => "block",
        None => "allow",
    });
    let own: Vec<SdkRule> = acl
        .rules()
        .iter()
        .filter(|rule| !is_shield_rule(rule))
        .cloned()
        .collect();
    let visibility = acl.visibility_config.as_ref().map(Visibility::from_sdk);
    let mut seen = Seen::default();
    seen.put("name", Some(acl.name.as_str()))
        .put("description", filled(acl.description.clone()))
        .put("default_action", action)
        .put("rules", (!own.is_empty()).then(|| waf_rules::from_sdk(&own)))
        .put(
            "visibility_config",
            visibility.and_then(|v| serde_json::to_value(v).ok()),
        );
    seen
}

impl Wafv2WebAcl {
    /// The web ACL with its lock token.
    async fn get(&self, cx: &Context, id: &str) -> KindResult<Option<(WebAcl, String)>> {
        let (acl_id, name, scope) = parts(id);
        let client = self.0.wafv2(&cx.region);
        let answer = call(cx, "wafv2:GetWebACL", || {
            client.get_web_acl().id(acl_id).name(name).scope(scope.clone()).send()
        })
        .await;
        let answer = found(answer, GONE)?;
        Ok(answer.and_then(|a| Some((a.web_acl?, a.lock_token?))))
    }
}

#[async_trait]
impl Locked for Wafv2WebAcl {
    const WHAT: &'static str = "web ACL";
    const LIST: &'static str = "wafv2:ListWebACLs";

    fn aws(&self) -> &Aws {
        &self.0
    }

    async fn arn(&self, cx: &Context, id: &str) -> KindResult<Option<String>> {
        Ok(self.get(cx, id).await?.map(|(acl, _)| acl.arn))
    }

    /// `UpdateWebACL` replaces everything; what is not managed here is handed back as it was read.
    async fn write(&self, cx: &Context, id: &str, wanted: &Settings) -> KindResult<()> {
        let (acl_id, name, scope) = parts(id);
        let (own, action, visibility) = (rules(wanted)?, default_action(wanted)?, visibility(wanted)?);
        let client = self.0.wafv2(&cx.region);
        with_fresh_token(|| async {
            let Some((acl, token)) = self.get(cx, id).await? else {
                return Err(wafv2::missing("wafv2:UpdateWebACL", Self::WHAT, name));
            };
            let shield = acl.rules().iter().filter(|rule| is_shield_rule(rule)).cloned();
            let request = client
                .update_web_acl()
                .id(acl_id)
                .name(name)
                .scope(scope.clone())
                .set_description(wanted.opt_string("description"))
                .default_action(action.clone())
                .set_rules(Some(own.iter().cloned().chain(shield).collect()))
                .visibility_config(visibility.clone())
                .set_data_protection_config(acl.data_protection_config)
                .set_custom_response_bodies(acl.custom_response_bodies)
                .set_captcha_config(acl.captcha_config)
                .set_challenge_config(acl.challenge_config)
                .set_token_domains(acl.token_domains)
                .set_association_config(acl.association_config)
                .set_on_source_d_do_s_protection_config(acl.on_source_d_do_s_protection_config)
                .set_application_config(acl.application_config)
                .set_monetization_config(acl.monetization_config)
                .lock_token(token);
            let answer = call(cx, "wafv2:UpdateWebACL", || request.clone().send()).await;
            answer.map(|_| ())
        })
        .await
    }

    async fn page(
        &self,
        cx: &Context,
        scope: Scope,
        marker: Option<String>,
    ) -> KindResult<(Vec<Listed>, Option<String>)> {
        let request = self.0.wafv2(&cx.region).list_web_acls().scope(scope);
        let request = request.limit(wafv2::PAGE.into()).set_next_marker(marker);
        let answer = call(cx, Self::LIST, || request.clone().send()).await?;
        let listed = answer.web_acls.unwrap_or_default().into_iter().map(|acl| Listed {
            name: acl.name,
            id: acl.id,
            arn: acl.arn,
        });
        Ok((listed.collect(), answer.next_marker))
    }
}

#[async_trait]
impl Kind for Wafv2WebAcl {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let (name, scope) = (desired.text("name")?, desired.text("scope")?);
        let wanted_tags = tags::wanted(desired);
        let request = self
            .0
            .wafv2(&cx.region)
            .create_web_acl()
            .name(name)
            .scope(Scope::from(scope))
            .set_description(desired.opt_string("description"))
            .default_action(default_action(desired)?)
            .set_rules(Some(rules(desired)?))
            .visibility_config(visibility(desired)?)
            // WAF takes a list of tags only where it has elements.
            .set_tags(Some(sdk_tags(&wanted_tags)?).filter(|tags| !tags.is_empty()));
        let answer = call(cx, "wafv2:CreateWebACL", || request.clone().send()).await?;
        let named = answer
            .summary
            .map(|summary| (summary.id, summary.arn))
            .unwrap_or_default();
        wafv2::created::<Self>(cx, desired, "wafv2:CreateWebACL", named)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some((acl, _)) = self.get(cx, id).await? else {
            return Ok(None);
        };
        let (_, _, scope) = parts(id);
        let mut seen = observed(&acl);
        seen.put("scope", Some(scope.as_str()));
        seen.put("tags", tags::setting(tags_of(&self.0, cx, &acl.arn).await?));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id, &acl.arn),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        wafv2::update(self, cx, id, change).await
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let (acl_id, name, scope) = parts(id);
        let client = self.0.wafv2(&cx.region);
        with_fresh_token(|| async {
            let Some((_, token)) = self.get(cx, id).await? else {
                return Ok(());
            };
            let answer = call(cx, "wafv2:DeleteWebACL", || {
                client
                    .delete_web_acl()
                    .id(acl_id)
                    .name(name)
                    .scope(scope.clone())
                    .lock_token(&token)
                    .send()
            })
            .await;
            found(answer, GONE).map(|_| ())
        })
        .await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        wafv2::find(self, cx, desired).await
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "rules" => waf_rules::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        let required = ["name", "scope", "default_action", "visibility_config"];
        checks.required(&required);
        checks.length("name", 1..=128);
        checks.charset("name", "-_");
        checks.length("description", 1..=256);
        checks.one_of("scope", &["REGIONAL", "CLOUDFRONT"]);
        checks.one_of("default_action", &["allow", "block"]);
        checks.parsed::<Visibility>("visibility_config");
        let rules = checks.parsed::<Vec<Rule>>("rules").unwrap_or_default();
        for mistake in waf_rules::mistakes(&rules) {
            checks.wrong("rules", mistake);
        }
        checks.done()
    }
}
