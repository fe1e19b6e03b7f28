//! The handlers of this binary, by the name that `_HANDLER` holds. A further handler is one entry.

use std::sync::Arc;

use aws_config::SdkConfig;

use crate::auth::{AuthMode, Authenticator};
use crate::aws::bucket::{S3Bucket, Verification};
use crate::aws::ledger::DynamoLedger;
use crate::aws::messaging::{EventBridgeBus, LambdaFunction, SnsTopic, SqsQueue, SsmParameter, StateMachine};
use crate::aws::metrics::CloudWatchMetrics;
use crate::aws::payments::{DynamoPayments, DynamoStatusIndex};
use crate::aws::table::{DynamoTransactions, KeyNames};
use crate::config::{Env, InitError};
use crate::fraud_detector::{self, FraudConfig, FraudDetector, ScorerConfig};
use crate::health::{self, Health};
use crate::invocation::Handler;
use crate::notify_failures::{self, NotifierConfig, NotifyFailures};
use crate::outbox_publisher::{self, OutboxPublisher, PublisherConfig};
use crate::payment_metrics::{self, MetricsConfig, MetricsMode, PaymentMetrics};
use crate::payment_processor::{self, Audit, Failover, FollowUps, PaymentProcessor, ProcessorConfig};
use crate::payment_reconciler::{self, PaymentReconciler, ReconcilerConfig, Sweep, SweepConfig};
use crate::ports::{
    AlertTopic, Clock, FunctionInvoker, MeasurementSink, MessageQueue, ObjectStore, PaymentStore, SystemClock,
    WorkflowStarter,
};
use crate::process_accounting::{self, AccountingConfig, ProcessAccounting};
use crate::telemetry::emf::{EmfMeasurements, Metrics, StdoutSink};
use crate::transaction_archival::{self, ArchivalConfig, TransactionArchival};
use crate::webhook_validator::{self, ValidatorConfig, WebhookValidator};

/// Builds a handler from the environment; makes no call to AWS.
pub type Build = fn(&Env, &SdkConfig) -> Result<Arc<dyn Handler>, InitError>;

/// One handler of the binary.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Value of `_HANDLER`.
    pub name: &'static str,
    /// Its constructor.
    pub build: Build,
}

/// All handlers.
pub const HANDLERS: &[Entry] = &[
    Entry {
        name: webhook_validator::NAME,
        build: build_webhook_validator,
    },
    Entry {
        name: outbox_publisher::NAME,
        build: build_outbox_publisher,
    },
    Entry {
        name: fraud_detector::NAME,
        build: build_fraud_detector,
    },
    Entry {
        name: transaction_archival::NAME,
        build: build_transaction_archival,
    },
    Entry {
        name: payment_metrics::NAME,
        build: build_payment_metrics,
    },
    Entry {
        name: payment_processor::NAME,
        build: build_payment_processor,
    },
    Entry {
        name: payment_reconciler::NAME,
        build: build_payment_reconciler,
    },
    Entry {
        name: process_accounting::NAME,
        build: build_process_accounting,
    },
    Entry {
        name: notify_failures::NAME,
        build: build_notify_failures,
    },
    Entry {
        name: health::NAME,
        build: |env, _| Ok(Arc::new(Health::from_env(env)?)),
    },
];

/// The handler that `_HANDLER` names.
pub fn find(env: &Env) -> Result<Entry, InitError> {
    let name = env.required("_HANDLER")?;
    HANDLERS
        .iter()
        .find(|entry| entry.name == name)
        .copied()
        .ok_or_else(|| {
            let known: Vec<_> = HANDLERS.iter().map(|entry| entry.name).collect();
            InitError::UnknownHandler {
                name,
                known: known.join(", "),
            }
        })
}

