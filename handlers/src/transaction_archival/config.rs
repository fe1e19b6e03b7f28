//! The archival's settings.

use super::batch::ArchiveFormat;
use crate::config::{Env, InitError};
use crate::domain::status;
use crate::ports::Disposal;

/// All settings.
#[derive(Debug, Clone)]
pub struct ArchivalConfig {
    /// Transactions table (`DYNAMODB_TABLE`).
    pub table: String,
    /// Audit bucket (`S3_BUCKET`).
    pub bucket: String,
    /// Index with hash key `status` and the timestamp as range key (`ARCHIVE_INDEX`).
    pub index: String,
    /// How old a transaction must be, in hours (`ARCHIVE_MIN_AGE_HOURS`).
    pub min_age_hours: u32,
    /// Which statuses are archived (`ARCHIVE_STATUSES`).
    pub statuses: Vec<String>,
    /// Items per page, 1 to 1000 (`PAGE_LIMIT`).
    pub page_limit: u32,
    /// First part of the keys (`ARCHIVE_PREFIX`).
    pub prefix: String,
    /// Form of the objects (`ARCHIVE_FORMAT`).
    pub format: ArchiveFormat,
    /// What happens to archived items (`DELETE_AFTER_ARCHIVE`).
    pub disposal: Disposal,
    /// This function, invoked to continue: `CONTINUE_FUNCTION` (the ARN of its alias, so that the run goes on in the
    /// published version), or else `AWS_LAMBDA_FUNCTION_NAME`.
    pub own_function: String,
}

impl ArchivalConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let statuses = env.list_or("ARCHIVE_STATUSES", &[status::ANALYZED, "archivable"]);
        if statuses.is_empty() || statuses.iter().any(|s| s == status::ARCHIVED) {
            return Err(InitError::invalid(
                "ARCHIVE_STATUSES",
                "a list of statuses without \"archived\"",
            ));
        }
        let page_limit = env.parsed_or("PAGE_LIMIT", 100, "a whole number from 1 to 1000")?;
        if !(1..=1000).contains(&page_limit) {
            return Err(InitError::invalid("PAGE_LIMIT", "a whole number from 1 to 1000"));
        }
        let formats = [
            ("json_lines_gzip", ArchiveFormat::JsonLinesGzip),
            ("json", ArchiveFormat::Json),
        ];
        let disposals = [("true", Disposal::Delete), ("false", Disposal::MarkArchived)];
        Ok(Self {
            table: env.required("DYNAMODB_TABLE")?,
            bucket: env.required("S3_BUCKET")?,
            index: env.or("ARCHIVE_INDEX", "status-timestamp"),
            min_age_hours: env.parsed_or("ARCHIVE_MIN_AGE_HOURS", 24, "hours as a whole number")?,
            statuses,
            page_limit,
            prefix: env.or("ARCHIVE_PREFIX", "transactions").trim_matches('/').to_owned(),
            format: env.choice_or("ARCHIVE_FORMAT", ArchiveFormat::JsonLinesGzip, &formats)?,
            disposal: env.choice_or("DELETE_AFTER_ARCHIVE", Disposal::Delete, &disposals)?,
            own_function: match env.optional("CONTINUE_FUNCTION") {
                Some(alias) => alias.to_owned(),
                None => env.required("AWS_LAMBDA_FUNCTION_NAME")?,
            },
        })
    }

    /// The minimum age in milliseconds.
    pub fn min_age_millis(&self) -> i64 {
        i64::from(self.min_age_hours) * 3_600_000
    }
}
