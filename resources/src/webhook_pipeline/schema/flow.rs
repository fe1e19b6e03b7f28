//! How events flow: bus, routing, workflow, fraud scoring, archival, alarms, dashboard.

use serde_json::json;
use tap_plugin::{Attribute, Attributes, validators as check};

use crate::composite::build::{
    all, choice, decimal, group, opt_whole, replaces_object, switch, text, text_or, texts, texts_or, whole,
};
use crate::composite::ids;

pub(super) fn attributes() -> Attributes {
    all([
        ("event_bus", group(event_bus(), "The EventBridge bus.")),
        ("routing", group(routing(), "Where a transaction goes, by its amount.")),
        (
            "package_type",
            choice(
                &["Zip", "Image"],
                "How the bundled handlers are deployed. `Image` pushes a container image to ECR, without Docker.",
            ),
        ),
        (
            "ecr",
            group(ecr(), "The image repositories, with `package_type = \"Image\"`."),
        ),
        ("functions", group(functions(), "The Lambda functions.")),
        (
            "role_names",
            Attribute::map(tap_plugin::Type::String)
                .optional()
                .description("Role names by `validator`, `publisher`, `fraud`, `archival`, `scheduler`, `events`.")
                .validate(check::each_key(check::one_of([
                    "validator",
                    "publisher",
                    "fraud",
                    "archival",
                    "scheduler",
                    "events",
                ]))),
        ),
        (
            "workflow",
            group(
                workflow(),
                "The Step Functions state machine of high-value transactions.",
            ),
        ),
        ("fraud", group(fraud(), "How the fraud score comes about.")),
        (
            "archival",
            group(archival(), "Moving finished transactions from the table to S3."),
        ),
        (
            "dashboard",
            group(
                all([
                    ("enabled", switch(true, "Create the dashboard.")),
                    ("name", text("Name. Default: `transaction-metrics-<suffix>`.")),
                ]),
                "The CloudWatch dashboard.",
            ),
        ),
        ("alarms", group(alarms(), "The CloudWatch alarms.")),
    ])
}

fn event_bus() -> Attributes {
    all([
        (
            "name",
            replaces_object(text("Name. Default: `payment-events-<suffix>`.")),
        ),
        (
            "archive_retention_days",
            whole(30, 0, 36500, "Days that events can be replayed; 0 keeps them for ever."),
        ),
        ("kms_enabled", switch(true, "Encrypt with the stack's key.")),
    ])
}

/// EventBridge compares numbers within plus and minus five billion (W-16).
const NUMERIC_LIMIT: &str = "5000000000";

fn routing() -> Attributes {
    let thresholds = all([
        (
            "high_threshold",
            Attribute::number()
                .required()
                .description("Amounts above go to the workflow.")
                .validate(check::decimal_between("0", NUMERIC_LIMIT)),
        ),
        (
            "low_threshold",
            Attribute::number()
                .required()
                .description("Amounts below count as low.")
                .validate(check::decimal_between("0", NUMERIC_LIMIT)),
        ),
    ]);
    let retry = all([
        (
            "maximum_event_age_in_seconds",
            whole(3600, 60, 86400, "Seconds that delivery is tried."),
        ),
        (
            "maximum_retry_attempts",
            whole(5, 0, 185, "Times that delivery is tried again."),
        ),
    ]);
    all([
        (
            "high_threshold",
            decimal("10000", "0", NUMERIC_LIMIT, "Amounts above it go to the workflow."),
        ),
        (
            "low_threshold",
            decimal(
                "1000",
                "0",
                NUMERIC_LIMIT,
                "Amounts below it are low; those between the two, both included, are medium and go to the alerts topic.",
            ),
        ),
        (
            "currency_thresholds",
            Attribute::map_of(thresholds)
                .optional()
                .description("Thresholds for single currencies, by ISO 4217 code; the others follow the two above.")
                .validate(check::each_key(check::matches(
                    "^[A-Z]{3}$",
                    "an ISO 4217 code such as `JPY`",
                ))),
        ),
        (
            "retry_policy",
            group(retry, "How EventBridge retries a target before the dead-letter queue."),
        ),
        (
            "low_value_target",
            choice(
                &["queue", "log", "none"],
                "Where low-value transactions go: an SQS queue, a log group, or nowhere.",
            ),
        ),
        (
            "workflow_trigger",
            choice(
                &["event_rule", "all"],
                "What starts the workflow: the rule for high amounts, or every transaction.",
            ),
        ),
    ])
}

fn ecr() -> Attributes {
    all([
        (
            "force_delete",
            switch(
                false,
                "Delete repositories that still hold images. `force_destroy` implies it.",
            ),
        ),
        ("scan_on_push", switch(true, "Scan images for vulnerabilities.")),
        (
            "image_tag_mutability",
            choice(
                &["IMMUTABLE", "MUTABLE"],
                "May a tag be moved. The functions use digests in any case.",
            ),
        ),
        ("keep_last_images", whole(10, 1, 1000, "How many images are kept.")),
    ])
}

fn function(memory: i64, timeout: i64, longest: i64, name: &str) -> Attribute {
    let members = all([
        (
            "name",
            replaces_object(
                text(&format!("Name. Default: `{name}-<suffix>`.")).validate(check::matches(
                    "^[A-Za-z0-9_-]{1,64}$",
                    "1 to 64 letters, digits, `_` and `-`",
                )),
            ),
        ),
        ("memory_size", whole(memory, 128, 10240, "Memory in MB.")),
        (
            "timeout",
            whole(timeout, 1, longest, "Seconds that an invocation may take."),
        ),
        (
            "reserved_concurrent_executions",
            whole(
                -1,
                -1,
                100_000,
                "Concurrency reserved for the function; -1 reserves none.",
            ),
        ),
    ]);
    group(members, &format!("The `{name}` function."))
}

