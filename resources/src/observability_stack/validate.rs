//! Plan-time checks across attributes: what AWS, or a handler, would only say at apply time.

use serde_json::Value;
use tap_plugin::Diagnostics;

use super::canary_script;
use super::config::{Config, Window};
use super::graph::STACK_VARIABLES;
use crate::composite::findings::{Findings, known};
use crate::composite::rules;

/// Domains that are reserved for documentation (RFC 2606): nobody answers and no mail arrives there.
const EXAMPLES: [&str; 3] = ["example.com", "example.org", "example.net"];

/// Header names that carry credentials: their values would be in script and state.
const SECRET_HEADERS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-amz-security-token",
    "x-signature",
];

pub(super) fn validate(config: &Config) -> Diagnostics {
    let mut found = Findings::default();
    logs(config, &mut found);
    watched(config, &mut found);
    telling(config, &mut found);
    windows(config, &mut found);
    function(config, &mut found);
    canary(config, &mut found);
    dashboard(config, &mut found);
    found.into_diagnostics()
}

fn logs(config: &Config, found: &mut Findings) {
    let (shared, o) = (&config.shared, &config.observability);
    let filter = &o.latency_filter;
    let own_filter = filter.enabled && filter.log_group_name.is_none();
    if own_filter && !o.log_groups.api.enabled {
        found.error(
            "latency_filter.enabled",
            "The filter has nothing to read",
            "With `log_groups.api.enabled = false` it needs `latency_filter.log_group_name`, or `enabled = false`.",
        );
    }
    if filter.pattern.is_some() != filter.value.is_some() {
        found.error(
            "latency_filter.pattern",
            "Pattern and value go together",
            "A pattern of your own needs `latency_filter.value`, the field that is the latency, and the other way round.",
        );
    }
    rules::log_retention(shared.log_retention_in_days, "", found);
    let emits = o.lambda.enabled && o.custom_metrics.mode == "emf";
    let faults = o.lambda.enabled && o.handler_fault_alarm.enabled;
    let readers = [
        (
            own_filter,
            ("metrics of the latency filter", "`latency_filter.enabled = false`"),
        ),
        (
            emits,
            (
                "the function's `custom_metrics`",
                "`custom_metrics.mode = \"put_metric_data\"`",
            ),
        ),
        (
            faults,
            ("alarms on its faults", "`handler_fault_alarm.enabled = false`"),
        ),
    ];
    let readers = readers
        .into_iter()
        .filter_map(|(reads, reader)| reads.then_some(reader));
    rules::log_class(&shared.log_group_class, readers, found);
}

fn watched(config: &Config, found: &mut Findings) {
    let o = &config.observability;
    if o.api_error_alarm.enabled == Some(true) && o.api.name.is_none() {
        found.error(
            "api.name",
            "The API's name is missing",
            "`api_error_alarm.enabled = true` needs it: a metric without the dimension `ApiName` has no data, and the alarm would stay green for ever (O-13).",
        );
    }
    if o.api.stage.is_some() && o.api.name.is_none() {
        found.error("api.stage", "A stage without its API", "Give `api.name` too.");
    }
    if o.api.execution_logs && (o.api.id.is_none() || o.api.stage.is_none()) {
        found.error(
            "api.execution_logs",
            "Id and stage are missing",
            "The execution log group is called `API-Gateway-Execution-Logs_<id>/<stage>`: give `api.id` and `api.stage`.",
        );
    }
    let rds = &o.rds;
    let identifiers = [&rds.db_instance_identifier, &rds.db_cluster_identifier];
    match identifiers.iter().filter(|id| id.is_some()).count() {
        2 => found.error(
            "rds.db_cluster_identifier",
            "Instance or cluster, not both",
            "Set `db_instance_identifier` or `db_cluster_identifier`.",
        ),
        0 if rds.log_types.as_ref().is_some_and(|types| !types.is_empty()) => found.error(
            "rds.log_types",
            "Log types of which database?",
            "Give `rds.db_instance_identifier` or `rds.db_cluster_identifier`: the log groups' names hold it (O-27).",
        ),
        _ => {}
    }
    labels(config, found);
    let latency = &o.latency_alarm;
    if latency.enabled && latency.threshold_ms.is_none() {
        found.error(
            "latency_alarm.threshold_ms",
            "The threshold is missing",
            "Say how many milliseconds are too many.",
        );
    }
    if latency.enabled && !o.latency_filter.enabled && o.api.name.is_none() {
        found.error(
            "latency_alarm.enabled",
            "There is no latency to look at",
            "Enable `latency_filter`, or give `api.name`.",
        );
    }
}

