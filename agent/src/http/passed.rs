//! Listeners that a service manager has made and handed over: socket activation, by the protocol of
//! `sd_listen_fds(3)`.
//!
//! Used by `run`, before it opens anything else. `listenfd` reads the variables and takes the
//! descriptors, which needs unsafe code.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use listenfd::ListenFd;
use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::fstat;

/// The most listeners that can be handed over.
const MOST: usize = 16;

/// A listener that was handed over.
#[derive(Debug)]
pub(crate) enum Passed {
    /// At a TCP address.
    Tcp(TcpListener),
    /// At a socket file.
    Unix(UnixListener, PathBuf),
}

impl Passed {
    /// Takes over all that are for this process, once.
    ///
    /// # Errors
    /// The first descriptor that is of no use, and why.
    pub(crate) fn all() -> Result<Vec<Self>, String> {
        // `listenfd` takes what names no process for its own, which the protocol does not allow.
        let pid = std::env::var("LISTEN_PID").ok().and_then(|pid| pid.parse().ok());
        if pid != Some(std::process::id()) {
            return Ok(Vec::new());
        }
        // Of `listenfd`, not of the protocol.
        if std::env::var_os("LISTEN_FDS_FIRST_FD").is_some() {
            return Err("LISTEN_FDS_FIRST_FD is set: a service manager does not set it".to_owned());
        }
        let number = std::env::var_os("LISTEN_FDS").unwrap_or_default();
        refuse_number(&number.to_string_lossy())?;
        let mut given = ListenFd::from_env();
        (0..given.len()).map(|place| Self::take(&mut given, place)).collect()
    }

    fn take(given: &mut ListenFd, place: usize) -> Result<Self, String> {
        let wrong = |what: &dyn std::fmt::Display| {
            format!("the service manager has handed over what cannot be served: {what}")
        };
        if let Ok(Some(listener)) = given.take_tcp_listener(place) {
            return Self::tcp(listener).map_err(|error| wrong(&error));
        }
        match given.take_unix_listener(place) {
            Ok(Some(listener)) => Self::unix(listener).map_err(|error| wrong(&error)),
            Ok(None) => Err(wrong(&format_args!("no descriptor at place {place}"))),
            Err(error) => Err(wrong(&format_args!("{error}, nor a TCP listener"))),
        }
    }

    /// Whether it is of the agent's own network namespace: only there loopback means programs that
    /// the agent's API is for. A socket unit can have another (NetworkNamespacePath=).
    pub(crate) fn is_here(&self) -> bool {
        match self {
            Self::Unix(..) => true,
            Self::Tcp(listener) => {
                let inode = fstat(listener).map(|found| found.st_ino);
                inode.is_ok_and(|inode| {
                    LISTS.iter().any(|list| {
                        File::open(list).is_ok_and(|list| listens_in(BufReader::new(list), inode))
                    })
                })
            }
        }
    }

    fn tcp(listener: TcpListener) -> io::Result<Self> {
        listens(&listener)?;
        Ok(Self::Tcp(listener))
    }

    fn unix(listener: UnixListener) -> io::Result<Self> {
        listens(&listener)?;
        let address = listener.local_addr()?;
        let no_file = || io::Error::other("a socket without a file, which has no mode");
        let path = address.as_pathname().ok_or_else(no_file)?.to_owned();
        Ok(Self::Unix(listener, path))
    }
}

/// The sockets of this process' network namespace; those that listen come first
/// (`tcp_seq_start`, 6.18).
const LISTS: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// Whether a list of sockets has one that listens with this inode.
fn listens_in(list: impl BufRead, inode: u64) -> bool {
    let rows = list.lines().map_while(Result::ok).skip(1);
    let mut listening = rows.take_while(|row| row.split_whitespace().nth(3) == Some("0A"));
    listening.any(|row| row.split_whitespace().nth(9).is_some_and(|own| own.parse() == Ok(inode)))
}

/// Refuses a number of listeners that cannot be: `listenfd` takes it for none.
fn refuse_number(text: &str) -> Result<(), String> {
    match text.parse::<usize>() {
        Ok(number) if number <= MOST => Ok(()),
        _ => Err(format!(
            "LISTEN_FDS is '{text}': a service manager can hand over up to {MOST} listeners"
        )),
    }
}

/// Refuses a socket that does not listen (Accept=yes of a socket unit).
fn listens(socket: &impl AsFd) -> io::Result<()> {
    if getsockopt(socket, sockopt::AcceptConn)? {
        return Ok(());
    }
    Err(io::Error::other("a socket that does not listen (is Accept=yes set?)"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};

    use super::*;

    #[test]
    fn a_socket_that_does_not_listen_or_has_no_file_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let passed = Passed::tcp(listener).unwrap();
        assert!(passed.is_here() && matches!(passed, Passed::Tcp(_)));
        let stream = TcpListener::from(std::os::fd::OwnedFd::from(stream));
        assert!(Passed::tcp(stream).unwrap_err().to_string().contains("does not listen"));
        let (one, _other) = UnixStream::pair().unwrap();
        let one = UnixListener::from(std::os::fd::OwnedFd::from(one));
        assert!(Passed::unix(one).unwrap_err().to_string().contains("does not listen"));
        let name = SocketAddr::from_abstract_name("tcpwarden-passed-test").unwrap();
        let hidden = UnixListener::bind_addr(&name).unwrap();
        assert!(Passed::unix(hidden).unwrap_err().to_string().contains("without a file"));
    }

    #[test]
    fn a_listener_of_another_namespace_is_in_no_list() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
                    uid  timeout inode\n\
                    0: 0100007F:2A29 00000000:0000 0A 00000000:00000000 00:00000000 00000000     \
                    0        0 4711 1 0 100 0\n\
                    1: 0100007F:2A29 0100007F:1111 01 00000000:00000000 00:00000000 00000000     \
                    0        0 4712 1 0 100 0\n";
        assert!(listens_in(list.as_bytes(), 4711));
        assert!(!listens_in(list.as_bytes(), 4712), "it does not listen");
        assert!(!listens_in(list.as_bytes(), 1));
    }

    #[test]
    fn a_number_of_listeners_that_cannot_be_is_refused() {
        for number in ["0", "1", "16"] {
            assert_eq!(refuse_number(number), Ok(()), "{number}");
        }
        for number in ["", "-1", "17", "x", "4000000000", "18446744073709551616"] {
            assert!(refuse_number(number).unwrap_err().contains(number), "{number}");
        }
    }

    #[test]
    fn without_the_variables_of_a_service_manager_nothing_is_taken() {
        assert!(Passed::all().unwrap().is_empty());
    }
}
