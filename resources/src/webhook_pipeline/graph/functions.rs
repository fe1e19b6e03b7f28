//! The Lambda functions: what each may do and is told; one role each (W-39).

use serde_json::{Value, json};
use tap_engine::Key;
use tap_plugin::Diagnostics;

use super::data::{Data, Stores};
use super::{Encryption, STATUS_INDEX, Stack};
use crate::composite::function::{self, Deployed, Package, Plan, Repository};
use crate::composite::iam::allow;
use crate::composite::json_map;
use crate::composite::parts::Function as Settings;

/// Names, known before anything else is built: policies speak of them.
pub(super) struct FunctionNames {
    validator: String,
    publisher: String,
    fraud: String,
    archival: String,
}

/// All of them.
pub(super) struct Functions {
    pub(super) validator: Deployed,
    pub(super) publisher: Deployed,
    pub(super) fraud: Deployed,
    pub(super) archival: Deployed,
    pub(super) namespace: String,
}

pub(super) fn names(s: &Stack<'_>) -> FunctionNames {
    let f = &s.p.functions;
    let name = |key: &str, function: &Settings, of_type| {
        s.b.name(&format!("lambda_function.{key}"), function.name.as_ref(), of_type)
    };
    FunctionNames {
        validator: name("validator", &f.validator, "webhook-validator"),
        publisher: name("publisher", &f.publisher, "outbox-publisher"),
        fraud: name("fraud", &f.fraud, "fraud-detector"),
        archival: name("archival", &f.archival, "transaction-archival"),
    }
}

impl FunctionNames {
    /// Names of all log groups of the stack, for the key's policy.
    pub(super) fn log_groups(&self, s: &Stack<'_>) -> Vec<String> {
        let functions =
            [&self.validator, &self.publisher, &self.fraud, &self.archival].map(|name| format!("/aws/lambda/{name}"));
        let mut groups = functions.to_vec();
        groups.push(super::api::access_log_group(s));
        groups.push(super::workflow::log_group_name(s));
        if s.p.routing.low_value_target == "log" {
            groups.push(format!("/aws/events/{}", s.b.styled("low-value-transactions")));
        }
        if s.p.api.waf.enabled && s.p.api.waf.logging {
            groups.push(super::api::waf_log_group(s));
        }
        groups
    }
}

/// A log group of the stack.
pub(super) fn log_group(s: &mut Stack<'_>, encryption: &Encryption, key: &str, name: &str) -> Key {
    function::log_group(&mut s.b, key, name, encryption.arn_if(true))
}

/// What one function does not share with the others.
struct Own<'a> {
    key: &'static str,
    handler: &'static str,
    name: &'a str,
    settings: &'a Settings,
    statements: Vec<Value>,
    environment: Value,
    dead_letters: Option<&'a Key>,
}

pub(super) fn build(
    s: &mut Stack<'_>,
    data: &Data,
    stores: &Stores,
    names: &FunctionNames,
) -> Result<Functions, Diagnostics> {
    let f = s.p.functions.clone();
    let namespace = format!("WebhookPipeline/{}", s.b.shared.environment_suffix);
    let all = [
        Own {
            key: "validator",
            handler: "webhook_validator",
            name: &names.validator,
            settings: &f.validator,
            statements: validator_rights(s, data),
            environment: validator_environment(s, data),
            dead_letters: None,
        },
        Own {
            key: "publisher",
            handler: "outbox_publisher",
            name: &names.publisher,
            settings: &f.publisher,
            statements: publisher_rights(s, data, stores),
            environment: publisher_environment(s, data),
            dead_letters: None,
        },
        Own {
            key: "fraud",
            handler: "fraud_detector",
            name: &names.fraud,
            settings: &f.fraud,
            statements: fraud_rights(s, data, stores),
            environment: fraud_environment(s, data, stores),
            dead_letters: None,
        },
        Own {
            key: "archival",
            handler: "transaction_archival",
            name: &names.archival,
            settings: &f.archival,
            statements: archival_rights(s, data, &names.archival),
            environment: archival_environment(s, data, &names.archival),
            dead_letters: Some(&stores.dlq),
        },
    ];
    let mut built = Vec::new();
    for own in all {
        built.push(deployed(s, data, own, &namespace)?);
    }
    let [validator, publisher, fraud, archival] =
        <[Deployed; 4]>::try_from(built).unwrap_or_else(|_| unreachable!("four functions"));
    stream(s, data, stores, &publisher);
    let functions = Functions {
        validator,
        publisher,
        fraud,
        archival,
        namespace,
    };
    outputs(s, &functions);
    Ok(functions)
}

fn outputs(s: &mut Stack<'_>, functions: &Functions) {
    let named = [
        ("validator", &functions.validator),
        ("publisher", &functions.publisher),
        ("fraud", &functions.fraud),
        ("archival", &functions.archival),
    ];
    s.outputs("function_names", named.map(|(k, f)| (k, f.function.output("name"))));
    s.outputs("function_arns", named.map(|(k, f)| (k, f.arn())));
    let repositories: Vec<(&str, String)> = named
        .iter()
        .filter_map(|(k, f)| Some((*k, f.repository.as_ref()?.output("url"))))
        .collect();
    if !repositories.is_empty() {
        s.outputs("ecr_repository_urls", repositories);
    }
}

