//! `notify_failures`: tells people about messages in the dead-letter queue, and keeps the messages
//! (REQUIREMENTS 4.7, 6.5; N-10, N-11).
//!
//! An alert names the payment and the message; it never holds the message itself. A message for which no alert could be
//! sent, or no copy made, is reported as failed and stays in the queue.

mod summary;

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

pub use summary::Summary;

use crate::config::{Env, InitError};
use crate::error::{HandlerError, PortError};
use crate::invocation::{Handler, Invocation};
use crate::ports::{Alert, AlertTopic, Clock, NewObject, ObjectStore};
use crate::sqs::{QueueMessage, batch_response, messages};
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "notify_failures";

const PARALLEL: usize = 10;

/// What happens to a message besides the alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepMode {
    /// A copy goes to the bucket, then the message leaves the queue.
    Archive,
    /// The message stays in the queue until its retention ends.
    Retain,
    /// The message leaves the queue.
    Delete,
}

/// Settings.
#[derive(Debug, Clone)]
pub struct NotifierConfig {
    /// `SNS_TOPIC_ARN`.
    pub topic_arn: String,
    /// `KEEP_IN_DLQ`.
    pub keep: KeepMode,
    /// `ARCHIVE_BUCKET`, with `archive` only.
    pub archive_bucket: Option<String>,
    /// `ARCHIVE_PREFIX`.
    pub archive_prefix: String,
    /// The main queue's redrive limit (`MAX_RECEIVE_COUNT`).
    pub max_receive_count: u32,
    /// `ENVIRONMENT`.
    pub environment: String,
}

impl NotifierConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let modes = [
            ("archive", KeepMode::Archive),
            ("retain", KeepMode::Retain),
            ("delete", KeepMode::Delete),
        ];
        let has_bucket = env.optional("ARCHIVE_BUCKET").is_some();
        let default = if has_bucket {
            KeepMode::Archive
        } else {
            KeepMode::Retain
        };
        let keep = env.choice_or("KEEP_IN_DLQ", default, &modes)?;
        Ok(Self {
            topic_arn: env.required("SNS_TOPIC_ARN")?,
            keep,
            archive_bucket: match keep {
                KeepMode::Archive => Some(env.required("ARCHIVE_BUCKET")?),
                KeepMode::Retain | KeepMode::Delete => None,
            },
            archive_prefix: env.or("ARCHIVE_PREFIX", "dlq/"),
            max_receive_count: env.parsed_or("MAX_RECEIVE_COUNT", 3, "a whole number")?,
            environment: env.or("ENVIRONMENT", "dev"),
        })
    }
}

/// The handler.
pub struct NotifyFailures {
    config: NotifierConfig,
    topic: Arc<dyn AlertTopic>,
    archive: Option<Arc<dyn ObjectStore>>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// What a message came to.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Alerted,
    Quiet,
    Failed,
}

impl NotifyFailures {
    /// A notifier. The archive is used with [`KeepMode::Archive`] only.
    pub fn new(
        config: NotifierConfig,
        topic: Arc<dyn AlertTopic>,
        archive: Option<Arc<dyn ObjectStore>>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self {
            config,
            topic,
            archive,
            clock,
            metrics,
        }
    }

