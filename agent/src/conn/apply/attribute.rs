//! The process that a row is counted under: from a record, from the listener that it came from, or
//! from its cgroup.
//!
//! Used by the table and its passes. Every answer that rests on a name alone is asked of the
//! groups' cache first.

use agent_common::record::{Socket, State, flag, known};
use catalogue::labels::Role;

use crate::conn::account::group_cache::CacheKey;
use crate::conn::account::groups::Groups;
use crate::conn::account::workloads::Workloads;
use crate::conn::core::Core;
use crate::conn::ids::{GroupId, RowId};
use crate::conn::readers::Readers;
use crate::conn::socket::activity::has_connected;
use crate::conn::socket::attribution::{Attribution, names_owner};
use crate::conn::socket::name::Name;
use crate::conn::socket::row::Row;
use crate::conn::store::listener_index::Behind;

impl Core {
    /// Sets the owner of a row that is not in the table yet: the task that made the record if it
    /// uses the socket, else the owner of the listener behind the row if the row inherits.
    #[inline]
    pub(super) fn attribute(&mut self, row: &mut Row, inherits: bool, record: &State) {
        if inherits {
            self.inherit(row);
        }
        self.groups.name_by(&mut self.workloads, row, record, &self.readers, self.seeded);
    }

    /// Sets the owner of a row that is not in the table yet, as [`Self::attribute`] does. Returns
    /// whether the row may have a place, where places are scarce.
    #[cold]
    pub(super) fn attribute_scarce(
        &mut self,
        row: &mut Row,
        inherits: bool,
        record: &State,
    ) -> bool {
        let (limit, counted) = (self.rows.limit(), self.groups.overflow);
        if self.rows.len() >= limit {
            return false;
        }
        self.attribute(row, inherits, record);
        let workload = self.workloads.find_uncounted(row.cgroup, row.tgid);
        let has_place = self.groups.has_place(row.group, (&workload, record.uid), limit);
        if !has_place {
            // Only rows that are made count.
            self.groups.overflow = counted;
        }
        has_place
    }

    /// Returns whether a row that a pass finds may have a place.
    pub(crate) fn has_place(&mut self, entry: &Socket) -> bool {
        if self.rows.len() < self.scarce_from {
            return true;
        }
        let limit = self.rows.limit();
        let workload = self.workloads.find_uncounted(entry.ends.cgroup, 0);
        self.rows.len() < limit && self.groups.has_place_unowned(&workload, limit)
    }

    /// Sets the owner of a row of the table that is in no list, as [`Self::attribute`] does.
    #[inline]
    pub(super) fn attribute_at(&mut self, index: RowId, inherits: bool, record: &State) {
        let before = self.rows[index].attribution;
        if inherits {
            let mut row = self.rows[index];
            self.inherit(&mut row);
            self.rows[index] = row;
        }
        let seeded = self.seeded;
        let Self { rows, groups, workloads, counters, readers, .. } = self;
        let row = &mut rows[index];
        groups.name_by(workloads, row, record, readers, seeded);
        counters.attributed(before == Attribution::None && row.attribution != Attribution::None);
    }

    /// Takes the role, and the owner where none is known or it waits to be accepted, from the
    /// listener that the socket came from, if there is one. If it may be one of several processes,
    /// the owner stays as it is until the accept queues tell.
    pub(crate) fn inherit(&mut self, row: &mut Row) {
        match self.listeners.find(row.netns, row.local_port, row.local) {
            Some(Behind::One(listener)) => self.inherit_from(row, listener),
            Some(Behind::OneOfSeveral) if row.role != Role::Server => {
                self.take_role(row, Role::Server);
            }
            Some(Behind::OneOfSeveral) | None => {}
        }
    }

    /// Gives a row that is in no list a role, and the group that it has in it.
    pub(crate) fn take_role(&mut self, row: &mut Row, role: Role) {
        row.role = role;
        let group = self.groups.in_role(row.group, role);
        row.set_group(group);
    }

