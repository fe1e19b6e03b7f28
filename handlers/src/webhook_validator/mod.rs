//! `webhook_validator`: authenticates, validates and stores a payment webhook, once
//! (REQUIREMENTS 2.6, 6.5; W-24 to W-33).
//!
//! It writes a guard record and the item in one transaction and does nothing else: the
//! table's stream carries the payment on (`outbox_publisher`), so a crash at any point
//! leaves either nothing or everything.

mod config;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Value, json};

pub use config::ValidatorConfig;

use crate::auth::{AuthError, Authenticator};
use crate::domain::id::TransactionId;
use crate::domain::item::Item;
use crate::domain::payment::Payment;
use crate::domain::time::UtcMillis;
use crate::error::{HandlerError, PortError};
use crate::http::{HttpError, ProxyRequest, ProxyResponse, idempotency_key, origin};
use crate::invocation::{Handler, Invocation};
use crate::ports::{Clock, TransactionLedger};
use crate::recorder::{Recordable, Recorded, Recorder, Uniqueness};
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "webhook_validator";

/// Why a webhook was not answered with success.
enum Rejection {
    /// The sender's fault.
    Client(HttpError),
    /// Ours.
    Fault(PortError),
}

impl From<HttpError> for Rejection {
    fn from(error: HttpError) -> Self {
        Self::Client(error)
    }
}

impl From<AuthError> for Rejection {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Refused => Self::Client(HttpError::new(401, "Invalid signature")),
            AuthError::Unavailable(error) => Self::Fault(error),
        }
    }
}

impl From<PortError> for Rejection {
    fn from(error: PortError) -> Self {
        Self::Fault(error)
    }
}

/// The handler.
pub struct WebhookValidator {
    config: ValidatorConfig,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    recorder: Recorder,
    authenticator: Authenticator,
}

impl WebhookValidator {
    /// A validator that stores into the ledger.
    pub fn new(
        config: ValidatorConfig,
        ledger: Arc<dyn TransactionLedger>,
        authenticator: Authenticator,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        let recorder = Recorder::new(ledger, Uniqueness::Transaction, config.idempotency_ttl_hours);
        Self {
            config,
            clock,
            metrics,
            recorder,
            authenticator,
        }
    }

    async fn process(&self, request: &ProxyRequest, invocation: &Invocation) -> Result<Recorded, Rejection> {
        self.authenticator.authenticate(request).await?;
        let trace = &invocation.trace;
        // A refused webhook is no fault of ours, so the subsegment itself succeeds.
        let validated = async { Ok::<_, Infallible>(validate(request)) };
        let Ok(validated) = trace.subsegment("validate_webhook", json!({}), validated).await;
        let (payment, idempotency_key) = validated?;
        let annotations = json!({"transaction_id": payment.transaction_id.as_str()});
        let record = self
            .recorder
            .record(&payment, idempotency_key.as_deref(), self.clock.now());
        Ok(trace.subsegment("store_transaction", annotations, record).await?)
    }

    /// The answer, and the metric that counts it.
    fn answer(result: Result<Recorded, Rejection>, request_id: &str) -> (ProxyResponse, &'static str) {
        match result {
            Ok(Recorded::Stored(first)) => (ProxyResponse::new(200, first.body), "WebhookAccepted"),
            Ok(Recorded::Replayed(first)) => (
                ProxyResponse::new(200, first.body).with_header("Idempotent-Replay", "true"),
                "WebhookDuplicate",
            ),
            Ok(Recorded::Different) => (
                HttpError::new(409, "Transaction already exists with different content").into(),
                "WebhookConflict",
            ),
            Err(Rejection::Client(error)) => (error.into(), "WebhookRejected"),
            Err(Rejection::Fault(error)) => {
                tracing::error!(request_id, %error, "Error processing webhook");
                (HttpError::new(500, "Internal server error").into(), HANDLER_FAULT)
            }
        }
    }
}

fn validate(request: &ProxyRequest) -> Result<(Payment, Option<String>), HttpError> {
    let payment = Payment::from_json(&request.json_object()?).map_err(|e| HttpError::new(400, e.to_string()))?;
    Ok((payment, idempotency_key(request)?))
}

impl Recordable for Payment {
    fn id(&self) -> &TransactionId {
        &self.transaction_id
    }

    fn content_hash(&self) -> String {
        Payment::content_hash(self)
    }

    fn item(&self, received_at: UtcMillis) -> Item {
        Payment::item(self, received_at)
    }

    fn response(&self, received_at: UtcMillis) -> String {
        let response = json!({
            "message": "Transaction processed successfully",
            "transaction_id": self.transaction_id.as_str(),
            "timestamp": received_at.to_string(),
        });
        response.to_string()
    }
}

#[async_trait]
impl Handler for WebhookValidator {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let start = Instant::now();
        let result = match ProxyRequest::decode(&event, self.config.max_body_bytes) {
            Ok(request) => {
                let result = invocation.in_time(self.process(&request, invocation)).await;
                result.unwrap_or_else(|| Err(PortError::out_of_time("webhook").into()))
            }
            Err(error) => Err(error.into()),
        };
        let (response, outcome) = Self::answer(result, &invocation.request_id);
        let duration = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            request_id = invocation.request_id,
            status = response.status,
            outcome,
            duration_ms = duration,
            "webhook answered"
        );
        self.metrics.emit(&[
            (outcome, 1, Unit::Count),
            ("WebhookDuration", duration, Unit::Milliseconds),
        ]);
        Ok(self.config.cors.apply(origin(&event).as_deref(), response).into_event())
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
