//! A deployed `tap_payment_stack`, as its senders and its operators see it: in each of its regions.

use crate::{Answer, Aws, Deployed, Error, Request, Result, Terraform, eventually};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::types::ExecutionStatus;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ops::Deref;
use std::time::Duration;

/// The address of the resource in every configuration of it.
pub const ADDRESS: &str = "tap_payment_stack.this";

/// How long deliveries and replication may take.
const SOON: Duration = Duration::from_mins(1);

/// A deployed stack.
#[derive(Debug, Clone)]
pub struct Payments {
    aws: Aws,
    recorded: Deployed,
}

impl Deref for Payments {
    type Target = Deployed;

    fn deref(&self) -> &Deployed {
        &self.recorded
    }
}

/// The stack in one of its regions.
#[derive(Debug, Clone)]
pub struct InRegion<'a> {
    stack: &'a Payments,
    aws: Aws,
}

impl Payments {
    /// Reads what the last apply recorded for the configuration's only stack of this type.
    ///
    /// # Errors
    /// [`Error::Expectation`] when the state has no such resource.
    pub async fn read(aws: &Aws, terraform: &Terraform) -> Result<Self> {
        Ok(Self {
            aws: aws.clone(),
            recorded: Deployed::read(terraform, "tap_payment_stack").await?,
        })
    }

    /// The stack in one region.
    pub fn in_region(&self, region: &str) -> InRegion<'_> {
        InRegion {
            stack: self,
            aws: self.aws.in_region(region),
        }
    }
}

