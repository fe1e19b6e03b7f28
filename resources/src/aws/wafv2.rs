//! What the kinds of AWS WAF share: ids, lock tokens, tags, ownership.
//!
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/>

use std::future::Future;

use async_trait::async_trait;
use aws_sdk_wafv2::types::{Scope, Tag};
use tap_engine::{Change, Context, KindError, KindResult, Outputs, Settings};

use super::fields::Fields;
use super::{Aws, call, found, tags};

/// "No such object", whatever the object.
pub(super) const GONE: &[&str] = &["WAFNonexistentItemException"];
/// Somebody else changed the object since its lock token was read.
const CHANGED: &[&str] = &["WAFOptimisticLockException"];
/// How often a write is made, each time with a fresh lock token.
const LOCK_ATTEMPTS: u8 = 5;
/// How many objects a page of a list has, unless it is the last one: the most that WAF gives.
pub(super) const PAGE: u8 = 100;

/// One element of a list.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: Option<String>,
    /// WAF's own id, the first part of the kind's.
    pub(super) id: Option<String>,
    pub(super) arn: Option<String>,
}

/// What web ACLs and IP sets do each in its own way. Both have a name that is unique in their scope, and a lock token.
#[async_trait]
pub(super) trait Locked: Send + Sync {
    /// `web ACL`: what messages call it.
    const WHAT: &'static str;
    /// The operation behind [`Self::page`].
    const LIST: &'static str;

    fn aws(&self) -> &Aws;

    /// The ARN, as long as the object exists.
    async fn arn(&self, cx: &Context, id: &str) -> KindResult<Option<String>>;

    /// Brings all but the tags in line.
    async fn write(&self, cx: &Context, id: &str, wanted: &Settings) -> KindResult<()>;

    /// At most [`PAGE`] objects of the scope, and the marker of the next page.
    async fn page(
        &self,
        cx: &Context,
        scope: Scope,
        marker: Option<String>,
    ) -> KindResult<(Vec<Listed>, Option<String>)>;
}

/// Notes down the object that `operation` answers with.
pub(super) fn created<K: Locked>(
    cx: &Context,
    desired: &Settings,
    operation: &str,
    (id, arn): (Option<String>, Option<String>),
) -> KindResult<Outputs> {
    let (name, scope) = (desired.text("name")?, desired.text("scope")?);
    let (Some(id), Some(arn)) = (id, arn) else {
        return Err(KindError::Failed {
            operation: operation.into(),
            message: format!("the answer does not name {} {name}", K::WHAT),
        });
    };
    let outputs = outputs(&format!("{id}|{name}|{scope}"), &arn);
    cx.created(&outputs);
    Ok(outputs)
}

pub(super) async fn update(object: &impl Locked, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
    if change.changed.iter().any(|name| name != "tags") {
        object.write(cx, id, change.after).await?;
    }
    let arn = match change.outputs.get("arn") {
        Some(arn) => arn.clone(),
        None => object.arn(cx, id).await?.unwrap_or_default(),
    };
    retag(object.aws(), cx, &arn, change).await?;
    Ok(outputs(id, &arn))
}

/// The id of the object with the wanted name, when its tags say that it is this component and it is not recorded yet.
pub(super) async fn find<K: Locked>(object: &K, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
    let name = desired.text("name")?;
    let hit = look_up(object, cx, name, desired.text("scope")?).await?;
    let Some((id, arn)) = hit.filter(|(id, _)| !cx.known_ids.contains(id)) else {
        return Ok(None);
    };
    if tags::owned(cx, &tags_of(object.aws(), cx, &arn).await?) {
        return Ok(Some(id));
    }
    Err(KindError::NotOwned {
        operation: K::LIST.into(),
        message: format!(
            "{} {name} exists already and is not tagged as {} of {}",
            K::WHAT,
            cx.key,
            cx.stack
        ),
    })
}

/// `id` and ARN of the object with this name.
async fn look_up(object: &impl Locked, cx: &Context, name: &str, scope: &str) -> KindResult<Option<(String, String)>> {
    let mut marker = None;
    loop {
        let (listed, next) = object.page(cx, Scope::from(scope), marker).await?;
        let full_page = listed.len() == usize::from(PAGE);
        let hit = listed.into_iter().find(|object| object.name.as_deref() == Some(name));
        if let Some((id, arn)) = hit.and_then(|object| Some((object.id?, object.arn?))) {
            return Ok(Some((format!("{id}|{name}|{scope}"), arn)));
        }
        marker = next.filter(|marker| full_page && !marker.is_empty());
        if marker.is_none() {
            return Ok(None);
        }
    }
}

/// An object that is to be written is not there.
pub(super) fn missing(operation: &str, what: &str, name: &str) -> KindError {
    KindError::Failed {
        operation: operation.into(),
        message: format!("{what} {name} does not exist any more"),
    }
}

/// Id, name and scope from a kind's `id|name|scope`.
pub(super) fn parts(id: &str) -> (&str, &str, Scope) {
    let mut parts = id.splitn(3, '|');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next(), Scope::from(next()))
}

/// What an object answers to references.
pub(super) fn outputs(id: &str, arn: &str) -> Outputs {
    let (_, name, _) = parts(id);
    Outputs::from([
        ("id".into(), id.into()),
        ("arn".into(), arn.into()),
        ("name".into(), name.into()),
    ])
}

/// Makes a write that reads the lock token itself, again as long as somebody else was quicker.
pub(super) async fn with_fresh_token<F, Fut>(write: F) -> KindResult<()>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = KindResult<()>> + Send,
{
    let mut attempt = 1;
    loop {
        match write().await {
            Err(error) if error.is_code(CHANGED) && attempt < LOCK_ATTEMPTS => attempt += 1,
            answer => return answer,
        }
    }
}

/// Tags as the SDK wants them.
pub(super) fn sdk_tags(tags: &tags::Tags) -> KindResult<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| KindError::invalid("tags", error.to_string()))
}

/// Brings the tags of a WAF object in line.
async fn retag(aws: &Aws, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
    if !change.has("tags") {
        return Ok(());
    }
    let client = aws.wafv2(&cx.region);
    let (put, gone) = tags::delta(change);
    if !put.is_empty() {
        let request = client.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&put)?));
        call(cx, "wafv2:TagResource", || request.clone().send()).await?;
    }
    if !gone.is_empty() {
        let request = client.untag_resource().resource_arn(arn).set_tag_keys(Some(gone));
        call(cx, "wafv2:UntagResource", || request.clone().send()).await?;
    }
    Ok(())
}

/// Tags of a WAF object; none when it is gone.
pub(super) async fn tags_of(aws: &Aws, cx: &Context, arn: &str) -> KindResult<tags::Tags> {
    let client = aws.wafv2(&cx.region);
    let mut all = tags::Tags::new();
    let mut page = None;
    loop {
        let answer = call(cx, "wafv2:ListTagsForResource", || {
            client
                .list_tags_for_resource()
                .resource_arn(arn)
                .set_next_marker(page.clone())
                .send()
        })
        .await;
        let Some(answer) = found(answer, GONE)? else {
            return Ok(all);
        };
        let list = answer
            .tag_info_for_resource
            .and_then(|info| info.tag_list)
            .unwrap_or_default();
        let before = all.len();
        all.extend(list.into_iter().map(|tag| (tag.key, tag.value)));
        page = answer
            .next_marker
            .filter(|marker| !marker.is_empty() && all.len() > before);
        if page.is_none() {
            return Ok(all);
        }
    }
}
