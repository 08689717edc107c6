//! Processes in their workloads, and what is counted for each in each role: the ordered lists
//! behind the state gauges, and the retransmitted segments.
//!
//! Used by the table. Guarantees: [`labels`] bounds the groups with a label, besides those that are
//! always there (`unknown`, `~other` and `~young`, in each role). Others have a name only, and
//! metrics show them as `~other`, or as `~young` until they are old enough for a label ([`young`]).
//! Without room for a name a row falls into `~other` and keeps its role. A row counts as overflow
//! once each time it gets an owner that has no label. A group is removed after its process has had
//! no row in that workload for [`IDLE_TTL`]; `~other` takes what it counted.
//! Names come from hostile bytes and leave as clean text.

mod labels;
mod life;
mod names;
mod places;
mod registry;
mod share;
mod shown;
mod unknown;
mod young;

use std::sync::Arc;

use agent_common::record::Retransmit;
use catalogue::labels::{OTHER, Phase, RetransmitKind, Role, SocketState, YOUNG};
use catalogue::limits::IDLE_AGES;
use hashbrown::{DefaultHashBuilder, HashTable};

use self::labels::{Label, Labels};
use self::places::Places;
pub(crate) use self::places::scarce_from;
use self::share::Users;
use self::young::{Nursery, Youth};
use super::destinations::IdleTo;
use super::group_cache::{CacheKey, GroupCache};
use super::workloads::{WorkloadRef, Workloads};
use crate::conn::ids::{GroupId, RowId};
use crate::conn::limits::{Budget, IDLE_TTL, Limits, UNKNOWN, WANTED_TTL};
use crate::conn::nanos::Nanos;
use crate::conn::report::seen::Seen;
use crate::conn::report::snapshot::Queued;
use crate::conn::socket::attribution::Attribution;
use crate::conn::socket::name::Name;
use crate::conn::socket::retransmit::phase_and_kind;
use crate::conn::socket::row::Row;
use crate::conn::store::age_list::{AgeList, AgeThresholds};
use crate::conn::store::slab::Slab;
use crate::internal_error::internal_error;
use crate::workload::{Kind, Workload};

/// The number of groups that are always there: first `unknown`, then `~other`, then `~young`, each
/// in the order of the roles.
const ALWAYS: usize = 3 * Role::COUNT;

/// One process in one workload and role.
struct GroupEntry {
    process: Arc<str>,
    workload: WorkloadRef,
    role: Role,
    /// The users of its sockets.
    users: Users,
    live: bool,
    label: Label,
    /// Whether it has ever held a row or counted a segment; only such a group is shown.
    used: bool,
    /// Whether it was looked up or held a row since idle groups were last looked for.
    touched: bool,
    /// When its process was last seen to have a row in its workload.
    alive: Nanos,
    youth: Youth,
    lists: [AgeList; SocketState::COUNT],
    /// The gauges of `lists` that a snapshot has shown above 0.
    seen: Seen,
    /// The rows in FIN_WAIT2 that no process has a descriptor of. They are no leak, so their ages
    /// are not counted.
    left: AgeList,
    retransmitted: [[u64; RetransmitKind::COUNT]; Phase::COUNT],
    /// The bytes that waited in its sockets at the last pass.
    queued: Queued,
    /// Those of its idle connections that go to a named destination, likewise.
    idle_to: Vec<(u8, [u64; IDLE_AGES.len()])>,
}

impl GroupEntry {
    fn is(&self, process: &str, workload: &WorkloadRef, role: Role) -> bool {
        self.role == role && self.workload == *workload && *self.process == *process
    }

    fn is_empty(&self) -> bool {
        self.lists.iter().chain([&self.left]).all(AgeList::is_empty)
    }
}

/// Returns the number of the group at a position. It fits: there are at most [`GroupId::COUNT`].
#[inline]
fn number(position: usize) -> GroupId {
    GroupId::at(position).unwrap_or_else(|| {
        internal_error("the number of a group fits into 16 bits");
        GroupId::FIRST
    })
}

/// The groups, by number and by name.
pub(crate) struct Groups {
    list: Vec<GroupEntry>,
    free: Vec<GroupId>,
    index: HashTable<GroupId>,
    hasher: DefaultHashBuilder,
    cache: GroupCache,
    unknown: Arc<Workload>,
    labels: Labels,
    places: Places,
    nursery: Nursery,
    /// How many rows got an owner that has no label.
    pub(crate) overflow: u64,
}

impl Groups {
    /// Creates the groups that are always there, with room for more.
    pub(crate) fn new(limits: &Limits, unknown: &Arc<Workload>) -> Self {
        let mut new = Self {
            list: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            cache: GroupCache::new(),
            unknown: Arc::clone(unknown),
            labels: Labels::new(limits),
            places: Places::default(),
            nursery: Nursery::new(limits.young),
            overflow: 0,
        };
        let [other, young] = [OTHER, YOUNG].map(|name| {
            Arc::new(Workload { name: name.into(), kind: Kind::Unknown, ..Workload::host() })
        });
        for (process, workload) in [(UNKNOWN, unknown), (OTHER, &other), (YOUNG, &young)] {
            let process = process.into();
            for role in Role::ALL {
                let workload = WorkloadRef::Named(Arc::clone(workload));
                new.add(&process, &workload, *role, (Label::Own, None));
            }
        }
        new.labels.begin();
        new
    }

