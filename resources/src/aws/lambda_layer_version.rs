//! `lambda_layer_version`: one version of a Lambda layer. Versions never change: every change makes a new one.
//!
//! API: <https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html>. Requirement: N-29 (no layer
//! unless one is asked for).

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_lambda::operation::get_layer_version_by_arn::GetLayerVersionByArnOutput;
use aws_sdk_lambda::types::{Architecture, LayerVersionContentInput, Runtime};
use aws_smithy_types::Blob;
use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, alphanumeric_or};
use super::fields::{Fields, Seen};
use super::{Aws, call, found};

/// The kind; `id` is the version's ARN.
pub struct LambdaLayerVersion(pub Arc<Aws>);

/// A version that is gone answers by name as not found, and by ARN as not allowed.
const GONE: &[&str] = &["ResourceNotFoundException"];

static SPEC: KindSpec = KindSpec {
    name: "lambda_layer_version",
    settings: &[
        Setting::replace("layer_name"),
        // Where the file lies is no property of the layer; what is in it is `code_sha256`.
        Setting::new("zip_path").unreadable(),
        Setting::replace("source_hash").unreadable(),
        Setting::replace("code_sha256"),
        Setting::replace("s3_bucket").unreadable(),
        Setting::replace("s3_key").unreadable(),
        Setting::replace("s3_object_version").unreadable(),
        Setting::replace("compatible_runtimes").unordered(),
        Setting::replace("compatible_architectures").unordered(),
        Setting::replace("description"),
    ],
    outputs: &["id", "arn", "layer_arn", "version"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    // Functions use the old version until they are told of the new one.
    create_before_delete: true,
    iam_actions: &[
        "lambda:DeleteLayerVersion",
        "lambda:GetLayerVersion",
        "lambda:ListLayerVersions",
        "lambda:PublishLayerVersion",
        "s3:GetObject",
        "s3:GetObjectVersion",
    ],
};

/// Name (or ARN) of the layer and number of a version.
fn parts(arn: &str) -> KindResult<(&str, i64)> {
    let (layer, version) = arn.rsplit_once(':').unwrap_or_default();
    let version = version.parse().ok();
    version
        .map(|version| (layer, version))
        .ok_or_else(|| KindError::invalid("id", format!("{arn} is not the ARN of a layer version")))
}

fn outputs(arn: &str) -> KindResult<Outputs> {
    let (layer, version) = parts(arn)?;
    Ok(Outputs::from([
        ("id".into(), arn.into()),
        ("arn".into(), arn.into()),
        ("layer_arn".into(), layer.into()),
        ("version".into(), version.to_string()),
    ]))
}

fn file(path: &str) -> KindResult<Vec<u8>> {
    std::fs::read(path).map_err(|e| KindError::invalid("zip_path", format!("{path}: {e}")))
}

/// Base64 of the SHA-256, as Lambda's `CodeSha256`.
fn sha256(zip: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(zip))
}

/// The settings with the content's digest, as far as it can be told.
fn with_digest(desired: &Settings) -> KindResult<Settings> {
    let mut wanted = desired.clone();
    if let (None, Some(path)) = (desired.value("code_sha256"), desired.opt_text("zip_path")) {
        wanted.insert("code_sha256".to_owned(), sha256(&file(path)?).into());
    }
    Ok(wanted)
}

/// The layer's content, from a file that must be the one planned, or from S3.
fn content(settings: &Settings) -> KindResult<LayerVersionContentInput> {
    let content = LayerVersionContentInput::builder();
    if let Some(path) = settings.opt_text("zip_path") {
        let zip = file(path)?;
        let actual = sha256(&zip);
        if settings
            .opt_text("code_sha256")
            .is_some_and(|planned| planned != actual)
        {
            let message = format!("the layer has changed since the plan: it is {actual} now; plan again");
            return Err(KindError::invalid("code_sha256", message));
        }
        return Ok(content.zip_file(Blob::new(zip)).build());
    }
    Ok(content
        .s3_bucket(settings.text("s3_bucket")?)
        .s3_key(settings.text("s3_key")?)
        .set_s3_object_version(settings.opt_string("s3_object_version"))
        .build())
}

fn observed(version: &GetLayerVersionByArnOutput, recorded: &Settings) -> Seen {
    let list = |values: Vec<&str>| (!values.is_empty()).then(|| Value::from(values));
    let runtimes = version.compatible_runtimes().iter().map(Runtime::as_str).collect();
    let architectures = version
        .compatible_architectures()
        .iter()
        .map(Architecture::as_str)
        .collect();
    let sha = version.content().and_then(|content| content.code_sha256());
    let mut seen = Seen::default();
    seen.put("compatible_runtimes", list(runtimes))
        .put("compatible_architectures", list(architectures))
        .put("description", version.description().filter(|text| !text.is_empty()))
        // From S3 the content's digest is known afterwards only.
        .put("code_sha256", recorded.value("code_sha256").and(sha));
    seen
}

impl LambdaLayerVersion {
    async fn version(&self, cx: &Context, arn: &str) -> KindResult<Option<GetLayerVersionByArnOutput>> {
        let client = self.0.lambda(&cx.region);
        let answer = call(cx, "lambda:GetLayerVersion", || {
            client.get_layer_version_by_arn().arn(arn).send()
        })
        .await;
        found(answer, GONE)
    }

