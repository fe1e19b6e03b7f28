//! Changes of a table. `UpdateTable` takes one thing at a time, and the table must be at rest
//! before the next: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html>.
//! Every step looks at the table first, so that it can be repeated.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    BillingMode, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate,
    IndexStatus, PointInTimeRecoverySpecification, SseDescription, SseSpecification, SseStatus, SseType,
    StreamSpecification, StreamViewType, TableClass, TableDescription, TableStatus, TimeToLiveSpecification,
    TimeToLiveStatus, UpdateGlobalSecondaryIndexAction,
};
use tap_engine::{Context, KindError, KindResult, Settings};

use super::super::call::Poll;
use super::super::fields::{Fields, built};
use super::super::{call, wait_until};
use super::shape::{Index, PointInTimeRecovery, Sse, Wanted, billing_mode_of, index_of};
use super::{DynamodbTable, global};

const UPDATE: &str = "dynamodb:UpdateTable";
/// An index over a big table is filled for hours.
const INDEX_LIMIT: Duration = Duration::from_hours(4);
const TABLE_LIMIT: Duration = Duration::from_mins(30);

impl DynamodbTable {
    /// Waits until table, indexes and encryption are at rest.
    pub(in crate::aws) async fn at_rest(
        &self,
        cx: &Context,
        name: &str,
        limit: Duration,
    ) -> KindResult<TableDescription> {
        wait_until("dynamodb:DescribeTable", "ACTIVE", limit, || async {
            Ok(match self.describe(cx, name).await? {
                None => Poll::Pending("not found".into()),
                Some(table) => match unrest(&table) {
                    None => Poll::Ready(table),
                    Some(state) => Poll::Pending(state),
                },
            })
        })
        .await
    }

    async fn update_table(
        &self,
        cx: &Context,
        name: &str,
        limit: Duration,
        change: impl Fn(UpdateTableFluentBuilder) -> UpdateTableFluentBuilder + Send + Sync,
    ) -> KindResult<TableDescription> {
        let client = self.0.dynamodb(&cx.region);
        call(cx, UPDATE, || change(client.update_table().table_name(name)).send()).await?;
        self.at_rest(cx, name, limit).await
    }

    async fn table(&self, cx: &Context, name: &str) -> KindResult<TableDescription> {
        self.describe(cx, name).await?.ok_or_else(|| KindError::Failed {
            operation: "dynamodb:DescribeTable".into(),
            message: format!("table {name} is gone"),
        })
    }

    /// Billing mode and capacity, the indexes' included: a change of mode wants all at once.
    pub(super) async fn set_throughput(&self, cx: &Context, name: &str, after: &Settings) -> KindResult<()> {
        let wanted = Wanted::of(after)?;
        let table = self.table(cx, name).await?;
        let is_switch = billing_mode_of(&table) != wanted.billing_mode;
        if !is_switch && wanted.billing_mode == BillingMode::PayPerRequest {
            return Ok(());
        }
        let mut updates = Vec::new();
        for there in indexes_of(&table) {
            // An index that is on its way out needs capacity like the others.
            let wanted_index = wanted.indexes.iter().find(|w| w.index_name == there.index_name);
            let index = wanted_index.unwrap_or(&there);
            let Some(units) = wanted.throughput_of(index)? else {
                continue;
            };
            let now = table
                .global_secondary_indexes()
                .iter()
                .find(|i| i.index_name() == Some(&index.index_name))
                .and_then(|i| i.provisioned_throughput());
            let is_there = now.is_some_and(|now| {
                now.read_capacity_units == Some(units.read_capacity_units)
                    && now.write_capacity_units == Some(units.write_capacity_units)
            });
            // AWS refuses to set what is set already.
            if !is_there {
                let update = UpdateGlobalSecondaryIndexAction::builder()
                    .index_name(&index.index_name)
                    .provisioned_throughput(units);
                let update = built(UPDATE, update.build())?;
                updates.push(GlobalSecondaryIndexUpdate::builder().update(update).build());
            }
        }
        let now = table.provisioned_throughput();
        let units = wanted.throughput()?.filter(|units| {
            is_switch
                || now.and_then(|n| n.read_capacity_units) != Some(units.read_capacity_units)
                || now.and_then(|n| n.write_capacity_units) != Some(units.write_capacity_units)
        });
        if !is_switch && units.is_none() && updates.is_empty() {
            return Ok(());
        }
        self.update_table(cx, name, TABLE_LIMIT, |update| {
            update
                .billing_mode(wanted.billing_mode.clone())
                .set_provisioned_throughput(units.clone())
                .set_global_secondary_index_updates((!updates.is_empty()).then(|| updates.clone()))
        })
        .await?;
        Ok(())
    }

