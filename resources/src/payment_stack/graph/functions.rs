//! The Lambda functions of one region; one role each, with what its handler does and nothing else.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tap_engine::Key;
use tap_plugin::Diagnostics;

use super::data::{self, Table};
use super::keys::{Purpose, READ, SEND, Use, WRITE, allow_use};
use super::names::in_account;
use super::queue::Queues;
use super::reconciler;
use super::site::Site;
use super::storage::Bucket;
use crate::composite::function::{Deployed, Plan, Vpc, deploy};
use crate::composite::iam::allow;
use crate::composite::parts::Function as Given;

/// Where the notifier copies to what it takes out of the dead-letter queue.
const FAILED: &str = "failed/";

/// Variables that are the stack's in any configuration, and those of the handlers that would change what the stack promises
/// (contract: `handlers/README.md`). Users' variables have other names, or the plan is refused.
pub(in crate::payment_stack) const STACK_VARIABLES: [&str; 36] = [
    "ARCHIVE_BUCKET",
    "ARCHIVE_PREFIX",
    "ATTRIBUTE_STYLE",
    "AUDIT_BUCKET",
    "AUDIT_PREFIX",
    "AUTH_MODE",
    "CONSISTENCY_MODE",
    "CORS_ALLOW_ORIGINS",
    "DETECT_CONFLICTS",
    "ENVIRONMENT",
    "FAILOVER_EVENT_BUS",
    "FAILOVER_EVENT_DETAIL_TYPE",
    "FAILOVER_EVENT_SOURCE",
    "HMAC_HEADER",
    "HMAC_SECRET_PARAMETER",
    "HMAC_TOLERANCE_SECONDS",
    "IDEMPOTENCY_TABLE",
    "IDEMPOTENCY_TTL_HOURS",
    "KEEP_IN_DLQ",
    "LOG_LEVEL",
    "MAX_PAYMENTS_PER_RUN",
    "MAX_RECEIVE_COUNT",
    "METRICS_NAMESPACE",
    "QUEUE_URL",
    "REQUIRED_FIELDS",
    "RESPONSE_MODE",
    "SNS_TOPIC_ARN",
    "STATUS_INDEX",
    "STATUS_SHARDS",
    "STUCK_AFTER_SECONDS",
    "TABLE_HASH_KEY",
    "TABLE_HASH_KEY_TYPE",
    "TABLE_NAME",
    "TABLE_RANGE_KEY",
    "TABLE_RANGE_KEY_TYPE",
    "TIMESTAMP_TYPE",
];

/// What the functions read and write besides the tables.
pub(super) struct Stores<'a> {
    pub(super) topic: &'a Key,
    bucket: Option<&'a Bucket>,
    pub(super) queue: Option<&'a Key>,
    dlq: Option<&'a Key>,
}

impl<'a> Stores<'a> {
    pub(super) fn of(topic: &'a Key, bucket: Option<&'a Bucket>, queues: &'a Queues) -> Self {
        Self {
            topic,
            bucket,
            queue: queues.payments.as_ref(),
            dlq: queues.dlq.as_ref(),
        }
    }
}

/// The region's functions.
#[derive(Debug, Default)]
pub(super) struct Functions {
    pub(super) processor: Option<Deployed>,
    pub(super) accounting: Option<Deployed>,
    pub(super) notifier: Option<Deployed>,
    pub(super) reconciler: Option<Deployed>,
}

impl Functions {
    /// All that there are, each with its handler's name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &Deployed)> {
        let named = [
            (&PROCESSOR, &self.processor),
            (&ACCOUNTING, &self.accounting),
            (&NOTIFIER, &self.notifier),
            (&RECONCILER, &self.reconciler),
        ];
        named
            .into_iter()
            .filter_map(|(job, function)| function.as_ref().map(|f| (job.handler, f)))
    }
}

/// Rights and variables of one function.
#[derive(Default)]
pub(super) struct Work {
    statements: Vec<Value>,
    environment: Map<String, Value>,
    /// What it does with the keys of the data that it touches.
    pub(super) uses: Vec<Use>,
    /// Services that its code calls.
    called: BTreeSet<&'static str>,
}

