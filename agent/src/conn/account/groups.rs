//! Processes in their workloads and what is counted for each in each role: the ordered lists behind
//! the state gauges, and the segments sent again.
//!
//! Used by the table. Guarantees: at most `limit` groups besides the six that are always there
//! (`unknown` and `~other`, in each role), and [`SPARE`] more for those whose workload is not known
//! yet; beyond that a row falls into `~other`, its role kept, and is counted as overflow once each
//! time it is given an owner that has no group. A group is removed when its process has had no row
//! in that workload for [`GRACE`]; what it counted goes to `~other`. Names come from hostile bytes
//! and leave as clean text.

mod life;
mod registry;
mod shown;

use std::num::TryFromIntError;
use std::sync::Arc;

use agent_common::record::Retransmit;
use catalogue::labels::{OTHER, Phase, RetransmitKind, Role, SocketState};
use catalogue::limits::SPARE;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::group_cache::{CacheKey, GroupCache};
use super::workloads::{Place, Workloads};
use crate::conn::limits::{Budget, IDLE_TTL, UNKNOWN};
use crate::conn::report::snapshot::Queued;
use crate::conn::socket::attribution::Attribution;
use crate::conn::socket::name::Name;
use crate::conn::socket::retransmit::classify;
use crate::conn::socket::row::Row;
use crate::conn::store::age_list::{AgeList, AgeThresholds};
use crate::conn::store::slab::Slab;
use crate::internal_error::internal_error;
use crate::workload::{Kind, Workload};

/// The groups that are always there: first `unknown`, then `~other`, each in the order of the
/// roles.
const ALWAYS: usize = 2 * Role::COUNT;
/// The most groups that an index can tell apart.
const MOST: usize = u16::MAX as usize;

/// One process in one workload and role.
struct Group {
    process: Arc<str>,
    place: Place,
    role: Role,
    live: bool,
    /// Whether it has ever held a row or counted a segment; a group that has not is not shown.
    used: bool,
    /// Whether it was looked up or held a row since the last look at idle ones.
    touched: bool,
    /// When its process was last seen to have a row in its workload.
    alive: u64,
    lists: [AgeList; SocketState::COUNT],
    /// Those in FIN_WAIT2 that nobody has a descriptor of: they are no leak, so their ages are not
    /// asked.
    left: AgeList,
    retransmitted: [[u64; RetransmitKind::COUNT]; Phase::COUNT],
    /// What waited in its sockets when the last pass looked.
    queued: Queued,
}

impl Group {
    fn is(&self, process: &str, place: &Place, role: Role) -> bool {
        self.role == role && self.place == *place && *self.process == *process
    }

    fn is_empty(&self) -> bool {
        self.lists.iter().chain([&self.left]).all(AgeList::is_empty)
    }
}

/// The number of the group at a position. It fits: there are at most [`MOST`].
#[inline]
fn number(position: usize) -> u16 {
    u16::try_from(position).unwrap_or_else(|_too_large: TryFromIntError| {
        internal_error("the number of a group fits into 16 bits");
        0
    })
}

/// All of them.
pub(crate) struct Groups {
    list: Vec<Group>,
    free: Vec<u16>,
    index: HashTable<u16>,
    hasher: DefaultHashBuilder,
    cache: GroupCache,
    unknown: Arc<Workload>,
    limit: usize,
    /// Owners that had to be folded into `~other`.
    pub(crate) overflow: u64,
}

impl Groups {
    /// The groups that are always there, and room for `limit` more.
    pub(crate) fn new(limit: usize, unknown: &Arc<Workload>) -> Self {
        let mut new = Self {
            list: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            cache: GroupCache::new(),
            unknown: Arc::clone(unknown),
            limit: limit.min(MOST - SPARE - ALWAYS),
            overflow: 0,
        };
        let other =
            Arc::new(Workload { name: OTHER.into(), kind: Kind::Unknown, ..Workload::host() });
        for (process, workload) in [(UNKNOWN, unknown), (OTHER, &other)] {
            let process = process.into();
            for role in Role::ALL {
                new.add(&process, &Place::Named(Arc::clone(workload)), *role);
            }
        }
        new
    }

    /// The group of sockets of which neither owner nor workload is known.
    pub(crate) fn nobody(role: Role) -> u16 {
        number(role.index())
    }

    /// The group of what is beyond the budget.
    pub(crate) fn other(role: Role) -> u16 {
        number(Role::COUNT + role.index())
    }

    /// The group of a process by its name, made where there is room.
    pub(crate) fn of_name(&mut self, name: &Name, place: &Place, role: Role) -> u16 {
        match self.find(name.as_str(), place, role) {
            Some(group) => group,
            None => self.make(&name.as_str().into(), place, role),
        }
    }

    /// The group of a process by its name, made where there is room; none, and nothing counted,
    /// where there is not.
    pub(crate) fn of_name_if_room(
        &mut self,
        name: &Name,
        place: &Place,
        role: Role,
    ) -> Option<u16> {
        self.find_or_add(&name.as_str().into(), place, role)
    }

    /// The group of another's process in this place and role; none, and nothing counted, where
    /// there is no room.
    pub(crate) fn sibling_if_room(&mut self, group: u16, place: &Place, role: Role) -> Option<u16> {
        let process = Arc::clone(&self.list[usize::from(group)].process);
        self.find_or_add(&process, place, role)
    }

    /// The group of another's process in this place and role, made where there is room.
    pub(crate) fn sibling(&mut self, group: u16, place: &Place, role: Role) -> u16 {
        if Self::is_other(group) {
            return Self::other(role);
        }
        let process = Arc::clone(&self.list[usize::from(group)].process);
        self.find(&process, place, role).unwrap_or_else(|| self.make(&process, place, role))
    }

