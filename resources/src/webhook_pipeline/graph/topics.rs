//! The topics, one for each sort of message (W-44), and who gets them by e-mail or phone (W-42).

use serde_json::json;
use tap_engine::Key;

use super::Stack;
use super::data::Data;
use super::flow::Rules;
use crate::composite::iam::{allow_service, deny_without_tls, policy};

/// Where each sort of message goes. Those that are not separate share `alerts`.
pub(super) struct Topics {
    /// Medium-value transactions, as the seed routes them.
    pub(super) alerts: Key,
    /// CloudWatch alarms.
    pub(super) alarms: Key,
    /// The workflow's notices.
    pub(super) notices: Key,
    /// High risks.
    pub(super) fraud: Key,
}

/// What a topic carries.
struct Use<'a> {
    key: &'static str,
    of_type: &'static str,
    alarms: bool,
    rules: &'a [Key],
}

pub(super) fn build(s: &mut Stack<'_>, data: &Data, rules: &Rules) -> Topics {
    let t = s.p.alerts_topic.clone();
    let alerts = Use {
        key: "alerts",
        of_type: "transaction-alerts",
        alarms: !t.separate_alarm_topic,
        rules: rules.medium.as_slice(),
    };
    let alerts = topic(s, data, &alerts);
    let mut apart = |separate: bool, key, of_type, alarms| {
        let of_its_own = Use {
            key,
            of_type,
            alarms,
            rules: &[],
        };
        if separate {
            topic(s, data, &of_its_own)
        } else {
            alerts.clone()
        }
    };
    let topics = Topics {
        alarms: apart(t.separate_alarm_topic, "alarms", "webhook-alarms", true),
        notices: apart(t.separate_notice_topic, "notices", "transaction-notices", false),
        fraud: apart(t.separate_fraud_topic, "fraud", "transaction-fraud", false),
        alerts: alerts.clone(),
    };
    subscriptions(s, &topics);
    let arns: Vec<(&str, String)> = topics.each().map(|(key, topic)| (key, topic.arn())).collect();
    s.outputs("sns_topic_arns", arns);
    topics
}

impl Topics {
    /// Every topic once.
    fn each(&self) -> impl Iterator<Item = (&'static str, &Key)> {
        let own = |topic: &&Key| **topic != self.alerts;
        [
            ("alerts", Some(&self.alerts)),
            ("alarms", Some(&self.alarms).filter(own)),
            ("notices", Some(&self.notices).filter(own)),
            ("fraud", Some(&self.fraud).filter(own)),
        ]
        .into_iter()
        .filter_map(|(key, topic)| Some((key, topic?)))
    }

    /// Whether people are meant to hear of what the topic carries, and whether it is routine besides.
    fn urgent(&self, topic: &Key) -> bool {
        [&self.alarms, &self.fraud].contains(&topic)
    }

    fn routine(&self, topic: &Key) -> bool {
        [&self.alerts, &self.notices].contains(&topic)
    }
}

/// A topic takes messages from those who have something for it and from nobody else, and by TLS only (W-10).
fn topic(s: &mut Stack<'_>, data: &Data, uses: &Use<'_>) -> Key {
    let t = &s.p.alerts_topic;
    let named = if uses.key == "alerts" { t.name.as_ref() } else { None };
    let name = s.b.name(&format!("sns_topic.{}", uses.key), named, uses.of_type);
    let arn = s.b.arn("sns", &name);
    let publish = ["sns:Publish"];
    let mut statements = vec![deny_without_tls(std::slice::from_ref(&arn), "sns:Publish")];
    if uses.alarms {
        let account = s.this_account();
        statements.push(allow_service(
            "AllowAlarms",
            "cloudwatch.amazonaws.com",
            &publish,
            &arn,
            account,
        ));
    }
    if !uses.rules.is_empty() {
        let arns: Vec<String> = uses.rules.iter().map(Key::arn).collect();
        let from = json!({"ArnEquals": {"aws:SourceArn": arns}});
        statements.push(allow_service(
            "AllowRules",
            "events.amazonaws.com",
            &publish,
            &arn,
            from,
        ));
    }
    let topic =
        s.b.component("sns_topic", uses.key)
            .set("name", name)
            .set("display_name", t.display_name.clone())
            .set("kms_master_key_id", data.encryption.arn_if(t.kms_enabled))
            .set("policy", policy(statements));
    s.b.add(topic)
}

/// An endpoint as part of a component's key.
pub(in crate::webhook_pipeline) fn slug(endpoint: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    endpoint.chars().map(plain).collect()
}

/// People get alarms and fraud alerts; what is routine only if they ask for it (W-42, W-44).
fn subscriptions(s: &mut Stack<'_>, topics: &Topics) {
    let t = s.p.alerts_topic.clone();
    let by_mail = t.email_endpoints.into_iter().flatten().map(|e| ("email", e));
    let by_phone = t.sms_endpoints.into_iter().flatten().map(|e| ("sms", e));
    for (protocol, endpoint) in by_mail.chain(by_phone) {
        let slug = slug(&endpoint);
        for (key, topic) in topics.each() {
            if !topics.urgent(topic) && !t.notify_transactions {
                continue;
            }
            let mut subscription =
                s.b.component("sns_subscription", &format!("{key}_{protocol}_{slug}"))
                    .set("topic_arn", topic.arn())
                    .set("protocol", protocol)
                    .set("endpoint", endpoint.as_str());
            if topics.routine(topic) && !t.notify_transactions {
                let exists = json!([{"exists": true}]);
                let urgent = json!({"$or": [{"AlarmName": exists}, {"alert_type": exists}]});
                subscription = subscription
                    .set("filter_policy_scope", "MessageBody")
                    .set("filter_policy", urgent);
            }
            s.b.add(subscription);
        }
    }
}
