//! The sender's own metadata: an object of at most 16 KiB and depth 5 (REQUIREMENTS 6.5, W-30, W-66).

use serde_json::{Map, Value};

/// Most bytes of the compact JSON text.
pub const MAX_BYTES: usize = 16 * 1024;
/// Deepest nesting, the metadata object itself being level 1.
pub const MAX_DEPTH: usize = 5;

/// Checks the metadata; absent and `null` mean empty. The error is the message for the sender.
pub fn parse(value: Option<&Value>) -> Result<Map<String, Value>, &'static str> {
    let map = match value {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err("Invalid metadata: must be an object"),
    };
    if map.values().map(depth).max().unwrap_or(0) + 1 > MAX_DEPTH {
        return Err("Invalid metadata: nested too deeply");
    }
    if Value::Object(map.clone()).to_string().len() > MAX_BYTES {
        return Err("Invalid metadata: larger than 16 KiB");
    }
    if any_text(map, &|text, is_name| is_name && text.is_empty()) {
        return Err("Invalid metadata: empty field name");
    }
    if any_text(map, &|text, _| text.contains(is_refused_by_queues)) {
        return Err("Invalid metadata: holds U+FFFE or U+FFFF");
    }
    Ok(map.clone())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// SQS refuses messages with these two characters, and no escape helps: EventBridge and Step Functions write JSON anew
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>). All others of its
/// list are control characters, which JSON escapes.
pub(super) fn is_refused_by_queues(character: char) -> bool {
    matches!(character, '\u{fffe}' | '\u{ffff}')
}

/// Whether any name or text at any depth is such; the test is told which of the two it looks at.
fn any_text(map: &Map<String, Value>, test: &dyn Fn(&str, bool) -> bool) -> bool {
    map.iter()
        .any(|(name, value)| test(name, true) || any_inside(value, test))
}

fn any_inside(value: &Value, test: &dyn Fn(&str, bool) -> bool) -> bool {
    match value {
        Value::String(text) => test(text, false),
        Value::Array(list) => list.iter().any(|element| any_inside(element, test)),
        Value::Object(map) => any_text(map, test),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_and_null_are_empty() {
        assert_eq!(parse(None), Ok(Map::new()));
        assert_eq!(parse(Some(&Value::Null)), Ok(Map::new()));
    }

    #[test]
    fn limits_are_exact() {
        let overhead = r#"{"k":""}"#.len();
        let fits = json!({"k": "x".repeat(MAX_BYTES - overhead)});
        let over = json!({"k": "x".repeat(MAX_BYTES - overhead + 1)});
        assert!(parse(Some(&fits)).is_ok());
        assert_eq!(parse(Some(&over)), Err("Invalid metadata: larger than 16 KiB"));
        assert!(parse(Some(&json!({"a": {"b": {"c": {"d": 1}}}}))).is_ok_and(|m| m.len() == 1));
        assert!(parse(Some(&json!({"a": {"b": {"c": {"d": {}}}}}))).is_ok());
        assert!(parse(Some(&json!({"a": {"b": {"c": {"d": {"e": {}}}}}}))).is_err());
        assert!(parse(Some(&json!({"a": [[[[[1]]]]]}))).is_err());
    }

    /// W-66: what no queue takes must not get stuck on its way to one.
    #[test]
    fn w_66_characters_that_queues_refuse_are_refused() {
        for bad in [
            json!({"a": "x\u{ffff}"}),
            json!({"a": {"b": ["\u{fffe}"]}}),
            json!({"\u{ffff}": 1}),
        ] {
            let refused = parse(Some(&bad));
            assert_eq!(refused, Err("Invalid metadata: holds U+FFFE or U+FFFF"), "{bad}");
        }
        assert!(parse(Some(&json!({"a": "\u{fffd} \u{10ffff} \u{0}"}))).is_ok());
    }

    #[test]
    fn must_be_an_object_with_named_fields() {
        for bad in [
            json!([]),
            json!("x"),
            json!(1),
            json!(true),
            json!({"": 1}),
            json!({"a": [{"": 1}]}),
            json!({"a": [[{"": 1}]]}),
        ] {
            assert!(parse(Some(&bad)).is_err(), "{bad}");
        }
    }
}
