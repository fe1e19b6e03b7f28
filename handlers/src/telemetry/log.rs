//! JSON logs on standard output.

use tracing_subscriber::EnvFilter;

use crate::config::{Env, InitError};

/// Reads `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`; default `info`) and installs the log.
///
/// The level applies to our own code only. The SDK and the Lambda runtime stay at `warn`,
/// because their debug logs hold request bodies, and so payloads and secrets.
pub fn install(env: &Env) -> Result<(), InitError> {
    let level = level(env)?;
    let filter = EnvFilter::new(format!("warn,tap_handlers={level},bootstrap={level}"));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_env_filter(filter);
    // A second install (tests) keeps the first.
    let _ = subscriber.try_init();
    Ok(())
}

fn level(env: &Env) -> Result<&'static str, InitError> {
    let text = env.or("LOG_LEVEL", "info").to_ascii_lowercase();
    match text.as_str() {
        "error" | "critical" | "fatal" => Ok("error"),
        "warn" | "warning" => Ok("warn"),
        "info" => Ok("info"),
        "debug" => Ok("debug"),
        "trace" => Ok("trace"),
        _ => Err(InitError::invalid(
            "LOG_LEVEL",
            "one of error, warn, info, debug, trace",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_lenient_in_case_and_strict_in_words() {
        assert_eq!(level(&Env::from_pairs([("LOG_LEVEL", "WARNING")])), Ok("warn"));
        assert_eq!(level(&Env::default()), Ok("info"));
        assert!(level(&Env::from_pairs([("LOG_LEVEL", "loud")])).is_err());
    }
}