fn functions() -> Attributes {
    all([
        // API Gateway waits 29 seconds and no longer; the seed's 30 would let callers see a 504 for a stored webhook.
        ("validator", function(1024, 29, 30, "webhook-validator")),
        ("publisher", function(512, 60, 900, "outbox-publisher")),
        ("fraud", function(512, 60, 900, "fraud-detector")),
        ("archival", function(512, 300, 900, "transaction-archival")),
    ])
}

fn retry(interval: i64, attempts: i64, description: &str) -> Attribute {
    let members = all([
        (
            "interval_seconds",
            whole(interval, 1, 99_999_999, "Seconds before the first retry."),
        ),
        ("max_attempts", whole(attempts, 0, 99_999_999, "Retries.")),
        ("backoff_rate", decimal("2.0", "1", "100", "Factor between two waits.")),
    ]);
    group(members, description)
}

fn workflow() -> Attributes {
    all([
        ("name", replaces_object(text("Name. Default: `transaction-workflow-<suffix>`."))),
        ("type", replaces_object(choice(&["EXPRESS", "STANDARD"], "Type. Tasks are idempotent, as EXPRESS runs at least once."))),
        ("role_name", text("Name of its role. Default: `step-functions-<suffix>`.")),
        ("fraud_retry", retry(2, 3, "Retries of the fraud analysis on transient errors.")),
        ("notify_retry", retry(1, 2, "Retries of the notification on transient errors.")),
        ("timeout_seconds", whole(240, 1, 31_536_000, "Seconds that an execution may take; EXPRESS ends at 300.")),
        ("log_level", choice(&["ALL", "ERROR", "FATAL", "OFF"], "What executions log.")),
        ("include_execution_data", switch(false, "Log inputs and outputs too. They hold payment data.")),
        ("log_group_name", text("Name of its log group. Default: `/aws/vendedlogs/states/transaction-workflow-<suffix>`.").validate(check::matches("^/aws/vendedlogs/", "a name below `/aws/vendedlogs/`, or each state machine lengthens the account's log resource policy, which has a size limit"))),
    ])
}

fn fraud() -> Attributes {
    all([
        (
            "amount_risk_threshold",
            decimal("5000", "0", "99999999999999999999", "Amounts above it are a risk."),
        ),
        (
            "currency_thresholds",
            Attribute::map(tap_plugin::Type::Number)
                .optional()
                .description("`amount_risk_threshold` for single currencies, by ISO 4217 code.")
                .validate(check::each_key(check::matches(
                    "^[A-Z]{3}$",
                    "an ISO 4217 code such as `JPY`",
                )))
                .validate(check::each(check::decimal_between("0", "99999999999999999999"))),
        ),
        (
            "amount_risk_weight",
            decimal("0.30", "0", "1", "What that risk adds to the score."),
        ),
        (
            "model_weight_max",
            decimal("0.40", "0", "1", "The most that the other rules can add."),
        ),
        (
            "high_risk_threshold",
            decimal(
                "0.70",
                "0",
                "1",
                "Scores from here on are high risk and raise an alert.",
            ),
        ),
        (
            "medium_risk_threshold",
            decimal("0.40", "0", "1", "Scores from here on are medium risk."),
        ),
        (
            "scorer",
            choice(
                &["deterministic", "external_lambda"],
                "Who scores: the bundled rules, or a function of yours.",
            ),
        ),
        (
            "scorer_arn",
            text("ARN of that function, which must be in the stack's region.").validate(ids::function_arn()),
        ),
    ])
}

fn archival() -> Attributes {
    all([
        ("enabled", switch(true, "Archive on a schedule.")),
        (
            "schedule_expression",
            text_or(
                "cron(15 2 * * ? *)",
                "When, as EventBridge Scheduler writes it, in UTC.",
            )
            .validate(check::matches(r"^(cron|rate)\(.+\)$", "`cron(...)` or `rate(...)`")),
        ),
        (
            "min_age_hours",
            whole(24, 0, 87600, "Hours after which a transaction may be archived."),
        ),
        (
            "statuses",
            texts_or(json!(["analyzed", "archivable"]), "Statuses that may be archived.")
                .validate(check::count_between(1, 10)),
        ),
        ("page_limit", whole(100, 1, 1000, "Items read per page.")),
        (
            "partition_prefix",
            text_or("transactions", "Prefix of the archive's keys.").validate(check::matches(
                "^[A-Za-z0-9!_.*'()/-]{1,200}$",
                "letters, digits and `!_.*'()/-`",
            )),
        ),
        (
            "file_format",
            choice(&["json_lines_gzip", "json"], "Form of the archive's objects."),
        ),
        (
            "delete_after_archive",
            switch(true, "Delete from the table what was verified in S3."),
        ),
    ])
}

fn alarms() -> Attributes {
    all([
        ("enabled", switch(true, "Create the alarms.")),
        (
            "actions",
            texts("ARNs told of ALARM and OK, of the stack's region (CloudWatch takes no others). Default: the alerts topic.")
                .validate(check::count_between(0, 5))
                .validate(check::each(ids::arn())),
        ),
        (
            "api_5xx_percent",
            decimal("1", "0", "100", "Share of 5XX answers, in percent, that is too many."),
        ),
        (
            "validator_duration_percent_of_timeout",
            whole(80, 1, 100, "p99 duration, in percent of the timeout, that is too long."),
        ),
        (
            "publisher_iterator_age_ms",
            opt_whole(
                1000,
                86_400_000,
                "Age of the oldest unpublished stream record, in milliseconds, that is too old. Default: 60000.",
            )
            .default(json!(60_000)),
        ),
    ])
}
