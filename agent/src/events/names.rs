//! Texts for the numbers of a record: addresses, errors, owners; and safe text for a terminal.

use std::net::{IpAddr, Ipv6Addr};

use agent_common::record::{Endpoints, State};
use agent_common::tcp;

use crate::conn::names_owner;

/// Returns the address in two words of a record; a v4-mapped one becomes an IPv4 address.
#[must_use]
pub(crate) fn address(words: [u64; 2]) -> IpAddr {
    let mut bytes = [0; 16];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    Ipv6Addr::from(bytes).to_canonical()
}

/// Returns the address family of a socket. It is `ipv6` for an IPv6 socket with v4-mapped
/// addresses.
#[must_use]
pub(crate) const fn family(code: u16) -> &'static str {
    match code {
        tcp::AF_INET => "ipv4",
        tcp::AF_INET6 => "ipv6",
        _ => "unknown",
    }
}

/// Returns both ends as `address:port`.
pub(super) fn ends(ends: &Endpoints) -> (String, String) {
    let end = |words, port| match address(words) {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    };
    (end(ends.local, ends.local_port), end(ends.peer, ends.peer_port))
}

/// Returns name and id of the process that caused the transition, if the record tells: the current
/// task was the user of the socket.
#[must_use]
pub(crate) fn owner(record: &State) -> Option<(String, u32)> {
    names_owner(record).then(|| (process(&record.comm), record.tgid))
}

/// Returns a command name as [`printable`] text; bytes that are not UTF-8 become U+FFFD.
#[must_use]
pub(crate) fn process(comm: &[u8; 16]) -> String {
    let end = comm.iter().position(|byte| *byte == 0).unwrap_or(comm.len());
    let text = String::from_utf8_lossy(comm.get(..end).unwrap_or_default());
    printable(&text)
}

/// Returns text that stays on its line: characters that control a terminal or change the text
/// direction are escaped.
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

/// Returns whether a character controls a terminal or changes the text direction.
#[must_use]
pub(crate) fn controls_terminal(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

/// Returns the name of an error number, or its digits if it is uncommon; `None` for 0. The sign is
/// ignored.
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
