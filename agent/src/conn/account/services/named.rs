//! Failed connects to the destinations that an operator has named, of each service.
//!
//! Used by the services. Guarantees: each of these failures is among those of its service. At most
//! `limit` pairs of a service and a destination are told apart, besides those of the services that
//! are always there; what is beyond counts for its service only, and as overflow. When a service
//! ends, the one that takes its counts takes these by destination, so no sum over a destination
//! goes down.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};

use catalogue::labels::ConnectFailure;

use super::{ALWAYS, Services};
use crate::conn::account::destinations::Destinations;
use crate::conn::account::groups::Groups;
use crate::conn::socket::row::Row;

/// Failed connects, in the order of `ConnectFailure::ALL`.
type Failures = [u64; ConnectFailure::COUNT];

/// The failures by service and destination.
pub(super) struct Named {
    destinations: Destinations,
    /// By the position of the service and the number of the destination.
    counts: BTreeMap<(usize, u8), Failures>,
    /// How many of them are those of services that may end.
    lent: usize,
    limit: usize,
    /// How many idle connections the last pass could not tell apart.
    idle_folded: u64,
}

impl Named {
    pub(super) fn new(limit: usize) -> Self {
        let destinations = Destinations::default();
        Self { destinations, counts: BTreeMap::new(), lent: 0, limit, idle_folded: 0 }
    }

    /// Notes that a connection of a service goes to a destination: its series is there before the
    /// first failure, so that a rate has where to begin.
    #[inline]
    pub(super) fn meet(&mut self, service: usize, row: &Row) {
        if let Some(to) = self.destinations.of(row) {
            self.entry(service, to);
        }
    }

    /// Counts a failure to a destination. Returns whether it is told apart, or need not be.
    fn count(&mut self, service: usize, row: &Row, reason: ConnectFailure) -> bool {
        let Some(to) = self.destinations.of(row) else { return true };
        let counts = self.entry(service, to);
        counts.map(|counts| counts[reason.index()] += 1).is_some()
    }

    /// Returns the failures of a service to a destination; `None` if there is no room for them.
    fn entry(&mut self, service: usize, to: u8) -> Option<&mut Failures> {
        let ends = service >= ALWAYS;
        match self.counts.entry((service, to)) {
            Occupied(there) => Some(there.into_mut()),
            Vacant(_) if ends && self.lent >= self.limit => None,
            Vacant(place) => {
                self.lent += usize::from(ends);
                Some(place.insert(Failures::default()))
            }
        }
    }

    /// Returns the failures of a service, by destination.
    pub(super) fn of(&self, service: usize) -> Vec<(u8, Failures)> {
        let all = self.counts.range((service, 0)..=(service, u8::MAX));
        all.map(|((_, to), counts)| (*to, *counts)).collect()
    }

    /// Ends the pairs of a service; the one at `into` takes them. A pair takes the place of
    /// another, so there is room.
    pub(super) fn end(&mut self, service: usize, into: usize) {
        for (to, gone) in self.of(service) {
            self.counts.remove(&(service, to));
            self.lent -= usize::from(service >= ALWAYS);
            let taken = self.entry(into, to);
            debug_assert!(taken.is_some(), "a pair that ends makes room for another");
            let counts = taken.into_iter().flatten();
            counts.zip(gone).for_each(|(mine, theirs)| *mine += theirs);
        }
    }
}

impl Services {
    /// Takes the destinations that an operator has named, before the first row.
    pub(in crate::conn) fn name(&mut self, destinations: Destinations) {
        debug_assert!(self.index.is_empty(), "what goes to a name is counted from the start");
        self.named.destinations = destinations;
    }

    /// Returns the destinations that an operator has named.
    pub(in crate::conn) const fn destinations(&self) -> &Destinations {
        &self.named.destinations
    }

    /// Counts a connect that failed, by its named destination too.
    pub(in crate::conn) fn failed(
        &mut self,
        row: &mut Row,
        groups: &Groups,
        reason: ConnectFailure,
    ) {
        self.of(row, groups).failed(reason);
        let at = self.number_of(row, groups).position();
        self.overflow += u64::from(!self.named.count(at, row, reason));
    }

    /// Counts the idle connections that a pass could not tell apart by destination. As passes meet
    /// the same ones again, only more than before count.
    pub(in crate::conn) fn fold_idle(&mut self, folded: u64) {
        self.overflow += folded.saturating_sub(self.named.idle_folded);
        self.named.idle_folded = folded;
    }
}
