//! `wafv2_logging`: where an AWS WAF web ACL writes its log.
//!
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/API_PutLoggingConfiguration.html>

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_wafv2::types::{FieldToMatch, LoggingConfiguration, SingleHeader};
use serde_json::Value;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::{Checks, literal};
use super::fields::{Fields, Seen};
use super::wafv2::GONE;
use super::{Aws, call, found};

/// The kind; `id` is the web ACL's ARN, which has one logging configuration at most.
pub struct Wafv2Logging(pub Arc<Aws>);

static SPEC: KindSpec = KindSpec {
    name: "wafv2_logging",
    settings: &[
        Setting::replace("resource_arn"),
        Setting::new("log_destination_arn"),
        Setting::new("redacted_headers").unordered(),
    ],
    outputs: &["id"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "wafv2:PutLoggingConfiguration",
        "wafv2:GetLoggingConfiguration",
        "wafv2:DeleteLoggingConfiguration",
        // doc: PutLoggingConfiguration, permissions: WAF acts in the caller's name.
        "iam:CreateServiceLinkedRole",
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
    ],
};

fn outputs(web_acl_arn: &str) -> Outputs {
    Outputs::from([("id".into(), web_acl_arn.into())])
}

fn configuration(web_acl_arn: &str, settings: &Settings) -> KindResult<LoggingConfiguration> {
    let invalid = |error: aws_sdk_wafv2::error::BuildError| KindError::invalid("redacted_headers", error.to_string());
    let mut redacted = Vec::new();
    for header in settings.texts("redacted_headers")? {
        let header = SingleHeader::builder()
            .name(header.to_lowercase())
            .build()
            .map_err(invalid)?;
        redacted.push(FieldToMatch::builder().single_header(header).build());
    }
    LoggingConfiguration::builder()
        .resource_arn(web_acl_arn)
        .log_destination_configs(settings.text("log_destination_arn")?)
        .set_redacted_fields(Some(redacted))
        .build()
        .map_err(|error| KindError::invalid("log_destination_arn", error.to_string()))
}

fn observed(web_acl_arn: &str, config: LoggingConfiguration) -> Settings {
    let redacted = config.redacted_fields.unwrap_or_default();
    let headers: Vec<String> = redacted
        .into_iter()
        .filter_map(|field| Some(field.single_header?.name))
        .collect();
    let mut seen = Seen::default();
    seen.put("resource_arn", Some(web_acl_arn))
        .put("log_destination_arn", config.log_destination_configs.into_iter().next())
        .put("redacted_headers", (!headers.is_empty()).then_some(headers));
    seen.done()
}

impl Wafv2Logging {
    async fn put(&self, cx: &Context, web_acl_arn: &str, settings: &Settings) -> KindResult<Outputs> {
        let request = self
            .0
            .wafv2(&cx.region)
            .put_logging_configuration()
            .logging_configuration(configuration(web_acl_arn, settings)?);
        call(cx, "wafv2:PutLoggingConfiguration", || request.clone().send()).await?;
        Ok(outputs(web_acl_arn))
    }

    async fn get(&self, cx: &Context, web_acl_arn: &str) -> KindResult<Option<LoggingConfiguration>> {
        let client = self.0.wafv2(&cx.region);
        let answer = call(cx, "wafv2:GetLoggingConfiguration", || {
            client.get_logging_configuration().resource_arn(web_acl_arn).send()
        })
        .await;
        Ok(found(answer, GONE)?.and_then(|a| a.logging_configuration))
    }
}

#[async_trait]
impl Kind for Wafv2Logging {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let outputs = self.put(cx, desired.text("resource_arn")?, desired).await?;
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        Ok(self.get(cx, id).await?.map(|config| Observed {
            settings: observed(id, config),
            outputs: outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.put(cx, id, change.after).await
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.wafv2(&cx.region);
        let answer = call(cx, "wafv2:DeleteLoggingConfiguration", || {
            client.delete_logging_configuration().resource_arn(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let web_acl_arn = desired.text("resource_arn")?;
        Ok(self.get(cx, web_acl_arn).await?.map(|_| web_acl_arn.to_owned()))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match (setting, value) {
            // A log group is the same with and without the log stream part.
            ("log_destination_arn", Value::String(arn)) => {
                Value::String(arn.strip_suffix(":*").unwrap_or(arn).to_owned())
            }
            // Header names do not distinguish case; WAF answers in lower case.
            ("redacted_headers", Value::Array(names)) => {
                let lower = |name: &Value| name.as_str().map_or_else(|| name.clone(), |n| n.to_lowercase().into());
                tap_engine::json::normalise(&names.iter().map(lower).collect(), true)
            }
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["resource_arn", "log_destination_arn"]);
        checks.at_most("redacted_headers", 100);
        let destination = literal(settings, "log_destination_arn");
        if destination.is_some_and(|arn| !arn.contains("aws-waf-logs-")) {
            checks.wrong(
                "log_destination_arn",
                "the log group, stream or bucket must have a name that starts with aws-waf-logs-",
            );
        }
        checks.done()
    }
}
