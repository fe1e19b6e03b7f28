//! `dynamodb_table`: an Amazon DynamoDB table in one region.
//!
//! API: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>.
//! Requirements: W-52 (own KMS key), W-58 (recovery period said explicitly), W-69 (index), R-22 (strong
//! consistency).

pub(super) mod global;
mod shape;
mod steps;
pub(super) mod validate;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{
    BillingMode, PointInTimeRecoveryDescription, PointInTimeRecoveryStatus, SseDescription, SseStatus,
    StreamSpecification, StreamViewType, TableClass, TableDescription, TableStatus, Tag, TimeToLiveStatus,
};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use self::shape::{Index, PointInTimeRecovery, Sse, Wanted};
use super::call::Poll;
use super::fields::{Fields, Seen, built};
use super::{Aws, call, found, key_ref, tags, wait_until};

/// The kind; `id` is the table's name. Output `stream_arn` is empty while there is no stream.
pub struct DynamodbTable(pub Arc<Aws>);

pub(super) const GONE: &[&str] = &["ResourceNotFoundException"];
/// doc: `PointInTimeRecoverySpecification`.
const RECOVERY_DAYS: i32 = 35;
const CREATE_LIMIT: Duration = Duration::from_mins(30);
const DELETE_LIMIT: Duration = Duration::from_mins(30);

static SPEC: KindSpec = KindSpec {
    name: "dynamodb_table",
    settings: &[
        Setting::replace("table_name"),
        Setting::replace("hash_key"),
        Setting::replace("range_key"),
        Setting::new("billing_mode"),
        Setting::new("read_capacity"),
        Setting::new("write_capacity"),
        Setting::new("global_secondary_indexes").unordered(),
        // Another view means another stream; nothing else does.
        Setting::new("stream_view_type").moves_outputs(),
        Setting::new("ttl_attribute"),
        Setting::new("point_in_time_recovery"),
        Setting::new("sse"),
        Setting::new("deletion_protection_enabled"),
        Setting::new("table_class"),
        Setting::replace("multi_region_consistency"),
        Setting::replace("strong_replicas").unordered(),
        Setting::replace("witness_region"),
        Setting::new("replica_settings"),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name", "stream_arn"],
    volatile_outputs: &["stream_arn"],
    holds_data: true,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "dynamodb:CreateTable",
        "dynamodb:DeleteTable",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:ListTagsOfResource",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        // DynamoDB checks these of whoever gives a table a KMS key (doc: "Authorizing use of a
        // customer managed key").
        "kms:CreateGrant",
        "kms:DescribeKey",
    ],
};

impl DynamodbTable {
    pub(super) fn arn(&self, cx: &Context, name: &str) -> String {
        self.0.arn("dynamodb", &cx.region, &format!("table/{name}"))
    }

    fn outputs(&self, cx: &Context, name: &str, table: Option<&TableDescription>) -> Outputs {
        let stream = table
            .filter(|t| t.stream_specification().is_some_and(|s| s.stream_enabled))
            .and_then(|t| t.latest_stream_arn());
        Outputs::from([
            ("id".into(), name.into()),
            ("arn".into(), self.arn(cx, name)),
            ("name".into(), name.into()),
            ("stream_arn".into(), stream.unwrap_or_default().into()),
        ])
    }

    pub(super) async fn describe(&self, cx: &Context, name: &str) -> KindResult<Option<TableDescription>> {
        let client = self.0.dynamodb(&cx.region);
        let answer = call(cx, "dynamodb:DescribeTable", || {
            client.describe_table().table_name(name).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| a.table))
    }

