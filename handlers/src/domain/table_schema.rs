//! How a payments table looks: its keys, their types, and the style of attribute names
//! (REQUIREMENTS 6.4 `table.*`, 8.1 nos. 9 to 13; P-04).

use serde_json::{Number, Value};

use super::id::TransactionId;
use super::item::{Item, storable};
use super::shard::{shard_of, status_shard};
use super::submission::Submission;
use super::time::UtcMillis;
use crate::config::{Env, InitError};

/// What `STATUS_SHARDS` may be.
const SHARDS: &str = "a whole number, 1 or more";

/// DynamoDB's type of a key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `S`: text.
    Text,
    /// `N`: a number.
    Number,
}

/// How attributes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeStyle {
    /// `customer_id`.
    SnakeCase,
    /// `CustomerId`.
    PascalCase,
}

/// A payments table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    hash_key: String,
    hash_key_type: KeyType,
    range_key: Option<(String, KeyType)>,
    timestamp_type: KeyType,
    style: AttributeStyle,
    status_shards: u32,
}

/// What an item says besides the payment itself.
#[derive(Debug, Clone, Copy)]
pub struct Receipt<'a> {
    /// When we received the payment.
    pub received_at: UtcMillis,
    /// First status.
    pub status: &'static str,
    /// Region that took the payment.
    pub region: &'a str,
    /// Hash of the content, which tells repetitions from contradictions.
    pub payload_hash: &'a str,
}

