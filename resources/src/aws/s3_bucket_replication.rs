//! `s3_bucket_replication`: where a bucket's new objects are copied to.
//!
//! API: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html>; what must be there first:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-requirements.html>. Requirements: R-14
//! (versioning on both sides, role, encrypted objects, the replica's key), P-21.

mod rules;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::types::ReplicationConfiguration;
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use self::rules::Rule;
use super::checks::Checks;
use super::fields::{Fields, Seen, built};
use super::{Aws, call, found};

/// The kind; `id` is the source bucket's name. The component's region is the source bucket's.
pub struct S3BucketReplication(pub Arc<Aws>);

/// "No bucket", and "nothing is configured".
const GONE: &[&str] = &["NoSuchBucket", "ReplicationConfigurationNotFoundError"];
const PUT: &str = "s3:PutReplicationConfiguration";

static SPEC: KindSpec = KindSpec {
    name: "s3_bucket_replication",
    settings: &[
        Setting::replace("bucket"),
        Setting::new("role"),
        Setting::new("rules").unordered(),
    ],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "iam:PassRole",
        "s3:GetReplicationConfiguration",
        "s3:PutReplicationConfiguration",
    ],
};

fn outputs(bucket: &str) -> Outputs {
    Outputs::from([("id".into(), bucket.into())])
}

impl S3BucketReplication {
    async fn put(&self, cx: &Context, bucket: &str, wanted: &Settings) -> KindResult<()> {
        let rules: Vec<Rule> = wanted
            .parse("rules")?
            .ok_or_else(|| KindError::invalid("rules", "is required"))?;
        let configuration = ReplicationConfiguration::builder()
            .role(wanted.text("role")?)
            .set_rules(Some(rules::to_sdk(&rules)?));
        let configuration = built(PUT, configuration.build())?;
        let client = self.0.s3(&cx.region);
        call(cx, PUT, || {
            client
                .put_bucket_replication()
                .bucket(bucket)
                .replication_configuration(configuration.clone())
                .send()
        })
        .await
        .map(|_| ())
    }

    async fn configuration(&self, cx: &Context, bucket: &str) -> KindResult<Option<ReplicationConfiguration>> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, "s3:GetReplicationConfiguration", || {
            client.get_bucket_replication().bucket(bucket).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| a.replication_configuration))
    }
}

#[async_trait]
impl Kind for S3BucketReplication {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "rules" => rules::normalise(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["bucket", "role", "rules"]);
        match settings.parse::<Vec<Rule>>("rules") {
            Err(error) => {
                checks.wrong("rules", error.to_string());
            }
            Ok(found) => {
                for message in rules::mistakes(&found.unwrap_or_default()) {
                    checks.wrong("rules", message);
                }
            }
        }
        checks.done()
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let bucket = desired.text("bucket")?;
        self.put(cx, bucket, desired).await?;
        let outputs = outputs(bucket);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(configuration) = self.configuration(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("bucket", Some(id))
            .put("role", Some(configuration.role.as_str()))
            .put("rules", Some(rules::from_sdk(&configuration.rules)));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.put(cx, id, change.after).await?;
        Ok(outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.s3(&cx.region);
        let answer = call(cx, PUT, || client.delete_bucket_replication().bucket(id).send()).await;
        found(answer, GONE).map(|_| ())
    }

    /// The bucket is the stack's own, so its configuration is too.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let bucket = desired.text("bucket")?;
        let is_there = self.configuration(cx, bucket).await?.is_some();
        Ok((is_there && !cx.known_ids.iter().any(|id| id == bucket)).then(|| bucket.to_owned()))
    }
}