    pub(super) async fn tags_of(&self, cx: &Context, name: &str) -> KindResult<tags::Tags> {
        let client = self.0.dynamodb(&cx.region);
        let arn = self.arn(cx, name);
        let mut all = tags::Tags::new();
        let mut token = None;
        loop {
            let page = call(cx, "dynamodb:ListTagsOfResource", || {
                client
                    .list_tags_of_resource()
                    .resource_arn(&arn)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
            all.extend(page.tags.unwrap_or_default().into_iter().map(|t| (t.key, t.value)));
            token = page.next_token;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    async fn ttl_attribute(&self, cx: &Context, name: &str) -> KindResult<Option<String>> {
        let client = self.0.dynamodb(&cx.region);
        let answer = call(cx, "dynamodb:DescribeTimeToLive", || {
            client.describe_time_to_live().table_name(name).send()
        })
        .await?;
        let is_on = |s: &TimeToLiveStatus| matches!(s, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling);
        let ttl = answer.time_to_live_description;
        Ok(ttl
            .filter(|ttl| ttl.time_to_live_status().is_some_and(is_on))
            .and_then(|ttl| ttl.attribute_name))
    }

    pub(super) async fn recovery(
        &self,
        cx: &Context,
        name: &str,
    ) -> KindResult<Option<PointInTimeRecoveryDescription>> {
        let client = self.0.dynamodb(&cx.region);
        let answer = call(cx, "dynamodb:DescribeContinuousBackups", || {
            client.describe_continuous_backups().table_name(name).send()
        })
        .await?;
        let backups = answer.continuous_backups_description;
        Ok(backups.and_then(|b| b.point_in_time_recovery_description))
    }

    async fn create_table(&self, cx: &Context, name: &str, desired: &Settings) -> KindResult<()> {
        let client = self.0.dynamodb(&cx.region);
        let wanted = Wanted::of(desired)?;
        let (attributes, schema) = (wanted.attributes()?, wanted.key_schema()?);
        let (units, indexes) = (wanted.throughput()?, wanted.create_indexes()?);
        let tags = tag_list(tags::wanted(desired))?;
        let view = desired.opt_text("stream_view_type").map(StreamViewType::from);
        let stream = view.map(|view| {
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(view)
        });
        let stream = stream.map(|s| built("dynamodb:CreateTable", s.build())).transpose()?;
        let sse = desired
            .parse::<Sse>("sse")?
            .map(|sse| steps::sse_specification(Some(sse)));
        let is_protected = desired.opt_bool("deletion_protection_enabled")?;
        call(cx, "dynamodb:CreateTable", || {
            client
                .create_table()
                .table_name(name)
                .set_attribute_definitions(Some(attributes.clone()))
                .set_key_schema(Some(schema.clone()))
                .billing_mode(wanted.billing_mode.clone())
                .set_provisioned_throughput(units.clone())
                .set_global_secondary_indexes(indexes.clone())
                .set_stream_specification(stream.clone())
                .set_sse_specification(sse.clone())
                .set_deletion_protection_enabled(is_protected)
                .set_table_class(desired.opt_text("table_class").map(TableClass::from))
                .set_tags(Some(tags.clone()))
                .send()
        })
        .await?;
        Ok(())
    }

    pub(super) async fn update_tags(&self, cx: &Context, name: &str, change: &Change<'_>) -> KindResult<()> {
        let client = self.0.dynamodb(&cx.region);
        let arn = self.arn(cx, name);
        let (put, gone) = tags::delta(change);
        if !put.is_empty() {
            let put = tag_list(put)?;
            call(cx, "dynamodb:TagResource", || {
                client
                    .tag_resource()
                    .resource_arn(&arn)
                    .set_tags(Some(put.clone()))
                    .send()
            })
            .await?;
        }
        if !gone.is_empty() {
            call(cx, "dynamodb:UntagResource", || {
                client
                    .untag_resource()
                    .resource_arn(&arn)
                    .set_tag_keys(Some(gone.clone()))
                    .send()
            })
            .await?;
        }
        Ok(())
    }
}

pub(super) fn tag_list(tags: tags::Tags) -> KindResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(name, value)| built("dynamodb:TagResource", Tag::builder().key(name).value(value).build()))
        .collect()
}

fn json_of(value: Option<impl serde::Serialize>) -> Option<Value> {
    value.and_then(|value| serde_json::to_value(value).ok())
}

fn observed(table: &TableDescription, recorded: &Settings) -> Seen {
    let mut seen = Seen::default();
    let (hash, range) = shape::keys_of(table.key_schema(), table);
    let mode = shape::billing_mode_of(table);
    seen.put("hash_key", json_of(hash))
        .put("range_key", json_of(range))
        .put_unless_default("billing_mode", Some(mode.as_str()), "PROVISIONED", recorded);
    if mode == BillingMode::Provisioned {
        let units = table.provisioned_throughput();
        seen.put("read_capacity", units.and_then(|u| u.read_capacity_units))
            .put("write_capacity", units.and_then(|u| u.write_capacity_units));
    }
    let stream = table.stream_specification().filter(|s| s.stream_enabled);
    let class = table.table_class_summary().and_then(|s| s.table_class());
    seen.put("global_secondary_indexes", observed_indexes(table, recorded))
        .put(
            "stream_view_type",
            stream.and_then(|s| s.stream_view_type()).map(StreamViewType::as_str),
        )
        .put("sse", observed_sse(table.sse_description(), recorded))
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
        );
    seen
}

/// Capacity of an index that is the table's own is told only where it was set explicitly.
fn observed_indexes(table: &TableDescription, recorded: &Settings) -> Option<Value> {
    let wanted: Vec<Index> = recorded
        .parse("global_secondary_indexes")
        .ok()
        .flatten()
        .unwrap_or_default();
    let is_provisioned = shape::billing_mode_of(table) == BillingMode::Provisioned;
    let index = |description| {
        let mut index = shape::index_of(description, table)?;
        if let Some(wanted) = wanted.iter().find(|w| w.index_name == index.index_name) {
            let units = description.provisioned_throughput().filter(|_| is_provisioned);
            if wanted.read_capacity.is_some() {
                index.read_capacity = units.and_then(|u| u.read_capacity_units);
            }
            if wanted.write_capacity.is_some() {
                index.write_capacity = units.and_then(|u| u.write_capacity_units);
            }
        }
        Some(index)
    };
    let indexes: Vec<Index> = table.global_secondary_indexes().iter().filter_map(index).collect();
    json_of((!indexes.is_empty()).then_some(indexes))
}

/// The key's ARN is told also for the AWS managed key, and nothing in the answer says which of the
/// two it is; so where no key was wanted, none is shown.
fn observed_sse(sse: Option<&SseDescription>, recorded: &Settings) -> Option<Value> {
    let wanted = recorded.value("sse");
    let is_on = sse
        .and_then(SseDescription::status)
        .is_some_and(|s| matches!(s, SseStatus::Enabled | SseStatus::Enabling | SseStatus::Updating));
    if !is_on && wanted.is_none() {
        return None;
    }
    let wanted_key = wanted.and_then(|w| w["kms_key_id"].as_str());
    let key = sse.and_then(SseDescription::kms_master_key_arn).filter(|_| is_on);
    json_of(Some(Sse {
        enabled: is_on,
        kms_key_id: wanted_key.and(key).map(|arn| key_ref::as_wanted(wanted_key, arn)),
    }))
}

pub(super) fn observed_recovery(seen: Option<&PointInTimeRecoveryDescription>, recorded: &Settings) -> Option<Value> {
    let wanted: Option<PointInTimeRecovery> = recorded.parse("point_in_time_recovery").ok().flatten();
    let enabled = seen.and_then(|s| s.point_in_time_recovery_status()) == Some(&PointInTimeRecoveryStatus::Enabled);
    if !enabled && wanted.is_none() {
        return None;
    }
    let wanted_days = wanted.as_ref().and_then(|w| w.recovery_period_in_days);
    // Absent although on: an answer that does not know the member; unknown is not drift. While
    // off, AWS keeps no period.
    let days = match seen.and_then(|s| s.recovery_period_in_days) {
        Some(days) if enabled => Some(days).filter(|days| *days != RECOVERY_DAYS || wanted_days.is_some()),
        _ => wanted_days,
    };
    json_of(Some(PointInTimeRecovery {
        enabled,
        recovery_period_in_days: days,
    }))
}

#[async_trait]
impl Kind for DynamodbTable {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "global_secondary_indexes" => shape::normalise_indexes(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        validate::mistakes(settings)
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let name = desired.text("table_name")?;
        self.create_table(cx, name, desired).await?;
        cx.created(&self.outputs(cx, name, None));
        let table = self.at_rest(cx, name, CREATE_LIMIT).await?;
        let outputs = self.outputs(cx, name, Some(&table));
        cx.created(&outputs);
        if global::is_strong(desired) {
            self.make_strong(cx, name, desired).await?;
        }
        if desired.value("ttl_attribute").is_some() {
            self.set_ttl(cx, name, desired).await?;
        }
        if desired.value("point_in_time_recovery").is_some() {
            self.set_recovery(cx, name, desired).await?;
        }
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let table = self.describe(cx, id).await?;
        let Some(table) = table.filter(|t| t.table_status() != Some(&TableStatus::Deleting)) else {
            return Ok(None);
        };
        let rest =
            async { futures::try_join!(self.tags_of(cx, id), self.ttl_attribute(cx, id), self.recovery(cx, id)) };
        let gone = ["ResourceNotFoundException", "TableNotFoundException"];
        let Some((tags, ttl, recovery)) = found(rest.await, &gone)? else {
            return Ok(None);
        };
        let mut seen = observed(&table, recorded);
        global::observe(&mut seen, &table, &cx.region, recorded);
        seen.put("replica_settings", self.own_of_replicas(cx, id, recorded).await?)
            .put("table_name", Some(id))
            .put("ttl_attribute", ttl)
            .put("point_in_time_recovery", observed_recovery(recovery.as_ref(), recorded))
            .put("tags", tags::setting(tags));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id, Some(&table)),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let after = change.after;
        if change.has("global_secondary_indexes") {
            // A new index takes its capacity from the table, so the mode comes first.
            self.set_throughput(cx, id, after).await?;
            self.set_indexes(cx, id, after).await?;
        } else if change.any(&["billing_mode", "read_capacity", "write_capacity"]) {
            self.set_throughput(cx, id, after).await?;
        }
        if change.has("stream_view_type") {
            self.set_stream(cx, id, after).await?;
        }
        if change.has("sse") {
            self.set_sse(cx, id, after).await?;
        }
        if change.has("deletion_protection_enabled") {
            let on = after.opt_bool("deletion_protection_enabled")?.unwrap_or(false);
            self.protect(cx, id, on).await?;
        }
        if change.has("table_class") {
            self.set_class(cx, id, after).await?;
        }
        if change.has("ttl_attribute") {
            self.set_ttl(cx, id, after).await?;
        }
        if change.has("point_in_time_recovery") {
            self.set_recovery(cx, id, after).await?;
        }
        if change.has("tags") {
            self.update_tags(cx, id, change).await?;
        }
        if global::is_strong(after) {
            self.update_strong(cx, id, change).await?;
        }
        let table = self.describe(cx, id).await?;
        Ok(self.outputs(cx, id, table.as_ref()))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let Some(table) = self.describe(cx, id).await? else {
            return Ok(());
        };
        let client = self.0.dynamodb(&cx.region);
        if table.table_status() != Some(&TableStatus::Deleting) {
            if cx.force_destroy {
                self.unprotect(cx, id).await?;
            }
            self.make_single(cx, id, &table).await?;
            let answer = call(cx, "dynamodb:DeleteTable", || {
                client.delete_table().table_name(id).send()
            })
            .await;
            found(answer, GONE).map_err(|error| with_advice(error, id))?;
        }
        wait_until("dynamodb:DescribeTable", "table gone", DELETE_LIMIT, || async {
            Ok(match self.describe(cx, id).await? {
                None => Poll::Ready(()),
                Some(table) => {
                    let status = table.table_status().map(TableStatus::as_str);
                    Poll::Pending(status.unwrap_or_default().to_owned())
                }
            })
        })
        .await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("table_name")?;
        let table = self.describe(cx, name).await?;
        if table.is_none_or(|t| t.table_status() == Some(&TableStatus::Deleting)) {
            return Ok(None);
        }
        if tags::owned(cx, &self.tags_of(cx, name).await?) {
            // Made just now by the interrupted run, it may not be ready for changes yet.
            self.at_rest(cx, name, CREATE_LIMIT).await?;
            if global::is_strong(desired) {
                // Only possible while the table is empty; nothing can have been written to it yet.
                self.make_strong(cx, name, desired).await?;
            }
            return Ok(Some(name.to_owned()));
        }
        Err(KindError::NotOwned {
            operation: "dynamodb:DescribeTable".into(),
            message: format!(
                "table {name} exists already and is not tagged as {} of {}",
                cx.key, cx.stack
            ),
        })
    }
}

