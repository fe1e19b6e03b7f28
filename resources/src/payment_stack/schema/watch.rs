//! Metrics, alarms, dashboard.

use tap_plugin::{Attribute, Attributes, validators as check};

use super::{actions, choice, flag, noted};
use crate::composite::build::{all, group, opt_whole, text};

pub(super) fn attributes() -> Attributes {
    let filter = all([
        (
            "name",
            Attribute::string()
                .required()
                .description("Name of the filter.")
                .validate(check::matches("^[^:*]{1,512}$", "1 to 512 characters other than `:` and `*`")),
        ),
        (
            "pattern",
            Attribute::string()
                .required()
                .description("Pattern, on the lines of the processor's log. Metric lines are there at any `log_level`: `$.PaymentAccepted`, `$.PaymentRejected`, `$.PaymentDuplicate`, `$.PaymentConflict` or `$.PaymentFailedOver` is 1 in one line per request; that of an accepted payment has `$.amount` and `$.currency` too."),
        ),
        (
            "metric_name",
            Attribute::string()
                .required()
                .description("Metric, in the namespace of `metrics`.")
                .validate(check::length_between(1, 255)),
        ),
        (
            "value",
            Attribute::string()
                .required()
                .description("Value: a number or a property such as `$.amount`.")
                .validate(check::matches(r"^(\$.{1,99}|-?[0-9]+(\.[0-9]+)?)$", "a number or a property such as `$.amount`")),
        ),
        ("unit", text("Unit.")),
        (
            "dimensions",
            super::text_map("Dimension -> property of the line, such as `$.currency`; three at most. Each set of values is a metric of its own, which AWS bills.")
                .validate(check::each(check::matches(r"^\$\.", "a property such as `$.currency`"))),
        ),
    ]);
    let metrics = all([(
        "namespace",
        text("Namespace of the functions' metrics. Default: `Payment/<suffix>`.")
            .validate(check::matches(r"^[^:][A-Za-z0-9._/#:-]{0,254}$", "letters, digits, `.`, `-`, `_`, `/`, `#`, `:`"))
            .validate(check::condition("a namespace that does not begin with `AWS/`", |value: &tap_plugin::Value| {
                !matches!(value, tap_plugin::Value::String(text) if text.starts_with("AWS/"))
            })),
    )]);
    let all_of = all([
        ("metrics", group(metrics, "Custom metrics, in embedded metric format.")),
        (
            "alarms",
            group(
                alarms(),
                "CloudWatch alarms, in every region on what is there. 0 switches a threshold's alarm off.",
            ),
        ),
        (
            "dashboard",
            group(dashboard(), "CloudWatch dashboard over all regions."),
        ),
    ]);
    all_of.extend(noted(
        "",
        [(
            "kpi_filters",
            Attribute::list_of(filter)
                .optional()
                .description("Metric filters on the processor's log in every region."),
        )],
    ))
}

fn percent(description: &str) -> Attribute {
    Attribute::number()
        .optional()
        .description(description)
        .validate(check::decimal_between("0", "100"))
}

/// No shorter than a minute: AWS's own metrics, and the handlers', have no finer resolution
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>, `Period`).
fn period(description: &str) -> Attribute {
    Attribute::number()
        .optional()
        .description(description)
        .validate(check::condition(
            "60 or a multiple of 60, up to 86400",
            |value: &tap_plugin::Value| {
                let tap_plugin::Value::Number(number) = value else {
                    return true;
                };
                let seconds = number.to_string().parse::<i64>().unwrap_or(0);
                seconds > 0 && seconds % 60 == 0 && seconds <= 86_400
            },
        ))
}

