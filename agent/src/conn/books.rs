//! What the table counts besides groups and services.

use super::histogram::{Histogram, NANOSECONDS, SECONDS};
use super::labels::{Correction, RetransmitError, Role, SocketState};
use super::rows::{Row, flag};
use super::snapshot::Namespace;

/// What is counted besides groups and services.
pub(super) struct Books {
    pub(super) transitions: u64,
    pub(super) retransmits: u64,
    pub(super) retransmit_failures: [u64; RetransmitError::COUNT],
    pub(super) refused: u64,
    pub(super) unattributed: u64,
    pub(super) unverified: u64,
    pub(super) unheld: u64,
    pub(super) shared: u64,
    pub(super) owners_read: Option<u64>,
    pub(super) adopted: u64,
    pub(super) corrections: [u64; Correction::COUNT],
    pub(super) state_durations: Vec<(Role, SocketState, Histogram)>,
    pub(super) reconcile_durations: Histogram,
    pub(super) last_reconcile: Option<u64>,
    pub(super) namespaces: Vec<Namespace>,
    pub(super) namespaces_folded: u64,
}

impl Books {
    /// Everything at zero.
    pub(super) fn new() -> Self {
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

    /// Notes that a pass has ended which took so long.
    pub(super) fn passed(&mut self, took: u64, now: u64) {
        self.reconcile_durations.observe_whole(&NANOSECONDS, took);
        self.last_reconcile = Some(now);
    }

    /// Observes how long a row that leaves its state at `time` was in it, where the beginning was
    /// seen.
    #[inline]
    pub(super) fn left(&mut self, row: &Row, time: u64) {
        if !row.has(flag::ENTERED_BEFORE) {
            let slot = row.role.index() * SocketState::COUNT + row.state.index();
            self.state_durations[slot]
                .2
                .observe_whole(&NANOSECONDS, time.saturating_sub(row.entered));
        }
    }
}
