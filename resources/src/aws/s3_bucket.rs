//! `s3_bucket`: an Amazon S3 general purpose bucket with all that is configured on it.
//!
//! API: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>. Operations are
//! named by their IAM action, which S3 often spells differently from the API call. Requirements:
//! W-53 (names are global), W-54 (audit bucket), W-56 (one explicit lifecycle filter).

mod empty;
mod lifecycle;
mod parts;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership, Tag};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::call::Poll;
use super::checks::Checks;
use super::fields::{Fields, built};
use super::{Aws, call, found, policy, tags, wait_until};

/// The kind; `id` is the bucket's name.
pub struct S3Bucket(pub Arc<Aws>);

const GONE: &[&str] = &["NoSuchBucket"];
/// What AWS gives a new bucket since 2023.
const DEFAULT_OWNERSHIP: &str = "BucketOwnerEnforced";

static SPEC: KindSpec = KindSpec {
    name: "s3_bucket",
    settings: &[
        Setting::replace("bucket"),
        Setting::new("versioning"),
        Setting::new("encryption"),
        Setting::new("public_access_block"),
        Setting::new("object_ownership"),
        Setting::new("lifecycle_rules").unordered(),
        Setting::new("policy"),
        Setting::replace("object_lock_enabled"),
        Setting::new("object_lock_rule"),
        // As the composite's `force_destroy`, for this bucket alone. It says how to delete; S3 knows nothing of it.
        Setting::new("force_destroy").unreadable(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn", "name", "regional_domain_name"],
    volatile_outputs: &[],
    holds_data: true,
    taggable: true,
    create_before_delete: false,
    iam_actions: &[
        "s3:BypassGovernanceRetention",
        "s3:CreateBucket",
        "s3:DeleteBucket",
        "s3:DeleteBucketPolicy",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:ListBucketVersions",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
        "s3:TagResource",
    ],
};

impl S3Bucket {
    fn outputs(&self, cx: &Context, bucket: &str) -> Outputs {
        let suffix = if self.0.partition() == "aws-cn" { ".cn" } else { "" };
        let domain = format!("{bucket}.s3.{}.amazonaws.com{suffix}", cx.region);
        Outputs::from([
            ("id".into(), bucket.into()),
            ("arn".into(), format!("arn:{}:s3:::{bucket}", self.0.partition())),
            ("name".into(), bucket.into()),
            ("regional_domain_name".into(), domain),
        ])
    }

    /// Tags, empty when there are none; `None` when there is no bucket.
    async fn tags_of(&self, cx: &Context, bucket: &str) -> KindResult<Option<tags::Tags>> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetBucketTagging", || {
            client.get_bucket_tagging().bucket(bucket).send()
        })
        .await;
        match answer {
            Ok(answer) => Ok(Some(answer.tag_set.into_iter().map(|t| (t.key, t.value)).collect())),
            Err(error) if error.is_code(&["NoSuchTagSet"]) => Ok(Some(tags::Tags::new())),
            Err(error) if error.is_code(GONE) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn make(&self, cx: &Context, bucket: &str, desired: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        // us-east-1 is the absence of a constraint.
        let location = (cx.region != "us-east-1").then(|| BucketLocationConstraint::from(cx.region.as_str()));
        let tags = tag_list(tags::wanted(desired))?;
        let configuration = CreateBucketConfiguration::builder()
            .set_location_constraint(location)
            .set_tags((!tags.is_empty()).then_some(tags))
            .build();
        let is_plain = configuration.location_constraint.is_none() && configuration.tags.is_none();
        let configuration = (!is_plain).then_some(configuration);
        let ownership = ObjectOwnership::from(desired.opt_text("object_ownership").unwrap_or(DEFAULT_OWNERSHIP));
        let has_lock = desired.opt_bool("object_lock_enabled")?;
        call(cx, "s3:CreateBucket", || {
            client
                .create_bucket()
                .bucket(bucket)
                .set_create_bucket_configuration(configuration.clone())
                .object_ownership(ownership.clone())
                .set_object_lock_enabled_for_bucket(has_lock)
                .send()
        })
        .await?;
        Ok(())
    }

    async fn exists(&self, cx: &Context, bucket: &str) -> KindResult<bool> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetBucketVersioning", || {
            client.get_bucket_versioning().bucket(bucket).send()
        })
        .await;
        Ok(found(answer, GONE)?.is_some())
    }

    async fn wait_for(&self, cx: &Context, bucket: &str, wanted: bool) -> KindResult<()> {
        let waited_for = if wanted { "bucket visible" } else { "bucket gone" };
        let limit = Duration::from_mins(2);
        wait_until("s3:GetBucketVersioning", waited_for, limit, || async {
            Ok(if self.exists(cx, bucket).await? == wanted {
                Poll::Ready(())
            } else {
                Poll::Pending(if wanted { "not found" } else { "still there" }.into())
            })
        })
        .await
    }
}

fn tag_list(tags: tags::Tags) -> KindResult<Vec<Tag>> {
    tags.into_iter()
        .map(|(name, value)| built("s3:PutBucketTagging", Tag::builder().key(name).value(value).build()))
        .collect()
}

