//! Typed forms of attributes that several composites have. The fields are described in their schemas.
#![allow(missing_docs, reason = "described in the schemas, next to their defaults")]

use serde::Deserialize;

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