/// Alarms are called after the labels, in which `/` becomes `-`, and `_` in their keys.
fn labels(config: &Config, found: &mut Findings) {
    let labels = || {
        let functions = config.observability.lambda_error_alarm.function_names.iter();
        functions.flatten().map(|(label, _)| label)
    };
    let plain = |label: &str, mark: &str| label.replace('/', mark);
    for label in labels().filter(|label| label.contains('/')) {
        let same =
            |other: &&String| *other != label && ["_", "-"].iter().any(|mark| plain(other, mark) == plain(label, mark));
        if let Some(other) = labels().find(same) {
            found.error(
                &format!("lambda_error_alarm.function_names[\"{label}\"]"),
                "Two alarms of one name",
                format!("`{label}` and `{other}` are the same without the slash: choose another label."),
            );
        }
    }
}

fn telling(config: &Config, found: &mut Findings) {
    let o = &config.observability;
    if o.alarm_notification_mode == "composite_only" && !o.composite_alarm.enabled {
        found.error(
            "alarm_notification_mode",
            "Nobody would be told",
            "`composite_only` without the composite alarm: set `alarm_notification_mode = \"all\"`, or `composite_alarm.enabled = true`.",
        );
    }
    if o.alarm_topic.existing_arn.is_some() && o.alarm_topic.name.is_some() {
        found.error(
            "alarm_topic.existing_arn",
            "An existing topic or a new one",
            "Give `name` or `existing_arn`.",
        );
    }
    let kms = &config.shared.kms;
    let encrypted = kms.create || kms.key_arn.is_some();
    if o.alarm_topic.existing_arn.is_none() && o.alarm_topic.kms_enabled && !encrypted {
        found.warning(
            "alarm_topic.kms_enabled",
            "The topic is not encrypted",
            "There is no customer managed key (`kms.create = false` without `kms.key_arn`), and with the key that AWS manages CloudWatch could not publish (O-32).",
        );
    }
    for (index, address) in o.alarm_email_endpoints.iter().flatten().enumerate() {
        if address.rsplit('@').next().is_some_and(is_example) {
            found.warning(
                &format!("alarm_email_endpoints[{index}]"),
                "No mail arrives there",
                format!("{address} is an address for documentation (O-33)."),
            );
        }
    }
    for (index, subscription) in o.alarm_subscriptions.iter().flatten().enumerate() {
        let path = format!("alarm_subscriptions[{index}]");
        rules::no_fifo_queue(&path, &subscription.protocol, &subscription.endpoint, found);
        let path = format!("{path}.subscription_role_arn");
        match (subscription.protocol == "firehose", &subscription.subscription_role_arn) {
            (true, None) => found.error(
                &path,
                "The role is missing",
                "SNS needs a role to write to a delivery stream with.",
            ),
            (false, Some(_)) => found.error(
                &path,
                "A role for nothing",
                "It goes with `protocol = \"firehose\"` only.",
            ),
            _ => {}
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    let mail = o.alarm_email_endpoints.iter().flatten().map(|e| ("email", e.as_str()));
    let others = o.alarm_subscriptions.iter().flatten();
    let all = mail.chain(others.map(|s| (s.protocol.as_str(), s.endpoint.as_str())));
    for (protocol, endpoint) in all {
        if !seen.insert((protocol, endpoint)) {
            found.error(
                "alarm_subscriptions",
                "The same subscription twice",
                format!("{protocol} {endpoint}: SNS keeps one only."),
            );
        }
    }
}

/// doc: `PutMetricAlarm`, parameter `EvaluationPeriods`: at most a day, or seven with periods of an hour and more.
fn windows(config: &Config, found: &mut Findings) {
    let o = &config.observability;
    let all: [(&str, Window); 5] = [
        ("api_error_alarm", o.api_error_alarm.window()),
        ("lambda_error_alarm", o.lambda_error_alarm.window()),
        ("handler_fault_alarm", o.handler_fault_alarm.window()),
        ("latency_alarm", o.latency_alarm.window()),
        ("canary_alarm", o.canary_alarm.window()),
    ];
    for (group, window) in all {
        let longest = if window.period < 3600 { 86_400 } else { 604_800 };
        if window.period * window.evaluation_periods > longest {
            found.error(
                &format!("{group}.evaluation_periods"),
                "The alarm looks back too far",
                format!(
                    "{} periods of {} seconds are more than CloudWatch takes, {longest} seconds.",
                    window.evaluation_periods, window.period
                ),
            );
        }
        if window
            .datapoints_to_alarm
            .is_some_and(|points| points > window.evaluation_periods)
        {
            found.error(
                &format!("{group}.datapoints_to_alarm"),
                "More points than periods",
                format!(
                    "cannot be more than `evaluation_periods`, which is {}.",
                    window.evaluation_periods
                ),
            );
        }
    }
}

fn function(config: &Config, found: &mut Findings) {
    let o = &config.observability;
    for name in o.lambda.environment.iter().flatten().map(|(name, _)| name) {
        if STACK_VARIABLES.contains(&name.as_str()) {
            found.error(
                &format!("lambda.environment[\"{name}\"]"),
                "The stack sets this variable",
                "Use the attribute that it comes from: `environment_suffix`, `log_level` or `custom_metrics`.",
            );
        }
    }
    if !o.lambda.enabled {
        return;
    }
    let Some(package) = &config.shared.lambda_package else {
        return;
    };
    let ways = [
        package.zip_path.is_some(),
        package.s3_bucket.is_some() && package.s3_key.is_some(),
        package.image_uri.is_some() && package.image_digest.is_some(),
    ];
    let parts = [
        package.s3_bucket.is_some() != package.s3_key.is_some(),
        package.image_uri.is_some() != package.image_digest.is_some(),
    ];
    if ways.iter().filter(|given| **given).count() != 1 || parts.contains(&true) {
        found.error(
            "lambda_package",
            "One package, please",
            "Give `zip_path`, or `s3_bucket` and `s3_key`, or `image_uri` and `image_digest`.",
        );
    }
}

fn canary(config: &Config, found: &mut Findings) {
    let c = &config.observability.canary;
    if !c.is_wanted() {
        return;
    }
    match &c.url {
        None => found.error(
            "canary.url",
            "What should the canary look at?",
            "`canary.enabled = true` needs a URL of yours (O-06).",
        ),
        Some(url) if known(url) && is_example(host(url)) => found.warning(
            "canary.url",
            "Nothing of yours is there",
            format!("{url} is in a domain for documentation (O-06)."),
        ),
        Some(_) => {}
    }
    if canary_script::supported(&c.runtime_version).is_none() {
        found.error(
            "canary.runtime_version",
            "The runtime is deprecated",
            format!("AWS makes no canaries with {} any more (O-04).", c.runtime_version),
        );
    }
    if c.expected_status_min > c.expected_status_max {
        found.error(
            "canary.expected_status_min",
            "No status can pass",
            format!(
                "must not be greater than `expected_status_max`, which is {}.",
                c.expected_status_max
            ),
        );
    }
    if c.navigation_timeout_ms >= c.timeout_in_seconds * 1000 {
        found.error(
            "canary.navigation_timeout_ms",
            "The run would end before the wait",
            format!(
                "must be less than `timeout_in_seconds`, which is {}.",
                c.timeout_in_seconds
            ),
        );
    }
    requests(config, found);
    schedule(config, found);
}

fn requests(config: &Config, found: &mut Findings) {
    let c = &config.observability.canary;
    if c.mode == "browser" {
        if c.method != "GET" || c.body.is_some() {
            found.error(
                "canary.method",
                "A browser can GET only",
                "Set `canary.mode = \"http\"`, or leave `method` and `body` out.",
            );
        }
        if c.headers_ssm_parameter.is_some() {
            found.error(
                "canary.headers_ssm_parameter",
                "The recordings would hold the secrets",
                "In `browser` mode every run leaves a HAR file with all headers in the bucket: set `canary.mode = \"http\"`.",
            );
        }
    }
    if c.body.is_some() && !matches!(c.method.as_str(), "POST" | "PUT") {
        found.error(
            "canary.body",
            "A body nobody sends",
            "It goes with `POST` and `PUT` only.",
        );
    }
    for name in c.headers.iter().flatten().map(|(name, _)| name) {
        if SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            found.error(
                &format!("canary.headers[\"{name}\"]"),
                "A secret does not belong here",
                "Headers are part of the script and of the state: put it into an SSM SecureString and name that in `canary.headers_ssm_parameter`.",
            );
        }
    }
    if c.headers_kms_key_arn.is_some() && c.headers_ssm_parameter.is_none() {
        found.error(
            "canary.headers_kms_key_arn",
            "A key for nothing",
            "It goes with `canary.headers_ssm_parameter`.",
        );
    }
}

fn schedule(config: &Config, found: &mut Findings) {
    let (c, alarm) = (&config.observability.canary, &config.observability.canary_alarm);
    let Some(interval) = interval(&c.schedule_expression) else {
        return;
    };
    if c.timeout_in_seconds > interval {
        found.error(
            "canary.timeout_in_seconds",
            "Runs would overlap",
            format!("must not be more than the {interval} seconds of `schedule_expression`."),
        );
    }
    if alarm.enabled && alarm.treat_missing_data == "breaching" && c.start_canary && interval > alarm.period {
        found.error(
            "canary_alarm.period",
            "The alarm would go off between runs",
            format!("must be at least the {interval} seconds of `schedule_expression`, or `treat_missing_data` not \"breaching\"."),
        );
    }
}

/// The domain, or one below it.
fn is_example(host: &str) -> bool {
    let ends = |domain: &&str| host.strip_suffix(*domain);
    EXAMPLES
        .iter()
        .filter_map(ends)
        .any(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Seconds of `rate(...)`; `None` for `cron(...)`.
fn interval(expression: &str) -> Option<i64> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = if unit.starts_with("hour") { 3600 } else { 60 };
    Some(number.parse::<i64>().ok()? * seconds)
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority.split(':').next().unwrap_or(authority)
}

fn dashboard(config: &Config, found: &mut Findings) {
    let Some(text) = &config.observability.dashboard.additional_widgets_json else {
        return;
    };
    let widgets = serde_json::from_str::<Vec<Value>>(text);
    if !widgets.is_ok_and(|list| {
        list.iter()
            .all(|widget| widget["type"].is_string() && widget["properties"].is_object())
    }) {
        found.error(
            "dashboard.additional_widgets_json",
            "These are no widgets",
            "must be a JSON array of objects with `type` and `properties`.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_and_hosts_are_read() {
        assert_eq!(interval("rate(1 minute)"), Some(60));
        assert_eq!(interval("rate(1 hour)"), Some(3600));
        assert_eq!(interval("cron(0 * * * ? *)"), None);
        assert_eq!(host("https://api.example.com:8443/health"), "api.example.com");
        assert_eq!(host("https://pay.test?example.com"), "pay.test");
        assert!(is_example("example.com") && is_example("api.example.org") && !is_example("notexample.com"));
    }
}