fn metrics(env: &Env, handler: &'static str) -> Metrics {
    Metrics::from_env(env, handler, Arc::new(SystemClock), Arc::new(StdoutSink))
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn authenticator(mode: &AuthMode, sdk: &SdkConfig) -> Authenticator {
    Authenticator::new(
        mode.clone(),
        |hmac| Arc::new(SsmParameter::new(sdk, hmac.secret_parameter.clone())),
        clock(),
    )
}

fn build_webhook_validator(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = ValidatorConfig::from_env(env)?;
    let client = aws_sdk_dynamodb::Client::new(sdk);
    let (table, guards) = (config.table.clone(), config.idempotency_table.clone());
    let ledger = DynamoLedger::new(client, table, guards, KeyNames::from_env(env));
    let authenticator = authenticator(&config.auth, sdk);
    let metrics = metrics(env, webhook_validator::NAME);
    Ok(Arc::new(WebhookValidator::new(
        config,
        Arc::new(ledger),
        authenticator,
        clock(),
        metrics,
    )))
}

fn build_outbox_publisher(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = PublisherConfig::from_env(env)?;
    let bus = EventBridgeBus::new(sdk, config.event_bus);
    let workflow = config
        .state_machine
        .map(|arn| Arc::new(StateMachine::new(sdk, arn)) as Arc<dyn WorkflowStarter>);
    let audit = config
        .audit_bucket
        .map(|bucket| Arc::new(S3Bucket::new(sdk, bucket, Verification::Checksum)) as Arc<dyn ObjectStore>);
    let metrics = metrics(env, outbox_publisher::NAME);
    Ok(Arc::new(OutboxPublisher::new(Arc::new(bus), workflow, audit, metrics)))
}

fn build_fraud_detector(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = FraudConfig::from_env(env)?;
    let client = aws_sdk_dynamodb::Client::new(sdk);
    let store = DynamoTransactions::new(client, config.table.clone(), String::new(), KeyNames::from_env(env));
    let topic = SnsTopic::new(sdk, config.topic_arn.clone());
    let external = match &config.scorer {
        ScorerConfig::Deterministic => None,
        ScorerConfig::ExternalLambda(arn) => {
            Some(Arc::new(LambdaFunction::new(sdk, arn.clone())) as Arc<dyn FunctionInvoker>)
        }
    };
    let metrics = metrics(env, fraud_detector::NAME);
    Ok(Arc::new(FraudDetector::new(
        config,
        Arc::new(store),
        Arc::new(topic),
        external,
        clock(),
        metrics,
    )))
}

fn build_transaction_archival(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = ArchivalConfig::from_env(env)?;
    let client = aws_sdk_dynamodb::Client::new(sdk);
    let (table, index) = (config.table.clone(), config.index.clone());
    let source = DynamoTransactions::new(client, table, index, KeyNames::from_env(env));
    let bucket = S3Bucket::new(sdk, config.bucket.clone(), Verification::ReadBack);
    let own_function = LambdaFunction::new(sdk, config.own_function.clone());
    let metrics = metrics(env, transaction_archival::NAME);
    let archival = TransactionArchival::new(
        config,
        Arc::new(source),
        Arc::new(bucket),
        Arc::new(own_function),
        clock(),
        metrics,
    );
    Ok(Arc::new(archival))
}

fn build_payment_metrics(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = MetricsConfig::from_env(env)?;
    let namespace = config.namespace.clone();
    let measurements: Arc<dyn MeasurementSink> = match config.mode {
        MetricsMode::Emf => Arc::new(EmfMeasurements::new(namespace.clone(), clock(), Arc::new(StdoutSink))),
        MetricsMode::PutMetricData => Arc::new(CloudWatchMetrics::new(sdk, namespace.clone())),
    };
    let metrics = Metrics::in_namespace(namespace, env, payment_metrics::NAME, clock(), Arc::new(StdoutSink));
    Ok(Arc::new(PaymentMetrics::new(config, measurements, metrics)))
}

fn build_payment_processor(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = ProcessorConfig::from_env(env)?;
    let client = aws_sdk_dynamodb::Client::new(sdk);
    let (table, schema) = (config.table.clone(), config.schema.clone());
    let guards = config.idempotency_table.clone();
    let hash_key = schema.hash_key().to_owned();
    let ledger = DynamoLedger::of_complete_items(client.clone(), table.clone(), guards, hash_key);
    let queue = config.queue_url.clone().map(|url| {
        let store: Arc<dyn PaymentStore> = Arc::new(DynamoPayments::new(client, table, schema));
        (Arc::new(SqsQueue::new(sdk, url)) as Arc<dyn MessageQueue>, store)
    });
    let audit = audit(
        config.audit_bucket.as_ref(),
        &config.audit_prefix,
        &config.environment,
        sdk,
    );
    let failover = config.failover.clone().map(|failover| {
        let bus = EventBridgeBus::new(sdk, failover.bus.clone());
        Failover::new(Arc::new(bus), failover, config.region.clone())
    });
    let metrics = metrics(env, payment_processor::NAME);
    let authenticator = authenticator(&config.auth, sdk);
    Ok(Arc::new(PaymentProcessor::new(
        config,
        authenticator,
        Arc::new(ledger),
        FollowUps { audit, queue },
        failover,
        clock(),
        metrics,
    )))
}

fn build_payment_reconciler(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = ReconcilerConfig::from_env(env)?;
    let sweep = config.sweep.clone().map(|own| sweep(own, &config.environment, sdk));
    let metrics = metrics(env, payment_reconciler::NAME);
    Ok(Arc::new(PaymentReconciler::new(config, sweep, clock(), metrics)))
}

/// The steps are made of what the processor's are made of.
fn sweep(config: SweepConfig, environment: &str, sdk: &SdkConfig) -> Sweep {
    let client = aws_sdk_dynamodb::Client::new(sdk);
    let (table, schema) = (config.table.clone(), config.schema.clone());
    let index = DynamoStatusIndex::new(client.clone(), table.clone(), config.index.clone(), schema.clone());
    let store: Arc<dyn PaymentStore> = Arc::new(DynamoPayments::new(client, table, schema));
    let queue: Arc<dyn MessageQueue> = Arc::new(SqsQueue::new(sdk, config.queue_url.clone()));
    let audit = audit(config.audit_bucket.as_ref(), &config.audit_prefix, environment, sdk);
    let queue = Some((queue, Arc::clone(&store)));
    Sweep::new(config, Arc::new(index), store, FollowUps { audit, queue })
}

fn audit(bucket: Option<&String>, prefix: &str, environment: &str, sdk: &SdkConfig) -> Option<Audit> {
    bucket.map(|bucket| Audit {
        bucket: Arc::new(S3Bucket::new(sdk, bucket.clone(), Verification::Checksum)),
        prefix: prefix.to_owned(),
        environment: environment.to_owned(),
    })
}

fn build_process_accounting(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = AccountingConfig::from_env(env)?;
    let client = aws_sdk_dynamodb::Client::new(sdk);
    let store = DynamoPayments::new(client, config.table.clone(), config.schema.clone());
    let topic = config
        .topic_arn
        .clone()
        .map(|arn| Arc::new(SnsTopic::new(sdk, arn)) as Arc<dyn AlertTopic>);
    let metrics = metrics(env, process_accounting::NAME);
    Ok(Arc::new(ProcessAccounting::new(
        config,
        Arc::new(store),
        topic,
        clock(),
        metrics,
    )))
}

fn build_notify_failures(env: &Env, sdk: &SdkConfig) -> Result<Arc<dyn Handler>, InitError> {
    let config = NotifierConfig::from_env(env)?;
    let topic = SnsTopic::new(sdk, config.topic_arn.clone());
    let archive = config
        .archive_bucket
        .clone()
        .map(|bucket| Arc::new(S3Bucket::new(sdk, bucket, Verification::Checksum)) as Arc<dyn ObjectStore>);
    let metrics = metrics(env, notify_failures::NAME);
    Ok(Arc::new(NotifyFailures::new(
        config,
        Arc::new(topic),
        archive,
        clock(),
        metrics,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_missing_handlers_are_named() {
        assert_eq!(
            find(&Env::default()).unwrap_err(),
            InitError::MissingVariable("_HANDLER".into())
        );
        let error = find(&Env::from_pairs([("_HANDLER", "nope")])).unwrap_err();
        assert!(error.to_string().contains("\"nope\"") && error.to_string().contains("webhook_validator"));
    }

    #[test]
    fn each_handler_names_its_first_missing_variable() {
        let sdk = SdkConfig::builder().build();
        let expected = [
            "AUTH_MODE",
            "EVENT_BUS_NAME",
            "DYNAMODB_TABLE",
            "DYNAMODB_TABLE",
            "AWS_REGION",
            "TABLE_NAME",
            "AWS_REGION",
            "TABLE_NAME",
            "SNS_TOPIC_ARN",
            "AWS_REGION",
        ];
        assert_eq!(HANDLERS.len(), expected.len());
        for (entry, variable) in HANDLERS.iter().zip(expected) {
            let error = (entry.build)(&Env::default(), &sdk).err();
            assert_eq!(
                error,
                Some(InitError::MissingVariable(variable.into())),
                "{}",
                entry.name
            );
        }
    }
}