impl TableSchema {
    /// Reads `TABLE_HASH_KEY`, `TABLE_HASH_KEY_TYPE`, `TABLE_RANGE_KEY` (`none` for a table without one),
    /// `TABLE_RANGE_KEY_TYPE`, `TIMESTAMP_TYPE`, `ATTRIBUTE_STYLE`, `STATUS_SHARDS`.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let types = [("S", KeyType::Text), ("N", KeyType::Number)];
        let styles = [
            ("snake_case", AttributeStyle::SnakeCase),
            ("pascal_case", AttributeStyle::PascalCase),
        ];
        let range_key_type = env.choice_or("TABLE_RANGE_KEY_TYPE", KeyType::Text, &types)?;
        let range_key = env.or("TABLE_RANGE_KEY", "timestamp");
        Ok(Self {
            hash_key: env.or("TABLE_HASH_KEY", "transaction_id"),
            hash_key_type: env.choice_or("TABLE_HASH_KEY_TYPE", KeyType::Text, &types)?,
            range_key: (range_key != "none").then_some((range_key, range_key_type)),
            timestamp_type: env.choice_or("TIMESTAMP_TYPE", range_key_type, &types)?,
            style: env.choice_or("ATTRIBUTE_STYLE", AttributeStyle::SnakeCase, &styles)?,
            status_shards: match env.parsed_or("STATUS_SHARDS", 1, SHARDS)? {
                0 => return Err(InitError::invalid("STATUS_SHARDS", SHARDS)),
                shards => shards,
            },
        })
    }

    /// Name of the hash key, which holds the payment's id.
    pub fn hash_key(&self) -> &str {
        &self.hash_key
    }

    /// Whether ids must be numbers.
    pub fn has_numeric_ids(&self) -> bool {
        self.hash_key_type == KeyType::Number
    }

    /// An attribute's name in the table's style, from its name in snake case.
    pub fn name(&self, snake_case: &str) -> String {
        match self.style {
            AttributeStyle::SnakeCase => snake_case.to_owned(),
            AttributeStyle::PascalCase => snake_case.split('_').map(capitalized).collect(),
        }
    }

    /// Key of the payment's item; `timestamp` is the item's, see [`TableSchema::timestamp_of`].
    pub fn key(&self, id: &TransactionId, timestamp: UtcMillis) -> Item {
        let hash = typed_id(id, self.hash_key_type);
        let range = self.range_key.as_ref();
        let range = range.map(|(name, kind)| (name.clone(), typed_time(timestamp, *kind)));
        std::iter::once((self.hash_key.clone(), hash)).chain(range).collect()
    }

    /// The key out of an item, or out of an index entry; `None` when it has not all of it.
    pub fn key_of(&self, item: &Item) -> Option<Item> {
        let names = std::iter::once(&self.hash_key).chain(self.range_key.as_ref().map(|(name, _)| name));
        names
            .map(|name| Some((name.clone(), item.get(name)?.clone())))
            .collect()
    }

    /// The id in a key or an item, as text.
    pub fn id_of(&self, item: &Item) -> Option<String> {
        match item.get(&self.hash_key)? {
            Value::String(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }
    }

    /// Value of the attribute `status_shard`, which goes with every status that is written (R-11). It is there with a
    /// single shard too, so that items are in a sharded index from the moment that there is one.
    pub fn status_shard(&self, status: &str, id: &str) -> String {
        status_shard(status, shard_of(id, self.status_shards))
    }

    /// The partition key of an index on the status.
    pub fn status_index_key(&self) -> String {
        self.name(if self.status_shards > 1 {
            "status_shard"
        } else {
            "status"
        })
    }

    /// All values that the index files a status under: who looks for a status asks for each of them (R-11).
    pub fn status_index_values(&self, status: &str) -> Vec<String> {
        if self.status_shards == 1 {
            return vec![status.to_owned()];
        }
        (0..self.status_shards)
            .map(|shard| status_shard(status, shard))
            .collect()
    }

    /// The time under which a payment is filed: the sender's, else that of receipt.
    pub fn timestamp_of(payment: &Submission, received_at: UtcMillis) -> UtcMillis {
        payment.timestamp.unwrap_or(received_at)
    }

    /// The payment's item. Its id is stored under the hash key's name only (8.1 no. 17).
    pub fn item(&self, payment: &Submission, receipt: Receipt<'_>) -> Item {
        let timestamp = Self::timestamp_of(payment, receipt.received_at);
        let received = Value::String(receipt.received_at.to_string());
        let text = |value: &str| Some(Value::String(value.to_owned()));
        let shard = self.status_shard(receipt.status, payment.transaction_id.as_str());
        let attributes = [
            ("timestamp", Some(typed_time(timestamp, self.timestamp_type))),
            ("amount", Some(payment.amount.to_json_number())),
            ("currency", text(payment.currency.code())),
            ("provider", payment.provider.clone().map(Value::String)),
            ("customer_id", payment.customer_id.clone().map(Value::String)),
            ("status", text(receipt.status)),
            ("status_shard", text(&shard)),
            ("metadata", Some(storable(Value::Object(payment.metadata.clone())))),
            ("region", text(receipt.region)),
            ("payload_hash", text(receipt.payload_hash)),
            ("created_at", Some(received.clone())),
            ("updated_at", Some(received)),
        ];
        let present = attributes
            .into_iter()
            .filter_map(|(name, value)| Some((self.name(name), value?)));
        // The key comes last: where the range key is the timestamp, its type is the table's.
        present.chain(self.key(&payment.transaction_id, timestamp)).collect()
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}

fn typed_id(id: &TransactionId, kind: KeyType) -> Value {
    match (kind, id.as_str().parse::<Number>()) {
        (KeyType::Number, Ok(number)) => Value::Number(number),
        _ => Value::String(id.as_str().to_owned()),
    }
}

/// RFC 3339 text, or epoch milliseconds (8.1 no. 11).
fn typed_time(time: UtcMillis, kind: KeyType) -> Value {
    match kind {
        KeyType::Text => Value::String(time.to_string()),
        KeyType::Number => Value::from(time.epoch_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::submission::SubmissionRules;
    use proptest::prelude::*;
    use serde_json::json;

    fn schema(pairs: &[(&str, &str)]) -> TableSchema {
        TableSchema::from_env(&Env::from_pairs(pairs.iter().copied())).unwrap()
    }

    fn item(schema: &TableSchema, body: &Value) -> Value {
        let rules = SubmissionRules::new(&[], schema.has_numeric_ids()).unwrap();
        let payment = Submission::from_json(body.as_object().unwrap(), &rules).unwrap();
        let receipt = Receipt {
            received_at: UtcMillis::parse("2026-01-02T03:04:05.006Z").unwrap(),
            status: "received",
            region: "eu-west-1",
            payload_hash: "abc",
        };
        Value::Object(schema.item(&payment, receipt))
    }

    /// Seed 003: snake case, text keys.
    #[test]
    fn the_notification_table() {
        let body = json!({"transaction_id": "t", "amount": "1.50", "currency": "USD", "provider": "p"});
        assert_eq!(
            item(&schema(&[]), &body),
            serde_json::from_str::<Value>(
                r#"{"transaction_id": "t", "timestamp": "2026-01-02T03:04:05.006Z", "amount": 1.5, "currency": "USD",
                "provider": "p", "status": "received", "status_shard": "received#0", "metadata": {}, "region": "eu-west-1", "payload_hash": "abc",
                "created_at": "2026-01-02T03:04:05.006Z", "updated_at": "2026-01-02T03:04:05.006Z"}"#
            )
            .unwrap()
        );
    }

    /// Seed 002: `payment_id`, and a numeric sort key in epoch milliseconds.
    #[test]
    fn the_global_table() {
        let schema = schema(&[("TABLE_HASH_KEY", "payment_id"), ("TABLE_RANGE_KEY_TYPE", "N")]);
        let item = item(&schema, &json!({"id": "t", "amount": 1, "currency": "USD"}));
        assert_eq!(
            (&item["payment_id"], &item["timestamp"]),
            (&json!("t"), &json!(1_767_323_045_006_i64))
        );
        assert_eq!(
            (item.get("transaction_id"), item.get("provider")),
            (None, None),
            "one id, nothing invented"
        );
    }

    /// Seed 004, P-04: Pascal case, no range key, and an index that needs a number.
    #[test]
    fn the_multi_region_table() {
        let schema = schema(&[
            ("TABLE_HASH_KEY", "TransactionId"),
            ("TABLE_RANGE_KEY", "none"),
            ("TIMESTAMP_TYPE", "N"),
            ("ATTRIBUTE_STYLE", "pascal_case"),
        ]);
        let body = json!({"id": "TXN001", "amount": 99.99, "currency": "USD", "timestamp": "2024-01-15T10:30:00Z"});
        let item = item(&schema, &body);
        assert_eq!(
            item["Timestamp"],
            json!(1_705_314_600_000_i64),
            "the sender's time, as a number"
        );
        assert_eq!(
            (&item["CreatedAt"], &item["Region"]),
            (&json!("2026-01-02T03:04:05.006Z"), &json!("eu-west-1"))
        );
        let id = TransactionId::parse("TXN001").unwrap();
        let key = Value::Object(schema.key(&id, UtcMillis::from_epoch_millis(0)));
        assert_eq!(key, json!({"TransactionId": "TXN001"}));
    }

    #[test]
    fn other_key_names_and_types() {
        let schema = schema(&[
            ("TABLE_HASH_KEY_TYPE", "N"),
            ("TABLE_RANGE_KEY", "received"),
            ("TABLE_RANGE_KEY_TYPE", "N"),
            ("TIMESTAMP_TYPE", "S"),
        ]);
        let item = item(&schema, &json!({"id": "42", "amount": 1, "currency": "USD"}));
        assert_eq!(
            (&item["transaction_id"], &item["received"], &item["timestamp"]),
            (
                &json!(42),
                &json!(1_767_323_045_006_i64),
                &json!("2026-01-02T03:04:05.006Z")
            )
        );
    }

    /// R-11: writers put a status into one of the values that readers ask for.
    #[test]
    fn r_11_readers_ask_for_every_shard_that_writers_write() {
        let pairs = [("STATUS_SHARDS", "4"), ("ATTRIBUTE_STYLE", "pascal_case")];
        let sharded = schema(&pairs);
        assert_eq!(sharded.status_index_key(), "StatusShard");
        let asked = sharded.status_index_values("received");
        assert_eq!(asked, ["received#0", "received#1", "received#2", "received#3"]);
        let body = json!({"id": "t", "amount": 1, "currency": "USD"});
        let written = item(&sharded, &body)["StatusShard"].clone();
        assert!(asked.contains(&written.as_str().unwrap().to_owned()), "{written}");
        // With one shard the index is on the status itself, as ever.
        let single = schema(&[]);
        assert_eq!(single.status_index_key(), "status");
        assert_eq!(single.status_index_values("received"), ["received"]);
        // What one shard has written is among what more shards ask for.
        let before = item(&single, &body)["status_shard"].clone();
        assert!(asked.contains(&before.as_str().unwrap().to_owned()), "{before}");
    }

    #[test]
    fn wrong_words_are_refused() {
        for (name, value) in [
            ("TABLE_HASH_KEY_TYPE", "B"),
            ("TIMESTAMP_TYPE", "iso"),
            ("ATTRIBUTE_STYLE", "kebab"),
            ("STATUS_SHARDS", "0"),
            ("STATUS_SHARDS", "many"),
        ] {
            let error = TableSchema::from_env(&Env::from_pairs([(name, value)])).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    proptest! {
        #![proptest_config(crate::fakes::repeatable())]
        /// Whatever the table looks like: accounting, which knows id and timestamp only, finds what the processor stored.
        #[test]
        fn an_item_is_found_by_its_key(
            id in "[1-9][0-9]{0,37}", received in 0_i64..253_402_207_200_000, sent in proptest::option::of(0_i64..253_402_207_200_000),
            hash in proptest::sample::select(vec!["transaction_id", "payment_id", "TransactionId"]),
            range in proptest::sample::select(vec!["none", "timestamp", "Timestamp", "paid_at"]),
            types in proptest::array::uniform3(proptest::sample::select(vec!["S", "N"])),
            style in proptest::sample::select(vec!["snake_case", "pascal_case"]),
        ) {
            let schema = schema(&[("TABLE_HASH_KEY", hash), ("TABLE_RANGE_KEY", range), ("TABLE_HASH_KEY_TYPE", types[0]),
                ("TABLE_RANGE_KEY_TYPE", types[1]), ("TIMESTAMP_TYPE", types[2]), ("ATTRIBUTE_STYLE", style)]);
            let mut body = json!({"id": id, "amount": 1, "currency": "USD"});
            if let Some(sent) = sent {
                body["timestamp"] = json!(UtcMillis::from_epoch_millis(sent).to_string());
            }
            let rules = SubmissionRules::new(&[], schema.has_numeric_ids()).unwrap();
            let payment = Submission::from_json(body.as_object().unwrap(), &rules).unwrap();
            let received_at = UtcMillis::from_epoch_millis(received);
            let receipt = Receipt { received_at, status: "received", region: "r", payload_hash: "h" };
            let item = schema.item(&payment, receipt);
            let message_time = TableSchema::timestamp_of(&payment, received_at);
            for (name, value) in schema.key(&payment.transaction_id, message_time) {
                prop_assert_eq!(item.get(&name), Some(&value), "{}", name);
            }
        }
    }
}
