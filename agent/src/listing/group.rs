//! Connections counted by peer, process or port, instead of listed.
//!
//! Guarantees: at most [`MOST`] groups are counted, in the order in which the walk meets them; the
//! connections beyond are counted together, so that all counts add up to what matches.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use catalogue::labels::{Role, SocketState};
use catalogue::limits::IDLE_AGES;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::answer::seconds;
use crate::conn::RowView;

/// The most groups.
pub(crate) const MOST: usize = 4096;
const SECOND: u64 = 1_000_000_000;

/// What the connections of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// The peer's address; of clients with the service port.
    Peer,
    /// Name and workload of the process.
    Process,
    /// The service port and the role.
    Port,
}

impl GroupBy {
    /// Every variant with its text.
    pub(crate) const ALL: &'static [(&'static str, Self)] =
        &[("peer", Self::Peer), ("process", Self::Process), ("port", Self::Port)];

    /// Returns its text.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Peer(Ipv6Addr, Option<u16>),
    Process(Arc<str>, Arc<str>),
    Port(u16, &'static str),
}

impl Key {
    fn of(by: GroupBy, row: &RowView) -> Self {
        match by {
            GroupBy::Peer => {
                let port = (row.role == Role::Client).then_some(row.peer_port);
                Self::Peer(row.peer_address, port)
            }
            GroupBy::Process => Self::Process(Arc::clone(&row.process), Arc::clone(&row.workload)),
            GroupBy::Port => Self::Port(row.service_port, row.role.as_str()),
        }
    }
}

/// Connections with something in common, in the answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Group {
    /// By peer: the peer's address.
    pub(crate) peer_address: Option<IpAddr>,
    /// By peer: the port of the service, where this side is the client.
    pub(crate) peer_port: Option<u16>,
    /// By process: the name of the process.
    pub(crate) process: Option<String>,
    /// By process: its workload.
    pub(crate) workload: Option<String>,
    /// By port: the service port, 0 where none is known.
    pub(crate) service_port: Option<u16>,
    /// By port: the role.
    pub(crate) role: Option<String>,
    /// How many connections there are.
    pub(crate) connections: u64,
    /// The longest time in a state.
    pub(crate) oldest_age_seconds: f64,
    /// Whether that is a lower bound.
    pub(crate) oldest_age_at_least: bool,
    /// How many are established and have had no data for more than a minute.
    pub(crate) idle_60: u64,
    /// The same for five minutes.
    pub(crate) idle_300: u64,
    /// The same for an hour.
    pub(crate) idle_3600: u64,
    /// Payload bytes sent, of those that tell.
    pub(crate) bytes_sent: u64,
    /// Payload bytes received in order, of those that tell.
    pub(crate) bytes_received: u64,
}

/// The groups of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Grouped {
    /// What the connections of a group have in common: `peer`, `process` or `port`.
    pub(crate) by: String,
    /// How many groups were counted, at most [`MOST`].
    pub(crate) known: usize,
    /// How many of them are in this answer.
    pub(crate) returned: usize,
    /// Whether there are more.
    pub(crate) truncated: bool,
    /// The groups, that with the most connections first.
    pub(crate) groups: Vec<Group>,
    /// The connections of all other groups.
    pub(crate) others: Group,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    connections: u64,
    /// When the oldest entered its state, and whether it may have done so earlier.
    oldest: Option<(u64, bool)>,
    idle: [u64; IDLE_AGES.len()],
    bytes: [u64; 2],
}

impl Counts {
    fn add(&mut self, row: &RowView, now: u64) {
        let idle = row.idle(now).filter(|_| row.state == SocketState::Established).unwrap_or(0);
        self.merge(&Self {
            connections: 1,
            oldest: Some((row.entered, row.entered_before)),
            idle: IDLE_AGES.map(|than| u64::from(idle > than * SECOND)),
            bytes: row.activity.bytes.unwrap_or_default(),
        });
    }

    fn merge(&mut self, other: &Self) {
        self.connections += other.connections;
        self.oldest = self.oldest.into_iter().chain(other.oldest).min_by_key(|oldest| oldest.0);
        for (count, more) in self.idle.iter_mut().zip(other.idle) {
            *count += more;
        }
        for (bytes, more) in self.bytes.iter_mut().zip(other.bytes) {
            *bytes = bytes.saturating_add(more);
        }
    }

    fn shown(&self, now: u64) -> Group {
        let [minute, five_minutes, hour] = self.idle;
        let age = self.oldest.map_or(0, |(entered, _)| now.saturating_sub(entered));
        Group {
            connections: self.connections,
            oldest_age_seconds: seconds(age),
            oldest_age_at_least: self.oldest.is_some_and(|(_, before)| before),
            idle_60: minute,
            idle_300: five_minutes,
            idle_3600: hour,
            bytes_sent: self.bytes[0],
            bytes_received: self.bytes[1],
            ..Group::default()
        }
    }
}

/// Counts rows by what they have in common.
#[derive(Debug)]
pub(crate) struct Grouping {
    by: GroupBy,
    groups: HashMap<Key, Counts>,
    beyond: Counts,
}

