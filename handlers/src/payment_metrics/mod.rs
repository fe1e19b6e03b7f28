//! `payment_metrics`: checks a payment and makes metrics and a trace of it (REQUIREMENTS 1.4, 6.5; O-35 to O-49).
//!
//! The payment's record is a line in the function's own log group; there is no other store in this stack. Metrics
//! are best effort: a payment is not refused because nobody could be told about it (O-42). What goes wrong on our
//! side shows as `HandlerFault`, which is always an embedded metric and so needs no call that could fail too (O-43).

mod config;
mod input;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

pub use config::{MetricsConfig, MetricsMode};
pub use input::{InputError, MeasuredPayment};

use crate::domain::money::decimal_number;
use crate::error::HandlerError;
use crate::http::{HttpError, ProxyRequest, ProxyResponse, is_proxy_event, origin};
use crate::invocation::{Handler, Invocation};
use crate::ports::{Measurement, MeasurementSink};
use crate::telemetry::emf::{HANDLER_FAULT, Metrics, Unit};

/// Value of `_HANDLER` and of the metric dimension `Handler`.
pub const NAME: &str = "payment_metrics";

/// The handler.
pub struct PaymentMetrics {
    config: MetricsConfig,
    measurements: Arc<dyn MeasurementSink>,
    metrics: Metrics,
}

impl PaymentMetrics {
    /// A handler that reports to the sink; `metrics` counts its own faults.
    pub fn new(config: MetricsConfig, measurements: Arc<dyn MeasurementSink>, metrics: Metrics) -> Self {
        Self {
            config,
            measurements,
            metrics,
        }
    }

    async fn process(&self, fields: &Map<String, Value>, invocation: &Invocation) -> Result<Value, InputError> {
        let start = Instant::now();
        let trace = &invocation.trace;
        let annotations = json!({"environment": self.config.environment});
        // A refused payment is no fault of ours, so the subsegment itself succeeds.
        let validated = async { Ok::<_, Infallible>(MeasuredPayment::from_json(fields)) };
        let Ok(validated) = trace.subsegment("payment_validation", annotations, validated).await;
        let payment = validated?;

        let payment_type = self.config.payment_type_dimension(&payment.payment_type);
        let annotations = json!({"payment_id": payment.id.as_str(), "payment_type": payment_type});
        let answer = async { Ok::<_, Infallible>(answer(&payment)) };
        let Ok(answer) = trace.subsegment("payment_processing", annotations, answer).await;

        let annotations = json!({"payment_id": payment.id.as_str(), "database": "log"});
        let write = async {
            self.write_record(&payment, &payment_type, invocation);
            Ok::<_, Infallible>(())
        };
        let Ok(()) = trace.subsegment("database_write", annotations, write).await;

        let duration = Decimal::from(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.report_success(&payment, payment_type, duration).await;
        Ok(answer)
    }

    fn write_record(&self, payment: &MeasuredPayment, payment_type: &str, invocation: &Invocation) {
        tracing::info!(
            request_id = invocation.request_id,
            payment_id = payment.id.as_str(),
            payment_type,
            environment = self.config.environment,
            "payment recorded"
        );
    }

    async fn report_success(&self, payment: &MeasuredPayment, payment_type: String, duration: Decimal) {
        let environment = || ("Environment", self.config.environment.clone());
        let by_type = || ("PaymentType", payment_type.clone());
        let region = ("Region", self.config.region.clone());
        let measurement = |name, value, unit, dimension_sets| Measurement {
            name,
            value,
            unit,
            dimension_sets,
        };
        let amount_sets = vec![vec![by_type(), region, environment()], vec![environment()]];
        let measurements = [
            measurement("PaymentAmount", payment.amount.decimal(), Unit::None, amount_sets),
            measurement(
                "PaymentProcessingTime",
                duration,
                Unit::Milliseconds,
                vec![vec![by_type(), environment()]],
            ),
            measurement(
                "PaymentSuccess",
                Decimal::ONE,
                Unit::Count,
                vec![vec![by_type(), environment()]],
            ),
        ];
        let currency = payment.currency.map(|c| ("currency", c.code().to_owned()));
        let properties: Vec<_> = currency.into_iter().collect();
        self.report(&measurements, &properties).await;
    }

    async fn report_error(&self, error_type: &str) {
        let dimensions = vec![
            ("Environment", self.config.environment.clone()),
            ("ErrorType", error_type.to_owned()),
        ];
        let error = Measurement {
            name: "PaymentError",
            value: Decimal::ONE,
            unit: Unit::Count,
            dimension_sets: vec![dimensions],
        };
        self.report(&[error], &[]).await;
    }

    /// Best effort (O-42); a failure is visible all the same.
    async fn report(&self, measurements: &[Measurement], properties: &[(&'static str, String)]) {
        if let Err(error) = self.measurements.report(measurements, properties).await {
            tracing::error!(%error, "Error sending metrics");
            self.metrics.count(HANDLER_FAULT);
        }
    }

    /// The fields of a direct event, or of a proxy event's body (O-45).
    fn fields(&self, event: Value) -> (Option<String>, Result<Map<String, Value>, HttpError>) {
        if !is_proxy_event(&event) {
            let fields = match event {
                Value::Object(fields) => Ok(fields),
                _ => Err(HttpError::not_an_object()),
            };
            return (None, fields);
        }
        let fields = ProxyRequest::decode(&event, self.config.max_body_bytes).and_then(|request| request.json_object());
        (origin(&event), fields)
    }
}

fn answer(payment: &MeasuredPayment) -> Value {
    json!({
        "message": "Payment processed successfully",
        "payment_id": payment.id.as_str(),
        "amount": decimal_number(payment.amount.decimal()),
    })
}

/// The seed's text, and what the caller can do about it; never our internals (O-44).
fn refusal(status: u16, reason: &str) -> ProxyResponse {
    let body = json!({"message": "Payment validation failed", "error": reason});
    ProxyResponse::new(status, body.to_string())
}

#[async_trait]
impl Handler for PaymentMetrics {
    async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Value, HandlerError> {
        let (origin, fields) = self.fields(event);
        let refused = match fields {
            Ok(fields) => match self.process(&fields, invocation).await {
                Ok(answer) => {
                    let response = ProxyResponse::new(200, answer.to_string());
                    return Ok(self.config.cors.apply(origin.as_deref(), response).into_event());
                }
                Err(error) => refusal(400, &error.to_string()),
            },
            Err(error) => refusal(error.status, &error.message),
        };
        tracing::info!(
            request_id = invocation.request_id,
            status = refused.status,
            "payment refused"
        );
        self.report_error("ValidationError").await;
        Ok(self.config.cors.apply(origin.as_deref(), refused).into_event())
    }
}

#[cfg(test)]
mod tests;
