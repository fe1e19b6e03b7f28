//! From one routing policy to another, or from aliases to a CNAME. Route 53 takes one policy for each name and type, and
//! nothing beside a CNAME, so the old records have to go in the same batch in which the first of the new ones comes.
//!
//! Records have no tags. A run knows those that it is to delete from its state; those that an interrupted run has left are
//! told by their health checks, which have tags.

use aws_sdk_route53::types::{ChangeAction, ResourceRecordSet, RrType};
use tap_engine::{Context, KindError, KindResult};

use super::super::route53_health_check::Route53HealthCheck;
use super::super::{call, found, tags};
use super::{Address, GONE, Route53Record, name, zone_id};

/// How often the old policy's records are looked for anew.
const ATTEMPTS: usize = 4;

impl Route53Record {
    /// All record sets of a name; they stand side by side.
    async fn named(&self, cx: &Context, zone: &str, name: &str) -> KindResult<Vec<ResourceRecordSet>> {
        let client = self.0.route53(&cx.region);
        let answer = call(cx, "route53:ListResourceRecordSets", || {
            client
                .list_resource_record_sets()
                .hosted_zone_id(zone)
                .start_record_name(name)
                .max_items(100)
                .send()
        })
        .await;
        let page = found(answer, GONE)?;
        let records = page.map(|page| page.resource_record_sets).unwrap_or_default();
        let same_name = |record: &ResourceRecordSet| name::canonical(&record.name) == name;
        Ok(records.into_iter().filter(same_name).collect())
    }

    /// Whether one of the record's own health checks is this stack's.
    async fn is_checked_by_us(&self, cx: &Context, record: &ResourceRecordSet) -> KindResult<bool> {
        let Some(check) = &record.health_check_id else {
            return Ok(false);
        };
        let tags = Route53HealthCheck(self.0.clone()).tags_of(cx, check).await?;
        Ok(tags.get(tags::STACK_TAG) == Some(&cx.stack))
    }

    /// Whose a record is, told by its health check, or by those of the name of this zone that it leads to.
    async fn is_ours(&self, cx: &Context, zone: &str, record: &ResourceRecordSet) -> KindResult<bool> {
        if self.is_checked_by_us(cx, record).await? {
            return Ok(true);
        }
        let Some(alias) = record
            .alias_target
            .as_ref()
            .filter(|a| zone_id(&a.hosted_zone_id) == zone)
        else {
            return Ok(false);
        };
        for below in self.named(cx, zone, &name::canonical(&alias.dns_name)).await? {
            if self.is_checked_by_us(cx, &below).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Route 53 refuses two routing policies for one name and type, and a CNAME beside anything else. Where a stack's policy
    /// or type of records changes, the old ones go in the very batch in which the first of the new ones comes: at no moment
    /// is there none.
    pub(super) async fn create_over_old_records(
        &self,
        cx: &Context,
        address: &Address,
        record: ResourceRecordSet,
        refusal: KindError,
    ) -> KindResult<()> {
        let mut last = refusal;
        // Another record of the same change may do the same at the same time: then the old ones are gone at the next look.
        for _ in 0..ATTEMPTS {
            let mut changes = Vec::new();
            for there in self.named(cx, &address.zone, &address.name).await? {
                if !is_in_the_way(&there, &record) {
                    continue;
                }
                let leaving = cx.leaving.contains(&Address::at(&address.zone, &there).id());
                if !leaving && !self.is_ours(cx, &address.zone, &there).await? {
                    return Err(last);
                }
                changes.push((ChangeAction::Delete, there));
            }
            changes.push((ChangeAction::Create, record.clone()));
            match self.change(cx, &address.zone, changes).await {
                Err(refusal) if refusal.is_code(&["InvalidChangeBatch"]) => last = refusal,
                answer => return answer,
            }
        }
        Err(last)
    }
}

/// Whether Route 53 refuses `record` as long as `there`, a record set of the same name, exists
/// (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html#CNAMEFormat>).
fn is_in_the_way(there: &ResourceRecordSet, record: &ResourceRecordSet) -> bool {
    if there.r#type == record.r#type {
        return policy(there) != policy(record);
    }
    [there, record].iter().any(|one| one.r#type == RrType::Cname)
}

/// The routing policy of a record set; all of one name and type must have the same.
fn policy(record: &ResourceRecordSet) -> &'static str {
    match record {
        ResourceRecordSet { failover: Some(_), .. } => "failover",
        ResourceRecordSet { region: Some(_), .. } => "latency",
        ResourceRecordSet { weight: Some(_), .. } => "weighted",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_route53::types::{ResourceRecordSetFailover, ResourceRecordSetRegion};

    #[test]
    fn r_01_another_policy_is_in_the_way_and_so_is_anything_beside_a_cname() {
        let of = |kind: RrType| ResourceRecordSet::builder().name("pay.example.com").r#type(kind);
        let failover = |kind| of(kind).failover(ResourceRecordSetFailover::Primary).build().unwrap();
        let latency = |kind| of(kind).region(ResourceRecordSetRegion::UsEast1).build().unwrap();
        assert!(!is_in_the_way(&failover(RrType::A), &failover(RrType::A)));
        assert!(!is_in_the_way(&failover(RrType::A), &latency(RrType::Aaaa)));
        assert!(is_in_the_way(&failover(RrType::A), &latency(RrType::A)));
        assert!(is_in_the_way(&failover(RrType::A), &failover(RrType::Cname)));
        assert!(is_in_the_way(&failover(RrType::Cname), &failover(RrType::Aaaa)));
        assert!(!is_in_the_way(&failover(RrType::Cname), &failover(RrType::Cname)));
    }
}
