//! One look at the table: the connections past their grace, grouped by who holds them.

use std::sync::Arc;

use hashbrown::HashMap;

use super::GRACE;
use crate::conn::labels::{Role, SocketState, Stage};
use crate::conn::snapshot::STUCK_AGES;
use crate::conn::{RowView, States};
use crate::ingest::SharedTable;
use crate::listing::filter::Filter;
use crate::listing::walk::{self, Walked};

/// The most groups that have a service port of their own; what comes later shares one for all
/// ports.
pub(crate) const GROUPS: usize = 4096;
/// The connections of a group that are shown, the oldest.
pub(crate) const SAMPLES: usize = 3;
/// The process ids that are told apart in a group.
const PIDS: usize = 64;

/// What the connections of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The owner's name.
    pub(crate) process: Arc<str>,
    /// Its workload.
    pub(crate) workload: Arc<str>,
    /// The side.
    pub(crate) role: Role,
    /// The state.
    pub(crate) state: SocketState,
    /// The service port; none for those that came when there were too many groups.
    pub(crate) service_port: Option<u16>,
}

/// What is known of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Connections.
    pub(crate) count: u64,
    /// How many are older than each of [`STUCK_AGES`].
    pub(crate) older_than: [u64; STUCK_AGES.len()],
    /// Of those in CLOSE_WAIT: how many have come how far, in the order of `Stage::ALL`.
    pub(crate) stages: [u64; Stage::COUNT],
    /// Process ids with their connections, in the order in which they came, at most [`PIDS`].
    pub(crate) pids: Vec<(u32, u64)>,
    /// Connections of other processes than those in `pids`, or of none that is known.
    pub(crate) beyond_pids: u64,
    /// The oldest connections, the oldest first, at most [`SAMPLES`].
    pub(crate) oldest: Vec<RowView>,
}

impl Group {
    /// When the oldest entered its state.
    #[must_use]
    pub(crate) fn oldest_since(&self) -> u64 {
        self.oldest.first().map_or(u64::MAX, |row| row.entered)
    }

    fn add(&mut self, row: RowView, now: u64) {
        self.count += 1;
        let age = now.saturating_sub(row.entered);
        for (count, than) in self.older_than.iter_mut().zip(STUCK_AGES) {
            *count += u64::from(age > than * super::SECOND);
        }
        if let Some(stage) = row.waiting.stage {
            self.stages[stage.index()] += 1;
        }
        match self.pids.iter().position(|(pid, _)| *pid == row.tgid) {
            Some(place) => self.pids[place].1 += 1,
            None if row.tgid != 0 && self.pids.len() < PIDS => self.pids.push((row.tgid, 1)),
            None => self.beyond_pids += 1,
        }
        let place = self.oldest.partition_point(|older| older.entered <= row.entered);
        if place < SAMPLES {
            self.oldest.truncate(SAMPLES - 1);
            self.oldest.insert(place, row);
        }
    }
}

/// All groups at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    groups: HashMap<Key, Group>,
    /// What the walk came past.
    pub(crate) walked: Walked,
    /// Connections in a state that should pass.
    pub(crate) in_leak_states: u64,
    /// Those past their grace.
    pub(crate) past_grace: u64,
    /// Those of them for which there was no group.
    pub(crate) ungrouped: u64,
}

impl Survey {
    /// Looks at the rows that match, at `now` (`CLOCK_MONOTONIC` nanoseconds).
    #[must_use]
    pub(crate) fn of(table: &SharedTable, filter: &Filter, now: u64) -> Self {
        let mut survey = Self::default();
        let walked = walk::rows(table, filter.states.and(States::leaking()), |row| {
            if filter.matches(&row, now) && !passes_by_itself(&row) {
                survey.add(row, now);
            }
        });
        Self { walked, ..survey }
    }

    /// The groups, in no particular order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Key, &Group)> {
        self.groups.iter()
    }

    /// How many connections each group has.
    #[must_use]
    pub(crate) fn counts(self) -> HashMap<Key, u64> {
        self.groups.into_iter().map(|(key, group)| (key, group.count)).collect()
    }

    fn add(&mut self, row: RowView, now: u64) {
        self.in_leak_states += 1;
        if now.saturating_sub(row.entered) < GRACE {
            return;
        }
        self.past_grace += 1;
        let mut key = Key {
            process: Arc::clone(&row.process),
            workload: Arc::clone(&row.workload),
            role: row.role,
            state: row.state,
            service_port: Some(row.service_port),
        };
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&key) {
            key.service_port = None;
        }
        if self.groups.len() >= 2 * GROUPS && !self.groups.contains_key(&key) {
            self.ungrouped += 1;
            return;
        }
        self.groups.entry(key).or_default().add(row, now);
    }
}

/// Whether the kernel ends a connection by itself before long: nobody holds it, and it only waits
/// for the peer's FIN, which has a time limit (`tcp_fin_timeout`).
fn passes_by_itself(row: &RowView) -> bool {
    row.orphan && row.state == SocketState::FinWait2
}
