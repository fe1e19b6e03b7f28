//! The payment domain: knows nothing of AWS.

pub mod canonical;
pub mod currency;
pub mod id;
pub mod item;
pub mod metadata;
pub mod money;
pub mod payment;
pub mod shard;
pub mod status;
pub mod stored;
pub mod submission;
pub mod table_schema;
pub mod time;
