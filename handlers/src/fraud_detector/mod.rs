//! `fraud_detector`: scores a stored transaction, writes the analysis onto the same item,
//! and alerts once when the risk is high (REQUIREMENTS 2.7, 6.5; W-11 to W-15, W-46, W-47, W-68).

mod config;
mod input;
mod scoring;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Value, json};

pub use config::{FraudConfig, ScorerConfig};
pub use input::FraudInput;
pub use scoring::{ModelScore, RiskStatus, Score, ScoringRules, rule_model};

use crate::domain::money::decimal_number;
use crate::domain::time::UtcMillis;
use crate::error::{HandlerError, PortError};
use crate::invocation::{Handler, Invocation};
use crate::ports::{Alert, AlertClaim, AlertTopic, AnalysisStore, Clock, FunctionInvoker, ItemKey, UpdateOutcome};
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "fraud_detector";

/// How long one invocation may take to alert before another may try: longer than the SNS client's
/// own time limit, shorter than the workflow's retries (2 + 4 + 8 s).
const ALERT_LEASE_MILLIS: i64 = 12_000;

/// The handler.
pub struct FraudDetector {
    config: FraudConfig,
    store: Arc<dyn AnalysisStore>,
    topic: Arc<dyn AlertTopic>,
    external: Option<Arc<dyn FunctionInvoker>>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl FraudDetector {
    /// A detector. `external` is the scorer function where one is configured.
    pub fn new(
        config: FraudConfig,
        store: Arc<dyn AnalysisStore>,
        topic: Arc<dyn AlertTopic>,
        external: Option<Arc<dyn FunctionInvoker>>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self {
            config,
            store,
            topic,
            external,
            clock,
            metrics,
        }
    }

    async fn analyze(&self, event: &Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let input = FraudInput::decode(event).map_err(|reason| HandlerError::Validation(reason.to_owned()))?;
        let key = input.key();
        let annotations = || json!({"transaction_id": key.transaction_id});
        let trace = &invocation.trace;

        let score = trace
            .subsegment("calculate_fraud_score", annotations(), self.score(&input))
            .await?;
        let now = self.clock.now();
        let analysis = analysis_json(&score, now);
        let save = self.store.save_analysis(&key, &analysis, now);
        let outcome = trace
            .subsegment("update_transaction_status", annotations(), save)
            .await?;
        match outcome {
            UpdateOutcome::Updated => {}
            UpdateOutcome::NotFound => {
                let message = format!("transaction {} is not in the table", key.transaction_id);
                return Err(HandlerError::TransactionNotFound(message));
            }
            UpdateOutcome::NotAllowed(status) => {
                // Nothing moves backwards: a later status stands, and there is nothing left to do.
                tracing::warn!(
                    transaction_id = key.transaction_id,
                    status,
                    "analysis came too late; not stored"
                );
                return Ok(result_json(&key, &analysis, Some(&status)));
            }
        }
        if score.status == RiskStatus::High {
            let alert = self.alert_once(&input, &score, &key);
            trace.subsegment("send_fraud_alert", annotations(), alert).await?;
        }
        self.metrics.count(score.status.metric());
        tracing::info!(
            transaction_id = key.transaction_id,
            fraud_status = score.status.as_str(),
            "transaction analyzed"
        );
        Ok(result_json(&key, &analysis, None))
    }

    async fn score(&self, input: &FraudInput) -> Result<Score, HandlerError> {
        let model = match &self.external {
            None => rule_model(input, &self.config.rules),
            Some(function) => {
                let payload = json!({"transaction": input.transaction, "timestamp": input.timestamp.to_string()});
                let answer = function.invoke(&payload).await?;
                ModelScore::from_json(&answer).ok_or_else(|| {
                    HandlerError::Internal(
                        "the external scorer must answer {model_score: 0..1, risk_factors: [text]}".into(),
                    )
                })?
            }
        };
        Ok(self.config.rules.combine(input, model))
    }

    /// Alerts once per transaction, whatever is retried: the right to alert is taken with a short lease, and
    /// `alerted_at` closes the matter. Who dies between the alert and `alerted_at` leaves a second alert, rather than
    /// none: SNS does not know repetitions.
    async fn alert_once(&self, input: &FraudInput, score: &Score, key: &ItemKey) -> Result<(), HandlerError> {
        let now = self.clock.now();
        match self
            .store
            .claim_alert(key, now, now.plus_millis(ALERT_LEASE_MILLIS))
            .await?
        {
            AlertClaim::AlreadyAlerted => return Ok(()),
            AlertClaim::Busy => {
                return Err(HandlerError::ServiceUnavailable(
                    "another invocation is sending the alert".to_owned(),
                ));
            }
            AlertClaim::Claimed => {}
        }
        if let Err(error) = self.topic.publish(&self.alert(input, score, now)).await {
            self.release(key, &error).await;
            return Err(error.into());
        }
        self.store.confirm_alert(key, self.clock.now()).await?;
        self.metrics.count("FraudAlertSent");
        Ok(())
    }

    async fn release(&self, key: &ItemKey, cause: &PortError) {
        tracing::error!(transaction_id = key.transaction_id, error = %cause, "alert not sent");
        if let Err(error) = self.store.release_alert(key).await {
            // The lease ends by itself.
            tracing::warn!(transaction_id = key.transaction_id, %error, "alert lease not released");
        }
    }

    fn alert(&self, input: &FraudInput, score: &Score, now: UtcMillis) -> Alert {
        let message = json!({
            "alert_type": "fraud_detection",
            "transaction_id": input.id.as_str(),
            "amount": input.amount.to_string(),
            "currency": input.currency(),
            "fraud_score": decimal_number(score.value),
            "risk_factors": score.risk_factors,
            "timestamp": now.to_string(),
            "schema_version": "1.0",
            "environment": self.config.environment,
        });
        Alert {
            subject: "High Risk Transaction Detected",
            message: format!("{message:#}"),
            attributes: vec![("alert_type", "fraud_detection"), ("severity", "high")],
        }
    }
}

fn analysis_json(score: &Score, now: UtcMillis) -> Value {
    json!({
        "fraud_score": decimal_number(score.value),
        "fraud_status": score.status.as_str(),
        "risk_factors": score.risk_factors,
        "analyzed_at": now.to_string(),
    })
}

fn result_json(key: &ItemKey, analysis: &Value, not_updated_because_status: Option<&str>) -> Value {
    let mut result = json!({"statusCode": 200, "transaction_id": key.transaction_id, "fraud_analysis": analysis});
    if let Some(status) = not_updated_because_status {
        result["skipped_status"] = status.into();
    }
    result
}

#[async_trait]
impl Handler for FraudDetector {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let start = Instant::now();
        let result = invocation.in_time(self.analyze(&event, invocation)).await;
        // Not to be retried, as a function that Lambda stops is not: four such lives take longer than the workflow may,
        // and a workflow whose time is over leaves nothing in the dead-letter queue (W-48).
        let result = result.unwrap_or_else(|| Err(HandlerError::Internal("no time left for the analysis".to_owned())));
        if let Err(error) = &result {
            tracing::error!(request_id = invocation.request_id, error_type = error.error_type(), %error, "Error in fraud detection");
            self.metrics.count(if error.is_fault() {
                HANDLER_FAULT
            } else {
                "FraudInputRejected"
            });
        }
        let duration = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.metrics
            .emit(&[("FraudAnalysisDuration", duration, Unit::Milliseconds)]);
        result
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
