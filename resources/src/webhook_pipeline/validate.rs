//! Plan-time checks across attributes: what AWS, or a handler, would only say at apply time.

use std::collections::BTreeMap;

use tap_engine::reference::UNKNOWN;
use tap_plugin::Diagnostics;

use super::config::Config;
use super::graph::topics::slug;
use crate::composite::findings::{Findings, known};
use crate::composite::rules;

pub(super) fn validate(config: &Config) -> Diagnostics {
    let mut check = Findings::default();
    api(config, &mut check);
    table(config, &mut check);
    bucket(config, &mut check);
    flow(config, &mut check);
    package(config, &mut check);
    names(config, &mut check);
    listeners(config, &mut check);
    check.into_diagnostics()
}

fn api(config: &Config, check: &mut Findings) {
    let api = &config.pipeline.api;
    match api.authorization.as_str() {
        "none" if !api.allow_unauthenticated => check.error(
            "api.authorization",
            "Anybody could send webhooks",
            "`authorization = \"none\"` lets anybody inject payments. Choose \"api_key\", \"hmac\" or \"iam\", or set `allow_unauthenticated = true` to confirm.",
        ),
        "hmac" if api.hmac.secret_ssm_parameter.is_none() => check.error(
            "api.hmac.secret_ssm_parameter",
            "The HMAC secret is missing",
            "`authorization = \"hmac\"` needs the name of the SSM SecureString that holds the active secrets.",
        ),
        _ => {}
    }
    if api.quota_limit.is_some() && api.authorization != "api_key" {
        check.error(
            "api.quota_limit",
            "A quota needs an API key",
            "Quotas count per API key: set `authorization = \"api_key\"`, or remove `quota_limit`.",
        );
    }
    if config.pipeline.functions.validator.timeout > 29 {
        check.warning(
            "functions.validator.timeout",
            "API Gateway waits 29 seconds",
            "The function may go on after the caller has got a 504; 29 seconds or less avoids that.",
        );
    }
    let waf = &api.waf;
    if waf.enabled && waf.default_action == "block" && waf.allow_ip_cidrs.as_ref().is_none_or(Vec::is_empty) {
        check.error(
            "api.waf.allow_ip_cidrs",
            "Every request would be blocked",
            "`default_action = \"block\"` needs the addresses that may pass (N-24).",
        );
    }
    let with_key = api
        .cors
        .allow_headers
        .iter()
        .any(|h| h.eq_ignore_ascii_case("x-api-key"));
    if with_key
        && api
            .cors
            .allow_origins
            .as_ref()
            .is_some_and(|origins| origins.iter().any(|o| o == "*"))
    {
        check.error(
            "api.cors.allow_origins",
            "Every web page could use the API key",
            "`*` together with a key header is refused: list the origins that may send the key.",
        );
    }
}

fn table(config: &Config, check: &mut Findings) {
    let table = &config.pipeline.table;
    rules::capacity(&table.billing_mode, table.read_capacity, table.write_capacity, check);
    for (index, gsi) in table.global_secondary_indexes.iter().flatten().enumerate() {
        let path = format!("table.global_secondary_indexes[{index}]");
        if gsi.name == super::graph::STATUS_INDEX {
            check.error(
                &path,
                "Index name is taken",
                "`status-timestamp` is always there, for the archival.",
            );
        }
        rules::projection(&path, &gsi.projection_type, gsi.non_key_attributes.is_some(), check);
    }
}

fn bucket(config: &Config, check: &mut Findings) {
    let bucket = &config.pipeline.audit_bucket;
    let days = &bucket.lifecycle;
    rules::glacier("audit_bucket", days, check);
    if days.expiration_days <= days.glacier_days {
        check.error(
            "audit_bucket.lifecycle.expiration_days",
            "Objects would expire before they move",
            format!("must be greater than `glacier_days`, which is {}.", days.glacier_days),
        );
    }
    if bucket.object_lock.is_some() && !bucket.versioning {
        check.error(
            "audit_bucket.versioning",
            "Object Lock needs versioning",
            "Set `versioning = true`.",
        );
    }
}