    /// Adds and removes indexes, one at a time as AWS wants it. An index that differs is removed
    /// and made anew: only its capacity can be changed.
    pub(super) async fn set_indexes(&self, cx: &Context, name: &str, after: &Settings) -> KindResult<()> {
        let wanted = Wanted::of(after)?;
        let existing = indexes_of(&self.table(cx, name).await?);
        let keeps = |there: &&Index| {
            let same_name = wanted.indexes.iter().find(|w| w.index_name == there.index_name);
            same_name.is_some_and(|w| w.is_same_index(there))
        };
        for index in existing.iter().filter(|there| !keeps(there)) {
            let delete = DeleteGlobalSecondaryIndexAction::builder()
                .index_name(&index.index_name)
                .build();
            let update = GlobalSecondaryIndexUpdate::builder()
                .delete(built(UPDATE, delete)?)
                .build();
            self.update_table(cx, name, INDEX_LIMIT, |request| {
                request.global_secondary_index_updates(update.clone())
            })
            .await?;
        }
        let kept: Vec<&Index> = existing.iter().filter(keeps).collect();
        for index in wanted
            .indexes
            .iter()
            .filter(|w| kept.iter().all(|k| k.index_name != w.index_name))
        {
            let create = CreateGlobalSecondaryIndexAction::builder()
                .index_name(&index.index_name)
                .set_key_schema(Some(index.key_schema()?))
                .projection(index.projection())
                .set_provisioned_throughput(wanted.throughput_of(index)?)
                .build();
            let update = GlobalSecondaryIndexUpdate::builder()
                .create(built(UPDATE, create)?)
                .build();
            let attributes = wanted.attributes_with(index)?;
            self.update_table(cx, name, INDEX_LIMIT, |request| {
                request
                    .set_attribute_definitions(Some(attributes.clone()))
                    .global_secondary_index_updates(update.clone())
            })
            .await?;
        }
        self.set_throughput(cx, name, after).await
    }

    /// A stream's view cannot be changed: the stream is ended and a new one begun. What consumers
    /// have not read of the old one stays readable under its old ARN for 24 hours.
    pub(super) async fn set_stream(&self, cx: &Context, name: &str, after: &Settings) -> KindResult<()> {
        let wanted = after.opt_text("stream_view_type").map(StreamViewType::from);
        let table = self.table(cx, name).await?;
        let current = table.stream_specification().filter(|s| s.stream_enabled);
        let current = current.and_then(|s| s.stream_view_type.clone());
        if current == wanted {
            return Ok(());
        }
        if current.is_some() {
            let off = built(UPDATE, StreamSpecification::builder().stream_enabled(false).build())?;
            self.update_table(cx, name, TABLE_LIMIT, |update| update.stream_specification(off.clone()))
                .await?;
        }
        if let Some(view) = wanted {
            let on = StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(view);
            let on = built(UPDATE, on.build())?;
            self.update_table(cx, name, TABLE_LIMIT, |update| update.stream_specification(on.clone()))
                .await?;
        }
        Ok(())
    }

    /// AWS counts changes of the encryption (after four in a day, one in six hours: provider-aws of crossplane-contrib, issue
    /// 1440): what is there already is not asked for again.
    pub(super) async fn set_sse(&self, cx: &Context, name: &str, after: &Settings) -> KindResult<()> {
        let wanted: Option<Sse> = after.parse("sse")?;
        if is_encrypted_so(self.table(cx, name).await?.sse_description(), wanted.as_ref()) {
            return Ok(());
        }
        let specification = sse_specification(wanted);
        self.update_table(cx, name, TABLE_LIMIT, |update| {
            update.sse_specification(specification.clone())
        })
        .await?;
        Ok(())
    }

    pub(in crate::aws) async fn protect(&self, cx: &Context, name: &str, on: bool) -> KindResult<()> {
        self.update_table(cx, name, TABLE_LIMIT, |update| update.deletion_protection_enabled(on))
            .await?;
        Ok(())
    }

    pub(in crate::aws) async fn set_class(&self, cx: &Context, name: &str, after: &Settings) -> KindResult<()> {
        let class = TableClass::from(after.opt_text("table_class").unwrap_or("STANDARD"));
        self.update_table(cx, name, TABLE_LIMIT, |update| update.table_class(class.clone()))
            .await?;
        Ok(())
    }

    /// AWS refuses to set what is set already, and a second change within an hour.
    pub(super) async fn set_ttl(&self, cx: &Context, name: &str, after: &Settings) -> KindResult<()> {
        let wanted = after.opt_text("ttl_attribute");
        let current = self.ttl_attribute(cx, name).await?;
        if current.as_deref() == wanted {
            return Ok(());
        }
        if let Some(attribute) = &current {
            self.update_ttl(cx, name, attribute, false).await?;
            if wanted.is_some() {
                self.ttl_off(cx, name).await?;
            }
        }
        if let Some(attribute) = wanted {
            self.update_ttl(cx, name, attribute, true).await?;
        }
        Ok(())
    }

