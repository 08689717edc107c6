//! A second chance for each transition: which of them the first program on the hook was skipped for.
//!
//! The kernel does not run a program that is already running on the CPU (`__bpf_trace_run`, 6.1). So a
//! packet that interrupts a task inside the program, or a task that takes its place there (tracepoints
//! can be preempted since 7.0), would go unseen. The first program therefore leaves a mark for each
//! transition, and the second, next on the same hook, handles the one that has none. Guarantees: no
//! transition is handled twice. What is left are transitions for which both were skipped, and the next
//! one that looks the same, where the first is skipped for that as well: the mark has stayed. The agent
//! counts all of these (`recursion_misses` less `CpuCounters::second`).
//!
//! Where a mark lies follows from what can come between the two programs. Sockets that no task has
//! locked change state in softirq or with softirqs off: nothing of their kind can, so one mark a CPU
//! will do. Locked ones change in the context of a task. Before 7.0 nothing that changes a locked socket
//! can interrupt it there, the first program is never skipped for them and they need no mark; since 7.0
//! each task has a place of its own.

use core::ptr::{read_volatile, write_volatile};

use agent_common::layout::Word;
use aya_ebpf::helpers;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;

use crate::kernel::Typed;

/// Whether tracepoints can be preempted, 1 or 0; the loader sets it.
#[unsafe(no_mangle)]
static PREEMPTIBLE: u64 = 0;

/// The last transition of a socket that no task had locked, on each CPU.
#[map]
static SOFTIRQ_MARK: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Places for tasks; two tasks that share one can hide a skip from each other, and nothing worse.
const PLACES: usize = 4096;
/// The last transition of a locked socket by task: half its thread id, half the transition.
static mut TASK_MARKS: [u64; PLACES] = [0; PLACES];

/// The half of a task's mark that tells transitions apart.
const TRANSITION: u64 = 0xffff_ffff;

/// The mark of one transition, and the place for it; none where none is needed.
pub(crate) struct Mark(Option<(*mut u64, u64)>);

impl Mark {
    /// The mark of a socket's change of state. `owned`: a task has it locked.
    ///
    /// The socket's address would say more than its port, but the verifier forbids to calculate with it. The port
    /// will do: a mark is taken away before the next one is left, unless the second program was skipped.
    #[inline(always)]
    pub(crate) fn new(sk: Typed, old: u32, new: u32, owned: bool) -> Self {
        // Never 0: no state is.
        let transition = u64::from(sk.load::<u16>(Word::SkNum)) << 8 | u64::from(old << 4 | new);
        if !owned {
            return Self(SOFTIRQ_MARK.get_ptr_mut(0).map(|place| (place, transition)));
        }
        // SAFETY: a read of this program's own read-only data; volatile because the loader replaces it.
        if unsafe { read_volatile(&raw const PREEMPTIBLE) } == 0 {
            return Self(None);
        }
        let thread = helpers::bpf_get_current_pid_tgid() as u32;
        // Neighbours are 64 bytes apart, so that two CPUs do not write to one line in turn.
        let place = (thread << 3 | thread >> 9 & 7) as usize & (PLACES - 1);
        // SAFETY: the place is inside, by the mask.
        let place = unsafe { (&raw mut TASK_MARKS).cast::<u64>().add(place) };
        Self(Some((place, u64::from(thread) << 32 | transition)))
    }

    /// Leaves it: the first program has the transition.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        if let Some((place, mark)) = self.0 {
            // SAFETY: a place in a map that outlives the program; volatile because the other program reads it.
            unsafe { write_volatile(place, mark) };
        }
    }

    /// Takes it away; says whether it was missing: nobody has the transition yet.
    #[inline(always)]
    pub(crate) fn was_missing(&self, owned: bool) -> bool {
        let Some((place, mark)) = self.0 else { return false };
        // SAFETY: as above.
        let found = unsafe { read_volatile(place) };
        if found == mark {
            // A later transition that looks the same must not find it. Whose place it is stays there.
            let taken = if owned { mark & !TRANSITION } else { 0 };
            // SAFETY: as above.
            unsafe { write_volatile(place, taken) };
            return false;
        }
        // Another task's mark hides whether there was one of this task's.
        !owned || found == 0 || found >> 32 == mark >> 32
    }
}
