//! Prints decoded records: a table for people, JSON lines for programs.
//!
//! Called by the `events` command. Guarantees: one record is one line, whatever the name of the
//! process; phase and kind of a retransmit are those of the metrics; a reader that goes away ends
//! the stream without an error.

mod json;
mod known;
pub(crate) mod names;
pub(crate) mod older;
mod text;
pub(crate) mod watch;
pub(crate) mod workloads;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use agent_common::record::{Close, Retransmit, State};

use crate::exit::Error;
use crate::kernel::probe::ProbeState;
use known::Known;

/// The format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table; what is not an event goes to standard error
    Text,
    /// One object a line: ready, the events, summary
    Json,
}

/// The numbers at the end of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Summary {
    /// How many state records were printed.
    pub(crate) transitions: u64,
    /// How many retransmit records were printed.
    pub(crate) retransmits: u64,
    /// How many records were lost in the rings.
    pub(crate) lost: u64,
}

/// Whether the stream continues: `Break` once the reader has gone away, which is no error.
pub(crate) type Progress = Result<ControlFlow<()>, Error>;

/// Prints records to `out`, and in text mode the rest to `diagnostics`.
#[derive(Debug)]
pub(crate) struct Printer<O, D> {
    format: Format,
    out: O,
    diagnostics: D,
    /// The wall-clock time at which `CLOCK_MONOTONIC` was 0. It moves when the machine sleeps.
    zero: SystemTime,
}

impl<O: Write, D: Write> Printer<O, D> {
    /// Returns a printer. `out` should be buffered: the caller flushes after each drain.
    pub(crate) const fn new(format: Format, out: O, diagnostics: D) -> Self {
        Self { format, out, diagnostics, zero: SystemTime::UNIX_EPOCH }
    }

    /// Sets the wall clock: `wall` is the time at `monotonic` (`CLOCK_MONOTONIC`, nanoseconds).
    pub(crate) fn set_clock(&mut self, wall: SystemTime, monotonic: u64) {
        let zero = wall.checked_sub(Duration::from_nanos(monotonic));
        self.zero = zero.unwrap_or(SystemTime::UNIX_EPOCH);
    }

    /// Returns the wall-clock time of a record.
    fn wall(&self, time: u64) -> SystemTime {
        self.zero.checked_add(Duration::from_nanos(time)).unwrap_or(self.zero)
    }

    /// Prints the state of the probes. Every event after this line is seen.
    ///
    /// # Errors
    /// The output cannot be written, as for every other method.
    pub(crate) fn ready(&mut self, probes: &[(&str, &ProbeState)]) -> Progress {
        let written = match self.format {
            Format::Json => json::ready(&mut self.out, probes).and_then(|()| self.out.flush()),
            Format::Text => text::ready(&mut self.diagnostics, probes)
                .and_then(|()| text::header(&mut self.out)),
        };
        progress(written)
    }

    /// Prints a transition that does not end in CLOSE.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn transition(&mut self, record: &State, known: &Known) -> Progress {
        let wall = self.wall(record.time);
        progress(match self.format {
            Format::Json => json::transition(&mut self.out, wall, record, None, known),
            Format::Text => text::transition(&mut self.out, wall, record, None, known),
        })
    }

    /// Prints a transition into CLOSE.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn close(&mut self, record: &Close, known: &Known) -> Progress {
        let (wall, state) = (self.wall(record.state.time), &record.state);
        progress(match self.format {
            Format::Json => json::transition(&mut self.out, wall, state, Some(record), known),
            Format::Text => text::transition(&mut self.out, wall, state, Some(record), known),
        })
    }

    /// Prints a retransmit, also of a SYN-ACK.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn retransmit(&mut self, record: &Retransmit, known: &Known) -> Progress {
        let wall = self.wall(record.time);
        progress(match self.format {
            Format::Json => json::retransmit(&mut self.out, wall, record, known),
            Format::Text => text::retransmit(&mut self.out, wall, record, known),
        })
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn summary(&mut self, summary: Summary) -> Progress {
        let written = match self.format {
            Format::Json => json::summary(&mut self.out, summary),
            Format::Text => {
                self.out.flush().and_then(|()| text::summary(&mut self.diagnostics, summary))
            }
        };
        progress(written.and_then(|()| self.out.flush()))
    }

    /// Flushes the output.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn flush(&mut self) -> Progress {
        progress(self.out.flush())
    }
}

/// Returns the progress after a write. A reader that went away (`events | head`) is the end, not an
/// error.
fn progress(written: io::Result<()>) -> Progress {
    match written {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Error::Other(
            anyhow::Error::new(error).context("cannot write events to the output"),
        )),
    }
}

#[cfg(test)]
mod tests;
