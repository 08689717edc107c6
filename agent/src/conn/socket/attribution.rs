//! How the owner of a socket is known.
//!
//! Fact (6.18, more than thirty scenarios): a record with the OWNED flag was made by a task that
//! uses the socket; the current task of any other record has nothing to do with it.

use agent_common::record::{State, flag};
use agent_common::tcp;
/// `ECONNABORTED`: the socket was destroyed from outside (`SOCK_DESTROY`), the current task is the
/// destroyer.
const ECONNABORTED: u16 = 103;

/// How the owner of a socket is known; a later one is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Not at all.
    None,
    /// From the listener that it came from; another process may have accepted it.
    Listener,
    /// The last that was known: by now no process holds the socket, though it is in use.
    Gone,
    /// From the descriptors of all processes, in a pass.
    Holder,
    /// From a system call that its owner made on it.
    Exact,
}

impl Owner {
    /// The text that stands in JSON and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Listener => "listener",
            Self::Gone => "gone",
            Self::Holder => "holder",
            Self::Exact => "exact",
        }
    }
}

/// Whether the current task of a record owns the socket.
#[must_use]
pub const fn names_owner(record: &State) -> bool {
    record.flags & (flag::OWNED | flag::KTHREAD) == flag::OWNED
        && record.tgid != 0
        && !(record.new == tcp::CLOSE && record.err == ECONNABORTED)
}
