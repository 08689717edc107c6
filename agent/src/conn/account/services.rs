//! What is counted by process, workload, role, service port and named destination: openings,
//! closings, failures, the distributions that a connection leaves behind, and what a pass finds in
//! ESTABLISHED.
//!
//! Used by the table. Guarantees: there are at most `limit` services besides the overflow services
//! (`~other` without port, one a role). There is room for [`SPARE`] more for workloads that wait
//! for their name, and while their rows go to a group that has a service of its own. A connection
//! without room counts as overflow once, when its service is first looked up, and again only if its
//! process changes later. A service ends with its group; the overflow service of its role takes
//! what it counted.

use std::sync::Arc;

use catalogue::labels::Role;
use catalogue::limits::{IDLE_AGES, SPARE};
use hashbrown::HashMap;

use super::destinations::Destinations;
use super::groups::Groups;
use crate::conn::ids::{GroupId, ServiceId};
use crate::conn::nanos::Nanos;
use crate::conn::report::snapshot::{Flows, Service};
use crate::conn::report::totals::Totals;
use crate::conn::socket::activity::Activity;
use crate::conn::socket::row::Row;
use crate::internal_error::internal_error;

/// A service and the group that it belongs to.
struct Entry {
    group: GroupId,
    live: bool,
    /// The number of its named destination.
    destination: Option<u8>,
    /// The counts. Process and workload are filled in when it is shown, from the group.
    service: Service,
}

/// A group, a port, and the number of a named destination.
type Key = (GroupId, u16, Option<u8>);

/// What a pass has met in ESTABLISHED.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    connections: u64,
    /// Those to a named destination without data for longer than each of [`IDLE_AGES`].
    idle: [u64; IDLE_AGES.len()],
}

impl Met {
    fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.idle.iter_mut().zip(other.idle).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// The services, by number and by group, port and destination.
pub(crate) struct Services {
    list: Vec<Entry>,
    /// What the pass under way has met, by service: as long as the list.
    met: Vec<Met>,
    free: Vec<ServiceId>,
    index: HashMap<Key, ServiceId>,
    destinations: Destinations,
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
            destination: None,
            service: Service::new(*role, None),
        };
        Self {
            list: Role::ALL.iter().map(entry).collect(),
            met: vec![Met::default(); Role::COUNT],
            free: Vec::new(),
            index: HashMap::new(),
            destinations: Destinations::default(),
            limit: limit.min(ServiceId::COUNT / 2),
            merging: false,
            overflow: 0,
        }
    }

    /// Takes the destinations that an operator has named, before the first row.
    pub(crate) fn name(&mut self, destinations: Destinations) {
        debug_assert!(self.index.is_empty(), "a service does not change its destination");
        self.destinations = destinations;
    }

    /// Counts a row that the pass under way has met in ESTABLISHED. Returns whether it has a
    /// service of its own; else it is not counted.
    #[inline]
    pub(crate) fn meet(&mut self, row: &Row) -> bool {
        let own = row.service.map(ServiceId::position).filter(|own| *own >= Role::COUNT);
        own.and_then(|own| self.met.get_mut(own)).map(|met| met.connections += 1).is_some()
    }

    /// Counts what such a row has not done, if its destination is named.
    #[inline]
    pub(crate) fn rest(&mut self, row: &Row, activity: &Activity, now: Nanos) {
        if self.destinations.is_empty() {
            return;
        }
        let Some(own) = row.service.map(ServiceId::position) else { return };
        let is_named = self.list.get(own).is_some_and(|entry| entry.destination.is_some());
        if let (true, Some(met)) = (is_named, self.met.get_mut(own)) {
            activity.add_idle(row.state, now, &mut met.idle);
        }
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
            self.met[service.position()].connections += 1;
        }
    }

    /// Begins to count anew what a pass meets.
    pub(crate) fn begin_pass(&mut self) {
        self.met.fill(Met::default());
    }

    /// Publishes what the pass has met.
    pub(crate) fn end_pass(&mut self) {
        for (entry, met) in self.list.iter_mut().zip(&self.met) {
            (entry.service.established, entry.service.idle) = (met.connections, met.idle);
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
            destination: entry.destination.and_then(|at| self.destinations.name(at).cloned()),
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
            let named = entry.destination;
            self.index.remove(&(group, port, named));
            let rest = (successor == Groups::other(entry.service.role))
                .then_some(entry.service.role.index());
            let taken =
                rest.or_else(|| self.index.get(&(successor, port, named)).map(|at| at.position()));
            let index = number(at);
            if let Some(into) = taken {
                let gone = std::mem::replace(&mut entry.service, Service::new(Role::Unknown, None));
                entry.live = false;
                self.list[into].service.add(&gone);
                let met = std::mem::take(&mut self.met[at]);
                self.met[into].add(met);
                self.free.push(index);
            } else {
                entry.group = successor;
                self.index.insert((successor, port, named), index);
            }
        }
    }

    /// Returns how many connections each process has opened and closed, by workload, role and port.
    pub(crate) fn flows(&self, groups: &Groups) -> Flows {
        let mut flows = Flows::new();
        for Entry { group, service, .. } in self.list.iter().filter(|entry| entry.live) {
            let Some(port) = service.port else { continue };
            let (process, workload) = groups.labels(*group);
            let (opened, closed) =
                flows.entry((process, workload, service.role, port)).or_default();
            *opened += service.opened;
            *closed += service.closed.iter().sum::<u64>();
        }
        flows
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
        let key = (row.group, row.service_port(), self.destinations.of(row));
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
        let service = Service::new(role, Some(key.1));
        let entry = Entry { group: row.group, live: true, destination: key.2, service };
        let at = if let Some(at) = self.free.pop() {
            self.list[at.position()] = entry;
            at
        } else {
            self.list.push(entry);
            self.met.push(Met::default());
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

/// Returns the number of the service at a position. It fits: the limit is below half of
/// [`ServiceId::COUNT`].
fn number(position: usize) -> ServiceId {
    ServiceId::at(position).unwrap_or_else(|| {
        internal_error("the number of a service fits into 32 bits");
        ServiceId::FIRST
    })
}
