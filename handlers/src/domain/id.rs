//! Transaction ids: 1 to 128 characters of `A-Z a-z 0-9 . _ : -` (REQUIREMENTS 6.5, W-29).

use std::fmt;

use serde_json::Value;

/// A valid transaction id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(String);

impl TransactionId {
    /// Longest id, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// The id, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        let valid = (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed);
        valid.then(|| Self(text.to_owned()))
    }

    /// The id, if the JSON value is text that is one.
    pub fn from_json(value: &Value) -> Option<Self> {
        value.as_str().and_then(Self::parse)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn accepts_the_alphabet_only() {
        for id in ["t", "txn_123456", "a.B:c-9_", &"x".repeat(128)] {
            assert!(TransactionId::parse(id).is_some(), "{id}");
        }
        for id in ["", "a b", "a/b", "a#b", "\u{e4}", &"x".repeat(129)] {
            assert!(TransactionId::parse(id).is_none(), "{id}");
        }
        assert!(TransactionId::from_json(&json!(5)).is_none());
    }
}
