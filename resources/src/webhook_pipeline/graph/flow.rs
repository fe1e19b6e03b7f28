//! Bus, archive, rules, targets; the archival's schedule.

use serde_json::{Number, Value, json};
use tap_engine::Key;

use super::data::{Data, Stores};
use super::functions::Functions;
use super::workflow::Workflow;
use super::{Encryption, MaybeKey, Stack};
use crate::composite::iam::{allow, role, trust};

/// The rules; which there are depends on the routing.
pub(super) struct Rules {
    pub(super) high: MaybeKey,
    pub(super) medium: MaybeKey,
    pub(super) low: MaybeKey,
    pub(super) unroutable: MaybeKey,
}

impl Rules {
    pub(super) fn all(&self) -> impl Iterator<Item = &Key> {
        [&self.high, &self.medium, &self.low, &self.unroutable]
            .into_iter()
            .flatten()
    }
}

pub(super) fn bus(s: &mut Stack<'_>, encryption: &Encryption) -> (Key, String) {
    let e = &s.p.event_bus;
    let name = s.b.name("event_bus.payments", e.name.as_ref(), "payment-events");
    let days = e.archive_retention_days;
    let bus =
        s.b.component("event_bus", "payments")
            .set("name", name.as_str())
            .set("kms_key_identifier", encryption.arn_if(e.kms_enabled));
    let bus = s.b.add(bus);
    let archive_name = s.b.name("event_archive.payments", None, "payment-events");
    let archive =
        s.b.component("event_archive", "payments")
            .set("archive_name", archive_name)
            .set("event_source_arn", bus.arn())
            .set("description", "Every payment event, for replay")
            .set("retention_days", days);
    let archive = archive.set("kms_key_identifier", encryption.arn_if(s.p.event_bus.kms_enabled));
    s.b.add(archive);
    s.b.graph.output("event_bus_arn", bus.arn());
    s.b.graph.output("event_bus_name", bus.output("name"));
    (bus, name)
}

/// Which amounts a rule takes.
#[derive(Clone, Copy)]
enum Band {
    High,
    Medium,
    Low,
}

impl Band {
    /// One condition with both bounds: two conditions in a list would mean OR (W-07).
    fn numeric(self, low: &Number, high: &Number) -> Value {
        match self {
            Self::High => json!([{"numeric": [">", high]}]),
            Self::Medium => json!([{"numeric": [">=", low, "<=", high]}]),
            Self::Low => json!([{"numeric": ["<", low]}]),
        }
    }
}

/// Source, detail type, and the amount, by currency where some have thresholds of their own (W-15).
fn pattern(s: &Stack<'_>, band: Band) -> Value {
    let r = &s.p.routing;
    let general = band.numeric(&r.low_threshold, &r.high_threshold);
    let special = r.currency_thresholds.as_ref().filter(|t| !t.is_empty());
    let detail = match special {
        None => json!({"amount": general}),
        Some(thresholds) => {
            let codes: Vec<&String> = thresholds.keys().collect();
            let mut cases = vec![json!({"currency": [{"anything-but": codes}], "amount": general})];
            cases.extend(thresholds.iter().map(
                |(code, t)| json!({"currency": [code], "amount": band.numeric(&t.low_threshold, &t.high_threshold)}),
            ));
            json!({"$or": cases})
        }
    };
    event(&detail)
}

fn event(detail: &Value) -> Value {
    json!({"source": ["webhook.transaction"], "detail-type": ["Transaction Created"], "detail": detail})
}

/// Every amount matches exactly one rule; those that EventBridge cannot compare have one of their own (W-16).
pub(super) fn rules(s: &mut Stack<'_>, data: &Data) -> Rules {
    let by_rule = s.p.routing.workflow_trigger == "event_rule";
    let low_target = s.p.routing.low_value_target != "none";
    let high = by_rule.then(|| {
        let pattern = pattern(s, Band::High);
        rule(
            s,
            data,
            "high",
            "high-value-transactions",
            "Route high-value transactions for immediate processing",
            pattern,
        )
    });
    let medium = pattern(s, Band::Medium);
    let medium = rule(
        s,
        data,
        "medium",
        "medium-value-transactions",
        "Route medium-value transactions for standard processing",
        medium,
    );
    let low = low_target.then(|| {
        let pattern = pattern(s, Band::Low);
        rule(
            s,
            data,
            "low",
            "low-value-transactions",
            "Route low-value transactions for batch processing",
            pattern,
        )
    });
    let unroutable = by_rule.then(|| {
        let pattern = event(&json!({"routing": ["unroutable"]}));
        rule(
            s,
            data,
            "unroutable",
            "unroutable-transactions",
            "Amounts beyond EventBridge's numbers, handled like high-value ones",
            pattern,
        )
    });
    Rules {
        high,
        medium: Some(medium),
        low,
        unroutable,
    }
}

fn rule(s: &mut Stack<'_>, data: &Data, key: &str, of_type: &str, description: &str, pattern: Value) -> Key {
    let name = s.b.name(&format!("event_rule.{key}"), None, of_type);
    let rule =
        s.b.component("event_rule", key)
            .set("name", name)
            .set("event_bus_name", data.bus.output("name"))
            .set("description", description)
            .set("event_pattern", pattern);
    s.b.add(rule)
}

