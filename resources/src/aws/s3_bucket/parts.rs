//! The configurations that hang on a bucket, each with its own pair of calls.

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketVersioningStatus, DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled,
    ObjectLockRetentionMode, ObjectLockRule, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tagging, VersioningConfiguration,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tap_engine::json::parse_document;
use tap_engine::{Context, KindResult, Settings};

use super::super::fields::{Fields, Seen, built};
use super::super::{call, found, tags};
use super::{DEFAULT_OWNERSHIP, S3Bucket, lifecycle, tag_list};

/// What `CreateBucket` does not take. The order matters: a rule of object lock wants versioning,
/// and the policy comes last because it may forbid the rest.
pub(super) const WRITTEN_AFTER_CREATE: &[&str] = &[
    "versioning",
    "encryption",
    "lifecycle_rules",
    "object_lock_rule",
    "policy",
];

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encryption {
    sse_algorithm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_master_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_key_enabled: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockRule {
    mode: String,
    days: i32,
}

/// Mistakes in structured settings.
pub(super) fn shape_errors(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut errors = Vec::new();
    match settings.parse::<Encryption>("encryption") {
        Err(error) => errors.push(("encryption", error.to_string())),
        Ok(Some(e)) if !["AES256", "aws:kms", "aws:kms:dsse"].contains(&e.sse_algorithm.as_str()) => {
            errors.push((
                "encryption",
                format!(
                    "sse_algorithm is AES256, aws:kms or aws:kms:dsse, not {}",
                    e.sse_algorithm
                ),
            ));
        }
        Ok(Some(e)) if e.kms_master_key_id.is_some() && e.sse_algorithm == "AES256" => {
            errors.push(("encryption", "kms_master_key_id needs sse_algorithm aws:kms".to_owned()));
        }
        Ok(_) => {}
    }
    match settings.parse::<LockRule>("object_lock_rule") {
        Err(error) => errors.push(("object_lock_rule", error.to_string())),
        Ok(Some(rule)) if !["GOVERNANCE", "COMPLIANCE"].contains(&rule.mode.as_str()) || rule.days < 1 => {
            errors.push((
                "object_lock_rule",
                "mode is GOVERNANCE or COMPLIANCE, days is 1 or more".to_owned(),
            ));
        }
        Ok(_) => {}
    }
    errors
}

impl S3Bucket {
    /// Writes these settings, one after the other: S3 refuses two changes of a bucket at once
    /// (`OperationAborted`).
    pub(super) async fn put_parts(
        &self,
        cx: &Context,
        bucket: &str,
        after: &Settings,
        names: &[&str],
    ) -> KindResult<()> {
        let has = |name: &str| names.contains(&name);
        if has("tags") {
            self.put_tags(cx, bucket, after).await?;
        }
        if has("object_ownership") {
            self.put_ownership(cx, bucket, after).await?;
        }
        if has("versioning") {
            self.put_versioning(cx, bucket, after).await?;
        }
        if has("encryption") {
            self.put_encryption(cx, bucket, after).await?;
        }
        if has("lifecycle_rules") {
            self.put_lifecycle(cx, bucket, after).await?;
        }
        if has("object_lock_rule") {
            self.put_lock_rule(cx, bucket, after).await?;
        }
        if has("policy") {
            self.put_policy(cx, bucket, after).await?;
        }
        Ok(())
    }

    async fn put_tags(&self, cx: &Context, bucket: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let tagging = Tagging::builder()
            .set_tag_set(Some(tag_list(tags::wanted(after))?))
            .build();
        let tagging = built("s3:PutBucketTagging", tagging)?;
        call(cx, "s3:PutBucketTagging", || {
            client
                .put_bucket_tagging()
                .bucket(bucket)
                .tagging(tagging.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    /// All four switches at once; on unless it is `false`.
    pub(super) async fn put_public_access_block(&self, cx: &Context, bucket: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let on = after.opt_bool("public_access_block")?.unwrap_or(true);
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(on)
            .ignore_public_acls(on)
            .block_public_policy(on)
            .restrict_public_buckets(on)
            .build();
        call(cx, "s3:PutBucketPublicAccessBlock", || {
            client
                .put_public_access_block()
                .bucket(bucket)
                .public_access_block_configuration(block.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    async fn put_ownership(&self, cx: &Context, bucket: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let ownership = ObjectOwnership::from(after.opt_text("object_ownership").unwrap_or(DEFAULT_OWNERSHIP));
        let operation = "s3:PutBucketOwnershipControls";
        let rule = built(
            operation,
            OwnershipControlsRule::builder().object_ownership(ownership).build(),
        )?;
        let controls = built(operation, OwnershipControls::builder().rules(rule).build())?;
        call(cx, operation, || {
            client
                .put_bucket_ownership_controls()
                .bucket(bucket)
                .ownership_controls(controls.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    /// A versioned bucket never becomes unversioned again: not set is suspended.
    async fn put_versioning(&self, cx: &Context, bucket: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let status = BucketVersioningStatus::from(after.opt_text("versioning").unwrap_or("Suspended"));
        let configuration = VersioningConfiguration::builder().status(status).build();
        call(cx, "s3:PutBucketVersioning", || {
            client
                .put_bucket_versioning()
                .bucket(bucket)
                .versioning_configuration(configuration.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    async fn put_encryption(&self, cx: &Context, bucket: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let operation = "s3:PutEncryptionConfiguration";
        let Some(wanted) = after.parse::<Encryption>("encryption")? else {
            // Back to what S3 does by itself: SSE-S3.
            call(cx, operation, || {
                client.delete_bucket_encryption().bucket(bucket).send()
            })
            .await?;
            return Ok(());
        };
        let by_default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::from(wanted.sse_algorithm.as_str()))
            .set_kms_master_key_id(wanted.kms_master_key_id)
            .build();
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(built(operation, by_default)?)
            .set_bucket_key_enabled(wanted.bucket_key_enabled)
            .build();
        let configuration = ServerSideEncryptionConfiguration::builder().rules(rule).build();
        let configuration = built(operation, configuration)?;
        call(cx, operation, || {
            client
                .put_bucket_encryption()
                .bucket(bucket)
                .server_side_encryption_configuration(configuration.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    async fn put_lifecycle(&self, cx: &Context, bucket: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let operation = "s3:PutLifecycleConfiguration";
        let rules = lifecycle::wanted(after)?;
        if rules.is_empty() {
            call(cx, operation, || client.delete_bucket_lifecycle().bucket(bucket).send()).await?;
            return Ok(());
        }
        let configuration = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
        let configuration = built(operation, configuration)?;
        call(cx, operation, || {
            client
                .put_bucket_lifecycle_configuration()
                .bucket(bucket)
                .lifecycle_configuration(configuration.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    async fn put_lock_rule(&self, cx: &Context, bucket: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let rule = after.parse::<LockRule>("object_lock_rule")?.map(|rule| {
            let retention = DefaultRetention::builder()
                .mode(ObjectLockRetentionMode::from(rule.mode.as_str()))
                .days(rule.days)
                .build();
            ObjectLockRule::builder().default_retention(retention).build()
        });
        let configuration = ObjectLockConfiguration::builder()
            .object_lock_enabled(ObjectLockEnabled::Enabled)
            .set_rule(rule)
            .build();
        call(cx, "s3:PutBucketObjectLockConfiguration", || {
            client
                .put_object_lock_configuration()
                .bucket(bucket)
                .object_lock_configuration(configuration.clone())
                .send()
        })
        .await?;
        Ok(())
    }

    async fn put_policy(&self, cx: &Context, bucket: &str, after: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        if let Some(text) = after.document("policy") {
            call(cx, "s3:PutBucketPolicy", || {
                client.put_bucket_policy().bucket(bucket).policy(text.as_str()).send()
            })
            .await?;
        } else {
            call(cx, "s3:DeleteBucketPolicy", || {
                client.delete_bucket_policy().bucket(bucket).send()
            })
            .await?;
        }
        Ok(())
    }

    /// Reads all of them side by side.
    pub(super) async fn read_parts(&self, cx: &Context, bucket: &str, recorded: &Settings) -> KindResult<Seen> {
        let (versioning, encryption, is_blocked, ownership, rules, policy, lock) = futures::try_join!(
            self.versioning(cx, bucket),
            self.encryption(cx, bucket, recorded),
            self.is_public_access_blocked(cx, bucket),
            self.ownership(cx, bucket),
            self.lifecycle(cx, bucket),
            self.policy(cx, bucket),
            self.object_lock(cx, bucket),
        )?;
        let has_lock = lock.is_some();
        let implied = match versioning.as_deref() {
            // Once versioned, not set is the same as suspended.
            Some("Suspended") => true,
            // Object lock switches versioning on.
            Some("Enabled") => has_lock,
            _ => false,
        };
        let versioning = versioning.filter(|_| !implied || recorded.value("versioning").is_some());
        let mut seen = Seen::default();
        seen.put("versioning", versioning)
            .put("encryption", encryption)
            .put_unless_default("public_access_block", Some(is_blocked), true, recorded)
            .put_unless_default("object_ownership", Some(ownership), DEFAULT_OWNERSHIP, recorded)
            .put("lifecycle_rules", rules)
            .put("policy", policy)
            .put_unless_default("object_lock_enabled", Some(has_lock), false, recorded)
            .put("object_lock_rule", lock.flatten());
        Ok(seen)
    }

    async fn versioning(&self, cx: &Context, bucket: &str) -> KindResult<Option<String>> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetBucketVersioning", || {
            client.get_bucket_versioning().bucket(bucket).send()
        })
        .await?;
        Ok(answer.status.map(|status| status.as_str().to_owned()))
    }

    async fn encryption(&self, cx: &Context, bucket: &str, recorded: &Settings) -> KindResult<Option<Value>> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetEncryptionConfiguration", || {
            client.get_bucket_encryption().bucket(bucket).send()
        })
        .await;
        let rules = found(answer, &["ServerSideEncryptionConfigurationNotFoundError"])?
            .and_then(|a| a.server_side_encryption_configuration)
            .map(|configuration| configuration.rules)
            .unwrap_or_default();
        let wanted = recorded.value("encryption");
        Ok(rules.first().and_then(|rule| observed_encryption(rule, wanted)))
    }

    async fn is_public_access_blocked(&self, cx: &Context, bucket: &str) -> KindResult<bool> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetBucketPublicAccessBlock", || {
            client.get_public_access_block().bucket(bucket).send()
        })
        .await;
        let block = found(answer, &["NoSuchPublicAccessBlockConfiguration"])?;
        Ok(block
            .and_then(|a| a.public_access_block_configuration)
            .is_some_and(|block| {
                [
                    block.block_public_acls,
                    block.ignore_public_acls,
                    block.block_public_policy,
                    block.restrict_public_buckets,
                ]
                .into_iter()
                .all(|switch| switch == Some(true))
            }))
    }

    async fn ownership(&self, cx: &Context, bucket: &str) -> KindResult<String> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetBucketOwnershipControls", || {
            client.get_bucket_ownership_controls().bucket(bucket).send()
        })
        .await;
        let rules = found(answer, &["OwnershipControlsNotFoundError"])?
            .and_then(|a| a.ownership_controls)
            .map(|controls| controls.rules)
            .unwrap_or_default();
        // No controls is how buckets were before there were controls.
        Ok(rules
            .first()
            .map_or("ObjectWriter", |rule| rule.object_ownership.as_str())
            .to_owned())
    }

    async fn lifecycle(&self, cx: &Context, bucket: &str) -> KindResult<Option<Value>> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetLifecycleConfiguration", || {
            client.get_bucket_lifecycle_configuration().bucket(bucket).send()
        })
        .await;
        let rules = found(answer, &["NoSuchLifecycleConfiguration"])?.and_then(|a| a.rules);
        Ok(rules
            .filter(|rules| !rules.is_empty())
            .map(|rules| lifecycle::seen(&rules)))
    }

    async fn policy(&self, cx: &Context, bucket: &str) -> KindResult<Option<Value>> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetBucketPolicy", || {
            client.get_bucket_policy().bucket(bucket).send()
        })
        .await;
        let policy = found(answer, &["NoSuchBucketPolicy"])?.and_then(|a| a.policy);
        Ok(policy.map(|text| parse_document(&text)))
    }

    /// `None` without object lock, else its default rule.
    async fn object_lock(&self, cx: &Context, bucket: &str) -> KindResult<Option<Option<Value>>> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetBucketObjectLockConfiguration", || {
            client.get_object_lock_configuration().bucket(bucket).send()
        })
        .await;
        let lock = found(answer, &["ObjectLockConfigurationNotFoundError"])?
            .and_then(|a| a.object_lock_configuration)
            .filter(|lock| lock.object_lock_enabled == Some(ObjectLockEnabled::Enabled));
        Ok(lock.map(|lock| {
            let retention = lock.rule.and_then(|rule| rule.default_retention)?;
            let mode = retention.mode.as_ref().map(ObjectLockRetentionMode::as_str);
            Some(json!({"mode": mode, "days": retention.days, "years": retention.years}))
        }))
    }
}

/// The setting as it stands at AWS; `None` for SSE-S3, which every bucket has by itself, unless
/// it was wanted.
fn observed_encryption(rule: &ServerSideEncryptionRule, wanted: Option<&Value>) -> Option<Value> {
    let by_default = rule.apply_server_side_encryption_by_default()?;
    let is_key_wanted = wanted.is_some_and(|w| !w["bucket_key_enabled"].is_null());
    let seen = Encryption {
        sse_algorithm: by_default.sse_algorithm().as_str().to_owned(),
        kms_master_key_id: by_default.kms_master_key_id.clone().filter(|key| !key.is_empty()),
        // AWS reports `false` for what nobody set.
        bucket_key_enabled: rule.bucket_key_enabled.filter(|on| *on || is_key_wanted),
    };
    let is_default = seen.sse_algorithm == "AES256" && seen.bucket_key_enabled != Some(true);
    if is_default && wanted.is_none() {
        return None;
    }
    serde_json::to_value(seen).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(algorithm: &str, bucket_key: bool) -> ServerSideEncryptionRule {
        let by_default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::from(algorithm));
        ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(by_default.build().unwrap())
            .bucket_key_enabled(bucket_key)
            .build()
    }

    #[test]
    fn the_encryption_that_every_bucket_has_is_not_drift_and_another_one_is() {
        assert_eq!(observed_encryption(&rule("AES256", false), None), None);
        let kms = json!({"sse_algorithm": "aws:kms", "bucket_key_enabled": true});
        assert_eq!(observed_encryption(&rule("aws:kms", true), None), Some(kms));
        let wanted = json!({"sse_algorithm": "AES256", "bucket_key_enabled": false});
        assert_eq!(observed_encryption(&rule("AES256", false), Some(&wanted)), Some(wanted));
    }
}
