//! The key, for what it is meant for and nobody else (O-30, O-31, O-32).

use serde_json::Value;

use super::{Encryption, Names, Stack, canary};
use crate::composite::iam::{self, allow_service};

pub(super) fn build(s: &mut Stack<'_>, names: &Names) -> Encryption {
    let kms = &s.b.shared.kms;
    if let Some(arn) = &kms.key_arn {
        s.b.graph.output("kms_key_arn", arn.as_str());
        return Encryption(Some(arn.clone()));
    }
    if !kms.create {
        return Encryption(None);
    }
    let sfx = &s.b.shared.environment_suffix;
    let rotation = kms.enable_key_rotation.then_some(kms.rotation_period_in_days);
    let key =
        s.b.component("kms_key", "main")
            .set("description", format!("KMS key for CloudWatch Logs encryption - {sfx}"))
            .set("enable_key_rotation", kms.enable_key_rotation)
            .set("rotation_period_in_days", rotation)
            .set("deletion_window_in_days", kms.deletion_window_in_days)
            .set("policy", key_policy(s, names));
    let alias = kms.alias.clone().unwrap_or_else(|| format!("alias/logs-{sfx}"));
    let key = s.b.add(key);
    let alias =
        s.b.component("kms_alias", "main")
            .set("name", alias)
            .set("target_key_id", key.id());
    s.b.add(alias);
    s.b.graph.output("kms_key_id", key.id());
    s.b.graph.output("kms_key_arn", key.arn());
    Encryption(Some(key.arn()))
}

/// The account's administrators, CloudWatch Logs for the groups named, CloudWatch alarms of this account. Roles use the
/// key through their own policies.
fn key_policy(s: &Stack<'_>, names: &Names) -> Value {
    let mut statements = Vec::new();
    let groups = log_groups(s, names);
    if !groups.is_empty() {
        statements.push(iam::encrypt_logs(&s.b.environment.region, "ArnLike", &groups));
    }
    statements.push(allow_service(
        "AllowCloudWatchAlarms",
        "cloudwatch.amazonaws.com",
        &["kms:Decrypt", "kms:GenerateDataKey*"],
        "*",
        s.this_account(),
    ));
    iam::key_policy(&s.b, statements)
}

/// ARNs of the groups that may be encrypted with the key.
fn log_groups(s: &Stack<'_>, names: &Names) -> Vec<String> {
    let arn = |name: &str| s.b.arn("logs", &format!("log-group:{name}"));
    if s.o.kms.log_group_scope == "account" {
        return vec![arn("*")];
    }
    let mut groups: Vec<String> = names.log_groups.iter().map(|(_, name)| arn(name)).collect();
    if names.function.is_some() {
        groups.push(arn(&names.function_log_group));
    }
    // Its group's name ends with an id that AWS makes up.
    groups.extend(names.canary.as_ref().map(|name| arn(&canary::log_group_pattern(name))));
    groups
}
