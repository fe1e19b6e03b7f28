//! `lifecycle_rules`: the setting's shape, S3's, and what S3 would refuse.
//!
//! API: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html>

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, Transition, TransitionStorageClass,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tap_engine::{KindResult, Settings};

use super::super::fields::{Fields, built};

/// Storage classes for which S3 wants objects to be 30 days old.
const INFREQUENT: &[&str] = &["STANDARD_IA", "ONEZONE_IA"];

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    #[serde(default = "enabled")]
    status: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    prefix: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    transitions: Vec<Move>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_days: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    noncurrent_version_expiration_days: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    abort_incomplete_multipart_upload_days: Option<i32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    days: i32,
    storage_class: String,
}

fn enabled() -> String {
    "Enabled".to_owned()
}

/// The rules as S3 takes them.
pub(super) fn wanted(settings: &Settings) -> KindResult<Vec<LifecycleRule>> {
    let rules: Vec<Rule> = settings.parse("lifecycle_rules")?.unwrap_or_default();
    rules.iter().map(to_aws).collect()
}

fn to_aws(rule: &Rule) -> KindResult<LifecycleRule> {
    let transition = |t: &Move| {
        Transition::builder()
            .days(t.days)
            .storage_class(TransitionStorageClass::from(t.storage_class.as_str()))
            .build()
    };
    let transitions: Vec<Transition> = rule.transitions.iter().map(transition).collect();
    let expiration = rule
        .expiration_days
        .map(|days| LifecycleExpiration::builder().days(days).build());
    let noncurrent = rule
        .noncurrent_version_expiration_days
        .map(|days| NoncurrentVersionExpiration::builder().noncurrent_days(days).build());
    let abort = rule.abort_incomplete_multipart_upload_days.map(|days| {
        AbortIncompleteMultipartUpload::builder()
            .days_after_initiation(days)
            .build()
    });
    let made = LifecycleRule::builder()
        .id(&rule.id)
        .status(ExpirationStatus::from(rule.status.as_str()))
        // W-56: also where it takes the whole bucket, the filter is said.
        .filter(LifecycleRuleFilter::builder().prefix(&rule.prefix).build())
        .set_transitions((!transitions.is_empty()).then_some(transitions))
        .set_expiration(expiration)
        .set_noncurrent_version_expiration(noncurrent)
        .set_abort_incomplete_multipart_upload(abort)
        .build();
    built("s3:PutLifecycleConfiguration", made)
}

/// S3's rules as the setting. What the setting has no words for (filters by tag or size, dates)
/// is shown all the same, so that it counts as drift and is overwritten.
pub(super) fn seen(rules: &[LifecycleRule]) -> Value {
    rules.iter().map(from_aws).collect()
}

fn from_aws(rule: &LifecycleRule) -> Value {
    let filter = rule.filter();
    let prefix = filter
        .and_then(LifecycleRuleFilter::prefix)
        .or(first_level_prefix(rule));
    let mut shown = json!({
        "id": rule.id().unwrap_or_default(),
        "status": rule.status().as_str(),
        "prefix": prefix.unwrap_or_default(),
        "transitions": rule.transitions().iter().map(transition).collect::<Vec<_>>(),
        "expiration_days": rule.expiration().and_then(LifecycleExpiration::days),
        "noncurrent_version_expiration_days":
            rule.noncurrent_version_expiration().and_then(NoncurrentVersionExpiration::noncurrent_days),
        "abort_incomplete_multipart_upload_days":
            rule.abort_incomplete_multipart_upload().and_then(AbortIncompleteMultipartUpload::days_after_initiation),
    });
    let foreign = filter.filter(|f| {
        f.tag().is_some()
            || f.and().is_some()
            || f.object_size_greater_than().is_some()
            || f.object_size_less_than().is_some()
    });
    if let Some(filter) = foreign {
        shown["filter"] = format!("{filter:?}").into();
    }
    shown
}

/// Where rules from before 2016 keep it.
#[allow(deprecated, reason = "such rules have it nowhere else")]
fn first_level_prefix(rule: &LifecycleRule) -> Option<&str> {
    rule.prefix()
}

