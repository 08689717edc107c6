//! What this user may read of its own host: settings and counters of the network namespace, limits
//! of files, of cgroups and of processes.
//!
//! Guarantees: each file is read up to a bound; what is missing or makes no sense is a reason, not
//! a number. The texts of tests stand in for the files.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use super::cgroups::{self, Tasks};
use crate::bounded;
use crate::kernel::namespaces::Home;
use crate::pressure::descriptors::{Descriptors, MOST};
use crate::pressure::parse;

/// The most bytes of one file.
const MAX_BYTES: u64 = 256 << 10;

/// Where the settings of the network are.
const NET: &str = "/proc/sys/net";
/// Counters of the namespace; a thread that has entered another shows that one's.
pub(crate) const NETSTAT: &str = "/proc/thread-self/net/netstat";
pub(crate) const SNMP: &str = "/proc/thread-self/net/snmp";
pub(crate) const SOCKSTAT: &str = "/proc/thread-self/net/sockstat";
pub(crate) const CONNTRACK: &str = "/proc/thread-self/net/stat/nf_conntrack";
pub(crate) const FILES: &str = "/proc/sys/fs/file-nr";
pub(crate) const NR_OPEN: &str = "/proc/sys/fs/nr_open";

/// The files that are no settings of the network.
const OTHERS: [&str; 6] = [NETSTAT, SNMP, SOCKSTAT, CONNTRACK, FILES, NR_OPEN];
/// The settings of the network, as `sysctl` names them without `net.`.
const SETTINGS: [&str; 25] = [
    "core.somaxconn",
    "ipv4.ip_local_port_range",
    "ipv4.ip_local_reserved_ports",
    "ipv4.tcp_abort_on_overflow",
    "ipv4.tcp_congestion_control",
    "ipv4.tcp_fin_timeout",
    "ipv4.tcp_keepalive_intvl",
    "ipv4.tcp_keepalive_probes",
    "ipv4.tcp_keepalive_time",
    "ipv4.tcp_max_orphans",
    "ipv4.tcp_max_syn_backlog",
    "ipv4.tcp_max_tw_buckets",
    "ipv4.tcp_mem",
    "ipv4.tcp_retries2",
    "ipv4.tcp_sack",
    "ipv4.tcp_syn_retries",
    "ipv4.tcp_synack_retries",
    "ipv4.tcp_syncookies",
    "ipv4.tcp_timestamps",
    "ipv4.tcp_tw_reuse",
    "ipv4.tcp_window_scaling",
    "netfilter.nf_conntrack_buckets",
    "netfilter.nf_conntrack_count",
    "netfilter.nf_conntrack_max",
    "netfilter.nf_conntrack_tcp_timeout_established",
];

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is not there.
    Absent,
    /// It is, and this is the reason.
    Unreadable(String),
}

/// The descriptors of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its command name.
    pub(crate) name: String,
    /// Its descriptors.
    pub(crate) descriptors: Descriptors,
    /// Its hard limit of descriptors; `None` without one, or if it could not be read.
    pub(crate) hard: Option<u64>,
}

/// The readings. `Default` has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Host {
    /// The inode of the network namespace of the reader; 0 if it is not known.
    pub(crate) netns: u32,
    /// The texts of the files, by path.
    pub(crate) texts: BTreeMap<String, Result<String, Missing>>,
    /// The cgroups that limit tasks; `None` if none can be listed.
    pub(crate) tasks: Option<Vec<Tasks>>,
    /// The processes whose descriptors this user may count. Read where no agent tells.
    pub(crate) processes: Vec<Process>,
}

impl Host {
    /// Reads all but the processes.
    pub(crate) fn read() -> Self {
        let paths = SETTINGS.map(path_of).into_iter().chain(OTHERS.map(str::to_owned));
        let read = |path: String| {
            let text = bounded::text(Path::new(&path), MAX_BYTES).map_err(|error| {
                let is_absent = error.kind() == io::ErrorKind::NotFound;
                if is_absent { Missing::Absent } else { Missing::Unreadable(error.to_string()) }
            });
            (path, text)
        };
        Self {
            netns: Home::own().map_or(0, |home| home.inode),
            texts: paths.map(read).collect(),
            tasks: cgroups::tasks(Path::new("/sys/fs/cgroup")),
            processes: Vec::new(),
        }
    }

    /// Reads the descriptors of the first processes that this user may inspect.
    pub(crate) fn read_processes(&mut self) {
        let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        self.processes = ids
            .take(MOST)
            .filter_map(|pid| {
                let path = format!("/proc/{pid}/comm");
                let name = bounded::text(Path::new(&path), 256).ok()?.trim_end().to_owned();
                let limits = bounded::text(Path::new(&format!("/proc/{pid}/limits")), 1 << 14);
                let hard = limits.ok().and_then(|limits| hard_limit(&limits));
                Some(Process { name, descriptors: Descriptors::read(pid)?, hard })
            })
            .collect();
    }