fn error_rate() -> Attributes {
    noted(
        "alarms.error_rate",
        [
            (
                "enabled",
                flag("Alarm on the rate of failed invocations, per function."),
            ),
            ("threshold_percent", percent("Per cent that are too many.")),
            ("period", period("Seconds.")),
            ("evaluation_periods", opt_whole(1, 100, "Periods looked at.")),
            (
                "datapoints_to_alarm",
                opt_whole(1, 100, "Periods of those that must be above."),
            ),
            (
                "min_invocations",
                opt_whole(
                    0,
                    1_000_000,
                    "With fewer invocations in a period the rate says nothing.",
                ),
            ),
            (
                "treat_missing_data",
                choice(
                    &["notBreaching", "breaching", "ignore", "missing"],
                    "What a period without data means.",
                ),
            ),
        ],
    )
}

fn errors() -> Attributes {
    noted(
        "alarms.errors",
        [
            (
                "enabled",
                flag("Alarm on the number of failed invocations, per function."),
            ),
            ("threshold", opt_whole(1, 1_000_000, "Number that is too many.")),
            (
                "comparison",
                choice(
                    &["GreaterThanOrEqualToThreshold", "GreaterThanThreshold"],
                    "Whether the threshold itself is too many already.",
                ),
            ),
            ("period", period("Seconds.")),
            ("evaluation_periods", opt_whole(1, 100, "Periods that must be above.")),
        ],
    )
}

fn alarms() -> Attributes {
    let thresholds = noted(
        "alarms",
        [
            ("enabled", flag("Have alarms.")),
            ("error_rate", group(error_rate(), "Rate of failures.")),
            ("errors", group(errors(), "Number of failures.")),
            (
                "duration_p99_percent_of_timeout",
                opt_whole(0, 100, "99th percentile of the duration, in per cent of the timeout."),
            ),
            (
                "throttles",
                opt_whole(0, 1_000_000, "Throttled invocations in five minutes."),
            ),
            (
                "dynamodb_throttles",
                opt_whole(0, 1_000_000, "Throttled requests of the table in five minutes."),
            ),
            (
                "queue_age_seconds",
                opt_whole(0, 1_209_600, "Age of the oldest message in the queue."),
            ),
            (
                "dlq_depth",
                opt_whole(0, 1_000_000, "Messages in the dead-letter queue."),
            ),
            ("api_5xx_percent", percent("Answers with 5xx, in per cent.")),
            (
                "api_latency_p99_ms",
                opt_whole(0, 300_000, "99th percentile of the API's latency in milliseconds."),
            ),
            (
                "replication_latency_ms",
                opt_whole(
                    0,
                    3_600_000,
                    "Latency of the table's replication in milliseconds. Not with `STRONG` tables, which replicate before they answer.",
                ),
            ),
            (
                "waf_blocked",
                opt_whole(0, 1_000_000_000, "Requests that WAF blocked in five minutes."),
            ),
        ],
    );
    thresholds.extend(of_accepted_payments()).extend(all([
        ("alarm_actions", actions("What alarms of the primary region do, in place of telling the region's topic; other regions: `region_overrides`.")),
        ("ok_actions", actions("What they do when all is well again. Default: tell the topic.")),
    ]))
}

/// What the reconciler counts.
fn of_accepted_payments() -> Attributes {
    noted(
        "alarms",
        [
            (
                "stuck_payments",
                opt_whole(
                    0,
                    1_000_000,
                    "Payments found waiting for accounting for too long, in five minutes.",
                ),
            ),
            (
                "reconciliation_conflicts",
                opt_whole(
                    0,
                    1_000_000,
                    "Payments accepted in two regions, in five minutes; counted in the region whose acceptance was overwritten.",
                ),
            ),
        ],
    )
}

fn dashboard() -> Attributes {
    noted(
        "dashboard",
        [
            ("enabled", flag("Have the dashboard, in the primary region.")),
            (
                "name",
                text("Name. Default: `payment-stack-<suffix>`.")
                    .validate(check::matches("^[A-Za-z0-9_-]{1,255}$", "letters, digits, `_` and `-`")),
            ),
            (
                "widgets_extra",
                text("Further widgets, as a JSON list.").validate(check::json()),
            ),
        ],
    )
}
