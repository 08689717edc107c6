//! A second chance for each transition: which of them the first program on the hook was skipped
//! for.
//!
//! The kernel does not run a program that is already running on the CPU (`__bpf_trace_run`, 6.1).
//! So a packet that interrupts a task inside the program, or a task that takes its place there
//! (tracepoints can be preempted since 7.0), would go unseen. The first program therefore leaves a
//! mark for each transition, and the second, next on the same hook, handles the one that has none.
//! Guarantees: no transition is handled twice. What is left are transitions for which both were
//! skipped, and the next one that looks the same, where the first is skipped for that as well: the
//! mark has stayed. The agent counts all of these (`recursion_misses` less `CpuCounters::second`).
//!
//! Where a mark lies follows from what can come between the two programs. Sockets that no task has
//! locked change state in softirq or with softirqs off: nothing of their kind can, so one mark a
//! CPU will do, and it lies beside the counters that the first program needs anyway. Locked ones
//! change in the context of a task. Before 7.0 nothing that changes a locked socket can interrupt
//! it there, the first program is never skipped for them and they need no mark; since 7.0 each task
//! has a place of its own.

use core::ptr::{read_volatile, write_volatile};

use agent_common::layout::{Setting, Word};
use aya_ebpf::helpers;

use crate::kernel::Typed;
use crate::out::{self, Share};
use crate::words;

/// Places for tasks; two tasks that share one can hide a skip from each other, and nothing worse.
const PLACES: usize = 4096;
/// The last transition of a locked socket by task: half its thread id, half the transition.
static mut TASK_MARKS: [u64; PLACES] = [0; PLACES];

/// The half of a task's mark that tells transitions apart.
const TRANSITION: u64 = 0xffff_ffff;

/// The mark of a transition.
///
/// The socket's address would say more than its port, but the verifier forbids to calculate with
/// it. The port will do: a mark is taken away before the next one is left, unless the second
/// program was skipped.
#[inline(always)]
fn mark(sk: Typed, old: u32, new: u32) -> u64 {
    // Never 0: no state is.
    u64::from(sk.load::<u16>(Word::SkNum)) << 8 | u64::from(old << 4 | new)
}

/// Leaves the mark of a transition, in the first program, whose mark of this CPU is `here`.
/// `owned`: a task has the socket locked.
#[inline(always)]
pub(crate) fn leave(sk: Typed, old: u32, new: u32, owned: bool, here: &mut u64) {
    if !owned {
        // SAFETY: a valid place; volatile because the other program reads it.
        unsafe { write_volatile(here, mark(sk, old, new)) };
    } else if words::setting(Setting::Preemptible) != 0 {
        let (place, thread) = task_place();
        // SAFETY: a place in a map that outlives the program; volatile as above.
        unsafe { write_volatile(place, thread | mark(sk, old, new)) };
    }
}

/// Takes the mark of a transition away, in the second program; says whether it was missing: nobody
/// has the transition yet.
#[inline(always)]
pub(crate) fn was_missing(sk: Typed, old: u32, new: u32, owned: bool) -> bool {
    if !owned {
        let Some(counters) = out::counters(Share::First) else { return false };
        let expected = mark(sk, old, new);
        // SAFETY: a valid place; volatile because the other program writes it.
        let found = unsafe { read_volatile(&raw const counters.mark) };
        if found == expected {
            // A later transition that looks the same must not find it.
            // SAFETY: as above.
            unsafe { write_volatile(&raw mut counters.mark, 0) };
        }
        return found != expected;
    }
    if words::setting(Setting::Preemptible) == 0 {
        return false;
    }
    let (place, thread) = task_place();
    // SAFETY: a place in a map that outlives the program; volatile as above.
    let found = unsafe { read_volatile(place) };
    if found == thread | mark(sk, old, new) {
        // Whose place it is stays there.
        // SAFETY: as above.
        unsafe { write_volatile(place, thread) };
        return false;
    }
    // Another task's mark hides whether there was one of this task's.
    found == 0 || found & !TRANSITION == thread
}

/// The current task's place, and its half of a mark.
#[inline(always)]
fn task_place() -> (*mut u64, u64) {
    let thread = helpers::bpf_get_current_pid_tgid() as u32;
    // Neighbours are 64 bytes apart, so that two CPUs do not write to one line in turn.
    let place = (thread << 3 | thread >> 9 & 7) as usize & (PLACES - 1);
    // SAFETY: the place is inside, by the mask.
    let place = unsafe { (&raw mut TASK_MARKS).cast::<u64>().add(place) };
    (place, u64::from(thread) << 32)
}
