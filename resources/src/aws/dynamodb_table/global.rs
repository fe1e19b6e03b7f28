//! A table with multi-Region strong consistency: its replicas and witness come and go with it, in one
//! `UpdateTable` each, while the table is empty
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html>).
//! Replicas with eventual consistency are components of their own: `dynamodb_table_replica`.
//!
//! Tags, recovery, deletion protection and stream are kept by region and never synchronised (there, "Settings
//! synchronization"): the replicas get the table's, or their own from `replica_settings`. A witness has none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    CreateGlobalTableWitnessGroupMemberAction, CreateReplicationGroupMemberAction,
    DeleteGlobalTableWitnessGroupMemberAction, DeleteReplicationGroupMemberAction, GlobalTableWitnessGroupUpdate,
    MultiRegionConsistency, ReplicaStatus, ReplicationGroupUpdate, TableDescription, WitnessStatus,
};
use serde::{Deserialize, Serialize};
use tap_engine::{Change, Context, KindResult, Settings};

use super::super::checks::Checks;
use super::super::fields::{Fields, Seen, built};
use super::super::{call, key_ref, tags};
use super::shape::PointInTimeRecovery;
use super::{DynamodbTable, json_of, observed_recovery, tag_list};

const UPDATE: &str = "dynamodb:UpdateTable";
/// Replicas of an empty table take minutes.
const LIMIT: Duration = Duration::from_hours(1);
/// The sets inside which strong consistency exists (doc: "MRSC", supported Regions).
const REGION_SETS: &[&[&str]] = &[
    &["us-east-1", "us-east-2", "us-west-2"],
    &["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"],
    &["ap-northeast-1", "ap-northeast-2", "ap-northeast-3"],
];

/// One replica besides the table itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StrongReplica {
    region_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<String>,
}

/// One value of `replica_settings`: what a replica has in place of the table's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    point_in_time_recovery: Option<PointInTimeRecovery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_protection_enabled: Option<bool>,
}

fn own_settings(settings: &Settings) -> KindResult<BTreeMap<String, OwnSettings>> {
    Ok(settings.parse("replica_settings")?.unwrap_or_default())
}

/// The table's settings as they hold in a replica.
fn in_replica(settings: &Settings, region: &str) -> Settings {
    let mut there = settings.clone();
    let own = settings
        .value("replica_settings")
        .and_then(|all| all[region].as_object());
    for (name, value) in own.into_iter().flatten() {
        there.insert(name.clone(), value.clone());
    }
    there
}

fn replicas_of(settings: &Settings) -> KindResult<Vec<StrongReplica>> {
    Ok(settings.parse("strong_replicas")?.unwrap_or_default())
}

pub(super) fn is_strong(settings: &Settings) -> bool {
    settings.opt_text("multi_region_consistency") == Some(MultiRegionConsistency::Strong.as_str())
}

/// The same component's context in another region.
pub(in crate::aws) fn in_region(cx: &Context, region: &str) -> Context {
    Context {
        region: region.to_owned(),
        ..cx.clone()
    }
}

