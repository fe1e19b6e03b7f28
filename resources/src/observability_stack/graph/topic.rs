//! The topic that alarms go to, and who hears of them (O-32, O-33).

use serde_json::{Value, json};
use tap_engine::Component;

use super::logs::slug;
use super::{Encryption, Stack};
use crate::composite::iam::{allow_service, deny_without_tls, policy};
use crate::composite::json_map;

/// ARN of the topic, or a reference to it.
pub(super) fn build(s: &mut Stack<'_>, key: &Encryption) -> String {
    let arn = match &s.o.alarm_topic.existing_arn {
        Some(arn) => arn.clone(),
        None => topic(s, key),
    };
    s.b.graph.output("sns_topic_arn", arn.as_str());
    let subscriptions: Vec<Component> = wanted(s)
        .into_iter()
        .map(|(name, settings)| {
            let subscription = s.b.component("sns_subscription", &name).set("topic_arn", arn.as_str());
            settings
                .into_iter()
                .fold(subscription, |all, (name, value)| all.set(name, value))
        })
        .collect();
    let keys: Vec<_> = subscriptions.into_iter().map(|component| s.b.add(component)).collect();
    let arns = keys.iter().map(|key| (key.as_str(), key.arn()));
    s.b.graph.output("subscription_arns", json_map(arns));
    arn
}

fn topic(s: &mut Stack<'_>, key: &Encryption) -> String {
    let t = &s.o.alarm_topic;
    let name = s.b.name("sns_topic.alarms", t.name.as_ref(), "payment-alarms");
    let arn = s.b.arn("sns", &name);
    let statements = [
        allow_service(
            "AllowAlarms",
            "cloudwatch.amazonaws.com",
            &["sns:Publish"],
            &arn,
            s.this_account(),
        ),
        deny_without_tls(std::slice::from_ref(&arn), "sns:Publish"),
    ];
    let topic =
        s.b.component("sns_topic", "alarms")
            .set("name", name)
            .set("display_name", t.display_name.as_str())
            .set("kms_master_key_id", key.arn_if(t.kms_enabled))
            .set("policy", policy(statements));
    s.b.add(topic).arn()
}

/// Settings of a subscription besides its topic.
type Settings = Vec<(&'static str, Value)>;

/// Key and settings of each subscription. None by default.
fn wanted(s: &Stack<'_>) -> Vec<(String, Settings)> {
    let mail = s.o.alarm_email_endpoints.iter().flatten();
    let mut all: Vec<(String, Settings)> = mail
        .map(|address| {
            let settings = vec![("protocol", json!("email")), ("endpoint", json!(address))];
            (format!("email_{}", slug(address)), settings)
        })
        .collect();
    for subscription in s.o.alarm_subscriptions.iter().flatten() {
        let mut settings = vec![
            ("protocol", json!(subscription.protocol)),
            ("endpoint", json!(subscription.endpoint)),
        ];
        if let Some(role) = &subscription.subscription_role_arn {
            settings.push(("subscription_role_arn", json!(role)));
        }
        if let Some(policy) = &subscription.filter_policy {
            let scope = subscription.filter_policy_scope.as_deref().unwrap_or("MessageBody");
            settings.push(("filter_policy_scope", json!(scope)));
            settings.push(("filter_policy", tap_engine::json::parse_document(policy)));
        }
        all.push((
            format!("{}_{}", slug(&subscription.protocol), slug(&subscription.endpoint)),
            settings,
        ));
    }
    all
}
