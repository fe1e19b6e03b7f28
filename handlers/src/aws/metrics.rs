//! `CloudWatch` metrics by API call.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use aws_smithy_types::DateTime;
use rust_decimal::prelude::ToPrimitive;

use super::error::port_error;
use crate::error::PortError;
use crate::ports::{Clock, Measurement, MeasurementSink, SystemClock};
use crate::telemetry::emf::Unit;

/// Sends measurements with `PutMetricData`.
///
/// IAM: `cloudwatch:PutMetricData`, to be restricted by the condition `cloudwatch:namespace`.
#[derive(Debug, Clone)]
pub struct CloudWatchMetrics {
    client: Client,
    namespace: String,
}

impl CloudWatchMetrics {
    /// Longest time one report may take, retries included: the payment's answer waits for it.
    const TIME_LIMIT: Duration = Duration::from_secs(3);

    /// Metrics in this namespace.
    pub fn new(config: &SdkConfig, namespace: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(2))
            .operation_timeout(Self::TIME_LIMIT);
        let config = aws_sdk_cloudwatch::config::Builder::from(config)
            .timeout_config(timeouts.build())
            .build();
        Self {
            client: Client::from_conf(config),
            namespace,
        }
    }
}

fn standard_unit(unit: Unit) -> StandardUnit {
    match unit {
        Unit::None => StandardUnit::None,
        Unit::Count => StandardUnit::Count,
        Unit::Milliseconds => StandardUnit::Milliseconds,
    }
}

/// One datum per dimension set. The API takes binary floating point; this is the only place where an amount becomes one.
fn data(measurement: &Measurement, time: DateTime) -> impl Iterator<Item = MetricDatum> {
    measurement.dimension_sets.iter().map(move |set| {
        let dimensions = set
            .iter()
            .map(|(name, value)| Dimension::builder().name(*name).value(value).build());
        MetricDatum::builder()
            .metric_name(measurement.name)
            .value(measurement.value.to_f64().unwrap_or_default())
            .unit(standard_unit(measurement.unit))
            .timestamp(time)
            .set_dimensions(Some(dimensions.collect()))
            .build()
    })
}

#[async_trait]
impl MeasurementSink for CloudWatchMetrics {
    /// Properties have no place in this API.
    async fn report(
        &self,
        measurements: &[Measurement],
        _properties: &[(&'static str, String)],
    ) -> Result<(), PortError> {
        let time = DateTime::from_millis(SystemClock.now().epoch_millis());
        let data = measurements.iter().flat_map(|m| data(m, time)).collect();
        let request = self
            .client
            .put_metric_data()
            .namespace(&self.namespace)
            .set_metric_data(Some(data));
        let sent = request.send().await;
        sent.map(|_| ()).map_err(|e| port_error("cloudwatch:PutMetricData", &e))
    }
}
