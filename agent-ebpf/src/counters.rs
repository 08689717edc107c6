//! The per-CPU counters, and the mark of a CPU that lies beside them.
//!
//! Written by the programs that tracepoints run, read by the agent on its cadence.
//! Guarantees: each member of a block is written by one program only. Programs interrupt each other
//! on one CPU; so none can lose what another counts, and a program that would interrupt itself is
//! skipped by the kernel (`__bpf_trace_run`, 6.1), which counts that. No reference to a block
//! exists: a member is loaded and stored through the pointer.

use core::mem::offset_of;

use agent_common::counters::{Counter, CpuCounters};
use agent_common::tcp;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;

/// What each CPU counts by itself, a block for each [`Block`].
#[map]
static COUNTERS: PerCpuArray<CpuCounters> = PerCpuArray::with_max_entries(3, 0);

/// Which programs count in a block.
#[derive(Clone, Copy)]
pub(crate) enum Block {
    /// The first program for states.
    First = 0,
    /// The second, and the probes of other events, each with counters of its own.
    Second = 1,
    /// The probe of SYN-ACKs, which has its counters in common with that of other retransmits.
    SynAcks = 2,
}

/// One block of this CPU.
#[derive(Clone, Copy)]
pub(crate) struct Counters(*mut CpuCounters);

impl Counters {
    /// Returns this CPU's block.
    #[inline(always)]
    pub(crate) fn of(block: Block) -> Option<Self> {
        COUNTERS.get_ptr_mut(block as u32).map(Self)
    }

    /// Adds to a counter; returns the sum.
    #[inline(always)]
    pub(crate) fn add(self, counter: Counter, more: u64) -> u64 {
        add(self.0.wrapping_byte_add(counter.offset()).cast(), more)
    }

    /// Counts a transition; returns how many this block has seen.
    #[inline(always)]
    pub(crate) fn add_transition(self, old: u32, new: u32) -> u64 {
        let cell = tcp::cell(old, new) as u64;
        // SAFETY: a read of the variable above. It is volatile so that the compiler cannot tell
        // that the mask below changes nothing and drop it: verifiers up to 6.1 follow the bound
        // only from the mask.
        let cell = unsafe { (&raw const cell).read_volatile() } & (tcp::CELLS as u64 - 1);
        let cells = self.0.wrapping_byte_add(offset_of!(CpuCounters, transitions)).cast::<u64>();
        add(cells.wrapping_add(cell as usize), 1);
        self.add(Counter::STATES, 1)
    }

    /// Returns the mark of this block.
    #[inline(always)]
    pub(crate) fn mark(self) -> *mut u64 {
        self.0.wrapping_byte_add(offset_of!(CpuCounters, mark)).cast()
    }
}

/// Adds to a member of a block.
#[inline(always)]
fn add(member: *mut u64, more: u64) -> u64 {
    // SAFETY: `member` is an aligned word inside a block of this CPU, whose map outlives every
    // program; no reference to it exists. The load is volatile because other programs on this CPU
    // use the block too.
    let sum = unsafe { member.read_volatile() }.wrapping_add(more);
    // SAFETY: `member` is an aligned word inside a block of this CPU, whose map outlives every
    // program; no reference to it exists. This program is the only one that writes this word.
    unsafe { member.write_volatile(sum) };
    sum
}
