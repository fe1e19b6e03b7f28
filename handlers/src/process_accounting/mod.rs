//! `process_accounting`: takes payments from the queue and marks them as accounted
//! (REQUIREMENTS 4.6, 6.5, 8.3; N-07 to N-09, N-17, N-37).
//!
//! Each record stands for itself: what fails is returned as `batchItemFailures` and alone comes back, until the
//! queue's redrive limit takes it to the dead-letter queue. People are told at the last attempt only.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use thiserror::Error;

use crate::config::{Env, InitError};
use crate::domain::id::TransactionId;
use crate::domain::item::text;
use crate::domain::status;
use crate::domain::table_schema::TableSchema;
use crate::domain::time::UtcMillis;
use crate::error::{HandlerError, PortError};
use crate::invocation::{Handler, Invocation};
use crate::ports::{Alert, AlertTopic, Clock, PaymentStore, UpdateOutcome};
use crate::sqs::{QueueMessage, batch_response, messages};
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "process_accounting";

/// Records in work at once: a batch's usual size.
const PARALLEL: usize = 10;

/// Settings.
#[derive(Debug, Clone)]
pub struct AccountingConfig {
    /// `TABLE_NAME`.
    pub table: String,
    /// How the table looks.
    pub schema: TableSchema,
    /// `SNS_TOPIC_ARN`, if any.
    pub topic_arn: Option<String>,
    /// The queue's redrive limit (`MAX_RECEIVE_COUNT`).
    pub max_receive_count: u32,
    /// `ENVIRONMENT`.
    pub environment: String,
}

impl AccountingConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        Ok(Self {
            table: env.required("TABLE_NAME")?,
            schema: TableSchema::from_env(env)?,
            topic_arn: env.optional("SNS_TOPIC_ARN").map(str::to_owned),
            max_receive_count: env.parsed_or("MAX_RECEIVE_COUNT", 3, "a whole number")?,
            environment: env.or("ENVIRONMENT", "dev"),
        })
    }
}

/// Which payment a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PaymentRef {
    id: TransactionId,
    timestamp: UtcMillis,
}

/// Why a record failed. The text goes into the alert, so it says nothing of the message's content.
#[derive(Debug, Error)]
enum Failure {
    #[error("message is not a JSON object")]
    NotJson,
    #[error("message has no valid transaction_id")]
    NoId,
    #[error("message has no valid timestamp")]
    NoTimestamp,
    #[error("payment is not in the table")]
    NotFound,
    #[error("payment has the status {0}")]
    Status(String),
    #[error("{0}")]
    Port(#[from] PortError),
}

impl Failure {
    /// What people are told: no internals.
    fn hint(&self) -> String {
        match self {
            Self::Port(error) => format!("{} failed: {}", error.operation, error.code),
            other => other.to_string(),
        }
    }
}

/// What became of a record that did not fail.
enum Success {
    Accounted,
    AlreadyAccounted,
}

/// The handler.
pub struct ProcessAccounting {
    config: AccountingConfig,
    store: Arc<dyn PaymentStore>,
    topic: Option<Arc<dyn AlertTopic>>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl ProcessAccounting {
    /// A handler on this table. Without a topic nobody is alerted.
    pub fn new(
        config: AccountingConfig,
        store: Arc<dyn PaymentStore>,
        topic: Option<Arc<dyn AlertTopic>>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self {
            config,
            store,
            topic,
            clock,
            metrics,
        }
    }

    /// A record whose time is over failed; those that are done stay done.
    async fn record_in_time<'m>(&self, message: &'m QueueMessage, invocation: &Invocation) -> (&'m str, Outcome) {
        let outcome = invocation.in_time(self.handle_record(message, invocation)).await;
        outcome.unwrap_or_else(|| {
            tracing::error!(message_id = message.id, "no time left for the record");
            (&message.id, Outcome::Failed { fault: true })
        })
    }

    /// One record, start to end: whether it failed, and the counts.
    async fn handle_record<'m>(&self, message: &'m QueueMessage, invocation: &Invocation) -> (&'m str, Outcome) {
        let payment = payment_ref(&message.body);
        let id = payment.as_ref().ok().map(|p| p.id.as_str().to_owned());
        let result = match payment {
            Ok(payment) => self.account(&payment, invocation).await,
            Err(failure) => Err(failure),
        };
        match result {
            Ok(success) => {
                tracing::info!(
                    message_id = message.id,
                    transaction_id = id,
                    "Successfully processed transaction"
                );
                let outcome = match success {
                    Success::Accounted => Outcome::Accounted,
                    Success::AlreadyAccounted => Outcome::Duplicate,
                };
                (&message.id, outcome)
            }
            Err(failure) => {
                let receive_count = message.receive_count;
                tracing::error!(message_id = message.id, transaction_id = id, receive_count, error = %failure,
                    "Failed to process transaction");
                self.alert_at_the_end(message, id.as_deref(), &failure).await;
                let fault = matches!(failure, Failure::Port(_));
                (&message.id, Outcome::Failed { fault })
            }
        }
    }

