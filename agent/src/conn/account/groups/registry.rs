//! How groups are found by their names, and made if there is room.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use catalogue::labels::{Role, SocketState};
use hashbrown::DefaultHashBuilder;

use super::labels::Label;
use super::young::Youth;
use super::{ALWAYS, GroupEntry, Groups, UNKNOWN, number};
use crate::conn::account::workloads::WorkloadRef;
use crate::conn::ids::GroupId;
use crate::conn::nanos::Nanos;
use crate::conn::report::seen::Seen;
use crate::conn::report::snapshot::Queued;
use crate::conn::socket::name::Name;
use crate::conn::store::age_list::AgeList;
use crate::internal_error::internal_error;
use crate::workload::Key;

impl Groups {
    /// Returns the group of a process by its name, and makes it if there is room; else `~other`,
    /// counted as overflow. `user` is that of the socket, if it is known.
    pub(crate) fn of_name(
        &mut self,
        name: &Name,
        workload: &WorkloadRef,
        role: Role,
        user: Option<u32>,
    ) -> GroupId {
        match self.find(name.as_str(), workload, role) {
            Some(group) => {
                self.meet_user(group, user);
                self.counted(group)
            }
            None => self.make(&name.as_str().into(), workload, role, user),
        }
    }

    /// Returns the group of a process by its name, and makes it if there is room. Returns `None`
    /// and counts nothing if there is none.
    pub(crate) fn of_name_if_room(
        &mut self,
        name: &Name,
        workload: &WorkloadRef,
        role: Role,
    ) -> Option<GroupId> {
        self.find_or_add(&name.as_str().into(), workload, role, None)
    }

    /// Returns the group of another group's process in this workload and role. Returns `None` and
    /// counts nothing if there is no room.
    pub(crate) fn sibling_if_room(
        &mut self,
        group: GroupId,
        workload: &WorkloadRef,
        role: Role,
    ) -> Option<GroupId> {
        let GroupEntry { process, users, .. } = &self.list[group.position()];
        let (process, user) = (Arc::clone(process), users.only());
        self.find_or_add(&process, workload, role, user)
    }

    /// Returns the group of another group's process in this workload and role, and makes it if
    /// there is room.
    pub(crate) fn sibling(
        &mut self,
        group: GroupId,
        workload: &WorkloadRef,
        role: Role,
    ) -> GroupId {
        if Self::is_other(group) {
            return Self::other(role);
        }
        let GroupEntry { process, users, .. } = &self.list[group.position()];
        let (process, user) = (Arc::clone(process), users.only());
        match self.find(&process, workload, role) {
            Some(group) => self.counted(group),
            None => self.make(&process, workload, role, user),
        }
    }

    /// Returns a group to which a row comes; the row counts as overflow if the group is beyond the
    /// budget.
    fn counted(&mut self, group: GroupId) -> GroupId {
        self.overflow += u64::from(self.list[group.position()].label == Label::Other);
        group
    }

    /// Returns the group of the same process and workload in this role.
    pub(crate) fn in_role(&mut self, group: GroupId, role: Role) -> GroupId {
        if self.role(group) == role {
            return group;
        }
        let workload = self.list[group.position()].workload.clone();
        self.sibling(group, &workload, role)
    }

    pub(super) fn find(
        &mut self,
        process: &str,
        workload: &WorkloadRef,
        role: Role,
    ) -> Option<GroupId> {
        let found = self.look_up(process, workload, role)?;
        self.list[found.position()].touched = true;
        Some(found)
    }

    /// Returns the group of that name, without a sign of life.
    pub(super) fn look_up(
        &self,
        process: &str,
        workload: &WorkloadRef,
        role: Role,
    ) -> Option<GroupId> {
        let hash = hash(&self.hasher, process, workload, role);
        self.index.find(hash, |at| self.list[at.position()].is(process, workload, role)).copied()
    }

