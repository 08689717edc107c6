//! A transition into CLOSE: the row leaves the table and its end is counted.
//!
//! Called by `table` through `Core::close`, and by `transition`.

use agent_common::record::{Close, State};
use catalogue::labels::SocketState;

use crate::conn::core::Core;
use crate::conn::socket::effect::Effect;
use crate::conn::socket::observation::Observation;
use crate::conn::socket::observe::observe;
use crate::conn::socket::outcome::Outcome;
use crate::conn::socket::relation::Relation;
use crate::conn::socket::row::Row;

impl Core {
    /// Applies a transition into CLOSE, with the socket's last numbers.
    #[inline]
    pub(crate) fn close(&mut self, record: &Close) -> Effect {
        match SocketState::from_code(record.state.old) {
            Some(old) => {
                self.end(old, &record.state, Some(record));
                Effect::Closed
            }
            None => Effect::None,
        }
    }

    /// Removes the row of a closed socket and counts its end. A socket that had no row counts as if
    /// it had been found just before.
    pub(super) fn end(&mut self, old: SocketState, record: &State, numbers: Option<&Close>) {
        self.counters.transitions += 1;
        let close = Observation::Close { old, record };
        let Some(index) = self.withdraw(record.ends.sk) else {
            return self.end_unseen(&close, record, numbers);
        };
        let mut row = self.release(index);
        let outcome = observe(&mut row, &close);
        if outcome.relation == Relation::OtherSocket {
            self.count_replaced(row, outcome);
            return self.end_unseen(&close, record, numbers);
        }
        self.count_close(&mut row, &outcome, record, numbers);
    }

    /// Counts the end of a socket that had no row.
    #[cold]
    fn end_unseen(&mut self, close: &Observation<'_>, record: &State, numbers: Option<&Close>) {
        let (mut row, outcome) = Self::first_row(close);
        self.count_close(&mut row, &outcome, record, numbers);
    }

    /// Counts the end of a socket by the row that it had.
    #[expect(clippy::inline_always, reason = "as `observe`: the outcome stays in registers")]
    #[inline(always)]
    fn count_close(
        &mut self,
        row: &mut Row,
        outcome: &Outcome,
        record: &State,
        numbers: Option<&Close>,
    ) {
        self.count(outcome, record.ends.netns);
        self.attribute(row, outcome.inherits, record);
        if let Some(opening) = outcome.opening {
            self.count_opening(row, opening);
        }
        if let Some(ending) = outcome.ending {
            self.count_ending(row, ending, numbers);
        }
    }
}
