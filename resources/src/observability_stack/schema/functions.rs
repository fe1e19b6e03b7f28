//! The function that emits payment metrics.

use serde_json::json;
use tap_plugin::{Attribute, Attributes, Type, validators as check};

use super::logs::namespace;
use crate::composite::build::{all, choice, group, replaces_object, switch, text, texts_or, whole};

pub(super) fn attributes() -> Attributes {
    all([
        (
            "lambda",
            group(
                function(),
                "The function that turns payments into metrics and traces (handler `payment_metrics`).",
            ),
        ),
        ("custom_metrics", group(metrics(), "The metrics that it emits.")),
    ])
}

fn function() -> Attributes {
    all([
        ("enabled", switch(true, "Create the function, its role and its log group.")),
        (
            "function_name",
            replaces_object(
                text("Name. Default: `payment-processor-<suffix>`.").validate(check::matches(
                    "^[A-Za-z0-9_-]{1,64}$",
                    "1 to 64 letters, digits, `_` and `-`",
                )),
            ),
        ),
        ("memory_size", whole(256, 128, 10_240, "Memory in MB.")),
        ("timeout", whole(30, 1, 900, "Seconds that an invocation may take.")),
        (
            "reserved_concurrent_executions",
            whole(-1, -1, 100_000, "Concurrency reserved for the function; -1 reserves none."),
        ),
        (
            "environment",
            Attribute::map(Type::String).optional().description(
                "Further environment variables. Names that Lambda reserves, such as `AWS_REGION`, and those that the stack sets itself are refused. Values are part of plan and state, sensitive or not: no secrets.",
            ),
        ),
        (
            "role_name",
            replaces_object(text("Name of its role. Default: `lambda-metrics-role-<suffix>`.")),
        ),
        (
            "policy_name",
            text("Name of the role's inline policy. Default: `lambda-observability-<suffix>`.").validate(check::matches(
                "^[A-Za-z0-9+=,.@_-]{1,128}$",
                "1 to 128 letters, digits and `+=,.@_-`",
            )),
        ),
    ])
}

fn metrics() -> Attributes {
    all([
        (
            "namespace",
            text("Namespace. Default: `PaymentProcessing/<suffix>`, the same as the latency filter's.").validate(namespace()),
        ),
        (
            "mode",
            choice(
                &["emf", "put_metric_data"],
                "How: as lines of the log that CloudWatch reads (embedded metric format), or by calling `PutMetricData` in each invocation, which costs time and money.",
            ),
        ),
        (
            "allowed_payment_types",
            texts_or(
                json!(["credit_card", "debit_card", "bank_transfer", "wallet"]),
                "Values of the dimension `PaymentType`. Any other type counts as `other`, so that nobody can make metrics without end.",
            )
            .validate(check::count_between(1, 20))
            .validate(check::each(check::matches(
                "^[a-z0-9_]{1,64}$",
                "1 to 64 lower-case letters, digits and `_`",
            ))),
        ),
    ])
}
