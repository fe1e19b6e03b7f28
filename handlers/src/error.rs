//! The error types that cross module borders.

use lambda_runtime::Diagnostic;
use thiserror::Error;

/// Whether trying again later can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retryability {
    /// Throttling, time-outs, 5xx: another try may succeed.
    Transient,
    /// Missing rights, missing objects, invalid requests: it will not.
    Permanent,
}

/// A failed call to something outside the process.
#[derive(Debug, Clone, Error)]
#[error("{operation} failed: {code}{detail}")]
pub struct PortError {
    /// The AWS operation, for example `dynamodb:TransactWriteItems`.
    pub operation: &'static str,
    /// AWS's error code, or `Timeout` / `Dispatch` when no answer came.
    pub code: String,
    /// AWS's own words where those cannot repeat the payload, else empty.
    pub detail: String,
    /// Whether trying again later can help.
    pub retryability: Retryability,
}

impl PortError {
    /// A permanent failure without further words.
    pub fn permanent(operation: &'static str, code: impl Into<String>) -> Self {
        Self {
            operation,
            code: code.into(),
            detail: String::new(),
            retryability: Retryability::Permanent,
        }
    }

    /// A transient failure without further words.
    pub fn transient(operation: &'static str, code: impl Into<String>) -> Self {
        Self {
            operation,
            code: code.into(),
            detail: String::new(),
            retryability: Retryability::Transient,
        }
    }
}

impl PortError {
    /// The invocation's time was over before the call was: what it has done is unknown.
    pub fn out_of_time(operation: &'static str) -> Self {
        Self::transient(operation, "OutOfTime")
    }
}

/// What a handler reports to Lambda when the invocation fails. The variant name is
/// the `errorType`, which Step Functions matches in `Retry` and `Catch` (W-47).
#[derive(Debug, Clone, Error)]
pub enum HandlerError {
    /// The input can never be processed; retrying is useless.
    #[error("{0}")]
    Validation(String),
    /// The input names a transaction that the table does not hold.
    #[error("{0}")]
    TransactionNotFound(String),
    /// The payment is known already, with different content; retrying is useless.
    #[error("{0}")]
    AlreadyExists(String),
    /// Something outside is not available for the moment; retry.
    #[error("{0}")]
    ServiceUnavailable(String),
    /// A defect or a wrong configuration.
    #[error("{0}")]
    Internal(String),
}

impl HandlerError {
    /// The `errorType` that Lambda reports.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Validation(_) => "ValidationError",
            Self::TransactionNotFound(_) => "TransactionNotFound",
            Self::AlreadyExists(_) => "TransactionAlreadyExists",
            Self::ServiceUnavailable(_) => "ServiceUnavailable",
            Self::Internal(_) => "InternalError",
        }
    }

    /// Whether this is our fault rather than the caller's (`HandlerFault`, W-32).
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::Validation(_) | Self::AlreadyExists(_))
    }
}

impl From<PortError> for HandlerError {
    fn from(error: PortError) -> Self {
        match error.retryability {
            Retryability::Transient => Self::ServiceUnavailable(error.to_string()),
            Retryability::Permanent => Self::Internal(error.to_string()),
        }
    }
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Diagnostic {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_functions_sees_distinct_names() {
        let transient: HandlerError = PortError::transient("sns:Publish", "Throttling").into();
        let permanent: HandlerError = PortError::permanent("sns:Publish", "AuthorizationError").into();
        assert_eq!(Diagnostic::from(transient).error_type, "ServiceUnavailable");
        assert_eq!(Diagnostic::from(permanent).error_type, "InternalError");
        assert_eq!(
            Diagnostic::from(HandlerError::Validation("x".into())).error_type,
            "ValidationError"
        );
    }
}
