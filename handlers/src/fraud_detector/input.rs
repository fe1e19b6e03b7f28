//! The one decoder of the detector's input (W-68).

use serde_json::{Map, Value};

use crate::domain::id::TransactionId;
use crate::domain::item::text;
use crate::domain::money::Amount;
use crate::domain::time::UtcMillis;
use crate::ports::ItemKey;

/// A transaction to analyse.
#[derive(Debug, Clone, PartialEq)]
pub struct FraudInput {
    /// Its id.
    pub id: TransactionId,
    /// The stored timestamp, part of the key (W-11).
    pub timestamp: UtcMillis,
    /// Its amount.
    pub amount: Amount,
    /// All its fields.
    pub transaction: Map<String, Value>,
}

impl FraudInput {
    /// Reads `{transaction, timestamp}`, the same under `Payload`, or an `EventBridge` envelope whose
    /// `detail` is the transaction. The error says what is missing.
    pub fn decode(event: &Value) -> Result<Self, &'static str> {
        let inner = event.get("Payload").unwrap_or(event);
        let transaction = inner
            .get("transaction")
            .or_else(|| inner.get("detail"))
            .and_then(Value::as_object);
        let transaction = transaction.ok_or("input has no transaction")?;
        let own_time = text(transaction, "timestamp");
        let timestamp = inner
            .get("timestamp")
            .and_then(Value::as_str)
            .or(own_time)
            .ok_or("input has no timestamp")?;
        let id = text(transaction, "transaction_id").and_then(TransactionId::parse);
        // Events leave `amount` out where EventBridge cannot compare it; `amount_text` is always there.
        let amount = transaction.get("amount").or_else(|| transaction.get("amount_text"));
        Ok(Self {
            id: id.ok_or("transaction has no valid transaction_id")?,
            timestamp: UtcMillis::parse(timestamp).map_err(|_| "timestamp is not RFC 3339 UTC with milliseconds")?,
            amount: amount
                .and_then(|a| Amount::from_json(a).ok())
                .ok_or("transaction has no valid amount")?,
            transaction: transaction.clone(),
        })
    }

    /// The item's key.
    pub fn key(&self) -> ItemKey {
        ItemKey {
            transaction_id: self.id.as_str().to_owned(),
            timestamp: self.timestamp.to_string(),
        }
    }

    /// The currency, empty when absent.
    pub fn currency(&self) -> &str {
        text(&self.transaction, "currency").unwrap_or_default()
    }

    /// A field of the sender's metadata.
    pub fn metadata(&self, name: &str) -> Option<&Value> {
        self.transaction.get("metadata")?.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn transaction() -> Value {
        json!({"transaction_id": "t", "amount": 1, "timestamp": "2026-01-01T00:00:00.000Z"})
    }

    #[test]
    fn all_envelopes_decode_alike() {
        let plain = json!({"transaction": transaction(), "timestamp": "2026-01-01T00:00:00.000Z"});
        let expected = FraudInput::decode(&plain).unwrap();
        let envelope =
            json!({"source": "webhook.transaction", "time": "2026-01-01T00:00:00Z", "detail": transaction()});
        let payload = json!({"Payload": plain});
        let payload_envelope = json!({"Payload": envelope});
        for event in [
            payload,
            envelope,
            payload_envelope,
            json!({"transaction": transaction()}),
        ] {
            assert_eq!(FraudInput::decode(&event).unwrap(), expected, "{event}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let with = |field: &str, value: Value| {
            let mut t = transaction();
            t[field] = value;
            FraudInput::decode(&json!({"transaction": t})).unwrap_err()
        };
        assert_eq!(FraudInput::decode(&json!({})).unwrap_err(), "input has no transaction");
        assert_eq!(with("timestamp", Value::Null), "input has no timestamp");
        assert_eq!(
            with("timestamp", json!("today")),
            "timestamp is not RFC 3339 UTC with milliseconds"
        );
        assert_eq!(
            with("transaction_id", json!("")),
            "transaction has no valid transaction_id"
        );
        assert_eq!(with("amount", json!(true)), "transaction has no valid amount");
    }

    #[test]
    fn unroutable_events_carry_the_amount_as_text() {
        let detail =
            json!({"transaction_id": "t", "amount_text": "5000000001", "timestamp": "2026-01-01T00:00:00.000Z"});
        assert_eq!(
            FraudInput::decode(&json!({"detail": detail}))
                .unwrap()
                .amount
                .to_string(),
            "5000000001"
        );
    }
}
