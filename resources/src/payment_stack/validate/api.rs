//! APIs, domain, DNS, WAF.

use serde_json::Value;

use crate::composite::findings::{Findings, known};
use crate::payment_stack::config::{Api, Config, Payment};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let payment = &config.payment;
    if payment.api.enabled {
        if !payment.processor.enabled {
            findings.error(
                "api.enabled",
                "The API has no function",
                "set `processor.enabled = true`, or `api.enabled = false`.",
            );
        }
        access(&payment.api, findings);
        unread(&payment.api, findings);
        resource_policy(&payment.api, findings);
        limits(&payment.api, findings);
        endpoint(payment, findings);
    }
    domain(payment, findings);
    default_endpoint(payment, findings);
    if payment.waf.enabled
        && payment.waf.default_action == "block"
        && payment.waf.allow_ip_cidrs.as_ref().is_none_or(Vec::is_empty)
    {
        findings.error(
            "waf.allow_ip_cidrs",
            "Every request would be blocked",
            "`default_action = \"block\"` needs the addresses that may pass.",
        );
    }
}

/// Secrets that go with another way of authorization than the one chosen.
fn unread(api: &Api, findings: &mut Findings) {
    let secrets = [
        (
            "hmac",
            "api.hmac.secrets_wo_version",
            api.hmac.secrets_wo_version.is_some(),
        ),
        (
            "api_key",
            "api.api_key.value_wo_version",
            api.api_key.value_wo_version.is_some(),
        ),
    ];
    for (reader, path, given) in secrets {
        if given && known(&api.authorization) && api.authorization != reader {
            let detail = format!(
                "with `authorization = \"{}\"` it is stored nowhere: set \"{reader}\", or leave it out.",
                api.authorization
            );
            findings.warning(path, "Nothing reads this secret", detail);
        }
    }
}

fn access(api: &Api, findings: &mut Findings) {
    match api.authorization.as_str() {
        "none" if !api.allow_unauthenticated => findings.error(
            "api.authorization",
            "Anybody could send payments",
            "`authorization = \"none\"` lets anybody inject payments. Choose \"api_key\", \"hmac\" or \"iam\", or set `allow_unauthenticated = true` to confirm.",
        ),
        "hmac" if api.hmac.secret_ssm_parameter.is_none() && api.hmac.secrets_wo_version.is_none() => findings.error(
            "api.hmac.secret_ssm_parameter",
            "The HMAC secret is missing",
            "`authorization = \"hmac\"` needs the name of an SSM SecureString that holds the active secrets, or `secrets_wo` and `secrets_wo_version`.",
        ),
        _ => {}
    }
    let origins = api.cors.allow_origins.as_deref().unwrap_or_default();
    let with_key = api
        .cors
        .allow_headers
        .iter()
        .any(|header| header.eq_ignore_ascii_case("x-api-key"));
    if with_key && origins.iter().any(|origin| origin == "*") {
        findings.error(
            "api.cors.allow_origins",
            "Every web page could use the API key",
            "`*` together with a key header is refused: list the origins that may send the key (N-23).",
        );
    } else if with_key && !origins.is_empty() && api.authorization == "api_key" {
        findings.warning(
            "api.cors.allow_origins",
            "The API key is visible in browsers",
            "AWS means API keys for metering, not for identity: let a server of yours call, or use `authorization = \"hmac\"` or \"iam\" (R-06).",
        );
    }
    if api.data_trace_enabled {
        findings.warning(
            "api.data_trace_enabled",
            "Payments in logs",
            "whole requests and answers will be logged (N-20).",
        );
    }
}

/// a policy without statements denies everything, and AWS says so with the first request only.
fn resource_policy(api: &Api, findings: &mut Findings) {
    let path = "api.resource_policy";
    let Some(text) = api.resource_policy.as_deref().filter(|text| known(text)) else {
        return;
    };
    let policy = tap_engine::json::parse_document(text);
    let statements = match &policy["Statement"] {
        Value::Array(all) => all.as_slice(),
        Value::Null => &[],
        single => std::slice::from_ref(single),
    };
    if statements.is_empty() {
        findings.error(
            path,
            "Not a policy",
            "it has no `Statement`: `{\"Version\": \"2012-10-17\", \"Statement\": [...]}`.",
        );
    }
    for statement in statements {
        for member in ["Effect", "Principal", "Action", "Resource"] {
            if statement[member].is_null() && statement[format!("Not{member}")].is_null() {
                findings.error(
                    path,
                    "Incomplete statement",
                    format!("`{member}` is missing in {statement}."),
                );
            }
        }
    }
    if !statements.is_empty() && statements.iter().all(|statement| statement["Effect"] == "Deny") {
        findings.error(
            path,
            "Nobody may call",
            "a policy that allows nothing refuses everything: add a statement with `Effect` = `Allow`.",
        );
    }
}

fn limits(api: &Api, findings: &mut Findings) {
    if api.authorization != "api_key" {
        return;
    }
    let key = &api.api_key;
    if key.throttle_rate_limit > api.throttle_rate_limit {
        let detail = format!("the stage allows {} requests per second.", api.throttle_rate_limit);
        findings.error("api.api_key.throttle_rate_limit", "More than the stage allows", detail);
    } else if key.throttle_rate_limit == api.throttle_rate_limit {
        findings.warning(
            "api.api_key.throttle_rate_limit",
            "One client can take all",
            "give the key less than the stage (N-27).",
        );
    }
    let days = match key.quota_period.as_str() {
        "WEEK" => 7,
        "MONTH" => 30,
        _ => 1,
    };
    let minutes = key.quota_limit / key.throttle_rate_limit / 60;
    if key.quota_limit > 0 && minutes < 60 * days {
        let detail = format!(
            "at {} requests per second the quota of {} is used up in {minutes} minutes (N-26).",
            key.throttle_rate_limit, key.quota_limit
        );
        findings.warning("api.api_key.quota_limit", "Quota and rate do not go together", detail);
    }
}

