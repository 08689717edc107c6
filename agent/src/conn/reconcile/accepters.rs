//! Which process accepts at a listener that several processes hold.
//!
//! A service manager opens a listener and hands it on (socket activation); a prefork master opens
//! one and its workers accept. Who holds accepted connections of a listener is who accepts, so the
//! listener, and what waits in its queue, belongs to that process. Part of the commit of a pass,
//! once the descriptor tables have been read.

use catalogue::labels::{Role, SocketState};
use hashbrown::HashMap;

use super::pass::Pass;
use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::nanos::Nanos;
use crate::conn::regroup::queue::RegroupQueue;
use crate::conn::socket::row::Row;
use crate::conn::store::listener_index::Behind;

/// How many accepted connections of each shared listener each process holds.
#[derive(Default)]
pub(crate) struct Accepted(HashMap<(RowId, u32), u64>);

impl Accepted {
    /// Counts a row that a process holds, if it was accepted at a listener.
    #[inline]
    pub(crate) fn add(&mut self, core: &Core, row: &Row, holder: u32) {
        if row.role != Role::Server || row.state == SocketState::Listen || !row.is_attached() {
            return;
        }
        let behind = core.listeners.find(row.netns, row.local_port, row.local);
        if let Some(Behind::One(listener)) = behind {
            *self.0.entry((listener, holder)).or_default() += 1;
        }
    }

    fn of(&self, listener: RowId, holder: u32) -> u64 {
        self.0.get(&(listener, holder)).copied().unwrap_or(0)
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
            let owner = core.rows[listener].tgid;
            if core.rows[listener].state != SocketState::Listen || accepted.of(listener, owner) > 0
            {
                continue;
            }
            let best = holders
                .iter()
                .copied()
                .max_by_key(|holder| (accepted.of(listener, *holder), std::cmp::Reverse(*holder)));
            if let Some(best) = best.filter(|best| accepted.of(listener, *best) > 0) {
                moved |= self.assign_to_holder(core, queue, listener, walked, best);
            }
        }
        moved
    }
}