    /// Returns the text of a file.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn text(&self, path: &str) -> Result<&str, String> {
        match self.texts.get(path) {
            Some(Ok(text)) => Ok(text),
            Some(Err(Missing::Absent)) => Err(format!("there is no {path} here")),
            Some(Err(Missing::Unreadable(why))) => Err(format!("cannot read {path}: {why}")),
            None => Err(format!("{path} was not read")),
        }
    }

    /// Returns whether a file is not there.
    pub(crate) fn is_absent(&self, path: &str) -> bool {
        matches!(self.texts.get(path), Some(Err(Missing::Absent)))
    }

    /// Returns the numbers of a setting of the network, named without `net.`.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn numbers<const N: usize>(&self, name: &str) -> Result<[u64; N], String> {
        self.numbers_of(&path_of(name))
    }

    /// Returns the number of a setting of the network, named without `net.`.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn number(&self, name: &str) -> Result<u64, String> {
        self.numbers(name).map(|[number]| number)
    }

    /// Returns the numbers at the start of a file.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn numbers_of<const N: usize>(&self, path: &str) -> Result<[u64; N], String> {
        parse::numbers(self.text(path)?).ok_or_else(|| format!("{path} makes no sense"))
    }

    /// Returns the text of a setting of the network, named without `net.`.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn setting(&self, name: &str) -> Result<&str, String> {
        self.text(&path_of(name)).map(str::trim)
    }

    /// Returns a counter of `netstat` or `snmp`.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn counter(&self, path: &str, section: &str, name: &str) -> Result<u64, String> {
        parse::counter(self.text(path)?, section, name)
            .ok_or_else(|| format!("{path} has no {name}"))
    }

    /// Returns a number of the line `TCP:` of `sockstat`.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn sockstat(&self, name: &str) -> Result<u64, String> {
        parse::sockstat(self.text(SOCKSTAT)?, name)
            .ok_or_else(|| format!("{SOCKSTAT} has no {name}"))
    }

    /// Returns the ephemeral ports of the namespace.
    ///
    /// # Errors
    /// Why they are not known.
    pub(crate) fn ports(&self) -> Result<parse::PortRange, String> {
        let range = self.setting("ipv4.ip_local_port_range")?;
        let reserved = self.setting("ipv4.ip_local_reserved_ports").unwrap_or_default();
        parse::port_range(range, reserved)
            .ok_or_else(|| "net.ipv4.ip_local_port_range makes no sense".to_owned())
    }
}

/// Returns the hard limit of descriptors in the text of `/proc/PID/limits`; `None` without one.
fn hard_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Returns the path of a setting of the network.
pub(crate) fn path_of(name: &str) -> String {
    format!("{NET}/{}", name.replace('.', "/"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The path of each file that is read.
    pub(crate) fn every_path() -> Vec<String> {
        SETTINGS.map(path_of).into_iter().chain(OTHERS.map(str::to_owned)).collect()
    }

    /// Readings with these texts, by path or by name of a setting, and no other.
    pub(crate) fn with(texts: &[(&str, &str)]) -> Host {
        let place = |name: &str| {
            if name.starts_with('/') { name.to_owned() } else { path_of(name) }
        };
        let texts = texts.iter().map(|(name, text)| (place(name), Ok((*text).to_owned())));
        Host { netns: 7, texts: texts.collect(), ..Host::default() }
    }

    #[test]
    fn this_machine_can_be_read() {
        let mut host = Host::read();
        host.read_processes();
        assert!(host.netns > 0 && host.number("core.somaxconn").is_ok(), "{host:?}");
        assert!(host.counter(NETSTAT, "TcpExt", "ListenDrops").is_ok(), "{host:?}");
        assert!(host.ports().is_ok() && host.sockstat("tw").is_ok(), "{host:?}");
        let own = std::process::id();
        assert!(host.processes.iter().any(|process| process.descriptors.tgid == own));
    }

    #[test]
    fn the_hard_limit_of_descriptors_is_the_second_number() {
        let of = |numbers| hard_limit(&format!("Limit Soft\nMax open files {numbers} files\n"));
        assert_eq!(
            (of("1024   524288"), of("1024 unlimited"), of("1")),
            (Some(524_288), None, None)
        );
        assert_eq!(hard_limit("Max processes 1 2\n"), None);
    }

    #[test]
    fn what_is_absent_or_garbage_is_a_reason() {
        let host = with(&[("core.somaxconn", "many"), (NETSTAT, "TcpExt: A\n")]);
        assert!(host.number("core.somaxconn").unwrap_err().contains("makes no sense"));
        assert!(host.number("ipv4.tcp_mem").unwrap_err().contains("not read"));
        let lacking = host.counter(NETSTAT, "TcpExt", "ListenDrops").unwrap_err();
        assert!(lacking.contains("has no ListenDrops"), "{lacking}");
    }
}