    /// Returns the group of that name, and makes it if there is room.
    pub(super) fn find_or_add(
        &mut self,
        process: &Arc<str>,
        workload: &WorkloadRef,
        role: Role,
        user: Option<u32>,
    ) -> Option<GroupId> {
        match self.find(process, workload, role) {
            None => {
                let label = self.room(process, workload, user)?;
                Some(self.add(process, workload, role, (label, user)))
            }
            found => found,
        }
    }

    /// Makes a group if there is room, with or without a label. If there is none while the workload
    /// waits for its name, its rows go to workload `unknown`. Rows without an owner stay without
    /// one.
    pub(super) fn make(
        &mut self,
        process: &Arc<str>,
        workload: &WorkloadRef,
        role: Role,
        user: Option<u32>,
    ) -> GroupId {
        if let Some(label) = self.room(process, workload, user) {
            let group = self.add(process, workload, role, (label, user));
            return self.counted(group);
        }
        if workload.is_pending() {
            let unknown_ref = WorkloadRef::Named(Arc::clone(&self.unknown));
            return self
                .find(process, &unknown_ref, role)
                .unwrap_or_else(|| self.make(process, &unknown_ref, role, user));
        }
        if **process == *UNKNOWN {
            return Self::nobody(role);
        }
        self.overflow += 1;
        Self::other(role)
    }

    pub(super) fn add(
        &mut self,
        process: &Arc<str>,
        workload: &WorkloadRef,
        role: Role,
        (label, user): (Label, Option<u32>),
    ) -> GroupId {
        let lists = std::array::from_fn(|state| AgeList::new(SocketState::ALL[state].can_leak()));
        let (process, workload) = (Arc::clone(process), workload.clone());
        let group = GroupEntry {
            process,
            workload,
            role,
            users: user.into(),
            live: true,
            label,
            used: false,
            touched: true,
            alive: Nanos::ZERO,
            youth: Youth::default(),
            lists,
            seen: Seen::default(),
            left: AgeList::new(false),
            retransmitted: Default::default(),
            queued: Queued::default(),
            idle_to: Vec::new(),
        };
        let at = if let Some(at) = self.free.pop() {
            self.list[at.position()] = group;
            at
        } else {
            self.list.push(group);
            number(self.list.len() - 1)
        };
        self.labels.take(label, self.list[at.position()].share());
        // Its gauges are seen to fall when the last young name has a label.
        if label == Label::Young {
            self.list[Self::young(role).position()].used = true;
        }
        debug_assert!(
            self.list.len() - self.free.len() <= ALWAYS + self.labels.most(),
            "groups stay within their budget"
        );
        self.remember(at);
        at
    }

    pub(super) fn remember(&mut self, group: GroupId) {
        let Self { list, index, hasher, .. } = self;
        let key = |at: &GroupId| {
            let group = &list[at.position()];
            hash(hasher, &group.process, &group.workload, group.role)
        };
        debug_assert!(
            index
                .find(key(&group), |at| {
                    let (one, other) = (&list[at.position()], &list[group.position()]);
                    one.is(&other.process, &other.workload, other.role)
                })
                .is_none(),
            "no two groups have the same names"
        );
        index.insert_unique(key(&group), group, key);
    }

    pub(super) fn forget(&mut self, group: GroupId) {
        let gone = &self.list[group.position()];
        let hash = hash(&self.hasher, &gone.process, &gone.workload, gone.role);
        match self.index.find_entry(hash, |at| *at == group) {
            Ok(entry) => drop(entry.remove()),
            Err(_absent) => internal_error("a group is found by its names"),
        }
    }
}

fn hash(hasher: &DefaultHashBuilder, process: &str, workload: &WorkloadRef, role: Role) -> u64 {
    match workload {
        WorkloadRef::Named(workload) => {
            hasher.hash_one((process, Some(&*workload.name), None::<&Key>, role))
        }
        WorkloadRef::Pending(key) => hasher.hash_one((process, None::<&str>, Some(key), role)),
    }
}
