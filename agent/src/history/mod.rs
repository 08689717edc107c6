//! What the table counted in the last minutes and hours, for the page at `/`.
//!
//! The housekeeping thread adds a reading once a second; each ring keeps one in ten seconds, or one
//! in two minutes. Read by `http::page`.
//!
//! Guarantees: the samples take 19,360 bytes at most, whatever the machine does; reading and
//! writing their file takes a few times its 128 KiB for a moment. Time that was not measured (the
//! machine slept, the agent was too late) is a gap and never a zero. A step of the wall clock
//! changes nothing: only ages are kept, by clocks that nobody can set.

mod file;
mod ring;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use catalogue::labels::SocketState;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::clock::monotonic;
use crate::conn::Totals;

pub(crate) use self::file::StateFile;
#[cfg(test)]
use self::ring::Sample;
pub(crate) use self::ring::{Ring, Run};

/// The time between two samples of the fine ring, and how many it keeps: ten minutes.
const FINE: (Duration, usize) = (Duration::from_secs(10), 61);
/// The same of the coarse ring: six hours.
const COARSE: (Duration, usize) = (Duration::from_mins(2), 181);
/// The most memory of the samples, bytes.
#[cfg(test)]
const BYTES: usize = 242 * 80;

/// A moment on two clocks, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    /// `CLOCK_MONOTONIC`: stands still while the machine sleeps.
    pub(crate) awake: u64,
    /// `CLOCK_BOOTTIME`: does not.
    pub(crate) all: u64,
}

impl Moment {
    /// Returns this moment.
    #[must_use]
    pub(crate) fn now() -> Self {
        let awake = monotonic();
        let all = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
        Self { awake, all: u64::try_from(all.as_nanos()).unwrap_or(u64::MAX) }
    }
}

/// What is drawn: a line on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Sockets in a state.
    State(SocketState),
    /// Sockets in TIME_WAIT.
    TimeWait,
    /// Connections opened a second.
    Opened,
    /// Connections closed a second.
    Closed,
    /// Connects failed a second.
    Failed,
    /// Segments retransmitted a second.
    Retransmitted,
}

/// Both rings.
#[derive(Clone, Debug)]
pub(crate) struct Rings {
    /// The last ten minutes.
    pub(crate) fine: Ring,
    /// The last six hours.
    pub(crate) coarse: Ring,
}

impl Default for Rings {
    fn default() -> Self {
        Self { fine: Ring::new(FINE.0, FINE.1), coarse: Ring::new(COARSE.0, COARSE.1) }
    }
}

impl Rings {
    fn are_due(&self, now: Moment) -> bool {
        self.fine.is_due(now) || self.coarse.is_due(now)
    }

    /// Adds what the table counts at `now` to the rings whose turn it is.
    pub(crate) fn add(&mut self, now: Moment, totals: &Totals) {
        self.fine.add(now, totals);
        self.coarse.add(now, totals);
    }
}

/// The rings, shared by the thread that samples and the thread that shows them.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Mutex<Rings>>);

impl History {
    /// Adds what the table counts at `now`; `totals` is called only if it is the turn of a ring. It
    /// may take the table's lock.
    pub(crate) fn add(&self, now: Moment, totals: impl FnOnce() -> Totals) {
        if self.with(|rings| rings.are_due(now)) {
            let totals = totals();
            self.with(|rings| rings.add(now, &totals));
        }
    }

    /// Returns a copy.
    #[must_use]
    pub(crate) fn read(&self) -> Rings {
        self.with(|rings| rings.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Rings) -> T) -> T {
        // The samples are plain numbers: after a panic they are old, but not inconsistent.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