fn endpoint(payment: &Payment, findings: &mut Findings) {
    let api = &payment.api;
    if api.endpoint_type == "EDGE" {
        if payment.regions.as_ref().is_some_and(|regions| regions.len() > 1) {
            findings.error(
                "api.endpoint_type",
                "EDGE endpoints do not fail over",
                "several regions need `REGIONAL`.",
            );
        }
        if payment.domain.enabled {
            findings.error(
                "api.endpoint_type",
                "The domain is a regional one",
                "`domain` needs `REGIONAL`.",
            );
        }
        if api.integration_timeout_ms > 29_000 {
            findings.error(
                "api.integration_timeout_ms",
                "Too long for EDGE",
                "more than 29000 is for `REGIONAL` APIs only.",
            );
        }
    }
    if api.health_path == api.path {
        findings.error("api.health_path", "Path is taken", "`path` is the same.");
    }
}

fn domain(payment: &Payment, findings: &mut Findings) {
    let (domain, api) = (&payment.domain, &payment.api);
    if !domain.enabled {
        return;
    }
    if !api.enabled {
        findings.error(
            "domain.enabled",
            "The domain has no API",
            "set `api.enabled = true`, or `domain.enabled = false`.",
        );
    }
    if domain.name.is_none() {
        findings.error(
            "domain.name",
            "The domain name is missing",
            "with `domain.enabled` it must be given.",
        );
    }
    if domain.hosted_zone_id.is_none() {
        findings.error(
            "domain.hosted_zone_id",
            "The hosted zone is missing",
            "give the id of the Route 53 zone for the records.",
        );
    }
    let regions = api.regions.as_ref().or(payment.regions.as_ref());
    for region in regions.into_iter().flatten() {
        let given = domain
            .certificate_arns
            .as_ref()
            .is_some_and(|arns| arns.contains_key(region));
        if !given {
            let path = format!("domain.certificate_arns[\"{region}\"]");
            findings.error(
                &path,
                "Certificate is missing",
                "API Gateway needs an ACM certificate of the API's region (R-21).",
            );
        }
    }
    let several = regions.is_some_and(|regions| regions.len() > 1);
    records(payment, several, findings);
}

/// The DNS records of a domain and the health checks behind them; `several` regions answer to it.
fn records(payment: &Payment, several: bool, findings: &mut Findings) {
    let (domain, dns, api) = (&payment.domain, &payment.dns, &payment.api);
    if several && dns.routing_policy != "latency" && !dns.health_check.enabled {
        findings.error(
            "dns.health_check.enabled",
            "Failover without health checks",
            format!("`{}` needs them.", dns.routing_policy),
        );
    }
    if dns.health_check.enabled
        && dns.health_check.kind == "HTTPS"
        && dns.health_check.path.is_none()
        && api.health_path.is_empty()
    {
        findings.error(
            "dns.health_check.path",
            "Nothing to check",
            "the payments path answers 403 without a key, which would count as unhealthy for ever (R-04): set `api.health_path`.",
        );
    }
    let labels = domain.name.as_deref().unwrap_or("a.b.c").split('.').count();
    if dns.record_type == "cname" && labels < 3 {
        findings.error("dns.record_type", "No CNAME at a zone's apex", "use `alias` (R-02).");
    }
    if several && dns.routing_policy != "failover" && payment.table.consistency_mode == "EVENTUAL" {
        findings.warning(
            "dns.routing_policy",
            "Two regions may accept the same payment",
            "a payment sent to two regions within the replication delay counts twice. `failover` keeps one writer; `STRONG` tables need none (R-22).",
        );
    }
}

/// with a domain, the APIs' own endpoints must not be a way around it.
fn default_endpoint(payment: &Payment, findings: &mut Findings) {
    if !payment.domain.enabled {
        if payment.domain.name.is_some() && payment.api.enabled {
            findings.warning(
                "domain.enabled",
                "The domain is not used",
                "`domain.name` is given, but without `enabled = true` there is no domain, and the APIs' own endpoints are the way in (R-23).",
            );
        }
        return;
    }
    if !payment.asks_default_endpoint() {
        return;
    }
    if !payment.waf.enabled {
        findings.error(
            "waf.enabled",
            "The APIs' own endpoints would bypass the domain",
            "HTTPS health checks ask those endpoints, and only the web ACL closes them to everything else (R-23): set `waf.enabled = true`; or `dns.health_check.type = \"TCP\"`, or no health checks, with which the endpoints are closed altogether.",
        );
    }
    let taken = format!("/{}/{}", payment.api.stage_name, payment.api.path);
    if payment.checked_path() == taken {
        findings.error(
            "dns.health_check.path",
            "Payments would bypass the domain",
            format!("what health checks ask for stays open at the APIs' own endpoints, and {taken} takes payments (R-23); choose a path that answers 200 without a key, or leave it out."),
        );
    }
}
