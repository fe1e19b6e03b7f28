//! Customer managed keys: one per purpose and region, or one for all purposes of a region (R-13, P-12).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tap_engine::Key;

use super::super::config::Payment;
use super::site::Site;
use crate::composite::Builder;
use crate::composite::iam::{self, allow_service};

/// What data is encrypted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Dynamodb,
    S3,
    Lambda,
    Logs,
    Sns,
    Sqs,
    Ssm,
    /// The bus of failover events; it has no key of its own.
    Events,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Dynamodb => "dynamodb",
            Self::S3 => "s3",
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::Ssm => "ssm",
            Self::Events => "events",
        }
    }
}

/// Which key of the region encrypts what.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    /// None but AWS's own.
    None,
    /// One that exists already.
    Given(String),
    /// Created ones: the purposes, each with the reference to its key.
    Created(Vec<(String, Key)>),
}

impl Keys {
    /// The keys of the region of `b`, whether built yet or not.
    pub(super) fn of(b: &Builder<'_>, p: &Payment) -> Self {
        let region = b.environment.region.as_str();
        let kms = &b.shared.kms;
        let here = |arn: &String| arn.contains(&format!(":{region}:")) || arn.contains(tap_engine::reference::UNKNOWN);
        let given = p.in_region(region).kms_key_arn;
        if let Some(arn) = given.or_else(|| kms.key_arn.clone().filter(here)) {
            return Self::Given(arn);
        }
        if !kms.create || kms.key_arn.is_some() {
            return Self::None;
        }
        let primary = p.regions.iter().flatten().next().filter(|primary| *primary != region);
        // A replica needs a created key to be one of.
        let created = |primary: &String| p.in_region(primary).kms_key_arn.is_none();
        let replica = p.kms.multi_region && primary.is_some_and(created);
        let kind = if replica { "kms_replica_key" } else { "kms_key" };
        let keys = p.kms.keys.iter().map(|purpose| (purpose.clone(), b.key(kind, purpose)));
        Self::Created(keys.collect())
    }

    /// The ARN of the key for a purpose: its own, or else the first one.
    pub(super) fn arn(&self, purpose: Purpose) -> Option<String> {
        match self {
            Self::None => None,
            Self::Given(arn) => Some(arn.clone()),
            Self::Created(_) => self.serving(purpose).map(Key::arn),
        }
    }

    fn serving(&self, purpose: Purpose) -> Option<&Key> {
        let Self::Created(keys) = self else { return None };
        let own = keys.iter().find(|(name, _)| name == purpose.name());
        own.or(keys.first()).map(|(_, key)| key)
    }
}

/// What a call needs of the key that protects what it touches
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>,
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html>).
pub(super) const READ: &[&str] = &["kms:Decrypt"];
/// The same for a write to S3.
pub(super) const WRITE: &[&str] = &["kms:GenerateDataKey"];
/// The same for a message sent.
pub(super) const SEND: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];

/// One use of a key through the service that encrypts with it.
pub(super) struct Use {
    arn: String,
    service: &'static str,
    actions: &'static [&'static str],
}

impl Use {
    /// Of the region's key for a purpose, if there is one.
    pub(super) fn of(s: &Site<'_>, purpose: Purpose, actions: &'static [&'static str]) -> Option<Self> {
        Self::with(s.keys.arn(purpose), purpose, actions)
    }

    /// Of this key, which takes the place of the region's.
    pub(super) fn with(arn: Option<String>, purpose: Purpose, actions: &'static [&'static str]) -> Option<Self> {
        arn.map(|arn| Self {
            arn,
            service: purpose.name(),
            actions,
        })
    }
}

/// The rights for these uses, and no others (P-13).
pub(super) fn allow_use(s: &Site<'_>, uses: &[Use]) -> Vec<Value> {
    let mut by_key: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<String>)> = BTreeMap::new();
    for used in uses {
        let (actions, services) = by_key.entry(&used.arn).or_default();
        actions.extend(used.actions);
        // The domain's ending differs by partition.
        services.insert(format!("{}.{}.amazonaws.com*", used.service, s.region()));
    }
    let statement = |(arn, (actions, services))| {
        json!({
            "Effect": "Allow", "Action": actions, "Resource": arn,
            "Condition": {"StringLike": {"kms:ViaService": services}},
        })
    };
    by_key.into_iter().map(statement).collect()
}

