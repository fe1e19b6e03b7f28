//! One status spread over several partitions of an index (REQUIREMENTS R-11).
//!
//! An index on the status has as many partition keys as there are statuses, and one key takes about 1,000 writes a
//! second, because the time in its sort key only grows: `DynamoDB` splits a hot key by ranges of the sort key, and all
//! writes go to the last range (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-gsi-sharding.html>).

use sha2::{Digest, Sha256};

/// The shard of a payment among so many: the same for ever, whoever asks.
pub fn shard_of(id: &str, shards: u32) -> u32 {
    let digest = Sha256::digest(id.as_bytes());
    let head = digest
        .iter()
        .take(8)
        .fold(0_u64, |head, byte| (head << 8) | u64::from(*byte));
    // Less than `shards`, so it always fits.
    u32::try_from(head % u64::from(shards.max(1))).unwrap_or_default()
}

/// The attribute's value: `<status>#<shard>`.
pub fn status_shard(status: &str, shard: u32) -> String {
    format!("{status}#{shard}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// another hash would put items where an older function does not write them.
    #[test]
    fn r_11_the_shard_of_an_id_never_changes() {
        let shards: Vec<u32> = ["txn_1", "txn_2", "TXN001", "42"].map(|id| shard_of(id, 16)).into();
        assert_eq!(shards, [6, 1, 9, 13]);
        assert_eq!(shard_of("txn_1", 1), 0);
        assert_eq!(shard_of("txn_1", 0), 0, "never a division by zero");
        assert_eq!(status_shard("received", 7), "received#7");
    }

    #[test]
    fn r_11_ids_are_spread_evenly() {
        let mut counts = [0_u32; 8];
        for number in 0..8000 {
            counts[shard_of(&format!("payment-{number}"), 8) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    }
}
