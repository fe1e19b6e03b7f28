//! From a configuration as written to the effective one that graphs are built from.

use serde_json::Value as Json;
use tap_engine::reference::UNKNOWN;
use tap_plugin::{AttributePath, Schema, Step, Value};

/// The effective configuration: defaults filled in, values that are not known yet replaced by
/// [`UNKNOWN`]. `None` when something is unknown that decides the stack's shape, so that no graph
/// can be built before apply.
pub(super) fn effective(schema: &Schema, config: &Value) -> Option<Json> {
    effective_before_apply(schema, config, |_| false)
}

/// [`effective`] where much is unknown yet: `carries` names what else only travels through
/// ([`super::Composite::carries`]).
pub(super) fn effective_before_apply(
    schema: &Schema,
    config: &Value,
    carries: impl Fn(&AttributePath) -> bool,
) -> Option<Json> {
    let full = schema.with_defaults(config);
    full.unknown_paths()
        .iter()
        .all(|path| passes_through(path) || carries(path))
        .then(|| full.to_json(&|_| Json::from(UNKNOWN)))
}

/// Values that only travel through to settings: ARNs and tags. All others are looked at when the
/// graph is built (names become keys, choices become branches).
fn passes_through(path: &AttributePath) -> bool {
    let names = path.attribute_names();
    let inside = path.steps().len() > 1;
    match names.as_slice() {
        ["tags", ..] => inside,
        ["alarms", "actions"] => matches!(path.steps().last(), Some(Step::Index(_))),
        [.., last] => last.ends_with("_arn") || last.ends_with("_wo"),
        [] => false,
    }
}

/// The configuration without what is null: what the stack record keeps, and what import restores.
pub(super) fn written(config: &Value) -> Json {
    strip(&config.to_json(&|_| Json::Null))
}

fn strip(value: &Json) -> Json {
    match value {
        Json::Object(members) => members
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), strip(v)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Json::Array(items) => items.iter().map(strip).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

/// The configured attributes of a state: everything that the schema does not compute.
pub(super) fn configured(schema: &Schema, state: &Value) -> Value {
    let members = schema
        .attributes()
        .iter()
        .filter(|(_, attribute)| !attribute.is_computed());
    Value::map(members.map(|(name, _)| (name, state.get(name).cloned().unwrap_or(Value::Null))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tap_plugin::{Attribute, Attributes, Type};

    fn schema() -> Schema {
        Schema::new(0)
            .attribute("name", Attribute::string().optional())
            .attribute("tags", Attribute::map(Type::String).optional())
            .attribute(
                "kms",
                Attribute::single(Attributes::new().attribute("key_arn", Attribute::string().optional())).optional(),
            )
    }

    #[test]
    fn an_unknown_arn_or_tag_passes_through_and_an_unknown_name_does_not() {
        let tags = Value::map([("owner", Value::Unknown)]);
        let kms = Value::map([("key_arn", Value::Unknown)]);
        let config = Value::map([("tags", tags), ("kms", kms)]);
        let json = effective(&schema(), &config).unwrap();
        assert_eq!(json["kms"]["key_arn"], UNKNOWN);
        assert_eq!(json["tags"]["owner"], UNKNOWN);
        assert!(effective(&schema(), &Value::map([("name", Value::Unknown)])).is_none());
        assert!(effective(&schema(), &Value::map([("tags", Value::Unknown)])).is_none());
    }
}
