//! Signatures and the secrets they are made with (W-33).

use serde_json::json;

use super::*;
use crate::auth::secret::Secret;
use crate::fakes::{FakeClock, FakeSecrets};

const BODY: &str = "{}";

fn setup(secrets: &str) -> (Authenticator, Arc<FakeSecrets>, Arc<FakeClock>) {
    let (source, clock) = (FakeSecrets::new(secrets), FakeClock::at("2026-01-01T00:00:00.000Z"));
    let mode = AuthMode::Hmac(HmacConfig {
        header: "X-Signature".to_owned(),
        secret_parameter: "p".to_owned(),
        tolerance_seconds: 300,
    });
    let cloned = source.clone();
    let authenticator = Authenticator::new(mode, |_| cloned, clock.clone());
    (authenticator, source, clock)
}

async fn admitted(authenticator: &Authenticator, clock: &FakeClock, secret: &str) -> bool {
    let signature = hmac::sign(&Secret::new(secret), clock.now().epoch_seconds(), BODY.as_bytes());
    let event = json!({"body": BODY, "headers": {"x-signature": signature}});
    let request = ProxyRequest::decode(&event, 100).unwrap();
    authenticator.authenticate(&request).await.is_ok()
}

/// W-33: a sender may use a secret soon after it was added; who guesses makes us ask for it twice a minute at most.
#[tokio::test]
async fn w_33_a_new_secret_is_known_within_half_a_minute() {
    let (authenticator, source, clock) = setup("old");
    assert!(admitted(&authenticator, &clock, "old").await);
    source.set("new\nold");
    for _ in 0..20 {
        assert!(!admitted(&authenticator, &clock, "guess").await);
    }
    assert_eq!(source.fetches(), 1, "the secrets are fresh");
    clock.advance(30_000);
    assert!(admitted(&authenticator, &clock, "new").await);
    assert!(admitted(&authenticator, &clock, "old").await, "both are active");
    for _ in 0..20 {
        assert!(!admitted(&authenticator, &clock, "guess").await);
    }
    assert_eq!(source.fetches(), 2);
    source.set("new");
    clock.advance(300_000);
    assert!(!admitted(&authenticator, &clock, "old").await, "revoked");
}

/// W-33: a parameter without a usable secret lets nobody in, and is our fault.
#[tokio::test]
async fn w_33_no_secret_is_no_entry() {
    for parameter in ["", " \n", "[]", r#"["a", null]"#] {
        let (authenticator, _, clock) = setup(parameter);
        let signature = hmac::sign(&Secret::new("null]"), clock.now().epoch_seconds(), BODY.as_bytes());
        let event = json!({"body": BODY, "headers": {"X-Signature": signature}});
        let request = ProxyRequest::decode(&event, 100).unwrap();
        let refused = authenticator.authenticate(&request).await;
        assert!(
            matches!(refused, Err(AuthError::Unavailable(_))),
            "{parameter:?}: {refused:?}"
        );
    }
}
