//! What becomes of each row after a reconcile pass: of those that no list had, which are gone.
//!
//! The kernel's list is no snapshot: when the kernel resumes a bucket it may skip an entry while
//! others come and go. So a row that one pass missed is kept, and removed if the next pass, which
//! is due at once, misses it again. Rows of a namespace that no pass can enter any more, because no
//! process is left in it, are kept while a descriptor refers to them or the kernel may still be
//! busy closing them. If records were lost since, a row in a state that a socket leaves with its
//! last descriptor is not what it says: it is removed, if two passes find no descriptor.

use catalogue::labels::SocketState;

use super::pass::Pass;
use crate::conn::core::Core;
use crate::conn::ids::RowId;
use crate::conn::nanos::Nanos;
use crate::conn::report::coverage::Covered;
use crate::conn::socket::row::{Row, flag, seen};

/// How long the kernel can take to close a socket that no process holds:
/// `tcp_retries2` allows 924.6 s by default, the other timers less.
const ORPHAN_LIFE: Nanos = Nanos::from_secs(1200);

/// What is to be done with a row.
pub(crate) enum Presence {
    Seen,
    MissedOnce,
    Unverified,
    Gone,
}

/// Whether the socket leaves its state when the last descriptor is closed (`tcp_close`, 6.18). One
/// that was not accepted has none.
fn ends_with_holder(row: &Row) -> bool {
    use SocketState::{CloseWait, Established, Listen, SynSent};
    matches!(row.state, SynSent | Established | CloseWait | Listen) && !row.is_unaccepted()
}

/// Returns what is to be done with a row after a pass.
#[inline]
pub(crate) fn presence_of(core: &Core, pass: &Pass, covered: &Covered, index: RowId) -> Presence {
    let row = &core.rows[index];
    if !row.has(flag::LIVE) || row.seen == pass.number || row.entered >= pass.start {
        return Presence::Seen;
    }
    if covered.namespaces.contains(&row.netns) {
        return if row.seen == seen::MISSED { Presence::Gone } else { Presence::MissedOnce };
    }
    if covered.unread.contains(&row.netns) {
        return Presence::Unverified;
    }
    let held = covered.holders.is_none() || pass.holders.holds(index);
    let is_over = covered.lost.is_some_and(|lost| row.entered <= lost) && ends_with_holder(row);
    if !held && covered.everyone && is_over {
        return if row.seen == seen::MISSED { Presence::Gone } else { Presence::MissedOnce };
    }
    if held || row.entered.saturating_add(ORPHAN_LIFE) > pass.start {
        Presence::Unverified
    } else {
        Presence::Gone
    }
}
