//! What the agent cannot see although it runs: capabilities and namespaces that it lacks.
//!
//! Shown at start-up and by `tcpwarden check`, which ends with its own exit code then.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use caps::{CapSet, Capability};

/// The inode of the initial pid namespace (`PROC_PID_INIT_INO`, 3.8).
const INITIAL_PIDS: u64 = 0xEFFF_FFFC;

/// Returns a sentence for each thing that hides a part of the machine from this thread.
#[must_use]
pub fn limits() -> Vec<&'static str> {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    let pids = Path::new("/proc/self/ns/pid").metadata().map(|pids| pids.ino()).ok();
    sentences(has, pids)
}

fn sentences(has: impl Fn(Capability) -> bool, pids: Option<u64>) -> Vec<&'static str> {
    let lost = [
        (
            pids != Some(INITIAL_PIDS),
            "the agent is in a pid namespace of its own, or cannot tell: the ids of processes are \
             those of the machine, but their descriptors, limits and command lines are not read \
             (run it in the host's pid namespace: hostPID, --pid=host)",
        ),
        (
            !has(Capability::CAP_SYS_ADMIN),
            "cap_sys_admin is missing: other network namespaces are not entered, and sockets \
             there that are older than the agent are not seen",
        ),
        (
            !has(Capability::CAP_SYS_PTRACE),
            "cap_sys_ptrace is missing: network namespaces are not found through processes of \
             other users, and their descriptors are not counted",
        ),
    ];
    lost.into_iter().filter_map(|(is_lost, sentence)| is_lost.then_some(sentence)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_missing_is_told_by_itself() {
        assert_eq!(sentences(|_| true, Some(INITIAL_PIDS)), [""; 0]);
        for (capability, word) in
            [(Capability::CAP_SYS_ADMIN, "cap_sys_admin"), (Capability::CAP_SYS_PTRACE, "ptrace")]
        {
            let told = sentences(|one| one != capability, Some(INITIAL_PIDS));
            assert!(told.len() == 1 && told[0].contains(word), "{told:?}");
        }
        for pids in [None, Some(4_026_532_000)] {
            let told = sentences(|_| true, pids);
            assert!(told.len() == 1 && told[0].contains("hostPID"), "{told:?}");
        }
    }
}