fn flow(config: &Config, check: &mut Findings) {
    let pipeline = &config.pipeline;
    let routing = &pipeline.routing;
    let order = |low: &serde_json::Number, high: &serde_json::Number| low.as_f64() < high.as_f64();
    if !order(&routing.low_threshold, &routing.high_threshold) {
        check.error(
            "routing.low_threshold",
            "Thresholds overlap",
            "must be less than `high_threshold`, or an amount would match two rules.",
        );
    }
    for (currency, t) in routing.currency_thresholds.iter().flatten() {
        if !order(&t.low_threshold, &t.high_threshold) {
            check.error(
                "routing.currency_thresholds",
                "Thresholds overlap",
                format!("{currency}: `low_threshold` must be less than `high_threshold`."),
            );
        }
    }
    rules::express(&pipeline.workflow.kind, pipeline.workflow.timeout_seconds, check);
    let fraud = &pipeline.fraud;
    if !order(&fraud.medium_risk_threshold, &fraud.high_risk_threshold) {
        check.error(
            "fraud.medium_risk_threshold",
            "Thresholds overlap",
            "must be less than `high_risk_threshold`.",
        );
    }
    let reach = fraud.amount_risk_weight.as_f64().unwrap_or(0.0) + fraud.model_weight_max.as_f64().unwrap_or(0.0);
    if reach + 1e-9 < fraud.high_risk_threshold.as_f64().unwrap_or(0.0) {
        check.warning(
            "fraud.high_risk_threshold",
            "High risk cannot be reached",
            "`amount_risk_weight` and `model_weight_max` together are less than `high_risk_threshold`: no transaction will ever raise an alert.",
        );
    }
    match (fraud.scorer.as_str(), &fraud.scorer_arn) {
        ("external_lambda", None) => {
            check.error(
                "fraud.scorer_arn",
                "The scorer is missing",
                "`scorer = \"external_lambda\"` needs the function's ARN.",
            );
        }
        ("deterministic", Some(_)) => {
            check.error(
                "fraud.scorer_arn",
                "The scorer would not be used",
                "Set `scorer = \"external_lambda\"`, or remove it.",
            );
        }
        _ => {}
    }
    let more = "; the audit bucket keeps transactions apart from this";
    rules::log_retention(config.shared.log_retention_in_days, more, check);
    let alarms = ("the alarms on the handlers' faults", "`alarms.enabled = false`");
    let readers = pipeline.alarms.enabled.then_some(alarms);
    rules::log_class(&config.shared.log_group_class, readers, check);
}

fn package(config: &Config, check: &mut Findings) {
    let Some(package) = &config.shared.lambda_package else {
        return;
    };
    let ways = [
        package.zip_path.is_some(),
        package.s3_bucket.is_some() || package.s3_key.is_some(),
        package.image_uri.is_some(),
    ];
    if ways.iter().filter(|given| **given).count() != 1 {
        check.error(
            "lambda_package",
            "One package, please",
            "Give `zip_path`, or `s3_bucket` and `s3_key`, or `image_uri` and `image_digest`.",
        );
    }
    if package.s3_bucket.is_some() != package.s3_key.is_some() {
        check.error(
            "lambda_package.s3_key",
            "Bucket and key go together",
            "Give both `s3_bucket` and `s3_key`.",
        );
    }
    if package.image_uri.is_some() != package.image_digest.is_some() {
        check.error(
            "lambda_package.image_digest",
            "Image and digest go together",
            "A tag can move unnoticed (W-37): give `image_uri` and `image_digest`.",
        );
    }
    let image = config.pipeline.package_type == "Image";
    if package.image_uri.is_some() != image {
        check.error(
            "package_type",
            "Package and type do not fit",
            if image {
                "`package_type = \"Image\"` with a package of your own needs `image_uri`."
            } else {
                "An image needs `package_type = \"Image\"`."
            },
        );
    }
}

/// Who is listed hears once: a subscription's key is made of the endpoint.
fn listeners(config: &Config, check: &mut Findings) {
    let topic = &config.pipeline.alerts_topic;
    let lists = [
        ("alerts_topic.email_endpoints", &topic.email_endpoints),
        ("alerts_topic.sms_endpoints", &topic.sms_endpoints),
    ];
    for (path, endpoints) in lists {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (index, endpoint) in endpoints.iter().flatten().enumerate().filter(|(_, e)| known(e)) {
            let Some(other) = seen.insert(slug(endpoint), endpoint) else {
                continue;
            };
            let detail = if other == endpoint {
                format!("`{endpoint}` stands there already: once is enough.")
            } else {
                format!("`{endpoint}` and `{other}` differ in punctuation only: a stack can have one of them.")
            };
            check.error(&format!("{path}[{index}]"), "Listed twice", detail);
        }
    }
}

