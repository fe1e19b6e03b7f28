//! A small HTTP client: webhooks into a deployed REST API.

use crate::{Aws, Error, Result};
use ::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ::http::{HeaderMap, Method, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::collections::VecDeque;

/// A request that has not been sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code, such as 200.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.body).map_err(|source| Error::Json {
            what: "the answer's body",
            source,
            text: self.body.clone(),
        })
    }
}

impl Aws {
    /// A request to a deployed stage: the sandbox's stand-in for `https://<api>.execute-api.<region>.amazonaws.com`.
    ///
    /// The sandbox finds the account in the signature's credential, so the request carries one; it is not checked.
    pub fn api_request(&self, method: Method, api_id: &str, stage: &str, path: &str) -> Request {
        let path = path.trim_start_matches('/');
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/execute-api/aws4_request, SignedHeaders=host, Signature=0",
            self.account(),
            self.region()
        );
        Request::new(
            method,
            &format!("{}/restapis/{api_id}/{stage}/_user_request_/{path}", self.endpoint()),
        )
        .header(AUTHORIZATION.as_str(), &credential)
    }

    /// A POST to the address that the provider shows as `webhook_url`
    /// (`https://<api>.execute-api.<region>.amazonaws.com/<stage>/<path>`), sent to the sandbox.
    ///
    /// # Errors
    /// [`Error::Expectation`] when it is no such address.
    pub fn webhook(&self, webhook_url: &str) -> Result<Request> {
        let parts = parse_invoke_url(webhook_url)
            .ok_or_else(|| Error::Expectation(format!("not the invoke URL of a REST API: {webhook_url}")))?;
        Ok(self
            .api_request(Method::POST, &parts.api_id, &parts.stage, &parts.path)
            .header(CONTENT_TYPE.as_str(), "application/json"))
    }
}

struct InvokeUrl {
    api_id: String,
    stage: String,
    path: String,
}

fn parse_invoke_url(url: &str) -> Option<InvokeUrl> {
    let uri: Uri = url.parse().ok()?;
    let api_id = uri.host()?.split_once(".execute-api.")?.0.to_owned();
    let mut segments: VecDeque<&str> = uri.path().split('/').filter(|s| !s.is_empty()).collect();
    let stage = segments.pop_front()?.to_owned();
    Some(InvokeUrl {
        api_id,
        stage,
        path: Vec::from(segments).join("/"),
    })
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: Method, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds the API key.
    #[must_use]
    pub fn api_key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    /// Sets the body; a literal text, so that a test decides how a number is written.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it; an answer of any status is `Ok`.
    ///
    /// # Errors
    /// [`Error::Http`] when there is no answer.
    pub async fn send(self) -> Result<Answer> {
        let (method, url) = (self.method.to_string(), self.url.clone());
        self.exchange()
            .await
            .map_err(|message| Error::Http { method, url, message })
    }

    async fn exchange(self) -> std::result::Result<Answer, String> {
        let mut request = ::http::Request::builder().method(self.method).uri(self.url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::<Bytes>::from(self.body))
            .map_err(|e| e.to_string())?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.map_err(|e| with_cause(&e))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|e| with_cause(&e))?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoke_url_falls_into_its_parts() {
        let parts = parse_invoke_url("https://a1b2.execute-api.eu-west-1.amazonaws.com/v1/webhook/x").unwrap();
        assert_eq!(
            (parts.api_id.as_str(), parts.stage.as_str(), parts.path.as_str()),
            ("a1b2", "v1", "webhook/x")
        );
        assert!(parse_invoke_url("https://example.com/v1/webhook").is_none());
        assert!(parse_invoke_url("https://a1b2.execute-api.eu-west-1.amazonaws.com/").is_none());
    }
}
