//! The ways out of a VPC without internet access: endpoints for the services that the region's functions call.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tap_engine::Key;
use tap_plugin::{AttributePath, Diagnostic, Diagnostics};

use super::functions::{Functions, vpc};
use super::site::Site;
use crate::payment_stack::config::RegionEndpoints;

/// Services that are reached by routes (gateway endpoints, free of charge); all others by network interfaces.
const GATEWAYS: [&str; 2] = ["dynamodb", "s3"];

/// Services whose endpoints have another prefix in the regions of China, of those that `services` takes
/// (aws-cdk: `aws-ec2/lib/vpc-endpoint.ts`).
const CN_PREFIXED: [&str; 6] = ["lambda", "monitoring", "sqs", "states", "sts", "xray"];

/// The endpoints of the region, if its functions are in a VPC. The functions wait for them, so that the very first
/// invocation reaches its services; on the way down the functions go first.
pub(super) fn build(s: &mut Site<'_>, functions: &Functions) -> Result<(), Diagnostics> {
    let e = &s.p.vpc.endpoints;
    let Some(vpc) = vpc(s).filter(|_| e.enabled) else {
        return Ok(());
    };
    let places = places(s, vpc.subnet_ids);
    let services: BTreeSet<String> = match &e.services {
        Some(services) => services.iter().cloned().collect(),
        None => s.called.iter().map(|service| (*service).to_owned()).collect(),
    };
    check(s, &services, &places)?;
    let mut endpoints = Vec::new();
    for service in &services {
        endpoints.push(endpoint(s, service, &places));
    }
    for (_, function) in functions.all() {
        if let Some(function) = s.b.graph.components.get_mut(&function.function) {
            function.depends_on.extend(endpoints.iter().cloned());
        }
    }
    Ok(())
}

/// Where the region's endpoints go: what is said about the region, or, of the primary, about the stack; the
/// functions' subnets where nothing is said about subnets.
fn places(s: &Site<'_>, functions_subnets: Vec<String>) -> RegionEndpoints {
    let own = s.p.in_region(s.region()).vpc_endpoints.unwrap_or_default();
    let e = &s.p.vpc.endpoints;
    let shared = |list: &Option<Vec<String>>| list.clone().filter(|_| s.is_primary());
    let subnet_ids = own.subnet_ids.or_else(|| shared(&e.subnet_ids));
    RegionEndpoints {
        subnet_ids: Some(subnet_ids.unwrap_or(functions_subnets)),
        security_group_ids: own.security_group_ids.or_else(|| shared(&e.security_group_ids)),
        route_table_ids: own.route_table_ids.or_else(|| shared(&e.route_table_ids)),
    }
}

/// Whether there is what the endpoints need.
fn check(s: &Site<'_>, services: &BTreeSet<String>, places: &RegionEndpoints) -> Result<(), Diagnostics> {
    let (gateways, interfaces): (Vec<&str>, Vec<&str>) = services
        .iter()
        .map(String::as_str)
        .partition(|name| GATEWAYS.contains(name));
    let missing = [
        (
            "route_table_ids",
            "the functions' subnets' route tables are needed for the gateway endpoints of",
            &places.route_table_ids,
            gateways,
        ),
        (
            "security_group_ids",
            "security groups that let the functions in on TCP port 443 are needed for the interface endpoints of",
            &places.security_group_ids,
            interfaces,
        ),
    ];
    let mut errors = Diagnostics::default();
    for (name, what, given, services) in missing {
        if services.is_empty() || given.as_ref().is_some_and(|ids| !ids.is_empty()) {
            continue;
        }
        let (text, path) = attribute(s, name);
        let detail = format!("{text}: {what} {}.", services.join(", "));
        errors.push(Diagnostic::error("An endpoint without a place", detail).at(path));
    }
    if errors.has_errors() { Err(errors) } else { Ok(()) }
}

/// The attribute that says it for this region.
fn attribute(s: &Site<'_>, name: &str) -> (String, AttributePath) {
    if s.places.len() == 1 {
        let text = format!("vpc.endpoints.{name}");
        let path = AttributePath::dotted(&text);
        return (text, path);
    }
    let region = s.region();
    let text = format!("region_overrides[\"{region}\"].vpc_endpoints.{name}");
    let path = AttributePath::root("region_overrides").key(region);
    (text, path.attribute("vpc_endpoints").attribute(name))
}

fn endpoint(s: &mut Site<'_>, service: &str, places: &RegionEndpoints) -> Key {
    let environment = s.b.environment;
    let prefix = match environment.partition.as_str() {
        "aws-cn" if CN_PREFIXED.contains(&service) => "cn.",
        _ => "",
    };
    let component =
        s.b.component("vpc_endpoint", service)
            .set(
                "service_name",
                format!("{prefix}com.amazonaws.{}.{service}", s.region()),
            )
            .set("policy", this_accounts_principals(&environment.account_id));
    let component = if GATEWAYS.contains(&service) {
        component
            .set("vpc_endpoint_type", "Gateway")
            .set("route_table_ids", json!(places.route_table_ids))
    } else {
        component
            .set("vpc_endpoint_type", "Interface")
            .set("subnet_ids", json!(places.subnet_ids))
            .set("security_group_ids", json!(places.security_group_ids))
            .set("private_dns_enabled", s.p.vpc.endpoints.private_dns_enabled)
    };
    let key = s.b.add(component);
    s.member("vpc_endpoint_ids", &format!("{}/{service}", s.region()), key.id());
    key
}

/// Nobody carries data out with the credentials of another account. What principals of this account may do, their
/// own policies say.
fn this_accounts_principals(account: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "ThisAccountsPrincipals", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": account}},
    }]})
}
