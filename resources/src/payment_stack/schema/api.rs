//! The REST APIs: route, authorization, limits, logs.

use tap_plugin::{Attributes, validators as check};

use super::{choice, flag, noted, region};
use crate::composite::build::{all, group, json_object, opt_whole, text, texts};
use crate::composite::ids;

pub(super) fn attributes() -> Attributes {
    all([("api", group(api(), "The REST APIs that take payments, one per region."))])
}

fn api() -> Attributes {
    route().extend(guards()).extend(logs())
}

fn route() -> Attributes {
    noted(
        "api",
        [
            ("enabled", flag("Have APIs.")),
            (
                "name",
                text(
                    "Name. Default: `payment-webhooks-api-<suffix>`; with `preset = \"multi_region\"` `payment-api-<suffix>`; with `preset = \"global\"`, whose names are prefixed, `payment-<suffix>-api`.",
                ),
            ),
            ("description", text("Description.")),
            (
                "path",
                text("Path of the route, without a slash at either end.").validate(check::matches(
                    "^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$",
                    "a path such as `payments` or `v1/payments`, without a slash at either end",
                )),
            ),
            (
                "stage_name",
                text("Name of the stage.")
                    .validate(check::matches("^[A-Za-z0-9_-]{1,128}$", "letters, digits, `_` and `-`")),
            ),
            (
                "endpoint_type",
                choice(&["REGIONAL", "EDGE"], "Endpoint type. Several regions need `REGIONAL`."),
            ),
            (
                "regions",
                texts("Regions with an API, of those in `regions`. Default: all.")
                    .validate(check::each(region()))
                    .validate(check::count_between(1, 10)),
            ),
            (
                "integration_timeout_ms",
                opt_whole(
                    50,
                    300_000,
                    "Milliseconds that the API waits for the processor. More than 29000 needs a raised account quota.",
                ),
            ),
            (
                "request_validation",
                flag("Check bodies against a JSON schema before the function is called."),
            ),
            (
                "request_schema_json",
                text("That schema, as JSON text (draft 4). Default: one that fits the processor.")
                    .validate(json_object()),
            ),
            (
                "health_path",
                text("Path that answers 200 without a key, for health checks; an empty text for none.").validate(
                    check::matches(
                        "^([A-Za-z0-9._~-]+)?$",
                        "one path segment, such as `health`, or an empty text",
                    ),
                ),
            ),
        ],
    )
}

fn hmac() -> Attributes {
    noted(
        "api.hmac",
        [
            (
                "header",
                text("Header that carries the signature: `t=<unix seconds>,v1=<hex HMAC-SHA256 of \"<t>.<body>\">`.")
                    .validate(check::matches("^[A-Za-z0-9-]{1,128}$", "a header's name, such as `X-Signature`")),
            ),
            (
                "secret_ssm_parameter",
                text("Name of an SSM SecureString of yours with the active secrets, one a line, in every region; or give `secrets_wo`.")
                    .validate(check::matches("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", "the name of an SSM parameter")),
            ),
            (
                "secrets_wo",
                text("The active secrets, one a line, for a SecureString that the stack makes in every region. Write-only: never in plan or state.").write_only(),
            ),
            (
                "secrets_wo_version",
                opt_whole(1, 1_000_000, "Goes with `secrets_wo`: another number writes the secrets of now."),
            ),
            ("kms_key_arn", text("Key that encrypts that parameter, if it is not `alias/aws/ssm`.").validate(ids::kms_key_arn())),
            ("tolerance_seconds", opt_whole(1, 86_400, "How old a signature may be.")),
        ],
    )
}

fn guards() -> Attributes {
    let key = noted(
        "api.api_key",
        [
            ("name", text("Name. Default: `payment-api-key-<suffix>`.")),
            (
                "value_wo",
                text("The key's value, if it is to be one of yours: 20 to 128 characters. Write-only: never in plan or state. By default API Gateway makes one.")
                    .write_only()
                    .validate(check::length_between(20, 128)),
            ),
            (
                "value_wo_version",
                opt_whole(1, 1_000_000, "Goes with `value_wo`: another number replaces the key by one with the value of now."),
            ),
            (
                "throttle_rate_limit",
                opt_whole(
                    1,
                    100_000,
                    "Requests per second of the key. Less than the stage's, so that one client cannot take all (N-27).",
                ),
            ),
            (
                "throttle_burst_limit",
                opt_whole(1, 100_000, "Requests of the key in a burst."),
            ),
            (
                "quota_limit",
                opt_whole(
                    0,
                    2_147_483_647,
                    "Requests of the key per `quota_period`; 0 for no quota.",
                ),
            ),
            (
                "quota_period",
                choice(&["DAY", "WEEK", "MONTH"], "Period of the quota."),
            ),
        ],
    );
    let cors = noted(
        "api.cors",
        [
            (
                "allow_origins",
                texts("Origins that browsers may call from, or `*`.").validate(check::each(check::matches(
                    r"^(\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+)$",
                    "an origin as browsers send it, such as `https://shop.example.com`, without a path",
                ))),
            ),
            ("allow_methods", texts("Methods they may use.")),
            ("allow_headers", texts("Headers they may send.")),
            ("max_age", opt_whole(0, 86_400, "Seconds that browsers remember it.")),
        ],
    );
    noted(
        "api",
        [
            (
                "authorization",
                choice(
                    &["api_key", "hmac", "iam", "none"],
                    "Who may call: holders of the API key, senders that sign the body, IAM principals, or anybody. AWS means keys for metering; prefer `hmac` or `iam` for identity.",
                ),
            ),
            (
                "allow_unauthenticated",
                flag("Must be true with `authorization = \"none\"`."),
            ),
            (
                "hmac",
                group(hmac(), "Signature check, with `authorization = \"hmac\"`."),
            ),
            (
                "api_key",
                group(
                    key,
                    "The API key and its usage plan, with `authorization = \"api_key\"`. All regions have the same key value.",
                ),
            ),
            (
                "resource_policy",
                text("Resource policy of the APIs, as JSON text: who may call, and from where, before any other check. Resources in the short form, `execute-api:/*`, fit every region. What it does not allow is refused, the health path too.")
                    .validate(check::json()),
            ),
            (
                "throttle_rate_limit",
                opt_whole(1, 100_000, "Requests per second of each region's stage."),
            ),
            ("throttle_burst_limit", opt_whole(1, 100_000, "Requests in a burst.")),
            (
                "cors",
                group(cors, "Cross-origin requests; off unless `allow_origins` is set."),
            ),
        ],
    )
}

fn logs() -> Attributes {
    let access_log = noted(
        "api.access_log",
        [
            ("enabled", flag("Log each request.")),
            (
                "format_json",
                text("Format, as JSON text of `$context` variables. Default: eleven keys, without payload.")
                    .validate(check::json()),
            ),
        ],
    );
    noted(
        "api",
        [
            (
                "execution_log_level",
                choice(&["ERROR", "INFO", "OFF"], "Execution log of the stage."),
            ),
            (
                "data_trace_enabled",
                flag(
                    "Log whole requests and answers. Never for payment data: whoever reads the log reads the payments.",
                ),
            ),
            ("metrics_enabled", flag("Metrics per method.")),
            ("access_log", group(access_log, "Access log.")),
            ("xray_tracing_enabled", flag("X-Ray tracing.")),
            (
                "manage_account_log_role",
                choice(
                    &["if_absent", "always", "never"],
                    "API Gateway writes logs with one role per account and region. `if_absent` sets it where none is; it stays when the stack goes, as other APIs may use it.",
                ),
            ),
        ],
    )
}
