//! AWS errors as port errors.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::error::{PortError, Retryability};

/// What the codes of all throttles have in common, whichever service says it: `ThrottlingException`, `RequestThrottled`,
/// `KmsThrottled` (SQS with a customer key), `KMSThrottling` (SNS with one), ...
const THROTTLE: &str = "Throttl";

/// Codes that another try may get past, whatever the HTTP status; besides throttles. The SDK tries these again by itself,
/// too, but only a few times.
const TRANSIENT_CODES: [&str; 17] = [
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "LimitExceededException",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
    "TransactionInProgressException",
    "ConditionalRequestConflict",
    "OperationAborted",
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
];

/// Codes whose message may repeat parts of the request, and so of the payload.
const TALKATIVE_CODES: [&str; 10] = [
    "ValidationException",
    "SerializationException",
    "ValidationError",
    "TransactionCanceledException",
    "InvalidExecutionInput",
    "InvalidMessageContents",
    "InvalidParameter",
    "InvalidParameterException",
    "InvalidParameterValueException",
    "InvalidRequestContentException",
];

const MAX_DETAIL_CHARS: usize = 300;

/// Turns a failed call into a port error. The operation is named the way IAM does.
pub fn port_error<E: ProvideErrorMetadata>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> PortError {
    let (code, detail, retryability) = match error {
        SdkError::TimeoutError(_) => ("Timeout".to_owned(), String::new(), Retryability::Transient),
        SdkError::DispatchFailure(_) => ("Dispatch".to_owned(), String::new(), Retryability::Transient),
        SdkError::ResponseError(_) => ("Response".to_owned(), String::new(), Retryability::Transient),
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            let code = context.err().code().unwrap_or("Unknown").to_owned();
            let retryability = classify(&code, status);
            let message = context.err().message().unwrap_or_default();
            let detail = detail(&code, message);
            (code, detail, retryability)
        }
        _ => ("Construction".to_owned(), String::new(), Retryability::Permanent),
    };
    PortError {
        operation,
        code,
        detail,
        retryability,
    }
}

fn classify(code: &str, status: u16) -> Retryability {
    let transient = status >= 500 || status == 429 || code.contains(THROTTLE) || TRANSIENT_CODES.contains(&code);
    if transient {
        Retryability::Transient
    } else {
        Retryability::Permanent
    }
}

fn detail(code: &str, message: &str) -> String {
    if message.is_empty() || TALKATIVE_CODES.contains(&code) {
        return String::new();
    }
    format!(": {}", message.chars().take(MAX_DETAIL_CHARS).collect::<String>())
}

/// The error code, if the service answered with one.
pub fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    match error {
        SdkError::ServiceError(context) => context.err().code(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_and_5xx_are_transient() {
        assert_eq!(classify("ThrottlingException", 400), Retryability::Transient);
        assert_eq!(classify("Anything", 503), Retryability::Transient);
        assert_eq!(classify("AccessDeniedException", 400), Retryability::Permanent);
    }

    /// A customer key that is asked too often throttles the services that use it, in their own words; the workflow
    /// retries what is transient only (W-47).
    #[test]
    fn w_47_throttled_keys_and_slow_bodies_are_transient() {
        for code in [
            "KmsThrottled",
            "KMS.ThrottlingException",
            "KMSThrottling",
            "KMSThrottlingException",
            "RequestThrottledException",
            "RequestTimeout",
            "RequestTimeoutException",
            "PriorRequestNotComplete",
            "BandwidthLimitExceeded",
        ] {
            assert_eq!(classify(code, 400), Retryability::Transient, "{code}");
        }
        for code in [
            "KmsAccessDenied",
            "KmsDisabled",
            "InvalidParameter",
            "ValidationException",
        ] {
            assert_eq!(classify(code, 400), Retryability::Permanent, "{code}");
        }
    }

    #[test]
    fn messages_that_may_hold_payload_are_left_out() {
        assert_eq!(detail("ValidationException", "value 4111-1111"), "");
        assert_eq!(detail("ResourceNotFoundException", "no table"), ": no table");
        assert_eq!(detail("X", &"y".repeat(1000)).len(), MAX_DETAIL_CHARS + 2);
    }
}