fn deployed(s: &mut Stack<'_>, data: &Data, own: Own<'_>, namespace: &str) -> Result<Deployed, Diagnostics> {
    let mut statements = own.statements;
    statements.extend(data.encryption.allow_use());
    let role_name = s.p.role_names.as_ref().and_then(|r| r.get(own.key));
    let default_name = own.name.to_owned();
    let role_name =
        s.b.name(&format!("iam_role.{}", own.key), role_name.or(Some(&default_name)), "");
    let mut environment = own.environment;
    let common = [
        ("METRICS_NAMESPACE", namespace),
        ("TABLE_HASH_KEY", &s.p.table.hash_key),
        ("TABLE_RANGE_KEY", &s.p.table.range_key),
    ];
    for (name, value) in common {
        environment[name] = value.into();
    }
    let ecr = &s.p.ecr;
    let repository = Repository {
        image_tag_mutability: ecr.image_tag_mutability.clone(),
        scan_on_push: ecr.scan_on_push,
        force_delete: ecr.force_delete,
        keep_last_images: ecr.keep_last_images,
    };
    let package = if s.p.package_type == "Image" {
        Package::Image(&repository)
    } else {
        Package::Zip
    };
    let plan = Plan {
        role_name: &role_name,
        memory_size: own.settings.memory_size,
        timeout: own.settings.timeout,
        reserved_concurrent_executions: own.settings.reserved_concurrent_executions,
        environment,
        statements,
        dead_letter_arn: own.dead_letters.map(Key::arn),
        log_group_key_arn: data.encryption.0.clone(),
        package,
        ..Plan::new(own.key, own.name, own.handler)
    };
    function::deploy(&mut s.b, plan)
}

fn validator_rights(s: &Stack<'_>, data: &Data) -> Vec<Value> {
    let mut statements = vec![
        allow(&["dynamodb:PutItem"], json!([data.table.arn(), data.idempotency.arn()])),
        allow(&["dynamodb:GetItem"], data.idempotency.arn()),
    ];
    let hmac = &s.p.api.hmac;
    if let Some(parameter) = hmac
        .secret_ssm_parameter
        .as_ref()
        .filter(|_| s.p.api.authorization == "hmac")
    {
        let arn =
            s.b.arn("ssm", &format!("parameter/{}", parameter.trim_start_matches('/')));
        statements.push(allow(&["ssm:GetParameter"], arn));
        statements.extend(
            hmac.kms_key_arn
                .as_ref()
                .map(|key| allow(&["kms:Decrypt"], key.as_str())),
        );
    }
    statements
}

fn validator_environment(s: &Stack<'_>, data: &Data) -> Value {
    let api = &s.p.api;
    let mut environment = json!({
        "DYNAMODB_TABLE": data.table.output("name"),
        "IDEMPOTENCY_TABLE": data.idempotency.output("name"),
        "IDEMPOTENCY_TTL_HOURS": s.p.idempotency.ttl_hours.to_string(),
        "AUTH_MODE": api.authorization,
    });
    if let Some(parameter) = api
        .hmac
        .secret_ssm_parameter
        .as_ref()
        .filter(|_| api.authorization == "hmac")
    {
        environment["HMAC_SECRET_PARAMETER"] = parameter.as_str().into();
        environment["HMAC_HEADER"] = api.hmac.header.as_str().into();
        environment["HMAC_TOLERANCE_SECONDS"] = api.hmac.tolerance_seconds.to_string().into();
    }
    if let Some(origins) = &api.cors.allow_origins {
        environment["CORS_ALLOW_ORIGINS"] = origins.join(",").into();
    }
    environment
}

fn publisher_rights(s: &Stack<'_>, data: &Data, stores: &Stores) -> Vec<Value> {
    let stream = format!("{}/stream/*", data.table.arn());
    let mut statements = vec![
        allow(
            &[
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
            ],
            stream.as_str(),
        ),
        // ListStreams takes no resource but the table's streams: service authorization reference.
        allow(&["dynamodb:ListStreams"], stream),
        allow(&["events:PutEvents"], data.bus.arn()),
        allow(&["sqs:SendMessage"], stores.dlq.arn()),
    ];
    if s.p.audit_bucket.audit_on_receipt {
        statements.push(allow(&["s3:PutObject"], format!("{}/audit/*", data.bucket.arn())));
    }
    if s.p.routing.workflow_trigger == "all" {
        statements.push(allow(
            &["states:StartExecution"],
            s.b.arn("states", &format!("stateMachine:{}", super::workflow::name(s))),
        ));
    }
    statements
}

