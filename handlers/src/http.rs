//! API Gateway proxy events and answers (REQUIREMENTS 6.5 "Common rules"; W-27, W-31).
//!
//! Format: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// An error answer: status and stable message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpError {
    /// HTTP status code.
    pub status: u16,
    /// The text of `error` in the body.
    pub message: String,
}

impl HttpError {
    /// An error answer.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// What is wrong when the body is not a JSON object, whatever else it may be.
    pub fn not_an_object() -> Self {
        Self::new(400, "Request body must be a JSON object")
    }
}

/// The parts of a proxy event that the handlers use.
#[derive(Debug, Clone, Default)]
pub struct ProxyRequest {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl ProxyRequest {
    /// Reads a proxy event. The body is decoded from base64 where the event says so; null counts as empty.
    pub fn decode(event: &Value, max_body_bytes: usize) -> Result<Self, HttpError> {
        let text = event.get("body").and_then(Value::as_str).unwrap_or_default();
        let base64 = event.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false);
        let body = if base64 {
            STANDARD.decode(text.trim()).map_err(|_| HttpError::not_an_object())?
        } else {
            text.as_bytes().to_vec()
        };
        if body.len() > max_body_bytes {
            return Err(HttpError::new(413, "Request body too large"));
        }
        Ok(Self {
            headers: headers(event),
            body,
        })
    }

    /// The first value of a header; names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body's bytes as the sender sent them.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as a JSON object.
    pub fn json_object(&self) -> Result<Map<String, Value>, HttpError> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Ok(map),
            _ => Err(HttpError::not_an_object()),
        }
    }
}

/// Single-value headers first, then those that only the multi-value form carries.
fn headers(event: &Value) -> Vec<(String, String)> {
    let single = event.get("headers").and_then(Value::as_object).into_iter().flatten();
    let multi = event
        .get("multiValueHeaders")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let single = single.filter_map(|(n, v)| Some((n.clone(), v.as_str()?.to_owned())));
    let multi = multi.filter_map(|(n, v)| Some((n.clone(), v.get(0)?.as_str()?.to_owned())));
    single.chain(multi).collect()
}

/// The `Origin` header of a proxy event: known before anything else of it is, so that a refusal can be read by its sender too (N-04).
pub fn origin(event: &Value) -> Option<String> {
    let mut all = headers(event).into_iter();
    all.find(|(name, _)| name.eq_ignore_ascii_case("Origin"))
        .map(|(_, value)| value)
}

/// Whether a sender's own key is one: 1 to 255 printable ASCII characters.
pub fn is_idempotency_key(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// The `Idempotency-Key` header, checked.
pub fn idempotency_key(request: &ProxyRequest) -> Result<Option<String>, HttpError> {
    let key = request.header("Idempotency-Key").map(str::to_owned);
    if key.as_ref().is_some_and(|key| !is_idempotency_key(key)) {
        return Err(HttpError::new(
            400,
            "Invalid Idempotency-Key: must be 1-255 printable ASCII characters",
        ));
    }
    Ok(key)
}

/// Whether an event comes from an API's proxy integration (N-01, O-45, P-05): anything else is the payload itself.
pub fn is_proxy_event(event: &Value) -> bool {
    ["httpMethod", "requestContext", "body"]
        .iter()
        .any(|name| event.get(*name).is_some())
}

/// A proxy answer with the headers that every answer carries.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyResponse {
    /// HTTP status code.
    pub status: u16,
    /// Body text, JSON.
    pub body: String,
    /// Headers besides `Content-Type` and `Cache-Control`.
    pub headers: Vec<(&'static str, String)>,
}

impl ProxyResponse {
    /// An answer with this body.
    pub fn new(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
        }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The event that API Gateway expects back.
    pub fn into_event(self) -> Value {
        let mut headers = Map::new();
        headers.insert("Content-Type".into(), "application/json".into());
        headers.insert("Cache-Control".into(), "no-store".into());
        headers.extend(self.headers.into_iter().map(|(n, v)| (n.to_owned(), Value::String(v))));
        json!({"statusCode": self.status, "headers": headers, "body": self.body, "isBase64Encoded": false})
    }
}

impl From<HttpError> for ProxyResponse {
    fn from(error: HttpError) -> Self {
        Self::new(error.status, json!({"error": error.message}).to_string())
    }
}

/// Which browser origins may read the answers; none unless configured.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    allow_origins: Vec<String>,
}

