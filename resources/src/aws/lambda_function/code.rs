//! Where a function's code comes from: the `code` setting.

use aws_sdk_lambda::operation::update_function_code::builders::UpdateFunctionCodeFluentBuilder;
use aws_sdk_lambda::types::FunctionCode;
use aws_smithy_types::Blob;
use base64::Engine as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tap_engine::{KindError, KindResult, Settings};

use crate::aws::connect::upload_timeout;
use crate::aws::fields::Fields;
use crate::bundle;

/// The setting as it is written: one of its forms.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CodeSetting {
    /// Architecture of the bundled handlers.
    pub(super) bundle: Option<String>,
    /// A zip file on this machine.
    pub(super) zip_path: Option<String>,
    /// Any text that changes with the file; only there to show the change in a plan.
    #[serde(rename = "source_hash")]
    pub(super) _source_hash: Option<String>,
    /// A zip in S3.
    pub(super) s3_bucket: Option<String>,
    /// Its key.
    pub(super) s3_key: Option<String>,
    /// Its version, for buckets with versioning.
    pub(super) s3_object_version: Option<String>,
    /// A container image in ECR.
    pub(super) image_uri: Option<String>,
}

/// Code ready to be sent.
pub(super) enum Code {
    Zip(Blob),
    S3 {
        bucket: String,
        key: String,
        version: Option<String>,
    },
    Image(String),
}

/// Reads the setting and what it points to. A zip that is not the one planned is an error.
pub(super) fn of(settings: &Settings) -> KindResult<Code> {
    let setting: CodeSetting = settings
        .parse("code")?
        .ok_or_else(|| KindError::invalid("code", "is required"))?;
    let planned = settings.opt_text("code_sha256");
    if let Some(architecture) = &setting.bundle {
        let artifact = bundle::zip(architecture).map_err(|e| KindError::invalid("code", e.to_string()))?;
        return as_planned(artifact.zip.to_vec(), planned);
    }
    if let Some(path) = &setting.zip_path {
        let zip = std::fs::read(path).map_err(|e| KindError::invalid("code", format!("zip_path {path}: {e}")))?;
        return as_planned(zip, planned);
    }
    if let Some(uri) = setting.image_uri {
        return Ok(Code::Image(uri));
    }
    match (setting.s3_bucket, setting.s3_key) {
        (Some(bucket), Some(key)) => Ok(Code::S3 {
            bucket,
            key,
            version: setting.s3_object_version,
        }),
        _ => Err(KindError::invalid(
            "code",
            "needs one of bundle, zip_path, image_uri, or s3_bucket with s3_key",
        )),
    }
}

/// Base64 of the SHA-256, as Lambda's `CodeSha256`.
fn sha256(zip: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(zip))
}

fn as_planned(zip: Vec<u8>, planned: Option<&str>) -> KindResult<Code> {
    let actual = sha256(&zip);
    if planned.is_some_and(|planned| planned != actual) {
        return Err(KindError::invalid(
            "code_sha256",
            format!("the code has changed since the plan: it is {actual} now; plan again"),
        ));
    }
    Ok(Code::Zip(Blob::new(zip)))
}

impl Code {
    /// The time that sending it may take: a zip goes along with the call, in base64.
    pub(super) fn timeout(&self) -> aws_sdk_lambda::config::Builder {
        let bytes = match self {
            Self::Zip(zip) => zip.as_ref().len().div_ceil(3) * 4,
            Self::S3 { .. } | Self::Image(_) => 0,
        };
        aws_sdk_lambda::Config::builder().timeout_config(upload_timeout(bytes))
    }

    /// For `CreateFunction`.
    pub(super) fn on_create(self) -> FunctionCode {
        let code = FunctionCode::builder();
        match self {
            Self::Zip(zip) => code.zip_file(zip),
            Self::S3 { bucket, key, version } => code.s3_bucket(bucket).s3_key(key).set_s3_object_version(version),
            Self::Image(uri) => code.image_uri(uri),
        }
        .build()
    }

    /// For `UpdateFunctionCode`.
    pub(super) fn on_update(self, request: UpdateFunctionCodeFluentBuilder) -> UpdateFunctionCodeFluentBuilder {
        match self {
            Self::Zip(zip) => request.zip_file(zip),
            Self::S3 { bucket, key, version } => request.s3_bucket(bucket).s3_key(key).set_s3_object_version(version),
            Self::Image(uri) => request.image_uri(uri),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(code: serde_json::Value, sha: &str) -> Settings {
        Settings::from([("code".to_owned(), code), ("code_sha256".to_owned(), json!(sha))])
    }

    #[test]
    fn a_file_that_changed_after_the_plan_is_refused() {
        let path = std::env::temp_dir().join(format!("tap-code-{}.zip", std::process::id()));
        std::fs::write(&path, b"zip").unwrap();
        let code = json!({"zip_path": path.to_str().unwrap(), "source_hash": "x"});
        assert!(matches!(of(&settings(code.clone(), &sha256(b"zip"))), Ok(Code::Zip(_))));
        let error = of(&settings(code, "other")).err().unwrap().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains("changed since the plan"), "{error}");
    }

    #[test]
    fn a_source_that_does_not_exist_is_named() {
        let error = of(&settings(json!({"zip_path": "/no/such.zip"}), "")).err().unwrap();
        assert!(error.to_string().contains("/no/such.zip"), "{error}");
        let error = of(&settings(json!({"s3_bucket": "b"}), "")).err().unwrap();
        assert!(error.to_string().contains("s3_key"), "{error}");
        assert!(of(&settings(json!({"zip": "b"}), "")).is_err());
    }
}
