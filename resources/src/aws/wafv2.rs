//! What the kinds of AWS WAF share: ids, lock tokens, tags, ownership.
//!
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/>

use std::future::Future;

use aws_sdk_wafv2::types::{Scope, Tag};
use tap_engine::{Change, Context, KindError, KindResult, Outputs};

use super::{Aws, call, found, tags};

/// "No such object", whatever the object.
pub(super) const GONE: &[&str] = &["WAFNonexistentItemException"];
/// Somebody else changed the object since its lock token was read.
const CHANGED: &[&str] = &["WAFOptimisticLockException"];
/// How often a write is made, each time with a fresh lock token.
const LOCK_ATTEMPTS: u8 = 5;

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

/// The id of what was looked up by name, when its tags say that it is this component and it is not recorded yet.
/// `what` names the object in the refusal of one that is somebody else's.
pub(super) async fn adopted(
    aws: &Aws,
    cx: &Context,
    hit: Option<(String, String)>,
    operation: &str,
    what: &str,
) -> KindResult<Option<String>> {
    let Some((id, arn)) = hit else {
        return Ok(None);
    };
    if cx.known_ids.contains(&id) {
        return Ok(None);
    }
    if tags::owned(cx, &tags_of(aws, cx, &arn).await?) {
        return Ok(Some(id));
    }
    Err(KindError::NotOwned {
        operation: operation.into(),
        message: format!("{what} exists already and is not tagged as {} of {}", cx.key, cx.stack),
    })
}

/// Tags as the SDK wants them.
pub(super) fn sdk_tags(tags: &tags::Tags) -> KindResult<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| KindError::invalid("tags", error.to_string()))
}

/// Brings the tags of a WAF object in line.
pub(super) async fn retag(aws: &Aws, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
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
