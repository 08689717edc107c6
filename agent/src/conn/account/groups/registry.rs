//! How groups are found by their names, and made where there is room.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use catalogue::labels::{Role, SocketState};
use catalogue::limits::SPARE;
use hashbrown::DefaultHashBuilder;

use super::{ALWAYS, Group, Groups, UNKNOWN, number};
use crate::conn::account::workloads::Place;
use crate::conn::report::snapshot::Queued;
use crate::conn::store::age_list::AgeList;
use crate::internal_error::internal_error;
use crate::workload::Key;

impl Groups {
    pub(super) fn find(&mut self, process: &str, place: &Place, role: Role) -> Option<u16> {
        let hash = hash(&self.hasher, process, place, role);
        let found =
            *self.index.find(hash, |at| self.list[usize::from(*at)].is(process, place, role))?;
        self.list[usize::from(found)].touched = true;
        Some(found)
    }

    /// The group of that name, made where there is room.
    pub(super) fn find_or_add(
        &mut self,
        process: &Arc<str>,
        place: &Place,
        role: Role,
    ) -> Option<u16> {
        match self.find(process, place, role) {
            None if self.has_room(place) => Some(self.add(process, place, role)),
            found => found,
        }
    }

    fn has_room(&self, place: &Place) -> bool {
        let used = self.list.len() - self.free.len() - ALWAYS;
        used < self.limit + if place.is_pending() { SPARE } else { 0 }
    }

    /// A new group where there is room. A workload that waits for its name has more of it, and
    /// where that is used up its rows are those of workload `unknown`; rows without an owner
    /// stay so.
    pub(super) fn make(&mut self, process: &Arc<str>, place: &Place, role: Role) -> u16 {
        if self.has_room(place) {
            return self.add(process, place, role);
        }
        if place.is_pending() {
            let unknown_place = Place::Named(Arc::clone(&self.unknown));
            return self
                .find(process, &unknown_place, role)
                .unwrap_or_else(|| self.make(process, &unknown_place, role));
        }
        if **process == *UNKNOWN {
            return Self::nobody(role);
        }
        self.overflow += 1;
        Self::other(role)
    }

    pub(super) fn add(&mut self, process: &Arc<str>, place: &Place, role: Role) -> u16 {
        let lists = std::array::from_fn(|state| AgeList::new(SocketState::ALL[state].can_leak()));
        let (process, place) = (Arc::clone(process), place.clone());
        let group = Group {
            process,
            place,
            role,
            live: true,
            used: false,
            touched: true,
            alive: 0,
            lists,
            left: AgeList::new(false),
            retransmitted: Default::default(),
            queued: Queued::default(),
        };
        let at = if let Some(at) = self.free.pop() {
            self.list[usize::from(at)] = group;
            at
        } else {
            self.list.push(group);
            number(self.list.len() - 1)
        };
        self.remember(at);
        at
    }

    pub(super) fn remember(&mut self, group: u16) {
        let Self { list, index, hasher, .. } = self;
        let key = |at: &u16| {
            let group = &list[usize::from(*at)];
            hash(hasher, &group.process, &group.place, group.role)
        };
        index.insert_unique(key(&group), group, key);
    }

    pub(super) fn forget(&mut self, group: u16) {
        let gone = &self.list[usize::from(group)];
        let hash = hash(&self.hasher, &gone.process, &gone.place, gone.role);
        match self.index.find_entry(hash, |at| *at == group) {
            Ok(entry) => drop(entry.remove()),
            Err(_absent) => internal_error("a group is found by its names"),
        }
    }
}

fn hash(hasher: &DefaultHashBuilder, process: &str, place: &Place, role: Role) -> u64 {
    match place {
        Place::Named(workload) => {
            hasher.hash_one((process, Some(&*workload.name), None::<&Key>, role))
        }
        Place::Pending(key) => hasher.hash_one((process, None::<&str>, Some(key), role)),
    }
}
