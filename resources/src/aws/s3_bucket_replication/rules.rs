//! The rules, as settings and as the SDK's types. They are always written in the newer form, with a filter: only that
//! one knows delete markers and replication time.

use std::collections::BTreeSet;

use aws_sdk_s3::types as sdk;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tap_engine::KindResult;
use tap_engine::reference::references;

use super::super::fields::built;
use super::PUT;

/// doc: `ReplicationTimeValue`: "Valid value: 15".
const REPLICATION_TIME: i32 = 15;
/// doc: replication configuration, "up to 1,000 rules".
const MOST_RULES: usize = 1000;

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    id: String,
    #[serde(default)]
    priority: i32,
    #[serde(default = "enabled")]
    status: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    delete_marker_replication: bool,
    #[serde(default)]
    source_kms_encrypted: bool,
    destination: Destination,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replication_time_minutes: Option<i32>,
    #[serde(default)]
    metrics: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Destination {
    bucket_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage_class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replica_kms_key_arn: Option<String>,
}

fn enabled() -> String {
    "Enabled".to_owned()
}

pub(super) fn to_sdk(rules: &[Rule]) -> KindResult<Vec<sdk::ReplicationRule>> {
    rules.iter().map(Rule::to_sdk).collect()
}

pub(super) fn from_sdk(rules: &[sdk::ReplicationRule]) -> Value {
    let rules: Vec<Rule> = rules.iter().map(Rule::from_sdk).collect();
    serde_json::to_value(rules).unwrap_or_default()
}

/// All defaults written out and sorted by id, so that equal rules are equal text.
pub(super) fn normalise(value: &Value) -> Value {
    let Ok(rules) = serde_json::from_value::<Vec<Rule>>(value.clone()) else {
        return tap_engine::json::normalise(value, true);
    };
    let mut rules: Vec<Rule> = rules.into_iter().map(Rule::with_measured_time).collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let value = serde_json::to_value(rules).unwrap_or_default();
    tap_engine::json::normalise(&value, false)
}

impl Rule {
    fn to_sdk(&self) -> KindResult<sdk::ReplicationRule> {
        let markers = if self.delete_marker_replication {
            sdk::DeleteMarkerReplicationStatus::Enabled
        } else {
            sdk::DeleteMarkerReplicationStatus::Disabled
        };
        let rule = sdk::ReplicationRule::builder()
            .id(&self.id)
            .priority(self.priority)
            .status(self.status.as_str().into())
            .filter(sdk::ReplicationRuleFilter::builder().prefix(&self.prefix).build())
            .delete_marker_replication(sdk::DeleteMarkerReplication::builder().status(markers).build())
            .set_source_selection_criteria(self.selection()?)
            .destination(self.destination()?);
        built(PUT, rule.build())
    }

    /// Objects under a KMS key are passed over unless they are asked for.
    fn selection(&self) -> KindResult<Option<sdk::SourceSelectionCriteria>> {
        if !self.source_kms_encrypted {
            return Ok(None);
        }
        let encrypted = sdk::SseKmsEncryptedObjects::builder().status(sdk::SseKmsEncryptedObjectsStatus::Enabled);
        Ok(Some(
            sdk::SourceSelectionCriteria::builder()
                .sse_kms_encrypted_objects(built(PUT, encrypted.build())?)
                .build(),
        ))
    }

    fn destination(&self) -> KindResult<sdk::Destination> {
        let encryption = self
            .destination
            .replica_kms_key_arn
            .as_ref()
            .map(|key| sdk::EncryptionConfiguration::builder().replica_kms_key_id(key).build());
        let time = self
            .replication_time_minutes
            .map(|minutes| sdk::ReplicationTimeValue::builder().minutes(minutes).build());
        let control = time.clone().map(|time| {
            let control = sdk::ReplicationTime::builder().status(sdk::ReplicationTimeStatus::Enabled);
            built(PUT, control.time(time).build())
        });
        // Replication time is measured: AWS wants the metrics with it.
        let metrics = (self.metrics || time.is_some()).then(|| {
            let metrics = sdk::Metrics::builder().status(sdk::MetricsStatus::Enabled);
            built(PUT, metrics.set_event_threshold(time).build())
        });
        let class = self.destination.storage_class.as_deref().map(sdk::StorageClass::from);
        let destination = sdk::Destination::builder()
            .bucket(&self.destination.bucket_arn)
            .set_storage_class(class)
            .set_encryption_configuration(encryption)
            .set_replication_time(control.transpose()?)
            .set_metrics(metrics.transpose()?);
        built(PUT, destination.build())
    }

