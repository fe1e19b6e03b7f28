//! `dynamodb_table_replica`: a global table's replica in one more region, eventually consistent (version 2019.11.21).
//!
//! API: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html>, `ReplicaUpdates`. Keys,
//! indexes, capacity mode, time to live and stream are the source table's and synchronised by AWS; recovery, deletion
//! protection, class, key and tags belong to each replica. Requirements: P-12 (a key of its own in every region),
//! R-12 (stream), R-13.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{
    CreateReplicationGroupMemberAction, DeleteReplicationGroupMemberAction, ReplicaDescription, ReplicaStatus,
    ReplicationGroupUpdate, StreamViewType, TableClass, TableDescription, TableStatus,
};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::call::Poll;
use super::checks::Checks;
use super::dynamodb_table::global::{in_region, other_replicas};
use super::dynamodb_table::{DynamodbTable, GONE, observed_recovery, validate, with_advice};
use super::fields::{Fields, Seen, built};
use super::{Aws, call, found, key_ref, tags, wait_until};

/// The kind; `id` is `<table>|<region>`. The component's region is the replica's.
pub struct DynamodbTableReplica(pub Arc<Aws>);

const UPDATE: &str = "dynamodb:UpdateTable";
/// A replica is filled from a backup of the source: hours for a big table.
const LIMIT: Duration = Duration::from_hours(4);
const REST_LIMIT: Duration = Duration::from_mins(30);

static SPEC: KindSpec = KindSpec {
    name: "dynamodb_table_replica",
    settings: &[
        Setting::replace("table_name"),
        // The stream is a new one with a new replica only: updates in place leave `stream_arn` alone.
        Setting::replace("source_region").moves_outputs(),
        Setting::replace("kms_key_arn"),
        Setting::new("point_in_time_recovery"),
        Setting::new("deletion_protection_enabled"),
        Setting::new("table_class"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "stream_arn"],
    volatile_outputs: &["stream_arn"],
    holds_data: true,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "dynamodb:CreateTableReplica",
        "dynamodb:DeleteTable",
        "dynamodb:DeleteTableReplica",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:ListTagsOfResource",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        // Replication is made on the caller's authority (doc: "Security and access control for global tables").
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "iam:CreateServiceLinkedRole",
        "kms:CreateGrant",
        "kms:DescribeKey",
    ],
};

/// Waits for the turn to change a table's set of replicas: AWS takes one change at a time.
async fn changing(aws: &Aws, table: &str) -> OwnedMutexGuard<()> {
    static TABLES: OnceLock<std::sync::Mutex<HashMap<String, Arc<Mutex<()>>>>> = OnceLock::new();
    let table = TABLES
        .get_or_init(std::sync::Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(format!("{}|{table}", aws.account_id()))
        .or_default()
        .clone();
    table.lock_owned().await
}

fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((id, ""))
}

fn replica<'t>(table: &'t TableDescription, region: &str) -> Option<&'t ReplicaDescription> {
    table.replicas().iter().find(|r| r.region_name() == Some(region))
}

/// What the wait for a new replica sees.
fn progress(table: Option<&TableDescription>, region: &str) -> KindResult<Poll<()>> {
    let Some(replica) = table.and_then(|table| replica(table, region)) else {
        return Ok(Poll::Pending("not listed yet".into()));
    };
    match replica.replica_status() {
        Some(ReplicaStatus::Active) => Ok(Poll::Ready(())),
        Some(status @ (ReplicaStatus::CreationFailed | ReplicaStatus::InaccessibleEncryptionCredentials)) => {
            let reason = replica.replica_status_description().unwrap_or("AWS gives no reason");
            Err(KindError::Failed {
                operation: UPDATE.into(),
                message: format!("the replica in {region} is {status}: {reason}"),
            })
        }
        status => Ok(Poll::Pending(
            status.map_or("unknown", ReplicaStatus::as_str).to_owned(),
        )),
    }
}

impl DynamodbTableReplica {
    fn tables(&self) -> DynamodbTable {
        DynamodbTable(self.0.clone())
    }

