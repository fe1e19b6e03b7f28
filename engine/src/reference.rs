//! Symbolic references: `${<component key>.<output>}` inside any string of a setting.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::component::Key;

/// Stands in a setting for a configuration value that is not known yet at plan time. A setting
/// that holds it is shown as "known after apply". In a recorded setting it says that a call failed
/// without telling whether it had set it: the next apply sets it again.
pub const UNKNOWN: &str = "${tap:unknown}";

/// One reference found in a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The component referred to.
    pub key: Key,
    /// Its output.
    pub output: String,
}

/// Splits text into literal parts and references. `$${` is a literal `${`.
fn scan(text: &str, mut literal: impl FnMut(&str), mut reference: impl FnMut(&str, &str)) {
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            literal(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        }
        let Some(len) = rest[at..].find('}') else { break };
        let inner = &rest[at + 2..at + len];
        literal(&rest[..at]);
        match inner.rsplit_once('.') {
            Some((key, output)) if is_key(key) => reference(key, output),
            _ => literal(&rest[at..=at + len]),
        }
        rest = &rest[at + len + 1..];
    }
    literal(rest);
}

/// IAM policy variables such as `${aws:username}` are not references: a key always has a dot
/// between kind and name.
fn is_key(text: &str) -> bool {
    let local = text.rsplit('/').next().unwrap_or(text);
    local.contains('.') && !text.contains(':')
}

/// Shows every text in a value, member names included.
pub(crate) fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(members) => members.iter().for_each(|(name, item)| {
            visit(name);
            walk(item, visit);
        }),
        _ => {}
    }
}

/// All references in a value.
pub fn references(value: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    walk(value, &mut |text| {
        scan(
            text,
            |_| {},
            |key, output| {
                found.insert(Reference {
                    key: key.into(),
                    output: output.to_owned(),
                });
            },
        );
    });
    found
}

/// True when the value holds a configuration value that is not known yet.
pub fn has_unknown(value: &Value) -> bool {
    let mut found = false;
    walk(value, &mut |text| found |= text.contains(UNKNOWN));
    found
}

/// Replaces every reference by what `lookup` answers; the first one without an answer is the error.
pub fn resolve(value: &Value, lookup: &impl Fn(&Reference) -> Option<String>) -> Result<Value, Reference> {
    Ok(match value {
        Value::String(text) => Value::String(resolve_text(text, lookup)?),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| resolve(item, lookup))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, item)| Ok((resolve_text(name, lookup)?, resolve(item, lookup)?)))
                .collect::<Result<_, Reference>>()?,
        ),
        other => other.clone(),
    })
}

/// Replaces the references for which `stale` answers by that answer and leaves the others symbolic.
pub(crate) fn pin(value: &Value, stale: &impl Fn(&Reference) -> Option<String>) -> Value {
    let text =
        |reference: &Reference| Some(stale(reference).unwrap_or_else(|| reference.key.output(&reference.output)));
    // Every reference has an answer, if only its own text.
    resolve(value, &text).unwrap_or_else(|_| value.clone())
}

fn resolve_text(text: &str, lookup: &impl Fn(&Reference) -> Option<String>) -> Result<String, Reference> {
    let out = std::cell::RefCell::new(String::with_capacity(text.len()));
    let mut missing = None;
    scan(
        text,
        |literal| out.borrow_mut().push_str(literal),
        |key, output| {
            let reference = Reference {
                key: key.into(),
                output: output.to_owned(),
            };
            match lookup(&reference) {
                Some(found) => out.borrow_mut().push_str(&found),
                None => missing = missing.take().or(Some(reference)),
            }
        },
    );
    missing.map_or_else(|| Ok(out.into_inner()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lookup(reference: &Reference) -> Option<String> {
        (reference.output == "arn").then(|| format!("arn:{}", reference.key))
    }

    #[test]
    fn references_are_found_anywhere_in_a_document() {
        let value = json!({"Statement": [{"Resource": ["${s3_bucket.audit.arn}/*", "${eu-west-1/kms_key.data.arn}"]}]});
        let keys: Vec<String> = references(&value).into_iter().map(|r| r.key.to_string()).collect();
        assert_eq!(keys, ["eu-west-1/kms_key.data", "s3_bucket.audit"]);
    }

    #[test]
    fn resolving_keeps_the_text_around_a_reference() {
        let value = json!(["${s3_bucket.audit.arn}/*", "a ${kms_key.x.arn} b ${kms_key.y.arn}"]);
        let resolved = resolve(&value, &lookup).unwrap();
        assert_eq!(
            resolved,
            json!(["arn:s3_bucket.audit/*", "a arn:kms_key.x b arn:kms_key.y"])
        );
    }

    #[test]
    fn policy_variables_and_escapes_are_left_alone() {
        for text in [
            "${aws:username}",
            "$${kms_key.x.arn}",
            "${unclosed",
            "$context.requestId",
            UNKNOWN,
        ] {
            let value = json!(text);
            assert!(references(&value).is_empty(), "{text}");
            assert_eq!(resolve(&value, &lookup).unwrap(), value);
        }
    }

    #[test]
    fn a_reference_without_an_answer_is_named() {
        let missing = resolve(&json!("${kms_key.x.nope}"), &lookup).unwrap_err();
        assert_eq!(missing.output, "nope");
    }
}