    fn from_sdk(rule: &sdk::ReplicationRule) -> Self {
        let destination = rule.destination.as_ref();
        let time = destination
            .and_then(|d| d.replication_time.as_ref())
            .filter(|time| time.status == sdk::ReplicationTimeStatus::Enabled);
        let metrics = destination.and_then(|d| d.metrics.as_ref());
        let selection = rule.source_selection_criteria.as_ref();
        let encrypted = selection.and_then(|s| s.sse_kms_encrypted_objects.as_ref());
        let markers = rule.delete_marker_replication.as_ref().and_then(|m| m.status.as_ref());
        Self {
            id: rule.id.clone().unwrap_or_default(),
            priority: rule.priority.unwrap_or_default(),
            status: rule.status.as_str().to_owned(),
            prefix: prefix_of(rule),
            delete_marker_replication: markers == Some(&sdk::DeleteMarkerReplicationStatus::Enabled),
            source_kms_encrypted: encrypted.is_some_and(|e| e.status == sdk::SseKmsEncryptedObjectsStatus::Enabled),
            destination: Destination {
                bucket_arn: destination.map(|d| d.bucket.clone()).unwrap_or_default(),
                storage_class: destination
                    .and_then(|d| d.storage_class.as_ref())
                    .map(|class| class.as_str().to_owned()),
                replica_kms_key_arn: destination
                    .and_then(|d| d.encryption_configuration.as_ref())
                    .and_then(|e| e.replica_kms_key_id.clone()),
            },
            replication_time_minutes: time.and_then(|t| t.time.as_ref()).and_then(|t| t.minutes),
            metrics: metrics.is_some_and(|m| m.status == sdk::MetricsStatus::Enabled),
        }
    }

    fn with_measured_time(mut self) -> Self {
        self.metrics |= self.replication_time_minutes.is_some();
        self
    }

    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut say = |message: &str| mistakes.push(format!("rule {}: {message}", self.id));
        if self.id.is_empty() || self.id.chars().count() > 255 {
            say("id has 1 to 255 characters");
        }
        if !["Enabled", "Disabled"].contains(&self.status.as_str()) {
            say("status is Enabled or Disabled");
        }
        if self.priority < 0 {
            say("priority is 0 or more");
        }
        if self.replication_time_minutes.is_some_and(|m| m != REPLICATION_TIME) {
            say("replication_time_minutes is 15, the only time that AWS offers");
        }
        if self.source_kms_encrypted && self.destination.replica_kms_key_arn.is_none() {
            say("source_kms_encrypted needs destination.replica_kms_key_arn, a key in the destination's region");
        }
        let arn = &self.destination.bucket_arn;
        if references(&Value::String(arn.clone())).is_empty() && !arn.contains(":s3:::") {
            say("destination.bucket_arn must be the ARN of a bucket");
        }
        mistakes
    }
}

/// The filter's prefix, wherever the rule says it.
fn prefix_of(rule: &sdk::ReplicationRule) -> String {
    let filter = rule.filter.as_ref();
    let in_filter = filter.and_then(|f| f.prefix.clone());
    let in_and = filter.and_then(|f| f.and.as_ref()).and_then(|and| and.prefix.clone());
    #[allow(deprecated, reason = "rules without a filter have it nowhere else")]
    let own = rule.prefix.clone();
    in_filter.or(in_and).or(own).unwrap_or_default()
}

/// What is wrong with the rules, at plan time.
pub(super) fn mistakes(rules: &[Rule]) -> Vec<String> {
    let mut mistakes: Vec<String> = rules.iter().flat_map(Rule::mistakes).collect();
    if rules.is_empty() || rules.len() > MOST_RULES {
        mistakes.push(format!("1 to {MOST_RULES} rules, not {}", rules.len()));
    }
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    if ids.len() != rules.len() {
        mistakes.push("every rule needs an id of its own".to_owned());
    }
    let priorities: BTreeSet<i32> = rules.iter().map(|rule| rule.priority).collect();
    if priorities.len() != rules.len() {
        mistakes.push("every rule needs a priority of its own".to_owned());
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(value: Value) -> Rule {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_rule_reads_back_as_it_was_written_r_14() {
        let full = rule(json!({
            "id": "receipts", "priority": 1, "prefix": "audit/", "delete_marker_replication": true,
            "source_kms_encrypted": true, "replication_time_minutes": 15, "metrics": true,
            "destination": {
                "bucket_arn": "arn:aws:s3:::b", "storage_class": "STANDARD_IA",
                "replica_kms_key_arn": "arn:aws:kms:eu-west-1:1:key/k",
            },
        }));
        assert_eq!(Rule::from_sdk(&full.to_sdk().unwrap()), full);
        let plain = rule(json!({"id": "all", "destination": {"bucket_arn": "arn:aws:s3:::b"}}));
        assert_eq!(Rule::from_sdk(&plain.to_sdk().unwrap()), plain);
    }

    #[test]
    fn defaults_and_order_are_no_difference() {
        let short = json!([
            {"id": "b", "priority": 1, "destination": {"bucket_arn": "x"}, "replication_time_minutes": 15},
            {"id": "a", "destination": {"bucket_arn": "x"}},
        ]);
        let long = json!([
            {"id": "a", "priority": 0, "status": "Enabled", "prefix": "", "delete_marker_replication": false,
             "source_kms_encrypted": false, "metrics": false, "destination": {"bucket_arn": "x"}},
            {"id": "b", "priority": 1, "destination": {"bucket_arn": "x"}, "replication_time_minutes": 15, "metrics": true},
        ]);
        assert_eq!(normalise(&short), normalise(&long));
    }

    #[test]
    fn encrypted_objects_need_the_replicas_key_and_ids_are_unique_r_14() {
        let wrong = rule(json!({
            "id": "a", "source_kms_encrypted": true, "replication_time_minutes": 5,
            "destination": {"bucket_arn": "bucket"},
        }));
        let all = mistakes(&[wrong.clone(), wrong]);
        assert_eq!(all.len(), 8, "{all:#?}");
        let open = rule(json!({"id": "a", "destination": {"bucket_arn": "${eu-west-1/s3_bucket.receipts.arn}"}}));
        assert_eq!(mistakes(&[open]), Vec::<String>::new());
    }
}
