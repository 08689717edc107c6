//! The address on which the agent serves: a TCP address or a socket file.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The address of `run` if none is given: loopback, and a port that the list of default ports of
/// Prometheus exporters leaves free (it fills 9100-9999 and continues one by one from 10000; 793 is
/// the RFC that defined TCP for forty years).
pub const DEFAULT_LISTEN: &str = "127.0.0.1:10793";

/// The forms of an address, as the second half of "expected ...".
pub(super) const ADDRESSES: &str =
    "an address and port such as 127.0.0.1:10793 or [::1]:10793, or unix:/path/to.sock";

/// The longest path of a socket file, bytes: `sun_path` holds 108 with the terminating zero.
const MAX_PATH: usize = 107;

/// Where the agent serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    /// # Errors
    /// What is allowed.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let fits = path.starts_with('/') && path.len() <= MAX_PATH && !path.contains('\0');
            let allowed = || format!("unix: and an absolute path of at most {MAX_PATH} bytes");
            return if fits { Ok(Self::Unix(PathBuf::from(path))) } else { Err(allowed()) };
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
