//! Batches of queue messages, as an event source mapping delivers them, and the answer that names the failed ones.
//!
//! Format: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html> (`ReportBatchItemFailures`).

use serde_json::{Value, json};

use crate::domain::time::UtcMillis;

/// One message. The receipt handle is left out: whoever has it can delete the message (N-11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// SQS's id of the message.
    pub id: String,
    /// The text that was sent.
    pub body: String,
    /// How often it has been received, this time included; `None` when the event does not say.
    pub receive_count: Option<u32>,
    /// When it was sent.
    pub sent_at: Option<UtcMillis>,
    /// Name of the queue, empty when the event does not say.
    pub queue: String,
}

/// The messages of a batch; `None` when the event is none. A message without an id could not be reported as failed,
/// so it makes the whole event invalid.
pub fn messages(event: &Value) -> Option<Vec<QueueMessage>> {
    event.get("Records")?.as_array()?.iter().map(message).collect()
}

fn message(record: &Value) -> Option<QueueMessage> {
    let number = |name: &str| record.get("attributes")?.get(name)?.as_str()?.parse::<i64>().ok();
    let queue = record.get("eventSourceARN").and_then(Value::as_str);
    Some(QueueMessage {
        id: record.get("messageId")?.as_str()?.to_owned(),
        body: record
            .get("body")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        receive_count: number("ApproximateReceiveCount").and_then(|n| u32::try_from(n).ok()),
        sent_at: number("SentTimestamp").map(UtcMillis::from_epoch_millis),
        queue: queue
            .and_then(|arn| arn.rsplit(':').next())
            .unwrap_or_default()
            .to_owned(),
    })
}

/// The answer: these messages stay in the queue, all others are done.
pub fn batch_response<'a>(failed: impl IntoIterator<Item = &'a str>) -> Value {
    let failures: Vec<_> = failed.into_iter().map(|id| json!({"itemIdentifier": id})).collect();
    json!({"batchItemFailures": failures})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_what_the_handlers_need() {
        let record = json!({"messageId": "m1", "receiptHandle": "secret", "body": "b",
            "attributes": {"ApproximateReceiveCount": "4", "SentTimestamp": "1700000000000"},
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:payment-processing-dlq-dev"});
        let expected = QueueMessage {
            id: "m1".into(),
            body: "b".into(),
            receive_count: Some(4),
            sent_at: Some(UtcMillis::from_epoch_millis(1_700_000_000_000)),
            queue: "payment-processing-dlq-dev".into(),
        };
        assert_eq!(messages(&json!({"Records": [record]})), Some(vec![expected]));
    }

    #[test]
    fn what_could_not_be_reported_is_no_batch() {
        for event in [
            json!({}),
            json!([]),
            json!({"Records": 5}),
            json!({"Records": [{"body": "b"}]}),
        ] {
            assert_eq!(messages(&event), None, "{event}");
        }
        let bare = messages(&json!({"Records": [{"messageId": "m"}]})).unwrap();
        assert_eq!((bare[0].receive_count, bare[0].body.as_str()), (None, ""));
    }
}
