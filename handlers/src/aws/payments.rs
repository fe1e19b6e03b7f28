//! The payments table, by key: for the processor's repetitions and for accounting.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde_json::Value;

use super::attribute::{from_attributes, to_attributes};
use super::error::port_error;
use crate::domain::item::Item;
use crate::domain::status;
use crate::domain::table_schema::TableSchema;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::{PaymentStore, UpdateOutcome};

/// The payments table.
///
/// IAM: the processor in queue mode `dynamodb:GetItem`, accounting `dynamodb:UpdateItem`.
#[derive(Debug, Clone)]
pub struct DynamoPayments {
    client: Client,
    table: String,
    schema: TableSchema,
}

impl DynamoPayments {
    /// The table.
    pub fn new(client: Client, table: String, schema: TableSchema) -> Self {
        Self { client, table, schema }
    }

    fn allowed_statuses() -> impl Iterator<Item = (String, AttributeValue)> {
        let statuses = status::ACCOUNTABLE.into_iter().enumerate();
        statuses.map(|(index, text)| (format!(":s{index}"), AttributeValue::S(text.to_owned())))
    }
}

/// The item that made the condition fail; empty when there was none.
fn failed_item(error: &UpdateItemError) -> Option<Item> {
    match error {
        UpdateItemError::ConditionalCheckFailedException(failed) => {
            Some(failed.item().map(from_attributes).unwrap_or_default())
        }
        _ => None,
    }
}

#[async_trait]
impl PaymentStore for DynamoPayments {
    async fn payment(&self, key: &Item) -> Result<Option<Item>, PortError> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let output = request.set_key(Some(to_attributes(key))).send().await;
        let output = output.map_err(|e| port_error("dynamodb:GetItem", &e))?;
        Ok(output.item().filter(|item| !item.is_empty()).map(from_attributes))
    }

    async fn mark_accounted(&self, key: &Item, now: UtcMillis) -> Result<UpdateOutcome, PortError> {
        let names = ["status", "accounting_processed_at", "updated_at"];
        let names = names.map(|name| (format!("#{name}"), self.schema.name(name)));
        let hash = ("#hash".to_owned(), self.schema.hash_key().to_owned());
        let names: HashMap<_, _> = names.into_iter().chain([hash]).collect();
        let accounted = AttributeValue::S(status::ACCOUNTING_PROCESSED.to_owned());
        let values = [
            (":accounted".to_owned(), accounted),
            (":now".to_owned(), AttributeValue::S(now.to_string())),
        ];
        let values: HashMap<_, _> = Self::allowed_statuses().chain(values).collect();
        let allowed: Vec<String> = Self::allowed_statuses().map(|(name, _)| name).collect();
        let result = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(to_attributes(key)))
            .update_expression("SET #status = :accounted, #accounting_processed_at = :now, #updated_at = :now")
            .condition_expression(format!(
                "attribute_exists(#hash) AND #status IN ({})",
                allowed.join(", ")
            ))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else {
            return Ok(UpdateOutcome::Updated);
        };
        match error.as_service_error().and_then(failed_item) {
            Some(item) if item.is_empty() => Ok(UpdateOutcome::NotFound),
            Some(item) => {
                let current = item.get(&self.schema.name("status")).and_then(Value::as_str);
                Ok(UpdateOutcome::NotAllowed(current.unwrap_or_default().to_owned()))
            }
            None => Err(port_error("dynamodb:UpdateItem", &error)),
        }
    }
}
