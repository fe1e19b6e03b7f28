//! Failover of payment events to the standby region (P-14 to P-19).
//!
//! EventBridge reaches another region only through an event bus there. So each region has a bus; a rule
//! on it forwards the region's own marked events to the standby's bus, and a rule there starts the
//! standby's workflow. Both rules look at `detail.region`, the region that the event comes from: what has
//! been forwarded is not forwarded again, and no other region's workflow starts.

use serde_json::{Value, json};
use tap_engine::Key;

use super::keys::Purpose;
use super::names::in_account;
use super::queue::Queues;
use super::site::{Place, Site};
use crate::composite::iam::{allow, role, trust};

/// The region that takes over this one's events: one, or a payment would be processed twice (P-17).
pub(super) fn standby<'a>(s: &Site<'a>) -> Option<&'a Place> {
    standby_of(s, s.region())
}

fn standby_of<'a>(s: &Site<'a>, source: &str) -> Option<&'a Place> {
    let e = &s.p.event_failover;
    if !e.enabled {
        return None;
    }
    let here = s.places.iter().position(|place| place.region() == source)?;
    let next = s.places[(here + 1) % s.places.len()].region();
    let chosen = match &e.targets {
        Some(targets) => targets.get(source)?.as_str(),
        None => next,
    };
    let place = s.places.iter().find(|place| place.region() == chosen)?;
    (chosen != source).then_some(place)
}

pub(super) fn build(s: &mut Site<'_>, queues: &Queues, workflow: Option<&Key>) {
    let e = &s.p.event_failover;
    if !e.enabled || s.places.len() < 2 {
        return;
    }
    let bus =
        s.b.component("event_bus", "failover")
            .set("name", s.names.bus.as_str())
            .set("description", "Payment events on their way to or from another region")
            .set("kms_key_identifier", s.keys.arn(Purpose::Events));
    let bus = s.b.add(bus);
    s.by_region("event_bus_arns", bus.arn());
    let dlq = queues.dlq.as_ref().filter(|_| e.dlq);
    if let Some(target) = standby(s) {
        forward(s, &bus, dlq, target);
    }
    let Some(workflow) = workflow else { return };
    let sources: Vec<&Place> = s
        .others()
        .filter(|place| standby_of(s, place.region()).is_some_and(|standby| standby.region() == s.region()))
        .collect();
    if sources.is_empty() {
        return;
    }
    let start = allow(&["states:StartExecution"], workflow.arn());
    let role = events_role(s, "failover_start", "payment-failover-start", start);
    for source in sources {
        take_over(s, &bus, dlq, source, workflow, &role);
    }
}

/// EventBridge's own role, with the one thing that it is to do (P-15).
fn events_role(s: &mut Site<'_>, key: &str, of_type: &str, statement: Value) -> Key {
    let name = in_account(&s.b, &format!("iam_role.{key}"), None, of_type);
    let trusted = trust("events.amazonaws.com", &s.b.environment.account_id);
    let role = role(&s.b, key, &name, trusted, vec![statement]);
    s.b.add(role)
}

/// Events of a region that are marked for its standby, as text or as a boolean.
fn pattern(s: &Site<'_>, source: &str) -> Value {
    let e = &s.p.event_failover;
    json!({
        "source": [e.source],
        "detail-type": [e.detail_type],
        "detail": {"region": [source], "failover": ["true", true]},
    })
}

fn rule(s: &mut Site<'_>, bus: &Key, key: &str, description: String, source: &str) -> Key {
    let name = s.b.name(&format!("event_rule.{key}"), None, &key.replace('_', "-"));
    let rule =
        s.b.component("event_rule", key)
            .set("name", name)
            .set("event_bus_name", bus.output("name"))
            .set("description", description)
            .set("event_pattern", pattern(s, source));
    s.b.add(rule)
}

/// This region's events, to the standby's bus.
fn forward(s: &mut Site<'_>, bus: &Key, dlq: Option<&Key>, target: &Place) {
    let (here, there) = (s.region().to_owned(), target.region());
    let remote = Key::in_region(there, "event_bus", "failover");
    let put = allow(&["events:PutEvents"], remote.arn());
    let role = events_role(s, "failover_forward", "payment-failover-forward", put);
    let description = format!("Route payment events from {here} to {there}");
    let rule = rule(s, bus, "failover_forward", description, &here);
    let target = target_of(s, bus, &rule, "failover_forward", dlq)
        .set("arn", remote.arn())
        .set("role_arn", role.arn());
    s.b.add(target);
}

/// Another region's events, to this region's workflow. The workflow reads `transaction` and
/// `timestamp` (P-18).
fn take_over(s: &mut Site<'_>, bus: &Key, dlq: Option<&Key>, source: &Place, workflow: &Key, role: &Key) {
    let from = source.region();
    let key = format!("failover_from_{}", from.replace('-', "_"));
    let description = format!("Process payment events of {from}");
    let rule = rule(s, bus, &key, description, from);
    let input = json!({
        "input_paths": {"transaction": "$.detail.transaction", "timestamp": "$.detail.timestamp"},
        "input_template": "{\"transaction\": <transaction>, \"timestamp\": <timestamp>}",
    });
    let target = target_of(s, bus, &rule, &key, dlq)
        .set("arn", workflow.arn())
        .set("role_arn", role.arn())
        .set("input_transformer", input);
    s.b.add(target);
}

fn target_of(s: &Site<'_>, bus: &Key, rule: &Key, key: &str, dlq: Option<&Key>) -> tap_engine::Component {
    let retry = &s.p.event_failover.retry_policy;
    s.b.component("event_target", key)
        .set("event_bus_name", bus.output("name"))
        .set("rule", rule.output("name"))
        .set("target_id", key.replace('_', "-"))
        .set("dead_letter_arn", dlq.map(Key::arn))
        .set(
            "retry_policy",
            json!({
                "maximum_event_age_in_seconds": retry.max_age_seconds,
                "maximum_retry_attempts": retry.max_attempts,
            }),
        )
}
