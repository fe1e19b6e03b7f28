//! Table items as JSON, and DynamoDB's typed JSON as streams deliver it.
//!
//! Numbers stay text all the way: `N` becomes a JSON number with the same literal text.

use serde_json::{Map, Number, Value};

/// One item of a table. Numbers keep their literal text.
pub type Item = Map<String, Value>;

/// Most significant digits of a DynamoDB number.
const MAX_SIGNIFICANT_DIGITS: usize = 38;
/// Range of the decimal exponent of a DynamoDB number's first digit.
const EXPONENT_RANGE: std::ops::RangeInclusive<i64> = -130..=125;

/// Whether DynamoDB can hold the number without loss: 38 significant digits, 1E-130 to 9.9E+125.
pub fn fits_dynamodb_number(literal: &str) -> bool {
    let unsigned = literal.trim_start_matches('-');
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let Ok(exponent) = exponent.parse::<i64>() else {
        return false;
    };
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{integer}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return EXPONENT_RANGE.contains(&exponent);
    }
    let leading_zeros = digits.len() - significant.len();
    let (Ok(integer_len), Ok(zeros)) = (i64::try_from(integer.len()), i64::try_from(leading_zeros)) else {
        return false;
    };
    let first_digit = exponent.saturating_add(integer_len - zeros - 1);
    significant.trim_end_matches('0').len() <= MAX_SIGNIFICANT_DIGITS && EXPONENT_RANGE.contains(&first_digit)
}

/// Replaces numbers that DynamoDB cannot hold by their text, at any depth (W-30).
pub fn storable(value: Value) -> Value {
    match value {
        Value::Number(n) if !fits_dynamodb_number(&n.to_string()) => Value::String(n.to_string()),
        Value::Array(list) => Value::Array(list.into_iter().map(storable).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(k, v)| (k, storable(v))).collect()),
        other => other,
    }
}

/// Reads one typed value (`{"S": "x"}`, `{"N": "1"}`, ...) of a stream record. Binary stays base64 text;
/// sets become arrays. `None` when it is no typed value.
pub fn from_typed(typed: &Value) -> Option<Value> {
    let map = typed.as_object().filter(|map| map.len() == 1)?;
    let (kind, value) = map.iter().next()?;
    match (kind.as_str(), value) {
        ("S" | "B", Value::String(text)) => Some(Value::String(text.clone())),
        ("N", Value::String(text)) => text.parse::<Number>().ok().map(Value::Number),
        ("BOOL", Value::Bool(flag)) => Some(Value::Bool(*flag)),
        ("NULL", _) => Some(Value::Null),
        ("SS" | "BS", Value::Array(list)) => Some(Value::Array(list.clone())),
        ("NS", Value::Array(list)) => {
            let number = |v: &Value| v.as_str()?.parse::<Number>().ok().map(Value::Number);
            list.iter().map(number).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        ("L", Value::Array(list)) => list
            .iter()
            .map(from_typed)
            .collect::<Option<Vec<_>>>()
            .map(Value::Array),
        ("M", Value::Object(map)) => item_from_typed(map).map(Value::Object),
        _ => None,
    }
}

/// Reads an image of a stream record.
pub fn item_from_typed(image: &Map<String, Value>) -> Option<Item> {
    image
        .iter()
        .map(|(name, typed)| Some((name.clone(), from_typed(typed)?)))
        .collect()
}

/// A text attribute.
pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn typed_json_keeps_number_text() {
        let image = json!({"a": {"N": "12345678901234567890.12"}, "m": {"M": {"l": {"L": [{"NULL": true}, {"BOOL": false}]}}},
            "ns": {"NS": ["1", "2.50"]}});
        let item = item_from_typed(image.as_object().unwrap()).unwrap();
        let text = serde_json::to_string(&item).unwrap();
        assert_eq!(
            text,
            r#"{"a":12345678901234567890.12,"m":{"l":[null,false]},"ns":[1,2.50]}"#
        );
        assert_eq!(from_typed(&json!({"X": "y"})), None);
        assert_eq!(from_typed(&json!("y")), None);
    }

    #[test]
    fn numbers_beyond_dynamodb_become_text() {
        for ok in [
            "0",
            "-1.5",
            "1e125",
            "1E-130",
            "0.000",
            "0e5",
            "12345678901234567890123456789012345678",
            "100e-5",
        ] {
            assert!(fits_dynamodb_number(ok), "{ok}");
        }
        for bad in [
            "1e126",
            "1e-131",
            "123456789012345678901234567890123456789",
            "1e400",
            "1e99999999999999999999",
            "0e999999",
            "-0.0E-999999",
        ] {
            assert!(!fits_dynamodb_number(bad), "{bad}");
        }
        let value: Value = serde_json::from_str(r#"{"big":[1e400],"ok":0.1}"#).unwrap();
        assert_eq!(
            serde_json::to_string(&storable(value)).unwrap(),
            r#"{"big":["1e+400"],"ok":0.1}"#
        );
    }
}
