//! One text for all JSON documents of equal meaning, and its hash.
//!
//! A sender that repeats a webhook may order keys differently or write `10.50` for `10.5`;
//! that is the same content.

use rust_decimal::Decimal;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 of the canonical text, as 64 lower-case hex digits.
pub fn hash(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => out.push_str(&canonical_number(&number.to_string())),
        Value::Array(list) => {
            out.push('[');
            for element in list {
                write(element, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (key, element) in entries {
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write(element, out);
                out.push(',');
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn canonical_number(literal: &str) -> String {
    // Numbers beyond Decimal's exact range are compared by their literal text.
    let exact = Decimal::from_str_exact(literal);
    exact.map_or_else(|_| literal.to_ascii_lowercase(), |d| d.normalize().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn order_and_trailing_zeros_do_not_matter() {
        let a = parse(r#"{"b": [1.50, {"y": null, "x": "\u00e4"}], "a": 1.0}"#);
        let b = parse(r#"{"a": 1, "b": [1.5, {"x": "ä", "y": null}]}"#);
        assert_eq!(hash(&a), hash(&b));
    }

    #[test]
    fn different_content_has_different_hashes() {
        let texts = [
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":null}"#,
            r#"{"a":true}"#,
            r#"{"a":1.01}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":"1,"}"#,
            r#"{"a":1e400}"#,
            r#"{"a":1e401}"#,
            r#"["a",1]"#,
            r#"{"a":0.00000000000000000000000000000000001}"#,
            r#"{"a":0}"#,
        ];
        let hashes: std::collections::BTreeSet<_> = texts.iter().map(|t| hash(&parse(t))).collect();
        assert_eq!(hashes.len(), texts.len());
    }

    proptest! {
        #![proptest_config(crate::fakes::repeatable())]
        #[test]
        fn key_order_never_matters(pairs in proptest::collection::btree_map("[a-z]{1,5}", any::<i64>(), 1..10)) {
            let forward: Vec<_> = pairs.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
            let backward: Vec<_> = pairs.iter().rev().map(|(k, v)| format!("\"{k}\" : {v}.0")).collect();
            let a = parse(&format!("{{{}}}", forward.join(",")));
            let b = parse(&format!("{{{}}}", backward.join(" , ")));
            prop_assert_eq!(hash(&a), hash(&b));
        }
    }
}
