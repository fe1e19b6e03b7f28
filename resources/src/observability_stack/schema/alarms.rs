//! Who is told of what: topic, alarms, composite alarm, dashboard.

use serde_json::json;
use tap_plugin::{Attribute, Attributes, Type, Validator, validators as check};

use crate::composite::build::{
    all, choice, decimal, group, opt_whole, replaces_object, switch, text, text_or, texts, whole,
};
use crate::composite::ids;

pub(super) fn attributes() -> Attributes {
    telling()
        .extend(alarms())
        .extend(all([("dashboard", group(dashboard(), "The CloudWatch dashboard."))]))
}

fn telling() -> Attributes {
    let actions = |description: &str| {
        texts(description)
            .validate(check::count_between(0, 5))
            .validate(check::each(ids::arn()))
    };
    all([
        ("alarm_topic", group(topic(), "The SNS topic that alarms go to.")),
        (
            "alarm_email_endpoints",
            texts("E-mail addresses that get alarms. Each must confirm its subscription; `subscription_arns` shows whether it has.")
                .validate(check::each(check::matches(
                    r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
                    "an e-mail address",
                ))),
        ),
        (
            "alarm_subscriptions",
            Attribute::list_of(subscription())
                .optional()
                .description("Other subscriptions of the topic: chat, paging, queues, functions."),
        ),
        (
            "alarm_notification_mode",
            choice(
                &["composite_only", "all"],
                "Who tells people: only the composite alarm, once per incident, or every alarm. An alarm that a `composite_alarm.rule` of your own does not name tells by itself in any case.",
            ),
        ),
        ("alarm_actions", actions("ARNs told when an alarm goes off. Default: the topic.")),
        ("ok_actions", actions("ARNs told when it is over. Default: the topic.")),
        (
            "insufficient_data_actions",
            actions("ARNs told when an alarm has no data. Default: none."),
        ),
    ])
}

fn topic() -> Attributes {
    all([
        ("name", replaces_object(text("Name. Default: `payment-alarms-<suffix>`."))),
        (
            "display_name",
            text_or("Payment Processing Alarms", "Display name, the sender's name in messages.")
                .validate(check::length_between(1, 100)),
        ),
        (
            "kms_enabled",
            switch(
                true,
                "Encrypt with the stack's key. The key that AWS manages for SNS is no choice: CloudWatch may not use it, and alarms would be lost.",
            ),
        ),
        (
            "existing_arn",
            text("ARN of a topic to use instead of creating one. It must admit `cloudwatch.amazonaws.com`, and so must its key.")
                .validate(check::matches(
                    r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$",
                    "the ARN of an SNS topic",
                )),
        ),
    ])
}

fn subscription() -> Attributes {
    all([
        (
            "protocol",
            Attribute::string()
                .required()
                .description("How.")
                .validate(check::one_of([
                    "email",
                    "email-json",
                    "sms",
                    "https",
                    "http",
                    "sqs",
                    "lambda",
                    "firehose",
                    "application",
                ])),
        ),
        ("endpoint", Attribute::string().required().description("Whereto.")),
        (
            "filter_policy",
            text("Filter policy (JSON): which messages.").validate(check::json()),
        ),
        (
            "filter_policy_scope",
            text("What the policy looks at. Alarms carry no attributes, so `MessageBody` is what works for them.")
                .validate(check::one_of(["MessageBody", "MessageAttributes"])),
        ),
        (
            "subscription_role_arn",
            text(
                "ARN of the role that SNS writes to the delivery stream with. Required with `protocol = \"firehose\"`.",
            )
            .validate(ids::role_arn()),
        ),
    ])
}

/// doc: `PutMetricAlarm`, parameter Period, for metrics of AWS services.
fn period() -> impl Validator + 'static {
    check::condition("60 or a multiple of 60, up to 86400", |value| {
        value
            .as_i64()
            .is_none_or(|seconds| (60..=86_400).contains(&seconds) && seconds % 60 == 0)
    })
}

/// Period, how many of them, and what a missing one means.
fn window(evaluation_periods: i64, missing: &str) -> Attributes {
    let treatments = ["notBreaching", "breaching", "ignore", "missing"];
    all([
        (
            "period",
            Attribute::number()
                .optional()
                .default(json!(300))
                .description("Seconds of one period.")
                .validate(period()),
        ),
        (
            "evaluation_periods",
            whole(evaluation_periods, 1, 1440, "How many periods are looked at."),
        ),
        (
            "datapoints_to_alarm",
            opt_whole(1, 1440, "How many of them must be bad. Default: all."),
        ),
        (
            "treat_missing_data",
            text_or(missing, "What a period without data means.").validate(check::one_of(treatments)),
        ),
    ])
}

