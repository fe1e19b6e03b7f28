//! The one decoder of the processor's input (P-05, P-18, N-01, X-10).

use serde_json::{Map, Value};

use crate::domain::time::UtcMillis;
use crate::http::{HttpError, ProxyRequest, idempotency_key, is_idempotency_key};

/// Who calls, and so how success and failure are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An API; failures are answers.
    Http {
        /// `Idempotency-Key` header.
        idempotency_key: Option<String>,
    },
    /// A workflow, a rule, or somebody's own call; failures are thrown (P-07).
    Direct {
        /// `idempotency_key` of the transaction: what an API's header was before the payment was handed over.
        idempotency_key: Option<String>,
        /// Time of receipt, where an earlier step has decided it (W-11).
        received_at: Option<UtcMillis>,
    },
}

/// A decoded event.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Who calls.
    pub caller: Caller,
    /// The payment's fields.
    pub fields: Map<String, Value>,
}

/// A direct caller's place for what is an API's `Idempotency-Key` header.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency_key";

/// Reads an API's request.
pub fn from_request(request: &ProxyRequest) -> Result<Input, HttpError> {
    let body = request.json_object()?;
    Ok(Input {
        caller: Caller::Http {
            idempotency_key: idempotency_key(request)?,
        },
        fields: wrapped(&body).cloned().unwrap_or(body),
    })
}

/// Reads anything else: a flat payment, `{transaction}`, the same under `Payload`, or an `EventBridge` envelope.
pub fn from_direct(event: &Value) -> Result<Input, &'static str> {
    let inner = event.get("Payload").unwrap_or(event);
    let inner = inner.get("detail").unwrap_or(inner);
    let inner = inner.as_object().ok_or("input must be a JSON object")?;
    let Some(transaction) = wrapped(inner) else {
        return Ok(Input {
            caller: Caller::Direct {
                idempotency_key: direct_key(inner)?,
                received_at: None,
            },
            fields: inner.clone(),
        });
    };
    let received_at = match inner.get("timestamp") {
        None | Some(Value::Null) => None,
        Some(time) => {
            let time = time.as_str().and_then(|text| UtcMillis::parse_rfc3339(text).ok());
            Some(time.ok_or("timestamp is not RFC 3339 with a zone")?)
        }
    };
    Ok(Input {
        caller: Caller::Direct {
            idempotency_key: direct_key(transaction)?,
            received_at,
        },
        fields: transaction.clone(),
    })
}

fn direct_key(transaction: &Map<String, Value>) -> Result<Option<String>, &'static str> {
    match transaction.get(IDEMPOTENCY_KEY) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(key)) if is_idempotency_key(key) => Ok(Some(key.clone())),
        Some(_) => Err("Invalid idempotency_key: must be 1-255 printable ASCII characters"),
    }
}

/// The payment inside `{transaction: {...}}`.
fn wrapped(fields: &Map<String, Value>) -> Option<&Map<String, Value>> {
    fields.get("transaction").and_then(Value::as_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::is_proxy_event;
    use serde_json::json;

    fn payment() -> Value {
        json!({"id": "TXN001", "amount": 99.99, "currency": "USD", "timestamp": "2024-01-15T10:30:00Z"})
    }

    fn called_directly(received_at: Option<UtcMillis>) -> Caller {
        Caller::Direct {
            idempotency_key: None,
            received_at,
        }
    }

    /// P-05, P-18: all envelopes lead to the same payment.
    #[test]
    fn all_envelopes_decode_alike() {
        let expected = payment().as_object().unwrap().clone();
        let direct = [
            payment(),
            json!({"transaction": payment()}),
            json!({"Payload": {"transaction": payment()}}),
            json!({"source": "payment.processing", "detail": {"region": "us-east-1", "failover": "true",
                "transaction": payment()}}),
            json!({"detail": payment()}),
        ];
        for event in direct {
            assert!(!is_proxy_event(&event));
            let input = from_direct(&event).unwrap();
            assert_eq!(
                (input.fields, input.caller),
                (expected.clone(), called_directly(None)),
                "{event}"
            );
        }
        for body in [payment(), json!({"transaction": payment()})] {
            let event = json!({"body": body.to_string(), "headers": {"idempotency-key": "k"}});
            assert!(is_proxy_event(&event));
            let input = from_request(&ProxyRequest::decode(&event, 1000).unwrap()).unwrap();
            assert_eq!(input.fields, expected);
            let key = Some("k".to_owned());
            assert_eq!(input.caller, Caller::Http { idempotency_key: key });
        }
    }

    #[test]
    fn an_earlier_steps_time_of_receipt_counts() {
        let input = from_direct(&json!({"transaction": payment(), "timestamp": "2026-01-01T00:00:00.000Z"})).unwrap();
        let received_at = UtcMillis::parse("2026-01-01T00:00:00.000Z").ok();
        assert_eq!(input.caller, called_directly(received_at));
        assert!(from_direct(&json!({"transaction": payment(), "timestamp": "yesterday"})).is_err());
    }

    #[test]
    fn what_is_no_payment_is_refused() {
        for event in [
            json!([]),
            json!(null),
            json!("x"),
            json!({"detail": 5}),
            json!({"Payload": []}),
        ] {
            assert!(from_direct(&event).is_err(), "{event}");
        }
        let request = ProxyRequest::decode(&json!({"body": "[]"}), 10).unwrap();
        assert_eq!(from_request(&request).unwrap_err().status, 400);
    }
}
