//! The Lambda handlers inside the provider: a zip per architecture, and the container image built
//! from it in memory (no Docker, no base image to pull).
//!
//! Both are deterministic and hashed at build time, so `code_sha256` and the image's digest are
//! known at plan time. Which architectures there are depends on the build (`build.rs`): a release
//! has both, a developer's build perhaps only the host's.
//!
//! # The image
//! Docker image manifest v2, schema 2 (ECR and Lambda take it, see
//! <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>), one layer: the handler at
//! `/var/runtime/bootstrap` as entry point, the C libraries and CA certificates it needs, and
//! nothing else. Lambda starts an image as `ENTRYPOINT` followed by `CMD` and does NOT set
//! `_HANDLER` for images (in AWS's base images their `/lambda-entrypoint.sh` exports its first
//! argument under that name): the function's `image_config.command`, for instance
//! `["fraud_detector"]`, reaches the bootstrap as its first argument.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Media type of [`Image::manifest`].
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_MEDIA_TYPE: &str = "application/vnd.docker.container.image.v1+json";
const LAYER_MEDIA_TYPE: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Lambda's names of the architectures that a build can bundle.
pub const ARCHITECTURES: &[&str] = &["arm64", "x86_64"];

/// The handlers of one architecture as a deployment package.
#[derive(Debug, PartialEq, Eq)]
pub struct Artifact {
    /// `arm64` or `x86_64`.
    pub architecture: &'static str,
    /// A zip with the one file `bootstrap`, for runtime `provided.al2023`.
    pub zip: &'static [u8],
    /// Base64 of the zip's SHA-256: what Lambda reports as `CodeSha256`.
    pub code_sha256: &'static str,
}

/// The handlers of one architecture as a container image, ready to be pushed.
#[derive(Debug, PartialEq, Eq)]
pub struct Image {
    /// The compressed layer.
    pub layer: &'static [u8],
    /// `sha256:<hex>` of the layer.
    pub layer_digest: &'static str,
    /// The image configuration (JSON).
    pub config: String,
    /// `sha256:<hex>` of the configuration.
    pub config_digest: String,
    /// The manifest (JSON), of type [`MANIFEST_MEDIA_TYPE`].
    pub manifest: String,
    /// `sha256:<hex>` of the manifest: the image's digest.
    pub digest: String,
}

/// What this build cannot give.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Lambda has no such architecture.
    #[error("{0:?} is not an architecture of Lambda; it is \"arm64\" or \"x86_64\"")]
    UnknownArchitecture(String),
    /// The build bundles no handlers for it.
    #[error(
        "this build of the provider bundles no {architecture} handlers, {}; set lambda_architecture or use a release build",
        only(bundled)
    )]
    NotBundled {
        /// The architecture asked for.
        architecture: String,
        /// The architectures that there are.
        bundled: Vec<&'static str>,
    },
    /// There are handlers, but no image could be packed when the provider was built.
    #[error(
        "this build of the provider has no {architecture} container image: {reason}; use package_type \"Zip\" or a release build"
    )]
    NoImage {
        /// The architecture asked for.
        architecture: String,
        /// What was missing at build time.
        reason: &'static str,
    },
}

fn only(bundled: &[&str]) -> String {
    if bundled.is_empty() {
        "nor any other (run `make handlers` before building)".to_owned()
    } else {
        format!("only {}", bundled.join(" and "))
    }
}

/// One entry of the table that `build.rs` writes.
struct Bundled {
    artifact: Artifact,
    layer: Result<Layer, &'static str>,
}

struct Layer {
    gzip: &'static [u8],
    digest: &'static str,
    diff_id: &'static str,
}

static BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

static IMAGES: LazyLock<BTreeMap<&'static str, Image>> = LazyLock::new(|| {
    BUNDLED
        .iter()
        .filter_map(|b| {
            let architecture = b.artifact.architecture;
            Some((architecture, image_of(architecture, b.layer.as_ref().ok()?)))
        })
        .collect()
});

/// The architectures bundled in this build.
pub fn architectures() -> Vec<&'static str> {
    BUNDLED.iter().map(|b| b.artifact.architecture).collect()
}

/// The deployment package for an architecture (`arm64`, `x86_64`).
pub fn zip(architecture: &str) -> Result<&'static Artifact, BundleError> {
    Ok(&bundled(architecture)?.artifact)
}

/// The container image for an architecture.
pub fn image(architecture: &str) -> Result<&'static Image, BundleError> {
    let bundled = bundled(architecture)?;
    if let Err(reason) = bundled.layer {
        return Err(BundleError::NoImage {
            architecture: architecture.to_owned(),
            reason,
        });
    }
    IMAGES.get(architecture).ok_or_else(|| not_bundled(architecture))
}

