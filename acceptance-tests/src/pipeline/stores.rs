//! What a payment leaves behind: items, executions, objects.

use super::Pipeline;
use crate::{Error, Result, eventually};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sfn::types::ExecutionStatus;
use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

const SOON: Duration = Duration::from_mins(1);

/// One run of the workflow.
#[derive(Debug, Clone)]
pub struct Execution {
    /// `SUCCEEDED`, `FAILED`, ...
    pub status: String,
    /// `{transaction, timestamp}`.
    pub input: Value,
    /// What it ended with, `Null` while it runs or when it failed.
    pub output: Value,
}

impl Execution {
    /// Of which payment it is.
    pub fn transaction_id(&self) -> &str {
        self.input["transaction"]["transaction_id"].as_str().unwrap_or_default()
    }
}

impl Pipeline {
    /// All items of the transactions table.
    pub async fn items(&self) -> Result<Vec<Value>> {
        let request = self.aws.dynamodb().scan().table_name(self.attribute("table_name")?);
        let items = request.consistent_read(true).into_paginator().items().send();
        let items: std::result::Result<Vec<_>, _> = items.collect().await;
        let items = items.map_err(|e| Error::aws("dynamodb:Scan", &e))?;
        Ok(items.iter().map(item).collect())
    }

    /// The items of one payment: one, none, or too many.
    pub async fn items_of(&self, id: &str) -> Result<Vec<Value>> {
        let mut items = self.items().await?;
        items.retain(|item| item["transaction_id"] == id);
        Ok(items)
    }

    /// The only item of a payment, once it has this status.
    ///
    /// # Errors
    /// [`Error::NotSeen`] after a minute.
    pub async fn item_when(&self, id: &str, status: &str) -> Result<Value> {
        eventually(
            &format!("one item of {id} that is {status}"),
            SOON,
            async || match &self.items_of(id).await?[..] {
                [item] if item["status"] == status => Ok(Some(item.clone())),
                other => Err(Error::Expectation(format!("{other:?}"))),
            },
        )
        .await
    }

    /// All runs of the workflow. On AWS the history of EXPRESS runs is in their log group only; the sandbox lists them.
    pub async fn executions(&self) -> Result<Vec<Execution>> {
        let states = self.aws.step_functions();
        let machine = self.attribute("state_machine_arn")?;
        let listed = states
            .list_executions()
            .state_machine_arn(machine)
            .into_paginator()
            .items()
            .send();
        let listed: std::result::Result<Vec<_>, _> = listed.collect().await;
        let mut executions = Vec::new();
        for execution in listed.map_err(|e| Error::aws("states:ListExecutions", &e))? {
            let request = states.describe_execution().execution_arn(execution.execution_arn);
            let answer = request
                .send()
                .await
                .map_err(|e| Error::aws("states:DescribeExecution", &e))?;
            executions.push(Execution {
                status: answer.status.as_str().to_owned(),
                input: parsed(answer.input.as_deref()),
                output: parsed(answer.output.as_deref()),
            });
        }
        Ok(executions)
    }

    /// Waits until so many runs have ended.
    ///
    /// # Errors
    /// [`Error::NotSeen`] when there are fewer after a minute.
    pub async fn executions_ended(&self, count: usize) -> Result<Vec<Execution>> {
        eventually(&format!("{count} executions that have ended"), SOON, async || {
            let all = self.executions().await?;
            let ended = all.iter().filter(|run| run.status != ExecutionStatus::Running.as_str());
            match ended.count() {
                ended if ended >= count && ended == all.len() => Ok(Some(all)),
                ended => Err(Error::Expectation(format!("{ended} of {} have ended", all.len()))),
            }
        })
        .await
    }

    /// Runs the archival function now instead of at night; its answer.
    pub async fn archive_now(&self) -> Result<Value> {
        let lambda = self.aws.lambda();
        let name = self.attribute("function_names.archival")?;
        let request = lambda.invoke().function_name(name).payload(Blob::new("{}"));
        let answer = request.send().await.map_err(|e| Error::aws("lambda:Invoke", &e))?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        let text = String::from_utf8_lossy(&payload).into_owned();
        match answer.function_error {
            Some(kind) => Err(Error::Expectation(format!("the archival failed ({kind}): {text}"))),
            None => Ok(parsed(Some(&text))),
        }
    }

    /// Keys of the objects in the audit bucket below a prefix.
    pub async fn objects(&self, prefix: &str) -> Result<Vec<String>> {
        let bucket = self.attribute("audit_bucket_name")?;
        let request = self.aws.s3().list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| Error::aws("s3:ListObjectsV2", &e))?;
            keys.extend(
                page.contents
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|object| object.key),
            );
        }
        Ok(keys)
    }

    /// The JSON documents of a gzipped object, one a line.
    pub async fn documents(&self, key: &str) -> Result<Vec<Value>> {
        let bucket = self.attribute("audit_bucket_name")?;
        let answer = self.aws.s3().get_object().bucket(bucket).key(key).send().await;
        let body = answer.map_err(|e| Error::aws("s3:GetObject", &e))?.body.collect().await;
        let bytes = body.map_err(|e| Error::aws("s3:GetObject", &e))?.into_bytes();
        let mut text = String::new();
        let unpacked = GzDecoder::new(&bytes[..]).read_to_string(&mut text);
        unpacked.map_err(|e| Error::Expectation(format!("{key} is not gzipped text: {e}")))?;
        Ok(text.lines().map(|line| parsed(Some(line))).collect())
    }
}

/// `Null` for what is no JSON: comparisons with what is expected fail then, and show it.
fn parsed(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

fn item(attributes: &HashMap<String, AttributeValue>) -> Value {
    let members = attributes.iter().map(|(name, value)| (name.clone(), attribute(value)));
    Value::Object(members.collect::<Map<_, _>>())
}

/// Numbers keep their text, as everywhere in the workspace (`arbitrary_precision`).
fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(number) => parsed(Some(number)),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::L(items) => items.iter().map(attribute).collect(),
        AttributeValue::M(members) => item(members),
        _ => Value::Null,
    }
}
