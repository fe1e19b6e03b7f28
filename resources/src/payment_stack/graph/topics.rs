//! A topic per region, since alarms act in their own region only (P-24), and who listens to it (N-06, P-23).

use serde_json::Value;
use tap_engine::Key;

use super::keys::Purpose;
use super::site::Site;
use crate::composite::iam::{allow_service, deny_without_tls, policy};
use crate::payment_stack::slug::slug;

pub(super) fn build(s: &mut Site<'_>) -> Key {
    let t = &s.p.topics.notifications;
    let arn = s.b.arn("sns", &s.names.topic);
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
    let display_name = t.display_name.as_deref().unwrap_or("Payment Processing Notifications");
    let topic =
        s.b.component("sns_topic", "notifications")
            .set("name", s.names.topic.as_str())
            .set("display_name", display_name)
            .set("kms_master_key_id", s.keys.arn(Purpose::Sns).filter(|_| t.kms_enabled))
            .set("policy", policy(statements));
    let topic = s.b.add(topic);
    s.by_region("sns_topic_arns", topic.arn());
    subscriptions(s, &topic);
    topic
}

fn subscriptions(s: &mut Site<'_>, topic: &Key) {
    let own = s.p.in_region(s.region()).email_endpoints;
    let addresses = own.or_else(|| s.p.topics.notifications.email_endpoints.clone());
    for address in addresses.unwrap_or_default() {
        subscribe(s, topic, "email", &address, None);
    }
    if !s.is_primary() && !s.p.topics.cross_region_subscriptions {
        return;
    }
    for subscription in s.p.topics.subscriptions.clone().unwrap_or_default() {
        let filter = subscription.filter_policy.as_deref();
        let filter = filter.map(|policy| Filter {
            policy: tap_engine::json::parse_document(policy),
            scope: subscription.filter_policy_scope.clone(),
        });
        subscribe(s, topic, &subscription.protocol, &subscription.endpoint, filter);
    }
}

/// Which messages a subscriber hears.
struct Filter {
    policy: Value,
    /// `None`: SNS's default, the message attributes.
    scope: Option<String>,
}

fn subscribe(s: &mut Site<'_>, topic: &Key, protocol: &str, endpoint: &str, filter: Option<Filter>) {
    let subscription =
        s.b.component("sns_subscription", &format!("{protocol}_{}", slug(endpoint)))
            .set("topic_arn", topic.arn())
            .set("protocol", protocol)
            .set("endpoint", endpoint);
    let subscription = match filter {
        Some(filter) => subscription
            .set("filter_policy", filter.policy)
            .set("filter_policy_scope", filter.scope),
        None => subscription,
    };
    s.b.add(subscription);
}
