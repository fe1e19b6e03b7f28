//! `route53_record`: a record set of an Amazon Route 53 hosted zone, plain or an alias, with its routing policy.
//!
//! API: <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>. The zone is the
//! user's and holds other people's records: what exists is never overwritten on create (`CREATE`, not `UPSERT`).
//! Requirements: R-01 (one policy per name), R-02 (no TTL on aliases), R-03, R-22.

mod name;
mod policy;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_route53::types::{
    AliasTarget, Change as RecordChange, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet,
    ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::fields::{Fields, Seen, built};
use super::{Aws, call, found, wait_until};

/// The kind; `id` is `<zone>|<name>|<type>|<set identifier>`, the name in the one form of [`name::canonical`].
pub struct Route53Record(pub Arc<Aws>);

const CHANGE: &str = "route53:ChangeResourceRecordSets";
const GONE: &[&str] = &["NoSuchHostedZone"];
/// doc: changes generally reach all name servers within 60 seconds.
const LIMIT: Duration = Duration::from_mins(30);
/// Types that the payment stack writes; the rest of Route 53's are refused by name.
const TYPES: &[&str] = &["A", "AAAA", "CNAME", "TXT"];

static SPEC: KindSpec = KindSpec {
    name: "route53_record",
    settings: &[
        Setting::replace("hosted_zone_id"),
        Setting::replace("name").unique(),
        Setting::replace("type").unique(),
        Setting::replace("set_identifier").unique(),
        Setting::new("ttl"),
        Setting::new("records").unordered(),
        Setting::new("alias"),
        Setting::new("failover"),
        Setting::new("latency_region"),
        Setting::new("weight"),
        Setting::new("health_check_id"),
    ],
    outputs: &["id", "fqdn"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:ListResourceRecordSets",
        "route53:ListTagsForResource",
    ],
};

/// `alias`: an AWS object that the name stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alias {
    dns_name: String,
    hosted_zone_id: String,
    #[serde(default)]
    evaluate_target_health: bool,
}

/// What identifies a record set.
#[derive(Debug, Clone, PartialEq)]
struct Address {
    zone: String,
    name: String,
    record_type: String,
    set: Option<String>,
}

impl Address {
    fn of(settings: &Settings) -> KindResult<Self> {
        Ok(Self {
            zone: zone_id(settings.text("hosted_zone_id")?).to_owned(),
            name: name::canonical(settings.text("name")?),
            record_type: settings.text("type")?.to_owned(),
            set: settings.opt_string("set_identifier"),
        })
    }

    fn from_id(id: &str) -> KindResult<Self> {
        let parts: Vec<&str> = id.splitn(4, '|').collect();
        let [zone, name, record_type, set] = parts.as_slice() else {
            let message = format!("{id} does not have 4 parts separated by |");
            return Err(KindError::invalid("id", message));
        };
        Ok(Self {
            zone: zone_id(zone).to_owned(),
            name: name::canonical(name),
            record_type: (*record_type).to_owned(),
            set: Some((*set).to_owned()).filter(|set| !set.is_empty()),
        })
    }

    /// Where a record stands that was found in a zone.
    fn at(zone: &str, record: &ResourceRecordSet) -> Self {
        Self {
            zone: zone.to_owned(),
            name: name::canonical(&record.name),
            record_type: record.r#type.as_str().to_owned(),
            set: record.set_identifier.clone(),
        }
    }

    fn id(&self) -> String {
        let set = self.set.as_deref().unwrap_or_default();
        format!("{}|{}|{}|{set}", self.zone, self.name, self.record_type)
    }

    fn outputs(&self) -> Outputs {
        Outputs::from([("id".into(), self.id()), ("fqdn".into(), self.name.clone())])
    }

    fn is_of(&self, record: &ResourceRecordSet) -> bool {
        name::canonical(&record.name) == self.name
            && record.r#type.as_str() == self.record_type
            && record.set_identifier == self.set
    }
}

/// Zones are named with and without their path.
fn zone_id(text: &str) -> &str {
    text.trim_start_matches('/').trim_start_matches("hostedzone/")
}

