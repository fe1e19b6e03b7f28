//! `sns_subscription`: a subscription to an Amazon SNS topic.
//!
//! API: <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>. A subscription that its
//! receiver has not confirmed yet has no ARN, so the identity is topic, protocol and endpoint.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is `topic_arn|protocol|endpoint`.
pub struct SnsSubscription(pub Arc<Aws>);

const GONE: &[&str] = &["NotFound", "NotFoundException"];
/// What AWS lists instead of an ARN until the receiver confirms; output `arn` is this until then.
const PENDING: &str = "PendingConfirmation";
/// doc: SNS `Subscribe`, parameter Protocol.
const PROTOCOLS: &[&str] = &[
    "http",
    "https",
    "email",
    "email-json",
    "sms",
    "sqs",
    "application",
    "lambda",
    "firehose",
];
/// Setting and attribute.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("filter_policy_scope", "FilterPolicyScope"),
    ("filter_policy", "FilterPolicy"),
    ("raw_message_delivery", "RawMessageDelivery"),
    ("redrive_policy", "RedrivePolicy"),
    // The role that SNS delivers to Firehose with; only such a subscription has one.
    ("subscription_role_arn", "SubscriptionRoleArn"),
];

static SPEC: KindSpec = KindSpec {
    name: "sns_subscription",
    settings: &[
        Setting::replace("topic_arn"),
        Setting::replace("protocol"),
        Setting::replace("endpoint"),
        Setting::new("filter_policy"),
        Setting::new("filter_policy_scope"),
        Setting::new("raw_message_delivery"),
        Setting::new("redrive_policy"),
        Setting::new("subscription_role_arn"),
    ],
    outputs: &["id", "arn"],
    volatile_outputs: &["arn"],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "iam:PassRole",
        "sns:GetSubscriptionAttributes",
        "sns:ListSubscriptionsByTopic",
        "sns:SetSubscriptionAttributes",
        "sns:Subscribe",
        "sns:Unsubscribe",
    ],
};

/// The parts of an id.
struct Identity<'a> {
    topic: &'a str,
    protocol: &'a str,
    endpoint: &'a str,
}

impl<'a> Identity<'a> {
    fn wanted(settings: &'a Settings) -> KindResult<Self> {
        Ok(Self {
            topic: settings.text("topic_arn")?,
            protocol: settings.text("protocol")?,
            endpoint: settings.text("endpoint")?,
        })
    }

    fn parse(id: &'a str) -> KindResult<Self> {
        let mut parts = id.splitn(3, '|');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(topic), Some(protocol), Some(endpoint)) => Ok(Self {
                topic,
                protocol,
                endpoint,
            }),
            _ => Err(KindError::invalid(
                "id",
                format!("must be topic_arn|protocol|endpoint, not {id}"),
            )),
        }
    }

    fn outputs(&self, arn: &str) -> Outputs {
        let id = format!("{}|{}|{}", self.topic, self.protocol, self.endpoint);
        Outputs::from([("id".into(), id), ("arn".into(), arn.into())])
    }
}

