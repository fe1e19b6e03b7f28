//! The payments table: by key for the processor's repetitions, accounting and the reconciler, by status for the latter.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde_json::Value;

use super::attribute::{from_attributes, to_attributes};
use super::error::{code_of, port_error};
use crate::domain::item::Item;
use crate::domain::status;
use crate::domain::table_schema::TableSchema;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::{KeyPage, PaymentStore, StatusIndex, StuckQuery, UpdateOutcome};

const UPDATE: &str = "dynamodb:UpdateItem";
/// Index entries looked at in one call.
const PAGE: i32 = 200;

/// The payments table.
///
/// IAM: the processor in queue mode `dynamodb:GetItem`, accounting `dynamodb:UpdateItem`, the reconciler both.
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

    /// Placeholders of these attributes, and of the hash key.
    fn names(&self, attributes: &[&str]) -> HashMap<String, String> {
        let names = attributes
            .iter()
            .map(|name| (format!("#{name}"), self.schema.name(name)));
        let hash = ("#hash".to_owned(), self.schema.hash_key().to_owned());
        names.chain([hash]).collect()
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
        let names = self.names(&["status", "status_shard", "accounting_processed_at", "updated_at"]);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let id = self.schema.id_of(key).unwrap_or_default();
        let shard = self.schema.status_shard(status::ACCOUNTING_PROCESSED, &id);
        let values = [
            (":accounted".to_owned(), text(status::ACCOUNTING_PROCESSED)),
            (":shard".to_owned(), text(&shard)),
            (":now".to_owned(), text(&now.to_string())),
        ];
        let values: HashMap<_, _> = Self::allowed_statuses().chain(values).collect();
        let allowed: Vec<String> = Self::allowed_statuses().map(|(name, _)| name).collect();
        let result = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(to_attributes(key)))
            .update_expression(
                "SET #status = :accounted, #status_shard = :shard, #accounting_processed_at = :now, #updated_at = :now",
            )
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
            None => Err(port_error(UPDATE, &error)),
        }
    }

    async fn mark_reconciled(&self, key: &Item, now: UtcMillis) -> Result<UpdateOutcome, PortError> {
        let result = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(to_attributes(key)))
            .update_expression("SET #reconciled_at = :now")
            .condition_expression("attribute_exists(#hash)")
            .set_expression_attribute_names(Some(self.names(&["reconciled_at"])))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .send()
            .await;
        match result {
            Ok(_) => Ok(UpdateOutcome::Updated),
            Err(error) if code_of(&error) == Some("ConditionalCheckFailedException") => Ok(UpdateOutcome::NotFound),
            Err(error) => Err(port_error(UPDATE, &error)),
        }
    }
}

/// The payments table's index on the status, sharded or not.
///
/// IAM: `dynamodb:Query` on the index.
#[derive(Debug, Clone)]
pub struct DynamoStatusIndex {
    client: Client,
    table: String,
    index: String,
    schema: TableSchema,
}

impl DynamoStatusIndex {
    /// The index.
    pub fn new(client: Client, table: String, index: String, schema: TableSchema) -> Self {
        Self {
            client,
            table,
            index,
            schema,
        }
    }
}

/// An index that lacks an attribute leaves the decision to who looks at the payment itself.
const STUCK: &str = "(attribute_not_exists(#created_at) OR #created_at <= :before) \
    AND (attribute_not_exists(#region) OR #region = :region) AND attribute_not_exists(#reconciled_at)";

#[async_trait]
impl StatusIndex for DynamoStatusIndex {
    async fn stuck(&self, query: &StuckQuery, start: Option<&Item>) -> Result<KeyPage, PortError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(&self.index)
            .key_condition_expression("#value = :value")
            .filter_expression(STUCK)
            .expression_attribute_names("#value", self.schema.status_index_key())
            .expression_attribute_names("#created_at", self.schema.name("created_at"))
            .expression_attribute_names("#region", self.schema.name("region"))
            .expression_attribute_names("#reconciled_at", self.schema.name("reconciled_at"))
            .expression_attribute_values(":value", text(&query.value))
            .expression_attribute_values(":region", text(&query.region))
            .expression_attribute_values(":before", text(&query.before.to_string()))
            .limit(PAGE)
            .set_exclusive_start_key(start.map(to_attributes));
        let output = request.send().await.map_err(|e| port_error("dynamodb:Query", &e))?;
        let items = output.items().iter().map(from_attributes);
        Ok(KeyPage {
            keys: items.filter_map(|item| self.schema.key_of(&item)).collect(),
            next: output.last_evaluated_key().map(from_attributes),
        })
    }
}
