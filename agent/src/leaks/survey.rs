//! One walk over the table: the connections in use and those in a transient state past [`GRACE`],
//! grouped by process and service.

use std::cmp::Reverse;
use std::sync::Arc;

use catalogue::labels::{Role, SocketState};
use catalogue::limits::STUCK_AGES;
use hashbrown::HashMap;

use super::GRACE;
use super::past::Sampled;
use super::sampler::Entry;
use super::tally::{Connection, Tally};
use super::target::Target;
use super::times::Times;
use crate::conn::{Flows, Nanos, RowView, States};
use crate::ingest::{SharedTable, lock};
use crate::listing::filter::Filter;
use crate::listing::walk::{self, Walked};

/// The most groups with a service port of their own. Beyond it, the ports of a process share a
/// group, of which there are at most as many again.
pub(super) const MAX_GROUPS: usize = 4096;
/// The most connections of a group that are kept as evidence.
const MAX_SHOWN: usize = 3;
/// The most process ids that are distinguished in a group.
const MAX_PIDS: usize = 64;
/// The most peers that are distinguished in a group.
const MAX_PEERS: usize = 32;

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
    /// Whether these are MPTCP connections that their peers have closed, each under one subflow.
    pub(crate) has_data_fin: bool,
}

/// The connections of a group, as counts and samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// What the judge goes by.
    pub(crate) tally: Tally,
    /// How many have been in the state for longer than each of [`STUCK_AGES`].
    pub(crate) older_than: [u64; STUCK_AGES.len()],
    /// How many are orphans: no process has a descriptor of them.
    pub(crate) orphans: u64,
    /// When the oldest entered its state, nanoseconds of `CLOCK_MONOTONIC`; 0 without connections.
    pub(crate) since: u64,
    /// Whether it may have entered it earlier.
    pub(crate) since_at_least: bool,
    /// Process ids with their number of connections, in the order of the walk; at most
    /// [`MAX_PIDS`].
    pub(crate) pids: Vec<(u32, u64)>,
    /// How many connections belong to processes that are not in `pids`, or to no known one.
    pub(crate) beyond_pids: u64,
    /// Peers with their number of connections, in the order of the walk; at most [`MAX_PEERS`].
    pub(super) peers: Vec<Target>,
    /// The most telling connections, at most [`MAX_SHOWN`]: those that have gone unused, or been in
    /// a transient state, for longest.
    pub(crate) sample: Vec<RowView>,
}

impl Group {
    fn add(&mut self, row: RowView, is_inherited: bool, now: u64, times: &Times) {
        let connection = Connection { is_inherited, ..Connection::from(&row) };
        self.tally.add(&connection, (row.role, row.state), now, times);
        self.tally.data_fin += u64::from(row.closed_multipath().is_some());
        self.orphans += u64::from(row.orphan);
        if self.tally.count == 1 || row.entered < self.since {
            (self.since, self.since_at_least) = (row.entered, row.entered_before);
        }
        let age = now.saturating_sub(row.entered);
        for (count, than) in self.older_than.iter_mut().zip(STUCK_AGES) {
            *count += u64::from(age > than * super::SECOND);
        }
        match self.pids.iter().position(|(pid, _)| *pid == row.tgid) {
            Some(place) => self.pids[place].1 += 1,
            None if row.tgid != 0 && self.pids.len() < MAX_PIDS => self.pids.push((row.tgid, 1)),
            None => self.beyond_pids += 1,
        }
        self.add_peer(&row);
        let place = self.sample.partition_point(|other| quiet_since(other) <= quiet_since(&row));
        if place < MAX_SHOWN {
            self.sample.truncate(MAX_SHOWN - 1);
            self.sample.insert(place, row);
        }
    }
}

impl Group {
    /// Counts where a connection leads to; the port of a client of this host means nothing.
    fn add_peer(&mut self, row: &RowView) {
        let mut target = Target::new(row, 1);
        if row.role == Role::Server {
            target.port = 0;
        }
        let is_same = |known: &Target| (known.address, known.port) == (target.address, target.port);
        match self.peers.iter().position(is_same) {
            Some(place) => self.peers[place].connections += 1,
            None if self.peers.len() < MAX_PEERS => self.peers.push(target),
            None => {}
        }
    }

    /// Returns when the oldest of its processes was forked, nanoseconds of `CLOCK_MONOTONIC`; 0 if
    /// that is not known of all.
    pub(super) fn started(&self, known: &HashMap<u32, Nanos>) -> u64 {
        let of = |(pid, _): &(u32, u64)| known.get(pid).map_or(0, |started| started.get());
        let oldest = self.pids.iter().map(of).min();
        oldest.filter(|_| self.beyond_pids == 0).unwrap_or(0)
    }

    /// Returns where most connections lead to, at most `most` peers.
    pub(super) fn targets(&self, most: usize) -> Vec<Target> {
        let mut peers = self.peers.clone();
        peers.sort_by_key(|peer| (Reverse(peer.connections), peer.address, peer.port));
        peers.truncate(most);
        peers
    }
}

