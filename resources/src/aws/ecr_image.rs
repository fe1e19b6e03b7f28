//! `ecr_image`: the bundled handlers as a container image in an ECR repository, pushed by the
//! provider itself through the ECR API (no Docker).
//!
//! API: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/>, the layer calls and `PutImage`.
//! Requirements W-36 (the image is there before the function), W-37 (functions name the digest).

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecr::types::{ImageDetail, ImageIdentifier, LayerAvailability};
use aws_smithy_types::Blob;
use serde::Deserialize;
use tap_engine::reference::has_unknown;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::connect::upload_timeout;
use super::fields::{Fields, Seen};
use super::{Aws, call, ecr_repository, found};
use crate::bundle::{self, Image};

/// The kind; `id` is `repository|digest`. ECR images carry no AWS tags: the digest proves it.
pub struct EcrImage(pub Arc<Aws>);

const GONE: &[&str] = &["ImageNotFoundException", "RepositoryNotFoundException"];
/// Used where ECR does not say how large a part may be; it takes up to 20 MiB, and 5 MiB at least
/// for all but the last (doc: `UploadLayerPart`).
const PART_SIZE: usize = 10 * 1024 * 1024;

/// Bytes that a file has on its way: JSON carries it in base64.
fn sent_as(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

static SPEC: KindSpec = KindSpec {
    name: "ecr_image",
    settings: &[
        Setting::replace("repository_name").unique(),
        Setting::replace("source"),
        Setting::new("tag"),
        Setting::replace("digest").unique(),
    ],
    outputs: &["id", "digest", "uri"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    // The function moves over to the new image before the old one goes.
    create_before_delete: true,
    iam_actions: &[
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
        "ecr:BatchGetImage",
        "ecr:BatchDeleteImage",
    ],
};

/// The `source` setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// Architecture of the bundled handlers.
    bundle: String,
}

fn source_image(settings: &Settings) -> KindResult<&'static Image> {
    let source: Source = settings
        .parse("source")?
        .ok_or_else(|| KindError::invalid("source", "is required"))?;
    bundle::image(&source.bundle).map_err(|e| KindError::invalid("source", e.to_string()))
}

fn parts(id: &str) -> (&str, &str) {
    id.split_once('|').unwrap_or((id, ""))
}

fn by_digest(digest: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_digest(digest).build()
}

fn by_tag(tag: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_tag(tag).build()
}

impl EcrImage {
    async fn outputs(&self, cx: &Context, repository: &str, digest: &str) -> KindResult<Outputs> {
        let client = self.0.ecr(&cx.region);
        let answer = call(cx, "ecr:DescribeRepositories", || {
            client.describe_repositories().repository_names(repository).send()
        })
        .await?;
        let url = answer.repositories().first().and_then(|r| r.repository_uri());
        Ok(Outputs::from([
            ("id".into(), format!("{repository}|{digest}")),
            ("digest".into(), digest.into()),
            ("uri".into(), format!("{}@{digest}", url.unwrap_or_default())),
        ]))
    }

    async fn image(&self, cx: &Context, repository: &str, digest: &str) -> KindResult<Option<ImageDetail>> {
        let client = self.0.ecr(&cx.region);
        let answer = call(cx, "ecr:DescribeImages", || {
            client
                .describe_images()
                .repository_name(repository)
                .image_ids(by_digest(digest))
                .send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| a.image_details?.into_iter().next()))
    }

