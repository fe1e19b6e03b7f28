//! What exists in the fake cloud.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::component::{Key, Settings};
use crate::kind::Outputs;
use crate::reference::walk;

/// Ids are written so that they are found in any text: `<kind-7>`.
pub(super) const ID_OPEN: char = '<';
pub(super) const ID_CLOSE: char = '>';

/// Settings that are taken for an object's name, the first that holds one.
const NAME_SETTINGS: &[&str] = &[
    "name",
    "table_name",
    "bucket",
    "function_name",
    "repository_name",
    "alarm_name",
    "role_name",
    "filter_name",
    "log_group_name",
    "dashboard_name",
    "archive_name",
    "policy_name",
    "stage_name",
    "path_part",
    "group_name",
    "target_id",
    "statement_id",
    "path",
];

/// Settings that say what an object is in, unless they are its name: a metric filter's log group.
const PARENT_SETTINGS: &[&str] = &["log_group_name", "function_name", "event_bus_name", "rule"];

/// One object of the fake cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Kind.
    pub kind: &'static str,
    /// Region.
    pub region: String,
    /// Stack that made it.
    pub stack: String,
    /// Component it is.
    pub key: Key,
    /// Actual settings.
    pub settings: Settings,
    /// Actual outputs.
    pub outputs: Outputs,
    /// How many more reads and finds do not see it yet.
    pub unseen: u32,
    /// Number of updates it has had.
    pub revision: u64,
    /// Deleting it needs force.
    pub has_data: bool,
    pub(super) fixed: Vec<&'static str>,
    pub(super) create_first: bool,
}

impl Object {
    /// Its name: unique per kind and region.
    pub fn name(&self) -> Option<&str> {
        name(&self.settings)
    }
}

/// The name in settings. What holds an id is not a name but a reference to a parent (a
/// permission's `function_name`).
pub(super) fn name(settings: &Settings) -> Option<&str> {
    named_by(settings).map(|(_, text)| text)
}

fn named_by(settings: &Settings) -> Option<(&'static str, &str)> {
    let mut texts = NAME_SETTINGS
        .iter()
        .filter_map(|setting| Some((*setting, settings.get(*setting)?.as_str()?)));
    texts.find(|(_, text)| !text.contains(ID_OPEN))
}

/// Names of the parents that are no objects of the stack (somebody else's log group).
pub(super) fn foreign_parents(settings: &Settings) -> impl Iterator<Item = String> {
    let own = named_by(settings).map(|(setting, _)| setting);
    let parents = PARENT_SETTINGS.iter().filter(move |setting| Some(**setting) != own);
    parents.filter_map(|setting| Some(settings.get(*setting)?.as_str()?.to_owned()))
}

/// The id of an object that is known by its name, which other regions may have given, too.
pub(super) fn named_id(kind: &str, name: &str, region: &str) -> String {
    format!("{ID_OPEN}{kind}:{name}@{region}{ID_CLOSE}")
}

/// Ids of objects anywhere in settings.
pub(super) fn ids_in(settings: &Settings) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for value in settings.values() {
        ids_of(value, &mut found);
    }
    found
}

/// Ids of objects anywhere in a value.
fn ids_of(value: &Value, found: &mut BTreeSet<String>) {
    walk(value, &mut |text| {
        let mut rest = text;
        while let Some(at) = rest.find(ID_OPEN) {
            rest = &rest[at + 1..];
            let Some(end) = rest.find(ID_CLOSE) else { break };
            if is_id(&rest[..end]) {
                found.insert(format!("{ID_OPEN}{}{ID_CLOSE}", &rest[..end]));
            }
        }
    });
}

/// Whether a value mentions the object with this id.
pub(super) fn mentions(value: &Value, id: &str) -> bool {
    let mut found = false;
    walk(value, &mut |text| found |= text.contains(id));
    found
}

/// `kind-7` or `kind:name`; a template's `<timestamp>` is neither.
fn is_id(inside: &str) -> bool {
    let kind = inside.split_once(['-', ':']).map(|(kind, _)| kind);
    kind.is_some_and(|kind| {
        !kind.is_empty()
            && kind
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_unique_in_its_parent() {
        let settings = |pairs: &[(&str, &str)]| -> Settings {
            let pairs = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).into()));
            pairs.collect()
        };
        let filter = settings(&[("filter_name", "errors"), ("log_group_name", "/theirs")]);
        assert_eq!(name(&filter), Some("errors"));
        assert_eq!(foreign_parents(&filter).collect::<Vec<_>>(), ["/theirs"]);
        let group = settings(&[("log_group_name", "/ours")]);
        assert_eq!(name(&group), Some("/ours"));
        assert_eq!(foreign_parents(&group).count(), 0);
    }

    #[test]
    fn ids_are_told_from_placeholders_of_templates() {
        let template =
            r#"{"at": "<timestamp>", "to": "arn:<sns_topic-7>", "by": "<iam_role:fraud-dev>", "x": "a < b > c"}"#;
        let named = serde_json::json!({"<kms_key-1>": ["1 < 2 <sqs_queue-3>"]});
        let found = ids_in(
            &[
                ("input".to_owned(), template.into()),
                ("named".to_owned(), named.clone()),
            ]
            .into(),
        );
        let ids = ["<iam_role:fraud-dev>", "<kms_key-1>", "<sns_topic-7>", "<sqs_queue-3>"];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ids);
        assert!(mentions(&named, "<kms_key-1>") && mentions(&named, "<sqs_queue-3>"));
        assert!(!mentions(&named, "<sqs_queue-33>"));
    }
}
