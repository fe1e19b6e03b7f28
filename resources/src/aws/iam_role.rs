//! `iam_role`: an IAM role with its trust policy, inline policies and attached policies.
//!
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/>

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_iam::types::{Role, Tag};
use serde_json::{Map, Value};
use tap_engine::json::parse_document;
use tap_engine::{
    Change, Context, Finding, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Prospect, Setting, Settings,
};

use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::shape::{built, claim, tag_changes, unless_default};
use super::{Aws, call, found, policy, tags};

/// The kind; `id` is the role's name.
pub struct IamRole(pub Arc<Aws>);

const GONE: &[&str] = &["NoSuchEntity"];

/// doc: `CreateRole`: one hour.
const DEFAULT_SESSION_DURATION: i32 = 3600;

static SPEC: KindSpec = KindSpec {
    name: "iam_role",
    settings: &[
        Setting::replace("role_name"),
        Setting::replace("path"),
        Setting::new("description"),
        Setting::new("assume_role_policy"),
        Setting::new("inline_policies"),
        Setting::new("managed_policy_arns").unordered(),
        Setting::new("permissions_boundary"),
        Setting::new("max_session_duration"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name", "unique_id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "iam:CreateRole",
        "iam:GetRole",
        "iam:UpdateRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:DeleteRole",
        "iam:PutRolePolicy",
        "iam:GetRolePolicy",
        "iam:ListRolePolicies",
        "iam:DeleteRolePolicy",
        "iam:AttachRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:DetachRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "iam:TagRole",
        "iam:UntagRole",
    ],
};

/// Inline policies by name, as text for the API.
fn inline_policies(settings: &Settings) -> KindResult<BTreeMap<String, String>> {
    let documents: BTreeMap<String, Value> = settings.parse("inline_policies")?.unwrap_or_default();
    Ok(documents
        .into_iter()
        .map(|(name, document)| {
            let text = document
                .as_str()
                .map_or_else(|| document.to_string(), ToOwned::to_owned);
            (name, text)
        })
        .collect())
}

/// IAM percent-encodes documents (RFC 3986).
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let hex: Option<u8> = (byte == b'%')
            .then(|| ahead.by_ref().take(2).collect())
            .and_then(|pair: Vec<u8>| {
                std::str::from_utf8(&pair)
                    .ok()
                    .and_then(|p| u8::from_str_radix(p, 16).ok())
            });
        if let Some(decoded) = hex {
            bytes.push(decoded);
            rest = ahead;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn document(text: &str) -> Value {
    parse_document(&decode(text))
}

fn outputs(role: &Role) -> Outputs {
    Outputs::from([
        ("id".into(), role.role_name().into()),
        ("arn".into(), role.arn().into()),
        ("name".into(), role.role_name().into()),
        ("unique_id".into(), role.role_id().into()),
    ])
}

fn tags_of(role: &Role) -> tags::Tags {
    role.tags()
        .iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect()
}

impl IamRole {
    async fn role(&self, cx: &Context, name: &str) -> KindResult<Option<Role>> {
        let client = self.0.iam(&cx.region);
        let answer = call(cx, "iam:GetRole", || client.get_role().role_name(name).send()).await;
        Ok(found(answer, GONE)?.and_then(|a| a.role))
    }

    async fn inline_names(&self, cx: &Context, role: &str) -> KindResult<Vec<String>> {
        let client = self.0.iam(&cx.region);
        call(cx, "iam:ListRolePolicies", || {
            let pages = client.list_role_policies().role_name(role).into_paginator();
            pages.items().send().try_collect()
        })
        .await
    }

    async fn attached(&self, cx: &Context, role: &str) -> KindResult<Vec<String>> {
        let client = self.0.iam(&cx.region);
        let policies = call(cx, "iam:ListAttachedRolePolicies", || {
            let pages = client.list_attached_role_policies().role_name(role).into_paginator();
            pages.items().send().try_collect()
        })
        .await?;
        Ok(policies.into_iter().filter_map(|p| p.policy_arn).collect())
    }

    async fn put_inline(&self, cx: &Context, role: &str, name: &str, text: &str) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        call(cx, "iam:PutRolePolicy", || {
            client
                .put_role_policy()
                .role_name(role)
                .policy_name(name)
                .policy_document(text)
                .send()
        })
        .await?;
        Ok(())
    }

    async fn delete_inline(&self, cx: &Context, role: &str, name: &str) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        let answer = call(cx, "iam:DeleteRolePolicy", || {
            client.delete_role_policy().role_name(role).policy_name(name).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn attach(&self, cx: &Context, role: &str, arn: &str) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        call(cx, "iam:AttachRolePolicy", || {
            client.attach_role_policy().role_name(role).policy_arn(arn).send()
        })
        .await?;
        Ok(())
    }

    async fn detach(&self, cx: &Context, role: &str, arn: &str) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        let answer = call(cx, "iam:DetachRolePolicy", || {
            client.detach_role_policy().role_name(role).policy_arn(arn).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn update_policies(&self, cx: &Context, role: &str, change: &Change<'_>) -> KindResult<()> {
        if change.has("inline_policies") {
            let before = inline_policies(change.before)?;
            let after = inline_policies(change.after)?;
            for (name, text) in &after {
                if before.get(name) != Some(text) {
                    self.put_inline(cx, role, name, text).await?;
                }
            }
            for name in before.keys().filter(|name| !after.contains_key(*name)) {
                self.delete_inline(cx, role, name).await?;
            }
        }
        if change.has("managed_policy_arns") {
            let before = change.before.texts("managed_policy_arns")?;
            let after = change.after.texts("managed_policy_arns")?;
            for arn in after.iter().filter(|arn| !before.contains(arn)) {
                self.attach(cx, role, arn).await?;
            }
            for arn in before.iter().filter(|arn| !after.contains(arn)) {
                self.detach(cx, role, arn).await?;
            }
        }
        Ok(())
    }

    async fn update_role(&self, cx: &Context, role: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        if change.has("assume_role_policy") {
            let policy = change.after.document("assume_role_policy");
            call(cx, "iam:UpdateAssumeRolePolicy", || {
                client
                    .update_assume_role_policy()
                    .role_name(role)
                    .set_policy_document(policy.clone())
                    .send()
            })
            .await?;
        }
        if change.any(&["description", "max_session_duration"]) {
            let seconds = change.after.opt_i32("max_session_duration")?;
            call(cx, "iam:UpdateRole", || {
                client
                    .update_role()
                    .role_name(role)
                    .description(change.after.opt_text("description").unwrap_or_default())
                    .max_session_duration(seconds.unwrap_or(DEFAULT_SESSION_DURATION))
                    .send()
            })
            .await?;
        }
        if change.has("permissions_boundary") {
            self.update_boundary(cx, role, change.after.opt_text("permissions_boundary"))
                .await?;
        }
        Ok(())
    }

    async fn update_boundary(&self, cx: &Context, role: &str, boundary: Option<&str>) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        let Some(arn) = boundary else {
            let answer = call(cx, "iam:DeleteRolePermissionsBoundary", || {
                client.delete_role_permissions_boundary().role_name(role).send()
            })
            .await;
            return found(answer, GONE).map(|_| ());
        };
        call(cx, "iam:PutRolePermissionsBoundary", || {
            client
                .put_role_permissions_boundary()
                .role_name(role)
                .permissions_boundary(arn)
                .send()
        })
        .await?;
        Ok(())
    }

    async fn update_tags(&self, cx: &Context, role: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        let (put, gone) = tag_changes(change);
        if let Some(put) = put {
            let put = tag_list(put)?;
            call(cx, "iam:TagRole", || {
                client.tag_role().role_name(role).set_tags(Some(put.clone())).send()
            })
            .await?;
        }
        if gone.is_some() {
            call(cx, "iam:UntagRole", || {
                client.untag_role().role_name(role).set_tag_keys(gone.clone()).send()
            })
            .await?;
        }
        Ok(())
    }
}

/// The tags of a new role: those wanted, and where its stack is.
fn tags_for(cx: &Context, desired: &Settings) -> tags::Tags {
    let mut all = tags::wanted(desired);
    all.insert(tags::REGION_TAG.to_owned(), cx.region.clone());
    all
}

/// Success when the role is this component's, and of this region's stack.
fn claim_here(cx: &Context, name: &str, found: &tags::Tags) -> KindResult<()> {
    claim(cx, "iam:GetRole", &format!("a role named {name}"), found)?;
    match found.get(tags::REGION_TAG) {
        Some(region) if *region != cx.region => Err(KindError::NotOwned {
            operation: "iam:GetRole".to_owned(),
            message: format!(
                "a role named {name} belongs to {} in {region}: roles are of all regions, so that every stack of a kind needs \
                 an environment_suffix of its own, wherever it is",
                cx.stack
            ),
        }),
        _ => Ok(()),
    }
}

fn tag_list(tags: impl IntoIterator<Item = (String, String)>) -> KindResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(key, value)| built("tags", Tag::builder().key(key).value(value).build()))
        .collect()
}

#[async_trait]
impl Kind for IamRole {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.iam(&cx.region);
        let name = desired.text("role_name")?;
        let request = client
            .create_role()
            .role_name(name)
            .set_path(desired.opt_string("path"))
            .set_description(desired.opt_string("description"))
            .set_assume_role_policy_document(desired.document("assume_role_policy"))
            .set_permissions_boundary(desired.opt_string("permissions_boundary"))
            .set_max_session_duration(desired.opt_i32("max_session_duration")?)
            .set_tags(Some(tag_list(tags_for(cx, desired))?));
        let answer = call(cx, "iam:CreateRole", || request.clone().send()).await?;
        let outputs = answer.role.as_ref().map(outputs).unwrap_or_default();
        cx.created(&outputs);
        for (policy, text) in inline_policies(desired)? {
            self.put_inline(cx, name, &policy, &text).await?;
        }
        for arn in desired.texts("managed_policy_arns")? {
            self.attach(cx, name, &arn).await?;
        }
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(role) = self.role(cx, id).await? else {
            return Ok(None);
        };
        let client = self.0.iam(&cx.region);
        let mut inline = Map::new();
        // Somebody may delete it between two of these calls.
        let Some(names) = found(self.inline_names(cx, id).await, GONE)? else {
            return Ok(None);
        };
        for name in names {
            let answer = call(cx, "iam:GetRolePolicy", || {
                client.get_role_policy().role_name(id).policy_name(&name).send()
            })
            .await;
            if let Some(policy) = found(answer, GONE)? {
                inline.insert(name, document(&policy.policy_document));
            }
        }
        let Some(attached) = found(self.attached(cx, id).await, GONE)? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("role_name", Some(role.role_name()))
            .put("path", unless_default(recorded, "path", Some(role.path()), "/"))
            .put("description", role.description().filter(|text| !text.is_empty()))
            .put("assume_role_policy", role.assume_role_policy_document().map(document))
            .put("inline_policies", (!inline.is_empty()).then_some(Value::Object(inline)))
            .put("managed_policy_arns", (!attached.is_empty()).then_some(attached))
            .put(
                "permissions_boundary",
                role.permissions_boundary().and_then(|b| b.permissions_boundary_arn()),
            )
            .put(
                "max_session_duration",
                unless_default(
                    recorded,
                    "max_session_duration",
                    role.max_session_duration(),
                    DEFAULT_SESSION_DURATION,
                ),
            )
            .put("tags", tags::setting(tags_of(&role)));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(&role),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.update_role(cx, id, change).await?;
        self.update_policies(cx, id, change).await?;
        self.update_tags(cx, id, change).await?;
        let role = self.role(cx, id).await?;
        Ok(role.as_ref().map_or_else(|| change.outputs.clone(), outputs))
    }

    /// `DeleteRole` refuses a role that still has policies (`DeleteConflict`): they go first.
    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.iam(&cx.region);
        for arn in found(self.attached(cx, id).await, GONE)?.unwrap_or_default() {
            self.detach(cx, id, &arn).await?;
        }
        for name in found(self.inline_names(cx, id).await, GONE)?.unwrap_or_default() {
            self.delete_inline(cx, id, &name).await?;
        }
        let answer = call(cx, "iam:DeleteRole", || client.delete_role().role_name(id).send()).await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("role_name")?;
        let Some(role) = self.role(cx, name).await? else {
            return Ok(None);
        };
        claim_here(cx, name, &tags_of(&role))?;
        Ok(Some(name.to_owned()))
    }

    /// The name may be taken by a stack of this suffix in another region. Nothing is to be made before that shows: what
    /// else belongs to all regions, such as a dashboard, has no tags that could tell.
    async fn check(&self, cx: &Context, settings: &Settings, prospect: Prospect<'_>) -> Vec<Finding> {
        let (Prospect::Made, Some(name)) = (prospect, settings.opt_text("role_name")) else {
            return Vec::new();
        };
        // An answer that does not come is the apply's business.
        let Ok(Some(role)) = self.role(cx, name).await else {
            return Vec::new();
        };
        let foreign = claim_here(cx, name, &tags_of(&role)).err();
        foreign
            .map(|error| Finding::fatal("role_name", error.to_string()))
            .into_iter()
            .collect()
    }

    /// IAM hands trust policies back with other formatting and account ids as the ARN of their root.
    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match (setting, value) {
            ("assume_role_policy", _) => policy::normalise(value),
            ("inline_policies", Value::Object(policies)) => {
                let normal = |(name, document): (&String, &Value)| (name.clone(), policy::normalise(document));
                Value::Object(policies.iter().map(normal).collect())
            }
            _ => {
                let unordered = SPEC.setting(setting).is_some_and(|s| s.unordered);
                tap_engine::json::normalise(value, unordered)
            }
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["role_name", "assume_role_policy"])
            .name("role_name", 64, "+=,.@_-")
            .range("max_session_duration", 3600..=43_200);
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_come_back_percent_encoded() {
        assert_eq!(
            document("%7B%22Version%22%3A%222012-10-17%22%2C%22a%22%3A%22100%25+x%22%7D"),
            json!({"Version": "2012-10-17", "a": "100%+x"})
        );
        assert_eq!(decode("50%"), "50%", "a stray percent sign stays");
    }

    #[test]
    fn how_iam_writes_a_policy_is_no_difference() {
        let kind = IamRole(super::super::testing::aws());
        let trust = |principal: &str, action: Value| {
            json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action},
            ]})
        };
        let (written, told) = (
            trust("111122223333", json!(["sts:AssumeRole"])),
            trust("arn:aws:iam::111122223333:root", json!("sts:AssumeRole")),
        );
        for (setting, a, b) in [
            ("assume_role_policy", written.clone(), told.clone()),
            ("inline_policies", json!({"p": written}), json!({"p": told.to_string()})),
            ("managed_policy_arns", json!(["a", "b"]), json!(["b", "a"])),
        ] {
            assert_eq!(kind.normalise(setting, &a), kind.normalise(setting, &b), "{setting}");
        }
    }

    #[test]
    fn inline_policies_are_documents_or_text() {
        let settings = Settings::from([(
            "inline_policies".to_owned(),
            json!({"a": {"Statement": []}, "b": "{\"Statement\":[]}"}),
        )]);
        let policies = inline_policies(&settings).unwrap();
        assert_eq!(policies["a"], policies["b"]);
    }
}
