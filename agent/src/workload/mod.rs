//! Workloads: which systemd unit, container or pod a socket belongs to, told from its cgroup.
//!
//! `path` reads a cgroup's path, `hierarchy` lists the cgroups there are, `process` asks `/proc`
//! where the socket's own cgroup says nothing, `resolver` is the thread that does both for the
//! connection table, which knows only ids. Guarantees: nothing here runs on the ingest thread or in
//! a scrape; what paths say is cleaned and bounded before it becomes a label.

pub(crate) mod hierarchy;
pub mod path;
pub(crate) mod process;
pub(crate) mod resolver;

use std::sync::Arc;

/// The workload of what runs in no unit, container or pod.
pub const HOST: &str = "host";
/// The workload of a socket whose cgroup was gone, or out of sight, before its path could be read.
pub const UNKNOWN: &str = "unknown";
/// The longest name, bytes.
pub const MOST_NAME: usize = 128;
/// The longest path that is shown, bytes.
pub const MOST_PATH: usize = 512;

/// What a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A systemd unit: service, scope, slice and the like.
    Unit,
    /// A container outside Kubernetes.
    Container,
    /// A container of a Kubernetes pod, or the pod itself.
    Pod,
    /// None of these.
    Host,
    /// Its cgroup could not be read.
    Unknown,
}

impl Kind {
    /// The text that stands in labels and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Host => "host",
            Self::Unknown => "unknown",
        }
    }
}

/// A workload and the long names that it has elsewhere; empty where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The label: a unit's name, the first twelve digits of a container's id, `pod-` and the first
    /// eight of a pod's, `host` or `unknown`. At most [`MOST_NAME`] bytes; never begins with
    /// `~`.
    pub name: Arc<str>,
    /// What it is.
    pub kind: Kind,
    /// Who runs the container, as far as the path tells: `docker`, `containerd`, `cri-o`,
    /// `podman`, ...
    pub runtime: &'static str,
    /// The container's whole id, or its name where the runtime has no ids.
    pub container_id: Box<str>,
    /// The pod's uid, with hyphens.
    pub pod_uid: Box<str>,
    /// The path of its cgroup, without what lies below the unit or container; at most
    /// [`MOST_PATH`] bytes.
    pub cgroup: Box<str>,
}

impl Workload {
    /// What runs in no unit, container or pod.
    #[must_use]
    pub fn host() -> Self {
        Self::plain(HOST, Kind::Host)
    }

    /// What is not known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::plain(UNKNOWN, Kind::Unknown)
    }

    fn plain(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            runtime: "",
            container_id: "".into(),
            pod_uid: "".into(),
            cgroup: "".into(),
        }
    }
}

/// What a workload is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The id of a cgroup of the unified hierarchy: the inode number of its directory.
    Cgroup(u64),
    /// A process id, where the socket's cgroup says nothing.
    Process(u32),
}

/// What the machine lets the agent see of its cgroups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// Nothing: every workload is `host`.
    #[default]
    Blind,
    /// The unified hierarchy is not in sight: only `/proc` tells the cgroup of a process.
    Processes,
    /// The unified hierarchy beside older ones: what is in the root of the former may be placed by
    /// the latter.
    Mixed,
    /// The unified hierarchy alone, and `/proc` for sockets of which the kernel does not tell the
    /// cgroup.
    Unified,
    /// The unified hierarchy, and a `/proc` that numbers processes otherwise than the kernel's
    /// records do.
    Cgroups,
}

impl Sight {
    /// What to look a socket's workload up by; none where neither its cgroup nor a process is
    /// known.
    #[must_use]
    pub const fn key(self, cgroup: u64, tgid: u32) -> Option<Key> {
        let (told, asked) = match self {
            Self::Blind => (false, false),
            Self::Processes => (false, true),
            Self::Mixed => (cgroup > hierarchy::ROOT, true),
            Self::Unified => (cgroup > 0, true),
            Self::Cgroups => (cgroup > 0, false),
        };
        match (told, asked && tgid > 0) {
            (true, _) => Some(Key::Cgroup(cgroup)),
            (false, true) => Some(Key::Process(tgid)),
            (false, false) => None,
        }
    }
}

/// Text from outside made fit to be a label: control characters removed, a `~` at its front
/// replaced (the agent's own names begin so), cut to `most` bytes at a letter.
#[must_use]
pub fn clean(text: &str, most: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(most));
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        let letter =
            if clean.is_empty() && letter == '~' { char::REPLACEMENT_CHARACTER } else { letter };
        if clean.len() + letter.len_utf8() > most {
            break;
        }
        clean.push(letter);
    }
    clean
}
