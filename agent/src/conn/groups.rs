//! Processes and what is counted for each in each role: the ordered lists behind the state gauges,
//! and the segments sent again.
//!
//! Used by the table. Guarantees: at most `limit` groups besides the six that are always there
//! (`unknown` and `~other`, in each role); beyond that a row falls into `~other`, its role kept, and
//! is counted as overflow once each time it is given an owner that has no group. A group is never
//! removed. Names come from hostile bytes and leave as clean text.

use std::sync::Arc;

use agent_common::record::Retransmit;
use hashbrown::HashMap;

use super::labels::{Phase, RetransmitKind, Role, SocketState};
use super::lists::{Cuts, List};
use super::owner::{Name, Owner};
use super::retransmit::classify;
use super::rows::{Row, Rows};
use super::snapshot::{self, OTHER, Queued};

/// The process name of sockets without a known owner.
pub(super) const UNKNOWN: &str = "unknown";
/// Process 0: no owner known.
pub(super) const UNKNOWN_PROCESS: u16 = 0;
/// Process 1: every process beyond the budget.
pub(super) const OTHER_PROCESS: u16 = 1;
const NO_GROUP: u16 = u16::MAX;

/// A process name and its groups.
struct Process {
    name: Arc<str>,
    groups: [u16; Role::COUNT],
}

/// One process in one role.
struct Group {
    process: u16,
    role: Role,
    /// Whether it has ever held a row or counted a segment; a group that has not is not shown.
    used: bool,
    lists: [List; SocketState::COUNT],
    /// Those in FIN_WAIT2 that nobody has a descriptor of: they are no leak, so their ages are not asked.
    left: List,
    retransmitted: [[u64; RetransmitKind::COUNT]; Phase::COUNT],
    /// What waited in its sockets when the last pass looked.
    queued: Queued,
}

/// All of them.
pub(super) struct Groups {
    processes: Vec<Process>,
    names: HashMap<Arc<str>, u16>,
    list: Vec<Group>,
    limit: usize,
    /// Owners that had to be folded into `~other`.
    pub(super) overflow: u64,
}

impl Groups {
    /// The groups that are always there, and room for `limit` more.
    pub(super) fn new(limit: usize) -> Self {
        let always = 2 * Role::COUNT;
        let mut new = Self {
            processes: Vec::new(),
            names: HashMap::new(),
            list: Vec::new(),
            limit: limit.min(usize::from(NO_GROUP) - always) + always,
            overflow: 0,
        };
        for name in [UNKNOWN, OTHER] {
            let process = new.add_process(name);
            for role in Role::ALL {
                new.add_group(process, *role);
            }
        }
        new
    }

    /// The group of a process by its name, made where there is room.
    pub(super) fn of_name(&mut self, name: &Name, role: Role) -> u16 {
        match self.names.get(name.as_str()) {
            Some(process) => self.of_process(*process, role),
            None if self.list.len() < self.limit => {
                let process = self.add_process(name.as_str());
                self.add_group(process, role)
            }
            None => self.fold(role),
        }
    }

    /// The group of a known process, made where there is room.
    pub(super) fn of_process(&mut self, process: u16, role: Role) -> u16 {
        match self.processes[usize::from(process)].groups[role.index()] {
            NO_GROUP if self.list.len() < self.limit => self.add_group(process, role),
            NO_GROUP => self.fold(role),
            group => group,
        }
    }

    /// Whether a row's group is already the one of this owner.
    pub(super) fn keeps(&self, row: &Row, name: &Name, tgid: u32) -> bool {
        let group = &self.list[usize::from(row.group)];
        let folded = group.process == OTHER_PROCESS && row.tgid == tgid && row.owner >= Owner::Holder;
        group.role == row.role && (folded || *self.processes[usize::from(group.process)].name == *name.as_str())
    }

    /// The process of a group.
    pub(super) fn process(&self, group: u16) -> u16 {
        self.list[usize::from(group)].process
    }