    fn outputs(&self, cx: &Context, name: &str, table: Option<&TableDescription>) -> Outputs {
        let stream = table.and_then(|t| t.latest_stream_arn()).unwrap_or_default();
        Outputs::from([
            ("id".into(), format!("{name}|{}", cx.region)),
            ("arn".into(), self.tables().arn(cx, name)),
            ("stream_arn".into(), stream.into()),
        ])
    }

    /// The source at rest, and fit for replicas.
    async fn source(&self, source: &Context, name: &str) -> KindResult<TableDescription> {
        let refused = |message: String| KindError::Failed {
            operation: UPDATE.into(),
            message,
        };
        if self.tables().describe(source, name).await?.is_none() {
            return Err(refused(format!(
                "table {name} does not exist in {}: nothing to replicate",
                source.region
            )));
        }
        let table = self.tables().at_rest(source, name, REST_LIMIT).await?;
        let stream = table.stream_specification().filter(|s| s.stream_enabled);
        let view = stream.and_then(|s| s.stream_view_type());
        if view != Some(&StreamViewType::NewAndOldImages) {
            return Err(refused(format!(
                "table {name} in {} needs a stream with NEW_AND_OLD_IMAGES to be replicated",
                source.region
            )));
        }
        Ok(table)
    }

    /// Adds the replica and waits until it is filled. Repeatable.
    async fn add(&self, cx: &Context, name: &str, desired: &Settings) -> KindResult<()> {
        let source = in_region(cx, desired.text("source_region")?);
        let turn = changing(&self.0, name).await;
        let table = self.source(&source, name).await?;
        if replica(&table, &cx.region).is_none() {
            let create = CreateReplicationGroupMemberAction::builder()
                .region_name(&cx.region)
                .set_kms_master_key_id(desired.opt_string("kms_key_arn"))
                .set_table_class_override(desired.opt_text("table_class").map(TableClass::from));
            let update = ReplicationGroupUpdate::builder()
                .create(built(UPDATE, create.build())?)
                .build();
            let client = self.0.dynamodb(&source.region);
            call(cx, UPDATE, || {
                client
                    .update_table()
                    .table_name(name)
                    .replica_updates(update.clone())
                    .send()
            })
            .await?;
        }
        cx.created(&self.outputs(cx, name, None));
        wait_until("dynamodb:DescribeTable", "replica ACTIVE", LIMIT, || async {
            progress(self.tables().describe(&source, name).await?.as_ref(), &cx.region)
        })
        .await?;
        drop(turn);
        Ok(())
    }

    /// Takes the replica out of the global table, or deletes a table that has become one of its own.
    async fn remove(&self, cx: &Context, name: &str, recorded: &Settings) -> KindResult<()> {
        let Some(source_region) = recorded.opt_text("source_region") else {
            return self.delete_table(cx, name).await;
        };
        let source = in_region(cx, source_region);
        let turn = changing(&self.0, name).await;
        let table = self.tables().describe(&source, name).await?;
        let is_member = table.is_some_and(|table| replica(&table, &cx.region).is_some());
        if !is_member {
            return self.delete_table(cx, name).await;
        }
        self.tables().at_rest(&source, name, REST_LIMIT).await?;
        let delete = DeleteReplicationGroupMemberAction::builder().region_name(&cx.region);
        let update = ReplicationGroupUpdate::builder()
            .delete(built(UPDATE, delete.build())?)
            .build();
        let client = self.0.dynamodb(&source.region);
        let answer = call(cx, UPDATE, || {
            client
                .update_table()
                .table_name(name)
                .replica_updates(update.clone())
                .send()
        })
        .await;
        answer.map_err(|error| with_advice(error, name))?;
        wait_until("dynamodb:DescribeTable", "replica gone", LIMIT, || async {
            let table = self.tables().describe(&source, name).await?;
            Ok(match table.as_ref().and_then(|table| replica(table, &cx.region)) {
                None => Poll::Ready(()),
                Some(replica) => {
                    let status = replica.replica_status().map_or("unknown", ReplicaStatus::as_str);
                    Poll::Pending(status.to_owned())
                }
            })
        })
        .await?;
        drop(turn);
        Ok(())
    }

