//! The rules of a row: what is true of every row of the table, whatever records came and were lost.
//!
//! Asserted in debug builds by `observe`, before and after, and when a row enters its list.

use catalogue::labels::{Role, SocketState};

use super::attribution::Attribution;
use super::row::{Row, flag};

impl Row {
    /// Returns a rule that the row breaks; `None` if it keeps them all.
    pub(crate) fn broken_rule(&self) -> Option<&'static str> {
        use SocketState::{
            CloseWait, Closing, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent,
        };
        if !self.has(flag::LIVE) {
            return None;
        }
        let (connected, inherited) =
            (self.has(flag::CONNECTED), self.attribution == Attribution::Inherited);
        let rules = [
            (
                connected || matches!(self.state, SynSent | SynRecv | Listen),
                "a state that follows a handshake counts as open",
            ),
            (
                connected || self.flags & (flag::FIN_LOCAL | flag::FIN_REMOTE) == 0,
                "a FIN follows a handshake",
            ),
            (
                self.has(flag::FIN_LOCAL) || !matches!(self.state, FinWait1 | FinWait2 | Closing),
                "FIN_WAIT1, FIN_WAIT2 and CLOSING follow a FIN of this side",
            ),
            (
                self.has(flag::FIN_REMOTE) || !matches!(self.state, CloseWait | LastAck | Closing),
                "CLOSE_WAIT, LAST_ACK and CLOSING follow a FIN of the peer",
            ),
            (connected || self.opened().is_none(), "what opened counts as open"),
            (
                self.tgid == 0 || self.attribution != Attribution::None,
                "a process id comes with an attribution",
            ),
            (!inherited || self.role == Role::Server, "who inherits from a listener is a server"),
        ];
        rules.iter().find(|(kept, _)| !kept).map(|(_, rule)| *rule)
    }

    /// Panics in debug builds if the row breaks one of its rules.
    #[inline]
    pub(crate) fn assert_rules(&self) {
        debug_assert!(
            self.broken_rule().is_none(),
            "a row breaks the rule that {}: {self:?}",
            self.broken_rule().unwrap_or_default()
        );
    }
}
