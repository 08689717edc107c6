//! Where an agent listens, as `--listen` and `--agent` take it.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Error, Result};

/// A TCP address or a socket file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = Error;

    /// Takes `127.0.0.1:10793`, the same with `http://` before it, or `unix:/path`.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let mut found = address
            .to_socket_addrs()
            .with_context(|| format!("{text:?}: expected http://ADDRESS:PORT or unix:/path"))?;
        found.next().map(Self::Tcp).with_context(|| format!("{text:?} has no address"))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(out, "http://{address}"),
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_and_without_a_scheme_and_nonsense_is_refused() {
        let tcp = Address::Tcp("127.0.0.1:10793".parse().unwrap());
        for text in ["127.0.0.1:10793", "http://127.0.0.1:10793", "http://127.0.0.1:10793/"] {
            assert_eq!(text.parse::<Address>().unwrap(), tcp, "{text}");
        }
        assert_eq!("unix:/run/x".parse::<Address>().unwrap(), Address::Unix("/run/x".into()));
        for text in ["", "10793", "http://", "127.0.0.1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