/// Names that AWS limits and that a long suffix or `name_style` could break.
fn names(config: &Config, check: &mut Findings) {
    for (key, name) in config.shared.name_overrides.iter().flatten() {
        if name != UNKNOWN && name.is_empty() {
            check.error(
                "name_overrides",
                "Empty name",
                format!("{key}: a name cannot be empty."),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tap_plugin::{ValidationOptions, Value as Terraform};

    use crate::composite::Composite;
    use crate::webhook_pipeline::WebhookPipeline;

    /// What the schema and the checks across attributes say, summary and text.
    fn found(attribute: &str, value: &Value) -> Vec<String> {
        let written = json!({"environment_suffix": "dev", attribute: value});
        let (schema, config) = (WebhookPipeline.schema(), Terraform::from_json(&written));
        let options = ValidationOptions {
            write_only_allowed: true,
        };
        let mut all = schema.validate(&config, options);
        if all.is_empty() {
            all = WebhookPipeline.validate(&schema.with_defaults(&config).to_json(&|_| Value::Null));
        }
        all.iter()
            .map(|found| format!("{}: {}", found.summary, found.detail))
            .collect()
    }

    #[test]
    fn a_listener_listed_twice_is_named() {
        let mails = |addresses: Value| found("alerts_topic", &json!({"email_endpoints": addresses}));
        assert_eq!(mails(json!(["a@b.test", "c@d.test"])), Vec::<String>::new());
        assert_eq!(
            mails(json!(["a@b.test", "a@b.test"])),
            ["Listed twice: alerts_topic.email_endpoints[1]: `a@b.test` stands there already: once is enough."]
        );
        assert!(mails(json!(["a.x@b.test", "a-x@b.test"]))[0].contains("differ in punctuation only"));
    }

    /// W-32: faults that a caller was told of are no invocation errors, but metrics in the functions' logs.
    #[test]
    fn w_32_logs_that_metrics_are_read_from_are_of_the_standard_class() {
        let with = |alarms: bool, class: &str| {
            let written = json!({
                "environment_suffix": "dev", "log_group_class": class, "alarms": {"enabled": alarms},
            });
            let config = WebhookPipeline.schema().with_defaults(&Terraform::from_json(&written));
            WebhookPipeline.validate(&config.to_json(&|_| Value::Null))
        };
        assert!(with(true, "STANDARD").is_empty());
        assert!(with(false, "INFREQUENT_ACCESS").is_empty());
        let refused = with(true, "INFREQUENT_ACCESS").to_string();
        assert!(
            refused.starts_with("log_group_class: Metrics need STANDARD"),
            "{refused}"
        );
        assert!(refused.contains("`alarms.enabled = false`"), "{refused}");
    }

    #[test]
    fn mistakes_that_only_aws_would_have_told() {
        let arns = |count: usize| vec!["arn:aws:sns:us-east-1:111122223333:t"; count];
        let refused = [
            ("alarms", json!({"actions": ["pager"]})),
            ("alarms", json!({"actions": arns(6)})),
            ("role_names", json!({"validater": "r"})),
            ("api", json!({"cors": {"allow_origins": ["shop.example.com"]}})),
            ("api", json!({"cors": {"allow_origins": ["https://shop.example.com/"]}})),
            ("api", json!({"hmac": {"kms_key_arn": "alias/x"}})),
            ("kms", json!({"key_arn": "alias/payments"})),
            (
                "permissions_boundary_arn",
                json!("arn:aws:iam::111122223333:role/boundary"),
            ),
            (
                "fraud",
                json!({"scorer": "external_lambda", "scorer_arn": "arn:aws:lambda:eu-central-1:111122223333:layer:s:1"}),
            ),
        ];
        for (attribute, value) in refused {
            assert!(!found(attribute, &value).is_empty(), "{attribute} = {value}");
        }
        let taken = [
            ("alarms", json!({"actions": arns(5)})),
            ("role_names", json!({"validator": "r", "events": "e"})),
            (
                "api",
                json!({"cors": {"allow_origins": ["https://shop.example.com:8443", "app://shop"]}}),
            ),
        ];
        for (attribute, value) in taken {
            assert_eq!(found(attribute, &value), Vec::<String>::new(), "{attribute} = {value}");
        }
    }
}
