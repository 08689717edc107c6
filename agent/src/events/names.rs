//! The texts that stand for numbers: addresses, errors, owners.

use std::net::{IpAddr, Ipv6Addr};

use agent_common::record::{Endpoints, State};
use agent_common::tcp;

use crate::conn::names_owner;

/// An address as it is written: a v4-mapped one as IPv4.
#[must_use]
pub(crate) fn address(words: [u64; 2]) -> IpAddr {
    let mut bytes = [0; 16];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    Ipv6Addr::from(bytes).to_canonical()
}

/// The address family of a socket, which is not that of a v4-mapped address.
#[must_use]
pub(crate) const fn family(code: u16) -> &'static str {
    match code {
        tcp::AF_INET => "ipv4",
        tcp::AF_INET6 => "ipv6",
        _ => "unknown",
    }
}

/// Both ends as `address:port`.
pub(super) fn ends(ends: &Endpoints) -> (String, String) {
    let end = |words, port| match address(words) {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    };
    (end(ends.local, ends.local_port), end(ends.peer, ends.peer_port))
}

/// Name and id of the process that made the transition, where the record can tell: the socket was
/// in its hands.
#[must_use]
pub(crate) fn owner(record: &State) -> Option<(String, u32)> {
    names_owner(record).then(|| (process(&record.comm), record.tgid))
}

/// A command name as text that stays on its line: bytes that are not UTF-8 become U+FFFD,
/// characters that steer a terminal or turn the text direction are written as escapes.
#[must_use]
pub(crate) fn process(comm: &[u8; 16]) -> String {
    let end = comm.iter().position(|byte| *byte == 0).unwrap_or(comm.len());
    let text = String::from_utf8_lossy(comm.get(..end).unwrap_or_default());
    printable(&text)
}

/// Text that stays on its line: characters that steer a terminal or turn the text direction become
/// escapes.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if controls_terminal(character) {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// Whether a character controls a terminal or turns the text direction.
#[must_use]
pub(crate) fn controls_terminal(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The name of an error number, its digits for uncommon ones, none for 0; signs are ignored.
#[must_use]
pub(crate) fn error(number: i32) -> Option<String> {
    let name = match number.unsigned_abs() {
        0 => return None,
        1 => "EPERM",
        4 => "EINTR",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        16 => "EBUSY",
        22 => "EINVAL",
        32 => "EPIPE",
        71 => "EPROTO",
        92 => "ENOPROTOOPT",
        90 => "EMSGSIZE",
        98 => "EADDRINUSE",
        99 => "EADDRNOTAVAIL",
        100 => "ENETDOWN",
        101 => "ENETUNREACH",
        102 => "ENETRESET",
        103 => "ECONNABORTED",
        104 => "ECONNRESET",
        105 => "ENOBUFS",
        106 => "EISCONN",
        107 => "ENOTCONN",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        112 => "EHOSTDOWN",
        113 => "EHOSTUNREACH",
        other => return Some(other.to_string()),
    };
    Some(name.to_owned())
}
