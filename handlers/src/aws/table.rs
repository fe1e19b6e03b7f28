//! The transactions table, for the fraud detector and the archival.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure};
use serde_json::{Map, Value};

use super::attribute::{from_attributes, to_attribute, to_attributes};
use super::error::{code_of, port_error};
use crate::backoff::Backoff;
use crate::config::Env;
use crate::domain::item::Item;
use crate::domain::status;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::{AlertClaim, AnalysisStore, ArchiveSource, Disposal, ItemKey, Page, UpdateOutcome};

const UPDATE: &str = "dynamodb:UpdateItem";
const BATCH_GET: &str = "dynamodb:BatchGetItem";
/// Keys that one `BatchGetItem` takes at most.
const MAX_BATCH_GET: usize = 100;

/// Names of the table's key attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNames {
    /// Hash key: holds the transaction id.
    pub hash: String,
    /// Range key: holds the timestamp text.
    pub range: String,
}

impl KeyNames {
    /// From `TABLE_HASH_KEY` and `TABLE_RANGE_KEY`.
    pub fn from_env(env: &Env) -> Self {
        Self {
            hash: env.or("TABLE_HASH_KEY", "transaction_id"),
            range: env.or("TABLE_RANGE_KEY", "timestamp"),
        }
    }

    /// The item with its key attributes added. `transaction_id` and `timestamp` stay, so that all
    /// readers find them under their own names.
    pub fn with_keys(&self, item: &Item) -> Item {
        let mut item = item.clone();
        for (own, key) in [("transaction_id", &self.hash), ("timestamp", &self.range)] {
            if let Some(value) = item.get(own).cloned() {
                item.insert(key.clone(), value);
            }
        }
        item
    }

    fn key(&self, key: &ItemKey) -> HashMap<String, AttributeValue> {
        HashMap::from([
            (self.hash.clone(), AttributeValue::S(key.transaction_id.clone())),
            (self.range.clone(), AttributeValue::S(key.timestamp.clone())),
        ])
    }

    fn key_of(&self, item: &Item) -> Option<HashMap<String, AttributeValue>> {
        let entry = |name: &String| Some((name.clone(), to_attribute(item.get(name)?)));
        Some(HashMap::from([entry(&self.hash)?, entry(&self.range)?]))
    }
}

/// The transactions table.
///
/// IAM: fraud detector `dynamodb:UpdateItem` on the table; archival `dynamodb:Query` on the index,
/// `dynamodb:BatchGetItem` and `dynamodb:DeleteItem` (or `dynamodb:UpdateItem` when items are kept) on the table.
#[derive(Debug, Clone)]
pub struct DynamoTransactions {
    client: Client,
    table: String,
    index: String,
    keys: KeyNames,
}

impl DynamoTransactions {
    /// The table, and its index on status and timestamp (unused by the fraud detector).
    pub fn new(client: Client, table: String, index: String, keys: KeyNames) -> Self {
        Self {
            client,
            table,
            index,
            keys,
        }
    }

    /// An update that never creates an item.
    fn update(&self, key: HashMap<String, AttributeValue>, update: &str, condition: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression(update)
            .condition_expression(format!("attribute_exists(#hash) AND {condition}"))
            .expression_attribute_names("#hash", &self.keys.hash)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn load(&self, keys: Vec<HashMap<String, AttributeValue>>) -> Result<Vec<Item>, PortError> {
        let backoff = Backoff {
            attempts: 6,
            base: Duration::from_millis(50),
        };
        let mut items = Vec::new();
        for chunk in keys.chunks(MAX_BATCH_GET) {
            let mut pending = chunk.to_vec();
            let mut attempt = 1;
            while !pending.is_empty() {
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(pending))
                    .consistent_read(true)
                    .build();
                let request = request.map_err(|_| PortError::permanent(BATCH_GET, "Construction"))?;
                let output = self
                    .client
                    .batch_get_item()
                    .request_items(&self.table, request)
                    .send()
                    .await;
                let mut output = output.map_err(|e| port_error(BATCH_GET, &e))?;
                let found = output.responses.take().unwrap_or_default();
                items.extend(
                    found
                        .into_values()
                        .flatten()
                        .map(|attributes| from_attributes(&attributes)),
                );
                let left = output.unprocessed_keys.take().unwrap_or_default();
                pending = left.into_values().flat_map(|keys| keys.keys).collect();
                if !pending.is_empty() && !backoff.wait_after(attempt).await {
                    return Err(PortError::transient(BATCH_GET, "UnprocessedKeys"));
                }
                attempt += 1;
            }
        }
        Ok(items)
    }
}