/// Adds the region's keys.
pub(super) fn build(s: &mut Site<'_>) {
    let keys = match s.keys.clone() {
        Keys::None => return,
        Keys::Given(arn) => {
            let output = format!("{}/given", s.region());
            return s.member("kms_key_ids", &output, arn);
        }
        Keys::Created(keys) => keys,
    };
    for (purpose, key) in keys {
        let description = format!(
            "Key of the payment stack ({purpose}) - {}",
            s.b.shared.environment_suffix
        );
        let component = if key.as_str().contains("kms_replica_key") {
            let primary = Key::in_region(s.primary().region(), "kms_key", &purpose);
            s.b.component("kms_replica_key", &purpose)
                .set("primary_key_arn", primary.arn())
        } else {
            let kms = &s.b.shared.kms;
            let period = kms.enable_key_rotation.then_some(kms.rotation_period_in_days);
            s.b.component("kms_key", &purpose)
                .set("enable_key_rotation", kms.enable_key_rotation)
                .set("rotation_period_in_days", period)
                .set("multi_region", s.p.kms.multi_region.then_some(true))
        };
        let component = component
            .set("description", description)
            .set("deletion_window_in_days", s.b.shared.kms.deletion_window_in_days)
            .set("policy", key_policy(s, &key));
        s.b.add(component);
        let alias = alias(s, &purpose);
        let alias =
            s.b.component("kms_alias", &purpose)
                .set("name", alias)
                .set("target_key_id", key.id());
        s.b.add(alias);
        let output = format!("{}/{purpose}", s.region());
        s.member("kms_key_ids", &output, key.arn());
    }
}

/// `alias/payment-processing-<region>-<suffix>` as in seed 004; by purpose where there are several.
fn alias(s: &Site<'_>, purpose: &str) -> String {
    let (region, suffix) = (s.region(), &s.b.shared.environment_suffix);
    let several = s.p.kms.keys.len() > 1;
    let usual = match (&s.b.shared.kms.alias, several) {
        (Some(alias), true) => format!("{alias}-{purpose}"),
        (Some(alias), false) => alias.clone(),
        (None, true) => format!("alias/payment-{purpose}-{region}-{suffix}"),
        (None, false) => format!("alias/payment-processing-{region}-{suffix}"),
    };
    s.b.name(&format!("kms_alias.{purpose}"), Some(&usual), "")
}

/// The account's administrators, and the services that encrypt on the stack's behalf with this very
/// key, each bound to this account (P-13, 9.2 item 17). Functions use the key through their roles.
fn key_policy(s: &Site<'_>, key: &Key) -> Value {
    let serves = |purpose| s.keys.serving(purpose) == Some(key);
    let use_key = ["kms:Decrypt", "kms:GenerateDataKey*"];
    let mut statements = Vec::new();
    if serves(Purpose::Logs) {
        let groups: Vec<String> = log_groups(s)
            .into_iter()
            .map(|name| s.b.arn("logs", &format!("log-group:{name}")))
            .collect();
        statements.push(iam::encrypt_logs(s.region(), "ArnEquals", &groups));
    }
    if serves(Purpose::Sns) && s.p.topics.notifications.kms_enabled {
        statements.push(allow_service(
            "AllowAlarms",
            "cloudwatch.amazonaws.com",
            &use_key,
            "*",
            s.this_account(),
        ));
    }
    let events_deliver = s.p.event_failover.enabled && s.p.event_failover.dlq && s.p.queue.sse == "kms";
    if s.p.event_failover.enabled && (serves(Purpose::Events) || (events_deliver && serves(Purpose::Sqs))) {
        let with_description = ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"];
        statements.push(allow_service(
            "AllowEventBridge",
            "events.amazonaws.com",
            &with_description,
            "*",
            s.this_account(),
        ));
    }
    iam::key_policy(&s.b, statements)
}

/// Names of all log groups of the region.
fn log_groups(s: &Site<'_>) -> Vec<String> {
    let (p, names) = (s.p, s.names);
    let has_api = super::api::is_here(s);
    let candidates = [
        (p.processor.enabled, format!("/aws/lambda/{}", names.processor)),
        (
            p.queue.enabled && p.accounting.enabled,
            format!("/aws/lambda/{}", names.accounting),
        ),
        (
            p.queue.enabled && p.failure_notifier.enabled,
            format!("/aws/lambda/{}", names.notifier),
        ),
        (
            super::reconciler::is_here(s),
            format!("/aws/lambda/{}", names.reconciler),
        ),
        (has_api && p.api.access_log.enabled, names.access_log()),
        (has_api && p.waf.enabled && p.waf.logging, names.waf_log()),
        (p.workflow.enabled, names.workflow_log()),
    ];
    let wanted = candidates.into_iter().filter(|(wanted, _)| *wanted);
    wanted.map(|(_, name)| name).collect()
}
