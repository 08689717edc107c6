//! How well the owner of a socket is known, and whether a record shows who it is.
//!
//! Used by `apply`, by the pass and by every view. Fact (6.18, more than many scenarios): the
//! task that makes a record with the LOCKED flag uses the socket; the current task of any other
//! record has nothing to do with it.

use agent_common::record::{State, flag};
use agent_common::tcp;

/// `ECONNABORTED`: the socket was destroyed from outside (`SOCK_DESTROY`), the current task is the
/// destroyer.
const ECONNABORTED: u16 = 103;

/// How well the owner of a socket is known; a later variant is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribution {
    /// The owner is not known.
    None,
    /// The socket has the owner of its listener; another process may have accepted it.
    Inherited,
    /// The socket has the last owner that was known; it is in use, but in no descriptor table.
    Elsewhere,
    /// A pass found the socket among the owner's descriptors.
    FromDescriptors,
    /// The owner made a system call on the socket.
    FromSyscall,
}

impl Attribution {
    /// Returns the text that stands in JSON and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Inherited => "listener",
            Self::Elsewhere => "elsewhere",
            Self::FromDescriptors => "holder",
            Self::FromSyscall => "exact",
        }
    }
}

/// Returns whether the current task of a record is a user of the socket, and so its owner.
#[must_use]
pub const fn names_owner(record: &State) -> bool {
    record.flags & (flag::LOCKED | flag::KTHREAD) == flag::LOCKED
        && record.tgid != 0
        && !(record.new == tcp::CLOSE && record.err == ECONNABORTED)
}