    /// The same process in the same workload, in this role.
    pub(crate) fn in_role(&mut self, group: u16, role: Role) -> u16 {
        if self.role(group) == role {
            return group;
        }
        let place = self.list[usize::from(group)].place.clone();
        self.sibling(group, &place, role)
    }

    /// Whether a row's group is already the one of this owner.
    pub(crate) fn keeps(&self, row: &Row, name: &Name, place: &Place, tgid: u32) -> bool {
        let group = &self.list[usize::from(row.group)];
        let folded = Self::is_other(row.group)
            && row.tgid == tgid
            && row.attribution >= Attribution::FromDescriptors;
        group.role == row.role && (folded || group.is(name.as_str(), place, row.role))
    }

    /// Whether a group is the one of a process in this place and role.
    pub(crate) fn is(&self, group: u16, process: &str, place: &Place, role: Role) -> bool {
        self.list[usize::from(group)].is(process, place, role)
    }

    /// The group that was the answer to a question, where nothing has changed since that it rests
    /// on.
    #[inline]
    pub(crate) fn cached_group(&self, key: CacheKey, workloads: &Workloads) -> Option<u16> {
        self.cache.get(key, workloads.epoch())
    }

    /// Remembers the answer to a question.
    pub(crate) fn cache_group(&mut self, key: CacheKey, workloads: &Workloads, group: u16) {
        self.cache.put(key, workloads.epoch(), group);
    }

    /// Forgets every answer, to see what differs without them.
    #[cfg(test)]
    pub(crate) fn clear_cache(&mut self) {
        self.cache.clear();
    }

    /// Notes that a group is in use.
    #[inline]
    pub(crate) fn touch(&mut self, group: u16) {
        self.list[usize::from(group)].touched = true;
    }

    /// The process name of a group.
    pub(crate) fn name(&self, group: u16) -> &Arc<str> {
        &self.list[usize::from(group)].process
    }

    /// The name of its workload; `unknown` while that is not known yet.
    pub(crate) fn workload(&self, group: u16) -> &Arc<str> {
        self.list[usize::from(group)].place.label(&self.unknown)
    }

    /// The names of its process and workload.
    pub(crate) fn labels(&self, group: u16) -> (Arc<str>, Arc<str>) {
        (Arc::clone(self.name(group)), Arc::clone(self.workload(group)))
    }

    /// Whether its workload is `unknown`.
    pub(crate) fn has_unknown_workload(&self, group: u16) -> bool {
        matches!(&self.list[usize::from(group)].place, Place::Named(workload) if Arc::ptr_eq(workload, &self.unknown))
    }

    /// Whether its workload is not known yet.
    pub(crate) fn is_pending(&self, group: u16) -> bool {
        self.list[usize::from(group)].place.is_pending()
    }

    /// The role of a group.
    pub(crate) fn role(&self, group: u16) -> Role {
        self.list[usize::from(group)].role
    }

    /// The list of a group's rows in a state, to be changed; `left` for those that nobody has a
    /// descriptor of.
    #[inline]
    pub(crate) fn list_at(&mut self, group: u16, state: SocketState, left: bool) -> &mut AgeList {
        let group = &mut self.list[usize::from(group)];
        (group.used, group.touched) = (true, true);
        if left { &mut group.left } else { &mut group.lists[state.index()] }
    }

    /// The list that a row belongs to.
    #[inline]
    pub(crate) fn list_of(&mut self, row: &Row) -> &mut AgeList {
        self.list_at(row.group, row.state, row.is_left())
    }

    /// Some rows of a group, the oldest of each state first.
    pub(crate) fn first_rows(&self, group: u16, rows: &Slab, most: usize) -> Vec<u32> {
        let group = &self.list[usize::from(group)];
        group
            .lists
            .iter()
            .chain([&group.left])
            .flat_map(|list| list.indices(rows))
            .take(most)
            .collect()
    }

    /// Counts segments sent again.
    pub(crate) fn retransmit(&mut self, group: u16, record: &Retransmit) {
        let (phase, kind) = classify(record.state, record.ca_state, record.pending);
        let group = &mut self.list[usize::from(group)];
        group.used = true;
        group.retransmitted[phase.index()][kind.index()] += u64::from(record.segments);
    }

    /// Takes what waits in the sockets of each group; nothing in those that are not among them.
    pub(crate) fn queue(&mut self, queued: &[Queued]) {
        for (index, group) in self.list.iter_mut().enumerate() {
            group.queued = queued.get(index).copied().unwrap_or_default();
        }
    }

    /// Brings the cursors of every list up to `cuts`, past as many rows as `budget` has; whether
    /// all are there.
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

    /// When the oldest row entered its leak state that has not been verified in it.
    pub(crate) fn unverified_since(&self, rows: &Slab) -> Option<u64> {
        self.list
            .iter()
            .flat_map(|group| &group.lists)
            .filter_map(|list| list.unverified_since(rows))
            .min()
    }

    /// How many places for groups there are.
    pub(crate) fn len(&self) -> u16 {
        u16::try_from(self.list.len()).unwrap_or(u16::MAX)
    }

    /// A list to look at.
    #[cfg(test)]
    pub(crate) fn peek(&self, row: &Row) -> AgeList {
        let group = &self.list[usize::from(row.group)];
        if row.is_left() { group.left } else { group.lists[row.state.index()] }
    }

    fn indices(&self) -> impl Iterator<Item = u16> + '_ {
        (0..=u16::MAX).zip(&self.list).filter(|(_, group)| group.live).map(|(at, _)| at)
    }

    pub(crate) fn is_other(group: u16) -> bool {
        (Role::COUNT..ALWAYS).contains(&usize::from(group))
    }
}
