//! Secrets: never printed, cached for a short time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::domain::time::UtcMillis;
use crate::error::PortError;
use crate::ports::{Clock, SecretSource};

/// A secret's bytes. Its `Debug` form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps a secret.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Splits a parameter into its active secrets: a JSON list of text, or text separated by
/// newlines or commas. Several are active while a secret is being rotated. Any other JSON list or object holds none:
/// its pieces are no secrets, and `null]` can be guessed.
pub fn parse_secrets(parameter: &str) -> Vec<Secret> {
    let texts: Vec<String> = match serde_json::from_str(parameter) {
        Ok(Value::Array(list)) => {
            let texts = list.iter().map(|value| value.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().unwrap_or_default()
        }
        Ok(Value::Object(_)) => Vec::new(),
        _ => parameter.split(['\n', ',']).map(str::to_owned).collect(),
    };
    texts
        .iter()
        .map(|s| s.trim())
        .filter(|s| !s.is_empty())
        .map(Secret::new)
        .collect()
}

/// Active secrets, fetched on first use and again after five minutes.
pub struct SecretCache {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    cached: Mutex<Option<(UtcMillis, Arc<Vec<Secret>>)>>,
}

impl SecretCache {
    /// How long fetched secrets are used.
    pub const TTL: Duration = Duration::from_mins(5);
    /// How long they are used although a signature does not fit them.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// An empty cache.
    pub fn new(source: Arc<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            cached: Mutex::new(None),
        }
    }

    /// The active secrets. A failed refresh is an error, so that a revoked secret never lives on.
    pub async fn active(&self) -> Result<Arc<Vec<Secret>>, PortError> {
        self.younger_than(Self::TTL).await
    }

    /// The active secrets, for who has found that none of the cached ones fits: a sender may use a new one as soon as it
    /// is in the parameter. Fetched again after half a minute only, or guesses would use up SSM's rate.
    pub async fn again(&self) -> Result<Arc<Vec<Secret>>, PortError> {
        self.younger_than(Self::PATIENCE).await
    }

    async fn younger_than(&self, limit: Duration) -> Result<Arc<Vec<Secret>>, PortError> {
        let now = self.clock.now();
        let mut cached = self.cached.lock().await;
        if let Some((fetched, secrets)) = cached.as_ref() {
            let age = now.epoch_millis() - fetched.epoch_millis();
            if u128::try_from(age).is_ok_and(|age| age < limit.as_millis()) {
                return Ok(Arc::clone(secrets));
            }
        }
        let secrets = Arc::new(parse_secrets(&self.source.fetch().await?));
        *cached = Some((now, Arc::clone(&secrets)));
        Ok(secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{FakeClock, FakeSecrets};

    #[test]
    fn all_spellings_of_several_secrets() {
        let expected = vec![Secret::new("new"), Secret::new("old")];
        for text in [r#"["new", "old"]"#, "new\nold\n", "new, old", "new,\n old"] {
            assert_eq!(parse_secrets(text), expected, "{text}");
        }
        assert_eq!(parse_secrets("one"), vec![Secret::new("one")]);
        assert!(parse_secrets(" \n").is_empty());
    }

    /// W-33: pieces of a document that is no list of secrets are no secrets; `null]` can be guessed.
    #[test]
    fn w_33_other_documents_hold_no_secret() {
        for text in [
            r#"["a", null]"#,
            r#"["a", 5]"#,
            r#"{"current": "a", "previous": "b"}"#,
            "[]",
            r#"[""]"#,
        ] {
            assert!(parse_secrets(text).is_empty(), "{text}");
        }
        assert_eq!(
            parse_secrets("[k7,{x"),
            vec![Secret::new("[k7"), Secret::new("{x")],
            "no JSON at all"
        );
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "Secret(***)");
    }

    #[tokio::test]
    async fn fetched_again_after_five_minutes_only() {
        let clock = FakeClock::at("2026-01-01T00:00:00.000Z");
        let source = FakeSecrets::new("one");
        let cache = SecretCache::new(source.clone(), clock.clone());
        cache.active().await.unwrap();
        clock.advance(299_999);
        cache.active().await.unwrap();
        assert_eq!(source.fetches(), 1);
        source.set("two");
        clock.advance(1);
        assert_eq!(*cache.active().await.unwrap(), vec![Secret::new("two")]);
    }
}
