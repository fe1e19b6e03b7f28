//! Ready-made checks for attributes.

use std::fmt::Display;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Number;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::number::Decimal;
use crate::path::AttributePath;
use crate::schema::Validator;
use crate::value::Value;

/// A check made of a description and a condition; a value that fails is quoted in the message.
struct Check {
    description: String,
    holds: Box<dyn Fn(&Value) -> bool + Send + Sync>,
}

impl Validator for Check {
    fn description(&self) -> String {
        self.description.clone()
    }

    fn validate(&self, value: &Value, path: &AttributePath, diagnostics: &mut Diagnostics) {
        if (self.holds)(value) {
            return;
        }
        let got = match value {
            Value::String(text) => format!(" Got: {text:?}."),
            Value::Number(number) => format!(" Got: {number}."),
            _ => String::new(),
        };
        let detail = format!("{path} must be {}.{got}", self.description);
        diagnostics.push(Diagnostic::error("Invalid attribute value", detail).at(path.clone()));
    }
}

fn check(
    description: impl Into<String>,
    holds: impl Fn(&Value) -> bool + Send + Sync + 'static,
) -> impl Validator + 'static {
    Check {
        description: description.into(),
        holds: Box::new(holds),
    }
}

/// A condition on text; values of other types pass, the schema's type speaks for them.
fn text_check(
    description: impl Into<String>,
    holds: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> impl Validator + 'static {
    check(description, move |value| value.as_str().is_none_or(&holds))
}

/// One of these texts, upper and lower case distinguished.
pub fn one_of<T: Into<String>>(allowed: impl IntoIterator<Item = T>) -> impl Validator + 'static {
    let allowed: Vec<String> = allowed.into_iter().map(Into::into).collect();
    let listed = allowed
        .iter()
        .map(|text| format!("`{text}`"))
        .collect::<Vec<_>>()
        .join(", ");
    text_check(format!("one of {listed}"), move |text| {
        allowed.iter().any(|allowed| allowed == text)
    })
}

/// One of these integers.
pub fn one_of_numbers(allowed: impl IntoIterator<Item = i64>) -> impl Validator + 'static {
    let allowed: Vec<i64> = allowed.into_iter().collect();
    let listed = allowed
        .iter()
        .map(|number| format!("`{number}`"))
        .collect::<Vec<_>>()
        .join(", ");
    check(format!("one of {listed}"), move |value| {
        value.as_number().is_none() || value.as_i64().is_some_and(|number| allowed.contains(&number))
    })
}

/// Text that a pattern matches; anchor it to match the whole. `description` ends "must be ...".
///
/// The pattern is compiled when it is needed: a provider starts several times per command of Terraform, and has hundreds.
///
/// # Panics
/// The check does when the pattern is no valid regular expression: patterns are written in the source, and a test of the
/// provider asks each of them once.
pub fn matches(pattern: &'static str, description: impl Into<String>) -> impl Validator + 'static {
    let compiled =
        LazyLock::new(move || Regex::new(pattern).unwrap_or_else(|error| panic!("bad pattern in a schema: {error}")));
    text_check(description, move |text| compiled.is_match(text))
}

/// Text of `min` to `max` characters (Unicode scalar values, not bytes), both included.
pub fn length_between(min: usize, max: usize) -> impl Validator + 'static {
    text_check(format!("between {min} and {max} characters long"), move |text| {
        (min..=max).contains(&text.chars().count())
    })
}

/// A list, set or map with `min` to `max` elements, both included.
pub fn count_between(min: usize, max: usize) -> impl Validator + 'static {
    check(
        format!("a collection of {min} to {max} elements"),
        move |value| match value {
            Value::List(elements) => (min..=max).contains(&elements.len()),
            Value::Map(members) => (min..=max).contains(&members.len()),
            _ => true,
        },
    )
}

/// An integer from `min` to `max`, both included.
pub fn between(min: i64, max: i64) -> impl Validator + 'static {
    check(format!("an integer between {min} and {max}"), move |value| {
        value.as_number().is_none() || value.as_i64().is_some_and(|number| (min..=max).contains(&number))
    })
}

/// An integer of at least `min`, however large.
pub fn at_least(min: i64) -> impl Validator + 'static {
    check(format!("an integer of at least {min}"), move |value| {
        let integer = |number| {
            let decimal = Decimal::of(number);
            decimal.is_integer() && decimal >= Decimal::of(&min.into())
        };
        value.as_number().is_none_or(integer)
    })
}

/// A whole number, however large; `1.0` is one.
pub fn integer() -> impl Validator + 'static {
    check("an integer", |value| {
        value.as_number().is_none_or(|number| Decimal::of(number).is_integer())
    })
}

/// A decimal number from `min` to `max`, both included, compared digit by digit and never as floats.
/// The bounds are written as text or JSON numbers: `decimal_between("0.01", "999.99")`.
///
/// # Panics
/// When a bound is no decimal number: bounds are written in the source.
pub fn decimal_between(min: impl Display, max: impl Display) -> impl Validator + 'static {
    let bound = |text: String| {
        Decimal::parse(&text).unwrap_or_else(|| panic!("a bound in a schema is no decimal number: {text}"))
    };
    let description = format!("a number between {min} and {max}");
    let range = bound(min.to_string())..=bound(max.to_string());
    check(description, move |value| {
        value
            .as_number()
            .is_none_or(|number| range.contains(&Decimal::of(number)))
    })
}

