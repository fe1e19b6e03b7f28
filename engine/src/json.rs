//! JSON values in the one form that is compared and shown.

use serde_json::{Map, Number, Value};

/// Drops `null` members, sorts object keys, writes numbers in one way (`5`, `5.0` and `5e0` are
/// equal), and sorts the top-level list when `unordered`.
pub fn normalise(value: &Value, unordered: bool) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| normalise(item, false)).collect();
            if unordered {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        Value::Object(members) => {
            let mut pairs: Vec<(String, Value)> = members
                .iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| (k.clone(), normalise(v, false)))
                .collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect::<Map<_, _>>())
        }
        Value::Number(number) => Value::Number(normalise_number(number)),
        other => other.clone(),
    }
}

/// A number without exponent, leading plus or trailing zeros, its digits otherwise untouched.
fn normalise_number(number: &Number) -> Number {
    let text = number.to_string();
    let plain = if text.contains(['e', 'E']) {
        match text.parse::<f64>() {
            Ok(float) => format!("{float}"),
            Err(_) => return number.clone(),
        }
    } else {
        text
    };
    let trimmed = if plain.contains('.') {
        plain.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        plain
    };
    let trimmed = if trimmed == "-0" { "0".to_owned() } else { trimmed };
    trimmed.parse().unwrap_or_else(|_| number.clone())
}

/// Reads a JSON document held in a string; anything else is returned as it is. AWS hands
/// policies, definitions and dashboards back as text (IAM even percent-encoded).
pub fn parse_document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// The form shown in `components[key].settings`: strings as they are, the rest as compact JSON.
pub fn display(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn formatting_and_key_order_do_not_matter() {
        let a: Value = serde_json::from_str(r#"{"b": 5.0, "a": [1e0, null], "n": null}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"a":[1,null],"b":5}"#).unwrap();
        assert_eq!(normalise(&a, false), normalise(&b, false));
    }

    #[test]
    fn a_set_is_compared_without_order_and_a_list_with_it() {
        let a = json!(["x", "y"]);
        let b = json!(["y", "x"]);
        assert_eq!(normalise(&a, true), normalise(&b, true));
        assert_ne!(normalise(&a, false), normalise(&b, false));
    }

    #[test]
    fn long_decimals_keep_their_digits() {
        let n: Value = serde_json::from_str("12345678901234567890.12").unwrap();
        assert_eq!(normalise(&n, false).to_string(), "12345678901234567890.12");
    }
}
