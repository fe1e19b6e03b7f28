//! Records of a DynamoDB stream (view type with new images).
//!
//! Format: <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>

use serde_json::Value;

use crate::domain::id::TransactionId;
use crate::domain::item::{Item, item_from_typed, text};
use crate::domain::money::Amount;
use crate::domain::time::UtcMillis;

/// A transaction that has just been stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTransaction {
    /// Its id.
    pub id: TransactionId,
    /// The stored timestamp.
    pub timestamp: UtcMillis,
    /// Its amount.
    pub amount: Amount,
    /// The whole item.
    pub item: Item,
    /// Place in the stream.
    pub sequence_number: String,
}

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamRecord {
    /// Place in the stream.
    pub sequence_number: String,
    /// The new transaction; `None` for changes and removals, an error text for an insert that is no transaction.
    pub transaction: Option<Result<NewTransaction, String>>,
}

/// Reads all records, lowest sequence number first as delivered. `None` when it is no stream event.
pub fn parse_records(event: &Value) -> Option<Vec<StreamRecord>> {
    event.get("Records")?.as_array()?.iter().map(parse_record).collect()
}

fn parse_record(record: &Value) -> Option<StreamRecord> {
    let change = record.get("dynamodb")?;
    let sequence_number = change.get("SequenceNumber")?.as_str()?.to_owned();
    let inserted = record.get("eventName")?.as_str()? == "INSERT";
    let transaction = inserted.then(|| parse_image(change.get("NewImage"), &sequence_number));
    Some(StreamRecord {
        sequence_number,
        transaction,
    })
}

fn parse_image(image: Option<&Value>, sequence_number: &str) -> Result<NewTransaction, String> {
    let image = image
        .and_then(Value::as_object)
        .ok_or("record has no NewImage: the stream needs view type NEW_IMAGE")?;
    let item = item_from_typed(image).ok_or("NewImage is not typed JSON")?;
    let id = text(&item, "transaction_id")
        .and_then(TransactionId::parse)
        .ok_or("item has no valid transaction_id")?;
    let timestamp = text(&item, "timestamp")
        .and_then(|t| UtcMillis::parse(t).ok())
        .ok_or("item has no valid timestamp")?;
    let amount = item
        .get("amount")
        .and_then(|a| Amount::from_json(a).ok())
        .ok_or("item has no valid amount")?;
    Ok(NewTransaction {
        id,
        timestamp,
        amount,
        item,
        sequence_number: sequence_number.to_owned(),
    })
}
