//! What the kinds of Amazon API Gateway (REST APIs) share: compound ids, ARNs, patch lists, tags.
//!
//! Their `iam_actions` are HTTP verbs: IAM knows API Gateway's control plane by nothing else (doc:
//! Service Authorization Reference, "API Gateway Management").
//!
//! API: <https://docs.aws.amazon.com/apigateway/latest/api/>; the paths of patch operations:
//! <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock, PoisonError};

use aws_sdk_apigateway::types::{Op, PatchOperation};
use serde_json::Value;
use tap_engine::{Change, Context, KindError, KindResult, Settings};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::fields::Fields;
use super::{Aws, call, tags};

/// The code for "no such object", whatever the object or its parent.
pub(super) const GONE: &[&str] = &["NotFoundException"];

/// The parts of a compound id.
pub(super) fn parts<const N: usize>(id: &str) -> KindResult<[&str; N]> {
    let parts: Vec<&str> = id.split('|').collect();
    parts
        .try_into()
        .map_err(|_| KindError::invalid("id", format!("{id} does not have {N} parts separated by |")))
}

/// `arn:<partition>:apigateway:<region>::<path>`: these ARNs carry no account.
pub(super) fn arn(aws: &Aws, cx: &Context, path: &str) -> String {
    format!("arn:{}:apigateway:{}::{path}", aws.partition(), cx.region)
}

/// A path segment in JSON Pointer's escaping (RFC 6901).
pub(super) fn escaped(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// A list of patch operations.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Patch(pub(super) Vec<PatchOperation>);

impl Patch {
    /// Sets one member.
    pub(super) fn replace(&mut self, path: &str, value: impl Into<String>) {
        self.push(Op::Replace, path, Some(value.into()));
    }
    /// Sets one member back to "none": a replace without a value.
    pub(super) fn replace_with_nothing(&mut self, path: &str) {
        self.push(Op::Replace, path, None);
    }
    /// Adds to a list.
    pub(super) fn add(&mut self, path: &str, value: impl Into<String>) {
        self.push(Op::Add, path, Some(value.into()));
    }
    /// Removes a member, or one value of a list.
    pub(super) fn remove(&mut self, path: &str, value: Option<String>) {
        self.push(Op::Remove, path, value);
    }
    /// Sets the member to the wanted text, or to `unset`, for each changed setting in the table.
    pub(super) fn texts(&mut self, change: &Change<'_>, table: &[(&str, &str, &str)]) {
        for (setting, path, unset) in table {
            if change.has(setting) {
                let text = change.after.document(setting);
                self.replace(path, text.unwrap_or_else(|| (*unset).to_owned()));
            }
        }
    }
    /// Brings a map of strings in line, key by key.
    pub(super) fn map(&mut self, prefix: &str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            self.remove(&format!("{prefix}/{}", escaped(name)), None);
        }
        for (name, value) in after.iter().filter(|(name, value)| before.get(*name) != Some(value)) {
            self.replace(&format!("{prefix}/{}", escaped(name)), value);
        }
    }
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    fn push(&mut self, op: Op, path: &str, value: Option<String>) {
        self.0
            .push(PatchOperation::builder().op(op).path(path).set_value(value).build());
    }
}

