//! Prints decoded records as they come: a table for people, JSON lines for programs.
//!
//! Called by the `events` command. Guarantees: one record is one line whatever a process calls
//! itself; phase and kind of a retransmission are what the metrics count; a reader that goes away
//! ends the stream quietly.

mod json;
pub(crate) mod names;
mod text;

use std::io::{self, Write};
use std::ops::ControlFlow;

use agent_common::record::{Close, Retransmit, State};

use crate::exit::Error;
use crate::kernel::probe::ProbeState;

/// How records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A table; what is not an event goes to the diagnostics.
    Text,
    /// One JSON object a line, first `ready`, last `summary`.
    Json,
}

/// What is told at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Summary {
    /// State records printed.
    pub(crate) transitions: u64,
    /// Retransmit records printed.
    pub(crate) retransmits: u64,
    /// Records lost in the rings.
    pub(crate) lost: u64,
}

/// Whether to go on: `Break` once the reader has gone away, which is no error.
pub(crate) type Progress = Result<ControlFlow<()>, Error>;

/// Prints records to `out`, and in text mode the rest to `diagnostics`.
#[derive(Debug)]
pub(crate) struct Printer<O, D> {
    format: Format,
    out: O,
    diagnostics: D,
}

impl<O: Write, D: Write> Printer<O, D> {
    /// A printer; `out` should be buffered, [`Self::flush`] is called at the drain interval.
    pub(crate) const fn new(format: Format, out: O, diagnostics: D) -> Self {
        Self { format, out, diagnostics }
    }

    /// The probes are attached, from now on nothing is missed.
    ///
    /// # Errors
    /// Where the output cannot be written, as for every other method.
    pub(crate) fn ready(&mut self, probes: &[(&str, &ProbeState)]) -> Progress {
        let written = match self.format {
            Format::Json => json::ready(&mut self.out, probes).and_then(|()| self.out.flush()),
            Format::Text => text::ready(&mut self.diagnostics, probes)
                .and_then(|()| text::header(&mut self.out)),
        };
        settle(written)
    }

    /// A transition that does not end in CLOSE.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn transition(&mut self, record: &State) -> Progress {
        settle(match self.format {
            Format::Json => json::transition(&mut self.out, record, None),
            Format::Text => text::transition(&mut self.out, record, None),
        })
    }

    /// A transition into CLOSE.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn close(&mut self, record: &Close) -> Progress {
        settle(match self.format {
            Format::Json => json::transition(&mut self.out, &record.state, Some(record)),
            Format::Text => text::transition(&mut self.out, &record.state, Some(record)),
        })
    }

    /// A retransmission, of a SYN-ACK too.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn retransmit(&mut self, record: &Retransmit) -> Progress {
        settle(match self.format {
            Format::Json => json::retransmit(&mut self.out, record),
            Format::Text => text::retransmit(&mut self.out, record),
        })
    }

    /// The end.
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
        settle(written.and_then(|()| self.out.flush()))
    }

    /// Hands what is buffered to the reader.
    ///
    /// # Errors
    /// As for [`Self::ready`].
    pub(crate) fn flush(&mut self) -> Progress {
        settle(self.out.flush())
    }
}

/// A reader that went away (`events | head`) is the end, not an error.
fn settle(written: io::Result<()>) -> Progress {
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
