//! Tags: reading, diffing, and the ownership they prove.

use std::collections::BTreeMap;

use serde_json::Value;
use tap_engine::{Change, Context, Settings};

use super::fields::Fields;

pub use tap_engine::own::{COMPONENT_TAG, STACK_TAG};

/// Tag on what belongs to the whole account and not to a region: the region in which the stack is. Two stacks may
/// have one suffix in two regions, as far as `tap:stack` goes. Written and read by the kind, never a setting.
pub const REGION_TAG: &str = "tap:region";

/// Tag pairs.
pub type Tags = BTreeMap<String, String>;

/// The tags wanted.
pub fn wanted(settings: &Settings) -> Tags {
    settings.text_map("tags").unwrap_or_default()
}

/// What was read, as the `tags` setting; AWS's own `aws:` tags are not ours to manage, [`REGION_TAG`] is the kind's.
pub fn setting(tags: impl IntoIterator<Item = (String, String)>) -> Option<Value> {
    let settings = |name: &str| !name.starts_with("aws:") && name != REGION_TAG;
    let own: Tags = tags.into_iter().filter(|(name, _)| settings(name)).collect();
    (!own.is_empty()).then(|| {
        own.into_iter()
            .map(|(k, v)| (k, Value::String(v)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    })
}

/// Tags to write and names to remove for an update.
pub fn delta(change: &Change<'_>) -> (Tags, Vec<String>) {
    let before = wanted(change.before);
    let after = wanted(change.after);
    let gone = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .cloned()
        .collect();
    let put = after
        .into_iter()
        .filter(|(name, value)| before.get(name) != Some(value))
        .collect();
    (put, gone)
}

/// True when the tags say that the object is this very component of this very stack.
pub fn owned(cx: &Context, tags: &Tags) -> bool {
    tags.get(STACK_TAG) == Some(&cx.stack) && tags.get(COMPONENT_TAG).map(String::as_str) == Some(cx.key.as_str())
}
