//! Which process accepts at a listener that several processes hold.
//!
//! A service manager opens a listener and hands it on (socket activation); a prefork master opens
//! one and its workers accept. Who holds accepted connections of a listener is who accepts, so the
//! listener, and what waits in its queue, belongs to that process. A process that was forked after
//! the handshake has inherited the connection: a child for each connection does not accept. Of
//! connections that are older than the agent it is not known when the handshake was, so they count
//! only if no other does. Part of the commit of a pass, once the descriptor tables have been read.

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

/// How many accepted connections of a listener a process holds that was there at their handshakes.
/// The order is that of the evidence.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    /// Those whose handshake was observed.
    observed: u64,
    /// Those that are older than the agent.
    earlier: u64,
}

impl Accepted {
    /// Counts a row that a process holds, if it was accepted at a listener.
    #[inline]
    pub(crate) fn add(&mut self, core: &Core, row: &Row, holder: u32, scan: &HolderScan) {
        if row.role != Role::Server || row.state == SocketState::Listen || !row.is_attached() {
            return;
        }
        let started = scan.process(holder).map_or(Nanos::ZERO, |process| process.started);
        // Of a row that is older than the agent it is the latest time that it can be.
        if started > row.opened().unwrap_or(row.born.min(row.entered)) {
            return;
        }
        let behind = core.listeners.find(row.netns, row.local_port, row.local);
        if let Some(Behind::One(listener)) = behind {
            let held = self.0.entry((listener, holder)).or_default();
            if row.has(flag::BORN_BEFORE) {
                held.earlier += 1;
            } else {
                held.observed += 1;
            }
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
            let best = holders.iter().copied().max_by_key(|holder| (of(*holder), Reverse(*holder)));
            let Some(best) = best.filter(|best| of(*best) > Held::default()) else { continue };
            let stays =
                of(row.tgid).observed > 0 || of(row.tgid).earlier > 0 && of(best).observed == 0;
            if row.state == SocketState::Listen && !stays {
                moved |= self.assign_to_holder(core, queue, listener, walked, best);
            }
        }
        moved
    }
}
