//! Whose socket it is: how the owner of a row is known, how a command name becomes a label, and the
//! listeners by port from which their children inherit.
//!
//! Used by the table. Fact (6.18, more than thirty scenarios): a record with the OWNED flag was
//! made by a task that uses the socket; any other record's current task is a stranger.

use agent_common::record::{State, flag};
use agent_common::tcp;
use hashbrown::HashMap;

use super::budget::UNKNOWN;

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

/// A command name made fit to be a label, on the stack.
pub(super) struct Name {
    /// Sixteen bytes become at most sixteen replacement characters of three bytes.
    bytes: [u8; 48],
    len: usize,
}

impl Name {
    /// Cut at the first NUL, control characters removed, what is not UTF-8 replaced, and a `~` at
    /// the front too, because the agent's own names begin so; `unknown` where nothing is left.
    pub(super) fn from_comm(comm: &[u8; 16]) -> Self {
        let mut name = Self { bytes: [0; 48], len: 0 };
        let end = comm.iter().position(|byte| *byte == 0).unwrap_or(comm.len());
        for chunk in comm[..end].utf8_chunks() {
            chunk
                .valid()
                .chars()
                .filter(|letter| !letter.is_control())
                .for_each(|letter| name.push(letter));
            if !chunk.invalid().is_empty() {
                name.push(char::REPLACEMENT_CHARACTER);
            }
        }
        if name.len == 0 {
            UNKNOWN.chars().for_each(|letter| name.push(letter));
        }
        name
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or(UNKNOWN)
    }

    fn push(&mut self, letter: char) {
        let letter =
            if self.len == 0 && letter == '~' { char::REPLACEMENT_CHARACTER } else { letter };
        let width = letter.len_utf8();
        if let Some(room) = self.bytes.get_mut(self.len..self.len + width) {
            letter.encode_utf8(room);
            self.len += width;
        }
    }
}

/// Where a listener listens.
struct Listener {
    row: u32,
    local: [u64; 2],
}

/// The rows in LISTEN by namespace and port.
#[derive(Default)]
pub(super) struct Listeners(HashMap<(u32, u16), Vec<Listener>>);

impl Listeners {
    /// Adds a row.
    pub(super) fn add(&mut self, netns: u32, port: u16, local: [u64; 2], row: u32) {
        self.0.entry((netns, port)).or_default().push(Listener { row, local });
    }

    /// Removes a row.
    pub(super) fn remove(&mut self, netns: u32, port: u16, row: u32) {
        let Some(all) = self.0.get_mut(&(netns, port)) else { return };
        all.retain(|listener| listener.row != row);
        if all.is_empty() {
            self.0.remove(&(netns, port));
        }
    }

    /// Whether a port of a namespace is listened on, at whatever address.
    pub(super) fn has(&self, netns: u32, port: u16) -> bool {
        self.0.contains_key(&(netns, port))
    }

    /// The ports that are listened on, each once a namespace.
    pub(super) fn ports(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.0.keys().copied()
    }

    /// The listener that a connection to this local end comes from: the one with the very address,
    /// else the one with its family's wildcard, else `[::]` for IPv4. The oldest of equals: sockets
    /// that share a port with `SO_REUSEPORT` mostly belong to one program.
    pub(super) fn find(&self, netns: u32, port: u16, local: [u64; 2]) -> Option<u32> {
        let mut best = (0, None);
        for listener in self.0.get(&(netns, port))? {
            let rank = rank(listener.local, local);
            if rank > best.0 {
                best = (rank, Some(listener.row));
            }
            if rank == 3 {
                break;
            }
        }
        best.1
    }
}

fn rank(listener: [u64; 2], local: [u64; 2]) -> u8 {
    let wildcard =
        listener == [0, 0] || (is_v4(listener) && listener[1].to_ne_bytes()[4..] == [0; 4]);
    match (listener == local, wildcard, is_v4(listener) == is_v4(local)) {
        (true, ..) => 3,
        (false, true, true) => 2,
        (false, true, false) if is_v4(local) => 1,
        _ => 0,
    }
}

/// Whether a 16-byte address stands for an IPv4 one.
fn is_v4(address: [u64; 2]) -> bool {
    address[0] == 0 && address[1].to_ne_bytes()[..4] == [0, 0, 0xff, 0xff]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(comm: &[u8]) -> String {
        let mut padded = [0; 16];
        padded[..comm.len()].copy_from_slice(comm);
        Name::from_comm(&padded).as_str().to_owned()
    }

    #[test]
    fn a_name_is_cut_at_nul_and_holds_no_control_characters() {
        assert_eq!(name(b"nginx\0rest"), "nginx");
        assert_eq!(name(b"a\nb\x1b[31m\x7f"), "ab[31m");
        assert_eq!(name(b"\xc2\x85c1"), "c1");
    }

    #[test]
    fn a_name_that_is_not_utf8_is_replaced_and_an_empty_one_is_unknown() {
        assert_eq!(name(&[0xff; 16]), "\u{fffd}".repeat(16));
        assert_eq!(name(b"caf\xc3\xa9"), "café");
        assert_eq!(name(b"\x01\x02"), "unknown");
        assert_eq!(
            name(b"\x01~other"),
            "\u{fffd}other",
            "nobody can take the name of what is beyond the budget"
        );
        assert_eq!(name(b""), "unknown");
    }
}