    async fn update_ttl(&self, cx: &Context, name: &str, attribute: &str, enabled: bool) -> KindResult<()> {
        let client = self.0.dynamodb(&cx.region);
        let operation = "dynamodb:UpdateTimeToLive";
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name(attribute)
            .enabled(enabled);
        let ttl = built(operation, ttl.build())?;
        call(cx, operation, || {
            client
                .update_time_to_live()
                .table_name(name)
                .time_to_live_specification(ttl.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    async fn ttl_off(&self, cx: &Context, name: &str) -> KindResult<()> {
        let client = self.0.dynamodb(&cx.region);
        let operation = "dynamodb:DescribeTimeToLive";
        // doc: UpdateTimeToLive: "can take up to one hour for the change to fully process".
        wait_until(operation, "DISABLED", Duration::from_mins(65), || async {
            let answer = call(cx, operation, || client.describe_time_to_live().table_name(name).send()).await?;
            let status = answer.time_to_live_description.and_then(|d| d.time_to_live_status);
            Ok(match status {
                None | Some(TimeToLiveStatus::Disabled) => Poll::Ready(()),
                Some(status) => Poll::Pending(status.to_string()),
            })
        })
        .await
    }

    pub(in crate::aws) async fn set_recovery(&self, cx: &Context, name: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.dynamodb(&cx.region);
        let operation = "dynamodb:UpdateContinuousBackups";
        let wanted: Option<PointInTimeRecovery> = after.parse("point_in_time_recovery")?;
        let enabled = wanted.as_ref().is_some_and(|w| w.enabled);
        let specification = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(enabled)
            .set_recovery_period_in_days(wanted.filter(|_| enabled).and_then(|w| w.recovery_period_in_days))
            .build();
        let specification = built(operation, specification)?;
        call(cx, operation, || {
            client
                .update_continuous_backups()
                .table_name(name)
                .point_in_time_recovery_specification(specification.clone())
                .send()
        })
        .await?;
        Ok(())
    }
}

/// What the table is still busy with.
fn unrest(table: &TableDescription) -> Option<String> {
    let status = table.table_status()?;
    if *status != TableStatus::Active {
        return Some(status.to_string());
    }
    let index = table
        .global_secondary_indexes()
        .iter()
        .find(|i| i.index_status().is_some_and(|s| *s != IndexStatus::Active));
    if let Some(index) = index {
        let status = index.index_status().map(IndexStatus::as_str).unwrap_or_default();
        return Some(format!("index {} {status}", index.index_name().unwrap_or_default()));
    }
    let sse = table.sse_description().and_then(|sse| sse.status());
    sse.filter(|s| matches!(s, SseStatus::Enabling | SseStatus::Disabling | SseStatus::Updating))
        .map(|s| format!("encryption {s}"))
        .or_else(|| global::unrest(table))
}

fn indexes_of(table: &TableDescription) -> Vec<Index> {
    let indexes = table.global_secondary_indexes().iter();
    indexes.filter_map(|index| index_of(index, table)).collect()
}

/// Whether the encryption is surely the wanted one; of the AWS managed key, no answer says so.
fn is_encrypted_so(there: Option<&SseDescription>, wanted: Option<&Sse>) -> bool {
    let is_on = |s: &SseStatus| matches!(s, SseStatus::Enabled | SseStatus::Enabling | SseStatus::Updating);
    let there = there.filter(|sse| sse.status().is_some_and(is_on));
    match (wanted.filter(|wanted| wanted.enabled), there) {
        (None, there) => there.is_none(),
        (Some(wanted), Some(there)) => wanted.kms_key_id.is_some() && there.kms_master_key_arn == wanted.kms_key_id,
        (Some(_), None) => false,
    }
}

/// The encryption as AWS takes it.
pub(super) fn sse_specification(sse: Option<Sse>) -> SseSpecification {
    match sse {
        Some(sse) if sse.enabled => SseSpecification::builder()
            .enabled(true)
            .sse_type(SseType::Kms)
            .set_kms_master_key_id(sse.kms_key_id)
            .build(),
        _ => SseSpecification::builder().enabled(false).build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

    fn there(status: SseStatus, key: &str) -> SseDescription {
        SseDescription::builder().status(status).kms_master_key_arn(key).build()
    }

    fn wanted(enabled: bool, key: Option<&str>) -> Sse {
        Sse {
            enabled,
            kms_key_id: key.map(str::to_owned),
        }
    }

    #[test]
    fn an_encryption_that_is_there_already_is_not_asked_for_again() {
        let (on, off) = (there(SseStatus::Enabled, KEY), there(SseStatus::Disabled, KEY));
        assert!(is_encrypted_so(Some(&on), Some(&wanted(true, Some(KEY)))));
        assert!(is_encrypted_so(Some(&off), Some(&wanted(false, None))));
        assert!(is_encrypted_so(None, None));
        // Another key, an alias, or AWS's own key, which is not told apart.
        for key in [
            Some("arn:aws:kms:us-east-1:111122223333:key/other"),
            Some("alias/k"),
            None,
        ] {
            assert!(!is_encrypted_so(Some(&on), Some(&wanted(true, key))), "{key:?}");
        }
        assert!(!is_encrypted_so(Some(&on), None));
        assert!(!is_encrypted_so(Some(&off), Some(&wanted(true, Some(KEY)))));
    }
}
