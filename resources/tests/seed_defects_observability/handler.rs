//! What the metrics function emits, by running its handler with the variables that the stack gives it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tap_handlers::config::Env;
use tap_handlers::error::PortError;
use tap_handlers::invocation::{Handler, Invocation};
use tap_handlers::payment_metrics::{self, MetricsConfig, PaymentMetrics};
use tap_handlers::ports::{Measurement, MeasurementSink, SystemClock};
use tap_handlers::telemetry::emf::{EmfMeasurements, MetricSink, Metrics};
use tap_handlers::telemetry::xray::Trace;

use super::*;

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl MetricSink for Lines {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// CloudWatch does not answer.
struct Silent;

#[async_trait]
impl MeasurementSink for Silent {
    async fn report(&self, _: &[Measurement], _: &[(&'static str, String)]) -> Result<(), PortError> {
        Err(PortError::transient("cloudwatch:PutMetricData", "Throttling"))
    }
}

/// Namespace, metric, and its dimensions.
pub(crate) type Shown = (String, String, Vec<(String, String)>);

/// Every set of dimensions that the function's lines have values for.
pub(crate) type Emitted = BTreeSet<Shown>;

/// All that the function emits: for payments of all types and of one that is not allowed, for one that is refused, and for
/// metrics that cannot be sent.
pub(crate) async fn emitted(graph: &Graph, types: &[&str]) -> Emitted {
    let variables = setting(graph, "lambda_function.metrics", "environment");
    let variables = variables.as_object().unwrap().iter();
    let variables = variables.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    let env = Env::from_pairs(variables.chain([("AWS_REGION".to_owned(), REGION.to_owned())]));
    let config = MetricsConfig::from_env(&env).unwrap();
    let (namespace, lines, clock) = (
        config.namespace.clone(),
        Arc::new(Lines::default()),
        Arc::new(SystemClock),
    );
    let own = || {
        Metrics::in_namespace(
            namespace.clone(),
            &env,
            payment_metrics::NAME,
            clock.clone(),
            lines.clone(),
        )
    };
    let told = EmfMeasurements::new(namespace.clone(), clock.clone(), lines.clone());
    let working = PaymentMetrics::new(config.clone(), Arc::new(told), own());
    let failing = PaymentMetrics::new(config.clone(), Arc::new(Silent), own());
    let payment = |kind: &str| json!({"payment_id": "p", "amount": 1, "type": kind});
    let accepted = types.iter().chain(&["barter"]).map(|kind| (&working, payment(kind)));
    for (handler, event) in accepted.chain([(&working, json!({})), (&failing, payment("barter"))]) {
        let invocation = Invocation {
            request_id: "r".to_owned(),
            deadline: SystemTime::now() + Duration::from_mins(1),
            trace: Trace::disabled(),
        };
        handler.handle(event, &invocation).await.unwrap();
    }
    let lines = lines.0.lock().unwrap();
    lines.iter().flat_map(|line| metrics_of(line)).collect()
}

fn metrics_of(line: &str) -> Vec<Shown> {
    let line: Value = serde_json::from_str(line).unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all = Vec::new();
    for directive in list(&line["_aws"]["CloudWatchMetrics"]) {
        for set in list(&directive["Dimensions"]) {
            let mut dimensions: Vec<_> = list(&set)
                .iter()
                .map(|name| (text(name), text(&line[text(name)])))
                .collect();
            dimensions.sort();
            for metric in list(&directive["Metrics"]) {
                all.push((text(&directive["Namespace"]), text(&metric["Name"]), dimensions.clone()));
            }
        }
    }
    all
}
