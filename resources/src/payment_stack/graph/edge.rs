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

/// With a domain the API's own endpoint would bypass it. It is closed where nothing needs it;
/// where health checks do, the web ACL lets only them through.
pub(super) fn closes_default_endpoint(s: &Site<'_>) -> bool {
    s.p.domain.enabled && !s.p.asks_default_endpoint()
}

/// All of it; answers the web ACL.
pub(super) fn build(s: &mut Site<'_>, api: &Api) -> Option<Key> {
    if let Some(name) = domain(s).map(ToOwned::to_owned) {
        custom_domain(s, api, &name);
    }
    if s.p.has_health_checks() {
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
    if s.region() == super::api::first(s) {
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
            .set("resource_path", (!tcp).then(|| s.p.checked_path()))
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
    let cidrs = w.allow_ip_cidrs.as_deref().unwrap_or_default();
    let listed = waf::listed(&mut s.b, &s.names.web_acl, cidrs);
    let mut first = Vec::new();
    let blocks = w.default_action == "block";
    if s.p.asks_default_endpoint() {
        let path = s.p.checked_path();
        first.push(only_health_checks(&path));
        if blocks {
            first.push(health_checks(&path));
        }
    }
    if blocks && !listed.is_null() {
        first.push(waf::allow_listed(&listed));
    }
    let acl = WebAcl {
        name: s.names.web_acl.clone(),
        default_action: &w.default_action,
        rate_limit: w.rate_limit,
        window: w.evaluation_window_sec,
        managed: &w.managed_rule_groups,
        first,
        rate_scope: waf::all_but(&listed),
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
    let other = json!({"NotStatement": {"Statement": is_path(path)}});
    json!({
        "Name": "DefaultEndpoint", "Action": {"Block": {}},
        "Statement": {"AndStatement": {"Statements": [is_default_endpoint(), other]}},
    })
}

/// Where only listed addresses may pass, Route 53's checks may too: blocked they would count as unhealthy
/// for ever.
fn health_checks(path: &str) -> Value {
    json!({
        "Name": "HealthChecks", "Action": {"Allow": {}},
        "Statement": {"AndStatement": {"Statements": [is_default_endpoint(), is_path(path)]}},
    })
}

fn is_default_endpoint() -> Value {
    json!({"ByteMatchStatement": {
        "SearchString": ".execute-api.", "PositionalConstraint": "CONTAINS",
        "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}],
        "FieldToMatch": {"SingleHeader": {"Name": "host"}},
    }})
}

fn is_path(path: &str) -> Value {
    json!({"ByteMatchStatement": {
        "SearchString": path, "PositionalConstraint": "EXACTLY",
        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        "FieldToMatch": {"UriPath": {}},
    }})
}
