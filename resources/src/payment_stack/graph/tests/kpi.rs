//! Business figures (6.4, 002): the metric filters read what the processor really writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tap_handlers::auth::Authenticator;
use tap_handlers::auth::HmacConfig;
use tap_handlers::config::Env;
use tap_handlers::domain::item::Item;
use tap_handlers::error::PortError;
use tap_handlers::invocation::{Handler, Invocation};
use tap_handlers::payment_processor::{self, FollowUps, PaymentProcessor, ProcessorConfig};
use tap_handlers::ports::{Guard, ItemOutcome, RecordOutcome, SecretSource, SystemClock, TransactionLedger};
use tap_handlers::telemetry::emf::{MetricSink, Metrics};
use tap_handlers::telemetry::xray::Trace;

use super::*;

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl MetricSink for Lines {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// A table that takes everything.
struct Table;

#[async_trait]
impl TransactionLedger for Table {
    async fn record(&self, _: &Item, _: &[Guard]) -> Result<RecordOutcome, PortError> {
        Ok(RecordOutcome::Recorded)
    }
    async fn guard(&self, _: &str) -> Result<Option<Guard>, PortError> {
        Ok(None)
    }
    async fn put_guard(&self, _: &Guard) -> Result<RecordOutcome, PortError> {
        Ok(RecordOutcome::Recorded)
    }
    async fn put_item(&self, _: &Item) -> Result<ItemOutcome, PortError> {
        Ok(ItemOutcome::Stored)
    }
}

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn fetch(&self) -> Result<String, PortError> {
        panic!("the API checks the key")
    }
}

/// What the function, with the variables that the stack gives it, writes about these request bodies. Its log is not among
/// it: `log_level` decides about that.
async fn metric_lines(graph: &Graph, bodies: &[Value]) -> Vec<Value> {
    let variables = setting(graph, "eu-central-1/lambda_function.processor", "environment");
    let variables = variables.as_object().unwrap().iter();
    let variables = variables.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    let env = Env::from_pairs(variables.chain([("AWS_REGION".to_owned(), "eu-central-1".to_owned())]));
    let config = ProcessorConfig::from_env(&env).unwrap();
    let lines = Arc::new(Lines::default());
    let source = |_: &HmacConfig| -> Arc<dyn SecretSource> { Arc::new(NoSecrets) };
    let handler = PaymentProcessor::new(
        config.clone(),
        Authenticator::new(config.auth.clone(), source, Arc::new(SystemClock)),
        Arc::new(Table),
        FollowUps {
            audit: None,
            queue: None,
        },
        None,
        Arc::new(SystemClock),
        Metrics::from_env(&env, payment_processor::NAME, Arc::new(SystemClock), lines.clone()),
    );
    for body in bodies {
        let event = json!({"httpMethod": "POST", "headers": {}, "body": body.to_string()});
        let invocation = Invocation {
            request_id: "r".to_owned(),
            deadline: SystemTime::now() + Duration::from_mins(1),
            trace: Trace::disabled(),
        };
        handler.handle(event, &invocation).await.unwrap();
    }
    let lines = lines.0.lock().unwrap();
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// CloudWatch's reading of `{ $.name = 1 }`, all that the default patterns use
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html>).
fn matches(pattern: &str, line: &Value) -> bool {
    let inner = pattern.strip_prefix("{ $.").and_then(|p| p.strip_suffix(" }")).unwrap();
    let (property, wanted) = inner.split_once(" = ").unwrap();
    line[property].as_f64() == Some(wanted.parse().unwrap())
}

/// The value, or the number in the property that it names; what is no number is not published.
fn value_of(value: &str, line: &Value) -> Option<String> {
    let Some(property) = value.strip_prefix("$.") else {
        return Some(value.to_owned());
    };
    Some(line[property].as_number()?.to_string())
}

/// Metric -> what the stack's filters publish of these lines, each with its dimensions.
fn published(graph: &Graph, lines: &[Value]) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut all: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for filter in of_kind(graph, "metric_filter") {
        let to = &filter.settings["metric_transformations"][0];
        let pattern = filter.settings["filter_pattern"].as_str().unwrap();
        for line in lines.iter().filter(|line| matches(pattern, line)) {
            let dimensions = to["dimensions"].as_object().into_iter().flatten();
            let dimensions: serde_json::Map<String, Value> = dimensions
                .map(|(name, property)| {
                    let property = property.as_str().unwrap().strip_prefix("$.").unwrap();
                    (name.clone(), line[property].clone())
                })
                .collect();
            let Some(value) = value_of(to["metric_value"].as_str().unwrap(), line) else {
                continue;
            };
            let metric = to["metric_name"].as_str().unwrap().to_owned();
            all.entry(metric).or_default().push((value, dimensions.into()));
        }
    }
    all
}

#[tokio::test]
async fn the_default_kpi_filters_find_approvals_declines_and_amounts_at_any_log_level() {
    let payment = |id: &str, amount: &str, currency: &str| json!({"transaction_id": id, "amount": amount, "currency": currency, "provider": "p"});
    let bodies = [
        payment("t1", "12.34", "EUR"),
        payment("t2", "5000", "JPY"),
        payment("t3", "-1", "EUR"),
        json!({}),
    ];
    for level in ["INFO", "WARN", "ERROR"] {
        let graph = graph(json!({"log_level": level}));
        let lines = metric_lines(&graph, &bodies).await;
        assert_eq!(lines.len(), bodies.len());
        let one = || ("1".to_owned(), json!({}));
        let amount = |amount: &str, currency: &str| (amount.to_owned(), json!({"Currency": currency}));
        let expected = BTreeMap::from([
            ("PaymentsAccepted".to_owned(), vec![one(), one()]),
            ("PaymentsRejected".to_owned(), vec![one(), one()]),
            (
                "PaymentAmount".to_owned(),
                vec![amount("12.34", "EUR"), amount("5000", "JPY")],
            ),
        ]);
        assert_eq!(published(&graph, &lines), expected, "{level}");
    }
}

#[test]
fn kpi_filters_do_not_depend_on_the_alarms_switch() {
    for preset_name in ["global", "notification", "multi_region"] {
        let of = |graph: Graph| -> Vec<String> {
            let filters = of_kind(&graph, "metric_filter");
            filters.into_iter().map(|filter| filter.key.to_string()).collect()
        };
        let without = of(preset(preset_name, json!({"alarms": {"enabled": false}})));
        assert_eq!(without, of(preset(preset_name, json!({}))), "{preset_name}");
        assert_eq!(without.len() % 3, 0, "approvals, declines, amount in every region");
        assert!(!without.is_empty());
    }
    assert!(of_kind(&graph(json!({"kpi_filters": []})), "metric_filter").is_empty());
}

#[test]
fn an_own_kpi_filter_has_its_dimensions() {
    let graph = graph(json!({"kpi_filters": [
        {"name": "by currency", "pattern": "{ $.PaymentAccepted = 1 }", "metric_name": "Accepted", "value": "1",
         "unit": "Count", "dimensions": {"Currency": "$.currency"}},
    ]}));
    plans(&graph);
    let filter = setting(
        &graph,
        "eu-central-1/metric_filter.by_currency",
        "metric_transformations",
    );
    assert_eq!(
        filter,
        &json!([{"metric_name": "Accepted", "metric_namespace": "Payment/dev", "metric_value": "1", "unit": "Count",
                 "dimensions": {"Currency": "$.currency"}}])
    );
}
