//! What a handler knows about the invocation it serves.

use std::future::Future;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::Value;

use crate::error::HandlerError;
use crate::telemetry::xray::Trace;

/// Kept back from the time that is left, to answer in; of a shorter time a tenth.
const ANSWER_RESERVE: Duration = Duration::from_secs(1);

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

    /// Does the work as long as there is time to answer; `None` when it was over before the work was done. A function
    /// that Lambda stops says nothing: a batch comes back as a whole, and no metric tells of the fault.
    pub async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let left = self.remaining();
        let limit = left.saturating_sub(ANSWER_RESERVE.min(left / 10));
        tokio::time::timeout(limit, work).await.ok()
    }

    /// The same with half of the time that is left, for work that has a second way when the first one does not end.
    pub async fn in_half_the_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(self.remaining() / 2, work).await.ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_ends_before_lambda_ends_it() {
        let invocation = Invocation {
            deadline: SystemTime::now() + Duration::from_secs(2),
            ..Invocation::for_test()
        };
        assert_eq!(invocation.in_time(async { 5 }).await, Some(5));
        assert_eq!(invocation.in_time(std::future::pending::<()>()).await, None);
        assert!(invocation.remaining() > Duration::ZERO, "there is time to answer");
    }
}
