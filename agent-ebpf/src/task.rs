//! The task that runs.
//!
//! Called by the state programs for sockets that a task has locked. Guarantees: the name is the
//! process's, not the thread's, which may carry any.

use agent_common::btf::{Access, KernelPtr, TaskStruct};
use agent_common::layout::{HelperCurrentTask, TaskComm, TaskFlags, TaskLeader, TaskTgid};
use agent_common::task::{comm_bytes, is_kernel_thread};
use aya_ebpf::helpers::{self, generated};

use crate::access::{BtfPtr, ProbePtr, has};

/// A task's process.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    /// Whether it is a thread of the kernel's.
    pub(crate) kthread: bool,
    /// The process id.
    pub(crate) tgid: u32,
    comm: [u64; 2],
}

impl Task {
    /// Stands for no task.
    pub(crate) const NONE: Self = Self { kthread: false, tgid: 0, comm: [0; 2] };

    /// Returns the name of the process; what follows the first 0 means nothing.
    #[inline(always)]
    pub(crate) fn comm(self) -> [u8; 16] {
        comm_bytes(self.comm)
    }

    /// Returns the running task.
    #[inline(always)]
    pub(crate) fn current() -> Self {
        if has(HelperCurrentTask) {
            // SAFETY: the helper takes no argument and returns the running task, never null.
            let task = unsafe { generated::bpf_get_current_task_btf() };
            let task = BtfPtr::<TaskStruct>::new(task.cast_const().cast());
            return Self::read(task, task.load(TaskTgid));
        }
        // SAFETY: the helper takes no argument and returns the address of the running task, which
        // is only copied from: the verifier does not know its type.
        let task = unsafe { generated::bpf_get_current_task() } as *const TaskStruct;
        let tgid = (helpers::bpf_get_current_pid_tgid() >> 32) as u32;
        Self::read(ProbePtr::new(task), tgid)
    }

    #[inline(always)]
    fn read<A>(task: KernelPtr<TaskStruct, A>, tgid: u32) -> Self
    where
        A: Access<u32> + Access<[u64; 2]> + Access<*const TaskStruct>,
    {
        let comm = task.follow(TaskLeader).load(TaskComm);
        Self { kthread: is_kernel_thread(task.load(TaskFlags)), tgid, comm }
    }
}
