//! What the table counts besides groups and services.

use catalogue::buckets::SECONDS;
use catalogue::labels::{Correction, RetransmitError, Role, SocketState};

use crate::conn::histogram::{Histogram, NANOSECONDS};
use crate::conn::nanos::Nanos;
use crate::conn::report::snapshot::Namespace;
use crate::conn::socket::outcome::Stay;

/// The counters that belong to no group and no service.
pub(crate) struct Counters {
    pub(crate) transitions: u64,
    pub(crate) retransmits: u64,
    pub(crate) retransmit_failures: [u64; RetransmitError::COUNT],
    pub(crate) refused: u64,
    pub(crate) unattributed: u64,
    pub(crate) unverified: u64,
    pub(crate) unheld: u64,
    pub(crate) shared: u64,
    pub(crate) owners_read: Option<Nanos>,
    pub(crate) adopted: u64,
    pub(crate) corrections: [u64; Correction::COUNT],
    pub(crate) state_durations: Vec<(Role, SocketState, Histogram)>,
    pub(crate) reconcile_durations: Histogram,
    pub(crate) last_reconcile: Option<Nanos>,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) namespaces_folded: u64,
}

impl Counters {
    /// Creates counters that are all zero.
    pub(crate) fn new() -> Self {
        let slots = Role::ALL.iter().flat_map(|role| {
            SocketState::ALL.iter().map(|state| (*role, *state, Histogram::new(SECONDS)))
        });
        Self {
            transitions: 0,
            retransmits: 0,
            retransmit_failures: [0; RetransmitError::COUNT],
            refused: 0,
            unattributed: 0,
            unverified: 0,
            unheld: 0,
            shared: 0,
            owners_read: None,
            adopted: 0,
            corrections: [0; Correction::COUNT],
            state_durations: slots.collect(),
            reconcile_durations: Histogram::new(SECONDS),
            last_reconcile: None,
            namespaces: Vec::new(),
            namespaces_folded: 0,
        }
    }

    /// Counts one row without an owner less, if the row was `one` of them.
    #[inline]
    pub(crate) fn attributed(&mut self, one: bool) {
        debug_assert!(
            self.unattributed >= u64::from(one),
            "a row without an owner is counted while it has none"
        );
        self.unattributed -= u64::from(one);
    }

    /// Notes that a pass ended at `now` and took so long.
    pub(crate) fn passed(&mut self, took: Nanos, now: Nanos) {
        self.reconcile_durations.observe_whole(&NANOSECONDS, took.get());
        self.last_reconcile = Some(now);
    }

    /// Observes how long a socket was in the state that it left.
    #[inline]
    pub(crate) fn stayed(&mut self, stay: &Stay) {
        let slot = stay.role.index() * SocketState::COUNT + stay.state.index();
        self.state_durations[slot].2.observe_whole(&NANOSECONDS, stay.lasted.get());
    }
}
