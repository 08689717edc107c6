//! What the sampler keeps of a group of connections, and the evidence that it makes.

use crate::leaks::judge::Evidence;
use crate::leaks::sampler::{Owned, Sampler, Value};
use crate::leaks::tally::Tally;
use catalogue::labels::{Role, SocketState};
use std::hash::Hash;

/// The numbers of a group in one sample, 24 bytes. A number of connections stops at `u32::MAX`; a
/// counter wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sampled {
    /// How many connections there are.
    pub(crate) count: u32,
    /// How many were used once and are quiet.
    pub(crate) unused: u32,
    /// How many are idle.
    pub(crate) idle: u32,
    /// How many of the service were opened so far.
    pub(crate) opens: u32,
    /// How many were closed so far.
    pub(crate) closes: u32,
    /// Whether openings and closings are known: a service beyond the label budget has no counts.
    pub(crate) is_counted: bool,
}

/// The series of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Past {
    count: Owned,
    unused: Owned,
    idle: Owned,
    opens: Owned,
    closes: Owned,
}

const _: () = assert!(size_of::<Sampled>() == 24, "the memory of the sampler follows from it");

impl Value for Sampled {
    fn absent(self) -> Self {
        Self { count: 0, unused: 0, idle: 0, ..self }
    }

    fn size(&self) -> u32 {
        self.count
    }
}

impl Sampled {
    /// Returns what is kept of a tally and of the openings and closings of its service, if these
    /// are known.
    #[must_use]
    pub(crate) fn of(tally: &Tally, flow: Option<(u64, u64)>) -> Self {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "the counter wraps")]
        let counter = |counter: u64| counter as u32;
        let (opens, closes) = flow.unwrap_or_default();
        Self {
            is_counted: flow.is_some(),
            count: number(tally.count),
            unused: number(tally.unused),
            idle: number(tally.idle),
            opens: counter(opens),
            closes: counter(closes),
        }
    }
}

impl Past {
    /// Returns the series of a group; they are empty if it has none.
    #[must_use]
    pub(crate) fn of<K: Eq + Hash + Clone>(sampler: &Sampler<K, Sampled>, key: &K) -> Self {
        let is_known = sampler.newest(key).is_some_and(|one| one.is_counted);
        let counter = |of: fn(&Sampled) -> u32| {
            if is_known { sampler.counter(key, of) } else { Owned::default() }
        };
        Self {
            count: sampler.series(key, |one| one.count.into()),
            unused: sampler.series(key, |one| one.unused.into()),
            idle: sampler.series(key, |one| one.idle.into()),
            opens: counter(|one| one.opens),
            closes: counter(|one| one.closes),
        }
    }

    /// Returns the evidence about a group; `started` is when the oldest of its processes was
    /// started, 0 if that is not known.
    #[must_use]
    pub(crate) fn evidence(
        &self,
        (role, state): (Role, SocketState),
        tally: Tally,
        started: u64,
    ) -> Evidence<'_> {
        Evidence {
            role,
            state,
            tally,
            count: self.count.series(),
            unused: self.unused.series(),
            idle: self.idle.series(),
            opens: self.opens.series(),
            closes: self.closes.series(),
            started,
        }
    }
}
