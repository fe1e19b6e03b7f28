//! Plan-time checks of what several stacks have in common, in the same words.

use tap_plugin::Diagnostics;

use super::findings::{Findings, known};
use super::parts::Lifecycle;
use crate::aws::partitions::partition_of;

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

/// The region in an ARN, if it is known and has one.
pub fn arn_region(arn: &str) -> Option<&str> {
    arn_part(arn, 3)
}

/// Whether an ARN is of this region, and of its partition: `Err` says what is wrong and what would be right. What is not
/// known yet passes, and so do ARNs without a region.
pub fn arn_in_region(arn: &str, region: &str) -> Result<(), String> {
    if let Some(found) = arn_region(arn).filter(|found| *found != region) {
        return Err(format!("the ARN is one of {found}; {region} needs one of its own."));
    }
    let partition = partition_of(region).filter(|_| arn_region(arn).is_some());
    match (arn_part(arn, 1), partition) {
        (Some(found), Some(right)) if found != right => Err(format!(
            "{region} is in the partition {right}, and the ARN begins with `arn:{found}:`: `arn:{right}:` is right."
        )),
        _ => Ok(()),
    }
}

fn arn_part(arn: &str, number: usize) -> Option<&str> {
    let part = known(arn).then(|| arn.split(':').nth(number)).flatten();
    part.filter(|part| !part.is_empty())
}

/// Attributes, by path, that are of the region of a stack that has one only: Lambda, SNS, SQS, CloudWatch Logs and SSM
/// refuse keys of another region, CloudWatch actions there, Lambda calls to functions there.
pub fn in_region<'a>(arns: impl IntoIterator<Item = (String, &'a str)>, region: &str) -> Result<(), Diagnostics> {
    let mut findings = Findings::default();
    for (path, arn) in arns {
        if let Err(wrong) = arn_in_region(arn, region) {
            findings.error(
                &path,
                "ARN of another region",
                format!("the stack is in {region}: {wrong}"),
            );
        }
    }
    let found = findings.into_diagnostics();
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// The elements of a list of ARNs, each with its path.
pub fn listed<'a>(path: &str, arns: Option<&'a Vec<String>>) -> impl Iterator<Item = (String, &'a str)> {
    let elements = arns.into_iter().flatten().enumerate();
    elements.map(move |(index, arn)| (format!("{path}[{index}]"), arn.as_str()))
}

/// Groups of another class take no metric filters, and CloudWatch finds no embedded metrics in them
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html>): alarms on what the
/// handlers count would stay green for ever (N-17, W-32). `readers` say what of this configuration reads the stack's log
/// groups, and how to do without; none of them, and any class is right.
pub fn log_class<'a>(class: &str, readers: impl IntoIterator<Item = (&'a str, &'a str)>, findings: &mut Findings) {
    let (what, without): (Vec<&str>, Vec<&str>) = readers.into_iter().unzip();
    if class == "STANDARD" || what.is_empty() {
        return;
    }
    let detail = format!(
        "CloudWatch reads no metrics out of log groups of the class {class}, and {} need them: leave it out, or set {}.",
        what.join(" and "),
        without.join(" and ")
    );
    findings.error("log_group_class", "Metrics need STANDARD", detail);
}

/// SNS delivers to a FIFO queue from FIFO topics only, and the stacks' topics are standard ones
/// (<https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html>; `Subscribe` answers `InvalidParameter`, "FIFO SQS
/// Queues can not be subscribed to standard SNS topics"). `path` is the subscription's.
pub fn no_fifo_queue(path: &str, protocol: &str, endpoint: &str, findings: &mut Findings) {
    if protocol == "sqs" && known(endpoint) && endpoint.rsplit('.').next() == Some("fifo") {
        findings.error(
            &format!("{path}.endpoint"),
            "A FIFO queue takes nothing from this topic",
            format!("the topic is a standard one, and SNS delivers from those to standard queues only; {endpoint} is a FIFO queue. Give the ARN of a standard queue."),
        );
    }
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

    fn text(findings: Findings) -> String {
        findings.into_diagnostics().to_string()
    }

    #[test]
    fn an_arn_of_another_region_is_refused_with_its_path() {
        let key = |region: &str| format!("arn:aws:kms:{region}:111122223333:key/k");
        let unknown = tap_engine::reference::UNKNOWN;
        let plan = "arn:aws:ssm-incidents::111122223333:response-plan/pay";
        for fits in [key("eu-west-1").as_str(), unknown, plan] {
            let path = "kms.key_arn".to_owned();
            assert_eq!(in_region([(path, fits)], "eu-west-1"), Ok(()), "{fits}");
        }
        let arns = vec![key("eu-west-1"), key("us-east-1")];
        let refused = in_region(listed("alarms.actions", Some(&arns)), "eu-west-1").unwrap_err();
        assert_eq!(refused.len(), 1);
        let text = refused.to_string();
        assert!(text.contains("alarms.actions[1]: the stack is in eu-west-1"), "{text}");
        assert!(
            text.contains("the ARN is one of us-east-1; eu-west-1 needs one of its own"),
            "{text}"
        );
    }

    #[test]
    fn an_arn_of_another_partition_is_refused() {
        let key = |partition: &str| format!("arn:{partition}:kms:cn-north-1:111122223333:key/k");
        assert_eq!(arn_in_region(&key("aws-cn"), "cn-north-1"), Ok(()));
        let wrong = arn_in_region(&key("aws"), "cn-north-1").unwrap_err();
        assert!(wrong.contains("`arn:aws-cn:` is right"), "{wrong}");
        assert_eq!(
            arn_in_region("arn:aws:x:moon-base-1:1:y", "moon-base-1"),
            Ok(()),
            "who knows"
        );
    }

    #[test]
    fn n_17_w_32_what_reads_metrics_out_of_logs_needs_the_standard_class() {
        let said = |class: &str, readers: &[(&str, &str)]| {
            let mut findings = Findings::default();
            log_class(class, readers.iter().copied(), &mut findings);
            text(findings)
        };
        let (alarms, filters) = (
            ("the alarms", "`alarms.enabled = false`"),
            ("`kpi_filters`", "`kpi_filters = []`"),
        );
        assert_eq!(said("STANDARD", &[alarms]), "");
        assert_eq!(said("INFREQUENT_ACCESS", &[]), "");
        let both = said("INFREQUENT_ACCESS", &[alarms, filters]);
        assert!(both.contains("the alarms and `kpi_filters` need them"), "{both}");
        assert!(
            both.contains("set `alarms.enabled = false` and `kpi_filters = []`."),
            "{both}"
        );
    }

    #[test]
    fn a_standard_topic_has_no_fifo_queue() {
        let said = |protocol: &str, endpoint: &str| {
            let mut findings = Findings::default();
            no_fifo_queue("topics.subscriptions[1]", protocol, endpoint, &mut findings);
            text(findings)
        };
        let queue = "arn:aws:sqs:eu-west-1:111122223333:payments";
        assert_eq!(said("sqs", queue), "");
        assert_eq!(said("sqs", tap_engine::reference::UNKNOWN), "");
        assert_eq!(said("email", "me@last.in.first.out.fifo"), "");
        let refused = said("sqs", &format!("{queue}.fifo"));
        assert!(refused.starts_with("topics.subscriptions[1].endpoint"), "{refused}");
        assert!(refused.contains("Give the ARN of a standard queue"), "{refused}");
    }
}
