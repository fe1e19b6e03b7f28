//! What a [`crate::Kind`] can answer instead of success.

use thiserror::Error;

/// Result of a kind's operation.
pub type KindResult<T> = Result<T, KindError>;

/// Failure of one operation on one component. The engine adds the component's key.
#[derive(Debug, Error)]
pub enum KindError {
    /// The service answered with an error.
    #[error("{operation}: {code}: {message}{}", request_id_suffix(.request_id.as_deref()))]
    Service {
        /// `<service>:<Operation>`, e.g. `lambda:CreateFunction`.
        operation: String,
        /// The AWS error code, e.g. `ResourceConflictException`.
        code: String,
        /// The service's message.
        message: String,
        /// The AWS request id, for support cases.
        request_id: Option<String>,
        /// HTTP status, where there was a response.
        status: Option<u16>,
    },
    /// No answer: DNS, connection, TLS, time-out. The effect may or may not have taken place.
    #[error("{operation}: no answer from the service: {message}")]
    Transport {
        /// `<service>:<Operation>`.
        operation: String,
        /// What went wrong on the way.
        message: String,
    },
    /// A wait ended without the state it waited for.
    #[error("{operation}: {waited_for} not reached after {seconds} s (last state: {last})")]
    WaitTimeout {
        /// `<service>:<Operation>` that was polled.
        operation: String,
        /// The state waited for.
        waited_for: String,
        /// How long it was waited, in seconds.
        seconds: u64,
        /// The last state seen.
        last: String,
    },
    /// The service reports that the object went into a failed state.
    #[error("{operation}: {message}")]
    Failed {
        /// `<service>:<Operation>`.
        operation: String,
        /// The service's reason.
        message: String,
    },
    /// A setting has a value that the kind cannot turn into a request.
    #[error("setting {setting}: {message}")]
    InvalidSetting {
        /// Name of the setting.
        setting: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The object exists but belongs to nobody or to another stack.
    #[error("{operation}: {message}")]
    NotOwned {
        /// `<service>:<Operation>`.
        operation: String,
        /// What was found and how to go on.
        message: String,
    },
    /// The run was cancelled (Ctrl-C or the operation's timeout) before the call was made.
    #[error("{operation}: not started, the run was cancelled")]
    Cancelled {
        /// `<service>:<Operation>`.
        operation: String,
    },
}

fn request_id_suffix(id: Option<&str>) -> String {
    id.map(|id| format!(" (request id {id})")).unwrap_or_default()
}

impl KindError {
    /// An [`KindError::InvalidSetting`].
    pub fn invalid(setting: &str, message: impl Into<String>) -> Self {
        Self::InvalidSetting {
            setting: setting.to_owned(),
            message: message.into(),
        }
    }

    /// True when the call may have taken effect although it failed: no answer came, or the service
    /// broke while it worked on it.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Service { status, .. } => status.is_some_and(|status| status >= 500),
            _ => false,
        }
    }

    /// True when the service did not do its work, whatever was asked of it: no answer came, or it
    /// answered that it is broken. Of a whole region: the region is down.
    pub fn is_unreachable(&self) -> bool {
        self.is_uncertain()
    }

    /// True when the call was not made because the run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }

    /// The AWS error code, where a service answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }

    /// True when the service answered with one of these codes.
    pub fn is_code(&self, codes: &[&str]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }

    /// True when the service's message holds this phrase.
    pub fn says(&self, phrase: &str) -> bool {
        matches!(self, Self::Service { message, .. } if message.contains(phrase))
    }
}
