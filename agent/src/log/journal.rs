//! The log in systemd's journal, by its native protocol: a datagram for each line, with its level
//! and its fields (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).
//!
//! Guarantee: a line that the journal does not take at once is dropped and counted, as on standard
//! error. The socket is made before the sandbox. systemd itself holds the other end, so it outlives
//! a journal that starts anew; where it does not, the agent connects again, which its HTTP process
//! cannot.

use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::entry::Entry;

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
/// The longest name of a field that the journal takes (`journal_field_valid`).
const LONGEST: usize = 64;

/// Writes each line as a datagram.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// Connects to the journal.
    ///
    /// # Errors
    /// No journal listens there, or this process may not reach it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        Ok(Self { socket, path: path.to_owned() })
    }

    /// Sends an entry. Returns whether the journal took it.
    fn takes(&self, entry: &Entry) -> bool {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let bytes = datagram(entry);
        let now = || send(self.socket.as_raw_fd(), &bytes, flags);
        match now() {
            Err(Errno::ECONNREFUSED | Errno::ENOTCONN) => {
                self.socket.connect(&self.path).is_ok() && now().is_ok()
            }
            sent => sent.is_ok(),
        }
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _of: Context<'_, S>) {
        if !self.takes(&Entry::of(event)) {
            super::count_dropped(1);
        }
    }
}

/// Returns what the journal is sent of an entry.
fn datagram(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    field(&mut bytes, "PRIORITY", priority(entry.level));
    field(&mut bytes, "SYSLOG_IDENTIFIER", "tcpwarden");
    field(&mut bytes, "TARGET", &entry.target);
    field(&mut bytes, "MESSAGE", &entry.readable());
    for (name, value) in &entry.fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        field(&mut bytes, &name_of(name), &value);
    }
    bytes
}

/// Returns the level as syslog has it.
fn priority(level: &str) -> &'static str {
    match level {
        "ERROR" => "3",
        "WARN" => "4",
        "INFO" => "6",
        _ => "7",
    }
}

/// Returns the name of a field in the journal, apart from those that the journal itself has.
fn name_of(field: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }
    };
    let mut name: String = "TCPWARDEN_".chars().chain(field.chars().map(letter)).collect();
    name.truncate(LONGEST);
    name
}

/// Appends a field. A value of several lines has its length before it.
fn field(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend(name.as_bytes());
    if value.contains('\n') {
        bytes.push(b'\n');
        bytes.extend((value.len() as u64).to_le_bytes());
    } else {
        bytes.push(b'=');
    }
    bytes.extend(value.as_bytes());
    bytes.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::entry::tests::logged;
    use super::*;

    /// A journal in a folder of its own that ends with it.
    struct Listens(PathBuf, UnixDatagram);

    impl Listens {
        fn new(name: &str) -> Self {
            let name = format!("tcpwarden-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let socket = UnixDatagram::bind(&path).unwrap();
            Self(path, socket)
        }
    }

    impl Drop for Listens {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn the_journal_gets_level_message_and_fields_and_lines_stay_within_their_field() {
        let listens = Listens::new("journal");
        let journal = Journal::open(&listens.0).unwrap();
        for entry in logged(|| tracing::warn!(runs = 3_u64, "one\nPRIORITY=0")) {
            assert!(journal.takes(&entry));
        }
        let mut bytes = [0; 4096];
        let length = listens.1.recv(&mut bytes).unwrap();
        let message = "one\nPRIORITY=0 runs=3";
        let mut expected = b"PRIORITY=4\nSYSLOG_IDENTIFIER=tcpwarden\nTARGET=".to_vec();
        expected.extend(module_path!().as_bytes());
        expected.extend(b"\nMESSAGE\n\x15\0\0\0\0\0\0\0");
        expected.extend(message.as_bytes());
        expected.extend(b"\nTCPWARDEN_RUNS=3\n");
        assert_eq!(message.len(), 0x15);
        assert_eq!(String::from_utf8_lossy(&bytes[..length]), String::from_utf8_lossy(&expected));
    }

    #[test]
    fn a_journal_that_reads_nothing_stops_nobody_and_takes_no_more() {
        let listens = Listens::new("journal-full");
        let journal = Journal::open(&listens.0).unwrap();
        let entries = logged(|| tracing::info!("x"));
        // The queue of a datagram socket has room for ten by default (`unix(7)`).
        let taken = (0..100_000).take_while(|_| journal.takes(&entries[0])).count();
        assert!((1..100_000).contains(&taken), "{taken} entries");
        let path = listens.0.clone();
        drop(listens);
        assert!(!journal.takes(&entries[0]), "nobody listens any more");
        let _anew = Listens(path.clone(), UnixDatagram::bind(&path).unwrap());
        assert!(journal.takes(&entries[0]), "one listens there again");
    }

    #[test]
    fn names_of_fields_are_as_the_journal_takes_them() {
        assert_eq!(name_of("ring.size-2"), "TCPWARDEN_RING_SIZE_2");
        assert_eq!(name_of(&"ü".repeat(100)).len(), LONGEST);
    }
}
