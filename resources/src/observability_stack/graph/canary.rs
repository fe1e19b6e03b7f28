//! The canary: its bucket, its role, its script, its log group (O-03 to O-12, O-53).

use serde_json::{Value, json};
use tap_engine::Key;
use tap_plugin::{AttributePath, Diagnostic, Diagnostics};

use super::function::put_metric_data;
use super::{Encryption, Names, Stack};
use crate::composite::function::log_group;
use crate::composite::iam::{allow, deny_without_tls, policy, role, trust_lambda};
use crate::observability_stack::canary_script::{Check, HANDLER, Mode, script, supported};

/// Where the seed's one region was; buckets elsewhere name theirs (O-53).
const PRIMARY_REGION: &str = "us-east-1";

/// Synthetics calls the function `cwsyn-<name>-<uuid>`, and functions' names end at 64 characters: of a longer canary
/// name only this much is sure to be in it.
const NAME_IN_FUNCTION: usize = 64 - "cwsyn-".len() - "-00000000-0000-0000-0000-000000000000".len();

/// Names of the log groups that the canary's function can have.
pub(super) fn log_group_pattern(canary: &str) -> String {
    if canary.len() <= NAME_IN_FUNCTION {
        return format!("/aws/lambda/cwsyn-{canary}-*");
    }
    let sure: String = canary.chars().take(NAME_IN_FUNCTION).collect();
    format!("/aws/lambda/cwsyn-{sure}*")
}

pub(super) fn build(s: &mut Stack<'_>, names: &Names, key: &Encryption) -> Result<(), Diagnostics> {
    let Some(name) = &names.canary else { return Ok(()) };
    let bucket = bucket(s, key)?;
    let role = canary_role(s, name, &bucket, key);
    let c = &s.o.canary;
    let encryption = key
        .arn_if(s.o.artifact_bucket.kms)
        .map(|arn| json!({"mode": "SSE_KMS", "kms_key_arn": arn}));
    let canary =
        s.b.component("canary", "health")
            .set("name", name.as_str())
            .set(
                "artifact_s3_location",
                format!("s3://{}/{}", bucket.output("name"), prefix(s)),
            )
            .set("artifact_encryption", encryption)
            .set("execution_role_arn", role.arn())
            .set("runtime_version", c.runtime_version.as_str())
            .set("handler", HANDLER)
            .set("script", text(s)?)
            .set(
                "schedule",
                json!({"expression": c.schedule_expression, "duration_in_seconds": 0}),
            )
            .set(
                "run_config",
                json!({
                    "timeout_in_seconds": c.timeout_in_seconds,
                    "memory_in_mb": c.memory_in_mb,
                    "active_tracing": c.active_tracing,
                }),
            )
            .set("success_retention_period_in_days", c.success_retention_period)
            .set("failure_retention_period_in_days", c.failure_retention_period)
            .set("start", c.start_canary)
            .set("delete_lambda", c.delete_lambda)
            .set(
                "provisioned_resource_cleanup",
                if c.delete_lambda { "AUTOMATIC" } else { "OFF" },
            );
    let canary = s.b.add(canary);
    s.b.graph.output("canary_name", canary.output("name"));
    // The group that Lambda would make by itself: without retention and key (O-11).
    let group = log_group(&mut s.b, "canary", &canary.output("log_group_name"), key.arn_if(true));
    s.log_group("canary", &group);
    Ok(())
}

fn prefix<'a>(s: &Stack<'a>) -> &'a str {
    s.o.artifact_prefix.trim_matches('/')
}

fn text(s: &Stack<'_>) -> Result<String, Diagnostics> {
    let c = &s.o.canary;
    let runtime = supported(&c.runtime_version).ok_or_else(|| {
        let detail = format!("canary.runtime_version: there is no script for {}.", c.runtime_version);
        let path = AttributePath::dotted("canary.runtime_version");
        Diagnostic::error("The runtime is not supported", detail).at(path)
    })?;
    let check = Check {
        url: c.url.clone().unwrap_or_default(),
        method: c.method.clone(),
        body: c.body.clone(),
        headers: c.headers.clone().unwrap_or_default(),
        headers_parameter: c.headers_ssm_parameter.clone(),
        status_min: c.expected_status_min,
        status_max: c.expected_status_max,
        timeout: c.navigation_timeout_ms,
    };
    let mode = if c.mode == "browser" { Mode::Browser } else { Mode::Http };
    Ok(script(&check, mode, runtime))
}

