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
        for (listener, holders) in self.holders.shared_listeners() {
            let row = &core.rows[listener];
            let of = |holder: u32| accepted.of(listener, holder);
            if row.state != SocketState::Listen {
                continue;
            }
            if let Some(owner) = accepter(row.tgid, holders, of, |one| self.holders.forked(one)) {
                moved |= self.assign_to_holder(core, queue, listener, walked, owner);
            }
        }
        moved
    }
}

/// Returns which of the holders accepts, if it is not the present owner. `of` tells what each has
/// accepted, `forked` when it was forked.
fn accepter(
    owner: u32,
    holders: &[u32],
    of: impl Fn(u32) -> Held,
    forked: impl Fn(u32) -> Nanos,
) -> Option<u32> {
    let there = |holder: u32| (of(holder).observed, of(holder).earlier);
    let best = holders.iter().copied().max_by_key(|one| (there(*one), Reverse(*one)))?;
    if there(best) > (0, 0) {
        let accepts = of(owner).observed > 0 || of(owner).earlier > 0 && of(best).observed == 0;
        return (!accepts).then_some(best);
    }
    let mut late = holders.iter().copied().filter(|one| of(*one).late > 0);
    match (late.next(), late.next()) {
        (Some(only), None) => (only != owner).then_some(only),
        (Some(_), Some(_)) if of(owner).late > 0 => {
            holders.iter().copied().min_by_key(|one| (forked(*one), *one))
        }
        (None, _) | (Some(_), Some(_)) => None,
    }
}
