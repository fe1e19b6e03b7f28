//! Where data rests: table, audit bucket, queues, topics.

use tap_plugin::{Attribute, Attributes, Validator, validators as check};

use crate::composite::build::{all, choice, group, opt_whole, replaces_object, switch, text, text_or, texts, whole};

pub(super) fn attributes() -> Attributes {
    all([
        ("table", group(table(), "The DynamoDB table of transactions.")),
        (
            "idempotency",
            group(
                idempotency(),
                "The table of guard records that make each webhook count once.",
            ),
        ),
        (
            "audit_bucket",
            group(
                audit_bucket(),
                "The S3 bucket of audit records and archived transactions.",
            ),
        ),
        ("alerts_topic", group(alerts_topic(), "The SNS topics.")),
        (
            "dlq",
            group(dlq(), "The dead-letter queue of events, stream records and schedules."),
        ),
        (
            "low_value_queue",
            group(
                low_value_queue(),
                "The queue that low-value transactions wait in for batch processing.",
            ),
        ),
    ])
}

/// A key attribute of the table.
fn key(default: &str, description: &str) -> Attribute {
    replaces_object(text_or(default, description).validate(check::length_between(1, 255)))
}

/// What DynamoDB takes as the name of a table or an index.
fn dynamodb_name() -> impl Validator + 'static {
    check::matches("^[A-Za-z0-9_.-]{3,255}$", "3 to 255 letters, digits, `_`, `.` and `-`")
}

fn table() -> Attributes {
    let recovery = all([
        ("enabled", switch(true, "Point-in-time recovery.")),
        (
            "recovery_period_in_days",
            whole(35, 1, 35, "Days back that the table can be restored to."),
        ),
    ]);
    let index = all([
        (
            "name",
            Attribute::string()
                .required()
                .description("Name of the index.")
                .validate(dynamodb_name()),
        ),
        (
            "hash_key",
            Attribute::string().required().description("Partition key attribute."),
        ),
        ("hash_key_type", choice(&["S", "N"], "Type of the partition key.")),
        ("range_key", text("Sort key attribute.")),
        ("range_key_type", choice(&["S", "N"], "Type of the sort key.")),
        (
            "projection_type",
            choice(&["ALL", "KEYS_ONLY", "INCLUDE"], "Attributes copied into the index."),
        ),
        ("non_key_attributes", texts("Attributes copied with `INCLUDE`.")),
    ]);
    all([
        (
            "name",
            replaces_object(text("Name. Default: `transactions-<suffix>`.")).validate(dynamodb_name()),
        ),
        ("hash_key", key("transaction_id", "Partition key attribute, a string.")),
        (
            "range_key",
            key(
                "timestamp",
                "Sort key attribute, a string that holds an RFC 3339 time in UTC.",
            ),
        ),
        (
            "billing_mode",
            choice(&["PAY_PER_REQUEST", "PROVISIONED"], "How capacity is paid for."),
        ),
        (
            "read_capacity",
            opt_whole(1, 40000, "Read capacity units; required with `PROVISIONED`."),
        ),
        (
            "write_capacity",
            opt_whole(1, 40000, "Write capacity units; required with `PROVISIONED`."),
        ),
        ("point_in_time_recovery", group(recovery, "Continuous backups.")),
        (
            "kms_enabled",
            switch(true, "Encrypt with the stack's key; otherwise with the one AWS owns."),
        ),
        (
            "stream_view_type",
            choice(
                &["NEW_IMAGE", "NEW_AND_OLD_IMAGES"],
                "What the table's stream carries. The outbox needs the new image.",
            ),
        ),
        (
            "ttl_attribute",
            text("Attribute with the epoch second at which DynamoDB deletes the item."),
        ),
        (
            "global_secondary_indexes",
            Attribute::list_of(index)
                .optional()
                .description("Indexes besides `status-timestamp`, which the archival needs and which is always there."),
        ),
    ])
}

fn idempotency() -> Attributes {
    all([
        (
            "table_name",
            replaces_object(text("Name. Default: `webhook-idempotency-<suffix>`.")),
        ),
        (
            "ttl_hours",
            whole(
                0,
                0,
                87600,
                "Hours that a guard record lives; 0 keeps it for ever, so that ids stay unique.",
            ),
        ),
    ])
}

