//! A payment on its way into the table.

use serde_json::{Value, json};

use crate::domain::id::TransactionId;
use crate::domain::item::{Item, text};
use crate::domain::status;
use crate::domain::stored::StoredItem;
use crate::domain::submission::Submission;
use crate::domain::table_schema::{Receipt, TableSchema};
use crate::domain::time::UtcMillis;
use crate::recorder::Recordable;

/// A payment, and what its item shall look like.
pub struct NewPayment<'a> {
    /// The payment.
    pub submission: &'a Submission,
    /// The table.
    pub schema: &'a TableSchema,
    /// First status.
    pub status: &'static str,
    /// Our region.
    pub region: &'a str,
}

impl Recordable for NewPayment<'_> {
    fn id(&self) -> &TransactionId {
        &self.submission.transaction_id
    }

    fn content_hash(&self) -> String {
        self.submission.content_hash()
    }

    fn item(&self, received_at: UtcMillis) -> Item {
        let payload_hash = self.content_hash();
        let receipt = Receipt {
            received_at,
            status: self.status,
            region: self.region,
            payload_hash: &payload_hash,
        };
        self.schema.item(self.submission, receipt)
    }

    /// The seed's text (4.5).
    fn response(&self, received_at: UtcMillis) -> String {
        let timestamp = TableSchema::timestamp_of(self.submission, received_at);
        let response = json!({
            "message": "Payment processed successfully",
            "transaction_id": self.submission.transaction_id.as_str(),
            "timestamp": timestamp.to_string(),
        });
        response.to_string()
    }

    /// The guard table's stream shows where another region's acceptance has overwritten ours.
    fn region(&self) -> Option<&str> {
        Some(self.region)
    }

    fn items_tell(&self) -> bool {
        true
    }

    fn earlier(&self, item: &Item) -> Option<(String, UtcMillis)> {
        let hash = text(item, &self.schema.name("payload_hash"))?;
        let received_at = text(item, &self.schema.name("created_at"))?;
        Some((hash.to_owned(), UtcMillis::parse(received_at).ok()?))
    }
}

/// A payment that is in the table.
pub struct StoredPayment<'a> {
    /// The payment.
    pub submission: &'a Submission,
    /// The table.
    pub schema: &'a TableSchema,
    /// When it was first received.
    pub received_at: UtcMillis,
    /// Our region.
    pub region: &'a str,
    /// Hash of the content.
    pub payload_hash: String,
}

impl<'a> StoredPayment<'a> {
    /// A payment of the table, as it was read back.
    pub fn of(stored: &'a StoredItem, schema: &'a TableSchema) -> Self {
        Self {
            submission: &stored.submission,
            schema,
            received_at: stored.received_at,
            region: &stored.region,
            payload_hash: stored.payload_hash.clone(),
        }
    }

    /// The time under which it is filed.
    pub fn timestamp(&self) -> UtcMillis {
        TableSchema::timestamp_of(self.submission, self.received_at)
    }

    /// Its item's key.
    pub fn key(&self) -> Item {
        self.schema.key(&self.submission.transaction_id, self.timestamp())
    }

    /// Whether accounting has still to come, by the item's status.
    pub fn waits_for_accounting(&self, item: &Item) -> bool {
        let current = item.get(&self.schema.name("status")).and_then(Value::as_str);
        current.is_some_and(|current| status::ACCOUNTABLE.contains(&current))
    }
}
