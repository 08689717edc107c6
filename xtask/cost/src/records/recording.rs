//! Records as the rings gave them on a live kernel, byte by byte: made by `record`, replayed
//! through the agent's own decoder and merge.
//!
//! The file begins with a line that says how long the records were and what they meant when they
//! were written; where the layout has changed since, reading it fails with the command that makes
//! it anew. Then for each record its length in two bytes, little end first, and its bytes.

use std::fmt::Write as _;

use agent_common::record::{Close, Retransmit, State, kind};
use anyhow::{Context as _, Result, ensure};
use tcpwarden::ingest::decode::{DecodeError, Record, decode};
use tcpwarden::ingest::rings::{Rings, Source};

/// The recording that is committed.
static COMMITTED: &[u8] = include_bytes!("../../fixtures/records.bin");
/// What makes it anew.
const AGAIN: &str = "make it anew: as root, `cargo run --release --package cost --bin record`";

/// A recording, apart by ring.
#[derive(Debug, Default)]
pub struct Recording {
    states: Vec<u8>,
    retransmits: Vec<u8>,
    records: u64,
}

impl Recording {
    /// The one that is committed.
    ///
    /// # Errors
    /// Where the layout of records has changed since.
    pub fn committed() -> Result<Self> {
        Self::read(COMMITTED)
    }

    /// Reads a recording.
    ///
    /// # Errors
    /// Where it is none, or the layout of records has changed since.
    pub fn read(file: &[u8]) -> Result<Self> {
        let end = file
            .iter()
            .position(|byte| *byte == b'\n')
            .with_context(|| format!("the recording has no first line; {AGAIN}"))?;
        let (head, frames) = (String::from_utf8_lossy(&file[..end]), &file[end + 1..]);
        let mut new = Self::default();
        for record in Frames(frames) {
            new.push(record);
        }
        let (now, meaning) = (
            head_of(frames),
            "the layout of records is not the one that the recording was made with",
        );
        ensure!(*head == *now, "{meaning}: it says {head:?}, now it would be {now:?}; {AGAIN}");
        Ok(new)
    }

    /// A recording of these records, ready to be written to a file.
    ///
    /// # Errors
    /// Where a record is longer than any is.
    pub fn write(records: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut frames = Vec::new();
        for record in records {
            frames.extend_from_slice(
                &u16::try_from(record.len()).context("a record of more than 64 KiB")?.to_le_bytes(),
            );
            frames.extend_from_slice(record);
        }
        let mut file = head_of(&frames).into_bytes();
        file.push(b'\n');
        file.append(&mut frames);
        Ok(file)
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.records
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Hands over all records as the ingest thread would meet them: decoded, both rings in the
    /// order of time.
    pub fn replay(&self, take: impl FnMut(&Record)) {
        Rings::new(Ring(Frames(&self.states)), Ring(Frames(&self.retransmits)))
            .drain(usize::MAX, take);
    }

    fn push(&mut self, record: &[u8]) {
        let of_retransmits = matches!(record.first(), Some(&kind::RETRANSMIT | &kind::SYNACK));
        let ring = if of_retransmits { &mut self.retransmits } else { &mut self.states };
        // It has just been read with a length of two bytes.
        ring.extend_from_slice(&u16::try_from(record.len()).unwrap_or_default().to_le_bytes());
        ring.extend_from_slice(record);
        self.records += 1;
    }
}

/// The first line of a recording: the records' lengths, and a sum over what they mean to the
/// decoder.
fn head_of(frames: &[u8]) -> String {
    let (mut sum, mut text) = (0xcbf2_9ce4_8422_2325_u64, String::new());
    for record in Frames(frames) {
        text.clear();
        // Writing to a string does not fail.
        let _ = write!(text, "{:?}", decode(record));
        sum = text
            .bytes()
            .fold(sum, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }
    let [state, close, resent] = [size_of::<State>(), size_of::<Close>(), size_of::<Retransmit>()];
    format!(
        "tcpwarden records: state {state}, close {close}, retransmit {resent}; meaning {sum:016x}"
    )
}

/// The records of a recording, one after the other; what is cut off at the end is none.
#[derive(Debug)]
struct Frames<'a>(&'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (record, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        self.0 = rest;
        Some(record)
    }
}

/// A ring whose records come from a recording.
struct Ring<'a>(Frames<'a>);

impl Source for Ring<'_> {
    fn next_record(&mut self) -> Option<Result<Record, DecodeError>> {
        self.0.next().map(decode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_recording_fits_the_layout_and_holds_every_kind_of_record() {
        let recording = Recording::committed().unwrap();
        let (mut kinds, mut last) = ([0; 4], 0);
        recording.replay(|record| {
            let (kind, time) = match record {
                Record::State(state) => (0, state.time),
                Record::Close(close) => (1, close.state.time),
                Record::Retransmit(resent) => (2, resent.time),
                Record::SynAck(resent) => (3, resent.time),
                Record::Socket(_) | Record::Holder(_) | Record::Child(_) => {
                    panic!("iterators do not write into the rings")
                }
            };
            kinds[kind] += 1;
            last = last.max(time);
        });
        assert_eq!(kinds.iter().sum::<u64>(), recording.len());
        assert!(kinds[0] > 1000 && kinds[1] > 200 && kinds[2] > 3, "{kinds:?}");
    }

    #[test]
    fn a_recording_of_another_layout_is_refused_with_the_command_that_makes_it_anew() {
        let mut file = COMMITTED.to_vec();
        let end = file.iter().position(|byte| *byte == b'\n').unwrap();
        // The first record's old state.
        file[end + 1 + 2 + 1] ^= 3;
        let error = Recording::read(&file).unwrap_err().to_string();
        assert!(error.contains("cargo run --release --package cost --bin record"), "{error}");
    }
}
