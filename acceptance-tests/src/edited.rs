//! Which attributes an edit changes, against those that a schema has: the proof that every one is edited somewhere.

use crate::site::Site;
use crate::{Configuration, PROVIDER_SOURCE, Plan, workspace_root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One edit: an attribute, its new expression, and what the plan must show, no more and no less.
pub type Edit = (&'static str, &'static str, &'static [&'static str]);

/// An attribute that another test edits: path, file below `acceptance-tests/tests`, name of the test.
pub type Elsewhere = (&'static str, &'static str, &'static str);

/// An attribute that no test edits on a living stack: path, and why.
pub type Fixed = (&'static str, &'static str);

/// A map's key in a schema's path: `region_overrides.*.kms_key_arn`.
const ANY: &str = "*";

/// The members of an HCL expression, by path: `api.cors.max_age` -> `60`. What is neither an object nor a list of objects is
/// a member as it stands.
///
/// ```
/// use tap_acceptance_tests::edited::members;
///
/// let all = members("api", "{ path = \"a, b\", cors = { max_age = 60 } }");
///
/// assert_eq!(all["api.path"], "\"a, b\"");
/// assert_eq!(all["api.cors.max_age"], "60");
/// ```
pub fn members(path: &str, expression: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    collect(path, expression, &mut all);
    all
}

fn collect(path: &str, expression: &str, all: &mut BTreeMap<String, String>) {
    if let Some(parts) = object(expression) {
        for (name, value) in parts {
            collect(&format!("{path}.{}", name.trim_matches('"')), value, all);
        }
    } else if let Some(elements) = list(expression).filter(|elements| elements.iter().any(|e| object(e).is_some())) {
        for element in elements {
            collect(path, element, all);
        }
    } else {
        let text = all.entry(path.to_owned()).or_default();
        text.push_str(expression.trim());
    }
}

/// `new` laid over `old`, member by member: two edits of one attribute as one.
///
/// ```
/// use tap_acceptance_tests::edited::merged;
///
/// assert_eq!(merged("{ a = 1, b = { c = 2 } }", "{ b = { d = 3 } }"), "{ a = 1, b = { c = 2, d = 3 } }");
/// assert_eq!(merged("{ \"a/b\" = 1 }", "{ \"a/b\" = 2 }"), "{ \"a/b\" = 2 }");
/// assert_eq!(merged("1", "2"), "2");
/// ```
pub fn merged(old: &str, new: &str) -> String {
    let (Some(before), Some(after)) = (object(old), object(new)) else {
        return new.to_owned();
    };
    let mut all: Vec<(&str, String)> = before
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    for (name, value) in after {
        match all
            .iter_mut()
            .find(|(known, _)| known.trim_matches('"') == name.trim_matches('"'))
        {
            Some((_, known)) => *known = merged(known, value),
            None => all.push((name, value.to_owned())),
        }
    }
    let parts: Vec<String> = all.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", parts.join(", "))
}

/// Names, as they are written, and values of an object; nothing if it is none, or empty.
fn object(expression: &str) -> Option<Vec<(&str, &str)>> {
    let parts = enclosed(expression, '{', '}')?;
    let members = parts.iter().filter_map(|part| part.split_once('='));
    let members: Vec<(&str, &str)> = members.map(|(name, value)| (name.trim(), value.trim())).collect();
    (!members.is_empty()).then_some(members)
}

fn list(expression: &str) -> Option<Vec<&str>> {
    enclosed(expression, '[', ']')
}

/// What stands between the brackets, cut at its own commas.
fn enclosed(expression: &str, open: char, close: char) -> Option<Vec<&str>> {
    let inner = expression.trim().strip_prefix(open)?.strip_suffix(close)?;
    let (mut depth, mut quoted, mut escaped, mut from) = (0_usize, false, false, 0);
    let mut parts = Vec::new();
    for (at, sign) in inner.char_indices() {
        match sign {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    Some(parts)
}

/// All these edits of a configuration as one.
#[must_use]
pub fn together(base: &Configuration, edits: &[Edit]) -> Configuration {
    edits.iter().fold(base.clone(), |all, (attribute, expression, _)| {
        let expression = merged(all.setting(attribute).unwrap_or("null"), expression);
        all.with(attribute, &expression)
    })
}

/// Plans each edit by itself; `wrong` looks at the plan. Answers what it found. Nobody changes the site by hand meanwhile, so the
/// plans do without the refresh, which is most of a plan's time.
pub async fn look_at_each(
    site: &Site,
    base: &Configuration,
    edits: &[Edit],
    wrong: impl Fn(&Edit, &Plan) -> Option<String>,
) -> Vec<String> {
    let mut all = Vec::new();
    for edit in edits {
        let (attribute, expression, _) = edit;
        let base = base.clone();
        let expression = merged(base.setting(attribute).unwrap_or("null"), expression);
        site.configure(&base.with(attribute, &expression));
        match site.terraform.plan_with(&["-refresh=false"]).await {
            Ok(plan) => all.extend(wrong(edit, &plan).map(|what| format!("{attribute} = {expression}\n  {what}"))),
            Err(error) => all.push(format!("{attribute} = {expression}\n  {error}")),
        }
    }
    all
}

/// `sqs_queue` of `+us-east-1/sqs_queue.dlq` and of `us-east-1/sqs_queue.dlq.tags`.
pub fn kind(change: &str) -> &str {
    let key = change.trim_start_matches(['+', '-', '!']);
    let key = key.split_once('/').map_or(key, |(_, key)| key);
    key.split('.').next().unwrap_or(key)
}

/// The kinds of what a plan changes inside the stack at `address`.
pub fn kinds(plan: &Plan, address: &str) -> BTreeSet<String> {
    let changes = plan.component_changes(address);
    changes.iter().map(|change| kind(change).to_owned()).collect()
}

/// What differs from the edit's expectation in what a plan shows.
pub fn unexpected((_, _, expected): &Edit, shown: &BTreeSet<String>) -> Option<String> {
    let expected: BTreeSet<String> = expected.iter().map(|change| (*change).to_owned()).collect();
    (*shown != expected).then(|| format!("planned  {shown:?}\n  expected {expected:?}"))
}

/// All that a user can set in a resource, by path, with its description; `schema` is what `terraform providers schema -json`
/// says. A nested attribute counts by its members.
pub fn settable(schema: &Value, resource: &str) -> BTreeMap<String, String> {
    let provider = schema["provider_schemas"].as_object().into_iter().flatten();
    let ours = provider
        .filter(|(source, _)| source.ends_with(PROVIDER_SOURCE))
        .map(|(_, ours)| ours);
    let mut all = BTreeMap::new();
    for provider in ours {
        let block = &provider["resource_schemas"][resource]["block"];
        walk("", &block["attributes"], &mut all);
    }
    all
}

fn walk(path: &str, attributes: &Value, all: &mut BTreeMap<String, String>) {
    for (name, attribute) in attributes.as_object().into_iter().flatten() {
        if attribute["optional"] != true && attribute["required"] != true {
            continue;
        }
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let nested = &attribute["nested_type"];
        if nested.is_null() {
            let description = attribute["description"].as_str().unwrap_or_default();
            all.insert(path, description.to_owned());
        } else if nested["nesting_mode"] == "map" {
            walk(&format!("{path}.{ANY}"), &nested["attributes"], all);
        } else {
            walk(&path, &nested["attributes"], all);
        }
    }
}

/// The names at the top of these paths.
pub fn at_the_top(settable: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let top = |path: &String| path.split('.').next().unwrap_or(path).to_owned();
    settable.keys().map(|path| (top(path), String::new())).collect()
}

/// Whether what stands at `path` is, or is part of, what the schema has at `pattern`.
fn is_of(path: &str, pattern: &str) -> bool {
    let mut parts = path.split('.');
    pattern
        .split('.')
        .all(|wanted| parts.next().is_some_and(|part| wanted == ANY || part == wanted))
}

/// Where everything that can be set is edited.
#[derive(Debug, Default)]
pub struct Edited {
    /// Path to the new expressions, each with whether the edited configuration sets the member.
    members: BTreeMap<String, Vec<(String, bool)>>,
}

impl Edited {
    /// Adds edits of this configuration: members that it has as they are do not count.
    #[must_use]
    pub fn by(mut self, edits: &[Edit], base: &Configuration) -> Self {
        for (attribute, expression, _) in edits {
            let before = members(attribute, base.setting(attribute).unwrap_or("null"));
            for (path, value) in members(attribute, expression) {
                let was = before.get(&path);
                if was != Some(&value) {
                    let was_set = was.is_some_and(|was| was != "null");
                    let edit = (value, was_set);
                    self.members.entry(path).or_default().push(edit);
                }
            }
        }
        self
    }

    /// What is wrong with the proof that all of `settable` is edited: paths that nobody edits, and entries of the other two
    /// lists that are not true (any more). Where nothing is set, an edit to the documented default is none.
    pub fn gaps(&self, settable: &BTreeMap<String, String>, elsewhere: &[Elsewhere], fixed: &[Fixed]) -> Vec<String> {
        let mut gaps = Vec::new();
        let listed = elsewhere
            .iter()
            .map(|(path, ..)| *path)
            .chain(fixed.iter().map(|(path, _)| *path));
        let listed: BTreeSet<&str> = listed.collect();
        for (pattern, description) in settable {
            let here = self.edits(pattern, description);
            let there = listed.iter().any(|path| is_of(pattern, path));
            if !here && !there {
                gaps.push(format!("{pattern}: no edit, and no reason"));
            }
        }
        for path in &listed {
            let mut meant = settable.iter().filter(|(pattern, _)| is_of(pattern, path)).peekable();
            if meant.peek().is_none() {
                gaps.push(format!("{path}: listed, but nothing that can be set"));
            } else if meant.all(|(pattern, description)| self.edits(pattern, description)) {
                gaps.push(format!("{path}: listed, but edited"));
            }
        }
        gaps.extend(elsewhere.iter().filter_map(missing_test));
        gaps
    }

    fn edits(&self, pattern: &str, description: &str) -> bool {
        let is_default = |value: &str| description.contains(&format!("Default: `{value}`"));
        let mut values = self.members.iter().filter(|(path, _)| is_of(path, pattern));
        values.any(|(_, values)| values.iter().any(|(value, was_set)| *was_set || !is_default(value)))
    }
}

/// A test that is named must be there and speak of the attribute.
fn missing_test((path, file, test): &Elsewhere) -> Option<String> {
    let whole = workspace_root().join("acceptance-tests/tests").join(file);
    let text = std::fs::read_to_string(&whole).unwrap_or_default();
    let member = path.rsplit('.').next().unwrap_or(path);
    let there = text.contains(&format!("fn {test}(")) && text.contains(member);
    (!there).then(|| format!("{path}: no test {test} that has {member} in {}", whole.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_cut_at_their_own_commas() {
        let all = members(
            "a",
            "{ b = \"x, \\\"y\", c = [1, 2], d = jsonencode({ e = 1, f = [2] }), g = [{ h = 1 }, { i = 2 }], \"j-1\" = {} }",
        );
        let expected = [
            ("a.b", "\"x, \\\"y\""),
            ("a.c", "[1, 2]"),
            ("a.d", "jsonencode({ e = 1, f = [2] })"),
            ("a.g.h", "1"),
            ("a.g.i", "2"),
            ("a.j-1", "{}"),
        ];
        assert_eq!(
            all,
            expected.map(|(path, text)| (path.to_owned(), text.to_owned())).into()
        );
    }

    fn schema() -> BTreeMap<String, String> {
        let flag = json!({"optional": true, "description": "Default: `\"on\"`."});
        let attributes = json!({
            "id": {"computed": true},
            "name": {"required": true},
            "mode": flag,
            "table": {"optional": true, "nested_type": {"nesting_mode": "single", "attributes": {"size": flag}}},
            "over": {"optional": true, "nested_type": {"nesting_mode": "map", "attributes": {"arn": flag}}},
        });
        let resource = json!({"tap_x": {"block": {"attributes": attributes}}});
        let source = format!("registry.terraform.io/{PROVIDER_SOURCE}");
        settable(
            &json!({"provider_schemas": {source: {"resource_schemas": resource}}}),
            "tap_x",
        )
    }

    #[test]
    fn what_a_user_can_set_is_listed_by_its_members() {
        let paths: Vec<String> = schema().into_keys().collect();
        assert_eq!(paths, ["mode", "name", "over.*.arn", "table.size"]);
    }

    #[test]
    fn gaps_and_stale_entries_are_named() {
        let base = Configuration::of("tap_x", "x").with("table", "{ size = 1 }");
        let edits: [Edit; 3] = [
            ("mode", "\"on\"", &[]),
            ("over", "{ here = { arn = \"a\" } }", &[]),
            ("table", "{ size = 1 }", &[]),
        ];
        let edited = Edited::default().by(&edits, &base);
        let fixed = [("over", "why"), ("gone", "why"), ("name", "why")];
        let elsewhere = [("table.size", "payment/edits.rs", "no_such_test")];

        let gaps = edited.gaps(&schema(), &elsewhere, &fixed);

        let starts: Vec<&str> = gaps.iter().filter_map(|gap| gap.split(" in /").next()).collect();
        assert_eq!(
            starts,
            [
                "mode: no edit, and no reason",
                "gone: listed, but nothing that can be set",
                "over: listed, but edited",
                "table.size: no test no_such_test that has size",
            ]
        );
    }
}
