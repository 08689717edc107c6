//! What is counted by process, workload, role and service port: openings, closings, failures, the
//! distributions that a connection leaves behind, and what a pass finds in ESTABLISHED.
//!
//! Used by the table. Guarantees: there are at most `limit` services besides the overflow services
//! (`~other` without port, one a role). There is room for [`SPARE`] more for workloads that wait
//! for their name, and while their rows go to a group that has a service of its own. A connection
//! without room counts as overflow once, when its service is first looked up, and again only if its
//! process changes later. A service ends with its group; the overflow service of its role takes
//! what it counted.

use std::sync::Arc;

use agent_common::record::Close;
use catalogue::buckets::{BYTES, SECONDS};
use catalogue::labels::{CloseReason, ConnectFailure, Role};
use catalogue::limits::SPARE;
use hashbrown::HashMap;

use super::groups::Groups;
use crate::conn::histogram::{Histogram, MICROSECONDS, NANOSECONDS, WHOLE_BYTES};
use crate::conn::ids::{GroupId, ServiceId};
use crate::conn::nanos::Nanos;
use crate::conn::report::snapshot::{Flows, Service};
use crate::conn::report::totals::Totals;
use crate::conn::socket::row::Row;
use crate::internal_error::internal_error;

/// A service and the group that it belongs to.
struct Entry {
    group: GroupId,
    live: bool,
    /// The counts. Process and workload are filled in when it is shown, from the group.
    service: Service,
}

/// The services, by number and by group and port.
pub(crate) struct Services {
    list: Vec<Entry>,
    /// How many connections in ESTABLISHED the pass under way has met, by service: as long as
    /// the list.
    met: Vec<u64>,
    free: Vec<ServiceId>,
    index: HashMap<(GroupId, u16), ServiceId>,
    limit: usize,
    /// Whether rows are moving from one group to another that will take over its services. It does
    /// so once all rows are there.
    pub(crate) merging: bool,
    /// How many connections had to be folded into `~other`.
    pub(crate) overflow: u64,
}

impl Services {
    /// Creates the services that are always there, with room for `limit` more.
    pub(crate) fn new(limit: usize) -> Self {
        let entry = |role: &Role| Entry {
            group: Groups::other(*role),
            live: true,
            service: empty(*role, None),
        };
        Self {
            list: Role::ALL.iter().map(entry).collect(),
            met: vec![0; Role::COUNT],
            free: Vec::new(),
            index: HashMap::new(),
            limit: limit.min(ServiceId::COUNT / 2),
            merging: false,
            overflow: 0,
        }
    }

    /// Counts a row that the pass under way has met in ESTABLISHED. Returns whether it has a
    /// service of its own; else it is not counted.
    #[inline]
    pub(crate) fn meet(&mut self, row: &Row) -> bool {
        let own = row.service.map(ServiceId::position).filter(|own| *own >= Role::COUNT);
        own.and_then(|own| self.met.get_mut(own)).map(|met| *met += 1).is_some()
    }

    /// Looks up the service of such a row, and counts it. One that had no room is looked up again
    /// once its group has a label; it has been counted as overflow already.
    pub(crate) fn meet_first(&mut self, row: &mut Row, groups: &Groups) {
        if row.service.is_some() && groups.is_labelled(row.group) {
            let overflow = self.overflow;
            row.service = None;
            self.of(row, groups);
            self.overflow = overflow;
        }
        self.of(row, groups);
        if let Some(service) = row.service {
            self.met[service.position()] += 1;
        }
    }

    /// Begins to count anew what a pass meets.
    pub(crate) fn begin_pass(&mut self) {
        self.met.fill(0);
    }

    /// Publishes what the pass has met.
    pub(crate) fn end_pass(&mut self) {
        for (entry, met) in self.list.iter_mut().zip(&self.met) {
            entry.service.established = *met;
        }
    }

    /// Returns the service of a row. It is looked up once and then stored in the row.
    pub(crate) fn of(&mut self, row: &mut Row, groups: &Groups) -> &mut Service {
        let found = match row.service {
            Some(found) => found,
            None => self.find(row, groups),
        };
        row.service = Some(found);
        let entry = &mut self.list[found.position()];
        debug_assert!(entry.live, "a service does not end before the rows that it counts");
        &mut entry.service
    }

    /// Returns all services whose names are known. The overflow services are shown once they have
    /// counted something.
    pub(crate) fn snapshot(&self, groups: &Groups) -> Vec<Service> {
        let counted = |service: &Service| {
            service.opened
                + service.established
                + service.closed.iter().sum::<u64>()
                + service.failures.iter().sum::<u64>()
                > 0
        };
        let shown = |entry: &&Entry| entry.service.port.is_some() || counted(&entry.service);
        let named = |entry: &Entry| Service {
            process: Arc::clone(groups.name(entry.group)),
            workload: Arc::clone(groups.workload(entry.group)),
            ..entry.service.clone()
        };
        self.known(groups).filter(shown).map(named).collect()
    }

    fn known<'a>(&'a self, groups: &'a Groups) -> impl Iterator<Item = &'a Entry> {
        self.list.iter().filter(|entry| entry.live && !groups.is_pending(entry.group))
    }

    /// Adds what [`Self::snapshot`] shows of all services together.
    pub(crate) fn add_to(&self, totals: &mut Totals, groups: &Groups) {
        for Entry { service, .. } in self.known(groups) {
            totals.opened += service.opened;
            totals.closed += service.closed.iter().sum::<u64>();
            totals.failed += service.failures.iter().sum::<u64>();
        }
    }