/// A decimal number above `min`.
///
/// # Panics
/// When the bound is no decimal number: bounds are written in the source.
pub fn greater_than(min: impl Display) -> impl Validator + 'static {
    let text = min.to_string();
    let Some(bound) = Decimal::parse(&text) else {
        panic!("a bound in a schema is no decimal number: {text}")
    };
    check(format!("a number greater than {text}"), move |value| {
        value.as_number().is_none_or(|number| Decimal::of(number) > bound)
    })
}

/// Any condition of the caller's. `description` ends "must be ...".
pub fn condition(
    description: impl Into<String>,
    holds: impl Fn(&Value) -> bool + Send + Sync + 'static,
) -> impl Validator + 'static {
    check(description, holds)
}

/// Text that is one JSON value (RFC 8259), of any kind.
pub fn json() -> impl Validator + 'static {
    text_check("valid JSON", |text| {
        serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    })
}

struct Each {
    element: Arc<dyn Validator>,
    keys: bool,
}

impl Validator for Each {
    fn description(&self) -> String {
        let part = if self.keys { "keys" } else { "elements" };
        format!("a collection whose {part} are each {}", self.element.description())
    }

    fn validate(&self, value: &Value, path: &AttributePath, diagnostics: &mut Diagnostics) {
        let mut one = |element: &Value, path: &AttributePath| {
            if !element.is_null() && !element.is_unknown() {
                self.element.validate(element, path, diagnostics);
            }
        };
        match value {
            Value::List(elements) => {
                for (index, element) in (0..).zip(elements) {
                    one(element, &path.index(index));
                }
            }
            Value::Map(members) => {
                for (key, element) in members {
                    let key_value = Value::from(key.as_str());
                    one(if self.keys { &key_value } else { element }, &path.key(key));
                }
            }
            _ => {}
        }
    }
}

/// Every element of a list, set or map passes `element`; unknown ones are left for later.
pub fn each(element: impl Validator + 'static) -> impl Validator + 'static {
    Each {
        element: Arc::new(element),
        keys: false,
    }
}

/// Every key of a map passes `key`.
pub fn each_key(key: impl Validator + 'static) -> impl Validator + 'static {
    Each {
        element: Arc::new(key),
        keys: true,
    }
}

/// A number of the source as JSON, for defaults that are no integers: `number("0.01")`.
///
/// # Panics
/// When the text is no JSON number: it is written in the source.
pub fn number(text: &str) -> serde_json::Value {
    let number: Result<Number, _> = serde_json::from_str(text);
    number.map_or_else(
        |_| panic!("not a number in a schema: {text}"),
        serde_json::Value::Number,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(validator: &impl Validator, json: &serde_json::Value) -> bool {
        let mut diagnostics = Diagnostics::new();
        validator.validate(&Value::from_json(json), &AttributePath::root("a"), &mut diagnostics);
        diagnostics.is_empty()
    }

    #[test]
    fn numbers_are_compared_as_decimals() {
        let price = decimal_between("0.01", "999.99");
        for (text, holds) in [
            ("0.01", true),
            ("0.009999999999999999999", false),
            ("999.990", true),
            ("1e3", false),
        ] {
            assert_eq!(passes(&price, &number(text)), holds, "{text}");
        }
        let port = between(1, 65535);
        assert!(passes(&port, &json!(443)) && !passes(&port, &json!(0)) && !passes(&port, &number("80.5")));
        assert!(passes(&at_least(3), &number("1e30")) && !passes(&at_least(3), &json!(2)));
        assert!(passes(&greater_than(0), &number("0.1")) && !passes(&greater_than(0), &json!(0)));
        assert!(passes(&one_of_numbers([1, 3]), &json!(3)) && !passes(&one_of_numbers([1, 3]), &json!(2)));
        assert!(passes(&integer(), &number("2.0")) && !passes(&integer(), &number("2.5")));
    }

    #[test]
    fn texts() {
        let suffix = matches("^[a-z]+$", "lower-case letters");
        assert!(passes(&suffix, &json!("dev")) && !passes(&suffix, &json!("Dev")));
        assert!(passes(&length_between(2, 3), &json!("äöü")) && !passes(&length_between(2, 3), &json!("a")));
        assert!(passes(&one_of(["a", "b"]), &json!("b")) && !passes(&one_of(["a", "b"]), &json!("c")));
        assert!(passes(&super::json(), &json!("{}")) && !passes(&super::json(), &json!("{")));
        assert!(passes(&count_between(0, 1), &json!(["x"])) && !passes(&count_between(0, 1), &json!(["x", "y"])));
        assert!(passes(
            &condition("true", |value| value.as_bool() == Some(true)),
            &json!(true)
        ));
    }

    #[test]
    fn elements_are_named() {
        let mut diagnostics = Diagnostics::new();
        let value = Value::list([Value::from("a"), Value::Unknown, Value::from("c")]);
        each(one_of(["a"])).validate(&value, &AttributePath::root("l"), &mut diagnostics);
        assert_eq!(
            diagnostics.to_string(),
            r#"l[2]: Invalid attribute value: l[2] must be one of `a`. Got: "c"."#
        );

        let mut diagnostics = Diagnostics::new();
        let tags = Value::map([("aws:x", "1".into()), ("ok", Value::from("2"))]);
        each_key(matches("^[a-z]+$", "letters")).validate(&tags, &AttributePath::root("tags"), &mut diagnostics);
        assert_eq!(diagnostics.len(), 1);
    }
}