pub(super) fn with_advice(error: KindError, table: &str) -> KindError {
    match error {
        KindError::Service {
            operation,
            code,
            message,
            request_id,
            status,
        } if message.contains("deletion protection") || message.contains("protected against deletion") => {
            KindError::Service {
                operation,
                code,
                message: format!(
                    "{message} (table {table} holds data; set its deletion protection to false, or force_destroy = true, \
                     apply, then destroy)"
                ),
                request_id,
                status,
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_recovery_period_that_is_not_answered_is_unknown_and_not_drift_w_58() {
        let wanted = json!({"enabled": true, "recovery_period_in_days": 35});
        let recorded = settings(json!({"point_in_time_recovery": wanted}));
        let on =
            PointInTimeRecoveryDescription::builder().point_in_time_recovery_status(PointInTimeRecoveryStatus::Enabled);
        assert_eq!(observed_recovery(Some(&on.clone().build()), &recorded), Some(wanted));
        let shorter = on.recovery_period_in_days(7).build();
        let seen = observed_recovery(Some(&shorter), &recorded).unwrap();
        assert_eq!(seen["recovery_period_in_days"], json!(7));
        assert_eq!(observed_recovery(None, &Settings::new()), None);
    }

    #[test]
    fn on_demand_and_provisioned_exclude_each_others_settings() {
        let kind = DynamodbTable(super::super::testing::aws());
        let mut table = settings(json!({
            "table_name": "transactions", "hash_key": {"name": "id", "type": "S"}, "billing_mode": "PAY_PER_REQUEST",
        }));
        assert_eq!(kind.validate(&table), []);
        table.insert("read_capacity".to_owned(), json!(5));
        assert_eq!(kind.validate(&table).len(), 1);
        table.remove("billing_mode");
        assert_eq!(kind.validate(&table)[0].0, "write_capacity");
    }
}