/// The record set that the settings ask for.
fn record_set(address: &Address, settings: &Settings) -> KindResult<ResourceRecordSet> {
    let alias = settings.parse::<Alias>("alias")?.map(|alias| {
        let target = AliasTarget::builder()
            .dns_name(alias.dns_name)
            .hosted_zone_id(alias.hosted_zone_id)
            .evaluate_target_health(alias.evaluate_target_health);
        built(CHANGE, target.build())
    });
    let values: Vec<ResourceRecord> = settings
        .texts("records")?
        .into_iter()
        .map(|value| built(CHANGE, ResourceRecord::builder().value(value).build()))
        .collect::<KindResult<_>>()?;
    let record = ResourceRecordSet::builder()
        .name(&address.name)
        .r#type(RrType::from(address.record_type.as_str()))
        .set_set_identifier(address.set.clone())
        .set_ttl(settings.opt_i64("ttl")?)
        .set_resource_records((!values.is_empty()).then_some(values))
        .set_alias_target(alias.transpose()?)
        .set_failover(settings.opt_text("failover").map(ResourceRecordSetFailover::from))
        .set_region(settings.opt_text("latency_region").map(ResourceRecordSetRegion::from))
        .set_weight(settings.opt_i64("weight")?)
        .set_health_check_id(settings.opt_string("health_check_id"));
    built(CHANGE, record.build())
}

/// Whether two record sets lead to the same place.
fn same_target(there: &ResourceRecordSet, wanted: &ResourceRecordSet) -> bool {
    let alias = |record: &ResourceRecordSet| {
        let alias = record.alias_target.as_ref();
        alias.map(|a| (name::canonical(&a.dns_name), a.hosted_zone_id.clone()))
    };
    let values = |record: &ResourceRecordSet| {
        let mut values: Vec<String> = record.resource_records().iter().map(|r| r.value.clone()).collect();
        values.sort();
        values
    };
    alias(there) == alias(wanted) && values(there) == values(wanted)
}

