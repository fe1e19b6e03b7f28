//! What the engine sets on a composite's graph: ownership tags and the user's overrides.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::component::{Graph, Key, Settings};
use crate::kind::Registry;
use crate::plan::{PlanError, Problem, not_in_stack, unknown_setting};
use crate::reference::UNKNOWN;

/// Tag that names the stack an object belongs to: `<stack kind>/<suffix>`.
pub const STACK_TAG: &str = "tap:stack";
/// Tag that names the component: its key.
pub const COMPONENT_TAG: &str = "tap:component";

/// AWS's limits for tags, less our two, and the third that a role gets from its kind:
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>.
const MOST_TAGS: usize = 47;
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 256;

/// What IAM, Lambda, SNS and others take in names and values of tags: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, as in
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html>. A few services take more; a stack has all of them.
fn odd(text: &str) -> Option<char> {
    let fits = |c: char| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c);
    text.chars().find(|c| !fits(*c))
}

/// Sets the `tags` of every component whose kind takes tags: the user's, over them the
/// component's own, over them [`STACK_TAG`] and [`COMPONENT_TAG`].
pub fn own(
    graph: &mut Graph,
    stack: &str,
    user_tags: &BTreeMap<String, String>,
    registry: &Registry,
) -> Result<(), Vec<PlanError>> {
    let errors = check_tags(user_tags);
    if !errors.is_empty() {
        return Err(errors);
    }
    for (key, component) in &mut graph.components {
        if !registry.get(&component.kind).is_some_and(|kind| kind.spec().taggable) {
            continue;
        }
        let mut tags: Map<String, Value> = user_tags.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
        if let Some(Value::Object(own)) = component.settings.remove("tags") {
            tags.extend(own);
        }
        tags.insert(STACK_TAG.to_owned(), stack.into());
        tags.insert(COMPONENT_TAG.to_owned(), key.as_str().into());
        component.settings.insert("tags".to_owned(), Value::Object(tags));
    }
    Ok(())
}

fn check_tags(tags: &BTreeMap<String, String>) -> Vec<PlanError> {
    let bad = |message: String| PlanError {
        component: None,
        setting: Some("tags".to_owned()),
        problem: Problem::BadTag,
        message,
    };
    let mut errors = Vec::new();
    if tags.len() > MOST_TAGS {
        errors.push(bad(format!(
            "{} tags, but AWS allows 50 and three are the stack's own",
            tags.len()
        )));
    }
    for (name, value) in tags {
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("aws:") {
            errors.push(bad(format!("{name}: names that begin with aws: belong to AWS")));
        } else if lower.starts_with("tap:") {
            errors.push(bad(format!(
                "{name}: names that begin with tap: mark who owns what, choose another name"
            )));
        } else if name.is_empty() || name.chars().count() > LONGEST_NAME {
            errors.push(bad(format!(
                "{name:?}: a tag's name has 1 to {LONGEST_NAME} characters"
            )));
        } else if let Some(odd) = odd(name).or_else(|| odd(value).filter(|_| !value.contains(UNKNOWN))) {
            errors.push(bad(format!(
                "{name}: {odd:?} is no character for tags, which may hold letters, digits, spaces and _.:/=+-@"
            )));
        } else if value.chars().count() > LONGEST_VALUE {
            errors.push(bad(format!(
                "{name}: a tag's value has at most {LONGEST_VALUE} characters"
            )));
        }
    }
    errors.extend(alike(tags).into_iter().map(bad));
    errors
}

/// IAM knows no difference between upper and lower case in tags' names
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules>).
fn alike(tags: &BTreeMap<String, String>) -> Vec<String> {
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    let mut errors = Vec::new();
    for name in tags.keys() {
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            errors.push(format!(
                "{name} and {other} differ in upper and lower case only, which IAM roles do not take: leave one out"
            ));
        }
    }
    errors
}