/// Every rule has a target, a retry policy and the dead-letter queue (W-08, W-09).
pub(super) fn targets(s: &mut Stack<'_>, data: &Data, stores: &Stores, rules: &Rules, workflow: &Workflow) {
    if rules.high.is_some() {
        let name = s.p.role_names.as_ref().and_then(|r| r.get("events"));
        let name = s.b.name("iam_role.events", name, "eventbridge-targets");
        let start = allow(&["states:StartExecution"], workflow.machine.arn());
        let role = role(
            &s.b,
            "events",
            &name,
            trust("events.amazonaws.com", &s.b.environment.account_id),
            vec![start],
        );
        let role = s.b.add(role);
        // The workflow reads `transaction` and `timestamp`, the stored one (W-06, W-11).
        let input = json!({
            "input_paths": {"transaction": "$.detail", "timestamp": "$.detail.timestamp"},
            "input_template": "{\"transaction\": <transaction>, \"timestamp\": <timestamp>}",
        });
        for (key, rule) in [
            ("high_workflow", &rules.high),
            ("unroutable_workflow", &rules.unroutable),
        ] {
            let Some(rule) = rule else { continue };
            target(
                s,
                data,
                stores,
                rule,
                key,
                &workflow.machine.arn(),
                Some((&role, input.clone())),
            );
        }
    }
    if let Some(rule) = &rules.medium {
        target(
            s,
            data,
            stores,
            rule,
            "medium_alerts",
            &stores.topics.alerts.arn(),
            None,
        );
    }
    match (&rules.low, &stores.low_value) {
        (Some(rule), Some(queue)) => target(s, data, stores, rule, "low_queue", &queue.arn(), None),
        (Some(rule), None) => {
            let group = low_value_log(s, data, rule);
            target(s, data, stores, rule, "low_log", &group.arn(), None);
        }
        _ => {}
    }
}

fn target(
    s: &mut Stack<'_>,
    data: &Data,
    stores: &Stores,
    rule: &Key,
    key: &str,
    arn: &str,
    role: Option<(&Key, Value)>,
) {
    let retry = &s.p.routing.retry_policy;
    let mut target =
        s.b.component("event_target", key)
            .set("event_bus_name", data.bus.output("name"))
            .set("rule", rule.output("name"))
            .set("target_id", key.replace('_', "-"))
            .set("arn", arn)
            .set("dead_letter_arn", stores.dlq.arn())
            .set(
                "retry_policy",
                json!({
                    "maximum_event_age_in_seconds": retry.maximum_event_age_in_seconds,
                    "maximum_retry_attempts": retry.maximum_retry_attempts,
                }),
            );
    if let Some((role, input)) = role {
        target = target.set("role_arn", role.arn()).set("input_transformer", input);
    }
    s.b.add(target);
}

/// EventBridge writes to log groups below `/aws/events/` by the account's log resource policy.
fn low_value_log(s: &mut Stack<'_>, data: &Data, rule: &Key) -> Key {
    let group = super::functions::log_group(
        s,
        &data.encryption,
        "low_value",
        &format!("/aws/events/{}", s.b.styled("low-value-transactions")),
    );
    let policy_name =
        s.b.name("log_resource_policy.low_value", None, "low-value-transactions");
    let document = crate::composite::iam::policy([json!({
        "Sid": "AllowRule", "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("{}:*", group.arn()),
        "Condition": {"ArnEquals": {"aws:SourceArn": rule.arn()}},
    })]);
    let policy =
        s.b.component("log_resource_policy", "low_value")
            .set("policy_name", policy_name)
            .set("policy_document", document);
    s.b.add(policy);
    group
}

/// The archival runs on a schedule, with a role and a dead-letter queue (W-20).
pub(super) fn schedule(s: &mut Stack<'_>, stores: &Stores, functions: &Functions) {
    let a = &s.p.archival;
    if !a.enabled {
        return;
    }
    let name = s.p.role_names.as_ref().and_then(|r| r.get("scheduler"));
    let name = s.b.name("iam_role.scheduler", name, "transaction-archival-scheduler");
    let statements = vec![
        allow(&["lambda:InvokeFunction"], functions.archival.arn()),
        allow(&["sqs:SendMessage"], stores.dlq.arn()),
    ];
    let role = role(
        &s.b,
        "scheduler",
        &name,
        trust("scheduler.amazonaws.com", &s.b.environment.account_id),
        statements,
    );
    let role = s.b.add(role);
    let schedule_name = s.b.name("schedule.archival", None, "transaction-archival");
    let schedule =
        s.b.component("schedule", "archival")
            .set("name", schedule_name)
            .set("group_name", "default")
            .set("description", "Archives finished transactions")
            .set("schedule_expression", a.schedule_expression.as_str())
            .set("schedule_expression_timezone", "UTC")
            .set("state", "ENABLED")
            .set("flexible_time_window", json!({"mode": "OFF"}))
            .set(
                "target",
                json!({
                    "arn": functions.archival.arn(),
                    "role_arn": role.arn(),
                    "input": "{}",
                    "dead_letter_arn": stores.dlq.arn(),
                    "maximum_event_age_in_seconds": 3600,
                    "maximum_retry_attempts": 5,
                }),
            );
    s.b.add(schedule);
}
