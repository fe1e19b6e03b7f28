//! The stack record, kept as an SSM parameter `/tap/<stack kind>/<suffix>`.
//!
//! SSM has no compare-and-swap, only "create if absent" and version numbers that grow by one with
//! every write: see [`RecordStore::replace`].

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use tap_engine::record::{RecordStore, StackRecord, Stored};
use tap_engine::{Context, KindError, KindResult};
use tokio_util::sync::CancellationToken;

use super::{Aws, call, found, ssm_parameter, tags};

/// Records of the stacks of one region.
pub struct SsmRecords {
    aws: Arc<Aws>,
    region: String,
}

/// IAM actions that keeping records needs.
pub const IAM_ACTIONS: &[&str] = &[
    "ssm:AddTagsToResource",
    "ssm:DeleteParameter",
    "ssm:GetParameter",
    "ssm:PutParameter",
];

impl SsmRecords {
    /// Records kept in `region`.
    pub fn new(aws: Arc<Aws>, region: impl Into<String>) -> Self {
        Self {
            aws,
            region: region.into(),
        }
    }

    /// Name of the parameter that holds a stack's record.
    pub fn parameter_name(stack: &str) -> String {
        format!("/tap/{stack}")
    }

    /// ARN of that parameter.
    pub fn parameter_arn(&self, stack: &str) -> String {
        ssm_parameter::arn_of(&self.aws, &self.region, &Self::parameter_name(stack))
    }

    /// A record must still be given back when the run is cancelled: its calls know no cancellation.
    fn context(&self, stack: &str) -> Context {
        Context {
            key: "stack_record".into(),
            region: self.region.clone(),
            stack: stack.to_owned(),
            cancel: CancellationToken::new(),
            force_destroy: false,
            known_ids: Vec::new(),
            leaving: Vec::new(),
            journal: Arc::default(),
        }
    }

    async fn put(&self, stack: &str, text: &str, overwrite: bool) -> KindResult<u64> {
        let cx = self.context(stack);
        let client = self.aws.ssm(&self.region);
        let name = Self::parameter_name(stack);
        let tags = if overwrite {
            None
        } else {
            let tags = tags::Tags::from([(tags::STACK_TAG.to_owned(), stack.to_owned())]);
            Some(ssm_parameter::tag_list(tags)?)
        };
        let answer = call(&cx, "ssm:PutParameter", || {
            client
                .put_parameter()
                .name(&name)
                .description("Record of a stack of terraform-provider-tap: leave it to the provider")
                .r#type(ParameterType::String)
                // Free until an intent needs more than 4 KiB.
                .tier(ParameterTier::IntelligentTiering)
                .value(text)
                .overwrite(overwrite)
                .set_tags(tags.clone())
                .send()
        })
        .await?;
        Ok(version(answer.version))
    }

    /// The text and version of a record; `selector` is empty or `:<version>`.
    async fn text(&self, stack: &str, selector: &str) -> KindResult<Option<(String, u64)>> {
        let cx = self.context(stack);
        let client = self.aws.ssm(&self.region);
        let name = format!("{}{selector}", Self::parameter_name(stack));
        let answer = call(&cx, "ssm:GetParameter", || client.get_parameter().name(&name).send()).await;
        let parameter = found(answer, &["ParameterNotFound", "ParameterVersionNotFound"])?.and_then(|a| a.parameter);
        Ok(parameter.and_then(|p| Some((p.value?, version(p.version)))))
    }
}

/// SSM counts from 1; a negative version does not occur.
fn version(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn written(stack: &str, record: &StackRecord) -> KindResult<String> {
    serde_json::to_string(record).map_err(|error| unreadable("ssm:PutParameter", stack, &error))
}

fn unreadable(operation: &str, stack: &str, error: &serde_json::Error) -> KindError {
    KindError::Failed {
        operation: operation.to_owned(),
        message: format!(
            "parameter {} does not hold a stack record: {error}",
            SsmRecords::parameter_name(stack)
        ),
    }
}

#[async_trait]
impl RecordStore for SsmRecords {
    async fn create_if_absent(&self, stack: &str, record: &StackRecord) -> KindResult<Option<u64>> {
        let answer = self.put(stack, &written(stack, record)?, false).await;
        found(answer, &["ParameterAlreadyExists"])
    }

    async fn read(&self, stack: &str) -> KindResult<Option<Stored>> {
        let Some((text, version)) = self.text(stack, "").await? else {
            return Ok(None);
        };
        let record = serde_json::from_str(&text).map_err(|e| unreadable("ssm:GetParameter", stack, &e))?;
        Ok(Some(Stored { record, version }))
    }

    async fn replace(&self, stack: &str, record: &StackRecord, expected: u64) -> KindResult<Option<u64>> {
        if self
            .text(stack, "")
            .await?
            .is_none_or(|(_, version)| version != expected)
        {
            return Ok(None);
        }
        let version = self.put(stack, &written(stack, record)?, true).await?;
        if version == expected + 1 {
            return Ok(Some(version));
        }
        // Somebody wrote between our look and our write: theirs was first, so theirs stands. After
        // a delete, the count begins anew, and our write was a creation that nobody asked for.
        if version == 1 {
            self.delete(stack).await?;
        } else if let Some((theirs, _)) = self.text(stack, &format!(":{}", version - 1)).await? {
            self.put(stack, &theirs, true).await?;
        }
        Ok(None)
    }

    async fn delete(&self, stack: &str) -> KindResult<()> {
        let cx = self.context(stack);
        let client = self.aws.ssm(&self.region);
        let name = Self::parameter_name(stack);
        let answer = call(&cx, "ssm:DeleteParameter", || {
            client.delete_parameter().name(&name).send()
        })
        .await;
        found(answer, &["ParameterNotFound"]).map(|_| ())
    }
}
