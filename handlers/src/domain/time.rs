//! Points in time as RFC 3339 UTC with milliseconds and `Z`, always 24 characters (W-65).

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

/// The text is not an RFC 3339 time in the fixed format.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected an RFC 3339 UTC time with milliseconds, like 2026-01-31T12:00:00.000Z")]
pub struct TimeError;

/// Milliseconds since the epoch, UTC. Its text sorts the way time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcMillis(i64);

/// The range whose text has four year digits, so that all texts are 24 characters long.
const YEAR_0: i64 = -62_167_219_200_000;
const YEAR_9999_END: i64 = 253_402_207_200_000 - 1;

impl UtcMillis {
    /// From milliseconds since the epoch; clamped to the years 0 to 9999.
    pub fn from_epoch_millis(millis: i64) -> Self {
        Self(millis.clamp(YEAR_0, YEAR_9999_END))
    }

    /// The current time of the system clock.
    pub fn now() -> Self {
        Self::from_epoch_millis(Timestamp::now().as_millisecond())
    }

    /// Milliseconds since the epoch (the numeric sort key form).
    pub fn epoch_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn epoch_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time plus so many milliseconds.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_epoch_millis(self.0.saturating_add(millis))
    }

    /// Reads the fixed 24-character form only.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if text.len() != 24 || !text.ends_with('Z') {
            return Err(TimeError);
        }
        let timestamp: Timestamp = text.parse().map_err(|_| TimeError)?;
        let time = Self::from_epoch_millis(timestamp.as_millisecond());
        // The round trip refuses other spellings of the same instant, e.g. a comma or a blank.
        if time.to_string() == text {
            Ok(time)
        } else {
            Err(TimeError)
        }
    }

    /// Reads any RFC 3339 time that has a zone, between 1970 and 9999; parts of a millisecond are dropped.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        let timestamp: Timestamp = text.parse().map_err(|_| TimeError)?;
        let millis = timestamp.as_millisecond();
        if (0..=YEAR_9999_END).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(TimeError)
        }
    }

    /// Reads what [`UtcMillis`] is stored as in keys: its text, or milliseconds since the epoch.
    pub fn from_key(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Self::parse(text).ok(),
            serde_json::Value::Number(millis) => millis.as_i64().map(Self::from_epoch_millis),
            _ => None,
        }
    }

    /// The date as the path `YYYY/MM/DD`.
    pub fn date_path(self) -> String {
        self.to_string()[..10].replace('-', "/")
    }

    /// The hour of the day in UTC, 0 to 23.
    pub fn hour(self) -> i8 {
        self.timestamp().to_zoned(TimeZone::UTC).hour()
    }

    /// A form without `:` and `.` for object keys: `20260131T120000000Z`.
    pub fn compact(self) -> String {
        self.to_string()
            .chars()
            .filter(|c| !matches!(c, '-' | ':' | '.'))
            .collect()
    }

    fn timestamp(self) -> Timestamp {
        // In range because of the clamp; the fall-back is never taken.
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for UtcMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// W-65, X-08.
    #[test]
    fn the_text_has_fixed_length_and_a_zone() {
        let time = UtcMillis::from_epoch_millis(1_767_225_600_000);
        assert_eq!(time.to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!(time.date_path(), "2026/01/01");
        assert_eq!(time.compact(), "20260101T000000000Z");
        assert_eq!(time.hour(), 0);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000",
            "2026-01-01 00:00:00.000Z",
            "",
            "x",
        ] {
            assert_eq!(UtcMillis::parse(text), Err(TimeError), "{text}");
        }
    }

    #[test]
    fn senders_may_write_any_zone_but_must_write_one() {
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T01:30:00+01:30",
            "2025-12-31T19:00:00.0004-05:00",
        ] {
            let time = UtcMillis::parse_rfc3339(text).map(|t| t.to_string());
            assert_eq!(time.as_deref(), Ok("2026-01-01T00:00:00.000Z"), "{text}");
        }
        for text in ["2026-01-01T00:00:00", "1969-12-31T23:59:59Z", "2026-01-01", "", "now"] {
            assert_eq!(UtcMillis::parse_rfc3339(text), Err(TimeError), "{text}");
        }
    }

    proptest! {
        #![proptest_config(crate::fakes::repeatable())]
        #[test]
        fn text_round_trips_and_sorts(a in YEAR_0..YEAR_9999_END, b in YEAR_0..YEAR_9999_END) {
            let (ta, tb) = (UtcMillis::from_epoch_millis(a), UtcMillis::from_epoch_millis(b));
            prop_assert_eq!(ta.to_string().len(), 24);
            prop_assert_eq!(UtcMillis::parse(&ta.to_string()), Ok(ta));
            prop_assert_eq!(ta.cmp(&tb), ta.to_string().cmp(&tb.to_string()));
        }
    }
}
