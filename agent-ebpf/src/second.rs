//! Marks, by which the second state program handles what the first one was skipped for.
//!
//! The kernel does not run a program that is already running on the CPU (`__bpf_trace_run`, 6.1).
//! So a packet that interrupts a task inside the program, or a task that takes its place there
//! (tracepoints can be preempted since 7.0), would go unseen. The first program therefore leaves a
//! mark for each transition, and the second, next on the same hook, handles the one that has none.
//! Guarantees: no transition is handled twice. Unseen are the transitions for which both were
//! skipped, and the next one with an equal mark if the first program is skipped for that as well:
//! the mark has stayed. The agent counts all of these (`recursion_misses` less `Counter::SECOND`).
//!
//! Where a mark lies follows from what can come between the two programs. Sockets that no task has
//! locked change state in softirq or with softirqs off: nothing of their kind can come between, so
//! one mark a CPU is enough, and it lies beside the counters that the first program needs anyway.
//! Locked ones change in the context of a task. Before 7.0 nothing that changes a locked socket can
//! interrupt it there, the first program is never skipped for them and they need no mark; since 7.0
//! each task has a slot of its own.

use agent_common::btf::Sock;
use agent_common::layout::SkNum;
use agent_common::mark;
use agent_common::operand::Preemptible;
use aya_ebpf::helpers;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;

use crate::access::{self, BtfPtr};
use crate::counters::{Block, Counters};

/// The last transition of a locked socket by task: half its thread id, half the transition.
#[map]
static TASK_MARKS: Array<u64> = Array::with_max_entries(mark::SLOTS, 0);

/// What the tracepoint reports.
#[derive(Clone, Copy)]
pub(crate) struct Transition {
    /// The socket.
    pub(crate) sk: BtfPtr<Sock>,
    /// The state code that it leaves, below 16.
    pub(crate) old: u32,
    /// The state code that it enters, below 16.
    pub(crate) new: u32,
    /// A task has locked the socket and is running this.
    pub(crate) owned: bool,
}

impl Transition {
    #[inline(always)]
    fn mark(self) -> u64 {
        mark::transition(self.sk.load(SkNum), self.old, self.new)
    }
}

/// Leaves the mark of a transition, in the first program, whose block of counters this is.
#[inline(always)]
pub(crate) fn leave(transition: Transition, counters: Counters) {
    if !transition.owned {
        // SAFETY: the mark is an aligned word in this CPU's block of a map that outlives every
        // program. The store is volatile because the second program reads it.
        unsafe { counters.mark().write_volatile(transition.mark()) };
    } else if access::setting(Preemptible) != 0
        && let Some((slot, thread)) = task_slot()
    {
        // SAFETY: the slot is an aligned word of a map that outlives every program. The store is
        // volatile because the second program reads it.
        unsafe { slot.write_volatile(thread | transition.mark()) };
    }
}

/// Takes the mark of a transition away, in the second program. Returns whether it was missing: no
/// program has handled the transition yet.
#[inline(always)]
pub(crate) fn was_missing(transition: Transition) -> bool {
    if !transition.owned {
        let Some(counters) = Counters::of(Block::First) else { return false };
        // A later transition with an equal mark must not find this one: 0 takes its place.
        return take(counters.mark(), transition.mark(), 0).is_some();
    }
    if access::setting(Preemptible) == 0 {
        return false;
    }
    let Some((slot, thread)) = task_slot() else { return false };
    // The slot stays the thread's.
    take(slot, thread | transition.mark(), thread)
        .is_some_and(|found| mark::proves_absence(found, thread))
}

/// Replaces the expected mark by `rest`. Returns what else was found, none if it was that mark.
#[inline(always)]
fn take(place: *mut u64, expected: u64, rest: u64) -> Option<u64> {
    // SAFETY: `place` is an aligned word of a map that outlives every program. The load is volatile
    // because the first program writes the word.
    let found = unsafe { place.read_volatile() };
    if found != expected {
        return Some(found);
    }
    // SAFETY: `place` is an aligned word of a map that outlives every program. The store is
    // volatile because the first program's store follows it.
    unsafe { place.write_volatile(rest) };
    None
}

/// Returns the current task's slot, and its half of a mark.
#[inline(always)]
fn task_slot() -> Option<(*mut u64, u64)> {
    let thread = helpers::bpf_get_current_pid_tgid() as u32;
    Some((TASK_MARKS.get_ptr_mut(mark::slot(thread))?, mark::owner(thread)))
}
