//! Clients for every service and region, made on first use from one configuration.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_types::SdkConfig;
use aws_types::region::Region;

use super::secrets::Secrets;
use super::silence::{Regions, Watch, retries_without_quota};

/// What the provider configuration decides about the clients.
#[derive(Debug, Clone, Default)]
pub struct AwsOptions {
    /// Endpoint URL by service (`dynamodb`, `s3`, ...); wins over `AWS_ENDPOINT_URL_<SERVICE>`.
    pub endpoints: BTreeMap<String, String>,
    /// Path-style S3 addresses; `None` = only where an endpoint is overridden.
    pub s3_use_path_style: Option<bool>,
}

/// Clients by service and region.
type Cache = HashMap<(&'static str, String), Box<dyn std::any::Any + Send + Sync>>;

/// The account at hand and the way to its services.
pub struct Aws {
    base: SdkConfig,
    options: AwsOptions,
    account_id: String,
    partition: String,
    cache: Mutex<Cache>,
    secrets: Arc<Secrets>,
    regions: Regions,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The configuration holds credentials: only what identifies the account is shown.
        f.debug_struct("Aws")
            .field("account_id", &self.account_id)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident => $krate:ident;)*) => {
        impl Aws {
            $(
                $(#[$doc])*
                pub fn $name(&self, region: &str) -> $krate::Client {
                    self.cached(stringify!($name), region, |config, endpoint, watch| {
                        let mut builder = $krate::config::Builder::from(config)
                            .retry_partition(retries_without_quota(stringify!($name)))
                            .interceptor(watch);
                        if let Some(url) = endpoint {
                            builder = builder.endpoint_url(url);
                        }
                        $krate::Client::from_conf(builder.build())
                    })
                }
            )*
        }
    };
}

clients! {
    /// Amazon API Gateway (REST APIs).
    apigateway => aws_sdk_apigateway;
    /// Amazon CloudWatch.
    cloudwatch => aws_sdk_cloudwatch;
    /// Amazon CloudWatch Logs.
    logs => aws_sdk_cloudwatchlogs;
    /// Amazon DynamoDB.
    dynamodb => aws_sdk_dynamodb;
    /// Amazon EC2 (VPC endpoints).
    ec2 => aws_sdk_ec2;
    /// Amazon ECR.
    ecr => aws_sdk_ecr;
    /// Amazon EventBridge.
    events => aws_sdk_eventbridge;
    /// AWS IAM (global: the region only chooses the partition's endpoint).
    iam => aws_sdk_iam;
    /// AWS KMS.
    kms => aws_sdk_kms;
    /// AWS Lambda.
    lambda => aws_sdk_lambda;
    /// Resource Groups Tagging API.
    tagging => aws_sdk_resourcegroupstagging;
    /// Amazon Route 53 (global: the region only chooses the partition's endpoint).
    route53 => aws_sdk_route53;
    /// Amazon EventBridge Scheduler.
    scheduler => aws_sdk_scheduler;
    /// AWS Step Functions.
    states => aws_sdk_sfn;
    /// Amazon SNS.
    sns => aws_sdk_sns;
    /// Amazon SQS.
    sqs => aws_sdk_sqs;
    /// AWS Systems Manager.
    ssm => aws_sdk_ssm;
    /// AWS STS.
    sts => aws_sdk_sts;
    /// Amazon CloudWatch Synthetics.
    synthetics => aws_sdk_synthetics;
    /// AWS WAF.
    wafv2 => aws_sdk_wafv2;
}

impl Aws {
    /// Clients on the given configuration, for an account that is known already
    /// (`sts:GetCallerIdentity`).
    pub fn new(base: SdkConfig, options: AwsOptions, account_id: String, partition: String) -> Self {
        Self {
            base,
            options,
            account_id,
            partition,
            cache: Mutex::default(),
            secrets: Arc::default(),
            regions: Regions::default(),
        }
    }

    /// Amazon S3.
    pub fn s3(&self, region: &str) -> aws_sdk_s3::Client {
        let path_style = self.options.s3_use_path_style;
        // An endpoint of one's own has no DNS name per bucket. The SDK itself reads the variable of the one service.
        let overridden = self.base.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
        self.cached("s3", region, |config, endpoint, watch| {
            let mut builder = aws_sdk_s3::config::Builder::from(config)
                .retry_partition(retries_without_quota("s3"))
                .interceptor(watch)
                .force_path_style(path_style.unwrap_or(overridden || endpoint.is_some()));
            if let Some(url) = endpoint {
                builder = builder.endpoint_url(url);
            }
            aws_sdk_s3::Client::from_conf(builder.build())
        })
    }

    /// Write-only values of the configurations being applied.
    pub fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }

    /// The 12-digit account id.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// `aws`, `aws-us-gov` or `aws-cn`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// `arn:<partition>:<service>:<region>:<account>:<rest>`.
    pub fn arn(&self, service: &str, region: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{region}:{}:{rest}", self.partition, self.account_id)
    }

    fn cached<C: Clone + Send + Sync + 'static>(
        &self,
        service: &'static str,
        region: &str,
        make: impl FnOnce(&SdkConfig, Option<&str>, Watch) -> C,
    ) -> C {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (service, region.to_owned());
        if let Some(client) = cache.get(&key).and_then(|any| any.downcast_ref::<C>()) {
            return client.clone();
        }
        let config = self.base.to_builder().region(Region::new(region.to_owned())).build();
        let endpoint = self.options.endpoints.get(service).map(String::as_str);
        let client = make(&config, endpoint, self.regions.watch(service, region));
        cache.insert(key, Box::new(client.clone()));
        client
    }
}