fn observed(record: &ResourceRecordSet, recorded: &Settings) -> Seen {
    let values: Vec<Value> = record
        .resource_records()
        .iter()
        .map(|r| Value::from(r.value.as_str()))
        .collect();
    let alias = record.alias_target.as_ref().map(|alias| Alias {
        dns_name: alias.dns_name.clone(),
        hosted_zone_id: alias.hosted_zone_id.clone(),
        evaluate_target_health: alias.evaluate_target_health,
    });
    let mut seen = Seen::default();
    // The name and zone are shown as they were written: they are what the record was found by.
    for setting in ["hosted_zone_id", "name"] {
        seen.put(setting, recorded.opt_text(setting));
    }
    seen.put("type", Some(record.r#type.as_str()))
        .put("set_identifier", record.set_identifier.clone())
        .put("ttl", record.ttl)
        .put("records", (!values.is_empty()).then_some(Value::Array(values)))
        .put("alias", alias.and_then(|alias| serde_json::to_value(alias).ok()))
        .put(
            "failover",
            record.failover.as_ref().map(ResourceRecordSetFailover::as_str),
        )
        .put(
            "latency_region",
            record.region.as_ref().map(ResourceRecordSetRegion::as_str),
        )
        .put("weight", record.weight)
        .put("health_check_id", record.health_check_id.clone());
    seen
}

impl Route53Record {
    /// Carries out these changes together, or none of them.
    async fn change(
        &self,
        cx: &Context,
        zone: &str,
        changes: Vec<(ChangeAction, ResourceRecordSet)>,
    ) -> KindResult<()> {
        let change = |(action, record)| {
            let change = RecordChange::builder().action(action).resource_record_set(record);
            built(CHANGE, change.build())
        };
        let changes: Vec<RecordChange> = changes.into_iter().map(change).collect::<KindResult<_>>()?;
        let batch = built(CHANGE, ChangeBatch::builder().set_changes(Some(changes)).build())?;
        let client = self.0.route53(&cx.region);
        let answer = call(cx, CHANGE, || {
            client
                .change_resource_record_sets()
                .hosted_zone_id(zone)
                .change_batch(batch.clone())
                .send()
        })
        .await?;
        let Some(info) = answer.change_info else { return Ok(()) };
        let id = info.id.trim_start_matches("/change/").to_owned();
        wait_until("route53:GetChange", "INSYNC", LIMIT, || async {
            let answer = call(cx, "route53:GetChange", || client.get_change().id(&id).send()).await?;
            Ok(match answer.change_info.map(|info| info.status) {
                None | Some(ChangeStatus::Insync) => Poll::Ready(()),
                Some(status) => Poll::Pending(status.to_string()),
            })
        })
        .await
    }

    /// The record set; the listing begins at it or right after the place where it would stand.
    async fn record(&self, cx: &Context, address: &Address) -> KindResult<Option<ResourceRecordSet>> {
        let client = self.0.route53(&cx.region);
        let answer = call(cx, "route53:ListResourceRecordSets", || {
            client
                .list_resource_record_sets()
                .hosted_zone_id(&address.zone)
                .start_record_name(&address.name)
                .start_record_type(RrType::from(address.record_type.as_str()))
                .set_start_record_identifier(address.set.clone())
                .max_items(5)
                .send()
        })
        .await;
        let page = found(answer, GONE)?;
        let records = page.map(|page| page.resource_record_sets).unwrap_or_default();
        Ok(records.into_iter().find(|record| address.is_of(record)))
    }
}

#[async_trait]
impl Kind for Route53Record {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match (setting, value) {
            ("name", Value::String(text)) if !text.contains("${") => name::canonical(text).into(),
            ("hosted_zone_id", Value::String(text)) => zone_id(text).into(),
            ("alias", Value::Object(members)) => {
                let mut members = members.clone();
                if let Some(Value::String(text)) = members.get("dns_name") {
                    let text = name::canonical_unless_open(text);
                    members.insert("dns_name".to_owned(), text.into());
                }
                members.entry("evaluate_target_health").or_insert(Value::Bool(false));
                tap_engine::json::normalise(&Value::Object(members), false)
            }
            ("records", _) => tap_engine::json::normalise(value, true),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let address = Address::of(desired)?;
        let record = record_set(&address, desired)?;
        let create = vec![(ChangeAction::Create, record.clone())];
        match self.change(cx, &address.zone, create).await {
            Err(refusal) if refusal.is_code(&["InvalidChangeBatch"]) => {
                self.create_over_old_records(cx, &address, record, refusal).await?;
            }
            answer => answer?,
        }
        let outputs = address.outputs();
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let address = Address::from_id(id)?;
        let Some(record) = self.record(cx, &address).await? else {
            return Ok(None);
        };
        let mut seen = observed(&record, recorded);
        if recorded.value("name").is_none() {
            seen.put("name", Some(address.name.as_str()))
                .put("hosted_zone_id", Some(address.zone.as_str()));
        }
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: address.outputs(),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let address = Address::from_id(id)?;
        let record = record_set(&address, change.after)?;
        self.change(cx, &address.zone, vec![(ChangeAction::Upsert, record)])
            .await?;
        Ok(address.outputs())
    }

    /// Route 53 deletes only what is named with all its values, so they are read first.
    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let address = Address::from_id(id)?;
        let Some(record) = self.record(cx, &address).await? else {
            return Ok(());
        };
        match self
            .change(cx, &address.zone, vec![(ChangeAction::Delete, record)])
            .await
        {
            Err(error) if error.is_code(&["InvalidChangeBatch"]) && error.to_string().contains("not found") => Ok(()),
            answer => answer,
        }
    }

    /// A record has no tags: one that leads where this one is to lead is what an interrupted run has left.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let address = Address::of(desired)?;
        if cx.known_ids.contains(&address.id()) {
            return Ok(None);
        }
        let Some(there) = self.record(cx, &address).await? else {
            return Ok(None);
        };
        if same_target(&there, &record_set(&address, desired)?) {
            return Ok(Some(address.id()));
        }
        Err(KindError::NotOwned {
            operation: "route53:ListResourceRecordSets".into(),
            message: format!(
                "zone {} has a {} record named {} already, which leads elsewhere; it is not overwritten: delete it, or \
                 take another name",
                address.zone, address.record_type, address.name
            ),
        })
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["hosted_zone_id", "name", "type"])
            .one_of("type", TYPES)
            .one_of("failover", &["PRIMARY", "SECONDARY"])
            .range("ttl", 0..=2_147_483_647)
            .range("weight", 0..=255)
            .text("name", 1..=1024, |_| true, "any character")
            .text("set_identifier", 1..=128, |_| true, "any character");
        let has = |name: &str| settings.value(name).is_some();
        if has("alias") == has("records") {
            checks.wrong("records", "either records or an alias, and one of them");
        }
        //
        if has("alias") && has("ttl") {
            checks.wrong("ttl", "an alias takes its time to live from its target");
        }
        if has("records") && !has("ttl") {
            checks.wrong("ttl", "is required beside records");
        }
        let policies = ["failover", "latency_region", "weight"];
        let policies = policies.into_iter().filter(|name| has(name)).count();
        //
        if policies > 1 {
            checks.wrong(
                "failover",
                "one routing policy only: failover, latency_region or weight",
            );
        }
        if (policies > 0) != has("set_identifier") {
            checks.wrong("set_identifier", "belongs to a routing policy, and every one needs it");
        }
        if let Err(error) = settings.parse::<Alias>("alias") {
            checks.wrong("alias", error.to_string());
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind() -> Route53Record {
        Route53Record(super::super::testing::aws())
    }

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn one_routing_policy_per_record_and_no_ttl_on_an_alias_r_01_r_02() {
        let alias = json!({"dns_name": "d-1.execute-api.us-east-1.amazonaws.com", "hosted_zone_id": "Z1"});
        let of = |more: Value| {
            let mut all = settings(
                json!({"hosted_zone_id": "Z0", "name": "pay.example.com", "type": "A", "alias": alias.clone()}),
            );
            all.extend(settings(more));
            let wrong = kind().validate(&all);
            wrong.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(of(json!({})), Vec::<String>::new());
        assert_eq!(of(json!({"ttl": 60})), ["ttl"]);
        assert_eq!(of(json!({"failover": "PRIMARY"})), ["set_identifier"]);
        let both = json!({"failover": "PRIMARY", "latency_region": "us-east-1", "set_identifier": "a"});
        assert_eq!(of(both), ["failover"]);
    }

    #[test]
    fn a_name_is_one_name_however_it_is_written() {
        let kind = kind();
        let same = |a: &str, b: &str| kind.normalise("name", &a.into()) == kind.normalise("name", &b.into());
        assert!(same("Pay.Example.com", "pay.example.com."));
        let alias = |dns: &str| json!({"dns_name": dns, "hosted_zone_id": "Z1"});
        let mut healthy = alias("D-1.aws.com.");
        healthy["evaluate_target_health"] = json!(false);
        assert_eq!(
            kind.normalise("alias", &alias("d-1.aws.com")),
            kind.normalise("alias", &healthy)
        );
        let open = "${us-east-1/api_domain_name.main.regional_domain_name}";
        assert_eq!(kind.normalise("alias", &alias(open))["dns_name"], json!(open));
    }

    #[test]
    fn a_record_that_leads_elsewhere_is_somebody_elses() {
        let address = Address::of(&settings(
            json!({"hosted_zone_id": "/hostedzone/Z0", "name": "p.x", "type": "A"}),
        ))
        .unwrap();
        assert_eq!(address.id(), "Z0|p.x|A|");
        assert_eq!(Address::from_id(&address.id()).unwrap(), address);
        let to = |dns: &str, weight: i64| {
            let alias = json!({"dns_name": dns, "hosted_zone_id": "Z1"});
            record_set(&address, &settings(json!({"alias": alias, "weight": weight}))).unwrap()
        };
        assert!(same_target(&to("a.aws.com.", 1), &to("A.aws.com", 2)));
        assert!(!same_target(&to("a.aws.com", 1), &to("b.aws.com", 1)));
    }
}
