//! Values on the wire, through an independent msgpack implementation.
#![allow(clippy::unnecessary_wraps, reason = "messages hold their values as options")]

use rmpv::Value as Msgpack;
use serde_json::{Map, Value as Json, json};
use tap_plugin::proto::tfplugin6 as wire;

/// How an unknown value is written in the JSON of these tests.
pub const UNKNOWN: &str = "<unknown>";

/// A dynamic value from JSON.
#[allow(clippy::needless_pass_by_value, reason = "reads better with json! literals")]
pub fn packed(json: Json) -> Option<wire::DynamicValue> {
    let mut msgpack = Vec::new();
    rmpv::encode::write_value(&mut msgpack, &to_msgpack(&json)).unwrap();
    Some(wire::DynamicValue {
        msgpack,
        json: Vec::new(),
    })
}

/// A dynamic value that is no msgpack.
pub fn malformed() -> Option<wire::DynamicValue> {
    Some(wire::DynamicValue {
        msgpack: vec![0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1],
        json: Vec::new(),
    })
}

fn to_msgpack(json: &Json) -> Msgpack {
    match json {
        Json::Null => Msgpack::Nil,
        Json::Bool(bool) => Msgpack::Boolean(*bool),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Msgpack::from(int),
            None => Msgpack::from(number.to_string()),
        },
        Json::String(text) if text == UNKNOWN => Msgpack::Ext(0, vec![0]),
        Json::String(text) => Msgpack::from(text.as_str()),
        Json::Array(elements) => Msgpack::Array(elements.iter().map(to_msgpack).collect()),
        Json::Object(members) => Msgpack::Map(
            members
                .iter()
                .map(|(key, value)| (Msgpack::from(key.as_str()), to_msgpack(value)))
                .collect(),
        ),
    }
}

/// The JSON of a dynamic value. Types of dynamic parts come as text.
pub fn unpacked(value: Option<&wire::DynamicValue>) -> Json {
    let bytes = &value.expect("a value").msgpack;
    let mut rest = bytes.as_slice();
    let json = to_json(&rmpv::decode::read_value(&mut rest).unwrap());
    assert!(rest.is_empty(), "one whole value");
    json
}

fn to_json(value: &Msgpack) -> Json {
    match value {
        Msgpack::Nil => Json::Null,
        Msgpack::Boolean(bool) => json!(bool),
        Msgpack::Integer(int) => json!(int.as_i64().unwrap()),
        Msgpack::String(text) => json!(text.as_str().unwrap()),
        Msgpack::Binary(bytes) => json!(String::from_utf8(bytes.clone()).unwrap()),
        Msgpack::Array(elements) => Json::Array(elements.iter().map(to_json).collect()),
        Msgpack::Map(members) => {
            let members = members
                .iter()
                .map(|(key, value)| (key.as_str().unwrap().to_owned(), to_json(value)));
            Json::Object(members.collect::<Map<_, _>>())
        }
        Msgpack::Ext(0, _) => json!(UNKNOWN),
        other => panic!("cty has no {other:?}"),
    }
}

/// A whole `taptest_thing` with these attributes set and the others null.
#[allow(clippy::needless_pass_by_value, reason = "reads better with json! literals")]
pub fn thing(set: Json) -> Json {
    let mut thing = json!({
        "name": null, "size": null, "price": null, "tags": null, "zones": null, "any": null, "rules": null,
        "behaviour": null, "secret": null, "id": null, "effective_size": null, "secret_length": null,
        "limit": [],
    });
    for (name, value) in set.as_object().unwrap() {
        thing[name] = value.clone();
    }
    thing
}

/// The summaries of diagnostics, with their paths where they have one.
pub fn summaries(diagnostics: &[wire::Diagnostic]) -> Vec<String> {
    let summaries = diagnostics.iter().map(|diagnostic| {
        let path = diagnostic.attribute.as_ref().map(path_text);
        path.map_or_else(
            || diagnostic.summary.clone(),
            |path| format!("{path}: {}", diagnostic.summary),
        )
    });
    summaries.collect()
}

pub fn path_text(path: &wire::AttributePath) -> String {
    use wire::attribute_path::step::Selector;
    let steps = path.steps.iter().map(|step| match step.selector.as_ref().unwrap() {
        Selector::AttributeName(name) => name.clone(),
        Selector::ElementKeyString(key) => format!("[{key:?}]"),
        Selector::ElementKeyInt(index) => format!("[{index}]"),
    });
    steps.collect::<Vec<_>>().join(".")
}
