//! CloudWatch embedded metric format on standard output (W-32).
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::config::Env;
use crate::domain::money::decimal_number;
use crate::error::PortError;
use crate::ports::{Clock, Measurement, MeasurementSink};

/// A metric's unit, in CloudWatch's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    None,
    /// A number of things.
    Count,
    /// A duration.
    Milliseconds,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// Where metric lines go.
pub trait MetricSink: Send + Sync {
    /// Takes one line.
    fn line(&self, line: &str);
}

/// Standard output, which Lambda sends to CloudWatch Logs.
#[derive(Debug, Default)]
pub struct StdoutSink;

impl MetricSink for StdoutSink {
    fn line(&self, line: &str) {
        let mut out = std::io::stdout().lock();
        // Best effort: a metric that cannot be written must not fail the payment.
        let _ = writeln!(out, "{line}");
    }
}

/// Emits metrics with the dimensions `Environment` and `Handler`.
#[derive(Clone)]
pub struct Metrics {
    namespace: String,
    environment: String,
    handler: &'static str,
    clock: Arc<dyn Clock>,
    sink: Arc<dyn MetricSink>,
}

/// The metric that alarms: 1 whenever a failure is ours.
pub const HANDLER_FAULT: &str = "HandlerFault";

impl Metrics {
    /// The namespace when `METRICS_NAMESPACE` is not set.
    pub const DEFAULT_NAMESPACE: &'static str = "Tap/WebhookPipeline";

    /// Metrics of one handler, from `METRICS_NAMESPACE` and `ENVIRONMENT`.
    pub fn from_env(env: &Env, handler: &'static str, clock: Arc<dyn Clock>, sink: Arc<dyn MetricSink>) -> Self {
        Self::in_namespace(
            env.or("METRICS_NAMESPACE", Self::DEFAULT_NAMESPACE),
            env,
            handler,
            clock,
            sink,
        )
    }

    /// Metrics of one handler in this namespace.
    pub fn in_namespace(
        namespace: String,
        env: &Env,
        handler: &'static str,
        clock: Arc<dyn Clock>,
        sink: Arc<dyn MetricSink>,
    ) -> Self {
        Self {
            namespace,
            environment: env.or("ENVIRONMENT", "dev"),
            handler,
            clock,
            sink,
        }
    }

    /// Counts one occurrence.
    pub fn count(&self, name: &str) {
        self.emit(&[(name, 1, Unit::Count)]);
    }

    /// Emits values in one line; nothing when there are none.
    pub fn emit(&self, metrics: &[(&str, u64, Unit)]) {
        self.emit_with(metrics, &[]);
    }

    /// Emits values in one line, together with properties: what can be read in the line, by metric filters and queries,
    /// without being a metric or a dimension of one.
    pub fn emit_with(&self, metrics: &[(&str, u64, Unit)], properties: &[(&str, Value)]) {
        if metrics.is_empty() {
            return;
        }
        let definitions: Vec<Value> = metrics
            .iter()
            .map(|(name, _, unit)| json!({"Name": name, "Unit": unit.as_str()}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".into(),
            json!({"Timestamp": self.clock.now().epoch_millis(), "CloudWatchMetrics": [{
                "Namespace": self.namespace, "Dimensions": [["Environment", "Handler"]], "Metrics": definitions}]}),
        );
        line.insert("Environment".into(), self.environment.clone().into());
        line.insert("Handler".into(), self.handler.into());
        line.extend(
            properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        line.extend(
            metrics
                .iter()
                .map(|(name, value, _)| ((*name).to_owned(), Value::from(*value))),
        );
        self.sink.line(&Value::Object(line).to_string());
    }
}

/// Writes measurements as embedded metrics: one line, one directive per measurement.
#[derive(Clone)]
pub struct EmfMeasurements {
    namespace: String,
    clock: Arc<dyn Clock>,
    sink: Arc<dyn MetricSink>,
}

impl EmfMeasurements {
    /// Measurements in this namespace.
    pub fn new(namespace: String, clock: Arc<dyn Clock>, sink: Arc<dyn MetricSink>) -> Self {
        Self { namespace, clock, sink }
    }

    fn directive(&self, measurement: &Measurement) -> Value {
        let names = |set: &Vec<(&str, String)>| set.iter().map(|(name, _)| Value::from(*name)).collect::<Vec<_>>();
        let sets: Vec<_> = measurement.dimension_sets.iter().map(names).collect();
        json!({"Namespace": self.namespace, "Dimensions": sets,
            "Metrics": [{"Name": measurement.name, "Unit": measurement.unit.as_str()}]})
    }
}

#[async_trait]
impl MeasurementSink for EmfMeasurements {
    async fn report(
        &self,
        measurements: &[Measurement],
        properties: &[(&'static str, String)],
    ) -> Result<(), PortError> {
        let directives: Vec<_> = measurements.iter().map(|m| self.directive(m)).collect();
        let mut line = Map::new();
        line.insert(
            "_aws".into(),
            json!({"Timestamp": self.clock.now().epoch_millis(), "CloudWatchMetrics": directives}),
        );
        for (name, value) in measurements.iter().flat_map(|m| m.dimension_sets.iter().flatten()) {
            line.insert((*name).to_owned(), value.clone().into());
        }
        for (name, value) in properties {
            line.insert((*name).to_owned(), value.clone().into());
        }
        for measurement in measurements {
            line.insert(measurement.name.to_owned(), decimal_number(measurement.value));
        }
        self.sink.line(&Value::Object(line).to_string());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{FakeClock, FakeSink};

    #[test]
    fn a_line_is_a_valid_emf_document() {
        let sink = FakeSink::new();
        let env = Env::from_pairs([("ENVIRONMENT", "prod"), ("METRICS_NAMESPACE", "N")]);
        let metrics = Metrics::from_env(
            &env,
            "webhook_validator",
            FakeClock::at("1970-01-01T00:00:00.005Z"),
            sink.clone(),
        );
        metrics.emit_with(
            &[(HANDLER_FAULT, 1, Unit::Count), ("Duration", 7, Unit::Milliseconds)],
            &[("currency", json!("EUR"))],
        );
        metrics.emit(&[]);
        let lines = sink.lines();
        assert_eq!(lines.len(), 1);
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["_aws"]["Timestamp"], json!(5));
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "N");
        assert_eq!(
            directive["Metrics"][1],
            json!({"Name": "Duration", "Unit": "Milliseconds"})
        );
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension} has a value");
        }
        assert_eq!(
            (line[HANDLER_FAULT].as_u64(), line["Duration"].as_u64()),
            (Some(1), Some(7))
        );
        assert_eq!(line["currency"], "EUR");
        assert!(
            !line["_aws"].to_string().contains("currency"),
            "no metric, no dimension"
        );
    }
}
