//! Payments that two regions have accepted, out of the guard table's stream.
//!
//! A guard is written once, if absent, and never changed. Absence is checked inside one region, so two regions can
//! both write one within the replication delay; the later one then overwrites the earlier one everywhere (last writer
//! wins). The overwritten guard's own region sees exactly one change of it from its own name to another: insert here, then
//! the other region's record. The winner sees no change, a third region may see one between two foreign names. So the
//! region that lost counts, and counts once.
//!
//! Streams of global tables have local and replicated writes alike
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html>).

use serde_json::{Map, Value};

use crate::domain::item::{Item, item_from_typed, text};

/// A payment, accepted here and elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The payment's id.
    pub payment_id: String,
    /// Region whose acceptance stands.
    pub winner: String,
    /// When we accepted it.
    pub accepted_at: String,
    /// When the winner did.
    pub winner_accepted_at: String,
    /// Whether both accepted the same content: a repetition, rather than two payments with one id.
    pub same_content: bool,
}

/// A stream record as far as conflicts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Place in the stream.
    pub sequence_number: String,
    /// What it says; the error is for a record that cannot be read.
    pub conflict: Result<Option<Conflict>, &'static str>,
}

/// The records of a stream event; `None` when it is none.
pub fn changes(event: &Value, here: &str) -> Option<Vec<Change>> {
    event
        .get("Records")?
        .as_array()?
        .iter()
        .map(|r| change(r, here))
        .collect()
}

fn change(record: &Value, here: &str) -> Option<Change> {
    let change = record.get("dynamodb")?;
    let image = |name: &str| change.get(name).and_then(Value::as_object);
    let conflict = match record.get("eventName")?.as_str()? {
        "MODIFY" => match (image("OldImage"), image("NewImage")) {
            (Some(old), Some(new)) => conflict(old, new, here),
            _ => Err("record lacks an image: the stream needs view type NEW_AND_OLD_IMAGES"),
        },
        _ => Ok(None),
    };
    Some(Change {
        sequence_number: change.get("SequenceNumber")?.as_str()?.to_owned(),
        conflict,
    })
}

fn conflict(old: &Map<String, Value>, new: &Map<String, Value>, here: &str) -> Result<Option<Conflict>, &'static str> {
    let read = |image| item_from_typed(image).ok_or("image is not typed JSON");
    let (old, new) = (read(old)?, read(new)?);
    let winner = text(&new, "region").unwrap_or("unknown");
    if text(&old, "region") != Some(here) || winner == here {
        return Ok(None);
    }
    let id = text(&old, "id").ok_or("guard has no id")?;
    let (ours, theirs) = (payment_of(&old), payment_of(&new));
    // A sender's own key is guarded beside the payment's id. Where both guards name one payment, the other one counts.
    if id.starts_with("idem#key#") && ours == theirs {
        return Ok(None);
    }
    let of = |guard: &Item, name: &str| text(guard, name).unwrap_or_default().to_owned();
    Ok(Some(Conflict {
        payment_id: ours.unwrap_or_else(|| id.trim_start_matches("idem#").to_owned()),
        winner: winner.to_owned(),
        accepted_at: of(&old, "timestamp"),
        winner_accepted_at: of(&new, "timestamp"),
        same_content: text(&old, "payload_hash") == text(&new, "payload_hash"),
    }))
}

/// The id in the answer that the guard keeps.
fn payment_of(guard: &Item) -> Option<String> {
    let answer: Value = serde_json::from_str(text(guard, "response")?).ok()?;
    Some(answer.get("transaction_id")?.as_str()?.to_owned())
}
