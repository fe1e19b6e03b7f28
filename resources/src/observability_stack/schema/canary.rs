//! The canary and the bucket with its results.

use tap_plugin::{Attribute, Attributes, Type, validators as check};

use crate::composite::build::{all, choice, group, opt_whole, replaces_object, switch, text, text_or, whole};
use crate::composite::ids;

/// The newest runtime that AWS's documentation names as such
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Library_nodejs_puppeteer.html>,
/// read 2026-11-21). A plan asks AWS whether it is still taken.
pub(super) const RUNTIME: &str = "syn-nodejs-puppeteer-15.0";

pub(super) fn attributes() -> Attributes {
    all([
        (
            "canary",
            group(
                canary(),
                "The Synthetics canary: asks the API from outside, on a schedule.",
            ),
        ),
        (
            "artifact_bucket",
            group(bucket(), "The bucket with the results of the canary's runs."),
        ),
        (
            "artifact_prefix",
            text_or("canary-results", "Prefix of the results in the bucket.").validate(check::matches(
                "^[A-Za-z0-9!_.*'()/-]{1,200}$",
                "1 to 200 letters, digits and `!_.*'()/-`",
            )),
        ),
    ])
}

fn canary() -> Attributes {
    what().extend(how()).extend(running())
}

/// What is asked and expected.
fn what() -> Attributes {
    all([
        (
            "enabled",
            Attribute::bool()
                .optional()
                .description("Create it. Default: where `url` is set."),
        ),
        (
            "url",
            text("URL to ask. Required with `enabled`.").validate(check::matches(
                r"^https?://[^\s/?#@]+([/?#]\S*)?$",
                "an absolute URL without user name and password, such as `https://pay.example.com/health`",
            )),
        ),
        (
            "method",
            choice(&["GET", "HEAD", "OPTIONS", "POST", "PUT"], "HTTP method. `mode = \"browser\"` can GET only."),
        ),
        ("body", text("Body to send, with `POST` and `PUT`. It is part of the state: no secrets.")),
        (
            "headers",
            Attribute::map(Type::String)
                .optional()
                .description(
                    "Headers to send. They are part of the script and of the state: no secrets. Names that are known to carry one, such as `Authorization` and `X-Api-Key`, are refused here.",
                )
                .validate(check::each_key(check::matches(
                    "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$",
                    "the name of an HTTP header",
                ))),
        ),
        (
            "headers_ssm_parameter",
            text("Name of an SSM SecureString with headers that hold secrets, as a JSON object: `{\"X-Api-Key\": \"...\"}`. The script reads it each time it runs; the value never is in plan, state or script. Not with `mode = \"browser\"`, whose recordings (HAR) would hold them.")
                .validate(check::matches(
                    "^[A-Za-z0-9_./-]{1,1011}$",
                    "the name of an SSM parameter",
                )),
        ),
        (
            "headers_kms_key_arn",
            text("ARN of the customer managed key that encrypts this parameter, if one does.").validate(ids::kms_key_arn()),
        ),
        ("expected_status_min", whole(200, 100, 599, "Lowest status that passes.")),
        ("expected_status_max", whole(299, 100, 599, "Highest status that passes.")),
    ])
}

/// Name, runtime, schedule, limits.
fn how() -> Attributes {
    all([
        (
            "name",
            replaces_object(
                text("Name. Default: `health-check-<suffix>`. Never cut: two stacks would share a canary.").validate(
                    check::matches(
                        "^[0-9a-z_-]{1,255}$",
                        "1 to 255 lower-case letters, digits, `_` and `-`",
                    ),
                ),
            ),
        ),
        (
            "mode",
            choice(
                &["http", "browser"],
                "How it asks: with a plain request, which does not follow redirects, or by loading a page in Chromium.",
            ),
        ),
        (
            "runtime_version",
            text_or(
                RUNTIME,
                "Synthetics runtime, of the family `syn-nodejs-puppeteer`. Plans ask AWS whether it is still supported.",
            )
            .validate(check::matches(
                r"^syn-nodejs-puppeteer-\d+\.\d+$",
                "a Puppeteer runtime such as `syn-nodejs-puppeteer-15.0`",
            )),
        ),
        (
            "schedule_expression",
            text_or("rate(5 minutes)", "When it runs: `rate(...)` of one minute to one hour, or `cron(...)`.").validate(
                check::matches(
                    r"^(rate\((1 minute|([2-9]|[1-5][0-9]|60) minutes|1 hour)\)|cron\(.+\))$",
                    "`rate(5 minutes)`, at most one hour, or `cron(...)`",
                ),
            ),
        ),
        (
            "timeout_in_seconds",
            whole(60, 15, 840, "Seconds that a run may take, start of the runtime included."),
        ),
        (
            "navigation_timeout_ms",
            whole(30_000, 100, 840_000, "Milliseconds to wait for the answer. Less than the run may take."),
        ),
        (
            "memory_in_mb",
            whole(960, 960, 3008, "Memory in MB, a multiple of 64.").validate(check::condition("a multiple of 64", |value| {
                value.as_i64().is_none_or(|memory| memory % 64 == 0)
            })),
        ),
    ])
}

/// Starting, keeping, cleaning up.
fn running() -> Attributes {
    all([
        ("start_canary", switch(true, "Let it run.")),
        (
            "success_retention_period",
            whole(31, 1, 455, "Days that data of successful runs is kept."),
        ),
        (
            "failure_retention_period",
            whole(31, 1, 455, "Days that data of failed runs is kept."),
        ),
        ("active_tracing", switch(true, "Trace its requests with X-Ray.")),
        (
            "delete_lambda",
            switch(true, "Delete its Lambda function and layers together with it."),
        ),
        (
            "role_name",
            replaces_object(text("Name of its role. Default: `synthetics-canary-role-<suffix>`.")),
        ),
    ])
}

fn bucket() -> Attributes {
    all([
        (
            "name",
            replaces_object(
                text("Name. Default: `canary-artifacts-<suffix>-<account id>`, with `-<region>` outside us-east-1.")
                    .validate(
                        // Synthetics takes no bucket with a period in its name.
                        check::matches(
                            "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$",
                            "3 to 63 lower-case letters, digits and `-`",
                        ),
                    ),
            ),
        ),
        (
            "force_destroy",
            switch(false, "Let `terraform destroy` delete the bucket with what is in it."),
        ),
        (
            "expiration_days",
            opt_whole(
                1,
                36_500,
                "Days until results are deleted. Default: the longer of the canary's two retention periods.",
            ),
        ),
        ("kms", switch(true, "Encrypt with the stack's key.")),
    ])
}