    /// Returns the role of a connection that has none, if the kernel's list tells: `connect` chose
    /// its local port, its peer is a listener of this host, or what the peer has acknowledged has
    /// a SYN in it, or none. One that was restored from a checkpoint has sent none, and counts as
    /// accepted.
    pub(crate) fn role_of(&self, row: &Row, entry: &Socket) -> Option<Role> {
        if row.role != Role::Unknown {
            return None;
        }
        if entry.activity.known & known::ACCEPTED != 0 {
            return Some(Role::Server);
        }
        let connects = entry.flags & flag::PORT_BY_CONNECT != 0
            || has_connected(entry)
            || self.listeners.find(row.netns, row.peer_port, row.peer).is_some();
        connects.then_some(Role::Client)
    }

    /// Takes role and owner from a listener.
    pub(crate) fn inherit_from(&mut self, row: &mut Row, listener: RowId) {
        let listener = &self.rows[listener];
        row.role = Role::Server;
        let takes = row.attribution == Attribution::None
            || (row.waits() && listener.attribution != Attribution::None);
        let source = if takes { listener.group } else { row.group };
        if takes && listener.attribution != Attribution::None {
            row.attribution = Attribution::Inherited;
            row.tgid = listener.tgid;
        }
        self.groups.follow(&mut self.workloads, row, source, row.tgid);
    }
}

impl Groups {
    /// Takes the owner from a record; the `readers` own no socket. A row without an owner
    /// follows its cgroup once a pass has ended.
    #[inline]
    fn name_by(
        &mut self,
        workloads: &mut Workloads,
        row: &mut Row,
        record: &State,
        readers: &Readers,
        seeded: bool,
    ) {
        if names_owner(record) && !readers.has(record.tgid) {
            self.claim(workloads, row, record);
            row.attribution = Attribution::FromSyscall;
        }
        if row.attribution == Attribution::None && seeded {
            self.follow_cgroup(workloads, row);
        }
    }

    /// Counts a row without an owner under its cgroup.
    fn follow_cgroup(&mut self, workloads: &mut Workloads, row: &mut Row) {
        self.follow(workloads, row, Self::nobody(row.role), 0);
    }

    /// Counts a row under the process that uses it, which made the record.
    fn claim(&mut self, workloads: &mut Workloads, row: &mut Row, record: &State) {
        let State { tgid, ref comm, uid, .. } = *record;
        let key = CacheKey::name(comm, row.cgroup, tgid, row.role.index());
        match self.cached_group(key, workloads) {
            // A row beyond the budget stays in `~other` as long as its owner is the same.
            Some(group) if !Self::is_other(row.group) => self.put(row, group),
            _ => {
                let (name, overflow) = (Name::from_comm(comm), workloads.overflow);
                let workload = workloads.find(row.cgroup, tgid);
                if !self.keeps(row, &name, &workload, tgid) {
                    let group = self.of_name(&name, &workload, row.role, Some(uid));
                    row.set_group(group);
                }
                if overflow == workloads.overflow
                    && self.is_cacheable(row.group)
                    && self.is(row.group, name.as_str(), &workload, row.role)
                {
                    self.cache_group(key, workloads, row.group);
                }
            }
        }
        row.tgid = tgid;
    }

    /// Counts a row under the process of the group `source`, in the row's own workload and role.
    fn follow(&mut self, workloads: &mut Workloads, row: &mut Row, source: GroupId, tgid: u32) {
        let key = CacheKey::relative(source, row.cgroup, tgid, row.role.index());
        if let Some(group) = self.cached_group(key, workloads) {
            self.put(row, group);
            return;
        }
        let overflow = workloads.overflow;
        let workload = workloads.find(row.cgroup, tgid);
        let counted = self.overflow;
        let group = self.sibling(source, &workload, row.role);
        if group == row.group {
            // It was counted when it came.
            self.overflow = counted;
        }
        row.set_group(group);
        if overflow == workloads.overflow
            && self.is_cacheable(group)
            && self.is(group, self.name(source), &workload, row.role)
        {
            self.cache_group(key, workloads, group);
        }
    }

    /// Assigns a row to a group that was found before.
    #[inline]
    fn put(&mut self, row: &mut Row, group: GroupId) {
        if row.group != group {
            self.touch(group);
            row.set_group(group);
        }
    }
}
