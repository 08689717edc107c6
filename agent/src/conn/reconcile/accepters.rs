//! Which process accepts at a listener that several processes hold.
//!
//! A service manager opens a listener and hands it on (socket activation); a prefork master opens
//! one and its workers accept. Who holds accepted connections of a listener is who accepts, so the
//! listener, and what waits in its queue, belongs to that process. A process that was there at the
//! handshakes is told from one that came later: it may have been forked for the connection and have
//! inherited both. If only one came later, it is a service that was started for its first
//! connections; if several did, they are children of the one that accepts. Of connections that are
//! older than the agent it is not known when the handshake was, so they count only if no other
//! does. Part of the commit of a pass, once the descriptor tables have been read.

use std::cmp::Reverse;

use catalogue::labels::{Role, SocketState};
use hashbrown::HashMap;

use super::fd_holders::HolderScan;
use super::pass::Pass;
use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::nanos::Nanos;
use crate::conn::regroup::queue::RegroupQueue;
use crate::conn::socket::row::{Row, flag};
use crate::conn::store::listener_index::Behind;

/// Who holds how much of what was accepted at the listeners that several processes hold.
#[derive(Default)]
pub(crate) struct Accepted(HashMap<(RowId, u32), Held>);

/// How many accepted connections of a listener a process holds. The order is that of the evidence.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    /// Those whose handshake was observed after the process had been forked.
    observed: u64,
    /// Those that are older than the agent.
    earlier: u64,
    /// Those whose handshake was before the process was forked.
    late: u64,
}

impl Accepted {
    /// Counts a row that a process holds, if it was accepted at a listener.
    #[inline]
    pub(crate) fn add(&mut self, core: &Core, row: &Row, holder: u32, scan: &HolderScan) {
        if row.role != Role::Server || row.state == SocketState::Listen || !row.is_attached() {
            return;
        }
        let behind = core.listeners.find(row.netns, row.local_port, row.local);
        let Some(Behind::One(listener)) = behind else { return };
        let held = self.0.entry((listener, holder)).or_default();
        // Of a row that is older than the agent it is the latest time that it can be.
        if scan.forked(holder) > row.opened().unwrap_or(row.born.min(row.entered)) {
            held.late += 1;
        } else if row.has(flag::BORN_BEFORE) {
            held.earlier += 1;
        } else {
            held.observed += 1;
        }
    }

    fn of(&self, listener: RowId, holder: u32) -> Held {
        self.0.get(&(listener, holder)).copied().unwrap_or_default()
    }
}

impl Pass {
    /// Gives each listener that several processes hold to the one that holds most of what was
    /// accepted there. The present owner stays if it accepts too. Returns whether a listener has
    /// another owner now.
    pub(crate) fn choose_accepters(
        &self,
        core: &mut Core,
        queue: &mut RegroupQueue,
        walked: Nanos,
        accepted: &Accepted,
    ) -> bool {
        let mut moved = false;
        let mut forking = std::mem::take(&mut core.forking);
        forking.retain(|sk| {
            core.find(*sk).is_some_and(|row| core.rows[row].state == SocketState::Listen)
        });
        for (listener, holders) in self.holders.shared_listeners() {
            let row = &core.rows[listener];
            if row.state != SocketState::Listen {
                continue;
            }
            let of = |holder: u32| accepted.of(listener, holder);
            let late = holders.iter().filter(|one| of(**one).late > 0).count();
            if late > 1 {
                forking.insert(row.sk);
            }
            let scene = Scene { owner: row.tgid, holders, forks: forking.contains(&row.sk) };
            let first =
                |holder: u32| (HolderScan::gives_way(core, holder), self.holders.forked(holder));
            if let Some(owner) = scene.accepter(of, first) {
                moved |= self.assign_to_holder(core, queue, listener, walked, owner);
            }
        }
        core.forking = forking;
        moved
    }
}

/// A listener that several processes hold.
struct Scene<'a> {
    owner: u32,
    holders: &'a [u32],
    /// Whether several of them were seen at once with connections from before they were forked.
    forks: bool,
}

impl Scene<'_> {
    /// Returns which of the holders accepts, if it is not the present owner and that can be told.
    /// `of` tells what each has accepted, `first` which was there first.
    fn accepter<K: Ord>(&self, of: impl Fn(u32) -> Held, first: impl Fn(u32) -> K) -> Option<u32> {
        let holders = || self.holders.iter().copied();
        let most = |count: fn(Held) -> u64| {
            let best = holders().max_by_key(|one| (count(of(*one)), Reverse(*one)));
            best.filter(|best| count(of(*best)) > 0)
        };
        if let Some(best) = most(|held| held.observed) {
            return (of(self.owner).observed == 0).then_some(best);
        }
        if self.forks {
            let parent = holders().min_by_key(|one| (first(*one), *one));
            return parent.filter(|parent| of(self.owner).late > 0 && *parent != self.owner);
        }
        if let Some(best) = most(|held| held.earlier) {
            // One connection each is what workers that hang have, and children of a forking server.
            let only = holders().filter(|one| of(*one).earlier > 0).count() == 1;
            let tells = only || of(best).earlier > 1;
            return (tells && of(self.owner).earlier == 0).then_some(best);
        }
        most(|held| held.late).filter(|only| *only != self.owner)
    }
}