/// Returns since when nothing has happened to a connection that it should: its last use, or its
/// entry into a transient state. One that waits to be accepted, or for its peer, comes first.
fn quiet_since(row: &RowView) -> (bool, u64) {
    match row.state {
        SocketState::Established if row.closed_multipath().is_none() => {
            let waits = row.waiting.stage.is_some() || row.activity.stalled.is_some();
            (!waits, row.activity.used().unwrap_or(row.entered))
        }
        _ => (false, row.entered),
    }
}

impl From<&RowView> for Connection {
    fn from(row: &RowView) -> Self {
        let activity = &row.activity;
        let fin = u32::from(row.state == SocketState::CloseWait);
        Self {
            born: (!row.born_before).then_some(row.born),
            entered: row.entered,
            last_used: activity.used().unwrap_or(row.entered),
            // What no pass has looked at has just begun.
            looked: Some(row.looked.unwrap_or(row.entered)),
            // What is not known excuses nobody, and accuses nobody.
            has_keepalive: activity.keepalive.unwrap_or(true),
            stage: row.waiting.stage,
            unread_bytes: row.waiting.receive_queue.saturating_sub(fin),
            last_received: activity.received.unwrap_or(row.entered),
            last_read: if activity.reads { row.looked.unwrap_or(row.entered) } else { 0 },
            // The kernel counts a FIN as a byte (`tcp_rcv_nxt_update`, 6.18).
            was_used: activity
                .bytes
                .is_some_and(|[sent, received]| sent > 0 || received > u64::from(fin)),
            retransmits: if activity.stalled.is_some() { activity.timeouts } else { 0 },
            unacknowledged_since: activity.stalled.filter(|_| row.is_unacknowledged()),
            is_inherited: false,
        }
    }
}

/// The result of a walk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    groups: HashMap<Key, Group>,
    /// When each process was forked, as far as that is known.
    pub(super) started: Arc<HashMap<u32, Nanos>>,
    /// What the walk met.
    pub(crate) walked: Walked,
    /// How many connections are in a transient state, those among them whose peer has closed their
    /// MPTCP connection.
    pub(crate) in_leak_states: u64,
    /// How many of them are past [`GRACE`].
    pub(crate) past_grace: u64,
    /// How many of those are in no group, because there were too many groups.
    pub(crate) ungrouped: u64,
}

impl Survey {
    /// Walks over the rows that match, at `now` (`CLOCK_MONOTONIC`, nanoseconds).
    #[must_use]
    pub(crate) fn of(table: &SharedTable, filter: &Filter, now: u64, times: &Times) -> Self {
        let mut survey = Self { started: lock(table).view().started(), ..Self::default() };
        let states = States::leaking().with(SocketState::Established);
        let walked = walk::rows(table, filter.states.and(states), |row| {
            let excused = ends_by_itself(&row) || row.is_deferred();
            if filter.matches(&row, now) && !excused {
                survey.add(row, now, times);
            }
        });
        Self { walked, ..survey }
    }

    /// Returns the groups, in no particular order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Key, &Group)> {
        self.groups.iter()
    }

    /// Returns what the sampler keeps of each group; `flows` are the openings and closings of the
    /// services.
    #[must_use]
    pub(super) fn sampled(&self, flows: &Flows) -> HashMap<Key, Entry<Sampled>> {
        let sampled = |(key, group): (&Key, &Group)| {
            let flow = key.service_port.and_then(|port| {
                let service = (Arc::clone(&key.process), Arc::clone(&key.workload), key.role, port);
                flows.get(&service).copied()
            });
            let value = Sampled::of(&group.tally, flow);
            (key.clone(), Entry { since: group.since, value })
        };
        self.groups().map(sampled).collect()
    }

    /// Returns whether the process of a row was forked after its handshake and has never used it. A
    /// process that opens its pool and then becomes a daemon uses it.
    fn is_inherited(&self, row: &RowView) -> bool {
        let Some(started) = self.started.get(&row.tgid).map(|started| started.get()) else {
            return false;
        };
        row.opened.is_some_and(|opened| opened < started)
            && row.activity.used().is_some_and(|used| used < started)
    }

    fn add(&mut self, mut row: RowView, now: u64, times: &Times) {
        let closed = row.closed_multipath();
        if let Some(connection) = closed {
            if !connection.leads {
                return;
            }
            // The subflow has been established for longer, so this is a lower bound of both.
            (row.entered, row.entered_before) = (connection.since, true);
        }
        if row.state.can_leak() || closed.is_some() {
            self.in_leak_states += 1;
            if now.saturating_sub(row.entered) < GRACE {
                return;
            }
            self.past_grace += 1;
        }
        let mut key = Key {
            process: Arc::clone(&row.process),
            workload: Arc::clone(&row.workload),
            role: row.role,
            state: row.state,
            service_port: Some(row.service_port),
            has_data_fin: closed.is_some(),
        };
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            key.service_port = None;
        }
        if self.groups.len() >= 2 * MAX_GROUPS && !self.groups.contains_key(&key) {
            self.ungrouped += 1;
            return;
        }
        let is_inherited = self.is_inherited(&row);
        self.groups.entry(key).or_default().add(row, is_inherited, now, times);
    }
}

/// Returns whether the kernel soon ends the connection: no descriptor refers to it, and it only
/// waits for the peer's FIN, which has a time limit (`tcp_fin_timeout`).
fn ends_by_itself(row: &RowView) -> bool {
    row.orphan && row.state == SocketState::FinWait2
}
