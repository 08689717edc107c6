//! What is counted by process, workload, role and service port: openings, closings, failures, the
//! distributions that a connection leaves behind, and what a pass finds in ESTABLISHED.
//!
//! Used by the table. Guarantees: there are at most `limit` services besides the overflow services
//! (`~other` and `~young` without port, one a role) and the ports of young names. There is room for
//! [`SPARE`] more for workloads that wait for their name, and while their rows go to a group that
//! has a service of its own. A connection without room counts as overflow once, when its service is
//! first looked up, and again only if its process changes later. A service ends with its group; the
//! overflow service of its role takes what it counted.

mod counts;
mod named;
mod young;

use std::sync::Arc;

use catalogue::labels::Role;
use catalogue::limits::{SPARE, YOUNG_PORTS};
use hashbrown::HashMap;

use self::counts::empty;
use self::named::Named;
use self::young::YoungPorts;
use super::groups::Groups;
use crate::conn::ids::{GroupId, ServiceId};
use crate::conn::report::snapshot::{Flows, Service};
use crate::conn::report::totals::Totals;
use crate::conn::socket::row::Row;
use crate::internal_error::internal_error;

/// The number of services that are always there: what is beyond the budget, then what young names
/// do at further ports, each in the order of the roles.
const ALWAYS: usize = 2 * Role::COUNT;

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
    young: YoungPorts,
    named: Named,
    /// Whether rows are moving from one group to another that will take over its services. It does
    /// so once all rows are there.
    pub(crate) merging: bool,
    /// How many connections had to be folded into `~other`.
    pub(crate) overflow: u64,
}

impl Services {
    /// Creates the services that are always there, with room for `limit` more.
    pub(crate) fn new(limit: usize) -> Self {
        let entry = |group: fn(Role) -> GroupId| {
            Role::ALL.iter().map(move |role| Entry {
                group: group(*role),
                live: true,
                service: empty(*role, None),
            })
        };
        Self {
            list: entry(Groups::other).chain(entry(Groups::young)).collect(),
            met: vec![0; ALWAYS],
            free: Vec::new(),
            index: HashMap::new(),
            limit: limit.min(ServiceId::COUNT / 2),
            young: YoungPorts::default(),
            named: Named::new(limit),
            merging: false,
            overflow: 0,
        }
    }

    /// Counts a row that the pass under way has met in ESTABLISHED. Returns whether it has a
    /// service of its own; else it is not counted.
    #[inline]
    pub(crate) fn meet(&mut self, row: &Row) -> bool {
        let own = row.service.map(ServiceId::position).filter(|own| *own >= ALWAYS);
        own.and_then(|own| self.met.get_mut(own)).map(|met| *met += 1).is_some()
    }

    /// Looks up the service of such a row, and counts it. One that had no room is looked up again
    /// once its group has a label; it has been counted as overflow already.
    pub(crate) fn meet_first(&mut self, row: &mut Row, groups: &Groups) {
        if row.service.is_some() && groups.is_labelled(row.group) {
            let overflow = self.overflow;
            row.service = None;
            self.number_of(row, groups);
            self.overflow = overflow;
        }
        let service = self.number_of(row, groups);
        self.met[service.position()] += 1;
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

    /// Returns the service of a row. It is looked up once and then stored in the row; that of a
    /// young name is looked up each time, because the name has one of its own soon.
    #[inline]
    pub(crate) fn of(&mut self, row: &mut Row, groups: &Groups) -> &mut Service {
        let found = self.number_of(row, groups);
        let entry = &mut self.list[found.position()];
        debug_assert!(entry.live, "a service does not end before the rows that it counts");
        &mut entry.service
    }

    /// Returns all services whose names are known. The overflow services are shown once they have
    /// counted something.
    pub(crate) fn snapshot(&self, groups: &Groups) -> Vec<Service> {
        let counted = |service: &Service| service.events() + service.established > 0;
        let shown =
            |(_, entry): &(_, &Entry)| entry.service.port.is_some() || counted(&entry.service);
        let named = |(at, entry): (usize, &Entry)| Service {
            process: Arc::clone(groups.name(entry.group)),
            workload: Arc::clone(groups.workload(entry.group)),
            failed_to: self.named.of(at),
            ..entry.service.clone()
        };
        self.known(groups).filter(shown).map(named).collect()
    }

    /// Returns the services whose names are known, each with its position.
    fn known<'a>(&'a self, groups: &'a Groups) -> impl Iterator<Item = (usize, &'a Entry)> {
        let all = self.list.iter().enumerate();
        all.filter(|(_, entry)| entry.live && !groups.is_pending(entry.group))
    }

    /// Adds what [`Self::snapshot`] shows of all services together.
    pub(crate) fn add_to(&self, totals: &mut Totals, groups: &Groups) {
        for (_, Entry { service, .. }) in self.known(groups) {
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
                self.end(index, into);
            } else {
                entry.group = successor;
                self.index.insert((successor, port), index);
            }
        }
    }

    /// Ends a service that is in no index; the one at `into` takes what it counted.
    fn end(&mut self, service: ServiceId, into: usize) {
        let entry = &mut self.list[service.position()];
        let gone = std::mem::replace(&mut entry.service, empty(Role::Unknown, None));
        entry.live = false;
        self.list[into].service.add(&gone);
        self.named.end(service.position(), into);
        let met = std::mem::take(&mut self.met[service.position()]);
        self.met[into] += met;
        self.free.push(service);
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

    fn number_of(&mut self, row: &mut Row, groups: &Groups) -> ServiceId {
        if let Some(found) = row.service {
            return found;
        }
        let found = if groups.is_young(row.group) {
            self.of_young(groups.role(row.group), row.service_port())
        } else {
            let found = self.find(row, groups);
            row.service = Some(found);
            found
        };
        self.named.meet(found.position(), row);
        found
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
        let used = self.list.len() - self.free.len() - ALWAYS - self.young.len();
        if used >= self.limit + if self.merging || groups.is_pending(row.group) { SPARE } else { 0 }
        {
            self.overflow += 1;
            return number(role.index());
        }
        self.make(key, role)
    }

    /// Makes the service of a group and a port.
    fn make(&mut self, key: (GroupId, u16), role: Role) -> ServiceId {
        let service = empty(role, Some(key.1));
        let entry = Entry { group: key.0, live: true, service };
        let at = if let Some(at) = self.free.pop() {
            self.list[at.position()] = entry;
            at
        } else {
            self.list.push(entry);
            self.met.push(0);
            number(self.list.len() - 1)
        };
        debug_assert!(
            self.list.len() - self.free.len() <= ALWAYS + self.limit + SPARE + YOUNG_PORTS,
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
