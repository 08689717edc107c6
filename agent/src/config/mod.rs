//! The configuration of `run`: the command line wins over `TCPWARDEN_*`, the environment over the
//! file, the file over the defaults. It is checked once and becomes plain values.
//!
//! Called by `main`. Guarantees: every value in [`RunConfig`] is within its bounds; every error
//! names the key, the source of its value, the value and what is allowed.

mod arguments;
mod expected;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod listen;
mod names;
mod value;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::conn::Destinations;
use crate::exit::Error;
use crate::log::Format;
use crate::metrics::Selection;
use crate::process::rules::Rules;
use crate::workload::Naming;

pub use arguments::RunArgs;
pub use expected::Expected;
pub use listen::{DEFAULT_LISTEN, DEFAULT_SOCKET, Listen};

use file::File;
use value::{Origin, Raw};

/// A key of the configuration: the option `--name`, the variable `TCPWARDEN_NAME` and the name in
/// the file.
#[derive(Debug)]
pub(crate) struct Key {
    /// The name, with hyphens.
    pub(crate) name: &'static str,
    /// The default value, as text.
    pub(crate) default: &'static str,
}

/// Every key that the file may have.
pub(crate) const KEYS: &[Key] = &[
    Key { name: "listen", default: DEFAULT_LISTEN },
    Key { name: "reconcile-interval", default: "30s" },
    Key { name: "verify-after", default: "10s" },
    Key { name: "drain-interval-ms", default: "50ms" },
    Key { name: "ring-bytes", default: "8M" },
    Key { name: "retransmit-ring-bytes", default: "1M" },
    Key { name: "max-connections", default: "1000000" },
    Key { name: "max-series", default: "200" },
    Key { name: "young-age", default: "30s" },
    Key { name: "workload-label", default: "id" },
    Key { name: "histograms", default: "coarse" },
    Key { name: "metrics-exclude", default: "" },
    Key { name: "log", default: "info" },
    Key { name: "log-format", default: "text" },
    Key { name: "keep-privileges", default: "false" },
    Key { name: "expose-connections", default: "false" },
    Key { name: "socket", default: DEFAULT_SOCKET },
    Key { name: "socket-group", default: "" },
    Key { name: "web-config-file", default: "" },
    Key { name: "state-directory", default: "" },
];

/// Variables that are no keys: where the file is, and where other commands find the agent.
const OTHER_VARIABLES: [&str; 2] = ["TCPWARDEN_CONFIG", "TCPWARDEN_AGENT"];

/// A value for which it matters whether a source names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Whether no source names it.
    pub is_default: bool,
}

/// The configuration of `run`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// Where the agent serves HTTP: at least one address.
    pub listen: Sourced<Vec<Listen>>,
    /// The socket file beside the addresses; `None` for none.
    pub socket: Sourced<Option<PathBuf>>,
    /// The id of the group that may use the socket files; `None` for the group of the agent.
    pub socket_group: Option<u32>,
    /// The time between reconcile passes, 0.2 s to a day.
    pub reconcile_interval: Duration,
    /// How long a socket may be in a leak state before its owner is verified, 0.2 s to a day.
    pub verify_after: Duration,
    /// The time between two drains of the rings, 1 ms to 1 s.
    pub drain_interval: Duration,
    /// The size of the ring for state records in bytes, a power of two.
    pub ring_bytes: u32,
    /// The size of the ring for retransmit records in bytes, a power of two.
    pub retransmit_ring_bytes: u32,
    /// The most rows of the connection table; `None` for as many as the memory allows, up to the
    /// default.
    pub max_connections: Option<usize>,
    /// The most label sets of process and role.
    pub max_series: usize,
    /// How long a name counts under `~young`, 0.2 s to 5 min; 0 if every name has series at once.
    pub young_age: Duration,
    /// What the label `workload` of a container is.
    pub workload_label: Naming,
    /// What is on the page of metrics.
    pub metrics: Selection,
    /// The tracing filter.
    pub log: String,
    /// The form of the log.
    pub log_format: Format,
    /// Whether the agent keeps all privileges after attaching.
    pub keep_privileges: bool,
    /// Whether `/api` answers on an address that other machines can reach.
    pub expose_connections: bool,
    /// The file of the web configuration: TLS, passwords, headers. Only with a TCP address.
    pub web_config_file: Option<PathBuf>,
    /// Where the history of the page lies while no agent runs; `None` for nowhere.
    pub state_directory: Option<PathBuf>,
    /// The destinations that are named, from the file only.
    pub destinations: Destinations,
    /// Connections that are expected, from the file only.
    pub expected: Vec<Expected>,
    /// The rules by which processes are named, from the file only.
    pub(crate) names: Rules,
}

impl RunConfig {
    /// Merges the sources; `environment` is `std::env::var_os` except in tests.
    ///
    /// # Errors
    /// [`Error::Usage`] if a value is not allowed, a key is unknown or the file cannot be read.
    pub fn load(
        arguments: &RunArgs,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let path =
            arguments.config.clone().or_else(|| environment("TCPWARDEN_CONFIG").map(PathBuf::from));
        let file = path.as_deref().map(File::read).transpose()?.unwrap_or_default();
        Self::merge(arguments, environment, &file)
    }

