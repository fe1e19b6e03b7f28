//! The domain's records: Route 53 takes one routing policy per name and type, so policies are nested
//! through names below the domain's.

use serde_json::{Value, json};
use tap_engine::{Component, Key};

use super::api::Api;
use super::site::{Place, Stack};

/// Where a record leads.
enum Target<'a> {
    /// A region's API, watched by its health check.
    Region(&'a str),
    /// Another name of the same zone.
    Name(String),
}

/// One routing record, of several with the same name.
struct Record<'a> {
    name: String,
    /// Tells records of one name apart; absent where there is one only.
    set: Option<String>,
    target: Target<'a>,
    /// `PRIMARY` or `SECONDARY`.
    failover: Option<&'static str>,
    latency_region: Option<&'a str>,
}

pub(super) fn records(s: &mut Stack<'_>, apis: &[(&Place, Api)]) {
    let d = &s.p.domain;
    let (true, Some(name), Some(zone)) = (d.enabled, d.name.clone(), d.hosted_zone_id.clone()) else {
        return;
    };
    let regions: Vec<&str> = apis.iter().map(|(place, _)| place.region()).collect();
    let tree = match (s.p.dns.routing_policy.as_str(), regions.as_slice()) {
        (_, []) => return,
        (_, [only]) => vec![Record {
            name,
            set: None,
            target: Target::Region(only),
            failover: None,
            latency_region: None,
        }],
        ("latency", _) => latency(&name, &regions, Target::Region),
        ("latency_with_failover", _) => nested(&name, &regions),
        _ => chain(&name, &name, &regions),
    };
    for record in tree {
        add(s, &zone, &record);
    }
}

/// One record per region; the nearest healthy region answers.
fn latency<'a>(name: &str, regions: &[&'a str], target: impl Fn(&'a str) -> Target<'a>) -> Vec<Record<'a>> {
    let record = |region: &'a str| Record {
        name: name.to_owned(),
        set: Some(region.to_owned()),
        target: target(region),
        failover: None,
        latency_region: Some(region),
    };
    regions.iter().copied().map(record).collect()
}

/// Failover knows two records: the third region is the standby of the second, under a name of its own.
fn chain<'a>(domain: &str, name: &str, regions: &[&'a str]) -> Vec<Record<'a>> {
    let pair = |set: &str, target, failover| Record {
        name: name.to_owned(),
        set: Some(set.to_owned()),
        target,
        failover: Some(failover),
        latency_region: None,
    };
    match regions {
        [] => Vec::new(),
        [only] => vec![pair("primary", Target::Region(only), "PRIMARY")],
        [first, second] => vec![
            pair("primary", Target::Region(first), "PRIMARY"),
            pair("secondary", Target::Region(second), "SECONDARY"),
        ],
        [first, rest @ ..] => {
            let below = format!("standby-{}.{domain}", rest.len());
            let mut records = chain(domain, &below, rest);
            records.push(pair("primary", Target::Region(first), "PRIMARY"));
            records.push(pair("secondary", Target::Name(below), "SECONDARY"));
            records
        }
    }
}

/// The nearest region answers; each region's name fails over to the next region.
fn nested<'a>(name: &str, regions: &[&'a str]) -> Vec<Record<'a>> {
    let own = |region: &str| format!("{region}.{name}");
    let mut records = latency(name, regions, |region| Target::Name(own(region)));
    for (i, region) in regions.iter().enumerate() {
        let pair = [region, regions[(i + 1) % regions.len()]];
        records.extend(chain(name, &own(region), &pair));
    }
    records
}

fn add(s: &mut Stack<'_>, zone: &str, record: &Record<'_>) {
    // Aliases have no TTL of their own.
    let types: &[&str] = if s.p.dns.record_type == "cname" {
        &["CNAME"]
    } else {
        &["A", "AAAA"]
    };
    for of_type in types {
        let slug = record.name.replace('.', "_");
        let key = match &record.set {
            Some(set) => format!("{slug}_{set}_{}", of_type.to_lowercase()),
            None => format!("{slug}_{}", of_type.to_lowercase()),
        };
        let component =
            s.b.component("route53_record", &key)
                .set("hosted_zone_id", zone)
                .set("name", record.name.as_str())
                .set("type", *of_type)
                .set("set_identifier", record.set.clone())
                .set("failover", record.failover)
                .set("latency_region", record.latency_region);
        let component = leading(s, zone, record, of_type, component);
        s.b.add(component);
    }
}

fn leading(s: &Stack<'_>, zone: &str, record: &Record<'_>, of_type: &str, component: Component) -> Component {
    let dns = &s.p.dns;
    let alias = |name: &str, zone: &str, healthy: bool| json!({"dns_name": name, "hosted_zone_id": zone, "evaluate_target_health": healthy});
    let component = match (&record.target, of_type) {
        (Target::Region(region), "CNAME") => {
            let host = domain_of(region).output("regional_domain_name");
            component.set("ttl", dns.ttl).set("records", json!([host]))
        }
        (Target::Region(region), _) => {
            let domain = domain_of(region);
            let host = domain.output("regional_domain_name");
            let zone = domain.output("regional_hosted_zone_id");
            component.set("alias", alias(&host, &zone, dns.evaluate_target_health))
        }
        // The names below must exist first; a tree works only where health is passed up.
        (Target::Name(name), "CNAME") => below(s, name, component.set("ttl", dns.ttl).set("records", json!([name]))),
        (Target::Name(name), _) => below(s, name, component.set("alias", alias(name, zone, true))),
    };
    match record.target {
        Target::Region(region) if dns.health_check.enabled => {
            let check = Key::in_region(region, "route53_health_check", "api");
            component.set("health_check_id", check.id())
        }
        _ => component,
    }
}

fn domain_of(region: &str) -> Key {
    Key::in_region(region, "api_domain_name", "payments")
}

fn below(s: &Stack<'_>, name: &str, component: Component) -> Component {
    let records = s.b.graph.components.values();
    let named =
        records.filter(|c| c.kind == "route53_record" && c.settings.get("name").and_then(Value::as_str) == Some(name));
    named.fold(component, |component, record| component.after(&record.key))
}
