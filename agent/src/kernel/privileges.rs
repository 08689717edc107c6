//! Capabilities: which are missing before loading, and dropping what is not needed after it.
//!
//! Called by every command that loads programs. Capabilities belong to a thread: `drop_unneeded` is
//! called before any other thread is started.

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
/// emptied the set already.
pub fn forbid_gains() -> anyhow::Result<()> {
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

/// Drops every capability but those that reconcile passes need, for this thread and all that it
/// starts. Returns what is kept.
///
/// # Errors
/// If the kernel refuses, which it does not for a set that only shrinks.
pub fn drop_unneeded() -> Result<Vec<String>, caps::errors::CapsError> {
    let permitted = caps::read(None, CapSet::Permitted)?;
    let keep: caps::CapsHashSet =
        TO_KEEP.into_iter().filter(|capability| permitted.contains(capability)).collect();
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &keep)?;
    caps::set(None, CapSet::Permitted, &keep)?;
    let mut kept: Vec<String> = keep.iter().map(ToString::to_string).collect();
    kept.sort();
    Ok(kept)
}
