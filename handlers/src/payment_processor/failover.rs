//! Payments that this region does not take for the moment go to the other one as events (P-14 to P-17).

use std::sync::Arc;

use serde_json::json;

use super::config::FailoverConfig;
use super::input::IDEMPOTENCY_KEY;
use crate::domain::submission::Submission;
use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::{BusEvent, EventBus};

/// The way out of this region.
pub struct Failover {
    bus: Arc<dyn EventBus>,
    config: FailoverConfig,
    region: String,
}

impl Failover {
    /// Events from this region onto the bus.
    pub fn new(bus: Arc<dyn EventBus>, config: FailoverConfig, region: String) -> Self {
        Self { bus, config, region }
    }

    /// Hands the payment over. It carries its time of receipt, so that its item is the same wherever it is written, and
    /// the sender's own key, which guards it there as it would have here.
    pub async fn hand_over(
        &self,
        payment: &Submission,
        idempotency_key: Option<&str>,
        received_at: UtcMillis,
    ) -> Result<(), PortError> {
        let mut transaction = payment.to_json();
        if let Some(key) = idempotency_key {
            transaction.insert(IDEMPOTENCY_KEY.to_owned(), key.into());
        }
        let detail = json!({
            "region": self.region,
            "failover": "true",
            "transaction": transaction,
            "timestamp": received_at.to_string(),
        });
        let event = BusEvent {
            time: received_at,
            source: self.config.source.clone().into(),
            detail_type: self.config.detail_type.clone().into(),
            detail: detail.to_string(),
        };
        match self.bus.put(&[event]).await?.into_iter().flatten().next() {
            None => Ok(()),
            Some(code) => Err(PortError::transient("events:PutEvents", code)),
        }
    }
}