impl SnsSubscription {
    /// The subscription's ARN, or [`PENDING`]; `None` when there is none.
    async fn arn_of(&self, cx: &Context, identity: &Identity<'_>) -> KindResult<Option<String>> {
        let client = self.0.sns(&cx.region);
        let mut token = None;
        loop {
            let answer = call(cx, "sns:ListSubscriptionsByTopic", || {
                client
                    .list_subscriptions_by_topic()
                    .topic_arn(identity.topic)
                    .set_next_token(token.clone())
                    .send()
            })
            .await;
            let Some(page) = found(answer, GONE)? else {
                return Ok(None);
            };
            let listed = page.subscriptions.unwrap_or_default().into_iter().find(|s| {
                s.protocol.as_deref() == Some(identity.protocol) && s.endpoint.as_deref() == Some(identity.endpoint)
            });
            if let Some(subscription) = listed {
                // "Deleted" stands there for a while after an unsubscribe.
                return Ok(subscription.subscription_arn.filter(|arn| arn != "Deleted"));
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn attributes_of(&self, cx: &Context, arn: &str) -> KindResult<Option<HashMap<String, String>>> {
        let client = self.0.sns(&cx.region);
        let answer = call(cx, "sns:GetSubscriptionAttributes", || {
            client.get_subscription_attributes().subscription_arn(arn).send()
        })
        .await;
        Ok(found(answer, GONE)?.map(|a| a.attributes.unwrap_or_default()))
    }
}

/// What goes back into the attribute when its setting is removed.
fn default_of(setting: &str) -> Option<&'static str> {
    match setting {
        "filter_policy_scope" => Some("MessageAttributes"),
        "raw_message_delivery" => Some("false"),
        // doc: an empty policy is no policy.
        "filter_policy" => Some("{}"),
        // A value that is empty is refused here (aws: sns/topic_subscription.go, putSubscriptionAttribute).
        _ => None,
    }
}

/// Changed settings with their attributes, in the order in which SNS takes them: a policy is checked against the scope, and
/// `MessageBody` allows more. On the way to it the scope comes first, on the way back it comes last (aws:
/// `sns/topic_subscription.go`, `putSubscriptionAttributes`).
fn due(change: &Change<'_>) -> Vec<(&'static str, &'static str)> {
    let mut due: Vec<_> = ATTRIBUTES
        .iter()
        .copied()
        .filter(|(name, _)| change.has(name))
        .collect();
    let scope = change.after.opt_text("filter_policy_scope");
    let scope_is_first = scope == Some("MessageBody");
    due.sort_by_key(|(name, _)| (*name == "filter_policy_scope") != scope_is_first);
    due
}

fn observed(attributes: &HashMap<String, String>, recorded: &Settings) -> Seen {
    let attribute = |name: &str| attributes.get(name).filter(|text| !text.is_empty() && *text != "{}");
    let mut seen = Seen::default();
    let scope = attribute("FilterPolicyScope").cloned();
    let raw = attribute("RawMessageDelivery").map(|text| text == "true");
    seen.put(
        "filter_policy",
        attribute("FilterPolicy").map(|text| parse_document(text)),
    )
    .put(
        "redrive_policy",
        attribute("RedrivePolicy").map(|text| parse_document(text)),
    )
    .put("subscription_role_arn", attribute("SubscriptionRoleArn").cloned())
    .put_unless_default("filter_policy_scope", scope, "MessageAttributes", recorded)
    .put_unless_default("raw_message_delivery", raw, false, recorded);
    seen
}

#[async_trait]
impl Kind for SnsSubscription {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["topic_arn", "protocol", "endpoint"])
            .one_of("protocol", PROTOCOLS)
            .one_of("filter_policy_scope", &["MessageAttributes", "MessageBody"]);
        let protocol = checks.known_text("protocol").unwrap_or_default();
        if let Some(endpoint) = checks.known_text("endpoint") {
            let (fits, wanted) = suits(protocol, endpoint);
            if !fits {
                checks.wrong(
                    "endpoint",
                    format!("must be {wanted} with the protocol {protocol}, not {endpoint:?}"),
                );
            }
        }
        let with_role = settings.value("subscription_role_arn").is_some();
        if (protocol == "firehose") != with_role {
            checks.wrong(
                "subscription_role_arn",
                "goes with the protocol firehose, which needs it, and with no other",
            );
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let client = self.0.sns(&cx.region);
        let identity = Identity::wanted(desired)?;
        let attributes: HashMap<String, String> = ATTRIBUTES
            .iter()
            .filter_map(|(setting, attribute)| Some(((*attribute).to_owned(), desired.document(setting)?)))
            .collect();
        let answer = call(cx, "sns:Subscribe", || {
            client
                .subscribe()
                .topic_arn(identity.topic)
                .protocol(identity.protocol)
                .endpoint(identity.endpoint)
                .set_attributes(Some(attributes.clone()))
                .send()
        })
        .await?;
        let arn = answer.subscription_arn.filter(|arn| arn.starts_with("arn:"));
        let outputs = identity.outputs(arn.as_deref().unwrap_or(PENDING));
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let identity = Identity::parse(id)?;
        let Some(arn) = self.arn_of(cx, &identity).await? else {
            return Ok(None);
        };
        let mut settings = if arn.starts_with("arn:") {
            let Some(attributes) = self.attributes_of(cx, &arn).await? else {
                return Ok(None);
            };
            observed(&attributes, recorded).done()
        } else {
            // Attributes of a pending subscription cannot be read: unknown is not drift.
            let known = |name: &&str| ATTRIBUTES.iter().any(|(setting, _)| setting == name);
            let recorded = recorded.iter().filter(|(name, _)| known(&name.as_str()));
            recorded.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        for (name, text) in [
            ("topic_arn", identity.topic),
            ("protocol", identity.protocol),
            ("endpoint", identity.endpoint),
        ] {
            settings.insert(name.to_owned(), Value::from(text));
        }
        Ok(Some(Observed {
            settings,
            outputs: identity.outputs(&arn),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let identity = Identity::parse(id)?;
        let arn = self.arn_of(cx, &identity).await?.unwrap_or_else(|| PENDING.to_owned());
        if !arn.starts_with("arn:") {
            return Err(KindError::Failed {
                operation: "sns:SetSubscriptionAttributes".into(),
                message: format!(
                    "the {} subscription of {} is not confirmed yet, until then its attributes cannot be changed; \
                     confirm it (or resend the confirmation with sns:Subscribe) and apply again",
                    identity.protocol, identity.endpoint
                ),
            });
        }
        let client = self.0.sns(&cx.region);
        for (setting, attribute) in due(change) {
            let value = change.after.document(setting);
            let value = value.or_else(|| default_of(setting).map(str::to_owned));
            call(cx, "sns:SetSubscriptionAttributes", || {
                client
                    .set_subscription_attributes()
                    .subscription_arn(&arn)
                    .attribute_name(attribute)
                    .set_attribute_value(value.clone())
                    .send()
            })
            .await?;
        }
        Ok(identity.outputs(&arn))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let arn = self.arn_of(cx, &Identity::parse(id)?).await?;
        // AWS offers no call to take a pending one back: it goes with its topic, or by itself
        // after 48 hours (doc: "Amazon SNS subscription confirmation").
        let Some(arn) = arn.filter(|arn| arn.starts_with("arn:")) else {
            return Ok(());
        };
        let client = self.0.sns(&cx.region);
        let answer = call(cx, "sns:Unsubscribe", || {
            client.unsubscribe().subscription_arn(&arn).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let identity = Identity::wanted(desired)?;
        let arn = self.arn_of(cx, &identity).await?;
        Ok(arn.and_then(|arn| identity.outputs(&arn).remove("id")))
    }
}

/// Whether SNS takes the endpoint for the protocol, and what it takes (doc: SNS `Subscribe`, parameter Endpoint).
fn suits(protocol: &str, endpoint: &str) -> (bool, &'static str) {
    let arn = |service: &str| endpoint.starts_with("arn:") && endpoint.split(':').nth(2) == Some(service);
    match protocol {
        "sms" => (
            is_e164(endpoint),
            "a telephone number like +4915112345678 (E.164), without spaces,",
        ),
        "email" | "email-json" => (endpoint.contains('@'), "an e-mail address"),
        "http" => (endpoint.starts_with("http://"), "a URL that begins with http://"),
        "https" => (endpoint.starts_with("https://"), "a URL that begins with https://"),
        "sqs" => (arn("sqs"), "the ARN of a queue"),
        "lambda" => (arn("lambda"), "the ARN of a function"),
        "firehose" => (arn("firehose"), "the ARN of a delivery stream"),
        "application" => (arn("sns"), "the ARN of a platform endpoint"),
        _ => (true, ""),
    }
}

/// W-41: `+` and 7 to 15 digits, the first not 0.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.chars().all(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use super::super::scripted::{Scripted, context};

    /// An SNS with one subscription; answers what attributes were set, with their values.
    async fn attributes_set(before: Value, after: Value) -> Vec<(String, Option<String>)> {
        const ID: &str = "arn:aws:sns:us-east-1:111122223333:t|sqs|arn:aws:sqs:us-east-1:111122223333:q";
        let list = "<ListSubscriptionsByTopicResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\
            <ListSubscriptionsByTopicResult><Subscriptions><member>\
            <SubscriptionArn>arn:aws:sns:us-east-1:111122223333:t:1</SubscriptionArn><Protocol>sqs</Protocol>\
            <Endpoint>arn:aws:sqs:us-east-1:111122223333:q</Endpoint>\
            </member></Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>";
        let sns = Scripted::new(move |_, _| (200, list.to_owned()));
        let (before, after): (Settings, Settings) = (
            serde_json::from_value(before).unwrap(),
            serde_json::from_value(after).unwrap(),
        );
        let names = before.keys().chain(after.keys());
        let changed: Vec<String> = names
            .filter(|name| before.get(*name) != after.get(*name))
            .cloned()
            .collect();
        let change = Change {
            before: &before,
            after: &after,
            changed: &changed,
            outputs: &Outputs::new(),
        };
        let kind = SnsSubscription(sns.aws());
        kind.update(&context("sns_subscription.s"), ID, &change).await.unwrap();
        let parameter = |body: &str, name: &str| {
            let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .into_iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        let asked = sns.asked();
        let bodies = asked.iter().map(|asked| asked.body.as_str());
        bodies
            .filter_map(|body| Some((parameter(body, "AttributeName")?, parameter(body, "AttributeValue"))))
            .collect()
    }

    #[tokio::test]
    async fn the_scope_of_a_policy_is_widened_before_it_and_narrowed_after_it() {
        let flat = json!({"filter_policy": {"kind": ["a"]}});
        let nested = json!({"filter_policy": {"body": {"kind": ["a"]}}, "filter_policy_scope": "MessageBody"});
        let order = |set: Vec<(String, Option<String>)>| set.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let widened = order(attributes_set(flat.clone(), nested.clone()).await);
        assert_eq!(widened, ["FilterPolicyScope", "FilterPolicy"]);
        let narrowed = order(attributes_set(nested, flat).await);
        assert_eq!(narrowed, ["FilterPolicy", "FilterPolicyScope"]);
    }

    #[tokio::test]
    async fn a_redrive_policy_is_taken_away_by_no_value_and_a_filter_by_an_empty_one() {
        let redrive = json!({"redrive_policy": {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:111122223333:dlq"}});
        let set = attributes_set(redrive, json!({})).await;
        assert_eq!(set, [("RedrivePolicy".to_owned(), None)]);
        let set = attributes_set(json!({"filter_policy": {"kind": ["a"]}}), json!({})).await;
        assert_eq!(set, [("FilterPolicy".to_owned(), Some("%7B%7D".to_owned()))]);
    }

    #[test]
    fn endpoints_that_do_not_suit_their_protocol_are_found_at_plan_time() {
        let kind = SnsSubscription(super::super::testing::aws());
        let wrong = |protocol: &str, endpoint: &str, role: Option<&str>| -> Vec<String> {
            let mut settings = json!({"topic_arn": "${sns_topic.a.arn}", "protocol": protocol, "endpoint": endpoint});
            if let Some(role) = role {
                settings["subscription_role_arn"] = role.into();
            }
            let settings: Settings = serde_json::from_value(settings).unwrap();
            kind.validate(&settings)
                .into_iter()
                .map(|(setting, _)| setting)
                .collect()
        };
        let (stream, role) = ("arn:aws:firehose:r:1:deliverystream/s", "arn:aws:iam::1:role/r");
        let fine = [
            ("email", "a@b.test", None),
            ("https", "https://x.test", None),
            ("sqs", "arn:aws-cn:sqs:r:1:q", None),
            ("sqs", "${sqs_queue.q.arn}", None),
            ("lambda", "arn:aws:lambda:r:1:function:f:live", None),
            ("application", "arn:aws:sns:r:1:endpoint/GCM/a/b", None),
            ("firehose", stream, Some(role)),
        ];
        for (protocol, endpoint, role) in fine {
            assert_eq!(
                wrong(protocol, endpoint, role),
                Vec::<String>::new(),
                "{protocol} {endpoint}"
            );
        }
        let bad = [
            ("email", "ab.test"),
            ("https", "http://x.test"),
            ("sqs", "https://sqs.r.amazonaws.com/1/q"),
            ("lambda", "my-function"),
            ("sms", "0151"),
        ];
        for (protocol, endpoint) in bad {
            assert_eq!(wrong(protocol, endpoint, None), ["endpoint"], "{protocol} {endpoint}");
        }
        assert_eq!(wrong("firehose", stream, None), ["subscription_role_arn"]);
        assert_eq!(wrong("sqs", "arn:aws:sqs:r:1:q", Some(role)), ["subscription_role_arn"]);
    }

    #[test]
    fn an_endpoint_may_hold_bars() {
        let identity = Identity::parse("arn:aws:sns:r:1:t|https|https://x.test/a|b").unwrap();
        assert_eq!(identity.endpoint, "https://x.test/a|b");
        assert_eq!(
            identity.outputs(PENDING)["id"],
            "arn:aws:sns:r:1:t|https|https://x.test/a|b"
        );
        assert!(Identity::parse("arn:aws:sns:r:1:t").is_err());
    }

    #[test]
    fn an_empty_filter_policy_is_none_w_41_numbers_are_e164() {
        let attributes = HashMap::from([
            ("FilterPolicy".to_owned(), "{}".to_owned()),
            ("RawMessageDelivery".to_owned(), "true".to_owned()),
        ]);
        let seen = observed(&attributes, &Settings::new()).done();
        assert_eq!(seen, Settings::from([("raw_message_delivery".to_owned(), json!(true))]));
        assert!(is_e164("+4915112345678"));
        assert!(!is_e164("4915112345678"));
        assert!(!is_e164("+49 151"));
    }
}
