//! A payment as it is submitted to the payment stack (REQUIREMENTS 4.5, 5.6, 6.5, 8.1; N-16, P-08, X-06, X-10).
//!
//! The three payment seeds name and require fields differently; this is the one schema they map to.

use serde_json::{Map, Value, json};

use super::canonical;
use super::currency::Currency;
use super::id::TransactionId;
use super::metadata;
use super::money::Amount;
use super::payment::{ValidationError, plain_text};
use super::time::UtcMillis;

/// The names under which the id may come (8.1 no. 17).
const ID_NAMES: [&str; 3] = ["transaction_id", "payment_id", "id"];

/// Without these there is no payment, whatever is configured.
const ALWAYS_REQUIRED: [&str; 3] = ["transaction_id", "amount", "currency"];

/// All fields that can be required, in the order in which their presence is checked.
pub const FIELDS: [&str; 7] = [
    "transaction_id",
    "amount",
    "currency",
    "provider",
    "customer_id",
    "timestamp",
    "metadata",
];

/// What is demanded of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionRules {
    required: Vec<&'static str>,
    numeric_ids: bool,
}

impl SubmissionRules {
    /// Rules that demand these fields besides id, amount and currency; the error is the first name that is no
    /// field. `numeric_ids` demands ids of digits only, for tables whose hash key is a number.
    pub fn new(required: &[String], numeric_ids: bool) -> Result<Self, String> {
        if let Some(unknown) = required.iter().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(unknown.clone());
        }
        let wanted = |name: &&str| ALWAYS_REQUIRED.contains(name) || required.iter().any(|r| r == name);
        let required = FIELDS.into_iter().filter(wanted).collect();
        Ok(Self { required, numeric_ids })
    }
}

/// A validated payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The sender's id of the payment.
    pub transaction_id: TransactionId,
    /// A positive amount that the currency can express.
    pub amount: Amount,
    /// The currency.
    pub currency: Currency,
    /// The payment provider's name.
    pub provider: Option<String>,
    /// The customer's id.
    pub customer_id: Option<String>,
    /// When the payment happened, if the sender says so; else the time of receipt counts.
    pub timestamp: Option<UtcMillis>,
    /// The sender's own data.
    pub metadata: Map<String, Value>,
}

impl Submission {
    /// Validates the fields: presence first, in the seed's order, then each value. `null` is a value that no
    /// required field accepts; where a field is optional it means absent.
    pub fn from_json(fields: &Map<String, Value>, rules: &SubmissionRules) -> Result<Self, ValidationError> {
        let present = |name: &str| match name {
            "transaction_id" => ID_NAMES.iter().any(|n| fields.contains_key(*n)),
            "amount" => amount_of(fields).is_some(),
            name => fields.contains_key(name),
        };
        if let Some(missing) = rules.required.iter().find(|name| !present(name)) {
            return Err(ValidationError::MissingField(missing));
        }
        let amount = amount_of(fields).unwrap_or(&Value::Null);
        let amount = Amount::from_json(amount).map_err(|_| ValidationError::AmountFormat)?;
        if !amount.is_positive() {
            return Err(ValidationError::AmountNotPositive);
        }
        let currency = currency(fields.get("currency").unwrap_or(&Value::Null))?;
        if !amount.fits(currency) {
            return Err(ValidationError::AmountFormat);
        }
        let optional_text = |name: &str, max: usize, error: ValidationError| match fields.get(name) {
            None => Ok(None),
            Some(Value::Null) if !rules.required.contains(&name) => Ok(None),
            Some(value) => plain_text(value, max).map(Some).ok_or(error),
        };
        Ok(Self {
            transaction_id: id(fields, rules.numeric_ids)?,
            amount,
            currency,
            provider: optional_text("provider", 64, ValidationError::Provider)?,
            customer_id: optional_text("customer_id", 128, ValidationError::CustomerId)?,
            timestamp: timestamp(fields.get("timestamp"))?,
            metadata: metadata::parse(fields.get("metadata")).map_err(ValidationError::Metadata)?,
        })
    }

    /// The same payment in the names of this schema; `from_json` reads it back unchanged.
    pub fn to_json(&self) -> Map<String, Value> {
        let text = |value: &Option<String>| value.as_ref().map(|t| Value::String(t.clone()));
        let metadata = (!self.metadata.is_empty()).then(|| Value::Object(self.metadata.clone()));
        let fields = [
            ("transaction_id", Some(json!(self.transaction_id.as_str()))),
            ("amount", Some(json!(self.amount.to_string()))),
            ("currency", Some(json!(self.currency.code()))),
            ("provider", text(&self.provider)),
            ("customer_id", text(&self.customer_id)),
            ("timestamp", self.timestamp.map(|t| json!(t.to_string()))),
            ("metadata", metadata),
        ];
        let present = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        present.collect()
    }

