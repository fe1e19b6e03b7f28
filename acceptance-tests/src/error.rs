//! What can go wrong in the harness; every message says what to look at.

use std::path::PathBuf;

/// The harness's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a harness step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that `make setup` or `make build` puts in place is not there.
    #[error("{what} is not at {}. Run `{remedy}` first.", path.display())]
    NotBuilt {
        /// What is missing.
        what: &'static str,
        /// Where it was expected.
        path: PathBuf,
        /// The command that makes it.
        remedy: &'static str,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A program could not be started or waited for.
    #[error("cannot run {program}: {source}")]
    Program {
        /// The program.
        program: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The sandbox ended or did not become ready.
    #[error("the sandbox did not start: {reason}\n--- {} ---\n{log}", log_file.display())]
    SandboxStart {
        /// What was seen.
        reason: String,
        /// Its log file.
        log_file: PathBuf,
        /// The end of that file.
        log: String,
    },
    /// Terraform ended with an error.
    #[error("`{command}` failed with {status}:\n{output}")]
    Terraform {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// All it wrote.
        output: String,
    },
    /// A plan holds changes where none were expected.
    #[error("the plan is not empty:\n{0}")]
    PlanNotEmpty(String),
    /// An answer was not the JSON it should be.
    #[error("{what} is not the JSON expected: {source}\n{text}")]
    Json {
        /// Which text.
        what: &'static str,
        /// The parse error.
        source: serde_json::Error,
        /// The text.
        text: String,
    },
    /// An AWS call failed.
    #[error("{operation}: {message}")]
    Aws {
        /// Service and operation.
        operation: &'static str,
        /// The SDK's error with its causes.
        message: String,
    },
    /// An HTTP call to a deployed API failed before it had an answer.
    #[error("{method} {url}: {message}")]
    Http {
        /// The method.
        method: String,
        /// The address.
        url: String,
        /// The cause.
        message: String,
    },
    /// A condition did not come true in time.
    #[error("not seen within {seconds:.1} s: {what}{}", last.as_deref().map(|l| format!("; last: {l}")).unwrap_or_default())]
    NotSeen {
        /// The condition.
        what: String,
        /// How long it was awaited.
        seconds: f64,
        /// The last failure of the probe, when it failed.
        last: Option<String>,
    },
    /// An expectation did not hold.
    #[error("{0}")]
    Expectation(String),
}

impl Error {
    /// Wraps an AWS SDK error with all its causes: the SDK's own `Display` says only "service error".
    pub fn aws<E: std::error::Error>(operation: &'static str, error: &E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            cause = inner.source();
        }
        Self::Aws { operation, message }
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn program(program: &str) -> impl FnOnce(std::io::Error) -> Self {
        let program = program.to_owned();
        move |source| Self::Program { program, source }
    }
}
