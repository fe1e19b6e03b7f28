//! The functions and the queue between them.

use tap_plugin::{Attributes, validators as check};

use super::{choice, flag, noted, route_tables, security_groups, subnets, text_map};
use crate::composite::build::{all, group, opt_whole, text, texts};
use crate::composite::ids;

pub(super) fn attributes() -> Attributes {
    all([
        ("processor", group(processor(), "The function that takes payments: checks, stores exactly once, hands on.")),
        ("accounting", group(accounting(), "The function that accounts for queued payments.")),
        ("failure_notifier", group(notifier(), "The function that reports what ended in the dead-letter queue.")),
        ("reconciliation", group(reconciliation(), "The function that looks after accepted payments, in every region: it completes those that never reached accounting, and reports those that two regions have accepted.")),
        ("layer", group(layer(), "A Lambda layer for the functions. The bundled handlers need none.")),
        ("queue", group(queue(), "The queue between processor and accounting, in every region.")),
        ("dlq", group(dlq(), "The dead-letter queue.")),
        ("vpc", group(vpc(), "Subnets and security groups of the functions, in a stack of one region; others use `region_overrides`. And the endpoints that the functions need there.")),
        (
            "lambda_env_kms_key_arn",
            text("Key that encrypts the functions' environment, in place of the stack's. For one region; others use `region_overrides`.").validate(ids::kms_key_arn()),
        ),
    ])
}

/// What all functions have.
fn common(path: &str, name: &str) -> Attributes {
    noted(
        path,
        [
            ("enabled", flag("Have this function.")),
            (
                "name",
                text(&format!("Name, of which `{{region}}` is replaced. Default: `{name}`."))
                    .validate(check::matches("^[A-Za-z0-9_{}-]{1,64}$", "letters, digits, `_` and `-`, with `{region}` where the region goes")),
            ),
            ("memory_size", opt_whole(128, 10_240, "Memory in MB.")),
            ("timeout", opt_whole(1, 900, "Seconds.")),
            (
                "reserved_concurrent_executions",
                opt_whole(-1, 1_000_000, "Executions kept for this function out of the account's; -1 for none."),
            ),
            (
                "environment",
                text_map("Further environment variables. Those of Lambda and of the handlers are refused; so are secrets: the value is in state.")
                    .validate(check::each_key(check::matches("^[A-Za-z][A-Za-z0-9_]+$", "a letter, then letters, digits and `_`"))),
            ),
        ],
    )
}

fn processor() -> Attributes {
    common("processor", "process-payment-<suffix>").extend(noted(
        "processor",
        [
            (
                "response_mode",
                choice(
                    &["sync", "queue"],
                    "`sync` answers 200 once the payment is stored; `queue` answers 202 once it is stored and queued.",
                ),
            ),
            (
                "required_fields",
                texts("Fields that a payment must have.")
                    .validate(check::each(check::one_of([
                        "transaction_id",
                        "amount",
                        "currency",
                        "provider",
                        "customer_id",
                        "metadata",
                    ])))
                    .validate(check::count_between(1, 6)),
            ),
        ],
    ))
}

fn accounting() -> Attributes {
    common("accounting", "process-accounting-<suffix>").extend(noted(
        "accounting",
        [
            ("batch_size", opt_whole(1, 10_000, "Messages per invocation, at most.")),
            (
                "maximum_batching_window_in_seconds",
                opt_whole(0, 300, "Seconds to wait for a full batch."),
            ),
            (
                "maximum_concurrency",
                opt_whole(2, 1000, "Invocations side by side, at most."),
            ),
            (
                "report_batch_item_failures",
                flag("Only the messages that failed come again."),
            ),
        ],
    ))
}

fn notifier() -> Attributes {
    common("failure_notifier", "notify-failures-<suffix>").extend(noted(
        "failure_notifier",
        [
            ("batch_size", opt_whole(1, 10, "Messages per invocation, at most.")),
            ("report_batch_item_failures", flag("Only the messages whose alert could not be sent come again.")),
            ("keep_in_dlq", flag("Messages stay in the dead-letter queue after the alert, for redrive. Otherwise they are copied below `failed/` in the receipts bucket, then deleted.")),
        ],
    ))
}

