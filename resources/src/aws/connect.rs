//! From the provider's configuration to clients: AWS's usual credential chain, assumed roles,
//! retries, endpoints, and the check that the right account was reached.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::app_name::AppName;
use thiserror::Error;

use super::call::reasons;
use super::partitions::{is_listed, unlisted};
use super::{Aws, AwsOptions};

/// The provider's configuration as far as clients are concerned.
#[derive(Clone, Default)]
pub struct Connection {
    /// Region; `None` = environment, profile, instance metadata.
    pub region: Option<String>,
    /// Regions that this version does not know are taken as they are.
    pub skip_region_validation: bool,
    /// Named profile of the shared configuration files.
    pub profile: Option<String>,
    /// Static credentials: access key id and secret.
    pub keys: Option<(String, String)>,
    /// Session token to go with them.
    pub token: Option<String>,
    /// Role to assume.
    pub assume_role: Option<AssumeRole>,
    /// Accounts that may be reached; empty = any.
    pub allowed_account_ids: Vec<String>,
    /// Attempts per call, the first included.
    pub max_retries: Option<u32>,
    /// Adaptive instead of standard retries.
    pub adaptive: bool,
    /// Endpoint by service.
    pub endpoints: BTreeMap<String, String>,
    /// Path-style S3 addresses.
    pub s3_use_path_style: Option<bool>,
    /// Terraform's version, for the user agent.
    pub terraform_version: String,
}

/// How to use a region that is younger than this version, after [`unlisted`].
pub const INSIST: &str = "If AWS has this region by now, set `skip_region_validation = true` in the provider block, or use a newer version of the provider.";

/// A role to assume.
#[derive(Clone, Default)]
pub struct AssumeRole {
    /// Its ARN.
    pub role_arn: String,
    /// Session name; default `terraform-provider-tap`.
    pub session_name: Option<String>,
    /// External id.
    pub external_id: Option<String>,
}

/// Why no account was reached.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Neither configuration nor environment names a region.
    #[error("no region: set `region` in the provider block, AWS_REGION, or a region in the profile")]
    NoRegion,
    /// The region is not one name.
    #[error("{0:?} is not the name of an AWS region, such as eu-central-1")]
    BadRegion(String),
    /// The region is not listed: why, and what may have been meant.
    #[error("{0} {INSIST}")]
    UnlistedRegion(String),
    /// AWS answered `sts:GetCallerIdentity` with an error: code and message.
    #[error("sts:GetCallerIdentity in {region}: {reason}")]
    Refused {
        /// Where it was asked.
        region: String,
        /// What it said.
        reason: String,
    },
    /// Nothing to sign a call with: what was looked for, and what came of it.
    #[error("{0}")]
    NoCredentials(String),
    /// `sts:GetCallerIdentity` could not be asked: no such region, no network.
    #[error("sts:GetCallerIdentity in {region}: {reason}")]
    NoAnswer {
        /// Where it was to be asked.
        region: String,
        /// What stood in the way.
        reason: String,
    },
    /// Another account than allowed.
    #[error("the credentials belong to account {found}, and `allowed_account_ids` has only {allowed}")]
    WrongAccount {
        /// The account reached.
        found: String,
        /// The accounts allowed.
        allowed: String,
    },
}

/// Services that `endpoints` knows, by the names of [`Aws`]'s methods.
pub const SERVICES: [&str; 21] = [
    "apigateway",
    "cloudwatch",
    "logs",
    "dynamodb",
    "ec2",
    "ecr",
    "events",
    "iam",
    "kms",
    "lambda",
    "route53",
    "s3",
    "scheduler",
    "sns",
    "sqs",
    "ssm",
    "states",
    "sts",
    "synthetics",
    "tagging",
    "wafv2",
];

/// hashicorp/aws allows 25 attempts by default; the SDK's own three are far too few for a stack's burst of calls. Those
/// that nobody answers are fewer ([`super::silence`]).
const ATTEMPTS: u32 = 25;

