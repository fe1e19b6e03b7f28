//! Calls to AWS: typed errors, eventual-consistency retries, pacing, waits.
//!
//! Throttling and 5xx are the SDK's own business (standard or adaptive retries); when a call without
//! an answer is given up, [`super::silence`] says. What is retried here is only what AWS answers
//! while something it was just told has not spread yet; the conditions stand in one table,
//! [`super::retry`].

use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use tap_engine::{Context, KindError, KindResult};
use tokio::time::Instant;

use super::retry;

/// Makes one call, repeated while [`retry::rule_for`] says that its error is only a matter of
/// time. `operation` is `<service>:<Operation>`, the IAM action's spelling.
pub async fn call<T, E, F, Fut>(cx: &Context, operation: &'static str, request: F) -> KindResult<T>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if cx.cancel.is_cancelled() {
        return Err(KindError::Cancelled {
            operation: operation.to_owned(),
        });
    }
    let started = Instant::now();
    let mut pause = Duration::from_millis(250);
    loop {
        retry::pace(operation, &cx.region).await;
        let error = match request().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error_of(operation, &error),
        };
        let Some(rule) = retry::rule_for(operation, &error) else {
            return Err(error);
        };
        if cx.cancel.is_cancelled() || started.elapsed() + pause > rule.budget {
            return Err(error);
        }
        tracing::debug!(component = %cx.key, operation, code = error.code(), "not consistent yet, trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(retry::LONGEST_PAUSE);
    }
}

/// Turns "this does not exist" into `None`.
pub fn found<T>(result: KindResult<T>, not_found_codes: &[&str]) -> KindResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_code(not_found_codes) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a poll saw.
#[derive(Debug)]
pub enum Poll<T> {
    /// The state waited for.
    Ready(T),
    /// Not yet; the text is the state seen.
    Pending(String),
}

/// Polls until ready: soon at first (0.25 s), then ever less often (5 s at most). Once started, a
/// wait goes on when the run is cancelled: what was begun is brought to its end.
pub async fn wait_until<T, F, Fut>(
    operation: &'static str,
    waited_for: &str,
    limit: Duration,
    mut poll: F,
) -> KindResult<T>
where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = KindResult<Poll<T>>> + Send,
{
    let started = Instant::now();
    let mut pause = Duration::from_millis(250);
    loop {
        let last = match poll().await? {
            Poll::Ready(value) => return Ok(value),
            Poll::Pending(state) => state,
        };
        if started.elapsed() + pause > limit {
            return Err(KindError::WaitTimeout {
                operation: operation.to_owned(),
                waited_for: waited_for.to_owned(),
                seconds: limit.as_secs(),
                last,
            });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_secs(5));
    }
}

/// What an error and those behind it say. The SDK's own `DisplayErrorContext` adds their insides.
pub(super) fn reasons(error: &(dyn std::error::Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What an error without a message says: Route 53 tells why it refuses a batch of changes in a list of its own
/// (`InvalidChangeBatch`; aws: route53/record.go).
fn body(raw: &HttpResponse) -> String {
    const LONGEST: usize = 1000;
    let text = String::from_utf8_lossy(raw.body().bytes().unwrap_or_default());
    match text.trim() {
        "" => "the service gave no message".to_owned(),
        text => text.chars().take(LONGEST).collect(),
    }
}

/// The SDK's error as the engine knows it.
fn error_of<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> KindError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let operation = operation.to_owned();
    match error {
        SdkError::ServiceError(context) => {
            let meta = context.err().meta();
            KindError::Service {
                operation,
                code: meta.code().unwrap_or("Unknown").to_owned(),
                message: meta.message().map_or_else(|| body(context.raw()), ToOwned::to_owned),
                request_id: error.request_id().map(ToOwned::to_owned),
                status: Some(context.raw().status().as_u16()),
            }
        }
        SdkError::ResponseError(context) => KindError::Service {
            operation,
            code: "UnreadableResponse".to_owned(),
            message: reasons(error),
            request_id: error.request_id().map(ToOwned::to_owned),
            status: Some(context.raw().status().as_u16()),
        },
        SdkError::ConstructionFailure(_) => KindError::Failed {
            operation,
            message: reasons(error),
        },
        _ => KindError::Transport {
            operation,
            message: reasons(error),
        },
    }
}

#[cfg(test)]
mod tests;
