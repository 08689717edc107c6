//! What the agent cannot see although it runs: capabilities and namespaces that it lacks.
//!
//! Shown at start-up and by `tcpwarden check`, which ends with its own exit code then.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use caps::{CapSet, Capability};

/// The inode of the initial pid namespace (`PROC_PID_INIT_INO`, 3.8).
const INITIAL_PIDS: u64 = 0xEFFF_FFFC;

/// Something that can hide a part of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name, a label value.
    pub name: &'static str,
    /// Whether it does.
    pub hides: bool,
    /// What it hides, and what to do.
    pub sentence: &'static str,
}

/// Returns each thing that can hide a part of the machine from this thread, and whether it does.
#[must_use]
pub fn limits() -> [Limit; 3] {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    let pids = Path::new("/proc/self/ns/pid").metadata().map(|pids| pids.ino()).ok();
    limits_of(has, pids)
}

/// Returns the sentences of those that do.
pub fn sentences(limits: &[Limit]) -> impl Iterator<Item = &'static str> {
    limits.iter().filter(|limit| limit.hides).map(|limit| limit.sentence)
}

/// Returns what it means that no look was possible at so many network namespaces.
#[must_use]
pub const fn namespaces(unread: usize) -> Limit {
    Limit {
        name: "network_namespaces",
        hides: unread > 0,
        sentence: "the agent cannot look into every network namespace: sockets in the others that \
                   are older than the agent are not seen (a capability is missing, or a security \
                   module such as AppArmor or SELinux denies it; its records are in the kernel's \
                   log)",
    }
}

/// Returns what answers lack although the agent sees the whole machine.
#[must_use]
pub fn lacking() -> Option<&'static str> {
    let may = caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap_or(false);
    (!may).then_some(
        "cap_net_admin is missing: addresses behind NAT are not shown (optional; nothing else \
         needs it)",
    )
}

fn limits_of(has: impl Fn(Capability) -> bool, pids: Option<u64>) -> [Limit; 3] {
    [
        Limit {
            name: "pid_namespace",
            hides: pids != Some(INITIAL_PIDS),
            sentence: "the agent is in a pid namespace of its own, or cannot tell: the ids of \
                       processes are those of the machine, but their descriptors, limits and \
                       command lines are not read (run it in the host's pid namespace: hostPID, \
                       --pid=host)",
        },
        Limit {
            name: "cap_sys_admin",
            hides: !has(Capability::CAP_SYS_ADMIN),
            sentence: "cap_sys_admin is missing: other network namespaces are not entered, and \
                       sockets there that are older than the agent are not seen",
        },
        Limit {
            name: "cap_sys_ptrace",
            hides: !has(Capability::CAP_SYS_PTRACE),
            sentence: "cap_sys_ptrace is missing: network namespaces are not found through \
                       processes of other users, and their descriptors are not counted",
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_missing_is_told_by_itself() {
        let told = |missing: Option<Capability>, pids| {
            let limits = limits_of(|one| Some(one) != missing, pids);
            sentences(&limits).collect::<Vec<_>>()
        };
        assert_eq!(told(None, Some(INITIAL_PIDS)), [""; 0]);
        for (capability, word) in
            [(Capability::CAP_SYS_ADMIN, "cap_sys_admin"), (Capability::CAP_SYS_PTRACE, "ptrace")]
        {
            let told = told(Some(capability), Some(INITIAL_PIDS));
            assert!(told.len() == 1 && told[0].contains(word), "{told:?}");
        }
        for pids in [None, Some(4_026_532_000)] {
            let told = told(None, pids);
            assert!(told.len() == 1 && told[0].contains("hostPID"), "{told:?}");
        }
    }
}
