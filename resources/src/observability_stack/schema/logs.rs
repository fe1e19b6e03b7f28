//! What is watched, and the logs about it: key, log groups, API, database, latency filter.

use serde_json::json;
use tap_plugin::{Attribute, Attributes, validators as check};

use crate::composite::build::{all, choice, group, replaces_object, switch, text, text_or, texts, texts_or};
use crate::composite::shared;

pub(super) fn attributes() -> Attributes {
    all([
        (
            "kms",
            group(
                shared::kms().extend(all([(
                    "log_group_scope",
                    choice(
                        &["managed", "account"],
                        "Whose logs CloudWatch Logs may encrypt with the key: only this stack's groups, or every group of the account in this region.",
                    ),
                )])),
                "The customer managed key that encrypts log groups, the topic and the canary's artifacts.",
            ),
        ),
        ("log_groups", group(log_groups(), "The log groups.")),
        (
            "api",
            group(
                api(),
                "The API Gateway REST API to watch. Without a name there is neither an alarm nor a widget for it: metrics without dimensions hold no data.",
            ),
        ),
        (
            "rds",
            group(rds(), "The RDS database whose logs are kept and whose connections the dashboard shows."),
        ),
        (
            "latency_filter",
            group(
                latency_filter(),
                "A metric from the response latency in access logs. Percentiles are statistics of this one metric.",
            ),
        ),
        (
            "latency_percentiles",
            texts_or(
                json!(["p50", "p95", "p99"]),
                "Percentiles of the latency that the dashboard shows.",
            )
            .validate(check::count_between(1, 10))
            .validate(check::each(percentile())),
        ),
    ])
}

/// `p99`, `p99.9`.
pub(super) fn percentile() -> impl tap_plugin::Validator + 'static {
    check::matches(
        r"^p(100|[0-9]{1,2}(\.[0-9]{1,10})?)$",
        "a percentile such as `p95` or `p99.9`",
    )
}

/// doc: `CreateLogGroup`, parameter logGroupName.
fn log_group_name() -> impl tap_plugin::Validator + 'static {
    check::matches(
        "^[A-Za-z0-9_/.#-]{1,512}$",
        "1 to 512 letters, digits and `_`, `-`, `/`, `.`, `#`",
    )
}

fn log_groups() -> Attributes {
    let api = all([
        (
            "name",
            replaces_object(text("Name. Default: `/aws/apigateway/payments-<suffix>`.")).validate(log_group_name()),
        ),
        ("enabled", switch(true, "Create it.")),
    ]);
    let lambda = all([(
        "name",
        replaces_object(text("Name. Default: `/aws/lambda/<function name>`.")).validate(log_group_name()),
    )]);
    let rds = all([
        ("enabled", switch(true, "Create them.")),
        (
            "names",
            texts("Names. Default: those that RDS writes to, `/aws/rds/instance/<id>/<type>` or `/aws/rds/cluster/<id>/<type>`, for each of `rds.log_types`; without these one group `/aws/rds/payments-db-<suffix>`, which RDS does not know.")
                .validate(check::each(log_group_name())),
        ),
    ]);
    all([
        (
            "api",
            group(
                api,
                "For an API's access logs: give its ARN (`resource_arns[\"log_group.api\"]`) and `access_log_format` to the stage.",
            ),
        ),
        ("lambda", group(lambda, "The metrics function's log group.")),
        ("rds", group(rds, "For the database's logs.")),
    ])
}

fn api() -> Attributes {
    all([
        (
            "name",
            text("Name of the REST API, the dimension `ApiName` of its metrics.")
                .validate(check::length_between(1, 255)),
        ),
        (
            "stage",
            text(
                "Name of the stage, the dimension `Stage`. Without it the metrics of all stages are watched together.",
            )
            .validate(check::length_between(1, 255)),
        ),
        ("id", text("Id of the REST API, for `execution_logs`.")),
        (
            "execution_logs",
            switch(
                false,
                "Take over the log group of the stage's execution logs, `API-Gateway-Execution-Logs_<id>/<stage>`, so that it gets the stack's retention and key. Needs `id` and `stage`.",
            ),
        ),
    ])
}

fn rds() -> Attributes {
    all([
        (
            "db_instance_identifier",
            text("Identifier of the DB instance, the dimension `DBInstanceIdentifier`."),
        ),
        (
            "db_cluster_identifier",
            text("Identifier of the DB cluster, the dimension `DBClusterIdentifier`. Not together with an instance."),
        ),
        (
            "log_types",
            texts("Types of logs that the database exports to CloudWatch Logs, such as `postgresql`, `upgrade`, `error`, `slowquery`.")
                .validate(check::each(check::matches(
                    "^[a-z][a-z0-9.-]{0,63}$",
                    "a log type of RDS, such as `postgresql`",
                ))),
        ),
    ])
}

/// doc: `MetricTransformation`, member metricNamespace; namespaces of AWS are reserved.
pub(super) fn namespace() -> impl tap_plugin::Validator + 'static {
    check::condition(
        "1 to 255 letters, digits, spaces and `.-_/#`, not beginning with `AWS/`",
        |value| {
            value.as_str().is_none_or(|text| {
                (1..=255).contains(&text.len())
                    && !text.starts_with("AWS/")
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || " .-_/#".contains(c))
            })
        },
    )
}

fn latency_filter() -> Attributes {
    all([
        ("enabled", switch(true, "Create the filter.")),
        (
            "format",
            choice(
                &["json", "space_delimited"],
                "Format of the access logs: JSON with `responseLatency`, or six fields between spaces (timestamp, request id, method, path, status, latency). `access_log_format` gives it.",
            ),
        ),
        (
            "pattern",
            text("Filter pattern of your own, for another log format.").validate(check::length_between(1, 1024)),
        ),
        (
            "value",
            text("What of a matching event is the latency, such as `$.latency`. Default: from `format`.").validate(
                check::matches(r"^\$", "a field of the pattern, such as `$.latency` or `$latency`"),
            ),
        ),
        (
            "metric_name",
            text_or("APILatency", "Name of the metric.").validate(check::length_between(1, 255)),
        ),
        (
            "namespace",
            text("Namespace of the metric. Default: `PaymentProcessing/<suffix>`.").validate(namespace()),
        ),
        (
            "unit",
            text_or("Milliseconds", "Unit of the metric.").validate(check::one_of([
                "Milliseconds",
                "Microseconds",
                "Seconds",
                "None",
            ])),
        ),
        (
            "default_value",
            Attribute::number().optional().description(
                "Value for minutes in which nothing matches. Unset by default: zeros that nobody has measured would falsify every percentile.",
            ),
        ),
        (
            "legacy_metric_names",
            switch(
                false,
                "Also create the filters `api-latency-p50`, `-p95` and `-p99` with the metrics `APILatencyP50`, `APILatencyP95`, `APILatencyP99`, for dashboards that still name them. All three hold the same values.",
            ),
        ),
        (
            "log_group_name",
            text("An existing log group to read instead of `log_groups.api`, for instance `tap_webhook_pipeline.main.log_group_names[\"api\"]`.")
                .validate(log_group_name()),
        ),
    ])
}
