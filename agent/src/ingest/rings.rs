//! Drains both rings in the order of time.
//!
//! Called by the ingest thread and by `tcpwarden events`. A retransmit must be applied after the
//! transitions that came before it and before the close that came after it, or it would find no
//! row. So the two rings, each in order by itself, are merged by the time of their records.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, RawFd};

use aya::maps::{MapData, RingBuf};

use super::decode::{DecodeError, Record, decode};

/// The most retransmits that wait for transitions. Further ones stay in their ring, which counts
/// what it refuses.
const MOST_WAITING: usize = 16 * 1024;

/// A source of single records: a ring, or a list in a test.
pub trait Source {
    /// Returns the next record, or why its bytes are none; `None` if the source is empty for now.
    fn next_record(&mut self) -> Option<Result<Record, DecodeError>>;
}

impl Source for RingBuf<MapData> {
    #[inline]
    fn next_record(&mut self) -> Option<Result<Record, DecodeError>> {
        self.next().map(|item| decode(&item))
    }
}

/// The two rings, read as one.
#[derive(Debug)]
pub struct Rings<S> {
    states: S,
    retransmits: S,
    /// Retransmits that wait for the transitions before them.
    waiting: VecDeque<(u64, Record)>,
    /// How many records the ring of transitions has given, including those that could not be
    /// decoded.
    states_read: u64,
    /// How many records could not be decoded, in the order of [`DecodeError::ALL`].
    errors: [u64; DecodeError::ALL.len()],
}

impl<S: Source> Rings<S> {
    /// Reads the two sources as one.
    pub fn new(states: S, retransmits: S) -> Self {
        Self {
            states,
            retransmits,
            waiting: VecDeque::new(),
            states_read: 0,
            errors: [0; DecodeError::ALL.len()],
        }
    }

    /// Hands over up to `most` records in the order of time. Returns how many; fewer than `most`
    /// means that both sources are empty.
    pub fn drain(&mut self, most: usize, mut take: impl FnMut(&Record)) -> usize {
        let mut taken = 0;
        while taken < most {
            let state = next(&mut self.states, &mut self.errors, &mut self.states_read);
            // An empty ring costs one load here. A retransmit that came before this transition is
            // seen.
            while self.waiting.len() < MOST_WAITING
                && let Some(record) = next(&mut self.retransmits, &mut self.errors, &mut 0)
            {
                self.waiting.push_back((time_of(&record), record));
            }
            let full = self.waiting.len() >= MOST_WAITING;
            let until = state.as_ref().map_or(u64::MAX, time_of);
            while let Some((_, record)) = self.waiting.pop_front_if(|(time, _)| *time <= until) {
                take(&record);
                taken += 1;
            }
            match state {
                Some(state) => {
                    take(&state);
                    taken += 1;
                }
                // There may be more retransmits than may wait.
                None if full => {}
                None => return taken,
            }
        }
        taken
    }

    /// Returns how many records the ring of transitions has given, including those that could not
    /// be decoded.
    pub fn states_read(&self) -> u64 {
        self.states_read
    }

    /// Returns how many records could not be decoded, in the order of [`DecodeError::ALL`].
    pub fn errors(&self) -> [u64; DecodeError::ALL.len()] {
        self.errors
    }
}

impl Rings<RingBuf<MapData>> {
    /// Returns the descriptor that becomes readable when the kernel side wakes the reader.
    #[must_use]
    pub fn wake_fd(&self) -> RawFd {
        self.states.as_raw_fd()
    }
}

/// Returns the next record that can be decoded, and counts those that cannot.
#[inline]
fn next<S: Source>(
    source: &mut S,
    errors: &mut [u64; DecodeError::ALL.len()],
    read: &mut u64,
) -> Option<Record> {
    loop {
        let record = source.next_record()?;
        *read += 1;
        match record {
            Ok(record) => return Some(record),
            Err(error) => errors[error.index()] += 1,
        }
    }
}

#[inline]
fn time_of(record: &Record) -> u64 {
    match record {
        Record::State(state) => state.time,
        Record::Close(close) => close.state.time,
        Record::Retransmit(retransmit) | Record::SynAck(retransmit) => retransmit.time,
        Record::Socket(socket) => socket.time,
        Record::Holder(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use agent_common::record::{Retransmit, State};

    use super::*;

    impl Source for VecDeque<Result<Record, DecodeError>> {
        fn next_record(&mut self) -> Option<Result<Record, DecodeError>> {
            self.pop_front()
        }
    }

    type Read = Result<Record, DecodeError>;

    fn state(time: u64) -> Record {
        Record::State(State { time, ..State::default() })
    }

    fn retransmit(time: u64) -> Record {
        Record::Retransmit(Retransmit { time, ..Retransmit::default() })
    }

    fn all<const N: usize>(records: [Record; N]) -> VecDeque<Read> {
        records.map(Ok).into()
    }

    fn times(rings: &mut Rings<VecDeque<Read>>, most: usize) -> Vec<u64> {
        let mut seen = Vec::new();
        let taken = rings.drain(most, |record| seen.push(time_of(record)));
        assert_eq!(taken, seen.len());
        seen
    }

    #[test]
    fn records_of_both_rings_come_in_the_order_of_time() {
        let retransmits = all([retransmit(5), retransmit(15), retransmit(25), retransmit(40)]);
        let mut rings = Rings::new(all([state(10), state(20), state(30)]), retransmits);
        assert_eq!(times(&mut rings, usize::MAX), [5, 10, 15, 20, 25, 30, 40]);
    }

    #[test]
    fn a_batch_stops_near_its_bound_and_goes_on_where_it_stopped() {
        let mut rings = Rings::new(all([state(10), state(20), state(30)]), all([retransmit(25)]));
        assert_eq!(times(&mut rings, 2), [10, 20]);
        assert_eq!(times(&mut rings, 2), [25, 30]);
        assert_eq!(times(&mut rings, 2), [] as [u64; 0]);
    }

    #[test]
    fn a_storm_of_retransmits_stays_in_its_ring() {
        let storm: VecDeque<Read> =
            (0..MOST_WAITING as u64 + 100).map(|_| Ok(retransmit(50))).collect();
        let mut rings = Rings::new(all([state(10)]), storm);
        assert_eq!(times(&mut rings, 1), [10]);
        assert_eq!((rings.waiting.len(), rings.retransmits.len()), (MOST_WAITING, 100));
        assert_eq!(times(&mut rings, usize::MAX).len(), MOST_WAITING + 100);
    }

    #[test]
    fn what_cannot_be_decoded_is_counted_and_skipped() {
        let states = VecDeque::from([
            Err(DecodeError::Truncated),
            Ok(state(10)),
            Err(DecodeError::BadState),
        ]);
        let mut rings = Rings::new(states, VecDeque::from([Err(DecodeError::UnknownKind)]));
        assert_eq!(times(&mut rings, usize::MAX), [10]);
        assert_eq!(rings.errors(), [1, 0, 1, 1]);
    }
}