    /// The process name of a group.
    pub(super) fn name(&self, group: u16) -> &Arc<str> {
        &self.processes[usize::from(self.process(group))].name
    }

    /// The role of a group.
    pub(super) fn role(&self, group: u16) -> Role {
        self.list[usize::from(group)].role
    }

    /// The list of a group's rows in a state.
    pub(super) fn list(&mut self, group: u16, state: SocketState) -> &mut List {
        let group = &mut self.list[usize::from(group)];
        group.used = true;
        &mut group.lists[state.index()]
    }

    /// The list that a row belongs to.
    pub(super) fn list_of(&mut self, row: &Row) -> &mut List {
        if !row.is_left() {
            return self.list(row.group, row.state);
        }
        let group = &mut self.list[usize::from(row.group)];
        group.used = true;
        &mut group.left
    }

    /// Counts segments sent again.
    pub(super) fn retransmit(&mut self, group: u16, record: &Retransmit) {
        let (phase, kind) = classify(record.state, record.ca_state, record.pending);
        let group = &mut self.list[usize::from(group)];
        group.used = true;
        group.retransmitted[phase.index()][kind.index()] += u64::from(record.segments);
    }

    /// Takes what waits in the sockets of each group; nothing in those that are not among them.
    pub(super) fn queue(&mut self, queued: &HashMap<u16, Queued>) {
        for (index, group) in (0..).zip(&mut self.list) {
            group.queued = queued.get(&index).copied().unwrap_or_default();
        }
    }

    /// What the groups show, their ages brought up to `cuts`.
    pub(super) fn snapshot(&mut self, rows: &Rows, cuts: &Cuts) -> Vec<snapshot::Group> {
        let processes = &self.processes;
        let show = |group: &mut Group| {
            for list in &mut group.lists {
                list.advance(rows, cuts);
            }
            snapshot::Group {
                process: Arc::clone(&processes[usize::from(group.process)].name),
                role: group.role,
                states: group.lists.map(|list| list.gauge(rows)),
                close_wait: group.lists[SocketState::CloseWait.index()].stages(),
                queued: group.queued,
                retransmitted: group.retransmitted,
            }
        };
        self.list.iter_mut().filter(|group| group.used).map(show).collect()
    }

    /// Brings the cursors of every list up to `cuts`.
    pub(super) fn advance(&mut self, rows: &Rows, cuts: &Cuts) {
        self.list.iter_mut().flat_map(|group| &mut group.lists).for_each(|list| list.advance(rows, cuts));
    }

    /// When the oldest row entered its leak state that has not been verified in it.
    pub(super) fn unverified_since(&self, rows: &Rows) -> Option<u64> {
        self.list.iter().flat_map(|group| &group.lists).filter_map(|list| list.unverified_since(rows)).min()
    }

    /// How many groups there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> u16 {
        u16::try_from(self.list.len()).unwrap_or(NO_GROUP)
    }

    fn fold(&mut self, role: Role) -> u16 {
        self.overflow += 1;
        self.processes[usize::from(OTHER_PROCESS)].groups[role.index()]
    }

    fn add_process(&mut self, name: &str) -> u16 {
        let name: Arc<str> = name.into();
        // There are never more processes than groups, and those are fewer than `u16::MAX`.
        let process = u16::try_from(self.processes.len()).unwrap_or(OTHER_PROCESS);
        self.names.insert(Arc::clone(&name), process);
        self.processes.push(Process { name, groups: [NO_GROUP; Role::COUNT] });
        process
    }

    fn add_group(&mut self, process: u16, role: Role) -> u16 {
        let group = u16::try_from(self.list.len()).unwrap_or(0);
        self.processes[usize::from(process)].groups[role.index()] = group;
        let lists = std::array::from_fn(|state| List::new(SocketState::ALL[state].can_leak()));
        let retransmitted = [[0; RetransmitKind::COUNT]; Phase::COUNT];
        self.list.push(Group { process, role, used: false, lists, left: List::new(false), retransmitted, queued: Queued::default() });
        group
    }
}
