//! What a plan asks EC2 about an endpoint: whether its subnets fit, and whether another endpoint is in its way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use tap_engine::reference::{has_unknown, references};
use tap_engine::{Context, Finding, KindError, KindResult, Prospect, Settings};

use super::observed::{tags_of, type_of};
use super::{Endpoint, Subnet, VpcEndpoint, filter};
use crate::aws::fields::Fields;
use crate::aws::tags;

/// A plan does not wait longer for EC2.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks as far as the settings are known: subnets and route tables may come out of the same apply.
pub(super) async fn check(
    kind: &VpcEndpoint,
    cx: &Context,
    settings: &Settings,
    prospect: Prospect<'_>,
) -> Vec<Finding> {
    let matters = match prospect {
        Prospect::Made => true,
        Prospect::Changed(names) => names.iter().any(|name| !matches!(*name, "tags" | "policy")),
        Prospect::Kept => false,
    };
    let places = json!([settings.value("subnet_ids"), settings.value("route_table_ids")]);
    if !matters || has_unknown(&places) || !references(&places).is_empty() {
        return Vec::new();
    }
    match tokio::time::timeout(PATIENCE, look(kind, cx, settings)).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(KindError::InvalidSetting { setting, message })) => vec![Finding::fatal(&setting, message)],
        Ok(Err(error)) => vec![unchecked(&error.to_string())],
        Err(_) => vec![unchecked(&format!("no answer within {} s", PATIENCE.as_secs()))],
    }
}

fn unchecked(why: &str) -> Finding {
    let message = format!("whether another endpoint is in the way could not be checked: {why}");
    Finding::warning("service_name", message)
}

async fn look(kind: &VpcEndpoint, cx: &Context, settings: &Settings) -> KindResult<Vec<Finding>> {
    let vpc = kind.vpc_of(cx, settings).await?;
    let subnets = settings.texts("subnet_ids")?;
    let subnets = if subnets.is_empty() {
        Vec::new()
    } else {
        kind.subnets(cx, subnets).await?
    };
    let same = [
        filter("vpc-id", &vpc),
        filter("service-name", settings.text("service_name")?),
    ];
    let others = kind.endpoints(cx, &same).await?;
    let others: Vec<Endpoint> = others.into_iter().filter(|e| !tags::owned(cx, &tags_of(e))).collect();
    let mut findings: Vec<Finding> = crowded(&subnets).into_iter().collect();
    findings.extend(in_the_way(settings, &vpc, &others)?);
    Ok(findings)
}

/// An endpoint has one network interface per Availability Zone (`DuplicateSubnetsInSameZone`).
fn crowded(subnets: &[Subnet]) -> Option<Finding> {
    let mut zones = BTreeMap::new();
    for subnet in subnets {
        if let Some(first) = zones.insert(&subnet.zone, &subnet.id) {
            let message = format!(
                "{first} and {} are both in {}: an endpoint takes one subnet per Availability Zone \
                 (`vpc.endpoints.subnet_ids` names others than the functions')",
                subnet.id, subnet.zone
            );
            return Some(Finding::fatal("subnet_ids", message));
        }
    }
    None
}

/// Private DNS names lead to one endpoint in a VPC, and a route table has one route to a service.
fn in_the_way(settings: &Settings, vpc: &str, others: &[Endpoint]) -> KindResult<Option<Finding>> {
    let service = settings.text("service_name")?;
    let of_type = settings.text("vpc_endpoint_type")?;
    let private_dns = settings.opt_bool("private_dns_enabled")?.unwrap_or(false);
    let tables: BTreeSet<String> = settings.texts("route_table_ids")?.into_iter().collect();
    let same_type = others.iter().filter(|other| type_of(other) == of_type);
    for other in same_type {
        let id = other.vpc_endpoint_id().unwrap_or_default();
        if private_dns && other.private_dns_enabled() == Some(true) {
            let message = format!(
                "{id} gives {service} its private DNS name in {vpc} already. Use that one: leave the service out of \
                 `vpc.endpoints.services`, and let the functions' security groups reach it"
            );
            return Ok(Some(Finding::fatal("private_dns_enabled", message)));
        }
        if let Some(table) = other.route_table_ids().iter().find(|table| tables.contains(*table)) {
            let message = format!(
                "{table} has a route to {service} already, by {id}. Use that one: leave the service out of \
                 `vpc.endpoints.services`"
            );
            return Ok(Some(Finding::fatal("route_table_ids", message)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::VpcEndpointType;
    use serde_json::Value;

    fn subnet(id: &str, zone: &str) -> Subnet {
        Subnet {
            id: id.into(),
            vpc: "vpc-1".into(),
            zone: zone.into(),
        }
    }

    #[test]
    fn two_subnets_of_one_zone_are_one_too_many() {
        assert_eq!(crowded(&[subnet("subnet-1", "a"), subnet("subnet-2", "b")]), None);
        let found = crowded(&[
            subnet("subnet-1", "a"),
            subnet("subnet-2", "b"),
            subnet("subnet-3", "a"),
        ])
        .unwrap();
        assert!(
            found.fatal && found.message.contains("subnet-1 and subnet-3"),
            "{found:?}"
        );
    }

    fn way(settings: Value, other: &Endpoint) -> Option<String> {
        let settings = serde_json::from_value(settings).unwrap();
        let found = in_the_way(&settings, "vpc-1", std::slice::from_ref(other)).unwrap();
        found.map(|finding| finding.setting)
    }

    #[test]
    fn only_what_cannot_be_there_twice_is_in_the_way() {
        let endpoint =
            |of_type: VpcEndpointType| Endpoint::builder().vpc_endpoint_id("vpce-1").vpc_endpoint_type(of_type);
        let interface = |dns: bool| endpoint(VpcEndpointType::Interface).private_dns_enabled(dns).build();
        let wanted =
            |dns: bool| json!({"service_name": "s", "vpc_endpoint_type": "Interface", "private_dns_enabled": dns});
        assert_eq!(
            way(wanted(true), &interface(true)).as_deref(),
            Some("private_dns_enabled")
        );
        assert_eq!(way(wanted(true), &interface(false)), None);
        assert_eq!(way(wanted(false), &interface(true)), None);

        let gateway = endpoint(VpcEndpointType::Gateway).route_table_ids("rtb-1").build();
        let wanted =
            |table: &str| json!({"service_name": "s", "vpc_endpoint_type": "Gateway", "route_table_ids": [table]});
        assert_eq!(way(wanted("rtb-1"), &gateway).as_deref(), Some("route_table_ids"));
        assert_eq!(way(wanted("rtb-2"), &gateway), None);
    }
}