fn bundled(architecture: &str) -> Result<&'static Bundled, BundleError> {
    if !ARCHITECTURES.contains(&architecture) {
        return Err(BundleError::UnknownArchitecture(architecture.to_owned()));
    }
    BUNDLED
        .iter()
        .find(|b| b.artifact.architecture == architecture)
        .ok_or_else(|| not_bundled(architecture))
}

fn not_bundled(architecture: &str) -> BundleError {
    BundleError::NotBundled {
        architecture: architecture.to_owned(),
        bundled: architectures(),
    }
}

/// Configuration and manifest around a layer. Members are written in alphabetical order, which
/// every map type of `serde_json` keeps: the digests depend on it.
fn image_of(architecture: &str, layer: &Layer) -> Image {
    // Go's names, as image configurations use them.
    let go_architecture = if architecture == "x86_64" {
        "amd64"
    } else {
        architecture
    };
    let config = json!({
        "architecture": go_architecture,
        "config": {
            "Entrypoint": ["/var/runtime/bootstrap"],
            "Env": [
                "LD_LIBRARY_PATH=/usr/lib/tap",
                "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
            ],
            "WorkingDir": "/var/task",
        },
        "created": "1970-01-01T00:00:00Z",
        "os": "linux",
        "rootfs": {"diff_ids": [layer.diff_id], "type": "layers"},
    })
    .to_string();
    let config_digest = digest(config.as_bytes());
    let manifest = json!({
        "config": {"digest": config_digest, "mediaType": CONFIG_MEDIA_TYPE, "size": config.len()},
        "layers": [{"digest": layer.digest, "mediaType": LAYER_MEDIA_TYPE, "size": layer.gzip.len()}],
        "mediaType": MANIFEST_MEDIA_TYPE,
        "schemaVersion": 2,
    })
    .to_string();
    Image {
        layer: layer.gzip,
        layer_digest: layer.digest,
        config_digest,
        config,
        digest: digest(manifest.as_bytes()),
        manifest,
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const LAYER: Layer = Layer {
        gzip: b"layer",
        digest: "sha256:aa",
        diff_id: "sha256:bb",
    };

    #[test]
    fn an_image_names_its_parts_by_digest() {
        let image = image_of("x86_64", &LAYER);
        let manifest: Value = serde_json::from_str(&image.manifest).unwrap();
        assert_eq!(manifest["config"]["digest"], json!(digest(image.config.as_bytes())));
        assert_eq!(manifest["layers"][0]["digest"], json!("sha256:aa"));
        assert_eq!(manifest["layers"][0]["size"], json!(5));
        let config: Value = serde_json::from_str(&image.config).unwrap();
        assert_eq!(config["architecture"], json!("amd64"));
        assert_eq!(config["rootfs"]["diff_ids"], json!(["sha256:bb"]));
        assert_eq!(
            image,
            image_of("x86_64", &LAYER),
            "the same input gives the same digest"
        );
    }

    #[test]
    fn the_digest_does_not_depend_on_the_json_map_in_use() {
        // Pinned: a changed digest would replace every deployed image.
        assert_eq!(
            image_of("arm64", &LAYER).config,
            concat!(
                r#"{"architecture":"arm64","config":{"Entrypoint":["/var/runtime/bootstrap"],"Env":["LD_LIBRARY_PATH=/usr/lib/tap","#,
                r#""SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],"WorkingDir":"/var/task"},"created":"1970-01-01T00:00:00Z","#,
                r#""os":"linux","rootfs":{"diff_ids":["sha256:bb"],"type":"layers"}}"#
            )
        );
    }

    #[test]
    fn every_architecture_is_bundled_or_says_what_to_do() {
        for architecture in ARCHITECTURES {
            match zip(architecture) {
                Ok(artifact) => {
                    use base64::Engine as _;
                    let sha = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(artifact.zip));
                    assert_eq!(artifact.code_sha256, sha);
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(&format!("bundles no {architecture} handlers")), "{text}");
                    assert!(text.contains("set lambda_architecture"), "{text}");
                    assert_eq!(image(architecture), Err(error));
                }
            }
        }
    }

    #[test]
    fn messages_name_what_there_is() {
        let error = BundleError::NotBundled {
            architecture: "arm64".into(),
            bundled: vec!["x86_64"],
        };
        assert_eq!(
            error.to_string(),
            "this build of the provider bundles no arm64 handlers, only x86_64; set lambda_architecture or use a release build"
        );
        assert_eq!(zip("mips"), Err(BundleError::UnknownArchitecture("mips".into())));
    }
}
