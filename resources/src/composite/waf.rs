//! The web ACL in front of an API: rate rule, managed rules, association, logs.

use serde_json::{Value, json};
use tap_engine::Key;

use super::Builder;

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

/// What the ACL decides goes to a log group; keys of senders are left out.
pub fn log(b: &mut Builder<'_>, acl: &Key, group: &Key) {
    let logging = b
        .component("wafv2_logging", "api")
        .set("resource_arn", acl.arn())
        .set("log_destination_arn", group.arn())
        .set("redacted_headers", json!(["x-api-key"]));
    b.add(logging);
}
