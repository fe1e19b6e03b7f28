//! A table and its guard table, written together (W-24, W-26, N-13, N-14).

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use super::attribute::{from_attributes, to_attributes};
use super::error::{code_of, port_error};
use super::table::KeyNames;
use crate::domain::item::Item;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::{Guard, ItemOutcome, RecordOutcome, TransactionLedger};

const PUT: &str = "dynamodb:PutItem";
const TRANSACT: &str = "dynamodb:TransactWriteItems";

/// A table for payments and its guard table. The guard table's hash key is `id` (S).
///
/// IAM: `dynamodb:PutItem` on both tables, `dynamodb:GetItem` on the guard table.
#[derive(Debug, Clone)]
pub struct DynamoLedger {
    client: Client,
    table: String,
    guard_table: String,
    hash_key: String,
    /// Where the items do not carry the table's keys yet.
    keys: Option<KeyNames>,
}

impl DynamoLedger {
    /// A ledger on these tables, for items that have `transaction_id` and `timestamp`.
    pub fn new(client: Client, table: String, guard_table: String, keys: KeyNames) -> Self {
        Self {
            client,
            table,
            guard_table,
            hash_key: keys.hash.clone(),
            keys: Some(keys),
        }
    }

    /// A ledger on these tables, for items that are complete, keys and all. Without a guard table only
    /// `put_item` works.
    pub fn of_complete_items(client: Client, table: String, guard_table: Option<String>, hash_key: String) -> Self {
        Self {
            client,
            table,
            guard_table: guard_table.unwrap_or_default(),
            hash_key,
            keys: None,
        }
    }

    fn attributes(&self, item: &Item) -> HashMap<String, AttributeValue> {
        let keyed = self.keys.as_ref().map(|keys| keys.with_keys(item));
        to_attributes(keyed.as_ref().unwrap_or(item))
    }

    /// A put that never overwrites.
    fn put_if_absent(
        &self,
        table: &str,
        item: HashMap<String, AttributeValue>,
        hash_key: &str,
    ) -> PutItemFluentBuilder {
        let request = self.client.put_item().table_name(table).set_item(Some(item));
        request
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", hash_key)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    fn puts(&self, item: &Item, guards: &[Guard]) -> Result<Vec<TransactWriteItem>, BuildError> {
        let guards = guards
            .iter()
            .map(|guard| put_if_absent(&self.guard_table, guard_attributes(guard), "id"));
        let item = put_if_absent(&self.table, self.attributes(item), &self.hash_key);
        guards.chain(std::iter::once(item)).collect()
    }
}

fn put_if_absent(
    table: &str,
    item: HashMap<String, AttributeValue>,
    hash_key: &str,
) -> Result<TransactWriteItem, BuildError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(#key)")
        .expression_attribute_names("#key", hash_key)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn guard_attributes(guard: &Guard) -> HashMap<String, AttributeValue> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let mut attributes = HashMap::from([
        ("id".to_owned(), text(&guard.id)),
        ("payload_hash".to_owned(), text(&guard.payload_hash)),
        ("timestamp".to_owned(), text(&guard.timestamp.to_string())),
        ("response".to_owned(), text(&guard.response)),
    ]);
    if let Some(ttl) = guard.ttl {
        attributes.insert("ttl".to_owned(), AttributeValue::N(ttl.to_string()));
    }
    if let Some(region) = &guard.region {
        attributes.insert("region".to_owned(), text(region));
    }
    attributes
}

fn guard_from(attributes: &HashMap<String, AttributeValue>) -> Option<Guard> {
    let text = |name: &str| attributes.get(name).and_then(|a| a.as_s().ok()).cloned();
    let ttl = attributes
        .get("ttl")
        .and_then(|a| a.as_n().ok())
        .and_then(|n| n.parse().ok());
    Some(Guard {
        id: text("id")?,
        payload_hash: text("payload_hash")?,
        timestamp: UtcMillis::parse(&text("timestamp")?).ok()?,
        response: text("response")?,
        ttl,
        region: text("region"),
    })
}

/// Tells "exists" and "conflict" from real failures by the cancellation reasons.
fn outcome_of(
    error: &SdkError<TransactWriteItemsError, aws_sdk_dynamodb::config::http::HttpResponse>,
) -> Result<RecordOutcome, PortError> {
    if code_of(error) == Some("TransactionInProgressException") {
        return Ok(RecordOutcome::Conflict);
    }
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
        return Err(port_error(TRANSACT, error));
    };
    let codes: Vec<&str> = canceled
        .cancellation_reasons()
        .iter()
        .filter_map(|r| r.code())
        .collect();
    classify_reasons(&codes)
}

