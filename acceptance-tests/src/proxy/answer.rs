//! Errors in the words of each protocol.

use super::call::Call;
use super::wire::Message;

const MESSAGE: &str = "refused by the test's proxy";

/// The answer that the service would give: an error with this code.
pub(super) fn refusal(request: &Message, call: &Call, status: u16, code: &str) -> Message {
    let is = |kind: &str| request.header("content-type").is_some_and(|own| own.contains(kind));
    let (kind, body) = if request.header("smithy-protocol").is_some() {
        ("application/cbor", cbor(code))
    } else if is("x-www-form-urlencoded") {
        ("text/xml", query(code).into_bytes())
    } else if call.operation.starts_with("s3:") {
        ("application/xml", s3(code).into_bytes())
    } else {
        ("application/json", json(code).into_bytes())
    };
    let mut headers = vec![
        ("content-type".to_owned(), kind.to_owned()),
        ("x-amzn-requestid".to_owned(), "proxy".to_owned()),
    ];
    if kind == "application/json" {
        headers.push(("x-amzn-errortype".to_owned(), code.to_owned()));
    }
    if kind == "application/cbor" {
        headers.push(("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()));
    }
    Message {
        start: format!("HTTP/1.1 {status} Refused"),
        headers,
        body,
    }
}

fn json(code: &str) -> String {
    format!("{{\"__type\":\"{code}\",\"message\":\"{MESSAGE}\"}}")
}

fn query(code: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{MESSAGE}</Message></Error></ErrorResponse>"
    )
}

fn s3(code: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{MESSAGE}</Message></Error>")
}

/// A map of two texts.
fn cbor(code: &str) -> Vec<u8> {
    let mut bytes = vec![0xa2];
    for text in ["__type", code, "message", MESSAGE] {
        // All are shorter than 256 bytes; 0x78 is "text, length in one byte".
        bytes.extend([0x78, u8::try_from(text.len()).unwrap_or(u8::MAX)]);
        bytes.extend(text.as_bytes());
    }
    bytes
}
