//! `payment_processor`: validates a payment and stores it, once, with what follows
//! (REQUIREMENTS 4.5, 5.6, 6.5, 8.3; N-01, N-13 to N-17, P-04 to P-08, P-29, X-06).
//!
//! Order: guard and item, audit object, message. Success is told only when all of it is durable. A process that dies
//! in between has told nothing; the sender repeats the payment, which finds the guard and takes the missing steps.
//!
//! An API gets answers, everybody else values and thrown errors, so that a workflow's `Retry` and `Catch` see them (P-07).

mod config;
mod failover;
mod follow_up;
mod input;
mod payment;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

pub use config::{FailoverConfig, ProcessorConfig, ResponseMode};
pub use failover::Failover;
pub use follow_up::{Audit, FollowUps, audit_key, message};
pub use input::{Caller, Input, from_direct, from_request};
pub use payment::{NewPayment, StoredPayment};

use crate::auth::{AuthError, Authenticator};
use crate::domain::submission::Submission;
use crate::domain::table_schema::TableSchema;
use crate::domain::time::UtcMillis;
use crate::error::{HandlerError, PortError, Retryability};
use crate::http::{HttpError, ProxyRequest, ProxyResponse, is_proxy_event, origin};
use crate::invocation::{Handler, Invocation};
use crate::ports::{Clock, TransactionLedger};
use crate::recorder::{CONTENDED, Earlier, Recorded, Recorder};
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "payment_processor";

const DIFFERENT: &str = "Transaction already exists with different content";
const UNAUTHENTICATED: &str = "Invalid signature";

/// The handler.
pub struct PaymentProcessor {
    config: ProcessorConfig,
    authenticator: Authenticator,
    recorder: Recorder,
    follow_ups: FollowUps,
    failover: Option<Failover>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// What became of a payment.
enum Outcome {
    /// In the table, by this call or an earlier one.
    Stored {
        payment: Box<Submission>,
        earlier: Earlier,
        replayed: bool,
    },
    /// On its way to another region.
    HandedOver { id: String, received_at: UtcMillis },
}

/// Why a payment was not taken.
enum Refusal {
    /// The request's form.
    Request(HttpError),
    /// The signature.
    Unauthenticated,
    /// The payment's content.
    Invalid(String),
    /// Its id, or the idempotency key, belongs to another payment.
    Different,
    /// Our fault.
    Fault(PortError),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Refused => Self::Unauthenticated,
            AuthError::Unavailable(error) => Self::Fault(error),
        }
    }
}

impl From<PortError> for Refusal {
    fn from(error: PortError) -> Self {
        Self::Fault(error)
    }
}

impl PaymentProcessor {
    /// A processor that stores into the ledger.
    pub fn new(
        config: ProcessorConfig,
        authenticator: Authenticator,
        ledger: Arc<dyn TransactionLedger>,
        follow_ups: FollowUps,
        failover: Option<Failover>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        let recorder = Recorder::new(ledger, config.uniqueness, config.idempotency_ttl_hours);
        Self {
            config,
            authenticator,
            recorder,
            follow_ups,
            failover,
            clock,
            metrics,
        }
    }

    async fn process(&self, input: &Input, invocation: &Invocation) -> Result<Outcome, Refusal> {
        let (key, received_at) = match &input.caller {
            Caller::Http { idempotency_key } => (idempotency_key.as_deref(), None),
            Caller::Direct {
                idempotency_key,
                received_at,
            } => (idempotency_key.as_deref(), *received_at),
        };
        let received_at = received_at.unwrap_or_else(|| self.clock.now());
        let payment = self.validate(&input.fields, invocation).await?;
        let store = self.store(&payment, key, received_at, invocation);
        let stored = match (&self.failover, &input.caller) {
            // A table that does not answer must leave time for the other region, however short a life we have.
            (Some(_), Caller::Http { .. }) => {
                let stored = invocation.in_half_the_time(store).await;
                stored.unwrap_or_else(|| Err(PortError::out_of_time("dynamodb:TransactWriteItems")))
            }
            _ => store.await,
        };
        let (earlier, replayed) = match stored {
            Ok(Recorded::Stored(earlier)) => (earlier, false),
            Ok(Recorded::Replayed(earlier)) => (earlier, true),
            Ok(Recorded::Different) => return Err(Refusal::Different),
            Err(error) => return self.hand_over(&payment, received_at, &input.caller, error).await,
        };
        self.follow_up(&payment, earlier.received_at, replayed, invocation)
            .await?;
        Ok(Outcome::Stored {
            payment: Box::new(payment),
            earlier,
            replayed,
        })
    }