impl Grouping {
    /// Returns a grouping without groups.
    #[must_use]
    pub(crate) fn new(by: GroupBy) -> Self {
        Self { by, groups: HashMap::new(), beyond: Counts::default() }
    }

    /// Counts one row at `now` (`CLOCK_MONOTONIC`, nanoseconds).
    pub(crate) fn add(&mut self, row: &RowView, now: u64) {
        let key = Key::of(self.by, row);
        let is_beyond = self.groups.len() >= MOST && !self.groups.contains_key(&key);
        let counts = if is_beyond { &mut self.beyond } else { self.groups.entry(key).or_default() };
        counts.add(row, now);
    }

    /// Returns the `limit` largest groups.
    #[must_use]
    pub(crate) fn finish(self, limit: usize, now: u64) -> Grouped {
        let known = self.groups.len();
        let mut all: Vec<_> = self.groups.into_iter().collect();
        all.sort_by(|(one, counts), (other, others)| {
            let order = |counts: &Counts| (Reverse(counts.connections), counts.oldest);
            order(counts).cmp(&order(others)).then_with(|| one.cmp(other))
        });
        let rest = all.split_off(limit.min(known));
        let mut others = self.beyond;
        for (_, counts) in &rest {
            others.merge(counts);
        }
        let groups: Vec<_> = all.iter().map(|(key, counts)| group(key, counts, now)).collect();
        Grouped {
            by: self.by.as_str().to_owned(),
            known,
            returned: groups.len(),
            truncated: others.connections > 0,
            groups,
            others: others.shown(now),
        }
    }
}

fn group(key: &Key, counts: &Counts, now: u64) -> Group {
    let shown = counts.shown(now);
    match key {
        Key::Peer(address, port) => {
            Group { peer_address: Some(address.to_canonical()), peer_port: *port, ..shown }
        }
        Key::Process(process, workload) => Group {
            process: Some(process.to_string()),
            workload: Some(workload.to_string()),
            ..shown
        },
        Key::Port(port, role) => {
            Group { service_port: Some(*port), role: Some((*role).to_owned()), ..shown }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::States;
    use crate::listing::tests::shared;
    use crate::listing::walk;

    fn grouped(rows: u32, by: GroupBy, limit: usize) -> Grouped {
        let mut grouping = Grouping::new(by);
        walk::rows(&shared(rows), States::ALL, |row| grouping.add(&row, 100 * SECOND));
        grouping.finish(limit, 100 * SECOND)
    }

    #[test]
    fn the_largest_group_comes_first_and_all_add_up() {
        let by_process = grouped(71, GroupBy::Process, 2);
        assert_eq!((by_process.known, by_process.returned, by_process.truncated), (7, 2, true));
        let first = &by_process.groups[0];
        assert_eq!(
            (first.process.as_deref(), first.workload.as_deref(), first.connections),
            (Some("app1"), Some("host"), 11)
        );
        assert_eq!((first.oldest_age_seconds, first.oldest_age_at_least), (99.999, false));
        assert_eq!(by_process.groups[1].connections, 10);
        assert_eq!(by_process.others.connections, 50);
        let by_port = grouped(71, GroupBy::Port, 9);
        assert_eq!(
            by_port.groups.iter().map(|group| group.service_port).collect::<Vec<_>>(),
            [5431, 5432, 5433, 5434, 5430].map(Some),
            "of equal groups the one with the oldest connection comes first"
        );
        assert_eq!((by_port.others.connections, by_port.truncated), (0, false));
    }

    #[test]
    fn more_groups_than_are_counted_are_others() {
        let grouped = grouped(5000, GroupBy::Peer, 1000);
        assert_eq!((grouped.known, grouped.returned), (MOST, 1000));
        assert_eq!((grouped.others.connections, grouped.truncated), (4000, true));
        let first = &grouped.groups[0];
        assert_eq!(first.peer_address, Some(IpAddr::from([10, 0, 0, 1])));
        assert_eq!((first.peer_port, first.connections), (Some(5431), 1));
    }

    #[test]
    fn what_is_idle_counts_once_an_age_and_bytes_add_up() {
        let mut counts = Counts::default();
        walk::rows(&shared(2), States::ALL, |mut row| {
            row.activity.sent = Some(SECOND);
            row.activity.bytes = Some([3, 5]);
            counts.add(&row, 302 * SECOND);
        });
        let shown = counts.shown(302 * SECOND);
        assert_eq!((shown.idle_60, shown.idle_300, shown.idle_3600), (2, 2, 0));
        assert_eq!((shown.bytes_sent, shown.bytes_received), (6, 10));
    }

    #[test]
    fn what_a_connection_did_since_a_pass_looked_is_not_taken_for_idling() {
        let mut counts = Counts::default();
        walk::rows(&shared(1), States::ALL, |mut row| {
            (row.activity.sent, row.looked) = (Some(SECOND), Some(50 * SECOND));
            counts.add(&row, 70 * SECOND);
            row.looked = Some(62 * SECOND);
            counts.add(&row, 70 * SECOND);
        });
        assert_eq!(counts.shown(70 * SECOND).idle_60, 1);
    }
}
