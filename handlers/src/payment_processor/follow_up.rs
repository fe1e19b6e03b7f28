//! What follows a stored payment: an audit object, then a message (N-14, P-21).
//!
//! Both can be repeated: the object's key and content depend on the payment alone and nothing is overwritten; the
//! message is for a consumer that recognises what it has done.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::payment::StoredPayment;
use crate::backoff::Backoff;
use crate::domain::id::TransactionId;
use crate::domain::item::Item;
use crate::domain::table_schema::TableSchema;
use crate::domain::time::UtcMillis;
use crate::error::{PortError, Retryability};
use crate::ports::{MessageQueue, NewObject, ObjectStore, PaymentStore, PutOutcome};

/// Format of messages and audit objects.
const SCHEMA_VERSION: &str = "1.0";

/// The audit trail.
pub struct Audit {
    /// The bucket.
    pub bucket: Arc<dyn ObjectStore>,
    /// Start of all keys.
    pub prefix: String,
    /// `ENVIRONMENT`.
    pub environment: String,
}

/// Steps that follow; those that are not configured do not happen.
#[derive(Default)]
pub struct FollowUps {
    /// The audit trail.
    pub audit: Option<Audit>,
    /// The queue, and the table that tells whether a repeated payment still needs its message.
    pub queue: Option<(Arc<dyn MessageQueue>, Arc<dyn PaymentStore>)>,
}

impl FollowUps {
    /// All steps, for a payment that was stored just now.
    pub async fn after_storing(&self, payment: &StoredPayment<'_>) -> Result<(), PortError> {
        self.write_audit(payment).await?;
        match &self.queue {
            Some((queue, _)) => queue.send(&message(payment).to_string()).await,
            None => Ok(()),
        }
    }

    /// The steps that a repeated payment may lack, because the first attempt died on the way: the object, if it is
    /// not there; the message, as long as accounting has not been there.
    pub async fn after_replay(&self, payment: &StoredPayment<'_>) -> Result<(), PortError> {
        let Some((_, table)) = &self.queue else {
            return self.write_audit(payment).await.map(|_| ());
        };
        let stored = table.payment(&payment.key()).await?;
        self.complete(payment, stored.as_ref()).await
    }

    /// The same for who has read the payment's item already: a repetition, or the reconciler.
    pub async fn complete(&self, payment: &StoredPayment<'_>, stored: Option<&Item>) -> Result<(), PortError> {
        self.write_audit(payment).await?;
        // Not there yet: written in another region, on its way here.
        let waiting = stored.is_none_or(|item| payment.waits_for_accounting(item));
        match &self.queue {
            Some((queue, _)) if waiting => queue.send(&message(payment).to_string()).await,
            _ => Ok(()),
        }
    }

    async fn write_audit(&self, payment: &StoredPayment<'_>) -> Result<PutOutcome, PortError> {
        let Some(audit) = &self.audit else {
            return Ok(PutOutcome::AlreadyExists);
        };
        let object = audit_object(audit, payment);
        let backoff = Backoff {
            attempts: 4,
            base: Duration::from_millis(50),
        };
        let mut attempt = 1;
        loop {
            // S3 refuses the second of two conditional writes at the same moment (ConditionalRequestConflict).
            match audit.bucket.put_new(&object).await {
                Err(error) if error.retryability == Retryability::Transient && backoff.wait_after(attempt).await => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

/// One line of JSON, without the sender's metadata. Equal for all repetitions.
fn audit_object(audit: &Audit, payment: &StoredPayment<'_>) -> NewObject {
    let submission = payment.submission;
    let line = json!({
        "schema_version": SCHEMA_VERSION,
        "event": "payment_received",
        "transaction_id": submission.transaction_id.as_str(),
        "timestamp": payment.timestamp().to_string(),
        "received_at": payment.received_at.to_string(),
        "amount": submission.amount.to_string(),
        "currency": submission.currency.code(),
        "provider": submission.provider,
        "customer_id": submission.customer_id,
        "payload_hash": payment.payload_hash,
        "environment": audit.environment,
    });
    NewObject {
        key: audit_key(&audit.prefix, &submission.transaction_id, payment.received_at),
        body: format!("{line}\n").into_bytes(),
        content_type: "application/x-ndjson",
        content_encoding: None,
    }
}

/// `<prefix>YYYY/MM/DD/<id>.jsonl`, by the day of receipt.
pub fn audit_key(prefix: &str, id: &TransactionId, received_at: UtcMillis) -> String {
    format!("{prefix}{}/{id}.jsonl", received_at.date_path())
}

/// The queue's message: amounts are decimal text (N-15).
pub fn message(payment: &StoredPayment<'_>) -> Value {
    let submission = payment.submission;
    json!({
        "schema_version": SCHEMA_VERSION,
        "transaction_id": submission.transaction_id.as_str(),
        "timestamp": TableSchema::timestamp_of(submission, payment.received_at).to_string(),
        "amount": submission.amount.to_string(),
        "currency": submission.currency.code(),
        "provider": submission.provider,
        "region": payment.region,
    })
}
