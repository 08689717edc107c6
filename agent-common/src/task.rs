//! What is calculated from a task's members.

/// `PF_KTHREAD`, `include/linux/sched.h`, unchanged since 2.6.
const PF_KTHREAD: u32 = 0x0020_0000;

/// Returns whether a task with these flags is a thread of the kernel's.
#[inline(always)]
#[must_use]
pub const fn is_kernel_thread(flags: u32) -> bool {
    flags & PF_KTHREAD != 0
}

/// Returns the bytes of a command name, loaded as two words.
#[inline(always)]
#[must_use]
pub fn comm_bytes(words: [u64; 2]) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (first, second) = bytes.split_at_mut(8);
    first.copy_from_slice(&words[0].to_ne_bytes());
    second.copy_from_slice(&words[1].to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_thread_is_told_by_its_flag_alone() {
        // kworker (6.1): PF_WQ_WORKER, PF_NOFREEZE, PF_FORKNOEXEC, PF_KTHREAD.
        assert!(is_kernel_thread(0x0420_8060));
        // A shell: PF_FORKNOEXEC, PF_RANDOMIZE.
        assert!(!is_kernel_thread(0x0040_0040));
    }

    #[test]
    fn a_command_name_keeps_the_order_of_its_bytes() {
        let name = *b"a-worker-thread\0";
        let (first, second) = name.split_at(8);
        let words = [first, second].map(|half| u64::from_ne_bytes(half.try_into().unwrap()));
        assert_eq!(comm_bytes(words), name);
    }
}
