//! The addresses on which the agent serves: TCP addresses and socket files.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::names;

/// The address of `run` if none is given: loopback, and a port that the list of default ports of
/// Prometheus exporters leaves free (it fills 9100-9999 and continues one by one from 10000; 793 is
/// the RFC that defined TCP for forty years).
pub const DEFAULT_LISTEN: &str = "127.0.0.1:10793";

/// The socket file of `run` if none is given, which the commands ask first.
pub const DEFAULT_SOCKET: &str = "/run/tcpwarden/tcpwarden.sock";

/// The most addresses to listen on.
pub(super) const MOST: usize = 16;

/// The forms of an address, as the second half of "expected ...".
pub(super) const ADDRESSES: &str = "\
    an address and port such as 127.0.0.1:10793 or [::1]:10793, :10793 for every address of the \
    machine, a name of /etc/hosts and a port, or unix:/path/to.sock";

/// The longest path of a socket file, bytes: `sun_path` holds 108 with the terminating zero.
const MAX_PATH: usize = 107;

/// Where the agent serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Listen {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

/// Returns what an absolute path must be for a socket file, unless it is so.
pub(super) fn refused_path(path: &str) -> Option<String> {
    let fits = path.starts_with('/') && path.len() <= MAX_PATH && !path.contains('\0');
    (!fits).then(|| format!("an absolute path of at most {MAX_PATH} bytes"))
}

impl Listen {
    /// Reads an address as `run` takes it: also `:PORT` and a name, whose address `find` returns.
    ///
    /// # Errors
    /// What is allowed.
    pub(super) fn read(text: &str, find: impl Fn(&str) -> Option<IpAddr>) -> Result<Self, String> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if name.is_empty() || names::is_name(name) => (name, port),
            _ => return text.parse(),
        };
        if text.starts_with("unix:") || name.parse::<IpAddr>().is_ok() {
            return text.parse();
        }
        // `parse` takes a sign.
        let port = Some(port).filter(|port| port.bytes().all(|digit| digit.is_ascii_digit()));
        let port = port.and_then(|port| port.parse().ok()).ok_or_else(|| ADDRESSES.to_owned())?;
        if name.is_empty() {
            // Where the kernel has no IPv6, it is bound as 0.0.0.0.
            return Ok(Self::Tcp((Ipv6Addr::UNSPECIFIED, port).into()));
        }
        let address = find(name).ok_or_else(|| {
            format!(
                "an address or a name that /etc/hosts has; it has no {name}, and names to listen \
                 on are not looked up elsewhere"
            )
        })?;
        Ok(Self::Tcp((address, port).into()))
    }

    /// Whether the kernel chooses the port.
    pub(super) const fn is_any_port(&self) -> bool {
        matches!(self, Self::Tcp(address) if address.port() == 0)
    }

    /// Whether it is a socket file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

impl FromStr for Listen {
    type Err = String;

    /// # Errors
    /// What is allowed.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match refused_path(path) {
                None => Ok(Self::Unix(PathBuf::from(path))),
                Some(allowed) => Err(format!("unix: and {allowed}")),
            };
        }
        text.parse()
            .map(Self::Tcp)
            .map_err(|_not_an_address: std::net::AddrParseError| ADDRESSES.to_owned())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", Path::display(path)),
        }
    }
}