fn audit_bucket() -> Attributes {
    let lock = all([
        (
            "mode",
            Attribute::string()
                .required()
                .description("Retention mode.")
                .validate(check::one_of(["GOVERNANCE", "COMPLIANCE"])),
        ),
        (
            "days",
            Attribute::number()
                .required()
                .description("Days that no object version can be deleted.")
                .validate(check::between(1, 36500)),
        ),
    ]);
    let lifecycle = all([
        (
            "ia_days",
            whole(30, 30, 36500, "Days until STANDARD_IA; S3 takes no fewer than 30."),
        ),
        (
            "glacier_days",
            whole(90, 1, 36500, "Days until GLACIER; at least 30 after `ia_days`."),
        ),
        ("expiration_days", whole(365, 1, 36500, "Days until deletion.")),
        (
            "noncurrent_expiration_days",
            whole(90, 1, 36500, "Days until old versions are deleted."),
        ),
        (
            "abort_multipart_days",
            whole(7, 1, 36500, "Days until unfinished uploads are dropped."),
        ),
    ]);
    all([
        (
            "name",
            replaces_object(text("Name. Default: `transaction-audit-logs-<suffix>-<account id>`.")).validate(
                check::matches(
                    "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
                    "3 to 63 lower-case letters, digits, `.` and `-`",
                ),
            ),
        ),
        ("versioning", switch(true, "Keep old versions.")),
        ("sse_algorithm", choice(&["aws:kms", "AES256"], "Default encryption.")),
        (
            "block_public_access",
            switch(true, "All four switches of S3 Block Public Access."),
        ),
        ("enforce_tls", switch(true, "Refuse requests without TLS.")),
        (
            "object_lock",
            group(
                lock,
                "Object Lock for new objects. Switching it on or off replaces the bucket.",
            ),
        ),
        (
            "lifecycle",
            group(lifecycle, "When objects move to cheaper storage and when they go."),
        ),
        (
            "audit_on_receipt",
            switch(
                true,
                "Write an audit object for each stored webhook, besides the archive.",
            ),
        ),
    ])
}

fn alerts_topic() -> Attributes {
    all([
        ("name", text("Name. Default: `transaction-alerts-<suffix>`.")),
        (
            "display_name",
            text("Display name, the sender's name in messages.").validate(check::length_between(1, 100)),
        ),
        (
            "email_endpoints",
            texts("E-mail addresses that get alarms and fraud alerts. Each must confirm its subscription.").validate(
                check::each(check::matches(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "an e-mail address")),
            ),
        ),
        (
            "sms_endpoints",
            texts("Phone numbers that get alarms and fraud alerts, in E.164 form.")
                .validate(check::each(phone_number()))
                .validate(check::each(not_a_placeholder())),
        ),
        (
            "notify_transactions",
            switch(
                false,
                "Send routine messages (medium-value transactions, the workflow's notices) to these addresses too.",
            ),
        ),
        (
            "separate_alarm_topic",
            switch(
                true,
                "CloudWatch alarms go to a topic of their own, `webhook-alarms-<suffix>`, so that whoever is on call hears nothing else.",
            ),
        ),
        (
            "separate_notice_topic",
            switch(
                true,
                "The workflow's notices on high-value transactions go to a topic of their own, `transaction-notices-<suffix>`. Medium-value transactions stay on `transaction-alerts-<suffix>`.",
            ),
        ),
        (
            "separate_fraud_topic",
            switch(
                true,
                "Fraud alerts go to a topic of their own, `transaction-fraud-<suffix>`.",
            ),
        ),
        ("kms_enabled", switch(true, "Encrypt with the stack's key.")),
    ])
}

fn phone_number() -> impl Validator + 'static {
    check::matches(
        r"^\+[1-9][0-9]{7,14}$",
        "a phone number in E.164 form, such as `+4915112345678`",
    )
}

/// W-41: the seed's number is well-formed and does not exist; SNS refuses it only at apply time.
fn not_a_placeholder() -> impl Validator + 'static {
    check::condition("a real number, not a placeholder such as `+1234567890`", |value| {
        !matches!(value.as_str(), Some("+1234567890" | "+10000000000"))
    })
}

fn dlq() -> Attributes {
    all([
        (
            "name",
            replaces_object(text("Name. Default: `eventbridge-dlq-<suffix>`.")),
        ),
        (
            "message_retention_seconds",
            whole(1_209_600, 60, 1_209_600, "Seconds that messages are kept."),
        ),
        (
            "kms_enabled",
            switch(false, "Encrypt with the stack's key instead of the one SQS manages."),
        ),
    ])
}

fn low_value_queue() -> Attributes {
    all([
        (
            "name",
            replaces_object(text("Name. Default: `low-value-transactions-<suffix>`.")),
        ),
        (
            "kms_enabled",
            switch(false, "Encrypt with the stack's key instead of the one SQS manages."),
        ),
        (
            "visibility_timeout_seconds",
            whole(300, 0, 43200, "Seconds that a received message stays hidden."),
        ),
        (
            "message_retention_seconds",
            whole(1_209_600, 60, 1_209_600, "Seconds that messages are kept."),
        ),
    ])
}
