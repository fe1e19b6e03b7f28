//! Webhook signatures (W-33).
//!
//! Header: `X-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>...]`, where each `v1` is the
//! HMAC-SHA256 of `<t>.<raw body>`. Any listed signature under any active secret is
//! accepted, so that both sides can rotate without downtime. The time must be within
//! the tolerance, so that a recorded request cannot be replayed later.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;

use super::secret::Secret;
use crate::domain::time::UtcMillis;

/// Why a signature was refused. For the log; the sender learns only "Invalid signature".
#[derive(Debug, Error, PartialEq, Eq, Clone, Copy)]
pub enum SignatureError {
    /// The header is absent.
    #[error("signature header missing")]
    Missing,
    /// The header does not have the documented form.
    #[error("signature header malformed")]
    Malformed,
    /// The time is outside the tolerance.
    #[error("signature time outside tolerance")]
    Expired,
    /// No signature matches under any active secret.
    #[error("signature mismatch")]
    Mismatch,
}

/// More signatures than this in one header are not looked at.
const MAX_SIGNATURES: usize = 8;

struct SignatureHeader<'a> {
    time_text: &'a str,
    time: i64,
    signatures: Vec<Vec<u8>>,
}

impl<'a> SignatureHeader<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut time_text = None;
        let mut signatures = Vec::new();
        for part in header.split(',') {
            match part.trim().split_once('=')? {
                ("t", value) if time_text.is_none() => time_text = Some(value),
                ("t", _) => return None,
                ("v1", value) if signatures.len() < MAX_SIGNATURES => signatures.push(hex::decode(value).ok()?),
                _ => {} // later schemes may add their own keys
            }
        }
        let time_text = time_text.filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
        let time = time_text.parse().ok()?;
        (!signatures.is_empty()).then_some(Self {
            time_text,
            time,
            signatures,
        })
    }
}

/// Checks a request's signature.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secrets: &[Secret],
    now: UtcMillis,
    tolerance_seconds: u32,
) -> Result<(), SignatureError> {
    let header = SignatureHeader::parse(header.ok_or(SignatureError::Missing)?).ok_or(SignatureError::Malformed)?;
    if now.epoch_seconds().abs_diff(header.time) > u64::from(tolerance_seconds) {
        return Err(SignatureError::Expired);
    }
    let matches = |secret: &Secret| {
        header
            .signatures
            .iter()
            .any(|s| matches(secret, header.time_text, body, s))
    };
    if secrets.iter().any(matches) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

/// Compares in constant time (`verify_slice`).
fn matches(secret: &Secret, time: &str, body: &[u8], signature: &[u8]) -> bool {
    keyed(secret, time, body).is_some_and(|mac| mac.verify_slice(signature).is_ok())
}

fn keyed(secret: &Secret, time: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).ok()?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

/// The header that a sender would send; for tests and tools.
pub fn sign(secret: &Secret, unix_seconds: i64, body: &[u8]) -> String {
    let time = unix_seconds.to_string();
    let mac = keyed(secret, &time, body).map(|mac| hex::encode(mac.finalize().into_bytes()));
    format!("t={time},v1={}", mac.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"a\": 1}";

    fn now() -> UtcMillis {
        UtcMillis::from_epoch_millis(1_700_000_000_500)
    }

    fn check(header: &str, body: &[u8], secrets: &[&str]) -> Result<(), SignatureError> {
        let secrets: Vec<_> = secrets.iter().map(|s| Secret::new(*s)).collect();
        verify(Some(header), body, &secrets, now(), 300)
    }

    fn signed(secret: &str, time: i64) -> String {
        sign(&Secret::new(secret), time, BODY)
    }

    /// The expected value comes from another implementation (Python's hmac module), not from `sign`.
    #[test]
    fn matches_a_known_vector() {
        let header = "t=1700000000,v1=cb290683499e424b0c72ea3cb367617e12fdb379e3d3bc57e2f2dceacb1c2aef";
        assert_eq!(signed("whsec", 1_700_000_000), header);
        assert_eq!(check(header, BODY, &["whsec"]), Ok(()));
    }

    #[test]
    fn any_active_secret_and_any_listed_signature_will_do() {
        assert_eq!(check(&signed("old", 1_700_000_000), BODY, &["new", "old"]), Ok(()));
        let two = format!(
            "t=1700000000,v1={},{}",
            "00".repeat(32),
            signed("k", 1_700_000_000).split_once(',').unwrap().1
        );
        assert_eq!(check(&two, BODY, &["k"]), Ok(()));
    }

    #[test]
    fn refuses_other_bodies_times_and_secrets() {
        let header = signed("k", 1_700_000_000);
        assert_eq!(check(&header, b"{\"a\":1}", &["k"]), Err(SignatureError::Mismatch));
        assert_eq!(check(&header, BODY, &["other"]), Err(SignatureError::Mismatch));
        assert_eq!(check(&header, BODY, &[]), Err(SignatureError::Mismatch));
        let moved = header.replace("t=1700000000", "t=1700000001");
        assert_eq!(check(&moved, BODY, &["k"]), Err(SignatureError::Mismatch));
    }

    #[test]
    fn the_tolerance_is_inclusive_both_ways() {
        for (offset, ok) in [(-300, true), (300, true), (-301, false), (301, false)] {
            let result = check(&signed("k", 1_700_000_000 + offset), BODY, &["k"]);
            assert_eq!(result.is_ok(), ok, "{offset}: {result:?}");
        }
    }

    #[test]
    fn malformed_headers_are_refused() {
        let headers = [
            "",
            "t=1",
            "v1=00",
            "t=,v1=00",
            "t=-5,v1=00",
            "t=x,v1=00",
            "t=1,t=2,v1=00",
            "t=1,v1=zz",
            "t=1,v1",
            "t=99999999999999999999,v1=00",
        ];
        for header in headers {
            assert_eq!(check(header, BODY, &["k"]), Err(SignatureError::Malformed), "{header}");
        }
        assert_eq!(verify(None, BODY, &[], now(), 300), Err(SignatureError::Missing));
    }
}
