//! Keeps the heap as small as what is in it.
//!
//! Parsing the kernel's types takes tens of thousands of small allocations, which glibc keeps for
//! later use; the agent will not need them again. Huge pages make 6 MB of a heap of 2 MB. Each
//! answer of hundreds of kilobytes leaves as much behind, once glibc has learnt its size.

/// Forbids transparent huge pages to this process and to all that it starts. Where they are
/// `always` on, as on Debian, `khugepaged` rounds the heap up to pieces of 2 MiB.
pub fn forbid_huge_pages() {
    // A kernel without them may refuse (`prctl`, 6.18), and then there is nothing to forbid.
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "transparent huge pages stay as the system has them");
    }
}

/// From this size on a piece of memory is a mapping of its own, bytes: glibc's own first limit.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 128 << 10;

/// Lets each large piece of memory go back to the system when it is freed. glibc raises its limit
/// to the size of what was freed (`mp_.mmap_threshold`, 2.36), and then keeps pages and lists that
/// were answered once; a limit that is given stays, as does that of what is kept at the end of the
/// heap, 128 KiB. `main` calls it before there is a second thread. Does nothing with another C
/// library than glibc.
pub fn give_back_large_pieces() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "glibc offers this through a foreign function only")]
    // SAFETY: the function takes no pointers, and there is no second thread yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Gives free memory of the heap back to the system. Does nothing with another C library than
/// glibc.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "glibc offers this through a foreign function only")]
    // SAFETY: the function takes no pointers and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
