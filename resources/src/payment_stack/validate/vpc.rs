//! Subnets, security groups and endpoints of the functions. What each endpoint needs is looked at when the graph
//! is built, where it is known which there are.

use crate::composite::findings::Findings;
use crate::payment_stack::config::Payment;

pub(super) fn check(payment: &Payment, findings: &mut Findings) {
    let vpc = &payment.vpc;
    pair(
        "vpc",
        vpc.subnet_ids.is_some(),
        vpc.security_group_ids.is_some(),
        findings,
    );
    for (region, over) in payment.region_overrides.iter().flatten() {
        pair(
            &format!("region_overrides[\"{region}\"]"),
            over.subnet_ids.is_some(),
            over.security_group_ids.is_some(),
            findings,
        );
    }
    endpoints(payment, findings);
}

fn pair(path: &str, subnets: bool, groups: bool, findings: &mut Findings) {
    if subnets != groups {
        findings.error(
            &format!("{path}.security_group_ids"),
            "Subnets and security groups go together",
            "give both, or neither.",
        );
    }
}

fn endpoints(payment: &Payment, findings: &mut Findings) {
    let endpoints = &payment.vpc.endpoints;
    if !endpoints.enabled {
        return;
    }
    let overrides = || payment.region_overrides.iter().flatten();
    let somewhere = payment.vpc.subnet_ids.is_some() || overrides().any(|(_, over)| over.subnet_ids.is_some());
    if !somewhere {
        findings.error(
            "vpc.endpoints.enabled",
            "Endpoints without a VPC",
            "endpoints are for functions in subnets: give `vpc.subnet_ids` and `vpc.security_group_ids` (or those of \
             `region_overrides`), or set `enabled = false` (R-16).",
        );
    }
    let several = payment.regions.as_ref().is_some_and(|regions| regions.len() > 1);
    let shared = payment.vpc.subnet_ids.is_some() && !several;
    for (region, over) in overrides() {
        if somewhere && over.vpc_endpoints.is_some() && over.subnet_ids.is_none() && !shared {
            findings.error(
                &format!("region_overrides[\"{region}\"].vpc_endpoints"),
                "Endpoints without a VPC",
                "the functions of this region are in no subnets: give its `subnet_ids` and `security_group_ids`, or no \
                 `vpc_endpoints` (R-16).",
            );
        }
    }
    if !endpoints.private_dns_enabled {
        findings.warning(
            "vpc.endpoints.private_dns_enabled",
            "Names of your own are needed",
            "the functions call the services by their public names: private hosted zones of yours must lead those to the \
             endpoints.",
        );
    }
}