impl DynamodbTable {
    /// Makes the empty table strongly consistent, unless it is already; settles the replicas' own settings.
    pub(super) async fn make_strong(&self, cx: &Context, name: &str, desired: &Settings) -> KindResult<()> {
        let replicas = replicas_of(desired)?;
        let table = self.at_rest(cx, name, LIMIT).await?;
        if table.replicas().is_empty() {
            let create = |replica: &StrongReplica| {
                let create = CreateReplicationGroupMemberAction::builder()
                    .region_name(&replica.region_name)
                    .set_kms_master_key_id(replica.kms_key_arn.clone());
                Ok(ReplicationGroupUpdate::builder()
                    .create(built(UPDATE, create.build())?)
                    .build())
            };
            let updates: Vec<ReplicationGroupUpdate> = replicas.iter().map(create).collect::<KindResult<_>>()?;
            let witness = desired.opt_text("witness_region").map(|region| {
                let create = CreateGlobalTableWitnessGroupMemberAction::builder().region_name(region);
                built(UPDATE, create.build())
            });
            let witness = witness
                .transpose()?
                .map(|create| vec![GlobalTableWitnessGroupUpdate::builder().create(create).build()]);
            let client = self.0.dynamodb(&cx.region);
            call(cx, UPDATE, || {
                client
                    .update_table()
                    .table_name(name)
                    .multi_region_consistency(MultiRegionConsistency::Strong)
                    .set_replica_updates(Some(updates.clone()))
                    .set_global_table_witness_updates(witness.clone())
                    .send()
            })
            .await?;
            self.at_rest(cx, name, LIMIT).await?;
        }
        for replica in &replicas {
            let wanted = in_replica(desired, &replica.region_name);
            let there = in_region(cx, &replica.region_name);
            self.settle(&there, name, &wanted, &|setting| wanted.value(setting).is_some())
                .await?;
        }
        Ok(())
    }

    /// Brings what replicas keep for themselves in line with the table.
    pub(super) async fn update_strong(&self, cx: &Context, name: &str, change: &Change<'_>) -> KindResult<()> {
        for replica in replicas_of(change.after)? {
            let there = in_region(cx, &replica.region_name);
            if change.has("tags") {
                self.update_tags(&there, name, change).await?;
            }
            let wanted = in_replica(change.after, &replica.region_name);
            self.settle(&there, name, &wanted, &|setting| {
                setting != "tags" && change.any(&[setting, "replica_settings"])
            })
            .await?;
        }
        Ok(())
    }

    /// Sets these of a replica's own settings.
    async fn settle(
        &self,
        there: &Context,
        name: &str,
        wanted: &Settings,
        is_due: &(dyn Fn(&str) -> bool + Sync),
    ) -> KindResult<()> {
        if is_due("tags") {
            self.put_tags(there, name, tags::wanted(wanted)).await?;
        }
        if is_due("point_in_time_recovery") {
            self.set_recovery(there, name, wanted).await?;
        }
        if is_due("deletion_protection_enabled") {
            let on = wanted.opt_bool("deletion_protection_enabled")?.unwrap_or(false);
            let table = self.describe(there, name).await?;
            if table.and_then(|t| t.deletion_protection_enabled).unwrap_or(false) != on {
                self.protect(there, name, on).await?;
            }
        }
        if is_due("stream_view_type") {
            self.set_stream(there, name, wanted).await?;
        }
        Ok(())
    }

    /// `replica_settings` as they are; a replica that is gone has none.
    pub(super) async fn own_of_replicas(
        &self,
        cx: &Context,
        name: &str,
        recorded: &Settings,
    ) -> KindResult<Option<serde_json::Value>> {
        let mut seen = BTreeMap::new();
        for (region, wanted) in own_settings(recorded)? {
            let there = in_region(cx, &region);
            let Some(table) = self.describe(&there, name).await? else {
                continue;
            };
            let recovery = match &wanted.point_in_time_recovery {
                Some(_) => self.recovery(&there, name).await?,
                None => None,
            };
            let recovery = observed_recovery(recovery.as_ref(), &in_replica(recorded, &region));
            let own = OwnSettings {
                point_in_time_recovery: recovery
                    .filter(|_| wanted.point_in_time_recovery.is_some())
                    .and_then(|value| serde_json::from_value(value).ok()),
                deletion_protection_enabled: wanted
                    .deletion_protection_enabled
                    .map(|_| table.deletion_protection_enabled.unwrap_or(false)),
            };
            seen.insert(region, own);
        }
        Ok(json_of((!seen.is_empty()).then_some(seen)))
    }