    /// Hash of the content, equal for repetitions of the same payment, whatever its fields were called and
    /// however its amount was written. Fields that we do not store do not count.
    pub fn content_hash(&self) -> String {
        canonical::hash(&Value::Object(self.to_json()))
    }
}

/// Events leave `amount` out where `EventBridge` cannot compare it; `amount_text` is always there.
fn amount_of(fields: &Map<String, Value>) -> Option<&Value> {
    fields.get("amount").or_else(|| fields.get("amount_text"))
}

/// The id, by whichever names it came. Two names with different ids are no id at all.
fn id(fields: &Map<String, Value>, numeric: bool) -> Result<TransactionId, ValidationError> {
    let mut given = ID_NAMES.iter().filter_map(|name| fields.get(*name));
    let first = given.next().ok_or(ValidationError::MissingField(ID_NAMES[0]))?;
    if given.any(|other| other != first) {
        return Err(ValidationError::AmbiguousId);
    }
    let id = TransactionId::from_json(first).ok_or(ValidationError::TransactionId)?;
    if numeric && !is_plain_number(id.as_str()) {
        return Err(ValidationError::NumericId);
    }
    Ok(id)
}

/// Digits that DynamoDB's number type gives back as they were: no leading zero, at most 38.
fn is_plain_number(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits && text.len() <= 38 && (text == "0" || !text.starts_with('0'))
}

/// The seed's own message for what has not even the form of a code, ours for codes that do not exist.
fn currency(value: &Value) -> Result<Currency, ValidationError> {
    let text = value.as_str().unwrap_or_default();
    if text.len() != 3 || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(ValidationError::CurrencyForm);
    }
    Currency::parse(text).ok_or(ValidationError::Currency)
}

