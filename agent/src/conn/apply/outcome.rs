//! What an observation means for the counters and for the table: an `Outcome`, applied.
//!
//! Used by the rest of `apply`. The owner comes before the counters: a connection is opened and
//! closed under the owner known at that time.

use agent_common::record::Close;
use catalogue::labels::{CloseReason, Correction};

use crate::conn::account::groups::Groups;
use crate::conn::account::troubles::{Mishap, SLOW};
use crate::conn::core::Core;
use crate::conn::histogram::NANOSECONDS;
use crate::conn::ids::RowId;
use crate::conn::nanos::Nanos;
use crate::conn::report::trouble::TroubleKind;
use crate::conn::socket::ending::missed;
use crate::conn::socket::observation::Observation;
use crate::conn::socket::observe::observe;
use crate::conn::socket::outcome::{Ending, Opening, Outcome};
use crate::conn::socket::row::Row;
use crate::internal_error::internal_error;

impl Core {
    /// Observes a socket that has no row. Returns its new row, which has no owner and is not in the
    /// table yet.
    #[expect(clippy::inline_always, reason = "as `observe`")]
    #[inline(always)]
    pub(super) fn first_row(observation: &Observation<'_>) -> (Row, Outcome) {
        let mut row = Row::ABSENT;
        let outcome = observe(&mut row, observation);
        row.group = Groups::nobody(row.role);
        (row, outcome)
    }

    /// Counts what had to be corrected, and the stay in the state that the socket left.
    #[expect(clippy::inline_always, reason = "as `observe`")]
    #[inline(always)]
    pub(super) fn count(&mut self, outcome: &Outcome, netns: u32) {
        match outcome.relation.correction() {
            Some(Correction::MissedOpen) if !self.knows(netns) => {}
            Some(correction) => self.correct(correction),
            None => {}
        }
        if let Some(stay) = &outcome.stay {
            self.counters.stayed(stay);
        }
    }

    /// Counts a connection as opened, or as adopted if it may be older than the agent.
    #[inline]
    pub(super) fn count_opening(&mut self, row: &mut Row, opening: Opening) {
        if opening == Opening::Found && !self.knows(row.netns) {
            self.counters.adopted += 1;
            return;
        }
        let service = self.services.of(row, &self.groups);
        service.opened += 1;
        if row.service.is_none() {
            self.groups.opens(row.group);
        }
        if let Opening::Seen { connect: Some(took) } = opening {
            service.connect_duration.observe_whole(&NANOSECONDS, took.get());
            if took >= SLOW {
                let time = row.opened().unwrap_or(row.entered);
                self.mishap(row, Mishap { took, ..mishap(TroubleKind::Slow, "", time) });
            }
        }
    }

    /// Counts the end of a socket, and the numbers that the kernel gave with it.
    #[expect(clippy::inline_always, reason = "as `observe`")]
    #[inline(always)]
    pub(super) fn count_ending(&mut self, row: &mut Row, ending: Ending, numbers: Option<&Close>) {
        match ending {
            Ending::Closed { reason, lasted } => {
                self.services.of(row, &self.groups).closed(reason, lasted, numbers);
                if matches!(reason, CloseReason::RstReceived | CloseReason::RstSent) {
                    let time = end_of(row, numbers);
                    self.mishap(row, mishap(TroubleKind::Resets, reason.as_str(), time));
                }
            }
            Ending::Failed(reason) => {
                self.services.failed(row, &self.groups, reason);
                self.groups.opens(row.group);
                let time = end_of(row, numbers);
                self.mishap(row, mishap(TroubleKind::Failures, reason.as_str(), time));
            }
            Ending::Uncounted => {}
        }
        if row.retransmitted > 0 {
            let one = mishap(TroubleKind::Retransmits, "", end_of(row, numbers));
            self.mishap(row, Mishap { count: row.retransmitted.into(), ..one });
        }
    }

    /// Counts what went wrong with a connection, by its destination.
    #[cold]
    #[inline(never)]
    fn mishap(&mut self, row: &Row, mishap: Mishap) {
        self.troubles.count(row, &self.groups, mishap);
    }

    /// Removes a row that is in no list, because its address belongs to another socket now.
    #[cold]
    pub(super) fn replace(&mut self, index: RowId, outcome: Outcome) {
        match self.index.entry(self.rows[index].sk, &self.rows) {
            Some(entry) => drop(entry.remove()),
            None => internal_error("a row is found by its socket"),
        }
        let row = self.discard(index);
        self.count_replaced(row, outcome);
    }

    /// Counts a row whose socket is gone, because its address belongs to another socket now.
    #[cold]
    pub(super) fn count_replaced(&mut self, mut row: Row, outcome: Outcome) {
        self.count(&outcome, row.netns);
        if let Some(ending) = outcome.ending {
            self.count_ending(&mut row, ending, None);
        }
    }

    /// Removes the row of a socket that the kernel's lists do not have any more.
    pub(crate) fn remove_missed(&mut self, sk: u64) {
        let Some(mut row) = self.extract(sk) else {
            return internal_error("a row in use is found by its socket");
        };
        self.correct(Correction::MissedClose);
        let ending = missed(&row);
        self.count_ending(&mut row, ending, None);
    }
}

/// Returns when a socket ended: as the kernel says, else when it was last heard of.
fn end_of(row: &Row, numbers: Option<&Close>) -> Nanos {
    numbers.map_or(row.entered, |close| Nanos::new(close.state.time))
}

const fn mishap(kind: TroubleKind, reason: &'static str, time: Nanos) -> Mishap {
    Mishap { kind, reason, count: 1, time, took: Nanos::ZERO }
}