    /// Writes tags of the table in the context's region.
    pub(in crate::aws) async fn put_tags(&self, cx: &Context, name: &str, tags: tags::Tags) -> KindResult<()> {
        if tags.is_empty() {
            return Ok(());
        }
        let client = self.0.dynamodb(&cx.region);
        let (arn, list) = (self.arn(cx, name), tag_list(tags)?);
        call(cx, "dynamodb:TagResource", || {
            client
                .tag_resource()
                .resource_arn(&arn)
                .set_tags(Some(list.clone()))
                .send()
        })
        .await
        .map(|_| ())
    }

    /// Back to a table in one region: all other replicas and the witness in one action, as AWS wants it.
    pub(super) async fn make_single(&self, cx: &Context, name: &str, table: &TableDescription) -> KindResult<()> {
        if table.multi_region_consistency() != Some(&MultiRegionConsistency::Strong) {
            return Ok(());
        }
        let others = other_replicas(table, &cx.region);
        let witnesses: Vec<String> = table
            .global_table_witnesses()
            .iter()
            .filter_map(|w| w.region_name.clone())
            .collect();
        if others.is_empty() && witnesses.is_empty() {
            return Ok(());
        }
        if cx.force_destroy {
            for region in &others {
                self.unprotect(&in_region(cx, region), name).await?;
            }
        }
        let delete = |region: &String| {
            let delete = DeleteReplicationGroupMemberAction::builder().region_name(region);
            Ok(ReplicationGroupUpdate::builder()
                .delete(built(UPDATE, delete.build())?)
                .build())
        };
        let updates: Vec<ReplicationGroupUpdate> = others.iter().map(delete).collect::<KindResult<_>>()?;
        let delete = |region: &String| {
            let delete = DeleteGlobalTableWitnessGroupMemberAction::builder().region_name(region);
            Ok(GlobalTableWitnessGroupUpdate::builder()
                .delete(built(UPDATE, delete.build())?)
                .build())
        };
        let witnesses: Vec<GlobalTableWitnessGroupUpdate> = witnesses.iter().map(delete).collect::<KindResult<_>>()?;
        let client = self.0.dynamodb(&cx.region);
        call(cx, UPDATE, || {
            client
                .update_table()
                .table_name(name)
                .set_replica_updates(Some(updates.clone()).filter(|u| !u.is_empty()))
                .set_global_table_witness_updates(Some(witnesses.clone()).filter(|w| !w.is_empty()))
                .send()
        })
        .await?;
        self.at_rest(cx, name, LIMIT).await?;
        Ok(())
    }

    /// Takes deletion protection off, where it is on.
    pub(in crate::aws) async fn unprotect(&self, cx: &Context, name: &str) -> KindResult<()> {
        let table = self.describe(cx, name).await?;
        if table.is_some_and(|t| t.deletion_protection_enabled() == Some(true)) {
            self.protect(cx, name, false).await?;
        }
        Ok(())
    }
}

/// Regions of the replicas besides this one. Whether AWS lists the region asked itself depends on the table's age.
pub(in crate::aws) fn other_replicas(table: &TableDescription, home: &str) -> Vec<String> {
    let regions = table.replicas().iter().filter_map(|r| r.region_name.clone());
    regions.filter(|region| region != home).collect()
}

/// What of the global table is still on its way.
pub(super) fn unrest(table: &TableDescription) -> Option<String> {
    let is_busy = |s: &&ReplicaStatus| {
        matches!(
            s,
            ReplicaStatus::Creating | ReplicaStatus::Updating | ReplicaStatus::Deleting
        )
    };
    let replica = table
        .replicas()
        .iter()
        .find_map(|r| Some((r.region_name()?, r.replica_status().filter(is_busy)?)));
    if let Some((region, status)) = replica {
        return Some(format!("replica {region} {status}"));
    }
    let is_busy = |s: &&WitnessStatus| matches!(s, WitnessStatus::Creating | WitnessStatus::Deleting);
    let mut witnesses = table.global_table_witnesses().iter();
    witnesses.find_map(|w| Some(format!("witness {}", w.witness_status().filter(is_busy)?)))
}

