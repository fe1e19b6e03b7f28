//! What exists in the fake cloud.

use std::collections::BTreeSet;

use crate::component::{Key, Settings};
use crate::kind::Outputs;

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
    let texts = NAME_SETTINGS
        .iter()
        .filter_map(|setting| settings.get(*setting)?.as_str());
    texts.into_iter().find(|text| !text.contains(ID_OPEN))
}

/// The id of an object that is known by its name, which other regions may have given, too.
pub(super) fn named_id(kind: &str, name: &str, region: &str) -> String {
    format!("{ID_OPEN}{kind}:{name}@{region}{ID_CLOSE}")
}

/// Ids of objects anywhere in settings.
pub(super) fn ids_in(settings: &Settings) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for value in settings.values() {
        let text = value.to_string();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(ID_OPEN) {
            rest = &rest[at..];
            let Some(end) = rest.find(ID_CLOSE) else { break };
            if is_id(&rest[1..end]) {
                found.insert(rest[..=end].to_owned());
            }
            rest = &rest[end..];
        }
    }
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
    fn ids_are_told_from_placeholders_of_templates() {
        let template =
            r#"{"at": "<timestamp>", "to": "arn:<sns_topic-7>", "by": "<iam_role:fraud-dev>", "x": "a < b > c"}"#;
        let found = ids_in(&[("input".to_owned(), template.into())].into());
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["<iam_role:fraud-dev>", "<sns_topic-7>"]
        );
    }
}