fn classify_reasons(codes: &[&str]) -> Result<RecordOutcome, PortError> {
    let any = |wanted: &str| codes.contains(&wanted);
    if any("ConditionalCheckFailed") {
        Ok(RecordOutcome::AlreadyRecorded)
    } else if any("TransactionConflict") {
        Ok(RecordOutcome::Conflict)
    } else if any("ThrottlingError") || any("ProvisionedThroughputExceeded") {
        Err(PortError::transient(
            TRANSACT,
            "TransactionCanceledException: throttled",
        ))
    } else {
        let reasons: Vec<_> = codes.iter().copied().filter(|code| *code != "None").collect();
        Err(PortError::permanent(
            TRANSACT,
            format!("TransactionCanceledException: {}", reasons.join(", ")),
        ))
    }
}

/// What a refused put means; real failures stay errors. A strongly consistent global table refuses with
/// `ReplicatedWriteConflictException` while another region writes the same item.
fn refused_put(
    error: &SdkError<PutItemError, aws_sdk_dynamodb::config::http::HttpResponse>,
) -> Result<ItemOutcome, PortError> {
    if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
        return Ok(ItemOutcome::Exists(
            failed.item().map(from_attributes).unwrap_or_default(),
        ));
    }
    match code_of(error) {
        Some("ReplicatedWriteConflictException" | "TransactionConflictException") => Ok(ItemOutcome::Conflict),
        _ => Err(port_error(PUT, error)),
    }
}

#[async_trait]
impl TransactionLedger for DynamoLedger {
    async fn record(&self, item: &Item, guards: &[Guard]) -> Result<RecordOutcome, PortError> {
        let puts = self
            .puts(item, guards)
            .map_err(|_| PortError::permanent(TRANSACT, "Construction"))?;
        match self
            .client
            .transact_write_items()
            .set_transact_items(Some(puts))
            .send()
            .await
        {
            Ok(_) => Ok(RecordOutcome::Recorded),
            Err(error) => outcome_of(&error),
        }
    }

    async fn guard(&self, id: &str) -> Result<Option<Guard>, PortError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.guard_table)
            .consistent_read(true);
        let output = request.key("id", AttributeValue::S(id.to_owned())).send().await;
        let output = output.map_err(|e| port_error("dynamodb:GetItem", &e))?;
        let Some(attributes) = output.item().filter(|item| !item.is_empty()) else {
            return Ok(None);
        };
        let guard = guard_from(attributes);
        guard
            .map(Some)
            .ok_or_else(|| PortError::permanent("dynamodb:GetItem", "guard record is malformed"))
    }

    async fn put_guard(&self, guard: &Guard) -> Result<RecordOutcome, PortError> {
        let request = self.put_if_absent(&self.guard_table, guard_attributes(guard), "id");
        let Err(error) = request.send().await else {
            return Ok(RecordOutcome::Recorded);
        };
        match refused_put(&error)? {
            ItemOutcome::Conflict => Ok(RecordOutcome::Conflict),
            ItemOutcome::Stored | ItemOutcome::Exists(_) => Ok(RecordOutcome::AlreadyRecorded),
        }
    }

    async fn put_item(&self, item: &Item) -> Result<ItemOutcome, PortError> {
        let request = self.put_if_absent(&self.table, self.attributes(item), &self.hash_key);
        match request.send().await {
            Ok(_) => Ok(ItemOutcome::Stored),
            Err(error) => refused_put(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_round_trips() {
        for (ttl, region) in [(None, None), (Some(7), Some("eu-west-1".to_owned()))] {
            let timestamp = UtcMillis::parse("2026-01-01T00:00:00.000Z").unwrap();
            let guard = Guard {
                id: "idem#t".into(),
                payload_hash: "h".into(),
                timestamp,
                response: "{}".into(),
                ttl,
                region,
            };
            assert_eq!(guard_from(&guard_attributes(&guard)), Some(guard));
        }
    }

    #[test]
    fn cancellation_reasons_decide() {
        assert_eq!(
            classify_reasons(&["ConditionalCheckFailed", "None"]).ok(),
            Some(RecordOutcome::AlreadyRecorded)
        );
        assert_eq!(
            classify_reasons(&["TransactionConflict", "ConditionalCheckFailed"]).ok(),
            Some(RecordOutcome::AlreadyRecorded)
        );
        assert_eq!(
            classify_reasons(&["None", "TransactionConflict"]).ok(),
            Some(RecordOutcome::Conflict)
        );
        let error = classify_reasons(&["None", "ItemCollectionSizeLimitExceeded"]).unwrap_err();
        assert_eq!(
            error.code,
            "TransactionCanceledException: ItemCollectionSizeLimitExceeded"
        );
    }
}
