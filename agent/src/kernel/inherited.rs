//! Keeps descriptors that the agent was started with from its children, which get what they need by
//! name.

use nix::libc;

/// Has every open descriptor but the standard ones closed when a child starts a program. Linux
/// before 5.11 does not know how (`CLOSE_RANGE_CLOEXEC`): nothing changes there, and what somebody
/// left open for the agent stays open in its children.
pub(crate) fn keep_from_children() {
    let (first, last) = (3_u32, u32::MAX);
    #[expect(unsafe_code, reason = "the standard library does not offer the call")]
    // SAFETY: the call takes three numbers and no pointer. With this flag it closes nothing: it
    // sets a flag of descriptors, which the owner of none of them relies on to be unset.
    unsafe {
        libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC);
    }
}

#[cfg(test)]
mod tests {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};

    use super::*;

    #[test]
    fn what_was_open_is_closed_in_a_child() {
        let (one, other) = nix::unistd::pipe().unwrap();
        let flags = || [&one, &other].map(|end| fcntl(end, FcntlArg::F_GETFD).unwrap());
        assert_eq!(flags(), [0, 0]);
        keep_from_children();
        assert_eq!(flags(), [FdFlag::FD_CLOEXEC.bits(); 2]);
    }
}
