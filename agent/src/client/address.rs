//! Where an agent is asked: as `run --listen` has it, or a URL.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use crate::config::{DEFAULT_LISTEN, DEFAULT_SOCKET, Listen};

/// The forms of an address, as the second half of "expected ...".
const FORMS: &str = "ADDR:PORT, [ADDR6]:PORT, NAME:PORT, :PORT, unix:/path/to.sock, \
                     http://HOST:PORT or https://HOST:PORT";

/// Where an agent is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// As it listens, without TLS.
    Listen(Listen),
    /// By a URL.
    Url {
        /// Whether with TLS.
        tls: bool,
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Address {
    /// Returns where an agent is that nobody has named: its usual socket file, then loopback.
    pub(crate) fn usual() -> Vec<Self> {
        let file = Listen::Unix(DEFAULT_SOCKET.into());
        [Some(file), DEFAULT_LISTEN.parse().ok()].into_iter().flatten().map(Self::Listen).collect()
    }

    /// Whether it is asked over TLS.
    pub(crate) const fn is_tls(&self) -> bool {
        matches!(self, Self::Url { tls: true, .. })
    }

    /// Whether it is a socket file or a loopback address, which is as a rule of this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Listen(Listen::Unix(_)) => true,
            Self::Listen(Listen::Tcp(address)) => address.ip().to_canonical().is_loopback(),
            Self::Url { host, .. } => {
                let address = host.parse::<IpAddr>();
                host == "localhost" || address.is_ok_and(|at| at.to_canonical().is_loopback())
            }
        }
    }

    /// Reads the short forms that `run --listen` takes as well: `NAME:PORT`, and `:PORT` for the
    /// agent of this machine.
    fn short(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok()?;
        if host.is_empty() {
            return Some(Self::Listen(Listen::Tcp((Ipv4Addr::LOCALHOST, port).into())));
        }
        let is_name = host.chars().any(|letter| letter.is_ascii_alphabetic());
        let fits = is_name && is_host(host);
        fits.then(|| Self::Url { tls: false, host: host.to_owned(), port })
    }

    /// Returns host and port as they stand in a URL.
    pub(super) fn authority(&self) -> String {
        match self {
            Self::Url { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Url { host, port, .. } => format!("{host}:{port}"),
            Self::Listen(listen) => listen.to_string(),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    /// # Errors
    /// What is allowed.
    fn from_str(text: &str) -> Result<Self, String> {
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            (None, None) => {
                // Its own message names what is wrong with the path of a socket file.
                let is_file = text.starts_with("unix:");
                let allowed = |allowed: String| if is_file { allowed } else { FORMS.to_owned() };
                let listen = text.parse().map(Self::Listen).map_err(allowed);
                let short = || Self::short(text).filter(|_| !is_file);
                return listen.or_else(|allowed| short().ok_or(allowed));
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let refuse = || format!("{FORMS}; nothing may follow the port");
        let (host, port) = rest.rsplit_once(':').ok_or_else(refuse)?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let fits = inner
            .map_or_else(|| is_host(host), |inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        let port = port.parse().ok().filter(|_| fits).ok_or_else(refuse)?;
        Ok(Self::Url { tls, host: inner.unwrap_or(host).to_owned(), port })
    }
}

/// Whether a text can be the name or the IPv4 address of a machine.
fn is_host(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    !text.is_empty() && text.chars().all(letter)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(listen) => listen.fmt(f),
            Self::Url { tls, .. } => {
                write!(f, "http{}://{}", if *tls { "s" } else { "" }, self.authority())
            }
        }
    }
}
