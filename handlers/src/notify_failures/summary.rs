//! What an alert may say of a message: enough to find it, nothing that identifies a person or a card (N-11).

use serde_json::{Value, json};

use crate::domain::id::TransactionId;
use crate::domain::item::text;

/// A message, redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The payment's id, if the message has a valid one.
    pub transaction_id: Option<String>,
    /// What is noticeable about the message.
    pub hint: &'static str,
    /// Its size.
    pub bytes: usize,
}

impl Summary {
    /// Looks at a message's body. Only an id of our alphabet is taken over; a card number in its place is not.
    pub fn of(body: &str) -> Self {
        let bytes = body.len();
        let bare = |hint| Self {
            transaction_id: None,
            hint,
            bytes,
        };
        let Ok(Value::Object(fields)) = serde_json::from_str(body) else {
            return bare("message is not a JSON object");
        };
        let id = text(&fields, "transaction_id").and_then(TransactionId::parse);
        match id {
            Some(id) if looks_like_a_card(id.as_str()) => bare("the id looks like a card number; withheld"),
            Some(id) => Self {
                transaction_id: Some(id.as_str().to_owned()),
                hint: "message is well-formed; see the log of process_accounting",
                bytes,
            },
            None => bare("message has no valid transaction_id"),
        }
    }

    /// As it appears in the alert.
    pub fn to_json(&self) -> Value {
        json!({"transaction_id": self.transaction_id, "hint": self.hint, "bytes": self.bytes})
    }
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

    #[test]
    fn plain_numbers_are_ids() {
        for id in ["1705314600000", "4111111111111112", "123456789012"] {
            assert!(!looks_like_a_card(id), "{id}");
        }
    }
}
