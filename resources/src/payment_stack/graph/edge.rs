//! What stands between callers and a region's API: the custom domain name, the web ACL, the health check.

use serde_json::{Value, json};
use tap_engine::Key;

use super::api::Api;
use super::site::Site;
use crate::composite::waf::{self, WebAcl};

/// The domain's name, if there is one.
fn domain<'s>(s: &'s Site<'_>) -> Option<&'s str> {
    s.p.domain.name.as_deref().filter(|_| s.p.domain.enabled)
}

/// Where payments are posted to through the domain.
pub(super) fn public_url(s: &Site<'_>) -> Option<String> {
    let base = match s.p.domain.base_path.as_str() {
        "" => String::new(),
        path => format!("/{path}"),
    };
    domain(s).map(|name| format!("https://{name}{base}/{}", s.p.api.path))
}

/// Route 53 has to reach each region's API by itself, not through the name that it decides about, so
/// health checks ask the API's own endpoint.
fn is_checked(s: &Site<'_>) -> bool {
    s.p.domain.enabled && s.p.dns.health_check.enabled
}

/// With a domain the API's own endpoint would bypass it. It is closed where nothing needs it;
/// where health checks do, the web ACL lets only them through.
pub(super) fn closes_default_endpoint(s: &Site<'_>) -> bool {
    s.p.domain.enabled && !is_checked(s)
}

/// The path of the health check at the API's own endpoint.
fn health_path(s: &Site<'_>) -> String {
    let a = &s.p.api;
    let usual = || format!("/{}/{}", a.stage_name, a.health_path);
    s.p.dns.health_check.path.clone().unwrap_or_else(usual)
}

/// All of it; answers the web ACL.
pub(super) fn build(s: &mut Site<'_>, api: &Api) -> Option<Key> {
    if let Some(name) = domain(s).map(ToOwned::to_owned) {
        custom_domain(s, api, &name);
    }
    if is_checked(s) {
        health_check(s, api);
    }
    s.p.waf.enabled.then(|| web_acl(s, api))
}

fn custom_domain(s: &mut Site<'_>, api: &Api, name: &str) {
    let d = &s.p.domain;
    let certificate = d.certificate_arns.as_ref().and_then(|arns| arns.get(s.region()));
    let domain =
        s.b.component("api_domain_name", "payments")
            .set("domain_name", name)
            .set("regional_certificate_arn", certificate.cloned())
            .set("security_policy", d.security_policy.as_str())
            .set("endpoint_types", json!(["REGIONAL"]));
    let domain = s.b.add(domain);
    let mapping =
        s.b.component("api_base_path_mapping", "payments")
            .set("domain_name", domain.output("name"))
            .set("base_path", d.base_path.as_str())
            .set("rest_api_id", api.key.id())
            .set("stage", api.stage.output("name"));
    s.b.add(mapping);
    if s.is_primary() {
        s.b.graph.output("domain_name", name);
    }
}

fn health_check(s: &mut Site<'_>, api: &Api) {
    let h = &s.p.dns.health_check;
    let tcp = h.kind == "TCP";
    let suffix = if s.b.environment.partition == "aws-cn" {
        ".cn"
    } else {
        ""
    };
    let host = format!("{}.execute-api.{}.amazonaws.com{suffix}", api.key.id(), s.region());
    let check =
        s.b.component("route53_health_check", "api")
            .set("type", h.kind.as_str())
            .set("fqdn", host)
            .set("port", h.port)
            .set("resource_path", (!tcp).then(|| health_path(s)))
            .set("request_interval", h.interval)
            .set("failure_threshold", h.failure_threshold)
            .set("enable_sni", (h.kind == "HTTPS").then_some(true))
            .set("regions", h.regions.clone().map(|regions| json!(regions)))
            // A check of what does not serve yet would begin with an alarm.
            .after(&api.stage);
    let check = s.b.add(check);
    s.by_region("health_check_ids", check.id());
}

fn web_acl(s: &mut Site<'_>, api: &Api) -> Key {
    let w = &s.p.waf;
    let allowed = address_sets(s);
    let mut first = Vec::new();
    if is_checked(s) {
        first.push(only_health_checks(&health_path(s)));
    }
    let listed = any_of(allowed.iter().map(in_set).collect());
    if w.default_action == "block" && !listed.is_null() {
        first.push(json!({"Name": "AllowedAddresses", "Action": {"Allow": {}}, "Statement": listed}));
    }
    // Known senders are exempt from the limit per address, not from the managed rules (N-24).
    let rate_scope = if listed.is_null() {
        Value::Null
    } else {
        json!({"NotStatement": {"Statement": listed}})
    };
    let acl = WebAcl {
        name: s.names.web_acl.clone(),
        default_action: &w.default_action,
        rate_limit: w.rate_limit,
        window: w.evaluation_window_sec,
        managed: &w.managed_rule_groups,
        first,
        rate_scope,
    };
    let acl = acl.build(&mut s.b, &api.stage);
    s.by_region("web_acl_arns", acl.arn());
    if w.logging {
        let group = s.log_group("waf", &s.names.waf_log());
        waf::log(&mut s.b, &acl, &group);
    }
    acl
}

/// At the API's own endpoint nothing but the health path.
fn only_health_checks(path: &str) -> Value {
    let plain = json!([{"Priority": 0, "Type": "NONE"}]);
    let lower = json!([{"Priority": 0, "Type": "LOWERCASE"}]);
    json!({
        "Name": "DefaultEndpoint", "Action": {"Block": {}},
        "Statement": {"AndStatement": {"Statements": [
            {"ByteMatchStatement": {
                "SearchString": ".execute-api.", "PositionalConstraint": "CONTAINS", "TextTransformations": lower,
                "FieldToMatch": {"SingleHeader": {"Name": "host"}},
            }},
            {"NotStatement": {"Statement": {"ByteMatchStatement": {
                "SearchString": path, "PositionalConstraint": "EXACTLY", "TextTransformations": plain,
                "FieldToMatch": {"UriPath": {}},
            }}}},
        ]}},
    })
}

/// Sets of addresses hold one IP version each.
fn address_sets(s: &mut Site<'_>) -> Vec<Key> {
    let listed = s.p.waf.allow_ip_cidrs.clone().unwrap_or_default();
    let (v6, v4): (Vec<String>, Vec<String>) = listed.into_iter().partition(|cidr| cidr.contains(':'));
    let mut sets = Vec::new();
    for (key, version, addresses) in [("allowed_ipv4", "IPV4", v4), ("allowed_ipv6", "IPV6", v6)] {
        if addresses.is_empty() {
            continue;
        }
        let of_type = format!("{}-{}", s.names.web_acl, key.replace('_', "-"));
        let name = s.b.name(&format!("wafv2_ip_set.{key}"), Some(&of_type), "");
        let set =
            s.b.component("wafv2_ip_set", key)
                .set("name", name)
                .set("scope", "REGIONAL")
                .set("ip_address_version", version)
                .set("addresses", json!(addresses));
        sets.push(s.b.add(set));
    }
    sets
}

fn in_set(set: &Key) -> Value {
    json!({"IPSetReferenceStatement": {"ARN": set.arn()}})
}

fn any_of(mut statements: Vec<Value>) -> Value {
    match statements.len() {
        0 => Value::Null,
        1 => statements.remove(0),
        _ => json!({"OrStatement": {"Statements": statements}}),
    }
}