impl InRegion<'_> {
    /// The account, in this region.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The region's member of a map attribute.
    ///
    /// # Errors
    /// [`Error::Expectation`] when it is not there or no text.
    pub fn attribute(&self, map: &str) -> Result<&str> {
        self.stack.attribute(&format!("{map}.{}", self.aws.region()))
    }

    /// The API key, read as its holder would: from the SSM parameter that the stack names.
    pub async fn api_key(&self) -> Result<String> {
        let name = self.attribute("api_key_ssm_parameters")?;
        let request = self.aws.ssm().get_parameter().name(name).with_decryption(true);
        let answer = request.send().await.map_err(|e| Error::aws("ssm:GetParameter", &e))?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| Error::Expectation(format!("the parameter {name} is empty")))
    }

    /// A POST to the region's own API.
    pub fn request(&self) -> Result<Request> {
        self.aws.webhook(self.attribute("api_endpoint_urls")?)
    }

    /// A POST to the region's own API past its custom domain, which leads nowhere in the sandbox.
    ///
    /// # Errors
    /// [`Error::Expectation`] without an API in this region.
    pub fn request_past_domain(&self, path: &str) -> Result<Request> {
        let (api, stage) = (self.attribute("api_ids")?, self.stack.attribute("api_stage")?);
        let request = self.aws.api_request(http::Method::POST, api, stage, path);
        Ok(request.header("content-type", "application/json"))
    }

    /// Sends a payment with the API key.
    pub async fn send(&self, key: &str, body: &str) -> Result<Answer> {
        self.request()?.api_key(key).body(body).send().await
    }

    /// The answer of the health path, without any key.
    pub async fn health(&self) -> Result<Answer> {
        let stage = self.stack.attribute("api_stage")?;
        let api = self.attribute("api_ids")?;
        let request = self.aws.api_request(http::Method::GET, api, stage, "health");
        request.send().await
    }

    /// All items of the payments table, as this region has them.
    pub async fn items(&self) -> Result<Vec<Value>> {
        let table = self.stack.attribute("table_name")?;
        let request = self.aws.dynamodb().scan().table_name(table).consistent_read(true);
        let items: std::result::Result<Vec<_>, _> = request.into_paginator().items().send().collect().await;
        let items = items.map_err(|e| Error::aws("dynamodb:Scan", &e))?;
        Ok(items.iter().map(item).collect())
    }

    /// The only item of a payment, once this region has it.
    ///
    /// # Errors
    /// [`Error::NotSeen`] after a minute.
    pub async fn item(&self, id: &str) -> Result<Value> {
        let ids = ["transaction_id", "payment_id", "TransactionId"];
        let what = format!("one item of {id} in {}", self.aws.region());
        eventually(&what, SOON, async || {
            let mut items = self.items().await?;
            items.retain(|item| ids.iter().any(|name| item[*name] == id));
            match &items[..] {
                [item] => Ok(Some(item.clone())),
                other => Err(Error::Expectation(format!("{other:?}"))),
            }
        })
        .await
    }

    /// All items, once every one of them has this status.
    ///
    /// # Errors
    /// [`Error::NotSeen`] when that is not so within the limit.
    pub async fn items_when(&self, count: usize, status: &str, limit: Duration) -> Result<Vec<Value>> {
        let what = format!("{count} items that are {status}");
        eventually(&what, limit, async || {
            let items = self.items().await?;
            let done = items.iter().filter(|item| item["status"] == status).count();
            if done == count && items.len() == count {
                return Ok(Some(items));
            }
            let error = format!("{done} of {} items are {status}", items.len());
            Err(Error::Expectation(error))
        })
        .await
    }

    /// Status, input of all runs of the region's workflow.
    pub async fn executions(&self) -> Result<Vec<(String, Value)>> {
        let states = self.aws.step_functions();
        let machine = self.attribute("state_machine_arns")?;
        let listed = states.list_executions().state_machine_arn(machine);
        let listed: std::result::Result<Vec<_>, _> = listed.into_paginator().items().send().collect().await;
        let mut executions = Vec::new();
        for execution in listed.map_err(|e| Error::aws("states:ListExecutions", &e))? {
            let request = states.describe_execution().execution_arn(execution.execution_arn);
            let answer = request.send().await;
            let answer = answer.map_err(|e| Error::aws("states:DescribeExecution", &e))?;
            let input = answer.input.unwrap_or_default();
            let input = serde_json::from_str(&input).unwrap_or(Value::Null);
            executions.push((answer.status.as_str().to_owned(), input));
        }
        Ok(executions)
    }

    /// Waits until so many runs have ended.
    ///
    /// # Errors
    /// [`Error::NotSeen`] when there are fewer after a minute.
    pub async fn executions_ended(&self, count: usize) -> Result<Vec<(String, Value)>> {
        let what = format!("{count} executions that have ended in {}", self.aws.region());
        eventually(&what, SOON, async || {
            let all = self.executions().await?;
            let running = ExecutionStatus::Running;
            let ended = all.iter().filter(|(status, _)| status != running.as_str()).count();
            Ok((ended >= count && ended == all.len()).then_some(all))
        })
        .await
    }

    /// Puts an event on the region's bus, as the processor does with a payment that it cannot store.
    pub async fn put_event(&self, detail: &Value) -> Result<()> {
        let arn = self.attribute("event_bus_arns")?;
        let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
            .event_bus_name(arn)
            .source("payment.processing")
            .detail_type("Payment Transaction")
            .detail(detail.to_string())
            .build();
        let answer = self.aws.eventbridge().put_events().entries(entry).send().await;
        let answer = answer.map_err(|e| Error::aws("events:PutEvents", &e))?;
        match answer.failed_entry_count {
            0 => Ok(()),
            _ => Err(Error::Expectation(format!("{:?}", answer.entries))),
        }
    }

    /// Sends a message straight to the region's queue, past the processor.
    pub async fn enqueue(&self, text: &str) -> Result<()> {
        let url = self.attribute("queue_urls")?;
        let request = self.aws.sqs().send_message().queue_url(url).message_body(text);
        request.send().await.map_err(|e| Error::aws("sqs:SendMessage", &e))?;
        Ok(())
    }

    /// Runs the region's reconciler now instead of at its next time; its answer.
    pub async fn reconcile_now(&self) -> Result<Value> {
        let function = self.attribute_of_reconciler("lambda_function_names")?;
        let request = self.aws.lambda().invoke().function_name(function);
        let answer = request
            .payload(aws_sdk_lambda::primitives::Blob::new("{}"))
            .send()
            .await;
        let answer = answer.map_err(|e| Error::aws("lambda:Invoke", &e))?;
        let payload = answer.payload.map(aws_sdk_lambda::primitives::Blob::into_inner);
        let text = String::from_utf8_lossy(&payload.unwrap_or_default()).into_owned();
        match answer.function_error {
            Some(kind) => Err(Error::Expectation(format!("the reconciler failed ({kind}): {text}"))),
            None => serde_json::from_str(&text).map_err(|e| Error::Expectation(format!("{text}: {e}"))),
        }
    }

    /// Sum of a metric that the region's reconciler has counted so far, out of its log.
    pub async fn reconciler_counted(&self, metric: &str) -> Result<u64> {
        let function = self.attribute_of_reconciler("lambda_function_names")?;
        let group = format!("/aws/lambda/{function}");
        let events = self.aws.logs().filter_log_events().log_group_name(group).send().await;
        let events = events.map_err(|e| Error::aws("logs:FilterLogEvents", &e))?;
        let lines = events.events().iter().filter_map(|event| event.message());
        let documents = lines.filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok());
        let counts = documents
            .filter(|line| line.get("_aws").is_some())
            .filter_map(|line| line[metric].as_u64());
        Ok(counts.sum())
    }

    fn attribute_of_reconciler(&self, map: &str) -> Result<&str> {
        self.stack.attribute(&format!("{map}.{}/reconciler", self.aws.region()))
    }

    /// Writes an item past the functions.
    pub async fn put_item(&self, table: &str, fields: &Value) -> Result<()> {
        let attribute = |value: &Value| match value {
            Value::Number(number) => AttributeValue::N(number.to_string()),
            Value::String(text) => AttributeValue::S(text.clone()),
            other => AttributeValue::S(other.to_string()),
        };
        let members = fields.as_object().into_iter().flatten();
        let item = members.map(|(name, value)| (name.clone(), attribute(value))).collect();
        let request = self.aws.dynamodb().put_item().table_name(table).set_item(Some(item));
        request.send().await.map_err(|e| Error::aws("dynamodb:PutItem", &e))?;
        Ok(())
    }

    /// How many messages a queue holds, those in work included.
    pub async fn depth(&self, queues: &str) -> Result<usize> {
        let url = self.attribute(queues)?;
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.aws.sqs().get_queue_attributes().queue_url(url);
        let request = request.set_attribute_names(Some(names.to_vec()));
        let answer = request.send().await;
        let answer = answer.map_err(|e| Error::aws("sqs:GetQueueAttributes", &e))?;
        let found = answer.attributes.unwrap_or_default();
        let counts = names.iter().filter_map(|name| found.get(name)?.parse::<usize>().ok());
        Ok(counts.sum())
    }

    /// Keys of the objects in the region's bucket below a prefix.
    pub async fn objects(&self, prefix: &str) -> Result<Vec<String>> {
        let bucket = self.attribute("s3_bucket_names")?;
        let request = self.aws.s3().list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| Error::aws("s3:ListObjectsV2", &e))?;
            let objects = page.contents.unwrap_or_default().into_iter();
            keys.extend(objects.filter_map(|object| object.key));
        }
        Ok(keys)
    }
}

/// The body of a payment; `amount` is written as it stands.
pub fn payment(id: &str, amount: &str) -> String {
    let fields = json!({"transaction_id": id, "currency": "USD", "provider": "stripe", "customer_id": "customer-7"});
    let rest = fields.to_string();
    format!("{{\"amount\": {amount}, {}", rest.trim_start_matches('{'))
}

/// A table's item as plain JSON; numbers stay text.
fn item(attributes: &HashMap<String, AttributeValue>) -> Value {
    let members = attributes.iter().map(|(name, value)| (name.clone(), plain(value)));
    Value::Object(members.collect())
}

fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.as_str().into(),
        AttributeValue::Bool(flag) => (*flag).into(),
        AttributeValue::M(members) => item(members),
        AttributeValue::L(items) => items.iter().map(plain).collect(),
        _ => Value::Null,
    }
}