    /// Uploads a blob unless the repository has it.
    async fn upload(&self, cx: &Context, repository: &str, digest: &str, blob: &[u8]) -> KindResult<()> {
        let client = self.0.ecr(&cx.region);
        let answer = call(cx, "ecr:BatchCheckLayerAvailability", || {
            client
                .batch_check_layer_availability()
                .repository_name(repository)
                .layer_digests(digest)
                .send()
        })
        .await?;
        let there = |layer: &aws_sdk_ecr::types::Layer| {
            layer.layer_availability() == Some(&LayerAvailability::Available) && layer.layer_digest() == Some(digest)
        };
        if answer.layers().iter().any(there) {
            return Ok(());
        }
        let begun = call(cx, "ecr:InitiateLayerUpload", || {
            client.initiate_layer_upload().repository_name(repository).send()
        })
        .await?;
        let upload = begun.upload_id().unwrap_or_default();
        let part_size = begun
            .part_size()
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n > 0);
        for (first, part) in byte_ranges(blob, part_size.unwrap_or(PART_SIZE)) {
            let last = first + i64::try_from(part.len()).unwrap_or(i64::MAX) - 1;
            call(cx, "ecr:UploadLayerPart", || {
                client
                    .upload_layer_part()
                    .repository_name(repository)
                    .upload_id(upload)
                    .part_first_byte(first)
                    .part_last_byte(last)
                    .layer_part_blob(Blob::new(part))
                    .customize()
                    .config_override(aws_sdk_ecr::Config::builder().timeout_config(upload_timeout(sent_as(part.len()))))
                    .send()
            })
            .await?;
        }
        let completed = call(cx, "ecr:CompleteLayerUpload", || {
            client
                .complete_layer_upload()
                .repository_name(repository)
                .upload_id(upload)
                .layer_digests(digest)
                .send()
        })
        .await;
        // Somebody else pushed the same layer meanwhile.
        found(completed, &["LayerAlreadyExistsException"]).map(|_| ())
    }

    async fn put(&self, cx: &Context, repository: &str, manifest: &Manifest, tag: Option<&str>) -> KindResult<()> {
        let client = self.0.ecr(&cx.region);
        let answer = call(cx, "ecr:PutImage", || {
            client
                .put_image()
                .repository_name(repository)
                .image_manifest(&manifest.text)
                .image_manifest_media_type(&manifest.media_type)
                .image_digest(&manifest.digest)
                .set_image_tag(tag.map(ToOwned::to_owned))
                .send()
        })
        .await;
        // The very same image under the very same tag.
        found(answer, &["ImageAlreadyExistsException"]).map(|_| ())
    }

    /// The manifest as it stands in the repository: a new tag is put on exactly that.
    async fn stored_manifest(&self, cx: &Context, repository: &str, digest: &str) -> KindResult<Manifest> {
        let client = self.0.ecr(&cx.region);
        let answer = call(cx, "ecr:BatchGetImage", || {
            client
                .batch_get_image()
                .repository_name(repository)
                .image_ids(by_digest(digest))
                .accepted_media_types(bundle::MANIFEST_MEDIA_TYPE)
                .send()
        })
        .await?;
        let stored = answer.images.unwrap_or_default().into_iter().next();
        let text = stored.and_then(|image| image.image_manifest);
        text.map(|text| Manifest {
            text,
            media_type: bundle::MANIFEST_MEDIA_TYPE.to_owned(),
            digest: digest.to_owned(),
        })
        .ok_or_else(|| KindError::Failed {
            operation: "ecr:BatchGetImage".to_owned(),
            message: format!("image {digest} is not in repository {repository}"),
        })
    }

    async fn delete_images(&self, cx: &Context, repository: &str, image: ImageIdentifier) -> KindResult<()> {
        let client = self.0.ecr(&cx.region);
        let answer = call(cx, "ecr:BatchDeleteImage", || {
            client
                .batch_delete_image()
                .repository_name(repository)
                .image_ids(image.clone())
                .send()
        })
        .await;
        let failures = found(answer, GONE)?.and_then(|a| a.failures).unwrap_or_default();
        // The call answers 200 and lists what it did not do.
        let failed = failures
            .iter()
            .find(|f| f.failure_code().is_some_and(|code| code.as_str() != "ImageNotFound"));
        failed.map_or(Ok(()), |failure| {
            Err(KindError::Failed {
                operation: "ecr:BatchDeleteImage".to_owned(),
                message: format!(
                    "{}: {}",
                    failure.failure_code().map_or("Unknown", |code| code.as_str()),
                    failure.failure_reason().unwrap_or("ECR gave no reason")
                ),
            })
        })
    }
}