    async fn account(&self, payment: &PaymentRef, invocation: &Invocation) -> Result<Success, Failure> {
        let key = self.config.schema.key(&payment.id, payment.timestamp);
        let update = self.store.mark_accounted(&key, self.clock.now());
        let annotations = json!({"transaction_id": payment.id.as_str()});
        let outcome = invocation
            .trace
            .subsegment("update_transaction_status", annotations, update)
            .await?;
        match outcome {
            UpdateOutcome::Updated => Ok(Success::Accounted),
            UpdateOutcome::NotAllowed(current) if status::is_accounted(&current) => Ok(Success::AlreadyAccounted),
            UpdateOutcome::NotAllowed(current) => Err(Failure::Status(current)),
            UpdateOutcome::NotFound => Err(Failure::NotFound),
        }
    }

    /// The queue gives the message up after this attempt. An alert that cannot be sent changes nothing for the
    /// message: the dead-letter queue has its own.
    async fn alert_at_the_end(&self, message: &QueueMessage, transaction_id: Option<&str>, failure: &Failure) {
        let last = message
            .receive_count
            .is_some_and(|count| count >= self.config.max_receive_count);
        let (Some(topic), true) = (&self.topic, last) else {
            return;
        };
        let text = json!({
            "error": failure.hint(),
            "transaction_id": transaction_id,
            "message_id": message.id,
            "approximate_receive_count": message.receive_count,
            "timestamp": self.clock.now().to_string(),
            "schema_version": "1.0",
            "environment": self.config.environment,
        });
        let alert = Alert {
            subject: "Payment Processing Failure",
            message: format!("{text:#}"),
            attributes: vec![("alert_type", "payment_processing_failure"), ("severity", "high")],
        };
        if let Err(error) = topic.publish(&alert).await {
            tracing::error!(message_id = message.id, %error, "Failed to send SNS notification");
            self.metrics.count(HANDLER_FAULT);
        }
    }
}

/// What a record came to.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Accounted,
    Duplicate,
    Failed { fault: bool },
}

/// Reads what is needed of a message.
fn payment_ref(body: &str) -> Result<PaymentRef, Failure> {
    let Ok(Value::Object(fields)) = serde_json::from_str(body) else {
        return Err(Failure::NotJson);
    };
    let timestamp = text(&fields, "timestamp").and_then(|t| UtcMillis::parse(t).ok());
    Ok(PaymentRef {
        id: text(&fields, "transaction_id")
            .and_then(TransactionId::parse)
            .ok_or(Failure::NoId)?,
        timestamp: timestamp.ok_or(Failure::NoTimestamp)?,
    })
}

#[async_trait]
impl Handler for ProcessAccounting {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let messages = messages(&event).ok_or_else(|| {
            self.metrics.count(HANDLER_FAULT);
            HandlerError::Validation("expected an SQS event with Records".to_owned())
        })?;
        let work: Vec<_> = messages.iter().map(|m| self.record_in_time(m, invocation)).collect();
        let outcomes: Vec<(&str, Outcome)> = stream::iter(work).buffered(PARALLEL).collect().await;
        let count = |wanted: fn(&Outcome) -> bool| {
            u64::try_from(outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count()).unwrap_or(u64::MAX)
        };
        let counts = [
            ("AccountingProcessed", count(|o| *o == Outcome::Accounted), Unit::Count),
            ("AccountingDuplicate", count(|o| *o == Outcome::Duplicate), Unit::Count),
            (
                "AccountingFailed",
                count(|o| matches!(o, Outcome::Failed { .. })),
                Unit::Count,
            ),
            // A record that can never be processed is the sender's fault, a table that does not answer ours (N-17).
            (
                HANDLER_FAULT,
                count(|o| matches!(o, Outcome::Failed { fault: true })),
                Unit::Count,
            ),
        ];
        let present: Vec<_> = counts.into_iter().filter(|(_, value, _)| *value > 0).collect();
        self.metrics.emit(&present);
        let failed = outcomes
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Failed { .. }));
        Ok(batch_response(failed.map(|(id, _)| *id)))
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
