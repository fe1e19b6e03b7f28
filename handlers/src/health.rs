//! `health`: says that the region's stack answers, and which version it runs (REQUIREMENTS 6.5).
//!
//! The stacks' health path is a constant of API Gateway, so that it costs nothing and stays up with any function; this
//! handler is for who wants to see a function behind it.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::config::{Env, InitError};
use crate::error::HandlerError;
use crate::http::ProxyResponse;
use crate::invocation::{Handler, Invocation};

/// Value of `_HANDLER`.
pub const NAME: &str = "health";

/// The handler.
#[derive(Debug, Clone)]
pub struct Health {
    version: String,
    region: String,
}

impl Health {
    /// From `HANDLER_VERSION` (this crate's version) and the runtime's own `AWS_REGION`.
    pub fn from_env(env: &Env) -> Result<Self, InitError> {
        Ok(Self {
            version: env.or("HANDLER_VERSION", env!("CARGO_PKG_VERSION")),
            region: env.required("AWS_REGION")?,
        })
    }
}

#[async_trait]
impl Handler for Health {
    async fn handle(&self, _event: Value, _invocation: &Invocation) -> Result<Value, HandlerError> {
        let body = json!({"status": "ok", "version": self.version, "region": self.region});
        Ok(ProxyResponse::new(200, body.to_string()).into_event())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_names_version_and_region() {
        let env = Env::from_pairs([("AWS_REGION", "eu-west-1"), ("HANDLER_VERSION", "1.2.3")]);
        let health = Health::from_env(&env).unwrap();
        let response = health.handle(json!({}), &Invocation::for_test()).await.unwrap();
        assert_eq!(response["statusCode"], 200);
        assert_eq!(
            response["body"],
            r#"{"region":"eu-west-1","status":"ok","version":"1.2.3"}"#
        );
        assert_eq!(response["headers"]["Cache-Control"], "no-store");
        assert!(Health::from_env(&Env::default()).is_err());
    }
}