    /// An API's request, if its sender may send any. Others are let in by IAM.
    async fn admit(&self, event: &Value) -> Result<Input, Refusal> {
        let request = ProxyRequest::decode(event, self.config.max_body_bytes).map_err(Refusal::Request)?;
        self.authenticator.authenticate(&request).await?;
        from_request(&request).map_err(Refusal::Request)
    }

    async fn validate(&self, fields: &Map<String, Value>, invocation: &Invocation) -> Result<Submission, Refusal> {
        // A refused payment is no fault of ours, so the subsegment itself succeeds.
        let validated = async { Ok::<_, Infallible>(Submission::from_json(fields, &self.config.rules)) };
        let Ok(validated) = invocation
            .trace
            .subsegment("validate_payment", json!({}), validated)
            .await;
        validated.map_err(|error| Refusal::Invalid(error.to_string()))
    }

    async fn store(
        &self,
        submission: &Submission,
        idempotency_key: Option<&str>,
        received_at: UtcMillis,
        invocation: &Invocation,
    ) -> Result<Recorded, PortError> {
        let payment = NewPayment {
            submission,
            schema: &self.config.schema,
            status: self.config.mode.status(),
            region: &self.config.region,
        };
        let annotations = json!({"transaction_id": submission.transaction_id.as_str()});
        let record = self.recorder.record(&payment, idempotency_key, received_at);
        invocation.trace.subsegment("store_payment", annotations, record).await
    }

    async fn follow_up(
        &self,
        submission: &Submission,
        received_at: UtcMillis,
        replayed: bool,
        invocation: &Invocation,
    ) -> Result<(), PortError> {
        let payment = StoredPayment {
            submission,
            schema: &self.config.schema,
            received_at,
            region: &self.config.region,
            payload_hash: submission.content_hash(),
        };
        let annotations = json!({"transaction_id": submission.transaction_id.as_str()});
        let steps = async {
            if replayed {
                self.follow_ups.after_replay(&payment).await
            } else {
                self.follow_ups.after_storing(&payment).await
            }
        };
        invocation.trace.subsegment("follow_up", annotations, steps).await
    }

    /// Only an API's payment, and only for trouble that may be this region's: a workflow's own retries are its way,
    /// and an event that came from another region must not go round in circles. A table that is busy with this very
    /// payment is no trouble of the region's: handed over, it would be written in both (P-17).
    async fn hand_over(
        &self,
        payment: &Submission,
        received_at: UtcMillis,
        caller: &Caller,
        error: PortError,
    ) -> Result<Outcome, Refusal> {
        let transient = error.retryability == Retryability::Transient && error.code != CONTENDED;
        let (Some(failover), Caller::Http { idempotency_key }, true) = (&self.failover, caller, transient) else {
            return Err(Refusal::Fault(error));
        };
        let id = payment.transaction_id.as_str().to_owned();
        tracing::error!(transaction_id = id, %error, "payment not stored here; handing it over");
        let key = idempotency_key.as_deref();
        failover.hand_over(payment, key, received_at).await?;
        Ok(Outcome::HandedOver { id, received_at })
    }

    fn http_answer(&self, result: &Result<Outcome, Refusal>) -> ProxyResponse {
        match result {
            Ok(Outcome::Stored { earlier, replayed, .. }) => {
                let response = ProxyResponse::new(self.config.mode.http_status(), earlier.body.clone());
                if *replayed {
                    response.with_header("Idempotent-Replay", "true")
                } else {
                    response
                }
            }
            Ok(Outcome::HandedOver { id, received_at }) => {
                let body = json!({"message": "Payment accepted for processing in another region",
                    "transaction_id": id, "timestamp": received_at.to_string()});
                ProxyResponse::new(202, body.to_string())
            }
            Err(Refusal::Request(error)) => refusal(error.status, "Validation error", &error.message),
            Err(Refusal::Unauthenticated) => refusal(401, "Unauthorized", UNAUTHENTICATED),
            Err(Refusal::Invalid(message)) => refusal(400, "Validation error", message),
            Err(Refusal::Different) => refusal(409, "Conflict", DIFFERENT),
            Err(Refusal::Fault(_)) => refusal(500, "Internal server error", "Failed to process payment"),
        }
    }

