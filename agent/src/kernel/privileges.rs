//! Capabilities: which are missing before loading, and dropping what is not needed after it.
//!
//! Called by every command that loads programs. Capabilities belong to a thread: `drop_unneeded` is
//! called before any other thread is started.

use caps::errors::CapsError;
use caps::{CapSet, Capability};
use rustix::thread::CapabilitiesSecureBits;

/// The capabilities to load and attach: `CAP_BPF` for programs and maps and `CAP_PERFMON` for
/// kernel memory (both 5.8, `bpf_prog_load`).
const TO_LOAD: [Capability; 2] = [Capability::CAP_BPF, Capability::CAP_PERFMON];

/// The capabilities that are needed afterwards: `CAP_BPF` to open iterators where unprivileged BPF
/// is off (`__sys_bpf`), `CAP_SYS_ADMIN` to enter the other network namespaces (`netns_install`)
/// and `CAP_SYS_PTRACE` to find them through the processes of other users (`proc_ns_get_link`).
const TO_KEEP: [Capability; 3] =
    [Capability::CAP_BPF, Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE];

/// The capabilities to start and to end a child of another user: `CAP_SETUID` and `CAP_SETGID`
/// (`__sys_setuid`, `__sys_setgid`), `CAP_KILL` (`kill_ok_by_cred`). One thread has them.
const FOR_CHILDREN: [Capability; 3] =
    [Capability::CAP_SETUID, Capability::CAP_SETGID, Capability::CAP_KILL];

/// The capabilities to look through NAT: `CAP_NET_ADMIN` to ask the connection tracking
/// (`nfnetlink_rcv`, which asks `netlink_net_capable`), and what enters other network namespaces.
/// One thread has them.
const FOR_NAT: [Capability; 3] =
    [Capability::CAP_NET_ADMIN, Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE];

/// The capability to read what programs other processes execute: `CAP_SYS_PTRACE`
/// (`proc_pid_readlink`, which asks `ptrace_may_access`).
const FOR_FACTS: [Capability; 1] = [Capability::CAP_SYS_PTRACE];

/// Returns the capabilities that this thread lacks for loading; none if it has `CAP_SYS_ADMIN`,
/// which implies them.
#[must_use]
pub fn missing() -> Vec<String> {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    if has(Capability::CAP_SYS_ADMIN) {
        return Vec::new();
    }
    TO_LOAD
        .into_iter()
        .filter(|capability| !has(*capability))
        .map(|capability| capability.to_string())
        .collect()
}

/// Empties the bounding set and locks the secure bits of this thread and all that it starts: no
/// program, not even root's, gains a capability when one of them executes it.
///
/// # Errors
/// If this thread lacks `CAP_SETPCAP` (`cap_prctl_drop`, 6.18), as where a service manager has
/// emptied the set already. If the program file has capabilities: outside the bounding set they
/// would keep the children from executing it (`bprm_caps_from_vfs_caps`, 6.18).
pub fn forbid_gains() -> anyhow::Result<()> {
    let of_file = rustix::fs::getxattr("/proc/self/exe", "security.capability", &mut [0; 64]);
    anyhow::ensure!(of_file.is_err(), "the program file has capabilities");
    let bits = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    rustix::thread::set_capabilities_secure_bits(bits)?;
    caps::clear(None, CapSet::Bounding)?;
    Ok(())
}

/// Drops every capability but those that reconcile passes need, and those that only one thread
/// needs, for this thread and all that it starts. Returns what is kept for passes.
///
/// # Errors
/// If the kernel refuses, which it does not for a set that only shrinks.
pub fn drop_unneeded() -> Result<Vec<String>, CapsError> {
    caps::clear(None, CapSet::Inheritable)?;
    let keep = shrink(&[&TO_KEEP[..], &FOR_CHILDREN, &FOR_NAT].concat(), &TO_KEEP)?;
    let mut kept: Vec<String> = keep.iter().map(ToString::to_string).collect();
    kept.sort();
    Ok(kept)
}

/// Drops the capabilities for children and for NAT, each of which only one thread needs.
///
/// # Errors
/// As [`drop_unneeded`].
pub(crate) fn drop_for_single_threads() -> Result<(), CapsError> {
    shrink(&TO_KEEP, &TO_KEEP).map(|_kept| ())
}

/// Drops every capability but those for children and those for facts of processes. In effect is
/// only what ends a child of another user, also when this thread itself is killed
/// (`forget_original_parent`, 6.18).
///
/// # Errors
/// As [`drop_unneeded`].
pub(crate) fn keep_for_children() -> Result<(), CapsError> {
    shrink(&supervising(), &[Capability::CAP_KILL]).map(|_kept| ())
}

/// Whether this thread can start a child as another user, and end it.
pub(crate) fn may_change_children() -> bool {
    let has = |capability| caps::has_cap(None, CapSet::Permitted, capability).unwrap_or(false);
    FOR_CHILDREN.into_iter().all(has)
}

/// Does something with the capabilities for children, as far as this thread has them.
pub(crate) fn for_children<T>(work: impl FnOnce() -> T) -> T {
    // What is not permitted cannot be raised: the work fails, and says so.
    let _ = shrink(&supervising(), &FOR_CHILDREN);
    let done = work();
    let _ = keep_for_children();
    done
}

/// Drops every capability but those for facts of processes, which this thread may use from now on.
///
/// # Errors
/// As [`drop_unneeded`].
pub(crate) fn keep_for_facts() -> Result<(), CapsError> {
    shrink(&FOR_FACTS, &FOR_FACTS).map(|_kept| ())
}

/// Whether this thread can ask the connection tracking.
pub(crate) fn may_look_through_nat() -> bool {
    caps::has_cap(None, CapSet::Permitted, Capability::CAP_NET_ADMIN).unwrap_or(false)
}

/// Drops every capability but those to look through NAT, which this thread may use from now on.
///
/// # Errors
/// As [`drop_unneeded`].
pub(crate) fn keep_for_nat() -> Result<(), CapsError> {
    shrink(&FOR_NAT, &FOR_NAT).map(|_kept| ())
}

/// Drops every capability.
///
/// # Errors
/// As [`drop_unneeded`].
pub(crate) fn drop_all() -> Result<(), CapsError> {
    shrink(&[], &[]).map(|_kept| ())
}

/// What the thread holds that starts the HTTP process and the threads that answer it.
fn supervising() -> Vec<Capability> {
    [&FOR_CHILDREN[..], &FOR_FACTS].concat()
}

/// Reduces what is permitted to `permitted`, and sets what is effective to as much of `effective`
/// as is permitted, which it returns.
fn shrink(
    permitted: &[Capability],
    effective: &[Capability],
) -> Result<caps::CapsHashSet, CapsError> {
    let had = caps::read(None, CapSet::Permitted)?;
    let of = |wanted: &[Capability]| -> caps::CapsHashSet {
        wanted.iter().copied().filter(|capability| had.contains(capability)).collect()
    };
    let effective = of(effective);
    caps::set(None, CapSet::Effective, &effective)?;
    caps::set(None, CapSet::Permitted, &of(permitted))?;
    Ok(effective)
}
