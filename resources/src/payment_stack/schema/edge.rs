//! Domain, DNS and WAF.

use tap_plugin::{Attribute, Attributes, validators as check};

use super::{choice, flag, noted, region, text_map};
use crate::composite::build::{all, group, opt_whole, text, texts};
use crate::composite::ids;

/// Where Route 53's health checkers are
/// (<https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html>, `Regions`).
const CHECKER_REGIONS: [&str; 8] = [
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
];

pub(super) fn attributes() -> Attributes {
    all([
        (
            "domain",
            group(
                domain(),
                "A custom domain name for the APIs. The regions' own endpoints are closed then; where HTTPS health checks ask them, the web ACL closes them to all but the health path.",
            ),
        ),
        ("dns", group(dns(), "Route 53 records of the domain.")),
        (
            "waf",
            group(waf(), "AWS WAF in front of the stages, one web ACL per region."),
        ),
    ])
}

fn domain() -> Attributes {
    noted(
        "domain",
        [
            ("enabled", flag("Have the domain name.")),
            (
                "name",
                text("The domain name, such as `pay.example.com`.").validate(check::matches(
                    r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
                    "a domain name such as `pay.example.com`",
                )),
            ),
            (
                "certificate_arns",
                text_map("Region -> ARN of the ACM certificate there; every region with an API needs one.")
                    .validate(check::each_key(region()))
                    .validate(check::each(ids::certificate_arn())),
            ),
            (
                "hosted_zone_id",
                text("Id of the Route 53 hosted zone for the records.").validate(check::matches(
                    "^[A-Z0-9]{1,32}$",
                    "the id of a hosted zone, such as `Z0123456789ABCDEFGHIJ`",
                )),
            ),
            (
                "security_policy",
                choice(&["TLS_1_2", "TLS_1_0"], "Lowest TLS version."),
            ),
            (
                "base_path",
                text("Path below the domain; an empty text for the root.").validate(check::matches(
                    "^([A-Za-z0-9$_.+!*'()-]{1,300})?$",
                    "one path segment, such as `v1`, or an empty text",
                )),
            ),
        ],
    )
}

fn dns() -> Attributes {
    let health = noted(
        "dns.health_check",
        [
            ("enabled", flag("Check each region's health path. Failover needs it.")),
            (
                "type",
                choice(
                    &["HTTPS", "TCP"],
                    "Kind of check. `HTTPS` asks each API's own endpoint for its health path and needs `waf.enabled`, which closes the rest of that endpoint; `TCP` only connects, and lets the endpoint be closed altogether.",
                ),
            ),
            ("port", opt_whole(1, 65_535, "Port.")),
            (
                "path",
                text("Path. Default: the API's health path.")
                    .validate(check::matches("^/[!-~]{0,254}$", "a path that begins with `/`")),
            ),
            (
                "interval",
                Attribute::number()
                    .optional()
                    .description("Seconds between checks. A change replaces the check.")
                    .validate(check::one_of_numbers([10, 30])),
            ),
            ("failure_threshold", opt_whole(1, 10, "Checks in a row that must fail.")),
            (
                "regions",
                texts("Regions to check from; three or more. Default: all that Route 53 has.")
                    .validate(check::each(check::one_of(CHECKER_REGIONS)))
                    .validate(check::count_between(3, 8)),
            ),
        ],
    );
    noted(
        "dns",
        [
            (
                "routing_policy",
                choice(
                    &["failover", "latency", "latency_with_failover"],
                    "`failover`: the primary region as long as it is healthy (one writer). `latency`: the nearest healthy region. `latency_with_failover`: the nearest region, and behind each the next one as its standby.",
                ),
            ),
            (
                "record_type",
                choice(
                    &["alias", "cname"],
                    "`alias`: A and AAAA, which cost nothing and have no TTL of their own. `cname`: not at a zone's apex.",
                ),
            ),
            ("ttl", opt_whole(0, 604_800, "Seconds, with `cname` only.")),
            (
                "evaluate_target_health",
                flag("Alias records follow the health of what they point at."),
            ),
            ("health_check", group(health, "Route 53 health checks.")),
        ],
    )
}

fn waf() -> Attributes {
    noted(
        "waf",
        [
            ("enabled", flag("Put a web ACL in front.")),
            ("name", text("Name. Default: `payment-api-waf-<suffix>`.").validate(check::matches("^[A-Za-z0-9_-]{1,128}$", "letters, digits, `_` and `-`"))),
            ("default_action", choice(&["allow", "block"], "What happens to requests that no rule speaks about. `block` with `allow_ip_cidrs` admits those alone.")),
            ("rate_limit", opt_whole(10, 2_000_000_000, "Requests per address and window that are too many. Payment providers send from few addresses.")),
            (
                "evaluation_window_sec",
                Attribute::number().optional().description("Length of the window in seconds.").validate(check::one_of_numbers([60, 120, 300, 600])),
            ),
            (
                "allow_ip_cidrs",
                texts("Known senders, IPv4 and IPv6 in CIDR notation: exempt from the rate limit, and the only ones that may pass with `default_action = \"block\"`.")
                    .validate(check::each(crate::composite::waf::cidr())),
            ),
            ("managed_rule_groups", texts("AWS managed rule groups, in order.")),
            ("logging", flag("Log to a log group `aws-waf-logs-<name>`, without the key header.")),
        ],
    )
}