fn timestamp(value: Option<&Value>) -> Result<Option<UtcMillis>, ValidationError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let time = value.as_str().and_then(|text| UtcMillis::parse_rfc3339(text).ok());
            time.map(Some).ok_or(ValidationError::Timestamp)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(required: &[&str]) -> SubmissionRules {
        let required: Vec<String> = required.iter().map(|s| (*s).to_owned()).collect();
        SubmissionRules::new(&required, false).unwrap()
    }

    fn four() -> SubmissionRules {
        rules(&["transaction_id", "amount", "currency", "provider"])
    }

    fn body() -> Value {
        json!({"transaction_id": "txn-1", "amount": "10.50", "currency": "USD", "provider": "stripe"})
    }

    fn parse(body: &Value) -> Result<Submission, ValidationError> {
        Submission::from_json(body.as_object().unwrap(), &four())
    }

    fn with(field: &str, value: Value) -> Result<Submission, ValidationError> {
        let mut body = body();
        body[field] = value;
        parse(&body)
    }

    /// N-16, P-08: each rule, the seed's texts where the seed has one.
    #[test]
    fn each_rule_has_its_message() {
        let currency_form = "Currency must be 3-letter code";
        let cases = [
            ("amount", Value::Null, "Invalid amount format"),
            ("amount", json!("NaN"), "Invalid amount format"),
            ("amount", json!(true), "Invalid amount format"),
            ("amount", json!("1.005"), "Invalid amount format"),
            ("amount", json!(0), "Amount must be positive"),
            ("amount", json!(-1), "Amount must be positive"),
            ("currency", json!("1 ?"), currency_form),
            ("currency", json!("US"), currency_form),
            ("currency", json!(840), currency_form),
            ("currency", json!("usd"), "Invalid currency: must be an ISO 4217 code"),
            ("currency", json!("ZZZ"), "Invalid currency: must be an ISO 4217 code"),
            (
                "provider",
                Value::Null,
                "Invalid provider: must be text of 1-64 characters",
            ),
            (
                "customer_id",
                json!(5),
                "Invalid customer_id: must be text of 1-128 characters",
            ),
            (
                "timestamp",
                json!("2024-01-15"),
                "Invalid timestamp: must be RFC 3339 with a zone",
            ),
            (
                "timestamp",
                json!("2024-01-15T10:30:00"),
                "Invalid timestamp: must be RFC 3339 with a zone",
            ),
            (
                "timestamp",
                json!(1_705_315_800),
                "Invalid timestamp: must be RFC 3339 with a zone",
            ),
            ("metadata", json!("x"), "Invalid metadata: must be an object"),
            (
                "payment_id",
                json!("other"),
                "transaction_id, payment_id and id must not differ",
            ),
        ];
        for (field, value, message) in cases {
            assert_eq!(
                with(field, value.clone()).unwrap_err().to_string(),
                message,
                "{field}={value}"
            );
        }
        for field in ["transaction_id", "amount", "currency", "provider"] {
            let mut body = body();
            body.as_object_mut().unwrap().remove(field);
            assert_eq!(
                parse(&body).unwrap_err().to_string(),
                format!("Missing required field: {field}")
            );
        }
    }

    /// 8.1 no. 17: the seeds' names of the id are one field.
    #[test]
    fn the_id_comes_by_three_names() {
        let expected = parse(&body()).unwrap();
        for name in ["payment_id", "id"] {
            let mut other = body();
            let id = other.as_object_mut().unwrap().remove("transaction_id").unwrap();
            other[name] = id;
            assert_eq!(parse(&other).unwrap(), expected);
            assert_eq!(parse(&other).unwrap().content_hash(), expected.content_hash());
        }
        assert_eq!(with("id", json!("txn-1")).unwrap(), expected);
    }

    #[test]
    fn id_amount_and_currency_are_always_required() {
        let minimal = json!({"id": "a", "amount": 1, "currency": "EUR"});
        assert!(Submission::from_json(minimal.as_object().unwrap(), &rules(&[])).is_ok());
        let error = Submission::from_json(&Map::new(), &rules(&[])).unwrap_err();
        assert_eq!(error.to_string(), "Missing required field: transaction_id");
        let error = Submission::from_json(minimal.as_object().unwrap(), &rules(&["customer_id"])).unwrap_err();
        assert_eq!(error.to_string(), "Missing required field: customer_id");
        assert_eq!(SubmissionRules::new(&["cvc".into()], false), Err("cvc".to_owned()));
    }

    #[test]
    fn numeric_tables_take_numeric_ids_only() {
        let rules = SubmissionRules::new(&[], true).unwrap();
        let parse = |id: &str| {
            Submission::from_json(
                json!({"id": id, "amount": 1, "currency": "EUR"}).as_object().unwrap(),
                &rules,
            )
        };
        assert!(parse("0").is_ok() && parse("12345678901234567890123456789012345678").is_ok());
        for id in ["a1", "007", "-1", "1.0", "123456789012345678901234567890123456789"] {
            assert_eq!(parse(id), Err(ValidationError::NumericId), "{id}");
        }
    }

    /// P-34: the sender's time is kept to the instant, in our one format.
    #[test]
    fn the_senders_time_is_normalised() {
        for text in ["2024-01-15T10:30:00Z", "2024-01-15T11:30:00.000+01:00"] {
            let time = with("timestamp", json!(text)).unwrap().timestamp.unwrap();
            assert_eq!(time.to_string(), "2024-01-15T10:30:00.000Z");
            assert_eq!(time.epoch_seconds(), 1_705_314_600);
        }
    }

    proptest! {
        #![proptest_config(crate::fakes::repeatable())]
        #[test]
        fn the_canonical_form_reads_back_unchanged(
            id in "[A-Za-z0-9._:-]{1,40}", units in 1_u64..u64::MAX, cents in 0_u32..100,
            provider in proptest::option::of("[a-z]{1,20}"), key in "[a-z]{1,8}", number in any::<i64>(),
        ) {
            let mut fields = json!({"payment_id": id, "amount": format!("{units}.{cents:02}"), "currency": "EUR",
                "metadata": {key: number}});
            if let Some(provider) = provider { fields["provider"] = json!(provider); }
            let first = Submission::from_json(fields.as_object().unwrap(), &rules(&[])).unwrap();
            let again = Submission::from_json(&first.to_json(), &rules(&[])).unwrap();
            prop_assert_eq!(&again, &first);
            prop_assert_eq!(again.content_hash(), first.content_hash());
            fields["amount"] = json!(format!("{}.{cents:02}", units - 1));
            let other = Submission::from_json(fields.as_object().unwrap(), &rules(&[]));
            prop_assert!(other.is_err() || other.unwrap().content_hash() != first.content_hash());
        }
    }
}
