//! Taking everything out of a bucket, versions and delete markers included.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use tap_engine::{Context, KindError, KindResult};

use super::super::fields::built;
use super::super::{call, found};
use super::{GONE, S3Bucket};

impl S3Bucket {
    /// Deletes all versions of all objects, page by page (1000 at most, which is also the most
    /// that `DeleteObjects` takes). With `has_lock`, retention in governance mode is bypassed;
    /// compliance mode cannot be, and is the error.
    pub(super) async fn empty(&self, cx: &Context, bucket: &str, has_lock: bool) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        loop {
            // Always the first page: what was on it is gone the next time.
            let answer = call(cx, "s3:ListBucketVersions", || {
                client.list_object_versions().bucket(bucket).send()
            })
            .await;
            let Some(page) = found(answer, GONE)? else {
                return Ok(());
            };
            let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
            let markers = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
            let objects = versions
                .chain(markers)
                .filter_map(|(key, version)| Some((key?, version)))
                .map(|(key, version)| {
                    let object = ObjectIdentifier::builder().key(key);
                    // "null" is the version of objects from before versioning; it must be named.
                    built(
                        "s3:DeleteObject",
                        object.set_version_id(version.map(ToOwned::to_owned)).build(),
                    )
                })
                .collect::<KindResult<Vec<_>>>()?;
            if objects.is_empty() {
                return Ok(());
            }
            self.delete_objects(cx, bucket, objects, has_lock).await?;
        }
    }

    async fn delete_objects(
        &self,
        cx: &Context,
        bucket: &str,
        objects: Vec<ObjectIdentifier>,
        has_lock: bool,
    ) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let count = objects.len();
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let delete = built("s3:DeleteObject", delete)?;
        let answer = call(cx, "s3:DeleteObject", || {
            client
                .delete_objects()
                .bucket(bucket)
                .delete(delete.clone())
                .set_bypass_governance_retention(has_lock.then_some(true))
                .send()
        })
        .await?;
        // The call answers 200 although single objects were refused.
        let Some(first) = answer.errors().first() else {
            return Ok(());
        };
        Err(KindError::Service {
            operation: "s3:DeleteObject".into(),
            code: first.code().unwrap_or("Unknown").to_owned(),
            message: format!(
                "{} of {count} object versions of {bucket} could not be deleted; the first is {}: {}{}",
                answer.errors().len(),
                first.key().unwrap_or_default(),
                first.message().unwrap_or_default(),
                if has_lock {
                    " (object lock: retention in compliance mode ends by itself only)"
                } else {
                    ""
                },
            ),
            request_id: None,
            status: None,
        })
    }
}

/// Adds how to go on to AWS's "not empty".
pub(super) fn with_advice(error: KindError, bucket: &str, force_destroy: bool) -> KindError {
    match error {
        KindError::Service {
            operation,
            code,
            message,
            request_id,
            status,
        } if code == "BucketNotEmpty" => {
            let advice = if force_destroy {
                "objects are still being written to it: stop the writers and destroy again".to_owned()
            } else {
                format!(
                    "bucket {bucket} holds objects or old versions, and nothing was deleted; set force_destroy = true \
                     and apply, then destroy, to delete them with it"
                )
            };
            KindError::Service {
                operation,
                code,
                message: format!("{message} ({advice})"),
                request_id,
                status,
            }
        }
        other => other,
    }
}
