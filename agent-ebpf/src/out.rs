//! The way out: two rings for records, one per-CPU block of counters.
//!
//! States and retransmits have a ring each, so that a storm of retransmits cannot displace the
//! transitions that the gauges rest on. Records are submitted without waking the reader, who comes
//! on a timer; every 64th transition of a CPU looks at the ring and wakes the reader where it has
//! filled to a quarter. (A wake-up a record costs more than everything else together.)

use agent_common::layout::Setting;
use agent_common::record::CpuCounters;
use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated::bpf_seq_write;
use aya_ebpf::macros::map;
use aya_ebpf::maps::ring_buf::RingBufEntry;
use aya_ebpf::maps::{PerCpuArray, RingBuf};
use core::ptr::read_volatile;

use crate::kernel::Typed;
use crate::words;

/// State transitions; the loader sets the size.
#[map]
static STATES: RingBuf = RingBuf::with_byte_size(4096, 0);
/// Retransmits; the loader sets the size.
#[map]
static RETRANSMITS: RingBuf = RingBuf::with_byte_size(4096, 0);
/// What each CPU counts by itself.
#[map]
static COUNTERS: PerCpuArray<CpuCounters> = PerCpuArray::with_max_entries(2, 0);

/// How often a CPU looks at the fill level: every so many transitions, a power of two.
const LOOK_EVERY: u64 = 64;

/// Who counts: programs that can interrupt each other count in different blocks.
#[derive(Clone, Copy)]
pub(crate) enum Share {
    /// The first program for states. It is never interrupted by itself: the kernel skips it then.
    First = 0,
    /// The second, and the probes of other events, each with members of its own.
    Second = 1,
}

/// This CPU's counters of one share.
#[inline(always)]
pub(crate) fn counters(share: Share) -> Option<&'static mut CpuCounters> {
    let counters = COUNTERS.get_ptr_mut(share as u32)?;
    // The retransmit and reset probes run in both contexts and count in the second slot: where one
    // interrupts another between load and store of the same member, a count can be lost; where it
    // would interrupt itself the kernel skips it (since 6.1) and counts that.
    // SAFETY: this CPU's own slot of a map that outlives the program; no reference outlives the
    // run.
    Some(unsafe { &mut *counters })
}

/// Counts a transition; returns how many this CPU has seen.
#[inline(always)]
pub(crate) fn count_transition(counters: &mut CpuCounters, old: u32, new: u32) -> u64 {
    let cell = u64::from(old << 4 | new);
    // SAFETY: a read of the variable above. It is volatile so that the compiler cannot tell that
    // the mask below changes nothing and drop it: verifiers up to 6.1 follow the bound only
    // from the mask.
    let cell = unsafe { read_volatile(&raw const cell) } & 0xff;
    if let Some(count) = counters.transitions.get_mut(cell as usize) {
        *count += 1;
    }
    counters.states += 1;
    counters.states
}

/// Room for a record in the ring of transitions; none where it is full.
#[inline(always)]
pub(crate) fn room<T: 'static>() -> Option<RingBufEntry<T>> {
    STATES.reserve::<T>(0)
}

/// Hands over what was written into its room; `seen` is how many transitions this CPU has seen.
#[inline(always)]
pub(crate) fn send<T: 'static>(room: RingBufEntry<T>, seen: u64) {
    let mut flags = u64::from(BPF_RB_NO_WAKEUP);
    if seen & (LOOK_EVERY - 1) == 0
        && STATES.query(u64::from(BPF_RB_AVAIL_DATA)) >= words::setting(Setting::WakeBytes)
    {
        flags = u64::from(BPF_RB_FORCE_WAKEUP);
    }
    room.submit(flags);
}

/// Puts a record into the ring of retransmits.
#[inline(always)]
pub(crate) fn retransmit<T: 'static>(record: T) -> bool {
    let Some(mut room) = RETRANSMITS.reserve::<T>(0) else { return false };
    room.write(record);
    room.submit(u64::from(BPF_RB_NO_WAKEUP));
    true
}

/// Writes a record into the output of an iterator. What does not fit the kernel asks for again.
#[inline(always)]
pub(crate) fn entry<T>(seq: Typed, record: &T) {
    // SAFETY: the record lives until the helper returns and is as long as said.
    unsafe {
        bpf_seq_write(
            seq.as_ptr(),
            core::ptr::from_ref(record).cast_mut().cast(),
            size_of::<T>() as u32,
        )
    };
}

/// Reserves and submits room for a record of states, and leaves it as it is.
#[inline(always)]
pub(crate) fn blank<T: 'static>() {
    if let Some(room) = room::<T>() {
        room.submit(u64::from(BPF_RB_NO_WAKEUP));
    }
}