    async fn delete_table(&self, cx: &Context, name: &str) -> KindResult<()> {
        let client = self.0.dynamodb(&cx.region);
        let answer = call(cx, "dynamodb:DeleteTable", || {
            client.delete_table().table_name(name).send()
        })
        .await;
        found(answer, GONE)
            .map(|_| ())
            .map_err(|error| with_advice(error, name))
    }

    /// The table in this region, unless it is on its way out.
    async fn alive(&self, cx: &Context, name: &str) -> KindResult<Option<TableDescription>> {
        let table = self.tables().describe(cx, name).await?;
        Ok(table.filter(|t| t.table_status() != Some(&TableStatus::Deleting)))
    }

    /// An interrupted run may have left the replica without tags; then the source's tell whose it is.
    async fn is_ours(&self, cx: &Context, name: &str, source_region: &str) -> KindResult<bool> {
        let own = self.tables().tags_of(cx, name).await?;
        if own.contains_key(tags::STACK_TAG) {
            return Ok(tags::owned(cx, &own));
        }
        let source = self.tables().tags_of(&in_region(cx, source_region), name).await;
        Ok(found(source, GONE)?.is_some_and(|tags| tags.get(tags::STACK_TAG) == Some(&cx.stack)))
    }
}

#[async_trait]
impl Kind for DynamodbTableReplica {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["table_name", "source_region"]);
        validate::common(&mut checks);
        if let Some(message) = validate::recovery(settings) {
            checks.wrong("point_in_time_recovery", message);
        }
        let is_arn = |text: &str| text.starts_with("arn:") && text.contains(":kms:");
        if checks.known_text("kms_key_arn").is_some_and(|text| !is_arn(text)) {
            checks.wrong("kms_key_arn", "must be the ARN of a KMS key in the replica's region");
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let name = desired.text("table_name")?;
        self.add(cx, name, desired).await?;
        let tables = self.tables();
        let table = tables.at_rest(cx, name, REST_LIMIT).await?;
        let outputs = self.outputs(cx, name, Some(&table));
        cx.created(&outputs);
        tables.put_tags(cx, name, tags::wanted(desired)).await?;
        if desired.value("point_in_time_recovery").is_some() {
            tables.set_recovery(cx, name, desired).await?;
        }
        if desired.opt_bool("deletion_protection_enabled")? == Some(true) {
            tables.protect(cx, name, true).await?;
        }
        Ok(outputs)
    }

    /// Asks only the replica's own region: another region's failure must not hide it.
    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let (name, _) = parts(id);
        let Some(table) = self.alive(cx, name).await? else {
            return Ok(None);
        };
        let tables = self.tables();
        let rest = async { futures::try_join!(tables.tags_of(cx, name), tables.recovery(cx, name)) };
        let Some((tags, recovery)) = found(rest.await, &["ResourceNotFoundException", "TableNotFoundException"])?
        else {
            return Ok(None);
        };
        let group = other_replicas(&table, &cx.region);
        let wanted_source = recorded.opt_text("source_region");
        let source = match wanted_source {
            Some(wanted) => group.iter().find(|region| *region == wanted),
            None => group.first(),
        };
        let wanted_key = recorded.opt_text("kms_key_arn");
        let key = table.sse_description().and_then(|sse| sse.kms_master_key_arn());
        let class = table.table_class_summary().and_then(|s| s.table_class());
        let mut seen = Seen::default();
        seen.put("table_name", Some(name))
            // Not in the group any more: shown as missing, so that the plan says it.
            .put("source_region", source.map(String::as_str))
            // The key is told for the AWS managed one too; where none was wanted, none is shown.
            .put(
                "kms_key_arn",
                wanted_key.and(key).map(|key| key_ref::as_wanted(wanted_key, key)),
            )
            .put("point_in_time_recovery", observed_recovery(recovery.as_ref(), recorded))
            .put_unless_default(
                "deletion_protection_enabled",
                table.deletion_protection_enabled().or(Some(false)),
                false,
                recorded,
            )
            .put_unless_default(
                "table_class",
                class.map(TableClass::as_str).or(Some("STANDARD")),
                "STANDARD",
                recorded,
            )
            .put("tags", tags::setting(tags));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, name, Some(&table)),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let (name, _) = parts(id);
        let tables = self.tables();
        if change.has("table_class") {
            tables.set_class(cx, name, change.after).await?;
        }
        if change.has("point_in_time_recovery") {
            tables.set_recovery(cx, name, change.after).await?;
        }
        if change.has("deletion_protection_enabled") {
            let on = change.after.opt_bool("deletion_protection_enabled")?.unwrap_or(false);
            tables.protect(cx, name, on).await?;
        }
        if change.has("tags") {
            tables.update_tags(cx, name, change).await?;
        }
        let table = tables.describe(cx, name).await?;
        Ok(self.outputs(cx, name, table.as_ref()))
    }

    async fn delete(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<()> {
        let (name, _) = parts(id);
        let Some(table) = self.tables().describe(cx, name).await? else {
            return Ok(());
        };
        if table.table_status() != Some(&TableStatus::Deleting) {
            if cx.force_destroy {
                self.tables().unprotect(cx, name).await?;
            } else if table.deletion_protection_enabled() == Some(true) {
                let error = KindError::Service {
                    operation: UPDATE.into(),
                    code: "ValidationException".into(),
                    message: "the replica is protected against deletion".into(),
                    request_id: None,
                    status: None,
                };
                return Err(with_advice(error, name));
            }
            self.remove(cx, name, recorded).await?;
        }
        wait_until("dynamodb:DescribeTable", "table gone", REST_LIMIT, || async {
            Ok(match self.tables().describe(cx, name).await? {
                None => Poll::Ready(()),
                Some(_) => Poll::Pending("still there".into()),
            })
        })
        .await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let (name, source) = (desired.text("table_name")?, desired.text("source_region")?);
        let Some(table) = self.alive(cx, name).await? else {
            return Ok(None);
        };
        let id = format!("{name}|{}", cx.region);
        if cx.known_ids.contains(&id) {
            return Ok(None);
        }
        let is_replica = other_replicas(&table, &cx.region).iter().any(|region| region == source);
        if is_replica && self.is_ours(cx, name, source).await? {
            self.tables().at_rest(cx, name, LIMIT).await?;
            return Ok(Some(id));
        }
        Err(KindError::NotOwned {
            operation: "dynamodb:DescribeTable".into(),
            message: format!(
                "table {name} exists in {} already and is not a replica that {} of {} made",
                cx.region, cx.key, cx.stack
            ),
        })
    }

    fn normalise(&self, _setting: &str, value: &Value) -> Value {
        tap_engine::json::normalise(value, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(status: ReplicaStatus) -> TableDescription {
        let replica = ReplicaDescription::builder()
            .region_name("eu-west-1")
            .replica_status(status)
            .replica_status_description("no access to the key");
        TableDescription::builder().replicas(replica.build()).build()
    }

    #[test]
    fn a_replica_that_cannot_be_made_fails_with_awss_reason_instead_of_waiting() {
        assert!(matches!(
            progress(Some(&table(ReplicaStatus::Active)), "eu-west-1"),
            Ok(Poll::Ready(()))
        ));
        assert!(matches!(
            progress(Some(&table(ReplicaStatus::Creating)), "eu-west-1"),
            Ok(Poll::Pending(_))
        ));
        assert!(matches!(
            progress(Some(&table(ReplicaStatus::Active)), "eu-west-2"),
            Ok(Poll::Pending(_))
        ));
        let error = progress(Some(&table(ReplicaStatus::CreationFailed)), "eu-west-1").unwrap_err();
        assert!(error.to_string().contains("no access to the key"), "{error}");
    }

    #[test]
    fn the_key_is_an_arn_of_the_replicas_region_r_13() {
        let kind = DynamodbTableReplica(super::super::testing::aws());
        let settings: Settings = serde_json::from_value(serde_json::json!({
            "table_name": "payments", "source_region": "us-east-1", "kms_key_arn": "alias/data",
        }))
        .unwrap();
        assert_eq!(kind.validate(&settings)[0].0, "kms_key_arn");
    }
}