/// Reads the settings of this file back.
pub(super) fn observe(seen: &mut Seen, table: &TableDescription, home: &str, recorded: &Settings) {
    let consistency = table
        .multi_region_consistency()
        .unwrap_or(&MultiRegionConsistency::Eventual);
    seen.put_unless_default(
        "multi_region_consistency",
        Some(consistency.as_str()),
        "EVENTUAL",
        recorded,
    );
    if *consistency != MultiRegionConsistency::Strong {
        return;
    }
    let wanted: Vec<StrongReplica> = replicas_of(recorded).unwrap_or_default();
    let replicas = table.replicas().iter().filter_map(|replica| {
        let region = replica.region_name().filter(|region| *region != home)?;
        let key = wanted.iter().find(|w| w.region_name == region)?.kms_key_arn.as_deref();
        Some(StrongReplica {
            region_name: region.to_owned(),
            // Told for the AWS managed key too; where no key was wanted, none is shown.
            kms_key_arn: key
                .and(replica.kms_master_key_id())
                .map(|seen| key_ref::as_wanted(key, seen)),
        })
    });
    let unwanted = other_replicas(table, home)
        .into_iter()
        .filter(|region| wanted.iter().all(|w| w.region_name != *region))
        .map(|region_name| StrongReplica {
            region_name,
            kms_key_arn: None,
        });
    let replicas: Vec<StrongReplica> = replicas.chain(unwanted).collect();
    let witness = table.global_table_witnesses().first().and_then(|w| w.region_name());
    seen.put("strong_replicas", json_of((!replicas.is_empty()).then_some(replicas)))
        .put("witness_region", witness);
}

/// Plan-time rules of strong consistency.
pub(super) fn mistakes(settings: &Settings, checks: &mut Checks<'_>) {
    let name = "multi_region_consistency";
    checks.one_of(name, &["EVENTUAL", "STRONG"]);
    let replicas = match replicas_of(settings) {
        Ok(replicas) => replicas,
        Err(error) => {
            checks.wrong("strong_replicas", error.to_string());
            return;
        }
    };
    let witness = settings.opt_text("witness_region");
    if !is_strong(settings) {
        for (setting, is_set) in [
            ("strong_replicas", !replicas.is_empty()),
            ("witness_region", witness.is_some()),
            ("replica_settings", settings.value("replica_settings").is_some()),
        ] {
            if is_set {
                checks.wrong(setting, "needs multi_region_consistency = \"STRONG\"");
            }
        }
        return;
    }
    let regions: Vec<&str> = replicas
        .iter()
        .map(|r| r.region_name.as_str())
        .chain(witness)
        .filter(|region| !region.contains("${"))
        .collect();
    if replicas.len() + usize::from(witness.is_some()) != 2 || replicas.is_empty() {
        let message = "strong consistency takes two more replicas, or one more replica and a witness";
        checks.wrong("strong_replicas", message);
    }
    if regions.iter().collect::<BTreeSet<_>>().len() != regions.len() {
        checks.wrong("strong_replicas", "every region may stand once only");
    }
    if !REGION_SETS
        .iter()
        .any(|set| regions.iter().all(|region| set.contains(region)))
    {
        let sets: Vec<String> = REGION_SETS.iter().map(|set| set.join(", ")).collect();
        checks.wrong(
            "strong_replicas",
            format!("all regions must be of one set: {}", sets.join("; or ")),
        );
    }
    if settings.value("ttl_attribute").is_some() {
        checks.wrong(
            "ttl_attribute",
            "a strongly consistent global table has no time to live",
        );
    }
    own_mistakes(settings, &replicas, checks);
}

