//! The configuration of `run`: command line over `TCPWARDEN_*` over the file over defaults, checked
//! once and handed on as plain values.
//!
//! Called by `main`. Guarantees: every value in [`RunConfig`] is within its bounds; every error
//! names the key, where its value came from, the value and what would be allowed.

mod file;
mod value;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::cli::{DEFAULT_LISTEN, RunArgs};
use crate::exit::Error;

use file::File;
use value::{Origin, Raw};

/// A key of the configuration: `--name`, `TCPWARDEN_NAME` and the name in the file.
#[derive(Debug)]
pub struct Key {
    /// The name, with hyphens.
    pub name: &'static str,
    /// The value when none is given, as text.
    pub default: &'static str,
}

/// Every key that the file may have.
pub const KEYS: &[Key] = &[
    Key { name: "listen", default: DEFAULT_LISTEN },
    Key { name: "reconcile-interval", default: "30" },
    Key { name: "verify-after", default: "10" },
    Key { name: "drain-interval-ms", default: "50" },
    Key { name: "ring-bytes", default: "8388608" },
    Key { name: "retransmit-ring-bytes", default: "1048576" },
    Key { name: "max-connections", default: "1000000" },
    Key { name: "max-series", default: "200" },
    Key { name: "log", default: "info" },
    Key { name: "keep-privileges", default: "false" },
    Key { name: "expose-connections", default: "false" },
];

/// Where the metrics are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

/// What an address to listen on is written as, for messages.
pub const ADDRESSES: &str =
    "an address and port such as 127.0.0.1:10793 or [::1]:10793, or unix:/path/to.sock";

impl FromStr for Listen {
    type Err = String;

    /// # Errors
    /// What would be allowed.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            // The kernel's sun_path holds 108 bytes with its end mark.
            let fits = path.starts_with('/') && path.len() <= 107 && !path.contains('\0');
            let allowed = || "unix: and an absolute path of at most 107 bytes".to_owned();
            return if fits { Ok(Self::Unix(PathBuf::from(path))) } else { Err(allowed()) };
        }
        text.parse()
            .map(Self::Tcp)
            .map_err(|_not_an_address: std::net::AddrParseError| ADDRESSES.to_owned())
    }
}

/// The configuration of `run`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// Where to serve HTTP.
    pub listen: Listen,
    /// Time between reconcile passes.
    pub reconcile_interval: Duration,
    /// How long a socket can be in a leak state before its owner is verified.
    pub verify_after: Duration,
    /// Time between visits to the rings.
    pub drain_interval: Duration,
    /// Size of the ring for state records.
    pub ring_bytes: u32,
    /// Size of the ring for retransmit records.
    pub retransmit_ring_bytes: u32,
    /// Rows of the connection table.
    pub max_connections: usize,
    /// Label sets of (process, role).
    pub max_series: usize,
    /// The tracing filter.
    pub log: String,
    /// Whether to keep all privileges after attaching.
    pub keep_privileges: bool,
    /// Whether `/api` answers on an address that other machines can reach.
    pub expose_connections: bool,
}

impl RunConfig {
    /// Puts the sources together; `environment` answers what `std::env::var_os` would.
    ///
    /// # Errors
    /// [`Error::Usage`] for a value that is not allowed, a key that is not known, a file that
    /// cannot be read.
    pub fn load(
        arguments: &RunArgs,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let path =
            arguments.config.clone().or_else(|| environment("TCPWARDEN_CONFIG").map(PathBuf::from));
        let file = path.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let find =
            |name: &'static str, argument: Option<&str>| find(name, argument, environment, &file);
        let flag = |given: bool| given.then_some("true");
        Ok(Self {
            listen: find("listen", arguments.listen.as_deref())?.listen()?,
            reconcile_interval: find(
                "reconcile-interval",
                arguments.reconcile_interval.as_deref(),
            )?
            .seconds(0.2, 86400.0)?,
            verify_after: find("verify-after", arguments.verify_after.as_deref())?
                .seconds(0.2, 86400.0)?,
            drain_interval: Duration::from_millis(
                find("drain-interval-ms", arguments.drain_interval_ms.as_deref())?
                    .integer(1, 1000)?,
            ),
            ring_bytes: find("ring-bytes", arguments.ring_bytes.as_deref())?.power_of_two()?,
            retransmit_ring_bytes: find(
                "retransmit-ring-bytes",
                arguments.retransmit_ring_bytes.as_deref(),
            )?
            .power_of_two()?,
            max_connections: find("max-connections", arguments.max_connections.as_deref())?
                .count(1, 100_000_000)?,
            max_series: find("max-series", arguments.max_series.as_deref())?.count(1, 100_000)?,
            log: find("log", arguments.log.as_deref())?.filter()?,
            keep_privileges: find("keep-privileges", flag(arguments.keep_privileges))?.truth()?,
            expose_connections: find("expose-connections", flag(arguments.expose_connections))?
                .truth()?,
        })
    }
}

/// The value of a key from the first source that has one.
fn find(
    name: &'static str,
    argument: Option<&str>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    file: &File,
) -> Result<Raw, Error> {
    if let Some(text) = argument {
        return Ok(Raw::text(name, Origin::Argument, text));
    }
    let variable = variable(name);
    if let Some(value) = environment(&variable) {
        let text = value.into_string().map_err(|bytes| {
            Error::Usage(format!("{variable} is not valid text: {}", bytes.display()))
        })?;
        return Ok(Raw::text(name, Origin::Environment(variable), &text));
    }
    if let Some(raw) = file.get(name) {
        return Ok(raw);
    }
    let default = KEYS.iter().find(|key| key.name == name).map_or("", |key| key.default);
    Ok(Raw::text(name, Origin::Default, default))
}

/// The environment variable of a key.
fn variable(name: &str) -> String {
    format!("TCPWARDEN_{}", name.replace('-', "_").to_ascii_uppercase())
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", Path::display(path)),
        }
    }
}

#[cfg(test)]
mod tests;
