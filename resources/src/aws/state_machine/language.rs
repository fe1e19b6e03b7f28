//! As much of the Amazon States Language as a plan can check: the mistakes that would otherwise
//! only show when AWS refuses the definition (`InvalidDefinition`).
//!
//! Language: <https://states-language.net/spec.html>

use serde_json::{Map, Value};

const TYPES: &[&str] = &["Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"];

/// What is wrong with a definition; empty when nothing was found.
pub(super) fn check(definition: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    machine(definition, "definition", &mut wrong);
    wrong
}

fn machine(machine: &Value, place: &str, wrong: &mut Vec<String>) {
    let Some(states) = machine
        .get("States")
        .and_then(Value::as_object)
        .filter(|s| !s.is_empty())
    else {
        wrong.push(format!("{place} has no States"));
        return;
    };
    match machine.get("StartAt").and_then(Value::as_str) {
        Some(start) if states.contains_key(start) => {}
        Some(start) => wrong.push(format!("{place} starts at {start:?}, which is not one of its states")),
        None => wrong.push(format!("{place} has no StartAt")),
    }
    for (name, state) in states {
        self::state(name, state, states, place, wrong);
    }
}

fn state(name: &str, state: &Value, states: &Map<String, Value>, place: &str, wrong: &mut Vec<String>) {
    let place = format!("state {name:?} of {place}");
    if name.chars().count() > 80 {
        wrong.push(format!("{place} has a name of more than 80 characters"));
    }
    let kind = state.get("Type").and_then(Value::as_str).unwrap_or_default();
    if !TYPES.contains(&kind) {
        wrong.push(format!(
            "{place} has the Type {kind:?}; it must be one of {}",
            TYPES.join(", ")
        ));
        return;
    }
    for target in targets(state) {
        if !states.contains_key(target) {
            wrong.push(format!("{place} goes on to {target:?}, which is not a state beside it"));
        }
    }
    let goes_on = state.get("Next").is_some();
    let ends = state.get("End") == Some(&Value::Bool(true));
    if !matches!(kind, "Choice" | "Succeed" | "Fail") && goes_on == ends {
        wrong.push(format!("{place} needs either Next or \"End\": true"));
    }
    match kind {
        "Task" if state.get("Resource").is_none() => wrong.push(format!("{place} has no Resource")),
        "Choice" if list(state, "Choices").is_empty() => wrong.push(format!("{place} has no Choices")),
        "Parallel" => {
            let branches = list(state, "Branches");
            if branches.is_empty() {
                wrong.push(format!("{place} has no Branches"));
            }
            for (index, branch) in branches.iter().enumerate() {
                machine(branch, &format!("branch {index} of {place}"), wrong);
            }
        }
        "Map" => {
            let processor = state.get("ItemProcessor").or_else(|| state.get("Iterator"));
            machine(
                processor.unwrap_or(&Value::Null),
                &format!("the processor of {place}"),
                wrong,
            );
        }
        _ => {}
    }
}

fn list<'a>(state: &'a Value, member: &str) -> &'a [Value] {
    state.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Names of the states that a state can go on to.
fn targets(state: &Value) -> impl Iterator<Item = &str> {
    let nested = list(state, "Choices").iter().chain(list(state, "Catch"));
    let nested = nested.filter_map(|rule| rule.get("Next"));
    let own = ["Next", "Default"].into_iter().filter_map(|member| state.get(member));
    own.chain(nested).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_sound_definition_passes() {
        let definition = json!({
            "StartAt": "Both",
            "States": {
                "Both": {
                    "Type": "Parallel",
                    "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "r", "End": true}}}],
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
                    "Next": "Done",
                },
                "Done": {"Type": "Succeed"},
                "Failed": {"Type": "Fail"},
            },
        });
        assert_eq!(check(&definition), Vec::<String>::new());
    }

    #[test]
    fn each_mistake_is_named_with_its_place() {
        let definition = json!({
            "StartAt": "Nowhere",
            "States": {
                "A": {"Type": "Task", "Next": "B"},
                "C": {"Type": "Choice", "Choices": [{"Next": "A"}, {"Next": "X"}], "Default": "Y"},
                "P": {"Type": "Parallel", "Branches": [{"StartAt": "Q", "States": {}}], "End": true},
                "T": {"Type": "Tusk"},
                "W": {"Type": "Wait", "Seconds": 1},
            },
        });
        let wrong = check(&definition).join("\n");
        for part in [
            "starts at \"Nowhere\"",
            "state \"A\" of definition goes on to \"B\"",
            "state \"A\" of definition has no Resource",
            "goes on to \"X\"",
            "goes on to \"Y\"",
            "branch 0 of state \"P\" of definition has no States",
            "has the Type \"Tusk\"",
            "state \"W\" of definition needs either Next or",
        ] {
            assert!(wrong.contains(part), "{part} is missing in:\n{wrong}");
        }
        assert_eq!(check(&json!("no JSON")), ["definition has no States"]);
    }
}