/// How long a connection may take, the look-up of the name included: time for two lost packets (TCP sends its first
/// again after one and after three seconds). The SDK's own limit is 3.1 s.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one attempt of a call may take; the SDK retries after it. AWS's own tools wait as long (botocore,
/// `read_timeout`).
const ATTEMPT: Duration = Duration::from_mins(1);
/// Bytes a second that the slowest line is taken to carry: a quarter of a megabit.
const SLOWEST_LINE: u64 = 32 * 1024;

/// The time for one attempt of a call that carries a file: what every call has, and the time that the file takes on a
/// slow line. A line that carries nothing at all is noticed much sooner, by the SDK's stalled stream protection.
pub fn upload_timeout(bytes: usize) -> TimeoutConfig {
    let sending = Duration::from_secs(u64::try_from(bytes).unwrap_or(u64::MAX) / SLOWEST_LINE);
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT.saturating_add(sending))
        .build()
}

/// Loads the configuration, asks who we are, and returns the clients and the region.
pub async fn connect(connection: Connection) -> Result<(Aws, String), ConnectError> {
    let base = load(&connection).await?;
    let region = base
        .region()
        .map(|r| r.as_ref().to_owned())
        .ok_or(ConnectError::NoRegion)?;
    if !region
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        || region.is_empty()
    {
        return Err(ConnectError::BadRegion(region));
    }
    if !connection.skip_region_validation && !is_listed(&region) {
        return Err(ConnectError::UnlistedRegion(unlisted(&region)));
    }
    let options = AwsOptions {
        endpoints: connection.endpoints.clone(),
        s3_use_path_style: connection.s3_use_path_style,
    };
    let probe = Aws::new(base.clone(), options.clone(), String::new(), String::new());
    let identity = probe
        .sts(&region)
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| identity_error(&connection, &region, &error))?;
    let account = identity.account().unwrap_or_default().to_owned();
    let allowed = &connection.allowed_account_ids;
    if !allowed.is_empty() && !allowed.contains(&account) {
        return Err(ConnectError::WrongAccount {
            found: account,
            allowed: allowed.join(", "),
        });
    }
    let partition = identity
        .arn()
        .and_then(|arn| arn.split(':').nth(1))
        .unwrap_or("aws")
        .to_owned();
    Ok((Aws::new(base, options, account, partition), region))
}

fn identity_error<E>(connection: &Connection, region: &str, error: &SdkError<E, HttpResponse>) -> ConnectError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // What is neither of the network nor of time came before the call was sent: it could not be signed.
    if matches!(error, SdkError::DispatchFailure(failure) if failure.is_other()) {
        return ConnectError::NoCredentials(without_credentials(connection, &reasons(error)));
    }
    let region = region.to_owned();
    let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
    match meta.and_then(|meta| Some((meta.code()?, meta.message().unwrap_or_default()))) {
        Some((code, message)) => ConnectError::Refused {
            region,
            reason: format!("{code}: {message}"),
        },
        None => ConnectError::NoAnswer {
            region,
            reason: reasons(error),
        },
    }
}

/// Where credentials were looked for, what came of it, and what would be right.
fn without_credentials(connection: &Connection, reasons: &str) -> String {
    if let Some(role) = &connection.assume_role {
        return format!("the role {} cannot be assumed: {reasons}", role.role_arn);
    }
    match &connection.profile {
        Some(profile) => {
            format!("the profile {profile:?} of the shared configuration files gives no credentials: {reasons}")
        }
        None => format!(
            "there are none: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or `profile`, or sign in (aws sso login): {reasons}"
        ),
    }
}

/// Who calls, for the user agent: this provider and the Terraform or OpenTofu that runs it, with their versions.
fn app_name(terraform_version: &str) -> Option<AppName> {
    let provider = concat!("terraform-provider-tap-", env!("CARGO_PKG_VERSION"));
    let with_terraform = format!("{provider}+terraform-{terraform_version}");
    let known = Some(with_terraform).filter(|_| !terraform_version.is_empty());
    // A version with strange characters must not stop anything.
    let name = known.and_then(|name| AppName::new(name).ok());
    name.or_else(|| AppName::new(provider).ok())
}

