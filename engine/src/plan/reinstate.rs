//! Objects that were put aside, or made by a run that died, and have the name that is wanted again.
//!
//! A kind that is replaced create-first keeps the old object beside the new one until the next run. Who takes a name back
//! in the meantime (a web ACL renamed and renamed again, an image's digest) could neither make a third object, because AWS
//! has no two of one name, nor have the old one deleted first, because others may hold it still. So the object takes its
//! place again, and the one that stood there goes.

use std::collections::BTreeMap;

use crate::compare::same;
use crate::component::{Component, ComponentState, Graph, Key};
use crate::kind::{Kind, Registry};
use crate::state::StackState;

/// The objects that are to take their component's place again, by id.
pub(super) fn wanted_again(
    graph: &Graph,
    state: &StackState,
    registry: &Registry,
    allow_data_loss: bool,
) -> BTreeMap<Key, String> {
    let mut again = BTreeMap::new();
    for (key, aside) in &state.deposed {
        let Some((wanted, kind)) = graph
            .components
            .get(key)
            .and_then(|wanted| Some((wanted, registry.get(&wanted.kind)?)))
        else {
            continue;
        };
        let spec = kind.spec();
        // What stands there now would go: not what holds data, which nobody has agreed to lose.
        if !spec.create_before_delete || (spec.holds_data && !allow_data_loss) {
            continue;
        }
        let has_the_name = |object: &ComponentState| has_name_of(object, wanted, state, kind.as_ref());
        if has_the_name(aside) && !state.components.get(key).is_some_and(has_the_name) {
            let id = aside.outputs.get("id").cloned().unwrap_or_default();
            again.insert(key.clone(), id);
        }
    }
    again
}

/// Whether AWS would take an object for the wanted one, by all that makes its name unique. What has no unique name has
/// none to be taken back.
fn has_name_of(object: &ComponentState, wanted: &Component, state: &StackState, kind: &dyn Kind) -> bool {
    let unique = || kind.spec().settings.iter().filter(|setting| setting.unique);
    let equal = |setting: &crate::Setting| {
        let resolved = |value: Option<&serde_json::Value>| value.map(|v| state.resolve_recorded(v)).transpose();
        match (
            resolved(object.settings.get(setting.name)),
            resolved(wanted.settings.get(setting.name)),
        ) {
            (Ok(has), Ok(wants)) => same(kind, setting.name, has.as_ref(), wants.as_ref()),
            _ => false,
        }
    };
    object.kind == wanted.kind && object.region == wanted.region && unique().next().is_some() && unique().all(equal)
}
