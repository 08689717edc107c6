//! The kernel's own books: `/proc/PID/net/{snmp,netstat}`, for one network namespace or summed over
//! every one that has a process, and testkit's census of sockets.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Sub;

use testkit::census::namespaces;
pub(crate) use testkit::census::{FULL_STATES, Sockets};
use testkit::proc_net;

/// The counters that the agent has to agree with.
const WATCHED: [&str; 9] = [
    "ActiveOpens",
    "PassiveOpens",
    "AttemptFails",
    "EstabResets",
    "RetransSegs",
    "OutRsts",
    "TCPRetransFail",
    "TCPSynRetrans",
    "ListenOverflows",
];

/// Some TCP counters of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters(BTreeMap<&'static str, i64>);

impl Counters {
    /// The value of one; 0 where this kernel does not have it.
    pub(crate) fn get(&self, name: &str) -> i64 {
        assert!(WATCHED.contains(&name), "{name} is not among the watched counters");
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Those of one process's network namespace.
    pub(crate) fn of(pid: u32) -> Self {
        let values = proc_net::counters(pid).unwrap_or_default();
        let watched = WATCHED.iter().filter_map(|name| Some((*name, *values.get(*name)?)));
        Self(watched.collect())
    }

    /// Those of every network namespace of the machine, summed.
    pub(crate) fn machine() -> Self {
        let mut sum = BTreeMap::new();
        for pid in namespaces().into_values() {
            for (name, value) in Self::of(pid).0 {
                *sum.entry(name).or_insert(0) += value;
            }
        }
        Self(sum)
    }
}

impl Sub for &Counters {
    type Output = Counters;

    fn sub(self, before: &Counters) -> Counters {
        Counters(self.0.iter().map(|(name, value)| (*name, value - before.get(name))).collect())
    }
}

/// The running kernel, as (major, minor).
pub(crate) fn version() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").expect("read the kernel's release");
    let mut numbers = text
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|number| number.parse().ok());
    (numbers.next().expect("a major version"), numbers.next().expect("a minor version"))
}
