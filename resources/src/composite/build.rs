//! Short forms for schemas: most attributes are optional with an effective default.

use serde_json::{Value, json};
use tap_plugin::{Attribute, Attributes, Type, Validator, validators as check};

/// An optional text without default.
pub fn text(description: &str) -> Attribute {
    Attribute::string().optional().description(description)
}

/// An optional text with a default.
pub fn text_or(default: &str, description: &str) -> Attribute {
    text(description).default(json!(default))
}

/// An optional text that is one of a few, the first being the default.
pub fn choice(allowed: &[&str], description: &str) -> Attribute {
    text_or(allowed[0], description).validate(check::one_of(allowed.iter().copied()))
}

/// An optional switch.
pub fn switch(default: bool, description: &str) -> Attribute {
    Attribute::bool()
        .optional()
        .default(json!(default))
        .description(description)
}

/// An optional whole number in a range, with a default.
pub fn whole(default: i64, min: i64, max: i64, description: &str) -> Attribute {
    Attribute::number()
        .optional()
        .default(json!(default))
        .description(description)
        .validate(check::between(min, max))
}

/// An optional whole number in a range, without default.
pub fn opt_whole(min: i64, max: i64, description: &str) -> Attribute {
    Attribute::number()
        .optional()
        .description(description)
        .validate(check::between(min, max))
}

/// An optional decimal with a default, both written as text so that no digit is lost.
pub fn decimal(default: &str, min: &str, max: &str, description: &str) -> Attribute {
    Attribute::number()
        .optional()
        .default(check::number(default))
        .description(description)
        .validate(check::decimal_between(min, max))
}

/// An optional list of texts.
pub fn texts(description: &str) -> Attribute {
    Attribute::list(Type::String).optional().description(description)
}

/// An optional list of texts with a default.
pub fn texts_or(default: Value, description: &str) -> Attribute {
    texts(description).default(default)
}

/// An optional nested object.
pub fn group(members: Attributes, description: &str) -> Attribute {
    Attribute::single(members).optional().description(description)
}

/// The text of one JSON object.
pub fn json_object() -> impl Validator + 'static {
    check::condition(
        "a JSON object, as `jsonencode({ ... })` makes it",
        |value: &tap_plugin::Value| {
            let tap_plugin::Value::String(text) = value else {
                return true;
            };
            serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok()
        },
    )
}

/// A computed text.
pub fn out(description: &str) -> Attribute {
    Attribute::string().computed().description(description)
}

/// A computed map of texts.
pub fn out_map(description: &str) -> Attribute {
    Attribute::map(Type::String).computed().description(description)
}

/// Puts named attributes in a row.
pub fn all<const N: usize>(members: [(&str, Attribute); N]) -> Attributes {
    members.into_iter().fold(Attributes::new(), |all, (name, attribute)| {
        all.attribute(name, attribute)
    })
}

/// Notes that a change replaces the AWS object inside the stack (not the whole resource).
pub fn replaces_object(attribute: Attribute) -> Attribute {
    let note = format!("{} A change replaces the object.", attribute.description_text());
    attribute.description(note)
}
