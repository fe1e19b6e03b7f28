//! Bus, workflow, topic, queue, functions, and the parameter with the secrets.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_types::{Blob, DateTime};
use serde_json::Value;

use super::error::{code_of, port_error};
use crate::error::PortError;
use crate::ports::{
    Alert, AlertTopic, BusEvent, EventBus, FunctionInvoker, MessageQueue, SecretSource, WorkflowStarter,
};

/// An event bus. IAM: `events:PutEvents`.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    client: aws_sdk_eventbridge::Client,
    name: String,
}

impl EventBridgeBus {
    /// The bus with this name or ARN.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        Self {
            client: aws_sdk_eventbridge::Client::new(config),
            name,
        }
    }
}

#[async_trait]
impl EventBus for EventBridgeBus {
    async fn put(&self, events: &[BusEvent]) -> Result<Vec<Option<String>>, PortError> {
        let entry = |event: &BusEvent| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(event.source.as_ref())
                .detail_type(event.detail_type.as_ref())
                .detail(&event.detail)
                .time(DateTime::from_millis(event.time.epoch_millis()))
                .build()
        };
        let request = self
            .client
            .put_events()
            .set_entries(Some(events.iter().map(entry).collect()));
        let output = request.send().await.map_err(|e| port_error("events:PutEvents", &e))?;
        let results = output.entries();
        // An entry without a result was not confirmed, so it counts as refused.
        let refused = |index: usize| match results.get(index) {
            None => Some("NoResult".to_owned()),
            Some(result) => result.error_code().map(str::to_owned),
        };
        Ok((0..events.len()).map(refused).collect())
    }
}

/// A state machine. IAM: `states:StartExecution`.
#[derive(Debug, Clone)]
pub struct StateMachine {
    client: aws_sdk_sfn::Client,
    arn: String,
}

impl StateMachine {
    /// The state machine with this ARN.
    pub fn new(config: &SdkConfig, arn: String) -> Self {
        Self {
            client: aws_sdk_sfn::Client::new(config),
            arn,
        }
    }
}

#[async_trait]
impl WorkflowStarter for StateMachine {
    async fn start(&self, name: &str, input: &Value) -> Result<(), PortError> {
        let request = self
            .client
            .start_execution()
            .state_machine_arn(&self.arn)
            .name(name)
            .input(input.to_string());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if code_of(&error) == Some("ExecutionAlreadyExists") => Ok(()),
            Err(error) => Err(port_error("states:StartExecution", &error)),
        }
    }
}

/// A topic. IAM: `sns:Publish`.
#[derive(Debug, Clone)]
pub struct SnsTopic {
    client: aws_sdk_sns::Client,
    arn: String,
}

impl SnsTopic {
    /// Longest time one publish may take, retries included; shorter than the alert lease.
    const TIME_LIMIT: Duration = Duration::from_secs(10);

    /// The topic with this ARN.
    pub fn new(config: &SdkConfig, arn: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_secs(4))
            .operation_timeout(Self::TIME_LIMIT);
        let config = aws_sdk_sns::config::Builder::from(config)
            .timeout_config(timeouts.build())
            .build();
        Self {
            client: aws_sdk_sns::Client::from_conf(config),
            arn,
        }
    }
}

#[async_trait]
impl AlertTopic for SnsTopic {
    async fn publish(&self, alert: &Alert) -> Result<(), PortError> {
        const PUBLISH: &str = "sns:Publish";
        let mut request = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(alert.subject)
            .message(&alert.message);
        for (name, value) in &alert.attributes {
            let attribute = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(*value)
                .build();
            let attribute = attribute.map_err(|_| PortError::permanent(PUBLISH, "Construction"))?;
            request = request.message_attributes(*name, attribute);
        }
        request.send().await.map(|_| ()).map_err(|e| port_error(PUBLISH, &e))
    }
}

/// A standard queue. IAM: `sqs:SendMessage`.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl SqsQueue {
    /// The queue with this URL.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self {
            client: aws_sdk_sqs::Client::new(config),
            url,
        }
    }
}

#[async_trait]
impl MessageQueue for SqsQueue {
    async fn send(&self, body: &str) -> Result<(), PortError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        let sent = request.send().await;
        sent.map(|_| ()).map_err(|e| port_error("sqs:SendMessage", &e))
    }
}

/// A Lambda function. IAM: `lambda:InvokeFunction`.
#[derive(Debug, Clone)]
pub struct LambdaFunction {
    client: aws_sdk_lambda::Client,
    name: String,
}

impl LambdaFunction {
    /// The function with this name or ARN.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        Self {
            client: aws_sdk_lambda::Client::new(config),
            name,
        }
    }
}

const INVOKE: &str = "lambda:InvokeFunction";

#[async_trait]
impl FunctionInvoker for LambdaFunction {
    async fn invoke(&self, payload: &Value) -> Result<Value, PortError> {
        let request = self
            .client
            .invoke()
            .function_name(&self.name)
            .payload(Blob::new(payload.to_string()));
        let output = request.send().await.map_err(|e| port_error(INVOKE, &e))?;
        if let Some(kind) = output.function_error() {
            return Err(PortError::transient(INVOKE, format!("function error: {kind}")));
        }
        let answer = output.payload().map(Blob::as_ref).unwrap_or_default();
        serde_json::from_slice(answer).map_err(|_| PortError::permanent(INVOKE, "the answer is not JSON"))
    }

    async fn invoke_async(&self, payload: &Value) -> Result<(), PortError> {
        let request = self
            .client
            .invoke()
            .function_name(&self.name)
            .invocation_type(InvocationType::Event);
        let sent = request.payload(Blob::new(payload.to_string())).send().await;
        sent.map(|_| ()).map_err(|e| port_error(INVOKE, &e))
    }
}

/// A `SecureString` parameter. IAM: `ssm:GetParameter`, and `kms:Decrypt` with its key.
#[derive(Debug, Clone)]
pub struct SsmParameter {
    client: aws_sdk_ssm::Client,
    name: String,
}

impl SsmParameter {
    /// The parameter with this name.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        Self {
            client: aws_sdk_ssm::Client::new(config),
            name,
        }
    }
}

#[async_trait]
impl SecretSource for SsmParameter {
    async fn fetch(&self) -> Result<String, PortError> {
        const GET: &str = "ssm:GetParameter";
        let output = self
            .client
            .get_parameter()
            .name(&self.name)
            .with_decryption(true)
            .send()
            .await;
        let parameter = output.map_err(|e| port_error(GET, &e))?.parameter;
        let value = parameter.and_then(|p| p.value);
        value.ok_or_else(|| PortError::permanent(GET, "the parameter has no value"))
    }
}
