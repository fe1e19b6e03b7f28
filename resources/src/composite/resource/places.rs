//! Where a stack is to be: regions that AWS has, and that the credentials are for.

use tap_plugin::Diagnostics;

use crate::aws::connect::INSIST;
use crate::aws::partitions::{is_listed, partition_of, unlisted};
use crate::composite::findings::{Findings, known};

/// Refuses what is misspelt and what is of another partition than the credentials: both would show only when the first call
/// there finds no such host, or is not let in. `regions` are attribute paths and names. Regions that are not listed pass with
/// `skip` (the provider's `skip_region_validation`).
pub(super) fn exist(regions: &[(String, String)], partition: &str, skip: bool) -> Result<(), Diagnostics> {
    let mut findings = Findings::default();
    for (path, region) in regions.iter().filter(|(_, region)| known(region)) {
        if !skip && !is_listed(region) {
            findings.error(path, "No such region", format!("{} {INSIST}", unlisted(region)));
        } else if let Some(other) = partition_of(region).filter(|other| *other != partition) {
            let detail = format!(
                "{region} is in the partition {other}, and the provider's credentials are for {partition}: give regions of \
                 {partition}, or a provider block with credentials of {other}."
            );
            findings.error(path, "Region of another partition", detail);
        }
    }
    let found = findings.into_diagnostics();
    if found.is_empty() { Ok(()) } else { Err(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(region: &str, partition: &str, skip: bool) -> String {
        let regions = [("regions[0]".to_owned(), region.to_owned())];
        exist(&regions, partition, skip).map_or_else(|refused| refused.to_string(), |()| String::new())
    }

    #[test]
    fn p_37_a_misspelt_region_is_refused_with_the_one_that_was_meant() {
        assert_eq!(said("us-east-1", "aws", false), "");
        assert_eq!(said(tap_engine::reference::UNKNOWN, "aws", false), "");
        let refused = said("us-eats-1", "aws", false);
        assert!(refused.starts_with("regions[0]: No such region"), "{refused}");
        for part in ["did you mean us-east-1?", "skip_region_validation = true"] {
            assert!(refused.contains(part), "{part} in {refused}");
        }
    }

    #[test]
    fn a_region_that_aws_opens_tomorrow_can_be_used_today() {
        assert_ne!(said("eu-west-4", "aws", false), "");
        assert_eq!(said("eu-west-4", "aws", true), "");
        assert_eq!(said("moon-base-1", "aws", true), "", "of a partition to come");
    }

    #[test]
    fn a_region_of_another_partition_than_the_credentials_is_refused() {
        assert_eq!(said("us-gov-west-1", "aws-us-gov", false), "");
        for skip in [false, true] {
            let refused = said("us-gov-west-1", "aws", skip);
            assert!(refused.contains("partition aws-us-gov"), "{refused}");
            assert!(refused.contains("credentials are for aws"), "{refused}");
        }
    }
}