fn own_mistakes(settings: &Settings, replicas: &[StrongReplica], checks: &mut Checks<'_>) {
    let name = "replica_settings";
    let own = match own_settings(settings) {
        Ok(own) => own,
        Err(error) => {
            checks.wrong(name, error.to_string());
            return;
        }
    };
    for region in own.keys() {
        if replicas.iter().all(|replica| replica.region_name != *region) {
            checks.wrong(name, format!("{region} has no replica: it is not in strong_replicas"));
        }
        if let Some(message) = super::validate::recovery(&in_replica(settings, region)) {
            checks.wrong(name, format!("{region}: {message}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::{GlobalTableWitnessDescription, ReplicaDescription};
    use serde_json::{Value, json};

    fn wrong(more: Value) -> Vec<String> {
        let mut settings: Settings =
            serde_json::from_value(json!({"multi_region_consistency": "STRONG", "table_name": "t"})).unwrap();
        let more: Settings = serde_json::from_value(more).unwrap();
        settings.extend(more);
        let mut checks = Checks::new(&settings);
        mistakes(&settings, &mut checks);
        checks.done().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn strong_consistency_is_refused_outside_of_its_region_sets_r_22() {
        let two = json!({"strong_replicas": [{"region_name": "us-east-2"}, {"region_name": "us-west-2"}]});
        assert_eq!(wrong(two), Vec::<String>::new());
        let witness = json!({"strong_replicas": [{"region_name": "us-west-2"}], "witness_region": "us-east-2"});
        assert_eq!(wrong(witness), Vec::<String>::new());
        let far = json!({"strong_replicas": [{"region_name": "eu-west-1"}, {"region_name": "us-west-2"}]});
        assert_eq!(wrong(far), ["strong_replicas"]);
        assert_eq!(wrong(json!({"witness_region": "us-east-2"})), ["strong_replicas"]);
        let ttl = json!({"strong_replicas": [{"region_name": "us-east-2"}, {"region_name": "us-west-2"}],
            "ttl_attribute": "expires_at"});
        assert_eq!(wrong(ttl), ["ttl_attribute"]);
        let eventual = json!({"multi_region_consistency": "EVENTUAL", "witness_region": "us-east-2"});
        assert_eq!(wrong(eventual), ["witness_region"]);
    }

    #[test]
    fn only_replicas_have_recovery_of_their_own_and_a_witness_has_none_r_22() {
        let own = |region: &str, days: i32| {
            let recovery = json!({"enabled": true, "recovery_period_in_days": days});
            json!({"strong_replicas": [{"region_name": "us-west-2"}], "witness_region": "us-east-2",
                "replica_settings": {region: {"point_in_time_recovery": recovery}}})
        };
        assert_eq!(wrong(own("us-west-2", 7)), Vec::<String>::new());
        assert_eq!(wrong(own("us-west-2", 36)), ["replica_settings"]);
        assert_eq!(wrong(own("us-east-2", 7)), ["replica_settings"]);
        let eventual = json!({"multi_region_consistency": "EVENTUAL", "replica_settings": {}});
        assert_eq!(wrong(eventual), ["replica_settings"]);
    }

    #[test]
    fn replicas_and_witness_read_back_as_wanted() {
        let replica = |region: &str| {
            ReplicaDescription::builder()
                .region_name(region)
                .kms_master_key_id("arn:aws:kms:x:1:key/k")
                .replica_status(ReplicaStatus::Active)
                .build()
        };
        let table = TableDescription::builder()
            .multi_region_consistency(MultiRegionConsistency::Strong)
            .replicas(replica("us-east-1"))
            .replicas(replica("us-west-2"))
            .global_table_witnesses(
                GlobalTableWitnessDescription::builder()
                    .region_name("us-east-2")
                    .build(),
            )
            .build();
        let recorded: Settings =
            serde_json::from_value(json!({"strong_replicas": [{"region_name": "us-west-2"}]})).unwrap();
        let mut seen = Seen::default();
        observe(&mut seen, &table, "us-east-1", &recorded);
        let seen = seen.done();
        assert_eq!(seen["strong_replicas"], json!([{"region_name": "us-west-2"}]));
        assert_eq!(seen["witness_region"], json!("us-east-2"));
        assert_eq!(unrest(&table), None);
    }
}