/// The item that made a condition fail; empty when there was none.
fn failed_item(error: &UpdateItemError) -> Option<Item> {
    match error {
        UpdateItemError::ConditionalCheckFailedException(failed) => {
            Some(failed.item().map(from_attributes).unwrap_or_default())
        }
        _ => None,
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

#[async_trait]
impl AnalysisStore for DynamoTransactions {
    async fn save_analysis(&self, key: &ItemKey, analysis: &Value, now: UtcMillis) -> Result<UpdateOutcome, PortError> {
        let set = "SET fraud_analysis = :analysis, #status = :analyzed, updated_at = :now";
        let mut request = self
            .update(self.keys.key(key), set, "#status IN (:s0, :s1, :s2)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":analysis", to_attribute(analysis))
            .expression_attribute_values(":analyzed", text(status::ANALYZED))
            .expression_attribute_values(":now", text(now.to_string()));
        for (index, allowed) in status::ANALYZABLE.into_iter().enumerate() {
            request = request.expression_attribute_values(format!(":s{index}"), text(allowed));
        }
        let Err(error) = request.send().await else {
            return Ok(UpdateOutcome::Updated);
        };
        match error.as_service_error().and_then(failed_item) {
            Some(item) if item.is_empty() => Ok(UpdateOutcome::NotFound),
            Some(item) => {
                let current = item.get("status").and_then(Value::as_str).unwrap_or_default();
                Ok(UpdateOutcome::NotAllowed(current.to_owned()))
            }
            None => Err(port_error(UPDATE, &error)),
        }
    }

    async fn claim_alert(
        &self,
        key: &ItemKey,
        now: UtcMillis,
        lease_until: UtcMillis,
    ) -> Result<AlertClaim, PortError> {
        let free = "attribute_not_exists(alerted_at) AND \
                    (attribute_not_exists(alert_lease_until) OR alert_lease_until < :now)";
        let request = self
            .update(
                self.keys.key(key),
                "SET alert_lease_until = :lease, updated_at = :now",
                free,
            )
            .expression_attribute_values(":lease", text(lease_until.to_string()))
            .expression_attribute_values(":now", text(now.to_string()));
        let Err(error) = request.send().await else {
            return Ok(AlertClaim::Claimed);
        };
        match error.as_service_error().and_then(failed_item) {
            Some(item) if item.contains_key("alerted_at") => Ok(AlertClaim::AlreadyAlerted),
            Some(item) if item.is_empty() => Err(PortError::permanent(UPDATE, "the item has vanished")),
            Some(_) => Ok(AlertClaim::Busy),
            None => Err(port_error(UPDATE, &error)),
        }
    }

    async fn confirm_alert(&self, key: &ItemKey, now: UtcMillis) -> Result<(), PortError> {
        let set = "SET alerted_at = :now, updated_at = :now REMOVE alert_lease_until";
        let request = self
            .update(self.keys.key(key), set, "attribute_not_exists(alerted_at)")
            .expression_attribute_values(":now", text(now.to_string()));
        let Err(error) = request.send().await else {
            return Ok(());
        };
        match error.as_service_error().and_then(failed_item) {
            // The SDK has sent it twice, because the first answer was lost.
            Some(item) if item.contains_key("alerted_at") => Ok(()),
            _ => Err(port_error(UPDATE, &error)),
        }
    }

    async fn release_alert(&self, key: &ItemKey) -> Result<(), PortError> {
        let request = self.update(
            self.keys.key(key),
            "REMOVE alert_lease_until",
            "attribute_not_exists(alerted_at)",
        );
        request.send().await.map(|_| ()).map_err(|e| port_error(UPDATE, &e))
    }
}

#[async_trait]
impl ArchiveSource for DynamoTransactions {
    /// The index yields the keys; the items are read from the table itself, because an index lags behind
    /// and need not hold all attributes.
    async fn page(
        &self,
        status: &str,
        before: UtcMillis,
        limit: u32,
        start: Option<&Map<String, Value>>,
    ) -> Result<Page, PortError> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(&self.index)
            .key_condition_expression("#status = :status AND #range < :before")
            .projection_expression("#hash, #range")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#hash", &self.keys.hash)
            .expression_attribute_names("#range", &self.keys.range)
            .expression_attribute_values(":status", text(status))
            .expression_attribute_values(":before", text(before.to_string()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start.map(to_attributes))
            .send()
            .await
            .map_err(|e| port_error("dynamodb:Query", &e))?;
        let key = |attributes| self.keys.key_of(&from_attributes(attributes));
        let keys: Vec<_> = output.items().iter().filter_map(key).collect();
        let mut items = self.load(keys).await?;
        items.retain(|item| item.get("status").and_then(Value::as_str) == Some(status));
        let next = output
            .last_evaluated_key()
            .filter(|key| !key.is_empty())
            .map(from_attributes);
        Ok(Page { items, next })
    }

    async fn dispose(&self, item: &Item, disposal: Disposal, now: UtcMillis) -> Result<bool, PortError> {
        let key = self
            .keys
            .key_of(item)
            .ok_or_else(|| PortError::permanent(UPDATE, "the item has no key"))?;
        let status = to_attribute(item.get("status").unwrap_or(&Value::Null));
        let updated_at = item.get("updated_at").map(to_attribute);
        let unchanged = match updated_at {
            Some(_) => "#status = :status AND updated_at = :updated_at",
            None => "#status = :status AND attribute_not_exists(updated_at)",
        };
        match disposal {
            Disposal::Delete => {
                let request = self
                    .client
                    .delete_item()
                    .table_name(&self.table)
                    .set_key(Some(key))
                    .condition_expression(unchanged)
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":status", status);
                let request = match updated_at {
                    Some(value) => request.expression_attribute_values(":updated_at", value),
                    None => request,
                };
                let result = request.send().await.map(|_| ());
                unless_changed(result.map_err(|e| (is_changed(code_of(&e)), port_error("dynamodb:DeleteItem", &e))))
            }
            Disposal::MarkArchived => {
                let request = self
                    .update(
                        key,
                        "SET #status = :archived, archived_at = :now, updated_at = :now",
                        unchanged,
                    )
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":status", status)
                    .expression_attribute_values(":archived", text(status::ARCHIVED))
                    .expression_attribute_values(":now", text(now.to_string()));
                let request = match updated_at {
                    Some(value) => request.expression_attribute_values(":updated_at", value),
                    None => request,
                };
                let result = request.send().await.map(|_| ());
                unless_changed(result.map_err(|e| (is_changed(code_of(&e)), port_error(UPDATE, &e))))
            }
        }
    }
}

fn is_changed(code: Option<&str>) -> bool {
    code == Some("ConditionalCheckFailedException")
}

fn unless_changed(result: Result<(), (bool, PortError)>) -> Result<bool, PortError> {
    match result {
        Ok(()) => Ok(true),
        Err((true, _)) => Ok(false),
        Err((false, error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn other_key_names_are_added_to_the_item() {
        let keys = KeyNames {
            hash: "pk".into(),
            range: "timestamp".into(),
        };
        let item = json!({"transaction_id": "t", "timestamp": "x"})
            .as_object()
            .unwrap()
            .clone();
        let stored = keys.with_keys(&item);
        assert_eq!(
            Value::Object(stored),
            json!({"transaction_id": "t", "timestamp": "x", "pk": "t"})
        );
        assert_eq!(keys.key_of(&item), None);
    }
}
