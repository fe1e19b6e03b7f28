//! What the publisher sends.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::stream::NewTransaction;
use crate::domain::id::TransactionId;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::{BusEvent, NewObject};

/// The event of a new transaction: `source` `webhook.transaction`, `detail-type` `Transaction Created`.
///
/// The detail holds the item's fields, and besides
/// - `amount`: a JSON number with the exact text, for numeric rules. It is left out where
///   EventBridge cannot compare it (outside ±5·10⁹, more than 6 decimals; W-16);
/// - `amount_text`: the exact amount as text, always there (W-67);
/// - `routing`: `standard`, or `unroutable` when `amount` was left out, so that exactly the
///   catch-all rule applies.
pub fn bus_event(transaction: &NewTransaction) -> BusEvent {
    let mut detail = transaction.item.clone();
    let routable = transaction.amount.is_routable();
    if routable {
        detail.insert("amount".into(), transaction.amount.to_json_number());
    } else {
        detail.remove("amount");
    }
    detail.insert("amount_text".into(), transaction.amount.to_string().into());
    detail.insert(
        "routing".into(),
        if routable { "standard" } else { "unroutable" }.into(),
    );
    BusEvent {
        time: transaction.timestamp,
        source: "webhook.transaction".into(),
        detail_type: "Transaction Created".into(),
        detail: Value::Object(detail).to_string(),
    }
}

/// The workflow's input: `{transaction, timestamp}` with the stored timestamp (W-06, W-11).
pub fn workflow_input(transaction: &NewTransaction) -> Value {
    json!({"transaction": transaction.item, "timestamp": transaction.timestamp.to_string()})
}

/// An execution name that depends on the item's key only: `txn-` and 60 hex digits. Ids may be longer than
/// the 80 characters of a name and hold characters that names do not allow. The time is part of it because names are
/// taken for 90 days, and a guard that expires sooner lets an id in again (W-24).
pub fn execution_name(id: &TransactionId, timestamp: UtcMillis) -> String {
    let digest = hex::encode(Sha256::digest(format!("{id}#{timestamp}").as_bytes()));
    format!("txn-{}", &digest[..60])
}

/// The audit object of one record: `audit/YYYY/MM/DD/<sequence number>.json.gz`, the item as
/// received. One object per record, not per batch: a retried batch may be cut differently,
/// and then a batch's object would either repeat or miss records.
pub fn audit_object(transaction: &NewTransaction) -> Result<NewObject, PortError> {
    let text = Value::Object(transaction.item.clone()).to_string();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let body = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    Ok(NewObject {
        key: format!(
            "audit/{}/{}.json.gz",
            transaction.timestamp.date_path(),
            transaction.sequence_number
        ),
        body: body.map_err(|_| PortError::permanent("gzip", "audit object"))?,
        content_type: "application/json",
        content_encoding: Some("gzip"),
    })
}
