//! What is there to reconcile: payments that are stuck (N-14), and payments that two regions have accepted.
#![allow(missing_docs, reason = "the fields are described in the schema")]

use serde::Deserialize;

use super::config::Payment;
use crate::composite::parts::{Function, Index};

#[derive(Debug, Clone, Deserialize)]
pub struct Reconciliation {
    /// `None`: where there is something to reconcile.
    pub enabled: Option<bool>,
    #[serde(flatten)]
    pub function: Function,
    pub schedule_expression: String,
    pub stuck_after_seconds: i64,
    pub max_payments_per_run: i64,
}

impl Payment {
    /// The attribute with a payment's status.
    pub fn status_attribute(&self) -> &'static str {
        match self.table.attribute_style.as_str() {
            "pascal_case" => "Status",
            _ => "status",
        }
    }

    /// The attribute that indexes on the status have in its place where it is sharded.
    pub fn status_shard_attribute(&self) -> &'static str {
        match self.table.attribute_style.as_str() {
            "pascal_case" => "StatusShard",
            _ => "status_shard",
        }
    }

    /// The index that finds payments by their status, as it is written in the configuration.
    pub fn status_index(&self) -> Option<&Index> {
        let attribute = self.status_attribute();
        let indexes = &self.table.global_secondary_indexes;
        indexes.iter().find(|index| index.hash_key == attribute)
    }

    /// Whether a payment can be left waiting for accounting: its message is a step of its own.
    pub fn queues_payments(&self) -> bool {
        self.processor.enabled && self.queue.enabled && self.processor.response_mode == "queue"
    }

    /// Whether stuck payments are looked for.
    pub fn sweeps(&self) -> bool {
        self.reconciliation.enabled != Some(false) && self.queues_payments() && self.status_index().is_some()
    }

    /// Whether payments are looked for that two of so many regions have accepted: strong consistency lets none through,
    /// and without guard records nothing would show them.
    pub fn detects_conflicts(&self, regions: usize) -> bool {
        self.reconciliation.enabled != Some(false) && self.can_conflict(regions) && self.idempotency.enabled
    }

    /// Whether two of so many regions can accept one payment.
    pub fn can_conflict(&self, regions: usize) -> bool {
        self.processor.enabled && regions > 1 && !self.is_strong()
    }
}
