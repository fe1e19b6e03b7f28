//! Authentication that happens in the handler. API keys and IAM are API Gateway's job.

pub mod hmac;
pub mod secret;

use std::sync::Arc;

use crate::config::{Env, InitError};
use crate::error::PortError;
use crate::http::ProxyRequest;
use crate::ports::{Clock, SecretSource};
use hmac::SignatureError;
use secret::SecretCache;

/// Who authenticates the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthMode {
    /// API Gateway (API key or IAM), or nobody.
    Gateway,
    /// The handler, by signature.
    Hmac(HmacConfig),
}

/// Settings of the signature check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacConfig {
    /// Header that carries the signature (`HMAC_HEADER`).
    pub header: String,
    /// Name of the SSM parameter with the active secrets (`HMAC_SECRET_PARAMETER`).
    pub secret_parameter: String,
    /// Largest difference between the signature's time and ours (`HMAC_TOLERANCE_SECONDS`).
    pub tolerance_seconds: u32,
}

impl AuthMode {
    /// Reads `AUTH_MODE` (`api_key`, `iam`, `none`, `hmac`) and what goes with it; the secret itself is fetched when the
    /// first request needs it.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        let hmac = [("api_key", false), ("iam", false), ("none", false), ("hmac", true)];
        // No default: a missing mode must never mean "no authentication".
        env.required("AUTH_MODE")?;
        if !env.choice_or("AUTH_MODE", false, &hmac)? {
            return Ok(Self::Gateway);
        }
        Ok(Self::Hmac(HmacConfig {
            header: env.or("HMAC_HEADER", "X-Signature"),
            secret_parameter: env.required("HMAC_SECRET_PARAMETER")?,
            tolerance_seconds: env.parsed_or("HMAC_TOLERANCE_SECONDS", 300, "seconds as a whole number")?,
        }))
    }
}

/// Why a request is not let in.
#[derive(Debug)]
pub enum AuthError {
    /// The signature is missing, wrong or too old; the log says which.
    Refused,
    /// The secrets could not be had.
    Unavailable(PortError),
}

/// Checks requests.
pub struct Authenticator {
    hmac: Option<(HmacConfig, SecretCache)>,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// An authenticator of this mode; the source is used with [`AuthMode::Hmac`] only, and needed there.
    pub fn new(
        mode: AuthMode,
        source: impl FnOnce(&HmacConfig) -> Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let hmac = match mode {
            AuthMode::Gateway => None,
            AuthMode::Hmac(config) => {
                let cache = SecretCache::new(source(&config), Arc::clone(&clock));
                Some((config, cache))
            }
        };
        Self { hmac, clock }
    }

    /// Lets the request in, or not.
    pub async fn authenticate(&self, request: &ProxyRequest) -> Result<(), AuthError> {
        let Some((config, secrets)) = &self.hmac else {
            return Ok(());
        };
        let active = secrets.active().await.map_err(AuthError::Unavailable)?;
        if active.is_empty() {
            let error = PortError::permanent("ssm:GetParameter", "no active secret in the parameter");
            return Err(AuthError::Unavailable(error));
        }
        let header = request.header(&config.header);
        let now = self.clock.now();
        let verify = |active: &[_]| hmac::verify(header, request.body(), active, now, config.tolerance_seconds);
        let verified = match verify(&active) {
            Err(SignatureError::Mismatch) => verify(&secrets.again().await.map_err(AuthError::Unavailable)?),
            verified => verified,
        };
        verified.map_err(|reason| {
            tracing::warn!(%reason, "signature refused");
            AuthError::Refused
        })
    }
}

#[cfg(test)]
mod tests;
