//! Policy documents in the one form that is compared: AWS hands them back with other formatting,
//! one-element lists as scalars, account ids as root ARNs.
//!
//! Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use serde_json::{Map, Value};
use tap_engine::json;

/// Statement members whose values are sets of strings.
const SETS: &[&str] = &["Action", "NotAction", "Resource", "NotResource"];

/// A policy in the form that is compared; what is not a policy object comes back normalised only
/// as JSON. Text that holds a policy is read first.
pub fn normalise(value: &Value) -> Value {
    let parsed = match value {
        Value::String(text) => json::parse_document(text),
        other => other.clone(),
    };
    let Value::Object(mut policy) = json::normalise(&parsed, false) else {
        return value.clone();
    };
    if let Some(statements) = policy.remove("Statement") {
        let mut statements = match statements {
            Value::Array(items) => items,
            single => vec![single],
        };
        statements.iter_mut().for_each(statement);
        policy.insert("Statement".to_owned(), Value::Array(statements));
    }
    json::normalise(&Value::Object(policy), false)
}

fn statement(statement: &mut Value) {
    let Value::Object(members) = statement else { return };
    for name in SETS {
        if let Some(values) = members.get_mut(*name) {
            set(values);
        }
    }
    for name in ["Principal", "NotPrincipal"] {
        if let Some(Value::Object(principals)) = members.get_mut(name) {
            for values in principals.values_mut() {
                each(values, root_as_account);
                set(values);
            }
        }
    }
    if let Some(Value::Object(operators)) = members.get_mut("Condition") {
        for operator in operators.values_mut() {
            condition_values(operator);
        }
    }
}

fn condition_values(operator: &mut Value) {
    let Value::Object(keys) = operator else { return };
    keys_in_lower_case(keys);
    for values in keys.values_mut() {
        // `true` and "true" are the same condition.
        each(values, |value| {
            if value.is_boolean() || value.is_number() {
                *value = Value::String(value.to_string());
            }
        });
        set(values);
    }
}

/// Condition keys have no case: `AWS:SourceArn` is `aws:SourceArn`.
fn keys_in_lower_case(keys: &mut Map<String, Value>) {
    *keys = std::mem::take(keys)
        .into_iter()
        .map(|(name, value)| (service_in_lower_case(&name), value))
        .collect();
}

fn service_in_lower_case(name: &str) -> String {
    match name.split_once(':') {
        Some((service, rest)) => format!("{}:{rest}", service.to_ascii_lowercase()),
        None => name.to_owned(),
    }
}

fn each(values: &mut Value, mut change: impl FnMut(&mut Value)) {
    match values {
        Value::Array(items) => items.iter_mut().for_each(change),
        single => change(single),
    }
}

/// `arn:aws:iam::111122223333:root` and `111122223333` name the same principal.
fn root_as_account(value: &mut Value) {
    let account = value.as_str().and_then(|arn| {
        let parts: Vec<&str> = arn.split(':').collect();
        match parts.as_slice() {
            ["arn", _, "iam", "", account, "root"] => Some((*account).to_owned()),
            _ => None,
        }
    });
    if let Some(account) = account {
        *value = Value::String(account);
    }
}

/// A list whose order and repetitions mean nothing; one element alone is written without a list.
fn set(values: &mut Value) {
    let Value::Array(items) = values else { return };
    items.sort_by_key(Value::to_string);
    items.dedup();
    if items.len() == 1
        && let Some(only) = items.pop()
    {
        *values = only;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_s3_makes_of_a_policy_is_the_same_policy() {
        let written = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Deny", "Principal": {"AWS": ["111122223333"]}, "Action": ["s3:*"],
            "Resource": ["arn:aws:s3:::b/*", "arn:aws:s3:::b"],
            "Condition": {"Bool": {"AWS:SecureTransport": false}}}});
        let read = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "s3:*",
            "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]});
        assert_eq!(normalise(&written), normalise(&read));
        assert_eq!(normalise(&Value::String(read.to_string())), normalise(&read));
    }

    #[test]
    fn another_action_is_another_policy() {
        let a = json!({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]});
        let b = json!({"Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]});
        assert_ne!(normalise(&a), normalise(&b));
    }
}