    /// A message whose time is over failed; those that are done stay done, and nobody is told of them twice.
    async fn message_in_time<'m>(&self, message: &'m QueueMessage, invocation: &Invocation) -> (&'m str, Outcome) {
        let outcome = invocation.in_time(self.handle_message(message)).await;
        outcome.unwrap_or_else(|| {
            tracing::error!(message_id = message.id, "no time left for the message");
            (&message.id, Outcome::Failed)
        })
    }

    async fn handle_message<'m>(&self, message: &'m QueueMessage) -> (&'m str, Outcome) {
        if self.config.keep == KeepMode::Retain && !self.is_due(message) {
            return (&message.id, Outcome::Quiet);
        }
        match self.archive_and_alert(message).await {
            Ok(()) => {
                tracing::info!(message_id = message.id, "Sent alert for DLQ message");
                (&message.id, Outcome::Alerted)
            }
            Err(error) => {
                tracing::error!(message_id = message.id, %error, "Error sending alert");
                (&message.id, Outcome::Failed)
            }
        }
    }

    /// The copy first: what an alert points at is there.
    async fn archive_and_alert(&self, message: &QueueMessage) -> Result<(), PortError> {
        let archived = match (&self.archive, self.config.keep) {
            (Some(archive), KeepMode::Archive) => {
                let object = self.copy_of(message);
                // An object that exists is an earlier attempt's copy of this very message.
                archive.put_new(&object).await?;
                Some(object.key)
            }
            _ => None,
        };
        self.topic.publish(&self.alert(message, archived.as_deref())).await
    }

    /// A retained message comes back again and again. It is reported on first sight and then at doubling distances;
    /// so a failed alert is made up for soon and nobody gets thousands of mails.
    fn is_due(&self, message: &QueueMessage) -> bool {
        let seen_before = self.config.max_receive_count;
        message
            .receive_count
            .is_none_or(|count| count <= seen_before || (count - seen_before).is_power_of_two())
    }

    /// The message as it was, for somebody who repairs and sends it again; no receipt handle.
    fn copy_of(&self, message: &QueueMessage) -> NewObject {
        let sent_at = message.sent_at.map(|t| t.to_string());
        let copy = json!({"message_id": message.id, "queue": message.queue, "sent_at": sent_at, "body": message.body});
        let day = message.sent_at.unwrap_or_else(|| self.clock.now()).date_path();
        NewObject {
            key: format!("{}{day}/{}.json", self.config.archive_prefix, message.id),
            body: copy.to_string().into_bytes(),
            content_type: "application/json",
            content_encoding: None,
        }
    }

    fn alert(&self, message: &QueueMessage, archived: Option<&str>) -> Alert {
        let text = json!({
            "alert_type": "DLQ_MESSAGE",
            "timestamp": self.clock.now().to_string(),
            "message": Summary::of(&message.body).to_json(),
            "message_id": message.id,
            "queue": message.queue,
            "sent_at": message.sent_at.map(|t| t.to_string()),
            "approximate_receive_count": message.receive_count.map_or_else(|| json!("unknown"), Value::from),
            "archived_as": archived,
            "schema_version": "1.0",
            "environment": self.config.environment,
        });
        Alert {
            subject: "ALERT: Payment Processing DLQ Message",
            message: format!("{text:#}"),
            attributes: vec![("alert_type", "DLQ_MESSAGE"), ("severity", "high")],
        }
    }

    /// With `retain` all messages are returned, so that the queue keeps them; else those that failed.
    fn stays(&self, outcome: Outcome) -> bool {
        self.config.keep == KeepMode::Retain || outcome == Outcome::Failed
    }
}

#[async_trait]
impl Handler for NotifyFailures {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let messages = messages(&event).ok_or_else(|| {
            self.metrics.count(HANDLER_FAULT);
            HandlerError::Validation("expected an SQS event with Records".to_owned())
        })?;
        let work: Vec<_> = messages.iter().map(|m| self.message_in_time(m, invocation)).collect();
        let outcomes: Vec<(&str, Outcome)> = stream::iter(work).buffered(PARALLEL).collect().await;
        let count = |wanted: Outcome| {
            let number = outcomes.iter().filter(|(_, outcome)| *outcome == wanted).count();
            u64::try_from(number).unwrap_or(u64::MAX)
        };
        let counts = [
            ("DlqAlertSent", count(Outcome::Alerted), Unit::Count),
            ("DlqAlertFailed", count(Outcome::Failed), Unit::Count),
            (HANDLER_FAULT, count(Outcome::Failed), Unit::Count),
        ];
        let present: Vec<_> = counts.into_iter().filter(|(_, value, _)| *value > 0).collect();
        self.metrics.emit(&present);
        tracing::info!(
            request_id = invocation.request_id,
            messages = messages.len(),
            notifications_sent = count(Outcome::Alerted),
            "dead letters handled"
        );
        let staying = outcomes.iter().filter(|(_, outcome)| self.stays(*outcome));
        Ok(batch_response(staying.map(|(id, _)| *id)))
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