    /// Returns the group of sockets of which neither owner nor workload is known.
    pub(crate) fn nobody(role: Role) -> GroupId {
        number(role.index())
    }

    /// Returns the group of what is beyond the budget.
    pub(crate) fn other(role: Role) -> GroupId {
        number(Role::COUNT + role.index())
    }

    /// Returns the group under which metrics show what is too young for a label.
    pub(crate) fn young(role: Role) -> GroupId {
        number(2 * Role::COUNT + role.index())
    }

    /// Returns whether a row's group is already the one of this owner.
    pub(crate) fn keeps(&self, row: &Row, name: &Name, workload: &WorkloadRef, tgid: u32) -> bool {
        let group = &self.list[row.group.position()];
        let folded = Self::is_other(row.group)
            && row.tgid == tgid
            && row.attribution >= Attribution::FromDescriptors;
        group.role == row.role && (folded || group.is(name.as_str(), workload, row.role))
    }

    /// Returns whether a group is the one of a process in this workload and role.
    pub(crate) fn is(
        &self,
        group: GroupId,
        process: &str,
        workload: &WorkloadRef,
        role: Role,
    ) -> bool {
        self.list[group.position()].is(process, workload, role)
    }

    /// Returns the cached group of a key, if nothing that it rests on has changed since.
    #[inline]
    pub(crate) fn cached_group(&self, key: CacheKey, workloads: &Workloads) -> Option<GroupId> {
        self.cache.get(key, workloads.epoch())
    }

    /// Caches the group of a key.
    pub(crate) fn cache_group(&mut self, key: CacheKey, workloads: &Workloads, group: GroupId) {
        self.cache.put(key, workloads.epoch(), group);
    }

    /// Clears the cache, to compare the results without it.
    #[cfg(test)]
    pub(crate) fn clear_cache(&mut self) {
        self.cache.clear();
    }

    /// Notes that a group is in use.
    #[inline]
    pub(crate) fn touch(&mut self, group: GroupId) {
        self.list[group.position()].touched = true;
    }

    /// Returns the list of a group's rows in a state, to be changed; `left` selects the rows that
    /// no process has a descriptor of.
    #[inline]
    pub(crate) fn list_at(
        &mut self,
        group: GroupId,
        state: SocketState,
        left: bool,
    ) -> &mut AgeList {
        let group = &mut self.list[group.position()];
        debug_assert!(group.live, "a group with rows does not end");
        (group.used, group.touched) = (true, true);
        if left { &mut group.left } else { &mut group.lists[state.index()] }
    }

    /// Returns the list that a row belongs to.
    #[inline]
    pub(crate) fn list_of(&mut self, row: &Row) -> &mut AgeList {
        self.list_at(row.group, row.state, row.is_left())
    }

    /// Returns at most `most` rows of a group, the oldest of each state first.
    pub(crate) fn first_rows(&self, group: GroupId, rows: &Slab, most: usize) -> Vec<RowId> {
        let group = &self.list[group.position()];
        group
            .lists
            .iter()
            .chain([&group.left])
            .flat_map(|list| list.indices(rows))
            .take(most)
            .collect()
    }

    /// Counts retransmitted segments.
    pub(crate) fn retransmit(&mut self, group: GroupId, record: &Retransmit) {
        let (phase, kind) = phase_and_kind(record.state, record.ca_state, record.pending);
        let group = &mut self.list[group.position()];
        debug_assert!(group.live, "a group that counts has not ended");
        group.used = true;
        group.retransmitted[phase.index()][kind.index()] += u64::from(record.segments);
    }

    /// Takes what waits in the sockets of each group, and what is idle by destination; a group that
    /// is not in `queued` has nothing waiting.
    pub(crate) fn queue(&mut self, queued: &[Queued], idle_to: &IdleTo) {
        for (index, group) in self.list.iter_mut().enumerate() {
            group.queued = queued.get(index).copied().unwrap_or_default();
            group.idle_to.clear();
        }
        for ((group, to), idle) in idle_to {
            self.list[group.position()].idle_to.push((*to, *idle));
        }
    }

    /// Brings the cursors of every list up to `thresholds`, past as many rows as `budget` has.
    /// Returns `false` if the budget is spent.
    pub(crate) fn advance(
        &mut self,
        rows: &Slab,
        thresholds: &AgeThresholds,
        budget: &mut Budget,
    ) -> bool {
        for list in self.list.iter_mut().flat_map(|group| &mut group.lists) {
            list.advance(rows, thresholds, budget);
        }
        !budget.is_spent()
    }

    /// Returns when the oldest row that is not verified yet entered its leak state.
    pub(crate) fn unverified_since(&self, rows: &Slab) -> Option<Nanos> {
        self.list
            .iter()
            .flat_map(|group| &group.lists)
            .filter_map(|list| list.unverified_since(rows))
            .min()
    }

    /// Returns how long the list is, removed groups included.
    pub(crate) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the list of a row.
    #[cfg(test)]
    pub(crate) fn peek(&self, row: &Row) -> AgeList {
        let group = &self.list[row.group.position()];
        if row.is_left() { group.left } else { group.lists[row.state.index()] }
    }

    fn indices(&self) -> impl Iterator<Item = GroupId> + '_ {
        let live = self.list.iter().enumerate().filter(|(_, group)| group.live);
        live.map(|(at, _)| number(at))
    }
}
