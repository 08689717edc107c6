//! A transition into CLOSE: the row leaves the table and its end is counted.
//!
//! Called by `table` through `Core::close`, and by `transition`.

use agent_common::record::{Close, State};

use crate::conn::core::Core;
use crate::conn::labels::SocketState;
use crate::conn::socket::effect::Effect;
use crate::conn::socket::observation::Observation;
use crate::conn::socket::observe::observe;
use crate::conn::socket::outcome::Outcome;
use crate::conn::socket::relation::Relation;
use crate::conn::socket::row::Row;

impl Core {
    /// Applies a transition into CLOSE, with the socket's last numbers.
    pub(crate) fn close(&mut self, record: &Close) -> Effect {
        match SocketState::from_code(record.state.old) {
            Some(old) => self.end(old, &record.state, Some(record)),
            None => Effect::None,
        }
    }

    /// Removes the row of a closed socket and counts its end. A socket that had no row counts as if
    /// it had been found just before.
    pub(super) fn end(
        &mut self,
        old: SocketState,
        record: &State,
        numbers: Option<&Close>,
    ) -> Effect {
        self.counters.transitions += 1;
        let (mut row, outcome) = self.last_row(old, record);
        self.count(&outcome, record.ends.netns);
        self.attribute(&mut row, outcome.inherits, record);
        if let Some(opening) = outcome.opening {
            self.count_opening(&mut row, opening);
        }
        if let Some(ending) = outcome.ending {
            self.count_ending(&mut row, ending, numbers);
        }
        Effect::Closed { sk: record.ends.sk, time: record.time }
    }

    /// Returns the row that a socket had when it closed, out of the table.
    fn last_row(&mut self, old: SocketState, record: &State) -> (Row, Outcome) {
        let close = Observation::Close { old, record };
        if let Some(mut row) = self.extract(record.ends.sk) {
            let outcome = observe(&mut row, &close);
            if outcome.relation != Relation::OtherSocket {
                return (row, outcome);
            }
            self.count_replaced(row, &outcome);
        }
        Self::first_row(&close)
    }
}