fn publisher_environment(s: &Stack<'_>, data: &Data) -> Value {
    let mut environment = json!({
        "EVENT_BUS_NAME": data.bus.output("name"),
        "WORKFLOW_TRIGGER": s.p.routing.workflow_trigger,
    });
    if s.p.audit_bucket.audit_on_receipt {
        environment["AUDIT_BUCKET"] = data.bucket.output("name").into();
    }
    if s.p.routing.workflow_trigger == "all" {
        // By name: the state machine comes after the functions that it calls. The real account, never `*` (W-03).
        environment["STATE_MACHINE_ARN"] =
            s.b.arn("states", &format!("stateMachine:{}", super::workflow::name(s)))
                .into();
    }
    environment
}

fn fraud_rights(s: &Stack<'_>, data: &Data, stores: &Stores) -> Vec<Value> {
    let mut statements = vec![
        allow(&["dynamodb:UpdateItem"], data.table.arn()),
        allow(&["sns:Publish"], stores.topics.fraud.arn()),
    ];
    statements.extend(
        s.p.fraud
            .scorer_arn
            .as_ref()
            .map(|arn| allow(&["lambda:InvokeFunction"], arn.as_str())),
    );
    statements
}

fn fraud_environment(s: &Stack<'_>, data: &Data, stores: &Stores) -> Value {
    let f = &s.p.fraud;
    let mut environment = json_map([
        ("DYNAMODB_TABLE", data.table.output("name")),
        ("SNS_TOPIC_ARN", stores.topics.fraud.arn()),
        ("FRAUD_AMOUNT_RISK_THRESHOLD", f.amount_risk_threshold.to_string()),
        ("FRAUD_AMOUNT_RISK_WEIGHT", f.amount_risk_weight.to_string()),
        ("FRAUD_MODEL_WEIGHT_MAX", f.model_weight_max.to_string()),
        ("FRAUD_HIGH_RISK_THRESHOLD", f.high_risk_threshold.to_string()),
        ("FRAUD_MEDIUM_RISK_THRESHOLD", f.medium_risk_threshold.to_string()),
        ("SCORER", f.scorer.clone()),
    ]);
    if let Some(thresholds) = f.currency_thresholds.as_ref().filter(|t| !t.is_empty()) {
        environment["FRAUD_CURRENCY_THRESHOLDS"] = json!(thresholds).to_string().into();
    }
    if let Some(arn) = &f.scorer_arn {
        environment["SCORER_ARN"] = arn.as_str().into();
    }
    environment
}

fn archival_rights(s: &Stack<'_>, data: &Data, own_name: &str) -> Vec<Value> {
    let a = &s.p.archival;
    let finish = if a.delete_after_archive {
        "dynamodb:DeleteItem"
    } else {
        "dynamodb:UpdateItem"
    };
    vec![
        allow(
            &["dynamodb:Query"],
            format!("{}/index/{STATUS_INDEX}", data.table.arn()),
        ),
        allow(&["dynamodb:BatchGetItem", finish], data.table.arn()),
        allow(
            &["s3:PutObject", "s3:GetObject"],
            format!("{}/{}/*", data.bucket.arn(), a.partition_prefix.trim_matches('/')),
        ),
        // The function goes on by calling itself.
        allow(
            &["lambda:InvokeFunction"],
            function::live_arn(&s.b, "archival", own_name),
        ),
    ]
}

fn archival_environment(s: &Stack<'_>, data: &Data, own_name: &str) -> Value {
    let a = &s.p.archival;
    json_map([
        ("DYNAMODB_TABLE", data.table.output("name")),
        ("S3_BUCKET", data.bucket.output("name")),
        ("ARCHIVE_MIN_AGE_HOURS", a.min_age_hours.to_string()),
        ("ARCHIVE_STATUSES", a.statuses.join(",")),
        ("ARCHIVE_INDEX", STATUS_INDEX.to_owned()),
        ("PAGE_LIMIT", a.page_limit.to_string()),
        ("ARCHIVE_PREFIX", a.partition_prefix.clone()),
        ("ARCHIVE_FORMAT", a.file_format.clone()),
        ("DELETE_AFTER_ARCHIVE", a.delete_after_archive.to_string()),
        ("CONTINUE_FUNCTION", function::live_arn(&s.b, "archival", own_name)),
    ])
}

/// The outbox: the table's stream, from the first record on, in order, nothing dropped silently.
fn stream(s: &mut Stack<'_>, data: &Data, stores: &Stores, publisher: &Deployed) {
    let mapping =
        s.b.component("lambda_event_source_mapping", "outbox")
            .set("event_source_arn", data.table.output("stream_arn"))
            .set("function_name", publisher.arn())
            .set("starting_position", "TRIM_HORIZON")
            .set("batch_size", 100)
            .set("maximum_retry_attempts", 100)
            .set("bisect_batch_on_function_error", true)
            .set("function_response_types", json!(["ReportBatchItemFailures"]))
            .set("filter_criteria", json!([{"eventName": ["INSERT"]}]))
            .set("destination_on_failure", stores.dlq.arn());
    s.b.add(mapping);
}