fn alarms() -> Attributes {
    all([
        (
            "api_error_alarm",
            group(
                api_errors().extend(window(2, "notBreaching")),
                "Alarm on the share of the API's requests that are answered with 5XX. Needs `api.name`.",
            ),
        ),
        (
            "lambda_error_alarm",
            group(
                lambda_errors().extend(window(2, "notBreaching")),
                "Alarm on the share of a function's invocations that fail: for the metrics function, and one more for each watched one.",
            ),
        ),
        (
            "handler_fault_alarm",
            group(
                all([
                    ("enabled", switch(true, "Create it.")),
                    (
                        "threshold",
                        whole(1, 1, 1_000_000, "Faults per period from which on it goes off."),
                    ),
                ])
                .extend(window(1, "notBreaching")),
                "Alarm on faults of the metrics function that no caller sees, such as metrics that could not be sent: it answers all the same, and Lambda counts these as successes.",
            ),
        ),
        (
            "latency_alarm",
            group(
                latency().extend(window(2, "notBreaching")),
                "Alarm on the API's latency: the latency filter's metric, or API Gateway's own where there is no filter.",
            ),
        ),
        (
            "canary_alarm",
            group(
                all([
                    ("enabled", switch(true, "Create it, where there is a canary.")),
                    (
                        "success_percent_threshold",
                        decimal(
                            "90",
                            "0",
                            "100",
                            "Share of successful runs, in percent, below which it goes off.",
                        ),
                    ),
                ])
                .extend(window(2, "breaching")),
                "Alarm on failing runs of the canary. A canary that does not run at all counts as failing (`treat_missing_data`), unless `canary.start_canary` is off.",
            ),
        ),
        (
            "composite_alarm",
            group(composite(), "One alarm over all of them: in ALARM when any of them is."),
        ),
    ])
}

fn api_errors() -> Attributes {
    all([
        (
            "enabled",
            Attribute::bool()
                .optional()
                .description("Create it. Default: where `api.name` is set."),
        ),
        (
            "threshold_percent",
            decimal("5", "0", "100", "Percent of requests above which it goes off."),
        ),
        (
            "min_requests",
            whole(0, 0, 1_000_000_000, "Periods with fewer requests count as healthy."),
        ),
    ])
}

fn lambda_errors() -> Attributes {
    all([
        ("enabled", switch(true, "Create them.")),
        (
            "threshold_percent",
            decimal("10", "0", "100", "Percent of invocations above which it goes off."),
        ),
        (
            "min_invocations",
            whole(0, 0, 1_000_000_000, "Periods with fewer invocations count as healthy."),
        ),
        (
            "function_names",
            Attribute::map(Type::String)
                .optional()
                .description(
                    "Further functions to watch, in alarms and on the dashboard, by a label of your choice: `tap_webhook_pipeline.main.function_names` fits as it is, and so does `tap_payment_stack.main.lambda_function_names` of a stack in one region. Of one in several, take those of this region: alarms see no other's metrics.",
                )
                .validate(check::each_key(check::matches(
                    "^[a-z0-9_-]+(/[a-z0-9_-]+)?$",
                    "lower-case letters, digits, `_` and `-`, with one `/` at most between them",
                )))
                .validate(check::each_key(check::length_between(1, 64))),
        ),
    ])
}

fn latency() -> Attributes {
    all([
        ("enabled", switch(false, "Create it.")),
        (
            "statistic",
            text_or("p99", "Percentile, or `Average` or `Maximum`.").validate(check::matches(
                r"^(Average|Maximum|p(100|[0-9]{1,2}(\.[0-9]{1,10})?))$",
                "a percentile such as `p99`, or `Average` or `Maximum`",
            )),
        ),
        (
            "threshold_ms",
            Attribute::number()
                .optional()
                .description("Milliseconds above which it goes off. Required with `enabled`.")
                .validate(check::greater_than(0)),
        ),
    ])
}

fn composite() -> Attributes {
    let suppressor = all([
        (
            "alarm",
            Attribute::string()
                .required()
                .description(
                    "Name or ARN of the alarm that, while in ALARM, keeps this one's actions back: for maintenance.",
                )
                .validate(check::length_between(1, 1600)),
        ),
        (
            "wait_period",
            whole(
                60,
                0,
                86_400,
                "Seconds to wait for the suppressor to go into ALARM before acting.",
            ),
        ),
        (
            "extension_period",
            whole(60, 0, 86_400, "Seconds to wait after it has left ALARM before acting."),
        ),
    ]);
    all([
        ("enabled", switch(true, "Create it, where there is any alarm.")),
        ("name", replaces_object(text("Name. Default: `payment-critical-<suffix>`."))),
        (
            "rule",
            text("Rule of your own, with quoted names: `ALARM(\"api-high-errors-dev\") AND ALARM(\"canary-failing-dev\")`. Default: any of the stack's alarms.")
                .validate(check::length_between(1, 10_240))
                // doc: `PutCompositeAlarm`, parameter AlarmRule.
                .validate(check::matches(
                    r"(ALARM|OK|INSUFFICIENT_DATA)\s*\(|TRUE|FALSE",
                    "a rule of `ALARM(...)`, `OK(...)` or `INSUFFICIENT_DATA(...)`",
                )),
        ),
        (
            "actions_suppressor",
            group(suppressor, "Keeps the composite alarm quiet while another alarm is in ALARM."),
        ),
    ])
}

fn dashboard() -> Attributes {
    all([
        ("enabled", switch(true, "Create it.")),
        ("name", replaces_object(text("Name. Default: `payment-processing-<suffix>`."))),
        (
            "start",
            text_or("-PT3H", "Start of the time that is shown: relative (`-PT3H`) or absolute (ISO 8601).").validate(
                check::matches(r"^(-P[0-9A-Z.]+|\d{4}-\d{2}-\d{2}T.+)$", "such as `-PT3H` or `2026-11-21T00:00:00.000Z`"),
            ),
        ),
        (
            "period_override",
            choice(&["auto", "inherit"], "`inherit` keeps every widget's period whatever time is shown."),
        ),
        (
            "period",
            Attribute::number()
                .optional()
                .default(json!(300))
                .description("Seconds of one point.")
                .validate(period()),
        ),
        (
            "additional_widgets_json",
            text("Further widgets: a JSON array, as CloudWatch writes it. Those without a place are put below the others; metric widgets without `region` get the stack's.")
                .validate(check::json()),
        ),
    ])
}