fn reconciliation() -> Attributes {
    common("reconciliation", "reconcile-payments-<suffix>")
        .extend(noted(
            "reconciliation",
            [
                (
                    "schedule_expression",
                    text("When stuck payments are looked for: `rate(...)` or `cron(...)`, UTC.").validate(check::matches(
                        r"^(rate\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\)|cron\([^()]+\))$",
                        "`rate(5 minutes)` or a `cron(...)` expression",
                    )),
                ),
                (
                    "stuck_after_seconds",
                    opt_whole(60, 604_800, "Seconds after which a payment that still waits for accounting is stuck. The default is more than the queue's three deliveries take."),
                ),
                (
                    "max_payments_per_run",
                    opt_whole(1, 10_000, "Stuck payments that one run completes at most; the rest is the next run's."),
                ),
            ],
        ))
        .extend(all([(
            "enabled",
            flag("Have this function. Default: where there is something to reconcile, that is with `processor.response_mode = \"queue\"`, and with several regions that are consistent eventually."),
        )]))
}

fn layer() -> Attributes {
    noted(
        "layer",
        [
            ("enabled", flag("Have the layer.")),
            ("name", text("Name. Default: `payment-common-libs-<suffix>`.")),
            (
                "zip_path",
                text("Path of the layer's zip. Its hash is part of the plan."),
            ),
        ],
    )
}

fn queue() -> Attributes {
    noted(
        "queue",
        [
            ("enabled", flag("Have the queue and its dead-letter queue.")),
            (
                "name",
                text("Name. Default: `payment-processing-queue-<suffix>`.").validate(queue_name()),
            ),
            (
                "visibility_timeout_seconds",
                opt_whole(
                    0,
                    43_200,
                    "Seconds that a message in work stays hidden. Default: six times the accounting function's timeout, and its batching window.",
                ),
            ),
            (
                "message_retention_seconds",
                opt_whole(60, 1_209_600, "Seconds that messages are kept."),
            ),
            (
                "max_receive_count",
                opt_whole(1, 1000, "Deliveries until a message goes to the dead-letter queue."),
            ),
            (
                "sse",
                choice(&["kms", "sqs"], "Encryption: the stack's key or SQS's own."),
            ),
        ],
    )
}

fn dlq() -> Attributes {
    noted(
        "dlq",
        [
            (
                "name",
                text("Name. Default: `payment-processing-dlq-<suffix>`.").validate(queue_name()),
            ),
            (
                "message_retention_seconds",
                opt_whole(60, 1_209_600, "Seconds that messages are kept."),
            ),
            ("redrive_allow", flag("Only this stack's queues may use it.")),
        ],
    )
}

fn queue_name() -> impl tap_plugin::Validator + 'static {
    check::matches("^[A-Za-z0-9_-]{1,80}$", "1 to 80 letters, digits, `_` and `-`")
}

fn vpc() -> Attributes {
    all([
        ("subnet_ids", subnets("Subnets, in two Availability Zones or more.")),
        ("security_group_ids", security_groups("Security groups.")),
        (
            "endpoints",
            group(
                endpoints(),
                "VPC endpoints, by which the functions reach AWS's services from subnets without a NAT gateway. Made before the functions, deleted after them. Their policies let in this account's principals only.",
            ),
        ),
    ])
}

/// Services whose endpoints take a policy and have the service's own name
/// (<https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html>).
const ENDPOINT_SERVICES: [&str; 14] = [
    "dynamodb",
    "events",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "states",
    "sts",
    "xray",
];

fn endpoints() -> Attributes {
    noted(
        "vpc.endpoints",
        [
            (
                "enabled",
                flag("Have endpoints in every region whose functions are in subnets."),
            ),
            (
                "services",
                texts("Services, `dynamodb` and `s3` by gateway endpoints, the others by interface endpoints. Default: those that the functions' code calls as configured, of `dynamodb`, `s3`, `sqs`, `sns`, `events` and `ssm`. Logs, traces, queue polling and decryption do not go through the VPC. Leave out what has an endpoint in the VPC already.")
                    .validate(check::each(check::one_of(ENDPOINT_SERVICES)))
                    .validate(check::count_between(1, 14)),
            ),
            (
                "private_dns_enabled",
                flag("The services' own names lead to the interface endpoints, in the whole VPC. It must have DNS support and DNS host names on. Without it the functions need private hosted zones of yours."),
            ),
            (
                "subnet_ids",
                subnets("Subnets of the interface endpoints, one per Availability Zone; default: the functions'. For one region; others use `region_overrides`."),
            ),
            (
                "security_group_ids",
                security_groups("Security groups of the interface endpoints; they must let the functions in on TCP port 443. For one region; others use `region_overrides`."),
            ),
            (
                "route_table_ids",
                route_tables("Route tables of the functions' subnets, for the gateway endpoints. For one region; others use `region_overrides`."),
            ),
        ],
    )
}
