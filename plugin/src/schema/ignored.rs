//! `lifecycle.ignore_changes`: what a user has Terraform leave as it is.

use super::Schema;
use super::attribute::Nesting;
use super::walk::{Object, nested};
use crate::value::Value;

impl Schema {
    /// The configuration that the plan was made of. Terraform leaves `ignore_changes` out of the one that it sends with a
    /// plan, and sends the whole one with the apply, so what is planned wins there. Write-only values are in no plan, and
    /// computed ones in no configuration: those stay.
    pub(crate) fn as_planned(&self, config: Value, planned: &Value) -> Value {
        if planned.is_null() {
            return config;
        }
        merged(Object::Block(&self.block), config, planned)
    }
}

fn merged(object: Object<'_>, config: Value, planned: &Value) -> Value {
    let (Value::Map(mut members), Value::Map(shown)) = (config, planned) else {
        return planned.clone();
    };
    for (name, attribute) in object.attributes().iter() {
        let Some(planned) = shown.get(name).filter(|value| value.is_wholly_known()) else {
            continue;
        };
        if attribute.is_computed() || attribute.is_write_only() {
            continue;
        }
        let given = members.remove(name).unwrap_or_default();
        let value = match nested(attribute) {
            Some((nesting, inner)) => merged_elements(nesting, inner, given, planned),
            None => planned.clone(),
        };
        members.insert(name.to_owned(), value);
    }
    for (name, block) in object.blocks() {
        let Some(planned) = shown.get(name) else { continue };
        let given = members.remove(name).unwrap_or_default();
        let value = merged_elements(block.nesting(), Object::Block(block.inner()), given, planned);
        members.insert(name.to_owned(), value);
    }
    Value::Map(members)
}

/// Elements that belong together: by index, by key. Those of a set have no write-only members to keep.
fn merged_elements(nesting: Nesting, object: Object<'_>, given: Value, planned: &Value) -> Value {
    match (nesting, given, planned) {
        (Nesting::Single, given, planned) => merged(object, given, planned),
        (Nesting::List, Value::List(given), Value::List(shown)) if given.len() == shown.len() => {
            let pairs = given.into_iter().zip(shown);
            Value::List(pairs.map(|(given, planned)| merged(object, given, planned)).collect())
        }
        (Nesting::Map, Value::Map(mut given), Value::Map(shown)) => Value::map(shown.iter().map(|(key, planned)| {
            let given = given.remove(key).unwrap_or_default();
            (key.clone(), merged(object, given, planned))
        })),
        (_, _, planned) => planned.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attribute, Attributes};
    use super::*;
    use crate::types::Type;
    use serde_json::json;

    fn schema() -> Schema {
        let function = Attributes::new()
            .attribute("memory", Attribute::number())
            .attribute("secret", Attribute::string().write_only());
        Schema::new(0)
            .attribute("level", Attribute::string())
            .attribute("tags", Attribute::map(Type::String))
            .attribute("arn", Attribute::string().computed())
            .attribute("function", Attribute::single(function.clone()))
            .attribute("named", Attribute::map_of(function.clone()))
            .attribute("listed", Attribute::list_of(function))
    }

    #[test]
    fn ignored_changes_are_as_planned_and_secrets_as_given() {
        let written = json!({
            "level": "DEBUG", "tags": {"a": "new"}, "arn": null,
            "function": {"memory": 512, "secret": "s"},
            "named": {"x": {"memory": 512, "secret": "t"}},
            "listed": [{"memory": 512, "secret": "u"}],
        });
        let planned = json!({
            "level": "DEBUG", "tags": {"a": "old"}, "arn": "arn:x",
            "function": {"memory": 128, "secret": null},
            "named": {"x": {"memory": 128, "secret": null}},
            "listed": [{"memory": 128, "secret": null}],
        });
        let expected = json!({
            "level": "DEBUG", "tags": {"a": "old"}, "arn": null,
            "function": {"memory": 128, "secret": "s"},
            "named": {"x": {"memory": 128, "secret": "t"}},
            "listed": [{"memory": 128, "secret": "u"}],
        });
        let config = schema().as_planned(Value::from_json(&written), &Value::from_json(&planned));
        assert_eq!(config, Value::from_json(&expected));
    }

    #[test]
    fn what_was_left_out_stays_out_and_what_is_ignored_comes_back() {
        let written = json!({"level": null, "tags": {"a": "1"}, "function": null});
        let planned = json!({"level": "INFO", "tags": null, "function": {"memory": 1, "secret": null}});
        let config = schema().as_planned(Value::from_json(&written), &Value::from_json(&planned));
        assert_eq!(config, Value::from_json(&planned));
        let unplanned = Value::map([("level", Value::Unknown)]);
        let given = Value::map([("level", Value::from("DEBUG"))]);
        assert_eq!(schema().as_planned(given.clone(), &unplanned), given, "known by now");
    }
}
