//! Logs in the form that Terraform expects from a provider: one hclog JSON object per line on stderr.
//!
//! The level comes from `TF_LOG_PROVIDER_<NAME>`, else `TF_LOG_PROVIDER`, else `TF_LOG`. Crates other than
//! the provider's own never log below INFO: their debug output may show request bodies.

use std::fmt;
use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The level for a provider of this name, from the environment as `read` shows it.
pub fn level(name: &str, read: &dyn Fn(&str) -> Option<String>) -> LevelFilter {
    let own = format!("TF_LOG_PROVIDER_{}", name.to_uppercase().replace('-', "_"));
    let setting = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"]
        .into_iter()
        .find_map(|variable| read(variable).filter(|setting| !setting.is_empty()));
    match setting.map(|setting| setting.to_uppercase()).as_deref() {
        Some("OFF") => LevelFilter::OFF,
        Some("ERROR") => LevelFilter::ERROR,
        Some("WARN") | None => LevelFilter::WARN,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        // As in Terraform: JSON is the TRACE level in another form, and so is anything it does not know.
        Some(_) => LevelFilter::TRACE,
    }
}

/// Starts logging for the provider of this name. Where a subscriber is set already, it stays.
pub fn init(name: &str) {
    let level = level(name, &|variable| std::env::var(variable).ok());
    let layer = HclogLayer::new(
        name,
        level,
        Box::new(|line| {
            // Nobody is left to tell when stderr is closed.
            let _ = std::io::stderr().lock().write_all(line);
        }),
    );
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// Where finished lines go.
type Sink = Box<dyn Fn(&[u8]) + Send + Sync>;

/// Writes events as hclog JSON, with the fields of the event and of the spans around it.
struct HclogLayer {
    module: String,
    level: LevelFilter,
    sink: Sink,
}

impl HclogLayer {
    fn new(name: &str, level: LevelFilter, sink: Sink) -> Self {
        Self {
            module: format!("provider.{name}"),
            level,
            sink,
        }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let own = ["tap_", "terraform_provider_"]
            .iter()
            .any(|prefix| metadata.target().starts_with(prefix));
        let level = if own {
            self.level
        } else {
            self.level.min(LevelFilter::INFO)
        };
        *metadata.level() <= level
    }
}

/// The fields of a span, kept with it.
struct SpanFields(Map<String, Json>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for HclogLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // Spans carry the fields of the events inside, whatever their own level.
        metadata.is_span() || self.wants(metadata)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(kept) = span.extensions_mut().get_mut::<SpanFields>()
        {
            let mut fields = Fields(std::mem::take(&mut kept.0));
            values.record(&mut fields);
            kept.0 = fields.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                line.extend(fields.0.clone());
            }
        }
        let mut fields = Fields(line);
        event.record(&mut fields);
        let mut line = fields.0;
        let message = line
            .remove("message")
            .unwrap_or_else(|| Json::from(event.metadata().name()));
        line.insert("@level".into(), level_name(*event.metadata().level()).into());
        line.insert("@message".into(), message);
        line.insert("@module".into(), self.module.clone().into());
        line.insert(
            "@timestamp".into(),
            Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into(),
        );
        let mut bytes = Json::Object(line).to_string().into_bytes();
        bytes.push(b'\n');
        (self.sink)(&bytes);
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Collects fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Json>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Json>) {
        // hclog's own keys begin with "@".
        self.0
            .insert(field.name().trim_start_matches('@').to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn lines(level: LevelFilter, log: impl FnOnce()) -> Vec<Json> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let sink: Sink = Box::new(move |line| sink.lock().unwrap().extend_from_slice(line));
        let subscriber = tracing_subscriber::registry().with(HclogLayer::new("tap", level, sink));
        tracing::subscriber::with_default(subscriber, log);
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn one_json_object_per_line_with_flat_fields() {
        let lines = lines(LevelFilter::INFO, || {
            let span = tracing::info_span!("call", tf_rpc = "Create");
            let _entered = span.enter();
            tracing::info!(count = 3, name = "x", "two\nlines");
            tracing::debug!("not at this level");
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["@level"], "info");
        assert_eq!(line["@message"], "two\nlines");
        assert_eq!(line["@module"], "provider.tap");
        assert_eq!(line["count"].to_string(), "3");
        assert_eq!(
            (&line["name"], &line["tf_rpc"]),
            (&Json::from("x"), &Json::from("Create"))
        );
        let time = line["@timestamp"].as_str().unwrap();
        assert!(
            time.len() == 27 && time.ends_with('Z') && time.as_bytes()[19] == b'.',
            "{time}"
        );
    }

    #[test]
    fn other_crates_stay_above_debug() {
        let lines = lines(LevelFilter::TRACE, || {
            tracing::debug!(target: "aws_smithy_runtime", "a request body");
            tracing::info!(target: "aws_smithy_runtime", "fine");
            tracing::trace!("ours");
        });
        assert_eq!(
            lines.iter().map(|line| &line["@message"]).collect::<Vec<_>>(),
            ["fine", "ours"]
        );
    }

    #[test]
    fn the_most_specific_variable_decides() {
        let with = |set: &'static [(&str, &str)]| {
            level("tap", &|name| {
                set.iter()
                    .find(|(set, _)| *set == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[]), LevelFilter::WARN);
        assert_eq!(with(&[("TF_LOG", "debug")]), LevelFilter::DEBUG);
        assert_eq!(
            with(&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "error")]),
            LevelFilter::ERROR
        );
        assert_eq!(
            with(&[("TF_LOG_PROVIDER", "error"), ("TF_LOG_PROVIDER_TAP", "OFF")]),
            LevelFilter::OFF
        );
        assert_eq!(with(&[("TF_LOG", "JSON")]), LevelFilter::TRACE);
    }
}