/// The retries of a call to a service that answers.
pub(super) fn retries(connection: &Connection) -> RetryConfig {
    let retries = if connection.adaptive {
        RetryConfig::adaptive()
    } else {
        RetryConfig::standard()
    };
    retries
        .with_max_attempts(connection.max_retries.unwrap_or(ATTEMPTS))
        .with_max_backoff(Duration::from_secs(20))
}

/// The time for a connection and for one attempt of a call.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .build()
}

/// The credentials of a profile that the configuration names. The SDK's chain would let `AWS_ACCESS_KEY_ID` of the environment
/// win over it, and the run would change an account nobody asked for; hashicorp/aws takes the named profile, too.
fn of_profile(name: &str, region: Option<&str>) -> ProfileFileCredentialsProvider {
    let mut cx = ProviderConfig::default();
    if let Some(region) = region {
        cx = cx.with_region(Some(Region::new(region.to_owned())));
    }
    ProfileFileCredentialsProvider::builder()
        .configure(&cx)
        .profile_name(name)
        .build()
}

async fn load(connection: &Connection) -> Result<SdkConfig, ConnectError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retries(connection))
        .timeout_config(timeouts());
    if let Some(name) = app_name(&connection.terraform_version) {
        loader = loader.app_name(name);
    }
    if let Some(region) = &connection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &connection.profile {
        loader = loader.profile_name(profile);
        loader = loader.credentials_provider(of_profile(profile, connection.region.as_deref()));
    }
    if let Some((id, secret)) = &connection.keys {
        loader = loader.credentials_provider(Credentials::new(
            id,
            secret,
            connection.token.clone(),
            None,
            "provider configuration",
        ));
    }
    // sts may have an endpoint of its own, and assuming the role must use it.
    let config = loader.load().await;
    let Some(role) = &connection.assume_role else {
        return Ok(config);
    };
    if config.region().is_none() {
        return Err(ConnectError::NoRegion);
    }
    let sts = match connection.endpoints.get("sts") {
        Some(url) => config.to_builder().endpoint_url(url).build(),
        None => config.clone(),
    };
    let mut provider = AssumeRoleProvider::builder(&role.role_arn)
        .session_name(role.session_name.as_deref().unwrap_or("terraform-provider-tap"))
        .configure(&sts);
    if let Some(external_id) = &role.external_id {
        provider = provider.external_id(external_id);
    }
    let provider = provider.build().await;
    let shared = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
    Ok(config.to_builder().credentials_provider(shared).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_agent_names_provider_and_terraform() {
        let provider = concat!("terraform-provider-tap-", env!("CARGO_PKG_VERSION"));
        let name = |version: &str| app_name(version).unwrap().to_string();
        assert_eq!(name("1.11.4"), format!("{provider}+terraform-1.11.4"));
        assert_eq!(name(""), provider);
        assert_eq!(
            name("1.0 (x)"),
            provider,
            "blanks and parentheses have no place in a user agent"
        );
    }

    #[test]
    fn who_has_no_credentials_hears_where_they_were_looked_for() {
        let mut connection = Connection::default();
        assert!(without_credentials(&connection, "x").contains("AWS_ACCESS_KEY_ID"));
        connection.profile = Some("nope".to_owned());
        assert_eq!(
            without_credentials(&connection, "not enabled"),
            "the profile \"nope\" of the shared configuration files gives no credentials: not enabled"
        );
    }

    #[test]
    fn a_large_file_has_time_on_a_slow_line() {
        let seconds = |bytes| upload_timeout(bytes).operation_attempt_timeout().unwrap().as_secs();
        assert_eq!(seconds(0), 60);
        assert_eq!(seconds(10 * 1024 * 1024), 60 + 320);
    }
}
