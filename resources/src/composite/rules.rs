//! Plan-time checks of what several stacks have in common, in the same words.

use tap_plugin::Diagnostics;

use super::findings::{Findings, known};
use super::parts::Lifecycle;

/// Warns of logs that are gone before an auditor asks (PCI DSS 10.5.1). `more` goes on the sentence.
pub fn log_retention(days: i64, more: &str, findings: &mut Findings) {
    if days < 90 {
        findings.warning(
            "log_retention_in_days",
            "Short retention for payment data",
            format!("PCI DSS asks for twelve months of audit logs, three of them at hand{more}."),
        );
    }
}

/// A stack of one region takes no key of another one: Lambda, SNS, SQS and CloudWatch Logs refuse those.
pub fn key_in_region(arn: Option<&String>, region: &str) -> Result<(), Diagnostics> {
    let elsewhere = arn
        .filter(|arn| known(arn))
        .and_then(|arn| arn.split(':').nth(3))
        .filter(|place| *place != region);
    let Some(elsewhere) = elsewhere else { return Ok(()) };
    let mut findings = Findings::default();
    findings.error(
        "kms.key_arn",
        "The key is in another region",
        format!("the stack is in {region}, the key in {elsewhere}. Give a key of {region}."),
    );
    Err(findings.into_diagnostics())
}

/// Capacity of the table goes with its billing mode.
pub fn capacity(billing_mode: &str, read: Option<i64>, write: Option<i64>, findings: &mut Findings) {
    for (path, capacity) in [("table.read_capacity", read), ("table.write_capacity", write)] {
        match (billing_mode, capacity) {
            ("PROVISIONED", None) => findings.error(
                path,
                "Capacity is missing",
                "`billing_mode = \"PROVISIONED\"` needs read and write capacity.",
            ),
            ("PAY_PER_REQUEST", Some(_)) => findings.error(
                path,
                "Capacity without provisioning",
                "capacity units go with `billing_mode = \"PROVISIONED\"` only.",
            ),
            _ => {}
        }
    }
}

/// The index at `path` names attributes where its projection takes some, and only there.
pub fn projection(path: &str, projection_type: &str, has_attributes: bool, findings: &mut Findings) {
    if (projection_type == "INCLUDE") != has_attributes {
        findings.error(
            path,
            "Projection is contradictory",
            "`non_key_attributes` goes with `projection_type = \"INCLUDE\"`, and only with it.",
        );
    }
}

/// S3 refuses a move to GLACIER less than 30 days after the one to `STANDARD_IA` (doc: S3, lifecycle transition
/// considerations). `bucket` is the attribute that holds the `lifecycle`.
pub fn glacier(bucket: &str, lifecycle: &Lifecycle, findings: &mut Findings) {
    let earliest = lifecycle.ia_days + 30;
    if lifecycle.glacier_days < earliest {
        findings.error(
            &format!("{bucket}.lifecycle.glacier_days"),
            "Too early for GLACIER",
            format!("S3 keeps objects at least 30 days in STANDARD_IA: {earliest} or more is right."),
        );
    }
}

/// doc: Step Functions quotas: an EXPRESS execution ends after five minutes. `timeout` is in seconds.
pub fn express(workflow_type: &str, timeout: i64, findings: &mut Findings) {
    if workflow_type == "EXPRESS" && timeout > 300 {
        findings.error(
            "workflow.timeout_seconds",
            "Too long for EXPRESS",
            "EXPRESS executions end after 300 seconds.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_region_is_refused() {
        let key = |region: &str| format!("arn:aws:kms:{region}:111122223333:key/k");
        let unknown = tap_engine::reference::UNKNOWN.to_owned();
        for fits in [None, Some(&key("eu-west-1")), Some(&unknown)] {
            assert_eq!(key_in_region(fits, "eu-west-1"), Ok(()), "{fits:?}");
        }
        let refused = key_in_region(Some(&key("us-east-1")), "eu-west-1").unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("the stack is in eu-west-1, the key in us-east-1"),
            "{text}"
        );
    }
}