    fn direct_answer(&self, result: Result<Outcome, Refusal>) -> Result<Value, HandlerError> {
        match result {
            Ok(Outcome::Stored {
                payment,
                earlier,
                replayed,
            }) => {
                let timestamp = TableSchema::timestamp_of(&payment, earlier.received_at);
                Ok(json!({
                    "message": "Payment processed successfully",
                    "transaction_id": payment.transaction_id.as_str(),
                    "timestamp": timestamp.to_string(),
                    "status": self.config.mode.status(),
                    "region": self.config.region,
                    "replayed": replayed,
                }))
            }
            // Direct callers are never handed over; the transient error is what they get.
            Ok(Outcome::HandedOver { .. }) => Err(HandlerError::ServiceUnavailable("handed over".to_owned())),
            Err(Refusal::Request(error)) => Err(HandlerError::Validation(error.message)),
            Err(Refusal::Unauthenticated) => Err(HandlerError::Validation(UNAUTHENTICATED.to_owned())),
            Err(Refusal::Invalid(message)) => Err(HandlerError::Validation(message)),
            Err(Refusal::Different) => Err(HandlerError::AlreadyExists(DIFFERENT.to_owned())),
            Err(Refusal::Fault(error)) => Err(error.into()),
        }
    }

    /// Counts and logs: id, outcome, duration; of the content only what an accepted payment's business figures are made of,
    /// the amount and its currency (6.4, `kpi_filters`), as properties of the metric line.
    fn note(&self, result: &Result<Outcome, Refusal>, start: Instant, invocation: &Invocation) {
        let (outcome, id) = match result {
            Ok(Outcome::Stored { payment, replayed, .. }) => {
                let outcome = if *replayed {
                    "PaymentDuplicate"
                } else {
                    "PaymentAccepted"
                };
                (outcome, Some(payment.transaction_id.as_str()))
            }
            Ok(Outcome::HandedOver { id, .. }) => ("PaymentFailedOver", Some(id.as_str())),
            Err(Refusal::Request(_) | Refusal::Unauthenticated | Refusal::Invalid(_)) => ("PaymentRejected", None),
            Err(Refusal::Different) => ("PaymentConflict", None),
            Err(Refusal::Fault(error)) => {
                tracing::error!(request_id = invocation.request_id, %error, "Error processing payment");
                (HANDLER_FAULT, None)
            }
        };
        let duration = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            request_id = invocation.request_id,
            transaction_id = id,
            outcome,
            duration_ms = duration,
            "payment handled"
        );
        let figures = match result {
            Ok(Outcome::Stored {
                payment,
                replayed: false,
                ..
            }) => vec![
                ("amount", payment.amount.to_json_number()),
                ("currency", payment.currency.code().into()),
            ],
            _ => Vec::new(),
        };
        self.metrics.emit_with(
            &[
                (outcome, 1, Unit::Count),
                ("PaymentDuration", duration, Unit::Milliseconds),
            ],
            &figures,
        );
    }
}

/// The seed's form of an error (4.5, 8.1 no. 27).
fn refusal(status: u16, error: &str, message: &str) -> ProxyResponse {
    ProxyResponse::new(status, json!({"error": error, "message": message}).to_string())
}

#[async_trait]
impl Handler for PaymentProcessor {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let start = Instant::now();
        let http = is_proxy_event(&event);
        let work = async {
            let input = if http {
                self.admit(&event).await?
            } else {
                from_direct(&event).map_err(|reason| Refusal::Invalid(reason.to_owned()))?
            };
            self.process(&input, invocation).await
        };
        let result = invocation.in_time(work).await;
        let result = result.unwrap_or_else(|| Err(PortError::out_of_time("payment").into()));
        self.note(&result, start, invocation);
        if http {
            let response = self.http_answer(&result);
            Ok(self.config.cors.apply(origin(&event).as_deref(), response).into_event())
        } else {
            self.direct_answer(result)
        }
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