    /// As [`Self::load`], with the file read.
    fn merge(
        arguments: &RunArgs,
        environment: &dyn Fn(&str) -> Option<OsString>,
        file: &File,
    ) -> Result<Self, Error> {
        let find =
            |name: &'static str, argument: Option<&str>| find(name, argument, environment, file);
        let flag = |given: bool| given.then_some("true");
        let addresses = match arguments.listen.as_slice() {
            [] => find("listen", None)?,
            texts => Raw::texts("listen", Origin::Argument, texts),
        };
        let listen = addresses.listen()?;
        let file_beside = find("socket", arguments.socket.as_deref())?;
        let socket = file_beside.socket()?;
        let socket_group = find("socket-group", arguments.socket_group.as_deref())?;
        let has_file = socket.is_some() || listen.iter().any(Listen::is_file);
        let web_config_file = find("web-config-file", arguments.web_config_file.as_deref())?;
        Ok(Self {
            web_config_file: web_config_file
                .file_of_tcp(&listen, environment("LISTEN_FDS").is_some())?,
            socket_group: socket_group.group(has_file)?,
            listen: Sourced { value: listen, is_default: addresses.is_default() },
            socket: Sourced { value: socket, is_default: file_beside.is_default() },
            reconcile_interval: find(
                "reconcile-interval",
                arguments.reconcile_interval.as_deref(),
            )?
            .seconds()?,
            verify_after: find("verify-after", arguments.verify_after.as_deref())?.seconds()?,
            drain_interval: find("drain-interval-ms", arguments.drain_interval_ms.as_deref())?
                .milliseconds()?,
            ring_bytes: find("ring-bytes", arguments.ring_bytes.as_deref())?.power_of_two()?,
            retransmit_ring_bytes: find(
                "retransmit-ring-bytes",
                arguments.retransmit_ring_bytes.as_deref(),
            )?
            .power_of_two()?,
            max_connections: find("max-connections", arguments.max_connections.as_deref())?
                .given()
                .map(|rows| rows.count(1, 100_000_000))
                .transpose()?,
            max_series: find("max-series", arguments.max_series.as_deref())?.count(1, 100_000)?,
            young_age: find("young-age", arguments.young_age.as_deref())?.age()?,
            workload_label: find("workload-label", arguments.workload_label.as_deref())?
                .naming()?,
            metrics: find("metrics-exclude", arguments.metrics_exclude.as_deref())?
                .selection(find("histograms", arguments.histograms.as_deref())?.histograms()?)?,
            log: find("log", arguments.log.as_deref())?.filter()?,
            log_format: find("log-format", arguments.log_format.as_deref())?.format()?,
            keep_privileges: find("keep-privileges", flag(arguments.keep_privileges))?.truth()?,
            expose_connections: find("expose-connections", flag(arguments.expose_connections))?
                .truth()?,
            state_directory: find("state-directory", arguments.state_directory.as_deref())?
                .directory(|| given_by_systemd(environment))?,
            destinations: file.destinations()?,
            expected: file.expected()?,
            names: file.names()?,
        })
    }
}

/// Returns the value of a key from the first source that has one.
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
    let default = KEYS.iter().find(|key| key.name == name).map(|key| key.default);
    debug_assert!(default.is_some(), "{name} is not in KEYS");
    Ok(Raw::text(name, Origin::Default, default.unwrap_or_default()))
}

/// Returns the first directory of `StateDirectory=` in the unit of this process (systemd.exec(5),
/// 248 or later): what another process of a unit has started is not meant.
fn given_by_systemd(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let own = std::process::id().to_string();
    environment("SYSTEMD_EXEC_PID").filter(|pid| pid.to_str() == Some(&own))?;
    let all = environment("STATE_DIRECTORY")?;
    let first = all.to_str()?.split(':').next().map(PathBuf::from)?;
    first.is_absolute().then_some(first)
}

/// Returns the name of a key's environment variable.
fn variable(name: &str) -> String {
    format!("TCPWARDEN_{}", name.replace('-', "_").to_ascii_uppercase())
}

/// Logs each variable of the environment that looks like an option and is none.
pub fn warn_of_unknown_variables(names: impl Iterator<Item = OsString>) {
    for name in unknown_variables(names) {
        tracing::warn!("{name} is no option of this program: `tcpwarden run --help` lists them");
    }
}

/// Returns the variables that look like an option and are none, in order.
fn unknown_variables(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let own = |name: &String| name.starts_with("TCPWARDEN_");
    // What Kubernetes sets for a Service of this name, `TCPWARDEN_PORT_…` among it.
    let is_service =
        |name: &str| name.starts_with("TCPWARDEN_SERVICE_") || name.starts_with("TCPWARDEN_PORT");
    let known = |name: &str| {
        OTHER_VARIABLES.contains(&name)
            || is_service(name)
            || KEYS.iter().any(|key| variable(key.name) == name)
    };
    let mut unknown: Vec<String> = names
        .filter_map(|name| name.into_string().ok())
        .filter(own)
        .filter(|name| !known(name))
        .collect();
    unknown.sort_unstable();
    unknown
}

#[cfg(test)]
mod manifest_tests;
#[cfg(test)]
mod shipped_tests;
#[cfg(test)]
mod tests;
