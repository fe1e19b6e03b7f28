//! AWS names of one region's part. Policies and metrics speak of things by name before they exist, so
//! all names are computed first, for all regions.

use super::super::config::Payment;
use super::functions::{ACCOUNTING, Job, NOTIFIER, PROCESSOR, RECONCILER};
use crate::composite::Builder;
use crate::composite::parts::Function;

/// A bucket's name may have this many characters
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
const BUCKET_NAME: usize = 63;

/// The names in one region.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) processor: String,
    pub(super) accounting: String,
    pub(super) notifier: String,
    pub(super) reconciler: String,
    pub(super) queue: String,
    pub(super) dlq: String,
    pub(super) topic: String,
    pub(super) bucket: String,
    pub(super) api: String,
    pub(super) web_acl: String,
    pub(super) workflow: String,
    pub(super) bus: String,
}

impl Names {
    /// `b` is the region's builder.
    pub(super) fn of(b: &Builder<'_>, p: &Payment) -> Self {
        let name = |key: &str, attribute: Option<&String>, of_type: &str| named(b, key, attribute, of_type);
        let function = |job: &Job, given: &Function| {
            let of_type = if is_prefixed(b) { job.types.1 } else { job.types.0 };
            named(b, &format!("lambda_function.{}", job.key), given.name.as_ref(), of_type)
        };
        let api_type = match p.preset.as_deref() {
            Some("global" | "multi_region") => "payment-api",
            _ => "payment-webhooks-api",
        };
        Self {
            processor: function(&PROCESSOR, &p.processor.function),
            accounting: function(&ACCOUNTING, &p.accounting.function),
            notifier: function(&NOTIFIER, &p.failure_notifier.function),
            reconciler: function(&RECONCILER, &p.reconciliation.function),
            queue: name("sqs_queue.payments", p.queue.name.as_ref(), "payment-processing-queue"),
            dlq: name("sqs_queue.dlq", p.dlq.name.as_ref(), "payment-processing-dlq"),
            topic: topic(b, p),
            bucket: bucket(b, p),
            api: name("rest_api.payments", p.api.name.as_ref(), api_type),
            web_acl: name("wafv2_web_acl.api", p.waf.name.as_ref(), "payment-api-waf"),
            workflow: in_account(
                b,
                "state_machine.payments",
                p.workflow.name.as_ref(),
                "payment-workflow",
            ),
            // Not `payment-events`: that is the webhook pipeline's bus (8.4).
            bus: name(
                "event_bus.failover",
                p.event_failover.bus_name.as_ref(),
                "payment-failover",
            ),
        }
    }

    /// API Gateway's access log.
    pub(super) fn access_log(&self) -> String {
        format!("/aws/apigateway/{}", self.api)
    }

    /// WAF takes only log groups whose names begin like this.
    pub(super) fn waf_log(&self) -> String {
        format!("aws-waf-logs-{}", self.web_acl)
    }

    /// Below `/aws/vendedlogs/`: other names lengthen the account's log resource policy with every state
    /// machine.
    pub(super) fn workflow_log(&self) -> String {
        format!("/aws/vendedlogs/states/{}", self.workflow)
    }
}

fn is_prefixed(b: &Builder<'_>) -> bool {
    b.shared.name_style == "prefixed"
}

/// In the style `payment-<suffix>-<type>` the type does not say `payment` once more.
pub(super) fn typed<'t>(b: &Builder<'_>, of_type: &'t str) -> &'t str {
    if is_prefixed(b) {
        of_type.strip_prefix("payment-").unwrap_or(of_type)
    } else {
        of_type
    }
}

/// `name_overrides`, else the attribute with `{region}` filled in, else by type.
pub(super) fn named(b: &Builder<'_>, key: &str, attribute: Option<&String>, of_type: &str) -> String {
    let attribute = attribute.map(|name| fill(b, name));
    b.name(key, attribute.as_ref(), typed(b, of_type))
}

/// The same for what is unique in the whole account: the region is part of the name.
pub(super) fn in_account(b: &Builder<'_>, key: &str, attribute: Option<&String>, of_type: &str) -> String {
    let with_region = with_region(b, of_type);
    let attribute = attribute.map(|name| fill(b, name));
    b.name(key, attribute.as_ref().or(Some(&with_region)), "")
}

fn with_region(b: &Builder<'_>, of_type: &str) -> String {
    let (suffix, region) = (&b.shared.environment_suffix, &b.environment.region);
    let of_type = typed(b, of_type);
    if is_prefixed(b) {
        format!("payment-{suffix}-{of_type}-{region}")
    } else {
        format!("{of_type}-{region}-{suffix}")
    }
}

fn fill(b: &Builder<'_>, name: &str) -> String {
    name.replace("{region}", &b.environment.region)
}

fn topic(b: &Builder<'_>, p: &Payment) -> String {
    let key = "sns_topic.notifications";
    let attribute = p.topics.notifications.name.as_ref();
    match (p.topics.per_region, attribute) {
        (true, None) => in_account(b, key, None, "payment-alerts"),
        (true, Some(name)) if !name.contains("{region}") => {
            let name = format!("{name}-{}", b.environment.region);
            b.name(key, Some(&name), "")
        }
        _ => named(b, key, attribute, "payment-notifications"),
    }
}

/// Bucket names are unique in all of AWS, so they hold the account; long suffixes leave no room for the rest.
fn bucket(b: &Builder<'_>, p: &Payment) -> String {
    let account = &b.environment.account_id;
    let given = p.in_region(&b.environment.region).receipts_bucket_name;
    let given = given.or_else(|| p.receipts_bucket.name.as_ref().map(|name| fill(b, name)));
    let full = format!("{}-{account}", with_region(b, "payment-receipts"));
    let short = format!(
        "receipts-{}-{}-{account}",
        b.environment.region, b.shared.environment_suffix
    );
    let usual = if full.len() > BUCKET_NAME { short } else { full };
    b.name("s3_bucket.receipts", given.as_ref().or(Some(&usual)), "")
}