    /// ARNs of the layer's versions, the newest first.
    async fn versions(&self, cx: &Context, layer: &str) -> KindResult<Vec<String>> {
        let client = self.0.lambda(&cx.region);
        let (mut arns, mut marker) = (Vec::new(), None);
        loop {
            let answer = call(cx, "lambda:ListLayerVersions", || {
                client
                    .list_layer_versions()
                    .layer_name(layer)
                    .set_marker(marker.clone())
                    .send()
            })
            .await;
            let Some(page) = found(answer, GONE)? else {
                return Ok(arns);
            };
            let versions = page.layer_versions.unwrap_or_default();
            arns.extend(versions.into_iter().filter_map(|version| version.layer_version_arn));
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(arns);
            }
        }
    }
}

#[async_trait]
impl Kind for LambdaLayerVersion {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let runtimes = desired.texts("compatible_runtimes")?;
        let runtimes: Vec<Runtime> = runtimes.iter().map(|r| Runtime::from(r.as_str())).collect();
        let architectures = desired.texts("compatible_architectures")?;
        let architectures: Vec<Architecture> = architectures.iter().map(|a| Architecture::from(a.as_str())).collect();
        let request = self
            .0
            .lambda(&cx.region)
            .publish_layer_version()
            .layer_name(desired.text("layer_name")?)
            .set_description(desired.opt_string("description"))
            .content(content(desired)?)
            .set_compatible_runtimes((!runtimes.is_empty()).then_some(runtimes))
            .set_compatible_architectures((!architectures.is_empty()).then_some(architectures));
        let answer = call(cx, "lambda:PublishLayerVersion", || request.clone().send()).await?;
        let arn = answer.layer_version_arn.ok_or_else(|| KindError::Failed {
            operation: "lambda:PublishLayerVersion".into(),
            message: "the answer names no version".into(),
        })?;
        let outputs = outputs(&arn)?;
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(version) = self.version(cx, id).await? else {
            return Ok(None);
        };
        let (layer, _) = parts(id)?;
        let mut seen = observed(&version, recorded);
        seen.put("layer_name", layer.rsplit(':').next());
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: outputs(id)?,
        }))
    }

    async fn update(&self, _cx: &Context, id: &str, _change: &Change<'_>) -> KindResult<Outputs> {
        // Only the file's place can differ; the content is the same.
        outputs(id)
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.lambda(&cx.region);
        let (layer, version) = parts(id)?;
        let name = layer.rsplit(':').next().unwrap_or(layer);
        let answer = call(cx, "lambda:DeleteLayerVersion", || {
            client
                .delete_layer_version()
                .layer_name(name)
                .version_number(version)
                .send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    /// Versions have no tags: one of the stack's own layer name that is in every way what is wanted was left by an
    /// interrupted run. Where the content cannot be told (S3), a new version is made: numbers never collide.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let desired = &with_digest(desired)?;
        if desired.value("code_sha256").is_none() {
            return Ok(None);
        }
        for arn in self.versions(cx, desired.text("layer_name")?).await? {
            if cx.known_ids.contains(&arn) {
                continue;
            }
            let Some(observed) = self.read(cx, &arn, desired).await? else {
                continue;
            };
            let is_same = |setting: &&Setting| {
                let form = |settings: &Settings| {
                    settings
                        .value(setting.name)
                        .map(|value| self.normalise(setting.name, value))
                };
                setting.unreadable || form(&observed.settings) == form(desired)
            };
            if SPEC.settings.iter().all(|setting| is_same(&setting)) {
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks
            .required(&["layer_name"])
            .text("layer_name", 1..=64, alphanumeric_or("-_"), "letters, digits, - and _")
            .text("description", 0..=256, |_| true, "any character");
        let has = |name: &str| settings.value(name).is_some();
        if has("zip_path") == has("s3_bucket") {
            checks.wrong("zip_path", "either zip_path or s3_bucket with s3_key, and one of them");
        }
        if has("s3_bucket") != has("s3_key") {
            checks.wrong("s3_key", "belongs to s3_bucket");
        }
        for (name, most) in [("compatible_runtimes", 15), ("compatible_architectures", 2)] {
            let count = settings.value(name).and_then(Value::as_array).map_or(0, Vec::len);
            if count > most {
                checks.wrong(name, format!("{most} at most, not {count}"));
            }
        }
        checks.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_arn_tells_layer_and_version() {
        let arn = "arn:aws:lambda:us-east-1:111122223333:layer:libs-dev:7";
        assert_eq!(
            parts(arn).unwrap(),
            ("arn:aws:lambda:us-east-1:111122223333:layer:libs-dev", 7)
        );
        assert!(parts("libs-dev").is_err());
    }

    #[test]
    fn a_file_that_changed_after_the_plan_is_refused() {
        let path = std::env::temp_dir().join(format!("tap-layer-{}.zip", std::process::id()));
        std::fs::write(&path, b"zip").unwrap();
        let of = |sha: &str| {
            let settings = json!({"zip_path": path.to_str(), "code_sha256": sha});
            content(&serde_json::from_value(settings).unwrap())
        };
        let right = sha256(b"zip");
        let (same, other) = (of(&right), of("other"));
        std::fs::remove_file(&path).unwrap();
        assert!(same.is_ok());
        assert!(other.unwrap_err().to_string().contains("changed since the plan"));
    }
}
