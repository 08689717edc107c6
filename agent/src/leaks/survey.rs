//! One walk over the table: the connections past [`GRACE`], grouped by process and service.

use std::sync::Arc;

use catalogue::labels::{Role, SocketState, Stage};
use catalogue::limits::STUCK_AGES;
use hashbrown::HashMap;

use super::GRACE;
use crate::conn::{RowView, States};
use crate::ingest::SharedTable;
use crate::listing::filter::Filter;
use crate::listing::walk::{self, Walked};

/// The most groups with a service port of their own. Beyond it, the ports of a process share a
/// group, of which there are at most as many again.
pub(super) const MAX_GROUPS: usize = 4096;
/// The most connections of a group that are kept as evidence: the oldest.
const MAX_SHOWN: usize = 3;
/// The most process ids that are distinguished in a group.
const MAX_PIDS: usize = 64;

/// The properties that the connections of a group share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The name of the owning process.
    pub(crate) process: Arc<str>,
    /// The workload.
    pub(crate) workload: Arc<str>,
    /// The role.
    pub(crate) role: Role,
    /// The state.
    pub(crate) state: SocketState,
    /// The service port; `None` for the shared groups beyond [`MAX_GROUPS`].
    pub(crate) service_port: Option<u16>,
}

/// The connections of a group, as counts and samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// How many connections there are.
    pub(crate) count: u64,
    /// How many have been in the state for longer than each of [`STUCK_AGES`].
    pub(crate) older_than: [u64; STUCK_AGES.len()],
    /// In CLOSE_WAIT: how many are at each stage, in the order of `Stage::ALL`.
    pub(crate) stages: [u64; Stage::COUNT],
    /// Process ids with their number of connections, in the order of the walk; at most
    /// [`MAX_PIDS`].
    pub(crate) pids: Vec<(u32, u64)>,
    /// How many connections belong to processes that are not in `pids`, or to no known one.
    pub(crate) beyond_pids: u64,
    /// The oldest connections, the oldest first; at most [`MAX_SHOWN`].
    pub(crate) oldest: Vec<RowView>,
}

impl Group {
    /// Returns when the oldest entered its state; `u64::MAX` for a group without connections.
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
            None if row.tgid != 0 && self.pids.len() < MAX_PIDS => self.pids.push((row.tgid, 1)),
            None => self.beyond_pids += 1,
        }
        let place = self.oldest.partition_point(|older| older.entered <= row.entered);
        if place < MAX_SHOWN {
            self.oldest.truncate(MAX_SHOWN - 1);
            self.oldest.insert(place, row);
        }
    }
}

/// The result of a walk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    groups: HashMap<Key, Group>,
    /// What the walk met.
    pub(crate) walked: Walked,
    /// How many connections are in a transient state.
    pub(crate) in_leak_states: u64,
    /// How many of them are past [`GRACE`].
    pub(crate) past_grace: u64,
    /// How many of those are in no group, because there were too many groups.
    pub(crate) ungrouped: u64,
}

impl Survey {
    /// Walks over the rows that match, at `now` (`CLOCK_MONOTONIC`, nanoseconds).
    #[must_use]
    pub(crate) fn of(table: &SharedTable, filter: &Filter, now: u64) -> Self {
        let mut survey = Self::default();
        let walked = walk::rows(table, filter.states.and(States::leaking()), |row| {
            if filter.matches(&row, now) && !ends_by_itself(&row) {
                survey.add(row, now);
            }
        });
        Self { walked, ..survey }
    }

    /// Returns the groups, in no particular order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Key, &Group)> {
        self.groups.iter()
    }

    /// Returns how many connections each group has.
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
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            key.service_port = None;
        }
        if self.groups.len() >= 2 * MAX_GROUPS && !self.groups.contains_key(&key) {
            self.ungrouped += 1;
            return;
        }
        self.groups.entry(key).or_default().add(row, now);
    }
}

/// Returns whether the kernel soon ends the connection: no descriptor refers to it, and it only
/// waits for the peer's FIN, which has a time limit (`tcp_fin_timeout`).
fn ends_by_itself(row: &RowView) -> bool {
    row.orphan && row.state == SocketState::FinWait2
}
