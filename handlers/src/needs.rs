//! Which IAM actions each handler needs, on what, as data: for the policies of the stacks and their tests
//! (REQUIREMENTS 9.2 item 10; N-35, P-09, P-11, W-39).
//!
//! Resources are named by the environment variable that names them, so that a policy can be checked against the very
//! function it belongs to. `tests/bootstrap/needs.rs` runs the real binary and compares its calls with this table, both
//! ways. Not in here: the log group (`logs:CreateLogStream`, `logs:PutLogEvents`) and X-Ray, which are Lambda's own and the
//! same for all, and KMS, see [`key_actions`].

use crate::{
    fraud_detector, health, notify_failures, outbox_publisher, payment_metrics, payment_processor, payment_reconciler,
    process_accounting, transaction_archival, webhook_validator,
};

/// What an action is needed on. The text is the environment variable that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// The table, queue, topic, bus, function, state machine or parameter that the variable names.
    Variable(&'static str),
    /// An index of a table.
    Index {
        /// Names the table.
        table: &'static str,
        /// Names the index.
        index: &'static str,
    },
    /// Objects of a bucket below a prefix. The prefix's default is in `README.md`.
    Objects {
        /// Names the bucket.
        bucket: &'static str,
        /// The start of the keys.
        prefix: Prefix,
    },
    /// The queue or stream whose event source mapping invokes the function; Lambda makes these calls with its role.
    EventSource,
    /// The function itself.
    Itself,
    /// `*`, with the condition that `cloudwatch:namespace` is the variable's value: the action knows no resources.
    Namespace(&'static str),
}

/// The start of object keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// Always the same.
    Fixed(&'static str),
    /// The variable's value, or the default.
    Variable(&'static str, &'static str),
}

/// When an action is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// The variable is set.
    Set(&'static str),
    /// The variable is not set.
    Unset(&'static str),
    /// The variable has this value; `true` if that is its default too.
    Is(&'static str, &'static str, bool),
    /// The variable has another value; `true` if its default is another value too.
    IsNot(&'static str, &'static str, bool),
    /// `KEEP_IN_DLQ` is `archive`, which is the default where there is a bucket.
    Archiving,
}

/// One action on one kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Need {
    /// The IAM action.
    pub action: &'static str,
    /// What it is needed on.
    pub on: On,
}

type Row = (&'static str, On, When);

const TABLE: On = On::Variable("TABLE_NAME");
const PIPELINE_TABLE: On = On::Variable("DYNAMODB_TABLE");
const GUARDS: On = On::Variable("IDEMPOTENCY_TABLE");
const TOPIC: On = On::Variable("SNS_TOPIC_ARN");
const ARCHIVE_OBJECTS: On = On::Objects {
    bucket: "S3_BUCKET",
    prefix: Prefix::Variable("ARCHIVE_PREFIX", "transactions"),
};

const HMAC_SECRET: Row = (
    "ssm:GetParameter",
    On::Variable("HMAC_SECRET_PARAMETER"),
    When::Is("AUTH_MODE", "hmac", false),
);

const WEBHOOK_VALIDATOR: &[Row] = &[
    ("dynamodb:PutItem", PIPELINE_TABLE, When::Always),
    ("dynamodb:PutItem", GUARDS, When::Always),
    ("dynamodb:GetItem", GUARDS, When::Always),
    HMAC_SECRET,
];

const OUTBOX_PUBLISHER: &[Row] = &[
    ("dynamodb:DescribeStream", On::EventSource, When::Always),
    ("dynamodb:GetRecords", On::EventSource, When::Always),
    ("dynamodb:GetShardIterator", On::EventSource, When::Always),
    ("dynamodb:ListStreams", On::EventSource, When::Always),
    ("events:PutEvents", On::Variable("EVENT_BUS_NAME"), When::Always),
    (
        "states:StartExecution",
        On::Variable("STATE_MACHINE_ARN"),
        When::Is("WORKFLOW_TRIGGER", "all", false),
    ),
    (
        "s3:PutObject",
        On::Objects {
            bucket: "AUDIT_BUCKET",
            prefix: Prefix::Fixed("audit/"),
        },
        When::Set("AUDIT_BUCKET"),
    ),
];

const FRAUD_DETECTOR: &[Row] = &[
    ("dynamodb:UpdateItem", PIPELINE_TABLE, When::Always),
    ("sns:Publish", TOPIC, When::Always),
    (
        "lambda:InvokeFunction",
        On::Variable("SCORER_ARN"),
        When::Is("SCORER", "external_lambda", false),
    ),
];

const TRANSACTION_ARCHIVAL: &[Row] = &[
    (
        "dynamodb:Query",
        On::Index {
            table: "DYNAMODB_TABLE",
            index: "ARCHIVE_INDEX",
        },
        When::Always,
    ),
    ("dynamodb:BatchGetItem", PIPELINE_TABLE, When::Always),
    (
        "dynamodb:DeleteItem",
        PIPELINE_TABLE,
        When::Is("DELETE_AFTER_ARCHIVE", "true", true),
    ),
    (
        "dynamodb:UpdateItem",
        PIPELINE_TABLE,
        When::IsNot("DELETE_AFTER_ARCHIVE", "true", false),
    ),
    ("s3:PutObject", ARCHIVE_OBJECTS, When::Always),
    ("s3:GetObject", ARCHIVE_OBJECTS, When::Always),
    ("lambda:InvokeFunction", On::Itself, When::Unset("CONTINUE_FUNCTION")),
    (
        "lambda:InvokeFunction",
        On::Variable("CONTINUE_FUNCTION"),
        When::Set("CONTINUE_FUNCTION"),
    ),
];

const PAYMENT_METRICS: &[Row] = &[(
    "cloudwatch:PutMetricData",
    On::Namespace("METRICS_NAMESPACE"),
    When::Is("METRICS_MODE", "put_metric_data", false),
)];

const PAYMENT_PROCESSOR: &[Row] = &[
    HMAC_SECRET,
    ("dynamodb:PutItem", TABLE, When::Always),
    ("dynamodb:GetItem", TABLE, When::Is("RESPONSE_MODE", "queue", false)),
    ("dynamodb:PutItem", GUARDS, When::Set("IDEMPOTENCY_TABLE")),
    ("dynamodb:GetItem", GUARDS, When::Set("IDEMPOTENCY_TABLE")),
    (
        "sqs:SendMessage",
        On::Variable("QUEUE_URL"),
        When::Is("RESPONSE_MODE", "queue", false),
    ),
    (
        "s3:PutObject",
        On::Objects {
            bucket: "AUDIT_BUCKET",
            prefix: Prefix::Variable("AUDIT_PREFIX", "audit/"),
        },
        When::Set("AUDIT_BUCKET"),
    ),
    (
        "events:PutEvents",
        On::Variable("FAILOVER_EVENT_BUS"),
        When::Set("FAILOVER_EVENT_BUS"),
    ),
];

const DETECTING: When = When::Is("DETECT_CONFLICTS", "true", false);
const SWEEPING: When = When::Set("QUEUE_URL");

const PAYMENT_RECONCILER: &[Row] = &[
    ("dynamodb:DescribeStream", On::EventSource, DETECTING),
    ("dynamodb:GetRecords", On::EventSource, DETECTING),
    ("dynamodb:GetShardIterator", On::EventSource, DETECTING),
    ("dynamodb:ListStreams", On::EventSource, DETECTING),
    (
        "dynamodb:Query",
        On::Index {
            table: "TABLE_NAME",
            index: "STATUS_INDEX",
        },
        SWEEPING,
    ),
    ("dynamodb:GetItem", TABLE, SWEEPING),
    ("dynamodb:UpdateItem", TABLE, SWEEPING),
    ("sqs:SendMessage", On::Variable("QUEUE_URL"), SWEEPING),
    (
        "s3:PutObject",
        On::Objects {
            bucket: "AUDIT_BUCKET",
            prefix: Prefix::Variable("AUDIT_PREFIX", "audit/"),
        },
        When::Set("AUDIT_BUCKET"),
    ),
];

const PROCESS_ACCOUNTING: &[Row] = &[
    ("sqs:ReceiveMessage", On::EventSource, When::Always),
    ("sqs:DeleteMessage", On::EventSource, When::Always),
    ("sqs:GetQueueAttributes", On::EventSource, When::Always),
    ("dynamodb:UpdateItem", TABLE, When::Always),
    ("sns:Publish", TOPIC, When::Set("SNS_TOPIC_ARN")),
];

const NOTIFY_FAILURES: &[Row] = &[
    ("sqs:ReceiveMessage", On::EventSource, When::Always),
    ("sqs:DeleteMessage", On::EventSource, When::Always),
    ("sqs:GetQueueAttributes", On::EventSource, When::Always),
    ("sns:Publish", TOPIC, When::Always),
    (
        "s3:PutObject",
        On::Objects {
            bucket: "ARCHIVE_BUCKET",
            prefix: Prefix::Variable("ARCHIVE_PREFIX", "dlq/"),
        },
        When::Archiving,
    ),
];

/// What the handler needs with this environment (empty values count as absent); `None` for a name that is no handler.
pub fn needs<'e>(handler: &str, environment: impl Fn(&str) -> Option<&'e str>) -> Option<Vec<Need>> {
    let rows = match handler {
        webhook_validator::NAME => WEBHOOK_VALIDATOR,
        outbox_publisher::NAME => OUTBOX_PUBLISHER,
        fraud_detector::NAME => FRAUD_DETECTOR,
        transaction_archival::NAME => TRANSACTION_ARCHIVAL,
        payment_metrics::NAME => PAYMENT_METRICS,
        payment_processor::NAME => PAYMENT_PROCESSOR,
        payment_reconciler::NAME => PAYMENT_RECONCILER,
        process_accounting::NAME => PROCESS_ACCOUNTING,
        notify_failures::NAME => NOTIFY_FAILURES,
        health::NAME => &[],
        _ => return None,
    };
    let value = |name: &str| environment(name).filter(|v| !v.trim().is_empty());
    let applies = |when: When| match when {
        When::Always => true,
        When::Set(name) => value(name).is_some(),
        When::Unset(name) => value(name).is_none(),
        When::Is(name, wanted, default) => value(name).map_or(default, |v| v == wanted),
        When::IsNot(name, unwanted, default) => value(name).map_or(default, |v| v != unwanted),
        When::Archiving => match value("KEEP_IN_DLQ") {
            Some(mode) => mode == "archive",
            None => value("ARCHIVE_BUCKET").is_some(),
        },
    };
    let applicable = rows.iter().filter(|(_, _, when)| applies(*when));
    Some(applicable.map(|(action, on, _)| Need { action, on: *on }).collect())
}

/// Actions on the customer's key that protects a resource, for an action on that resource. `DynamoDB` decrypts the
/// table's key on the caller's behalf; a bus's events are encrypted by `EventBridge` itself.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>,
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html>
pub fn key_actions(action: &str) -> &'static [&'static str] {
    match action {
        "s3:PutObject" => &["kms:GenerateDataKey"],
        "s3:GetObject" | "sqs:ReceiveMessage" | "ssm:GetParameter" => &["kms:Decrypt"],
        _ if action.starts_with("dynamodb:") => &["kms:Decrypt"],
        "sqs:SendMessage" | "sns:Publish" => &["kms:Decrypt", "kms:GenerateDataKey"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::HANDLERS;

    fn actions(handler: &str, environment: &[(&str, &'static str)]) -> Vec<&'static str> {
        let value = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let mut actions: Vec<_> = needs(handler, value).unwrap().iter().map(|n| n.action).collect();
        actions.sort_unstable();
        actions
    }

    #[test]
    fn every_handler_is_listed() {
        for entry in HANDLERS {
            assert!(needs(entry.name, |_| None).is_some(), "{}", entry.name);
        }
        assert_eq!(needs("nope", |_| None), None);
    }

    /// 9.2 item 10: the validator can neither scan nor delete, the processor cannot publish.
    #[test]
    fn nobody_gets_more_than_the_job_takes() {
        let everything = [
            ("AUTH_MODE", "hmac"),
            ("IDEMPOTENCY_TABLE", "g"),
            ("RESPONSE_MODE", "queue"),
            ("AUDIT_BUCKET", "b"),
            ("SNS_TOPIC_ARN", "t"),
        ];
        for handler in [webhook_validator::NAME, payment_processor::NAME] {
            let actions = actions(handler, &everything);
            for banned in [
                "dynamodb:Scan",
                "dynamodb:DeleteItem",
                "dynamodb:UpdateItem",
                "sns:Publish",
            ] {
                assert!(!actions.contains(&banned), "{handler}: {banned}");
            }
        }
        for entry in HANDLERS {
            assert!(
                actions(entry.name, &everything)
                    .iter()
                    .all(|a| !a.contains('*') && !a.ends_with(":Scan"))
            );
        }
    }

    #[test]
    fn the_environment_decides() {
        assert_eq!(actions(payment_metrics::NAME, &[]), [""; 0]);
        assert_eq!(
            actions(payment_metrics::NAME, &[("METRICS_MODE", "put_metric_data")]),
            ["cloudwatch:PutMetricData"]
        );
        assert_eq!(
            actions(payment_processor::NAME, &[("IDEMPOTENCY_TABLE", "")]),
            ["dynamodb:PutItem"]
        );
        let archives = |env: &[(&str, &'static str)]| actions(notify_failures::NAME, env).contains(&"s3:PutObject");
        assert!(archives(&[("ARCHIVE_BUCKET", "b")]) && !archives(&[]));
        assert!(!archives(&[("ARCHIVE_BUCKET", "b"), ("KEEP_IN_DLQ", "delete")]));
        let archival = |env: &[(&str, &'static str)]| actions(transaction_archival::NAME, env);
        assert!(archival(&[]).contains(&"dynamodb:DeleteItem") && !archival(&[]).contains(&"dynamodb:UpdateItem"));
        let kept = archival(&[("DELETE_AFTER_ARCHIVE", "false")]);
        assert!(kept.contains(&"dynamodb:UpdateItem") && !kept.contains(&"dynamodb:DeleteItem"));
    }
}