/// What `PutImage` takes.
struct Manifest {
    text: String,
    media_type: String,
    digest: String,
}

/// Parts of a blob with the position of their first byte.
fn byte_ranges(blob: &[u8], part_size: usize) -> impl Iterator<Item = (i64, &[u8])> {
    blob.chunks(part_size).scan(0_i64, |at, part| {
        let first = *at;
        *at += i64::try_from(part.len()).ok()?;
        Some((first, part))
    })
}

#[async_trait]
impl Kind for EcrImage {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let repository = desired.text("repository_name")?;
        let image = source_image(desired)?;
        if desired.opt_text("digest").is_some_and(|digest| digest != image.digest) {
            return Err(KindError::invalid(
                "digest",
                format!("this provider's image is {}; plan again", image.digest),
            ));
        }
        self.upload(cx, repository, image.layer_digest, image.layer).await?;
        self.upload(cx, repository, &image.config_digest, image.config.as_bytes())
            .await?;
        let manifest = Manifest {
            text: image.manifest.clone(),
            media_type: bundle::MANIFEST_MEDIA_TYPE.to_owned(),
            digest: image.digest.clone(),
        };
        let outputs = self.outputs(cx, repository, &image.digest).await?;
        self.put(cx, repository, &manifest, desired.opt_text("tag")).await?;
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let (repository, digest) = parts(id);
        let Some(image) = self.image(cx, repository, digest).await? else {
            return Ok(None);
        };
        // An image may have several tags; ours is what counts, and its absence is drift.
        let tag = match recorded.opt_text("tag") {
            Some(wanted) => image.image_tags().iter().find(|tag| *tag == wanted),
            None => image.image_tags().first(),
        };
        let mut seen = Seen::default();
        seen.put("repository_name", Some(repository))
            .put("source", recorded.value("source").cloned())
            .put("tag", tag.map(String::as_str))
            .put("digest", Some(digest));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(cx, repository, digest).await?,
        }))
    }

    /// Moves the tag: the new one first, because an image that loses its last tag by
    /// `BatchDeleteImage` is deleted.
    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        let (repository, digest) = parts(id);
        if let (true, Some(tag)) = (change.has("tag"), change.after.opt_text("tag")) {
            let manifest = self.stored_manifest(cx, repository, digest).await?;
            self.put(cx, repository, &manifest, Some(tag)).await?;
            let held = self.image(cx, repository, digest).await?;
            let before = change.before.opt_text("tag").unwrap_or_default();
            if held.is_some_and(|image| image.image_tags().iter().any(|t| t == before)) {
                self.delete_images(cx, repository, by_tag(before)).await?;
            }
        }
        self.outputs(cx, repository, digest).await
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let (repository, digest) = parts(id);
        let answer = self.delete_images(cx, repository, by_digest(digest)).await;
        found(answer, ecr_repository::GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let repository = desired.text("repository_name")?;
        let digest = &source_image(desired)?.digest;
        let id = format!("{repository}|{digest}");
        if cx.known_ids.contains(&id) {
            return Ok(None);
        }
        Ok(self.image(cx, repository, digest).await?.map(|_| id))
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["repository_name", "tag"]).name("tag", 128, "._-");
        let unknown = settings.value("source").is_some_and(has_unknown);
        if let (false, Err(KindError::InvalidSetting { setting, message })) = (unknown, source_image(settings)) {
            checks.wrong(&setting, message);
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_without_gap() {
        let ranges: Vec<(i64, usize)> = byte_ranges(&[0; 25], 10).map(|(at, part)| (at, part.len())).collect();
        assert_eq!(ranges, [(0, 10), (10, 10), (20, 5)]);
    }
}
