//! One AWS account in one region, as a test sees it.

use crate::{DEFAULT_REGION, Result, inventory};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

/// An account and region of the sandbox, with clients for every service that the stacks use.
#[derive(Debug, Clone)]
pub struct Aws {
    account: String,
    endpoint: String,
    config: SdkConfig,
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident;)*) => {
        impl Aws {
            $($(#[$doc])* pub fn $name(&self) -> $sdk::Client { $sdk::Client::new(&self.config) })*
        }
    };
}

clients! {
    /// API Gateway (REST APIs).
    api_gateway: aws_sdk_apigateway;
    /// `CloudWatch` metrics, alarms, dashboards.
    cloudwatch: aws_sdk_cloudwatch;
    /// `CloudWatch` Logs.
    logs: aws_sdk_cloudwatchlogs;
    /// `DynamoDB`.
    dynamodb: aws_sdk_dynamodb;
    /// EC2 (VPC endpoints, and what they are put into).
    ec2: aws_sdk_ec2;
    /// Elastic Container Registry.
    ecr: aws_sdk_ecr;
    /// `EventBridge`.
    eventbridge: aws_sdk_eventbridge;
    /// IAM.
    iam: aws_sdk_iam;
    /// Key Management Service.
    kms: aws_sdk_kms;
    /// Lambda.
    lambda: aws_sdk_lambda;
    /// Route 53 (of the account, not of a region).
    route53: aws_sdk_route53;
    /// `EventBridge` Scheduler.
    scheduler: aws_sdk_scheduler;
    /// Step Functions. `StartSyncExecution` does not work: the SDK puts `sync-` before the sandbox's host.
    step_functions: aws_sdk_sfn;
    /// Simple Notification Service.
    sns: aws_sdk_sns;
    /// Simple Queue Service.
    sqs: aws_sdk_sqs;
    /// Systems Manager (parameters).
    ssm: aws_sdk_ssm;
    /// `CloudWatch` Synthetics.
    synthetics: aws_sdk_synthetics;
    /// Web application firewall.
    wafv2: aws_sdk_wafv2;
}

impl Aws {
    pub(crate) fn new(endpoint: &str, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            endpoint: endpoint.to_owned(),
            config: sdk_config(endpoint, account, DEFAULT_REGION),
        }
    }

    /// The same account in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self {
            config: sdk_config(&self.endpoint, &self.account, region),
            ..self.clone()
        }
    }

    /// The same account and region by way of another URL, such as a proxy's.
    #[must_use]
    pub fn through(&self, endpoint: &str) -> Self {
        Self {
            account: self.account.clone(),
            endpoint: endpoint.to_owned(),
            config: sdk_config(endpoint, &self.account, self.region()),
        }
    }

    /// The 12-digit account id.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region, such as `us-east-1`.
    pub fn region(&self) -> &str {
        self.config.region().map_or(DEFAULT_REGION, Region::as_ref)
    }

    /// The URL that all services answer on.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// For a client that has no method here.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.config
    }

    /// S3, with the bucket in the path: `bucket.127.0.0.1` is no host name.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// Everything that exists in this account and region, sorted, one `kind name` per line.
    ///
    /// Keys pending deletion, the default event bus, the default schedule group and AWS's own roles, policies and
    /// aliases do not count: every account has them. Nor does API Gateway's log role, a setting of the account.
    pub async fn inventory(&self) -> Result<Vec<String>> {
        inventory::list(self).await
    }

    /// Everything that exists in these regions of the account, sorted: `<region> <kind> <name>`, and
    /// `global <kind> <name>` once for buckets, roles, policies, health checks and DNS records.
    pub async fn inventory_of(&self, regions: &[&str]) -> Result<Vec<String>> {
        inventory::list_regions(self, regions).await
    }

    /// The environment that lets any AWS tool talk to this account.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", self.account.clone()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", self.region().to_owned()),
            ("AWS_DEFAULT_REGION", self.region().to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true".to_owned()),
        ]
    }
}

/// Built by hand, not loaded: a developer's profile, region or CA bundle must not reach the tests.
fn sdk_config(endpoint: &str, account: &str, region: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            account, "test", None, None, "sandbox",
        )))
        .build()
}
