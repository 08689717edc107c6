//! One line of the log as data: what the forms are made of that are no text for a terminal.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::Event;
use tracing::field::{Field, Visit};

use crate::duration_text;

/// How the fields begin that tell where a line of the crate `log` comes from.
const OF_LOG: &str = "log.";

/// A line.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    timestamp: String,
    pub(super) level: &'static str,
    pub(super) target: String,
    pub(super) message: String,
    pub(super) fields: Map<String, Value>,
}

impl Entry {
    /// Returns what an event says, now.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut entry = Self {
            timestamp: duration_text::rfc3339(SystemTime::now()),
            level: event.metadata().level().as_str(),
            target: event.metadata().target().to_owned(),
            message: String::new(),
            fields: Map::new(),
        };
        event.record(&mut entry);
        entry
    }

    /// Returns the message with the fields behind it.
    pub(super) fn readable(&self) -> String {
        self.fields.iter().fold(self.message.clone(), |mut text, (name, value)| {
            let blank = if text.is_empty() { "" } else { " " };
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // Writing to a String cannot fail.
            let _ = write!(text, "{blank}{name}={value}");
            text
        })
    }

    fn take(&mut self, field: &Field, value: Value) {
        match field.name().strip_prefix(OF_LOG) {
            Some("target") => {
                value.as_str().unwrap_or_default().clone_into(&mut self.target);
            }
            Some(_) => {}
            None => {
                self.fields.insert(field.name().to_owned(), value);
            }
        }
    }
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.take(field, Value::String(text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.take(field, value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::*;

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    struct Keep(Arc<Mutex<Vec<Entry>>>);

    impl<S: tracing::Subscriber> Layer<S> for Keep {
        fn on_event(&self, event: &Event<'_>, _of: Context<'_, S>) {
            self.0.lock().unwrap().push(Entry::of(event));
        }
    }

    /// Returns what `work` logs in this thread.
    pub(in crate::log) fn logged(work: impl FnOnce()) -> Vec<Entry> {
        let keep = Keep::default();
        let subscriber = tracing_subscriber::registry().with(keep.clone());
        tracing::subscriber::with_default(subscriber, work);
        std::mem::take(&mut keep.0.lock().unwrap())
    }

    #[test]
    fn an_entry_has_the_message_apart_from_the_fields_with_their_types() {
        let error = std::io::Error::other("no");
        let all = logged(|| {
            tracing::warn!(probe = "x", runs = 3_u64, share = 0.5, on = true, %error, "it {}", 1);
            tracing::info!("plain");
        });
        let [first, second] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((first.message.as_str(), first.level), ("it 1", "WARN"));
        let expected = r#"{"error":"no","on":true,"probe":"x","runs":3,"share":0.5}"#;
        assert_eq!(Value::from(first.fields.clone()).to_string(), expected);
        assert_eq!(first.readable(), "it 1 error=no on=true probe=x runs=3 share=0.5");
        assert_eq!((second.readable().as_str(), second.fields.len()), ("plain", 0));
        assert!(second.target.starts_with("tcpwarden::log"), "{second:?}");
    }
}
