//! A payment read back from the table, for who has to finish what was begun (N-14).

use serde_json::{Map, Value};

use super::item::{Item, text};
use super::submission::{Submission, SubmissionRules};
use super::table_schema::TableSchema;
use super::time::UtcMillis;

/// What an item of the payments table says, as far as the steps after storing need it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredItem {
    /// The payment, without the sender's metadata, which no step needs.
    pub submission: Submission,
    /// When it was first received.
    pub received_at: UtcMillis,
    /// Region that took it.
    pub region: String,
    /// Hash of the whole content.
    pub payload_hash: String,
}

impl StoredItem {
    /// Reads an item that the processor has written; the error says what it lacks.
    pub fn read(schema: &TableSchema, item: &Item) -> Result<Self, &'static str> {
        let own = |name: &str| item.get(&schema.name(name));
        let own_text = |name: &str| text(item, &schema.name(name)).map(str::to_owned);
        let received_at = own_text("created_at").and_then(|time| UtcMillis::parse(&time).ok());
        let received_at = received_at.ok_or("item has no time of receipt")?;
        let filed_under = own("timestamp")
            .and_then(UtcMillis::from_key)
            .ok_or("item has no timestamp")?;
        let id = schema.id_of(item).ok_or("item has no id")?;
        let kept = ["amount", "currency", "provider", "customer_id"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), own(name)?.clone())));
        let mut fields: Map<String, Value> = kept.collect();
        fields.insert("transaction_id".to_owned(), id.into());
        // Where the sender gave no time, the time of receipt stands for it.
        if filed_under != received_at {
            fields.insert("timestamp".to_owned(), filed_under.to_string().into());
        }
        let rules = SubmissionRules::new(&[], schema.has_numeric_ids()).map_err(|_| "rules")?;
        Ok(Self {
            submission: Submission::from_json(&fields, &rules).map_err(|_| "item is no payment")?,
            received_at,
            region: own_text("region").ok_or("item has no region")?,
            payload_hash: own_text("payload_hash").ok_or("item has no hash")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;
    use crate::domain::table_schema::Receipt;
    use proptest::prelude::*;
    use serde_json::json;

    fn item(schema: &TableSchema, submission: &Submission, received_at: i64) -> Item {
        let hash = submission.content_hash();
        let receipt = Receipt {
            received_at: UtcMillis::from_epoch_millis(received_at),
            status: "received",
            region: "eu-west-1",
            payload_hash: &hash,
        };
        schema.item(submission, receipt)
    }

    #[test]
    fn what_the_processor_did_not_write_is_named() {
        let schema = TableSchema::from_env(&Env::default()).unwrap();
        let fields = json!({"id": "t", "amount": 1, "currency": "USD"});
        let rules = SubmissionRules::new(&[], false).unwrap();
        let submission = Submission::from_json(fields.as_object().unwrap(), &rules).unwrap();
        let whole = item(&schema, &submission, 1_767_225_600_000);
        assert!(StoredItem::read(&schema, &whole).is_ok());
        for (name, expected) in [
            ("created_at", "item has no time of receipt"),
            ("timestamp", "item has no timestamp"),
            ("transaction_id", "item has no id"),
            ("amount", "item is no payment"),
            ("region", "item has no region"),
            ("payload_hash", "item has no hash"),
        ] {
            let mut lacking = whole.clone();
            lacking.remove(name);
            assert_eq!(StoredItem::read(&schema, &lacking).unwrap_err(), expected);
        }
    }

    proptest! {
        #![proptest_config(crate::fakes::repeatable())]
        /// N-14: whatever the table looks like, what is read back leads to the same key and message.
        #[test]
        fn n_14_an_item_reads_back_as_the_payment_that_it_is(
            id in "[1-9][0-9]{0,30}", units in 1_u64..1_000_000_000, cents in 0_u32..100, received in 0_i64..253_402_207_200_000,
            sent in proptest::option::of(0_i64..253_402_207_200_000), provider in proptest::option::of("[a-z]{1,20}"),
            range in proptest::sample::select(vec!["none", "timestamp", "Timestamp", "paid_at"]),
            types in proptest::array::uniform3(proptest::sample::select(vec!["S", "N"])),
            style in proptest::sample::select(vec!["snake_case", "pascal_case"]),
        ) {
            let env = Env::from_pairs([("TABLE_RANGE_KEY", range), ("TABLE_HASH_KEY_TYPE", types[0]),
                ("TABLE_RANGE_KEY_TYPE", types[1]), ("TIMESTAMP_TYPE", types[2]), ("ATTRIBUTE_STYLE", style)]);
            let schema = TableSchema::from_env(&env).unwrap();
            let mut fields = json!({"id": id, "amount": format!("{units}.{cents:02}"), "currency": "EUR", "metadata": {"a": 1}});
            if let Some(provider) = provider { fields["provider"] = json!(provider); }
            if let Some(sent) = sent { fields["timestamp"] = json!(UtcMillis::from_epoch_millis(sent).to_string()); }
            let rules = SubmissionRules::new(&[], schema.has_numeric_ids()).unwrap();
            let submission = Submission::from_json(fields.as_object().unwrap(), &rules).unwrap();
            let item = item(&schema, &submission, received);
            let read = StoredItem::read(&schema, &item).unwrap();
            let filed = |s: &Submission| TableSchema::timestamp_of(s, UtcMillis::from_epoch_millis(received));
            prop_assert_eq!(filed(&read.submission), filed(&submission));
            prop_assert_eq!(schema.key_of(&item), Some(schema.key(&read.submission.transaction_id, filed(&read.submission))));
            prop_assert_eq!(&read.submission.amount, &submission.amount);
            prop_assert_eq!(&read.submission.provider, &submission.provider);
            prop_assert_eq!(read.payload_hash, submission.content_hash());
            prop_assert_eq!(read.received_at.epoch_millis(), received);
        }
    }
}
