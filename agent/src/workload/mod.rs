//! Workloads: the systemd unit, container or pod of a socket, derived from its cgroup.
//!
//! `path` classifies the path of a cgroup, `hierarchy` lists all cgroups, `process` reads
//! `/proc/PID/cgroup` if the cgroup of the socket is not enough, `names` finds what people call a
//! container, `resolver` is the thread that does all this for the connection table, which has only
//! ids. Guarantees: nothing here runs on the ingest thread or in a scrape; text from paths and
//! files is cleaned and bounded before it becomes a label.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub(crate) mod hierarchy;
pub(crate) mod names;
pub mod path;
pub(crate) mod process;
pub(crate) mod resolver;

use std::sync::Arc;

pub use names::{Late, Names, Naming};

/// The name of the workload of processes in no unit, container or pod.
pub const HOST: &str = "host";
/// The name of the workload of a socket whose cgroup path could not be read: the cgroup was removed
/// or is not visible.
pub const UNKNOWN: &str = "unknown";
/// The longest name, bytes.
pub(crate) const MAX_NAME: usize = 128;
/// The longest path, bytes.
const MAX_PATH: usize = 512;

/// The kind of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A systemd unit, for example a service, scope or slice.
    Unit,
    /// A container outside Kubernetes.
    Container,
    /// A container of a Kubernetes pod, or the pod itself.
    Pod,
    /// None of these.
    Host,
    /// The path of the cgroup could not be read.
    Unknown,
}

impl Kind {
    /// Returns the text in labels and in JSON.
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

/// A workload and its longer names elsewhere, each empty if it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The label: a unit's name, the first twelve digits of a container's id (or its name, see
    /// [`Naming`]), `pod-` and the first eight digits of a pod's uid, `host` or `unknown`. At most
    /// [`MAX_NAME`] bytes; it never begins with `~`.
    pub name: Arc<str>,
    /// The kind.
    pub kind: Kind,
    /// The container runtime, if the path tells it: `docker`, `containerd`, `cri-o`, `podman`, ...
    pub runtime: &'static str,
    /// The container's whole id, or its name if the runtime has no ids.
    pub container_id: Box<str>,
    /// The pod's uid, with hyphens.
    pub pod_uid: Box<str>,
    /// The path of the cgroup of the unit or container, without its children; at most 512 bytes.
    pub cgroup: Box<str>,
    /// What people call it. They may be found later than the workload.
    pub names: Late,
}

impl Workload {
    /// Returns what is told of a key later, where this was told before: a container keeps its
    /// label, under which it has counted.
    pub(crate) fn followed_by(&self, later: &Arc<Self>) -> Arc<Self> {
        let is_same = !self.container_id.is_empty() && self.container_id == later.container_id;
        if is_same && self.name != later.name {
            return Arc::new(Self { name: Arc::clone(&self.name), ..Self::clone(later) });
        }
        Arc::clone(later)
    }

    /// Returns the workload of processes in no unit, container or pod.
    #[must_use]
    pub fn host() -> Self {
        Self::plain(HOST, Kind::Host)
    }

    /// Returns the workload of a socket whose cgroup path could not be read.
    #[must_use]
    pub fn unknown() -> Self {
        Self::plain(UNKNOWN, Kind::Unknown)
    }

    /// Returns whether others may have its label too: it is a container, and the label is not its
    /// id.
    #[must_use]
    pub(crate) fn shares_its_label(&self) -> bool {
        !self.container_id.is_empty() && !self.container_id.starts_with(&*self.name)
    }

    fn plain(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            runtime: "",
            container_id: "".into(),
            pod_uid: "".into(),
            cgroup: "".into(),
            names: Late::default(),
        }
    }
}

/// The key by which a workload is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The id of a cgroup of the unified hierarchy: the inode number of its directory.
    Cgroup(u64),
    /// A process id, if the socket's cgroup does not tell the workload.
    Process(u32),
}

/// Which cgroups the agent can see on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// None: every workload is `host`.
    #[default]
    Blind,
    /// The unified hierarchy is not visible: only `/proc` shows the cgroup of a process.
    Processes,
    /// The unified hierarchy and older ones: a process in the root of the unified hierarchy may be
    /// in a cgroup of an older one.
    Mixed,
    /// The unified hierarchy alone, and `/proc` for sockets whose cgroup the kernel does not
    /// report.
    Unified,
    /// The unified hierarchy, and a `/proc` whose process ids are not those of the kernel's
    /// records.
    Cgroups,
}

impl Sight {
    /// Returns the key for a socket's workload; `None` if neither its cgroup nor its process is
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

/// Makes a label of text from outside: removes control characters, replaces a leading `~` (with
/// which the agent's own names begin) and cuts it to at most `most` bytes between two letters.
#[must_use]
pub(crate) fn clean(text: &str, most: usize) -> String {
    label(text.chars().filter(|letter| !letter.is_control()), most)
}

/// Makes a label of letters from outside: replaces a leading `~` and cuts as [`clean`] does.
pub(crate) fn label(letters: impl Iterator<Item = char>, most: usize) -> String {
    let mut clean = String::new();
    for letter in letters {
        let letter =
            if clean.is_empty() && letter == '~' { char::REPLACEMENT_CHARACTER } else { letter };
        if clean.len() + letter.len_utf8() > most {
            break;
        }
        clean.push(letter);
    }
    clean
}
