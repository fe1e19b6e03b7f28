//! Regions that do not answer: when a call to one is given up, and what follows for the calls after it (issue 5).
//!
//! The SDK repeats a call that gets no answer as often as one that is throttled; with 25 attempts that takes minutes. It
//! is right for a living service and wrong for a region that is down, of which a stack asks dozens of questions.
//! hashicorp/aws cuts such retries short for the same reason (aws-sdk-go-base, `networkErrorShortcutter`: "no such host"
//! and "connection refused" end at the ninth attempt). Here time decides, not a number: many calls are refused within
//! one hiccup, and an attempt that times out takes longer than one that is refused. And what one call has found out is
//! remembered for the others: they try once, so the region is known to be back as soon as it is.
//!
//! A service that answers, if only with a throttle, keeps the SDK's whole budget, and so does a 5xx of a region where
//! anything else works.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_sts::config::retry::{ClientRateLimiter, RetryPartition, TokenBucket};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry::RetryConfig;
use tokio::time::Instant;

/// How long a call is repeated without any answer from a region that has not been heard of in this run.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same where it has answered before: rather a hiccup of the line, or a service that restarts.
const PATIENCE_WHERE_HEARD: Duration = Duration::from_secs(45);
/// How long a region may answer nothing but 5xx, whatever it is asked.
const PATIENCE_WITH_ERRORS: Duration = Duration::from_mins(1);
/// No call is given up after fewer attempts, however long each of them took.
const LEAST_ATTEMPTS: u32 = 3;
/// The pauses are the patience's fifth at most: shorter than the SDK's, so that giving up is not slept over.
const PAUSES: u32 = 5;

/// Services with one endpoint for all regions. A region that is down says nothing of them, nor they of it.
const GLOBAL_SERVICES: [&str; 2] = ["iam", "route53"];
/// The name that AWS gives to their place.
const GLOBAL: &str = "aws-global";

/// What is known of all regions.
#[derive(Debug, Default)]
pub(super) struct Regions(Mutex<BTreeMap<String, Arc<Region>>>);

impl Regions {
    /// What watches the calls of a client.
    pub(super) fn watch(&self, service: &'static str, region: &str) -> Watch {
        let place = if GLOBAL_SERVICES.contains(&service) {
            GLOBAL
        } else {
            region
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let region = all.entry(place.to_owned()).or_insert_with(|| {
            let name = place.to_owned();
            let known = Mutex::default();
            Arc::new(Region { name, known })
        });
        let region = region.clone();
        Watch { service, region }
    }
}

/// What is known of one region.
#[derive(Debug)]
struct Region {
    name: String,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Something there has done its work in this run.
    heard: bool,
    /// Services that were given up, and have not answered since.
    given_up: BTreeSet<&'static str>,
}

impl Known {
    /// Not worth more than one attempt: the service was given up, or another one was and nothing there has ever answered.
    fn is_hopeless(&self, service: &str) -> bool {
        self.given_up.contains(service) || (!self.heard && !self.given_up.is_empty())
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// The service did its work, or said why not.
    Proper,
    /// The service is broken: the statuses that the SDK takes for transient.
    Broken,
    /// None: no name, no connection, no bytes, or none in time.
    Silence,
    /// Nothing was sent.
    Unsent,
}

impl Answer {
    fn of(context: &FinalizerInterceptorContextRef<'_>) -> Self {
        if let Some(Err(error)) = context.output_or_error() {
            // A `user` error of the connector is a request that cannot be sent.
            let of_the_line = error.as_connector_error().is_some_and(|error| !error.is_user());
            if of_the_line || error.is_timeout_error() {
                return Self::Silence;
            }
        }
        match context.response().map(|response| response.status().as_u16()) {
            Some(500 | 502 | 503 | 504) => Self::Broken,
            Some(_) => Self::Proper,
            None => Self::Unsent,
        }
    }
}

/// How the call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// As the SDK does it.
    Usual,
    /// With pauses no longer than this.
    Patient(Duration),
    /// Not at all.
    GiveUp,
}

impl Region {
    /// Takes note of an answer to `service`'s call, which has made `attempts` in vain for `waited`.
    fn judge(&self, service: &'static str, answer: Answer, attempts: u32, waited: Duration) -> Verdict {
        let mut known = self.known();
        let patience = match answer {
            Answer::Proper => {
                known.heard = true;
                known.given_up.remove(service);
                return Verdict::Usual;
            }
            Answer::Unsent => return Verdict::Usual,
            Answer::Broken if known.heard => return Verdict::Usual,
            Answer::Broken => PATIENCE_WITH_ERRORS,
            Answer::Silence if known.heard => PATIENCE_WHERE_HEARD,
            Answer::Silence => PATIENCE,
        };
        if known.is_hopeless(service) {
            return Verdict::GiveUp;
        }
        if attempts < LEAST_ATTEMPTS || waited < patience {
            return Verdict::Patient(patience / PAUSES);
        }
        known.given_up.insert(service);
        tracing::warn!(region = self.name, service, attempts, ?waited, ?answer, "given up");
        Verdict::GiveUp
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the attempts of a client's calls and tells the SDK how to go on.
#[derive(Debug)]
pub(super) struct Watch {
    service: &'static str,
    region: Arc<Region>,
}

/// What is remembered of a call between its attempts.
#[derive(Debug, Clone)]
struct Trial {
    /// When the first attempt in vain began.
    since: Instant,
    /// Attempts in vain.
    attempts: u32,
    /// The call's own retries.
    usual: RetryConfig,
}

impl Storable for Trial {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "regions that do not answer"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let usual = match cfg.load::<Trial>() {
            Some(trial) if trial.attempts > 0 => return Ok(()),
            Some(trial) => Some(trial.usual.clone()),
            None => cfg.load::<RetryConfig>().cloned(),
        };
        if let Some(usual) = usual {
            cfg.interceptor_state().store_put(Trial {
                since: Instant::now(),
                attempts: 0,
                usual,
            });
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(mut trial) = cfg.load::<Trial>().cloned() else {
            return Ok(());
        };
        let attempts = trial.attempts + 1;
        let verdict = self
            .region
            .judge(self.service, Answer::of(context), attempts, trial.since.elapsed());
        // The retry strategy reads its settings after each attempt, these last ones first.
        let (attempts, retries) = match verdict {
            Verdict::Usual => (0, trial.usual.clone()),
            Verdict::Patient(pause) => {
                let pause = pause.min(trial.usual.max_backoff());
                (attempts, trial.usual.clone().with_max_backoff(pause))
            }
            Verdict::GiveUp => (attempts, trial.usual.clone().with_max_attempts(1)),
        };
        trial.attempts = attempts;
        cfg.interceptor_state().store_put(retries).store_put(trial);
        Ok(())
    }
}

/// Retries that are limited by the number of attempts alone. The SDK's own quota (500 tokens, ten for a retry after a
/// 5xx) is used up by two calls of 25 attempts, and every other call to that service would then have one attempt;
/// hashicorp/aws does not limit them either (`token_bucket_rate_limiter_capacity`).
pub(super) fn retries_without_quota(service: &'static str) -> RetryPartition {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    RetryPartition::custom(service)
        .token_bucket(TokenBucket::unlimited())
        .client_rate_limiter(ClientRateLimiter::new(now.as_secs_f64()))
        .build()
}

#[cfg(test)]
mod tests;
