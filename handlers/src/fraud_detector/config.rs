//! The detector's settings.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::scoring::ScoringRules;
use crate::config::{Env, InitError};

/// Who computes the model part of the score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScorerConfig {
    /// The built-in rules.
    Deterministic,
    /// A Lambda function (`SCORER_ARN`).
    ExternalLambda(String),
}

/// All settings.
#[derive(Debug, Clone)]
pub struct FraudConfig {
    /// Transactions table (`DYNAMODB_TABLE`).
    pub table: String,
    /// Topic for alerts (`SNS_TOPIC_ARN`).
    pub topic_arn: String,
    /// Name of the environment, for alerts (`ENVIRONMENT`).
    pub environment: String,
    /// Thresholds and weights.
    pub rules: ScoringRules,
    /// Who computes the model part (`SCORER`).
    pub scorer: ScorerConfig,
}

impl FraudConfig {
    /// Reads the settings; the thresholds must be in order and within 0 to 1.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let external = [("deterministic", false), ("external_lambda", true)];
        let scorer = if env.choice_or("SCORER", false, &external)? {
            ScorerConfig::ExternalLambda(env.required("SCORER_ARN")?)
        } else {
            ScorerConfig::Deterministic
        };
        let rules = ScoringRules {
            amount_threshold: number(env, "FRAUD_AMOUNT_RISK_THRESHOLD", Decimal::from(5000))?,
            currency_thresholds: currency_thresholds(env)?,
            amount_weight: fraction(env, "FRAUD_AMOUNT_RISK_WEIGHT", Decimal::new(30, 2))?,
            model_weight_max: fraction(env, "FRAUD_MODEL_WEIGHT_MAX", Decimal::new(40, 2))?,
            high_threshold: fraction(env, "FRAUD_HIGH_RISK_THRESHOLD", Decimal::new(70, 2))?,
            medium_threshold: fraction(env, "FRAUD_MEDIUM_RISK_THRESHOLD", Decimal::new(40, 2))?,
        };
        if rules.medium_threshold > rules.high_threshold {
            return Err(InitError::invalid(
                "FRAUD_MEDIUM_RISK_THRESHOLD",
                "at most FRAUD_HIGH_RISK_THRESHOLD",
            ));
        }
        Ok(Self {
            table: env.required("DYNAMODB_TABLE")?,
            topic_arn: env.required("SNS_TOPIC_ARN")?,
            environment: env.or("ENVIRONMENT", "dev"),
            rules,
            scorer,
        })
    }
}

fn number(env: &Env, name: &str, default: Decimal) -> Result<Decimal, InitError> {
    let value = env.parsed_or(name, default, "a decimal number")?;
    if value < Decimal::ZERO {
        Err(InitError::invalid(name, "a number that is not negative"))
    } else {
        Ok(value)
    }
}

fn fraction(env: &Env, name: &str, default: Decimal) -> Result<Decimal, InitError> {
    let value = number(env, name, default)?;
    if value > Decimal::ONE {
        Err(InitError::invalid(name, "a number from 0 to 1"))
    } else {
        Ok(value)
    }
}

/// `FRAUD_CURRENCY_THRESHOLDS`: a JSON object, currency to amount, for currencies where the general
/// threshold makes no sense (W-15).
fn currency_thresholds(env: &Env) -> Result<BTreeMap<String, Decimal>, InitError> {
    const NAME: &str = "FRAUD_CURRENCY_THRESHOLDS";
    let Some(text) = env.optional(NAME) else {
        return Ok(BTreeMap::new());
    };
    let invalid = || InitError::invalid(NAME, "a JSON object like {\"JPY\": 750000}");
    let Ok(Value::Object(map)) = serde_json::from_str(text) else {
        return Err(invalid());
    };
    let entry = |(currency, amount): (String, Value)| {
        let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
        Ok((currency, text.parse().map_err(|_| invalid())?))
    };
    map.into_iter().map(entry).collect()
}
