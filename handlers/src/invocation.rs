//! What a handler knows about the invocation it serves.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::Value;

use crate::error::HandlerError;
use crate::telemetry::xray::Trace;

/// One invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's request id.
    pub request_id: String,
    /// When Lambda will stop the function.
    pub deadline: SystemTime,
    /// The X-Ray trace that the invocation belongs to; silent when there is none.
    pub trace: Trace,
}

impl Invocation {
    /// Time left before Lambda stops the function; zero when it is over.
    pub fn remaining(&self) -> Duration {
        self.deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// An invocation for tests: five minutes, no trace.
    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        Self {
            request_id: "test-request".to_owned(),
            deadline: SystemTime::now() + Duration::from_mins(5),
            trace: Trace::disabled(),
        }
    }
}

/// A Lambda handler: JSON in, JSON out.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Serves one invocation.
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError>;
}
