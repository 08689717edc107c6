//! What waits in one socket, and how far that shows a socket in CLOSE_WAIT to have come.
//!
//! Kept in each row, in eight bytes. `observe` sets it from the kernel's list, and when the peer's
//! FIN comes, so that the stage of CLOSE_WAIT is known from the first moment on.

use agent_common::record::{Socket, flag};
use catalogue::labels::{SocketState, Stage};

use crate::conn::report::snapshot::Queued;

/// The bit of each word that is a mark: 2 GiB, more than any queue holds (`tcp_rmem` and `tcp_wmem`
/// end there).
const MARK: u32 = 1 << 31;

/// The two queues of a socket, bytes, and two marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queues {
    /// The receive queue. Its mark: the socket was accepted, or a task made it.
    receive: u32,
    /// The send queue. Its mark: the peer's window is closed.
    send: u32,
}

impl Queues {
    /// Nothing waits, and the socket was not accepted.
    pub(crate) const NONE: Self = Self { receive: 0, send: 0 };

    /// Returns the queues of an entry of the kernel's list.
    pub(crate) fn listed(entry: &Socket) -> Self {
        let word = |number: u32, bit: u8| {
            number.min(MARK - 1) | if entry.flags & bit == 0 { 0 } else { MARK }
        };
        Self {
            receive: word(entry.receive_queue, flag::ATTACHED),
            send: word(entry.send_queue, flag::WINDOW_CLOSED),
        }
    }

    /// Takes what a transition tells: whether the socket was accepted, and that the FIN which
    /// brought it into CLOSE_WAIT has not been read yet. The numbers of a listener mean something
    /// else, so they begin at zero.
    pub(crate) fn moved(&mut self, flags: u8, new: SocketState) {
        if new == SocketState::Listen {
            *self = Self::default();
        }
        let unread = u32::from(new == SocketState::CloseWait);
        self.receive =
            self.receive().max(unread) | if flags & flag::ATTACHED == 0 { 0 } else { MARK };
    }

    /// Returns whether the socket was accepted, or a task made it.
    pub(crate) const fn is_attached(self) -> bool {
        self.receive & MARK != 0
    }

    /// Returns what the kernel lists as the receive queue, bytes; of a listener, connections.
    pub(crate) const fn receive(self) -> u32 {
        self.receive & !MARK
    }

    /// Returns what the kernel lists as the send queue, bytes; of a listener, its limit.
    pub(crate) const fn send(self) -> u32 {
        self.send & !MARK
    }

    /// Returns how many bytes the application has not read. The peer's FIN takes a sequence number
    /// but is no byte.
    pub(crate) const fn unread_bytes(self, state: SocketState) -> u32 {
        let fin =
            matches!(state, SocketState::CloseWait | SocketState::LastAck | SocketState::Closing);
        match state {
            SocketState::Listen => 0,
            _ => self.receive().saturating_sub(fin as u32),
        }
    }

    /// Returns how many bytes the peer has not acknowledged, sent or not. This side's SYN and FIN
    /// are no bytes.
    pub(crate) const fn unsent_bytes(self, state: SocketState) -> u32 {
        let mark = matches!(
            state,
            SocketState::SynSent
                | SocketState::FinWait1
                | SocketState::LastAck
                | SocketState::Closing
        );
        match state {
            SocketState::Listen => 0,
            _ => self.send().saturating_sub(mark as u32),
        }
    }

    /// Returns whether bytes wait for the peer to open its window.
    pub(crate) const fn is_held_back(self, state: SocketState) -> bool {
        let open =
            !matches!(state, SocketState::SynSent | SocketState::SynRecv | SocketState::Listen);
        open && self.send & MARK != 0 && self.unsent_bytes(state) > 0
    }

    /// Returns how far a socket in CLOSE_WAIT has come.
    pub(crate) const fn stage(self) -> Stage {
        match (self.receive & MARK, self.receive()) {
            (0, _) => Stage::Unaccepted,
            (_, 0) => Stage::Read,
            _ => Stage::Unread,
        }
    }
}

impl Queued {
    /// Adds what waits in other sockets.
    pub(crate) const fn merge(&mut self, other: Self) {
        self.receive_bytes += other.receive_bytes;
        self.send_bytes += other.send_bytes;
        self.zero_window += other.zero_window;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalogue::labels::SocketState::{
        CloseWait, Established, FinWait1, LastAck, Listen, SynSent,
    };

    fn listed(flags: u8, receive_queue: u32, send_queue: u32) -> Queues {
        Queues::listed(&Socket { flags, receive_queue, send_queue, ..Socket::default() })
    }

    #[test]
    fn a_close_wait_is_unaccepted_unread_or_read() {
        assert_eq!(listed(0, 9, 0).stage(), Stage::Unaccepted);
        assert_eq!(listed(flag::ATTACHED, 1, 0).stage(), Stage::Unread, "the end of file alone");
        assert_eq!(listed(flag::ATTACHED, 0, 5).stage(), Stage::Read);
    }

    #[test]
    fn a_fin_that_comes_has_not_been_read() {
        let mut queues = listed(flag::ATTACHED, 0, 0);
        queues.moved(flag::ATTACHED, CloseWait);
        assert_eq!((queues.stage(), queues.unread_bytes(CloseWait)), (Stage::Unread, 0));
        queues.moved(0, CloseWait);
        assert_eq!(queues.stage(), Stage::Unaccepted);
    }

    #[test]
    fn a_fin_and_a_syn_are_no_bytes() {
        let queues = listed(0, 11, 21);
        assert_eq!(
            [Established, CloseWait, LastAck].map(|state| queues.unread_bytes(state)),
            [11, 10, 10]
        );
        assert_eq!(
            [Established, SynSent, FinWait1].map(|state| queues.unsent_bytes(state)),
            [21, 20, 20]
        );
        assert_eq!((queues.unread_bytes(Listen), queues.unsent_bytes(Listen)), (0, 0));
    }

    #[test]
    fn only_bytes_that_wait_are_held_back() {
        let closed = listed(flag::WINDOW_CLOSED, 0, 1);
        assert!(
            closed.is_held_back(Established)
                && !closed.is_held_back(FinWait1)
                && !closed.is_held_back(SynSent)
        );
        assert!(
            !listed(flag::WINDOW_CLOSED, 0, 0).is_held_back(Established)
                && !listed(0, 0, 9).is_held_back(Established)
        );
    }

    #[test]
    fn a_number_that_is_too_large_does_not_become_a_mark() {
        let queues = listed(0, u32::MAX, u32::MAX);
        assert_eq!(
            (queues.receive(), queues.send(), queues.stage()),
            (MARK - 1, MARK - 1, Stage::Unaccepted)
        );
        assert!(!queues.is_held_back(Established));
    }
}
