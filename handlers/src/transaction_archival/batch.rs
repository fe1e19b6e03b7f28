//! What an archive object holds.

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::domain::item::{Item, text};
use crate::domain::time::UtcMillis;

/// Form of the objects (`ARCHIVE_FORMAT`). Numbers keep their exact text (W-23).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// One JSON document per line, gzip.
    JsonLinesGzip,
    /// A JSON array, indented by 2.
    Json,
}

impl ArchiveFormat {
    /// End of the key.
    pub fn extension(self) -> &'static str {
        match self {
            Self::JsonLinesGzip => "json.gz",
            Self::Json => "json",
        }
    }

    /// `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::JsonLinesGzip => "application/x-ndjson",
            Self::Json => "application/json",
        }
    }

    /// `Content-Encoding`.
    pub fn content_encoding(self) -> Option<&'static str> {
        (self == Self::JsonLinesGzip).then_some("gzip")
    }

    /// The object's bytes.
    pub fn encode(self, items: &[&Item]) -> io::Result<Vec<u8>> {
        match self {
            Self::Json => Ok(serde_json::to_vec_pretty(items)?),
            Self::JsonLinesGzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                for item in items {
                    serde_json::to_writer(&mut encoder, item)?;
                    encoder.write_all(b"\n")?;
                }
                encoder.finish()
            }
        }
    }
}

/// Items by the date of their timestamp (`YYYY/MM/DD`), in order.
pub fn date_batches(items: &[Item]) -> BTreeMap<String, Vec<&Item>> {
    let mut batches: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
    for item in items {
        batches.entry(date_of(item)).or_default().push(item);
    }
    batches
}

/// A timestamp in another format sorts into `undated`, so that it is kept as well.
fn date_of(item: &Item) -> String {
    let time = match item.get("timestamp") {
        // Numeric sort keys are epoch milliseconds.
        Some(Value::Number(number)) => number.to_string().parse().ok().map(UtcMillis::from_epoch_millis),
        _ => text(item, "timestamp").and_then(|t| UtcMillis::parse(t).ok()),
    };
    time.map_or_else(|| "undated".to_owned(), UtcMillis::date_path)
}
