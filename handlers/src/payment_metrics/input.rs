//! What the metrics handler is told about a payment: all of it required, nothing invented (O-40).

use serde_json::{Map, Value};
use thiserror::Error;

use crate::domain::currency::Currency;
use crate::domain::id::TransactionId;
use crate::domain::money::Amount;

/// Why an event was refused: the stable text for the caller.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum InputError {
    /// A field is absent.
    #[error("Missing required field: {0}")]
    Missing(&'static str),
    /// Not an id.
    #[error("Invalid payment_id: must be 1-128 characters of A-Z a-z 0-9 . _ : -")]
    PaymentId,
    /// No amount, or more decimals than the currency has.
    #[error("Invalid amount format")]
    Amount,
    /// Zero or less.
    #[error("Amount must be positive")]
    NotPositive,
    /// Not on the ISO 4217 list.
    #[error("Invalid currency: must be an ISO 4217 code")]
    Currency,
    /// Not 1 to 64 characters.
    #[error("Invalid type: must be text of 1-64 characters")]
    Type,
}

/// A payment to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredPayment {
    /// Its id.
    pub id: TransactionId,
    /// Its amount.
    pub amount: Amount,
    /// Its type, as the caller calls it.
    pub payment_type: String,
    /// Its currency, if the caller says so.
    pub currency: Option<Currency>,
}

impl MeasuredPayment {
    /// Reads `payment_id`, `amount`, `type` and, if there, `currency`.
    pub fn from_json(fields: &Map<String, Value>) -> Result<Self, InputError> {
        let field = |name: &'static str| fields.get(name).ok_or(InputError::Missing(name));
        let (id, amount, payment_type) = (field("payment_id")?, field("amount")?, field("type")?);
        let amount = Amount::from_json(amount).map_err(|_| InputError::Amount)?;
        if !amount.is_positive() {
            return Err(InputError::NotPositive);
        }
        let currency = match fields.get("currency") {
            None | Some(Value::Null) => None,
            Some(code) => Some(code.as_str().and_then(Currency::parse).ok_or(InputError::Currency)?),
        };
        // Without a currency two decimals are assumed, as most have them.
        let decimals = currency.map_or(2, Currency::minor_digits);
        if amount.decimal().scale() > decimals {
            return Err(InputError::Amount);
        }
        let payment_type = payment_type.as_str().filter(|t| (1..=64).contains(&t.chars().count()));
        Ok(Self {
            id: TransactionId::from_json(id).ok_or(InputError::PaymentId)?,
            amount,
            payment_type: payment_type.ok_or(InputError::Type)?.to_owned(),
            currency,
        })
    }
}