    /// Moves the services of a group without rows to another group of its role. If that group has
    /// the service already, the counts are added. `~other` takes them in the overflow service of
    /// the role.
    pub(crate) fn fold_into(&mut self, group: GroupId, successor: GroupId) {
        for at in 0..self.list.len() {
            let entry = &mut self.list[at];
            let (Some(port), true) = (entry.service.port, entry.live && entry.group == group)
            else {
                continue;
            };
            self.index.remove(&(group, port));
            let rest = (successor == Groups::other(entry.service.role))
                .then_some(entry.service.role.index());
            let taken = rest.or_else(|| self.index.get(&(successor, port)).map(|at| at.position()));
            let index = number(at);
            if let Some(into) = taken {
                let gone = std::mem::replace(&mut entry.service, empty(Role::Unknown, None));
                entry.live = false;
                self.list[into].service.add(&gone);
                let met = std::mem::take(&mut self.met[at]);
                self.met[into] += met;
                self.free.push(index);
            } else {
                entry.group = successor;
                self.index.insert((successor, port), index);
            }
        }
    }

    /// Returns how many connections each service has opened and closed.
    pub(crate) fn flows(&self, groups: &Groups) -> Flows {
        let flow = |entry: &Entry| {
            let Service { port, role, opened, closed, .. } = &entry.service;
            let (process, workload) = groups.labels(entry.group);
            let key = (process, workload, *role, (*port)?);
            Some((key, (*opened, closed.iter().sum())))
        };
        self.list.iter().filter(|entry| entry.live).filter_map(flow).collect()
    }

    /// Returns how many connections opened and how many closed, whether shown or not.
    #[cfg(test)]
    pub(crate) fn totals(&self) -> (u64, u64) {
        let live = || self.list.iter().filter(|entry| entry.live).map(|entry| &entry.service);
        (
            live().map(|service| service.opened).sum(),
            live().flat_map(|service| service.closed).sum(),
        )
    }

    fn find(&mut self, row: &Row, groups: &Groups) -> ServiceId {
        let key = (row.group, row.service_port());
        if let Some(at) = self.index.get(&key) {
            return *at;
        }
        let role = groups.role(row.group);
        if !groups.is_labelled(row.group) {
            self.overflow += 1;
            return number(role.index());
        }
        let used = self.list.len() - self.free.len() - Role::COUNT;
        if used >= self.limit + if self.merging || groups.is_pending(row.group) { SPARE } else { 0 }
        {
            self.overflow += 1;
            return number(role.index());
        }
        let service = empty(role, Some(key.1));
        let entry = Entry { group: row.group, live: true, service };
        let at = if let Some(at) = self.free.pop() {
            self.list[at.position()] = entry;
            at
        } else {
            self.list.push(entry);
            self.met.push(0);
            number(self.list.len() - 1)
        };
        debug_assert!(
            self.list.len() - self.free.len() <= Role::COUNT + self.limit + SPARE,
            "services stay within their budget"
        );
        self.index.insert(key, at);
        at
    }
}

impl Service {
    /// Counts an end, and the numbers that the kernel gave with it.
    #[inline]
    pub(crate) fn closed(
        &mut self,
        reason: CloseReason,
        lasted: Option<Nanos>,
        numbers: Option<&Close>,
    ) {
        self.closed[reason.index()] += 1;
        if let Some(lasted) = lasted {
            self.duration.observe_whole(&NANOSECONDS, lasted.get());
        }
        let Some(numbers) = numbers else { return };
        if numbers.srtt_us > 0 {
            self.srtt.observe_whole(&MICROSECONDS, u64::from(numbers.srtt_us));
        }
        self.sent_bytes.observe_whole(&WHOLE_BYTES, numbers.bytes_sent);
        self.received_bytes.observe_whole(&WHOLE_BYTES, numbers.bytes_received);
    }

    /// Counts a connect that failed.
    pub(crate) fn failed(&mut self, reason: ConnectFailure) {
        self.failures[reason.index()] += 1;
    }

    /// Adds the counts of another.
    fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.established += other.established;
        self.closed.iter_mut().zip(other.closed).for_each(|(mine, theirs)| *mine += theirs);
        self.failures.iter_mut().zip(other.failures).for_each(|(mine, theirs)| *mine += theirs);
        self.duration.add(&other.duration);
        self.connect_duration.add(&other.connect_duration);
        self.srtt.add(&other.srtt);
        self.sent_bytes.add(&other.sent_bytes);
        self.received_bytes.add(&other.received_bytes);
    }
}

/// Returns the number of the service at a position. It fits: the limit is below half of
/// [`ServiceId::COUNT`].
fn number(position: usize) -> ServiceId {
    ServiceId::at(position).unwrap_or_else(|| {
        internal_error("the number of a service fits into 32 bits");
        ServiceId::FIRST
    })
}

fn empty(role: Role, port: Option<u16>) -> Service {
    Service {
        process: Arc::default(),
        workload: Arc::default(),
        role,
        port,
        opened: 0,
        established: 0,
        closed: [0; CloseReason::COUNT],
        failures: [0; ConnectFailure::COUNT],
        duration: Histogram::new(SECONDS),
        connect_duration: Histogram::new(SECONDS),
        srtt: Histogram::new(SECONDS),
        sent_bytes: Histogram::new(BYTES),
        received_bytes: Histogram::new(BYTES),
    }
}
