//! The state of an MPTCP connection, as the row of each of its subflows keeps it.
//!
//! Kept in the column of `activity`, written by the commit of a pass. Facts: a DATA_FIN of the peer
//! brings the connection into CLOSE_WAIT, and its subflows stay in ESTABLISHED
//! (`mptcp_check_data_fin`, 5.10 to 6.18). Guarantees: four bytes a row; pure, no clock. A state is
//! as old as the reading of the descriptor tables that showed it first: its age is a lower bound.

use catalogue::labels::SocketState;

use crate::conn::nanos::Nanos;

/// The unit of the time, nanoseconds: two seconds, of which [`TIME_BITS`] hold eight years.
const UNIT: u64 = 2_000_000_000;
/// How many bits the time takes, above [`LEADS`].
const TIME_BITS: u32 = 27;
/// The bits of the state's code.
const CODE: u32 = 0xf;
/// The bit of the subflow under which the connection is counted.
const LEADS: u32 = 1 << 4;

/// The state, whether the row leads, and since when, as one word; zero where the state is not
/// known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Multipath(u32);

/// The state of an MPTCP connection, as a listing shows it with each of its subflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultipathView {
    /// Its state, as of the last reading of the descriptor tables.
    pub state: SocketState,
    /// When a reading first showed it in that state, rounded up to two seconds; nanoseconds of
    /// `CLOCK_MONOTONIC`. It may have entered it earlier.
    pub since: u64,
    /// Whether the connection is counted under this subflow, and under no other.
    pub leads: bool,
}

impl Multipath {
    /// Nothing known: plain TCP, or a connection that the last reading did not meet.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// Returns what is known at `now` of a connection that a reading has shown in the state with
    /// this code. It is unknown for a code that rows have no state for: 0, CLOSE.
    pub(crate) fn shown(self, code: u8, leads: bool, now: Nanos) -> Self {
        if SocketState::from_code(code).is_none() {
            return Self::UNKNOWN;
        }
        let code = u32::from(code);
        debug_assert!(code <= CODE, "the code of a state takes its bits");
        let most = (1 << TIME_BITS) - 1;
        let time = if self.0 & CODE == code {
            self.time()
        } else {
            u32::try_from(now.get().div_ceil(UNIT)).unwrap_or(most).min(most)
        };
        Self(code | if leads { LEADS } else { 0 } | time << (u32::BITS - TIME_BITS))
    }

    /// Returns the code of the state; 0 if it is not known.
    pub(crate) fn code(self) -> u8 {
        u8::try_from(self.0 & CODE).unwrap_or_default()
    }

    /// Returns what a listing shows; `None` where the state is not known.
    pub(crate) fn view(self) -> Option<MultipathView> {
        let state = SocketState::from_code(self.code())?;
        let since = u64::from(self.time()) * UNIT;
        Some(MultipathView { state, since, leads: self.0 & LEADS != 0 })
    }

    const fn time(self) -> u32 {
        self.0 >> (u32::BITS - TIME_BITS)
    }
}

#[cfg(test)]
mod tests {
    use agent_common::tcp::{CLOSE, CLOSE_WAIT, ESTABLISHED};

    use super::*;

    #[test]
    fn a_state_keeps_the_time_at_which_it_was_first_shown() {
        let at = |now: u64| Nanos::from_secs(now);
        let open = Multipath::UNKNOWN.shown(ESTABLISHED, true, at(10));
        let closed = open.shown(CLOSE_WAIT, false, at(31)).shown(CLOSE_WAIT, true, at(90));
        let view = |state, since, leads| Some(MultipathView { state, since, leads });
        assert_eq!(open.view(), view(SocketState::Established, at(10).get(), true));
        assert_eq!(closed.view(), view(SocketState::CloseWait, at(32).get(), true), "rounded up");
        for code in [0, CLOSE, 13, u8::MAX] {
            assert_eq!(closed.shown(code, true, at(99)), Multipath::UNKNOWN, "code {code}");
        }
        assert_eq!(Multipath::UNKNOWN.view(), None);
    }

    #[test]
    fn every_state_fits_and_a_late_time_is_the_latest_that_does() {
        let late = Nanos::new(u64::MAX);
        for state in (0..16).filter(|code| SocketState::from_code(*code).is_some()) {
            let shown = Multipath::UNKNOWN.shown(state, false, late).view().expect("a state");
            assert_eq!((Some(shown.state), shown.leads), (SocketState::from_code(state), false));
            assert_eq!(shown.since, ((1 << TIME_BITS) - 1) * UNIT);
        }
    }
}
