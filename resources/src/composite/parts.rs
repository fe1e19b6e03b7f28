//! Typed forms of attributes that several composites have. The fields are described in their schemas.
#![allow(missing_docs, reason = "described in the schemas, next to their defaults")]

use std::collections::BTreeMap;

use serde::Deserialize;

/// What can be said of any Lambda function.
#[derive(Debug, Clone, Deserialize)]
pub struct Function {
    pub name: Option<String>,
    /// Megabytes.
    pub memory_size: i64,
    /// Seconds.
    pub timeout: i64,
    /// Negative: none are reserved.
    pub reserved_concurrent_executions: i64,
    /// Variables of the user's own.
    pub environment: Option<BTreeMap<String, String>>,
}

impl Function {
    /// Seconds for which the queue in front of the function is to hide a message, or it comes again while it is still
    /// worked on (N-12): Lambda's own recommendation, at most the twelve hours that SQS knows. `window` is the mapping's
    /// batching window in seconds.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
    pub fn advised_visibility(&self, window: i64) -> i64 {
        (6 * self.timeout + window).min(43_200)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Index {
    pub name: String,
    pub hash_key: String,
    pub hash_key_type: String,
    pub range_key: Option<String>,
    pub range_key_type: String,
    pub projection_type: String,
    pub non_key_attributes: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Lifecycle {
    pub ia_days: i64,
    pub glacier_days: i64,
    pub expiration_days: i64,
    pub noncurrent_expiration_days: i64,
    pub abort_multipart_days: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct AccessLog {
    pub enabled: bool,
    pub format_json: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Cors {
    pub allow_origins: Option<Vec<String>>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub max_age: i64,
}