/// Lays the user's `overrides` over the settings of single components; `null` unsets one. Names
/// are checked here, values by [`crate::plan()`].
pub fn override_settings(
    graph: &mut Graph,
    overrides: &BTreeMap<Key, Settings>,
    registry: &Registry,
) -> Result<(), Vec<PlanError>> {
    let mut errors = Vec::new();
    for (key, settings) in overrides {
        if !graph.components.contains_key(key) {
            errors.push(PlanError::new(Problem::NotInStack, key, not_in_stack(graph, key)).at("overrides"));
            continue;
        }
        let Some(component) = graph.components.get_mut(key) else {
            continue;
        };
        let Some(kind) = registry.get(&component.kind) else {
            continue;
        };
        for (name, value) in settings {
            if kind.spec().setting(name).is_none() {
                errors.push(PlanError::new(Problem::UnknownSetting, key, unknown_setting(&**kind, name)).at(name));
            } else if value.is_null() {
                component.settings.remove(name);
            } else {
                component.settings.insert(name.clone(), value.clone());
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::Component;
    use crate::fake::{FakeCloud, random};

    fn registry() -> Registry {
        FakeCloud::default().registry(random::SPECS)
    }

    fn graph() -> Graph {
        let mut graph = Graph::default();
        let component = Component::new(Key::new("plain", "a"), "plain", "r");
        graph.add(component.set("tags", json!({"team": "mine", "part": "a"})));
        graph
    }

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn every_component_says_whose_it_is() {
        let mut graph = graph();
        own(
            &mut graph,
            "demo/dev",
            &tags(&[("team", "all"), ("cost", "7")]),
            &registry(),
        )
        .unwrap();
        let wanted = json!({
            "cost": "7", "part": "a", "tap:component": "plain.a", "tap:stack": "demo/dev", "team": "mine"
        });
        assert_eq!(graph.components["plain.a"].settings["tags"], wanted);
    }

    #[test]
    fn reserved_and_oversized_tags_are_refused_all_at_once() {
        let long = "x".repeat(129);
        let bad = tags(&[
            ("aws:x", "1"),
            ("Tap:stack", "1"),
            (&long, "1"),
            ("", "1"),
            ("ok", &"v".repeat(257)),
            ("mark<up>", "1"),
            ("odd", "two\nlines"),
        ]);
        let errors = own(&mut graph(), "demo/dev", &bad, &registry()).unwrap_err();
        assert_eq!(errors.len(), 7);
        assert!(errors.iter().all(|e| e.problem == Problem::BadTag));
    }

    #[test]
    fn tags_of_every_language_and_those_to_come_are_taken() {
        let good = tags(&[("Größe", "müde Löwen"), ("a.b:/=+-@_", "50"), ("id", UNKNOWN)]);
        own(&mut graph(), "demo/dev", &good, &registry()).unwrap();
    }

    #[test]
    fn tags_that_iam_takes_for_one_are_refused() {
        let errors = own(
            &mut graph(),
            "demo/dev",
            &tags(&[("Team", "a"), ("team", "b")]),
            &registry(),
        )
        .unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].message.contains("team and Team differ"),
            "{}",
            errors[0].message
        );
    }

    #[test]
    fn overrides_are_laid_over_the_settings() {
        let mut graph = graph();
        let settings = [("plain".to_owned(), json!("x")), ("tags".to_owned(), json!(null))].into();
        override_settings(&mut graph, &[("plain.a".into(), settings)].into(), &registry()).unwrap();
        assert_eq!(
            graph.components["plain.a"].settings,
            [("plain".to_owned(), json!("x"))].into()
        );
    }

    #[test]
    fn overrides_of_what_is_not_there_are_refused() {
        let one = |name: &str| -> Settings { [(name.to_owned(), json!(1))].into() };
        let overrides = [("plain.a".into(), one("colour")), ("plain.b".into(), one("plain"))].into();
        let errors = override_settings(&mut graph(), &overrides, &registry()).unwrap_err();
        assert_eq!(
            errors[0].to_string().split(';').next(),
            Some("plain.a: colour: plain has no setting colour")
        );
        assert_eq!(
            errors[1].to_string(),
            "plain.b: overrides: the stack has no such component; of this kind it has: plain.a"
        );
    }
}
