//! Settings of the metrics handler.

use crate::config::{Env, InitError};
use crate::http::Cors;

/// How metrics reach `CloudWatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsMode {
    /// As log lines in embedded metric format: no call, no wait (O-35).
    Emf,
    /// By the API, within the invocation.
    PutMetricData,
}

/// All settings.
#[derive(Debug, Clone)]
pub struct MetricsConfig {
    /// `METRICS_NAMESPACE`.
    pub namespace: String,
    /// `METRICS_MODE`.
    pub mode: MetricsMode,
    /// Payment types that are dimensions of their own (`ALLOWED_PAYMENT_TYPES`).
    pub payment_types: Vec<String>,
    /// `ENVIRONMENT`.
    pub environment: String,
    /// The runtime's own `AWS_REGION`.
    pub region: String,
    /// Largest body in bytes (`MAX_BODY_BYTES`).
    pub max_body_bytes: usize,
    /// Allowed browser origins (`CORS_ALLOW_ORIGINS`).
    pub cors: Cors,
}

impl MetricsConfig {
    /// Reads the settings.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let modes = [
            ("emf", MetricsMode::Emf),
            ("put_metric_data", MetricsMode::PutMetricData),
        ];
        let types = ["credit_card", "debit_card", "bank_transfer", "wallet"];
        Ok(Self {
            namespace: env.or("METRICS_NAMESPACE", "PaymentProcessing/Custom"),
            mode: env.choice_or("METRICS_MODE", MetricsMode::Emf, &modes)?,
            payment_types: env.list_or("ALLOWED_PAYMENT_TYPES", &types),
            environment: env.or("ENVIRONMENT", "dev"),
            region: env.required("AWS_REGION")?,
            max_body_bytes: env.parsed_or("MAX_BODY_BYTES", 262_144, "bytes as a whole number")?,
            cors: Cors::new(env.list_or("CORS_ALLOW_ORIGINS", &[])),
        })
    }

    /// The value of the dimension `PaymentType`: free text would be a metric per text (O-47).
    pub fn payment_type_dimension(&self, payment_type: &str) -> String {
        let allowed = self.payment_types.iter().any(|t| t == payment_type);
        if allowed { payment_type } else { "other" }.to_owned()
    }
}
