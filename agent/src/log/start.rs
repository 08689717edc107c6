//! Starts the log of a command, in the form that is asked for.

use std::fmt;
use std::io::{IsTerminal as _, stderr};
use std::path::Path;
use std::time::SystemTime;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::journal::{self, Journal};
use super::json::Json;
use super::{Format, Log};
use crate::duration_text;
use crate::exit::Error;

/// Starts the log. Standard output is for what a command prints.
///
/// # Errors
/// The filter cannot be read, or the journal cannot be reached.
pub fn start(filter: &str, format: Format) -> Result<(), Error> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Error::Usage(format!("cannot read the log filter {filter:?}: {error}")))?;
    let lines = tracing_subscriber::registry().with(filter);
    match format {
        Format::Text => {
            let text = tracing_subscriber::fmt::layer()
                .with_writer(Log::default)
                // What cannot be written is counted. The library would print it, and panic over
                // that.
                .log_internal_errors(false)
                .with_ansi(stderr().is_terminal())
                .with_target(false)
                .with_timer(Clock);
            lines.with(text).init();
        }
        Format::Json => lines.with(Json).init(),
        Format::Journald => lines.with(journal()?).init(),
    }
    Ok(())
}

fn journal() -> Result<Journal, Error> {
    Journal::open(Path::new(journal::SOCKET)).map_err(|error| {
        Error::Usage(format!(
            "cannot log to the journal at {}: {error}; --log-format text logs to standard error",
            journal::SOCKET
        ))
    })
}

/// The time of a line, as the API writes times.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        to.write_str(&duration_text::rfc3339(SystemTime::now()))
    }
}
