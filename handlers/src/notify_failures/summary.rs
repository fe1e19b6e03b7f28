//! What an alert may say of a message: enough to find it, nothing that identifies a person or a card (N-11).

use serde_json::{Map, Value, json};

use crate::domain::id::TransactionId;
use crate::domain::item::text;

/// A message, redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The payment's id, if the message has a valid one.
    pub transaction_id: Option<String>,
    /// What is noticeable about the message.
    pub hint: String,
    /// Its size.
    pub bytes: usize,
}

impl Summary {
    /// Looks at a message's body, whoever sent it: the processor, a workflow that gave up (its input and `error`), or a
    /// rule whose target could not be reached (the event). Only an id of our alphabet is taken over; a card number in
    /// its place is not.
    pub fn of(body: &str) -> Self {
        let bytes = body.len();
        let bare = |hint: &str| Self {
            transaction_id: None,
            hint: hint.to_owned(),
            bytes,
        };
        let Ok(Value::Object(fields)) = serde_json::from_str(body) else {
            return bare("message is not a JSON object");
        };
        match id_of(&fields) {
            Some(id) if looks_like_a_card(id.as_str()) => bare("the id looks like a card number; withheld"),
            Some(id) => Self {
                transaction_id: Some(id.as_str().to_owned()),
                ..bare(&hint_of(&fields))
            },
            None => bare("message has no valid transaction_id"),
        }
    }

    /// As it appears in the alert.
    pub fn to_json(&self) -> Value {
        json!({"transaction_id": self.transaction_id, "hint": self.hint, "bytes": self.bytes})
    }
}

/// The payment's id, in the message itself or in one of the wrappers that the processor takes. An event has an id of its
/// own, which is not the payment's.
fn id_of(message: &Map<String, Value>) -> Option<TransactionId> {
    let wrapper = ["Payload", "detail"]
        .iter()
        .find_map(|name| message.get(*name)?.as_object());
    let inner = wrapper.unwrap_or(message);
    let payment = inner.get("transaction").and_then(Value::as_object).unwrap_or(inner);
    let names = ["transaction_id", "payment_id", "id"];
    names
        .iter()
        .find_map(|name| text(payment, name).and_then(TransactionId::parse))
}

/// The workflow's `error` has the error's name, which is ours or AWS's; its `Cause` may hold anything and is left out.
fn hint_of(message: &Map<String, Value>) -> String {
    if let Some(error) = message.get("error").and_then(Value::as_object) {
        let is_name = |name: &&str| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.');
        let name = text(error, "Error").filter(is_name).map(|name| format!(": {name}"));
        return format!("the workflow gave the payment up{}", name.unwrap_or_default());
    }
    if message.contains_key("detail") {
        return "event did not reach its rule's target".to_owned();
    }
    "message is well-formed; see the log of process_accounting".to_owned()
}

/// 13 to 19 digits, perhaps grouped, whose check digit is right (ISO/IEC 7812).
fn looks_like_a_card(id: &str) -> bool {
    let grouped = |b: u8| b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_' | b':');
    if !id.bytes().all(grouped) {
        return false;
    }
    let digits: Vec<u32> = id.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_are_taken_over() {
        let body = r#"{"transaction_id": "txn-7", "customer_id": "alice@example.com", "amount": "12.00"}"#;
        let summary = Summary::of(body);
        assert_eq!(summary.transaction_id.as_deref(), Some("txn-7"));
        assert!(!summary.to_json().to_string().contains("alice"));
        for body in [
            "4111 1111 1111 1111",
            "[]",
            r#"{"transaction_id": "a b"}"#,
            r#"{"transaction_id": 5}"#,
            r#"{"transaction_id": "4111-1111-1111-1111"}"#,
            r#"{"transaction_id": "4111111111111111"}"#,
        ] {
            let summary = Summary::of(body);
            assert_eq!(summary.transaction_id, None, "{body}");
            assert!(!summary.to_json().to_string().contains("1111"), "{body}");
        }
    }

    /// 6.5, 9.2 item 8: the dead-letter queue is the workflow's and the rules', too; their messages name the payment further down.
    #[test]
    fn messages_of_workflows_and_rules_are_named_as_well() {
        let cause = "card 4111111111111111";
        let bodies = [
            json!({"transaction": {"payment_id": "t-1", "amount": 1}, "timestamp": "x",
                "error": {"Error": "TransactionAlreadyExists", "Cause": cause}}),
            json!({"id": "t-1", "amount": 1, "error": {"Error": "TransactionAlreadyExists", "Cause": cause}}),
            json!({"Payload": {"transaction": {"id": "t-1"}}, "error": {"Error": "TransactionAlreadyExists"}}),
        ];
        for body in bodies {
            let summary = Summary::of(&body.to_string());
            assert_eq!(summary.transaction_id.as_deref(), Some("t-1"), "{body}");
            assert_eq!(
                summary.hint,
                "the workflow gave the payment up: TransactionAlreadyExists"
            );
            assert!(!summary.to_json().to_string().contains("4111"), "{body}");
        }
        let event = json!({"id": "7bf73129-1428-4cd3-a780-95db273d1602", "source": "payment.processing",
            "detail": {"region": "us-east-1", "transaction": {"transaction_id": "t-2"}}});
        let summary = Summary::of(&event.to_string());
        assert_eq!(summary.transaction_id.as_deref(), Some("t-2"), "not the event's own id");
        assert_eq!(summary.hint, "event did not reach its rule's target");
        let flat = json!({"source": "s", "detail": {"transaction_id": "t-3"}});
        assert_eq!(Summary::of(&flat.to_string()).transaction_id.as_deref(), Some("t-3"));
        let strange = json!({"id": "t-1", "error": {"Error": "card 4111111111111111"}});
        let summary = Summary::of(&strange.to_string());
        assert_eq!(summary.hint, "the workflow gave the payment up");
        assert!(
            !Summary::of(r#"{"id": "4111111111111111"}"#)
                .to_json()
                .to_string()
                .contains("4111")
        );
    }

    #[test]
    fn plain_numbers_are_ids() {
        for id in ["1705314600000", "4111111111111112", "123456789012"] {
            assert!(!looks_like_a_card(id), "{id}");
        }
    }
}
