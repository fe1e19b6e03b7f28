//! What a plan changes inside a stack, component by component and setting by setting.

use crate::Plan;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

impl Plan {
    /// What the plan changes inside the stack at `address`: `kind.name.setting` for a changed setting, `+kind.name` and
    /// `-kind.name` for a component that comes or goes, and `!kind.name` for one that is replaced: its id will be another one.
    pub fn component_changes(&self, address: &str) -> BTreeSet<String> {
        let all = self.json["resource_changes"].as_array();
        let Some(ours) = all.into_iter().flatten().find(|change| change["address"] == address) else {
            return BTreeSet::new();
        };
        let part = |name: &str| &ours["change"][name]["components"];
        let (before, after, unknown) = (part("before"), part("after"), part("after_unknown"));
        let names: BTreeSet<&String> = keys(before).chain(keys(after)).collect();
        names
            .into_iter()
            .flat_map(|name| component(name, &before[name], &after[name], &unknown[name]))
            .collect()
    }
}

fn component(name: &str, before: &Value, after: &Value, unknown: &Value) -> Vec<String> {
    if before.is_null() {
        return vec![format!("+{name}")];
    }
    if after.is_null() {
        return vec![format!("-{name}")];
    }
    let (old, new) = (&before["settings"], &after["settings"]);
    let settings: BTreeSet<&String> = keys(old).chain(keys(new)).collect();
    let changed = settings
        .into_iter()
        .filter(|setting| old[setting.as_str()] != new[setting.as_str()]);
    let mut all: Vec<String> = changed.map(|setting| format!("{name}.{setting}")).collect();
    if unknown["id"] == true {
        all.push(format!("!{name}"));
    }
    all
}

fn keys(object: &Value) -> impl Iterator<Item = &String> {
    object.as_object().into_iter().flat_map(Map::keys)
}
