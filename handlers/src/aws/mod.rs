//! The ports, implemented with the AWS SDK.

pub mod attribute;
pub mod bucket;
pub mod error;
pub mod ledger;
pub mod messaging;
pub mod metrics;
pub mod payments;
pub mod table;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// Settings that all clients share: the usual chain of the environment (so `AWS_ENDPOINT_URL` works),
/// standard retries, 2 s to connect and 5 s per attempt.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5));
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts.build())
        .load()
        .await
}
