//! What every live test stands on: the agent as a black box, its event stream, network namespaces,
//! the kernel's own counters and socket lists, and a table that says what differs.

pub(crate) mod agent;
pub(crate) mod cgroup;
pub(crate) mod descriptors;
pub(crate) mod events;
pub(crate) mod kernel;
pub(crate) mod ledger;
pub(crate) mod listing;
pub(crate) mod netns;
pub(crate) mod settle;
mod trace;
pub(crate) mod unreported;
pub(crate) mod witness;

use std::time::Duration;

pub(crate) use testkit::wait::wait_for;
pub(crate) use trace::remove_stale as remove_stale_buffers;

/// How long a test waits for something that should happen at once: generous, because a guest under
/// emulation is some twenty times slower than the machine it runs on.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Whether this is a guest: its root is the initramfs that it was booted with.
pub(crate) fn in_a_guest() -> bool {
    std::fs::read_to_string("/proc/mounts").expect("read the mounts").contains(" / rootfs ")
}
