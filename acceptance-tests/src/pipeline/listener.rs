//! Queues that listen: to a topic, to a bus, or a queue of the stack itself.

use crate::{Aws, Error, Result, eventually};
use aws_sdk_eventbridge::types::Target;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long deliveries may take; they take well below a second when the machine is idle.
const SOON: Duration = Duration::from_mins(1);
/// Deliveries follow each other within milliseconds: after this much silence nothing more comes.
const SILENCE: Duration = Duration::from_millis(1500);
const RULE: &str = "listener";

/// A queue whose messages are collected; SNS envelopes are unpacked.
#[derive(Debug)]
pub struct Listener {
    aws: Aws,
    url: String,
    source: Source,
    heard: Mutex<Vec<Value>>,
}

/// What has to be taken down besides the queue.
#[derive(Debug)]
enum Source {
    Topic {
        subscription: String,
    },
    Bus {
        name: String,
    },
    /// The queue belongs to the stack.
    Stack,
}

impl Listener {
    /// Listens to a topic through a queue of its own.
    pub async fn on_topic(aws: &Aws, queue: &str, topic_arn: &str) -> Result<Self> {
        let (url, arn) = create_queue(aws, queue).await?;
        let request = aws.sns().subscribe().topic_arn(topic_arn).protocol("sqs").endpoint(arn);
        let answer = request.return_subscription_arn(true).send().await;
        let answer = answer.map_err(|e| Error::aws("sns:Subscribe", &e))?;
        let subscription = answer.subscription_arn.unwrap_or_default();
        Ok(Self::new(aws, url, Source::Topic { subscription }))
    }

    /// Listens to every payment event of a bus through a rule and a queue of its own.
    pub async fn on_bus(aws: &Aws, queue: &str, bus: &str) -> Result<Self> {
        let (url, arn) = create_queue(aws, queue).await?;
        let events = aws.eventbridge();
        let pattern = json!({"source": ["webhook.transaction"]}).to_string();
        let rule = events.put_rule().name(RULE).event_bus_name(bus).event_pattern(pattern);
        rule.send().await.map_err(|e| Error::aws("events:PutRule", &e))?;
        let target = Target::builder().id("queue").arn(arn).build();
        let target = target.map_err(|e| Error::aws("events:PutTargets", &e))?;
        let targets = events.put_targets().rule(RULE).event_bus_name(bus).targets(target);
        targets.send().await.map_err(|e| Error::aws("events:PutTargets", &e))?;
        Ok(Self::new(aws, url, Source::Bus { name: bus.to_owned() }))
    }

    /// Takes the messages of a queue of the stack.
    pub fn of_stack(aws: &Aws, url: &str) -> Self {
        Self::new(aws, url.to_owned(), Source::Stack)
    }

    fn new(aws: &Aws, url: String, source: Source) -> Self {
        Self {
            aws: aws.clone(),
            url,
            source,
            heard: Mutex::new(Vec::new()),
        }
    }

    /// All messages so far, the oldest first.
    pub async fn messages(&self) -> Result<Vec<Value>> {
        while self.receive().await? > 0 {}
        Ok(self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The first message that fits.
    ///
    /// # Errors
    /// [`Error::NotSeen`] after a minute.
    pub async fn hear(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        eventually(what, SOON, async || {
            Ok(self.messages().await?.into_iter().find(|message| fits(message)))
        })
        .await
    }

    /// Waits for so many messages and then until no more come, so that one too many is seen as well.
    ///
    /// # Errors
    /// [`Error::NotSeen`] when there are fewer after a minute.
    pub async fn hear_all(&self, what: &str, count: usize) -> Result<Vec<Value>> {
        eventually(what, SOON, async || match self.messages().await?.len() {
            enough if enough >= count => Ok(Some(())),
            few => Err(Error::Expectation(format!("{few} of {count}"))),
        })
        .await?;
        self.until_silence().await
    }

    /// Waits until no more messages come.
    pub async fn until_silence(&self) -> Result<Vec<Value>> {
        let mut before = self.messages().await?.len();
        loop {
            tokio::time::sleep(SILENCE).await;
            let messages = self.messages().await?;
            if messages.len() == before {
                return Ok(messages);
            }
            before = messages.len();
        }
    }

    /// Takes the queue, and what leads to it, down.
    pub async fn remove(self) -> Result<()> {
        match &self.source {
            Source::Topic { subscription } => {
                let request = self.aws.sns().unsubscribe().subscription_arn(subscription);
                request.send().await.map_err(|e| Error::aws("sns:Unsubscribe", &e))?;
            }
            Source::Bus { name } => self.remove_rule(name).await?,
            Source::Stack => return Ok(()),
        }
        let request = self.aws.sqs().delete_queue().queue_url(&self.url);
        request.send().await.map_err(|e| Error::aws("sqs:DeleteQueue", &e))?;
        Ok(())
    }

    async fn remove_rule(&self, bus: &str) -> Result<()> {
        let events = self.aws.eventbridge();
        let targets = events.remove_targets().rule(RULE).event_bus_name(bus).ids("queue");
        targets
            .send()
            .await
            .map_err(|e| Error::aws("events:RemoveTargets", &e))?;
        let rule = events.delete_rule().name(RULE).event_bus_name(bus);
        rule.send().await.map_err(|e| Error::aws("events:DeleteRule", &e))?;
        Ok(())
    }

    /// Takes up to ten messages from the queue; how many there were.
    async fn receive(&self) -> Result<usize> {
        let sqs = self.aws.sqs();
        let request = sqs.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let answer = request.send().await.map_err(|e| Error::aws("sqs:ReceiveMessage", &e))?;
        let messages = answer.messages.unwrap_or_default();
        for message in &messages {
            let request = sqs.delete_message().queue_url(&self.url);
            let request = request.set_receipt_handle(message.receipt_handle.clone());
            request.send().await.map_err(|e| Error::aws("sqs:DeleteMessage", &e))?;
        }
        let count = messages.len();
        let texts = messages.into_iter().filter_map(|message| message.body);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend(texts.map(|text| content(&text)));
        Ok(count)
    }
}

async fn create_queue(aws: &Aws, name: &str) -> Result<(String, String)> {
    let answer = aws.sqs().create_queue().queue_name(name).send().await;
    let answer = answer.map_err(|e| Error::aws("sqs:CreateQueue", &e))?;
    let arn = format!("arn:aws:sqs:{}:{}:{name}", aws.region(), aws.account());
    Ok((answer.queue_url.unwrap_or_default(), arn))
}

/// The message itself, without SNS's envelope; text that is no JSON stays text.
fn content(text: &str) -> Value {
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    match (&value["Type"], value["Message"].as_str()) {
        (Value::String(kind), Some(message)) if kind == "Notification" => content(message),
        _ => value,
    }
}