fn transition(transition: &Transition) -> Value {
    json!({
        "days": transition.days(),
        "storage_class": transition.storage_class().map(TransitionStorageClass::as_str),
    })
}

/// Leaves out what means "not set", fills in the default status, sorts by rule.
pub(super) fn normalise(value: &Value) -> Value {
    let Value::Array(rules) = value else {
        return tap_engine::json::normalise(value, true);
    };
    let mut rules = rules.clone();
    for rule in &mut rules {
        let Value::Object(members) = rule else { continue };
        if members.get("prefix").is_some_and(|prefix| prefix == "") {
            members.remove("prefix");
        }
        if members
            .get("transitions")
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
        {
            members.remove("transitions");
        }
        members.entry("status").or_insert_with(|| enabled().into());
    }
    tap_engine::json::normalise(&Value::Array(rules), true)
}

/// What S3 would refuse.
pub(super) fn errors(settings: &Settings) -> Vec<String> {
    let symbolic = |v: &Value| v.to_string().contains("${");
    if settings.value("lifecycle_rules").is_none_or(symbolic) {
        return Vec::new();
    }
    let rules: Vec<Rule> = match settings.parse("lifecycle_rules") {
        Ok(rules) => rules.unwrap_or_default(),
        Err(error) => return vec![error.to_string()],
    };
    let mut errors = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        let mut wrong = |message: String| errors.push(format!("rule {}: {message}", rule.id));
        if rules[..at].iter().any(|other| other.id == rule.id) {
            wrong("its id is used twice".to_owned());
        }
        if rule.id.is_empty() || rule.id.chars().count() > 255 {
            wrong("an id has 1 to 255 characters".to_owned());
        }
        if !["Enabled", "Disabled"].contains(&rule.status.as_str()) {
            wrong(format!("status is Enabled or Disabled, not {}", rule.status));
        }
        for step in &rule.transitions {
            let class = step.storage_class.as_str();
            if INFREQUENT.contains(&class) && step.days < 30 {
                wrong(format!(
                    "objects go to {class} after 30 days at the earliest, not {}",
                    step.days
                ));
            }
            if rule.expiration_days.is_some_and(|days| days <= step.days) {
                wrong(format!(
                    "objects expire before they go to {class} after {} days",
                    step.days
                ));
            }
        }
        let mut days: Vec<i32> = rule.transitions.iter().map(|t| t.days).collect();
        days.extend(rule.expiration_days);
        let others = [
            rule.noncurrent_version_expiration_days,
            rule.abort_incomplete_multipart_upload_days,
        ];
        if days.iter().any(|d| *d < 0) || rule.expiration_days == Some(0) || others.into_iter().flatten().any(|d| d < 1)
        {
            wrong("days must be positive".to_owned());
        }
        if days.is_empty() && others.iter().all(Option::is_none) {
            wrong("does nothing: give it a transition or an expiration".to_owned());
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rules: Value) -> Settings {
        Settings::from([("lifecycle_rules".to_owned(), rules)])
    }

    #[test]
    fn a_rule_comes_back_as_it_was_wanted() {
        let rules = json!([{
            "id": "archive", "prefix": "transactions/",
            "transitions": [{"days": 90, "storage_class": "GLACIER"}],
            "expiration_days": 2555, "noncurrent_version_expiration_days": 30,
        }, {"id": "uploads", "prefix": "", "status": "Enabled", "abort_incomplete_multipart_upload_days": 7}]);
        let aws = wanted(&settings(rules.clone())).unwrap();
        assert_eq!(normalise(&seen(&aws)), normalise(&rules));
    }

    #[test]
    fn standard_ia_before_30_days_is_refused_at_plan_time() {
        let rules = json!([{"id": "r", "transitions": [{"days": 7, "storage_class": "STANDARD_IA"}]}]);
        assert!(errors(&settings(rules))[0].contains("after 30 days"));
    }

    #[test]
    fn a_rule_that_does_nothing_and_one_that_expires_too_soon_are_refused() {
        assert_eq!(errors(&settings(json!([{"id": "r"}]))).len(), 1);
        let rules =
            json!([{"id": "r", "transitions": [{"days": 90, "storage_class": "GLACIER"}], "expiration_days": 90}]);
        assert_eq!(errors(&settings(rules)).len(), 1);
    }
}
