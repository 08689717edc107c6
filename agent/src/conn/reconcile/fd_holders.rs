//! Which process holds a socket now: the descriptor tables of all processes compared with the rows.
//!
//! Part of a reconcile pass. While the tables are read, each row's best holder and number of
//! holders are noted. Rows get a new owner only after the tables have been read to the end, because
//! a row's present owner may come last.
//!
//! If a socket has several holders and its present owner is one of them, the owner stays: a process
//! that forks and keeps its descriptor is still named, and `holders` shows that there are others.
//! Otherwise the lowest process id is chosen. Process 1 and the agent give way to any other holder:
//! a service manager keeps the listeners that it made for others, and the agent may have inherited
//! descriptors that its parent did not close.
//!
//! A socket that has a `struct socket` and that no process holds keeps its last owner, as
//! `Attribution::Elsewhere`: its descriptor is in flight in a unix socket, registered with an
//! io_uring alone, or a part of the kernel uses it. A child that waits in its listener's accept
//! queue follows the listener; an orphan, which the kernel closes by itself, stays with the process
//! that let it go.
//!
//! Process ids are those of the initial pid namespace. The tables are those of the processes that
//! the agent's own pid namespace shows; threads with a table of their own are walked apart
//! (`task_seq_get_next`, 5.10).

use std::cell::Cell;

use agent_common::record::Holder;
use catalogue::labels::SocketState;
use hashbrown::HashMap;

use super::subflows::Subflows;
use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::nanos::Nanos;

/// The most processes that are kept during a pass. Those beyond count as holders, but get no
/// new rows.
pub(crate) const MOST_PROCESSES: usize = 1 << 16;

/// The most holders of one listener that are remembered.
const MOST_OF_LISTENER: usize = 64;

/// Process 1, which holds sockets for others.
const INIT: u32 = 1;

/// A process that holds sockets.
#[derive(Clone, Copy)]
pub(crate) struct Process {
    tgid: u32,
    /// Its command name.
    pub(crate) comm: [u8; 16],
    /// When it was forked; zero if that is not known.
    pub(crate) started: Nanos,
}

/// The processes that a reading of the descriptor tables has met.
#[derive(Default)]
pub(crate) struct HolderScan {
    processes: HashMap<u32, Process>,
    /// The process that was looked up last: rows of one process often follow each other.
    last: Cell<Option<Process>>,
    /// The process whose descriptors are being read.
    current: u32,
    /// Whether it is kept.
    named: bool,
    /// A number that changes with the process, so that a row can tell two descriptors of one
    /// process from two processes.
    run: u16,
    /// The marks of the rows by slot, kept only as long as they are needed.
    marks: Vec<u64>,
    /// The MPTCP connections, which descriptors refer to instead of their subflows.
    pub(crate) subflows: Subflows,
    /// The processes that hold each listener, at most [`MOST_OF_LISTENER`] of each.
    listeners: HashMap<RowId, Vec<u32>>,
    /// Whether several processes hold one of them.
    has_shared_listeners: bool,
}

/// What was read of one row: the best holder, the number of holders, and the run in which the last
/// was counted. It is kept as one word in which zero means nothing, so that the system provides a
/// million of them without initialisation.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mark {
    pub(crate) candidate: u32,
    run: u16,
    pub(crate) holders: u8,
}

impl Mark {
    const fn from_word(word: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "each takes its bits")]
        Self { candidate: word as u32, run: (word >> 32) as u16, holders: (word >> 48) as u8 }
    }

    fn word(self) -> u64 {
        u64::from(self.candidate) | u64::from(self.run) << 32 | u64::from(self.holders) << 48
    }

    pub(crate) const fn is_held(self) -> bool {
        self.holders > 0
    }

    /// Adds a descriptor of another holder, or of the same; `owner` is the row's present one.
    fn with(mut self, other: Self, core: &Core, owner: u32) -> Self {
        if self.run != other.run {
            self.run = other.run;
            self.holders = self.holders.saturating_add(1);
        }
        let rank = |tgid: u32| match tgid {
            0 => (3, 0),
            _ if HolderScan::gives_way(core, tgid) => (2, tgid),
            _ if tgid == owner => (0, tgid),
            _ => (1, tgid),
        };
        if rank(other.candidate) < rank(self.candidate) {
            self.candidate = other.candidate;
        }
        self
    }
}

impl HolderScan {
    /// Notes whose descriptor this is. Returns `false` if the process is beyond the bound.
    #[inline]
    fn meet(&mut self, entry: &Holder) -> bool {
        if self.current == entry.tgid {
            return self.named;
        }
        self.current = entry.tgid;
        self.run = self.run.wrapping_add(1);
        if self.processes.len() < MOST_PROCESSES {
            let (comm, started) = (entry.comm, Nanos::new(entry.started));
            self.processes.insert(entry.tgid, Process { tgid: entry.tgid, comm, started });
        }
        self.named = self.processes.contains_key(&entry.tgid);
        self.named
    }

