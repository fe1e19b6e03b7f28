//! A bucket whose objects are never overwritten (W-17).

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;

use super::error::{code_of, port_error};
use crate::error::PortError;
use crate::ports::{NewObject, ObjectStore, PutOutcome};

/// Whether a written object is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// S3 checks the SHA-256 that we send; that is all.
    Checksum,
    /// Besides, the object's size is read back, because something will be deleted on its account.
    ReadBack,
}

/// A bucket. Objects get the bucket's default encryption.
///
/// IAM: `s3:PutObject`, with read-back also `s3:GetObject`; the key's `kms:GenerateDataKey` and,
/// with read-back, `kms:Decrypt`.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    client: Client,
    bucket: String,
    verification: Verification,
}

impl S3Bucket {
    /// A bucket.
    pub fn new(config: &SdkConfig, bucket: String, verification: Verification) -> Self {
        // A custom endpoint (proxy, VPC endpoint, sandbox) has no DNS name per bucket.
        let path_style = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        let config = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(path_style)
            .build();
        Self {
            client: Client::from_conf(config),
            bucket,
            verification,
        }
    }

    async fn read_back(&self, object: &NewObject) -> Result<(), PortError> {
        const HEAD: &str = "s3:HeadObject";
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(&object.key)
            .send()
            .await;
        let length = head
            .map_err(|e| port_error(HEAD, &e))?
            .content_length()
            .unwrap_or_default();
        if u64::try_from(length) == Ok(object.body.len() as u64) {
            Ok(())
        } else {
            Err(PortError::permanent(HEAD, "the stored object has another size"))
        }
    }
}

#[async_trait]
impl ObjectStore for S3Bucket {
    async fn put_new(&self, object: &NewObject) -> Result<PutOutcome, PortError> {
        let result = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&object.key)
            .body(ByteStream::from(object.body.clone()))
            .content_type(object.content_type)
            .set_content_encoding(object.content_encoding.map(str::to_owned))
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .if_none_match("*")
            .send()
            .await;
        match result {
            Ok(_) if self.verification == Verification::ReadBack => {
                self.read_back(object).await.map(|()| PutOutcome::Created)
            }
            Ok(_) => Ok(PutOutcome::Created),
            Err(error) if code_of(&error) == Some("PreconditionFailed") => Ok(PutOutcome::AlreadyExists),
            Err(error) => Err(port_error("s3:PutObject", &error)),
        }
    }
}
