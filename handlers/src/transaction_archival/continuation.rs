//! Where an archival run stands, and how it is handed to the next invocation.

use serde_json::{Map, Value, json};

use crate::domain::time::UtcMillis;

/// Lambda stops a function that invokes itself about 16 times in a row
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>). We stop before that;
/// the next scheduled run goes on.
const MAX_HOPS: u64 = 14;

/// The position of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Continuation {
    /// When the run began; part of the object keys.
    pub run: UtcMillis,
    /// Transactions before this are old enough. Fixed for the whole run.
    pub before: UtcMillis,
    /// Which of the configured statuses is being read.
    pub status_index: usize,
    /// Where its next page starts.
    pub start_key: Option<Map<String, Value>>,
    /// How many objects the run has written.
    pub objects: u32,
    /// How many invocations came before.
    pub hops: u64,
}

impl Continuation {
    /// The start of a new run.
    pub fn start(now: UtcMillis, min_age_millis: i64) -> Self {
        let before = now.plus_millis(-min_age_millis);
        Self {
            run: now,
            before,
            status_index: 0,
            start_key: None,
            objects: 0,
            hops: 0,
        }
    }

    /// The token in an event, if there is one; schedules and people send events without.
    pub fn from_event(event: &Value) -> Option<Result<Self, &'static str>> {
        let token = event.get("continuation").filter(|token| !token.is_null())?;
        Some(Self::from_json(token).ok_or("continuation token is malformed"))
    }

    fn from_json(token: &Value) -> Option<Self> {
        let time = |name: &str| UtcMillis::parse(token.get(name)?.as_str()?).ok();
        let number = |name: &str| token.get(name)?.as_u64();
        let start_key = match token.get("start_key")? {
            Value::Null => None,
            Value::Object(key) => Some(key.clone()),
            _ => return None,
        };
        Some(Self {
            run: time("run")?,
            before: time("before")?,
            status_index: usize::try_from(number("status_index")?).ok()?,
            start_key,
            objects: u32::try_from(number("objects")?).ok()?,
            hops: number("hops")?,
        })
    }

    /// The token.
    pub fn to_json(&self) -> Value {
        json!({"run": self.run.to_string(), "before": self.before.to_string(), "status_index": self.status_index,
            "start_key": self.start_key, "objects": self.objects, "hops": self.hops})
    }

    /// The position handed to the next invocation; `None` when there have been enough.
    pub fn next_hop(self) -> Option<Self> {
        (self.hops < MAX_HOPS).then(|| Self {
            hops: self.hops + 1,
            ..self
        })
    }

    /// Moves to the next page, or to the next status after the last one.
    pub fn advance(&mut self, next: Option<Map<String, Value>>) {
        if next.is_none() {
            self.status_index += 1;
        }
        self.start_key = next;
    }

    /// The number of the next object: unique within the run.
    pub fn next_object_number(&mut self) -> u32 {
        self.skip(1)
    }

    /// The number so many places on, and from there the run goes on.
    pub fn skip(&mut self, places: u32) -> u32 {
        self.objects = self.objects.saturating_add(places);
        self.objects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_round_trips() {
        let mut position = Continuation::start(UtcMillis::from_epoch_millis(1_000_000), 500);
        position.next_object_number();
        position.advance(Some(json!({"transaction_id": "t"}).as_object().unwrap().clone()));
        let event = json!({"continuation": position.to_json()});
        assert_eq!(Continuation::from_event(&event), Some(Ok(position)));
        assert_eq!(Continuation::from_event(&json!({"source": "aws.scheduler"})), None);
        assert!(matches!(
            Continuation::from_event(&json!({"continuation": {}})),
            Some(Err(_))
        ));
    }

    #[test]
    fn the_chain_is_bounded() {
        let mut position = Continuation::start(UtcMillis::from_epoch_millis(0), 0);
        let mut hops = 0;
        while let Some(next) = position.clone().next_hop() {
            position = next;
            hops += 1;
        }
        assert_eq!(hops, MAX_HOPS);
    }
}