impl Cors {
    /// From the list of origins; `*` allows all.
    pub fn new(allow_origins: Vec<String>) -> Self {
        Self { allow_origins }
    }

    /// Adds the CORS headers that the request's `Origin` deserves.
    #[must_use]
    pub fn apply(&self, origin: Option<&str>, response: ProxyResponse) -> ProxyResponse {
        if self.allow_origins.iter().any(|o| o == "*") {
            return response.with_header("Access-Control-Allow-Origin", "*");
        }
        match origin {
            Some(origin) if self.allow_origins.iter().any(|o| o == origin) => response
                .with_header("Access-Control-Allow-Origin", origin)
                .with_header("Vary", "Origin"),
            _ => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(event: &Value) -> Result<ProxyRequest, HttpError> {
        ProxyRequest::decode(event, 262_144)
    }

    #[test]
    fn bodies_that_are_no_object_get_one_message() {
        let cases = [
            json!({"body": null}),
            json!({}),
            json!({"body": ""}),
            json!({"body": "not json"}),
            json!({"body": "[]"}),
            json!({"body": "5"}),
            json!({"body": "\"text\""}),
            json!({"body": "null"}),
            json!({"body": "{\"amount\": NaN}"}),
            json!({"body": "{\"a\":1} trailing"}),
            json!({"body": "!!", "isBase64Encoded": true}),
            json!({"body": STANDARD.encode([0xff, 0xfe]), "isBase64Encoded": true}),
        ];
        for event in cases {
            let error = decode(&event).and_then(|r| r.json_object()).unwrap_err();
            assert_eq!(
                error,
                HttpError::new(400, "Request body must be a JSON object"),
                "{event}"
            );
        }
    }

    #[test]
    fn base64_bodies_are_decoded() {
        let event = json!({"body": STANDARD.encode(r#"{"a":0.10}"#), "isBase64Encoded": true});
        let request = decode(&event).unwrap();
        assert_eq!(request.body(), br#"{"a":0.10}"#);
        assert_eq!(request.json_object().unwrap()["a"].to_string(), "0.10");
    }

    #[test]
    fn proxy_events_are_told_from_payloads() {
        assert!(is_proxy_event(&json!({"body": null})) && is_proxy_event(&json!({"httpMethod": "POST"})));
        assert!(!is_proxy_event(&json!({"transaction_id": "t"})) && !is_proxy_event(&json!([])));
    }

    #[test]
    fn size_counts_decoded_bytes() {
        let at_limit = "x".repeat(262_144);
        assert!(decode(&json!({"body": at_limit})).is_ok());
        assert_eq!(decode(&json!({"body": at_limit + "x"})).unwrap_err().status, 413);
        let encoded = STANDARD.encode(vec![b'x'; 262_145]);
        assert_eq!(
            decode(&json!({"body": encoded, "isBase64Encoded": true}))
                .unwrap_err()
                .status,
            413
        );
    }

    #[test]
    fn header_names_are_case_insensitive() {
        let event = json!({"headers": {"x-sIgnature": "a"}, "multiValueHeaders": {"Idempotency-Key": ["k", "l"]}});
        let request = decode(&event).unwrap();
        assert_eq!(request.header("X-Signature"), Some("a"));
        assert_eq!(request.header("idempotency-key"), Some("k"));
        assert_eq!(decode(&json!({"headers": null})).unwrap().header("a"), None);
    }

    #[test]
    fn answers_carry_the_common_headers() {
        let event = ProxyResponse::from(HttpError::new(400, "no")).into_event();
        assert_eq!(
            event["headers"],
            json!({"Content-Type": "application/json", "Cache-Control": "no-store"})
        );
        assert_eq!(event["body"], r#"{"error":"no"}"#);
    }

    #[test]
    fn cors_only_when_configured() {
        let plain = ProxyResponse::new(200, String::new());
        assert_eq!(Cors::default().apply(Some("https://a"), plain.clone()), plain);
        let cors = Cors::new(vec!["https://a".into()]);
        assert_eq!(cors.apply(Some("https://b"), plain.clone()), plain);
        assert_eq!(
            cors.apply(Some("https://a"), plain).headers[0],
            ("Access-Control-Allow-Origin", "https://a".into())
        );
    }
}