/// Screenshots and recordings may hold secrets: private, encrypted, TLS only, and not for ever (O-09, O-10).
fn bucket(s: &mut Stack<'_>, key: &Encryption) -> Result<Key, Diagnostics> {
    let (a, c) = (&s.o.artifact_bucket, &s.o.canary);
    let name = bucket_name(s)?;
    let sse = match key.arn_if(a.kms) {
        Some(arn) => json!({"sse_algorithm": "aws:kms", "bucket_key_enabled": true, "kms_master_key_id": arn}),
        None => json!({"sse_algorithm": "AES256"}),
    };
    let retention = c.success_retention_period.max(c.failure_retention_period);
    let rule = json!({
        "id": "results", "status": "Enabled", "prefix": "",
        "expiration_days": a.expiration_days.unwrap_or(retention),
        "abort_incomplete_multipart_upload_days": 7,
    });
    let arn = format!("arn:{}:s3:::{name}", s.b.environment.partition);
    let bucket =
        s.b.component("s3_bucket", "artifacts")
            .set("bucket", name)
            .set("encryption", sse)
            .set("public_access_block", true)
            .set("object_ownership", "BucketOwnerEnforced")
            .set("lifecycle_rules", json!([rule]))
            .set(
                "policy",
                policy([deny_without_tls(&[arn.clone(), format!("{arn}/*")], "s3:*")]),
            )
            .set("force_destroy", a.force_destroy.then_some(true));
    let key = s.b.add(bucket);
    s.b.graph.output("artifact_bucket_name", key.output("name"));
    Ok(key)
}

fn bucket_name(s: &Stack<'_>) -> Result<String, Diagnostics> {
    let env = s.b.environment;
    let mut default = format!("{}-{}", s.b.styled("canary-artifacts"), env.account_id);
    if env.region != PRIMARY_REGION {
        default = format!("{default}-{}", env.region);
    }
    let given = s.o.artifact_bucket.name.as_ref().unwrap_or(&default);
    let name = s.b.name("s3_bucket.artifacts", Some(given), "");
    if name.len() <= 63 {
        return Ok(name);
    }
    let detail = format!(
        "artifact_bucket.name: {name} has {} characters, a bucket's name 63 at most. Choose one.",
        name.len()
    );
    let path = AttributePath::dotted("artifact_bucket.name");
    Err(Diagnostic::error("The bucket's name is too long", detail)
        .at(path)
        .into())
}

/// What a run needs and no more (O-08); doc:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_CanaryPermissions.html>.
/// It may not create log groups: the stack's has retention and key.
fn canary_role(s: &mut Stack<'_>, canary: &str, bucket: &Key, key: &Encryption) -> Key {
    let c = &s.o.canary;
    let groups = s.b.arn("logs", &format!("log-group:{}:*", log_group_pattern(canary)));
    let mut statements = vec![
        allow(
            &["s3:PutObject", "s3:GetObject"],
            format!("{}/{}/*", bucket.arn(), prefix(s)),
        ),
        allow(&["s3:GetBucketLocation"], bucket.arn()),
        // Takes no resource.
        allow(&["s3:ListAllMyBuckets"], "*"),
        allow(&["logs:CreateLogStream", "logs:PutLogEvents"], groups),
        put_metric_data("CloudWatchSynthetics"),
    ];
    if c.active_tracing {
        statements.push(allow(&["xray:PutTraceSegments"], "*"));
    }
    if let Some(arn) = key.arn_if(s.o.artifact_bucket.kms) {
        statements.push(allow(&["kms:GenerateDataKey", "kms:Decrypt"], arn));
    }
    statements.extend(secrets(s));
    let name =
        s.b.name("iam_role.canary", c.role_name.as_ref(), "synthetics-canary-role");
    let role = role(&s.b, "canary", &name, trust_lambda(), statements);
    s.b.add(role)
}

/// Reading the headers' parameter.
fn secrets(s: &Stack<'_>) -> Vec<Value> {
    let c = &s.o.canary;
    let Some(parameter) = &c.headers_ssm_parameter else {
        return Vec::new();
    };
    let arn =
        s.b.arn("ssm", &format!("parameter/{}", parameter.trim_start_matches('/')));
    let mut statements = vec![allow(&["ssm:GetParameter"], arn)];
    let key = c.headers_kms_key_arn.as_ref();
    statements.extend(key.map(|key| allow(&["kms:Decrypt"], key.as_str())));
    statements
}