    #[inline]
    pub(crate) fn mark(&self, index: RowId) -> Mark {
        self.marks.get(index.slot()).copied().map_or(Mark::default(), Mark::from_word)
    }

    /// Sets the first mark beyond those that are kept; `top` is one more than the highest slot in
    /// use.
    #[cold]
    fn add_mark(&mut self, index: RowId, top: u32, mark: Mark) {
        let more = (top as usize).max(index.slot() + 1);
        if self.marks.is_empty() {
            self.marks = vec![0; more];
        } else {
            self.marks.resize(more, 0);
        }
        self.marks[index.slot()] = mark.word();
    }

    /// Whether several processes hold one listener.
    pub(crate) const fn has_shared_listeners(&self) -> bool {
        self.has_shared_listeners
    }

    /// Returns the listeners that several processes hold, with these processes.
    pub(crate) fn shared_listeners(&self) -> impl Iterator<Item = (RowId, &[u32])> {
        self.listeners
            .iter()
            .filter(|(_, holders)| holders.len() > 1)
            .map(|(listener, holders)| (*listener, holders.as_slice()))
    }

    /// Returns a process that was met, if it is kept.
    #[inline]
    pub(crate) fn process(&self, tgid: u32) -> Option<Process> {
        let last = self.last.get().filter(|last| last.tgid == tgid);
        last.or_else(|| {
            let found = self.processes.get(&tgid).copied();
            self.last.set(found);
            found
        })
    }

    /// Returns whether a process holds sockets for others.
    pub(crate) fn gives_way(core: &Core, tgid: u32) -> bool {
        tgid == INIT || core.readers.has(tgid)
    }

    /// Returns when a process was forked; zero if that is not known.
    pub(crate) fn forked(&self, tgid: u32) -> Nanos {
        self.process(tgid).map_or(Nanos::ZERO, |process| process.started)
    }

    /// Returns when the processes were forked of which that is known.
    pub(crate) fn started(&self) -> HashMap<u32, Nanos> {
        let known = self.processes.iter().filter(|(_, process)| process.started > Nanos::ZERO);
        known.map(|(tgid, process)| (*tgid, process.started)).collect()
    }

    /// Notes that descriptors refer to another socket than that of a row.
    pub(crate) fn alias(&mut self, outer: u64, index: RowId, sk: u64) {
        self.subflows.add(outer, index, sk);
    }

    /// Forgets what was read of a row, because another socket takes the row.
    pub(crate) fn forget(&mut self, index: RowId) {
        self.listeners.remove(&index);
        if let Some(word) = self.marks.get_mut(index.slot()) {
            *word = 0;
        }
    }

    /// Returns whether a process holds a row.
    pub(crate) fn holds(&self, index: RowId) -> bool {
        self.mark(index).is_held()
    }
}

impl HolderScan {
    /// Notes a holder of a socket. What follows from it is decided when the pass ends.
    #[inline]
    pub(crate) fn note(&mut self, core: &Core, entry: &Holder) {
        if entry.tgid == 0 {
            return;
        }
        let named = self.meet(entry);
        if let Some(index) = core.find(entry.sk) {
            self.hold(core, entry, index, named);
        } else if let Some(place) = self.subflows.meet(entry) {
            for number in 0.. {
                let Some((index, sk)) = self.subflows.row(place, number) else { break };
                if core.rows[index].sk == sk {
                    self.hold(core, entry, index, named);
                }
            }
        }
    }

    /// Notes a holder of a row.
    #[inline]
    fn hold(&mut self, core: &Core, entry: &Holder, index: RowId, named: bool) {
        let row = &core.rows[index];
        let candidate = if named { entry.tgid } else { 0 };
        let first = Mark { candidate, run: self.run, holders: 1 };
        // Most sockets have one holder and one descriptor.
        match self.marks.get_mut(index.slot()) {
            Some(word) if *word == 0 => *word = first.word(),
            Some(word) => *word = Mark::from_word(*word).with(first, core, row.tgid).word(),
            None => self.add_mark(index, core.rows.top(), first),
        }
        if row.state == SocketState::Listen {
            let holders = self.listeners.entry(index).or_default();
            if holders.len() < MOST_OF_LISTENER && !holders.contains(&entry.tgid) {
                holders.push(entry.tgid);
                self.has_shared_listeners |= holders.len() > 1;
            }
        }
    }
}
