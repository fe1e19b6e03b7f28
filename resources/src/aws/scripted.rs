//! For tests: the real clients on answers told beforehand, and what they asked.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use tap_engine::Context;
use tokio_util::sync::CancellationToken;

use super::{Aws, AwsOptions};

pub(super) const REGION: &str = "us-east-1";

/// One request: method, path with query, body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: String,
}

type Answer = dyn Fn(&Asked, usize) -> (u16, String) + Send + Sync;

/// An AWS whose answers a test gives.
#[derive(Clone)]
pub(super) struct Scripted {
    answer: Arc<Answer>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    /// `answer` gets each request and its number, from 0, and says status and body.
    pub(super) fn new(answer: impl Fn(&Asked, usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            asked: Arc::default(),
        }
    }

    /// Clients that talk to it.
    pub(super) fn aws(&self) -> Arc<Aws> {
        let connector = SharedHttpConnector::new(self.clone());
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let options = AwsOptions::default();
        Arc::new(Aws::new(config, options, "111122223333".into(), "aws".into()))
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().to_owned();
        let path = uri.splitn(4, '/').nth(3).unwrap_or_default();
        let asked = Asked {
            method: request.method().to_owned(),
            path: format!("/{path}"),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
        };
        let mut all = self.asked.lock().unwrap();
        let (status, body) = (self.answer)(&asked, all.len());
        all.push(asked);
        drop(all);
        let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        HttpConnectorFuture::ready(Ok(answer))
    }
}

/// A component's context in [`REGION`].
pub(super) fn context(key: &str) -> Context {
    Context {
        key: key.into(),
        region: REGION.to_owned(),
        stack: "webhook_pipeline/dev".to_owned(),
        cancel: CancellationToken::new(),
        force_destroy: false,
        known_ids: Vec::new(),
        leaving: Vec::new(),
        journal: Arc::default(),
    }
}