impl Work {
    /// A right that the code uses itself.
    pub(super) fn may(&mut self, actions: &[&'static str], resource: impl Into<Value>) {
        let services = actions.iter().filter_map(|action| action.split(':').next());
        self.called.extend(services);
        self.lent(actions, resource);
    }

    /// A right of the role that only others use, in their own network: Lambda, which polls queues and writes logs, and
    /// the services that decrypt with the caller's rights.
    pub(super) fn lent(&mut self, actions: &[&str], resource: impl Into<Value>) {
        self.statements.push(allow(actions, resource));
    }

    pub(super) fn var(&mut self, name: &str, value: impl Into<String>) {
        self.environment.insert(name.to_owned(), Value::String(value.into()));
    }
}

/// What a function is in every stack, whatever its configuration.
pub(super) struct Job {
    /// Second half of its components' keys.
    pub(super) key: &'static str,
    /// In the bundle.
    handler: &'static str,
    /// What it and its role are called in seed style and in prefixed style.
    pub(super) types: (&'static str, &'static str),
    description: &'static str,
}

pub(super) const PROCESSOR: Job = Job {
    key: "processor",
    handler: "payment_processor",
    types: ("process-payment", "processor"),
    description: "Takes payments: checks, stores exactly once, hands on",
};

pub(super) const ACCOUNTING: Job = Job {
    key: "accounting",
    handler: "process_accounting",
    types: ("process-accounting", "accounting"),
    description: "Accounts for queued payments",
};

pub(super) const NOTIFIER: Job = Job {
    key: "failure_notifier",
    handler: "notify_failures",
    types: ("notify-failures", "failure-notifier"),
    description: "Reports what ended in the dead-letter queue",
};

pub(super) const RECONCILER: Job = Job {
    key: "reconciler",
    handler: "payment_reconciler",
    types: ("reconcile-payments", "reconciler"),
    description: "Completes payments that are stuck, reports those that two regions have accepted",
};

pub(super) fn build(s: &mut Site<'_>, stores: &Stores<'_>) -> Result<Functions, Diagnostics> {
    let (p, names) = (s.p, s.names);
    let layers = layer(s)?;
    let mut functions = Functions::default();
    if p.processor.enabled {
        let (work, given) = (processor(s, stores), &p.processor.function);
        let deployed = function(s, &PROCESSOR, &names.processor, given, work, &layers)?;
        functions.processor = Some(deployed);
    }
    if p.has_queue() && p.accounting.enabled {
        let (work, given) = (accounting(s, stores), &p.accounting.function);
        let deployed = function(s, &ACCOUNTING, &names.accounting, given, work, &layers)?;
        functions.accounting = Some(deployed);
    }
    if p.has_queue() && p.failure_notifier.enabled {
        let (work, given) = (notifier(s, stores), &p.failure_notifier.function);
        let deployed = function(s, &NOTIFIER, &names.notifier, given, work, &layers)?;
        functions.notifier = Some(deployed);
    }
    if reconciler::is_here(s) {
        let (work, given) = (reconciler::work(s, stores), &p.reconciliation.function);
        let deployed = function(s, &RECONCILER, &names.reconciler, given, work, &layers)?;
        functions.reconciler = Some(deployed);
    }
    Ok(functions)
}

/// Deploys one; `name` is its name in AWS.
fn function(
    s: &mut Site<'_>,
    job: &Job,
    name: &str,
    given: &Given,
    work: Work,
    layers: &[String],
) -> Result<Deployed, Diagnostics> {
    s.called.extend(work.called);
    let variables = given.environment.iter().flatten();
    let mut environment: Map<String, Value> = variables
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    // The stack's own over them: authentication is not to be switched off by a variable.
    environment.extend(work.environment);
    environment.insert("METRICS_NAMESPACE".into(), namespace(s).into());
    let mut statements = work.statements;
    statements.extend(allow_use(s, &work.uses));
    let role_type = if s.b.shared.name_style == "prefixed" {
        job.types.1
    } else {
        job.types.0
    };
    // With the region, as roles are global and functions are not.
    let role_name = in_account(&s.b, &format!("iam_role.{}", job.key), None, role_type);
    let own_key = s.local(s.p.lambda_env_kms_key_arn.as_ref()).cloned();
    let environment_key_arn = own_key.or_else(|| s.keys.arn(Purpose::Lambda));
    let log_group_key_arn = s.keys.arn(Purpose::Logs);
    let vpc = vpc(s);
    let deployed = deploy(
        &mut s.b,
        Plan {
            role_name: &role_name,
            description: Some(job.description),
            memory_size: given.memory_size,
            timeout: given.timeout,
            reserved_concurrent_executions: given.reserved_concurrent_executions,
            environment: Value::Object(environment),
            environment_key_arn,
            statements,
            log_group_key_arn,
            vpc,
            layers: layers.to_vec(),
            ..Plan::new(job.key, name, job.handler)
        },
    )?;
    let output = format!("{}/{}", s.region(), job.key);
    s.member("lambda_function_names", &output, deployed.function.output("name"));
    s.member("lambda_function_arns", &output, deployed.function.arn());
    s.list("log_group_names", deployed.log_group.output("name"));
    Ok(deployed)
}

/// The namespace of the functions' own metrics.
pub(super) fn namespace(s: &Site<'_>) -> String {
    let usual = || format!("Payment/{}", s.b.shared.environment_suffix);
    s.p.metrics.namespace.clone().unwrap_or_else(usual)
}

/// Subnets are of one region: the stack-wide ones are the primary's.
pub(super) fn vpc(s: &Site<'_>) -> Option<Vpc> {
    let own = s.p.in_region(s.region());
    let shared = s.is_primary().then_some(&s.p.vpc);
    let subnet_ids = own
        .subnet_ids
        .or_else(|| shared.and_then(|vpc| vpc.subnet_ids.clone()))?;
    let groups = own.security_group_ids;
    let groups = groups.or_else(|| shared.and_then(|vpc| vpc.security_group_ids.clone()));
    Some(Vpc {
        subnet_ids,
        security_group_ids: groups.unwrap_or_default(),
    })
}

/// A layer, for users' own packages: the bundled handlers need none (N-29).
fn layer(s: &mut Site<'_>) -> Result<Vec<String>, Diagnostics> {
    let l = &s.p.layer;
    let Some(path) = l.zip_path.as_ref().filter(|_| l.enabled) else {
        return Ok(Vec::new());
    };
    let hash = crate::composite::hash::sha256_of_file(path).map_err(|error| {
        let path = tap_plugin::AttributePath::dotted("layer.zip_path");
        let error = tap_plugin::Diagnostic::error("The layer cannot be used", error.clone());
        Diagnostics::from(error.at(path))
    })?;
    let name = super::names::named(
        &s.b,
        "lambda_layer_version.common",
        l.name.as_ref(),
        "payment-common-libs",
    );
    let layer =
        s.b.component("lambda_layer_version", "common")
            .set("layer_name", name)
            .set("zip_path", path.as_str())
            .set("source_hash", hash)
            .set("compatible_architectures", json!([s.b.shared.lambda_architecture]));
    Ok(vec![s.b.add(layer).arn()])
}

/// How the table looks: what all that read or write payments have to know.
pub(super) fn table(s: &Site<'_>, work: &mut Work) -> Table {
    let t = &s.p.table;
    let table = data::payments(s);
    work.var("TABLE_NAME", table.name.as_str());
    work.var("TABLE_HASH_KEY", t.key_schema.hash_key.as_str());
    work.var("TABLE_HASH_KEY_TYPE", t.key_schema.hash_key_type.as_str());
    work.var("TABLE_RANGE_KEY", t.key_schema.range().unwrap_or("none"));
    work.var("TABLE_RANGE_KEY_TYPE", t.key_schema.range_key_type.as_str());
    work.var("TIMESTAMP_TYPE", timestamp_type(s));
    work.var("ATTRIBUTE_STYLE", t.attribute_style.as_str());
    work.var("STATUS_SHARDS", t.status_shards.to_string());
    work.uses.extend(Use::with(data::key(s), Purpose::Dynamodb, READ));
    table
}

/// The type of the timestamp attribute where keys or indexes have it: a value of another type would be
/// refused with every write (P-04).
fn timestamp_type<'s>(s: &'s Site<'_>) -> &'s str {
    let t = &s.p.table;
    let name = match t.attribute_style.as_str() {
        "pascal_case" => "Timestamp",
        _ => "timestamp",
    };
    let mut keys = vec![
        (t.key_schema.hash_key.as_str(), t.key_schema.hash_key_type.as_str()),
        (t.key_schema.range_key.as_str(), t.key_schema.range_key_type.as_str()),
    ];
    for index in &t.global_secondary_indexes {
        keys.push((index.hash_key.as_str(), index.hash_key_type.as_str()));
        keys.extend(
            index
                .range_key
                .as_deref()
                .map(|key| (key, index.range_key_type.as_str())),
        );
    }
    let found = keys.into_iter().find(|(key, _)| *key == name);
    found.map_or("S", |(_, of_type)| of_type)
}

fn processor(s: &Site<'_>, stores: &Stores<'_>) -> Work {
    let p = s.p;
    let mut work = Work::default();
    let payments = table(s, &mut work);
    let queued = p.processor.response_mode == "queue";
    work.may(&["dynamodb:PutItem"], payments.arn.as_str());
    if queued {
        work.may(&["dynamodb:GetItem"], payments.arn.as_str());
    }
    if let Some(guards) = data::guards(s) {
        work.may(&["dynamodb:PutItem", "dynamodb:GetItem"], guards.arn);
        work.var("IDEMPOTENCY_TABLE", guards.name);
        work.var("IDEMPOTENCY_TTL_HOURS", p.idempotency.ttl_hours.to_string());
    }
    work.var("CONSISTENCY_MODE", p.table.consistency_mode.as_str());
    work.var("RESPONSE_MODE", p.processor.response_mode.as_str());
    if let Some(queue) = stores.queue.filter(|_| queued) {
        work.may(&["sqs:SendMessage"], queue.arn());
        work.var("QUEUE_URL", queue.output("url"));
        work.uses
            .extend(Use::of(s, Purpose::Sqs, SEND).filter(|_| p.queue.sse == "kms"));
    }
    receipts(s, stores, &mut work);
    work.var("REQUIRED_FIELDS", p.processor.required_fields.join(","));
    if let Some(origins) = &p.api.cors.allow_origins {
        work.var("CORS_ALLOW_ORIGINS", origins.join(","));
    }
    failover(s, &mut work);
    authorization(s, &mut work);
    work
}

/// The audit record of a payment (P-21).
pub(super) fn receipts(s: &Site<'_>, stores: &Stores<'_>, work: &mut Work) {
    let a = &s.p.audit;
    let Some(bucket) = stores.bucket.filter(|_| a.enabled) else {
        return;
    };
    work.may(&["s3:PutObject"], format!("{}/{}*", bucket.key.arn(), a.prefix));
    work.var("AUDIT_BUCKET", bucket.key.output("name"));
    work.var("AUDIT_PREFIX", a.prefix.as_str());
    work.uses
        .extend(Use::of(s, Purpose::S3, WRITE).filter(|_| s.p.receipts_bucket.sse == "aws:kms"));
}

/// A payment that the region's table does not take goes to the standby region (P-16).
fn failover(s: &Site<'_>, work: &mut Work) {
    let e = &s.p.event_failover;
    if super::events::standby(s).is_none() {
        return;
    }
    let bus = s.b.key("event_bus", "failover");
    work.may(&["events:PutEvents"], bus.arn());
    work.var("FAILOVER_EVENT_BUS", bus.output("name"));
    work.var("FAILOVER_EVENT_SOURCE", e.source.as_str());
    work.var("FAILOVER_EVENT_DETAIL_TYPE", e.detail_type.as_str());
}

/// Signed requests: the handler checks them.
fn authorization(s: &Site<'_>, work: &mut Work) {
    let a = &s.p.api;
    work.var("AUTH_MODE", a.authorization.as_str());
    let Some(parameter) = super::parameters::hmac_secrets(s) else {
        return;
    };
    work.var("HMAC_SECRET_PARAMETER", parameter.name.as_str());
    work.var("HMAC_HEADER", a.hmac.header.as_str());
    work.var("HMAC_TOLERANCE_SECONDS", a.hmac.tolerance_seconds.to_string());
    work.may(&["ssm:GetParameter"], parameter.arn);
    if let Some(key) = s.local(a.hmac.kms_key_arn.as_ref()) {
        work.lent(&["kms:Decrypt"], key.as_str());
    } else if parameter.ours {
        work.uses.extend(Use::of(s, Purpose::Ssm, READ));
    }
}

/// What a mapping does with its function's role
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
const CONSUME: [&str; 3] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];

