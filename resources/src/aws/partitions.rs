//! AWS's regions and the partitions that they are of. An account is in one partition: its credentials are worth nothing in
//! another one, and nothing replicates from one to the other.
//!
//! Source: `partitions.json`, which every AWS SDK carries (here botocore 1.43.106). It has the regions of its day and, for
//! those to come, the shape of each partition's names.

/// A partition and its regions.
struct Partition {
    name: &'static str,
    /// What the names of its regions begin with.
    prefixes: &'static [&'static str],
    regions: &'static [&'static str],
}

/// Those with longer prefixes first: `us-gov-` begins with `us-`.
const PARTITIONS: &[Partition] = &[
    Partition {
        name: "aws-us-gov",
        prefixes: &["us-gov-"],
        regions: &["us-gov-east-1", "us-gov-west-1"],
    },
    Partition {
        name: "aws-iso",
        prefixes: &["us-iso-"],
        regions: &["us-iso-east-1", "us-iso-west-1"],
    },
    Partition {
        name: "aws-iso-b",
        prefixes: &["us-isob-"],
        regions: &["us-isob-east-1", "us-isob-west-1"],
    },
    Partition {
        name: "aws-iso-e",
        prefixes: &["eu-isoe-"],
        regions: &["eu-isoe-west-1"],
    },
    Partition {
        name: "aws-iso-f",
        prefixes: &["us-isof-"],
        regions: &["us-isof-east-1", "us-isof-south-1"],
    },
    Partition {
        name: "aws-eusc",
        prefixes: &["eusc-"],
        regions: &["eusc-de-east-1"],
    },
    Partition {
        name: "aws-cn",
        prefixes: &["cn-"],
        regions: &["cn-north-1", "cn-northwest-1"],
    },
    Partition {
        name: "aws",
        prefixes: &["us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"],
        regions: &[
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "mx-central-1",
            "sa-east-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ],
    },
];

/// More slips of the finger than these make another word.
const SLIPS: usize = 2;

fn regions() -> impl Iterator<Item = &'static str> {
    PARTITIONS.iter().flat_map(|partition| partition.regions).copied()
}

/// Whether AWS had this region when the list was written.
pub fn is_listed(region: &str) -> bool {
    regions().any(|listed| listed == region)
}

/// The partition of a region, listed or to come; `None` for a name that none of them would have.
pub fn partition_of(region: &str) -> Option<&'static str> {
    let begins = |partition: &&Partition| partition.prefixes.iter().any(|prefix| region.starts_with(prefix));
    PARTITIONS.iter().find(begins).map(|partition| partition.name)
}

/// Why a region that is not listed may be a mistake, and what would be right. It says nothing of how to insist.
pub fn unlisted(region: &str) -> String {
    let meant = nearest(region).map_or_else(String::new, |near| format!(": did you mean {near}?"));
    format!("{region} is no region of AWS that this version knows{meant}")
}

/// The listed region that is spelt most like this: letters left out, added, changed, or exchanged with their neighbours.
fn nearest(region: &str) -> Option<&'static str> {
    let all = regions().map(|listed| (strsim::osa_distance(region, listed), listed));
    all.filter(|(count, _)| *count <= SLIPS).min().map(|(_, listed)| listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_region_is_of_the_partition_that_lists_it() {
        for partition in PARTITIONS {
            for region in partition.regions {
                assert_eq!(partition_of(region), Some(partition.name), "{region}");
                assert!(is_listed(region));
            }
        }
    }

    #[test]
    fn regions_to_come_have_a_partition_and_nonsense_has_none() {
        assert_eq!(partition_of("eu-west-4"), Some("aws"));
        assert_eq!(partition_of("us-gov-central-1"), Some("aws-us-gov"));
        assert_eq!(partition_of("cn-south-1"), Some("aws-cn"));
        assert_eq!(partition_of("moon-base-1"), None);
        assert!(!is_listed("eu-west-4"));
    }

    #[test]
    fn the_region_that_was_meant_is_named() {
        for (written, meant) in [
            ("us-eats-1", Some("us-east-1")),
            ("eu-central1", Some("eu-central-1")),
            ("eu-cental-1", Some("eu-central-1")),
            ("ap-southest-2", Some("ap-southeast-2")),
            ("us-wset-2", Some("us-west-2")),
            ("us-gov-wets-1", Some("us-gov-west-1")),
            ("moon-base-1", None),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
        assert_eq!(
            unlisted("us-eats-1"),
            "us-eats-1 is no region of AWS that this version knows: did you mean us-east-1?"
        );
        assert_eq!(
            unlisted("moon-base-1"),
            "moon-base-1 is no region of AWS that this version knows"
        );
    }
}
