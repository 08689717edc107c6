//! The log as JSON, an object a line, on standard error.

use std::io::Write as _;

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Log;
use super::entry::Entry;

/// Writes each line as an object: `timestamp`, `level`, `target`, `message`, `fields`.
#[derive(Debug)]
pub(super) struct Json;

impl<S: Subscriber> Layer<S> for Json {
    fn on_event(&self, event: &Event<'_>, _of: Context<'_, S>) {
        // The log takes all or counts it as lost; it never fails.
        let _ = Log.write_all(line(&Entry::of(event)).as_bytes());
    }
}

/// Returns the line of an entry, with its end. In JSON no text can bring another line in.
fn line(entry: &Entry) -> String {
    // Strings, numbers and truth values can always be written.
    serde_json::to_string(entry).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::logged;
    use super::*;

    #[test]
    fn a_line_is_one_object_whatever_the_text_has() {
        let entries = logged(|| tracing::error!(what = "a\"b\nc", "first\nsecond"));
        let line = line(&entries[0]);
        assert_eq!((line.lines().count(), line.ends_with("}\n")), (1, true), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["level"], "ERROR");
        assert_eq!(read["message"], "first\nsecond");
        assert_eq!(read["fields"]["what"], "a\"b\nc");
        let time = read["timestamp"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        assert!(line.starts_with("{\"timestamp\":"), "{line}");
    }
}
