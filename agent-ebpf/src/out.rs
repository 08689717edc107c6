//! The way out for records: two rings, and the output of an iterator.
//!
//! Called by every probe that has something to report. States and retransmits have a ring each, so
//! that a storm of retransmits cannot displace the transitions that the gauges rest on. Records are
//! submitted without waking the reader, which comes on a timer; every 64th transition of a CPU
//! looks at the ring and wakes the reader if it has filled to a quarter. (A wake-up a record costs
//! more than everything else together.)

use agent_common::btf::SeqFile;
use agent_common::operand::WakeBytes;
use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_seq_write};
use aya_ebpf::macros::map;
use aya_ebpf::maps::RingBuf;
use aya_ebpf::maps::ring_buf::RingBufEntry;

use crate::access::{self, BtfPtr};

/// State transitions; the loader sets the size.
#[map]
static STATES: RingBuf = RingBuf::with_byte_size(4096, 0);
/// Retransmits; the loader sets the size.
#[map]
static RETRANSMITS: RingBuf = RingBuf::with_byte_size(4096, 0);

/// How often a CPU looks at the fill level: every so many transitions, a power of two.
const LOOK_EVERY: u64 = 64;

/// Returns the time of a record: nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper takes no argument and cannot fail.
    unsafe { bpf_ktime_get_ns() }
}

/// Reserves room for a record in the ring of transitions; none if it is full.
#[inline(always)]
pub(crate) fn reserve<T: 'static>() -> Option<RingBufEntry<T>> {
    STATES.reserve::<T>(0)
}

/// Submits what was written into its room; `seen` is how many transitions this CPU has seen.
#[inline(always)]
pub(crate) fn submit<T: 'static>(room: RingBufEntry<T>, seen: u64) {
    let mut flags = u64::from(BPF_RB_NO_WAKEUP);
    if seen & (LOOK_EVERY - 1) == 0
        && STATES.query(u64::from(BPF_RB_AVAIL_DATA)) >= access::setting(WakeBytes)
    {
        flags = u64::from(BPF_RB_FORCE_WAKEUP);
    }
    room.submit(flags);
}

/// Submits a record to the ring of retransmits; returns false if it is full.
#[inline(always)]
pub(crate) fn retransmit<T: 'static>(record: T) -> bool {
    let Some(mut room) = RETRANSMITS.reserve::<T>(0) else { return false };
    room.write(record);
    room.submit(u64::from(BPF_RB_NO_WAKEUP));
    true
}

/// Writes a record into the output of an iterator. If it does not fit, the kernel runs the program
/// again for the same object.
#[inline(always)]
pub(crate) fn entry<T>(seq: BtfPtr<SeqFile>, record: &T) {
    // SAFETY: the helper reads `size_of::<T>()` bytes of the record, which lives until the helper
    // returns; the kernel gave `seq` to this run of the iterator.
    unsafe {
        bpf_seq_write(
            seq.as_ptr().cast_mut().cast(),
            core::ptr::from_ref(record).cast_mut().cast(),
            size_of::<T>() as u32,
        )
    };
}

/// Reserves and submits room for a record of states, and leaves it as it is.
#[inline(always)]
pub(crate) fn blank<T: 'static>() {
    if let Some(room) = reserve::<T>() {
        room.submit(u64::from(BPF_RB_NO_WAKEUP));
    }
}