fn accounting(s: &Site<'_>, stores: &Stores<'_>) -> Work {
    let mut work = Work::default();
    let payments = table(s, &mut work);
    work.may(&["dynamodb:UpdateItem"], payments.arn);
    if let Some(queue) = stores.queue {
        work.lent(&CONSUME, queue.arn());
        work.uses
            .extend(Use::of(s, Purpose::Sqs, READ).filter(|_| s.p.queue.sse == "kms"));
    }
    publish(s, stores, &mut work);
    work
}

fn notifier(s: &Site<'_>, stores: &Stores<'_>) -> Work {
    let mut work = Work::default();
    if let Some(queue) = stores.dlq {
        work.lent(&CONSUME, queue.arn());
        work.uses
            .extend(Use::of(s, Purpose::Sqs, READ).filter(|_| s.p.queue.sse == "kms"));
    }
    let mode = match (s.p.failure_notifier.keep_in_dlq, stores.bucket) {
        (true, _) => "retain",
        (false, None) => "delete",
        (false, Some(bucket)) => {
            work.may(&["s3:PutObject"], format!("{}/{FAILED}*", bucket.key.arn()));
            work.var("ARCHIVE_BUCKET", bucket.key.output("name"));
            work.var("ARCHIVE_PREFIX", FAILED);
            work.uses
                .extend(Use::of(s, Purpose::S3, WRITE).filter(|_| s.p.receipts_bucket.sse == "aws:kms"));
            "archive"
        }
    };
    work.var("KEEP_IN_DLQ", mode);
    publish(s, stores, &mut work);
    work
}

fn publish(s: &Site<'_>, stores: &Stores<'_>, work: &mut Work) {
    work.may(&["sns:Publish"], stores.topic.arn());
    work.var("SNS_TOPIC_ARN", stores.topic.arn());
    work.var("MAX_RECEIVE_COUNT", s.p.queue.max_receive_count.to_string());
    work.uses
        .extend(Use::of(s, Purpose::Sns, SEND).filter(|_| s.p.topics.notifications.kms_enabled));
}
