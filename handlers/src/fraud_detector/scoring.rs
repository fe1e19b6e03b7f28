//! The fraud score: deterministic, explainable, decimal (W-12 to W-15).
//!
//! score = amount part + model part, rounded to 2 decimals.
//! - Amount part: `amount_weight` when the amount is above its currency's threshold.
//! - Model part: the sum of the shares below, at most 1, times `model_weight_max`.
//!
//! | risk factor | share | when |
//! |---|---|---|
//! | `country_mismatch` | 0.50 | `metadata.ip_country` and `metadata.card_country` differ |
//! | `repeated_attempts` | 0.50 | `metadata.attempts` is 3 or more |
//! | `new_customer` | 0.25 | `metadata.new_customer` is true |
//! | `very_high_amount` | 0.25 | amount above 10 times its threshold |
//! | `just_below_threshold` | 0.25 | amount above 90 % of its threshold, but not above it |
//! | `unusual_hour` | 0.125 | stored between 00:00 and 04:59 UTC |
//!
//! With the default weights every status is reachable, with and without a high amount: up to 0.40
//! from the model alone is `medium_risk`, 0.30 + 0.40 is `high_risk`. Thresholds are inclusive.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::input::FraudInput;

/// How risky a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RiskStatus {
    /// `low_risk`
    Low,
    /// `medium_risk`
    Medium,
    /// `high_risk`
    High,
}

impl RiskStatus {
    /// The value of `fraud_status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low_risk",
            Self::Medium => "medium_risk",
            Self::High => "high_risk",
        }
    }

    /// The metric that counts it.
    pub fn metric(self) -> &'static str {
        match self {
            Self::Low => "FraudLowRisk",
            Self::Medium => "FraudMediumRisk",
            Self::High => "FraudHighRisk",
        }
    }
}

/// A finished score.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// 0 to 2, two decimals.
    pub value: Decimal,
    /// What it means.
    pub status: RiskStatus,
    /// Why, in a fixed order.
    pub risk_factors: Vec<String>,
}

/// The model part before weighting.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelScore {
    /// 0 to 1.
    pub share: Decimal,
    /// Why.
    pub risk_factors: Vec<String>,
}

impl ModelScore {
    /// Reads the answer of an external scorer: `{"model_score": 0..1, "risk_factors": ["text", ...]}`.
    pub fn from_json(answer: &Value) -> Option<Self> {
        let share = match answer.get("model_score")? {
            Value::Number(number) => Decimal::from_str_exact(&number.to_string()).ok()?,
            Value::String(text) => Decimal::from_str_exact(text).ok()?,
            _ => return None,
        };
        let factors = answer.get("risk_factors").and_then(Value::as_array);
        let risk_factors = factors
            .into_iter()
            .flatten()
            .map(|f| f.as_str().map(str::to_owned))
            .collect::<Option<_>>()?;
        (Decimal::ZERO..=Decimal::ONE)
            .contains(&share)
            .then_some(Self { share, risk_factors })
    }
}

/// Thresholds and weights.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoringRules {
    /// Amounts above this are risky (`FRAUD_AMOUNT_RISK_THRESHOLD`).
    pub amount_threshold: Decimal,
    /// The same for single currencies (`FRAUD_CURRENCY_THRESHOLDS`).
    pub currency_thresholds: BTreeMap<String, Decimal>,
    /// What a risky amount adds (`FRAUD_AMOUNT_RISK_WEIGHT`).
    pub amount_weight: Decimal,
    /// What the model adds at most (`FRAUD_MODEL_WEIGHT_MAX`).
    pub model_weight_max: Decimal,
    /// From here on `high_risk` (`FRAUD_HIGH_RISK_THRESHOLD`).
    pub high_threshold: Decimal,
    /// From here on `medium_risk` (`FRAUD_MEDIUM_RISK_THRESHOLD`).
    pub medium_threshold: Decimal,
}

impl ScoringRules {
    fn threshold(&self, currency: &str) -> Decimal {
        self.currency_thresholds
            .get(currency)
            .copied()
            .unwrap_or(self.amount_threshold)
    }

    /// Adds amount part and model part.
    pub fn combine(&self, input: &FraudInput, model: ModelScore) -> Score {
        let high_amount = input.amount.decimal() > self.threshold(input.currency());
        let amount_part = if high_amount { self.amount_weight } else { Decimal::ZERO };
        let model_part = model.share.min(Decimal::ONE) * self.model_weight_max;
        let mut value = (amount_part + model_part).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        value.rescale(2);
        // The rounded value decides, so that the stored score always explains the status.
        let status = if value >= self.high_threshold {
            RiskStatus::High
        } else if value >= self.medium_threshold {
            RiskStatus::Medium
        } else {
            RiskStatus::Low
        };
        let own = high_amount.then(|| "high_amount".to_owned());
        Score {
            value,
            status,
            risk_factors: own.into_iter().chain(model.risk_factors).collect(),
        }
    }
}

/// The built-in model: see the table above.
pub fn rule_model(input: &FraudInput, rules: &ScoringRules) -> ModelScore {
    let amount = input.amount.decimal();
    let threshold = rules.threshold(input.currency());
    let near = threshold * Decimal::new(9, 1);
    let checks = [
        ("country_mismatch", 500, country_mismatch(input)),
        ("repeated_attempts", 500, attempts(input) >= Decimal::from(3)),
        (
            "new_customer",
            250,
            input.metadata("new_customer").and_then(Value::as_bool) == Some(true),
        ),
        (
            "very_high_amount",
            250,
            threshold.checked_mul(Decimal::TEN).is_some_and(|limit| amount > limit),
        ),
        ("just_below_threshold", 250, amount > near && amount <= threshold),
        ("unusual_hour", 125, input.timestamp.hour() < 5),
    ];
    let matched: Vec<_> = checks.into_iter().filter(|(_, _, applies)| *applies).collect();
    let share: i64 = matched.iter().map(|(_, thousandths, _)| thousandths).sum();
    ModelScore {
        share: Decimal::new(share, 3).min(Decimal::ONE),
        risk_factors: matched.iter().map(|(name, _, _)| (*name).to_owned()).collect(),
    }
}

fn country_mismatch(input: &FraudInput) -> bool {
    let country = |name| input.metadata(name).and_then(Value::as_str);
    matches!((country("ip_country"), country("card_country")), (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b))
}

fn attempts(input: &FraudInput) -> Decimal {
    let text = match input.metadata("attempts") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        _ => return Decimal::ZERO,
    };
    Decimal::from_str_exact(&text).unwrap_or_default()
}