#[async_trait]
impl Kind for S3Bucket {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "policy" => policy::normalise(value),
            "lifecycle_rules" => lifecycle::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["bucket"])
            .one_of("versioning", &["Enabled", "Suspended"])
            .one_of(
                "object_ownership",
                &["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"],
            );
        for message in checks.known_text("bucket").map(name_errors).unwrap_or_default() {
            checks.wrong("bucket", message);
        }
        let has_lock = settings.value("object_lock_enabled") == Some(&Value::Bool(true));
        if has_lock && settings.opt_text("versioning") == Some("Suspended") {
            checks.wrong("versioning", "must be Enabled where object_lock_enabled is true");
        }
        if settings.value("object_lock_rule").is_some() && !has_lock {
            checks.wrong("object_lock_rule", "needs object_lock_enabled = true");
        }
        for (setting, message) in parts::shape_errors(settings) {
            checks.wrong(setting, message);
        }
        for message in lifecycle::errors(settings) {
            checks.wrong("lifecycle_rules", message);
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let bucket = desired.text("bucket")?;
        // In us-east-1, CreateBucket answers 200 for a bucket that the account has already.
        if cx.region == "us-east-1" && self.find(cx, desired).await?.is_some() {
            return Err(KindError::Failed {
                operation: "s3:CreateBucket".into(),
                message: format!("bucket {bucket} exists already"),
            });
        }
        self.make(cx, bucket, desired).await?;
        let outputs = self.outputs(cx, bucket);
        cx.created(&outputs);
        self.wait_for(cx, bucket, true).await?;
        // Written even when it is not set: not every S3 has AWS's default, and this one protects.
        self.put_public_access_block(cx, bucket, desired).await?;
        let set: Vec<&str> = parts::WRITTEN_AFTER_CREATE
            .iter()
            .copied()
            .filter(|name| desired.value(name).is_some())
            .collect();
        self.put_parts(cx, bucket, desired, &set).await?;
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        // Asked first and alone: the other calls would repeat the same "no such bucket".
        let Some(tags) = self.tags_of(cx, id).await? else {
            return Ok(None);
        };
        let Some(mut seen) = found(Box::pin(self.read_parts(cx, id, recorded)).await, GONE)? else {
            return Ok(None);
        };
        seen.put("bucket", Some(id)).put("tags", tags::setting(tags));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        if change.has("public_access_block") {
            self.put_public_access_block(cx, id, change.after).await?;
        }
        let changed: Vec<&str> = change.changed.iter().map(String::as_str).collect();
        self.put_parts(cx, id, change.after, &changed).await?;
        Ok(self.outputs(cx, id))
    }

    async fn delete(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let has_lock = recorded.opt_bool("object_lock_enabled")? == Some(true);
        // Writers may still be at work: what comes after the first sweep is swept again.
        let force = cx.force_destroy || recorded.opt_bool("force_destroy")? == Some(true);
        let mut sweeps = if force { 3 } else { 0 };
        loop {
            if sweeps > 0 {
                self.empty(cx, id, has_lock).await?;
            }
            let answer = call(cx, "s3:DeleteBucket", || client.delete_bucket().bucket(id).send()).await;
            match found(answer, GONE) {
                Ok(_) => break,
                Err(error) if error.is_code(&["BucketNotEmpty"]) && sweeps > 1 => sweeps -= 1,
                Err(error) => return Err(empty::with_advice(error, id, force)),
            }
        }
        self.wait_for(cx, id, false).await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let bucket = desired.text("bucket")?;
        let not_owned = |why: &str| KindError::NotOwned {
            operation: "s3:GetBucketTagging".into(),
            message: format!("bucket {bucket} exists already {why}; bucket names are global, choose another"),
        };
        match self.tags_of(cx, bucket).await {
            Ok(None) => Ok(None),
            Ok(Some(tags)) if tags::owned(cx, &tags) => Ok(Some(bucket.to_owned())),
            Ok(Some(_)) => Err(not_owned(&format!("and is not tagged as {} of {}", cx.key, cx.stack))),
            Err(error) if error.is_code(&["AccessDenied", "AllAccessDisabled", "PermanentRedirect"]) => Err(not_owned(
                "in another account or region, or this account may not read its tags",
            )),
            Err(error) => Err(error),
        }
    }
}

/// doc: "General purpose bucket naming rules".
fn name_errors(name: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if !(3..=63).contains(&name.len()) {
        errors.push(format!("must have 3 to 63 characters, not {}", name.len()));
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if let Some(odd) = name.chars().find(|c| !allowed(*c)) {
        errors.push(format!("may hold small letters, digits, - and ., not {odd:?}"));
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if !edge(name.chars().next()) || !edge(name.chars().last()) || name.contains("..") {
        errors.push("must begin and end with a letter or digit and have no two dots in a row".to_owned());
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        errors.push("must not look like an IP address".to_owned());
    }
    let taken = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|p| name.starts_with(p))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3"]
            .iter()
            .any(|s| name.ends_with(s));
    if taken {
        errors.push("has a prefix or suffix that S3 keeps to itself".to_owned());
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_s3_refuses_are_refused_at_plan_time() {
        assert!(name_errors("transaction-audit-logs-dev-111122223333").is_empty());
        for wrong in ["ab", "Audit", "-audit", "a..b", "10.0.0.1", "x-s3alias", "audit_logs"] {
            assert!(!name_errors(wrong).is_empty(), "{wrong}");
        }
    }
}
