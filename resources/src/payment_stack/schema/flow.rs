//! Workflows, event failover, topics.

use tap_plugin::{Attribute, Attributes, Validator, Value, validators as check};

use super::{choice, email, flag, noted, region, text_map};
use crate::composite::build::{all, group, json_object, opt_whole, text, texts};

pub(super) fn attributes() -> Attributes {
    all([
        (
            "workflow",
            group(workflow(), "A Step Functions state machine per region."),
        ),
        (
            "event_failover",
            group(
                failover(),
                "Payment events that are marked with `detail.failover = true` go to the standby region's bus and start the workflow there, and only there.",
            ),
        ),
        ("topics", group(topics(), "The SNS topics, one per region.")),
    ])
}

fn workflow() -> Attributes {
    let retry = noted(
        "workflow.retry",
        [
            (
                "errors",
                texts("Errors that are tried again.").validate(check::count_between(1, 20)),
            ),
            (
                "interval_seconds",
                opt_whole(1, 99_999_999, "Seconds until the second try."),
            ),
            ("max_attempts", opt_whole(0, 99_999_999, "Further tries.")),
            (
                "backoff_rate",
                Attribute::number()
                    .optional()
                    .description("Factor by which the interval grows.")
                    .validate(check::decimal_between("1", "1000")),
            ),
        ],
    );
    noted(
        "workflow",
        [
            ("enabled", flag("Have workflows.")),
            (
                "name",
                text("Name. Default: `payment-workflow-<region>-<suffix>`.").validate(check::matches(
                    "^[A-Za-z0-9_{}-]{1,80}$",
                    "letters, digits, `_` and `-`",
                )),
            ),
            (
                "type",
                choice(&["STANDARD", "EXPRESS"], "Type. A change replaces the state machine."),
            ),
            (
                "log_level",
                choice(&["ALL", "ERROR", "FATAL", "OFF"], "What is logged."),
            ),
            (
                "include_execution_data",
                flag("Log inputs and outputs as well: whole payments."),
            ),
            ("retry", group(retry, "Retry of the processing task.")),
            (
                "timeout_seconds",
                opt_whole(1, 31_536_000, "Seconds until an execution is given up."),
            ),
            (
                "dlq",
                flag("Payments that could not be processed go to the dead-letter queue."),
            ),
        ],
    )
}

fn failover() -> Attributes {
    let retry = noted(
        "event_failover.retry_policy",
        [
            ("max_attempts", opt_whole(0, 185, "Further tries of a delivery.")),
            (
                "max_age_seconds",
                opt_whole(60, 86_400, "Seconds until an undelivered event is given up."),
            ),
        ],
    );
    noted(
        "event_failover",
        [
            ("enabled", flag("Have it.")),
            (
                "bus_name",
                text("Name of each region's bus. Default: `payment-failover-<suffix>`.").validate(check::matches(
                    "^[A-Za-z0-9._-]{1,256}$",
                    "1 to 256 letters, digits, `.`, `-` and `_`",
                )),
            ),
            ("source", text("Source of the events.").validate(source())),
            (
                "detail_type",
                text("Detail type of the events.").validate(check::length_between(1, 128)),
            ),
            (
                "targets",
                text_map("Region -> its standby. Default: the next region of `regions`, the first after the last.")
                    .validate(check::each_key(region()))
                    .validate(check::each(region())),
            ),
            ("retry_policy", group(retry, "Delivery to the standby.")),
            (
                "dlq",
                flag("Events that could not be delivered go to the region's dead-letter queue."),
            ),
        ],
    )
}

/// EventBridge refuses what accounts send under AWS's own names
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html>).
fn source() -> impl Validator + 'static {
    check::condition(
        "a source of 1 to 256 characters that does not begin with `aws.`",
        |value: &Value| {
            let Value::String(text) = value else { return true };
            (1..=256).contains(&text.chars().count()) && !text.starts_with("aws.")
        },
    )
}

fn topics() -> Attributes {
    let notifications = noted(
        "topics.notifications",
        [
            ("name", text("Name. Default: `payment-notifications-<suffix>`; `payment-alerts-<region>-<suffix>` with `per_region`.").validate(check::matches("^[A-Za-z0-9_{}-]{1,256}$", "letters, digits, `_` and `-`"))),
            ("display_name", text("Display name. Default: `Payment Processing Notifications`.").validate(check::length_between(1, 100))),
            (
                "email_endpoints",
                texts("Addresses that every region's topic writes to. SNS asks each for confirmation.")
                    .validate(check::each(email())),
            ),
            ("kms_enabled", flag("Encrypt with the stack's key.")),
        ],
    );
    let subscription = all([
        (
            "protocol",
            Attribute::string()
                .required()
                .description("Protocol.")
                .validate(check::one_of([
                    "email",
                    "email-json",
                    "https",
                    "lambda",
                    "sms",
                    "sqs",
                ])),
        ),
        (
            "endpoint",
            Attribute::string()
                .required()
                .description("Address, URL, ARN or E.164 telephone number."),
        ),
        (
            "filter_policy",
            text("Filter policy, as JSON text: which messages. Those of functions and workflows have the attributes `alert_type` (`DLQ_MESSAGE`, `payment_processing_failure`, `WORKFLOW_FAILED`) and `severity`.")
                .validate(json_object()),
        ),
        (
            "filter_policy_scope",
            text("What the policy looks at, `MessageAttributes` by default. Alarms carry no attributes: `MessageBody` is what works for them.")
                .validate(check::one_of(["MessageBody", "MessageAttributes"])),
        ),
    ]);
    noted(
        "topics",
        [
            (
                "notifications",
                group(notifications, "The topics of alarms and failures."),
            ),
            ("per_region", flag("Put the region into the topics' names.")),
            (
                "cross_region_subscriptions",
                flag("`subscriptions` on every region's topic, not on the primary's alone."),
            ),
            (
                "subscriptions",
                Attribute::list_of(subscription)
                    .optional()
                    .description("Further subscriptions."),
            ),
        ],
    )
}
