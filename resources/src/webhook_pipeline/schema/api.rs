//! The REST API: route, authorization, limits, logs, WAF.

use serde_json::json;
use tap_plugin::{Attribute, Attributes, validators as check};

use crate::composite::build::{all, choice, group, opt_whole, switch, text, text_or, texts, texts_or, whole};
use crate::composite::ids;

pub(super) fn attributes() -> Attributes {
    all([("api", group(api(), "The REST API that takes the webhooks."))])
}

fn api() -> Attributes {
    let hmac = all([
        ("header", text_or("X-Signature", "Header that carries the signature: `t=<unix seconds>,v1=<hex HMAC-SHA256 of \"<t>.<body>\">`.")),
        ("secret_ssm_parameter", text("Name of the SSM SecureString with the active secrets, one a line. You create it; the secret never passes Terraform.").validate(check::matches("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", "the name of an SSM parameter"))),
        ("kms_key_arn", text("ARN of the key that encrypts that parameter, if it is not `alias/aws/ssm`.").validate(ids::kms_key_arn())),
        ("tolerance_seconds", whole(300, 1, 86400, "How old a signature may be.")),
    ]);
    let access_log = all([
        ("enabled", switch(true, "Log each request.")),
        (
            "format_json",
            text("Format, as JSON text of `$context` variables. Default: eleven keys, without payload.")
                .validate(check::json()),
        ),
    ]);
    let cors = all([
        (
            "allow_origins",
            texts("Origins that browsers may call from.").validate(check::each(check::matches(
                r"^(\*|[a-z][a-z0-9+.-]*://[^/\s?#]+)$",
                "an origin such as `https://shop.example.com`, without a path, or `*`",
            ))),
        ),
        (
            "allow_methods",
            texts_or(json!(["POST", "OPTIONS"]), "Methods they may use."),
        ),
        (
            "allow_headers",
            texts_or(
                json!(["Content-Type", "X-Api-Key", "Idempotency-Key"]),
                "Headers they may send.",
            ),
        ),
        ("max_age", whole(600, 0, 86400, "Seconds that browsers remember it.")),
    ]);
    all([
        ("name", text("Name. Default: `webhook-api-<suffix>`.")),
        (
            "path",
            text_or("webhook", "Path of the route, without a slash at either end.").validate(check::matches(
                "^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$",
                "a path such as `webhook` or `v1/webhook`, without a slash at either end",
            )),
        ),
        (
            "stage_name",
            text_or("v1", "Name of the stage.")
                .validate(check::matches("^[A-Za-z0-9_-]{1,128}$", "letters, digits, `_` and `-`")),
        ),
        ("endpoint_type", choice(&["REGIONAL", "EDGE"], "Endpoint type.")),
        (
            "authorization",
            choice(
                &["api_key", "hmac", "iam", "none"],
                "Who may call: holders of the API key, senders that sign the body, IAM principals, or anybody.",
            ),
        ),
        (
            "allow_unauthenticated",
            switch(false, "Must be true with `authorization = \"none\"`."),
        ),
        ("hmac", group(hmac, "Signature check, with `authorization = \"hmac\"`.")),
        ("throttle_rate_limit", whole(1000, 1, 100_000, "Requests per second.")),
        ("throttle_burst_limit", whole(2000, 1, 100_000, "Requests in a burst.")),
        (
            "quota_limit",
            opt_whole(1, 2_147_483_647, "Requests per `quota_period` for the API key."),
        ),
        (
            "quota_period",
            choice(&["DAY", "WEEK", "MONTH"], "Period of the quota."),
        ),
        (
            "request_validation",
            switch(
                true,
                "Check bodies against a JSON schema before the function is called.",
            ),
        ),
        ("access_log", group(access_log, "Access log.")),
        (
            "cors",
            group(cors, "Cross-origin requests; off unless `allow_origins` is set."),
        ),
        ("waf", group(waf(), "AWS WAF in front of the stage.")),
        (
            "manage_account_log_role",
            choice(
                &["if_absent", "always", "never"],
                "API Gateway writes logs with one role per account and region. `if_absent` sets it where none is; it stays when the stack goes, as other APIs may use it.",
            ),
        ),
        ("xray_tracing_enabled", switch(true, "X-Ray tracing.")),
    ])
}

fn waf() -> Attributes {
    let rate = Attribute::number()
        .optional()
        .default(json!(60_000))
        .description("Requests per address and window that are too many.")
        .validate(check::between(10, 2_000_000_000));
    all([
        ("enabled", switch(false, "Put a web ACL in front.")),
        ("name", text("Name. Default: `webhook-api-waf-<suffix>`.")),
        (
            "default_action",
            choice(
                &["allow", "block"],
                "What happens to requests that no rule speaks about. `block` with `allow_ip_cidrs` admits those alone.",
            ),
        ),
        ("rate_limit", rate),
        (
            "evaluation_window_sec",
            Attribute::number()
                .optional()
                .default(json!(300))
                .description("Length of the window in seconds.")
                .validate(check::one_of_numbers([60, 120, 300, 600])),
        ),
        (
            "allow_ip_cidrs",
            texts("Known senders, IPv4 and IPv6 in CIDR notation: exempt from the rate limit, and the only ones that may pass with `default_action = \"block\"`.")
                .validate(check::each(crate::composite::waf::cidr())),
        ),
        (
            "managed_rule_groups",
            texts_or(
                json!(["AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"]),
                "AWS managed rule groups, in order.",
            ),
        ),
        (
            "logging",
            switch(
                true,
                "Log to a log group `aws-waf-logs-<name>`, without the key header.",
            ),
        ),
    ])
}
