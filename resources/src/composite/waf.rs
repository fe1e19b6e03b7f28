//! The web ACL in front of an API: rate rule, managed rules, association, logs.

use serde_json::{Value, json};
use tap_engine::Key;
use tap_plugin::{Validator, validators as check};

use super::Builder;
use crate::aws::wafv2_ip_set::ranges;

/// What a web ACL is to do.
#[derive(Debug, Clone)]
pub struct WebAcl<'a> {
    /// Its name, and that of its metric.
    pub name: String,
    /// `allow` or `block`.
    pub default_action: &'a str,
    /// Requests per window and address.
    pub rate_limit: i64,
    /// Seconds: 60, 120, 300 or 600.
    pub window: i64,
    /// AWS's managed rule groups.
    pub managed: &'a [String],
    /// Further rules, each with `Name`, `Statement` and `Action`; they come first.
    pub first: Vec<Value>,
    /// What the rate rule looks at; null: everything.
    pub rate_scope: Value,
}

fn visible(metric: &str) -> Value {
    json!({"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": metric})
}

impl WebAcl<'_> {
    fn rules(&self) -> Value {
        let mut rate = json!({
            "Limit": self.rate_limit, "EvaluationWindowSec": self.window, "AggregateKeyType": "IP",
        });
        if !self.rate_scope.is_null() {
            rate["ScopeDownStatement"] = self.rate_scope.clone();
        }
        let rate = json!({"Name": "RateLimit", "Action": {"Block": {}}, "Statement": {"RateBasedStatement": rate}});
        let managed = self.managed.iter().map(|group| {
            json!({
                "Name": group, "OverrideAction": {"None": {}},
                "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": group}},
            })
        });
        let all = self.first.iter().cloned().chain([rate]).chain(managed);
        let placed = all.zip(0..).map(|(mut rule, priority): (Value, i32)| {
            rule["VisibilityConfig"] = visible(rule["Name"].as_str().unwrap_or_default());
            rule["Priority"] = priority.into();
            rule
        });
        placed.collect::<Vec<_>>().into()
    }

    /// Adds the ACL and puts it in front of a stage.
    pub fn build(&self, b: &mut Builder<'_>, stage: &Key) -> Key {
        let acl = b
            .component("wafv2_web_acl", "api")
            .set("name", self.name.as_str())
            .set("scope", "REGIONAL")
            .set("default_action", self.default_action)
            .set("rules", self.rules())
            .set("visibility_config", visible(&self.name));
        let acl = b.add(acl);
        let association = b
            .component("wafv2_association", "api")
            .set("web_acl_arn", acl.arn())
            .set("resource_arn", stage.arn());
        b.add(association);
        acl
    }
}

/// What an attribute `allow_ip_cidrs` may list: ranges that a set of addresses takes, which is all but `/0`
/// (<https://docs.aws.amazon.com/waf/latest/APIReference/API_IPSet.html>).
pub fn cidr() -> impl Validator + 'static {
    check::condition(
        "an address range such as `203.0.113.0/24` or `2001:db8::/32`",
        |value| value.as_str().is_none_or(is_cidr),
    )
}

fn is_cidr(text: &str) -> bool {
    ranges::parse(text).is_some()
}

/// Known senders (N-24): sets of their addresses, and the statement that a request comes from one of them; null when there
/// are none. Sets hold one IP version each; they are called after the web ACL.
pub fn listed(b: &mut Builder<'_>, acl: &str, cidrs: &[String]) -> Value {
    let (v6, v4): (Vec<&String>, Vec<&String>) = cidrs.iter().partition(|cidr| cidr.contains(':'));
    let mut statements = Vec::new();
    for (key, version, addresses) in [("allowed_ipv4", "IPV4", v4), ("allowed_ipv6", "IPV6", v6)] {
        if addresses.is_empty() {
            continue;
        }
        let of_type = format!("{acl}-{}", key.replace('_', "-"));
        let name = b.name(&format!("wafv2_ip_set.{key}"), Some(&of_type), "");
        let set = b
            .component("wafv2_ip_set", key)
            .set("name", name)
            .set("scope", "REGIONAL")
            .set("ip_address_version", version)
            .set("addresses", json!(addresses));
        statements.push(json!({"IPSetReferenceStatement": {"ARN": b.add(set).arn()}}));
    }
    any_of(statements)
}

fn any_of(mut statements: Vec<Value>) -> Value {
    match statements.len() {
        0 => Value::Null,
        1 => statements.remove(0),
        _ => json!({"OrStatement": {"Statements": statements}}),
    }
}

/// Where everything else is blocked, known senders may pass.
pub fn allow_listed(listed: &Value) -> Value {
    json!({"Name": "AllowedAddresses", "Action": {"Allow": {}}, "Statement": listed})
}

/// Known senders are exempt from the limit per address, not from the managed rules (N-24).
pub fn all_but(listed: &Value) -> Value {
    if listed.is_null() {
        return Value::Null;
    }
    json!({"NotStatement": {"Statement": listed}})
}

/// What the ACL decides goes to a log group; keys of senders are left out.
pub fn log(b: &mut Builder<'_>, acl: &Key, group: &Key) {
    let logging = b
        .component("wafv2_logging", "api")
        .set("resource_arn", acl.arn())
        .set("log_destination_arn", group.arn())
        .set("redacted_headers", json!(["x-api-key"]));
    b.add(logging);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_that_sets_of_addresses_take() {
        for right in ["203.0.113.0/24", "203.0.113.7/32", "2001:db8::/32", "::1/128"] {
            assert!(is_cidr(right), "{right}");
        }
        for wrong in [
            "203.0.113.0",
            "300.0.0.0/8",
            "0.0.0.0/0",
            "203.0.113.0/33",
            "::/129",
            "203.0.113.0/+8",
            "a/8",
        ] {
            assert!(!is_cidr(wrong), "{wrong}");
        }
    }
}
