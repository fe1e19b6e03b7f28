//! A validated payment webhook (REQUIREMENTS 2.6 and 6.5).

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::canonical;
use super::currency::Currency;
use super::id::TransactionId;
use super::item::{Item, storable};
use super::metadata;
use super::money::Amount;
use super::status;
use super::time::UtcMillis;

/// The fields every webhook must have, in the order in which they are checked.
pub const REQUIRED_FIELDS: [&str; 5] = ["transaction_id", "amount", "currency", "provider", "customer_id"];

/// Why a webhook was refused. The text is the stable message for the sender (HTTP 400).
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum ValidationError {
    /// A required field is absent.
    #[error("Missing required field: {0}")]
    MissingField(&'static str),
    /// The amount is no amount, or has more decimals than the currency.
    #[error("Invalid amount format")]
    AmountFormat,
    /// The amount is zero or negative.
    #[error("Amount must be positive")]
    AmountNotPositive,
    /// The id is not 1 to 128 characters of the allowed alphabet.
    #[error("Invalid transaction_id: must be 1-128 characters of A-Z a-z 0-9 . _ : -")]
    TransactionId,
    /// The currency is not on the ISO 4217 list.
    #[error("Invalid currency: must be an ISO 4217 code")]
    Currency,
    /// The provider is not text of 1 to 64 characters.
    #[error("Invalid provider: must be text of 1-64 characters")]
    Provider,
    /// The customer id is not text of 1 to 128 characters.
    #[error("Invalid customer_id: must be text of 1-128 characters")]
    CustomerId,
    /// The metadata is refused.
    #[error("{0}")]
    Metadata(&'static str),
    /// The currency has not even the form of a code.
    #[error("Currency must be 3-letter code")]
    CurrencyForm,
    /// The sender's time is no RFC 3339 time with a zone.
    #[error("Invalid timestamp: must be RFC 3339 with a zone")]
    Timestamp,
    /// The id came by several names, with different values.
    #[error("transaction_id, payment_id and id must not differ")]
    AmbiguousId,
    /// The table's hash key is a number, and the id is none.
    #[error("Invalid transaction_id: must be 1-38 digits without leading zeros")]
    NumericId,
}

/// A payment as a provider reported it.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// The sender's id of the transaction.
    pub transaction_id: TransactionId,
    /// A positive amount that the currency can express.
    pub amount: Amount,
    /// The currency.
    pub currency: Currency,
    /// The payment provider's name.
    pub provider: String,
    /// The customer's id.
    pub customer_id: String,
    /// The sender's own data.
    pub metadata: Map<String, Value>,
}

impl Payment {
    /// Validates a webhook body. Presence first, then the amount, as the seed did; then the rest.
    pub fn from_json(body: &Map<String, Value>) -> Result<Self, ValidationError> {
        if let Some(missing) = REQUIRED_FIELDS.into_iter().find(|name| !body.contains_key(*name)) {
            return Err(ValidationError::MissingField(missing));
        }
        let amount = Amount::from_json(&body["amount"]).map_err(|_| ValidationError::AmountFormat)?;
        if !amount.is_positive() {
            return Err(ValidationError::AmountNotPositive);
        }
        let transaction_id = TransactionId::from_json(&body["transaction_id"]).ok_or(ValidationError::TransactionId)?;
        let currency = body["currency"]
            .as_str()
            .and_then(Currency::parse)
            .ok_or(ValidationError::Currency)?;
        if !amount.fits(currency) {
            return Err(ValidationError::AmountFormat);
        }
        Ok(Self {
            transaction_id,
            amount,
            currency,
            provider: plain_text(&body["provider"], 64).ok_or(ValidationError::Provider)?,
            customer_id: plain_text(&body["customer_id"], 128).ok_or(ValidationError::CustomerId)?,
            metadata: metadata::parse(body.get("metadata")).map_err(ValidationError::Metadata)?,
        })
    }

    /// Hash of the content, equal for repetitions of the same webhook. Fields that we do not store do not count.
    pub fn content_hash(&self) -> String {
        canonical::hash(&json!({
            "transaction_id": self.transaction_id.as_str(),
            "amount": self.amount.to_json_number(),
            "currency": self.currency.code(),
            "provider": self.provider,
            "customer_id": self.customer_id,
            "metadata": self.metadata,
        }))
    }

    /// The table item for a payment received at `timestamp`, without the key attributes' renaming.
    pub fn item(&self, timestamp: UtcMillis) -> Item {
        let time = Value::String(timestamp.to_string());
        let fields = [
            ("transaction_id", Value::String(self.transaction_id.as_str().to_owned())),
            ("timestamp", time.clone()),
            ("amount", self.amount.to_json_number()),
            ("currency", Value::String(self.currency.code().to_owned())),
            ("provider", Value::String(self.provider.clone())),
            ("customer_id", Value::String(self.customer_id.clone())),
            ("status", Value::String(status::PENDING.to_owned())),
            ("metadata", storable(Value::Object(self.metadata.clone()))),
            ("created_at", time.clone()),
            ("updated_at", time),
        ];
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// Text of 1 to `max_chars` characters without control characters, and without what a queue would refuse.
pub(super) fn plain_text(value: &Value, max_chars: usize) -> Option<String> {
    let text = value.as_str()?;
    let valid = (1..=max_chars).contains(&text.chars().count())
        && !text
            .chars()
            .any(|c| c.is_control() || metadata::is_refused_by_queues(c));
    valid.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Value {
        json!({"transaction_id": "txn_123456", "amount": 15000, "currency": "USD", "provider": "stripe",
            "customer_id": "cust_789", "metadata": {"order_id": "o-1", "rate": 0.1}})
    }

    fn with(field: &str, value: Value) -> Result<Payment, ValidationError> {
        let mut body = body();
        body[field] = value;
        Payment::from_json(body.as_object().unwrap())
    }

    #[test]
    fn missing_fields_are_named_in_order() {
        let mut body = body();
        for field in REQUIRED_FIELDS.into_iter().rev() {
            body.as_object_mut().unwrap().remove(field);
            let error = Payment::from_json(body.as_object().unwrap()).unwrap_err();
            assert_eq!(error.to_string(), format!("Missing required field: {field}"));
        }
    }

    #[test]
    fn each_rule_has_its_message() {
        let cases = [
            ("amount", json!("abc"), "Invalid amount format"),
            ("amount", Value::Null, "Invalid amount format"),
            ("amount", json!(true), "Invalid amount format"),
            ("amount", json!("1_000"), "Invalid amount format"),
            ("amount", json!("1.234"), "Invalid amount format"),
            ("amount", json!(0), "Amount must be positive"),
            ("amount", json!(-1), "Amount must be positive"),
            ("amount", json!("-0.01"), "Amount must be positive"),
            ("currency", json!("usd"), "Invalid currency: must be an ISO 4217 code"),
            ("currency", json!(840), "Invalid currency: must be an ISO 4217 code"),
            (
                "provider",
                json!(""),
                "Invalid provider: must be text of 1-64 characters",
            ),
            (
                "provider",
                json!("x".repeat(65)),
                "Invalid provider: must be text of 1-64 characters",
            ),
            (
                "customer_id",
                json!(7),
                "Invalid customer_id: must be text of 1-128 characters",
            ),
            (
                "provider",
                json!("a\u{ffff}"),
                "Invalid provider: must be text of 1-64 characters",
            ),
            (
                "customer_id",
                json!("a\u{0}"),
                "Invalid customer_id: must be text of 1-128 characters",
            ),
            ("metadata", json!([1]), "Invalid metadata: must be an object"),
        ];
        for (field, value, message) in cases {
            assert_eq!(
                with(field, value.clone()).unwrap_err().to_string(),
                message,
                "{field}={value}"
            );
        }
        for id in [json!(""), json!(5), json!("a b"), Value::Null] {
            assert_eq!(with("transaction_id", id).unwrap_err(), ValidationError::TransactionId);
        }
    }

    #[test]
    fn the_item_has_the_documented_shape() {
        let payment = with("amount", json!("12.30")).unwrap();
        let item = payment.item(UtcMillis::parse("2026-01-02T03:04:05.006Z").unwrap());
        assert_eq!(
            serde_json::to_value(&item).unwrap(),
            serde_json::from_str::<Value>(
                r#"{"transaction_id":"txn_123456","timestamp":"2026-01-02T03:04:05.006Z","amount":12.3,"currency":"USD",
                "provider":"stripe","customer_id":"cust_789","status":"pending","metadata":{"order_id":"o-1","rate":0.1},
                "created_at":"2026-01-02T03:04:05.006Z","updated_at":"2026-01-02T03:04:05.006Z"}"#
            )
            .unwrap()
        );
    }

    #[test]
    fn repetitions_hash_equal_and_changes_do_not() {
        let first = with("amount", json!("10.50")).unwrap().content_hash();
        assert_eq!(
            with("amount", serde_json::from_str("10.5").unwrap())
                .unwrap()
                .content_hash(),
            first
        );
        assert_ne!(with("amount", json!("10.51")).unwrap().content_hash(), first);
        assert_ne!(with("metadata", json!({})).unwrap().content_hash(), first);
        let unknown = {
            let mut b = body();
            b["amount"] = json!("10.50");
            b["trace"] = json!("t");
            b
        };
        assert_eq!(
            Payment::from_json(unknown.as_object().unwrap()).unwrap().content_hash(),
            first
        );
    }
}