/// Waits for the turn to edit an API. API Gateway refuses edits of one API that overlap
/// (`ConflictException`, "concurrent modification"); those of one run need not meet that at all.
pub(super) async fn editing(rest_api_id: &str) -> OwnedMutexGuard<()> {
    static APIS: OnceLock<std::sync::Mutex<HashMap<String, Arc<Mutex<()>>>>> = OnceLock::new();
    let api = APIS
        .get_or_init(std::sync::Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(rest_api_id.to_owned())
        .or_default()
        .clone();
    api.lock_owned().await
}

/// Tags as the SDK takes them.
pub(super) fn wanted_tags(settings: &Settings) -> HashMap<String, String> {
    tags::wanted(settings).into_iter().collect()
}

/// Tags as the SDK hands them out.
pub(super) fn seen_tags(tags: Option<&HashMap<String, String>>) -> tags::Tags {
    tags.into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// Brings the tags of the object behind `arn` in line.
pub(super) async fn apply_tags(aws: &Aws, cx: &Context, arn: &str, change: &Change<'_>) -> KindResult<()> {
    if !change.has("tags") {
        return Ok(());
    }
    let client = aws.apigateway(&cx.region);
    let (put, gone) = tags::delta(change);
    if !put.is_empty() {
        let put: HashMap<_, _> = put.into_iter().collect();
        call(cx, "apigateway:TagResource", || {
            client
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(put.clone()))
                .send()
        })
        .await?;
    }
    if !gone.is_empty() {
        call(cx, "apigateway:UntagResource", || {
            client
                .untag_resource()
                .resource_arn(arn)
                .set_tag_keys(Some(gone.clone()))
                .send()
        })
        .await?;
    }
    Ok(())
}

/// A boolean as it is reported: `false`, the default everywhere here, only where it was asked for.
pub(super) fn flag(actual: bool, setting: &str, recorded: &Settings) -> Option<bool> {
    (actual || recorded.value(setting).is_some()).then_some(actual)
}

/// A text that is reported as empty when nobody set it.
pub(super) fn text(actual: Option<&str>) -> Option<&str> {
    actual.filter(|text| !text.is_empty())
}

/// A map of strings as a JSON object; empty is "not set".
pub(super) fn object<V: Clone + Into<Value>>(map: Option<&HashMap<String, V>>) -> Option<Value> {
    let map = map.filter(|map| !map.is_empty())?;
    let members = map.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    Some(Value::Object(members.collect()))
}

/// Text for a value that AWS types as a string and people write as a number (status codes).
pub(super) fn number_as_text(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        other => other.clone(),
    }
}

/// An account without a way to it, for tests of what makes no calls.
#[cfg(test)]
pub(super) fn test_aws() -> Arc<Aws> {
    let config = aws_types::SdkConfig::builder().build();
    let options = super::AwsOptions::default();
    Arc::new(Aws::new(config, options, "123456789012".into(), "aws".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tap_engine::Outputs;

    #[test]
    fn a_map_is_patched_key_by_key_with_escaped_paths() {
        let before = BTreeMap::from([("a/b".to_owned(), "1".to_owned()), ("c".to_owned(), "2".to_owned())]);
        let after = BTreeMap::from([("c".to_owned(), "3".to_owned()), ("d~e".to_owned(), "4".to_owned())]);
        let mut patch = Patch::default();
        patch.map("/variables", &before, &after);
        let mut wanted = Patch::default();
        wanted.remove("/variables/a~1b", None);
        wanted.replace("/variables/c", "3");
        wanted.replace("/variables/d~0e", "4");
        assert_eq!(patch, wanted);
    }

    #[test]
    fn only_what_changed_is_patched_and_removing_goes_back_to_the_default() {
        let (before, after) = (
            Settings::from([("name".to_owned(), json!("a")), ("description".to_owned(), json!("d"))]),
            Settings::from([("name".to_owned(), json!("a"))]),
        );
        let changed = ["description".to_owned()];
        let change = Change {
            before: &before,
            after: &after,
            changed: &changed,
            outputs: &Outputs::new(),
        };
        let mut patch = Patch::default();
        patch.texts(&change, &[("name", "/name", ""), ("description", "/description", "")]);
        let mut wanted = Patch::default();
        wanted.replace("/description", "");
        assert_eq!(patch, wanted);
    }

    #[test]
    fn an_id_with_other_parts_is_refused() {
        assert_eq!(parts::<2>("api|name").unwrap(), ["api", "name"]);
        assert!(parts::<3>("api|name").is_err());
    }

    #[tokio::test]
    async fn edits_of_one_api_take_turns_and_edits_of_two_do_not() {
        let first = editing("api-turns-1").await;
        let _other = editing("api-turns-2").await;
        let waiting = tokio::spawn(editing("api-turns-1"));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap();
    }
}
