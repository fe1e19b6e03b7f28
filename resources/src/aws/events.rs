//! Common ground of the Amazon EventBridge kinds: tags, ARNs, and updates that clear what was
//! removed.
//!
//! API: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/>

use aws_sdk_eventbridge::types::{DeadLetterConfig, Tag};
use tap_engine::{Change, Context, KindError, KindResult};

use super::fields::Fields;
use super::tags::{self, Tags};
use super::{Aws, call, found};

/// "No such bus, rule, archive".
pub(super) const GONE: &[&str] = &["ResourceNotFoundException"];

/// The bus that every account has.
pub(super) const DEFAULT_BUS: &str = "default";

/// ARN of a bus.
pub(super) fn bus_arn(aws: &Aws, cx: &Context, bus: &str) -> String {
    aws.arn("events", &cx.region, &format!("event-bus/{bus}"))
}

/// ARN of a rule; rules of the default bus carry no bus name.
pub(super) fn rule_arn(aws: &Aws, cx: &Context, bus: &str, rule: &str) -> String {
    let path = if bus == DEFAULT_BUS {
        format!("rule/{rule}")
    } else {
        format!("rule/{bus}/{rule}")
    };
    aws.arn("events", &cx.region, &path)
}

/// Tags as the SDK wants them.
pub(super) fn sdk_tags(tags: &Tags) -> KindResult<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| KindError::invalid("tags", error.to_string()))
}

/// Tags of a bus or a rule; none when it is gone.
pub(super) async fn tags_of(aws: &Aws, cx: &Context, arn: &str) -> KindResult<Tags> {
    let client = aws.events(&cx.region);
    let answer = call(cx, "events:ListTagsForResource", || {
        client.list_tags_for_resource().resource_arn(arn).send()
    })
    .await;
    let tags = found(answer, GONE)?.and_then(|a| a.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Brings tags in line.
pub(super) async fn retag(aws: &Aws, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
    if !change.has("tags") {
        return Ok(());
    }
    let client = aws.events(&cx.region);
    let (put, gone) = tags::delta(change);
    if !put.is_empty() {
        let request = client.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&put)?));
        call(cx, "events:TagResource", || request.clone().send()).await?;
    }
    if !gone.is_empty() {
        let request = client.untag_resource().resource_arn(arn).set_tag_keys(Some(gone));
        call(cx, "events:UntagResource", || request.clone().send()).await?;
    }
    Ok(())
}

/// A text member of an update: the value wanted, or empty text where it was removed. The update
/// calls keep what a request leaves out, only empty text clears it.
pub(super) fn rewritten(change: &Change<'_>, name: &str) -> Option<String> {
    let cleared = || change.has(name).then(String::new);
    change.after.opt_string(name).or_else(cleared)
}

/// [`rewritten`] for the dead-letter queue.
pub(super) fn rewritten_dead_letter(change: &Change<'_>) -> Option<DeadLetterConfig> {
    let cleared = || {
        change
            .has("dead_letter_arn")
            .then(|| DeadLetterConfig::builder().build())
    };
    dead_letter(change.after.opt_text("dead_letter_arn")).or_else(cleared)
}

/// The dead-letter queue as the SDK wants it.
pub(super) fn dead_letter(arn: Option<&str>) -> Option<DeadLetterConfig> {
    arn.map(|arn| DeadLetterConfig::builder().arn(arn).build())
}

/// Text that AWS reports; empty text is "not set".
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
